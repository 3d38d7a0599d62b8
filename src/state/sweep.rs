//! The claim and the latch of a sweep, one of each per halt episode, shared with Vibe-Trading's runner: two sweepers
//! never both flatten.
//!
//! It cancels nothing itself. A claim that a crash left behind stays: what its sweep did is for a person to find out.

use std::path::PathBuf;
use std::{fs, io, process};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use thiserror::Error;

use super::paths::LiveFiles;
use super::{canonical, clock, durable};

/// These files hold one short object.
const MAX_BYTES: u64 = 1 << 20;

/// Why a sweep cannot be claimed or recorded.
#[derive(Debug, Error)]
#[error("the sweep's record `{}` cannot be used: {source}; make its folder writable for this user", path.display())]
pub struct SweepError {
    pub path: PathBuf,
    pub source: io::Error,
}

/// Whose the sweep of an episode is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    Nobody,
    /// This program's: by this process, or by one before it that did not come to the end.
    Us,
    /// Another program's, or one that does not say whose.
    Another,
}

/// What our claims and latches say of their maker; Vibe-Trading's say nothing.
const MAKER: &str = "mandated";

/// Claims the sweep of `episode` (2 fsyncs); false when another sweeper has it, or had it when it crashed.
pub fn claim(files: &LiveFiles, episode: &str, now: DateTime<Utc>) -> Result<bool, SweepError> {
    let content = json!({
        "claimed_at": clock::ledger_text(now), "episode": episode, "pid": process::id(), "by": MAKER,
    });
    create(files.flatten_claim(episode), &content)
}

/// Who claimed `episode`. A claim that cannot be read is not taken for ours.
pub fn holder(files: &LiveFiles, episode: &str) -> Result<Holder, SweepError> {
    let path = files.flatten_claim(episode);
    let found = match durable::read_if_present(&path, MAX_BYTES) {
        Ok(Some(bytes)) => serde_json::from_slice::<Value>(&bytes).unwrap_or(Value::Null),
        Ok(None) => return Ok(Holder::Nobody),
        Err(_) if fs::symlink_metadata(&path).is_ok() => return Ok(Holder::Another),
        Err(source) => return Err(SweepError { path, source }),
    };
    let ours = found.get("by").and_then(Value::as_str) == Some(MAKER)
        && found.get("episode").and_then(Value::as_str) == Some(episode);
    Ok(if ours { Holder::Us } else { Holder::Another })
}

/// Gives a claim up, so that the sweep can be tried again; false when there was none.
pub fn release(files: &LiveFiles, episode: &str) -> Result<bool, SweepError> {
    let path = files.flatten_claim(episode);
    match fs::remove_file(&path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(SweepError { path, source }),
    }
}

/// Whether the sweep of `episode` was done, by whichever program. What cannot be told is an error.
pub fn was_done(files: &LiveFiles, episode: &str) -> Result<bool, SweepError> {
    let read = |path: PathBuf| {
        durable::read_if_present(&path, MAX_BYTES).map_err(|source| SweepError { path, source })
    };
    if read(files.flatten_fired(episode))?.is_some() {
        return Ok(true);
    }
    // Older releases of Vibe-Trading kept one file for all episodes.
    let old: Value = read(files.broker_folder().join("FLATTEN_FIRED"))?
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or(Value::Null);
    let names = |value: &Value| value.as_str() == Some(episode);
    Ok(match old.get("episodes") {
        Some(Value::Array(episodes)) => episodes.iter().any(names),
        _ => old.get("episode").is_some_and(names),
    })
}

/// Records that the sweep of `episode` was done (2 fsyncs); false when that was on record already.
pub fn mark_done(files: &LiveFiles, episode: &str, now: DateTime<Utc>) -> Result<bool, SweepError> {
    create(
        files.flatten_fired(episode),
        &json!({"fired_at": clock::ledger_text(now), "episode": episode, "by": MAKER}),
    )
}

/// Whether it is this program that recorded `episode` as done.
pub fn was_done_by_us(files: &LiveFiles, episode: &str) -> bool {
    let found: Option<Value> = durable::read_if_present(&files.flatten_fired(episode), MAX_BYTES)
        .ok()
        .flatten()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok());
    found.is_some_and(|found| found.get("by").and_then(Value::as_str) == Some(MAKER))
}

fn create(path: PathBuf, content: &Value) -> Result<bool, SweepError> {
    let mut text = String::new();
    canonical::line_value(&mut text, content);
    match durable::create_new(&path, text.as_bytes()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(source) => Err(SweepError { path, source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::paths::{BrokerKey, RuntimeRoot};

    #[test]
    fn one_sweeper_wins_an_episode_and_the_next_episode_is_free() {
        let root = tempfile::tempdir().unwrap();
        let files = LiveFiles::new(
            &RuntimeRoot::at(root.path().to_owned()),
            BrokerKey::parse("bybit").unwrap(),
        );
        let now = DateTime::from_timestamp(1_780_391_749, 0).unwrap();
        assert_eq!(holder(&files, "one").unwrap(), Holder::Nobody);
        assert!(claim(&files, "one", now).unwrap());
        assert_eq!(holder(&files, "one").unwrap(), Holder::Us);
        assert!(!claim(&files, "one", now).unwrap());
        fs::write(
            files.flatten_claim("three"),
            "{\"episode\": \"three\", \"pid\": 1}",
        )
        .unwrap();
        fs::create_dir(files.flatten_claim("four")).unwrap();
        assert_eq!(holder(&files, "three").unwrap(), Holder::Another);
        assert_eq!(holder(&files, "four").unwrap(), Holder::Another);
        assert!(claim(&files, "two", now).unwrap());
        assert!(!was_done(&files, "one").unwrap());
        assert!(mark_done(&files, "one", now).unwrap());
        assert!(!mark_done(&files, "one", now).unwrap());
        assert!(was_done(&files, "one").unwrap());
        assert!(was_done_by_us(&files, "one"));
        fs::write(files.flatten_fired("three"), "{\"episode\": \"three\"}").unwrap();
        assert!(was_done(&files, "three").unwrap() && !was_done_by_us(&files, "three"));
        assert!(!was_done_by_us(&files, "two"));
        assert!(release(&files, "one").unwrap() && !release(&files, "one").unwrap());
        assert!(release(&files, "four").is_err(), "a folder");
        fs::remove_dir_all(files.broker_folder()).unwrap();
        fs::write(files.broker_folder(), "").unwrap();
        assert!(holder(&files, "one").is_err());
        assert!(claim(&files, "one", now).is_err());
    }

    #[test]
    fn what_an_older_release_recorded_counts() {
        let root = tempfile::tempdir().unwrap();
        let files = LiveFiles::new(
            &RuntimeRoot::at(root.path().to_owned()),
            BrokerKey::parse("bybit").unwrap(),
        );
        durable::create_folder(files.broker_folder()).unwrap();
        let old = files.broker_folder().join("FLATTEN_FIRED");
        for (text, done) in [
            ("{\"episodes\": [\"one\"]}", true),
            ("{\"episode\": \"one\"}", true),
            ("{\"episodes\": [\"two\"], \"episode\": \"one\"}", false),
            ("", false),
        ] {
            fs::write(&old, text).unwrap();
            assert_eq!(was_done(&files, "one").unwrap(), done, "{text}");
        }
    }
}
