//! What is sold on spot without borrowing ends where the coins do, however many orders want the same ones. Each
//! figure is computed by hand.

#![cfg(test)]

mod gate_facts;

use gate_facts::with;
use mandated::cli::explain::{Verdict, explain};
use serde_json::{Value, json};

/// Everything costs 100.
fn facts() -> Value {
    let quote = json!({"bid": "100", "ask": "100", "last": "100", "mark": "100"});
    gate_facts::facts(
        &json!({"account_funding_usd": 50_000, "max_order_notional_usd": 5_000, "max_total_exposure_usd": 10_000}),
        &json!({"quotes": {"linear:ETHUSDT": quote, "spot:BTCUSDT": quote, "spot:USDCUSDT": {"bid": "1", "ask": "1", "last": "1"},
                   "spot:BTCETH": {"bid": "1", "ask": "1", "last": "1", "quote_coin_usd": "100"}},
        "wallet": [coins("5", "5")]}),
    )
}

/// BTC at 100.
fn coins(equity: &str, wallet: &str) -> Value {
    let usd = equity.parse::<u32>().unwrap() * 100;
    json!({"coin": "BTC", "equity": equity, "walletBalance": wallet, "usdValue": usd.to_string()})
}

fn rests(side: &str, leaves: &str, price: &str, lever: &str) -> Value {
    json!({"category": "spot", "symbol": "BTCUSDT", "side": side, "leavesQty": leaves, "price": price, "isLeverage": lever})
}

fn order(category: &str, symbol: &str, side: &str, qty: &str) -> Value {
    let unit = if category == "spot" {
        json!("baseCoin")
    } else {
        json!(null)
    };
    json!({"category": category, "symbol": symbol, "side": side, "order_type": "Market", "qty": qty, "market_unit": unit})
}

fn place(args: &Value, facts: &Value) -> Verdict {
    explain(&json!({"tool": "bybit_place_order", "args": args, "facts": facts}).to_string())
}

/// What the account counts for beside an order of 100 in a perpetual.
#[track_caller]
fn assert_account(change: &Value, gross: &str) {
    let verdict = place(&order("linear", "ETHUSDT", "Buy", "1"), &with(&facts(), change));
    assert_eq!(
        verdict.post_trade_exposure_usd.as_deref(),
        Some(gross),
        "{verdict:?}"
    );
}

/// What it counts for once this has been sold.
#[track_caller]
fn assert_sold(qty: &str, change: &Value, gross: &str) {
    let verdict = place(&order("spot", "BTCUSDT", "Sell", qty), &with(&facts(), change));
    assert_eq!(
        verdict.post_trade_exposure_usd.as_deref(),
        Some(gross),
        "{verdict:?}"
    );
}

#[test]
fn take_profit_and_stop_loss_of_the_same_coins_are_no_short() {
    let two = |lever: &str| json!([rests("Sell", "5", "140", lever), rests("Sell", "5", "90", lever)]);
    assert_account(&json!({"open_orders": two("0")}), "600");
    assert_account(&json!({"inflight": two("0")}), "600");
    // 500 held less 700 and 500, where the rows leave open that they borrow
    for lever in ["1", ""] {
        assert_account(&json!({"open_orders": two(lever)}), "800");
    }
    // one sale far above the market
    let far = json!([rests("Sell", "5", "9000", "0")]);
    assert_account(&json!({"open_orders": far}), "600");
}

#[test]
fn a_sale_counts_in_full_while_coins_are_owed_or_nobody_says() {
    let sale = json!([rests("Sell", "12", "100", "0")]);
    let account = |wallet: Value| json!({"open_orders": sale, "wallet": wallet});
    assert_account(&account(json!([coins("5", "5")])), "600");
    // what is lost and not yet paid is less there to be sold
    assert_account(&account(json!([coins("5", "4")])), "600");
    // 500 held less 1200
    assert_account(&account(json!([coins("5", "5.001")])), "800");
    assert_account(&account(json!([coins("5", "")])), "800");
    assert_account(&account(json!([coins("0", "1")])), "1300");
    // no coins at all, so nothing to sell
    assert_account(&account(json!([])), "100");
    let unsaid = json!({"coin": "BTC", "equity": "5", "usdValue": "500"});
    assert_account(&account(json!([unsaid])), "800");
    let other = json!({"coin": "ETH", "equity": "0", "walletBalance": "7", "usdValue": "0"});
    assert_account(&account(json!([coins("5", "5"), other])), "600");
}

