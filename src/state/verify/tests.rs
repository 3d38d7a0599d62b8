//! Every kind of damage is found, and the first damaged record is named.

use std::fs;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use serde_json::json;

use super::{BLOCK, BreakKind, verify};
use crate::state::audit_record::{AuditKind, AuditOutcome, AuditRecord};
use crate::state::chain::{Link, record_hash};
use crate::state::clock;
use crate::state::ledger::Ledger;
use crate::state::paths::{BrokerKey, LiveFiles, RuntimeRoot};
use crate::state::redact::Redactor;

fn world(records: usize) -> (tempfile::TempDir, LiveFiles, String) {
    let folder = tempfile::tempdir().unwrap();
    let files = LiveFiles::new(
        &RuntimeRoot::at(folder.path().to_owned()),
        BrokerKey::parse("bybit").unwrap(),
    );
    let ledger = Ledger::open(&files, Redactor::new(Vec::new()));
    for _ in 0..records {
        let record = AuditRecord::new(
            clock::now(),
            "bybit",
            "s",
            AuditKind::Breach,
            AuditOutcome::Blocked,
        )
        .unwrap();
        ledger.append(&record).unwrap();
    }
    let text = fs::read_to_string(files.audit_chain()).unwrap_or_default();
    (folder, files, text)
}

#[test]
fn no_chain_is_a_whole_and_empty_one() {
    let (_root, files, _) = world(0);
    let report = verify(&files);
    assert_eq!((report.records, report.last.seq, report.is_whole()), (0, 0, true));
}

#[test]
fn one_changed_byte_anywhere_is_found_in_its_record() {
    let (_root, files, text) = world(3);
    let ends: Vec<usize> = text.match_indices('\n').map(|(at, _)| at).collect();
    let mut found_in = [0; 3];
    let file = fs::OpenOptions::new()
        .write(true)
        .open(files.audit_chain())
        .unwrap();
    for at in 0..text.len() - 1 {
        // A digit for anything else: every such change is one of meaning or of form.
        let byte = text.as_bytes()[at];
        let changed = if byte == b'0' { b'1' } else { b'0' };
        file.write_all_at(&[changed], at as u64).unwrap();
        let record = ends.iter().filter(|end| **end < at).count();
        let report = verify(&files);
        let found = report
            .first_break
            .unwrap_or_else(|| panic!("byte {at} was changed and nothing was found"));
        assert_eq!(found.line, Some(record as u64 + 1), "byte {at}: {found}");
        assert_eq!(report.records, record as u64);
        found_in[record] += 1;
        file.write_all_at(&[byte], at as u64).unwrap();
    }
    assert!(found_in.iter().all(|changes| *changes > 400), "{found_in:?}");
}

#[test]
fn removed_swapped_repeated_and_foreign_lines_are_named() {
    let (_root, files, text) = world(4);
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let cases = [
        (vec![1, 2, 3], BreakKind::SeqGap, 1, Some(2)),
        (vec![0, 2, 3], BreakKind::SeqGap, 2, Some(3)),
        (vec![0, 2, 1, 3], BreakKind::SeqGap, 2, Some(3)),
        (vec![0, 1, 1, 2], BreakKind::SeqGap, 3, Some(2)),
    ];
    for (order, kind, line, seq) in cases {
        let text: String = order.iter().map(|at| lines[*at]).collect();
        fs::write(files.audit_chain(), text).unwrap();
        let found = verify(&files).first_break.unwrap();
        assert_eq!(
            (found.kind, found.line, found.seq),
            (kind, Some(line), seq),
            "{order:?}"
        );
        assert!(found.to_string().contains(&format!("line {line}")), "{found}");
    }
    let (_other_root, _, other) = world(2);
    let foreign = other.split_inclusive('\n').nth(1).unwrap();
    fs::write(files.audit_chain(), [lines[0], foreign].concat()).unwrap();
    let found = verify(&files).first_break.unwrap();
    assert_eq!(
        (found.kind, found.line, found.seq),
        (BreakKind::PrevHashMismatch, Some(2), Some(2))
    );
}

