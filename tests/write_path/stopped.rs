//! Writes that something stops on the way: the kill switch, the lock, the exchange itself.

use std::fs::{self, OpenOptions};
use std::sync::Arc;
use std::time::Duration;

use fs2::FileExt;
use mandated::broker::Mode;
use mandated::domain::order::WriteTool;
use mandated::domain::secret::Secret;
use mandated::sim::FaultKind;
use mandated::state::clock;
use mandated::venue::bybit::Credentials;
use serde_json::json;

use crate::world::{World, assert_reason, mandate, put, six_sol};

#[tokio::test]
async fn either_sentinel_stops_a_write_and_a_folder_in_its_place_does_too() {
    let global = |world: &World| put(&world.files.halt_global(), "");
    let broker = |world: &World| put(&world.files.halt_broker(), "{\"by\":\"me\"}");
    let folder = |world: &World| fs::create_dir(world.files.halt_global()).unwrap();
    let dangling = |world: &World| std::os::unix::fs::symlink("nowhere", world.files.halt_broker()).unwrap();
    let halts: [&dyn Fn(&World); 4] = [&global, &broker, &folder, &dangling];
    for halt in halts {
        let world = World::new().await;
        halt(&world);
        let reply = world.place(six_sol()).await;
        world.assert_refused(&reply, "deny", "halt_flag");
        assert_reason(&reply, "live trading halted");
        world.assert_settled(&["order_rejected blocked"], 0);
    }
}

/// The agent's exits stop as well: the kill switch means stop.
#[tokio::test]
async fn halt_stops_a_cancel() {
    let world = World::new().await;
    put(&world.files.halt_global(), "");
    let args = json!({"category": "linear", "settle_coin": "USDT"});
    let reply = world.write(WriteTool::CancelAllOrders, args).await;
    world.assert_refused(&reply, "deny", "halt_flag");
}

fn lock_of(world: &World) -> fs::File {
    let path = world.files.order_lock();
    let lock = OpenOptions::new().create(true).append(true).open(path).unwrap();
    lock.lock_exclusive().unwrap();
    lock
}

#[tokio::test]
async fn halt_tripped_while_a_write_waits_for_the_lock_refuses_it() {
    let world = World::new().await;
    let lock = lock_of(&world);
    let waiting = world.place(six_sol());
    let halting = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        put(&world.files.halt_broker(), "");
        drop(lock);
    };
    let (reply, ()) = tokio::join!(waiting, halting);
    world.assert_refused(&reply, "deny", "halt_flag");
    world.assert_settled(&["order_rejected blocked"], 0);
}

#[tokio::test]
async fn halt_tripped_while_the_account_is_read_refuses_the_write() {
    let world = World::new().await;
    world.fault("/v5/account/wallet-balance", FaultKind::DelayMs(300), Some(1));
    let writing = world.place(six_sol());
    let halting = async {
        world.reached("/v5/account/wallet-balance").await;
        put(&world.files.halt_global(), "");
    };
    let (reply, ()) = tokio::join!(writing, halting);
    world.assert_refused(&reply, "deny", "halt_flag");
    assert_reason(&reply, "live trading halted");
    world.assert_settled(&["order_rejected blocked"], 0);
}

/// Between the commit and the send lies the wait for the exchange's rate budget: the last look comes after it.
#[tokio::test]
async fn halt_tripped_while_a_committed_order_waits_for_its_turn_stops_it() {
    let world = World::new().await;
    world.fault("/v5/order/create", FaultKind::RateLimited, Some(1));
    let first = world.place(six_sol()).await;
    assert_eq!(first["status"], "rejected");
    let writing = world.place(six_sol());
    let halting = async {
        while world.story().last().map(String::as_str) != Some("order_submitted pending") {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        put(&world.files.halt_global(), "");
    };
    let (reply, ()) = tokio::join!(writing, halting);
    assert_eq!(
        (reply["status"].as_str(), world.creates()),
        (Some("blocked"), 1),
        "{reply}"
    );
    assert_reason(
        &reply,
        "stopped before it was sent, and nothing was sent: live trading halted",
    );
    assert_eq!(
        (reply["decision"].as_str(), reply["limit"].as_str()),
        (Some("deny"), Some("halt_flag"))
    );
    assert_eq!(reply["requires_reauthorization"], false);
    assert_eq!(reply["live_action"]["gate_decision"]["withdrawn_by"], "halt_flag");
    assert_eq!((world.count(), world.inflight().len()), (0, 0));
}

/// A mandate that is taken away while the lock is waited for no longer counts.
#[tokio::test]
async fn a_mandate_withdrawn_while_a_write_waits_refuses_it() {
    let world = World::new().await;
    let lock = lock_of(&world);
    let waiting = world.place(six_sol());
    let withdrawing = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        fs::remove_file(world.files.mandate()).unwrap();
        drop(lock);
    };
    let (reply, ()) = tokio::join!(waiting, withdrawing);
    world.assert_refused(&reply, "deny", "mandate");
}

#[tokio::test]
async fn a_lock_that_is_not_let_go_refuses_after_five_seconds() {
    let world = World::new().await;
    let _lock = lock_of(&world);
    let started = std::time::Instant::now();
    let reply = world.place(six_sol()).await;
    let waited = started.elapsed();
    assert!(
        waited >= Duration::from_secs(5) && waited < Duration::from_secs(8),
        "{waited:?}"
    );
    world.assert_refused(&reply, "deny", "daily_order_lock");
    assert_reason(&reply, "held elsewhere");
}

