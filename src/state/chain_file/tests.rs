//! What the end of a chain file may look like.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::state::audit_record::{AuditKind, AuditOutcome, AuditRecord};
use crate::state::chain::record_hash;
use crate::state::clock;
use crate::state::ledger::Ledger;
use crate::state::paths::{BrokerKey, RuntimeRoot};
use crate::state::redact::Redactor;
use crate::state::verify::verify;

fn world() -> (tempfile::TempDir, LiveFiles) {
    let folder = tempfile::tempdir().unwrap();
    let files = LiveFiles::new(
        &RuntimeRoot::at(folder.path().to_owned()),
        BrokerKey::parse("bybit").unwrap(),
    );
    durable::create_folder(files.live_folder()).unwrap();
    (folder, files)
}

fn append(files: &LiveFiles) -> Result<AuditRecord, LedgerError> {
    let record = AuditRecord::new(
        clock::now(),
        "bybit",
        "s",
        AuditKind::Breach,
        AuditOutcome::Blocked,
    )
    .unwrap();
    Ledger::open(files, Redactor::new(Vec::new())).append(&record)
}

fn chain_text(files: &LiveFiles) -> String {
    fs::read_to_string(files.audit_chain()).unwrap()
}

fn broken(files: &LiveFiles) -> ChainBreak {
    match append(files) {
        Err(LedgerError::Broken(found)) => *found,
        other => panic!("{other:?}"),
    }
}

/// A chained line made by hand.
fn line(seq: u64, prev: &str) -> (String, String) {
    let payload = json!({"n": seq, "pad": "x".repeat(600)});
    let hash = record_hash(seq, prev, &payload);
    let text = format!(
        "{{\"n\": {seq}, \"pad\": \"{}\", \"seq\": {seq}, \"prev_record_hash\": \"{prev}\", \"record_hash\": \"{hash}\"}}\n",
        "x".repeat(600)
    );
    (text, hash)
}

#[test]
fn a_torn_last_record_is_cut() {
    for keep in [1, 40, 300] {
        let (_root, files) = world();
        append(&files).unwrap();
        append(&files).unwrap();
        let text = chain_text(&files);
        let second = text.find('\n').unwrap() + 1;
        fs::write(files.audit_chain(), &text.as_bytes()[..second + keep]).unwrap();
        assert_eq!(verify(&files).first_break.unwrap().kind, BreakKind::TornTail);
        append(&files).unwrap();
        let report = verify(&files);
        assert!(report.is_whole(), "{report:?}");
        assert_eq!(report.records, 2);
    }
}

#[test]
fn a_chain_that_ends_at_the_last_number_is_broken_and_no_panic() {
    let (_root, files) = world();
    let (before, hash) = line(u64::MAX - 1, "sha256:made-up");
    let (last, last_hash) = line(u64::MAX, &hash);
    fs::write(files.audit_chain(), [before, last.clone()].concat()).unwrap();
    assert_eq!(broken(&files).kind, BreakKind::SeqGap);
    let (more, _) = line(0, &last_hash);
    fs::write(files.audit_chain(), [last, more].concat()).unwrap();
    assert_eq!(broken(&files).kind, BreakKind::SeqGap);
}

#[test]
fn a_torn_first_record_is_cut_too() {
    let (_root, files) = world();
    fs::write(files.audit_chain(), "{\"audit_id\": \"la").unwrap();
    append(&files).unwrap();
    assert_eq!((verify(&files).records, verify(&files).is_whole()), (1, true));
}

#[test]
fn a_whole_record_without_its_newline_is_kept() {
    let (_root, files) = world();
    append(&files).unwrap();
    append(&files).unwrap();
    let text = chain_text(&files);
    fs::write(files.audit_chain(), text.trim_end()).unwrap();
    append(&files).unwrap();
    let report = verify(&files);
    assert_eq!((report.records, report.first_break), (3, None));
    assert!(chain_text(&files).starts_with(&text));
}

