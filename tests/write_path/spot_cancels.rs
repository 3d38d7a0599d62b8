//! Cancels on spot, where take-profit and stop-loss that an order left behind are orders of a kind of their own.

use mandated::domain::order::WriteTool;
use mandated::sim::FaultKind;
use serde_json::{Value, json};

use crate::world::{World, assert_reason, put};

const CANCEL: &str = "/v5/order/cancel";

/// A limit buy of 0.01 BTC that fills and leaves a take-profit and a stop-loss behind; their ids.
async fn protected() -> (World, Vec<String>) {
    let world = World::new().await;
    let args = json!({"category": "spot", "symbol": "BTCUSDT", "side": "Buy", "order_type": "Limit", "qty": "0.01",
        "price": "64000", "take_profit": "66000", "stop_loss": "63000"});
    let reply = world.place(args).await;
    assert_eq!(reply["ok"], true, "{reply}");
    world.paper.set_price("spot", "BTCUSDT", 63_900.into()).unwrap();
    let open = resting(&world).await;
    assert_eq!(open.len(), 2, "{open:?}");
    assert!(
        open.iter()
            .all(|row| row["stopOrderType"] == "BidirectionalTpslOrder"),
        "{open:?}"
    );
    let ids = open.iter().map(|row| row["orderId"].as_str().unwrap().to_owned());
    let ids = ids.collect();
    (world, ids)
}

async fn resting(world: &World) -> Vec<Value> {
    let mut rows = world.orders("spot").await;
    rows.retain(|row| row["orderStatus"] == "Untriggered" || row["orderStatus"] == "New");
    rows
}

async fn cancel(world: &World, id: &str) -> Value {
    let args = json!({"category": "spot", "symbol": "BTCUSDT", "order_id": id});
    world.write(WriteTool::CancelOrder, args).await
}

/// The kinds that the cancels named, one after the other; `Order` is the default.
fn kinds_asked(world: &World) -> Vec<String> {
    let cancels = world.sent().into_iter().filter(|(path, _)| path == CANCEL);
    cancels
        .map(|(_, body)| {
            let body: Value = serde_json::from_str(&body).unwrap();
            body["orderFilter"].as_str().unwrap_or("Order").to_owned()
        })
        .collect()
}

const KINDS: [&str; 5] = [
    "Order",
    "StopOrder",
    "tpslOrder",
    "BidirectionalTpslOrder",
    "OcoOrder",
];

/// `order/cancel` knows no word for a pair here, as its page has none: each kind is tried, and what clears the pair is
/// named, and does.
#[tokio::test]
async fn either_of_a_pair_is_left_to_a_cancel_of_all() {
    for at in [0, 1] {
        let (world, ids) = protected().await;
        let reply = cancel(&world, &ids[at]).await;
        assert_eq!(
            (reply["status"].as_str(), &reply["ok"]),
            (Some("rejected"), &json!(false)),
            "{reply}"
        );
        // The words that were refused say nothing of the order.
        assert_eq!(reply["live_action"]["broker_response"]["retCode"], 170_213);
        assert_reason(
            &reply,
            "it rests still: cancel it again, or every order of its symbol with bybit_cancel_all_orders",
        );
        assert_eq!(kinds_asked(&world), KINDS);
        assert_eq!(resting(&world).await.len(), 2);
        let all = json!({"category": "spot", "symbol": "BTCUSDT"});
        let reply = world.write(WriteTool::CancelAllOrders, all).await;
        assert_eq!(reply["status"], "accepted", "{reply}");
        assert_eq!(resting(&world).await, [] as [Value; 0]);
        world.assert_chain_whole();
    }
}

#[tokio::test]
async fn one_that_waits_for_a_trigger_is_found_among_the_stop_orders() {
    let world = World::new().await;
    let args = json!({"category": "spot", "symbol": "BTCUSDT", "side": "Buy", "order_type": "Limit", "qty": "0.01",
        "price": "66100", "trigger_price": "66000"});
    let placed = world.place(args).await;
    assert_eq!(placed["status"], "accepted", "{placed}");
    let id = resting(&world).await[0]["orderId"].as_str().unwrap().to_owned();
    let reply = cancel(&world, &id).await;
    assert_eq!(reply["status"], "accepted", "{reply}");
    assert_eq!(kinds_asked(&world), KINDS[..2]);
    assert_eq!(resting(&world).await, [] as [Value; 0]);
}

/// The same cancel would ask for the same kinds again: what clears the symbol is named, and does.
#[tokio::test]
async fn one_of_a_kind_that_no_cancel_finds_is_left_to_a_cancel_of_all() {
    let (world, ids) = protected().await;
    let no = FaultKind::RetCode {
        code: 170_213,
        message: "Order does not exist.".to_owned(),
    };
    world.fault(CANCEL, no, None);
    let reply = cancel(&world, &ids[0]).await;
    assert_eq!(reply["status"], "rejected", "{reply}");
    assert_reason(
        &reply,
        "it rests still: cancel it again, or every order of its symbol with bybit_cancel_all_orders",
    );
    assert_eq!(kinds_asked(&world), KINDS);
    let all = json!({"category": "spot", "symbol": "BTCUSDT"});
    let reply = world.write(WriteTool::CancelAllOrders, all).await;
    assert_eq!(reply["ok"], true, "{reply}");
    assert_eq!(resting(&world).await, [] as [Value; 0]);
}

/// What was sent and answered is told, though a halt keeps the other kinds from being asked.
#[tokio::test]
async fn a_halt_between_two_kinds_leaves_the_answer_of_the_first() {
    let (world, ids) = protected().await;
    world.fault(CANCEL, FaultKind::DelayMs(300), Some(1));
    let cancelling = cancel(&world, &ids[0]);
    let halting = async {
        world.reached(CANCEL).await;
        put(&world.files.halt_global(), "");
    };
    let (reply, ()) = tokio::join!(cancelling, halting);
    assert_eq!(kinds_asked(&world), KINDS[..1]);
    assert_eq!(
        (reply["status"].as_str(), &reply["ok"]),
        (Some("rejected"), &json!(false)),
        "{reply}"
    );
    assert_eq!(reply["live_action"]["broker_response"]["retCode"], 170_213);
    assert_reason(&reply, "; the other kinds were not asked: live trading halted");
    // It was looked up.
    assert_reason(&reply, "; it rests still: cancel it again");
    assert_eq!(
        world.story().last().map(String::as_str),
        Some("order_rejected rejected")
    );
    assert_eq!(resting(&world).await.len(), 2);
    world.assert_chain_whole();
}
