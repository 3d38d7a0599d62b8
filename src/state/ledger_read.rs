//! Reads the plain ledger from its end: the last records, and those of one order.
//!
//! It checks no hashes and writes nothing; a line that is no record is handed out as such.

use std::io;
use std::path::PathBuf;

use serde_json::Value;
use thiserror::Error;

use super::durable;
use super::paths::LiveFiles;
use super::reverse_lines::ReverseLines;

/// The keys under which a record says whose order it is about.
const CLIENT_ID_KEYS: [&str; 3] = ["orderLinkId", "client_id", "client_order_id"];

/// The ledger could not be read.
#[derive(Debug, Error)]
#[error("the ledger `{}` cannot be read: {source}; make it a plain file that this user may read", path.display())]
pub struct LedgerReadError {
    pub path: PathBuf,
    pub source: io::Error,
}

/// One line of the ledger.
#[derive(Debug, Clone, PartialEq)]
pub struct LedgerLine {
    /// The line as it stands in the file; what is not UTF-8 in it is replaced.
    pub text: String,
    /// The record; `None` when the line is none, as a torn one.
    pub record: Option<Value>,
}

/// The records of one order that a bounded search found.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Oldest first.
    pub records: Vec<Value>,
    /// Whether all of the file was looked through, so that there are no others in it.
    pub complete: bool,
    /// The `ts` of the oldest line that was looked through, where it is a record that has one.
    pub oldest: Option<String>,
}

/// The last `n` lines of `audit.jsonl`, oldest first; none when there is no ledger yet.
pub fn tail(files: &LiveFiles, n: usize) -> Result<Vec<LedgerLine>, LedgerReadError> {
    let mut found = Vec::new();
    if n == 0 {
        return Ok(found);
    }
    walk_back(files, |_, bytes| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let record = serde_json::from_str(&text).ok().filter(Value::is_object);
        found.push(LedgerLine { text, record });
        found.len() < n
    })?;
    found.reverse();
    Ok(found)
}

/// The records that name the client id of one order, looked for in the last `max_bytes` of the ledger.
pub fn find_by_client_id(
    files: &LiveFiles,
    client_id: &str,
    max_bytes: u64,
) -> Result<Found, LedgerReadError> {
    let mut records = Vec::new();
    let mut last = Vec::new();
    let complete = walk_back(files, |read, bytes| {
        last.clear();
        last.extend_from_slice(bytes);
        if contains(bytes, client_id.as_bytes())
            && let Ok(record) = serde_json::from_slice::<Value>(bytes)
            && names(&record, client_id)
        {
            records.push(record);
        }
        read < max_bytes
    })?;
    records.reverse();
    let oldest: Option<Value> = serde_json::from_slice(&last).ok();
    let oldest = oldest.and_then(|record| Some(record.get("ts")?.as_str()?.to_owned()));
    Ok(Found {
        records,
        complete,
        oldest,
    })
}

/// Hands each line that is not blank to `each`, with the bytes gone through so far, until it says stop;
/// true when the start of the file was reached.
fn walk_back(files: &LiveFiles, mut each: impl FnMut(u64, &[u8]) -> bool) -> Result<bool, LedgerReadError> {
    let path = files.audit();
    let mut walk = || {
        let file = match durable::open_file(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return durable::absent(&path).map(|()| true);
            }
            Err(error) => return Err(error),
        };
        let length = file.metadata()?.len();
        let mut lines = ReverseLines::new(&file, length);
        while let Some(line) = lines.next_line()? {
            let blank = line.bytes.iter().all(u8::is_ascii_whitespace);
            if !blank && !each(length - line.start, &line.bytes) {
                return Ok(line.start == 0);
            }
        }
        Ok(true)
    };
    walk().map_err(|source| LedgerReadError {
        path: path.clone(),
        source,
    })
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    !wanted.is_empty() && bytes.windows(wanted.len()).any(|window| window == wanted)
}

