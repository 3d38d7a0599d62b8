//! The records of a ledger from its first line to its last, by audit id and place.
//!
//! It checks nothing: a line that is no record is passed over.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Take};
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::Part;
use crate::state::iso_instant;

const BUFFER: usize = 1 << 20;

/// How both programs begin a record, and how they end it.
const BEGINNING: &[u8] = b"{\"audit_id\": \"";

/// Kinds and outcomes that Vibe-Trading does not have.
const OUR_WORDS: [&str; 6] = [
    "order_submitted",
    "order_amended",
    "leverage_set",
    "trading_stop_set",
    "pending",
    "unknown",
];

/// Where a record stands; the one that was written first is the least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// Which of the files, from 0.
    pub(super) file: usize,
    /// From 1.
    pub(super) line: u64,
}

/// One line with an audit id.
#[derive(Debug)]
pub(super) struct Record<'l> {
    pub(super) id: &'l str,
    pub(super) place: Place,
    line: &'l [u8],
}

/// Goes through the files of one ledger, oldest first.
#[derive(Debug)]
pub(super) struct Lines {
    left: VecDeque<Part>,
    open: Option<(PathBuf, BufReader<Take<File>>)>,
    /// Of the next line, once a file is open.
    next: Place,
    line: Vec<u8>,
    /// The id of the line, where it is not simply a part of it.
    id: String,
}

impl Lines {
    pub(super) fn new(parts: Vec<Part>) -> Self {
        Self {
            left: parts.into(),
            open: None,
            next: Place { file: 0, line: 1 },
            line: Vec::new(),
            id: String::new(),
        }
    }

    /// The next line that has an audit id; `None` at the end.
    pub(super) fn next_record(&mut self) -> Result<Option<Record<'_>>, (PathBuf, io::Error)> {
        loop {
            let Some(place) = self.next_line()? else {
                return Ok(None);
            };
            if read_id(&self.line, &mut self.id) {
                return Ok(Some(Record {
                    id: &self.id,
                    place,
                    line: &self.line,
                }));
            }
        }
    }

    fn next_line(&mut self) -> Result<Option<Place>, (PathBuf, io::Error)> {
        loop {
            if let Some((path, file)) = &mut self.open {
                self.line.clear();
                let read = file.read_until(b'\n', &mut self.line);
                if read.map_err(|error| (path.clone(), error))? > 0 {
                    let place = self.next;
                    self.next.line += 1;
                    return Ok(Some(place));
                }
                self.open = None;
                self.next = Place {
                    file: self.next.file + 1,
                    line: 1,
                };
            }
            let Some((path, file, length)) = self.left.pop_front() else {
                return Ok(None);
            };
            self.open = Some((path, BufReader::with_capacity(BUFFER, file.take(length))));
        }
    }
}

/// Puts the audit id of a line into `id`; false where it has none.
fn read_id(line: &[u8], id: &mut String) -> bool {
    id.clear();
    match plain_id(line) {
        Some(found) => id.push_str(found),
        None => {
            let record: Option<Value> = serde_json::from_slice(line).ok();
            let found = record
                .as_ref()
                .and_then(|record| record.get("audit_id")?.as_str());
            id.push_str(found.unwrap_or_default());
        }
    }
    !id.is_empty()
}

/// The id of a line that begins and ends as both programs write it. A line that was cut short ends otherwise.
fn plain_id(line: &[u8]) -> Option<&str> {
    if !line.trim_ascii_end().ends_with(b"}") {
        return None;
    }
    let rest = line.strip_prefix(BEGINNING)?;
    let end = rest.iter().position(|byte| *byte == b'"')?;
    let id = str::from_utf8(rest.get(..end)?).ok()?;
    id.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        .then_some(id)
}

