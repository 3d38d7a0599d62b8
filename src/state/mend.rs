//! Puts on the chain what a crash left on the plain ledger alone: an append writes the one, then the other.
//!
//! It changes no record and adds none that is not on the plain ledger.

use std::io;

use serde_json::Value;

use super::chain_file::ChainFile;
use super::durable;
use super::ledger::LedgerError;
use super::paths::LiveFiles;
use super::reverse_lines::ReverseLines;

/// How far back the chain is looked through: as many records as a day's orders make, many times over.
const LOOK_BACK_BYTES: u64 = 64 << 20;

/// Chains those of `records`, oldest first as the plain ledger has them, that the chain does not hold.
///
/// Where the whole chain is too long to look through, a record that is not found counts as held. One that only a chain
/// put aside holds is chained again: that chain was broken, and what is in flight should stand in one that is not.
/// `verify` does not take it for the beginning of the new chain.
pub fn chain_missing(files: &LiveFiles, records: &[Value]) -> Result<usize, LedgerError> {
    let mut missing = 0;
    for record in records {
        let Some(id) = record.get("audit_id").and_then(Value::as_str) else {
            continue;
        };
        // Under the chain's lock from the look to the append.
        let chain = ChainFile::open(files)?;
        if holds(files, id, LOOK_BACK_BYTES).map_err(|source| LedgerError::Unusable {
            path: files.audit_chain(),
            source,
        })? {
            continue;
        }
        chain.append_record(record.clone())?;
        missing += 1;
    }
    Ok(missing)
}

/// Whether the last `left` bytes of the chain hold the record, or there are more than those to look through.
fn holds(files: &LiveFiles, audit_id: &str, mut left: u64) -> io::Result<bool> {
    let segments = files.audit_chain_segments()?;
    for path in [files.audit_chain()].iter().chain(segments.iter().rev()) {
        let file = durable::open_file(path)?;
        let length = file.metadata()?.len();
        let mut lines = ReverseLines::new(&file, length);
        while let Some(line) = lines.next_line()? {
            // A torn tail is no JSON and holds nothing; the next append cuts it.
            if names(&line.bytes, audit_id) {
                return Ok(true);
            }
            if length - line.start > left {
                return Ok(true);
            }
        }
        left = left.saturating_sub(length);
    }
    Ok(false)
}

fn names(line: &[u8], audit_id: &str) -> bool {
    let text = String::from_utf8_lossy(line);
    text.contains(audit_id)
        && serde_json::from_str::<Value>(&text)
            .is_ok_and(|record| record.get("audit_id").and_then(Value::as_str) == Some(audit_id))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::state::audit_record::{AuditKind, AuditOutcome, AuditRecord};
    use crate::state::clock;
    use crate::state::ledger::Ledger;
    use crate::state::paths::{BrokerKey, RuntimeRoot};
    use crate::state::redact::Redactor;
    use crate::state::verify::verify;

    #[test]
    fn a_record_that_a_crash_kept_off_the_chain_is_chained_once() {
        let root = tempfile::tempdir().unwrap();
        let files = LiveFiles::new(
            &RuntimeRoot::at(root.path().to_owned()),
            BrokerKey::parse("bybit").unwrap(),
        );
        let ledger = Ledger::open(&files, Redactor::new(Vec::new()));
        let mut written = Vec::new();
        for kind in [AuditKind::OrderSubmitted, AuditKind::OrderPlaced] {
            let record = AuditRecord::new(clock::now(), "bybit", "s", kind, AuditOutcome::Pending).unwrap();
            written.push(serde_json::to_value(ledger.append(&record).unwrap()).unwrap());
        }
        assert_eq!(chain_missing(&files, &written).unwrap(), 0);
        // The last append reached the plain ledger alone, or was cut short on the chain.
        let whole = fs::read_to_string(files.audit_chain()).unwrap();
        let first = whole.find('\n').unwrap() + 1;
        for kept in [first, first + 30] {
            fs::write(files.audit_chain(), &whole.as_bytes()[..kept]).unwrap();
            assert_eq!(chain_missing(&files, &written).unwrap(), 1);
            assert_eq!(fs::read_to_string(files.audit_chain()).unwrap(), whole);
            assert_eq!(chain_missing(&files, &written).unwrap(), 0);
        }
        assert!(verify(&files).is_whole());
    }

    #[test]
    fn what_is_not_found_counts_as_held_only_where_the_chain_is_too_long() {
        let root = tempfile::tempdir().unwrap();
        let files = LiveFiles::new(
            &RuntimeRoot::at(root.path().to_owned()),
            BrokerKey::parse("bybit").unwrap(),
        );
        let ledger = Ledger::open(&files, Redactor::new(Vec::new()));
        for _ in 0..2 {
            let record = AuditRecord::new(
                clock::now(),
                "bybit",
                "s",
                AuditKind::Breach,
                AuditOutcome::Blocked,
            );
            ledger.append(&record.unwrap()).unwrap();
        }
        let length = fs::metadata(files.audit_chain()).unwrap().len();
        assert!(!holds(&files, "la_none", length).unwrap());
        assert!(holds(&files, "la_none", length - 1).unwrap());
        let sealed = files.live_folder().join("audit_chain.0001.jsonl");
        fs::copy(files.audit_chain(), sealed).unwrap();
        assert!(!holds(&files, "la_none", 2 * length).unwrap());
        assert!(holds(&files, "la_none", 2 * length - 1).unwrap());
    }

    #[test]
    fn a_line_that_only_mentions_an_id_is_not_its_record() {
        let line = br#"{"audit_id": "la_1", "error": "see la_2"}"#;
        assert!(names(line, "la_1"));
        assert!(!names(line, "la_2"));
    }
}
