//! What goes on beside the sweep: a warm connection, a measured clock, recovery, the state file, signs of life.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::board::{self, Board};
use super::systemd::Notifier;
use crate::broker::Broker;
use crate::state::inflight;
use crate::state::paths::LiveFiles;
use crate::venue::{ReadRequest, Venue};

/// Shorter than the client keeps an idle connection.
const BETWEEN_PINGS: Duration = Duration::from_secs(20);

const BETWEEN_RECOVERIES: Duration = Duration::from_secs(5);

/// A state file that says nothing new is written this often, so that its last look can be believed.
const BETWEEN_SAME_BOARDS: Duration = Duration::from_secs(10);

/// Keeps one connection open, and the clock measured.
pub(super) async fn keep_warm<V: Venue>(venue: Arc<V>) {
    let mut ticks = interval(BETWEEN_PINGS);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = venue.exchange_time().await {
            tracing::warn!(%error, "the exchange's clock is not known");
            continue;
        }
        // A kept measurement costs no request, so this is what keeps the connection.
        let ping = ReadRequest {
            path: "/v5/market/time",
            private: false,
            query: Vec::new(),
        };
        if let Err(error) = venue.read(ping).await {
            tracing::warn!(%error, "the exchange does not answer");
        }
    }
}

/// Settles what is in flight, at the start and as long as there is something.
pub(super) async fn keep_recovering<V: Venue>(broker: Arc<Broker<V>>, files: LiveFiles) {
    let mut ticks = interval(BETWEEN_RECOVERIES);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let (orders, unreadable) = inflight::each(&files);
        for error in &unreadable {
            tracing::error!(%error, "no new order goes out");
        }
        // What cannot be read keeps no other from being settled.
        if !orders.is_empty() {
            broker.recover().await.log();
        }
    }
}

/// Has the state file say what keeps the daemon from trading.
pub(super) async fn keep_hold<V: Venue>(broker: Arc<Broker<V>>, board: watch::Sender<Board>) {
    let tell = |why: Option<&str>| {
        board.send_if_modified(|board| {
            let changed = board.holds.as_deref() != why;
            board.holds = why.map(str::to_owned);
            changed
        });
    };
    broker.tell_holds(tell).await;
}

/// Writes the state file when it has something new to say.
pub(super) async fn keep_board(files: LiveFiles, mut changes: watch::Receiver<Board>, notifier: Notifier) {
    let mut written: Option<(Board, Instant)> = None;
    loop {
        let board = changes.borrow_and_update().clone();
        let is_due = written.as_ref().is_none_or(|(last, at)| {
            !board.says_the_same(last) || at.elapsed() >= BETWEEN_SAME_BOARDS || !board::is_there(&files)
        });
        if is_due {
            notifier.status(&board.in_words());
            let (files, copy) = (files.clone(), board.clone());
            // On a thread of its own: the sweep does not wait for a disk.
            match tokio::task::spawn_blocking(move || board::write(&files, &copy)).await {
                Ok(Ok(true)) => written = Some((board, Instant::now())),
                Ok(Ok(false)) | Err(_) => written = None,
                Ok(Err(error)) => {
                    written = None;
                    tracing::warn!(%error, "`mandated status` will not see how the daemon stands");
                }
            }
        }
        if changes.changed().await.is_err() {
            return;
        }
    }
}

/// Tells the service manager that all is well, as long as the task that looks goes on.
pub(super) async fn keep_alive(notifier: Notifier, beat: watch::Receiver<Instant>) {
    let Some(within) = notifier.watchdog() else {
        return std::future::pending().await;
    };
    loop {
        if beat.borrow().elapsed() < within {
            notifier.alive();
        } else {
            tracing::error!("HALT was not looked at in time");
        }
        sleep(within / 2).await;
    }
}
