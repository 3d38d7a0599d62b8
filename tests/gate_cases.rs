//! The gate's own rules beyond upstream's, each as one worked case through `explain`. The figures are computed
//! by hand.

use mandated::cli::explain::{Verdict, explain};
use serde_json::{Value, json};

fn mandate() -> Value {
    json!({"schema_version": 1,
        "hard_caps": {"account_funding_usd": 5000.0, "max_order_notional_usd": 1000.0, "max_total_exposure_usd": 2000.0,
                      "max_leverage": 3.0, "allowed_instruments": ["crypto"], "max_trades_per_day": 5},
        "universe": {"asset_classes": ["crypto"], "min_market_cap_usd": null, "min_avg_daily_volume_usd": null,
                     "exclude_symbols": ["DOGE-USDT"]},
        "consent": {"created_at": "2026-06-01T00:00:00+00:00", "consent_token_sha256": "ab", "broker": "bybit",
                    "account_ref": "a-1", "expires_at": "2026-07-01T00:00:00+00:00"}})
}

fn facts() -> Value {
    json!({"now": "2026-06-15T12:00:00Z", "mandate": mandate(), "halted": false, "daily_count": 0,
        "quotes": {"linear:BTCUSDT": {"bid": "100", "ask": "100", "last": "100", "mark": "100"},
                   "inverse:BTCUSD": {"bid": "100", "ask": "100", "last": "100", "mark": "100"},
                   "spot:BTCUSDT": {"bid": "100", "ask": "100", "last": "100"},
                   "spot:ETHBTC": {"bid": "0.05", "ask": "0.05", "last": "0.05", "quote_coin_usd": "100"},
                   "spot:BTCEUR": {"bid": "90", "ask": "90", "last": "90"}},
        "positions": [], "open_orders": [], "wallet": []})
}

fn ask(tool: &str, args: Value, facts: &Value) -> Verdict {
    explain(&json!({"tool": tool, "args": args, "facts": facts}).to_string())
}

fn place(args: Value, facts: &Value) -> Verdict {
    ask("bybit_place_order", args, facts)
}

