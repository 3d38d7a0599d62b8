//! `<broker>/mandated.state.json`: how the daemon stands, for `status` and for a person. Nothing is decided by it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::{fs, io};

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::hello::Identity;
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
    /// Whose money it looks after.
    #[serde(default)]
    pub identity: Option<Identity>,
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
    pub(super) fn new(
        us: &Holder,
        venue: (&str, bool),
        http: Option<SocketAddr>,
        identity: Option<Identity>,
    ) -> Self {
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
            identity,
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

/// Why a daemon that runs may not do what a person expects of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Doubt {
    /// It did not look lately, or never: it may be stopped, or hang.
    NotLooking(String),
    /// It looks after other money than this process would.
    OtherMoney(String),
}

impl std::fmt::Display for Doubt {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Self::NotLooking(why) | Self::OtherMoney(why)) = self;
        out.write_str(why)
    }
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

    /// Why it may not act on HALT here; `us` is what this process would trade with. A daemon that began just now is
    /// given the time to look.
    #[must_use]
    pub fn doubt(&self, now: DateTime<Utc>, us: Option<&Identity>) -> Option<Doubt> {
        let board = self.board.as_ref();
        let looked = board.and_then(|board| board.age_of_look(now));
        // A clock that was set back makes an old look one of the future.
        if let Some(age) = looked.filter(|age| age.abs() > FRESH) {
            let seconds = age.num_seconds();
            return Some(Doubt::NotLooking(format!("its last look is {seconds} s old")));
        }
        let began = self.holder.since.as_deref().and_then(iso_instant::parse);
        let is_new = began.is_some_and(|began| (now - began).abs() <= FRESH);
        if looked.is_none() && !is_new {
            return Some(Doubt::NotLooking("it has not said that it looks".to_owned()));
        }
        let different = us?.differs_in_money(board?.identity.as_ref()?)?;
        Some(Doubt::OtherMoney(different))
    }

    /// `alive (pid …, since …), on …, HALTING: 3 orders, 1 position left`, and what makes it doubtful.
    #[must_use]
    pub fn in_words(&self, now: DateTime<Utc>, us: Option<&Identity>) -> String {
        let holder = &self.holder;
        let stands = match &self.board {
            None => "it has not said how it stands".to_owned(),
            Some(board) if board.last_look.is_none() => format!("on {}, it has not looked yet", board.venue),
            Some(board) => format!("on {}, {}", board.venue, board.in_words()),
        };
        let doubt = self.doubt(now, us).map(|doubt| format!("; BUT {doubt}"));
        format!("alive ({holder}), {stands}{}", doubt.unwrap_or_default())
    }

    /// For programs.
    #[must_use]
    pub fn to_json(&self, now: DateTime<Utc>, us: Option<&Identity>) -> Value {
        json!({
            "pid": self.holder.pid,
            "since": self.holder.since,
            "says": self.in_words(now, us),
            "doubt": self.doubt(now, us).map(|doubt| doubt.to_string()),
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
        let mut board = Board::new(&holder, ("paper", true), None, None);
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
        assert_eq!(seen.in_words(now, None), well);
        for age in [31, 90, -90] {
            seen.board.as_mut().unwrap().last_look = looked(age);
            let end = format!("BUT its last look is {age} s old");
            assert!(seen.in_words(now, None).ends_with(&end), "{age}");
            assert!(
                matches!(seen.doubt(now, None), Some(Doubt::NotLooking(_))),
                "{age}"
            );
        }
        seen.board.as_mut().unwrap().last_look = looked(29);
        assert_eq!(seen.doubt(now, None), None);
        for (orders, positions, words) in [
            (Some(1), None, "1 order left, positions unknown"),
            (None, Some(2), "orders unknown, 2 positions left"),
            (None, None, "orders and positions unknown"),
        ] {
            assert_eq!(left_in_words(orders, positions), words);
        }
        seen.board.as_mut().unwrap().sweep = SweepWord::Idle;
        assert!(seen.in_words(now, None).contains("HALTING: the first look"));
    }

    #[test]
    fn one_that_never_looked_is_doubted_unless_it_began_just_now() {
        let now = DateTime::from_timestamp(1_780_391_749, 0).unwrap();
        let began = |seconds| Some(crate::state::clock::ledger_text(now - Duration::seconds(seconds)));
        let seen = |since| Seen {
            holder: Holder { pid: Some(7), since },
            board: None,
        };
        assert_eq!(seen(began(5)).doubt(now, None), None);
        assert!(seen(began(5)).in_words(now, None).contains("has not said"));
        for since in [began(31), None] {
            assert!(matches!(seen(since).doubt(now, None), Some(Doubt::NotLooking(_))));
        }
    }

    #[test]
    fn one_with_other_money_is_doubted() {
        let now = DateTime::from_timestamp(1_780_391_749, 0).unwrap();
        let us = Identity {
            version: "1".into(),
            broker: "bybit".into(),
            venue: "bybit demo".into(),
            place: "https://api-demo.bybit.com/".into(),
            mode: "trade".into(),
            account: Some("aa".into()),
        };
        let holder = Holder {
            pid: Some(7),
            since: None,
        };
        let mut board = Board::new(&holder, ("bybit demo", true), None, Some(us.clone()));
        board.last_look = Some(crate::state::clock::ledger_text(now));
        let seen = Seen {
            holder,
            board: Some(board),
        };
        assert_eq!(seen.doubt(now, Some(&us)), None);
        let mut other = us.clone();
        other.account = Some("bb".into());
        let doubt = seen.doubt(now, Some(&other)).unwrap();
        assert_eq!(
            doubt,
            Doubt::OtherMoney("its api key is another one than here".into())
        );
        assert!(
            seen.in_words(now, Some(&other))
                .ends_with("BUT its api key is another one than here")
        );
        other.account = None;
        assert_eq!(seen.doubt(now, Some(&other)), None);
    }
}
