//! The chains that a person put aside to begin a new one, and by them what of `audit.jsonl` is older than that one.
//!
//! Two things say so. A record stands no later than the last one that a chain put aside holds; or it was written before
//! that chain was put aside: one that was broken took no more records, and nothing in the ledgers tells those from what
//! the new chain lost since. A folder's own time is set by moving something into it; that there is such a folder says
//! nothing of what was written later. What cannot be read here excuses nothing.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::io::{Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use chrono::{DateTime, Utc};

use super::lines::{Lines, Record};
use crate::state::durable;
use crate::state::paths::LiveFiles;

/// So much of each file's end is read: a thousand records or so. The last one of `audit.jsonl` is among them, as a chain
/// holds its records in nearly the same order.
const END: u64 = 1 << 20;

/// Every chain that was put aside.
#[derive(Debug, Default)]
pub(super) struct Aside {
    /// When the last of them was.
    made: Option<DateTime<Utc>>,
    /// Audit ids at the end of each.
    last_ids: HashSet<Box<str>>,
}

impl Aside {
    /// `None` where no folder `chain-aside…` holds a file of a chain.
    pub(super) fn find(files: &LiveFiles) -> Option<Self> {
        let mut found: Option<Self> = None;
        for folder in entries(files.live_folder(), "chain-aside") {
            for chain in entries(&folder, "audit_chain") {
                let aside = found.get_or_insert_default();
                aside.made = aside.made.max(changed_at(&folder));
                aside.last_ids.extend(last_ids(chain, END));
            }
        }
        found
    }

    /// Whether one of them has this record at its end.
    pub(super) fn ends_with(&self, id: &str) -> bool {
        self.last_ids.contains(id)
    }

    /// Whether the record says that it was written before the last of them was put aside.
    pub(super) fn is_after(&self, record: &Record<'_>) -> bool {
        let written = record.written();
        written.is_some_and(|written| self.made.is_some_and(|made| written <= made))
    }
}

/// What in the folder has a name that begins so.
fn entries(folder: &Path, beginning: &str) -> Vec<PathBuf> {
    let begins = |name: &OsStr| name.to_str().is_some_and(|name| name.starts_with(beginning));
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter(|entry| begins(&entry.file_name()))
        .map(|entry| entry.path())
        .collect()
}

/// The last moment at which something may have been moved into the folder.
fn changed_at(folder: &Path) -> Option<DateTime<Utc>> {
    let changed = fs::metadata(folder).and_then(|found| found.modified()).ok()?;
    let since_epoch = changed.duration_since(UNIX_EPOCH).ok()?;
    // Some file systems keep whole seconds, and so do archives: that is any moment of the second.
    let nanos = match since_epoch.subsec_nanos() {
        0 => 999_999_999,
        nanos => nanos,
    };
    DateTime::from_timestamp(i64::try_from(since_epoch.as_secs()).ok()?, nanos)
}

