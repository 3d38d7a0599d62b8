//! Where the gate's arithmetic turns over: what counts as the same order, as closing, as growing. Each figure is
//! computed by hand.

#![cfg(test)]

mod gate_facts;

use gate_facts::with;
use mandated::cli::explain::{Verdict, explain};
use serde_json::{Value, json};

fn facts() -> Value {
    gate_facts::facts(
        &json!({}),
        &json!({"quotes": {"linear:BTCUSDT": {"bid": "100", "ask": "100", "last": "100", "mark": "100"},
                   "spot:BTCUSDT": {"bid": "100", "ask": "100", "last": "100"}},
        "instruments": {"linear:BTCUSDT": {"baseCoin": "BTC", "quoteCoin": "USDT", "status": "Trading", "qtyStep": "0.003"}}}),
    )
}

fn ask(tool: &str, args: &Value, facts: &Value) -> Verdict {
    explain(&json!({"tool": tool, "args": args, "facts": facts}).to_string())
}

fn market(side: &str, qty: &str) -> Value {
    json!({"category": "linear", "symbol": "BTCUSDT", "side": side, "order_type": "Market", "qty": qty})
}

fn place(args: &Value, facts: &Value) -> Verdict {
    ask("bybit_place_order", args, facts)
}

fn position(side: &str, size: &str, idx: u8) -> Value {
    json!({"category": "linear", "symbol": "BTCUSDT", "side": side, "size": size, "markPrice": "100", "positionIdx": idx})
}

/// A resting buy: 8 in all, 2 of them filled.
fn resting() -> Value {
    json!({"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "qty": "8", "leavesQty": "6", "cumExecQty": "2",
           "price": "100", "reduceOnly": false, "positionIdx": 0, "orderId": "o-1"})
}

/// The day's trades are used up, so an amend passes only if it adds nothing.
fn amend_with_no_trade_left(order: &Value, change: &Value) -> Verdict {
    let facts = with(
        &facts(),
        &json!({"daily_count": 5, "order": order, "open_orders": [order], "positions": [position("Buy", "2", 0)]}),
    );
    let key = json!({"category": "linear", "symbol": "BTCUSDT", "order_id": "o-1"});
    ask("bybit_amend_order", &with(&key, change), &facts)
}

#[track_caller]
fn assert_adds(verdict: &Verdict) {
    assert_eq!(verdict.limit, Some("max_trades_per_day"), "{verdict:?}");
}

#[track_caller]
fn assert_adds_nothing(verdict: &Verdict) {
    assert_eq!(verdict.decision, "allow", "{verdict:?}");
}

#[test]
fn an_amend_adds_when_its_open_part_grows_in_money_or_in_coins() {
    let order = resting();
    let amend = |change: Value| amend_with_no_trade_left(&order, &change);
    // 6 open at 120 are 720, before 600
    assert_adds(&amend(json!({"price": "120"})));
    assert_adds(&amend(json!({"trigger_price": "120"})));
    // 3 open at 110 are 330
    assert_adds_nothing(&amend(json!({"new_qty": "5", "price": "110"})));
    // below the live price of 100 it still counts at that
    assert_adds_nothing(&amend(json!({"price": "90"})));
    assert_adds_nothing(&amend(json!({"take_profit": "130"})));
    // 4 open at 150 were 600, 5 at 110 are 550, but one coin more
    let dear = with(
        &order,
        &json!({"qty": "5", "leavesQty": "4", "cumExecQty": "1", "price": "150"}),
    );
    assert_adds(&amend_with_no_trade_left(
        &dear,
        &json!({"new_qty": "6", "price": "110"}),
    ));
}

