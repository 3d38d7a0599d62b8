//! What became of an order whose answer was lost, late, unclear or a no. It is never sent a second time.

use std::fs;
use std::time::{Duration, Instant};

use mandated::broker::Mode;
use mandated::domain::order::WriteTool;
use mandated::sim::FaultKind;
use serde_json::{Value, json};

use crate::world::{CREATE, World, assert_blocked, assert_reason, in_short, six_sol, six_sol_as};

const TAKEN: [&str; 2] = ["order_submitted pending", "order_placed accepted"];
const NOT_TAKEN: [&str; 2] = ["order_submitted pending", "order_rejected rejected"];

/// Both records of an order carry its client id, and the exchange has that order once.
#[track_caller]
fn assert_one_order(world: &World, orders: &[Value], reply: &Value) {
    assert_eq!(world.creates(), 1);
    assert_eq!(orders.len(), 1, "{orders:?}");
    assert_eq!(orders[0]["orderLinkId"], reply["order_link_id"]);
    assert_eq!(orders[0]["orderId"], reply["order_id"]);
    for record in world.ledger() {
        assert_eq!(record["broker_request"]["orderLinkId"], reply["order_link_id"]);
    }
}

#[tokio::test]
async fn an_order_whose_answer_was_lost_is_found_and_not_sent_again() {
    for lost in [
        FaultKind::DropAfter,
        FaultKind::StatusAfter(502),
        FaultKind::StatusAfter(429),
        FaultKind::TruncatedBody,
    ] {
        let world = World::new().await;
        world.fault(CREATE, lost, Some(1));
        let reply = world.place(six_sol()).await;
        assert_eq!(reply["status"], "accepted", "{reply}");
        assert_one_order(&world, &world.orders("linear").await, &reply);
        world.assert_settled(&TAKEN, 1);
    }
}

#[tokio::test]
async fn a_market_order_whose_answer_was_lost_is_reported_filled() {
    for order in [
        json!({"category": "linear", "symbol": "SOLUSDT", "side": "Buy", "order_type": "Market", "qty": "2"}),
        json!({"category": "inverse", "symbol": "BTCUSD", "side": "Sell", "order_type": "Market", "qty": "100"}),
        json!({"category": "spot", "symbol": "SOLUSDT", "side": "Buy", "order_type": "Market", "qty": "0.5", "market_unit": "baseCoin"}),
    ] {
        let world = World::new().await;
        world.fault(CREATE, FaultKind::DropAfter, None);
        let reply = world.place(order.clone()).await;
        assert_eq!(reply["status"], "filled", "{reply}");
        let orders = world.orders(order["category"].as_str().unwrap()).await;
        assert_one_order(&world, &orders, &reply);
        world.assert_settled(&["order_submitted pending", "order_placed filled"], 1);
    }
}

/// An order that waits for its trigger is in another list than the others.
#[tokio::test]
async fn a_conditional_order_whose_answer_was_lost_is_found() {
    for order in [
        json!({"category": "linear", "symbol": "SOLUSDT", "side": "Buy", "order_type": "Market", "qty": "2", "trigger_price": "160", "trigger_direction": 1}),
        json!({"category": "spot", "symbol": "SOLUSDT", "side": "Buy", "order_type": "Limit", "qty": "2", "price": "161", "trigger_price": "160"}),
    ] {
        let world = World::new().await;
        world.fault(CREATE, FaultKind::DropAfter, None);
        let reply = world.place(order).await;
        assert_eq!(reply["status"], "accepted", "{reply}");
        assert_eq!(reply["order"]["orderStatus"], "Untriggered");
        assert_eq!(world.creates(), 1);
        world.assert_settled(&TAKEN, 1);
    }
}

/// A slow answer is an answer.
#[tokio::test]
async fn an_answer_that_comes_late_is_waited_for() {
    let world = World::new().await;
    world.fault(CREATE, FaultKind::DelayMs(1_500), Some(1));
    let reply = world.place(six_sol()).await;
    assert_eq!(reply["status"], "accepted");
    assert_eq!(world.creates(), 1);
    world.assert_settled(&TAKEN, 1);
}

