//! What the owner of a broker can tell it, and ask it, beside a write.

use std::time::{Duration, Instant};

use mandated::broker::{Hold, Mode, Why};
use mandated::domain::order::WriteTool;
use serde_json::json;
use tokio::time::{sleep, timeout};

use crate::world::{CREATE, World, assert_reason, put, six_sol, six_sol_as};

fn held(for_the_agent: &str, for_the_person: &str) -> Hold {
    Hold::Because(Why {
        for_the_agent: for_the_agent.to_owned(),
        for_the_person: for_the_person.to_owned(),
    })
}

#[tokio::test]
async fn a_broker_that_is_closed_refuses_and_does_not_wait() {
    let world = World::new().await;
    // Closed is closed, also while the checks at the start go on.
    for hold in [Hold::Nothing, Hold::Checking] {
        world.broker.hold(hold);
        world.broker.close();
        let started = Instant::now();
        let reply = world.place(six_sol()).await;
        assert!(started.elapsed() < Duration::from_secs(3), "{reply}");
        assert_reason(&reply, "this server is stopping");
        assert_eq!(
            (reply["decision"].as_str(), reply["limit"].as_str()),
            (Some("deny"), Some("mode"))
        );
    }
    assert_eq!((world.sent(), world.count()), (vec![], 0));
}

#[tokio::test]
async fn what_keeps_a_broker_from_trading_is_told_until_it_is_over() {
    let world = World::new().await;
    world.broker.hold(held(
        "another daemon has the account",
        "another daemon has it, see /home/a",
    ));
    let reply = world.place(six_sol()).await;
    world.assert_refused(&reply, "deny", "mode");
    assert_reason(&reply, "nothing was sent: another daemon has the account");
    // Neither the reply nor what is kept of it says what the person alone is told.
    assert!(!reply.to_string().contains("/home/a"), "{reply}");
    assert!(!format!("{:?}", world.ledger()).contains("/home/a"));
    world.broker.hold(Hold::Nothing);
    assert_eq!(world.place(six_sol()).await["status"], "accepted");
}

#[tokio::test]
async fn a_write_waits_a_moment_for_the_checks_at_the_start() {
    let world = World::new().await;
    world.broker.hold(Hold::Checking);
    let checking = async {
        sleep(Duration::from_millis(200)).await;
        assert_eq!(world.ledger().len(), 0);
        world.broker.hold(Hold::Nothing);
    };
    let started = Instant::now();
    let (reply, ()) = tokio::join!(world.place(six_sol()), checking);
    assert_eq!(reply["status"], "accepted", "{reply}");
    assert!(started.elapsed() < Duration::from_secs(4));
}

/// Nothing holds it, so nothing is waited for.
#[tokio::test]
async fn a_write_of_an_open_broker_is_not_held_up() {
    let world = World::new().await;
    put(&world.files.halt_global(), "");
    let started = Instant::now();
    let reply = world.place(six_sol()).await;
    assert!(started.elapsed() < Duration::from_secs(3), "{reply}");
}

#[tokio::test]
async fn drain_waits_for_a_write_and_for_nothing_else() {
    let world = World::new().await;
    let patience = Duration::from_secs(20);
    timeout(patience, world.broker.drain()).await.unwrap();
    world.fault(CREATE, mandated::sim::FaultKind::DelayMs(300), Some(1));
    let (one, ()) = tokio::join!(world.place(six_sol()), async {
        world.reached(CREATE).await;
        timeout(patience, world.broker.drain()).await.unwrap();
        assert_eq!(
            world.story(),
            ["order_submitted pending", "order_placed accepted"]
        );
    });
    assert_eq!(one["status"], "accepted");
    timeout(patience, world.broker.drain()).await.unwrap();
}

#[tokio::test]
async fn the_account_is_shown_with_what_is_in_flight() {
    let world = World::new().await;
    let placed = world.place(six_sol()).await;
    assert_eq!(placed["status"], "accepted");
    let market =
        json!({"category": "linear", "symbol": "SOLUSDT", "side": "Buy", "order_type": "Market", "qty": "2"});
    assert_eq!(world.place(market).await["status"], "filled");
    let facts = world.broker.account().await;
    assert_eq!(facts.daily_count, Some(Ok(2)));
    assert_eq!(facts.positions.unwrap().len(), 1);
    let orders = facts.open_orders.unwrap();
    assert_eq!(orders[0].venue_id.as_deref(), placed["order_id"].as_str());
    assert_eq!(facts.inflight, Some(vec![]));
    assert!(
        facts
            .wallet
            .unwrap()
            .iter()
            .any(|coin| coin.coin.as_str() == "BTC")
    );
    assert_eq!(facts.missing, [] as [&str; 0]);

    // Not one that can be read: nothing says that nothing is in flight.
    std::fs::create_dir_all(world.files.inflight_folder()).unwrap();
    put(&world.files.inflight_folder().join("mine-9.json"), "{");
    let facts = world.broker.account().await;
    assert_eq!(facts.inflight, None);
    assert!(
        facts.missing.concat().contains("mine-9.json"),
        "{:?}",
        facts.missing
    );
}

#[tokio::test]
async fn a_broker_says_what_its_venue_is() {
    let world = World::new().await;
    assert_eq!(world.broker.venue_label(), ("paper", true));
    assert_eq!(world.at_another_venue().venue_label(), ("bybit testnet", true));
    let real = World::with(|config| config.paper = false, Mode::Trade).await;
    assert_eq!(real.broker.venue_label(), ("paper", false));
    let reply = real.place(six_sol_as("mine-1")).await;
    assert_eq!(reply["status"], "accepted", "{reply}");
    assert!(reply.get("paper").is_none(), "{reply}");
}

#[tokio::test]
async fn in_the_mode_read_nothing_in_flight_is_looked_at() {
    let world = World::with(|_| {}, Mode::Read).await;
    crate::leftovers::leave(&world, 61, "sent");
    assert_eq!(world.broker.recover().await.looked_at, 0);
    world.broker.recover_in_background();
    timeout(Duration::from_secs(20), world.broker.drain())
        .await
        .unwrap();
    assert_eq!(world.inflight(), ["left-1 sent"]);
    let args = json!({"category": "linear", "settle_coin": "USDT"});
    let reply = world.write(WriteTool::CancelAllOrders, args).await;
    assert_eq!(reply["limit"], "mode");
}

/// The owner keeps others informed by it, who do not ask.
#[tokio::test]
async fn what_keeps_a_broker_from_trading_is_told_to_whoever_listens() {
    let world = World::new().await;
    let (say, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let broker = world.broker.clone();
    tokio::spawn(async move {
        broker
            .tell_holds(|why| drop(say.send(why.map(str::to_owned))))
            .await
    });
    for (hold, told) in [
        (None, None),
        (
            Some(held("a red finding", "a red finding at /home/a")),
            Some("a red finding at /home/a"),
        ),
        (Some(Hold::Checking), None),
        (Some(Hold::Nothing), None),
    ] {
        if let Some(hold) = hold {
            world.broker.hold(hold);
        }
        let next = timeout(Duration::from_secs(20), heard.recv()).await.unwrap();
        assert_eq!(next.unwrap().as_deref(), told);
    }
}
