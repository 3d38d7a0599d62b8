//! An account that the market has carried above a cap: what an order that takes risk away is told when it is refused,
//! and that what it is told passes.

#![cfg(test)]

mod gate_facts;

use gate_facts::with;
use mandated::cli::explain::{Verdict, explain};
use serde_json::{Value, json};

const REDUCE_ONLY: &str = "with reduce_only true, and without take_profit and stop_loss, no cap refuses it";
const TOO_LITTLE: &str = "this lowers the exposure too little; ";
const NONE_LARGER: &str =
    "no larger quantity passes in one order, so a person has to lower it or to commit a wider mandate";
const NONE_SMALLER: &str = "no smaller quantity passes either";

/// Orders of up to $1,000 and $5,000 in all; BTC at 65,000.
fn facts() -> Value {
    let quote = json!({"bid": "65000", "ask": "65000", "last": "65000", "mark": "65000"});
    gate_facts::facts(
        &json!({"max_total_exposure_usd": 5000, "max_leverage": 2}),
        &json!({"quotes": {"linear:BTCUSDT": quote, "spot:BTCUSDT": quote},
        "instruments": {"linear:BTCUSDT": record(json!({})), "spot:BTCUSDT": record(json!({}))}}),
    )
}

fn record(bounds: Value) -> Value {
    let record = json!({"baseCoin": "BTC", "quoteCoin": "USDT", "status": "Trading", "qtyStep": "0.001"});
    with(&record, &bounds)
}

fn held(symbol: &str, side: &str, size: &str, idx: u8) -> Value {
    json!({"category": "linear", "symbol": symbol, "side": side, "size": size, "markPrice": "65000", "positionIdx": idx})
}

/// A long of $5,200.
fn long() -> Value {
    with(
        &facts(),
        &json!({"positions": [held("BTCUSDT", "Buy", "0.08", 0)]}),
    )
}

/// The same in coins.
fn coins(equity: &str, usd: &str) -> Value {
    let row = json!({"coin": "BTC", "equity": equity, "walletBalance": equity, "usdValue": usd});
    with(&facts(), &json!({"wallet": [row]}))
}

fn order(side: &str, qty: &str) -> Value {
    json!({"category": "linear", "symbol": "BTCUSDT", "side": side, "order_type": "Market", "qty": qty})
}

fn sale(qty: &str) -> Value {
    with(
        &order("Sell", qty),
        &json!({"category": "spot", "market_unit": "baseCoin"}),
    )
}

fn place(args: &Value, facts: &Value) -> Verdict {
    explain(&json!({"tool": "bybit_place_order", "args": args, "facts": facts}).to_string())
}

/// What the reason says behind the figures.
#[track_caller]
fn advice(verdict: &Verdict) -> String {
    assert_eq!(verdict.largest_qty, None, "{verdict:?}");
    let (_, advice) = verdict.reason.split_once("; ").unwrap();
    advice.to_owned()
}

#[track_caller]
fn assert_passes(args: &Value, facts: &Value) {
    let verdict = place(args, facts);
    assert_eq!(verdict.decision, "allow", "{verdict:?}");
}

/// This is the smallest quantity, and the reason names it.
#[track_caller]
fn assert_smallest(args: &Value, facts: &Value, smallest: &str, less: &str, instead: Option<&str>) {
    let told = format!("{TOO_LITTLE}the smallest quantity that passes is {smallest}");
    let told = instead.map_or(told.clone(), |instead| format!("{told}; {instead}"));
    assert_eq!(advice(&place(args, facts)), told);
    assert_passes(&with(args, &json!({"qty": smallest})), facts);
    assert_ne!(place(&with(args, &json!({"qty": less})), facts).decision, "allow");
}