#[tokio::test]
async fn a_definite_no_gives_the_count_back() {
    for (code, message) in [
        (110007, "CheckMarginRatio fail! InsufficientAB"),
        (10006, "Too many visits!"),
    ] {
        let world = World::new().await;
        let no = FaultKind::RetCode {
            code,
            message: message.to_owned(),
        };
        world.fault(CREATE, no, Some(1));
        let reply = world.place(six_sol()).await;
        assert_eq!(
            (reply["status"].as_str(), &reply["ok"]),
            (Some("rejected"), &json!(false))
        );
        assert_reason(&reply, message);
        assert_eq!(reply["live_action"]["broker_response"]["retCode"], code);
        assert_eq!(world.creates(), 1);
        world.assert_settled(&NOT_TAKEN, 0);
    }
}

/// What the exchange itself refuses, not a fault: more than the account holds.
#[tokio::test]
async fn more_than_the_account_holds_is_rejected_by_the_exchange() {
    let world = World::new().await;
    world.cap("max_order_notional_usd", 20_000.0);
    let order = json!({"category": "spot", "symbol": "SOLUSDT", "side": "Buy", "order_type": "Market", "qty": "11000", "market_unit": "quoteCoin"});
    let reply = world.place(order).await;
    assert_eq!(reply["status"], "rejected", "{reply}");
    world.assert_settled(&NOT_TAKEN, 0);
}

#[tokio::test]
async fn a_rejected_key_or_timestamp_on_the_order_itself_gives_the_count_back() {
    for code in [10002, 10003, 10004, 10005] {
        let world = World::new().await;
        let no = FaultKind::RetCode {
            code,
            message: "error sign! origin_string[123paper5000{\"category\"}]".to_owned(),
        };
        world.fault(CREATE, no, Some(1));
        let reply = world.place(six_sol()).await;
        assert_eq!(reply["status"], "rejected", "{reply}");
        assert!(!reply.to_string().contains("123paper5000"), "{reply}");
        world.assert_settled(&NOT_TAKEN, 0);
    }
}

#[tokio::test]
async fn an_order_that_is_rejected_after_its_acknowledgement_gives_the_count_back() {
    let world = World::new().await;
    world.fault(CREATE, FaultKind::RejectLater, Some(1));
    let reply = world.place(six_sol()).await;
    assert_eq!(reply["status"], "rejected", "{reply}");
    assert_reason(&reply, "after it was acknowledged");
    world.assert_settled(&NOT_TAKEN, 0);
}

/// The answer was lost and the order then refused: what the lookup shows decides.
#[tokio::test]
async fn an_order_that_is_found_rejected_gives_the_count_back() {
    let world = World::new().await;
    world.fault(CREATE, FaultKind::DropAfter, Some(1));
    world.fault(CREATE, FaultKind::RejectLater, Some(1));
    let reply = world.place(six_sol()).await;
    assert_eq!(reply["status"], "rejected", "{reply}");
    assert_eq!(world.creates(), 1);
    world.assert_settled(&NOT_TAKEN, 0);
}

/// It was taken and ended at once without a fill: the reply shows how it ended.
#[tokio::test]
async fn an_order_that_ends_at_once_shows_how_it_ended() {
    for (price, time_in_force) in [("151", "PostOnly"), ("140", "IOC"), ("140", "FOK")] {
        let world = World::new().await;
        let mut args = six_sol();
        args["price"] = price.into();
        args["time_in_force"] = time_in_force.into();
        let reply = world.place(args).await;
        assert_eq!(reply["order"]["orderStatus"], "Cancelled", "{reply}");
        assert_eq!(reply["order"]["cumExecQty"], "0");
        assert_ne!(reply["status"], "filled");
        let note = reply["note"].as_str().unwrap();
        assert!(
            note.starts_with("the order is over already: Cancelled (EC_")
                && note.contains("), 0 of it filled"),
            "{note}"
        );
        assert_eq!(world.count(), 1);
    }
}