#[test]
fn an_amend_takes_out_its_own_order_and_no_other() {
    let exposure = |order: Value, open: Value, inflight: Value| {
        let facts = with(
            &facts(),
            &json!({"order": order, "open_orders": open, "inflight": inflight}),
        );
        let args = json!({"category": "linear", "symbol": "BTCUSDT", "order_id": "o-1", "new_qty": "5"});
        ask("bybit_amend_order", &args, &facts).post_trade_exposure_usd
    };
    let order = resting();
    let other = with(&order, &json!({"orderId": "o-2"}));
    // 3 open of the amended one, 6 of the other
    let sum = exposure(order.clone(), json!([order, other]), json!([]));
    assert_eq!(sum.as_deref(), Some("900"));

    let mine = with(&order, &json!({"orderLinkId": "m-1"}));
    let another = with(&other, &json!({"orderLinkId": "m-2"}));
    let sum = exposure(mine.clone(), json!([mine, another]), json!([]));
    assert_eq!(sum.as_deref(), Some("900"));
    // the same order once more, known by our name alone
    let unseen = with(&mine, &json!({"orderId": ""}));
    let sum = exposure(mine.clone(), json!([mine]), json!([unseen]));
    assert_eq!(sum.as_deref(), Some("300"));
}

#[test]
fn a_sell_closes_only_what_is_long_in_one_way_mode_and_not_promised() {
    let sell = with(
        &market("Sell", "2"),
        &json!({"order_type": "Limit", "price": "150"}),
    );
    let notional = |order: &Value, positions: Value, open: Value| {
        let facts = with(&facts(), &json!({"positions": positions, "open_orders": open}));
        place(order, &facts).notional_usd
    };
    let closing = notional(&sell, json!([position("Buy", "5", 0)]), json!([]));
    assert_eq!(closing.as_deref(), Some("200"));
    let short = notional(&sell, json!([position("Sell", "5", 0)]), json!([]));
    assert_eq!(short.as_deref(), Some("300"));
    let hedge = with(&sell, &json!({"position_idx": 2}));
    let opening = notional(&hedge, json!([position("Buy", "6", 1)]), json!([]));
    assert_eq!(opening.as_deref(), Some("300"));
    // a resting buy promises nothing that is held
    let beside_a_buy = notional(&sell, json!([position("Buy", "5", 0)]), json!([resting()]));
    assert_eq!(beside_a_buy.as_deref(), Some("200"));
}

#[test]
fn a_hedge_short_grows_by_selling_and_shrinks_by_buying() {
    let facts = with(&facts(), &json!({"positions": [position("Sell", "5", 2)]}));
    let exposure = |side: &str| {
        let order = with(&market(side, "1"), &json!({"position_idx": 2}));
        place(&order, &facts).post_trade_exposure_usd
    };
    assert_eq!(exposure("Sell").as_deref(), Some("600"));
    assert_eq!(exposure("Buy").as_deref(), Some("400"));
}

#[test]
fn a_reduce_only_buy_that_fills_first_leaves_nothing_for_a_plain_buy_to_close() {
    let resting = |leaves: &str, reduce_only: bool| {
        json!({"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "leavesQty": leaves, "price": "100",
               "reduceOnly": reduce_only, "positionIdx": 0})
    };
    let facts = with(
        &facts(),
        &json!({"positions": [position("Sell", "5", 0)], "open_orders": [resting("5", true), resting("8", false)]}),
    );
    let verdict = place(&market("Buy", "1"), &facts);
    assert_eq!(verdict.post_trade_exposure_usd.as_deref(), Some("900"));
}

#[test]
fn coins_sold_for_dollars_leave_nothing() {
    let facts = with(
        &facts(),
        &json!({"wallet": [{"coin": "BTC", "equity": "1", "usdValue": "100"}]}),
    );
    let order = json!({"category": "spot", "symbol": "BTCUSDT", "side": "Sell", "order_type": "Market", "qty": "1",
                       "market_unit": "baseCoin"});
    let verdict = place(&order, &facts);
    assert_eq!(verdict.post_trade_exposure_usd.as_deref(), Some("0"));
}

