//! What an order that is shown says of a change that was asked of it.

use serde_json::{Value, json};

use super::*;
use crate::domain::order::OrderKey;
use crate::state::inflight::InflightState;

/// A SOL at 140 that starts at 150, under `v-1`.
fn row(side: &str, qty: &str, price: &str, trigger: &str) -> Value {
    json!({"category": "linear", "symbol": "SOLUSDT", "side": side, "leavesQty": qty, "qty": qty, "price": price,
           "triggerPrice": trigger, "reduceOnly": false, "positionIdx": 0, "orderLinkId": "mine-1", "orderId": "v-1"})
}

fn resting(row: &Value) -> RestingOrder {
    rows::resting(&Json::parse(&row.to_string()).unwrap()).unwrap()
}

fn shown(row: &Value) -> OrderView {
    OrderView {
        order: resting(row),
        status: "New".to_owned(),
        reject_reason: None,
        average_price: None,
    }
}

fn amend(qty: Option<&str>, price: Option<&str>, trigger: Option<&str>) -> AmendOrder {
    let price_of = |text: &str| Price::parse(text).unwrap();
    AmendOrder {
        instrument: resting(&row("Buy", "1", "140", "150")).instrument,
        key: OrderKey::Venue("v-1".to_owned()),
        new_qty: qty.map(|text| Qty::parse(text).unwrap()),
        price: price.map(price_of),
        trigger_price: trigger.map(price_of),
        take_profit: None,
        stop_loss: None,
    }
}

fn seen(asked: &AmendOrder, now: (&str, &str, &str)) -> Seen {
    let before = resting(&row("Buy", "1", "140", "150"));
    let view = shown(&row("Buy", now.0, now.1, now.2));
    Change::of(asked, Some(&before)).seen(&view)
}

#[test]
fn a_change_arrived_when_what_it_alone_made_is_shown() {
    let (one, two, at, up, from, on) = (
        Some("1"),
        Some("2"),
        Some("140"),
        Some("141"),
        Some("150"),
        Some("151"),
    );
    for (asked, now, says) in [
        (amend(two, None, None), ("2", "140", "150"), Seen::Arrived),
        (amend(None, up, None), ("1", "141", "150"), Seen::Arrived),
        (amend(None, None, on), ("1", "140", "151"), Seen::Arrived),
        (amend(two, up, on), ("2", "141", "151"), Seen::Arrived),
        // What stays as it is may be asked for as well.
        (amend(two, at, from), ("2", "140", "150"), Seen::Arrived),
        // What was not asked for may have been changed since.
        (amend(two, None, None), ("2", "139", "149"), Seen::Arrived),
        // The order is as it was.
        (amend(two, None, None), ("1", "140", "150"), Seen::NotArrived),
        (amend(None, up, None), ("1", "140", "150"), Seen::NotArrived),
        (amend(None, None, on), ("1", "140", "150"), Seen::NotArrived),
        (amend(two, up, on), ("1", "140", "150"), Seen::NotArrived),
        // It was changed since, before or after.
        (amend(two, None, None), ("3", "140", "150"), Seen::CannotTell),
        (amend(two, None, None), ("1", "139", "150"), Seen::CannotTell),
        (amend(two, None, None), ("1", "140", "149"), Seen::CannotTell),
        (amend(None, up, None), ("1", "142", "150"), Seen::CannotTell),
        (amend(None, None, on), ("1", "140", "152"), Seen::CannotTell),
        (amend(two, at, None), ("2", "142", "150"), Seen::CannotTell),
        (amend(two, None, on), ("2", "140", "152"), Seen::CannotTell),
        (amend(None, up, on), ("1", "140", "149"), Seen::CannotTell),
        (amend(two, None, on), ("2", "140", "150"), Seen::CannotTell),
        // Nothing that is shown differs from what was.
        (amend(None, None, None), ("1", "140", "150"), Seen::CannotTell),
        (amend(None, at, None), ("1", "140", "150"), Seen::CannotTell),
        (amend(one, at, from), ("1", "140", "150"), Seen::CannotTell),
        (amend(one, None, None), ("2", "140", "150"), Seen::CannotTell),
    ] {
        assert_eq!(seen(&asked, now), says, "{asked:?} {now:?}");
    }
}

/// A buy is moved down and a sell up; a moved price alone proves nothing.
#[test]
fn a_price_that_the_exchange_moved_does_not_speak_against_a_change() {
    for (side, price, now, says) in [
        ("Buy", "200", "157.5", Seen::Arrived),
        ("Buy", "200", "200", Seen::Arrived),
        ("Buy", "200", "201", Seen::CannotTell),
        ("Sell", "100", "142.5", Seen::Arrived),
        ("Sell", "100", "99", Seen::CannotTell),
        // It was at the collar already.
        ("Buy", "200", "140", Seen::Arrived),
    ] {
        let before = resting(&row(side, "1", "140", "150"));
        let change = Change::of(&amend(Some("2"), Some(price), None), Some(&before));
        let view = shown(&row(side, "2", now, "150"));
        assert_eq!(change.seen(&view), says, "{side} {price} {now}");
    }
    assert_eq!(
        seen(&amend(None, Some("200"), None), ("1", "157.5", "150")),
        Seen::CannotTell
    );
    assert_eq!(
        seen(&amend(None, None, Some("200")), ("1", "140", "157.5")),
        Seen::CannotTell
    );
    assert_eq!(
        seen(&amend(Some("3"), Some("200"), None), ("2", "157.5", "150")),
        Seen::CannotTell
    );
}