#[tokio::test]
async fn an_acknowledged_order_that_is_not_shown_counts_until_it_is() {
    let world = World::new().await;
    world.cap("max_total_exposure_usd", 8_000.0);
    world.fault(CREATE, FaultKind::InvisibleMs(10_000), Some(1));
    let started = Instant::now();
    let reply = world.place(six_sol_as("hidden-1")).await;
    let answered = Instant::now();
    assert_eq!(reply["status"], "accepted", "{reply}");
    assert_reason_note(&reply, "does not show the order yet");
    assert_eq!(world.inflight(), ["hidden-1 acknowledged"]);

    // 6,500 of coins, 900 that nobody shows, 900 more.
    let second = world.place(six_sol()).await;
    assert_blocked(&second, "pause_for_reauth", "max_total_exposure_usd");
    assert_eq!(second["breach"]["attempted_value"], "8300.12");
    assert!(
        started.elapsed() < Duration::from_millis(9_900),
        "the test was too slow to mean anything"
    );

    tokio::time::sleep_until((answered + Duration::from_millis(10_200)).into()).await;
    let third = world.place(six_sol()).await;
    assert_eq!(
        third["breach"]["attempted_value"], "8300.12",
        "counted once, now that it is shown"
    );
    assert_eq!(world.inflight(), [] as [&str; 0]);
    assert_eq!(world.creates(), 1);
    let story = world.story();
    assert_eq!(story[..2], TAKEN);
    assert_eq!(story[2..], ["breach blocked", "breach blocked"]);
    assert_eq!(world.count(), 1);
}

#[track_caller]
fn assert_reason_note(reply: &Value, part: &str) {
    let note = reply["note"].as_str().unwrap();
    assert!(note.contains(part), "{note}");
}

#[tokio::test]
async fn an_amend_whose_answer_was_lost_is_looked_up() {
    let world = World::new().await;
    world.place(six_sol_as("mine-1")).await;
    world.fault("/v5/order/amend", FaultKind::DropAfter, Some(1));
    let args = json!({"category": "linear", "symbol": "SOLUSDT", "order_link_id": "mine-1", "price": "141"});
    let reply = world.write(WriteTool::AmendOrder, args).await;
    assert_eq!(reply["status"], "accepted", "{reply}");
    assert_eq!(world.orders("linear").await[0]["price"], "141");
    assert_eq!(in_short(&reply["live_action"]), "order_amended accepted");
    assert_eq!(world.inflight(), [] as [&str; 0]);
    let amends = world
        .sent()
        .iter()
        .filter(|(path, _)| path == "/v5/order/amend")
        .count();
    assert_eq!(amends, 1);
}

#[tokio::test]
async fn a_cancel_whose_answer_was_lost_is_looked_up() {
    let world = World::new().await;
    world.place(six_sol_as("mine-1")).await;
    world.fault("/v5/order/cancel", FaultKind::DropAfter, Some(1));
    let args = json!({"category": "linear", "symbol": "SOLUSDT", "order_link_id": "mine-1"});
    let reply = world.write(WriteTool::CancelOrder, args).await;
    assert_eq!(reply["status"], "accepted", "{reply}");
    assert_eq!(in_short(&reply["live_action"]), "order_cancelled accepted");
}

/// It had filled before, and the cancel never arrived: what ended otherwise is not what was asked for.
#[tokio::test]
async fn a_lost_cancel_of_an_order_that_had_filled_is_not_called_done() {
    for lost in [FaultKind::DropBefore, FaultKind::DropAfter] {
        let world = World::new().await;
        world.place(six_sol_as("mine-1")).await;
        world.paper.set_price("linear", "SOLUSDT", 139.into()).unwrap();
        world.fault("/v5/order/cancel", lost, Some(1));
        let args = json!({"category": "linear", "symbol": "SOLUSDT", "order_link_id": "mine-1"});
        let reply = world.write(WriteTool::CancelOrder, args).await;
        assert_eq!(
            (reply["status"].as_str(), &reply["ok"]),
            (Some("rejected"), &json!(false)),
            "{reply}"
        );
        assert_reason(&reply, "it had filled before; nothing was cancelled");
        assert_eq!(reply["order"]["orderStatus"], "Filled");
        assert_eq!(reply["order"]["cumExecQty"], "6");
        assert_eq!(reply["order_id"], reply["order"]["orderId"]);
        let record = &reply["live_action"];
        assert_eq!(in_short(record), "order_rejected rejected");
        assert_eq!(record["broker_response"]["order"]["orderStatus"], "Filled");
        // The order itself was a trade, and stays one.
        world.assert_settled(&[TAKEN[0], TAKEN[1], NOT_TAKEN[0], NOT_TAKEN[1]], 1);
    }
}

