//! What the account was worth over time: its journal and its fills played again, in the order of the books.
//!
//! A figure is summed as the account itself sums it, so that the last one is the account's own.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::Deserialize;

use crate::sim::call::{Desk, Refusal};
use crate::sim::instruments::{self, Category, Instrument};
use crate::sim::orders::Side;
use crate::sim::positions::Position;
use crate::sim::store::Wallet;
use crate::sim::store::books::Books;

/// So many moments make a curve.
pub(crate) const MOMENTS: i64 = 240;

/// One change of a coin of the unified wallet.
#[derive(Debug)]
pub(crate) struct Change {
    time: i64,
    coin: String,
    amount: Decimal,
}

/// One trade as the account booked it.
#[derive(Debug)]
pub(crate) struct Fill {
    pub(crate) time: i64,
    pub(crate) one: &'static Instrument,
    idx: i64,
    pub(crate) side: Side,
    pub(crate) qty: Decimal,
    pub(crate) price: Decimal,
    pub(crate) fee: Decimal,
    pub(crate) fee_coin: String,
}

/// What of an execution's reply moves a position.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    symbol: String,
    side: Side,
    exec_type: String,
    exec_qty: String,
    exec_price: String,
    exec_fee: String,
    fee_currency: String,
}

/// Positions as they come to be, fill by fill.
#[derive(Debug, Default)]
pub(crate) struct Held(BTreeMap<(Category, &'static str, i64), (&'static Instrument, Position)>);

impl Held {
    /// Books a fill of a derivative; gives the profit, before the fee, that it settled.
    pub(crate) fn fill(&mut self, fill: &Fill) -> Decimal {
        let one = fill.one;
        let key = (one.category, one.symbol, fill.idx);
        let flat = || (one, Position::flat(one, fill.idx));
        let (_, position) = self.0.entry(key).or_insert_with(flat);
        let closed = position.fill(one, fill.side, fill.qty, fill.price, fill.fee, fill.time);
        closed.profit
    }

    /// What is open, with its instrument.
    pub(crate) fn open(&self) -> impl Iterator<Item = (&'static Instrument, &Position)> {
        let all = self.0.values().map(|(one, position)| (*one, position));
        all.filter(|(_, position)| position.is_open())
    }
}

/// Every change of the unified wallet, oldest first, but for what was lent: a loan is as much debt as money.
pub(crate) fn changes(books: &Books) -> Result<Vec<Change>, Refusal> {
    let mut query = books.reading(
        "SELECT time, coin, change FROM journal
         WHERE wallet = ?1 AND kind NOT IN ('BORROW', 'REPAY') ORDER BY seq",
    )?;
    let mut rows = query.query([Wallet::Unified.word()])?;
    let mut changes = Vec::new();
    while let Some(row) = rows.next()? {
        changes.push(Change {
            time: row.get(0)?,
            coin: row.get(1)?,
            amount: amount(&row.get::<_, String>(2)?)?,
        });
    }
    Ok(changes)
}

/// Every trade, oldest first. An execution does not say which leg it is of; its order does.
pub(crate) fn fills(books: &Books) -> Result<Vec<Fill>, Refusal> {
    let mut query = books.reading(
        "SELECT e.category, e.created, e.data, COALESCE(json_extract(o.data, '$.position_idx'), 0)
         FROM executions e LEFT JOIN orders o ON o.id = e.order_id ORDER BY e.seq",
    )?;
    let mut rows = query.query([])?;
    let mut fills = Vec::new();
    while let Some(row) = rows.next()? {
        let kept: Row = serde_json::from_str(&row.get::<_, String>(2)?)?;
        if kept.exec_type == "Funding" {
            continue;
        }
        let one = Category::parse(&row.get::<_, String>(0)?)
            .and_then(|category| instruments::find(category, &kept.symbol))
            .ok_or_else(|| unreadable("an execution"))?;
        fills.push(Fill {
            time: row.get(1)?,
            one,
            idx: row.get(3)?,
            side: kept.side,
            qty: amount(&kept.exec_qty)?,
            price: amount(&kept.exec_price)?,
            fee: amount(&kept.exec_fee)?,
            fee_coin: kept.fee_currency,
        });
    }
    Ok(fills)
}

pub(crate) fn unreadable(what: &str) -> Refusal {
    Refusal::new(10016, format!("{what} of the paper store is unreadable"))
}

/// An amount in a stored row; an empty text is none.
pub(crate) fn amount(text: &str) -> Result<Decimal, Refusal> {
    if text.is_empty() {
        return Ok(Decimal::ZERO);
    }
    Decimal::from_str_exact(text).map_err(|_| unreadable("an amount"))
}

/// Evenly spaced moments, the first and the last of them `from` and `to`.
pub(crate) fn moments(from: i64, to: i64) -> Vec<i64> {
    let span = i128::from(to.saturating_sub(from).max(0));
    let at = |step: i64| {
        let passed = span * i128::from(step) / i128::from(MOMENTS - 1);
        from.saturating_add(i64::try_from(passed).unwrap_or_default())
    };
    let mut moments: Vec<i64> = (0..MOMENTS).map(at).collect();
    moments.dedup();
    moments
}

/// Equity in US dollars from `from` to the desk's moment.
pub(crate) fn curve(
    desk: &Desk<'_>,
    changes: &[Change],
    fills: &[Fill],
    from: i64,
) -> Result<Vec<(i64, Decimal)>, Refusal> {
    let (mut wallet, mut held) = (BTreeMap::<&str, Decimal>::new(), Held::default());
    let (mut changes, mut fills) = (changes.iter().peekable(), fills.iter().peekable());
    let mut curve = Vec::new();
    for at in moments(from.min(desk.now), desk.now) {
        // What is on the books has happened, whatever its time says.
        let until = if at == desk.now { i64::MAX } else { at };
        while let Some(change) = changes.next_if(|change| change.time <= until) {
            *wallet.entry(&change.coin).or_default() += change.amount;
        }
        while let Some(fill) = fills.next_if(|fill| fill.time <= until) {
            if fill.one.category.is_derivative() {
                held.fill(fill);
            }
        }
        curve.push((at, worth(&desk.at(at), &wallet, &held)?));
    }
    Ok(curve)
}

fn worth(moment: &Desk<'_>, wallet: &BTreeMap<&str, Decimal>, held: &Held) -> Result<Decimal, Refusal> {
    let mut equity = wallet.clone();
    for (one, position) in held.open() {
        *equity.entry(one.settle).or_default() += position.unrealised(one, moment.mark(one)?);
    }
    let mut total = Decimal::ZERO;
    for (coin, amount) in equity {
        total += amount * moment.usd(coin)?;
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_reach_from_end_to_end_and_a_still_clock_has_one() {
        let moments = moments(1_000, 240_000);
        assert_eq!((moments.len(), moments[0], moments[239]), (240, 1_000, 240_000));
        assert_eq!(moments[1], 2_000);
        assert_eq!(super::moments(5, 5), [5]);
        assert_eq!(super::moments(5, 7), [5, 6, 7]);
    }
}
