//! What is done with an order in flight, by what the ledger says and what the exchange shows.

use serde_json::{Value, json};

use super::*;
use crate::domain::json::Json;
use crate::domain::rows;
use crate::state::audit_record::AuditRecord;

/// Two SOL at 140 that start at 150.
fn row() -> Value {
    json!({"category": "linear", "symbol": "SOLUSDT", "side": "Buy", "leavesQty": "2", "qty": "2", "price": "140",
           "triggerPrice": "150", "reduceOnly": false, "positionIdx": 0, "orderLinkId": "left-1", "orderId": "v-1"})
}

fn resting(row: &Value) -> RestingOrder {
    rows::resting(&Json::parse(&row.to_string()).unwrap()).unwrap()
}

fn shown(status: &str, changes: &[(&str, &str)]) -> OrderView {
    let mut row = row();
    for (name, value) in changes {
        row[*name] = (*value).into();
    }
    OrderView {
        order: resting(&row),
        status: status.to_owned(),
        reject_reason: None,
        average_price: None,
    }
}

fn in_flight(tool: WriteTool, body: Value) -> InflightRecord {
    InflightRecord {
        client_id: "left-1".to_owned(),
        fingerprint: "f".to_owned(),
        remote_tool: tool.name().to_owned(),
        category: "linear".to_owned(),
        symbol: "SOLUSDT".to_owned(),
        side: "Buy".to_owned(),
        body,
        notional_usd: "280".to_owned(),
        order: row(),
        created_at: "2026-06-02T09:15:49.482+00:00".to_owned(),
        state: InflightState::Sent,
        venue_order_id: None,
        process_id: 1,
        venue: "paper".to_owned(),
    }
}

fn last(kind: AuditKind, outcome: AuditOutcome) -> Told {
    let now = "2026-06-02T09:15:50Z".parse().unwrap();
    Told {
        last: Some(AuditRecord::new(now, "bybit", "paper:1", kind, outcome).unwrap()),
        submitted: true,
        ..Told::default()
    }
}

fn judge(record: &InflightRecord, told: &Told, found: Option<&OrderView>, expired: bool) -> Verdict {
    let order = resting(&record.order);
    let case = Case {
        record,
        order: &order,
        told,
        found,
        expired,
        forgotten: false,
    };
    case.verdict()
}

const PLACED: Verdict = Verdict::Placed(AuditKind::OrderPlaced, AuditOutcome::Accepted);
const FILLED: Verdict = Verdict::Placed(AuditKind::OrderPlaced, AuditOutcome::Filled);
const AMENDED: Verdict = Verdict::Placed(AuditKind::OrderAmended, AuditOutcome::Accepted);

#[test]
fn a_new_order_is_what_the_exchange_shows() {
    let record = in_flight(WriteTool::PlaceOrder, json!({"qty": "2"}));
    for expired in [false, true] {
        for (status, verdict) in [
            ("New", PLACED),
            ("Cancelled", PLACED),
            ("Filled", FILLED),
            ("Rejected", Verdict::Rejected),
        ] {
            let view = shown(status, &[]);
            assert_eq!(judge(&record, &Told::default(), Some(&view), expired), verdict);
        }
    }
    // Part of it was filled: it is no order that nothing came of.
    let mut partly = shown("Rejected", &[]);
    partly.order.filled = 1.into();
    assert_eq!(judge(&record, &Told::default(), Some(&partly), true), PLACED);
}

#[test]
fn what_is_shown_differently_is_the_new_order_still() {
    let record = in_flight(WriteTool::PlaceOrder, json!({"qty": "2"}));
    let view = shown("New", &[("price", "141"), ("qty", "3"), ("leavesQty", "3")]);
    assert_eq!(judge(&record, &Told::default(), Some(&view), true), PLACED);
}

#[test]
fn an_order_that_is_not_shown_is_open_until_it_can_no_longer_appear() {
    let record = in_flight(WriteTool::PlaceOrder, json!({"qty": "2"}));
    assert_eq!(judge(&record, &Told::default(), None, false), Verdict::Open);
    for (submitted, complete, words) in [
        (true, true, "it never arrived: "),
        (true, false, "it never arrived: "),
        (
            false,
            true,
            "it was never sent: the ledger has no order_submitted",
        ),
        (false, false, "it was never sent or never arrived: "),
    ] {
        let told = Told {
            submitted,
            complete,
            ..Told::default()
        };
        assert_eq!(judge(&record, &told, None, false), Verdict::Open);
        let Verdict::NeverArrived(why) = judge(&record, &told, None, true) else {
            panic!("it never arrived")
        };
        assert!(why.starts_with(words), "{why}");
    }
}

