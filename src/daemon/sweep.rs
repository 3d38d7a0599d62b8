//! HALT finishes the job: once a sentinel stands, every resting order is cancelled and, where the mandate says
//! so, every position closed, until the exchange shows nothing.
//!
//! Cancels are harmless to do twice, so they are sent at once, whoever claimed the episode. Closes are not: they
//! belong to the one who holds the claim. An episode that Vibe-Trading's runner claimed is left to it, positions
//! and all; one that nobody could claim, because the disk takes no file, is swept.

mod claim;
mod episode;
mod finish;
mod names;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use super::authority::Authority;
use crate::broker::exit::ExitDesk;
use crate::state::halt::{HaltState, read_halt};
use crate::state::ledger::Ledger;
use crate::state::paths::LiveFiles;
use crate::venue::Venue;
use episode::Episode;

/// How often HALT is looked at while something else is done.
const HALT_EVERY: Duration = Duration::from_millis(10);

/// Where the sweep of the current halt stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum SweepState {
    /// No sentinel stands.
    #[default]
    Idle,
    /// A sentinel stands and the exchange still shows something, or cannot be seen.
    Halting {
        /// `None`: not known, as not everything could be read.
        orders_left: Option<usize>,
        /// `None` also where they are not to be closed, and so not looked at.
        positions_left: Option<usize>,
        /// What stands in the way, in words.
        note: Option<String>,
    },
    /// A sentinel stands and the exchange showed nothing at the last look. Where the mandate does not say
    /// `flatten_on_halt`, nothing means no orders.
    Swept,
    /// Another program claimed this episode: no orders are left, positions are that program's to close.
    ClaimedElsewhere,
}

/// Looks at HALT and the mandate, and does what is due.
#[derive(Debug)]
pub struct Sweeper<V> {
    desk: ExitDesk<V>,
    episode: Mutex<Option<Episode>>,
    authority: Mutex<Authority<V>>,
}

impl<V: Venue> Sweeper<V> {
    pub fn new(venue: Arc<V>, files: LiveFiles, ledger: Ledger) -> Self {
        let authority = Authority::new(Arc::clone(&venue), files.clone(), ledger.clone());
        Self {
            desk: ExitDesk::new(venue, files, ledger, "sweep"),
            episode: Mutex::default(),
            authority: Mutex::new(authority),
        }
    }

    /// One look: does what HALT, the mandate and the exchange now ask for, and says where it stands. Called at
    /// every event and at least once a second; never by two tasks at once. It comes back about once a second
    /// while there is something left to do, so that the state is never old.
    pub async fn look(&self) -> SweepState {
        let mut episode = self.episode.lock().await;
        loop {
            let halt = read_halt(self.desk.files());
            if halt.is_tripped() {
                return self.sweep(&mut episode, &halt).await;
            }
            if let Some(known) = episode.as_mut() {
                known.is_over = true;
            }
            // The mandate, until a sentinel appears: HALT waits for nothing.
            let mut authority = self.authority.lock().await;
            tokio::select! {
                () = authority.look() => return SweepState::Idle,
                () = self.halted() => {}
            }
        }
    }

    /// An episode is kept when its sentinel is gone: what it sent and nobody knows the end of is waited for in
    /// the next one.
    async fn sweep(&self, kept: &mut Option<Episode>, halt: &HaltState) -> SweepState {
        if let (Some(known), Some(newest)) = (kept.as_mut(), halt.newest())
            && known.is_of(&self.desk, newest)
        {
            known.learn(&self.desk, newest).await;
            return known.go_on(&self.desk).await;
        }
        let before = kept.take();
        let begun = Episode::begin(&self.desk, halt, before).await;
        kept.insert(begun).go_on(&self.desk).await
    }

    async fn halted(&self) {
        while !read_halt(self.desk.files()).is_tripped() {
            tokio::time::sleep(HALT_EVERY).await;
        }
    }
}

#[cfg(test)]
mod tests;
