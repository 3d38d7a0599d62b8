//! `flatten_on_halt`: positions are closed to the last one, never past it, and no receipt says flat before that.
#![cfg(test)]

use std::fs;
use std::time::Duration;

use mandated::daemon::sweep::SweepState;
use serde_json::{Value, json};

mod sweep_world;
use sweep_world::World;
use sweep_world::client::assert_fields;

#[tokio::test]
async fn orders_go_first_then_positions_of_every_kind_and_then_coins() {
    let world = World::new().await;
    world.mandate(|_| ());
    world.linear("Buy", "0.01", "60000").await;
    world.market("BTCUSDT", "Sell", "0.02", 0).await;
    world.market("BTCPERP", "Buy", "0.003", 0).await;
    let inverse = json!({"category": "inverse", "symbol": "BTCUSD", "side": "Buy", "orderType": "Market", "qty": "300"});
    world.paper.place(inverse).await;
    let hedge = json!({"category": "linear", "symbol": "ETHUSDT", "mode": 3});
    assert_eq!(
        world.paper.post("/v5/position/switch-mode", hedge).await["retCode"],
        0
    );
    world.market("ETHUSDT", "Buy", "0.2", 1).await;
    world.market("ETHUSDT", "Sell", "0.1", 2).await;
    assert_eq!(world.positions().await, 5);
    // Past the second's budget of orders, which these drew on.
    tokio::time::sleep(Duration::from_millis(1100)).await;

    world.touch();
    assert_eq!(world.swept(30).await, SweepState::Swept);
    assert_eq!((world.open_orders().await, world.positions().await), (0, 0));
    let receipt = &world.receipts()[0];
    assert_eq!(receipt["flattened"], true, "{receipt}");
    // Five positions, and the bitcoins.
    assert_eq!(receipt["closed"].as_array().unwrap().len(), 6, "{receipt}");
    let coin = world.paper.coin("BTC").await;
    assert!(
        coin["walletBalance"]
            .as_str()
            .unwrap()
            .parse::<rust_decimal::Decimal>()
            .unwrap()
            < rust_decimal::Decimal::new(1, 5),
        "{coin}"
    );
    let log = world.paper.server.requests();
    let at = |path: &str, word: &str| {
        log.iter()
            .position(|request| request.path == path && request.payload.contains(word))
    };
    assert!(at("/v5/order/cancel-all", "USDT") < at("/v5/order/create", "\"reduceOnly\":true"));
    let ledger = world.ledger();
    let with = |outcome: &str| {
        ledger
            .iter()
            .filter(|record| record["remote_tool"] == "bybit_place_order" && record["outcome"] == outcome)
            .count()
    };
    assert_eq!(
        (with("pending"), with("accepted"), with("filled")),
        (6, 6, 6),
        "{receipt}"
    );
}

#[tokio::test]
async fn a_position_above_the_largest_market_order_is_closed_in_parts() {
    let world = World::rich().await;
    world.mandate(|mandate| mandate["universe"]["exclude_symbols"] = json!(["BTC/USDT:USDT"]));
    // The largest position has no more than six times its margin; the largest market order holds 500.
    let six = json!({"category": "linear", "symbol": "BTCUSDT", "buyLeverage": "6", "sellLeverage": "6"});
    world.paper.post("/v5/position/set-leverage", six).await;
    for _ in 0..2 {
        world.market("BTCUSDT", "Buy", "350", 0).await;
    }
    world.touch();
    world.swept(30).await;
    assert_eq!(world.positions().await, 0);
    let receipt = &world.receipts()[0];
    assert_eq!(receipt["flattened"], true);
    assert!(receipt["closed"].as_array().unwrap().len() >= 2, "{receipt}");
    // Bitcoin is excluded: it is kept, and the receipt says so.
    assert_eq!(receipt["coins_left"][0]["coin"], "BTC");
    assert_fields(&world.paper.coin("BTC").await, &[("walletBalance", "0.1")]);
}

