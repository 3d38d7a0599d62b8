//! What became of a change to an order: arrived, never arrived, or more than the exchange can show.

use std::fs;
use std::time::{Duration, Instant};

use mandated::domain::order::WriteTool;
use mandated::sim::FaultKind;
use mandated::state::clock;
use serde_json::{Value, json};

use crate::unknown::age;
use crate::world::{World, assert_blocked, assert_reason, in_short, put, six_sol};

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

/// 6,500 of coins and 900.06 that are not shown yet; 5.5 more would be 825.055.
#[tokio::test]
async fn an_acknowledged_change_that_is_not_shown_counts_until_it_is() {
    let world = World::new().await;
    world.cap("max_total_exposure_usd", 8_000.0);
    half_a_sol(&world).await;
    world.fault(AMEND, FaultKind::InvisibleMs(10_000), Some(1));
    let started = Instant::now();
    let reply = amend(&world, json!({"new_qty": "6"})).await;
    let answered = Instant::now();
    assert_eq!(reply["status"], "accepted", "{reply}");
    let note = reply["note"].as_str().unwrap();
    assert!(note.contains("does not show the change yet"), "{note}");
    let [file] = world.inflight().try_into().unwrap();
    assert!(file.ends_with(" acknowledged"), "{file}");

    let mut more = six_sol();
    more["qty"] = "5.5".into();
    let second = world.place(more.clone()).await;
    assert_blocked(&second, "pause_for_reauth", "max_total_exposure_usd");
    assert_eq!(second["breach"]["attempted_value"], "8225.115");
    assert_eq!(world.inflight(), [file]);
    assert!(
        started.elapsed() < Duration::from_millis(9_900),
        "the test was too slow to mean anything"
    );

    tokio::time::sleep_until((answered + Duration::from_millis(10_300)).into()).await;
    let third = world.place(more).await;
    assert_eq!(third["breach"]["attempted_value"], "8225.115", "counted once");
    assert_eq!(world.inflight(), [] as [&str; 0]);
    assert_eq!(
        world.story()[2..],
        [
            "order_submitted pending",
            "order_amended accepted",
            "breach blocked",
            "breach blocked"
        ]
    );
    assert_eq!(world.count(), 2);
    world.assert_chain_whole();
}

/// A new price for what is shown as half a SOL would be one for six.
#[tokio::test]
async fn no_further_change_is_judged_by_an_order_whose_change_is_not_settled() {
    let world = World::new().await;
    half_a_sol(&world).await;
    world.fault(AMEND, FaultKind::InvisibleMs(60_000), Some(1));
    amend(&world, json!({"new_qty": "6"})).await;
    let refused = amend(&world, json!({"price": "149"})).await;
    assert_blocked(&refused, "deny", "intent");
    assert_reason(&refused, "an earlier change to it");
    assert_eq!(world.sent().len(), 2);
    // It can be cancelled all the same.
    let cancelled = world.write(WriteTool::CancelOrder, change(json!({}))).await;
    assert_eq!(cancelled["status"], "accepted", "{cancelled}");
    assert_eq!(world.inflight().len(), 1);
}

/// A stop that may have been set makes the order no other one to judge.
#[tokio::test]
async fn a_change_after_one_that_cannot_be_seen_is_judged() {
    let world = World::new().await;
    half_a_sol(&world).await;
    world.fault(AMEND, FaultKind::DropAfter, Some(1));
    let lost = amend(&world, json!({"stop_loss": "120"})).await;
    assert_eq!(lost["status"], "unknown", "{lost}");
    let next = amend(&world, json!({"price": "141"})).await;
    assert_eq!(next["status"], "accepted", "{next}");
}

/// What cannot be seen is not waited for, and what is seen leaves nothing behind.
#[tokio::test]
async fn a_change_that_is_shown_or_cannot_be_is_settled_at_once() {
    for (changes, qty, price) in [
        (json!({"new_qty": "6"}), "6", "140"),
        (json!({"price": "141"}), "0.5", "141"),
        // Moved by the exchange.
        (json!({"price": "200"}), "0.5", "157.5"),
        // It fills at once.
        (json!({"price": "151"}), "0.5", "151"),
        (json!({"stop_loss": "120"}), "0.5", "140"),
    ] {
        let world = World::new().await;
        half_a_sol(&world).await;
        let reply = amend(&world, changes.clone()).await;
        assert_eq!(
            (reply["status"].as_str(), reply.get("note")),
            (Some("accepted"), None),
            "{reply}"
        );
        let order = &world.orders("linear").await[0];
        assert_eq!((&order["qty"], &order["price"]), (&json!(qty), &json!(price)));
        assert_eq!(world.inflight(), [] as [&str; 0], "{changes}");
        assert_eq!(world.story()[3], "order_amended accepted");
    }
}

/// An order that ended is in the lists as what it is now.
#[tokio::test]
async fn an_acknowledged_change_of_an_order_that_ended_is_settled() {
    let world = World::new().await;
    half_a_sol(&world).await;
    world.fault(AMEND, FaultKind::InvisibleMs(60_000), Some(1));
    amend(&world, json!({"new_qty": "6"})).await;
    assert_eq!(world.inflight().len(), 1);
    let cancelled = world.write(WriteTool::CancelOrder, change(json!({}))).await;
    assert_eq!(cancelled["status"], "accepted", "{cancelled}");
    look(&world).await;
    assert_eq!(world.inflight(), [] as [&str; 0]);
    assert_eq!(world.count(), 2);
}