#[test]
fn a_sale_that_borrows_starts_where_the_others_leave_nothing() {
    let both = json!([rests("Sell", "5", "100", "0"), rests("Sell", "8", "100", "1")]);
    assert_account(&json!({"open_orders": both}), "900");
    // what is bought may be held beside it all
    let bought = json!([rests("Sell", "5", "100", "0"), rests("Buy", "3", "100", "0")]);
    assert_account(&json!({"open_orders": bought}), "900");
}

#[test]
fn our_own_sale_of_what_is_held_leaves_nothing_however_much_rests_beside_it() {
    let rest = json!([rests("Sell", "5", "140", "0")]);
    assert_sold("5", &json!({"open_orders": rest}), "0");
    assert_sold("2", &json!({"open_orders": rest}), "300");
    // more than is there: the exchange refuses it, and Vibe-Trading counts what is beyond
    assert_sold("7", &json!({}), "200");
    assert_sold(
        "7",
        &json!({"open_orders": [rests("Buy", "3", "100", "0")]}),
        "300",
    );
    // 1 left of what is held, less 8 that borrow
    let borrows = json!([rests("Sell", "8", "100", "1")]);
    assert_sold("4", &json!({"open_orders": borrows}), "700");
    assert_sold("6", &json!({"open_orders": borrows}), "900");
    // where some is owed, or nobody says, it may turn over
    assert_sold("7", &json!({"wallet": [coins("5", "7")]}), "200");
    assert_sold("7", &json!({"wallet": [coins("5", "")]}), "200");
}

#[test]
fn an_amended_sale_borrows_as_it_was_placed() {
    let amended = |lever: &str| {
        let row = with(
            &rests("Sell", "5", "140", lever),
            &json!({"orderId": "o-1", "qty": "5"}),
        );
        let beside = rests("Sell", "5", "100", "0");
        let facts = with(&facts(), &json!({"order": row, "open_orders": [row, beside]}));
        let args = json!({"category": "spot", "symbol": "BTCUSDT", "order_id": "o-1", "new_qty": "4"});
        explain(&json!({"tool": "bybit_amend_order", "args": args, "facts": facts}).to_string())
            .post_trade_exposure_usd
    };
    assert_eq!(amended("0").as_deref(), Some("100"));
    // the other one has sold what is held, and these four are short at 140
    assert_eq!(amended("1").as_deref(), Some("560"));
    assert_eq!(amended("").as_deref(), Some("560"));
}

#[test]
fn what_a_sale_brings_in_and_a_pair_of_dollars_count_in_full() {
    let two = json!([
        with(&rests("Sell", "5", "1.4", "0"), &json!({"symbol": "BTCETH"})),
        with(&rests("Sell", "5", "1", "0"), &json!({"symbol": "BTCETH"}))
    ]);
    // 500 of BTC, and 700 and 500 of ETH
    assert_account(&json!({"open_orders": two}), "1800");
    let dollars = with(&rests("Sell", "5", "1", "0"), &json!({"symbol": "USDCUSDT"}));
    assert_account(&json!({"open_orders": [dollars]}), "605");
    let verdict = place(&order("spot", "USDCUSDT", "Sell", "5"), &facts());
    assert_eq!(verdict.post_trade_exposure_usd.as_deref(), Some("505"));
}

#[test]
fn a_sale_above_the_cap_is_told_the_largest_that_its_order_cap_lets_pass() {
    let mut facts = with(
        &facts(),
        &json!({"open_orders": [rests("Sell", "5", "140", "0")]}),
    );
    facts["mandate"]["hard_caps"]["max_order_notional_usd"] = json!(300);
    facts["mandate"]["hard_caps"]["max_total_exposure_usd"] = json!(400);
    facts["instruments"]["spot:BTCUSDT"] =
        json!({"baseCoin": "BTC", "quoteCoin": "USDT", "qtyStep": "0.1", "status": "Trading"});
    // less than 1 leaves more than 400
    let verdict = place(&order("spot", "BTCUSDT", "Sell", "5"), &facts);
    assert_eq!(
        (verdict.limit, verdict.largest_qty.as_deref()),
        (Some("max_order_notional_usd"), Some("3"))
    );
    let too_little = place(&order("spot", "BTCUSDT", "Sell", "0.9"), &facts);
    assert_eq!(
        (too_little.limit, too_little.attempted_value.as_deref()),
        (Some("max_total_exposure_usd"), Some("410"))
    );
}

