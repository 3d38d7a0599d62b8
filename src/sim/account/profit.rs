//! What each instrument has earned and cost: derivatives from the journal, spot from its fills at average cost.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::Deserialize;

use super::equity::{Fill, Held, amount};
use crate::sim::call::{Desk, Refusal};
use crate::sim::instruments::{self, Category, Instrument};
use crate::sim::orders::Side;
use crate::sim::store::books::Books;

/// Sums of one instrument, in the coin that it settles in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) coin: String,
    /// Before fees.
    pub(crate) realised: Decimal,
    /// Paid is positive.
    pub(crate) fees: Decimal,
    /// Received is positive.
    pub(crate) funding: Decimal,
    pub(crate) unrealised: Decimal,
}

/// By category and symbol; interest and the like by kind and coin.
pub(crate) type Tallies = BTreeMap<(String, String), Tally>;

/// What of a journal's row is profit or cost.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    category: String,
    symbol: String,
    currency: String,
    cash_flow: String,
    fee: String,
    funding: String,
}

/// Coins bought on spot and what they cost; what was put in as coins has no cost and no profit.
#[derive(Debug, Default)]
struct Lot {
    qty: Decimal,
    cost: Decimal,
}

impl Lot {
    /// Takes coins out; gives what they had cost, and how many of them are known.
    fn take(&mut self, qty: Decimal) -> (Decimal, Decimal) {
        let known = qty.min(self.qty);
        let cost = if known == self.qty {
            self.cost
        } else {
            let share = (self.cost * known).checked_div(self.qty);
            share.unwrap_or_default().round_dp(8)
        };
        self.qty -= known;
        self.cost -= cost;
        (cost, known)
    }
}

/// The profit of each fill, in the settle coin and before the fee, beside the sums of each instrument.
pub(crate) fn tallies(desk: &Desk<'_>, fills: &[Fill]) -> Result<(Vec<Decimal>, Tallies), Refusal> {
    let mut tallies = from_journal(desk.books)?;
    let (mut held, mut lots) = (Held::default(), BTreeMap::new());
    let profits = fills
        .iter()
        .map(|fill| match fill.one.category {
            Category::Spot => spot(&mut lots, &mut tallies, fill),
            _ => held.fill(fill),
        })
        .collect();
    for (one, position) in held.open() {
        of(&mut tallies, one).unrealised += position.unrealised(one, desk.mark(one)?);
    }
    for (symbol, lot) in lots {
        if let Some(one) = instruments::find(Category::Spot, symbol) {
            of(&mut tallies, one).unrealised += one.value(lot.qty, desk.last(one)?) - lot.cost;
        }
    }
    Ok((profits, tallies))
}

fn of<'a>(tallies: &'a mut Tallies, one: &Instrument) -> &'a mut Tally {
    let key = (one.category.word().to_owned(), one.symbol.to_owned());
    let tally = tallies.entry(key).or_default();
    coin(one).clone_into(&mut tally.coin);
    tally
}

/// The coin that an instrument's profit is counted in.
pub(crate) fn coin(one: &Instrument) -> &'static str {
    match one.category {
        Category::Spot => one.quote,
        _ => one.settle,
    }
}

/// Profit, fees and funding of derivatives, and what moved money for another reason than a person's.
fn from_journal(books: &Books) -> Result<Tallies, Refusal> {
    let mut query = books.reading(
        "SELECT kind, data FROM journal
         WHERE category <> 'spot' AND kind NOT IN ('AIRDROP', 'TRANSFER_IN', 'TRANSFER_OUT', 'BORROW', 'REPAY') ORDER BY seq",
    )?;
    let mut rows = query.query([])?;
    let mut tallies = Tallies::new();
    while let Some(row) = rows.next()? {
        let (kind, data): (String, String) = (row.get(0)?, row.get(1)?);
        let row: Row = serde_json::from_str(&data)?;
        let key = match row.symbol.is_empty() {
            true => (kind.to_ascii_lowercase(), row.currency.clone()),
            false => (row.category, row.symbol),
        };
        let tally = tallies.entry(key).or_default();
        tally.coin = row.currency;
        tally.realised += amount(&row.cash_flow)?;
        tally.fees += amount(&row.fee)?;
        tally.funding += amount(&row.funding)?;
    }
    Ok(tallies)
}

/// A purchase pays its fee in the coin: counted at the price of the trade.
fn spot(lots: &mut BTreeMap<&str, Lot>, tallies: &mut Tallies, fill: &Fill) -> Decimal {
    let one = fill.one;
    let lot = lots.entry(one.symbol).or_default();
    let value = one.value(fill.qty, fill.price);
    let (profit, fee) = match fill.side {
        Side::Buy => {
            let fee = one.value(fill.fee, fill.price);
            lot.qty += fill.qty - fill.fee;
            lot.cost += value - fee;
            (Decimal::ZERO, fee)
        }
        Side::Sell => {
            let (cost, known) = lot.take(fill.qty);
            (one.value(known, fill.price) - cost, fill.fee)
        }
    };
    let tally = of(tallies, one);
    tally.realised += profit;
    tally.fees += fee;
    profit
}