#[test]
fn any_other_break_at_the_end_refuses_and_names_the_record() {
    let (_root, files) = world();
    for _ in 0..3 {
        append(&files).unwrap();
    }
    let whole = chain_text(&files);
    let lines: Vec<&str> = whole.split_inclusive('\n').collect();
    let cases = [
        (
            whole.replace("\"seq\": 3", "\"seq\": 4"),
            BreakKind::RecordHashMismatch,
            Some(4),
        ),
        (
            [lines[0], lines[1], &lines[2].replace("blocked", "filled")].concat(),
            BreakKind::RecordHashMismatch,
            Some(3),
        ),
        (
            [lines[0], &lines[1].replace("blocked", "filled"), lines[2]].concat(),
            BreakKind::RecordHashMismatch,
            Some(2),
        ),
        ([lines[0], lines[2]].concat(), BreakKind::SeqGap, Some(3)),
        (
            [lines[0], lines[2], lines[1]].concat(),
            BreakKind::SeqGap,
            Some(2),
        ),
        ([&whole, "garbage\n"].concat(), BreakKind::MalformedJson, None),
        ([&whole, "{}\n"].concat(), BreakKind::MissingChainFields, None),
        (
            [
                lines[0],
                lines[1],
                lines[2].replace("blocked", "filled").trim_end(),
            ]
            .concat(),
            BreakKind::RecordHashMismatch,
            Some(3),
        ),
    ];
    for (text, kind, seq) in cases {
        fs::write(files.audit_chain(), &text).unwrap();
        let found = broken(&files);
        assert_eq!((found.kind, found.seq), (kind, seq), "{found}");
        assert_eq!(chain_text(&files), text, "a broken chain was written to");
        let ledger = Ledger::open(&files, Redactor::new(Vec::new()));
        assert!(matches!(ledger.check_writable(), Err(LedgerError::Broken(_))));
    }
}

#[test]
fn a_chain_goes_on_from_its_newest_sealed_segment() {
    let (_root, files) = world();
    append(&files).unwrap();
    append(&files).unwrap();
    fs::rename(
        files.audit_chain(),
        files.live_folder().join("audit_chain.0001.jsonl"),
    )
    .unwrap();
    append(&files).unwrap();
    fs::rename(
        files.audit_chain(),
        files.live_folder().join("audit_chain.0002.jsonl"),
    )
    .unwrap();
    fs::write(files.audit_chain(), "").unwrap();
    append(&files).unwrap();
    let report = verify(&files);
    assert_eq!((report.records, report.last.seq, report.files.len()), (4, 4, 3));
    assert!(report.is_whole());
    fs::remove_file(files.live_folder().join("audit_chain.0002.jsonl")).unwrap();
    let found = verify(&files).first_break.unwrap();
    assert_eq!(
        (found.file, found.line, found.seq),
        (files.audit_chain(), Some(1), Some(4))
    );
}

#[test]
fn a_first_record_that_joins_nothing_refuses() {
    let (_root, files) = world();
    let sealed = files.live_folder().join("audit_chain.0001.jsonl");
    append(&files).unwrap();
    fs::rename(files.audit_chain(), &sealed).unwrap();
    append(&files).unwrap();
    fs::remove_file(&sealed).unwrap();
    let found = broken(&files);
    assert_eq!((found.kind, found.seq), (BreakKind::SeqGap, Some(2)));
    fs::write(&sealed, line(1, "sha256:genesis").0).unwrap();
    let found = broken(&files);
    assert_eq!((found.kind, found.seq), (BreakKind::PrevHashMismatch, Some(2)));
}

#[test]
fn a_sealed_segment_that_does_not_end_whole_refuses() {
    for text in ["", "{\"n\":", "\n"] {
        let (_root, files) = world();
        let sealed = files.live_folder().join("audit_chain.0001.jsonl");
        fs::write(&sealed, text).unwrap();
        let found = broken(&files);
        assert_eq!(
            (found.file, found.kind),
            (sealed, BreakKind::TornTail),
            "{text:?}"
        );
    }
}

#[test]
fn a_sealed_segment_that_ends_in_half_a_record_refuses_too() {
    let (_root, files) = world();
    let sealed = files.live_folder().join("audit_chain.0001.jsonl");
    let whole = line(1, "sha256:genesis").0;
    fs::write(&sealed, format!("{whole}{{\"n\":")).unwrap();
    let found = broken(&files);
    assert_eq!((found.file, found.kind), (sealed, BreakKind::TornTail));
    assert_eq!(found.offset, whole.len() as u64);
}

#[test]
fn an_append_to_a_large_file_reads_its_end_only() {
    let (_root, files) = world();
    let mut text = String::new();
    let mut last = Link::genesis();
    for seq in 1..=20_000 {
        let (line, hash) = line(seq, &last.hash);
        text.push_str(&line);
        last = Link { seq, hash };
    }
    assert!(text.len() > 15_000_000);
    fs::write(files.audit_chain(), &text).unwrap();
    let file = File::open(files.audit_chain()).unwrap();
    let tail = read_tail(&file, &files.audit_chain(), text.len() as u64).unwrap();
    assert_eq!((tail.last, tail.bytes_read), (Some(last), 8 << 10));
    append(&files).unwrap();
    assert_eq!(verify(&files).records, 20_001);
}