impl Record<'_> {
    /// When it says that it was written.
    pub(super) fn written(&self) -> Option<DateTime<Utc>> {
        let record: Value = serde_json::from_slice(self.line).ok()?;
        iso_instant::parse(record.get("ts")?.as_str()?)
    }

    /// Whether Vibe-Trading cannot have written it, by a word that it does not have or by its id: it makes those of
    /// UUIDs of version 4.
    pub(super) fn is_ours(&self) -> bool {
        let record: Value = serde_json::from_slice(self.line).unwrap_or_default();
        let word = |name: &str| record.get(name).and_then(Value::as_str).unwrap_or_default();
        let is_uuid = self.id.strip_prefix("la_").is_some_and(|id| {
            let digit = |at: usize| id.as_bytes().get(at).copied();
            id.len() == 32
                && digit(12) == Some(b'4')
                && digit(16).is_some_and(|digit| b"89ab".contains(&digit))
        });
        OUR_WORDS.contains(&word("kind")) || OUR_WORDS.contains(&word("outcome")) || !is_uuid
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_id_of_a_plain_line_is_taken_from_its_beginning_and_any_other_line_is_read_in_full() {
        for (line, plain, id) in [
            ("{\"audit_id\": \"la_1\", \"seq\": 1}\n", Some("la_1"), "la_1"),
            ("{\"audit_id\": \"la_1\"}", Some("la_1"), "la_1"),
            // Cut short.
            ("{\"audit_id\": \"la_1\", \"seq\"", None, ""),
            ("{\"audit_id\": \"la\\u005f1\"}\n", None, "la_1"),
            ("{\"seq\": 1, \"audit_id\": \"la_1\"}\n", None, "la_1"),
            ("{\"audit_id\": \"\"}\n", Some(""), ""),
            ("{\"audit_id\": 1}\n", None, ""),
        ] {
            assert_eq!(plain_id(line.as_bytes()), plain, "{line}");
            let mut found = "of the line before".to_owned();
            assert_eq!(read_id(line.as_bytes(), &mut found), !id.is_empty(), "{line}");
            assert_eq!(found, id, "{line}");
        }
    }

    #[test]
    fn a_record_is_ours_by_a_word_or_by_an_id_that_is_no_uuid_of_version_4() {
        let theirs = "la_0123456789ab4def8123456789abcdef";
        let is_ours = |id: &str, kind: &str, outcome: &str| {
            let line = json!({"audit_id": id, "kind": kind, "outcome": outcome}).to_string();
            let place = Place { file: 0, line: 1 };
            Record {
                id,
                place,
                line: line.as_bytes(),
            }
            .is_ours()
        };
        for last_of_variant in ["8", "9", "a", "b"] {
            let id = theirs.replace("f8", &format!("f{last_of_variant}"));
            assert!(!is_ours(&id, "breach", "blocked"), "{id}");
        }
        for (id, kind, outcome) in [
            (theirs, "order_submitted", "blocked"),
            (theirs, "breach", "pending"),
            ("la_0123456789ab4def8123456789abcde", "breach", "blocked"),
            ("la_0123456789ab1def8123456789abcdef", "breach", "blocked"),
            ("la_0123456789ab4defc123456789abcdef", "breach", "blocked"),
            ("0123456789ab4def8123456789abcdef", "breach", "blocked"),
        ] {
            assert!(is_ours(id, kind, outcome), "{id} {kind} {outcome}");
        }
    }

    #[test]
    fn a_record_was_written_when_it_says_so() {
        let written = |line: &str| {
            let place = Place { file: 0, line: 1 };
            let (id, line) = ("la_1", line.as_bytes());
            Record { id, place, line }.written()
        };
        let at = DateTime::from_timestamp(1_781_524_800, 0);
        assert_eq!(written("{\"ts\": \"2026-06-15T12:00:00.000+00:00\"}"), at);
        for none in ["{}", "{\"ts\": 1}", "{\"ts\": \"noon\"}", "{"] {
            assert_eq!(written(none), None);
        }
    }
}
