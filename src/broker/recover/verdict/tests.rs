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
        before: None,
        created_at: "2026-06-02T09:15:49.482+00:00".to_owned(),
        state: InflightState::Sent,
        venue_order_id: None,
        counted: true,
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
    // And one that somebody has changed since is told already, not placed a second time.
    let said = last(AuditKind::OrderPlaced, AuditOutcome::Accepted);
    assert_eq!(judge(&record, &said, Some(&view), true), Verdict::ToldAlready);
}

/// What is left of it is in no list, so it goes on counting from its file.
#[test]
fn a_new_order_that_only_its_executions_show_is_open_until_it_can_no_longer_be_listed() {
    let record = in_flight(WriteTool::PlaceOrder, json!({"qty": "2"}));
    let said = last(AuditKind::OrderPlaced, AuditOutcome::Accepted);
    let mut in_part = shown("PartiallyFilled", &[]);
    in_part.order.filled = 1.into();
    for (told, verdict) in [(Told::default(), PLACED), (said, Verdict::ToldAlready)] {
        assert_eq!(judge(&record, &told, Some(&in_part), false), Verdict::Open);
        assert_eq!(judge(&record, &told, Some(&in_part), true), verdict);
    }
    let mut done = in_part.clone();
    done.status = "Filled".to_owned();
    assert_eq!(judge(&record, &Told::default(), Some(&done), false), FILLED);
    let listed = OrderView {
        average_price: crate::domain::money::Price::parse("140").ok(),
        ..in_part
    };
    assert_eq!(judge(&record, &Told::default(), Some(&listed), false), PLACED);
}

/// Another order under our id is not ours, whatever became of it and whatever the ledger says.
#[test]
fn another_order_under_the_id_is_as_none() {
    let record = in_flight(WriteTool::PlaceOrder, json!({"qty": "2"}));
    let said = last(AuditKind::OrderPlaced, AuditOutcome::Accepted);
    let sell = [("side", "Sell")];
    let larger = [("qty", "3"), ("leavesQty", "3")];
    for (status, other) in [
        ("New", sell.as_slice()),
        ("Filled", &sell),
        ("Rejected", &sell),
        // Ours, amended before it was refused, or another one: nothing of ours stands, but that is said in time.
        ("Rejected", &larger),
    ] {
        let view = shown(status, other);
        assert_eq!(
            judge(&record, &Told::default(), Some(&view), false),
            Verdict::Open
        );
        let why = "it never arrived: the id belongs to another order; to place it, ask again under a new order_link_id or without one";
        assert_eq!(
            judge(&record, &Told::default(), Some(&view), true),
            Verdict::NeverArrived(why)
        );
        assert_eq!(judge(&record, &said, Some(&view), false), Verdict::Open);
        assert_eq!(judge(&record, &said, Some(&view), true), Verdict::ToldAlready);
    }
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
        assert!(
            why.ends_with("ask again under a new order_link_id or without one"),
            "{why}"
        );
    }
}