#[test]
fn a_spot_sell_gives_up_coins_at_the_live_price_whatever_its_limit() {
    let facts = with(
        &facts(),
        &json!({"wallet": [{"coin": "BTC", "equity": "2", "walletBalance": "2", "usdValue": "200"}]}),
    );
    let order = json!({"category": "spot", "symbol": "BTCUSDT", "side": "Sell", "order_type": "Limit", "qty": "1", "price": "150"});
    assert_eq!(place(&order, &facts).notional_usd.as_deref(), Some("100"));
    let buy = with(&order, &json!({"side": "Buy"}));
    assert_eq!(place(&buy, &facts).notional_usd.as_deref(), Some("150"));
}

#[test]
fn a_refusal_carries_both_sides_and_the_sort_of_breach() {
    let verdict = place(&market("Buy", "12"), &facts());
    assert_eq!(
        (verdict.limit_value.as_deref(), verdict.attempted_value.as_deref()),
        (Some("1000"), Some("1200"))
    );
    assert_eq!(verdict.kind, Some("quantitative"));
    let mut facts = facts();
    facts["mandate"]["universe"]["exclude_symbols"] = json!(["BTCUSDT"]);
    assert_eq!(place(&market("Buy", "1"), &facts).kind, Some("universe"));
    let option = json!({"category": "option", "symbol": "BTC-26DEC26-100-C", "side": "Buy", "order_type": "Market",
                        "qty": "1", "reduce_only": true});
    assert_eq!(place(&option, &facts).kind, Some("instrument"));
    facts["halted"] = json!(true);
    assert_eq!(place(&market("Buy", "1"), &facts).kind, None);
}

#[test]
fn only_what_is_trading_is_traded() {
    let limit = |change: Value| {
        let mut facts = facts();
        let id = "linear:BTCUSDT";
        facts["instruments"][id] = with(&facts["instruments"][id], &change);
        place(&market("Buy", "1"), &facts).limit
    };
    assert_eq!(limit(json!({"status": "Trading"})), None);
    for status in ["PreLaunch", "Delivering", "Closed", ""] {
        assert_eq!(limit(json!({"status": status})), Some("quote"), "{status}");
    }
    // a record that does not say so is none of something that trades
    assert_eq!(limit(json!({"status": null})), Some("quote"));
    assert_eq!(limit(json!({"isPreListing": true})), Some("quote"));
    assert_eq!(
        limit(json!({"status": "Trading", "isPreListing": true})),
        Some("quote")
    );
}

#[test]
fn a_linear_contract_that_settles_in_another_coin_is_not_traded_for_nobody_would_see_it() {
    let ask = |settle: &str| {
        let mut facts = facts();
        facts["instruments"]["linear:BTCUSDT"]["settleCoin"] = json!(settle);
        place(&market("Buy", "1"), &facts)
    };
    for seen in ["USDT", "USDC", ""] {
        assert_eq!(ask(seen).decision, "allow", "{seen}");
    }
    let refused = ask("EUR");
    assert_eq!((refused.decision, refused.limit), ("deny", Some("quote")));
    assert!(refused.reason.contains("settles in EUR"), "{}", refused.reason);
}

#[test]
fn no_suggestion_is_larger_than_what_was_asked_for() {
    let short = with(&facts(), &json!({"positions": [position("Sell", "25", 0)]}));
    let verdict = place(&market("Buy", "2"), &short);
    assert_eq!(
        (verdict.limit, verdict.largest_qty),
        (Some("max_total_exposure_usd"), None)
    );
    // 5.001 would pass, which is one lot more than was asked for
    let mut short = short;
    short["mandate"]["hard_caps"]["max_order_notional_usd"] = json!(500.2);
    let verdict = place(&market("Buy", "4.9985"), &short);
    assert_eq!(
        (verdict.limit, verdict.largest_qty),
        (Some("max_total_exposure_usd"), None)
    );
}

