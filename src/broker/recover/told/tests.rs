//! Which records of the ledger are about an order in flight, and what they say of it.

use std::fs;

use serde_json::json;

use super::*;
use crate::state::durable::create_folder;
use crate::state::inflight::InflightState;
use crate::state::paths::{BrokerKey, RuntimeRoot};

const CREATED: &str = "2026-06-02T09:15:49.482+00:00";

fn in_flight(tool: WriteTool) -> InflightRecord {
    InflightRecord {
        client_id: "left-1".to_owned(),
        fingerprint: "f".to_owned(),
        remote_tool: tool.name().to_owned(),
        category: "linear".to_owned(),
        symbol: "SOLUSDT".to_owned(),
        side: "Buy".to_owned(),
        body: Value::Null,
        notional_usd: "280".to_owned(),
        order: Value::Null,
        before: None,
        created_at: CREATED.to_owned(),
        state: InflightState::Sent,
        venue_order_id: None,
        counted: true,
        process_id: 1,
        venue: "paper".to_owned(),
    }
}

fn record(kind: AuditKind, outcome: AuditOutcome) -> AuditRecord {
    let now = CREATED.parse().unwrap();
    let mut record = AuditRecord::new(now, "bybit", "paper:1", kind, outcome).unwrap();
    record.gate_decision = json!({"allowed": true, "client_id": "left-1"});
    record.remote_tool = Some(WriteTool::PlaceOrder.name().to_owned());
    record
}

fn submitted() -> AuditRecord {
    record(AuditKind::OrderSubmitted, AuditOutcome::Pending)
}

fn of_recovery(kind: AuditKind, outcome: AuditOutcome) -> AuditRecord {
    let mut record = record(kind, outcome);
    record.gate_decision["recovered"] = true.into();
    record
}

fn told(records: &[AuditRecord], order: &InflightRecord) -> Told {
    let values = records.iter().map(|record| serde_json::to_value(record).unwrap());
    Told::of(values.collect(), order)
}

#[test]
fn a_submission_is_no_last_word_and_what_follows_it_is() {
    let order = in_flight(WriteTool::PlaceOrder);
    let first = told(&[submitted()], &order);
    assert!(first.submitted && first.last.is_none() && !first.not_placed());
    assert_eq!(first.records.len(), 1);

    let placed = record(AuditKind::OrderPlaced, AuditOutcome::Accepted);
    let both = told(&[submitted(), placed.clone()], &order);
    assert!(both.submitted && !both.not_placed());
    assert_eq!((both.last, both.records.len()), (Some(placed.clone()), 2));
    let alone = told(&[placed], &order);
    assert!(!alone.submitted && alone.last.is_some());

    let rejected = record(AuditKind::OrderRejected, AuditOutcome::Rejected);
    assert!(told(&[submitted(), rejected], &order).not_placed());
}

/// A clock that was set back dates the end of an earlier attempt after the beginning of this one.
#[test]
fn what_was_said_of_an_earlier_attempt_is_no_word_about_one_that_was_submitted_after_it() {
    let order = in_flight(WriteTool::PlaceOrder);
    let ended = record(AuditKind::OrderRejected, AuditOutcome::Blocked);
    let again = told(&[submitted(), ended, submitted()], &order);
    assert!(again.submitted && again.last.is_none() && !again.not_placed());
}

/// That nobody could say leaves the question open; that recovery could not tell is its last word.
#[test]
fn unknown_is_the_last_word_of_recovery_alone() {
    let order = in_flight(WriteTool::PlaceOrder);
    let unknown = record(AuditKind::OrderSubmitted, AuditOutcome::Unknown);
    let open = told(&[submitted(), unknown], &order);
    assert!(open.submitted && open.last.is_none());
    let ended = of_recovery(AuditKind::OrderSubmitted, AuditOutcome::Unknown);
    assert_eq!(told(&[submitted(), ended.clone()], &order).last, Some(ended));
}

