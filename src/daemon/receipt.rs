//! What the sweep of one halt did: a draft while it goes on, a receipt once the exchange showed nothing.
//!
//! Neither holds the sweep up: a file that cannot be written is tried again, and what it says is also on the
//! ledger, order by order.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::broker::exit::{Answer, Closed, Left, Step};
use crate::domain::account::Position;
use crate::state::halt::{Sentinel, read_halt};
use crate::state::paths::LiveFiles;
use crate::state::{clock, durable};

const MAX_BYTES: u64 = 64 << 20;
/// Steps, and orders that they name: more than any sweep needs that comes to an end; one that does not must not
/// fill the disk.
const KEPT: usize = 2_000;
const DISK_WITHIN: Duration = Duration::from_secs(2);

/// One sentinel that stood when the sweep began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tripped {
    pub path: String,
    pub by: Option<String>,
    pub reason: Option<String>,
    pub tripped_at: Option<String>,
    pub episode: String,
    /// The same trip as it is called where its text can be read, or cannot. Older files lack it.
    #[serde(default)]
    pub also: Option<String>,
}

/// The two last looks at the exchange, which both showed nothing; by the exchange's clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundEmpty {
    pub first_look: Option<String>,
    pub last_look: Option<String>,
    /// This machine's clock.
    pub written_at: String,
}

/// A position that the sweep left, as it was not to close it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    pub instrument: String,
    pub side: String,
    pub size: String,
}

/// The file's content.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    pub version: u32,
    pub episode: String,
    pub broker: String,
    pub venue: String,
    pub paper: bool,
    pub sentinels: Vec<Tripped>,
    /// Whose the sweep was: `ours`, `another program's`, or why it could not be claimed.
    pub claim: String,
    pub noticed_at: String,
    /// Missing in a draft: the exchange still showed something, or was not seen.
    pub found_empty: Option<FoundEmpty>,
    /// Positions were to be closed: the mandate says so, and the claim was ours.
    pub flatten_on_halt: bool,
    /// Every position was closed, and every coin sold that the mandate covers and an order can hold.
    pub flattened: bool,
    /// What was not done, and why.
    pub not_done: Vec<String>,
    /// Orders that the exchange said it cancelled, as it named them.
    pub cancelled: Vec<Value>,
    /// Orders beyond those: more than can be kept, and one that is named again counts again. Older files lack it.
    #[serde(default)]
    pub cancelled_not_kept: usize,
    /// The text of each of those that are kept.
    #[serde(skip)]
    known: BTreeSet<String>,
    pub closed: Vec<Closed>,
    /// What the exchange still showed where positions were not to be closed.
    pub positions_left: Vec<Held>,
    pub coins_left: Vec<Left>,
    /// Everything that was sent, and what was answered.
    pub steps: Vec<Step>,
    /// Steps beyond those: repetitions of what could not be sent, and more than can be kept.
    pub steps_not_kept: usize,
    /// Why records of it are not on the ledger; empty when all are.
    pub not_on_ledger: Vec<String>,
    /// `halt_tripped` is on the ledger.
    pub trip_is_recorded: bool,
}

impl Receipt {
    /// A sweep that begins now.
    #[must_use]
    pub fn begin(
        episode: &str,
        broker: &str,
        venue: (&str, bool),
        sentinels: &[Sentinel],
        now: DateTime<Utc>,
    ) -> Self {
        Self {
            version: 1,
            episode: episode.to_owned(),
            broker: broker.to_owned(),
            venue: venue.0.to_owned(),
            paper: venue.1,
            sentinels: sentinels.iter().map(tripped).collect(),
            claim: String::new(),
            noticed_at: clock::ledger_text(now),
            found_empty: None,
            flatten_on_halt: false,
            flattened: false,
            not_done: Vec::new(),
            cancelled: Vec::new(),
            cancelled_not_kept: 0,
            known: BTreeSet::new(),
            closed: Vec::new(),
            positions_left: Vec::new(),
            coins_left: Vec::new(),
            steps: Vec::new(),
            steps_not_kept: 0,
            not_on_ledger: Vec::new(),
            trip_is_recorded: false,
        }
    }