#[test]
fn a_sale_that_closes_too_little_is_told_the_least_that_closes_enough() {
    // $200 are above the cap: four lots of $65
    assert_smallest(
        &order("Sell", "0.001"),
        &long(),
        "0.004",
        "0.003",
        Some(REDUCE_ONLY),
    );
    assert_smallest(&sale("0.001"), &coins("0.08", "5200"), "0.004", "0.003", None);
    // between two lots, and one lot below
    assert_smallest(
        &order("Sell", "0.0025"),
        &long(),
        "0.004",
        "0.003",
        Some(REDUCE_ONLY),
    );
    assert_smallest(
        &order("Sell", "0.003"),
        &long(),
        "0.004",
        "0.003",
        Some(REDUCE_ONLY),
    );
    assert_smallest(
        &order("Sell", "0.00305"),
        &long(),
        "0.004",
        "0.003",
        Some(REDUCE_ONLY),
    );
}

#[test]
fn the_same_with_reduce_only_passes_at_any_size() {
    for qty in ["0.001", "0.08", "5"] {
        assert_passes(&with(&order("Sell", qty), &json!({"reduce_only": true})), &long());
    }
}

#[test]
fn reduce_only_is_named_only_where_a_position_is_there_to_be_closed() {
    let beside = |positions: Value, args: &Value| {
        advice(&place(args, &with(&facts(), &json!({"positions": positions}))))
    };
    let short = |idx| held("BTCUSDT", "Sell", "0.08", idx);
    assert!(beside(json!([short(0)]), &order("Buy", "0.001")).ends_with(REDUCE_ONLY));
    assert_eq!(beside(json!([short(0)]), &order("Sell", "0.001")), NONE_SMALLER);
    let other = held("ETHUSDT", "Buy", "0.08", 0);
    assert_eq!(beside(json!([other]), &order("Sell", "0.001")), NONE_SMALLER);
    let leg = |side, idx: u8| with(&order(side, "0.001"), &json!({"position_idx": idx}));
    assert!(beside(json!([short(2)]), &leg("Buy", 2)).ends_with(REDUCE_ONLY));
    // it opens the other leg
    assert_eq!(beside(json!([short(2)]), &leg("Buy", 1)), NONE_SMALLER);
}

#[test]
fn the_least_keeps_within_what_the_exchange_takes_and_the_cap_of_an_order() {
    let bounded = |bounds: Value| {
        with(
            &long(),
            &json!({"instruments": {"linear:BTCUSDT": record(bounds)}}),
        )
    };
    let sell = order("Sell", "0.001");
    let least = |qty: &str| bounded(json!({"minOrderQty": qty}));
    assert_smallest(&sell, &least("0.004"), "0.004", "0.003", Some(REDUCE_ONLY));
    let told = format!("{TOO_LITTLE}the smallest quantity that passes is 0.006; {REDUCE_ONLY}");
    assert_eq!(advice(&place(&sell, &least("0.006"))), told);
    let most = |qty: &str| bounded(json!({"maxMktOrderQty": qty}));
    assert_smallest(&sell, &most("0.004"), "0.004", "0.003", Some(REDUCE_ONLY));
    let none = format!("{TOO_LITTLE}{NONE_LARGER}; {REDUCE_ONLY}");
    assert_eq!(advice(&place(&sell, &most("0.003"))), none);
    assert_eq!(advice(&place(&order("Sell", "0.002"), &most("0.001"))), none);
    let capped = |cap: u32| {
        let mut facts = long();
        facts["mandate"]["hard_caps"]["max_order_notional_usd"] = json!(cap);
        facts
    };
    assert_smallest(&sell, &capped(260), "0.004", "0.003", Some(REDUCE_ONLY));
    assert_eq!(advice(&place(&sell, &capped(259))), none);
}

#[test]
fn where_no_sale_passes_a_person_is_named_and_without_lots_a_larger_one() {
    let sell = sale("0.01");
    assert_eq!(
        advice(&place(&sell, &coins("0.3", "19500"))),
        format!("{TOO_LITTLE}{NONE_LARGER}")
    );
    let mut unstepped = coins("0.08", "5200");
    unstepped["instruments"] = json!({});
    assert_eq!(
        advice(&place(&sale("0.001"), &unstepped)),
        format!("{TOO_LITTLE}a larger quantity may pass")
    );
    assert_passes(&sale("0.004"), &unstepped);
    let unstepped = with(
        &facts(),
        &json!({"instruments": {}, "positions": [held("BTCUSDT", "Buy", "0.08", 0)]}),
    );
    assert_eq!(advice(&place(&order("Buy", "0.001"), &unstepped)), "ask for less");
}

