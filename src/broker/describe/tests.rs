//! The order that an amend may leave, at its largest.

use serde_json::json;

use super::*;
use crate::domain::money::{Price, Qty};
use crate::domain::order::OrderKey;
use crate::domain::rows;

/// Two SOL at 140 that start at 150, half of one filled.
fn resting() -> RestingOrder {
    let row = json!({"category": "linear", "symbol": "SOLUSDT", "side": "Buy", "leavesQty": "1.5", "qty": "2",
                     "cumExecQty": "0.5", "price": "140", "triggerPrice": "150", "reduceOnly": false, "positionIdx": 0,
                     "orderLinkId": "mine-1", "orderId": "v-1"});
    rows::resting(&Json::parse(&row.to_string()).unwrap()).unwrap()
}

fn amend(qty: Option<&str>, price: Option<&str>, trigger: Option<&str>) -> AmendOrder {
    AmendOrder {
        instrument: resting().instrument,
        key: OrderKey::Venue("v-1".to_owned()),
        new_qty: qty.map(|text| Qty::parse(text).unwrap()),
        price: price.map(|text| Price::parse(text).unwrap()),
        trigger_price: trigger.map(|text| Price::parse(text).unwrap()),
        take_profit: None,
        stop_loss: None,
    }
}

/// The new quantity is the whole order, so what was filled of it no longer rests.
#[test]
fn an_amended_order_has_the_new_figures_and_keeps_the_others() {
    let price = |text: &str| Some(Price::parse(text).unwrap());
    let all = amended_view(&amend(Some("3"), Some("141"), Some("151")), &resting()).unwrap();
    assert_eq!(all.leaves.to_string(), "2.5");
    assert_eq!(all.qty, Some(Qty::parse("3").unwrap()));
    assert_eq!((all.price, all.trigger_price), (price("141"), price("151")));
    assert_eq!(
        (all.client_id, all.venue_id),
        (resting().client_id, resting().venue_id)
    );

    let one = amended_view(&amend(None, Some("141"), None), &resting()).unwrap();
    assert_eq!((one.leaves, one.qty), (resting().leaves, resting().qty));
    assert_eq!((one.price, one.trigger_price), (price("141"), price("150")));
}

#[test]
fn an_amend_of_an_order_of_no_known_size_leaves_none_that_is_known() {
    let mut unknown = resting();
    unknown.qty = None;
    assert_eq!(amended_view(&amend(None, Some("141"), None), &unknown), None);
    assert!(amended_view(&amend(Some("3"), None, None), &unknown).is_some());
}

#[test]
fn numbers_keep_the_digits_they_were_written_with() {
    let text =
        r#"{"whole": 6, "price": 140.50, "list": [1.10, null, true, "x"], "large": 123456789012345678901}"#;
    let value = exact_value(&Json::parse(text).unwrap());
    let exact = json!({"whole": 6, "price": "140.50", "list": ["1.10", null, true, "x"], "large": "123456789012345678901"});
    assert_eq!(value, exact);
}
