//! One-way and hedge mode: a `position_idx` that the account contradicts is refused, and one that nothing of the account
//! confirms closes nothing.

#![cfg(test)]

mod gate_facts;

use gate_facts::with;
use mandated::cli::explain::{Verdict, explain};
use serde_json::{Value, json};

/// Orders of up to $1,000 and $5,000 in all; everything costs 100.
fn facts() -> Value {
    let quote = json!({"bid": "100", "ask": "100", "last": "100", "mark": "100"});
    let record = |quote: &str, settle: &str| json!({"baseCoin": "BTC", "quoteCoin": quote, "settleCoin": settle, "status": "Trading", "qtyStep": "0.1"});
    gate_facts::facts(
        &json!({"max_total_exposure_usd": 5000, "max_leverage": 2}),
        &json!({"quotes": {"linear:BTCUSDT": quote, "linear:BTCPERP": quote, "linear:BTCUSDT-25DEC26": quote,
                   "inverse:BTCUSDT": quote},
        "instruments": {"linear:BTCUSDT": record("USDT", ""), "linear:BTCPERP": record("USDC", ""),
                        "linear:BTCUSDT-25DEC26": record("USDT", "USDT"), "inverse:BTCUSDT": record("USDT", "")}}),
    )
}

fn position(symbol: &str, side: &str, size: &str, idx: u8) -> Value {
    json!({"category": "linear", "symbol": symbol, "side": side, "size": size, "markPrice": "100", "positionIdx": idx})
}

fn resting(side: &str, idx: u8) -> Value {
    json!({"category": "linear", "symbol": "BTCUSDT", "side": side, "qty": "1", "leavesQty": "1", "price": "100",
           "positionIdx": idx, "orderId": "o-1"})
}

/// An order of $900.
fn order(side: &str, idx: u8) -> Value {
    json!({"category": "linear", "symbol": "BTCUSDT", "side": side, "order_type": "Market", "qty": "9", "position_idx": idx})
}

fn place(args: &Value, account: &Value) -> Verdict {
    let facts = with(&facts(), account);
    explain(&json!({"tool": "bybit_place_order", "args": args, "facts": facts}).to_string())
}

#[track_caller]
fn assert_exposure(args: &Value, account: &Value, usd: &str) {
    let verdict = place(args, account);
    assert_eq!(verdict.decision, "allow", "{verdict:?}");
    assert_eq!(
        verdict.post_trade_exposure_usd.as_deref(),
        Some(usd),
        "{verdict:?}"
    );
}

#[track_caller]
fn assert_contradicted(args: &Value, account: &Value, why: &str) {
    let verdict = place(args, account);
    assert_eq!(verdict.limit, Some("max_total_exposure_usd"), "{verdict:?}");
    let reason = verdict
        .reason
        .replace(" (fail-closed), so the exposure is not known", "");
    assert_eq!(reason, why);
}

#[test]
fn a_leg_beside_what_is_one_way_is_refused() {
    let why = |idx: u8| {
        format!(
            "linear:BTCUSDT has positions or orders in one-way mode, and position_idx {idx} is a leg of hedge mode; \
             leave position_idx out"
        )
    };
    let short = json!({"positions": [position("BTCUSDT", "Sell", "20", 0)]});
    for (side, idx) in [("Sell", 1), ("Buy", 1), ("Buy", 2), ("Sell", 2)] {
        assert_contradicted(&order(side, idx), &short, &why(idx));
        for side_of_it in ["Buy", "Sell"] {
            let rests = json!({"open_orders": [resting(side_of_it, 0)]});
            assert_contradicted(&order(side, idx), &rests, &why(idx));
        }
    }
    // what is one-way in another instrument says nothing of this one
    let elsewhere = json!({"positions": [position("ETHUSDT", "Sell", "20", 0)]});
    assert_exposure(&order("Buy", 1), &elsewhere, "2900");
    let exit = with(&order("Buy", 2), &json!({"reduce_only": true}));
    assert_eq!(place(&exit, &short).decision, "allow");
}

