//! Whether an order that the exchange shows is the one that was asked for.

use serde_json::json;

use super::*;
use crate::domain::json::Json;
use crate::domain::money::{Price, Qty};
use crate::domain::order::{ClientOrderId, OrderKind, PositionIdx, Side, Size, Trigger};
use crate::domain::rows;
use crate::gate::{Limit, Refusal};

/// Two SOL at 140 that start at 150, none of them filled.
fn shown() -> OrderView {
    let row = json!({"category": "linear", "symbol": "SOLUSDT", "side": "Buy", "leavesQty": "2", "qty": "2", "price": "140",
                     "triggerPrice": "150", "reduceOnly": false, "positionIdx": 0, "orderLinkId": "mine-1", "orderId": "v-1"});
    OrderView {
        order: rows::resting(&Json::parse(&row.to_string()).unwrap()).unwrap(),
        status: "New".to_owned(),
        reject_reason: None,
        average_price: None,
    }
}

fn price(text: &str) -> Price {
    Price::parse(text).unwrap()
}

fn qty(text: &str) -> Qty {
    Qty::parse(text).unwrap()
}

fn asked() -> PlaceOrder {
    PlaceOrder {
        instrument: shown().order.instrument,
        side: Side::Buy,
        kind: OrderKind::Limit(price("140")),
        size: Size::Base(qty("2")),
        time_in_force: None,
        reduce_only: false,
        client_id: None,
        trigger: Some(Trigger {
            price: price("150"),
            direction: Some(1),
        }),
        take_profit: None,
        stop_loss: None,
        tpsl_mode: None,
        position_idx: PositionIdx::OneWay,
        stated_notional: None,
    }
}

fn is_asked(asked: &PlaceOrder, shown: &OrderView) -> bool {
    let id = ClientOrderId::parse("mine-1").unwrap();
    is_what_was_asked(&new_order_view(asked, &id), shown)
}

#[test]
fn each_term_of_an_order_makes_it_another() {
    assert!(is_asked(&asked(), &shown()));
    let changes: [&dyn Fn(&mut PlaceOrder); 9] = [
        &|order| order.side = Side::Sell,
        &|order| order.kind = OrderKind::Limit(price("141")),
        &|order| order.kind = OrderKind::Market,
        &|order| order.size = Size::Base(qty("3")),
        &|order| order.size = Size::Quote(qty("2")),
        &|order| order.trigger = None,
        &|order| order.position_idx = PositionIdx::HedgeLong,
        &|order| order.reduce_only = true,
        &|order| {
            let other = json!({"category": "linear", "symbol": "ETHUSDT", "side": "Buy", "leavesQty": "2"});
            order.instrument = rows::resting(&Json::parse(&other.to_string()).unwrap())
                .unwrap()
                .instrument;
        },
    ];
    for (number, change) in changes.iter().enumerate() {
        let mut other = asked();
        change(&mut other);
        assert!(!is_asked(&other, &shown()), "change {number}");
    }
}

/// The exchange says reduce-only of a hedge leg that the side can only close.
#[test]
fn a_close_of_a_hedge_leg_is_shown_as_reduce_only() {
    let mut asked = asked();
    let mut shown = shown();
    (asked.position_idx, shown.order.position_idx) = (PositionIdx::HedgeShort, PositionIdx::HedgeShort);
    for reduce_only in [false, true] {
        shown.order.reduce_only = reduce_only;
        assert!(is_asked(&asked, &shown));
    }
    (asked.position_idx, shown.order.position_idx) = (PositionIdx::HedgeLong, PositionIdx::HedgeLong);
    assert!(!is_asked(&asked, &shown));
}

/// Executions say what, on which side and how much, and nothing else.
#[test]
fn what_executions_alone_show_is_judged_by_what_they_say() {
    let mut shown = shown();
    shown.order.price = None;
    shown.order.trigger_price = None;
    assert!(!is_asked(&asked(), &shown), "a row");
    shown.order.filled = 1.into();
    assert!(is_asked(&asked(), &shown));
    shown.order.qty = None;
    assert!(is_asked(&asked(), &shown));
    shown.average_price = Some(price("140"));
    assert!(!is_asked(&asked(), &shown), "a row with fills");
    shown.average_price = None;
    shown.order.side = Side::Sell;
    assert!(!is_asked(&asked(), &shown));
}

#[test]
fn an_order_that_is_found_was_taken_unless_it_was_rejected() {
    let Fate::Taken { accepted, order } = found(shown()) else {
        panic!("it was taken")
    };
    assert_eq!(
        (accepted.venue_id.as_deref(), accepted.unchanged),
        (Some("v-1"), false)
    );
    assert_eq!(order, Some(shown()));
    let mut rejected = shown();
    rejected.status = "Rejected".to_owned();
    assert!(matches!(found(rejected.clone()), Fate::RejectedLater { .. }));
    // Something was filled before.
    rejected.order.filled = 1.into();
    assert!(matches!(found(rejected), Fate::Taken { .. }));
}

/// An order can end without the cancel that was sent for it.
#[test]
fn a_cancel_is_done_when_its_order_was_cancelled_and_by_nothing_else() {
    for (status, is_done) in [
        ("Cancelled", true),
        ("PartiallyFilledCanceled", true),
        ("Deactivated", true),
        ("Filled", false),
        ("Rejected", false),
    ] {
        for filled in [0, 1] {
            let mut ended = shown();
            ended.status = status.to_owned();
            ended.order.filled = filled.into();
            let fate = cancelled(ended);
            assert!(fate.is_final());
            match fate {
                Fate::Taken { .. } => assert!(is_done, "{status}"),
                Fate::TooLate(_) => assert!(!is_done, "{status}"),
                other => panic!("{status}: {other:?}"),
            }
        }
    }
}

#[test]
fn what_may_still_turn_out_otherwise_is_not_final() {
    let no = Rejection {
        code: 110_007,
        message: "not enough".to_owned(),
        target_final: false,
        passing: false,
    };
    let later = Rejection {
        passing: true,
        ..no.clone()
    };
    assert!(!Fate::Rejected(later).is_final());
    assert!(found(shown()).is_final() && Fate::Rejected(no).is_final());
    for open in [Fate::NotSent, Fate::Unknown] {
        assert!(!open("why".to_owned()).is_final());
    }
    let refused = Refused::outside(Refusal::deny(Limit::HaltFlag, "why"));
    assert!(!Fate::Withdrawn(refused).is_final());
}
