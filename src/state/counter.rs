//! The daily order counter that is shared with Vibe-Trading: how many orders were let out today, and which.
//!
//! A counter that cannot be trusted is an error and never zero: the order is then refused.

use std::collections::HashSet;
use std::io;
use std::path::PathBuf;

use chrono::NaiveDate;
use thiserror::Error;

use super::canonical;
use super::durable;
use super::lock::{LockError, OrderLock};
use super::paths::LiveFiles;
use crate::domain::json::{Json, JsonError};

/// A day's worth of ids at 128 characters each, thousands of times over.
const MAX_BYTES: u64 = 16 << 20;

/// The longest action id that Vibe-Trading reads, in characters.
const MAX_ID_CHARS: usize = 128;

/// Why today's count is not known, or was not kept.
#[derive(Debug, Error)]
pub enum CounterError {
    #[error("today's order count is unknown: `{}` cannot be read: {source}; make it a plain file that this user may read", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("today's order count is unknown: `{}` is {source}; restore it, or remove it once you know how many orders went out today", path.display())]
    NotJson { path: PathBuf, source: JsonError },
    #[error("today's order count is unknown: in `{}` {what}; correct it, or remove it once you know how many orders went out today", path.display())]
    Malformed { path: PathBuf, what: &'static str },
    #[error("today's order count is unknown: `{}` is of {date}, and today is {today} (UTC); set the system clock right or correct the file", path.display())]
    FromTheFuture {
        path: PathBuf,
        date: NaiveDate,
        today: NaiveDate,
    },
    #[error("an action id has 1 to {MAX_ID_CHARS} characters, and this one has {0}; use a shorter one")]
    BadActionId(usize),
    #[error("the count of `{}` may be written only under its own order lock", .0.display())]
    WrongLock(PathBuf),
    #[error(transparent)]
    LockLost(#[from] LockError),
    #[error("today's order count was not kept: `{}` cannot be replaced: {source}; free space or make its folder writable", path.display())]
    NotWritten { path: PathBuf, source: io::Error },
}

/// The reader of `trade_counter.json`.
#[derive(Debug, Clone, Copy)]
pub struct Counter;

impl Counter {
    /// The count of `today` (UTC). A missing file and a past day are zero; keys that we do not know are kept.
    pub fn read(files: &LiveFiles, today: NaiveDate) -> Result<CounterFile, CounterError> {
        let path = files.counter();
        let bytes = match durable::read_if_present(&path, MAX_BYTES) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Ok(CounterFile::new(today)),
            Err(source) => return Err(CounterError::Unreadable { path, source }),
        };
        let malformed = |what| CounterError::Malformed {
            path: path.clone(),
            what,
        };
        let text = str::from_utf8(&bytes).map_err(|_| malformed("the text is not UTF-8"))?;
        let json = Json::parse(text).map_err(|source| CounterError::NotJson {
            path: path.clone(),
            source,
        })?;
        let found = CounterFile::from_json(&json).map_err(malformed)?;
        if found.date > today {
            return Err(CounterError::FromTheFuture {
                path,
                date: found.date,
                today,
            });
        }
        Ok(if found.date < today {
            CounterFile {
                unknown: found.unknown,
                ..CounterFile::new(today)
            }
        } else {
            found
        })
    }
}

/// The content of `trade_counter.json` for one UTC day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CounterFile {
    date: NaiveDate,
    count: u64,
    action_ids: Vec<String>,
    /// Members that another program put there, as JSON text.
    unknown: Vec<(String, String)>,
}

impl CounterFile {
    fn new(date: NaiveDate) -> Self {
        Self {
            date,
            count: 0,
            action_ids: Vec::new(),
            unknown: Vec::new(),
        }
    }

