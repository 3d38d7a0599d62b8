//! Rows of orders and positions, field by field.

use super::super::parse::{Rows, position};
use super::super::{orders, wire};
use super::*;
use crate::domain::account::{OrderView, SizeUnit};
use crate::domain::json::Json;
use crate::domain::order::{TimeInForce, Trigger};
use crate::domain::symbol::Category;

/// A resting linear limit order with some members changed; a value of `null` takes the member out.
fn order(category: Category, changes: serde_json::Value) -> Result<OrderView, String> {
    let mut row = serde_json::json!({
        "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "orderStatus": "New", "qty": "3",
        "leavesQty": "2", "leavesValue": "20", "cumExecQty": "1", "cumExecValue": "10", "price": "10",
        "triggerPrice": "0.00", "stopOrderType": "UNKNOWN", "positionIdx": 0, "reduceOnly": false,
        "closeOnTrigger": false, "orderId": "1", "orderLinkId": "", "rejectReason": "EC_NoError",
        "avgPrice": null, "marketUnit": "",
    });
    for (name, value) in changes.as_object().unwrap() {
        row[name] = value.clone();
    }
    let text = row.to_string();
    let json = Json::parse(&text).unwrap();
    orders::order(&json.row("order").unwrap(), category).map_err(|error| error.to_string())
}

macro_rules! changed {
    ($category:ident $($changes:tt)*) => {
        order(Category::$category, serde_json::json!({ $($changes)* }))
    };
}

#[test]
fn what_may_reduce_only_is_known_by_three_signs_and_never_on_spot() {
    assert!(!changed!(Linear).unwrap().order.reduce_only);
    assert!(changed!(Linear "reduceOnly": true).unwrap().order.reduce_only);
    assert!(
        changed!(Inverse "closeOnTrigger": true)
            .unwrap()
            .order
            .reduce_only
    );
    for child in [
        "TakeProfit",
        "StopLoss",
        "TrailingStop",
        "PartialTakeProfit",
        "PartialStopLoss",
    ] {
        assert!(
            changed!(Linear "stopOrderType": child).unwrap().order.reduce_only,
            "{child}"
        );
        assert!(
            !changed!(Spot "stopOrderType": child, "reduceOnly": true)
                .unwrap()
                .order
                .reduce_only
        );
    }
    assert!(
        !changed!(Linear "stopOrderType": "Stop")
            .unwrap()
            .order
            .reduce_only
    );
}

#[test]
fn only_a_spot_order_that_says_so_cannot_borrow() {
    let cannot = |category, lever: serde_json::Value| {
        let changes = serde_json::json!({"isLeverage": lever, "positionIdx": 0});
        order(category, changes).unwrap().order.cannot_borrow
    };
    assert!(cannot(Category::Spot, "0".into()));
    for said in ["1".into(), "".into(), serde_json::Value::Null] {
        assert!(!cannot(Category::Spot, said));
    }
    assert!(!cannot(Category::Linear, "0".into()));
}

#[test]
fn a_market_order_has_no_limit_and_a_zero_trigger_is_none() {
    let view = changed!(Linear "orderType": "Market").unwrap();
    assert_eq!((view.order.price, view.order.trigger_price), (None, None));
    let view = changed!(Linear "price": "0", "triggerPrice": "48000.00").unwrap();
    assert_eq!(
        (view.order.price, view.order.trigger_price),
        (None, Some(price("48000")))
    );
}

#[test]
fn the_unit_follows_category_side_and_market_unit() {
    let unit = |view: Result<OrderView, String>| view.unwrap().order.unit;
    assert_eq!(unit(changed!(Linear)), SizeUnit::Base);
    assert_eq!(unit(changed!(Inverse)), SizeUnit::UsdContracts);
    assert_eq!(unit(changed!(Spot)), SizeUnit::Base);
    assert_eq!(unit(changed!(Spot "orderType": "Market")), SizeUnit::Quote);
    assert_eq!(
        unit(changed!(Spot "orderType": "Market", "side": "Sell")),
        SizeUnit::Base
    );
    assert_eq!(
        unit(changed!(Spot "orderType": "Market", "marketUnit": "baseCoin")),
        SizeUnit::Base
    );
    assert_eq!(
        unit(changed!(Spot "orderType": "Market", "side": "Sell", "marketUnit": "quoteCoin")),
        SizeUnit::Quote
    );
}

#[test]
fn a_market_buy_on_spot_is_counted_in_money() {
    let view = changed!(Spot "orderType": "Market", "qty": "100", "cumExecValue": "30", "leavesValue": "65")
        .unwrap();
    assert_eq!(view.order.filled, "30".parse().unwrap());
    assert_eq!(view.order.leaves, "70".parse().unwrap());
}

#[test]
fn what_can_still_fill_is_the_larger_of_said_and_computed() {
    assert_eq!(
        changed!(Linear "leavesQty": "0").unwrap().order.leaves,
        "2".parse().unwrap()
    );
    assert_eq!(
        changed!(Linear "leavesQty": "2.5").unwrap().order.leaves,
        "2.5".parse().unwrap()
    );
    assert_eq!(
        changed!(Linear "qty": "").unwrap().order.leaves,
        "2".parse().unwrap()
    );
    let error = changed!(Linear "qty": "", "leavesQty": "").unwrap_err();
    assert!(error.contains("`leavesQty`"), "{error}");
}