#[test]
fn coins_that_another_sell_may_take_first_do_not_turn_the_search_for_a_size_around() {
    let mut facts = with(
        &facts(),
        &json!({"wallet": [coins("60", "60")], "open_orders": [rests("Sell", "40", "100", "0")]}),
    );
    facts["instruments"] = json!({"spot:BTCUSDT": {"baseCoin": "BTC", "quoteCoin": "USDT", "status": "Trading", "qtyStep": "1"}});
    facts["mandate"]["hard_caps"]["max_order_notional_usd"] = json!(10_000);
    facts["mandate"]["hard_caps"]["max_total_exposure_usd"] = json!(500);
    let verdict = place(&order("spot", "BTCUSDT", "Sell", "80"), &facts);
    // the other may never fill: only from 55 on at most 5 coins stay; from 66 on more than 5 are sold short
    assert_eq!(verdict.attempted_value.as_deref(), Some("2000"), "{verdict:?}");
    assert_eq!(verdict.largest_qty.as_deref(), Some("65"), "{verdict:?}");
}

fn limit(qty: &str, price: &str) -> Value {
    with(
        &order("spot", "BTCUSDT", "Sell", qty),
        &json!({"order_type": "Limit", "price": price, "market_unit": null}),
    )
}

fn amend(resting: &Value, change: &Value, account: &Value) -> Verdict {
    let resting = with(resting, &json!({"orderId": "o-1", "qty": resting["leavesQty"]}));
    let facts = with(
        &with(&facts(), account),
        &json!({"order": resting, "open_orders": [resting]}),
    );
    let key = json!({"category": "spot", "symbol": resting["symbol"], "order_id": "o-1"});
    let args = with(&key, change);
    explain(&json!({"tool": "bybit_amend_order", "args": args, "facts": facts}).to_string())
}

#[test]
fn a_sale_that_can_go_short_counts_at_its_limit() {
    let refused = |verdict: Verdict| (verdict.limit, verdict.attempted_value);
    let at_its_limit = (Some("max_order_notional_usd"), Some("9000".to_owned()));
    // the coins are there, but lent
    let lent = json!({"wallet": [coins("0", "9")]});
    let verdict = place(&limit("9", "1000"), &with(&facts(), &lent));
    assert_eq!(refused(verdict), at_its_limit);
    for lever in ["1", ""] {
        let larger = amend(
            &rests("Sell", "1", "1000", lever),
            &json!({"new_qty": "9"}),
            &json!({}),
        );
        assert_eq!(refused(larger), at_its_limit, "{lever}");
        let dearer = amend(
            &rests("Sell", "9", "101", lever),
            &json!({"price": "1000"}),
            &json!({}),
        );
        assert_eq!(refused(dearer), at_its_limit, "{lever}");
    }
    // these give up what is held
    let held = json!({"wallet": [coins("9", "9")]});
    let verdict = place(&limit("9", "1000"), &with(&facts(), &held));
    assert_eq!(
        (verdict.decision, verdict.notional_usd.as_deref()),
        ("allow", Some("900"))
    );
    let larger = amend(&rests("Sell", "1", "1000", "0"), &json!({"new_qty": "9"}), &held);
    assert_eq!(
        (larger.decision, larger.notional_usd.as_deref()),
        ("allow", Some("900"))
    );
}

#[test]
fn coins_that_are_owed_count_also_where_the_equity_is_told_as_nothing() {
    let beside = |row: Value| json!({"wallet": [coins("5", "5"), row]});
    let owed =
        json!({"coin": "ETH", "equity": "0", "walletBalance": "0", "usdValue": "-200", "spotBorrow": "2"});
    assert_account(&beside(owed.clone()), "800");
    assert_account(&beside(with(&owed, &json!({"spotBorrow": "0"}))), "800");
    // half of what was borrowed is there still, and nobody says what the rest is worth
    let part = with(
        &owed,
        &json!({"walletBalance": "0.5", "spotBorrow": "1", "usdValue": ""}),
    );
    let quotes = with(
        &facts()["quotes"],
        &json!({"spot:ETHUSDT": {"bid": "100", "ask": "100", "last": "100"}}),
    );
    assert_account(&with(&beside(part), &json!({"quotes": quotes})), "650");
    let all_there = with(
        &owed,
        &json!({"walletBalance": "1", "spotBorrow": "1", "usdValue": "0"}),
    );
    assert_account(&beside(all_there), "600");
    // and a sale of it is no sale of what is held
    let sale = with(&rests("Sell", "1", "100", "0"), &json!({"symbol": "ETHUSDT"}));
    let account = with(&beside(owed), &json!({"open_orders": [sale], "quotes": quotes}));
    assert_account(&account, "900");
}