/// An account above its cap, which an order can bring below it and over to the other side.
fn above_a_cap_of(cap: u32, account: &Value) -> Value {
    let mut facts = with(&facts(), account);
    facts["instruments"]["linear:BTCUSDT"]["qtyStep"] = json!("1");
    facts["mandate"]["hard_caps"]["account_funding_usd"] = json!(50_000);
    facts["mandate"]["hard_caps"]["max_order_notional_usd"] = json!(10_000);
    facts["mandate"]["hard_caps"]["max_total_exposure_usd"] = json!(cap);
    facts
}

#[test]
fn what_closes_too_much_is_told_how_far_it_may_turn_over() {
    let largest = |held: &str, side: &str| {
        let facts = above_a_cap_of(500, &json!({"positions": [position(held, "30", 0)]}));
        // 3,000 less 4,000; from 25 to 35 the rest is within 500
        let verdict = place(&market(side, "40"), &facts);
        (verdict.limit, verdict.attempted_value, verdict.largest_qty)
    };
    let told = (
        Some("max_total_exposure_usd"),
        Some("1000".to_owned()),
        Some("35".to_owned()),
    );
    assert_eq!(largest("Buy", "Sell"), told);
    assert_eq!(largest("Sell", "Buy"), told);
}

#[test]
fn what_turns_over_beside_a_resting_buy_is_told_how_far_it_may() {
    let buy = with(&resting(), &json!({"leavesQty": "8"}));
    let account = json!({"positions": [position("Buy", "30", 0)], "open_orders": [buy]});
    let verdict = place(&market("Sell", "40"), &above_a_cap_of(500, &account));
    // with the buy 38 less the order, without it 30 less the order: both within 5 from 33 to 35
    assert_eq!(verdict.attempted_value.as_deref(), Some("1000"), "{verdict:?}");
    assert_eq!(verdict.largest_qty.as_deref(), Some("35"), "{verdict:?}");
}

#[test]
fn what_closes_a_hedge_leg_in_too_large_an_order_is_told_the_largest_that_closes_enough() {
    let largest = |held: &str, side: &str, leg: u8| {
        let mut facts = above_a_cap_of(500, &json!({"positions": [position(held, "30", leg)]}));
        facts["mandate"]["hard_caps"]["max_order_notional_usd"] = json!(3_900);
        let order = with(&market(side, "40"), &json!({"position_idx": leg}));
        let verdict = place(&order, &facts);
        // fewer than 25 leave more than 500 open; the leg does not turn over
        (verdict.limit, verdict.largest_qty)
    };
    let told = (Some("max_order_notional_usd"), Some("39".to_owned()));
    assert_eq!(largest("Buy", "Sell", 1), told);
    assert_eq!(largest("Sell", "Buy", 2), told);
}

#[test]
fn a_spot_sell_that_pays_back_a_debt_is_told_how_far_it_may_go() {
    let account = json!({
        "quotes": {"spot:ETHBTC": {"bid": "0.5", "ask": "0.5", "last": "0.5", "quote_coin_usd": "100"}},
        "instruments": {"spot:ETHBTC": {"baseCoin": "ETH", "quoteCoin": "BTC", "status": "Trading", "qtyStep": "1"}},
        "wallet": [{"coin": "ETH", "equity": "60", "usdValue": "3000"},
                   {"coin": "BTC", "equity": "-20", "usdValue": "-2000"}],
    });
    let order = json!({"category": "spot", "symbol": "ETHBTC", "side": "Sell", "order_type": "Market", "qty": "72",
                       "market_unit": "baseCoin"});
    let verdict = place(&order, &above_a_cap_of(1_200, &account));
    // 3,600 sold: 600 of ETH short, 1,600 of BTC; from 38 to 62 coins the two are within 1,200
    assert_eq!(
        (verdict.limit, verdict.attempted_value.as_deref()),
        (Some("max_total_exposure_usd"), Some("2200"))
    );
    assert_eq!(verdict.largest_qty.as_deref(), Some("62"));
}

