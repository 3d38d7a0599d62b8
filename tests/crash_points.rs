//! The binary is killed at every named point of a write and of a recovery; what the next process finds is settled,
//! and exchange, counter and ledger tell one story.
//!
//! `cargo test --features crash-points --test crash_points`

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail by panicking"
)]

mod crash;
#[path = "crash/recovering.rs"]
mod recovering;

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use crash::{CAN_APPEAR, CREATE, World, limit_order, market_order, too_large};
use futures::StreamExt;
use mandated::sim::FaultKind;
use mandated::state::crash::POINTS;
use serde_json::Value;

/// How many worlds are under way at once.
pub(crate) const AT_ONCE: usize = 6;

/// How the exchange behaves, by name.
fn behaviours() -> Vec<(&'static str, Option<FaultKind>)> {
    let no = FaultKind::RetCode {
        code: 110007,
        message: "ab not enough for new order".to_owned(),
    };
    vec![
        ("normal", None),
        ("answer lost", Some(FaultKind::DropAfter)),
        ("shown late", Some(FaultKind::InvisibleMs(500))),
        ("not processed", Some(FaultKind::Status(502))),
        ("rejected", Some(no)),
    ]
}

fn is_of_recovery(point: &str) -> bool {
    point.starts_with("recovery-")
}

async fn world(fault: Option<FaultKind>) -> World {
    let world = World::new().await;
    if let Some(kind) = fault {
        world.fault(CREATE, kind);
    }
    world
}

/// One order by a child that may die over it; true when it did.
pub(crate) async fn order(world: &World, crash_at: &str, arguments: Value, when: &str) -> bool {
    let mut agent = world.agent(Some(crash_at)).await;
    let answer = agent.place(arguments).await;
    world.assert_counted(when);
    let died = agent.end().await.signal() == Some(9);
    assert_eq!(died, answer.is_none(), "{when}: {answer:?}");
    world.assert_counted(when);
    died
}

/// A fresh child settles what there is, by its start or before a write that it refuses.
pub(crate) async fn recover(world: &World, by_start: bool, when: &str) {
    tokio::time::sleep(CAN_APPEAR + Duration::from_millis(50)).await;
    let mut agent = world.agent(None).await;
    if !by_start {
        let refused = agent.place(too_large()).await.unwrap();
        assert_eq!(refused["status"], "blocked", "{when}: {refused}");
    }
    assert!(world.settled().await, "{when}: not settled");
    world.assert_counted(when);
    assert!(agent.end().await.success(), "{when}");
}

/// A limit and a market order, each by a child that dies at `point`; then a recovery. Says whether one died.
async fn killed_at(
    point: &'static str,
    name: &'static str,
    fault: Option<FaultKind>,
    by_start: bool,
) -> Option<&'static str> {
    let when = format!("{point}, {name}");
    let world = world(fault).await;
    let limit = order(&world, point, limit_order(), &when).await;
    let market = order(&world, point, market_order(), &when).await;
    recover(&world, by_start, &when).await;
    let lost = if point == "after-count" { 2 } else { 0 };
    world.assert_agree(lost, &when);
    (limit || market).then_some(point)
}

#[tokio::test]
async fn a_write_survives_its_death_at_every_point() {
    let points = || POINTS.into_iter().filter(|point| !is_of_recovery(point));
    let mut cases = Vec::new();
    for (turn, (name, fault)) in behaviours().into_iter().enumerate() {
        for (at, point) in points().enumerate() {
            cases.push(killed_at(point, name, fault.clone(), (at + turn) % 2 == 0));
        }
    }
    let reached: BTreeSet<&str> = futures::stream::iter(cases)
        .buffer_unordered(AT_ONCE)
        .filter_map(|point| async move { point })
        .collect()
        .await;
    assert_eq!(reached, points().collect(), "a point that no case passes");
}

/// Dies over an order, then over its recovery; a third process finishes.
async fn killed_while_recovering(point: &'static str, first: &'static str, by_start: bool) {
    let when = format!("{first}, then {point}");
    let world = World::new().await;
    assert!(order(&world, first, limit_order(), &when).await, "{when}");
    tokio::time::sleep(CAN_APPEAR + Duration::from_millis(50)).await;
    let mut agent = world.agent(Some(point)).await;
    if !by_start && point != "recovery-after-lock" {
        agent.place(too_large()).await;
    }
    while agent.process.try_wait().unwrap().is_none() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(agent.end().await.signal(), Some(9), "{when}");
    world.assert_counted(&when);
    recover(&world, by_start, &when).await;
    world.assert_agree(0, &when);
}

#[tokio::test]
async fn a_recovery_survives_its_own_death_at_every_point() {
    let mut cases = Vec::new();
    for point in POINTS.into_iter().filter(|point| is_of_recovery(point)) {
        for (at, first) in [
            "after-inflight-file",
            "before-send",
            "after-send",
            "after-final-record",
        ]
        .into_iter()
        .enumerate()
        {
            // The last word is there already, so none is written.
            if !(first == "after-final-record" && point == "recovery-after-record") {
                cases.push(killed_while_recovering(point, first, at % 2 == 0));
            }
        }
    }
    let done: Vec<()> = futures::stream::iter(cases)
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    assert_eq!(done.len(), 23);
}