    /// The draft or receipt at `path`; nothing when there is none that can be read.
    #[must_use]
    pub fn read(path: &Path) -> Option<Self> {
        let bytes = durable::read_if_present(path, MAX_BYTES).ok()??;
        serde_json::from_slice(&bytes).ok()
    }

    /// The receipt of a sweep of `venue` that began while the sentinel of `episode` stood as well.
    #[must_use]
    pub fn that_covers(files: &LiveFiles, episode: &str, venue: &str) -> Option<Self> {
        let entries = std::fs::read_dir(files.broker_folder()).ok()?;
        entries
            .filter_map(|entry| {
                let entry = entry.ok()?;
                let name = entry.file_name();
                let is_receipt = name.to_str()?.starts_with("halt_receipt-");
                is_receipt.then(|| Self::read(&entry.path())).flatten()
            })
            .filter(|receipt| receipt.venue == venue)
            .find(|receipt| receipt.sentinels.iter().any(|each| each.episode == episode))
    }

    /// As what a sweep is kept that knows this trip by that other name too: in a draft or receipt that is not older.
    #[must_use]
    pub fn kept_as(files: &LiveFiles, also: &str, since: DateTime<Utc>) -> Option<String> {
        let since = SystemTime::from(since);
        let entries = std::fs::read_dir(files.broker_folder()).ok()?;
        entries
            .filter_map(|entry| {
                let entry = entry.ok()?;
                let name = entry.file_name();
                let name = name.to_str()?;
                let is_kept = name.starts_with("halt_receipt-") || name.starts_with("halt_sweep-");
                // Only stat is asked of those of earlier halts: the first cancels wait for this.
                let is_new = is_kept && entry.metadata().ok()?.modified().ok()? >= since;
                is_new.then(|| Self::read(&entry.path())).flatten()
            })
            .find(|kept| {
                kept.sentinels
                    .iter()
                    .any(|each| each.also.as_deref() == Some(also))
            })
            .map(|kept| kept.episode)
    }

    /// Adds what a sentinel says of itself that could not be read before; whether there was such a one.
    pub fn name(&mut self, sentinel: &Sentinel) -> bool {
        let now = tripped(sentinel);
        let is_it = |known: &&mut Tripped| {
            known.path == now.path && known.also.is_none() && now.also.as_ref() == Some(&known.episode)
        };
        let Some(known) = self.sentinels.iter_mut().find(is_it) else {
            return false;
        };
        let episode = std::mem::take(&mut known.episode);
        *known = Tripped {
            also: Some(now.episode),
            episode,
            ..now
        };
        true
    }

    /// How long ago the sweep began. Nothing where the clock was set back since then.
    #[must_use]
    pub fn age(&self, now: DateTime<Utc>) -> Option<Duration> {
        let began = DateTime::parse_from_rfc3339(&self.noticed_at).ok()?;
        now.signed_duration_since(began).to_std().ok()
    }

    /// Adds closes that are over; a sweep that goes on after a restart meets its earlier ones again.
    pub fn add_closed(&mut self, closed: Vec<Closed>) {
        for close in closed {
            if !self.closed.iter().any(|known| known.client_id == close.client_id) {
                self.closed.push(close);
            }
        }
    }

    /// Adds what was done under another name of the same halt, before this.
    pub fn take_over(&mut self, before: Self) {
        let after = std::mem::replace(&mut self.steps, before.steps);
        self.steps_not_kept += before.steps_not_kept;
        for step in after {
            self.keep_step(step);
        }
        self.known = before.known;
        let after = std::mem::replace(&mut self.cancelled, before.cancelled);
        self.cancelled_not_kept += before.cancelled_not_kept;
        self.add_cancelled(after);
        let after = std::mem::replace(&mut self.closed, before.closed);
        self.add_closed(after);
        for why in before.not_on_ledger {
            self.say_not_on_ledger(why);
        }
        self.noticed_at = before.noticed_at;
    }

