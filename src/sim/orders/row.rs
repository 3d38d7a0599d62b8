//! An order as lists and streams show it.

use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use super::order::{Order, StopKind};
use super::settle;
use crate::sim::call::text;
use crate::sim::instruments::{Category, Instrument};

/// The row of one order.
pub(crate) fn order_row(order: &Order, one: &Instrument) -> Value {
    let mut row = Map::new();
    for part in [asked(order, one), conditions(order), done(order, one)] {
        if let Value::Object(fields) = part {
            row.extend(fields);
        }
    }
    Value::Object(row)
}

/// The row that lists show at `now`: for a while the one before a change, as long as the order is open.
pub(crate) fn shown_row(order: &Order, one: &Instrument, now: i64) -> Value {
    let stale = order.stale.as_ref().filter(|_| order.is_open());
    match stale.filter(|stale| now < stale.until) {
        Some(stale) => stale.row.clone(),
        None => order_row(order, one),
    }
}

fn price_or_blank(price: Decimal) -> String {
    if price.is_zero() {
        String::new()
    } else {
        text(price)
    }
}

fn or<'a>(given: &'a str, otherwise: &'a str) -> &'a str {
    if given.is_empty() { otherwise } else { given }
}

/// What the order asked for.
fn asked(order: &Order, one: &Instrument) -> Value {
    let leverage = match one.category.is_derivative() {
        true => "",
        false => or(order.extra("isLeverage"), "0"),
    };
    json!({
        "orderId": order.id, "orderLinkId": order.link, "parentOrderLinkId": order.stop.parent_link,
        "blockTradeId": "", "symbol": order.symbol, "price": text(order.price), "qty": text(order.qty),
        "side": order.side.word(), "isLeverage": leverage, "positionIdx": order.position_idx,
        "timeInForce": order.force.word(), "orderType": if order.market { "Market" } else { "Limit" },
        "orderIv": order.extra("orderIv"), "marketUnit": order.extra("marketUnit"),
        "slippageToleranceType": or(order.extra("slippageToleranceType"), "UNKNOWN"),
        "slippageTolerance": or(order.extra("slippageTolerance"), "0"),
        "reduceOnly": order.reduce_only, "closeOnTrigger": order.close_on_trigger, "placeType": "",
        "smpType": or(order.extra("smpType"), "None"), "smpGroup": 0, "smpOrderId": "",
        "rpiTakerAccess": order.extra("rpiTakerAccess") == "true", "rpiMatchedQty": "",
    })
}

/// What it waits for, and what is to protect it.
fn conditions(order: &Order) -> Value {
    let waits = !order.trigger.is_zero() || order.stop.kind == StopKind::TrailingStop;
    let derivative = order.category != Category::Spot.word();
    let trigger_by = match order.extra("triggerBy") {
        "" if waits && derivative => "LastPrice",
        kind => kind,
    };
    let oco = match order.stop.kind {
        _ if order.stop.pair.is_empty() || order.is_waiting() => "",
        StopKind::SpotTakeProfit => "OcoTriggerByTp",
        StopKind::SpotStopLoss => "OcoTriggerBySl",
        _ => "",
    };
    json!({
        "stopOrderType": order.stop_type(), "triggerPrice": price_or_blank(order.trigger),
        "triggerDirection": order.direction, "triggerBy": trigger_by,
        "takeProfit": order.extra("takeProfit"), "stopLoss": order.extra("stopLoss"),
        "tpslMode": order.extra("tpslMode"), "tpLimitPrice": order.extra("tpLimitPrice"),
        "slLimitPrice": order.extra("slLimitPrice"), "tpTriggerBy": order.extra("tpTriggerBy"),
        "slTriggerBy": order.extra("slTriggerBy"), "ocoTriggerBy": oco,
    })
}

/// What has become of it.
fn done(order: &Order, one: &Instrument) -> Value {
    let average = match order.filled.is_zero() {
        true => String::new(),
        false => text(one.average(order.filled, order.filled_value)),
    };
    let leaves = order.leaves();
    let leaves_value = match (order.in_quote, order.market && one.category == Category::Spot) {
        (true, _) => order.rest(),
        (false, true) => Decimal::ZERO,
        (false, false) => one.value(leaves, order.price),
    };
    let fees: Map<String, Value> = match order.fee.is_zero() {
        true => Map::new(),
        false => [(
            settle::fee_coin(one, order.side).to_owned(),
            text(order.fee).into(),
        )]
        .into_iter()
        .collect(),
    };
    let last = text(order.seen);
    let derivative = one.category.is_derivative();
    json!({
        "orderStatus": order.status.word(), "createType": order.create_type(), "cancelType": order.cancel,
        "rejectReason": order.reject, "avgPrice": average,
        "leavesQty": text(if order.in_quote { Decimal::ZERO } else { leaves }),
        "leavesValue": text(one.shown(leaves_value)), "cumExecQty": text(order.filled),
        "cumExecValue": text(one.shown(order.filled_value)), "cumExecFee": text(order.fee), "cumFeeDetail": fees,
        "lastPriceOnCreated": if derivative { last.clone() } else { String::new() },
        "basePrice": if derivative { String::new() } else { last },
        "createdTime": order.created.to_string(), "updatedTime": order.updated.to_string(), "extraFees": "",
    })
}