/// The ledger may be moved away meanwhile, as one that is rotated is; its file knows that it was sent.
#[test]
fn an_order_whose_file_says_that_it_was_sent_is_not_called_one_that_never_was() {
    let told = Told {
        complete: true,
        ..Told::default()
    };
    for state in [InflightState::Unknown, InflightState::Acknowledged] {
        let record = InflightRecord {
            state,
            ..in_flight(WriteTool::PlaceOrder, json!({"qty": "2"}))
        };
        let order = resting(&record.order);
        let case = Case {
            record: &record,
            order: &order,
            told: &told,
            found: None,
            expired: true,
            forgotten: false,
        };
        assert!(case.how_far().starts_with("it never arrived: "));
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
    let body = json!({"qty": "2"});
    let placed = in_flight(WriteTool::PlaceOrder, body.clone());
    for (record, taken) in [(placed, PLACED), (amend(body, &ONE), AMENDED)] {
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

/// The file of a change that made 2 SOL at 140 of what the order was before.
fn amend(body: Value, before: &[(&str, &str)]) -> InflightRecord {
    let mut record = in_flight(WriteTool::AmendOrder, body);
    let mut old = row();
    for (name, value) in before {
        old[*name] = (*value).into();
    }
    record.before = Some(old);
    record
}

const ONE: [(&str, &str); 2] = [("qty", "1"), ("leavesQty", "1")];

#[test]
fn an_amend_was_done_when_what_it_made_is_shown() {
    let record = amend(json!({"qty": "2"}), &ONE);
    for expired in [false, true] {
        let view = shown("New", &[]);
        assert_eq!(judge(&record, &Told::default(), Some(&view), expired), AMENDED);
    }
}

#[test]
fn an_amend_never_arrived_when_the_order_is_as_it_was() {
    let record = amend(json!({"qty": "2"}), &ONE);
    let view = shown("New", &ONE);
    assert_eq!(
        judge(&record, &Told::default(), Some(&view), false),
        Verdict::Open
    );
    let Verdict::NeverArrived(why) = judge(&record, &Told::default(), Some(&view), true) else {
        panic!("it never arrived")
    };
    assert!(why.starts_with("the change never arrived"), "{why}");
}

/// The ledger says that it was accepted, and the exchange shows the order without it.
#[test]
fn an_acknowledged_amend_is_open_until_it_is_shown() {
    let mut record = amend(json!({"qty": "2"}), &ONE);
    let said = last(AuditKind::OrderAmended, AuditOutcome::Accepted);
    let mut acknowledged = record.clone();
    acknowledged.state = InflightState::Acknowledged;
    for (record, told) in [(&record, &said), (&acknowledged, &Told::default())] {
        let old = shown("New", &ONE);
        assert_eq!(judge(record, told, Some(&old), false), Verdict::Open);
        assert_eq!(judge(record, told, None, false), Verdict::Open);
        for (view, expired) in [
            (Some(shown("New", &[])), false),
            (Some(shown("Cancelled", &ONE)), false),
            (Some(old), true),
            (None, true),
        ] {
            let verdict = judge(record, told, view.as_ref(), expired);
            assert_eq!(verdict, Verdict::ToldAlready, "{view:?}");
        }
    }
    // What cannot be seen is not waited for.
    record.body = json!({"stopLoss": "120"});
    let view = shown("New", &[]);
    assert_eq!(judge(&record, &said, Some(&view), false), Verdict::ToldAlready);
}

/// What was changed since, what is gone, and a file that does not say what the order was: none is given back.
#[test]
fn an_amend_of_which_nothing_can_be_told_is_never_given_back() {
    let changed = amend(json!({"qty": "2"}), &ONE);
    let mut older = changed.clone();
    older.before = None;
    let (three, two) = (
        shown("New", &[("qty", "3"), ("leavesQty", "3")]),
        shown("New", &[]),
    );
    for (record, view) in [(&changed, Some(&three)), (&changed, None), (&older, Some(&two))] {
        for submitted in [false, true] {
            let told = Told {
                submitted,
                complete: true,
                ..Told::default()
            };
            assert_eq!(judge(record, &told, view, false), Verdict::Open);
            assert_eq!(judge(record, &told, view, true), Verdict::CannotTell);
        }
    }
}

/// An order that was amended and then refused is no amend that was refused.
#[test]
fn an_amend_of_an_order_that_ended_is_judged_by_its_figures() {
    let record = amend(json!({"price": "140"}), &[("price", "139")]);
    let view = shown("Rejected", &[]);
    assert_eq!(judge(&record, &Told::default(), Some(&view), false), AMENDED);
    let said = last(AuditKind::OrderAmended, AuditOutcome::Accepted);
    assert_eq!(judge(&record, &said, Some(&view), false), Verdict::ToldAlready);
}

#[test]
fn a_change_of_levels_alone_cannot_be_told() {
    // The price that is asked for is the one that the order had.
    for body in [
        json!({"stopLoss": "120"}),
        json!({"stopLoss": "120", "price": "140"}),
    ] {
        let record = amend(body, &[]);
        let view = shown("New", &[]);
        assert_eq!(
            judge(&record, &Told::default(), Some(&view), false),
            Verdict::Open
        );
        assert_eq!(
            judge(&record, &Told::default(), Some(&view), true),
            Verdict::CannotTell
        );
    }
}
