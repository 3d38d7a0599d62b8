//! `<broker>/mandated.state.json`: how the daemon stands, for `status` and for a person. Nothing is decided by it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::{fs, io};

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::place::{self, Holder};
use super::sweep::SweepState;
use crate::state::paths::LiveFiles;
use crate::state::{durable, iso_instant};

const MAX_BYTES: u64 = 1 << 16;

/// A daemon that is well has looked within this, as far as the file says.
const FRESH: Duration = Duration::seconds(30);

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
    /// `None`: not known.
    #[serde(default)]
    pub orders_left: Option<usize>,
    /// `None`: not known, or not looked at.
    #[serde(default)]
    pub positions_left: Option<usize>,
    /// What stands in the way of the sweep.
    #[serde(default)]
    pub in_the_way: Option<String>,
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
    /// Before the first look. `venue` is its label, and whether its money is not real.
    pub(super) fn new(us: &Holder, venue: (&str, bool), http: Option<SocketAddr>) -> Self {
        Self {
            pid: us.pid.unwrap_or_default(),
            since: us.since.clone().unwrap_or_default(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            venue: venue.0.to_owned(),
            paper: venue.1,
            http: http.map(|address| format!("http://{address}/mcp")),
            halted: None,
            sweep: SweepWord::Idle,
            orders_left: None,
            positions_left: None,
            in_the_way: None,
            last_look: None,
        }
    }

    /// Takes over what a look found.
    pub(super) fn note(&mut self, state: &SweepState) {
        (self.orders_left, self.positions_left, self.in_the_way) = (None, None, None);
        self.sweep = match state {
            SweepState::Idle => SweepWord::Idle,
            SweepState::Halting {
                orders_left,
                positions_left,
                note,
            } => {
                (self.orders_left, self.positions_left) = (*orders_left, *positions_left);
                self.in_the_way.clone_from(note);
                SweepWord::Halting
            }
            SweepState::Swept => SweepWord::Halted,
            SweepState::ClaimedElsewhere => SweepWord::ClaimedElsewhere,
        };
    }

    /// Where the sweep stands, in words.
    #[must_use]
    pub fn in_words(&self) -> String {
        match (self.sweep, &self.halted) {
            (SweepWord::Halting, _) => format!(
                "HALTING: {}{}",
                left_in_words(self.orders_left, self.positions_left),
                self.in_the_way
                    .as_ref()
                    .map(|what| format!(" ({what})"))
                    .unwrap_or_default()
            ),
            (SweepWord::Halted, _) => {
                "HALTED: no order rests; the receipt says what was closed and what was left".to_owned()
            }
            (SweepWord::ClaimedElsewhere, _) => "HALT: another program claimed the sweep".to_owned(),
            (SweepWord::Idle, Some(_)) => "HALTING: the first look is under way".to_owned(),
            (SweepWord::Idle, None) => "no halt".to_owned(),
        }
    }

    /// How long ago the last look was; `None` before the first one.
    fn age_of_look(&self, now: DateTime<Utc>) -> Option<Duration> {
        let at = iso_instant::parse(self.last_look.as_deref()?)?;
        Some(now - at)
    }

    /// Whether only the time of the last look is another.
    pub(super) fn says_the_same(&self, other: &Self) -> bool {
        let mut other = other.clone();
        if other.last_look.is_some() == self.last_look.is_some() {
            other.last_look.clone_from(&self.last_look);
        }
        *self == other
    }
}

/// What is not known is never said to be none.
fn left_in_words(orders: Option<usize>, positions: Option<usize>) -> String {
    let many = |count: usize, what: &str| match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    };
    match (orders, positions) {
        (Some(orders), Some(positions)) => {
            format!("{}, {} left", many(orders, "order"), many(positions, "position"))
        }
        (Some(orders), None) => format!("{} left, positions unknown", many(orders, "order")),
        (None, Some(positions)) => format!("orders unknown, {} left", many(positions, "position")),
        (None, None) => "orders and positions unknown".to_owned(),
    }
}