/// What is in flight stays, and goes on counting.
#[tokio::test]
async fn a_recovery_that_does_not_get_the_lock_says_so() {
    let world = World::new().await;
    crate::leftovers::leave(&world, 61, "sent");
    let _lock = lock_of(&world);
    let recovery = world.broker.recover().await;
    assert!(!recovery.is_clean() && recovery.looked_at == 0, "{recovery:?}");
    let why = recovery.hindered.unwrap();
    assert!(why.contains("held elsewhere"), "{why}");
    assert_eq!(world.inflight(), ["left-1 sent"]);
}

#[tokio::test]
async fn an_exchange_that_is_not_there_refuses() {
    let world = World::with(|config| config.timeout = Duration::from_secs(1), Mode::Trade).await;
    world.fault("*", FaultKind::DropBefore, None);
    let reply = world.place(six_sol()).await;
    world.assert_refused(&reply, "deny", "clock");
    assert_reason(&reply, "no answer from the exchange");
    world.assert_settled(&["order_rejected blocked"], 0);
}

#[tokio::test]
async fn a_clock_that_is_ten_seconds_off_refuses_and_names_the_offset() {
    for (ms, word) in [(10_000, "behind"), (-10_000, "ahead of")] {
        let world = World::new().await;
        world.fault("*", FaultKind::ClockSkewMs(ms), None);
        let reply = world.place(six_sol()).await;
        world.assert_refused(&reply, "deny", "clock");
        assert_reason(&reply, word);
        assert_reason(&reply, "turn on NTP");
    }
}

#[tokio::test]
async fn a_key_that_the_exchange_does_not_know_refuses() {
    for (key, secret, code) in [("wrong", "paper", "10003"), ("paper", "wrong", "10004")] {
        let world = World::with(
            |config| {
                config.credentials = Some(Credentials::new(key, Secret::new(secret.to_owned())).unwrap())
            },
            Mode::Trade,
        )
        .await;
        let reply = world.place(six_sol()).await;
        world.assert_refused(&reply, "pause_for_reauth", "max_total_exposure_usd");
        assert_reason(&reply, code);
    }
}

#[tokio::test]
async fn without_a_key_the_reply_says_what_to_set() {
    let world = World::with(|config| config.credentials = None, Mode::Trade).await;
    let reply = world.place(six_sol()).await;
    world.assert_refused(&reply, "pause_for_reauth", "max_total_exposure_usd");
    assert_reason(&reply, "BYBIT_API_KEY");
}

#[tokio::test]
async fn a_used_up_budget_refuses() {
    // Asked five times, a second apart, and time left: one that the time cuts short says that instead.
    let world = World::with(|config| config.timeout = Duration::from_secs(12), Mode::Trade).await;
    world.fault("/v5/position/list", FaultKind::RateLimited, None);
    let reply = world.place(six_sol()).await;
    world.assert_refused(&reply, "pause_for_reauth", "max_total_exposure_usd");
    assert_reason(&reply, "rate limited");
}

/// Whatever part of the account cannot be read, the order is not judged without it.
#[tokio::test]
async fn any_fact_that_is_missing_refuses() {
    for (path, decision, limit) in [
        ("/v5/market/tickers", "deny", "quote"),
        ("/v5/market/instruments-info", "deny", "quote"),
        ("/v5/position/list", "pause_for_reauth", "max_total_exposure_usd"),
        ("/v5/order/realtime", "pause_for_reauth", "max_total_exposure_usd"),
        (
            "/v5/account/wallet-balance",
            "pause_for_reauth",
            "max_total_exposure_usd",
        ),
    ] {
        for kind in [
            FaultKind::TruncatedBody,
            FaultKind::RetCode {
                code: 10005,
                message: "no".to_owned(),
            },
        ] {
            let world = World::with(|config| config.timeout = Duration::from_secs(1), Mode::Trade).await;
            world.fault(path, kind, None);
            let reply = world.place(six_sol()).await;
            world.assert_refused(&reply, decision, limit);
        }
    }
}

/// The write runs in a task of its own.
#[tokio::test]
async fn a_caller_that_hangs_up_does_not_stop_a_write_half_way() {
    let world = World::new().await;
    world.fault("/v5/order/create", FaultKind::DelayMs(200), None);
    let broker = Arc::clone(&world.broker);
    let caller =
        tokio::spawn(async move { broker.write(WriteTool::PlaceOrder, &six_sol().to_string()).await });
    world.reached("/v5/order/create").await;
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    let draining = tokio::time::timeout(Duration::from_secs(20), world.broker.drain());
    draining.await.unwrap();
    world.assert_settled(&["order_submitted pending", "order_placed accepted"], 1);
}

/// A slow clock must not keep a mandate alive: the later of both counts.
#[tokio::test]
async fn a_mandate_that_has_ended_by_the_exchanges_clock_has_ended() {
    let world = World::new().await;
    let mut ending = mandate();
    ending["consent"]["expires_at"] = clock::ledger_text(clock::now() + chrono::Duration::seconds(3)).into();
    world.commit(&ending);
    world.fault("*", FaultKind::ClockSkewMs(4_000), None);
    let reply = world.place(six_sol()).await;
    world.assert_refused(&reply, "pause_for_reauth", "expiry");
    assert_reason(&reply, "it ended at");
}

/// A budget that was used up a moment ago is waited for before the send.
#[tokio::test]
async fn an_order_after_a_used_up_budget_is_sent_when_it_is_back() {
    let world = World::new().await;
    world.fault("/v5/order/create", FaultKind::RateLimited, Some(1));
    assert_eq!(world.place(six_sol()).await["status"], "rejected");
    let reply = world.place(six_sol()).await;
    assert_eq!(reply["status"], "accepted", "{reply}");
    world.assert_settled(
        &[
            "order_submitted pending",
            "order_rejected rejected",
            "order_submitted pending",
            "order_placed accepted",
        ],
        1,
    );
}
