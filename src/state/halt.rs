//! The kill switch: a file whose existence stops all writes, for every broker or for one.
//!
//! Its content says who tripped it and is never asked whether it counts. A path that cannot be checked is a halt.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use thiserror::Error;

use super::paths::LiveFiles;
use super::{canonical, durable, iso_instant};

/// A sentinel is one line; only this much of a larger one is looked at.
const MAX_BYTES: u64 = 1 << 16;

/// Which writes a sentinel stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HaltScope {
    /// Every broker's.
    Global,
    /// This broker's.
    Broker,
}

impl HaltScope {
    fn path(self, files: &LiveFiles) -> PathBuf {
        match self {
            Self::Global => files.halt_global(),
            Self::Broker => files.halt_broker(),
        }
    }
}

/// What a sentinel is called of which nothing can be told: it names no single trip.
pub const NAMELESS: &str = "unreadable";

/// Whether an episode is named by its file and not by the text in it.
#[must_use]
pub fn is_of_a_file(episode: &str) -> bool {
    episode.starts_with("mtime:") || episode == NAMELESS
}

/// One tripped kill switch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sentinel {
    pub path: PathBuf,
    pub scope: HaltScope,
    /// When it was tripped, as the file says it.
    pub tripped_at: Option<String>,
    pub by: Option<String>,
    pub reason: Option<String>,
    /// Names this trip among all others: the text of `tripped_at`, else `mtime:<ns>`. What the sweep is claimed by.
    pub episode: String,
    /// The name of the same trip where its text cannot be read, while it is known: `mtime:<ns>`.
    pub also: Option<String>,
    /// When it was tripped, as far as that can be told: for finding the newest of several.
    pub at: Option<DateTime<Utc>>,
    /// Why the path could not be checked, where that is what halts.
    pub doubt: Option<String>,
}

/// Whether writes are stopped.
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HaltState {
    Clear,
    /// At least one sentinel; the global one comes first.
    Tripped(Vec<Sentinel>),
}

impl HaltState {
    #[must_use]
    pub fn is_tripped(&self) -> bool {
        matches!(self, Self::Tripped(_))
    }

    /// Which sentinel stands, by whom and why, in words; `None` when clear.
    #[must_use]
    pub fn tripped(&self) -> Option<String> {
        if !self.is_tripped() {
            return None;
        }
        let words = self.sentinels().iter().map(|sentinel| {
            let mut text = format!("`{}` stands", sentinel.path.display());
            for (name, value) in [
                ("by", &sentinel.by),
                ("reason", &sentinel.reason),
                ("since", &sentinel.tripped_at),
            ] {
                if let Some(value) = value {
                    let short: String = value.chars().take(120).collect();
                    text.push_str(&format!(", {name} {short}"));
                }
            }
            if let Some(doubt) = &sentinel.doubt {
                text.push_str(&format!(", {doubt}"));
            }
            text
        });
        Some(words.collect::<Vec<_>>().join("; "))
    }

    /// Every sentinel that is there; each of their episodes is swept and recorded.
    #[must_use]
    pub fn sentinels(&self) -> &[Sentinel] {
        match self {
            Self::Clear => &[],
            Self::Tripped(sentinels) => sentinels,
        }
    }

    /// The sentinel that was tripped last: its episode names the sweep, as in Vibe-Trading.
    #[must_use]
    pub fn newest(&self) -> Option<&Sentinel> {
        // Of two trips at the same instant the broker's own counts, which comes last here.
        self.sentinels()
            .iter()
            .rev()
            .reduce(|newest, other| if other.at > newest.at { other } else { newest })
    }
}

/// What [`trip`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trip {
    Written,
    /// It was tripped before; its content was left as it is.
    WasTripped,
}

/// Why the kill switch could not be changed.
#[derive(Debug, Error)]
pub enum HaltError {
    #[error("the kill switch `{}` could not be written: {source}; create the file by any other means, its existence is enough", path.display())]
    Trip { path: PathBuf, source: io::Error },
    #[error("the kill switch `{}` could not be removed: {source}; trading stays halted until it is gone", path.display())]
    Clear { path: PathBuf, source: io::Error },
}

/// Looks at both sentinels, now.
pub fn read_halt(files: &LiveFiles) -> HaltState {
    let tripped: Vec<Sentinel> = [HaltScope::Global, HaltScope::Broker]
        .into_iter()
        .filter_map(|scope| sentinel(scope, scope.path(files)))
        .collect();
    if tripped.is_empty() {
        HaltState::Clear
    } else {
        HaltState::Tripped(tripped)
    }
}