#[test]
fn a_done_order_can_fill_no_more_and_must_say_what_it_filled() {
    let view = changed!(Linear "orderStatus": "Cancelled", "leavesQty": "2").unwrap();
    assert_eq!(view.order.leaves, "0".parse().unwrap());
    assert!(!changed!(Linear "orderStatus": "Rejected").unwrap().is_rejected());
    let rejected =
        changed!(Linear "orderStatus": "Rejected", "cumExecQty": "0.00", "rejectReason": "EC_X").unwrap();
    assert!(rejected.is_rejected());
    assert_eq!(rejected.reject_reason.as_deref(), Some("EC_X"));
    assert!(changed!(Linear "orderStatus": "Rejected", "cumExecQty": "").is_err());
    assert!(
        changed!(Linear "orderStatus": "Untriggered", "cumExecQty": "")
            .unwrap()
            .is_open()
    );
    assert!(changed!(Linear "orderStatus": "SomethingNew").unwrap().is_open());
}

#[test]
fn a_row_that_is_not_understood_is_an_error_that_names_the_field() {
    for (field, value) in [
        ("side", "Both"),
        ("side", ""),
        ("positionIdx", "3"),
        ("positionIdx", ""),
        ("orderType", "Iceberg"),
        ("orderStatus", ""),
        ("leavesQty", "-1"),
        ("cumExecQty", "one"),
        ("price", "NaN"),
        ("symbol", "btc usdt"),
        ("symbol", "btcusdt"),
        ("reduceOnly", "yes"),
    ] {
        let error = order(Category::Linear, serde_json::json!({ field: value })).unwrap_err();
        assert!(error.contains(&format!("`{field}`")), "{field}={value}: {error}");
    }
    let error = changed!(Spot "orderType": "Market", "marketUnit": "moonCoin").unwrap_err();
    assert!(error.contains("`marketUnit`"), "{error}");
}

#[test]
fn a_position_is_understood_flat_or_an_error() {
    let read = |row: &str| {
        let json = Json::parse(row).unwrap();
        let parsed = position(&json.row("position").unwrap(), Category::Linear);
        parsed
            .map(|position| position.is_some())
            .map_err(|error| error.to_string())
    };
    assert_eq!(
        read(r#"{"symbol":"X1USDT","side":"","size":"0","positionIdx":0}"#),
        Ok(false)
    );
    assert_eq!(
        read(r#"{"symbol":"X1USDT","side":"","size":"0.00","positionIdx":1}"#),
        Ok(false)
    );
    assert_eq!(
        read(r#"{"symbol":"X1USDT","side":"Buy","size":"2","positionIdx":1,"markPrice":""}"#),
        Ok(true)
    );
    for (row, field) in [
        (
            r#"{"symbol":"X1USDT","side":"","size":"2","positionIdx":0}"#,
            "side",
        ),
        (
            r#"{"symbol":"X1USDT","side":"None","size":"2","positionIdx":0}"#,
            "side",
        ),
        (
            r#"{"symbol":"X1USDT","side":"Buy","size":"-2","positionIdx":0}"#,
            "size",
        ),
        (
            r#"{"symbol":"X1USDT","side":"Buy","size":"","positionIdx":0}"#,
            "size",
        ),
        (r#"{"symbol":"X1USDT","side":"Buy","size":"2"}"#, "positionIdx"),
        (
            r#"{"symbol":"X1USDT","side":"Buy","size":"2","positionIdx":7}"#,
            "positionIdx",
        ),
        (r#"{"side":"Buy","size":"2","positionIdx":0}"#, "symbol"),
    ] {
        let error = read(row).unwrap_err();
        assert!(error.contains(&format!("`{field}`")), "{row}: {error}");
    }
}

fn body(order: &PlaceOrder) -> String {
    wire::create(order, &client_id()).unwrap().body
}

#[test]
fn spot_orders_never_borrow_and_say_their_unit() {
    let mut order = limit_buy();
    order.instrument = id("spot:BTCUSDT");
    order.kind = OrderKind::Market;
    order.size = Size::Quote(qty("200.50"));
    assert_eq!(
        body(&order),
        r#"{"category":"spot","symbol":"BTCUSDT","side":"Buy","orderType":"Market","qty":"200.5","marketUnit":"quoteCoin","isLeverage":0,"orderLinkId":"mandated-0001"}"#
    );
    order.size = Size::Base(qty("0.01"));
    order.trigger = Some(Trigger {
        price: price("70000"),
        direction: Some(1),
    });
    assert_eq!(
        body(&order),
        r#"{"category":"spot","symbol":"BTCUSDT","side":"Buy","orderType":"Market","qty":"0.01","marketUnit":"baseCoin","isLeverage":0,"orderFilter":"StopOrder","triggerPrice":"70000","orderLinkId":"mandated-0001"}"#
    );
}

#[test]
fn a_conditional_reduce_only_hedge_order_says_all_of_it() {
    let mut order = limit_buy();
    order.side = Side::Sell;
    order.reduce_only = true;
    order.position_idx = PositionIdx::HedgeLong;
    order.time_in_force = Some(TimeInForce::PostOnly);
    order.trigger = Some(Trigger {
        price: price("60000"),
        direction: Some(2),
    });
    assert_eq!(
        body(&order),
        r#"{"category":"linear","symbol":"BTCUSDT","side":"Sell","orderType":"Limit","qty":"0.01","price":"65000.5","timeInForce":"PostOnly","triggerPrice":"60000","triggerDirection":2,"positionIdx":1,"reduceOnly":true,"orderLinkId":"mandated-0001"}"#
    );
}

#[test]
fn attached_protection_covers_the_whole_position_unless_it_says_otherwise() {
    let mut order = limit_buy();
    order.kind = OrderKind::Market;
    order.take_profit = Some(price("70000"));
    order.stop_loss = Some(price("60000.5"));
    assert_eq!(
        body(&order),
        r#"{"category":"linear","symbol":"BTCUSDT","side":"Buy","orderType":"Market","qty":"0.01","positionIdx":0,"takeProfit":"70000","stopLoss":"60000.5","tpslMode":"Full","orderLinkId":"mandated-0001"}"#
    );
}
