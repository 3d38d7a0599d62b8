//! `<broker>/mandated.state.json`: how the daemon stands, for `status` and for a person. Nothing is decided by it.

use std::path::PathBuf;
use std::{fs, io};

use serde::{Deserialize, Serialize};

use super::place::{self, Holder};
use super::sweep::SweepState;
use crate::state::durable;
use crate::state::paths::LiveFiles;

const MAX_BYTES: u64 = 1 << 16;

/// What a running daemon says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Board {
    pub pid: u32,
    /// UTC, in the form of the ledger.
    pub since: String,
    pub version: String,
    pub venue: String,
    pub paper: bool,
    /// `http://…/mcp`, where HTTP is served.
    pub http: Option<String>,
    /// Which sentinel stands, in words, as the last look found it.
    pub halted: Option<String>,
    pub sweep: SweepWord,
    pub orders_left: usize,
    pub positions_left: usize,
    /// When HALT, mandate and exchange were last looked at, UTC.
    pub last_look: Option<String>,
}

/// Where the sweep stands, as one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SweepWord {
    Idle,
    Halting,
    Halted,
    ClaimedElsewhere,
}

impl Board {
    /// Takes over what a look found.
    pub(super) fn note(&mut self, state: &SweepState) {
        (self.orders_left, self.positions_left) = (0, 0);
        self.sweep = match state {
            SweepState::Idle => SweepWord::Idle,
            SweepState::Halting {
                orders_left,
                positions_left,
            } => {
                (self.orders_left, self.positions_left) = (*orders_left, *positions_left);
                SweepWord::Halting
            }
            SweepState::Swept => SweepWord::Halted,
            SweepState::ClaimedElsewhere => SweepWord::ClaimedElsewhere,
        };
    }

    /// Where the sweep stands, in words.
    #[must_use]
    pub fn in_words(&self) -> String {
        let many = |count: usize, what: &str| match count {
            1 => format!("1 {what}"),
            _ => format!("{count} {what}s"),
        };
        match (self.sweep, &self.halted) {
            (SweepWord::Halting, _) => format!(
                "HALTING: {}, {} left",
                many(self.orders_left, "order"),
                many(self.positions_left, "position")
            ),
            (SweepWord::Halted, _) => "HALTED: the exchange shows nothing left to do".to_owned(),
            (SweepWord::ClaimedElsewhere, _) => "HALT: another program claimed the sweep".to_owned(),
            (SweepWord::Idle, Some(_)) => "HALTING: the first look is under way".to_owned(),
            (SweepWord::Idle, None) => "no halt".to_owned(),
        }
    }

    /// Whether only the time of the last look is another.
    pub(super) fn says_the_same(&self, other: &Self) -> bool {
        let mut other = other.clone();
        other.last_look.clone_from(&self.last_look);
        *self == other
    }
}

fn path(files: &LiveFiles) -> PathBuf {
    files.broker_folder().join("mandated.state.json")
}

/// Writes it (2 fsyncs). A folder that is missing is not made: someone may be putting another in its place.
pub(super) fn write(files: &LiveFiles, board: &Board) -> io::Result<()> {
    if !files.broker_folder().is_dir() {
        return Ok(());
    }
    let mut text = serde_json::to_vec(board)?;
    text.push(b'\n');
    durable::replace(&path(files), &text)
}

/// Takes it away, when the daemon ends.
pub(super) fn remove(files: &LiveFiles) {
    if let Err(error) = fs::remove_file(path(files)) {
        tracing::debug!(%error, "the daemon's state file stays");
    }
}

/// The daemon of that broker: who it is, and what it last said of itself. `None` when none is running.
pub fn read(files: &LiveFiles) -> io::Result<Option<(Holder, Option<Board>)>> {
    let Some(holder) = place::holder(files)? else {
        return Ok(None);
    };
    let text = durable::read_if_present(&path(files), MAX_BYTES)?;
    let board: Option<Board> = text.and_then(|text| serde_json::from_slice(&text).ok());
    // A file of a daemon that died says nothing about the one that holds the place now.
    let board = board.filter(|board| Some(board.pid) == holder.pid);
    Ok(Some((holder, board)))
}
