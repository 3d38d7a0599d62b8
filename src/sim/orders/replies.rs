//! Reading orders and executions: `order/realtime`, `order/history`, `execution/list`.

use serde_json::Value;

use super::changes::check_filter;
use super::order::Order;
use super::records::{self, Query};
use super::row::shown_row;
use crate::sim::call::{Answer, Call, Params, Refusal, page};
use crate::sim::instruments::Category;

/// How long `order/history` shows what ended without a fill.
const UNFILLED_SHOWN_MS: i64 = 86_400_000;
const STATUSES: [&str; 11] = [
    "Created",
    "New",
    "PartiallyFilled",
    "Untriggered",
    "Triggered",
    "Active",
    "Filled",
    "Cancelled",
    "PartiallyFilledCanceled",
    "Rejected",
    "Deactivated",
];
const EXEC_TYPES: [&str; 12] = [
    "Trade",
    "AdlTrade",
    "Funding",
    "BustTrade",
    "Delivery",
    "Settle",
    "BlockTrade",
    "MovePosition",
    "FutureSpread",
    "SessionSettlePnl",
    "CorporateAction",
    "UNKNOWN",
];

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
    let mut query = orders(call, category)?.and(
        "(open = 1 OR json_extract(data, '$.updated') >= ?)",
        records::forgotten_before(call.desk.books)?,
    );
    if !by_id(params) && closed {
        // The latest of the category, whatever is asked of them.
        query = query.and("open = ?", 0_i64).and(
            "seq IN (SELECT seq FROM orders WHERE open = 0 AND category = ? ORDER BY seq DESC LIMIT 500)",
            category.word().to_owned(),
        );
    } else if !by_id(params) {
        query = query.and("open = ?", 1_i64);
    }
    answer_orders(call, category, query)
}

/// Orders that have ended.
pub(crate) fn history(call: &Call<'_>) -> Answer {
    let params = &call.params;
    let category = params.category()?;
    let status = params.get("orderStatus");
    if status.is_some_and(|status| !STATUSES.contains(&status)) {
        return Err(Refusal::params("orderStatus invalid"));
    }
    // What ended without a fill is shown for a day.
    let mut query = orders(call, category)?.and("open = ?", 0_i64).and(
        "(status NOT IN ('Cancelled', 'Rejected', 'Deactivated') OR json_extract(data, '$.filled') <> '0'
          OR json_extract(data, '$.updated') > ?)",
        call.desk.now - UNFILLED_SHOWN_MS,
    );
    if !by_id(params) {
        let (start, end) = params.time_span(call.desk.now)?;
        query = query.and("created >= ?", start).and("created <= ?", end);
    }
    answer_orders(call, category, query.and_some("status = ?", status))
}

fn by_id(params: &Params) -> bool {
    params.get("orderId").is_some() || params.get("orderLinkId").is_some()
}

fn orders(call: &Call<'_>, category: Category) -> Result<Query, Refusal> {
    check_filter(&call.params)?;
    let query = scope(&call.params, Query::over("orders"), category, "id = ?");
    Ok(query
        .and("visible <= ?", call.desk.now)
        .and_some("filter = ?", call.params.get("orderFilter")))
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
        list.push(shown_row(&order, one, call.desk.now));
    }
    Ok(page(category, list, next))
}

/// Own fills, newest first. With an id no other filter counts.
pub(crate) fn executions(call: &Call<'_>) -> Answer {
    let params = &call.params;
    let category = params.category()?;
    let kind = params.get("execType");
    if kind.is_some_and(|kind| !EXEC_TYPES.contains(&kind)) {
        return Err(Refusal::params("execType invalid"));
    }
    let mut query = scope(params, Query::over("executions"), category, "order_id = ?");
    if !by_id(params) {
        let (start, end) = params.time_span(call.desk.now)?;
        query = query
            .and("created >= ?", start)
            .and("created <= ?", end)
            .and_some("json_extract(data, '$.execType') = ?", kind);
    }
    query = query.and("visible <= ?", call.desk.now);
    let (rows, next) = query.page(call.desk.books, params.limit(50, 100)?, params.cursor()?)?;
    let list = rows
        .iter()
        .map(|data| serde_json::from_str(data))
        .collect::<Result<Vec<Value>, _>>()?;
    Ok(page(category, list, next))
}
