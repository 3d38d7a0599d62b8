//! What a start makes of the orders in flight that it finds, and how it tells of them.

use std::fs;
use std::time::Duration;

use mandated::broker::{Mode, Recovery};
use mandated::domain::order::WriteTool;
use mandated::sim::FaultKind;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::leftovers::leave;
use crate::world::{CREATE, World, put, six_sol_as};

/// Changes the file that [`leave`] left, and puts it under its id.
fn change(world: &World, change: impl FnOnce(&mut Value)) {
    let folder = world.files.inflight_folder();
    let path = folder.join("left-1.json");
    let mut record: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    change(&mut record);
    fs::remove_file(path).unwrap();
    let name = format!("{}.json", record["client_id"].as_str().unwrap());
    put(&folder.join(name), &record.to_string());
}

async fn order_of_the_neighbour(world: &World) {
    let (_, neighbour) = world.neighbour();
    let placed = neighbour
        .write(WriteTool::PlaceOrder, &six_sol_as("left-1").to_string())
        .await;
    assert_eq!(placed["order_link_id"], "left-1", "{placed}");
}

#[tokio::test]
async fn nothing_in_flight_is_nothing_to_do() {
    let world = World::new().await;
    let recovery = world.broker.recover().await;
    assert_eq!(recovery, Recovery::default());
    assert!(recovery.is_clean());
    assert_eq!(world.paper.requests().len(), 0);
}

#[tokio::test]
async fn an_order_that_is_shown_is_counted_as_placed() {
    let world = World::new().await;
    order_of_the_neighbour(&world).await;
    leave(&world, 0, "sent");
    let recovery = world.broker.recover().await;
    let placed = Recovery {
        looked_at: 1,
        placed: 1,
        ..Recovery::default()
    };
    assert_eq!(recovery, placed);
    assert!(recovery.is_clean());
    assert_eq!(world.broker.recover().await, Recovery::default());
}

#[tokio::test]
async fn an_order_that_was_rejected_or_never_arrived_is_counted_as_that() {
    let world = World::new().await;
    world.fault(CREATE, FaultKind::RejectLater, Some(1));
    order_of_the_neighbour(&world).await;
    leave(&world, 0, "sent");
    let rejected = Recovery {
        looked_at: 1,
        rejected: 1,
        ..Recovery::default()
    };
    assert_eq!(world.broker.recover().await, rejected);

    let world = World::new().await;
    leave(&world, 61, "sent");
    let never = Recovery {
        looked_at: 1,
        never_arrived: 1,
        ..Recovery::default()
    };
    assert_eq!(world.broker.recover().await, never);
    assert_eq!(world.count(), 1);
}

#[tokio::test]
async fn what_the_ledger_has_told_is_counted_as_that() {
    let world = World::new().await;
    order_of_the_neighbour(&world).await;
    leave(&world, 0, "acknowledged");
    let told = Recovery {
        looked_at: 1,
        told_already: 1,
        ..Recovery::default()
    };
    assert_eq!(world.broker.recover().await, told);
}

/// The stop of a resting order cannot be seen, so nobody can say whether it was set.
#[tokio::test]
async fn a_change_that_cannot_be_seen_is_counted_as_that() {
    let world = World::new().await;
    order_of_the_neighbour(&world).await;
    leave(&world, 61, "sent");
    change(&world, |record| {
        record["client_id"] = "change-1".into();
        record["remote_tool"] = "bybit_amend_order".into();
        record["body"] =
            json!({"category": "linear", "symbol": "SOLUSDT", "orderLinkId": "left-1", "stopLoss": "120"});
    });
    let unclear = Recovery {
        looked_at: 1,
        cannot_tell: 1,
        ..Recovery::default()
    };
    assert_eq!(world.broker.recover().await, unclear);
    assert_eq!(world.story(), ["order_submitted unknown"]);
    assert_eq!(world.inflight(), [] as [&str; 0]);
    // What may have been done is not given back, and is no answer to an order of that id.
    assert_eq!(world.count(), 2);
    assert!(!world.files.settled_folder().join("change-1.json").exists());
}