#[test]
fn another_order_and_executions_alone_are_no_proof_that_nothing_came() {
    let before = resting(&row("Buy", "1", "140", "150"));
    let change = Change::of(&amend(Some("2"), None, None), Some(&before));
    let mut other = shown(&row("Buy", "1", "140", "150"));
    assert_eq!(change.seen(&other), Seen::NotArrived);
    other.order.venue_id = Some("v-2".to_owned());
    assert_eq!(change.seen(&other), Seen::CannotTell);
    let mut executed = shown(&row("Buy", "1", "140", "150"));
    executed.order.filled = Decimal::ONE;
    assert_eq!(change.seen(&executed), Seen::CannotTell);
    executed.average_price = Price::parse("140").ok();
    assert_eq!(change.seen(&executed), Seen::NotArrived, "a row with fills");
}

#[test]
fn without_the_order_as_it_was_nothing_can_be_told() {
    let change = Change::of(&amend(Some("2"), None, None), None);
    assert!(change.can_be_seen());
    for qty in ["1", "2", "3"] {
        assert_eq!(
            change.seen(&shown(&row("Buy", qty, "140", "150"))),
            Seen::CannotTell
        );
    }
    assert!(!Change::of(&amend(None, None, None), None).can_be_seen());
}

/// An acknowledged change is waited for until nothing that it made larger is hidden.
#[test]
fn an_acknowledged_change_is_shown_by_every_figure_of_it() {
    let before = resting(&row("Buy", "1", "140", "150"));
    let (two, up) = (Some("2"), Some("200"));
    for (asked, now, is_shown) in [
        (amend(two, None, None), ("2", "140", "150"), true),
        (amend(two, None, None), ("1", "140", "150"), false),
        (amend(two, None, None), ("3", "140", "150"), false),
        (amend(None, up, None), ("1", "157.5", "150"), true),
        (amend(None, up, None), ("1", "140", "150"), false),
        (amend(None, up, None), ("1", "201", "150"), false),
        (amend(two, up, None), ("2", "157.5", "150"), true),
        (amend(two, up, None), ("1", "157.5", "150"), false),
        // At the collar already.
        (amend(two, up, None), ("2", "140", "150"), true),
        (amend(None, None, None), ("1", "140", "150"), true),
    ] {
        let view = shown(&row("Buy", now.0, now.1, now.2));
        let change = Change::of(&asked, Some(&before));
        assert_eq!(change.is_shown(&view), is_shown, "{asked:?} {now:?}");
    }
    // A file that does not say what the order was: everything must be as asked.
    for (asked, now, is_shown) in [
        (amend(two, up, None), ("2", "200", "150"), true),
        (amend(two, up, None), ("2", "157.5", "150"), false),
        (amend(two, None, None), ("1", "140", "150"), false),
    ] {
        let view = shown(&row("Buy", now.0, now.1, now.2));
        assert_eq!(Change::of(&asked, None).is_shown(&view), is_shown, "{asked:?}");
    }
}

/// What a file says was asked for is what its body names; the order says to which figure.
#[test]
fn a_file_is_read_as_the_change_that_it_is_of() {
    let mut record = InflightRecord {
        client_id: "change-1".to_owned(),
        fingerprint: "f".to_owned(),
        remote_tool: "bybit_amend_order".to_owned(),
        category: "linear".to_owned(),
        symbol: "SOLUSDT".to_owned(),
        side: "Buy".to_owned(),
        body: json!({"qty": "2", "price": "141", "triggerPrice": "151"}),
        notional_usd: "280".to_owned(),
        order: row("Buy", "2", "141", "151"),
        before: Some(row("Buy", "1", "140", "150")),
        created_at: "2026-06-02T09:15:49.482+00:00".to_owned(),
        state: InflightState::Sent,
        venue_order_id: None,
        counted: true,
        process_id: 1,
        venue: "paper".to_owned(),
    };
    let of = |record: &InflightRecord, now: (&str, &str, &str)| {
        let change = Change::of_record(record, &resting(&record.order));
        change.seen(&shown(&row("Buy", now.0, now.1, now.2)))
    };
    assert_eq!(of(&record, ("2", "141", "151")), Seen::Arrived);
    for other in [("3", "141", "151"), ("2", "142", "151"), ("2", "141", "152")] {
        assert_eq!(of(&record, other), Seen::CannotTell, "{other:?}");
    }
    for (field, now) in [
        ("qty", ("2", "140", "150")),
        ("price", ("1", "141", "150")),
        ("triggerPrice", ("1", "140", "151")),
    ] {
        record.body = json!({field: "1"});
        assert_eq!(of(&record, now), Seen::Arrived, "{field}");
        assert_eq!(of(&record, ("1", "140", "150")), Seen::NotArrived, "{field}");
    }
    for unknown in [None, Some(json!({})), Some(json!("nothing"))] {
        record.before = unknown;
        assert_eq!(of(&record, ("2", "141", "151")), Seen::CannotTell);
    }
}