#[test]
fn a_one_way_order_beside_a_leg_is_refused() {
    let why = "linear:BTCUSDT has positions or orders in hedge mode, and this order is a one-way one; give position_idx 1 \
               for the long leg or 2 for the short one";
    for (held, idx) in [("Buy", 1), ("Sell", 2)] {
        for side in ["Buy", "Sell"] {
            let leg = json!({"positions": [position("BTCUSDT", held, "20", idx)]});
            assert_contradicted(&order(side, 0), &leg, why);
            let unsaid = json!({"category": "linear", "symbol": "BTCUSDT", "side": side, "order_type": "Market", "qty": "9"});
            assert_contradicted(&unsaid, &leg, why);
            assert_contradicted(
                &order(side, 0),
                &json!({"open_orders": [resting(held, idx)]}),
                why,
            );
        }
    }
    let elsewhere = json!({"positions": [position("ETHUSDT", "Buy", "20", 1)]});
    assert_exposure(&order("Buy", 0), &elsewhere, "2900");
}

#[test]
fn only_perpetuals_in_usdt_have_legs() {
    for (category, symbol) in [
        ("linear", "BTCPERP"),
        ("linear", "BTCUSDT-25DEC26"),
        ("inverse", "BTCUSDT"),
    ] {
        let there = json!({"category": category, "symbol": symbol});
        for (side, idx) in [("Buy", 1), ("Sell", 1), ("Buy", 2)] {
            let why = format!(
                "{category}:{symbol} has no hedge mode, and position_idx {idx} is a leg of hedge mode; leave \
                 position_idx out"
            );
            assert_contradicted(&with(&order(side, idx), &there), &json!({}), &why);
        }
        let one_way = with(&order("Buy", 0), &there);
        assert_eq!(place(&one_way, &json!({})).decision, "allow", "{symbol}");
    }
    // what it settles in counts before what it is quoted in
    let record = |settle: &str| {
        json!({"instruments": {"linear:BTCUSDT": {"baseCoin": "BTC", "quoteCoin": "USDT", "settleCoin": settle,
                                                  "status": "Trading"}}})
    };
    assert_exposure(&order("Buy", 1), &record("USDT"), "900");
    let usdc = place(&order("Buy", 1), &record("USDC"));
    assert!(usdc.reason.contains("has no hedge mode"), "{}", usdc.reason);
}

#[test]
fn an_order_that_closes_a_leg_counts_in_full_until_a_leg_is_held() {
    for (side, idx) in [("Sell", 1), ("Buy", 2)] {
        assert_exposure(&order(side, idx), &json!({}), "900");
        let elsewhere = json!({"positions": [position("ETHUSDT", "Buy", "1", 1)]});
        assert_exposure(&order(side, idx), &elsewhere, "1000");
        // either leg shows that the instrument is in hedge mode, where the exchange closes what is there and no more
        let long = json!({"positions": [position("BTCUSDT", "Buy", "20", 1)]});
        assert_exposure(&order(side, idx), &long, if idx == 1 { "1100" } else { "2000" });
    }
    // what opens a leg counts as it always did
    assert_exposure(&order("Buy", 1), &json!({}), "900");
    assert_exposure(&order("Sell", 2), &json!({}), "900");
}

#[test]
fn a_sale_that_closes_a_leg_that_nobody_holds_counts_at_its_limit() {
    let sale = with(&order("Sell", 1), &json!({"order_type": "Limit", "price": "110"}));
    assert_exposure(&sale, &json!({}), "990");
    let long = json!({"positions": [position("BTCUSDT", "Buy", "20", 1)]});
    let verdict = place(&sale, &long);
    assert_eq!(verdict.notional_usd.as_deref(), Some("900"), "{verdict:?}");
}

#[test]
fn a_resting_order_of_a_leg_is_what_the_exchange_says_that_it_is() {
    let sale = resting("Sell", 1);
    let facts = with(&facts(), &json!({"open_orders": [sale], "order": sale}));
    let args = json!({"category": "linear", "symbol": "BTCUSDT", "order_id": "o-1", "price": "110"});
    let verdict = explain(&json!({"tool": "bybit_amend_order", "args": args, "facts": facts}).to_string());
    assert_eq!(
        verdict.post_trade_exposure_usd.as_deref(),
        Some("0"),
        "{verdict:?}"
    );
    assert_eq!(verdict.notional_usd.as_deref(), Some("100"));
}