/// Writes the sentinel (2 fsyncs), for a daemon of another user to read as well, unless one with a content is there:
/// that one keeps its episode.
///
/// `by` is `cli`, `frontend`, `file` or another word; it is attribution only. `now` is the time of the trip.
pub fn trip(
    files: &LiveFiles,
    scope: HaltScope,
    by: &str,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<Trip, HaltError> {
    let path = scope.path(files);
    // DIVERGES from Vibe-Trading, which overwrites: a new `tripped_at` is a new episode, and the sweep of a halt
    // that is already in force would run again.
    if fs::metadata(&path).is_ok_and(|found| !found.is_file() || found.len() > 0) {
        return Ok(Trip::WasTripped);
    }
    let tripped_at = now.format("%Y-%m-%dT%H:%M:%S%.6f+00:00").to_string();
    let mut text = String::new();
    canonical::line_value(
        &mut text,
        &json!({"tripped_at": tripped_at, "by": by, "reason": reason}),
    );
    match durable::replace_for_all(&path, text.as_bytes()) {
        Ok(()) => Ok(Trip::Written),
        Err(source) => match stands(&path, &text) {
            Some(trip) => {
                tracing::warn!(
                    "`{}` stands and halts, but it may be gone after a crash of the machine: {source}; look for it then",
                    path.display()
                );
                Ok(trip)
            }
            None => Err(HaltError::Trip { path, source }),
        },
    }
}

/// What a write that failed left: its failure may come after the file is in its place, or one was there before.
fn stands(path: &Path, text: &str) -> Option<Trip> {
    fs::metadata(path).ok()?;
    let found = durable::read_if_present(path, MAX_BYTES).ok().flatten();
    let is_ours = found.is_some_and(|found| found == text.as_bytes());
    Some(if is_ours { Trip::Written } else { Trip::WasTripped })
}

/// Removes the sentinel of one scope (1 fsync); false when there was none. The other scope is left alone.
///
/// Orders pass as soon as the file is gone: that its folder could not be synced is only warned of.
pub fn clear(files: &LiveFiles, scope: HaltScope) -> Result<bool, HaltError> {
    let path = scope.path(files);
    match fs::remove_file(&path) {
        Ok(()) => {
            if let Err(error) = path.parent().map_or(Ok(()), durable::sync_folder) {
                tracing::warn!(
                    "`{}` is removed, but a crash of the machine may bring it back: {error}; look for it then",
                    path.display()
                );
            }
            Ok(true)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(HaltError::Clear { path, source }),
    }
}

/// The sentinel at `path`; `None` only where nothing exists, beyond doubt.
fn sentinel(scope: HaltScope, path: PathBuf) -> Option<Sentinel> {
    let doubt = match fs::metadata(&path) {
        Ok(found) if found.is_file() => None,
        Ok(_) => Some("not a plain file".to_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => match durable::absent(&path) {
            Ok(()) => return None,
            Err(error) => Some(error.to_string()),
        },
        Err(error) => Some(error.to_string()),
    };
    let before = touched_ns(&path);
    let content = if doubt.is_none() {
        content(&path)
    } else {
        Value::Null
    };
    let text = |key: &str| match content.get(key) {
        Some(Value::String(text)) if !text.is_empty() => Some(text.clone()),
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    let tripped_at = text("tripped_at");
    let named = tripped_at.as_deref().and_then(iso_instant::parse);
    let touched = touched_ns(&path);
    let of_file = touched.map(|ns| format!("mtime:{ns}"));
    let (episode, also) = match (&tripped_at, named) {
        // The time of another file than the one that was read names another trip.
        (Some(text), Some(_)) => (text.clone(), of_file.filter(|_| before == touched)),
        _ => (of_file.unwrap_or_else(|| NAMELESS.to_owned()), None),
    };
    let at = named.or_else(|| DateTime::from_timestamp_nanos(touched?).into());
    Some(Sentinel {
        path,
        scope,
        by: text("by"),
        reason: text("reason"),
        tripped_at,
        episode,
        also,
        at,
        doubt,
    })
}

/// What the sentinel says, null when that is not JSON: a touched file halts as well.
fn content(path: &Path) -> Value {
    match durable::read_if_present(path, MAX_BYTES) {
        Ok(Some(bytes)) => serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        Ok(None) | Err(_) => Value::Null,
    }
}

fn touched_ns(path: &Path) -> Option<i64> {
    let found = fs::metadata(path).or_else(|_| fs::symlink_metadata(path)).ok()?;
    found
        .mtime()
        .checked_mul(1_000_000_000)?
        .checked_add(found.mtime_nsec())
}

#[cfg(test)]
mod tests;