#[test]
fn coins_that_are_owed_count_also_where_what_is_held_does_not() {
    let account =
        |row: Value| json!({"policy": "count_spot_holdings = false", "wallet": [coins("5", "5"), row]});
    let eth = |equity: &str, usd: &str| json!({"coin": "ETH", "equity": equity, "usdValue": usd});
    assert_account(&account(eth("-2", "-200")), "300");
    assert_account(&account(eth("0", "-200")), "300");
    let quotes = with(
        &facts()["quotes"],
        &json!({"spot:ETHUSDT": {"bid": "100", "ask": "100", "last": "100"}}),
    );
    for value in ["", "0"] {
        assert_account(
            &with(&account(eth("-2", value)), &json!({"quotes": quotes})),
            "300",
        );
    }
    // what is held, at whatever value
    assert_account(&account(eth("2", "200")), "100");
    assert_account(&with(&account(eth("2", "0")), &json!({"quotes": quotes})), "100");
    assert_account(&account(eth("0", "200")), "100");
    // dollars that are owed are none of it
    assert_account(
        &account(json!({"coin": "USDT", "equity": "-50", "usdValue": "-50"})),
        "100",
    );
    // bought back, and beyond
    let buy = |qty: &str| {
        let owed = json!([{"coin": "BTC", "equity": "-2", "walletBalance": "-2", "usdValue": "-200"}]);
        let facts = with(&facts(), &with(&account(json!(null)), &json!({"wallet": owed})));
        place(&order("spot", "BTCUSDT", "Buy", qty), &facts).post_trade_exposure_usd
    };
    assert_eq!(buy("2").as_deref(), Some("0"));
    assert_eq!(buy("5").as_deref(), Some("300"));
}

#[test]
fn a_buy_that_may_borrow_what_it_pays_with_counts_on_both_sides() {
    let buy = |lever: &str| with(&rests("Buy", "5", "1", lever), &json!({"symbol": "BTCETH"}));
    let account =
        |lever: &str, eth: Value| json!({"open_orders": [buy(lever)], "wallet": [coins("5", "5"), eth]});
    let eth = |equity: &str, wallet: &str, usd: &str| json!({"coin": "ETH", "equity": equity, "walletBalance": wallet, "usdValue": usd});
    let none = || eth("0", "0", "0");
    // 1000 of BTC, and 500 of ETH short
    assert_account(&account("1", none()), "1600");
    assert_account(&account("", none()), "1600");
    assert_account(&account("0", none()), "1100");
    // ETH is owed, so what it pays with may be short as well: 100 and 500
    assert_account(&account("0", eth("-1", "0", "-100")), "1700");
    // 300 of ETH: paid first, a sale of 400 on credit is short by all of it
    let sale = with(&rests("Sell", "4", "100", "1"), &json!({"symbol": "ETHUSDT"}));
    let quotes = with(
        &facts()["quotes"],
        &json!({"spot:ETHUSDT": {"bid": "100", "ask": "100", "last": "100"}}),
    );
    let two = with(
        &account("0", eth("3", "3", "300")),
        &json!({"open_orders": [buy("0"), sale], "quotes": quotes}),
    );
    assert_account(&two, "1500");
}

#[test]
fn an_amended_buy_keeps_what_it_may_borrow() {
    let rest = |lever: &str| with(&rests("Buy", "1", "1", lever), &json!({"symbol": "BTCETH"}));
    let larger =
        |lever: &str| amend(&rest(lever), &json!({"new_qty": "9"}), &json!({})).post_trade_exposure_usd;
    // 500 held, 900 bought, 900 of ETH short
    assert_eq!(larger("1").as_deref(), Some("2300"));
    assert_eq!(larger("0").as_deref(), Some("1400"));
    // ours never borrow
    let ours = place(&order("spot", "BTCETH", "Buy", "9"), &facts());
    assert_eq!(ours.post_trade_exposure_usd.as_deref(), Some("1400"));
}

#[test]
fn what_an_amended_buy_borrows_bounds_the_size_that_is_suggested() {
    let mut account = facts();
    account["mandate"]["hard_caps"]["max_total_exposure_usd"] = json!(1_500);
    account["instruments"] =
        json!({"spot:BTCETH": {"baseCoin": "BTC", "quoteCoin": "ETH", "status": "Trading", "qtyStep": "1"}});
    let rest = with(&rests("Buy", "1", "1", "1"), &json!({"symbol": "BTCETH"}));
    let verdict = amend(&rest, &json!({"new_qty": "9"}), &account);
    // 500 held, and each coin counts twice
    assert_eq!(
        (verdict.attempted_value.as_deref(), verdict.largest_qty.as_deref()),
        (Some("2300"), Some("5"))
    );
}