/// The same order with other members, as JSON has them.
fn with(changes: &Value) -> RestingOrder {
    let mut row = row("Buy", "2", "140", "150");
    for (name, value) in changes.as_object().unwrap() {
        row[name.as_str()] = value.clone();
    }
    resting(&row)
}

fn view_of(order: RestingOrder) -> OrderView {
    OrderView {
        order,
        ..shown(&row("Buy", "2", "140", "150"))
    }
}

/// `(of its kind, as it was sent)`
fn is_ours(asked: &RestingOrder, now: RestingOrder) -> (bool, bool) {
    let view = view_of(now);
    (is_of_its_kind(asked, &view), is_as_sent(asked, &view))
}

#[test]
fn what_an_amend_can_change_leaves_an_order_ours_and_what_it_cannot_does_not() {
    let asked = with(&json!({}));
    for (changes, is) in [
        (json!({}), (true, true)),
        (json!({"orderId": "v-2"}), (true, true)),
        // Moved to the collar.
        (json!({"price": "139"}), (true, true)),
        (json!({"price": "141"}), (true, false)),
        (json!({"qty": "1", "leavesQty": "1"}), (true, false)),
        (json!({"qty": "3", "leavesQty": "3"}), (true, false)),
        (json!({"triggerPrice": "151"}), (true, false)),
        (json!({"triggerPrice": ""}), (true, false)),
        (json!({"side": "Sell"}), (false, false)),
        (json!({"price": ""}), (false, false)),
        (json!({"symbol": "ETHUSDT"}), (false, false)),
        (json!({"category": "inverse"}), (false, false)),
        (json!({"reduceOnly": true}), (false, false)),
        (json!({"positionIdx": 1}), (false, false)),
    ] {
        assert_eq!(is_ours(&asked, with(&changes)), is, "{changes}");
    }
    let mut in_money = with(&json!({}));
    in_money.unit = SizeUnit::Quote;
    assert_eq!(is_ours(&asked, in_money), (false, false));
}

/// What fills at once cannot have been amended; a conditional one can, before it starts.
#[test]
fn an_order_that_never_rests_has_the_quantity_that_was_sent() {
    let market = json!({"price": "", "triggerPrice": ""});
    let conditional = json!({"price": ""});
    for (kind, is) in [(market, false), (conditional, true)] {
        let asked = with(&kind);
        let mut other = kind.clone();
        (other["qty"], other["leavesQty"]) = ("1".into(), "1".into());
        assert_eq!(is_ours(&asked, with(&kind)), (true, true), "{kind}");
        assert_eq!(is_ours(&asked, with(&other)), (is, false), "{kind}");
        let mut limit = kind.clone();
        limit["price"] = "140".into();
        assert_eq!(is_ours(&asked, with(&limit)), (false, false), "{kind}");
    }
}

/// A close beyond the largest order is spread over several, of which the first has the id.
#[test]
fn a_large_close_may_be_shown_as_a_part_of_it() {
    let close = json!({"price": "", "triggerPrice": "", "reduceOnly": true});
    let of = |qty: &str| {
        let mut close = close.clone();
        (close["qty"], close["leavesQty"]) = (qty.into(), qty.into());
        with(&close)
    };
    assert_eq!(is_ours(&of("2"), of("1")), (true, true));
    assert_eq!(is_ours(&of("2"), of("3")), (false, false));
}

/// The exchange says reduce-only of a hedge leg that the side can only close.
#[test]
fn a_close_of_a_hedge_leg_is_ours_however_it_is_flagged() {
    for (leg, is) in [(2, (true, true)), (1, (false, false))] {
        let asked = with(&json!({"positionIdx": leg}));
        let flagged = with(&json!({"positionIdx": leg, "reduceOnly": true}));
        assert_eq!(is_ours(&asked, flagged), is, "{leg}");
    }
}

/// Executions say the instrument, the side and the quantity, and a price that is the fill's own bound.
#[test]
fn executions_alone_are_judged_by_what_they_say() {
    let asked = with(&json!({"price": "", "triggerPrice": "", "positionIdx": 1, "reduceOnly": true}));
    let mut executed = with(&json!({"price": "157.5", "triggerPrice": ""}));
    executed.filled = Decimal::ONE;
    assert_eq!(is_ours(&asked, executed.clone()), (true, true));
    executed.qty = None;
    assert_eq!(is_ours(&asked, executed.clone()), (true, true));
    executed.qty = Qty::parse("3").ok();
    assert_eq!(is_ours(&asked, executed.clone()), (false, false));
    // What was asked for in money is shown in coins.
    let mut in_money = asked.clone();
    in_money.unit = SizeUnit::Quote;
    assert_eq!(is_ours(&in_money, executed.clone()), (true, true));
    executed.side = Side::Sell;
    assert_eq!(is_ours(&in_money, executed), (false, false));
}
