//! Each write tool reaches the wire as the ledger says, and is taken.

use mandated::domain::order::WriteTool;
use serde_json::{Value, json};

use crate::world::{CREATE, World, six_sol, six_sol_as};

/// What was sent last is what the reply and the ledger say was sent, byte for byte.
#[track_caller]
fn assert_taken(world: &World, reply: &Value, path: &str, kind: &str) {
    assert_eq!(reply["ok"], true, "{reply}");
    let text = reply.to_string();
    assert!(text.starts_with(r#"{"live_action":{"audit_id":"la_"#), "{text}");
    let (sent_to, body) = world.sent().pop().unwrap();
    assert_eq!(sent_to, path);
    assert_eq!(reply["live_action"]["broker_request"].to_string(), body);
    let ledger = world.ledger();
    let [.., submitted, last] = ledger.as_slice() else {
        panic!("two records: {ledger:?}")
    };
    assert_eq!(*last, reply["live_action"]);
    assert_eq!(
        (&submitted["kind"], &submitted["outcome"]),
        (&json!("order_submitted"), &json!("pending"))
    );
    assert_eq!(last["kind"], kind);
    assert_eq!(submitted["broker_request"], last["broker_request"]);
    assert_eq!(submitted["remote_tool"], last["remote_tool"]);
    assert_eq!(world.inflight(), [] as [&str; 0]);
    world.assert_chain_whole();
}

#[tokio::test]
async fn an_order_in_each_category_reaches_the_wire_as_the_ledger_has_it() {
    let world = World::new().await;
    let orders = [
        (
            json!({"category": "linear", "symbol": "SOLUSDT", "side": "Buy", "order_type": "Limit", "qty": 6, "price": 140.00}),
            "accepted",
        ),
        (
            json!({"category": "linear", "symbol": "sol-usdt", "side": "Sell", "order_type": "Market", "qty": "0.5"}),
            "filled",
        ),
        (
            json!({"category": "inverse", "symbol": "BTCUSD", "side": "Buy", "order_type": "Market", "qty": "100"}),
            "filled",
        ),
        (
            json!({"category": "spot", "symbol": "SOLUSDT", "side": "Buy", "order_type": "Market", "qty": "90", "market_unit": "quoteCoin"}),
            // Money that is no whole number of coins leaves a rest, so the exchange ends it as partly filled.
            "accepted",
        ),
        (
            json!({"category": "spot", "symbol": "SOLUSDT", "side": "Buy", "order_type": "Market", "qty": "0.5", "market_unit": "baseCoin"}),
            "filled",
        ),
        (
            json!({"category": "spot", "symbol": "SOLUSDT", "side": "Buy", "order_type": "Limit", "qty": "1", "price": "140.5", "time_in_force": "PostOnly"}),
            "accepted",
        ),
    ];
    for (number, (args, status)) in (1..).zip(orders) {
        let reply = world.place(args).await;
        assert_eq!(reply["status"], status, "{reply}");
        // Only the fourth is over without having filled in full.
        assert_eq!(reply["note"].is_string(), number == 4, "{reply}");
        assert_taken(&world, &reply, CREATE, "order_placed");
        let sent = &reply["live_action"]["broker_request"];
        assert_eq!(sent["orderLinkId"], reply["order_link_id"]);
        assert_eq!(reply["live_action"]["outcome"], status);
        assert_eq!(world.count(), number);
        assert_eq!(reply["paper"], true);
    }
    assert_eq!(world.creates(), 6);
}

#[tokio::test]
async fn what_is_sent_has_the_fields_that_were_asked_for_and_no_others() {
    let world = World::new().await;
    let reply = world.place(six_sol_as("mine-1")).await;
    assert_eq!(
        reply["live_action"]["broker_request"],
        json!({"category": "linear", "symbol": "SOLUSDT", "side": "Buy", "orderType": "Limit", "qty": "6",
               "price": "140", "timeInForce": "GTC", "positionIdx": 0, "orderLinkId": "mine-1"})
    );
    assert_eq!(reply["notional_usd"], "900.06");
    assert_eq!(reply["post_trade_exposure_usd"], "7400.06");
    world.assert_settled(&["order_submitted pending", "order_placed accepted"], 1);
}

#[tokio::test]
async fn a_spot_sale_far_above_the_market_counts_for_no_more_than_the_coins_held() {
    let world = World::new().await;
    let sale = json!({"category": "spot", "symbol": "BTCUSDT", "side": "Sell", "order_type": "Limit", "qty": "0.01", "price": "3000000"});
    assert_eq!(world.place(sale).await["status"], "accepted");
    // 0.1 BTC and 900.06 of SOL, and not 30,000 of BTC short
    let reply = world.place(six_sol()).await;
    assert_eq!(reply["post_trade_exposure_usd"], "7400.06", "{reply}");
}

#[tokio::test]
async fn an_order_is_amended_and_cancelled_on_linear_inverse_and_spot() {
    for (category, symbol, qty, price, other) in [
        ("linear", "SOLUSDT", "2", "140", "141"),
        ("inverse", "BTCUSD", "100", "60000", "61000"),
        ("spot", "SOLUSDT", "2", "140", "141"),
    ] {
        let world = World::new().await;
        let placed = world
            .place(json!({"category": category, "symbol": symbol, "side": "Buy", "order_type": "Limit", "qty": qty, "price": price}))
            .await;
        let key = json!({"category": category, "symbol": symbol, "order_id": placed["order_id"]});
        let mut change = key.clone();
        change["price"] = other.into();
        let amended = world.write(WriteTool::AmendOrder, change).await;
        assert_eq!(amended["status"], "accepted", "{amended}");
        assert_taken(&world, &amended, "/v5/order/amend", "order_amended");
        assert_eq!(world.orders(category).await[0]["price"], other);

        let cancelled = world.write(WriteTool::CancelOrder, key).await;
        assert_eq!(cancelled["status"], "accepted", "{cancelled}");
        assert_taken(&world, &cancelled, "/v5/order/cancel", "order_cancelled");
        assert_eq!(world.orders(category).await[0]["orderStatus"], "Cancelled");
    }
}

/// Only what adds takes one of the day's trades.
#[tokio::test]
async fn an_amend_counts_when_it_adds_and_a_cancel_never() {
    let world = World::new().await;
    world.place(six_sol_as("mine-1")).await;
    let key = json!({"category": "linear", "symbol": "SOLUSDT", "order_link_id": "mine-1"});
    let with = |name: &str, value: &str| {
        let mut args = key.clone();
        args[name] = value.into();
        args
    };
    world.write(WriteTool::AmendOrder, with("new_qty", "5")).await;
    assert_eq!(world.count(), 1);
    let reply = world.write(WriteTool::AmendOrder, with("qty", "6.1")).await;
    assert_eq!(reply["status"], "accepted", "{reply}");
    assert_eq!(world.count(), 2);
    let reply = world.write(WriteTool::AmendOrder, with("new_qty", "6.7")).await;
    assert_eq!(reply["limit"], "max_order_notional_usd", "{reply}");
    world.write(WriteTool::CancelOrder, key).await;
    assert_eq!(world.count(), 2);
    assert_eq!(world.sent().len(), 4);
}

#[tokio::test]
async fn cancel_all_leaves_nothing_open_in_linear_inverse_and_spot() {
    for (category, symbol, qty, price, scope) in [
        ("linear", "SOLUSDT", "2", "140", json!({"settle_coin": "USDT"})),
        ("inverse", "BTCUSD", "100", "60000", json!({"symbol": "BTCUSD"})),
        ("spot", "SOLUSDT", "2", "140", json!({})),
    ] {
        let world = World::new().await;
        for _ in 0..2 {
            world
                .place(json!({"category": category, "symbol": symbol, "side": "Buy", "order_type": "Limit", "qty": qty, "price": price}))
                .await;
        }
        let mut args = scope;
        args["category"] = category.into();
        let reply = world.write(WriteTool::CancelAllOrders, args).await;
        assert_eq!(reply["status"], "accepted", "{reply}");
        assert_eq!(reply["live_action"]["kind"], "order_cancelled");
        let orders = world.orders(category).await;
        assert_eq!(orders.len(), 2);
        assert!(
            orders.iter().all(|order| order["orderStatus"] == "Cancelled"),
            "{orders:?}"
        );
        assert_eq!(world.count(), 2);
        if category != "spot" {
            assert_taken(&world, &reply, "/v5/order/cancel-all", "order_cancelled");
        }
    }
}

#[tokio::test]
async fn leverage_is_set_once_and_setting_it_again_changes_nothing() {
    for (category, symbol) in [("linear", "SOLUSDT"), ("inverse", "BTCUSD")] {
        let world = World::new().await;
        let args = json!({"category": category, "symbol": symbol, "leverage": 2});
        let reply = world.write(WriteTool::SetLeverage, args.clone()).await;
        assert_eq!(reply["status"], "accepted", "{reply}");
        assert_taken(&world, &reply, "/v5/position/set-leverage", "leverage_set");
        let again = world.write(WriteTool::SetLeverage, args).await;
        assert_eq!(again["status"], "accepted", "{again}");
        assert_eq!(again["live_action"]["broker_response"]["unchanged"], true);
        assert_eq!(world.count(), 0);
    }
}

#[tokio::test]
async fn a_position_gets_its_trading_stop() {
    for (category, symbol, qty, stop) in [
        ("linear", "SOLUSDT", "2", "120"),
        ("inverse", "BTCUSD", "100", "60000"),
    ] {
        let world = World::new().await;
        world
            .place(json!({"category": category, "symbol": symbol, "side": "Buy", "order_type": "Market", "qty": qty}))
            .await;
        let args = json!({"category": category, "symbol": symbol, "stop_loss": stop});
        let reply = world.write(WriteTool::SetTradingStop, args).await;
        assert_eq!(reply["status"], "accepted", "{reply}");
        assert_taken(&world, &reply, "/v5/position/trading-stop", "trading_stop_set");
        assert_eq!(world.count(), 1);
    }
}

/// An exit that the exchange itself keeps reduce-only is counted, and no cap holds it back.
#[tokio::test]
async fn an_exit_passes_a_full_count_a_lower_cap_and_the_exclude_list() {
    let world = World::new().await;
    world
        .place(json!({"category": "linear", "symbol": "SOLUSDT", "side": "Buy", "order_type": "Market", "qty": "6"}))
        .await;
    let mut tight = crate::world::mandate();
    tight["hard_caps"]["max_trades_per_day"] = 1.into();
    tight["hard_caps"]["max_order_notional_usd"] = 1.into();
    tight["universe"]["exclude_symbols"] = json!(["SOL-USDT"]);
    world.commit(&tight);
    let exit = json!({"category": "linear", "symbol": "SOLUSDT", "side": "Sell", "order_type": "Market", "qty": "6", "reduce_only": true});
    let reply = world.place(exit).await;
    assert_eq!(reply["status"], "filled", "{reply}");
    assert_eq!(world.count(), 2);
    let sent = &reply["live_action"]["broker_request"];
    assert_eq!(sent["reduceOnly"], true);
}
