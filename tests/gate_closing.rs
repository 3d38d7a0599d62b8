//! An order takes out of an account what that counts for, whatever the market pays for it. Each figure is computed by
//! hand.

#![cfg(test)]

mod gate_facts;

use gate_facts::with;
use mandated::cli::explain::{Verdict, explain};
use rust_decimal::Decimal;
use serde_json::{Value, json};

const SMALLEST: &str = "the smallest quantity that passes is ";

/// No cap in the way but one on the exposure.
fn facts(cap: u32, quote: &Value, account: &Value) -> Value {
    let caps = json!({"max_order_notional_usd": 5_000, "max_total_exposure_usd": cap});
    let record = json!({"baseCoin": "BTC", "quoteCoin": "USDT", "status": "Trading", "qtyStep": "0.1", "quotePrecision": "1"});
    let facts = json!({"quotes": {"linear:BTCUSDT": quote, "spot:BTCUSDT": quote,
                                  "linear:ETHUSDT": {"bid": "10", "ask": "10", "last": "10", "mark": "10"}},
                       "instruments": {"linear:BTCUSDT": record, "spot:BTCUSDT": record}});
    gate_facts::facts(&caps, &with(&facts, account))
}

/// The order of the book, the last trade and the mark.
fn quote(bid: &str, ask: &str, last: &str, mark: &str) -> Value {
    json!({"bid": bid, "ask": ask, "last": last, "mark": mark})
}

fn held(side: &str, size: &str, mark: Option<&str>, idx: u8) -> Value {
    json!({"category": "linear", "symbol": "BTCUSDT", "side": side, "size": size, "markPrice": mark, "positionIdx": idx})
}

/// A one-way position at a mark of 100.
fn position(side: &str) -> Value {
    json!({"positions": [held(side, "2", Some("100"), 0)]})
}

fn coins(equity: &str, usd: &str) -> Value {
    json!({"wallet": [{"coin": "BTC", "equity": equity, "walletBalance": equity, "usdValue": usd}]})
}

fn order(category: &str, side: &str, qty: &str) -> Value {
    let unit = (category == "spot").then_some("baseCoin");
    json!({"category": category, "symbol": "BTCUSDT", "side": side, "order_type": "Market", "qty": qty, "market_unit": unit})
}

fn place(args: &Value, facts: &Value) -> Verdict {
    explain(&json!({"tool": "bybit_place_order", "args": args, "facts": facts}).to_string())
}

#[track_caller]
fn assert_after(args: &Value, facts: &Value, gross: &str) {
    let verdict = place(args, facts);
    assert_eq!(
        verdict.post_trade_exposure_usd.as_deref(),
        Some(gross),
        "{verdict:?}"
    );
}

#[test]
fn a_short_is_bought_back_at_its_mark_however_dear_the_ask() {
    let facts = facts(95, &quote("100", "110", "100", "100"), &position("Sell"));
    let verdict = place(&order("linear", "Buy", "1"), &facts);
    assert_eq!(
        (verdict.limit, verdict.attempted_value.as_deref()),
        (Some("max_total_exposure_usd"), Some("100"))
    );
    // 1.1 of 2 leave 90, and 79 where they count at the ask
    assert!(verdict.reason.contains(&format!("{SMALLEST}1.1")), "{verdict:?}");
    assert_after(&order("linear", "Buy", "1.1"), &facts, "90");
    assert_eq!(place(&order("linear", "Buy", "1.1"), &facts).decision, "allow");
}

#[test]
fn a_long_is_sold_at_its_mark_however_dear_the_last_trade() {
    let doubled = facts(50, &quote("100", "100", "200", "100"), &position("Buy"));
    let verdict = place(&order("linear", "Sell", "1"), &doubled);
    assert_eq!(
        (verdict.limit, verdict.attempted_value.as_deref()),
        (Some("max_total_exposure_usd"), Some("100"))
    );
    let little = place(&order("linear", "Sell", "0.1"), &doubled);
    assert_eq!(little.attempted_value.as_deref(), Some("190"));
    // 0.8 leave 120 of it: no quantity passes both at the mark and at the last trade
    assert!(!little.reason.contains(SMALLEST), "{little:?}");
    assert!(little.reason.contains("no larger quantity passes"), "{little:?}");

    let dearer = quote("100", "100", "120", "100");
    let closing = order("linear", "Sell", "1.5");
    assert_after(&closing, &facts(50, &dearer, &position("Buy")), "50");
    assert_eq!(
        place(&closing, &facts(50, &dearer, &position("Buy"))).decision,
        "allow"
    );
    assert_eq!(
        place(&closing, &facts(49, &dearer, &position("Buy"))).limit,
        Some("max_total_exposure_usd")
    );
}

