//! HALT finishes the job: once a sentinel stands, every resting order is cancelled and, where the mandate says
//! so, every position closed, until the exchange shows nothing.

use std::sync::Arc;

use crate::state::ledger::Ledger;
use crate::state::paths::LiveFiles;
use crate::venue::Venue;

/// Where the sweep of the current halt stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum SweepState {
    /// No sentinel stands.
    #[default]
    Idle,
    /// A sentinel stands and the exchange still shows something.
    Halting {
        orders_left: usize,
        positions_left: usize,
    },
    /// A sentinel stands and the exchange showed nothing at the last look.
    Swept,
    /// Another program claimed this episode.
    ClaimedElsewhere,
}

/// Looks at HALT and the mandate, and does what is due.
#[derive(Debug)]
pub struct Sweeper<V> {
    _venue: Arc<V>,
    _files: LiveFiles,
    _ledger: Ledger,
}

impl<V: Venue> Sweeper<V> {
    pub fn new(venue: Arc<V>, files: LiveFiles, ledger: Ledger) -> Self {
        Self {
            _venue: venue,
            _files: files,
            _ledger: ledger,
        }
    }

    /// One look: does what HALT, the mandate and the exchange now ask for, and says where it stands. Called at
    /// every event and at least once a second; never by two tasks at once.
    pub async fn look(&self) -> SweepState {
        SweepState::Idle
    }
}