    fn from_json(json: &Json<'_>) -> Result<Self, &'static str> {
        let members = json.as_object().ok_or("there is no object")?;
        let date = json.member("date").and_then(Json::as_str).and_then(iso_date);
        let count = match json.member("count") {
            Some(Json::Number(text)) => text.parse::<u64>().ok(),
            _ => None,
        };
        let ids = match json.member("action_ids") {
            None => Some(Vec::new()),
            Some(ids) => ids.as_array().and_then(|ids| ids.iter().map(action_id).collect()),
        };
        let unknown = members
            .iter()
            .filter(|(key, _)| !matches!(&**key, "date" | "count" | "action_ids"));
        let found = Self {
            date: date.ok_or("`date` is no day such as 2026-06-15")?,
            count: count.ok_or("`count` is no whole number from zero up")?,
            action_ids: ids.ok_or("`action_ids` is no list of texts of 1 to 128 characters")?,
            unknown: unknown
                .map(|(key, value)| (key.to_string(), json_text(value)))
                .collect(),
        };
        let distinct: HashSet<&String> = found.action_ids.iter().collect();
        if distinct.len() != found.action_ids.len() {
            return Err("an id stands twice in `action_ids`");
        }
        if u64::try_from(found.action_ids.len()).is_ok_and(|ids| ids > found.count) {
            return Err("`action_ids` holds more ids than `count` says");
        }
        Ok(found)
    }

    /// The UTC day that is counted.
    #[must_use]
    pub fn date(&self) -> NaiveDate {
        self.date
    }

    /// How many orders were let out on that day, by whichever program.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    #[must_use]
    pub fn action_ids(&self) -> &[String] {
        &self.action_ids
    }

    /// With one order more; unchanged when that id was counted already.
    pub fn increment(&self, action_id: &str) -> Result<Self, CounterError> {
        let chars = action_id.chars().count();
        if !(1..=MAX_ID_CHARS).contains(&chars) {
            return Err(CounterError::BadActionId(chars));
        }
        let mut next = self.clone();
        if !self.action_ids.iter().any(|known| known == action_id) {
            next.count = self.count.saturating_add(1);
            next.action_ids.push(action_id.to_owned());
        }
        Ok(next)
    }

    /// Without the order of that id; unchanged when it is not among today's.
    #[must_use]
    pub fn give_back(&self, action_id: &str) -> Self {
        let mut next = self.clone();
        next.action_ids.retain(|known| known != action_id);
        if next.action_ids.len() < self.action_ids.len() {
            next.count = self.count.saturating_sub(1);
        }
        next
    }

    /// Replaces the file (2 fsyncs). The lock is proof that nobody else counts meanwhile.
    pub fn write(&self, files: &LiveFiles, lock: &OrderLock) -> Result<(), CounterError> {
        let path = files.counter();
        if !lock.covers(files) {
            return Err(CounterError::WrongLock(path));
        }
        // Another one may have counted since this was read.
        lock.still_excludes()?;
        durable::replace(&path, self.text().as_bytes())
            .map_err(|source| CounterError::NotWritten { path, source })
    }

    fn text(&self) -> String {
        let mut text = format!(
            "{{\"date\": \"{}\", \"count\": {}, \"action_ids\": ",
            self.date, self.count
        );
        canonical::line_value(&mut text, &self.action_ids.clone().into());
        for (key, value) in &self.unknown {
            text.push_str(", ");
            canonical::line_value(&mut text, &key.as_str().into());
            text.push_str(": ");
            text.push_str(value);
        }
        text.push_str("}\n");
        text
    }
}

/// `2026-06-15` and no other spelling of a day.
fn iso_date(text: &str) -> Option<NaiveDate> {
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    (date.format("%Y-%m-%d").to_string() == text).then_some(date)
}

fn action_id(json: &Json<'_>) -> Option<String> {
    let id = json.as_str()?;
    (1..=MAX_ID_CHARS)
        .contains(&id.chars().count())
        .then(|| id.to_owned())
}

fn json_text(json: &Json<'_>) -> String {
    let mut text = String::new();
    canonical::line_json(&mut text, json);
    text
}

#[cfg(test)]
mod tests;
