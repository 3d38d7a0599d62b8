//! What became of a change to an order: arrived, never arrived, or more than the exchange can show.

use std::fs;

use mandated::domain::order::WriteTool;
use mandated::sim::FaultKind;
use mandated::state::clock;
use serde_json::{Value, json};

use crate::unknown::age;
use crate::world::{World, assert_blocked, in_short, put, six_sol};

pub(crate) const AMEND: &str = "/v5/order/amend";

/// Half a SOL that rests at 140 under `mine-1`.
async fn half_a_sol(world: &World) -> Value {
    let mut args = six_sol();
    (args["qty"], args["order_link_id"]) = ("0.5".into(), "mine-1".into());
    let reply = world.place(args).await;
    assert_eq!(reply["status"], "accepted", "{reply}");
    reply
}

fn change(changes: Value) -> Value {
    let mut args = json!({"category": "linear", "symbol": "SOLUSDT", "order_link_id": "mine-1"});
    for (name, value) in changes.as_object().unwrap() {
        args[name] = value.clone();
    }
    args
}

async fn amend(world: &World, changes: Value) -> Value {
    world.write(WriteTool::AmendOrder, change(changes)).await
}

/// A write that is refused by its size, after what was in flight was looked at.
async fn look(world: &World) {
    world.cap("max_order_notional_usd", 1.0);
    assert_eq!(world.place(six_sol()).await["status"], "blocked");
}

/// A futures limit beyond the collar is moved to it without a word.
#[tokio::test]
async fn a_lost_amend_whose_price_was_moved_by_the_exchange_is_found() {
    let world = World::new().await;
    half_a_sol(&world).await;
    world.fault(AMEND, FaultKind::DropAfter, Some(1));
    let reply = amend(&world, json!({"new_qty": "2", "price": "200"})).await;
    assert_eq!(reply["status"], "accepted", "{reply}");
    assert_eq!(in_short(&reply["live_action"]), "order_amended accepted");
    let order = &world.orders("linear").await[0];
    assert_eq!((&order["qty"], &order["price"]), (&json!("2"), &json!("157.5")));
    assert_eq!(world.count(), 2);
    assert_eq!(world.inflight(), [] as [&str; 0]);
}

/// The price stays as it is, and a stop cannot be seen: nothing says that the change was made.
#[tokio::test]
async fn a_lost_stop_beside_a_price_that_stays_is_never_called_set() {
    let world = World::new().await;
    half_a_sol(&world).await;
    world.fault(AMEND, FaultKind::DropBefore, Some(1));
    let reply = amend(&world, json!({"price": "140", "stop_loss": "120"})).await;
    assert_eq!(reply["status"], "unknown", "{reply}");
    assert_eq!(world.orders("linear").await[0]["stopLoss"], "");
    age(&world, 61);
    look(&world).await;
    let story = world.story();
    assert_eq!(
        story[2..],
        [
            "order_submitted pending",
            "order_submitted unknown",
            "order_submitted unknown",
            "breach blocked"
        ]
    );
    assert_eq!(world.inflight(), [] as [&str; 0]);
}

/// The file of a process that was killed while it made 2 SOL of the half.
fn leave_amend(world: &World, order_id: &Value, with_before: bool) {
    let row = |qty: &str| {
        json!({"category": "linear", "symbol": "SOLUSDT", "side": "Buy", "leavesQty": qty, "qty": qty, "price": "140",
               "reduceOnly": false, "positionIdx": 0, "orderLinkId": "mine-1", "orderId": order_id})
    };
    let sent = clock::now() - chrono::Duration::seconds(61);
    let mut record = json!({"client_id": "change-1", "fingerprint": "f", "remote_tool": "bybit_amend_order",
        "category": "linear", "symbol": "SOLUSDT", "side": "Buy", "notional_usd": "300", "order": row("2"),
        "body": {"category": "linear", "symbol": "SOLUSDT", "orderLinkId": "mine-1", "qty": "2"},
        "created_at": clock::ledger_text(sent), "state": "unknown", "venue_order_id": order_id, "process_id": 1, "venue": "paper"});
    if with_before {
        record["before"] = row("0.5");
    }
    fs::create_dir_all(world.files.inflight_folder()).unwrap();
    put(
        &world.files.inflight_folder().join("change-1.json"),
        &record.to_string(),
    );
    let today = clock::now().date_naive().to_string();
    put(
        &world.files.counter(),
        &json!({"date": today, "count": 2, "action_ids": ["mine-1", "change-1"]}).to_string(),
    );
}

/// Given back only when the order stands as it did: one that was changed since may have had the change before.
#[tokio::test]
async fn the_count_of_a_lost_amend_is_given_back_only_when_the_order_is_as_it_was() {
    for (since, with_before, said, count) in [
        (None, true, "order_rejected error", 1),
        (Some("2"), true, "order_amended accepted", 2),
        (Some("3"), true, "order_submitted unknown", 2),
        // A file of an older version does not say what the order was.
        (None, false, "order_submitted unknown", 2),
        (Some("2"), false, "order_submitted unknown", 2),
    ] {
        let world = World::new().await;
        let placed = half_a_sol(&world).await;
        if let Some(qty) = since {
            let args = change(json!({"new_qty": qty})).to_string();
            let (_, neighbour) = world.neighbour();
            let reply = neighbour.write(WriteTool::AmendOrder, &args).await;
            assert_eq!(reply["status"], "accepted", "{reply}");
        }
        leave_amend(&world, &placed["order_id"], with_before);
        look(&world).await;
        let case = format!("{since:?} {with_before}");
        assert_eq!(world.story()[2..], [said, "breach blocked"], "{case}");
        assert_eq!(world.count(), count, "{case}");
        assert_eq!(world.inflight(), [] as [&str; 0], "{case}");
        world.assert_chain_whole();
    }
}

/// An order that is gone says nothing about a change that was asked of it.
#[tokio::test]
async fn a_lost_amend_of_an_order_that_is_no_longer_shown_stays_counted() {
    let world = World::new().await;
    half_a_sol(&world).await;
    leave_amend(&world, &json!("gone-1"), true);
    look(&world).await;
    assert_eq!(world.story()[2..], ["order_submitted unknown", "breach blocked"]);
    assert_eq!(world.count(), 2);
}
