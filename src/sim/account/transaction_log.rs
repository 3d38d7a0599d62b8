//! `account/transaction-log`: every movement of money in the unified wallet, newest first.

use serde_json::{Value, json};

use crate::sim::call::{Answer, Call, Params, Refusal, cursor_text};
use crate::sim::orders::records::Query;
use crate::sim::store::Wallet;

const DAY_MS: i64 = 86_400_000;
const LONGEST_MS: i64 = 7 * DAY_MS;

pub(crate) fn list(call: &Call<'_>) -> Answer {
    let params = &call.params;
    if params.get("accountType").is_some_and(|kind| kind != "UNIFIED") {
        return Err(Refusal::params("accountType must be UNIFIED"));
    }
    if params.get("category").is_some() {
        params.category()?;
    }
    let (start, end) = span(params, call.desk.now)?;
    let query = Query::over("journal")
        .and("wallet = ?", Wallet::Unified.word().to_owned())
        .and("time >= ?", start)
        .and("time <= ?", end)
        .and_some("category = ?", params.get("category"))
        .and_some("coin = ?", params.get("currency"))
        .and_some("base = ?", params.get("baseCoin"))
        .and_some("kind = ?", params.get("type"))
        .and_some(
            "json_extract(data, '$.transSubType') = ?",
            params.get("transSubType"),
        );
    let (rows, next) = query.page(call.desk.books, params.limit(20, 50)?, params.cursor()?)?;
    let list = rows
        .iter()
        .map(|data| serde_json::from_str(data))
        .collect::<Result<Vec<Value>, _>>()?;
    Ok(json!({"nextPageCursor": next.map(cursor_text).unwrap_or_default(), "list": list}))
}

/// The last 24 hours, or from a start or to an end alone as many; at most seven days.
fn span(params: &Params, now: i64) -> Result<(i64, i64), Refusal> {
    let (start, end) = match (params.integer("startTime")?, params.integer("endTime")?) {
        (None, None) => (now - DAY_MS, now),
        (Some(start), None) => (start, start.saturating_add(DAY_MS)),
        (None, Some(end)) => (end.saturating_sub(DAY_MS), end),
        (Some(start), Some(end)) => (start, end),
    };
    if end < start || end.saturating_sub(start) > LONGEST_MS {
        return Err(Refusal::params(
            "the span from startTime to endTime must be 0 to 7 days",
        ));
    }
    Ok((start, end))
}
