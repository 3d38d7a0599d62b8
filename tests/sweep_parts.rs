//! What cannot be read holds back the receipt, and nothing else: every row that was read is acted on.
#![cfg(test)]

use std::time::{Duration, Instant};

use mandated::daemon::sweep::SweepState;
use serde_json::{Value, json};

mod sweep_world;
use sweep_world::World;

const NO_OPTIONS: &str = r#"[{"path":"/v5/position/list?category=option","kind":"ret_code","code":10016,"message":"server error"},
                             {"path":"/v5/order/realtime?category=option","kind":"ret_code","code":10016,"message":"server error"}]"#;

fn inverse(price: u32) -> Value {
    json!({"category": "inverse", "symbol": "BTCUSD", "side": "Buy", "orderType": "Limit", "qty": "100",
           "price": price.to_string()})
}

#[tokio::test]
async fn a_list_of_one_category_that_fails_keeps_no_other_from_its_way_out() {
    let mut world = World::new().await;
    world.mandate(|mandate| mandate["universe"]["exclude_symbols"] = json!(["BTC"]));
    world.market("BTCUSDT", "Buy", "0.02", 0).await;
    world.paper.place(inverse(60_000)).await;
    world.fault(NO_OPTIONS);
    world.touch();
    let until = Instant::now() + Duration::from_secs(15);
    while (world.open_orders().await, world.positions().await) != (0, 0) {
        assert!(Instant::now() < until, "{:?}", world.sweeper.look().await);
        world.sweeper.look().await;
    }
    let state = world.sweeper.look().await;
    let SweepState::Halting {
        orders_left: None,
        positions_left: None,
        note: Some(note),
    } = state
    else {
        panic!("{state:?}");
    };
    assert!(
        note.contains("open orders of option") && note.contains("positions of option"),
        "{note}"
    );
    // Options that nobody sees are cancelled all the same.
    let log = world.paper.server.requests();
    assert!(
        log.iter().any(|request| {
            request.path == "/v5/order/cancel-all" && request.payload.contains("\"option\"")
        })
    );
    assert!(world.receipts().is_empty() && world.named("FLATTEN_FIRED-").is_empty());
    // Nor is it over for a process that never saw anything.
    world.restart();
    assert!(matches!(
        world.sweeper.look().await,
        SweepState::Halting {
            orders_left: None,
            positions_left: None,
            ..
        }
    ));
    world.fault("[]");
    assert_eq!(world.swept(20).await, SweepState::Swept);
    assert_eq!(world.receipts()[0]["flattened"], true);
}

#[tokio::test]
async fn many_orders_of_an_instrument_that_cannot_be_asked_about_wait_once_for_it() {
    let world = World::new().await;
    for at in 0..20 {
        world.paper.place(inverse(60_000 + at)).await;
    }
    world.fault(r#"[{"path":"/v5/market/instruments-info","kind":"delay_before","ms":20000}]"#);
    world.touch();
    let begun = Instant::now();
    let is_sent = || {
        let log = world.paper.server.requests();
        log.iter()
            .any(|request| request.path == "/v5/order/cancel-all" && request.payload.contains("\"inverse\""))
    };
    let cancelled = async {
        while !is_sent() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        _ = world.swept(60) => panic!("swept, and nothing was cancelled"),
        () = cancelled => {}
    }
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert_eq!(world.swept(60).await, SweepState::Swept);
    assert_eq!(world.open_orders().await, 0);
}

#[tokio::test]
async fn a_coin_of_which_nothing_can_be_told_keeps_no_other_from_being_sold() {
    let world = World::new().await;
    world.mandate(|_| ());
    let eth = json!({"category": "spot", "symbol": "ETHUSDT", "side": "Buy", "orderType": "Market", "qty": "0.1",
                     "marketUnit": "baseCoin"});
    world.paper.place(eth).await;
    world.fault(
        r#"[{"path":"/v5/market/instruments-info?symbol=ETHUSDT","kind":"ret_code","code":10016,"message":"no"}]"#,
    );
    world.touch();
    let until = Instant::now() + Duration::from_secs(15);
    while world.paper.coin("BTC").await["walletBalance"] == "0.1" {
        assert!(Instant::now() < until, "{:?}", world.sweeper.look().await);
        world.sweeper.look().await;
    }
    assert!(world.receipts().is_empty());
    world.fault("[]");
    assert_eq!(world.swept(20).await, SweepState::Swept);
    assert_eq!(world.receipts()[0]["closed"].as_array().unwrap().len(), 2);
}