#[test]
fn what_counts_for_the_order_cap_is_still_the_live_price() {
    let verdict = place(
        &order("linear", "Sell", "1"),
        &facts(500, &quote("100", "100", "120", "100"), &position("Buy")),
    );
    assert_eq!(verdict.notional_usd.as_deref(), Some("120"));
    assert_eq!(verdict.post_trade_exposure_usd.as_deref(), Some("100"));
}

#[test]
fn the_lowest_mark_of_an_instrument_counts_and_the_quotes_where_a_position_has_none() {
    let sell = with(&order("linear", "Sell", "1"), &json!({"position_idx": 1}));
    let legs = |long, short| json!({"positions": [held("Buy", "2", long, 1), held("Sell", "1", short, 2)]});
    let at = |last: &str, mark: &str, account: &Value| facts(2_000, &quote("95", "95", last, mark), account);
    // 200 less 90, and 90
    assert_after(&sell, &at("95", "95", &legs(Some("100"), Some("90"))), "200");
    // 200 less 100, and 110
    assert_after(&sell, &at("120", "100", &legs(None, Some("110"))), "210");
    // that of another instrument says nothing
    let other = with(&held("Buy", "1", Some("10"), 0), &json!({"symbol": "ETHUSDT"}));
    let two = json!({"positions": [held("Buy", "2", Some("100"), 0), other]});
    assert_after(&order("linear", "Sell", "1"), &at("95", "95", &two), "115");
    // without a position the quote's mark, not the last trade: 500 that rest to be bought, less 200
    let rests =
        json!({"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "leavesQty": "5", "price": "100"});
    let account = json!({"open_orders": [rests]});
    let cheap = facts(2_000, &quote("100", "100", "50", "100"), &account);
    assert_after(&order("linear", "Sell", "2"), &cheap, "300");
}

#[test]
fn coins_are_sold_at_what_the_wallet_values_them_at() {
    let dear = quote("150", "150", "150", "150");
    assert_after(
        &order("spot", "Sell", "1"),
        &facts(500, &dear, &coins("2", "200")),
        "100",
    );
    // where the wallet says no value, at that of their own pair
    assert_after(
        &order("spot", "Sell", "1"),
        &facts(500, &dear, &coins("2", "")),
        "150",
    );
    // what is owed is bought back at no more either
    assert_after(
        &order("spot", "Buy", "1"),
        &facts(500, &dear, &coins("-2", "-200")),
        "100",
    );
}

#[test]
fn an_amount_of_money_moves_the_coins_that_it_is_worth() {
    let money = |side: &str, qty: &str| with(&order("spot", side, qty), &json!({"market_unit": "quoteCoin"}));
    // 150 sell at least 0.75, of 2
    let dear = facts(500, &quote("150", "150", "200", "200"), &coins("2", "200"));
    assert_after(&money("Sell", "150"), &dear, "125");
    // 80 buy one, beside 200
    let cheap = facts(500, &quote("80", "80", "80", "80"), &coins("2", "200"));
    assert_after(&money("Buy", "80"), &cheap, "300");
    // nothing held: the money
    let none = facts(500, &quote("80", "80", "80", "80"), &json!({}));
    assert_after(&money("Buy", "120"), &none, "120");
}

#[test]
fn money_counts_as_the_coins_that_it_buys_below_the_last_trade() {
    let money = |side: &str, qty: &str| with(&order("spot", side, qty), &json!({"market_unit": "quoteCoin"}));
    let thin = |account: &Value| facts(2_000, &quote("90", "91", "105", "105"), account);
    // 10 at 105, beside 100: what the same buy in coins counts
    assert_after(&money("Buy", "910"), &thin(&coins("1", "100")), "1150");
    assert_after(&order("spot", "Buy", "10"), &thin(&coins("1", "100")), "1150");
    assert_after(&money("Buy", "910"), &thin(&json!({})), "1050");
    // where the wallet values them higher, 10 at 120, beside 120
    assert_after(&money("Buy", "910"), &thin(&coins("1", "120")), "1320");
    // 2 more are owed, at 100 as the one is
    assert_after(&money("Sell", "180"), &thin(&coins("-1", "-100")), "300");
    // all of 3 are sold, at 100 as they are valued
    assert_after(
        &money("Sell", "270"),
        &thin(&coins("3", "300")),
        "42.85714285714285714285714286",
    );
}

/// What an order to buy for 910 counts for while it is in flight, seen from an order of 10 in something else.
#[test]
fn money_in_flight_counts_as_the_coins_that_it_buys_too() {
    let sent = json!({"category": "spot", "symbol": "BTCUSDT", "side": "Buy", "leavesQty": "910", "orderType": "Market",
                      "marketUnit": "quoteCoin", "isLeverage": "0"});
    let other =
        json!({"category": "linear", "symbol": "ETHUSDT", "side": "Buy", "order_type": "Market", "qty": "1"});
    let beside = |order: &Value, wallet: &Value| {
        let account = with(wallet, &json!({"inflight": [order]}));
        facts(2_000, &quote("90", "91", "105", "105"), &account)
    };
    assert_after(&other, &beside(&sent, &json!({})), "1060");
    assert_after(&other, &beside(&sent, &coins("1", "120")), "1330");
    // without a price, and where it waits for one, it is the money
    let waits = with(&sent, &json!({"triggerPrice": "80"}));
    assert_after(&other, &beside(&waits, &json!({})), "920");
    let mut unpriced = beside(&sent, &json!({}));
    unpriced["quotes"]["spot:BTCUSDT"] = json!(null);
    assert_after(&other, &unpriced, "920");
    // nor less than the money, where the wallet values the coins lower
    let cheap = facts(
        2_000,
        &quote("91", "91", "91", "91"),
        &with(&coins("1", "50"), &json!({"inflight": [sent]})),
    );
    assert_after(&other, &cheap, "970");
}

#[test]
fn what_opens_more_of_a_leg_counts_at_the_highest_mark() {
    let legs = json!({"positions": [held("Buy", "2", Some("110"), 1), held("Sell", "1", Some("90"), 2)]});
    let buy = with(&order("linear", "Buy", "5"), &json!({"position_idx": 1}));
    // 220 and 550, and 90
    assert_after(
        &buy,
        &facts(2_000, &quote("100", "100", "100", "100"), &legs),
        "860",
    );
}

#[test]
fn an_order_is_not_the_one_of_its_id_in_another_instrument() {
    let rests = |category: &str, leaves: &str| {
        json!({"category": category, "symbol": "BTCUSDT", "side": "Buy", "leavesQty": leaves, "qty": leaves,
               "price": "100", "orderLinkId": "x1", "isLeverage": "0"})
    };
    let spot = rests("spot", "1");
    let account = json!({"order": spot, "open_orders": [spot, rests("linear", "9")]});
    let facts = facts(5_000, &quote("100", "100", "100", "100"), &account);
    let args = json!({"category": "spot", "symbol": "BTCUSDT", "order_link_id": "x1", "new_qty": "8"});
    let verdict = explain(&json!({"tool": "bybit_amend_order", "args": args, "facts": facts}).to_string());
    assert_eq!(
        verdict.post_trade_exposure_usd.as_deref(),
        Some("1700"),
        "{verdict:?}"
    );
}

#[test]
fn an_amended_order_closes_at_the_mark_as_well() {
    let rests = json!({"category": "linear", "symbol": "BTCUSDT", "side": "Sell", "leavesQty": "0.5", "qty": "0.5",
                       "price": "130", "orderId": "o-1"});
    let account = with(&position("Buy"), &json!({"order": rests, "open_orders": [rests]}));
    let facts = facts(500, &quote("100", "100", "120", "100"), &account);
    let args = json!({"category": "linear", "symbol": "BTCUSDT", "order_id": "o-1", "new_qty": "1"});
    let verdict = explain(&json!({"tool": "bybit_amend_order", "args": args, "facts": facts}).to_string());
    assert_eq!(
        verdict.post_trade_exposure_usd.as_deref(),
        Some("100"),
        "{verdict:?}"
    );
}

/// A buy of coins, as new or as one that rests already.
fn limit_buy(qty: &str, price: &str) -> Value {
    json!({"category": "spot", "symbol": "BTCUSDT", "side": "Buy", "order_type": "Limit", "qty": qty, "price": price})
}

#[track_caller]
fn assert_new_as_resting(qty: &str, price: &str, wallet: &Value, gross: &str) {
    let cheap = quote("80", "80", "80", "80");
    let new = place(&limit_buy(qty, price), &facts(2_000, &cheap, wallet));
    let rests = json!({"category": "spot", "symbol": "BTCUSDT", "side": "Buy", "leavesQty": qty, "price": price, "isLeverage": "0"});
    let beside = facts(2_000, &cheap, &with(wallet, &json!({"open_orders": [rests]})));
    let other =
        json!({"category": "linear", "symbol": "ETHUSDT", "side": "Buy", "order_type": "Market", "qty": "1"});
    let resting = place(&other, &beside);
    let figure = |verdict: &Verdict| {
        verdict
            .post_trade_exposure_usd
            .as_deref()
            .and_then(|text| text.parse::<Decimal>().ok())
    };
    let gross: Decimal = gross.parse().unwrap();
    assert_eq!(figure(&new), Some(gross), "{new:?}");
    // beside ten of another contract
    assert_eq!(figure(&resting), Some(gross + Decimal::TEN), "{resting:?}");
}

#[test]
fn a_new_spot_order_counts_as_the_same_one_does_once_it_rests() {
    // 200 held, and 5 at 100 each as the wallet values them
    let dear = coins("2", "200");
    assert_new_as_resting("5", "80", &dear, "700");
    assert_new_as_resting("5", "130", &dear, "850");
    // one of them is worth no whole number
    assert_new_as_resting(
        "0.7",
        "10",
        &coins("0.3", "100"),
        "333.33333333333333333333333333",
    );
    // cheaper in the wallet, not held, or owed
    assert_new_as_resting("5", "80", &coins("2", "100"), "500");
    assert_new_as_resting("5", "80", &json!({}), "400");
    assert_new_as_resting("5", "80", &coins("-2", "-200"), "300");

    let cheap = |cap: u32| facts(cap, &quote("80", "80", "80", "80"), &dear);
    let over = place(&limit_buy("5", "80"), &cheap(615));
    assert_eq!(
        (
            over.limit,
            over.notional_usd.as_deref(),
            over.largest_qty.as_deref()
        ),
        (Some("max_total_exposure_usd"), Some("400"), Some("4.1"))
    );
    assert_eq!(place(&limit_buy("4.1", "80"), &cheap(615)).decision, "allow");
    assert_eq!(place(&limit_buy("5", "80"), &cheap(700)).decision, "allow");
}

#[test]
fn what_the_wallet_values_is_counted_to_the_last_digit() {
    let buy = |qty: &str, wallet: &Value| {
        let mut facts = facts(2_000, &quote("0.75", "0.75", "0.75", "0.75"), wallet);
        for cap in [
            "account_funding_usd",
            "max_order_notional_usd",
            "max_total_exposure_usd",
        ] {
            facts["mandate"]["hard_caps"][cap] = json!(100_000);
        }
        place(&limit_buy(qty, "0.75"), &facts).post_trade_exposure_usd
    };
    // the quantity times the value has thirty digits, and 0.75 for each coin makes 26027.86376953125
    let many = coins("4925.9794921875", "3694.484619140625");
    assert_eq!(
        buy("34703.818359375", &many).as_deref(),
        Some("29722.348388671875")
    );
    // two thirds, rounded once
    let alone = |equity: &str, usd: &str| {
        with(
            &coins(equity, usd),
            &json!({"policy": "count_spot_holdings = false"}),
        )
    };
    let third = buy("0.6", &alone("0.9", "1000"));
    assert_eq!(third.as_deref(), Some("666.66666666666666666666666667"));
    // and all of it is worth all of it
    let all = buy("0.03", &alone("0.03", "700.001"));
    assert_eq!(all.as_deref(), Some("700.001"));
}