#[test]
fn records_of_other_writes_say_nothing() {
    let order = in_flight(WriteTool::PlaceOrder);
    let other = |change: &dyn Fn(&mut AuditRecord)| {
        let mut record = submitted();
        change(&mut record);
        record
    };
    for (record, is_ours) in [
        (other(&|_| {}), true),
        (
            other(&|record| record.ts = "2026-06-02T09:15:49.483+00:00".to_owned()),
            true,
        ),
        (
            other(&|record| record.ts = "2026-06-02T09:15:49.481+00:00".to_owned()),
            false,
        ),
        (other(&|record| record.ts = "some day".to_owned()), false),
        (
            other(&|record| record.gate_decision["allowed"] = false.into()),
            false,
        ),
        (
            other(&|record| record.gate_decision["allowed"] = Value::Null),
            false,
        ),
        (
            other(&|record| record.gate_decision["client_id"] = "left-2".into()),
            false,
        ),
        // Old records of an order do not name it; they were looked up by their request.
        (
            other(&|record| record.gate_decision = json!({"allowed": true})),
            true,
        ),
        (
            other(&|record| record.remote_tool = Some(WriteTool::AmendOrder.name().to_owned())),
            false,
        ),
        (other(&|record| record.remote_tool = None), false),
    ] {
        let told = told(std::slice::from_ref(&record), &order);
        assert_eq!(
            (told.submitted, told.records.len()),
            (is_ours, usize::from(is_ours)),
            "{record:?}"
        );
    }
}

/// An amend has an id of its own, and only a record that names it is about it.
#[test]
fn a_record_without_an_id_is_not_about_an_amend() {
    let order = in_flight(WriteTool::AmendOrder);
    let mut amend = submitted();
    amend.remote_tool = Some(WriteTool::AmendOrder.name().to_owned());
    assert!(told(std::slice::from_ref(&amend), &order).submitted);
    amend.gate_decision = json!({"allowed": true});
    assert!(!told(&[amend], &order).submitted);
}

#[test]
fn what_is_no_record_is_passed_over() {
    let order = in_flight(WriteTool::PlaceOrder);
    let values = vec![
        json!({"kind": "order_submitted"}),
        serde_json::to_value(submitted()).unwrap(),
    ];
    let told = Told::of(values, &order);
    assert!(told.submitted);
    assert_eq!(told.records.len(), 1);
}

/// What was halted or never left may be tried again under the same id, unless recovery said so.
#[test]
fn only_what_is_decided_is_an_answer() {
    for (outcome, decided) in [
        (AuditOutcome::Accepted, true),
        (AuditOutcome::Filled, true),
        (AuditOutcome::Rejected, true),
        (AuditOutcome::Error, false),
        (AuditOutcome::Blocked, false),
        (AuditOutcome::Unknown, false),
    ] {
        let kind = AuditKind::OrderRejected;
        assert_eq!(is_answer(&record(kind, outcome)), decided, "{outcome:?}");
        assert!(is_answer(&of_recovery(kind, outcome)), "{outcome:?}");
        let mut later = record(kind, outcome);
        later.broker_response = json!({"retCode": 10006, "passing": true});
        let stays = decided && outcome != AuditOutcome::Rejected;
        assert_eq!(is_answer(&later), stays, "{outcome:?}");
        later.broker_response["passing"] = false.into();
        assert_eq!(is_answer(&later), decided, "{outcome:?}");
        let mut denied = of_recovery(kind, outcome);
        denied.gate_decision["recovered"] = false.into();
        assert_eq!(is_answer(&denied), decided, "{outcome:?}");
    }
}

/// A ledger can be moved away, or trimmed, between the send and the recovery.
#[test]
fn all_was_said_of_an_order_only_where_the_ledger_begins_before_it() {
    let order = in_flight(WriteTool::PlaceOrder);
    let root = tempfile::tempdir().unwrap();
    let broker = BrokerKey::parse("bybit").unwrap();
    let files = LiveFiles::new(&RuntimeRoot::at(root.path().to_owned()), broker);
    assert!(!Told::read(&files, &order).unwrap().complete);
    create_folder(files.live_folder()).unwrap();
    for (first, is_all) in [
        ("{\"ts\": \"2026-06-02T09:15:49.481+00:00\"}", true),
        ("{\"ts\": \"2026-06-02T09:15:49.482+00:00\"}", false),
        ("{\"ts\": \"2026-06-02T09:15:50.000+00:00\"}", false),
        ("{\"ts\": \"some day\"}", false),
        ("{\"kind\": \"none\"}", false),
        // The rest of a line that was cut through.
        ("06-02T09:15:49.481+00:00\"}", false),
    ] {
        let later = "{\"ts\": \"2026-06-02T09:16:00.000+00:00\"}";
        fs::write(files.audit(), format!("{first}\n\n{later}\n")).unwrap();
        let told = Told::read(&files, &order).unwrap();
        assert_eq!((told.submitted, told.complete), (false, is_all), "{first}");
    }
}