#[test]
fn blank_lines_and_a_missing_last_newline_are_no_break() {
    let (_root, files, text) = world(2);
    fs::write(
        files.audit_chain(),
        format!("\n{}\r\n  ", text.trim_end().replace('\n', "\r\n\n")),
    )
    .unwrap();
    let report = verify(&files);
    assert_eq!((report.records, report.first_break), (2, None));
    assert_eq!(report.bytes, fs::metadata(files.audit_chain()).unwrap().len());
    fs::write(files.audit_chain(), text.trim_end()).unwrap();
    assert!(verify(&files).is_whole());
}

#[test]
fn a_line_that_was_cut_short_is_a_torn_end_and_a_whole_one_without_its_newline_is_judged() {
    let (_root, files, text) = world(2);
    let last = text.trim_end();
    fs::write(files.audit_chain(), last.strip_suffix("\"}").unwrap()).unwrap();
    let found = verify(&files).first_break.unwrap();
    assert_eq!((found.kind, found.line), (BreakKind::TornTail, Some(2)));
    let (first, second) = last.split_once('\n').unwrap();
    let changed = second.replace("\"blocked\"", "\"filled\"");
    fs::write(files.audit_chain(), format!("{first}\n{changed}")).unwrap();
    let found = verify(&files).first_break.unwrap();
    assert_eq!((found.kind, found.line), (BreakKind::RecordHashMismatch, Some(2)));
}

#[test]
fn the_sealed_segments_are_gone_through_and_then_the_chain_that_goes_on() {
    let (_root, files, text) = world(3);
    let segment = |number: u8| files.live_folder().join(format!("audit_chain.000{number}.jsonl"));
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    fs::write(segment(1), lines[0]).unwrap();
    fs::write(segment(2), lines[1]).unwrap();
    fs::write(files.audit_chain(), lines[2]).unwrap();
    let report = verify(&files);
    assert_eq!(
        (report.records, report.files.len(), report.is_whole()),
        (3, 3, true)
    );
    fs::write(segment(2), lines[1].replace("\"blocked\"", "\"filled\"")).unwrap();
    let report = verify(&files);
    assert_eq!((report.records, report.files.len()), (1, 2));
    let found = report.first_break.unwrap();
    assert_eq!(
        (found.kind, found.file),
        (BreakKind::RecordHashMismatch, segment(2))
    );
}

#[test]
fn a_repeated_key_and_text_that_is_not_utf8_are_breaks() {
    let (_root, files, text) = world(1);
    fs::write(
        files.audit_chain(),
        text.replacen("\"outcome\"", "\"outcome\": \"filled\", \"outcome\"", 1),
    )
    .unwrap();
    assert_eq!(verify(&files).first_break.unwrap().kind, BreakKind::MalformedJson);
    fs::write(files.audit_chain(), [text.as_bytes(), b"\xff\n"].concat()).unwrap();
    let found = verify(&files).first_break.unwrap();
    assert_eq!((found.kind, found.line), (BreakKind::MalformedJson, Some(2)));
}

#[test]
fn what_cannot_be_read_is_not_whole() {
    let (_root, files, _) = world(1);
    fs::remove_file(files.audit_chain()).unwrap();
    fs::create_dir(files.audit_chain()).unwrap();
    assert!(!verify(&files).is_whole());
    assert_eq!(verify(&files).first_break.unwrap().kind, BreakKind::Unreadable);
    fs::remove_dir(files.audit_chain()).unwrap();
    std::os::unix::fs::symlink("nowhere", files.audit_chain()).unwrap();
    assert_eq!(verify(&files).first_break.unwrap().kind, BreakKind::Unreadable);
    fs::remove_file(files.audit_chain()).unwrap();
    std::os::unix::fs::symlink(files.audit_chain(), files.audit_chain()).unwrap();
    let looping = fs::metadata(files.audit_chain()).unwrap_err().to_string();
    let found = verify(&files).first_break.unwrap();
    assert!(found.to_string().contains(&looping), "{found}");
}

