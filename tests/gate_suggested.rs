//! The quantity that a refusal suggests, against what refuses it next: the count, a floor, the exchange's own bounds.

#![cfg(test)]

mod gate_facts;

use mandated::cli::explain::{Verdict, explain};
use serde_json::{Value, json};

/// Orders of up to $1,000; BTC at 100 in lots of 0.1.
fn facts() -> Value {
    gate_facts::facts(
        &json!({}),
        &json!({"quotes": {"linear:BTCUSDT": {"bid": "100", "ask": "100", "last": "100", "mark": "100"},
                   "inverse:BTCUSD": {"bid": "100", "ask": "100", "last": "100", "mark": "100"},
                   "spot:BTCUSDT": {"bid": "100", "ask": "100", "last": "100"}}}),
    )
}

/// The facts with an instrument record of these bounds and with this cap on an order.
fn bounded(id: &str, bounds: &Value, cap: &str) -> Value {
    let mut facts = facts();
    let mut record = json!({"baseCoin": "BTC", "quoteCoin": "USDT", "status": "Trading", "qtyStep": "0.1"});
    for (name, value) in bounds.as_object().unwrap() {
        record[name] = value.clone();
    }
    facts["instruments"] = json!({id: record});
    facts["mandate"]["hard_caps"]["max_order_notional_usd"] = serde_json::from_str(cap).unwrap();
    facts
}

const LINEAR: &str = "linear:BTCUSDT";

fn place(args: &Value, facts: &Value) -> Verdict {
    explain(&json!({"tool": "bybit_place_order", "args": args, "facts": facts}).to_string())
}

