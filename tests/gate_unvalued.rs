//! What is held and has no value in dollars: the refusal names it, says why, and says what helps.

#![cfg(test)]

mod gate_facts;

use std::collections::BTreeSet;

use mandated::cli::explain::explain;
use mandated::domain::json::Json;
use mandated::domain::policy::Policy;
use mandated::domain::rows::{balance, position, resting};
use mandated::gate::{self, Facts};
use serde_json::{Value, json};

const COINS: &str = "convert it at the exchange or move it out of the unified account, or set count_spot_holdings = \
                     false in policy.toml";
const AGAIN: &str = "try again when the exchange answers; if it says the same then, ";

fn dust() -> Value {
    json!({"coin": "LUNC", "equity": "0.0001", "walletBalance": "0.0001", "usdValue": "0"})
}

fn contract() -> Value {
    json!({"category": "linear", "symbol": "LUNCUSDT", "side": "Buy", "size": "1", "markPrice": "2", "positionIdx": 0})
}

fn order() -> Value {
    json!({"category": "spot", "symbol": "LUNCUSDT", "side": "Buy", "leavesQty": "1", "price": "1", "orderLinkId": "x-1"})
}

/// Why the exposure of an account with this in it is not known.
fn told(held: &str, unlisted: &[&str], missing: &[&str]) -> String {
    let rows = |name: &str, row: Value| (held == name).then(|| row.to_string());
    let (wallet, positions, orders) = (
        rows("coins", dust()),
        rows("contract", contract()),
        rows("order", order()),
    );
    let facts = Facts {
        wallet: Some(
            wallet
                .iter()
                .map(|row| balance(&Json::parse(row).unwrap()).unwrap())
                .collect(),
        ),
        positions: Some(
            positions
                .iter()
                .filter_map(|row| position(&Json::parse(row).unwrap()).unwrap())
                .collect(),
        ),
        open_orders: Some(
            orders
                .iter()
                .map(|row| resting(&Json::parse(row).unwrap()).unwrap())
                .collect(),
        ),
        inflight: Some(Vec::new()),
        unlisted: unlisted
            .iter()
            .map(|id| id.parse().unwrap())
            .collect::<BTreeSet<_>>(),
        missing: missing.iter().map(|&why| why.to_owned()).collect(),
        ..Facts::default()
    };
    gate::standing_exposure(&facts, &Policy::default()).unwrap_err()
}

#[test]
fn a_coin_without_a_price_is_named_with_the_way_out_and_asking_again_is_none() {
    let why = "price of a coin: spot:LUNCUSDT is not listed by the exchange";
    assert_eq!(
        told("coins", &["spot:LUNCUSDT"], &[why]),
        format!("the LUNC held cannot be valued in USD ({why}); {COINS}")
    );
    assert_eq!(
        told("coins", &[], &[]),
        format!("the LUNC held cannot be valued in USD; {COINS}")
    );
}

#[test]
fn where_a_read_failed_asking_again_comes_first() {
    let why = "price of a coin: no answer from the exchange: timed out";
    let again = format!("the LUNC held cannot be valued in USD ({why}); {AGAIN}{COINS}");
    assert_eq!(told("coins", &[], &[why]), again);
    // neither another coin nor the contract of the same says that the coin has no price
    for other in ["spot:ETHUSDT", "linear:LUNCUSDT", "spot:LUNCUSDC", "spot:LUNC"] {
        assert_eq!(told("coins", &[other], &[why]), again, "{other}");
    }
}

#[test]
fn a_contract_or_an_order_that_is_not_listed_is_closed_or_cancelled() {
    let why = "instrument: LUNCUSDT is not listed by the exchange";
    let position = format!("the open position in linear:LUNCUSDT cannot be valued in USD ({why}); ");
    let order = format!("order x-1 resting in spot:LUNCUSDT cannot be valued in USD ({why}); ");
    assert_eq!(
        told("contract", &["linear:LUNCUSDT"], &[why]),
        format!("{position}close it at the exchange")
    );
    assert_eq!(
        told("order", &["spot:LUNCUSDT"], &[why]),
        format!("{order}cancel it")
    );
    let elsewhere = ["linear:ETHUSDT"];
    assert_eq!(
        told("contract", &elsewhere, &[why]),
        format!("{position}{AGAIN}close it at the exchange")
    );
    assert_eq!(
        told("order", &elsewhere, &[why]),
        format!("{order}{AGAIN}cancel it")
    );
}

#[test]
fn an_order_beside_a_coin_without_a_price_is_refused_with_the_way_out_and_passes_once_it_is_taken() {
    let quote = json!({"bid": "100", "ask": "100", "last": "100", "mark": "100"});
    let mut facts = gate_facts::facts(
        &json!({}),
        &json!({"quotes": {"linear:BTCUSDT": quote}, "wallet": [dust()]}),
    );
    let args =
        json!({"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "order_type": "Market", "qty": "1"});
    let ask = |facts: &Value| {
        explain(&json!({"tool": "bybit_place_order", "args": args, "facts": facts}).to_string())
    };
    let refused = ask(&facts);
    assert_eq!(refused.limit, Some("max_total_exposure_usd"));
    assert_eq!(
        refused.reason,
        format!("the LUNC held cannot be valued in USD (fail-closed), so the exposure is not known; {COINS}")
    );
    facts["policy"] = json!("count_spot_holdings = false");
    assert_eq!(ask(&facts).decision, "allow");
    // a debt is no holding
    facts["wallet"][0]["equity"] = json!("-1");
    for policy in ["count_spot_holdings = false", ""] {
        facts["policy"] = json!(policy);
        assert_eq!(
            ask(&facts).reason,
            "the LUNC owed cannot be valued in USD (fail-closed), so the exposure is not known; repay it at the exchange"
        );
    }
}