#[tokio::test]
async fn no_receipt_says_flat_while_closes_are_refused_or_lost() {
    for fault in [
        r#"[{"path":"/v5/order/create","kind":"ret_code","code":110007,"message":"no"}]"#,
        r#"[{"path":"/v5/order/create","kind":"status","status":502}]"#,
        r#"[{"path":"/v5/order/create","kind":"drop_before"}]"#,
        r#"[{"path":"/v5/position/list","kind":"ret_code","code":10016,"message":"server error"}]"#,
    ] {
        let world = World::new().await;
        world.mandate(|mandate| mandate["universe"]["exclude_symbols"] = json!(["BTC"]));
        world.market("BTCUSDT", "Buy", "0.02", 0).await;
        world.fault(fault);
        world.touch();
        let state = tokio::time::timeout(Duration::from_secs(3), world.swept(60)).await;
        assert!(state.is_err(), "{fault}: {state:?}");
        assert!(world.receipts().is_empty(), "{fault}");
        assert_eq!(world.named("FLATTEN_FIRED").len(), 0, "{fault}");
        world.fault("[]");
        assert_eq!(world.positions().await, 1, "{fault}");
        world.swept(30).await;
        assert_eq!(world.positions().await, 0, "{fault}");
        assert_eq!(world.receipts()[0]["flattened"], true, "{fault}");
    }
}

#[tokio::test]
async fn a_close_without_an_answer_is_looked_up_and_not_doubled() {
    for fault in [
        r#"[{"path":"/v5/order/create","kind":"drop_after","times":1}]"#,
        r#"[{"path":"/v5/order/create","kind":"status_after","status":504,"times":1}]"#,
        r#"[{"path":"/v5/order/create","kind":"drop_after","times":1},{"path":"/v5/order/create","kind":"invisible","ms":3000,"times":1}]"#,
    ] {
        let world = World::new().await;
        world.mandate(|mandate| mandate["universe"]["exclude_symbols"] = json!(["BTC"]));
        world.market("BTCUSDT", "Buy", "0.02", 0).await;
        let before = world.requests("/v5/order/create");
        world.fault(fault);
        world.touch();
        world.swept(30).await;
        world.fault("[]");
        assert_eq!(world.positions().await, 0, "{fault}");
        assert_eq!(world.requests("/v5/order/create") - before, 1, "{fault}");
        assert_eq!(
            world.receipts()[0]["closed"].as_array().unwrap().len(),
            1,
            "{fault}"
        );
    }
}