#[test]
fn a_lock_held_by_another_writer_is_waited_for() {
    let (_root, files) = world();
    append(&files).unwrap();
    let other = File::open(files.audit_chain()).unwrap();
    FileExt::lock_exclusive(&other).unwrap();
    let waiting = {
        let files = files.clone();
        std::thread::spawn(move || append(&files))
    };
    std::thread::sleep(Duration::from_millis(50));
    assert!(!waiting.is_finished());
    FileExt::unlock(&other).unwrap();
    waiting.join().unwrap().unwrap();
    assert_eq!(verify(&files).records, 2);
}

#[test]
fn a_file_that_was_renamed_is_not_the_one_that_its_path_names() {
    let (root, files) = world();
    let path = files.audit_chain();
    let (file, created) = durable::open_append(&path).unwrap();
    assert!(created && still_named(&file, &path));
    fs::rename(&path, root.path().join("elsewhere")).unwrap();
    assert!(!still_named(&file, &path));
    fs::write(&path, "").unwrap();
    assert!(!still_named(&file, &path));
}

#[test]
fn an_append_that_makes_the_chain_syncs_its_folder_and_no_other_one_does() {
    let (_root, files) = world();
    append(&files).unwrap();
    let cost = || {
        let before = durable::fsyncs();
        append(&files).unwrap();
        durable::fsyncs() - before
    };
    assert_eq!(cost(), 2);
    let sealed = files.live_folder().join("audit_chain.0001.jsonl");
    fs::rename(files.audit_chain(), sealed).unwrap();
    assert_eq!((cost(), cost()), (3, 2));
}

#[test]
fn a_disk_that_takes_nothing_is_an_error_at_once() {
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let _ = sender.send(write_once(&mut full, b"line\n").map_err(|error| error.kind()));
    });
    assert_eq!(
        receiver.recv_timeout(Duration::from_secs(10)),
        Ok(Err(io::ErrorKind::StorageFull))
    );
}

/// Takes half of what it is given, at the second try.
struct Half {
    tries: usize,
}

impl Write for Half {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.tries += 1;
        match self.tries {
            1 => Err(io::ErrorKind::Interrupted.into()),
            _ => Ok(bytes.len() / 2),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn half_a_write_is_an_error_and_an_interrupted_one_is_tried_again() {
    let mut half = Half { tries: 0 };
    let error = write_once(&mut half, b"line\n").unwrap_err();
    assert_eq!((error.kind(), half.tries), (io::ErrorKind::WriteZero, 2));
}

/// A form feed is blank to whoever strips a line, and not to JSON.
#[test]
fn a_record_does_not_stand_behind_what_is_blank_on_its_line() {
    for records in 0..3 {
        for blank in [
            "\x0c", " \x0c ", "\n\x0c", "\x0c\n", "\t", "\x0b", "\x0b\n", "\u{a0}\n",
        ] {
            let (_root, files) = world();
            for _ in 0..records {
                append(&files).unwrap();
            }
            let before = fs::read(files.audit_chain()).unwrap_or_default();
            fs::write(files.audit_chain(), [&before[..], blank.as_bytes()].concat()).unwrap();
            append(&files).unwrap();
            append(&files).unwrap();
            let found = verify(&files);
            assert_eq!(
                (found.records, found.first_break),
                (records + 2, None),
                "{records} {blank:?}"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_at_the_end_are_refused_or_cut_and_never_a_panic(
        bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'\n'), Just(b'{'), Just(b'"'), Just(b' ')], 0..200),
        records in 0_usize..3,
    ) {
        let (_root, files) = world();
        for _ in 0..records {
            append(&files).unwrap();
        }
        let before = fs::read(files.audit_chain()).unwrap_or_default();
        fs::write(files.audit_chain(), [before, bytes].concat()).unwrap();
        let whole_or_torn = match verify(&files).first_break {
            None => true,
            Some(found) => found.kind == BreakKind::TornTail,
        };
        let appended = append(&files);
        prop_assert_eq!(appended.is_ok(), whole_or_torn, "{:?}", appended);
        if whole_or_torn {
            prop_assert_eq!(verify(&files).records, records as u64 + 1);
        }
    }
}

#[test]
fn a_hand_made_line_is_what_the_writer_would_write() {
    let (text, hash) = line(1, "sha256:genesis");
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["record_hash"], Value::from(hash));
    assert!(
        checked(&text, |record| record
            .follows(&Link::genesis(), &mut String::new()))
        .is_ok()
    );
}
