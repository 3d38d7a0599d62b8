//! What lands in the two ledger files.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use super::*;
use crate::domain::secret::Secret;
use crate::state::audit_record::{AuditKind, AuditOutcome};
use crate::state::clock;
use crate::state::paths::{BrokerKey, RuntimeRoot};
use crate::state::verify::verify;

fn world() -> (tempfile::TempDir, LiveFiles, Ledger) {
    let folder = tempfile::tempdir().unwrap();
    let files = LiveFiles::new(
        &RuntimeRoot::at(folder.path().to_owned()),
        BrokerKey::parse("bybit").unwrap(),
    );
    let ledger = Ledger::open(&files, Redactor::new(vec![Secret::new("hunter2hunter2".into())]));
    (folder, files, ledger)
}

fn record() -> AuditRecord {
    AuditRecord::new(
        clock::now(),
        "bybit",
        "s-1",
        AuditKind::OrderSubmitted,
        AuditOutcome::Pending,
    )
    .unwrap()
}

#[test]
fn both_lines_are_the_contracts_byte_for_byte() {
    let vectors: Value =
        serde_json::from_str(include_str!("../../../tests/contract/audit_record.json")).unwrap();
    let line = vectors["line"].as_str().unwrap();
    let (_root, files, ledger) = world();
    let written = ledger.append(&serde_json::from_str(line).unwrap()).unwrap();
    assert_eq!(fs::read_to_string(files.audit()).unwrap(), format!("{line}\n"));
    let chain_line = vectors["chain_line"].as_str().unwrap();
    assert_eq!(
        fs::read_to_string(files.audit_chain()).unwrap(),
        format!("{chain_line}\n")
    );
    assert_eq!(
        serde_json::to_value(written).unwrap(),
        serde_json::from_str::<Value>(line).unwrap()
    );
}

#[test]
fn nothing_secret_reaches_a_file_or_the_caller() {
    let (_root, files, ledger) = world();
    let written = ledger
        .append(&AuditRecord {
            broker_request: json!({"api_key": "k-visible", "note": "hunter2hunter2", "X-BAPI-SIGN": "s-visible"}),
            broker_response: json!({"retMsg": "error sign! origin_string[1700000000000k-visible5000{}]"}),
            error: Some("token=t-visible".into()),
            ..record()
        })
        .unwrap();
    let texts = [
        fs::read_to_string(files.audit()).unwrap(),
        fs::read_to_string(files.audit_chain()).unwrap(),
        format!("{written:?}"),
    ];
    for text in texts {
        assert!(!text.contains("visible") && !text.contains("hunter2"), "{text}");
        assert!(text.contains("[redacted]"));
    }
    assert_eq!(written.broker_request["note"], json!("[redacted]"));
}

#[test]
fn floats_are_written_as_python_writes_them() {
    let (_root, files, ledger) = world();
    let broker_request = json!({"a": 1e-7, "b": 1e16, "c": 65000.5, "d": -0.0, "e": 5e-5});
    ledger
        .append(&AuditRecord {
            broker_request,
            ..record()
        })
        .unwrap();
    let text = fs::read_to_string(files.audit()).unwrap();
    assert!(
        text.contains("{\"a\": 1e-07, \"b\": 1e+16, \"c\": 65000.5, \"d\": -0.0, \"e\": 5e-05}"),
        "{text}"
    );
    assert!(verify(&files).is_whole());
}

