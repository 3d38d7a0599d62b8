//! What stands: kill switch, counter, policy, ledgers, orders in flight.

use std::io;
use std::path::PathBuf;

use serde_json::Value;

use super::super::finding::Severity::{self, Green, Red, Yellow};
use super::*;
use crate::state::chain::Link;
use crate::state::halt::Sentinel;
use crate::state::inflight::InflightState;
use crate::state::verify::Lacking;

fn said(finding: &Finding) -> (&'static str, Severity) {
    (finding.id, finding.severity)
}

fn sentinel(scope: HaltScope) -> Sentinel {
    Sentinel {
        path: PathBuf::from("/r/live/HALT"),
        scope,
        tripped_at: Some("2026-06-15T12:00:00Z".into()),
        by: Some("cli".into()),
        reason: Some("drill".into()),
        episode: "2026-06-15T12:00:00Z".into(),
        also: None,
        at: None,
        doubt: None,
    }
}

#[test]
fn a_halt_is_red_and_says_who_and_how_to_clear_it() {
    assert_eq!(said(&judge_halt(&HaltState::Clear)), ("halt.clear", Green));
    let both = HaltState::Tripped(vec![sentinel(HaltScope::Global), sentinel(HaltScope::Broker)]);
    let finding = judge_halt(&both);
    assert_eq!(said(&finding), ("halt.tripped", Red));
    assert!(finding.what.contains("by cli, reason drill"), "{}", finding.what);
    let advice = finding.advice.unwrap();
    assert!(
        advice.contains("mandated resume and mandated resume --broker"),
        "{advice}"
    );
}

#[test]
fn the_count_is_held_against_the_cap() {
    let judged = |count, cap| said(&judge_count(&count, "2026-06-15", cap));
    assert_eq!(judged(Ok(6), Some(7)), ("counter.count", Green));
    assert_eq!(judged(Ok(7), Some(7)), ("counter.full", Yellow));
    assert_eq!(judged(Ok(7), None), ("counter.count", Green));
    let broken = CounterError::Malformed {
        path: PathBuf::from("/c"),
        what: "there is no object",
    };
    assert_eq!(judged(Err(broken), Some(7)), ("counter.unreadable", Red));
}

#[test]
fn a_policy_is_absent_understood_or_red() {
    assert_eq!(said(&judge_policy(&None)), ("policy.none", Green));
    let accepts = Policy::parse("accepted_findings = [\"key.transfer\"]");
    let finding = judge_policy(&Some(accepts));
    assert_eq!(said(&finding), ("policy.understood", Green));
    assert!(finding.what.ends_with("accepts key.transfer"));
    let wrong = Policy::parse("max_orders = 1");
    assert_eq!(said(&judge_policy(&Some(wrong))), ("policy.invalid", Red));
}

#[test]
fn a_torn_end_is_yellow_and_any_other_break_red() {
    let report = |first_break: Option<BreakKind>| VerifyReport {
        files: Vec::new(),
        records: 3,
        bytes: 900,
        last: Link::genesis(),
        first_break: first_break.map(|kind| ChainBreak {
            file: PathBuf::from("/chain"),
            line: Some(4),
            offset: 900,
            seq: None,
            kind,
            detail: "changed".into(),
        }),
    };
    assert_eq!(said(&judge_chain(&report(None))), ("chain.whole", Green));
    assert_eq!(
        said(&judge_chain(&report(Some(BreakKind::TornTail)))),
        ("chain.torn", Yellow)
    );
    let broken = judge_chain(&report(Some(BreakKind::RecordHashMismatch)));
    assert_eq!(said(&broken), ("chain.broken", Red));
    assert!(
        broken.what.contains("3 whole records") && broken.what.contains("line 4"),
        "{}",
        broken.what
    );
}

#[test]
fn ledgers_that_differ_are_yellow() {
    let mut apart = Apart::default();
    assert_eq!(judge_apart(&apart), None);
    apart.unchained = Some(Lacking {
        count: 1,
        file: PathBuf::from("/r/live/audit.jsonl"),
        line: 7,
        audit_id: "la_7".into(),
    });
    let finding = judge_apart(&apart).unwrap();
    assert_eq!(said(&finding), ("chain.apart", Yellow));
    assert!(finding.what.contains("line 7 on (la_7)"), "{}", finding.what);
}

#[test]
fn a_ledger_that_cannot_be_written_is_red_and_a_busy_one_yellow() {
    let full = LedgerError::DiskFull {
        path: PathBuf::from("/r"),
        free: 7,
    };
    assert_eq!(said(&judge_ledger(&Err(full))), ("ledger.unusable", Red));
    let busy = LedgerError::Busy {
        path: PathBuf::from("/r"),
        waited: std::time::Duration::from_secs(5),
    };
    assert_eq!(said(&judge_ledger(&Err(busy))), ("ledger.busy", Yellow));
}

#[test]
fn an_order_in_flight_is_named_with_its_age() {
    let now = "2026-06-15T12:01:30Z".parse().unwrap();
    let order = InflightRecord {
        client_id: "md-1".into(),
        fingerprint: "f".into(),
        remote_tool: "bybit_place_order".into(),
        category: "linear".into(),
        symbol: "BTCUSDT".into(),
        side: "Buy".into(),
        body: Value::Null,
        notional_usd: "65".into(),
        order: Value::Null,
        before: None,
        created_at: "2026-06-15T12:00:00.000+00:00".into(),
        state: InflightState::Sent,
        venue_order_id: None,
        counted: true,
        process_id: 1,
        venue: "paper".into(),
    };
    let findings = judge_inflight(&Ok(vec![order]), now);
    assert_eq!(said(&findings[0]), ("inflight.open", Yellow));
    assert!(
        findings[0]
            .what
            .contains("md-1 (Buy BTCUSDT, paper) was sent 90 s ago")
    );
    assert_eq!(
        said(&judge_inflight(&Ok(Vec::new()), now)[0]),
        ("inflight.none", Green)
    );
    let unreadable = InflightError::Unreadable {
        path: PathBuf::from("/i/a.json"),
        source: io::ErrorKind::PermissionDenied.into(),
    };
    assert_eq!(
        said(&judge_inflight(&Err(unreadable), now)[0]),
        ("inflight.unreadable", Red)
    );
}