#[test]
fn a_refusal_names_the_bound_even_where_nothing_can_be_compared() {
    let bound = |part: &str, name: &str, value: Value| {
        let mut facts = facts();
        facts["mandate"][part][name] = value;
        let verdict = place(&market("Buy", "1"), &facts);
        (verdict.limit, verdict.limit_value)
    };
    let said = |limit: &'static str, value: &str| (Some(limit), Some(value.to_owned()));
    assert_eq!(
        bound("hard_caps", "account_funding_usd", json!(0)),
        said("max_leverage", "3")
    );
    assert_eq!(
        bound("universe", "min_market_cap_usd", json!(7)),
        said("min_market_cap_usd", "7")
    );
    assert_eq!(
        bound("universe", "min_avg_daily_volume_usd", json!(1000)),
        said("min_avg_daily_volume_usd", "1000")
    );
}

/// What the account counts for when an order of 100 in another symbol is asked for, whose quote is there as it is
/// live, and when one of 100 in the same symbol is.
fn gross_either_way(account: &Value) -> [Option<String>; 2] {
    let mut facts = with(&facts(), account);
    facts["mandate"]["hard_caps"]["max_total_exposure_usd"] = json!(100_000);
    facts["mandate"]["hard_caps"]["account_funding_usd"] = json!(100_000);
    let mut elsewhere = facts.clone();
    let quote = json!({"bid": "100", "ask": "100", "last": "100", "mark": "100"});
    elsewhere["quotes"] = json!({"linear:ETHUSDT": quote});
    let other = with(&market("Buy", "1"), &json!({"symbol": "ETHUSDT"}));
    [
        place(&other, &elsewhere).post_trade_exposure_usd,
        place(&market("Buy", "1"), &facts).post_trade_exposure_usd,
    ]
}

#[test]
fn a_resting_order_below_the_mark_of_what_it_closes_counts_at_that_mark() {
    let rests = |side: &str, price: &str, trigger: &str| {
        json!({"category": "linear", "symbol": "BTCUSDT", "side": side, "leavesQty": "3", "price": price,
               "triggerPrice": trigger, "reduceOnly": false, "positionIdx": 0})
    };
    let gross = |held: &str, order: Value| {
        gross_either_way(&json!({"positions": [position(held, "1", 0)], "open_orders": [order]}))[0].clone()
    };
    // 3 bought against a short of 1 leave a long of 2: at 100 each, not 3 at 50 less 1 at 100
    assert_eq!(gross("Sell", rests("Buy", "50", "")).as_deref(), Some("300"));
    assert_eq!(gross("Buy", rests("Sell", "", "50")).as_deref(), Some("300"));
    assert_eq!(gross("Buy", rests("Sell", "50", "60")).as_deref(), Some("300"));
    // 3 at 120 less 1 at 100
    assert_eq!(gross("Sell", rests("Buy", "120", "")).as_deref(), Some("360"));
    // a reduce-only buy of 1 closes all of it, and the plain one then works against nothing
    let exit = with(
        &rests("Buy", "50", ""),
        &json!({"reduceOnly": true, "leavesQty": "1"}),
    );
    let account =
        json!({"positions": [position("Sell", "1", 0)], "open_orders": [exit, rests("Buy", "50", "")]});
    assert_eq!(gross_either_way(&account)[0].as_deref(), Some("400"));
}

/// Below that mark the price of an order says nothing about what it counts for.
#[test]
fn an_amend_below_the_mark_of_what_it_closes_adds_nothing() {
    let order = with(&resting(), &json!({"price": "50"}));
    let quote = json!({"bid": "40", "ask": "40", "last": "40", "mark": "40"});
    let facts = with(
        &facts(),
        &json!({"daily_count": 5, "order": order, "open_orders": [order], "positions": [position("Sell", "2", 0)],
                "quotes": {"linear:BTCUSDT": quote}}),
    );
    let amended = |price: &str| {
        let args = json!({"category": "linear", "symbol": "BTCUSDT", "order_id": "o-1", "price": price});
        ask("bybit_amend_order", &args, &facts)
    };
    assert_adds_nothing(&amended("100"));
    assert_adds(&amended("101"));
}

