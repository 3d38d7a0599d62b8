//! What is in one ledger and not in the other is named; what may be so is not.

use std::fs::{self, File};
use std::io::Write;
use std::time::SystemTime;

use chrono::DateTime;

use super::*;
use crate::state::audit_record::{AuditKind, AuditOutcome, AuditRecord};
use crate::state::clock;
use crate::state::ledger::Ledger;
use crate::state::mend;
use crate::state::paths::{BrokerKey, RuntimeRoot};
use crate::state::redact::Redactor;
use crate::state::verify::verify;

mod looks;

fn order(files: &LiveFiles) -> String {
    let (kind, outcome) = (AuditKind::OrderSubmitted, AuditOutcome::Pending);
    let record = AuditRecord::new(clock::now(), "bybit", "paper:1", kind, outcome).unwrap();
    let ledger = Ledger::open(files, Redactor::new(Vec::new()));
    ledger.append(&record).unwrap().audit_id
}

/// Both ledgers with that many records, and the audit ids of those.
fn world(records: usize) -> (tempfile::TempDir, LiveFiles, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let files = LiveFiles::new(
        &RuntimeRoot::at(folder.path().to_owned()),
        BrokerKey::parse("bybit").unwrap(),
    );
    let ids = (0..records).map(|_| order(&files)).collect();
    (folder, files, ids)
}

fn keep_lines(path: &Path, keep: impl Fn(usize) -> bool) {
    let text = fs::read_to_string(path).unwrap();
    let kept = text.split_inclusive('\n').enumerate();
    let kept: String = kept.filter(|(at, _)| keep(*at)).map(|(_, line)| line).collect();
    fs::write(path, kept).unwrap();
}