/// How it ended is shown for a day only. What the exchange does show, or the ledger says, holds as ever.
#[test]
fn an_old_order_that_is_not_shown_is_not_called_one_that_never_arrived() {
    let forgotten = |record: &InflightRecord, told: &Told, found: Option<&OrderView>| {
        let case = Case {
            record,
            order: &resting(&record.order),
            told,
            found,
            expired: true,
            forgotten: true,
        };
        case.verdict()
    };
    for (tool, taken) in [(WriteTool::PlaceOrder, PLACED), (WriteTool::AmendOrder, AMENDED)] {
        let record = in_flight(tool, json!({"qty": "2"}));
        for (submitted, complete) in [(true, true), (true, false), (false, true), (false, false)] {
            let told = Told {
                submitted,
                complete,
                ..Told::default()
            };
            assert_eq!(forgotten(&record, &told, None), Verdict::Forgotten);
        }
        let view = shown("New", &[]);
        assert_eq!(forgotten(&record, &Told::default(), Some(&view)), taken);
        let said = last(AuditKind::OrderPlaced, AuditOutcome::Accepted);
        assert_eq!(forgotten(&record, &said, None), Verdict::ToldAlready);
    }
}

#[test]
fn an_order_with_its_last_word_is_told_already() {
    let record = in_flight(WriteTool::PlaceOrder, json!({"qty": "2"}));
    let mut acknowledged = record.clone();
    acknowledged.state = InflightState::Acknowledged;
    let said = last(AuditKind::OrderPlaced, AuditOutcome::Accepted);
    let view = shown("Filled", &[]);
    for (record, told) in [(&record, &said), (&acknowledged, &Told::default())] {
        for expired in [false, true] {
            assert_eq!(judge(record, told, Some(&view), expired), Verdict::ToldAlready);
        }
        // Acknowledged and not shown: it goes on counting until it can no longer appear.
        assert_eq!(judge(record, told, None, false), Verdict::Open);
        assert_eq!(judge(record, told, None, true), Verdict::ToldAlready);
        // The acknowledgement was no order.
        let rejected = shown("Rejected", &[]);
        assert_eq!(judge(record, told, Some(&rejected), false), Verdict::Rejected);
    }
}

#[test]
fn a_rejection_on_the_ledger_is_the_end_whatever_is_shown() {
    let record = in_flight(WriteTool::PlaceOrder, json!({"qty": "2"}));
    let told = last(AuditKind::OrderRejected, AuditOutcome::Rejected);
    for view in [None, Some(shown("New", &[])), Some(shown("Rejected", &[]))] {
        for expired in [false, true] {
            assert_eq!(
                judge(&record, &told, view.as_ref(), expired),
                Verdict::ToldAlready
            );
        }
    }
}

#[test]
fn an_amend_was_done_when_each_figure_is_shown() {
    let record = in_flight(WriteTool::AmendOrder, json!({"qty": "2"}));
    for expired in [false, true] {
        let view = shown("New", &[]);
        assert_eq!(judge(&record, &Told::default(), Some(&view), expired), AMENDED);
    }
    for other in [
        [("qty", "3"), ("leavesQty", "3")].as_slice(),
        &[("price", "141")],
        &[("triggerPrice", "151")],
    ] {
        let view = shown("New", other);
        assert_eq!(
            judge(&record, &Told::default(), Some(&view), false),
            Verdict::Open
        );
        let Verdict::NeverArrived(why) = judge(&record, &Told::default(), Some(&view), true) else {
            panic!("it never arrived")
        };
        assert!(why.starts_with("the change never arrived"), "{why}");
    }
}

/// An order that was amended and then refused is no amend that was refused.
#[test]
fn an_amend_of_an_order_that_ended_is_judged_by_its_figures() {
    let record = in_flight(WriteTool::AmendOrder, json!({"price": "140"}));
    let view = shown("Rejected", &[]);
    assert_eq!(judge(&record, &Told::default(), Some(&view), false), AMENDED);
    let said = last(AuditKind::OrderAmended, AuditOutcome::Accepted);
    assert_eq!(judge(&record, &said, Some(&view), false), Verdict::ToldAlready);
    let gone = judge(&record, &Told::default(), None, true);
    assert!(matches!(gone, Verdict::NeverArrived(_)), "{gone:?}");
}

#[test]
fn a_change_of_levels_alone_cannot_be_told() {
    let record = in_flight(WriteTool::AmendOrder, json!({"stopLoss": "120"}));
    let view = shown("New", &[]);
    assert_eq!(
        judge(&record, &Told::default(), Some(&view), false),
        Verdict::Open
    );
    assert_eq!(
        judge(&record, &Told::default(), Some(&view), true),
        Verdict::CannotTell
    );
    for field in ["qty", "price", "triggerPrice"] {
        let record = in_flight(WriteTool::AmendOrder, json!({"stopLoss": "120", field: "1"}));
        assert_eq!(judge(&record, &Told::default(), Some(&view), true), AMENDED);
    }
}