#[test]
fn a_refusal_by_the_exclude_list_names_the_entry_where_it_is_spelled_otherwise() {
    let refused = |entry: &str| {
        let mut facts = facts();
        facts["mandate"]["universe"]["exclude_symbols"] = json!([entry]);
        place(&market("Buy", "1"), &facts).reason
    };
    let plain = "BTCUSDT is on the mandate exclude list; choose another symbol";
    assert_eq!(refused("BTCUSDT"), plain);
    assert_eq!(refused(" BTCUSDT "), plain);
    let spelled = "BTCUSDT is on the mandate exclude list, as `btc/usdt`; choose another symbol";
    assert_eq!(refused("btc/usdt"), spelled);
}

#[test]
fn where_what_was_stated_keeps_every_size_out_the_refusal_says_so() {
    let stated = |qty: &str, usd: u32| with(&market("Buy", qty), &json!({"notional_usd": usd}));
    let verdict = place(&stated("1", 2_000), &facts());
    assert_eq!(
        (verdict.limit, verdict.attempted_value.as_deref()),
        (Some("max_order_notional_usd"), Some("2000"))
    );
    assert_eq!(verdict.largest_qty, None);
    let why = "no smaller quantity passes either, by the notional_usd that was given";
    assert!(verdict.reason.contains(why), "{}", verdict.reason);
    let less = place(&stated("12", 900), &facts());
    assert_eq!(less.largest_qty.as_deref(), Some("9.999"));
    let full = with(&facts(), &json!({"positions": [position("Buy", "20", 0)]}));
    let reason = place(&market("Buy", "1"), &full).reason;
    assert!(
        reason.ends_with("; no smaller quantity passes either"),
        "{reason}"
    );
}

#[test]
fn what_a_resting_order_counts_for_beside_a_position_does_not_depend_on_the_symbol_asked_for() {
    let order = json!({"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "leavesQty": "3", "price": "50",
                       "reduceOnly": false, "positionIdx": 0});
    let account = json!({"positions": [position("Buy", "1", 0)], "open_orders": [order]});
    assert_eq!(
        gross_either_way(&account),
        [Some("500".to_owned()), Some("500".to_owned())]
    );
}

#[test]
fn a_resting_spot_order_counts_at_what_the_coins_that_it_moves_are_valued_at() {
    let rests = |side: &str, price: &str| json!({"category": "spot", "symbol": "BTCUSDT", "side": side, "leavesQty": "3", "price": price});
    let gross = |coins: Value, order: Value| {
        gross_either_way(&json!({"wallet": [coins], "open_orders": [order]}))[0].clone()
    };
    let debt = json!({"coin": "BTC", "equity": "-1", "usdValue": "-100"});
    assert_eq!(gross(debt, rests("Buy", "50")).as_deref(), Some("300"));
    let held = json!({"coin": "BTC", "equity": "1", "usdValue": "100"});
    assert_eq!(gross(held, rests("Sell", "50")).as_deref(), Some("300"));
    // what the exchange does not value counts at the coin's own price
    let unvalued = json!({"quotes": {"linear:ETHUSDT": {"bid": "100", "ask": "100", "last": "100", "mark": "100"},
                                     "spot:BTCUSDC": {"bid": "100", "ask": "100", "last": "100"}},
                          "wallet": [{"coin": "BTC", "equity": "-1", "usdValue": "0"}],
                          "open_orders": [rests("Buy", "50")]});
    let order = with(&market("Buy", "1"), &json!({"symbol": "ETHUSDT"}));
    let verdict = place(&order, &with(&facts(), &unvalued));
    assert_eq!(verdict.post_trade_exposure_usd.as_deref(), Some("300"));
}

