//! What the process after a crash does: repeated ids, two at once, files that it must not touch.

use std::fs;
use std::time::Duration;

use futures::StreamExt;
use mandated::state::inflight;
use serde_json::{Value, json};

use crate::crash::{CAN_APPEAR, World, limit_order, too_large};
use crate::{AT_ONCE, order, recover};

/// The caller asks again under its own id, after a crash and a recovery.
async fn repeated_after(point: &'static str) {
    let world = World::new().await;
    let mut mine = limit_order();
    mine["order_link_id"] = json!("mine-1");
    assert!(order(&world, point, mine.clone(), point).await);
    recover(&world, true, point).await;
    let mut agent = world.agent(None).await;
    let sent = world.creates().len();
    let again = agent.place(mine.clone()).await.unwrap();
    // Written down, so it has an outcome; otherwise nothing is known of it and it is a new order.
    let known = !["after-facts", "after-count"].contains(&point);
    if known {
        assert_eq!(again["repeated"], true, "{point}: {again}");
        let status = if sent == 1 { "accepted" } else { "not_sent" };
        assert_eq!(again["status"], status, "{point}: {again}");
        assert_eq!(world.creates().len(), sent, "{point}");
    } else {
        assert_eq!(again["status"], "accepted", "{point}: {again}");
    }
    mine["qty"] = json!("2");
    assert_eq!(agent.place(mine).await.unwrap()["status"], "blocked", "{point}");
    assert!(agent.end().await.success());
    world.assert_agree(0, point);
}

#[tokio::test]
async fn a_repeated_id_gets_the_outcome_that_was_found_and_is_not_sent_again() {
    let points = [
        "after-facts",
        "after-count",
        "after-inflight-file",
        "after-submitted",
        "after-send",
        "after-final-record",
        "after-remember",
        "after-file-removal",
    ];
    let cases = points.map(repeated_after);
    let done: Vec<()> = futures::stream::iter(cases)
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    assert_eq!(done.len(), points.len());
}

#[tokio::test]
async fn two_processes_that_recover_at_once_do_nothing_twice() {
    for first in ["before-send", "after-send"] {
        let world = World::new().await;
        assert!(order(&world, first, limit_order(), first).await);
        tokio::time::sleep(CAN_APPEAR + Duration::from_millis(50)).await;
        let (mut one, mut two) = tokio::join!(world.agent(None), world.agent(None));
        let refused = tokio::join!(one.place(too_large()), two.place(too_large()));
        assert!(refused.0.is_some() && refused.1.is_some());
        assert!(one.end().await.success() && two.end().await.success());
        world.assert_agree(0, first);
    }
}

#[tokio::test]
async fn an_order_that_may_still_appear_counts_in_full_and_is_not_settled() {
    let world = World::new().await;
    let mut agent = world.agent(Some("before-send:2")).await;
    assert_eq!(agent.place(limit_order()).await.unwrap()["status"], "accepted");
    assert!(agent.place(limit_order()).await.is_none());
    let mut agent = world.agent(None).await;
    let next = agent.place(limit_order()).await.unwrap();
    assert_eq!(next["status"], "accepted", "{next}");
    // Two limits at 140 or their worst, the dead one among them, and this one.
    let exposure: u64 = next["post_trade_exposure_usd"]
        .as_str()
        .unwrap()
        .split('.')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    assert!(exposure >= 3 * 140, "{next}");
    assert_eq!(inflight::list(&world.files).unwrap().len(), 1);
    assert!(agent.end().await.success());
    recover(&world, true, "later").await;
    world.assert_agree(0, "later");
}

/// The process died between the two ledgers.
#[tokio::test]
async fn a_record_that_the_chain_lacks_is_chained() {
    for point in ["after-submitted", "after-final-record", "after-open-record"] {
        let world = World::new().await;
        if point == "after-open-record" {
            world.fault(crate::CREATE, mandated::sim::FaultKind::InvisibleMs(500));
        }
        assert!(order(&world, point, limit_order(), point).await);
        let chain = fs::read_to_string(world.files.audit_chain()).unwrap();
        let whole: Vec<&str> = chain.lines().collect();
        let cut = whole[..whole.len() - 1].iter().map(|line| format!("{line}\n"));
        fs::write(world.files.audit_chain(), cut.collect::<String>()).unwrap();
        recover(&world, true, point).await;
        world.assert_agree(0, point);
    }
}

/// One that is left by a child, as a text.
async fn leftover(world: &World) -> (std::path::PathBuf, String) {
    assert!(order(world, "after-send", limit_order(), "left").await);
    let records = inflight::list(&world.files).unwrap();
    let path = world
        .files
        .inflight_folder()
        .join(format!("{}.json", records[0].client_id));
    let text = fs::read_to_string(&path).unwrap();
    (path, text)
}

/// An order that may stand elsewhere is not looked up here, and nobody trades past it.
#[tokio::test]
async fn an_order_of_another_venue_refuses_new_ones_and_is_named() {
    let world = World::new().await;
    let (path, text) = leftover(&world).await;
    let mut record: Value = serde_json::from_str(&text).unwrap();
    record["venue"] = json!("bybit mainnet");
    fs::write(&path, record.to_string()).unwrap();
    tokio::time::sleep(CAN_APPEAR).await;
    let mut agent = world.agent(None).await;
    let refused = agent.place(limit_order()).await.unwrap();
    assert_eq!(refused["status"], "blocked", "{refused}");
    let reason = refused["reason"].as_str().unwrap();
    let id = record["client_id"].as_str().unwrap();
    assert!(
        reason.contains("bybit mainnet") && reason.contains(id),
        "{reason}"
    );
    assert!(agent.end().await.success());
    assert!(path.exists());
    let asked = world.paper.requests();
    let asked = asked.iter().filter(|request| request.method == "GET");
    assert_eq!(asked.filter(|request| request.payload.contains(id)).count(), 0);
    fs::write(&path, text).unwrap();
    recover(&world, false, "home again").await;
    world.assert_agree(0, "home again");
}

/// It is named, and does not keep the others from being settled.
#[tokio::test]
async fn a_file_that_cannot_be_read_refuses_new_orders() {
    let world = World::new().await;
    let (path, _) = leftover(&world).await;
    let bad = world.files.inflight_folder().join("bad-1.json");
    fs::write(&bad, "{").unwrap();
    let mut agent = world.agent(None).await;
    let refused = agent.place(limit_order()).await.unwrap();
    assert_eq!(refused["status"], "blocked", "{refused}");
    assert!(
        refused["reason"].as_str().unwrap().contains("bad-1.json"),
        "{refused}"
    );
    assert!(agent.end().await.success());
    assert!(!path.exists() && bad.exists());
    fs::remove_file(bad).unwrap();
    world.assert_agree(0, "removed by a person");
}
