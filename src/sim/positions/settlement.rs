//! Funding: what longs and shorts pay each other at the funding times of a contract.

use rust_decimal::Decimal;
use serde_json::json;

use super::liquidation;
use super::position::Position;
use crate::sim::account::journal::{self, Cause, Entry, Kind};
use crate::sim::call::{Desk, Refusal, text};
use crate::sim::instruments::{self, Category, Instrument};
use crate::sim::market::funding;
use crate::sim::orders::Side;
use crate::sim::orders::records::{self, Filed};
use crate::sim::store;
use crate::sim::store::ids;

/// No contract settles more often than on whole hours.
const GRID_MS: i64 = 3_600_000;

/// Settles what is due at this whole minute; says whether anything was.
pub(crate) fn at_minute(moment: &Desk<'_>) -> Result<bool, Refusal> {
    let mut paid = false;
    for held in store::positions(moment.books)? {
        if let Some(one) = contract_of(&held).filter(|one| held.is_open() && is_due(one, moment.now)) {
            pay(moment, one, (*held).clone())?;
            paid = true;
        }
    }
    Ok(paid)
}

/// Whether a position that is held settles at a minute.
pub(crate) fn is_due_at(desk: &Desk<'_>, minute: i64) -> Result<bool, Refusal> {
    if minute.rem_euclid(GRID_MS) != 0 {
        return Ok(false);
    }
    let due = |held: &std::sync::Arc<Position>| {
        held.is_open() && contract_of(held).is_some_and(|one| is_due(one, minute))
    };
    desk.books.read(|tables| tables.positions.values().any(due))
}

fn contract_of(held: &Position) -> Option<&'static Instrument> {
    Category::parse(&held.category).and_then(|found| instruments::find(found, &held.symbol))
}

/// Whether an instrument settles funding at `time`.
fn is_due(one: &Instrument, time: i64) -> bool {
    !funding::funding_times(one, time - 1, time).is_empty()
}

/// A positive rate is paid by longs, on the position's value at mark.
fn pay(moment: &Desk<'_>, one: &'static Instrument, mut held: Position) -> Result<(), Refusal> {
    let rate = funding::funding_rate(moment.market.seed, one, moment.now);
    let rate = match held.side {
        Side::Buy => rate,
        Side::Sell => -rate,
    };
    let mark = moment.mark(one)?;
    let value = one.value(held.size, mark);
    let paid = (value * rate).round_dp(8);
    let (order, exec) = (ids::next(moment, one)?, ids::next(moment, one)?);
    held.earn(-paid, moment.now);
    store::save_position(moment.books, &held)?;
    moment
        .books
        .touch_position(one.category, one.symbol, held.idx, moment.now);
    let entry = Entry {
        funding: -paid,
        realised: -paid,
        ..Entry::cash(
            Kind::Settlement,
            one.settle,
            Decimal::ZERO,
            Cause {
                one: Some(one),
                side: held.side.word(),
                qty: held.size,
                size: held.signed(),
                price: mark,
                fee_rate: rate,
                order_id: &order,
                link: "",
                trade_id: &exec,
            },
        )
    };
    journal::book(moment, &entry)?;
    let row = json!({
        "symbol": one.symbol, "orderId": order, "orderLinkId": "", "side": held.side.word(), "orderPrice": "0",
        "orderQty": "0", "leavesQty": "0", "createType": "", "orderType": "UNKNOWN", "stopOrderType": "UNKNOWN",
        "execFee": text(paid), "execFeeV2": "", "execId": exec, "execPrice": text(mark),
        "execQty": text(held.size), "execType": "Funding", "execValue": text(one.shown(value)),
        "execTime": moment.now.to_string(), "feeCurrency": one.settle, "isMaker": false, "feeRate": text(rate),
        "tradeIv": "", "markIv": "", "markPrice": text(mark), "indexPrice": "", "underlyingPrice": "",
        "blockTradeId": "", "closedSize": "0", "execPnl": "0", "seq": moment.now, "extraFees": "",
        "marketUnit": "",
    });
    // Executions are filed under an order; this one exists nowhere else.
    let order = liquidation::system_order(moment, one, &held, order);
    let filed = Filed {
        order: &order,
        instrument: one,
        time: moment.now,
    };
    records::insert_execution(moment.books, &filed, &row)
}
