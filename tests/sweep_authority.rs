//! A mandate that ends takes its orders with it: those that add risk go, protective ones and a person's stay.
#![cfg(test)]

use std::fs;
use std::time::{Duration, Instant};

use mandated::daemon::sweep::SweepState;
use mandated::state::clock;
use mandated::state::inflight::{self, InflightRecord, InflightState};
use serde_json::{Value, json};

mod sweep_world;
use sweep_world::World;

async fn place(world: &World, link: &str, more: Value) {
    let mut body = json!({"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.01",
                          "price": "60000", "orderLinkId": link});
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    world.paper.place(body).await;
}

async fn resting(world: &World) -> Vec<String> {
    let mut links = Vec::new();
    for query in ["category=linear&settleCoin=USDT", "category=spot"] {
        for row in world.paper.list("/v5/order/realtime", query).await {
            links.push(row["orderLinkId"].as_str().unwrap().to_owned());
        }
    }
    links.sort();
    links
}

async fn look_for(world: &World, seconds: u64) {
    let until = Instant::now() + Duration::from_secs(seconds);
    while Instant::now() < until {
        assert_eq!(world.sweeper.look().await, SweepState::Idle);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Five orders of ours, of which two add risk, and one of a person's.
async fn orders(world: &World) {
    world.market("BTCUSDT", "Buy", "0.02", 0).await;
    place(world, "md-adds", json!({})).await;
    place(
        world,
        "md-adds-spot",
        json!({"category": "spot", "price": "64500", "qty": "0.001"}),
    )
    .await;
    place(
        world,
        "md-sells-coins",
        json!({"category": "spot", "side": "Sell", "price": "65500", "qty": "0.001"}),
    )
    .await;
    place(
        world,
        "md-reduces",
        json!({"side": "Sell", "price": "70000", "reduceOnly": true}),
    )
    .await;
    let stop = json!({"side": "Sell", "orderType": "Market", "triggerPrice": "60000", "triggerDirection": 2, "reduceOnly": true});
    place(world, "md-stops", stop).await;
    place(world, "by-hand", json!({})).await;
}

const PROTECTIVE: [&str; 4] = ["by-hand", "md-reduces", "md-sells-coins", "md-stops"];

#[tokio::test]
async fn an_expired_mandate_takes_what_adds_risk_once_and_on_the_ledger() {
    let mut world = World::new().await;
    world.mandate(|_| ());
    orders(&world).await;
    look_for(&world, 1).await;
    assert_eq!(resting(&world).await.len(), 6);
    world.mandate(|mandate| mandate["consent"]["expires_at"] = json!("2026-01-02T00:00:00Z"));
    look_for(&world, 2).await;
    assert_eq!(resting(&world).await, PROTECTIVE);
    assert_eq!(world.count_on_ledger("order_cancelled"), 2);
    assert_eq!(world.positions().await, 1);
    // The same end again, and after a restart: nothing is read or sent any more.
    let before = world.requests("/v5/order/realtime");
    look_for(&world, 1).await;
    world.restart();
    look_for(&world, 3).await;
    assert_eq!(world.requests("/v5/order/realtime"), before);
}

#[tokio::test]
async fn a_mandate_that_disappears_or_breaks_ends_too_but_not_while_it_is_replaced() {
    let world = World::new().await;
    world.mandate(|_| ());
    orders(&world).await;
    fs::remove_file(world.files.mandate()).unwrap();
    look_for(&world, 1).await;
    world.mandate(|_| ());
    look_for(&world, 3).await;
    assert_eq!(resting(&world).await.len(), 6);
    fs::remove_file(world.files.mandate()).unwrap();
    look_for(&world, 5).await;
    assert_eq!(resting(&world).await, PROTECTIVE);
    // Given again, and broken: another end.
    world.mandate(|_| ());
    look_for(&world, 1).await;
    place(&world, "md-again", json!({})).await;
    fs::write(world.files.mandate(), "{").unwrap();
    look_for(&world, 5).await;
    assert_eq!(resting(&world).await, PROTECTIVE);
}

#[tokio::test]
async fn an_order_that_appears_between_two_questions_is_cancelled_too() {
    let world = World::new().await;
    world.mandate(|mandate| mandate["consent"]["expires_at"] = json!("2026-01-02T00:00:00Z"));
    let record = InflightRecord {
        client_id: "md-late".into(),
        fingerprint: "f".into(),
        remote_tool: "bybit_place_order".into(),
        category: "linear".into(),
        symbol: "BTCUSDT".into(),
        side: "Buy".into(),
        body: json!({}),
        notional_usd: "600".into(),
        order: json!({"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "leavesQty": "0.01",
                      "price": "60000", "orderLinkId": "md-late", "positionIdx": 0}),
        before: None,
        created_at: clock::ledger_text(clock::now()),
        state: InflightState::Sent,
        venue_order_id: None,
        counted: true,
        process_id: 7,
        venue: "paper".into(),
    };
    inflight::write_new(&world.files, &record).unwrap();
    // The list of open orders is read before it can be seen, the order by its id after that.
    world.fault(
        r#"[{"path":"/v5/order/create","kind":"invisible","ms":2000,"times":1},
            {"path":"/v5/order/realtime?orderLinkId=md-late","kind":"delay_before","ms":3000,"times":1}]"#,
    );
    place(&world, "md-late", json!({})).await;
    look_for(&world, 6).await;
    assert!(resting(&world).await.is_empty());
    assert_eq!(world.count_on_ledger("order_cancelled"), 1);
}

#[tokio::test]
async fn a_halt_interrupts_it() {
    let world = World::new().await;
    orders(&world).await;
    world.fault(r#"[{"path":"/v5/order/realtime","kind":"delay_before","ms":60000}]"#);
    let looking = async {
        loop {
            if world.sweeper.look().await != SweepState::Idle {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let tripping = async {
        tokio::time::sleep(Duration::from_millis(3500)).await;
        assert_eq!(world.requests("/v5/order/cancel-all"), 0);
        world.touch();
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(world.requests("/v5/order/cancel-all") >= 3);
    };
    tokio::select! {
        () = looking => {},
        () = tripping => {},
    }
    assert!(world.requests("/v5/order/cancel-all") >= 3);
}