/// An order that is not there cannot be cancelled, and nothing says that it was.
#[tokio::test]
async fn a_cancel_of_what_is_not_there_is_rejected() {
    for (category, symbol) in [("linear", "SOLUSDT"), ("spot", "SOLUSDT")] {
        let world = World::new().await;
        let args = json!({"category": category, "symbol": symbol, "order_link_id": "nobody"});
        let reply = world.write(WriteTool::CancelOrder, args).await;
        assert_eq!(reply["status"], "rejected", "{reply}");
        world.assert_settled(&NOT_TAKEN, 0);
    }
}

/// On spot each kind of orders is a call of its own: where one is refused the others may be gone all the same.
#[tokio::test]
async fn a_spot_cancel_all_that_is_refused_in_part_is_no_rejection_on_the_ledger() {
    let world = World::new().await;
    for order in [
        json!({"category": "spot", "symbol": "SOLUSDT", "side": "Buy", "order_type": "Limit", "qty": "2", "price": "140"}),
        json!({"category": "spot", "symbol": "SOLUSDT", "side": "Buy", "order_type": "Limit", "qty": "2", "price": "161", "trigger_price": "160"}),
    ] {
        assert_eq!(world.place(order).await["status"], "accepted");
    }
    let too_many = FaultKind::RetCode {
        code: 10006,
        message: "Too many visits!".to_owned(),
    };
    world.fault("/v5/order/cancel-all", too_many, Some(1));
    let reply = world
        .write(WriteTool::CancelAllOrders, json!({"category": "spot"}))
        .await;
    let orders = world.orders("spot").await;
    let is_over =
        |order: &&Value| ["Cancelled", "Deactivated"].contains(&order["orderStatus"].as_str().unwrap());
    let gone = orders.iter().filter(is_over);
    let gone: Vec<&str> = gone.map(|order| order["orderId"].as_str().unwrap()).collect();
    assert!(!gone.is_empty(), "{orders:?}");

    assert_eq!(
        (reply["status"].as_str(), &reply["ok"]),
        (Some("unknown"), &json!(false)),
        "{reply}"
    );
    let record = world.ledger().pop().unwrap();
    assert_eq!(in_short(&record), "order_submitted unknown");
    let told = record["error"].as_str().unwrap();
    for part in [
        "rejected (code 10006): Too many visits!",
        "others may rest",
        "look at bybit_get_open_orders",
    ]
    .iter()
    .chain(&gone)
    {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(!told.contains("nothing was"), "{told}");
    assert_eq!(reply["reason"], record["error"]);
}

/// A setting whose answer was lost cannot be looked up by an id: it is unknown and says so.
#[tokio::test]
async fn a_cancel_all_or_a_setting_whose_answer_was_lost_is_unknown() {
    for (tool, path, args) in [
        (
            WriteTool::CancelAllOrders,
            "/v5/order/cancel-all",
            json!({"category": "linear", "settle_coin": "USDT"}),
        ),
        (
            WriteTool::SetLeverage,
            "/v5/position/set-leverage",
            json!({"category": "linear", "symbol": "SOLUSDT", "leverage": 2}),
        ),
    ] {
        let world = World::new().await;
        world.fault(path, FaultKind::DropAfter, Some(1));
        let reply = world.write(tool, args).await;
        assert_eq!(
            (reply["status"].as_str(), &reply["ok"]),
            (Some("unknown"), &json!(false))
        );
        let is_cancel = tool == WriteTool::CancelAllOrders;
        let words = reply["reason"].as_str().unwrap();
        assert_eq!(words.contains("others may rest"), is_cancel, "{words}");
        assert_eq!(words.contains("it may be set or not"), !is_cancel, "{words}");
        assert_eq!(world.sent().len(), 1);
        world.assert_settled(&["order_submitted pending", "order_submitted unknown"], 0);
    }
}

/// "Not modified" also answers a request that lacked a field: what the position has decides.
#[tokio::test]
async fn a_stop_that_was_not_modified_is_accepted_only_where_it_stands() {
    let not_modified = || FaultKind::RetCode {
        code: 34040,
        message: "not modified".to_owned(),
    };
    let asked = |levels: Value| {
        let mut args = json!({"category": "linear", "symbol": "SOLUSDT"});
        args.as_object_mut()
            .unwrap()
            .extend(levels.as_object().unwrap().clone());
        args
    };
    let world = World::new().await;
    world
        .place(json!({"category": "linear", "symbol": "SOLUSDT", "side": "Buy", "order_type": "Market", "qty": "2"}))
        .await;
    for (stands, levels, missing) in [
        (
            json!({}),
            json!({"stop_loss": "120"}),
            "stop_loss is none, not 120",
        ),
        (
            json!({}),
            json!({"trailing_stop": "5"}),
            "trailing_stop is none, not 5",
        ),
        (json!({"stop_loss": "120"}), json!({"stop_loss": "120.0"}), ""),
        (
            json!({}),
            json!({"stop_loss": "121"}),
            "stop_loss is 120, not 121",
        ),
        (json!({}), json!({"stop_loss": "0"}), "stop_loss is 120, not none"),
        (json!({}), json!({"take_profit": "0", "stop_loss": "120"}), ""),
        (
            json!({}),
            json!({"take_profit": "200", "stop_loss": "120"}),
            "take_profit is none, not 200",
        ),
    ] {
        if stands != json!({}) {
            let set = world.write(WriteTool::SetTradingStop, asked(stands)).await;
            assert_eq!(set["status"], "accepted", "{set}");
        }
        world.fault("/v5/position/trading-stop", not_modified(), Some(1));
        let reply = world.write(WriteTool::SetTradingStop, asked(levels)).await;
        if missing.is_empty() {
            assert_eq!(reply["status"], "accepted", "{reply}");
            assert_eq!(reply["live_action"]["broker_response"]["unchanged"], true);
        } else {
            assert_eq!(
                (reply["status"].as_str(), &reply["ok"]),
                (Some("rejected"), &json!(false)),
                "{reply}"
            );
            assert_reason(&reply, missing);
            assert_eq!(reply["live_action"]["broker_response"]["retCode"], 34040);
        }
    }
    // What cannot be read back is neither.
    world.fault("/v5/position/trading-stop", not_modified(), Some(1));
    world.fault(
        "/v5/position/list",
        FaultKind::RetCode {
            code: 10005,
            message: "no permission".to_owned(),
        },
        None,
    );
    let reply = world
        .write(WriteTool::SetTradingStop, asked(json!({"stop_loss": "120"})))
        .await;
    assert_eq!(reply["status"], "unknown", "{reply}");
    assert_reason(&reply, "no permission");
}

/// Our patience ends before the exchange has taken the order, or before its answer arrives.
#[tokio::test]
async fn an_order_that_outlasts_our_patience_is_found() {
    for slow in [FaultKind::DelayBeforeMs(1_500), FaultKind::DelayMs(1_500)] {
        let world = World::with(|config| config.timeout = Duration::from_secs(1), Mode::Trade).await;
        world.fault(CREATE, slow, Some(1));
        let reply = world.place(six_sol()).await;
        assert_eq!(reply["status"], "accepted", "{reply}");
        assert_one_order(&world, &world.orders("linear").await, &reply);
        world.assert_settled(&TAKEN, 1);
    }
}

/// The order stands and the caller is told so; the missing record is made up for by the next write.
#[tokio::test]
async fn an_outcome_that_cannot_be_recorded_is_told_and_recorded_later() {
    let world = World::new().await;
    let (audit, aside) = (world.files.audit(), world.root.path().join("aside"));
    world.fault(CREATE, FaultKind::DelayMs(300), Some(1));
    let placing = world.place(six_sol_as("mine-1"));
    let breaking = async {
        world.reached(CREATE).await;
        fs::rename(&audit, &aside).unwrap();
        fs::create_dir(&audit).unwrap();
    };
    let (reply, ()) = tokio::join!(placing, breaking);
    assert_eq!(
        (reply["status"].as_str(), &reply["ok"]),
        (Some("accepted"), &json!(true))
    );
    assert_eq!(reply["live_action"], Value::Null);
    assert!(
        reply["ledger_fault"].as_str().unwrap().contains("audit.jsonl"),
        "{reply}"
    );
    assert_eq!(world.inflight(), ["mine-1 sent"]);

    // Nothing more goes out until it is settled.
    let next = world.place(six_sol()).await;
    assert_blocked(&next, "deny", "ledger");
    assert_eq!(world.inflight(), ["mine-1 sent"]);

    fs::remove_dir(&audit).unwrap();
    fs::rename(&aside, &audit).unwrap();
    world.cap("max_order_notional_usd", 1.0);
    world.place(six_sol()).await;
    world.assert_settled(&[TAKEN[0], TAKEN[1], "breach blocked"], 1);
    assert_eq!(world.creates(), 1);
}