/// The audit ids in the last `end` bytes of a file, as many as can be read.
fn last_ids(path: PathBuf, end: u64) -> Vec<Box<str>> {
    let open = || {
        let mut file = durable::open_file(&path)?;
        let length = file.seek(SeekFrom::End(0))?;
        // Where that is in the middle of a line, the rest of it is no record.
        file.seek(SeekFrom::Start(length.saturating_sub(end)))?;
        std::io::Result::Ok(file)
    };
    let Ok(file) = open() else {
        return Vec::new();
    };
    let mut lines = Lines::new(vec![(path, file, end)]);
    let mut ids = Vec::new();
    while let Ok(Some(record)) = lines.next_record() {
        ids.push(record.id.into());
    }
    ids
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::state::paths::{BrokerKey, RuntimeRoot};

    fn world() -> (tempfile::TempDir, LiveFiles) {
        let root = tempfile::tempdir().unwrap();
        let files = LiveFiles::new(
            &RuntimeRoot::at(root.path().to_owned()),
            BrokerKey::parse("bybit").unwrap(),
        );
        (root, files)
    }

    fn line(id: &str) -> String {
        format!("{{\"audit_id\": \"{id}\", \"ts\": \"1970-01-01T00:00:00.004+00:00\"}}\n")
    }

    fn put(files: &LiveFiles, folder: &str, name: &str, ids: &[&str], millis: u64) {
        let folder = files.live_folder().join(folder);
        fs::create_dir_all(&folder).unwrap();
        let text: String = ids.iter().map(|id| line(id)).collect();
        fs::write(folder.join(name), text).unwrap();
        let at = SystemTime::UNIX_EPOCH + Duration::from_millis(millis);
        File::open(folder).unwrap().set_modified(at).unwrap();
    }

    #[test]
    fn only_a_file_of_a_chain_in_a_folder_of_that_name_was_put_aside() {
        let (_root, files) = world();
        assert!(Aside::find(&files).is_none());
        put(&files, "aside", "audit_chain.jsonl", &["la_1"], 1);
        put(&files, "chain-aside", "audit.jsonl", &["la_1"], 1);
        assert!(Aside::find(&files).is_none());
        put(
            &files,
            "chain-aside of May",
            "audit_chain.0001.jsonl",
            &["la_1"],
            1,
        );
        assert!(Aside::find(&files).unwrap().ends_with("la_1"));
    }

    #[test]
    fn the_ids_are_of_each_file_and_the_time_is_of_the_last_folder() {
        let (_root, files) = world();
        put(
            &files,
            "chain-aside",
            "audit_chain.0001.jsonl",
            &["la_1", "la_2"],
            2,
        );
        put(&files, "chain-aside-2", "audit_chain.jsonl", &["la_3"], 3);
        put(&files, "chain-aside-3", "audit_chain.jsonl", &[], 1);
        // Nothing was moved out of the ledger into this one.
        put(&files, "chain-aside-4", "notes", &["la_4"], 9);
        let found = Aside::find(&files).unwrap();
        let held = ["la_1", "la_2", "la_3", "la_4"].map(|id| found.ends_with(id));
        assert_eq!(held, [true, true, true, false]);
        assert_eq!(found.made, DateTime::from_timestamp_millis(3));
    }

    #[test]
    fn a_time_of_whole_seconds_is_any_moment_of_the_second_and_a_finer_one_is_exact() {
        let (_root, files) = world();
        for (millis, nanos) in [(7_000, 7_999_999_999), (7_001, 7_001_000_000)] {
            put(&files, "chain-aside", "audit_chain.jsonl", &[], millis);
            let made = Aside::find(&files).unwrap().made.unwrap();
            assert_eq!(made.timestamp_nanos_opt(), Some(nanos));
        }
    }

    #[test]
    fn a_record_of_the_same_moment_was_there_before_the_chain_was_put_aside_and_a_later_one_was_not() {
        let (_root, files) = world();
        put(&files, "chain-aside", "audit_chain.jsonl", &["la_1"], 0);
        let path = files.live_folder().join("chain-aside/audit_chain.jsonl");
        let is_after = |made: Option<i64>, text: &str| {
            fs::write(&path, text).unwrap();
            let mut lines = Lines::new(vec![(path.clone(), File::open(&path).unwrap(), END)]);
            let aside = Aside {
                made: made.and_then(DateTime::from_timestamp_millis),
                ..Aside::default()
            };
            aside.is_after(&lines.next_record().unwrap().unwrap())
        };
        let (at_4, none) = (line("la_1"), "{\"audit_id\": \"la_1\"}\n");
        let said = [Some(5), Some(4), Some(3), None].map(|made| is_after(made, &at_4));
        assert_eq!(said, [true, true, false, false]);
        assert!(!is_after(Some(5), none));
    }

    #[test]
    fn no_more_than_the_end_of_a_file_is_read() {
        let (_root, files) = world();
        put(
            &files,
            "chain-aside",
            "audit_chain.jsonl",
            &["la_1", "la_2", "la_3"],
            0,
        );
        let path = files.live_folder().join("chain-aside/audit_chain.jsonl");
        let one = line("la_1").len() as u64;
        let ids = |end| last_ids(path.clone(), end).join(" ");
        assert_eq!(ids(one * 9), "la_1 la_2 la_3");
        assert_eq!(ids(one * 3), "la_1 la_2 la_3");
        assert_eq!(ids(one * 3 - 1), "la_2 la_3");
        assert_eq!(ids(one), "la_3");
        fs::remove_file(&path).unwrap();
        assert_eq!(ids(one), "");
        fs::create_dir(&path).unwrap();
        assert_eq!(ids(one), "");
    }
}