    /// Adds what was sent.
    pub fn add_steps(&mut self, steps: Vec<Step>) {
        self.add_cancelled(steps.iter().flat_map(|step| &step.cancelled).cloned());
        for why in steps.iter().filter_map(|step| step.not_on_ledger.clone()) {
            self.say_not_on_ledger(why);
        }
        for step in steps {
            // What did not leave this machine is told once, however often it was tried.
            let again = step.answer == Answer::NotSent
                && self
                    .steps
                    .iter()
                    .any(|known| known.answer == Answer::NotSent && known.what == step.what);
            match again {
                true => self.steps_not_kept += 1,
                false => self.keep_step(step),
            }
        }
    }

    /// With the orders that it names as long as there is room for them; each is among `cancelled`, or counted there.
    fn keep_step(&mut self, mut step: Step) {
        if self.steps.len() >= KEPT {
            self.steps_not_kept += 1;
            return;
        }
        let named: usize = self.steps.iter().map(|known| known.cancelled.len()).sum();
        step.cancelled.truncate(KEPT.saturating_sub(named));
        self.steps.push(step);
    }

    /// Each order once.
    fn add_cancelled(&mut self, rows: impl IntoIterator<Item = Value>) {
        if self.known.len() != self.cancelled.len() {
            // It was read from a file.
            self.known = self.cancelled.iter().map(Value::to_string).collect();
        }
        for row in rows {
            let text = row.to_string();
            if self.known.contains(&text) {
                continue;
            }
            if self.cancelled.len() < KEPT {
                self.known.insert(text);
                self.cancelled.push(row);
            } else {
                self.cancelled_not_kept += 1;
            }
        }
    }

    /// One reason is said once.
    pub fn say_not_on_ledger(&mut self, why: String) {
        if !self.not_on_ledger.contains(&why) {
            self.not_on_ledger.push(why);
        }
    }

    /// Puts the file in its place, whole or not at all, without waiting for ever on a disk that hangs.
    pub async fn write(&self, path: PathBuf) -> Result<(), String> {
        let mut text = serde_json::to_vec_pretty(self).map_err(|error| error.to_string())?;
        text.push(b'\n');
        let shown = path.display().to_string();
        let writing = tokio::task::spawn_blocking(move || durable::replace(&path, &text));
        match tokio::time::timeout(DISK_WITHIN, writing).await {
            Ok(Ok(written)) => written.map_err(|error| format!("`{shown}` cannot be written: {error}")),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("`{shown}`: the disk does not answer")),
        }
    }
}

fn tripped(sentinel: &Sentinel) -> Tripped {
    Tripped {
        path: sentinel.path.display().to_string(),
        by: sentinel.by.clone(),
        reason: sentinel.reason.clone(),
        tripped_at: sentinel.tripped_at.clone(),
        episode: sentinel.episode.clone(),
        also: sentinel.also.clone(),
    }
}

/// Whether the sweep of the halt that stands was begun and not finished, as its files say: a draft, and no receipt.
#[must_use]
pub fn is_unfinished(files: &LiveFiles) -> bool {
    let halt = read_halt(files);
    halt.newest().is_some_and(|newest| {
        let mut names = std::iter::once(&newest.episode).chain(&newest.also);
        names.clone().any(|name| files.halt_sweep(name).exists())
            && !names.any(|name| files.halt_receipt(name).exists())
    })
}

/// A position for the receipt.
#[must_use]
pub fn held(position: &Position) -> Held {
    Held {
        instrument: position.instrument.to_string(),
        side: position.side.as_str().to_owned(),
        size: position.size.to_string(),
    }
}
