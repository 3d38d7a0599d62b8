//! The instrument records of a case of `mandated explain`: one that is given decides, and one that cannot be read is
//! missing, as it would be live.

#![cfg(test)]

mod gate_facts;

use gate_facts::with;
use mandated::cli::explain::{Verdict, explain};
use serde_json::{Value, json};

fn record(change: &Value) -> Value {
    let record = json!({"baseCoin": "BTC", "quoteCoin": "USDT", "settleCoin": "USDT", "qtyStep": "0.1", "status": "Trading"});
    with(&record, change)
}

fn place(category: &str, instruments: &Value) -> Verdict {
    let quote = json!({"bid": "100", "ask": "100", "last": "100", "mark": "100"});
    let quotes = json!({"linear:BTCUSDT": quote, "spot:BTCUSDT": quote, "linear:ETHUSDT": quote});
    let facts = gate_facts::facts(&json!({}), &json!({"quotes": quotes, "instruments": instruments}));
    let unit = (category == "spot").then_some("baseCoin");
    let args = json!({"category": category, "symbol": "BTCUSDT", "side": "Buy", "order_type": "Market", "qty": "50", "market_unit": unit});
    explain(&json!({"tool": "bybit_place_order", "args": args, "facts": facts}).to_string())
}

/// 50 cost 5000, and the cap is 1000.
#[track_caller]
fn assert_largest(verdict: &Verdict, largest: Option<&str>) {
    assert_eq!(
        (verdict.limit, verdict.largest_qty.as_deref()),
        (Some("max_order_notional_usd"), largest),
        "{verdict:?}"
    );
}

#[track_caller]
fn assert_unreadable(change: &Value, why: &str) {
    let verdict = place("linear", &json!({"linear:BTCUSDT": record(change)}));
    assert_eq!(
        (verdict.decision, verdict.limit),
        ("deny", Some("quote")),
        "{verdict:?}"
    );
    assert!(
        verdict.reason.contains("no instrument record for linear:BTCUSDT"),
        "{verdict:?}"
    );
    assert!(verdict.reason.contains(why), "{verdict:?}");
}

#[test]
fn a_record_that_cannot_be_read_is_missing_and_not_invented() {
    assert_unreadable(
        &json!({"status": "Closed", "minNotionalValue": "-1"}),
        "`minNotionalValue` is not above zero",
    );
    assert_unreadable(&json!({"baseCoin": ""}), "`baseCoin` is missing");
    assert_unreadable(&json!({"isPreListing": "true"}), "`isPreListing` is ");
    assert_unreadable(&json!({"isPreListing": 1}), "`isPreListing` is ");
    // the others keep their well-known forms, which have no steps
    assert_largest(
        &place("linear", &json!({"linear:ETHUSDT": {"baseCoin": ""}})),
        None,
    );
    assert_largest(&place("linear", &json!({"spot:BTCUSDT": {"baseCoin": ""}})), None);
    assert_largest(&place("linear", &json!({"no symbol": {"baseCoin": ""}})), None);
}

#[test]
fn a_bound_of_zero_or_of_no_text_is_none() {
    let closed = |bound: Value| {
        let verdict = place(
            "linear",
            &json!({"linear:BTCUSDT": record(&json!({"status": "Closed", "minNotionalValue": bound}))}),
        );
        assert_eq!(
            (verdict.decision, verdict.limit),
            ("deny", Some("quote")),
            "{verdict:?}"
        );
        assert!(verdict.reason.contains("Closed"), "{verdict:?}");
    };
    closed(json!("0"));
    closed(json!(""));
    closed(json!(null));
    let trades = |change: Value| place("linear", &json!({"linear:BTCUSDT": record(&change)}));
    assert_largest(
        &trades(json!({"minOrderQty": "0", "maxMktOrderQty": "0.0", "quotePrecision": "0"})),
        Some("10"),
    );
    assert_largest(&trades(json!({"qtyStep": "0"})), None);
    assert_largest(&trades(json!({"maxMktOrderQty": "4"})), Some("4"));
    assert_largest(&trades(json!({"minOrderQty": "11"})), None);
}

#[test]
fn what_is_said_under_a_spot_records_own_name_counts_also_where_it_is_none() {
    let spot = |change: Value| place("spot", &json!({"spot:BTCUSDT": record(&change)}));
    assert_largest(&spot(json!({"maxMktOrderQty": "4"})), Some("4"));
    assert_largest(
        &spot(json!({"maxMarketOrderQty": "3", "maxMktOrderQty": "4"})),
        Some("3"),
    );
    assert_largest(
        &spot(json!({"maxMarketOrderQty": "0", "maxMktOrderQty": "4"})),
        Some("10"),
    );
    assert_largest(
        &spot(json!({"maxMarketOrderQty": null, "maxMktOrderQty": "4"})),
        Some("4"),
    );
}

#[test]
fn a_flag_that_is_a_boolean_is_read() {
    let listing = |flag: Value| {
        place(
            "linear",
            &json!({"linear:BTCUSDT": record(&json!({"isPreListing": flag}))}),
        )
    };
    assert!(listing(json!(true)).reason.contains("pre-listing"));
    assert_largest(&listing(json!(false)), Some("10"));
    assert_largest(&listing(json!(null)), Some("10"));
}