fn buy(qty: &str) -> Value {
    json!({"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "order_type": "Market", "qty": qty})
}

fn sell(qty: &str) -> Value {
    json!({"category": "linear", "symbol": "BTCUSDT", "side": "Sell", "order_type": "Market", "qty": qty})
}

fn position(side: &str, size: &str, idx: u8) -> Value {
    json!({"category": "linear", "symbol": "BTCUSDT", "side": side, "size": size, "markPrice": "100", "positionIdx": idx})
}

fn resting(side: &str, leaves: &str, price: &str, reduce_only: bool, idx: u8) -> Value {
    json!({"category": "linear", "symbol": "BTCUSDT", "side": side, "leavesQty": leaves, "price": price,
           "reduceOnly": reduce_only, "positionIdx": idx})
}

fn exposure(verdict: &Verdict) -> &str {
    verdict.post_trade_exposure_usd.as_deref().unwrap_or("none")
}

#[track_caller]
fn assert_no(verdict: &Verdict, decision: &str, limit: &str) {
    assert_eq!(
        (verdict.decision, verdict.limit),
        (decision, Some(limit)),
        "{verdict:?}"
    );
}

#[test]
fn resting_orders_count_as_filled_or_not_whichever_is_worse() {
    let mut facts = facts();
    facts["positions"] = json!([position("Buy", "4", 0)]);
    facts["open_orders"] = json!([
        resting("Buy", "3", "90", false, 0),
        resting("Sell", "6", "110", false, 0)
    ]);
    // long 400, +100 by this order, +300 (at the live price, above its limit) if the buy fills: 800;
    // 500 - 660 if the sell fills instead: 160 short
    assert_eq!(exposure(&place(buy("1"), &facts)), "800");
    facts["positions"] = json!([]);
    // 100 + 300 against 100 - 660
    assert_eq!(exposure(&place(buy("1"), &facts)), "560");
}

#[test]
fn ten_resting_orders_of_900_pass_once_under_a_cap_of_1000() {
    let mut facts = facts();
    facts["mandate"]["hard_caps"]["max_total_exposure_usd"] = json!(1000);
    let order = json!({"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "order_type": "Limit", "qty": "9", "price": "90"});
    assert_eq!(place(order.clone(), &facts).decision, "allow");
    facts["open_orders"] = json!([resting("Buy", "9", "90", false, 0)]);
    assert_no(
        &place(order, &facts),
        "pause_for_reauth",
        "max_total_exposure_usd",
    );
}

#[test]
fn an_inflight_order_counts_like_a_resting_one() {
    let mut facts = facts();
    facts["inflight"] = json!([resting("Buy", "15", "100", false, 0)]);
    assert_eq!(exposure(&place(buy("5"), &facts)), "2000");
    assert_no(
        &place(buy("5.01"), &facts),
        "pause_for_reauth",
        "max_total_exposure_usd",
    );
}

#[test]
fn reduce_only_orders_that_rest_only_reduce() {
    let mut facts = facts();
    facts["positions"] = json!([position("Buy", "5", 0)]);
    facts["open_orders"] = json!([resting("Sell", "50", "110", true, 0)]);
    assert_eq!(exposure(&place(buy("1"), &facts)), "600");
    // but a reduce-only sell that fills first leaves nothing for a plain sell to close
    facts["open_orders"] = json!([
        resting("Sell", "5", "100", true, 0),
        resting("Sell", "8", "100", false, 0)
    ]);
    assert_eq!(exposure(&place(sell("1"), &facts)), "900");
}

#[test]
fn hedge_legs_add_up() {
    let mut facts = facts();
    facts["positions"] = json!([position("Buy", "6", 1), position("Sell", "5", 2)]);
    let mut order = buy("2");
    order["position_idx"] = json!(1);
    assert_eq!(exposure(&place(order, &facts)), "1300");
    let mut close = sell("4");
    close["position_idx"] = json!(1);
    assert_eq!(exposure(&place(close, &facts)), "700");
}

#[test]
fn a_sell_that_can_open_a_short_counts_at_its_limit() {
    let mut facts = facts();
    let order = json!({"category": "linear", "symbol": "BTCUSDT", "side": "Sell", "order_type": "Limit", "qty": "2", "price": "150"});
    assert_eq!(place(order.clone(), &facts).notional_usd.as_deref(), Some("300"));
    facts["positions"] = json!([position("Buy", "2", 0)]);
    assert_eq!(place(order.clone(), &facts).notional_usd.as_deref(), Some("200"));
    facts["open_orders"] = json!([resting("Sell", "1", "120", false, 0)]);
    assert_eq!(place(order, &facts).notional_usd.as_deref(), Some("300"));
}

#[test]
fn what_an_order_closes_counts_at_the_live_price_whatever_it_is_said_to_be_worth() {
    let mut facts = facts();
    facts["positions"] = json!([position("Sell", "29", 0)]);
    let mut order = buy("1");
    // 2900 - 100 is left open, above the cap of 2000, and not 2900 - 950
    order["notional_usd"] = json!(950);
    assert_no(
        &place(order, &facts),
        "pause_for_reauth",
        "max_total_exposure_usd",
    );
    // a limit of 108 may fill at 100: then 2900 - 891 is left open
    let mut order = json!({"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "order_type": "Limit", "qty": "8.91", "price": "108"});
    assert_eq!(exposure(&place(order.clone(), &facts)), "2009");
    order["qty"] = json!("9");
    assert_eq!(place(order, &facts).decision, "allow");
}

#[test]
fn the_worst_price_a_buy_can_fill_at_counts() {
    let mut facts = facts();
    facts["quotes"]["linear:BTCUSDT"] = json!({"bid": "99", "ask": "101", "last": "100", "mark": "103"});
    let notional = |args: Value| place(args, &facts).notional_usd.unwrap();
    assert_eq!(notional(buy("1")), "103");
    let mut order = buy("1");
    order["order_type"] = json!("Limit");
    order["price"] = json!("104");
    assert_eq!(notional(order.clone()), "104");
    order["price"] = json!("50");
    assert_eq!(notional(order.clone()), "103");
    order["trigger_price"] = json!("110");
    order["trigger_direction"] = json!(1);
    assert_eq!(notional(order), "110");
}

#[test]
fn an_inverse_quantity_is_dollars_whatever_the_price() {
    let order = json!({"category": "inverse", "symbol": "BTCUSD", "side": "Buy", "order_type": "Market", "qty": "700"});
    let mut facts = facts();
    facts["positions"] =
        json!([{"category": "inverse", "symbol": "BTCUSD", "side": "Sell", "size": "300", "positionIdx": 0}]);
    let verdict = place(order, &facts);
    assert_eq!(
        (verdict.notional_usd.as_deref(), exposure(&verdict)),
        (Some("700"), "400")
    );
}

#[test]
fn spot_by_quote_is_money_and_by_base_is_coins() {
    let facts = facts();
    let mut order = json!({"category": "spot", "symbol": "BTCUSDT", "side": "Buy", "order_type": "Market", "qty": "200", "market_unit": "quoteCoin"});
    assert_eq!(place(order.clone(), &facts).notional_usd.as_deref(), Some("200"));
    order["market_unit"] = json!("baseCoin");
    order["qty"] = json!("3");
    assert_eq!(place(order.clone(), &facts).notional_usd.as_deref(), Some("300"));
    order["market_unit"] = json!(null);
    assert_no(&place(order, &facts), "deny", "intent");
}

#[test]
fn spot_holdings_are_positions_and_a_sale_into_another_coin_adds_that_coin() {
    let mut facts = facts();
    facts["wallet"] = json!([{"coin": "USDT", "equity": "9000", "usdValue": "9000"}, {"coin": "ETH", "equity": "100", "usdValue": "500"},
                             {"coin": "BTC", "equity": "1", "usdValue": "0"}]);
    assert_eq!(exposure(&place(buy("1"), &facts)), "700");
    let order = json!({"category": "spot", "symbol": "ETHBTC", "side": "Sell", "order_type": "Market", "qty": "40", "market_unit": "baseCoin"});
    // 40 ETH at 0.05 BTC at $100: $200 less of ETH, $200 more of BTC
    assert_eq!(exposure(&place(order, &facts)), "600");
}

#[test]
fn a_quote_coin_without_a_price_is_refused() {
    let order = json!({"category": "spot", "symbol": "BTCEUR", "side": "Buy", "order_type": "Limit", "qty": "1", "price": "90"});
    assert_no(&place(order, &facts()), "deny", "quote");
}

#[test]
fn a_coin_that_cannot_be_valued_is_refused() {
    let mut facts = facts();
    facts["wallet"] = json!([{"coin": "XYZ", "equity": "5", "usdValue": ""}]);
    assert_no(
        &place(buy("1"), &facts),
        "pause_for_reauth",
        "max_total_exposure_usd",
    );
}

#[test]
fn each_missing_fact_refuses() {
    for fact in [
        "now",
        "mandate",
        "halted",
        "daily_count",
        "quotes",
        "positions",
        "open_orders",
        "wallet",
    ] {
        let mut facts = facts();
        facts.as_object_mut().unwrap().remove(fact);
        assert_ne!(place(buy("1"), &facts).decision, "allow", "without {fact}");
    }
    for part in ["bid", "ask", "last", "mark"] {
        for (side, needs) in [("Buy", part != "bid"), ("Sell", part != "ask")] {
            let mut facts = facts();
            facts["quotes"]["linear:BTCUSDT"]
                .as_object_mut()
                .unwrap()
                .remove(part);
            let mut order = buy("1");
            order["side"] = json!(side);
            assert_eq!(
                place(order, &facts).decision == "deny",
                needs,
                "{side} without {part}"
            );
        }
    }
}

#[test]
fn an_exit_that_the_exchange_keeps_reduce_only_passes_every_cap() {
    let mut facts = facts();
    facts["daily_count"] = json!(5);
    for missing in ["positions", "wallet", "quotes", "open_orders"] {
        facts.as_object_mut().unwrap().remove(missing);
    }
    let mut exit = sell("500");
    exit["symbol"] = json!("DOGEUSDT");
    exit["reduce_only"] = json!(true);
    assert_eq!(place(exit.clone(), &facts).decision, "allow");
    facts["halted"] = json!(true);
    assert_no(&place(exit.clone(), &facts), "deny", "halt_flag");
    exit["category"] = json!("spot");
    facts["halted"] = json!(false);
    assert_no(&place(exit, &facts), "deny", "intent");
}

#[test]
fn a_coin_on_the_exclude_list_is_bought_by_no_pair_and_in_no_contract() {
    let mut facts = facts();
    let mut asked = |entry: &str, category: &str, symbol: &str, unit: Option<&str>| {
        facts["mandate"]["universe"]["exclude_symbols"] = json!([entry]);
        let mut args = json!({"category": category, "symbol": symbol, "side": "Buy", "order_type": "Market", "qty": "1"});
        if let Some(unit) = unit {
            args["market_unit"] = json!(unit);
        }
        place(args, &facts)
    };
    for entry in [
        "BTC",
        " btc ",
        "BTC/USDT:USDT",
        "BTC/USDT",
        "BTCUSDT.P",
        "BYBIT:BTCUSDT",
    ] {
        assert_no(
            &asked(entry, "linear", "BTCUSDT", None),
            "deny",
            "exclude_symbols",
        );
        let spot = asked(entry, "spot", "BTCUSDT", Some("baseCoin"));
        assert_no(&spot, "deny", "exclude_symbols");
    }
    assert_no(
        &asked("BTC", "inverse", "BTCUSD", None),
        "deny",
        "exclude_symbols",
    );
    // whoever sells ether here is paid in bitcoin
    for coin in ["ETH", "BTC"] {
        let cross = asked(coin, "spot", "ETHBTC", Some("baseCoin"));
        assert_no(&cross, "deny", "exclude_symbols");
    }
    for entry in ["ETH", "BT", "USDT", "BTCUSDC", "BTC-PERP"] {
        assert_eq!(
            asked(entry, "linear", "BTCUSDT", None).decision,
            "allow",
            "{entry}"
        );
    }
}

#[test]
fn a_contract_on_one_coin_in_terms_of_another_is_excluded_by_either() {
    let limit = |symbol: &str, entry: &str| {
        let mut facts = facts();
        facts["mandate"]["universe"]["exclude_symbols"] = json!([entry]);
        facts["quotes"][format!("linear:{symbol}")] =
            json!({"bid": "1", "ask": "1", "last": "1", "mark": "1"});
        let mut args = buy("1");
        args["symbol"] = json!(symbol);
        place(args, &facts).limit
    };
    for entry in ["ETH", "BTC"] {
        assert_eq!(limit("ETHBTCUSDT", entry), Some("exclude_symbols"), "{entry}");
    }
    assert_ne!(limit("ETHBTCUSDT", "SOL"), Some("exclude_symbols"));
    assert_ne!(limit("METHUSDT", "ETH"), Some("exclude_symbols"));
    assert_ne!(limit("WBTCUSDT", "BTC"), Some("exclude_symbols"));
}

#[test]
fn an_exclude_entry_that_can_match_nothing_is_no_mandate() {
    let mut facts = facts();
    for entry in ["", " ", "-", "DOGE,SHIB", "DOGE SHIB", "DOGE*", "\u{414}OGE"] {
        facts["mandate"]["universe"]["exclude_symbols"] = json!(["ETHUSDT", entry]);
        let verdict = place(buy("1"), &facts);
        assert_no(&verdict, "deny", "mandate");
        assert!(
            verdict.reason.contains("`universe.exclude_symbols`"),
            "{verdict:?}"
        );
        assert!(verdict.reason.contains("such as DOGE or DOGEUSDT"), "{verdict:?}");
    }
}

#[test]
fn cancels_pass_a_full_count_and_the_exclude_list() {
    let mut facts = facts();
    facts["daily_count"] = json!(99);
    let order = json!({"category": "linear", "symbol": "DOGEUSDT", "order_id": "a-1"});
    assert_eq!(ask("bybit_cancel_order", order, &facts).decision, "allow");
    assert_eq!(
        ask("bybit_cancel_all_orders", json!({"category": "spot"}), &facts).decision,
        "allow"
    );
    facts["mandate"] = json!(null);
    assert_no(
        &ask("bybit_cancel_all_orders", json!({"category": "spot"}), &facts),
        "deny",
        "mandate",
    );
}

#[test]
fn leverage_is_bounded_and_structural_rules_hold() {
    let facts = facts();
    let set = |symbol: &str, leverage: &str| {
        ask(
            "bybit_set_leverage",
            json!({"category": "linear", "symbol": symbol, "leverage": leverage}),
            &facts,
        )
    };
    assert_eq!(set("BTCUSDT", "3").decision, "allow");
    assert_no(&set("BTCUSDT", "3.01"), "pause_for_reauth", "max_leverage");
    assert_no(&set("DOGEUSDT", "1"), "deny", "exclude_symbols");
    assert_no(&set("BTCUSDT", "0.5"), "deny", "intent");
}

#[test]
fn an_amend_is_checked_by_its_new_total_with_the_old_order_taken_out() {
    let mut facts = facts();
    facts["daily_count"] = json!(5);
    let order = json!({"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "qty": "8", "leavesQty": "6", "cumExecQty": "2",
                       "price": "100", "reduceOnly": false, "positionIdx": 0, "orderId": "o-1"});
    facts["open_orders"] = json!([order]);
    facts["positions"] = json!([position("Buy", "2", 0)]);
    facts["order"] = order;
    let amend = |qty: &str, facts: &Value| {
        ask(
            "bybit_amend_order",
            json!({"category": "linear", "symbol": "BTCUSDT", "order_id": "o-1", "new_qty": qty}),
            facts,
        )
    };
    // smaller: no trade is counted, so the full count does not refuse it
    let smaller = amend("5", &facts);
    assert_eq!((smaller.decision, exposure(&smaller)), ("allow", "500"));
    assert_no(&amend("9", &facts), "pause_for_reauth", "max_trades_per_day");
    assert_no(
        &amend("10.5", &facts),
        "pause_for_reauth",
        "max_order_notional_usd",
    );
    assert_no(&amend("2", &facts), "deny", "intent");
    facts["order"] = json!(null);
    assert_no(&amend("5", &facts), "deny", "intent");
}

#[test]
fn the_suggested_size_passes_and_one_lot_more_does_not() {
    let mut facts = facts();
    facts["instruments"] = json!({"linear:BTCUSDT": {"baseCoin": "BTC", "quoteCoin": "USDT", "settleCoin": "USDT", "status": "Trading", "qtyStep": "0.003"}});
    let verdict = place(buy("12"), &facts);
    assert_no(&verdict, "pause_for_reauth", "max_order_notional_usd");
    assert_eq!(verdict.largest_qty.as_deref(), Some("9.999"));
    assert!(
        verdict
            .reason
            .contains("$1200.00 exceeds max_order_notional_usd $1000.00"),
        "{}",
        verdict.reason
    );
    facts["positions"] = json!([position("Sell", "25", 0)]);
    // short 2500: only from 5 to 45 bought does it fit under 2000, and an order may be worth 1000
    assert_eq!(place(buy("12"), &facts).largest_qty.as_deref(), Some("9.999"));
    assert_eq!(place(buy("9.999"), &facts).decision, "allow");
    assert_ne!(place(buy("10.002"), &facts).decision, "allow");
}

#[test]
fn a_size_is_suggested_where_resting_orders_move_the_best_one_away_from_flat() {
    let mut facts = facts();
    facts["instruments"] = json!({"linear:BTCUSDT": {"baseCoin": "BTC", "quoteCoin": "USDT", "settleCoin": "USDT", "status": "Trading", "qtyStep": "0.1"}});
    facts["mandate"]["hard_caps"]["max_total_exposure_usd"] = json!(500);
    facts["positions"] = json!([position("Sell", "10", 0)]);
    facts["open_orders"] = json!([resting("Buy", "6", "100", false, 0)]);
    // short 1000 with 600 of buys resting: from 5 to 9 bought it stays within 500 either way; flat is 10
    let verdict = place(buy("9.5"), &facts);
    assert_no(&verdict, "pause_for_reauth", "max_total_exposure_usd");
    assert_eq!(verdict.largest_qty.as_deref(), Some("9"));
    // too little of it is no smaller size that passes
    assert_eq!(place(buy("4.9"), &facts).largest_qty, None);
}

#[test]
fn the_size_suggested_for_an_amend_is_a_total_that_counts_what_has_filled_once() {
    let mut facts = facts();
    facts["instruments"] = json!({"linear:BTCUSDT": {"baseCoin": "BTC", "quoteCoin": "USDT", "settleCoin": "USDT", "status": "Trading", "qtyStep": "0.1"}});
    facts["mandate"]["hard_caps"]["max_total_exposure_usd"] = json!(700);
    let order = json!({"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "qty": "4", "leavesQty": "2", "cumExecQty": "2",
                       "price": "100", "reduceOnly": false, "positionIdx": 0, "orderId": "o-1"});
    facts["open_orders"] = json!([order]);
    facts["positions"] = json!([position("Buy", "2", 0)]);
    facts["order"] = order;
    let amend = |qty: &str| {
        let args = json!({"category": "linear", "symbol": "BTCUSDT", "order_id": "o-1", "new_qty": qty});
        ask("bybit_amend_order", args, &facts)
    };
    // 2 are held and in the total: 5 more may rest
    assert_eq!(amend("9.5").largest_qty.as_deref(), Some("7"));
    assert_eq!(
        (amend("7").decision, amend("7.1").decision),
        ("allow", "pause_for_reauth")
    );
}

#[test]
fn floors_refuse_below_and_without_a_figure() {
    let mut facts = facts();
    facts["mandate"]["universe"]["min_avg_daily_volume_usd"] = json!(1000);
    assert_no(&place(buy("1"), &facts), "deny", "min_avg_daily_volume_usd");
    facts["avg_daily_volume_usd"] = json!("999.99");
    assert_no(&place(buy("1"), &facts), "deny", "min_avg_daily_volume_usd");
    facts["avg_daily_volume_usd"] = json!("1000");
    assert_eq!(place(buy("1"), &facts).decision, "allow");
    facts["mandate"]["universe"]["min_market_cap_usd"] = json!(1);
    assert_no(&place(buy("1"), &facts), "deny", "min_market_cap_usd");
}

#[test]
fn hostile_numbers_are_refused_and_never_panic() {
    let facts = facts();
    for qty in [
        "0",
        "-1",
        "1e999",
        "NaN",
        "Infinity",
        "79228162514264337593543950335",
        "1e28",
        "0x1",
        "",
        "1,5",
        "１",
    ] {
        assert_ne!(place(buy(qty), &facts).decision, "allow", "{qty}");
    }
    let line = r#"{"tool":"bybit_place_order","args":{"category":"linear","qty":1,"qty":2},"facts":{}}"#;
    assert!(explain(line).reason.contains("appears twice"));
    for line in [
        "",
        "{",
        "[]",
        "{\"tool\":\"bybit_place_order\"}",
        "{\"tool\":\"nope\",\"args\":{},\"facts\":{}}",
    ] {
        assert_eq!(explain(line).decision, "deny", "{line}");
    }
}

#[test]
fn an_empty_call_buys_nothing() {
    let verdict = place(json!({}), &facts());
    assert_no(&verdict, "deny", "intent");
    assert!(
        verdict.reason.contains("`category` is missing"),
        "{}",
        verdict.reason
    );
}

#[test]
fn what_a_policy_adds_is_enforced_and_a_broken_policy_refuses() {
    let mut facts = facts();
    facts["policy"] = json!("allowed_symbols = [\"ETHUSDT\"]");
    assert_no(&place(buy("1"), &facts), "deny", "policy");
    facts["policy"] = json!("max_price_deviation_percent = \"5\"");
    let mut order = json!({"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "order_type": "Limit", "qty": "1", "price": "105"});
    assert_eq!(place(order.clone(), &facts).decision, "allow");
    order["price"] = json!("94.9");
    assert_no(&place(order, &facts), "deny", "policy");
    facts["policy"] = json!("max_ordr = 5");
    assert_no(&place(buy("1"), &facts), "deny", "policy");
}

#[test]
fn an_option_order_is_refused_whatever_the_mandate_allows() {
    let mut facts = facts();
    facts["mandate"]["hard_caps"]["allowed_instruments"] = json!(["crypto", "option"]);
    facts["quotes"]["option:BTC-26DEC26-100-C"] = json!({"bid": "1", "ask": "1", "last": "1", "mark": "1"});
    let order = json!({"category": "option", "symbol": "BTC-26DEC26-100-C", "side": "Buy", "order_type": "Limit", "qty": "1", "price": "1"});
    assert_no(&place(order, &facts), "deny", "options_unsupported");
}
