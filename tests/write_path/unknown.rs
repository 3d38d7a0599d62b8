//! Orders that nobody can find: never a failure, never sent again, counted until they are settled.
//!
//! These wait as long as an order can stay invisible, so they run side by side.

use std::fs;

use mandated::domain::order::WriteTool;
use mandated::sim::FaultKind;
use mandated::state::clock;
use serde_json::{Value, json};

use crate::world::{CREATE, World, assert_blocked, assert_reason, put, six_sol, six_sol_as};

/// Makes the only file in flight look as old as that.
pub(crate) fn age(world: &World, seconds: i64) {
    let folder = fs::read_dir(world.files.inflight_folder()).unwrap();
    let paths: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
    let [path] = paths.as_slice() else {
        panic!("one file: {paths:?}")
    };
    let mut record: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let then = clock::now() - chrono::Duration::seconds(seconds);
    record["created_at"] = clock::ledger_text(then).into();
    put(path, &record.to_string());
}

async fn stays_unknown(fault: FaultKind) {
    let world = World::new().await;
    world.cap("max_total_exposure_usd", 8_000.0);
    world.fault(CREATE, fault, Some(1));
    let reply = world.place(six_sol_as("lost-1")).await;
    assert_eq!(
        (reply["status"].as_str(), &reply["ok"]),
        (Some("unknown"), &json!(false)),
        "{reply}"
    );
    assert_reason(&reply, "do not send it again");
    assert_eq!(reply["order_link_id"], "lost-1");
    assert_eq!((world.creates(), world.count()), (1, 1));
    assert_eq!(world.inflight(), ["lost-1 unknown"]);
    assert_eq!(
        world.story(),
        ["order_submitted pending", "order_submitted unknown"]
    );

    // Its whole notional counts.
    let next = world.place(six_sol()).await;
    assert_blocked(&next, "pause_for_reauth", "max_total_exposure_usd");
    assert_eq!(next["breach"]["attempted_value"], "8300.12");
    // The same order under the same id is not sent either, nor judged as a second one that no cap has room for.
    let again = world.place(six_sol_as("lost-1")).await;
    assert_eq!(
        (again["status"].as_str(), &again["ok"], &again["repeated"]),
        (Some("unknown"), &json!(false), &json!(true)),
        "{again}"
    );
    let note = again["note"].as_str().unwrap();
    assert!(note.contains("do not send it under another id"), "{note}");
    assert_eq!(again["live_action"], reply["live_action"]);
    let mut other = six_sol_as("lost-1");
    other["qty"] = "5".into();
    let other = world.place(other).await;
    assert_blocked(&other, "deny", "intent");
    assert_reason(&other, "lost-1 was used for another order");
    assert_eq!((world.creates(), world.count()), (1, 1));
    assert_eq!(world.inflight(), ["lost-1 unknown"]);

    // Once it can no longer appear, it is settled and the count given back.
    age(&world, 61);
    world.cap("max_order_notional_usd", 1.0);
    let last = world.place(six_sol()).await;
    assert_blocked(&last, "pause_for_reauth", "max_order_notional_usd");
    assert_eq!((world.creates(), world.count()), (1, 0));
    assert_eq!(world.inflight(), [] as [&str; 0]);
    let story = world.story();
    assert_eq!(story[4..], ["order_rejected error", "breach blocked"]);
    // Its id is used up, and the caller is told so.
    let settled = world.place(six_sol_as("lost-1")).await;
    assert_eq!(
        (settled["status"].as_str(), &settled["repeated"]),
        (Some("not_sent"), &json!(true)),
        "{settled}"
    );
    assert_reason(&settled, "ask again under a new order_link_id");
    assert_eq!(world.creates(), 1);
    world.assert_chain_whole();
}

async fn late_order_is_found_by_the_next_write() {
    let world = World::new().await;
    world.fault(CREATE, FaultKind::DropAfter, Some(1));
    world.fault(CREATE, FaultKind::InvisibleMs(16_000), Some(1));
    let reply = world.place(six_sol_as("late-1")).await;
    assert_eq!(reply["status"], "unknown", "{reply}");
    // Well past the moment from which it is shown, however slowly this machine searched.
    tokio::time::sleep(std::time::Duration::from_secs(4)).await;
    // The caller asks again under its own id, as a careful one does: it learns that the order stands.
    let again = world.place(six_sol_as("late-1")).await;
    assert_eq!(again["status"], "accepted", "{again}");
    assert_eq!(world.orders("linear").await.len(), 1);
    assert_eq!((world.creates(), world.count()), (1, 1));
    assert_eq!(
        world.story(),
        [
            "order_submitted pending",
            "order_submitted unknown",
            "order_placed accepted"
        ]
    );
    assert_eq!(world.inflight(), [] as [&str; 0]);
}

/// Whether a stop was set on a resting order cannot be seen, so nothing may say that it was.
async fn a_change_that_cannot_be_seen_is_never_called_done() {
    let world = World::new().await;
    world.place(six_sol_as("mine-1")).await;
    world.fault("/v5/order/amend", FaultKind::DropBefore, Some(1));
    let args =
        json!({"category": "linear", "symbol": "SOLUSDT", "order_link_id": "mine-1", "stop_loss": "120"});
    let reply = world.write(WriteTool::AmendOrder, args).await;
    assert_eq!(reply["status"], "unknown", "{reply}");
    for seconds in [0, 61] {
        if seconds > 0 {
            age(&world, seconds);
        }
        world.cap("max_order_notional_usd", 1.0);
        assert_eq!(world.place(six_sol()).await["status"], "blocked");
    }
    let story = world.story();
    assert!(
        !story.iter().any(|record| record == "order_amended accepted"),
        "{story:?}"
    );
    assert_eq!(world.inflight(), [] as [&str; 0]);
}

#[tokio::test]
async fn an_order_that_nobody_can_find_is_unknown_and_settled_later() {
    let unclear = FaultKind::RetCode {
        code: 10016,
        message: "Server error".to_owned(),
    };
    tokio::join!(
        stays_unknown(FaultKind::Status(502)),
        stays_unknown(unclear),
        late_order_is_found_by_the_next_write(),
        a_change_that_cannot_be_seen_is_never_called_done(),
    );
}
