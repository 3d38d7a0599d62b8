//! Reading orders and executions: `order/realtime`, `order/history`, `execution/list`.

use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use super::call::{Answer, Call, Params, Refusal, page, text};
use super::instruments::{Category, Instrument};
use super::order::Order;
use super::order_store::Query;
use super::settle;

/// Open orders, or the order of an id whatever its state; `openOnly=1` shows what closed recently.
pub(crate) fn realtime(call: &Call<'_>) -> Answer {
    let params = &call.params;
    let category = params.category()?;
    let scoped = ["symbol", "baseCoin", "settleCoin"]
        .iter()
        .any(|name| params.get(name).is_some());
    if category == Category::Linear && !scoped {
        return Err(Refusal::params("symbol, baseCoin or settleCoin is required"));
    }
    let closed = match params.integer("openOnly")? {
        None | Some(0 | 2) => false,
        Some(1) => true,
        Some(_) => return Err(Refusal::params("openOnly invalid")),
    };
    let mut query = orders(call, category);
    if params.get("orderId").is_none() && params.get("orderLinkId").is_none() {
        query = query.and("open = ?", i64::from(!closed));
    }
    answer_orders(call, category, query)
}

/// Orders that have ended.
pub(crate) fn history(call: &Call<'_>) -> Answer {
    let params = &call.params;
    let category = params.category()?;
    let mut query = orders(call, category).and("open = ?", 0_i64);
    if params.get("orderId").is_none() && params.get("orderLinkId").is_none() {
        let (start, end) = params.time_span(call.desk.now)?;
        query = query.and("created >= ?", start).and("created <= ?", end);
    }
    answer_orders(
        call,
        category,
        query.and_some("status = ?", params.get("orderStatus")),
    )
}

fn orders(call: &Call<'_>, category: Category) -> Query {
    let query = scope(&call.params, Query::over("orders"), category, "id = ?");
    query
        .and("visible <= ?", call.desk.now)
        .and_some("filter = ?", call.params.get("orderFilter"))
}

/// The conditions that orders and executions share. An id wins over a client id.
fn scope(params: &Params, query: Query, category: Category, by_id: &str) -> Query {
    let query = query
        .and("category = ?", category.word().to_owned())
        .and_some("symbol = ?", params.get("symbol"))
        .and_some("base = ?", params.get("baseCoin"))
        .and_some("settle = ?", params.get("settleCoin"));
    match params.get("orderId") {
        Some(id) => query.and(by_id, id.to_owned()),
        None => query.and_some("link <> '' AND link = ?", params.get("orderLinkId")),
    }
}

fn answer_orders(call: &Call<'_>, category: Category, query: Query) -> Answer {
    let (rows, next) = query.page(call.desk.books, call.params.limit(20, 50)?, call.params.cursor()?)?;
    let mut list = Vec::new();
    for data in rows {
        let order: Order = serde_json::from_str(&data)?;
        let one = order.instrument()?;
        list.push(order_row(&order, one));
    }
    Ok(page(category, list, next))
}

/// Own fills, newest first. With an id no other filter counts.
pub(crate) fn executions(call: &Call<'_>) -> Answer {
    let params = &call.params;
    let category = params.category()?;
    let by_id = params.get("orderId").is_some() || params.get("orderLinkId").is_some();
    let mut query = scope(params, Query::over("executions"), category, "order_id = ?");
    if !by_id {
        let (start, end) = params.time_span(call.desk.now)?;
        query = query.and("created >= ?", start).and("created <= ?", end);
    }
    query = query
        .and("visible <= ?", call.desk.now)
        .and_some("json_extract(data, '$.execType') = ?", params.get("execType"));
    let (rows, next) = query.page(call.desk.books, params.limit(50, 100)?, params.cursor()?)?;
    let list = rows
        .iter()
        .map(|data| serde_json::from_str(data))
        .collect::<Result<Vec<Value>, _>>()?;
    Ok(page(category, list, next))
}

/// An order as lists show it.
fn order_row(order: &Order, one: &Instrument) -> Value {
    let mut row = Map::new();
    if let Value::Object(fields) = asked(order, one) {
        row.extend(fields);
    }
    if let Value::Object(fields) = done(order, one) {
        row.extend(fields);
    }
    Value::Object(row)
}

/// What the order asked for.
fn asked(order: &Order, one: &Instrument) -> Value {
    let derivative = one.category.is_derivative();
    let price_or_blank = |price: Decimal| {
        if price.is_zero() {
            String::new()
        } else {
            text(price)
        }
    };
    json!({
        "orderId": order.id, "orderLinkId": order.link, "parentOrderLinkId": "", "blockTradeId": "",
        "symbol": order.symbol, "price": text(order.price), "qty": text(order.qty), "side": order.side.word(),
        "isLeverage": if derivative { "" } else { "0" }, "positionIdx": order.position_idx,
        "timeInForce": order.force.word(), "orderType": if order.market { "Market" } else { "Limit" },
        "stopOrderType": settle::stop_type(order), "orderIv": "", "marketUnit": order.extra("marketUnit"),
        "slippageToleranceType": "UNKNOWN", "slippageTolerance": "0",
        "triggerPrice": price_or_blank(order.trigger), "triggerDirection": order.direction,
        "triggerBy": order.extra("triggerBy"), "takeProfit": order.extra("takeProfit"),
        "stopLoss": order.extra("stopLoss"), "tpslMode": order.extra("tpslMode"),
        "tpLimitPrice": order.extra("tpLimitPrice"), "slLimitPrice": order.extra("slLimitPrice"),
        "tpTriggerBy": order.extra("tpTriggerBy"), "slTriggerBy": order.extra("slTriggerBy"), "ocoTriggerBy": "",
        "reduceOnly": order.reduce_only, "closeOnTrigger": false, "placeType": "", "smpType": "None",
        "smpGroup": 0, "smpOrderId": "",
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
    json!({
        "orderStatus": order.status.word(), "createType": "CreateByUser", "cancelType": order.cancel,
        "rejectReason": order.reject, "avgPrice": average,
        "leavesQty": text(if order.in_quote { Decimal::ZERO } else { leaves }),
        "leavesValue": text(one.shown(leaves_value)), "cumExecQty": text(order.filled),
        "cumExecValue": text(one.shown(order.filled_value)), "cumExecFee": text(order.fee), "cumFeeDetail": fees,
        "lastPriceOnCreated": if one.category.is_derivative() { last.clone() } else { String::new() },
        "basePrice": if one.category.is_derivative() { String::new() } else { last },
        "createdTime": order.created.to_string(), "updatedTime": order.updated.to_string(), "extraFees": "",
        "rpiTakerAccess": false, "rpiMatchedQty": "",
    })
}