#[tokio::test]
async fn a_restart_between_the_send_and_the_answer_closes_nothing_twice() {
    let mut world = World::new().await;
    world.mandate(|mandate| mandate["universe"]["exclude_symbols"] = json!(["BTC"]));
    world.market("BTCUSDT", "Buy", "0.02", 0).await;
    // The close is held back at the exchange, and the daemon dies meanwhile.
    world.fault(r#"[{"path":"/v5/order/create","kind":"delay_before","ms":2500,"times":1}]"#);
    world.touch();
    let dying = tokio::time::timeout(Duration::from_millis(1500), world.swept(30)).await;
    assert!(dying.is_err());
    world.restart();
    world.swept(30).await;
    assert_eq!(world.positions().await, 0);
    let ids: std::collections::BTreeSet<String> = world
        .paper
        .list("/v5/execution/list", "category=linear&symbol=BTCUSDT&limit=100")
        .await
        .iter()
        .map(|row| row["orderLinkId"].as_str().unwrap().to_owned())
        .filter(|id| id.starts_with("mx-"))
        .collect();
    assert_eq!(ids.len(), 1, "{ids:?}");
}

#[tokio::test]
async fn a_late_fill_takes_the_receipt_back_until_it_is_closed_too() {
    let world = World::new().await;
    world.mandate(|mandate| mandate["universe"]["exclude_symbols"] = json!(["BTC"]));
    // Sent before the trip, and still on its way when the account looks flat.
    world.fault(r#"[{"path":"/v5/order/create","kind":"delay_before","ms":3000,"times":1}]"#);
    let order = json!({"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Market", "qty": "0.01"});
    let sending = world.paper.place(order);
    let sweeping = async {
        world.touch();
        assert_eq!(world.swept(10).await, SweepState::Swept);
        assert_eq!(world.receipts().len(), 1);
        tokio::time::sleep(Duration::from_secs(3)).await;
        for _ in 0..100 {
            let state = world.sweeper.look().await;
            if state == SweepState::Swept && world.positions().await == 0 && !world.receipts().is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("the late fill stays: {:?}", world.sweeper.look().await);
    };
    tokio::join!(sending, sweeping);
    let receipt = &world.receipts()[0];
    assert_eq!(receipt["closed"].as_array().unwrap().len(), 1, "{receipt}");
}

#[tokio::test]
async fn a_restart_while_a_late_fill_is_refused_goes_on_with_it() {
    let mut world = World::new().await;
    world.mandate(|mandate| mandate["universe"]["exclude_symbols"] = json!(["BTC"]));
    world.touch();
    assert_eq!(world.swept(10).await, SweepState::Swept);
    assert_eq!(world.named("FLATTEN_FIRED-").len(), 1);
    world.market("BTCUSDT", "Buy", "0.01", 0).await;
    world.fault(r#"[{"path":"/v5/order/create","kind":"ret_code","code":110007,"message":"no"}]"#);
    for _ in 0..100 {
        world.sweeper.look().await;
        if world.receipts().is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(
        world.receipts().is_empty(),
        "the receipt says flat, and it is not"
    );
    assert_eq!(world.named("halt_sweep-").len(), 1);
    world.restart();
    world.fault("[]");
    assert_eq!(world.swept(20).await, SweepState::Swept);
    assert_eq!(world.positions().await, 0);
    let receipt = &world.receipts()[0];
    assert_eq!(
        (&receipt["claim"], &receipt["flattened"]),
        (&json!("ours"), &json!(true))
    );
    assert_eq!(receipt["closed"].as_array().unwrap().len(), 1, "{receipt}");
}

#[tokio::test]
async fn a_halt_that_is_cleared_meanwhile_cancels_and_closes_nothing_more() {
    for (slow, orders_left) in [("/v5/position/list", 0), ("/v5/order/realtime", 1)] {
        let world = World::new().await;
        world.mandate(|_| ());
        world.market("BTCUSDT", "Buy", "0.02", 0).await;
        let inverse = json!({"category": "inverse", "symbol": "BTCUSD", "side": "Buy", "orderType": "Limit",
                             "qty": "100", "price": "60000"});
        world.paper.place(inverse).await;
        let before = world.requests("/v5/order/create");
        world.fault(&json!([{"path": slow, "kind": "delay_before", "ms": 3000}]).to_string());
        world.touch();
        let clearing = async {
            tokio::time::sleep(Duration::from_millis(1500)).await;
            fs::remove_file(world.files.halt_global()).unwrap();
            world.requests("/v5/order/cancel-all")
        };
        let looking = async { while world.sweeper.look().await != SweepState::Idle {} };
        let ((), cancels) = tokio::join!(looking, clearing);
        assert_eq!(world.requests("/v5/order/create"), before, "{slow}");
        assert_eq!(world.requests("/v5/order/cancel-all"), cancels, "{slow}");
        world.fault("[]");
        // Cancels wait for no list of positions; what the halt had not reached yet stays.
        assert_eq!(
            (world.open_orders().await, world.positions().await),
            (orders_left, 1),
            "{slow}"
        );
    }
}

#[tokio::test]
async fn a_mandate_that_cannot_be_read_closes_nothing_and_the_receipt_says_why() {
    for text in ["{", "", r#"{"schema_version": 1}"#] {
        let world = World::new().await;
        fs::write(world.files.mandate(), text).unwrap();
        world.market("BTCUSDT", "Buy", "0.02", 0).await;
        world.linear("Buy", "0.01", "60000").await;
        world.touch();
        assert_eq!(world.swept(10).await, SweepState::Swept);
        assert_eq!((world.open_orders().await, world.positions().await), (0, 1));
        let receipt = &world.receipts()[0];
        assert_eq!(receipt["flattened"], false);
        assert!(
            receipt["not_done"][0].as_str().unwrap().contains("is not known"),
            "{receipt}"
        );
        assert_eq!(receipt["positions_left"][0]["instrument"], "linear:BTCUSDT");
    }
}

#[tokio::test]
async fn what_another_program_claimed_or_did_is_not_flattened_but_orders_are_cancelled() {
    let theirs = r#"{"tripped_at": "2026-05-29T14:03:11.482000+00:00", "by": "cli", "reason": "x"}"#;
    for name in ["FLATTEN_CLAIM-61f6b69d0e09ef40", "FLATTEN_FIRED-61f6b69d0e09ef40"] {
        let world = World::new().await;
        world.mandate(|_| ());
        world.market("BTCUSDT", "Buy", "0.02", 0).await;
        world.linear("Buy", "0.01", "60000").await;
        let claim = world.files.broker_folder().join(name);
        fs::write(
            &claim,
            r#"{"episode": "2026-05-29T14:03:11.482000+00:00", "pid": 1}"#,
        )
        .unwrap();
        fs::write(world.files.halt_global(), theirs).unwrap();
        assert_eq!(world.swept(10).await, SweepState::ClaimedElsewhere, "{name}");
        assert_eq!(
            (world.open_orders().await, world.positions().await),
            (0, 1),
            "{name}"
        );
        assert!(claim.exists());
        if name.contains("CLAIM") {
            assert_eq!(world.receipts()[0]["claim"], "another program's");
            assert!(
                world.named("FLATTEN_FIRED").is_empty(),
                "only the holder says that it is done"
            );
        }
    }
}

#[tokio::test]
async fn a_claim_that_its_holder_gives_up_becomes_ours() {
    let world = World::new().await;
    world.mandate(|mandate| mandate["universe"]["exclude_symbols"] = json!(["BTC"]));
    world.market("BTCUSDT", "Buy", "0.02", 0).await;
    world.linear("Buy", "0.01", "60000").await;
    let claim = world.files.broker_folder().join("FLATTEN_CLAIM-61f6b69d0e09ef40");
    fs::write(
        &claim,
        r#"{"episode": "2026-05-29T14:03:11.482000+00:00", "pid": 1}"#,
    )
    .unwrap();
    fs::write(
        world.files.halt_global(),
        r#"{"tripped_at": "2026-05-29T14:03:11.482000+00:00"}"#,
    )
    .unwrap();
    world.fault(r#"[{"path":"/v5/order/cancel*","kind":"status","status":500,"times":60}]"#);
    assert!(matches!(world.sweeper.look().await, SweepState::Halting { .. }));
    fs::remove_file(&claim).unwrap();
    world.fault("[]");
    assert_eq!(world.swept(20).await, SweepState::Swept);
    assert_eq!(world.positions().await, 0);
}

const NO_ORDER: &str = r#"[{"path":"/v5/order/create","kind":"ret_code","code":170131,"message":"no"}]"#;

/// Its only coin is refused until it is given up.
async fn swept_but_for_a_coin() -> World {
    let world = World::new().await;
    world.mandate(|_| ());
    world.fault(NO_ORDER);
    world.touch();
    // A minute of refusals.
    assert_eq!(world.swept(100).await, SweepState::Swept);
    let receipt = &world.receipts()[0];
    assert_eq!(receipt["coins_left"][0]["refused"], true, "{receipt}");
    assert_eq!(receipt["flattened"], false);
    world
}

/// A coin is given up only after a minute of refusals: until then the sweep goes on, and closes what fills late.
#[tokio::test]
async fn a_late_fill_is_closed_beside_a_coin_that_is_refused() {
    let world = World::new().await;
    world.mandate(|_| ());
    world.fault(NO_ORDER);
    world.touch();
    let until = std::time::Instant::now() + Duration::from_secs(8);
    while std::time::Instant::now() < until {
        let state = world.sweeper.look().await;
        assert!(matches!(state, SweepState::Halting { .. }), "{state:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    world.fault("[]");
    world.market("BTCUSDT", "Buy", "0.02", 0).await;
    assert_eq!(world.swept(30).await, SweepState::Swept);
    assert_eq!(world.positions().await, 0);
    let receipt = &world.receipts()[0];
    assert_eq!(receipt["flattened"], true, "{receipt}");
    let closed = receipt["closed"].as_array().unwrap();
    let is_late = |close: &Value| close["instrument"] == "linear:BTCUSDT";
    assert!(closed.iter().any(is_late), "{receipt}");
}

#[tokio::test]
async fn a_position_that_is_opened_much_later_is_said_where_a_coin_was_given_up() {
    let mut world = swept_but_for_a_coin().await;
    let before = world.requests("/v5/order/create");
    for _ in 0..30 {
        assert_eq!(world.sweeper.look().await, SweepState::Swept);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(world.requests("/v5/order/create"), before, "it was given up");
    world.fault("[]");
    world.restart();
    world.market("BTCUSDT", "Buy", "0.02", 0).await;
    let state = world.sweeper.look().await;
    let SweepState::Halting {
        positions_left: Some(1),
        note: Some(note),
        ..
    } = &state
    else {
        panic!("{state:?}");
    };
    assert!(note.contains("opened after the sweep"), "{note}");
    assert_eq!((world.positions().await, world.receipts().len()), (1, 1));
}

#[tokio::test]
async fn a_sweep_of_another_exchange_is_none_of_this_one() {
    for fault in [
        "[]",
        // It was not over there: a draft.
        r#"[{"path":"/v5/order/realtime","kind":"ret_code","code":10016,"message":"server error"}]"#,
    ] {
        let mut world = World::new().await;
        world.mandate(|mandate| mandate["universe"]["exclude_symbols"] = json!(["BTC"]));
        world.fault(fault);
        world.touch();
        for _ in 0..3 {
            world.sweeper.look().await;
        }
        let there = world.named("halt_receipt-").len() + world.named("halt_sweep-").len();
        assert_eq!(there, 1, "{fault}");
        world.fault("[]");
        world.market("BTCUSDT", "Buy", "0.02", 0).await;
        world.restart_at("mainnet");
        let state = world.sweeper.look().await;
        assert!(
            world.positions().await == 0
                || !world.receipts().iter().any(|receipt| receipt["venue"] == "paper"),
            "{state:?}"
        );
        assert_eq!(world.swept(20).await, SweepState::Swept);
        assert_eq!(world.positions().await, 0, "{fault}");
        let receipts = world.receipts();
        assert_eq!(receipts.len(), 1, "{fault}");
        assert_eq!(receipts[0]["venue"], "mainnet", "{fault}");
        assert_eq!(receipts[0]["flattened"], true, "{fault}");
        // And from now on it is this one's.
        world.restart_at("mainnet");
        assert_eq!(world.sweeper.look().await, SweepState::Swept);
    }
}

#[tokio::test]
async fn a_mandate_that_is_replaced_at_the_trip_is_waited_for() {
    let world = World::new().await;
    world.mandate(|mandate| mandate["universe"]["exclude_symbols"] = json!(["BTC"]));
    world.market("BTCUSDT", "Buy", "0.02", 0).await;
    let aside = world.files.mandate().with_extension("aside");
    fs::rename(world.files.mandate(), &aside).unwrap();
    world.touch();
    let replacing = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(world.receipts().is_empty());
        fs::rename(&aside, world.files.mandate()).unwrap();
    };
    let (state, ()) = tokio::join!(world.swept(20), replacing);
    assert_eq!(state, SweepState::Swept);
    assert_eq!(world.positions().await, 0);
    assert_eq!(world.receipts()[0]["flattened"], true);
}

/// What a person opens under HALT, later than late fills come, is theirs, also where only the mark for Vibe-Trading's
/// runner is missing.
#[tokio::test]
async fn a_receipt_without_its_mark_is_enough_for_a_restart_which_marks_it() {
    let mut world = World::new().await;
    world.mandate(|mandate| mandate["universe"]["exclude_symbols"] = json!(["BTC"]));
    world.touch();
    assert_eq!(world.swept(10).await, SweepState::Swept);
    let mark = world.named("FLATTEN_FIRED-").remove(0);
    fs::remove_file(&mark).unwrap();
    let mut receipt = world.receipts().remove(0);
    receipt["noticed_at"] = "2026-05-29T14:03:11.482+00:00".into();
    fs::write(world.named("halt_receipt-").remove(0), receipt.to_string()).unwrap();
    world.market("BTCUSDT", "Buy", "0.02", 0).await;
    world.restart();
    for _ in 0..3 {
        let state = world.sweeper.look().await;
        assert!(
            matches!(&state, SweepState::Halting { note: Some(note), .. } if note.contains("opened after")),
            "{state:?}"
        );
    }
    assert_eq!((world.positions().await, world.receipts().len()), (1, 1));
    assert!(mark.exists());
}