fn add(path: &Path, text: &str) {
    let mut file = fs::File::options().append(true).create(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// A record as Vibe-Trading writes it.
fn theirs(number: u32) -> String {
    format!(
        "{{\"audit_id\": \"la_{number:012x}4{number:03x}8000000000000000\", \"kind\": \"breach\", \"outcome\": \"blocked\"}}\n"
    )
}

fn lacking(count: u64, file: PathBuf, line: u64, audit_id: &str) -> Option<Lacking> {
    Some(Lacking {
        count,
        file,
        line,
        audit_id: audit_id.to_owned(),
    })
}

#[test]
fn no_ledgers_and_equal_ones_are_not_apart() {
    for records in [0, 3] {
        let (_root, files, _) = world(records);
        assert_eq!(apart(&files), Apart::default());
    }
}

#[test]
fn a_chain_that_lost_its_end_is_whole_and_the_missing_record_is_named() {
    let (_root, files, ids) = world(4);
    keep_lines(&files.audit_chain(), |at| at < 2);
    assert!(verify(&files).is_whole());
    let found = apart(&files);
    assert_eq!(found.unchained, lacking(2, files.audit(), 3, &ids[2]));
    assert!(!found.is_none() && found.unlisted.is_none());
    let said = found.to_string();
    assert!(
        said.starts_with("2 records of `") && said.contains("not in the chain, from line 3 on"),
        "{said}"
    );
}

#[test]
fn a_chain_that_was_emptied_or_deleted_is_named_also_once_it_grew_anew() {
    let (_root, files, ids) = world(3);
    fs::write(files.audit_chain(), "").unwrap();
    assert_eq!(apart(&files).unchained, lacking(3, files.audit(), 1, &ids[0]));
    fs::remove_file(files.audit_chain()).unwrap();
    assert_eq!(apart(&files).unchained, lacking(3, files.audit(), 1, &ids[0]));
    order(&files);
    assert!(verify(&files).is_whole());
    assert_eq!(apart(&files).unchained, lacking(3, files.audit(), 1, &ids[0]));
}

#[test]
fn a_line_that_was_taken_out_of_the_plain_ledger_is_named_by_its_twin() {
    let (_root, files, ids) = world(4);
    keep_lines(&files.audit(), |at| at != 1);
    assert_eq!(
        apart(&files).unlisted,
        lacking(1, files.audit_chain(), 2, &ids[1])
    );
    fs::write(files.audit(), "").unwrap();
    assert_eq!(
        apart(&files).unlisted,
        lacking(4, files.audit_chain(), 1, &ids[0])
    );
    fs::remove_file(files.audit()).unwrap();
    fs::create_dir(files.audit()).unwrap();
    let found = apart(&files);
    assert!(
        !found.is_none() && found.to_string().contains("cannot be read"),
        "{found}"
    );
}

#[test]
fn records_in_another_order_and_half_lines_are_no_difference() {
    let (_root, files, _) = world(4);
    let text = fs::read_to_string(files.audit()).unwrap();
    let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
    lines.swap(0, 2);
    let torn = lines[1].split_at(90).0;
    fs::write(files.audit(), format!("{}{torn}\n\n{torn}", lines.concat())).unwrap();
    assert_eq!(apart(&files), Apart::default());
}

#[test]
fn what_vibe_trading_wrote_before_it_had_a_chain_is_no_fault_and_what_it_left_out_later_is() {
    let (_root, files, _) = world(0);
    fs::create_dir_all(files.live_folder()).unwrap();
    add(&files.audit(), &[theirs(1), theirs(2)].concat());
    let found = apart(&files);
    assert_eq!((found.is_none(), found.before_chain), (true, 2));
    order(&files);
    let found = apart(&files);
    assert_eq!((found.is_none(), found.before_chain), (true, 2));
    add(&files.audit(), &theirs(3));
    let found = apart(&files);
    assert_eq!(
        (found.unchained.map(|found| found.line), found.before_chain),
        (Some(4), 2)
    );
}

#[test]
fn a_chain_that_a_person_put_aside_is_not_missed() {
    let (_root, files, _) = world(2);
    let aside = files.live_folder().join("chain-aside");
    fs::create_dir(&aside).unwrap();
    fs::rename(files.audit_chain(), aside.join("audit_chain.jsonl")).unwrap();
    made_at(&aside, 1);
    assert_eq!((apart(&files).is_none(), apart(&files).before_chain), (true, 2));
    order(&files);
    assert_eq!((apart(&files).is_none(), apart(&files).before_chain), (true, 2));
    order(&files);
    keep_lines(&files.audit_chain(), |at| at < 1);
    assert_eq!(apart(&files).unchained.map(|found| found.line), Some(4));
}

#[test]
fn a_chain_in_sealed_segments_is_one_chain() {
    let (_root, files, ids) = world(2);
    let sealed = files.live_folder().join("audit_chain.0001.jsonl");
    fs::rename(files.audit_chain(), &sealed).unwrap();
    assert_eq!(apart(&files), Apart::default());
    order(&files);
    assert_eq!(apart(&files), Apart::default());
    // An `audit.jsonl` that was begun anew: the chain has what was in the old one.
    keep_lines(&files.audit(), |at| at == 2);
    assert_eq!((apart(&files).is_none(), apart(&files).before_audit), (true, 2));
    add(
        &files.audit(),
        &fs::read_to_string(&sealed)
            .unwrap()
            .split_inclusive('\n')
            .next()
            .unwrap()
            .replace(&ids[0], "la_other"),
    );
    assert_eq!(apart(&files).unchained, lacking(1, files.audit(), 2, "la_other"));
}

#[test]
fn a_record_that_is_on_its_way_to_the_chain_is_waited_for() {
    let (_root, files, _) = world(3);
    let chain = fs::read_to_string(files.audit_chain()).unwrap();
    let last = chain.split_inclusive('\n').next_back().unwrap();
    keep_lines(&files.audit_chain(), |at| at < 2);
    let look = {
        let files = files.clone();
        thread::spawn(move || apart(&files))
    };
    // As Vibe-Trading does it: the plain line without a lock, the chain's somewhat later.
    thread::sleep(Duration::from_millis(100));
    add(&files.audit_chain(), last);
    assert_eq!(look.join().unwrap(), Apart::default());
}

#[test]
fn nothing_is_missed_while_two_writers_append() {
    let (_root, files, _) = world(1);
    let writers: Vec<_> = (0..2)
        .map(|_| {
            let files = files.clone();
            thread::spawn(move || (0..30).for_each(|_| drop(order(&files))))
        })
        .collect();
    while writers.iter().any(|writer| !writer.is_finished()) {
        assert_eq!(apart(&files), Apart::default());
    }
}

/// A record of our own that says it was written then, in milliseconds of the epoch; where the chain takes none, it is
/// on the plain ledger alone.
fn order_at(files: &LiveFiles, millis: i64) -> serde_json::Value {
    let (kind, outcome) = (AuditKind::OrderSubmitted, AuditOutcome::Pending);
    let at = DateTime::from_timestamp_millis(millis).unwrap();
    let record = AuditRecord::new(at, "bybit", "paper:1", kind, outcome).unwrap();
    let _ = Ledger::open(files, Redactor::new(Vec::new())).append(&record);
    serde_json::to_value(record).unwrap()
}

/// As the README says it, at that time.
fn put_aside(files: &LiveFiles, name: &str, millis: u64) {
    let aside = files.live_folder().join(name);
    fs::create_dir_all(&aside).unwrap();
    fs::rename(files.audit_chain(), aside.join("audit_chain.jsonl")).unwrap();
    made_at(&aside, millis);
}

fn made_at(aside: &Path, millis: u64) {
    let at = SystemTime::UNIX_EPOCH + Duration::from_millis(millis);
    File::open(aside).unwrap().set_modified(at).unwrap();
}

/// Which records are missing from the chain, how many and from which line on, and how many are older than it.
fn missing(files: &LiveFiles) -> (Option<(u64, u64)>, u64) {
    let found = apart(files);
    assert_eq!((&found.unlisted, &found.unreadable), (&None, &None));
    let unchained = found.unchained.map(|found| (found.count, found.line));
    (unchained, found.before_chain)
}

#[test]
fn an_order_in_flight_that_is_chained_again_makes_nothing_before_it_missing() {
    let (_root, files, _) = world(0);
    let mut written: Vec<_> = (1..=7).map(|at| order_at(&files, at)).collect();
    let chain = fs::read_to_string(files.audit_chain()).unwrap();
    fs::write(files.audit_chain(), chain.trim_end().trim_end_matches('}')).unwrap();
    add(&files.audit_chain(), "\n");
    // Refused, each: on the plain ledger alone.
    written.extend((8..=9).map(|at| order_at(&files, at)));
    assert_eq!(verify(&files).records, 6);
    put_aside(&files, "chain-aside", 9);
    assert_eq!(missing(&files), (None, 9));
    assert_eq!(mend::chain_missing(&files, &written[5..7]).unwrap(), 2);
    assert_eq!(missing(&files), (None, 7));
    order_at(&files, 10);
    order_at(&files, 11);
    assert!(verify(&files).is_whole());
    assert_eq!(missing(&files), (None, 7));
    keep_lines(&files.audit_chain(), |at| at < 3);
    assert_eq!(missing(&files), (Some((1, 11)), 7));
    keep_lines(&files.audit_chain(), |at| at < 2);
    assert_eq!(missing(&files), (Some((2, 10)), 7));
}

#[test]
fn a_chain_after_one_put_aside_that_was_emptied_or_deleted_is_named_also_once_it_grew_anew() {
    let (_root, files, _) = world(0);
    (1..=2).for_each(|at| drop(order_at(&files, at)));
    put_aside(&files, "chain-aside", 2);
    (3..=4).for_each(|at| drop(order_at(&files, at)));
    assert_eq!(missing(&files), (None, 2));
    fs::write(files.audit_chain(), "").unwrap();
    assert_eq!(missing(&files), (Some((2, 3)), 2));
    fs::remove_file(files.audit_chain()).unwrap();
    assert_eq!(missing(&files), (Some((2, 3)), 2));
    order_at(&files, 5);
    assert!(verify(&files).is_whole());
    assert_eq!(missing(&files), (Some((2, 3)), 2));
    // Of several, the one that was put aside last tells what is older.
    fs::write(files.audit_chain(), "").unwrap();
    put_aside(&files, "chain-aside-2", 5);
    assert_eq!(missing(&files), (None, 5));
}

#[test]
fn what_a_chain_put_aside_holds_is_older_whatever_the_clocks_say() {
    let (_root, files, _) = world(0);
    (11..=12).for_each(|at| drop(order_at(&files, at)));
    // Left out of the old chain, before its last record and after it.
    let unchained = || {
        add(
            &files.audit(),
            &theirs(1).replace("}", ", \"ts\": \"1970-01-01T00:00:01Z\"}"),
        )
    };
    unchained();
    order_at(&files, 13);
    add(&files.audit(), &theirs(2));
    put_aside(&files, "chain-aside", 10);
    assert_eq!(missing(&files), (Some((1, 5)), 4));
    order_at(&files, 14);
    assert_eq!(missing(&files), (Some((1, 5)), 4));
}

#[test]
fn what_says_it_is_old_behind_the_first_record_of_the_new_chain_is_named() {
    let (_root, files, _) = world(0);
    order_at(&files, 1);
    put_aside(&files, "chain-aside", 5);
    order_at(&files, 6);
    order_at(&files, 7);
    assert_eq!(missing(&files), (None, 1));
    let old = theirs(1).replace('}', ", \"ts\": \"1970-01-01T00:00:00.002+00:00\"}");
    add(&files.audit(), &old);
    assert_eq!(missing(&files), (Some((1, 4)), 1));
    // Neither the last of the new chain nor one whose twin comes late is its first.
    let text = fs::read_to_string(files.audit_chain()).unwrap();
    let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
    lines.swap(0, 1);
    fs::write(files.audit_chain(), lines.concat()).unwrap();
    assert_eq!(missing(&files), (Some((1, 4)), 1));
}

/// Writes both ledgers, as it takes no hashes to hold them against each other: of numbers from 90 on Vibe-Trading's
/// records, else ours, each of as many milliseconds of the epoch.
fn hold(files: &LiveFiles, plain: &[u32], chain: &[u32]) -> (Option<(u64, u64)>, u64) {
    let line = |number: &u32| match number {
        90.. => theirs(*number),
        _ => {
            let ts = format!("1970-01-01T00:00:00.{number:03}+00:00");
            format!("{{\"audit_id\": \"la_{number}\", \"ts\": \"{ts}\"}}\n")
        }
    };
    let text = |numbers: &[u32]| numbers.iter().map(line).collect::<String>();
    fs::create_dir_all(files.live_folder()).unwrap();
    fs::write(files.audit(), text(plain)).unwrap();
    fs::write(files.audit_chain(), text(chain)).unwrap();
    missing(files)
}

#[test]
fn a_record_of_vibe_trading_that_is_in_both_is_the_first_of_the_chain_in_whatever_order_it_is_met() {
    let (_root, files, _) = world(0);
    assert_eq!(hold(&files, &[91, 92], &[91]), (Some((1, 2)), 0));
    assert_eq!(hold(&files, &[90, 91, 92], &[91]), (Some((1, 3)), 1));
    assert_eq!(hold(&files, &[91, 92], &[1, 91]), (Some((1, 2)), 0));
}

#[test]
fn a_record_that_was_chained_again_is_not_the_first_of_the_new_chain_in_whatever_order_it_is_met() {
    let (_root, files, _) = world(1);
    put_aside(&files, "chain-aside", 4);
    assert_eq!(hold(&files, &[1, 2, 5], &[1, 5]), (None, 1));
    assert_eq!(hold(&files, &[1, 2, 3, 5], &[2, 5]), (None, 2));
    assert_eq!(hold(&files, &[1, 2, 5], &[5, 1]), (None, 1));
    assert_eq!(hold(&files, &[1, 2, 5, 3], &[1, 5]), (Some((1, 4)), 1));
    assert_eq!(hold(&files, &[1, 5, 3], &[1, 5]), (Some((1, 3)), 0));
    // The new one's first is that of `audit.jsonl`, whichever stands first in the chain.
    assert_eq!(hold(&files, &[5, 3, 6], &[6, 5]), (Some((1, 2)), 0));
}

#[test]
fn a_writer_is_waited_for_but_not_for_ever() {
    let (_folder, files, _ids) = world(1);
    let chain = files.audit_chain();
    let (soon, late) = (Duration::from_millis(20), Duration::from_secs(60));
    assert!(wait_for_writer(&chain, soon));
    assert!(wait_for_writer(&chain.with_extension("none"), soon));

    let writer = File::open(&chain).unwrap();
    FileExt::try_lock_exclusive(&writer).unwrap();
    let began = Instant::now();
    assert!(!wait_for_writer(&chain, soon));
    assert!(began.elapsed() >= soon);
    let leaves = thread::spawn(move || {
        thread::sleep(soon);
        drop(writer);
    });
    assert!(wait_for_writer(&chain, late));
    leaves.join().unwrap();
}
