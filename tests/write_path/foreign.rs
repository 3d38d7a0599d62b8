//! Another order under our id: never taken for ours, whatever became of it.

use mandated::domain::order::WriteTool;
use mandated::sim::FaultKind;
use serde_json::{Value, json};

use crate::unknown::age;
use crate::world::{CREATE, World, assert_blocked, assert_reason, six_sol, six_sol_as};

/// Somebody else's order on the same account, under `same-1`.
async fn foreign(world: &World, mut order: Value) -> Value {
    order["order_link_id"] = "same-1".into();
    let (_, neighbour) = world.neighbour();
    neighbour.write(WriteTool::PlaceOrder, &order.to_string()).await
}

/// Our order of that id does not reach the exchange.
async fn lost(world: &World, order: Value) -> Value {
    world.fault(CREATE, FaultKind::Status(502), Some(1));
    world.place(order).await
}

fn one_at_market(side: &str) -> Value {
    json!({"category": "linear", "symbol": "SOLUSDT", "side": side, "order_type": "Market", "qty": "1"})
}

#[tokio::test]
async fn another_order_under_our_id_is_not_the_one_that_was_lost() {
    let mut other = six_sol();
    other["qty"] = "5".into();
    let mut dearer = six_sol();
    dearer["price"] = "141".into();
    for theirs in [one_at_market("Buy"), one_at_market("Sell"), other, dearer] {
        let world = World::new().await;
        let made = foreign(&world, theirs.clone()).await;
        assert_eq!(made["ok"], true, "{made}");
        let reply = lost(&world, six_sol_as("same-1")).await;
        assert_eq!(
            (reply["status"].as_str(), &reply["ok"]),
            (Some("unknown"), &json!(false)),
            "{theirs} {reply}"
        );
        let named = format!("another order, {}", made["order_id"].as_str().unwrap());
        assert_reason(&reply, &named);
        assert_eq!(reply.get("order"), None);
        assert_eq!(world.inflight(), ["same-1 unknown"]);
        assert_eq!(world.count(), 1);
        assert!(!world.files.settled_folder().join("same-1.json").exists());
    }
}

/// Only once ours can no longer appear is its count given back, whatever became of the other one.
#[tokio::test]
async fn a_lost_order_whose_id_belongs_to_another_is_settled_when_it_can_no_longer_appear() {
    for rejected in [false, true] {
        let world = World::new().await;
        if rejected {
            world.fault(CREATE, FaultKind::RejectLater, Some(1));
        }
        let made = foreign(&world, one_at_market("Sell")).await;
        assert_eq!(made["ok"], !rejected, "{made}");
        assert_eq!(lost(&world, six_sol_as("same-1")).await["status"], "unknown");

        world.cap("max_order_notional_usd", 1.0);
        assert_eq!(world.place(six_sol()).await["status"], "blocked");
        assert_eq!(world.inflight(), ["same-1 unknown"]);
        assert_eq!(world.count(), 1);

        age(&world, 61);
        assert_eq!(world.place(six_sol()).await["status"], "blocked");
        assert_eq!(world.inflight(), [] as [&str; 0]);
        assert_eq!(world.count(), 0);
        let told = &world.ledger()[3];
        assert_eq!(told["kind"], "order_rejected");
        assert_eq!(told["outcome"], "error");
        let why = told["error"].as_str().unwrap();
        assert!(
            why.starts_with("it never arrived: the id belongs to another order; "),
            "{why}"
        );

        // The caller that asks again is told of its own order, not of the other.
        let again = world.place(six_sol_as("same-1")).await;
        assert_eq!(again["status"], "not_sent", "{again}");
        assert_eq!((again.get("order"), again.get("order_id")), (None, None));
        world.assert_chain_whole();
    }
}

/// Another resting order does not stand for ours while ours may still appear.
#[tokio::test]
async fn a_lost_order_counts_beside_another_one_under_its_id() {
    let world = World::new().await;
    world.cap("max_total_exposure_usd", 8_000.0);
    let sell = json!({"category": "linear", "symbol": "SOLUSDT", "side": "Sell", "order_type": "Limit", "qty": "1", "price": "155"});
    assert_eq!(foreign(&world, sell).await["ok"], true);
    assert_eq!(lost(&world, six_sol_as("same-1")).await["status"], "unknown");
    let next = world.place(six_sol()).await;
    assert_blocked(&next, "pause_for_reauth", "max_total_exposure_usd");
    assert_eq!(next["breach"]["attempted_value"], "8300.12");
}

/// The exchange moves a futures limit beyond its collar: a lost order is ours all the same.
#[tokio::test]
async fn a_lost_order_whose_price_was_moved_by_the_exchange_is_found() {
    let world = World::new().await;
    let mut order = six_sol_as("mine-1");
    (order["qty"], order["price"]) = ("2".into(), "200".into());
    world.fault(CREATE, FaultKind::DropAfter, Some(1));
    let reply = world.place(order).await;
    assert_eq!(reply["status"], "filled", "{reply}");
    assert_eq!(world.orders("linear").await[0]["price"], "157.5");
    assert_eq!(world.inflight(), [] as [&str; 0]);
}
