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
use crate::state::halt::read_halt;
use crate::state::paths::LiveFiles;
use crate::state::{durable, iso_instant};

const MAX_BYTES: u64 = 1 << 16;

/// A daemon that is well has looked within this, as far as the file says.
const FRESH: Duration = Duration::seconds(30);

/// Within this of a trip a daemon that is well has said that it sees it: it looks once a second at least.
const NOTICES_WITHIN: Duration = Duration::seconds(3);

/// Between a file's replacement and the setting of its time.
const ONE_WRITE: Duration = Duration::seconds(2);

/// Less than this free on the disk is why a small file cannot be written.
const LITTLE_ROOM: u64 = 256 << 10;

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
    /// Why it refuses every write; HALT is looked at all the same.
    #[serde(default)]
    pub holds: Option<String>,
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
            holds: None,
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

    /// Whether a halt stands whose sweep is not done.
    #[must_use]
    pub fn is_sweeping(&self) -> bool {
        match self.sweep {
            SweepWord::Halting => true,
            SweepWord::Idle => self.halted.is_some(),
            SweepWord::Halted | SweepWord::ClaimedElsewhere => false,
        }
    }

    /// When the last look was; `None` before the first one.
    fn looked_at(&self) -> Option<DateTime<Utc>> {
        iso_instant::parse(self.last_look.as_deref()?)
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

/// Writes it (2 fsyncs); false when the place in that folder is not ours, as after the folder was replaced, or
/// cannot say so.
///
/// Where nothing can be written, as on a full disk, the file's time alone says when it was looked: that needs no room.
pub(super) fn write(files: &LiveFiles, board: &Board) -> io::Result<bool> {
    let signed = place::signed_by(files);
    if signed.is_some_and(|pid| pid != board.pid) {
        return Ok(false);
    }
    let written = match signed {
        Some(_) => {
            let mut text = serde_json::to_vec(board)?;
            text.push(b'\n');
            durable::replace(&path(files), &text).map(|()| true)
        }
        None => Ok(false),
    };
    if let Some(at) = board.looked_at()
        && let Err(error) = durable::set_time(&path(files), at.into())
    {
        tracing::debug!(%error, "the state file has another time than that of the last look");
    }
    written
}

/// Why the daemon cannot write there, as far as it can be told from here.
fn why_mute(files: &LiveFiles) -> String {
    match durable::free_bytes(files.broker_folder()) {
        Ok(free) if free < LITTLE_ROOM => format!("the disk is full ({free} bytes are left)"),
        Ok(_) | Err(_) => format!("`{}` cannot be written; its log says why", path(files).display()),
    }
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

/// Since when the oldest sentinel stands, as far as that can be told.
fn standing_since(files: &LiveFiles) -> Option<DateTime<Utc>> {
    let halt = read_halt(files);
    halt.sentinels().iter().filter_map(|sentinel| sentinel.at).min()
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
    /// The time of its state file: that of its last look, also where it could write nothing into it.
    pub shown: Option<DateTime<Utc>>,
    /// Why it looks and does not say how it stands.
    pub mute: Option<String>,
    /// Since when a sentinel stands, where it says that none does.
    pub unseen: Option<DateTime<Utc>>,
}

impl Seen {
    /// The daemon of that broker; `None` when none is running.
    pub fn read(files: &LiveFiles) -> io::Result<Option<Self>> {
        let Some(holder) = place::holder(files)? else {
            return Ok(None);
        };
        // Its time first: a file that is replaced meanwhile is newer than that.
        let shown = fs::metadata(path(files)).and_then(|found| found.modified()).ok();
        let shown: Option<DateTime<Utc>> = shown.map(DateTime::from);
        let text = durable::read_if_present(&path(files), MAX_BYTES)?;
        let board: Option<Board> = text.and_then(|text| serde_json::from_slice(&text).ok());
        let told = board.as_ref().and_then(Board::looked_at);
        // A file of a daemon that died says nothing about the one that holds the place now, but by a later time.
        let board = board.filter(|board| Some(board.pid) == holder.pid);
        let lag = if board.is_some() { FRESH } else { ONE_WRITE };
        let is_behind = shown.is_some_and(|shown| told.is_none_or(|told| shown - told > lag));
        let has_not_looked = board.as_ref().is_some_and(|board| board.last_look.is_none());
        let says_none = board.as_ref().is_some_and(|board| board.halted.is_none());
        Ok(Some(Self {
            holder,
            board,
            shown: shown.filter(|_| !has_not_looked),
            mute: (is_behind && !has_not_looked).then(|| why_mute(files)),
            unseen: (says_none && !has_not_looked)
                .then(|| standing_since(files))
                .flatten(),
        }))
    }

    /// The later of what it wrote and what its file's time says.
    fn looked_at(&self) -> Option<DateTime<Utc>> {
        self.board.as_ref().and_then(Board::looked_at).max(self.shown)
    }

    /// Whether it has seen the halt that stands, which was tripped at `at` and is `halt` in words: it says so, or, where
    /// it can write nothing, has looked since.
    #[must_use]
    pub fn has_seen(&self, halt: &str, at: DateTime<Utc>) -> bool {
        let says_so = |board: &Board| board.halted.as_deref() == Some(halt);
        self.board.as_ref().is_some_and(says_so) || self.has_looked_since(at)
    }

    /// Whether a look that began after `at` is over.
    fn has_looked_since(&self, at: DateTime<Utc>) -> bool {
        self.looked_at().is_some_and(|looked| looked > at + ONE_WRITE)
    }

    /// Why its last word on how it stands is an old one although it looks.
    #[must_use]
    pub fn mute(&self, now: DateTime<Utc>) -> Option<&str> {
        let age = now - self.looked_at()?;
        self.mute.as_deref().filter(|_| age.abs() <= FRESH)
    }

    /// Why it may not act on HALT here; `us` is what this process would trade with. A daemon that began just now is
    /// given the time to look.
    #[must_use]
    pub fn doubt(&self, now: DateTime<Utc>, us: Option<&Identity>) -> Option<Doubt> {
        let board = self.board.as_ref();
        let looked = self.looked_at().map(|at| now - at);
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
        if let Some(at) = self.unseen
            && now - at > NOTICES_WITHIN
            && !self.has_looked_since(at)
        {
            let seconds = (now - at).num_seconds();
            let why = format!("it has not noticed the halt that stands since {seconds} s");
            return Some(Doubt::NotLooking(why));
        }
        let different = us?.differs_in_money(board?.identity.as_ref()?)?;
        Some(Doubt::OtherMoney(different))
    }

    /// Why it refuses every write, as far as it said.
    #[must_use]
    pub fn holds(&self) -> Option<&str> {
        self.board.as_ref()?.holds.as_deref()
    }

    /// `alive (pid …, since …), on …, HALTING: 3 orders, 1 position left`, and what makes it doubtful.
    #[must_use]
    pub fn in_words(&self, now: DateTime<Utc>, us: Option<&Identity>) -> String {
        let holder = &self.holder;
        let stands = match (&self.board, self.mute(now)) {
            (_, Some(why)) => format!("it looks, and cannot write down how it stands: {why}"),
            (None, None) => "it has not said how it stands".to_owned(),
            (Some(board), None) if board.last_look.is_none() => {
                format!("on {}, it has not looked yet", board.venue)
            }
            (Some(board), None) => format!("on {}, {}", board.venue, board.in_words()),
        };
        let doubt = self.doubt(now, us).map(|doubt| format!("; BUT {doubt}"));
        let holds = self.holds().map(|why| format!("; EVERY WRITE IS REFUSED: {why}"));
        let (holds, doubt) = (holds.unwrap_or_default(), doubt.unwrap_or_default());
        format!("alive ({holder}), {stands}{holds}{doubt}")
    }

    /// For programs.
    #[must_use]
    pub fn to_json(&self, now: DateTime<Utc>, us: Option<&Identity>) -> Value {
        json!({
            "pid": self.holder.pid,
            "since": self.holder.since,
            "says": self.in_words(now, us),
            "doubt": self.doubt(now, us).map(|doubt| doubt.to_string()),
            "mute": self.mute(now),
            "holds": self.holds(),
            "state": self.board,
        })
    }
}

#[cfg(test)]
mod tests;