#[tokio::test]
async fn what_stays_is_named() {
    let world = World::new().await;
    leave(&world, 30, "sent");
    let young = Recovery {
        looked_at: 1,
        open: vec!["left-1".to_owned()],
        ..Recovery::default()
    };
    let recovery = world.broker.recover().await;
    assert_eq!(recovery, young);
    assert!(!recovery.is_clean());

    change(&world, |record| record["venue"] = "bybit mainnet".into());
    let away = Recovery {
        looked_at: 1,
        elsewhere: vec!["left-1 (bybit mainnet)".to_owned()],
        ..Recovery::default()
    };
    let recovery = world.broker.recover().await;
    assert_eq!(recovery, away);
    assert!(!recovery.is_clean());
}

#[tokio::test]
async fn what_is_no_order_is_named_and_holds_the_others_up_no_longer() {
    let world = World::new().await;
    leave(&world, 61, "sent");
    let folder = world.files.inflight_folder();
    let text = fs::read_to_string(folder.join("left-1.json")).unwrap();
    put(&folder.join("aside-1.json"), "{");
    let mut nobody: Value = serde_json::from_str(&text.replace("left-1", "bside-1")).unwrap();
    nobody["order"]["orderLinkId"] = Value::Null;
    put(&folder.join("bside-1.json"), &nobody.to_string());
    let mut empty: Value = serde_json::from_str(&text.replace("left-1", "cside-1")).unwrap();
    empty["order"] = json!({});
    put(&folder.join("cside-1.json"), &empty.to_string());

    let recovery = world.broker.recover().await;
    assert_eq!(
        (recovery.looked_at, recovery.never_arrived),
        (4, 1),
        "{recovery:?}"
    );
    let [unreadable, nobody, empty] = recovery.unreadable.as_slice() else {
        panic!("three files: {recovery:?}")
    };
    assert!(unreadable.contains("aside-1.json"), "{unreadable}");
    assert!(
        nobody.contains("bside-1 is not understood: it names no order"),
        "{nobody}"
    );
    assert!(empty.contains("cside-1 is not understood"), "{empty}");
    assert_eq!((recovery.open.len(), &recovery.hindered), (0, &None));
    assert!(!recovery.is_clean());
}

/// What fails for one order alone is asked of the next; what fails for all of them is not.
#[tokio::test]
async fn a_refused_lookup_hinders_its_own_order_and_a_silent_exchange_all_of_them() {
    let no = FaultKind::RetCode {
        code: 10005,
        message: "no permission".to_owned(),
    };
    for (fault, hindered) in [(no, false), (FaultKind::DropBefore, true)] {
        let world = World::with(|config| config.timeout = Duration::from_secs(1), Mode::Trade).await;
        leave(&world, 61, "sent");
        let folder = world.files.inflight_folder();
        let text = fs::read_to_string(folder.join("left-1.json")).unwrap();
        put(&folder.join("left-2.json"), &text.replace("left-1", "left-2"));
        world.fault("/v5/order/realtime", fault, None);
        let recovery = world.broker.recover().await;
        assert_eq!(recovery.open, ["left-1", "left-2"]);
        assert_eq!((recovery.looked_at, recovery.hindered.is_some()), (2, hindered));
        assert!(!recovery.is_clean());
        let asked = |id: &str| {
            world
                .paper
                .requests()
                .iter()
                .any(|request| request.payload.contains(id))
        };
        assert_eq!((asked("left-1"), asked("left-2")), (true, !hindered));
    }
}

#[tokio::test]
async fn a_recovery_in_the_background_is_waited_for() {
    let world = World::new().await;
    leave(&world, 61, "sent");
    world.broker.recover_in_background();
    timeout(Duration::from_secs(20), world.broker.drain())
        .await
        .unwrap();
    assert_eq!(world.inflight(), [] as [&str; 0]);
    assert_eq!(world.story(), ["order_rejected error"]);
}

/// The caller that asks again under its own id learns what was found out, under the venue's name.
#[tokio::test]
async fn what_was_found_out_is_the_answer_to_the_same_order() {
    let world = World::new().await;
    order_of_the_neighbour(&world).await;
    leave(&world, 0, "sent");
    world.broker.recover().await;
    let path = world.files.settled_folder().join("left-1.json");
    let kept: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(kept["fingerprint"], "f");
    let outcome = &kept["outcome"];
    assert_eq!(
        (&outcome["status"], &outcome["ok"], &outcome["paper"]),
        (&json!("accepted"), &json!(true), &json!(true)),
        "{outcome}"
    );
    assert_eq!(outcome["order_link_id"], "left-1");
    assert_eq!(outcome["live_action"], world.ledger()[0]);
    assert_eq!(
        outcome["live_action"]["intent_normalized"]
            .as_str()
            .unwrap()
            .split(" of ")
            .next(),
        Some("settle the buy SOLUSDT")
    );
}

