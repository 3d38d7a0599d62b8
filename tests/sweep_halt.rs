//! A sentinel stands: every order goes, whatever the exchange does meanwhile, and only what it shows counts.
#![cfg(test)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use mandated::daemon::sweep::SweepState;
use mandated::state::clock;
use mandated::state::halt::{self, HaltScope};
use mandated::state::inflight::{self, InflightRecord, InflightState};
use serde_json::json;

mod sweep_world;
use sweep_world::World;
use sweep_world::client::{Paper, post, still};

async fn one_of_each(world: &World) {
    world.linear("Buy", "0.01", "60000").await;
    for body in [
        json!({"category": "linear", "symbol": "BTCPERP", "side": "Buy", "orderType": "Limit", "qty": "0.001", "price": "60000"}),
        json!({"category": "linear", "symbol": "ETHUSDT", "side": "Buy", "orderType": "Market", "qty": "0.1",
               "triggerPrice": "4000", "triggerDirection": 1}),
        json!({"category": "inverse", "symbol": "BTCUSD", "side": "Buy", "orderType": "Limit", "qty": "100", "price": "60000"}),
        json!({"category": "spot", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.001", "price": "64500"}),
        json!({"category": "spot", "symbol": "BTCUSDT", "side": "Sell", "orderType": "Market", "qty": "0.001",
               "triggerPrice": "60000", "orderFilter": "StopOrder"}),
        json!({"category": "spot", "symbol": "BTCUSDT", "side": "Sell", "orderType": "Market", "qty": "0.001",
               "triggerPrice": "61000", "orderFilter": "tpslOrder"}),
    ] {
        world.paper.place(body).await;
    }
    assert_eq!(world.open_orders().await, 7);
}

#[tokio::test]
async fn a_touched_file_cancels_every_kind_of_order_and_leaves_a_receipt() {
    let world = World::new().await;
    one_of_each(&world).await;
    assert_eq!(world.sweeper.look().await, SweepState::Idle);
    world.touch();
    assert_eq!(world.swept(10).await, SweepState::Swept);
    assert_eq!(world.open_orders().await, 0);
    let receipts = world.receipts();
    assert_eq!(receipts.len(), 1);
    let receipt = &receipts[0];
    assert_eq!(receipt["cancelled"].as_array().unwrap().len(), 7, "{receipt}");
    assert!(receipt["episode"].as_str().unwrap().starts_with("mtime:"));
    assert!(receipt["found_empty"]["first_look"].is_string());
    assert_eq!(receipt["flattened"], false);
    // There is no mandate, and the receipt says what follows from that.
    assert!(
        receipt["not_done"][0].as_str().unwrap().contains("no mandate"),
        "{receipt}"
    );
    let path = &world.named("halt_receipt-")[0];
    assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    let digest = |path: &std::path::Path| {
        path.to_string_lossy()
            .rsplit('-')
            .next()
            .unwrap()
            .replace(".json", "")
    };
    assert_eq!(digest(path), digest(&world.named("FLATTEN_FIRED-")[0]));
    assert_eq!(world.count_on_ledger("halt_tripped"), 1);
    assert!(world.count_on_ledger("order_cancelled") >= 3);
    assert!(world.named("halt_sweep-").is_empty());
}

#[tokio::test]
async fn the_first_cancel_is_sent_before_anything_is_read() {
    let world = World::new().await;
    world.linear("Buy", "0.01", "60000").await;
    // Clock and connection are warm, as the daemon keeps them.
    world.mandate(|_| ());
    world.sweeper.look().await;
    let before = world.paper.server.requests().len();
    world.touch();
    world.sweeper.look().await;
    let log = world.paper.server.requests();
    let first: Vec<&str> = log[before..]
        .iter()
        .map(|request| request.path.as_str())
        .take(3)
        .collect();
    assert_eq!(first, ["/v5/order/cancel-all"; 3]);
}

#[tokio::test]
async fn every_way_to_trip_is_one_episode_and_the_next_trip_is_another() {
    let world = World::new().await;
    halt::trip(&world.files, HaltScope::Broker, "cli", "one", clock::now()).unwrap();
    world.linear("Buy", "0.01", "60000").await;
    world.swept(10).await;
    assert_eq!(world.receipts().len(), 1);
    world.swept(10).await;
    assert_eq!(world.receipts().len(), 1);
    halt::clear(&world.files, HaltScope::Broker).unwrap();
    assert_eq!(world.sweeper.look().await, SweepState::Idle);

    world.linear("Buy", "0.01", "60000").await;
    let theirs =
        r#"{"tripped_at": "2026-05-29T14:03:11.482000+00:00", "by": "frontend", "reason": "enough"}"#;
    fs::write(world.files.halt_global(), theirs).unwrap();
    world.swept(10).await;
    assert_eq!(world.open_orders().await, 0);
    assert_eq!(world.receipts().len(), 2);
    let receipt = fs::read(
        world
            .files
            .broker_folder()
            .join("halt_receipt-61f6b69d0e09ef40.json"),
    )
    .unwrap();
    let receipt: serde_json::Value = serde_json::from_slice(&receipt).unwrap();
    assert_eq!(receipt["sentinels"][0]["by"], "frontend");
    assert_eq!(receipt["sentinels"][0]["reason"], "enough");
    assert!(
        world
            .files
            .broker_folder()
            .join("FLATTEN_FIRED-61f6b69d0e09ef40")
            .exists()
    );
    assert_eq!(world.count_on_ledger("halt_tripped"), 2);
}

/// `touch` makes a file and sets its time afterwards; a look in between sees another time.
#[tokio::test]
async fn a_touch_that_is_seen_twice_is_one_halt() {
    let world = World::new().await;
    world.linear("Buy", "0.01", "60000").await;
    world.fault(r#"[{"path":"/v5/order/realtime","kind":"ret_code","code":10016,"message":"server error"}]"#);
    world.touch();
    assert!(matches!(world.sweeper.look().await, SweepState::Halting { .. }));
    assert_eq!(world.named("halt_sweep-").len(), 1);
    let file = fs::File::options()
        .append(true)
        .open(world.files.halt_global())
        .unwrap();
    file.set_modified(std::time::SystemTime::now()).unwrap();
    world.fault("[]");
    world.swept(10).await;
    let receipts = world.receipts();
    assert_eq!(receipts.len(), 1);
    assert_eq!(
        receipts[0]["cancelled"].as_array().unwrap().len(),
        1,
        "{}",
        receipts[0]
    );
    assert!(world.named("halt_sweep-").is_empty());
    assert_eq!(world.named("FLATTEN_CLAIM-").len(), 1);
    assert_eq!(world.count_on_ledger("halt_tripped"), 1);
    // One that was cleared is over, and the next is another.
    fs::remove_file(world.files.halt_global()).unwrap();
    assert_eq!(world.sweeper.look().await, SweepState::Idle);
    world.touch();
    world.swept(10).await;
    assert_eq!(world.receipts().len(), 2);
    assert_eq!(world.count_on_ledger("halt_tripped"), 2);
}

#[tokio::test]
async fn a_second_sentinel_before_the_sweep_ends_is_told_and_the_receipt_has_all_of_it() {
    let world = World::new().await;
    world.linear("Buy", "0.01", "60000").await;
    world.fault(r#"[{"path":"/v5/order/realtime","kind":"ret_code","code":10016,"message":"server error"}]"#);
    world.touch();
    world.sweeper.look().await;
    halt::trip(&world.files, HaltScope::Broker, "cli", "two", clock::now()).unwrap();
    world.sweeper.look().await;
    // Cleared before it was swept: the first goes on, and was told before.
    halt::clear(&world.files, HaltScope::Broker).unwrap();
    world.fault("[]");
    world.swept(10).await;
    let receipts = world.receipts();
    assert_eq!(receipts.len(), 1);
    assert_eq!(receipts[0]["cancelled"].as_array().unwrap().len(), 1);
    assert!(world.named("halt_sweep-").is_empty());
    assert_eq!(world.count_on_ledger("halt_tripped"), 2);
}

#[tokio::test]
async fn dropped_and_failed_cancels_are_tried_again() {
    for fault in [
        r#"[{"path":"/v5/order/cancel-all","kind":"drop_before","times":3}]"#,
        r#"[{"path":"/v5/order/cancel-all","kind":"status","status":502,"times":6}]"#,
        r#"[{"path":"/v5/order/cancel-all","kind":"status_after","status":503,"times":2}]"#,
        r#"[{"path":"/v5/order/realtime","kind":"status","status":500,"times":8}]"#,
        // Wide cancels never work: the orders go one by one.
        r#"[{"path":"/v5/order/cancel-all","kind":"ret_code","code":10016,"message":"server error"}]"#,
    ] {
        let world = World::new().await;
        one_of_each(&world).await;
        world.fault(fault);
        world.touch();
        assert_eq!(world.swept(20).await, SweepState::Swept, "{fault}");
        world.fault("[]");
        assert_eq!(world.open_orders().await, 0, "{fault}");
    }
}

#[tokio::test]
async fn nothing_is_said_to_be_swept_while_the_exchange_cannot_be_read() {
    let world = World::new().await;
    world.linear("Buy", "0.01", "60000").await;
    world.fault(r#"[{"path":"/v5/order/realtime","kind":"ret_code","code":10016,"message":"server error"}]"#);
    world.touch();
    let state = tokio::time::timeout(Duration::from_secs(4), world.swept(30)).await;
    assert!(state.is_err(), "{state:?}");
    assert!(world.receipts().is_empty());
    world.fault("[]");
    world.swept(30).await;
    assert_eq!(world.receipts().len(), 1);
}

#[tokio::test]
async fn orders_that_appear_while_the_sentinel_stands_are_cancelled_too() {
    let world = World::new().await;
    world.touch();
    world.swept(10).await;
    world.linear("Buy", "0.01", "60000").await;
    world.paper.place(json!({"category": "inverse", "symbol": "BTCUSD", "side": "Buy", "orderType": "Limit", "qty": "100", "price": "60000"})).await;
    for _ in 0..60 {
        world.sweeper.look().await;
        if world.open_orders().await == 0 {
            assert_eq!(world.receipts().len(), 1);
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("orders that appeared still rest");
}

#[tokio::test]
async fn an_order_that_may_still_appear_holds_the_receipt_back() {
    let world = World::new().await;
    let mut record = InflightRecord {
        client_id: "md-late".into(),
        fingerprint: "f".into(),
        remote_tool: "bybit_place_order".into(),
        category: "linear".into(),
        symbol: "BTCUSDT".into(),
        side: "Buy".into(),
        body: json!({}),
        notional_usd: "65".into(),
        order: json!({"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "leavesQty": "0.001",
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
    world.touch();
    let waiting = tokio::time::timeout(Duration::from_secs(3), world.swept(60)).await;
    assert!(waiting.is_err() && world.receipts().is_empty());
    record.created_at = "2026-01-01T00:00:00.000+00:00".into();
    inflight::update(&world.files, &record).unwrap();
    world.swept(10).await;
    assert_eq!(world.receipts().len(), 1);
}

#[tokio::test]
async fn an_exchange_that_is_not_reached_fills_neither_ledger_nor_receipt() {
    let mut world = World::new().await;
    let gone = std::mem::replace(&mut world.paper, Paper::still().await);
    gone.server.stop().await;
    world.touch();
    for _ in 0..2 {
        let state = world.sweeper.look().await;
        assert!(
            matches!(&state, SweepState::Halting { note: Some(_), .. }),
            "{state:?}"
        );
    }
    // The trip, and what was tried: two settle coins, spot and options.
    assert!(world.ledger().len() <= 5, "{:?}", world.ledger());
    assert!(world.receipts().is_empty());
}

#[tokio::test]
async fn a_ledger_and_a_disk_that_take_nothing_do_not_stop_it() {
    let world = World::new().await;
    fs::create_dir(world.files.audit()).unwrap();
    world.linear("Buy", "0.01", "60000").await;
    world.touch();
    world.swept(10).await;
    let receipt = &world.receipts()[0];
    assert!(
        !receipt["not_on_ledger"].as_array().unwrap().is_empty(),
        "{receipt}"
    );

    // A file where the broker's folder belongs: no claim, no receipt, no ledger of ours.
    let world = World::new().await;
    world.linear("Buy", "0.01", "60000").await;
    fs::remove_dir_all(world.files.broker_folder()).unwrap();
    fs::write(world.files.broker_folder(), "").unwrap();
    assert!(matches!(
        world.sweeper.look().await,
        SweepState::Halting { .. } | SweepState::Swept
    ));
    for _ in 0..20 {
        world.sweeper.look().await;
    }
    assert_eq!(world.open_orders().await, 0);
}

#[tokio::test]
async fn a_restart_in_the_middle_goes_on_with_the_same_claim() {
    let mut world = World::new().await;
    world.linear("Buy", "0.01", "60000").await;
    world.fault(r#"[{"path":"/v5/order/cancel-all","kind":"status","status":500}, {"path":"/v5/order/cancel","kind":"status","status":500}]"#);
    world.touch();
    assert!(matches!(
        world.sweeper.look().await,
        SweepState::Halting {
            orders_left: Some(1),
            ..
        }
    ));
    assert_eq!(world.named("halt_sweep-").len(), 1);
    world.fault("[]");
    world.restart();
    assert_eq!(world.swept(10).await, SweepState::Swept);
    assert_eq!(world.open_orders().await, 0);
    assert_eq!(world.count_on_ledger("halt_tripped"), 1);
    let steps = world.receipts()[0]["steps"].as_array().unwrap().len();
    assert!(
        steps > 3,
        "the receipt tells what was sent before the restart: {steps}"
    );
    world.restart();
    assert_eq!(world.sweeper.look().await, SweepState::Swept);
    assert_eq!(world.count_on_ledger("halt_tripped"), 1);
}

#[tokio::test]
async fn a_halt_is_not_marked_as_swept_before_its_receipt_is_written() {
    let mut world = World::new().await;
    world.linear("Buy", "0.01", "60000").await;
    world.touch();
    let episode = halt::read_halt(&world.files).newest().unwrap().episode.clone();
    let receipt = world.files.halt_receipt(&episode);
    fs::create_dir(&receipt).unwrap();
    world.swept(10).await;
    assert!(world.named("FLATTEN_FIRED-").is_empty());
    world.restart();
    fs::remove_dir(&receipt).unwrap();
    assert_eq!(world.swept(10).await, SweepState::Swept);
    assert_eq!(world.receipts()[0]["claim"], "ours");
    assert_eq!(world.named("FLATTEN_FIRED-").len(), 1);
}

#[tokio::test]
async fn the_older_of_two_sentinels_stays_swept_when_the_newer_is_cleared() {
    for restarts in [false, true] {
        let mut world = World::new().await;
        world.linear("Buy", "0.01", "60000").await;
        let older = r#"{"tripped_at": "2026-05-29T14:03:11.482000+00:00", "by": "frontend"}"#;
        fs::write(world.files.halt_global(), older).unwrap();
        halt::trip(&world.files, HaltScope::Broker, "cli", "two", clock::now()).unwrap();
        assert_eq!(world.swept(10).await, SweepState::Swept);
        assert_eq!(world.named("FLATTEN_FIRED-").len(), 2);
        halt::clear(&world.files, HaltScope::Broker).unwrap();
        if restarts {
            world.restart();
        }
        assert_eq!(world.swept(10).await, SweepState::Swept);
        assert_eq!(world.receipts().len(), 1);
    }
}

#[tokio::test]
async fn more_orders_than_one_call_cancels_are_all_cancelled() {
    let world = World::new().await;
    let mut places = Vec::new();
    for part in 0..10_i64 {
        let server = Paper::server(&world.paper.folder, still()).await;
        places.push(tokio::spawn(async move {
            for at in 0..60_i64 {
                // One contract takes no more than 500 orders.
                let (symbol, qty, base) = match part % 2 {
                    0 => ("BTCUSDT", "0.001", 50_000),
                    _ => ("ETHUSDT", "0.01", 2_000),
                };
                let price = (base + part * 60 + at).to_string();
                let body = json!({"category": "linear", "symbol": symbol, "side": "Buy", "orderType": "Limit",
                                  "qty": qty, "price": price});
                assert_eq!(post(&server, "/v5/order/create", body).await["retCode"], 0);
            }
        }));
    }
    for place in places {
        place.await.unwrap();
    }
    world.touch();
    world.swept(60).await;
    assert_eq!(world.receipts()[0]["cancelled"].as_array().unwrap().len(), 600);
}