#[test]
fn a_record_that_is_being_written_is_waited_for() {
    let (_root, files, text) = world(2);
    let (written, coming) = text.split_at(text.len() - 40);
    fs::write(files.audit_chain(), written).unwrap();
    let writer = fs::File::options()
        .append(true)
        .open(files.audit_chain())
        .unwrap();
    fs2::FileExt::lock_exclusive(&writer).unwrap();
    let reader = std::thread::spawn(move || verify(&files));
    std::thread::sleep(Duration::from_millis(30));
    (&writer).write_all(coming.as_bytes()).unwrap();
    fs2::FileExt::unlock(&writer).unwrap();
    let report = reader.join().unwrap();
    assert_eq!((report.records, report.first_break), (2, None));
}

#[test]
fn records_longer_than_a_block_are_read_whole() {
    let (_root, files, _) = world(1);
    let ledger = Ledger::open(&files, Redactor::new(Vec::new()));
    let record = AuditRecord::new(
        clock::now(),
        "bybit",
        "s",
        AuditKind::Breach,
        AuditOutcome::Blocked,
    )
    .unwrap();
    for size in [BLOCK - 600, 2 * BLOCK] {
        ledger
            .append(&AuditRecord {
                error: Some("x ".repeat(size / 2)),
                ..record.clone()
            })
            .unwrap();
    }
    let report = verify(&files);
    assert_eq!((report.records, report.first_break), (3, None));
    assert_eq!(report.bytes, fs::metadata(files.audit_chain()).unwrap().len());
}

/// The damage is where the cores share the work: inside a part, at its borders, between blocks.
#[test]
fn damage_in_a_large_chain_is_named_as_exactly_as_in_a_small_one() {
    let (_root, files, _) = world(1);
    let mut lines = Vec::new();
    let mut last = Link::genesis();
    for seq in 1..=6_000 {
        let payload = json!({"n": seq, "pad": "x".repeat(700)});
        let hash = record_hash(seq, &last.hash, &payload);
        let mut line = payload;
        line["seq"] = seq.into();
        line["prev_record_hash"] = last.hash.into();
        line["record_hash"] = hash.clone().into();
        lines.push(format!("{line}\n"));
        last = Link { seq, hash };
    }
    let put = |lines: &[String]| fs::write(files.audit_chain(), lines.concat()).unwrap();
    put(&lines);
    assert!(lines.concat().len() > BLOCK + BLOCK / 4);
    let report = verify(&files);
    assert_eq!(
        (report.records, &report.last, &report.first_break),
        (6_000, &last, &None)
    );
    let last_of_first_block = lines
        .iter()
        .scan(0, |sum, line| {
            *sum += line.len();
            Some(*sum)
        })
        .filter(|sum| *sum <= BLOCK)
        .count();
    for at in [1, last_of_first_block - 1, last_of_first_block, 5_998] {
        let mut removed = lines.clone();
        removed.remove(at);
        put(&removed);
        let found = verify(&files).first_break.unwrap();
        assert_eq!(
            (found.kind, found.line, found.seq),
            (BreakKind::SeqGap, Some(at as u64 + 1), Some(at as u64 + 2))
        );
        let mut changed = lines.clone();
        changed[at] = changed[at].replace("xxx\"", "xyx\"");
        put(&changed);
        let report = verify(&files);
        let found = report.first_break.unwrap();
        assert_eq!(
            (found.kind, found.line, report.records),
            (BreakKind::RecordHashMismatch, Some(at as u64 + 1), at as u64)
        );
        assert_eq!(
            found.offset,
            lines[..at].iter().map(String::len).sum::<usize>() as u64
        );
    }
}