/// Found later, an order that ended at once is told as one.
#[tokio::test]
async fn an_order_that_is_found_over_is_remembered_with_how_it_ended() {
    for (price, reject, note) in [
        (
            "151",
            false,
            "the order is over already: Cancelled (EC_PostOnlyWillTakeLiquidity)",
        ),
        ("140", false, ""),
        // A rejection says why itself.
        ("140", true, ""),
    ] {
        let world = World::new().await;
        if reject {
            world.fault(CREATE, FaultKind::RejectLater, Some(1));
        }
        let (_, neighbour) = world.neighbour();
        let mut args = six_sol_as("left-1");
        args["price"] = price.into();
        args["time_in_force"] = "PostOnly".into();
        neighbour.write(WriteTool::PlaceOrder, &args.to_string()).await;
        leave(&world, 0, "sent");
        change(&world, |record| record["order"]["price"] = price.into());
        world.broker.recover().await;
        let path = world.files.settled_folder().join("left-1.json");
        let kept: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        let said = kept["outcome"]["note"].as_str().unwrap_or_default();
        assert_eq!(said.is_empty(), note.is_empty(), "{kept}");
        assert!(said.starts_with(note), "{said}");
    }
}

/// An answer that was given before says more than what is left to be found.
#[tokio::test]
async fn an_answer_that_was_given_is_not_written_over() {
    let world = World::new().await;
    let first = world.place(six_sol_as("left-1")).await;
    let path = world.files.settled_folder().join("left-1.json");
    let kept = fs::read_to_string(&path).unwrap();
    let answer: Value = serde_json::from_str(&kept).unwrap();
    leave(&world, 0, "sent");
    change(&world, |record| {
        record["created_at"] = world.ledger()[0]["ts"].clone();
        record["fingerprint"] = answer["fingerprint"].clone();
    });
    let recovery = world.broker.recover().await;
    assert_eq!(
        (recovery.told_already, world.inflight().len()),
        (1, 0),
        "{recovery:?}"
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), kept);

    // Lost, it is made up for from the ledger.
    fs::remove_file(&path).unwrap();
    leave(&world, 0, "sent");
    change(&world, |record| {
        record["created_at"] = world.ledger()[0]["ts"].clone();
        record["fingerprint"] = answer["fingerprint"].clone();
    });
    assert_eq!(world.broker.recover().await.told_already, 1);
    let kept: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(kept["outcome"]["order_id"], first["order_id"]);
    assert_eq!(world.ledger().len(), 2);
}

/// A request that is honoured for a minute can make an order for longer than one of five seconds, and may have been sent
/// as late as 15 s after its file was written.
#[tokio::test]
async fn a_long_receive_window_is_waited_for() {
    let world = World::with(|config| config.recv_window_ms = 60_000, Mode::Trade).await;
    leave(&world, 85, "sent");
    assert_eq!(world.broker.recover().await.open, ["left-1"]);
    leave(&world, 95, "sent");
    assert_eq!(world.broker.recover().await.never_arrived, 1);
}

/// Others wait for the lock: after four seconds of lookups the rest is left to the next write.
#[tokio::test]
async fn slow_lookups_are_ended_after_four_seconds() {
    let world = World::new().await;
    leave(&world, 61, "sent");
    let folder = world.files.inflight_folder();
    let text = fs::read_to_string(folder.join("left-1.json")).unwrap();
    put(&folder.join("left-2.json"), &text.replace("left-1", "left-2"));
    world.fault("/v5/order/realtime", FaultKind::DelayMs(4_200), Some(1));
    let recovery = world.broker.recover().await;
    assert_eq!(
        (recovery.looked_at, recovery.never_arrived),
        (2, 1),
        "{recovery:?}"
    );
    assert_eq!(
        (recovery.open, recovery.hindered),
        (vec!["left-2".to_owned()], None)
    );
    assert_eq!(world.inflight(), ["left-2 sent"]);
    assert_eq!(world.broker.recover().await.never_arrived, 1);
}