fn names(value: &Value, client_id: &str) -> bool {
    match value {
        Value::Object(members) => members.iter().any(|(key, value)| {
            (CLIENT_ID_KEYS.contains(&key.as_str()) && value.as_str() == Some(client_id))
                || names(value, client_id)
        }),
        Value::Array(items) => items.iter().any(|item| names(item, client_id)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::state::paths::{BrokerKey, RuntimeRoot};

    fn world(text: &str) -> (tempfile::TempDir, LiveFiles) {
        let folder = tempfile::tempdir().unwrap();
        let files = LiveFiles::new(
            &RuntimeRoot::at(folder.path().to_owned()),
            BrokerKey::parse("bybit").unwrap(),
        );
        durable::create_folder(files.live_folder()).unwrap();
        fs::write(files.audit(), text).unwrap();
        (folder, files)
    }

    #[test]
    fn the_last_lines_come_oldest_first_and_a_torn_one_is_shown_as_it_is() {
        let (_root, files) = world("{\"n\":1}\n\n{\"n\":2}\n{\"n\":3}\n{\"n\":");
        let texts: Vec<_> = tail(&files, 3)
            .unwrap()
            .into_iter()
            .map(|line| (line.text, line.record.is_some()))
            .collect();
        assert_eq!(
            texts,
            [
                ("{\"n\":2}".into(), true),
                ("{\"n\":3}".into(), true),
                ("{\"n\":".into(), false)
            ]
        );
        assert_eq!(tail(&files, 99).unwrap().len(), 4);
        assert_eq!(tail(&files, 0).unwrap(), []);
        fs::remove_file(files.audit()).unwrap();
        assert_eq!(tail(&files, 3).unwrap(), []);
        fs::create_dir(files.audit()).unwrap();
        assert!(tail(&files, 3).is_err());
        fs::remove_dir(files.audit()).unwrap();
        std::os::unix::fs::symlink(files.audit(), files.audit()).unwrap();
        let looping = fs::metadata(files.audit()).unwrap_err().to_string();
        let error = tail(&files, 3).unwrap_err().to_string();
        assert!(error.contains(&looping), "{error}");
    }

    #[test]
    fn the_records_of_one_order_are_found_by_its_client_id() {
        let (_root, files) = world(concat!(
            "{\"n\":1,\"ts\":\"first\",\"broker_request\":{\"orderLinkId\":\"a-1\"}}\n",
            "{\"n\":2,\"error\":\"about a-1\"}\n",
            "{\"n\":3,\"broker_response\":{\"result\":[{\"orderLinkId\":\"a-1\"}]}}\n",
            "{\"n\":4,\"broker_request\":{\"orderLinkId\":\"a-12\"}}\n",
        ));
        let found = find_by_client_id(&files, "a-1", 1 << 20).unwrap();
        let numbers: Vec<_> = found
            .records
            .iter()
            .map(|record| record["n"].as_u64().unwrap())
            .collect();
        assert_eq!((numbers, found.complete), (vec![1, 3], true));
        assert_eq!(found.oldest.as_deref(), Some("first"));
        let bounded = find_by_client_id(&files, "a-1", 60).unwrap();
        assert_eq!((bounded.records.len(), bounded.complete), (1, false));
        let last = "{\"n\":4,\"broker_request\":{\"orderLinkId\":\"a-12\"}}\n".len() as u64;
        let bounded = find_by_client_id(&files, "a-1", last).unwrap();
        assert_eq!((bounded.records.len(), bounded.complete), (0, false));
        assert_eq!(bounded.oldest, None);
    }

    #[test]
    fn an_empty_id_is_nobodys_although_records_hold_it() {
        let (_root, files) = world("{\"n\":1,\"orderLinkId\":\"\"}\n");
        let found = find_by_client_id(&files, "", 1 << 20).unwrap();
        assert_eq!((found.records.len(), found.complete), (0, true));
    }
}