/// An account in which this stands, asked for a small order in a perpetual.
fn refused_beside(account: &Value) -> String {
    let verdict = place(&market("Buy", "1"), &with(&facts(), account));
    assert_eq!(
        (verdict.decision, verdict.limit),
        ("pause_for_reauth", Some("max_total_exposure_usd")),
        "{verdict:?}"
    );
    verdict.reason
}

#[test]
fn a_resting_option_order_refuses_and_the_reason_names_it_and_the_way_out() {
    let option = json!({"category": "option", "symbol": "BTC-26JUN26-60000-C-USDT", "side": "Sell", "leavesQty": "1",
                        "price": "5", "positionIdx": 0, "orderId": "o-9"});
    for id in [
        json!({}),
        json!({"orderLinkId": "mine-1"}),
        json!({"reduceOnly": true}),
    ] {
        let reason = refused_beside(&json!({"open_orders": [with(&option, &id)]}));
        assert!(
            reason.starts_with("the option order ") && reason.ends_with("; cancel it"),
            "{reason}"
        );
        let name = id["orderLinkId"].as_str().unwrap_or("o-9");
        let named = format!("the option order {name} resting in BTC-26JUN26-60000-C-USDT ");
        assert!(reason.contains(&named), "{reason}");
    }
    let position = json!({"category": "option", "symbol": "BTC-26JUN26-60000-C-USDT", "side": "Sell", "size": "1",
                          "markPrice": "5", "positionIdx": 0});
    let reason = refused_beside(&json!({"positions": [position]}));
    assert!(reason.ends_with("; close it at the exchange"), "{reason}");
}

#[test]
fn an_account_beyond_what_can_be_added_up_refuses_and_says_so() {
    let huge = json!({"category": "inverse", "symbol": "BTCUSD", "side": "Buy", "size": "70000000000000000000000000000",
                      "markPrice": "100", "positionIdx": 0});
    let reason = refused_beside(&json!({"positions": [huge, huge]}));
    assert!(
        reason.starts_with("the account is too large to add up exactly (fail-closed)"),
        "{reason}"
    );
}

/// Its limit is the least that it fills at, and nobody knows where the market is.
#[test]
fn a_sale_in_flight_refuses_until_its_market_is_known() {
    let sale = json!({"category": "linear", "symbol": "ETHUSDT", "side": "Sell", "leavesQty": "1", "qty": "1", "price": "0.01",
                      "positionIdx": 0, "orderLinkId": "a-1"});
    let reason = refused_beside(&json!({"inflight": [sale]}));
    assert!(
        reason.contains("a sale in flight in linear:ETHUSDT cannot be valued without its live price"),
        "{reason}"
    );
    let quoted = with(
        &facts()["quotes"],
        &json!({"linear:ETHUSDT": {"bid": "1500", "ask": "1500", "last": "1500", "mark": "1500"}}),
    );
    let beside = |order: &Value| with(&facts(), &json!({"inflight": [order], "quotes": quoted}));
    let verdict = place(&market("Buy", "1"), &beside(&sale));
    assert_eq!(
        verdict.post_trade_exposure_usd.as_deref(),
        Some("1600"),
        "{verdict:?}"
    );
    // A buy never fills above its limit, and one that rests is not in flight.
    let buy = with(&sale, &json!({"side": "Buy"}));
    for account in [json!({"inflight": [buy]}), json!({"open_orders": [sale]})] {
        let verdict = place(&market("Buy", "1"), &with(&facts(), &account));
        assert_eq!(
            verdict.post_trade_exposure_usd.as_deref(),
            Some("100.01"),
            "{verdict:?}"
        );
    }
}

