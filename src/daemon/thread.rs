//! The thread of the sweep, with a runtime of its own: a ledger that is locked elsewhere, a disk that hangs or a long
//! computation holds the sessions up, and never a cancel.
//!
//! Nothing in here may wait for the other runtime. So the venue it gets has connections and a clock of its own.

use std::io;
use std::sync::Arc;
use std::thread::Builder as Thread;
use std::time::Duration;

use tokio::runtime::Builder as Runtime;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

use super::look::{Around, keep_looking};
use super::sweep::Sweeper;
use super::systemd::Notifier;
use super::upkeep;
use crate::state::ledger::Ledger;
use crate::venue::Venue;

/// Records that are still being written when the last look is over have this long.
const LAST_RECORDS: Duration = Duration::from_secs(2);

/// What the thread is given. `venue` shares no connection with any other thread.
#[derive(Debug)]
pub(super) struct Sweep<V> {
    pub(super) venue: Arc<V>,
    pub(super) ledger: Ledger,
    pub(super) around: Around,
    pub(super) notifier: Notifier,
    /// Ends it, once it turns true.
    pub(super) stop: watch::Receiver<bool>,
}

impl<V: Venue> Sweep<V> {
    /// Starts the thread. What is given back completes when it has ended, with an error after a panic.
    pub(super) fn start(self) -> io::Result<oneshot::Receiver<()>> {
        let runtime = Runtime::new_current_thread().enable_all().build()?;
        let (ended, end) = oneshot::channel();
        Thread::new().name("sweep".to_owned()).spawn(move || {
            runtime.block_on(self.run());
            // A disk that hangs must not keep the thread.
            runtime.shutdown_timeout(LAST_RECORDS);
            let _ = ended.send(());
        })?;
        Ok(end)
    }

    /// Looks, and tells how it stands, until it is told to stop.
    async fn run(self) {
        let Self {
            venue,
            ledger,
            around,
            notifier,
            stop,
        } = self;
        let files = around.files.clone();
        let (boards, beat) = (around.board.subscribe(), around.beat.subscribe());
        let mut beside = JoinSet::new();
        beside.spawn(upkeep::keep_board(files.clone(), boards, notifier.clone()));
        beside.spawn(upkeep::keep_alive(notifier, beat));
        beside.spawn(upkeep::keep_warm(Arc::clone(&venue)));
        let sweeper = Sweeper::new(venue, files, ledger);
        tokio::select! {
            () = keep_looking(sweeper, around, stop) => {}
            Some(ended) = beside.join_next() => {
                tracing::error!(?ended, "a task beside the sweep ended by itself");
            }
        }
    }
}
