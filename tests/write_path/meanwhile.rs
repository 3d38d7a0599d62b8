//! What changes while a write is under way: the mandate that it is judged by, and the account.

use std::fs;
use std::time::Duration;

use chrono::Utc;
use mandated::broker::Mode;
use mandated::sim::FaultKind;
use mandated::state::clock;
use serde_json::Value;

use crate::world::{World, assert_reason, mandate, put, six_sol};

const WALLET: &str = "/v5/account/wallet-balance";

/// Places while the account is read, changes something then, and gives the reply.
async fn while_the_account_is_read(world: &World, change: impl Fn(&World)) -> Value {
    world.fault(WALLET, FaultKind::DelayMs(300), Some(1));
    let placing = world.place(six_sol());
    let changing = async {
        world.reached(WALLET).await;
        change(world);
    };
    tokio::join!(placing, changing).0
}

#[tokio::test]
async fn a_mandate_that_is_withdrawn_or_tightened_while_the_account_is_read_decides() {
    type Change = fn(&World);
    let cases: [(Change, &str, &str); 3] = [
        (
            |world| fs::remove_file(world.files.mandate()).unwrap(),
            "deny",
            "mandate",
        ),
        (
            |world| world.cap("max_order_notional_usd", 1.0),
            "pause_for_reauth",
            "max_order_notional_usd",
        ),
        (
            |world| put(&world.files.policy(), "allowed_categories = [\"spot\"]"),
            "deny",
            "policy",
        ),
    ];
    for (change, decision, limit) in cases {
        let world = World::new().await;
        let reply = while_the_account_is_read(&world, change).await;
        world.assert_refused(&reply, decision, limit);
        assert_eq!((world.count(), world.inflight().len()), (0, 0));
    }
}

/// The account takes longer to read than the mandate lasts.
#[tokio::test]
async fn a_mandate_that_ends_while_the_account_is_read_has_ended() {
    let world = World::new().await;
    let mut ending = mandate();
    let ends = Utc::now() + chrono::Duration::milliseconds(1_500);
    ending["consent"]["expires_at"] = clock::ledger_text(ends).into();
    world.commit(&ending);
    world.fault(WALLET, FaultKind::DelayMs(2_000), Some(1));
    let reply = world.place(six_sol()).await;
    world.assert_refused(&reply, "pause_for_reauth", "expiry");
    assert_reason(&reply, "it ended at");
}

/// Decided, counted and on the ledger, it waits for the exchange's rate budget, and what allowed it changes.
#[tokio::test]
async fn a_mandate_that_changes_while_a_committed_order_waits_for_its_turn_stops_it() {
    type Change = fn(&World);
    let cases: [(Change, &str); 2] = [
        (
            |world| fs::remove_file(world.files.mandate()).unwrap(),
            "no mandate is on file",
        ),
        (
            |world| world.cap("max_order_notional_usd", 999.0),
            "the mandate changed after this was decided",
        ),
    ];
    for (change, why) in cases {
        let world = World::new().await;
        world.fault("/v5/order/create", FaultKind::RateLimited, Some(1));
        assert_eq!(world.place(six_sol()).await["status"], "rejected");
        let placing = world.place(six_sol());
        let changing = async {
            while world.story().last().map(String::as_str) != Some("order_submitted pending") {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            change(&world);
        };
        let (reply, ()) = tokio::join!(placing, changing);
        assert_eq!(
            (reply["status"].as_str(), world.creates()),
            (Some("blocked"), 1),
            "{reply}"
        );
        assert_reason(&reply, "stopped before it was sent, and nothing was sent");
        assert_reason(&reply, why);
        assert_eq!((world.count(), world.inflight().len()), (0, 0));
        assert_eq!(world.story().last().unwrap(), "order_rejected blocked");
    }
}

/// The caps see an order that fills while the account is read: at rest, as a position, or as both, never as neither.
#[tokio::test]
async fn an_order_that_fills_while_the_account_is_read_counts() {
    for slow in ["/v5/order/realtime", "/v5/position/list"] {
        let world = World::new().await;
        // A tenth of a bitcoin is held: room for one order and a half.
        world.cap("max_total_exposure_usd", 8000.0);
        assert_eq!(world.place(six_sol()).await["status"], "accepted");
        world.fault(slow, FaultKind::DelayBeforeMs(400), None);
        let before = world.paper.requests().len();
        let placing = world.place(six_sol());
        let filling = async {
            let is_read = || {
                world.paper.requests()[before..]
                    .iter()
                    .any(|request| request.path == slow)
            };
            while !is_read() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            // What is read beside the slow list has been answered by then.
            tokio::time::sleep(Duration::from_millis(150)).await;
            world.paper.set_price("linear", "SOLUSDT", 139.into()).unwrap();
        };
        let (reply, ()) = tokio::join!(placing, filling);
        assert_eq!(
            (reply["status"].as_str(), reply["limit"].as_str()),
            (Some("blocked"), Some("max_total_exposure_usd")),
            "{slow}: {reply}"
        );
        assert_eq!(world.creates(), 1);
    }
}

#[tokio::test]
async fn prices_that_are_older_than_ten_seconds_decide_nothing() {
    let world = World::with(|config| config.timeout = Duration::from_secs(20), Mode::Trade).await;
    world.fault(WALLET, FaultKind::DelayMs(10_500), Some(1));
    let reply = world.place(six_sol()).await;
    world.assert_refused(&reply, "deny", "quote");
    assert_reason(&reply, "they are 10 s old");
}

/// What came to rest meanwhile is in none of the lists.
#[tokio::test]
async fn orders_that_were_read_more_than_ten_seconds_ago_decide_nothing() {
    let world = World::with(|config| config.timeout = Duration::from_secs(20), Mode::Trade).await;
    world.fault("/v5/order/realtime", FaultKind::DelayMs(10_500), Some(1));
    let reply = world.place(six_sol()).await;
    world.assert_refused(&reply, "deny", "quote");
    assert_reason(&reply, "prices and orders: they are 10 s old");
}