fn market(qty: &str) -> Value {
    json!({"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "order_type": "Market", "qty": qty})
}

fn limit(qty: &str, price: &str) -> Value {
    json!({"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "order_type": "Limit", "qty": qty, "price": price})
}

#[track_caller]
fn assert_largest(args: &Value, facts: &Value, largest: Option<&str>) {
    let verdict = place(args, facts);
    assert_eq!(
        (verdict.limit, verdict.largest_qty.as_deref()),
        (Some("max_order_notional_usd"), largest),
        "{}",
        verdict.reason
    );
    if let Some(qty) = largest {
        let mut less = args.clone();
        less["qty"] = json!(qty);
        assert_eq!(place(&less, facts).decision, "allow");
    }
}

/// Nothing is suggested, and the reason names what would refuse any other quantity.
#[track_caller]
fn assert_pointless(facts: &Value, names: &str) {
    let verdict = place(&market("12"), facts);
    assert_eq!(
        (verdict.limit, verdict.largest_qty.as_deref()),
        (Some("max_order_notional_usd"), None)
    );
    assert!(
        verdict
            .reason
            .contains("exceeds max_order_notional_usd $1000.00; beside that, ")
            && verdict.reason.contains(names),
        "{}",
        verdict.reason
    );
}

#[test]
fn nothing_is_suggested_when_the_count_is_full() {
    let mut facts = bounded(LINEAR, &json!({}), "1000");
    facts["daily_count"] = json!(4);
    assert_largest(&market("12"), &facts, Some("10"));
    facts["daily_count"] = json!(5);
    assert_pointless(&facts, "max_trades_per_day is 5");
    facts["daily_count"] = json!("lost");
    assert_pointless(&facts, "not a count");
}

#[test]
fn nothing_is_suggested_when_a_floor_refuses() {
    let mut facts = bounded(LINEAR, &json!({}), "1000");
    facts["mandate"]["universe"]["min_avg_daily_volume_usd"] = json!(50);
    facts["avg_daily_volume_usd"] = json!(50);
    assert_largest(&market("12"), &facts, Some("10"));
    facts["avg_daily_volume_usd"] = json!(49);
    assert_pointless(&facts, "below min_avg_daily_volume_usd");
    facts["mandate"]["universe"]["min_market_cap_usd"] = json!(1);
    assert_pointless(&facts, "min_market_cap_usd trades nothing");
}

#[test]
fn an_amend_that_takes_no_trade_is_told_its_size_whatever_the_count() {
    let mut facts = bounded(LINEAR, &json!({}), "1000");
    let order = json!({"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "qty": "15", "leavesQty": "15",
                       "price": "100", "reduceOnly": false, "positionIdx": 0, "orderId": "o-1"});
    facts["order"] = order.clone();
    facts["open_orders"] = json!([order]);
    facts["daily_count"] = json!(5);
    let amend = |qty: &str| {
        let args = json!({"category": "linear", "symbol": "BTCUSDT", "order_id": "o-1", "new_qty": qty});
        explain(&json!({"tool": "bybit_amend_order", "args": args, "facts": facts}).to_string()).largest_qty
    };
    assert_eq!(amend("12").as_deref(), Some("10"));
    // it adds, and takes the trade that is not left
    assert_eq!(amend("16"), None);
}

#[test]
fn a_quantity_below_the_exchanges_least_value_is_not_suggested() {
    let least = |value: &str, cap: &str| bounded(LINEAR, &json!({"minNotionalValue": value}), cap);
    assert_largest(&market("12"), &least("40", "40"), Some("0.4"));
    assert_largest(&market("12"), &least("40.1", "40"), None);
    // 41 is five lots, rounded up
    assert_largest(&market("12"), &least("41", "49"), None);
    assert_largest(&market("12"), &least("41", "50"), Some("0.5"));
    // the exchange counts a limit order at its own price, the mandate at the live one
    assert_largest(&limit("12", "50"), &least("40", "79"), None);
    assert_largest(&limit("12", "50"), &least("40", "80"), Some("0.8"));
    let mut trigger = market("12");
    trigger["trigger_price"] = json!("50");
    trigger["trigger_direction"] = json!(2);
    assert_largest(&trigger, &least("40", "79"), None);
    assert_largest(&trigger, &least("40", "80"), Some("0.8"));
    // the larger of the two counts
    let both = |qty: &str| {
        bounded(
            LINEAR,
            &json!({"minNotionalValue": "40", "minOrderQty": qty}),
            "45",
        )
    };
    assert_largest(&market("12"), &both("0.4"), Some("0.4"));
    assert_largest(&market("12"), &both("0.5"), None);
}

#[test]
fn the_least_value_of_money_and_of_contracts_is_the_quantity_itself() {
    let inverse = |least: &str| {
        let bounds = json!({"quoteCoin": "USD", "qtyStep": "1", "minNotionalValue": least});
        bounded("inverse:BTCUSD", &bounds, "30")
    };
    let order = json!({"category": "inverse", "symbol": "BTCUSD", "side": "Buy", "order_type": "Market", "qty": "90"});
    assert_largest(&order, &inverse("30"), Some("30"));
    assert_largest(&order, &inverse("31"), None);
    let spot = |least: &str| {
        let bounds = json!({"quotePrecision": "0.01", "minNotionalValue": least, "minOrderQty": "900",
                            "maxOrderQty": "1", "maxMktOrderQty": "1"});
        bounded("spot:BTCUSDT", &bounds, "30")
    };
    let order = json!({"category": "spot", "symbol": "BTCUSDT", "side": "Buy", "order_type": "Market", "qty": "90",
                       "market_unit": "quoteCoin"});
    assert_largest(&order, &spot("30"), Some("30"));
    assert_largest(&order, &spot("30.01"), None);
}

#[test]
fn a_quantity_above_what_the_exchange_takes_in_one_order_is_not_suggested() {
    let most = |limit: &str, market: &str| {
        bounded(
            LINEAR,
            &json!({"maxOrderQty": limit, "maxMktOrderQty": market}),
            "1000",
        )
    };
    assert_largest(&market("12"), &most("9", "7"), Some("7"));
    assert_largest(&limit("12", "100"), &most("9", "7"), Some("9"));
    // a bound between two lots
    assert_largest(&market("12"), &most("9", "7.05"), Some("7"));
    assert_largest(&market("12"), &most("90", "90"), Some("10"));
    // as a spot record names them
    let spot =
        json!({"maxLimitOrderQty": "6", "maxOrderQty": "3", "maxMarketOrderQty": "5", "maxMktOrderQty": "2"});
    let facts = bounded("spot:BTCUSDT", &spot, "1000");
    let mut order = market("12");
    order["category"] = json!("spot");
    order["market_unit"] = json!("baseCoin");
    assert_largest(&order, &facts, Some("5"));
    let mut order = limit("12", "100");
    order["category"] = json!("spot");
    assert_largest(&order, &facts, Some("6"));
}