#[test]
fn an_append_costs_two_fsyncs_and_one_more_when_files_are_made() {
    let (_root, files, ledger) = world();
    durable::create_folder(files.live_folder()).unwrap();
    let before = durable::fsyncs();
    ledger.append(&record()).unwrap();
    assert_eq!(durable::fsyncs() - before, 3);
    let before = durable::fsyncs();
    ledger.append(&record()).unwrap();
    assert_eq!(durable::fsyncs() - before, 2);
    let before = durable::fsyncs();
    ledger.check_writable().unwrap();
    assert_eq!(durable::fsyncs() - before, 0);
    for path in [files.audit(), files.audit_chain()] {
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn a_line_that_another_writer_left_open_is_closed_first() {
    let (_root, files, ledger) = world();
    ledger.check_writable().unwrap();
    fs::write(files.audit(), "{\"whole\": 1}\n{\"torn\": ").unwrap();
    ledger.append(&record()).unwrap();
    let text = fs::read_to_string(files.audit()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[..2], ["{\"whole\": 1}", "{\"torn\": "]);
    assert!(serde_json::from_str::<AuditRecord>(lines[2]).is_ok());
    assert_eq!(lines.len(), 3);
}

#[test]
fn a_broken_chain_refuses_and_the_plain_ledger_still_says_what_was_tried() {
    let (_root, files, ledger) = world();
    ledger.append(&record()).unwrap();
    fs::write(files.audit_chain(), "garbage\n").unwrap();
    let error = ledger.append(&record()).unwrap_err();
    assert!(error.to_string().contains("malformed_json"), "{error}");
    assert_eq!(fs::read_to_string(files.audit()).unwrap().lines().count(), 2);
}

#[test]
fn a_ledger_that_cannot_be_written_to_is_an_error() {
    let (_root, files, ledger) = world();
    fs::create_dir_all(files.audit()).unwrap();
    assert!(matches!(
        ledger.check_writable(),
        Err(LedgerError::Unusable { .. })
    ));
    assert!(matches!(
        ledger.append(&record()),
        Err(LedgerError::Unusable { .. })
    ));
    fs::remove_dir(files.audit()).unwrap();
    fs::remove_file(files.audit_chain()).unwrap();
    fs::create_dir(files.audit_chain()).unwrap();
    assert!(matches!(
        ledger.check_writable(),
        Err(LedgerError::Unusable { .. })
    ));
    assert!(matches!(
        ledger.append(&record()),
        Err(LedgerError::Unusable { .. })
    ));
}

#[test]
fn many_writers_at_once_keep_both_files_whole() {
    let (_root, files, ledger) = world();
    let writers: Vec<_> = (0..8)
        .map(|writer| {
            let ledger = ledger.clone();
            std::thread::spawn(move || {
                for _ in 0..25 {
                    let note = format!("{writer}").repeat(3_000);
                    ledger
                        .append(&AuditRecord {
                            intent_normalized: Some(note),
                            ..record()
                        })
                        .unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.join().unwrap();
    }
    let report = verify(&files);
    assert_eq!((report.records, report.first_break), (200, None));
    let text = fs::read_to_string(files.audit()).unwrap();
    assert_eq!(text.lines().count(), 200);
    assert!(
        text.lines()
            .all(|line| serde_json::from_str::<AuditRecord>(line).is_ok())
    );
}

#[test]
fn a_check_that_makes_one_of_the_files_syncs_their_folder() {
    let (_root, files, ledger) = world();
    ledger.check_writable().unwrap();
    let cost = || {
        let before = durable::fsyncs();
        ledger.check_writable().unwrap();
        durable::fsyncs() - before
    };
    assert_eq!(cost(), 0);
    fs::remove_file(files.audit()).unwrap();
    assert_eq!(cost(), 1);
    fs::remove_file(files.audit_chain()).unwrap();
    assert_eq!(cost(), 1);
}

#[test]
fn a_disk_is_full_before_its_last_byte_is() {
    assert!(has_room(MIN_FREE_BYTES));
    assert!(!has_room(MIN_FREE_BYTES - 1));
}

/// An order's id is how its records are found, so one that would be masked is none; the ids that callers make are.
#[test]
fn an_id_that_would_be_masked_is_told_from_those_that_callers_make() {
    let (_root, _, ledger) = world();
    for id in [
        "mine-1",
        "550e8400-e29b-41d4-a716-446655440000",
        "550e8400e29b41d4a716446655440000",
        "bot_20260615_093000_BTCUSDT_buy_01",
        "1781524800123",
        "x8Kq2ZpL0vRt5WmN3bYc7DfG1hJs4AeU",
        "01JAZ3N7Q8R5T2V4W6X9YB1CDE",
        "entry-long-eth-2026-06-15T09-30-00Z",
    ] {
        assert!(!ledger.would_mask(id), "{id}");
    }
    for id in ["sk-breakout-btcusdt-20260615-0001", "a-hunter2hunter2-1"] {
        assert!(ledger.would_mask(id), "{id}");
    }
}