/// A debt of 5 BTC that is bought back with ETH, which is held and left out, or not held at all.
#[test]
fn what_a_debt_is_repaid_with_does_not_hide_the_size_that_passes() {
    let owed = json!({"coin": "BTC", "equity": "-5", "walletBalance": "-5", "usdValue": "-500"});
    let ether = json!({"coin": "ETH", "equity": "90", "walletBalance": "90", "usdValue": "900"});
    let book = json!({"bid": "10", "ask": "10", "last": "10", "quote_coin_usd": "10"});
    let facts = |exposure: u32, order: u32, wallet: &[&Value]| {
        let caps = json!({"max_order_notional_usd": order, "max_total_exposure_usd": exposure});
        let record = json!({"baseCoin": "BTC", "quoteCoin": "ETH", "status": "Trading", "basePrecision": "1", "qtyStep": "1"});
        gate_facts::facts(
            &caps,
            &json!({"quotes": {"spot:BTCETH": book}, "instruments": {"spot:BTCETH": record}, "wallet": wallet,
                    "policy": "count_spot_holdings = false"}),
        )
    };
    let buy = |qty: &str| with(&sale(qty), &json!({"symbol": "BTCETH", "side": "Buy"}));
    for wallet in [&[&owed, &ether][..], &[&owed]] {
        // 12 are more than one order may be, and 5 leave nothing
        let twelve = place(&buy("12"), &facts(20, 1_000, wallet));
        assert_eq!(twelve.largest_qty.as_deref(), Some("5"), "{twelve:?}");
        assert_passes(&buy("5"), &facts(20, 1_000, wallet));
        assert_eq!(
            advice(&place(&buy("1"), &facts(300, 1_000, wallet))),
            format!("{TOO_LITTLE}the smallest quantity that passes is 2")
        );
        assert_passes(&buy("2"), &facts(300, 1_000, wallet));
    }
    // Paid for on credit, as much is owed as before.
    let lent = json!({"coin": "ETH", "equity": "-1", "walletBalance": "0", "usdValue": "-100"});
    assert_eq!(
        advice(&place(&buy("1"), &facts(300, 1_000, &[&owed, &lent]))),
        NONE_SMALLER
    );
}

#[test]
fn an_amend_that_is_refused_above_a_cap_names_the_cancel() {
    let resting = json!({"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "qty": "0.01", "leavesQty": "0.01",
                         "price": "60000", "orderLinkId": "a-1", "positionIdx": 0});
    let key = json!({"category": "linear", "symbol": "BTCUSDT", "order_link_id": "a-1"});
    let amend = |resting: &Value, change: Value| {
        let facts = with(&long(), &json!({"open_orders": [resting], "order": resting}));
        let case = json!({"tool": "bybit_amend_order", "args": with(&key, &change), "facts": facts});
        explain(&case.to_string())
    };
    let cancel = "to cancel it is always allowed";
    for change in [
        json!({"stop_loss": "50000"}),
        json!({"new_qty": "0.001"}),
        json!({"price": "59000"}),
    ] {
        assert_eq!(
            advice(&amend(&resting, change)),
            format!("{NONE_SMALLER}; {cancel}")
        );
    }
    let facts = with(&long(), &json!({"open_orders": [resting]}));
    let case = json!({"tool": "bybit_cancel_order", "args": key, "facts": facts});
    assert_eq!(explain(&case.to_string()).decision, "allow");
    // a resting sale of 0.002 does not become reduce-only
    let sale = with(
        &resting,
        &json!({"side": "Sell", "qty": "0.002", "leavesQty": "0.002", "price": "70000"}),
    );
    assert_eq!(
        advice(&amend(&sale, json!({"price": "69000"}))),
        format!("{TOO_LITTLE}the smallest quantity that passes is 0.004; {cancel}")
    );
    assert_eq!(
        amend(&sale, json!({"price": "69000", "new_qty": "0.004"})).decision,
        "allow"
    );
}