/// A sell of 4 at 150, 1 of them filled, beside what is left of the long that it closes.
fn amended_sell(held: &str, inflight: bool, change: &Value) -> Verdict {
    let order = json!({"category": "linear", "symbol": "BTCUSDT", "side": "Sell", "qty": "4", "leavesQty": "3", "cumExecQty": "1",
                       "price": "150", "reduceOnly": false, "positionIdx": 0, "orderId": "o-1", "orderLinkId": "m-1"});
    let unseen = with(&order, &json!({"orderId": ""}));
    let account = json!({"order": order, "positions": [position("Buy", held, 0)],
                         "open_orders": if inflight { json!([]) } else { json!([order]) },
                         "inflight": if inflight { json!([unseen]) } else { json!([]) }});
    let key = json!({"category": "linear", "symbol": "BTCUSDT", "order_id": "o-1"});
    ask(
        "bybit_amend_order",
        &with(&key, change),
        &with(&facts(), &account),
    )
}

#[test]
fn an_amended_sell_is_not_promised_to_itself() {
    let notional = |held: &str, inflight: bool, change: Value| {
        let verdict = amended_sell(held, inflight, &change);
        (verdict.notional_usd.unwrap(), verdict.post_trade_exposure_usd)
    };
    let figures = |notional: &str, exposure: &str| (notional.to_owned(), Some(exposure.to_owned()));
    for inflight in [false, true] {
        // 3 are open and 3 held: closing, so the total of 4 counts at the live price of 100
        let lower = notional("3", inflight, json!({"price": "140"}));
        assert_eq!(lower, figures("400", "0"));
        // of 5 in all 4 are open, one more than is held: it can open a short and counts at its limit
        let larger = notional("3", inflight, json!({"new_qty": "5"}));
        assert_eq!(larger, figures("750", "300"));
        let short = notional("2", inflight, json!({"price": "140"}));
        assert_eq!(short, figures("560", "220"));
    }
}

#[test]
fn an_amended_sell_leaves_to_other_sells_what_they_may_take() {
    let order = json!({"category": "linear", "symbol": "BTCUSDT", "side": "Sell", "qty": "4", "leavesQty": "4",
                       "price": "150", "reduceOnly": false, "positionIdx": 0, "orderId": "o-1"});
    let other = with(&order, &json!({"orderId": "o-2", "leavesQty": "1", "qty": "1"}));
    let notional = |held: &str| {
        let account =
            json!({"order": order, "positions": [position("Buy", held, 0)], "open_orders": [order, other]});
        let args = json!({"category": "linear", "symbol": "BTCUSDT", "order_id": "o-1", "price": "140"});
        ask("bybit_amend_order", &args, &with(&facts(), &account)).notional_usd
    };
    assert_eq!(notional("5").as_deref(), Some("400"));
    assert_eq!(notional("4").as_deref(), Some("560"));
}

#[test]
fn the_size_suggested_for_an_amended_sell_counts_what_is_open_against_what_is_held() {
    let order = json!({"category": "linear", "symbol": "BTCUSDT", "side": "Sell", "qty": "4", "leavesQty": "3", "cumExecQty": "1",
                       "price": "150", "reduceOnly": false, "positionIdx": 0, "orderId": "o-1"});
    let mut facts = with(
        &facts(),
        &json!({"order": order, "positions": [position("Buy", "3", 0)], "open_orders": [order]}),
    );
    facts["instruments"]["linear:BTCUSDT"]["qtyStep"] = json!("1");
    facts["mandate"]["hard_caps"]["max_order_notional_usd"] = json!(500);
    let amend = |qty: &str| {
        let args = json!({"category": "linear", "symbol": "BTCUSDT", "order_id": "o-1", "new_qty": qty});
        ask("bybit_amend_order", &args, &facts)
    };
    // 4 in all close what is held, for 400; with a fifth it can open a short, and counts for 750
    let verdict = amend("6");
    assert_eq!(
        (verdict.limit, verdict.largest_qty.as_deref()),
        (Some("max_order_notional_usd"), Some("4"))
    );
    assert_eq!(
        (amend("4").decision, amend("5").decision),
        ("allow", "pause_for_reauth")
    );
}