fn path(files: &LiveFiles) -> PathBuf {
    files.broker_folder().join("mandated.state.json")
}

/// Writes it (2 fsyncs); false when the place in that folder is not ours, as after the folder was replaced.
pub(super) fn write(files: &LiveFiles, board: &Board) -> io::Result<bool> {
    if place::signed_by(files) != Some(board.pid) {
        return Ok(false);
    }
    let mut text = serde_json::to_vec(board)?;
    text.push(b'\n');
    durable::replace(&path(files), &text).map(|()| true)
}

/// Takes it away, when the daemon ends.
pub(super) fn remove(files: &LiveFiles) {
    if let Err(error) = fs::remove_file(path(files)) {
        tracing::debug!(%error, "the daemon's state file stays");
    }
}

/// Whether it is where `status` looks for it. Not so after the folder was replaced.
pub(super) fn is_there(files: &LiveFiles) -> bool {
    path(files).exists()
}

/// A running daemon, as others see it.
#[derive(Debug, Clone)]
pub struct Seen {
    pub holder: Holder,
    /// What it last said of itself.
    pub board: Option<Board>,
}

impl Seen {
    /// The daemon of that broker; `None` when none is running.
    pub fn read(files: &LiveFiles) -> io::Result<Option<Self>> {
        let Some(holder) = place::holder(files)? else {
            return Ok(None);
        };
        let text = durable::read_if_present(&path(files), MAX_BYTES)?;
        let board: Option<Board> = text.and_then(|text| serde_json::from_slice(&text).ok());
        // A file of a daemon that died says nothing about the one that holds the place now.
        let board = board.filter(|board| Some(board.pid) == holder.pid);
        Ok(Some(Self { holder, board }))
    }

    /// `alive (pid …, since …), on …, HALTING: 3 orders, 1 position left`.
    #[must_use]
    pub fn in_words(&self, now: DateTime<Utc>) -> String {
        let holder = &self.holder;
        let Some(board) = &self.board else {
            return format!("alive ({holder}), it has not said how it stands");
        };
        let late = match board.age_of_look(now) {
            Some(age) if age <= FRESH => String::new(),
            Some(age) => format!("; BUT its last look is {} s old", age.num_seconds()),
            None => "; it has not looked yet".to_owned(),
        };
        format!("alive ({holder}), on {}, {}{late}", board.venue, board.in_words())
    }

    /// For programs.
    #[must_use]
    pub fn to_json(&self, now: DateTime<Utc>) -> Value {
        json!({
            "pid": self.holder.pid,
            "since": self.holder.since,
            "says": self.in_words(now),
            "state": self.board,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_daemon_that_does_not_look_is_not_said_to_be_well() {
        let now = DateTime::from_timestamp(1_780_391_749, 0).unwrap();
        let looked = |seconds| Some(crate::state::clock::ledger_text(now - Duration::seconds(seconds)));
        let holder = Holder {
            pid: Some(7),
            since: Some("then".into()),
        };
        let mut board = Board::new(&holder, ("paper", true), None);
        board.halted = Some("HALT stands".into());
        board.note(&SweepState::Halting {
            orders_left: Some(3),
            positions_left: Some(1),
            note: None,
        });
        board.last_look = looked(1);
        let mut seen = Seen {
            holder,
            board: Some(board),
        };
        let well = "alive (pid 7, since then), on paper, HALTING: 3 orders, 1 position left";
        assert_eq!(seen.in_words(now), well);
        for (orders, positions, words) in [
            (Some(1), None, "1 order left, positions unknown"),
            (None, Some(2), "orders unknown, 2 positions left"),
            (None, None, "orders and positions unknown"),
        ] {
            assert_eq!(left_in_words(orders, positions), words);
        }
        seen.board.as_mut().unwrap().last_look = looked(90);
        assert!(seen.in_words(now).ends_with("BUT its last look is 90 s old"));
        seen.board.as_mut().unwrap().sweep = SweepWord::Idle;
        assert!(seen.in_words(now).contains("HALTING: the first look"));
        seen.board = None;
        assert!(seen.in_words(now).contains("has not said"));
    }
}
