//! `position/closed-pnl`: what each closing order earned, net of the fees of opening and closing.

use rusqlite::{OptionalExtension, params};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::position::Closed;
use super::replies;
use crate::sim::call::{Answer, Call, Desk, Refusal, page, text};
use crate::sim::instruments::Instrument;
use crate::sim::orders::records::Query;
use crate::sim::orders::settle;
use crate::sim::orders::{Order, exact};

/// Its part of the schema.
pub(crate) const TABLES: &str = "
CREATE TABLE closed_pnl (seq INTEGER PRIMARY KEY AUTOINCREMENT, order_id TEXT NOT NULL UNIQUE,
    category TEXT NOT NULL, symbol TEXT NOT NULL, created INTEGER NOT NULL, data TEXT NOT NULL);
";

/// One closing order so far.
#[derive(Debug, Serialize, Deserialize)]
struct Row {
    symbol: String,
    order_id: String,
    side: String,
    qty: String,
    order_price: String,
    order_type: String,
    exec_type: String,
    leverage: String,
    created: i64,
    updated: i64,
    fills: i64,
    #[serde(with = "exact")]
    closed: Decimal,
    #[serde(with = "exact")]
    entry: Decimal,
    #[serde(with = "exact")]
    exit: Decimal,
    #[serde(with = "exact")]
    profit: Decimal,
    #[serde(with = "exact")]
    open_fee: Decimal,
    #[serde(with = "exact")]
    close_fee: Decimal,
}

impl Row {
    fn new(order: &Order, leverage: Decimal, now: i64) -> Self {
        Self {
            symbol: order.symbol.clone(),
            order_id: order.id.clone(),
            side: order.side.word().to_owned(),
            qty: text(order.qty),
            order_price: text(order.price),
            order_type: if order.market { "Market" } else { "Limit" }.to_owned(),
            exec_type: settle::exec_type(order).to_owned(),
            leverage: text(leverage),
            created: now,
            updated: now,
            fills: 0,
            closed: Decimal::ZERO,
            entry: Decimal::ZERO,
            exit: Decimal::ZERO,
            profit: Decimal::ZERO,
            open_fee: Decimal::ZERO,
            close_fee: Decimal::ZERO,
        }
    }

    fn shown(&self, one: &Instrument) -> Value {
        json!({
            "symbol": self.symbol, "orderId": self.order_id, "side": self.side, "qty": self.qty,
            "orderPrice": self.order_price, "orderType": self.order_type, "execType": self.exec_type,
            "closedSize": text(self.closed), "cumEntryValue": text(self.entry),
            "avgEntryPrice": text(one.average(self.closed, self.entry)), "cumExitValue": text(self.exit),
            "avgExitPrice": text(one.average(self.closed, self.exit)),
            "closedPnl": text(self.profit - self.open_fee - self.close_fee), "fillCount": self.fills.to_string(),
            "leverage": self.leverage, "openFee": text(self.open_fee), "closeFee": text(self.close_fee),
            "createdTime": self.created.to_string(), "updatedTime": self.updated.to_string(),
        })
    }
}

/// Adds what a fill of `order` closed.
pub(crate) fn note(
    desk: &Desk<'_>,
    one: &Instrument,
    order: &Order,
    closed: &Closed,
    leverage: Decimal,
) -> Result<(), Refusal> {
    if closed.qty.is_zero() {
        return Ok(());
    }
    let known = desk
        .books
        .reading("SELECT data FROM closed_pnl WHERE order_id = ?1")?
        .query_row([&order.id], |row| row.get::<_, String>(0))
        .optional()?;
    let mut row = match &known {
        Some(data) => serde_json::from_str(data)?,
        None => Row::new(order, leverage, desk.now),
    };
    row.fills += 1;
    row.updated = desk.now;
    row.closed += closed.qty;
    row.entry += closed.entry;
    row.exit += closed.exit;
    row.profit += closed.profit;
    row.open_fee += closed.open_fee;
    row.close_fee += closed.close_fee;
    let data = serde_json::to_string(&row)?;
    if known.is_some() {
        desk.books
            .writing("UPDATE closed_pnl SET data = ?2 WHERE order_id = ?1")?
            .execute(params![order.id, data])?;
        return Ok(());
    }
    desk.books
        .writing(
            "INSERT INTO closed_pnl (order_id, category, symbol, created, data) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![order.id, one.category.word(), one.symbol, desk.now, data])?;
    Ok(())
}

/// Closing orders, newest first.
pub(crate) fn list(call: &Call<'_>) -> Answer {
    let params = &call.params;
    let category = params.category()?;
    if params.get("symbol").is_some() {
        replies::contract(params)?;
    }
    let (start, end) = params.time_span(call.desk.now)?;
    let query = Query::over("closed_pnl")
        .and("category = ?", category.word().to_owned())
        .and_some("symbol = ?", params.get("symbol"))
        .and("created >= ?", start)
        .and("created <= ?", end);
    let (rows, next) = query.page(call.desk.books, params.limit(50, 100)?, params.cursor()?)?;
    let mut list = Vec::new();
    for data in rows {
        let row: Row = serde_json::from_str(&data)?;
        if let Some(one) = crate::sim::instruments::find(category, &row.symbol) {
            list.push(row.shown(one));
        }
    }
    Ok(page(category, list, next))
}
