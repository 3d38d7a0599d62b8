//! Liquidation: an account or an isolated position that holds less than it must is closed by force.
//!
//! What the book offers down to the price of bankruptcy is taken; the rest is closed at that price, at which
//! an insurance fund is the other side. What is still missing afterwards is paid in as INSURANCE, so that
//! no account ends below zero and the journal still adds up.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::margin::{self, Isolated, Mode};
use super::position::Position;
use crate::sim::account::borrow;
use crate::sim::account::journal::{self, Cause, Entry, Kind};
use crate::sim::account::{Account, Holding, Leg};
use crate::sim::call::{Desk, Refusal};
use crate::sim::instruments::Instrument;
use crate::sim::orders;
use crate::sim::orders::draft;
use crate::sim::orders::matching;
use crate::sim::orders::settle::{self, Trade};
use crate::sim::orders::{Order, Side};
use crate::sim::store;
use crate::sim::store::ids;

/// Closes what must be closed at this tick; says whether anything was.
pub(crate) fn at_tick(moment: &Desk<'_>) -> Result<bool, Refusal> {
    let account = Account::read(moment, None)?;
    let mut acted = false;
    if account.mode == Mode::Isolated {
        for leg in account.legs.iter().filter(|leg| is_in_danger(leg)) {
            isolated(moment, &account, leg)?;
            acted = true;
        }
        if acted {
            insure(moment)?;
        }
    }
    if account.is_short() {
        cross(moment)?;
        acted = true;
    }
    Ok(acted)
}

/// Whether an isolated position has lost what it may.
fn is_in_danger(leg: &Leg) -> bool {
    -leg.unrealised >= Isolated::of(leg.one, &leg.held, leg.leverage).safe
}

/// Closes an isolated position, unless margin may be and can be added by itself.
fn isolated(moment: &Desk<'_>, account: &Account, leg: &Leg) -> Result<(), Refusal> {
    if is_auto(moment, leg.one, leg.held.idx)? {
        let free = account.margin_free(leg.one.settle);
        let step = (leg.initial - leg.held.added).min(free).trunc_with_scale(8);
        let own = Isolated::of(leg.one, &leg.held, leg.leverage);
        if step > Decimal::ZERO && -leg.unrealised < own.safe + step {
            let mut held = (*leg.held).clone();
            held.added += step;
            held.updated = moment.now;
            return store::save_position(moment.books, &held);
        }
    }
    cancel_orders(moment, Some(leg))?;
    let own = Isolated::of(leg.one, &leg.held, leg.leverage);
    close(moment, leg, own.bust)
}

/// The setting of `position/set-auto-add-margin`.
pub(crate) fn is_auto(desk: &Desk<'_>, one: &Instrument, idx: i64) -> Result<bool, Refusal> {
    Ok(store::setting(desk.books, one, &format!("auto_margin/{idx}"))?.as_deref() == Some("1"))
}

/// Cancels the orders of the account, then closes positions, the largest loss first, until it holds enough;
/// at last it sells collateral for what is still owed.
fn cross(moment: &Desk<'_>) -> Result<(), Refusal> {
    cancel_orders(moment, None)?;
    loop {
        let account = Account::read(moment, None)?;
        if account.mode == Mode::Isolated || !account.is_short() {
            break;
        }
        let loss = |leg: &&Leg| leg.unrealised * usd_of(&account, leg.one.settle);
        let Some(leg) = account.legs.iter().min_by_key(loss) else {
            break;
        };
        let room = account
            .cover()
            .checked_div(usd_of(&account, leg.one.settle))
            .unwrap_or_default();
        // The fee of closing comes out of the same room.
        let fee = leg.one.taker_rate();
        let room = room - leg.one.value(leg.held.size, leg.mark) * fee;
        let bust = margin::cross_price(leg.one, &leg.held, leg.mark, room, Decimal::ZERO);
        close(moment, leg, bust)?;
    }
    if Account::read(moment, None)?.is_short() {
        convert(moment)?;
    }
    insure(moment)
}

fn usd_of(account: &Account, coin: &str) -> Decimal {
    account
        .holdings
        .get(coin)
        .map(|held| held.usd)
        .unwrap_or_default()
}

/// Cancels every open order, or those of one leg.
fn cancel_orders(moment: &Desk<'_>, leg: Option<&Leg>) -> Result<(), Refusal> {
    for order in orders::records::open_orders(moment.books)? {
        let mine = leg.is_none_or(|leg| {
            order.category == leg.one.category.word()
                && order.symbol == leg.one.symbol
                && order.position_idx == leg.held.idx
        });
        if mine {
            let mut order = (*order).clone();
            order.close("CancelAllBeforeLiq", moment.now);
            orders::records::update(moment.books, &order)?;
        }
    }
    Ok(())
}

/// Closes a position: through the book down to `bust`, and the rest at it. Without one, all through the book.
fn close(moment: &Desk<'_>, leg: &Leg, bust: Option<Decimal>) -> Result<(), Refusal> {
    let one = leg.one;
    let id = ids::next(moment, one)?;
    let mut order = system_order(moment, one, &leg.held, id);
    order.price = match bust {
        Some(price) => to_tick(one, price, order.side),
        None => matching::worst_price(moment, one, &order)?,
    };
    orders::records::insert(moment.books, &order, one)?;
    for (price, qty) in matching::takeable(moment, one, &order, order.qty)? {
        let maker = false;
        settle::fill(moment, &mut order, Trade { price, qty, maker })?;
    }
    let qty = order.rest();
    if qty > Decimal::ZERO {
        let (price, maker) = (order.price, false);
        settle::fill(moment, &mut order, Trade { price, qty, maker })?;
    }
    orders::records::update(moment.books, &order)?;
    matching::cancel_orphans(moment, one)
}

/// The nearest tick that costs the account no more: up for a sale, down for a purchase.
fn to_tick(one: &Instrument, price: Decimal, side: Side) -> Decimal {
    let ticks = price.checked_div(one.tick).unwrap_or_default();
    let ticks = match side {
        Side::Sell => ticks.ceil(),
        Side::Buy => ticks.floor(),
    };
    ticks.max(Decimal::ONE) * one.tick
}

/// An order of the exchange itself that closes all of a position.
pub(crate) fn system_order(moment: &Desk<'_>, one: &Instrument, held: &Position, id: String) -> Order {
    let extras = [(settle::EXEC_TYPE, "BustTrade"), ("createType", "CreateByLiq")];
    let side = match held.side {
        Side::Buy => Side::Sell,
        Side::Sell => Side::Buy,
    };
    Order {
        id,
        qty: held.size,
        reduce_only: true,
        position_idx: held.idx,
        extras: extras
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into_iter()
            .collect(),
        ..draft::bare(moment.now, one, side)
    }
}

/// Sells collateral at its dollar price for coins that are owed, as far as it goes.
fn convert(moment: &Desk<'_>) -> Result<(), Refusal> {
    for (owed_coin, _) in borrow::debts(moment.books)? {
        let account = Account::read(moment, None)?;
        let Some(debt) = account.holdings.get(&owed_coin).copied() else {
            continue;
        };
        let mut missing = debt.owed();
        for (coin, held) in &account.holdings {
            let spare = (held.coin.wallet - held.lent).max(Decimal::ZERO);
            if *coin == owed_coin || spare.is_zero() || missing <= Decimal::ZERO || held.usd.is_zero() {
                continue;
            }
            let (sold, bought) = swap(spare, held, missing, &debt);
            if bought <= Decimal::ZERO {
                continue;
            }
            moved(moment, Kind::CurrencySell, coin, -sold)?;
            moved(moment, Kind::CurrencyBuy, &owed_coin, bought)?;
            missing -= bought;
        }
    }
    Ok(())
}

/// How much of `spare` is sold for how much of what is `missing`.
fn swap(spare: Decimal, held: &Holding, missing: Decimal, debt: &Holding) -> (Decimal, Decimal) {
    let price = held.usd.checked_div(debt.usd).unwrap_or_default();
    let needed = missing.checked_div(price).unwrap_or_default();
    if needed <= spare {
        let up = (needed + Decimal::new(5, 9)).round_dp(8).min(spare);
        return (up, missing);
    }
    (spare, (spare * price).trunc_with_scale(8))
}

/// Pays in what an account without positions is worth less than nothing.
fn insure(moment: &Desk<'_>) -> Result<(), Refusal> {
    let account = Account::read(moment, None)?;
    let mut deficit = match account.mode {
        Mode::Cross => -account.in_usd(Holding::equity),
        Mode::Isolated => Decimal::MAX,
    };
    if account.mode == Mode::Cross && !account.legs.is_empty() {
        return Ok(());
    }
    for (coin, held) in &account.holdings {
        let busy = account.legs.iter().any(|leg| leg.one.settle == coin);
        let missing = held.lent - held.coin.wallet;
        if busy || missing <= Decimal::ZERO || deficit <= Decimal::ZERO || held.usd.is_zero() {
            continue;
        }
        let paid = match account.mode {
            Mode::Isolated => missing,
            Mode::Cross => {
                let needed = deficit.checked_div(held.usd).unwrap_or_default();
                missing.min((needed + Decimal::new(5, 9)).round_dp(8))
            }
        };
        deficit -= paid * held.usd;
        moved(moment, Kind::Insurance, coin, paid)?;
    }
    Ok(())
}

fn moved(moment: &Desk<'_>, kind: Kind, coin: &str, amount: Decimal) -> Result<(), Refusal> {
    let cause = Cause {
        qty: amount,
        ..Cause::default()
    };
    journal::book(moment, &Entry::cash(kind, coin, amount, cause))
}

/// Whether nothing can be liquidated between two moments of one minute: the least that the account can be worth
/// on the way still covers the most that it can need.
pub(crate) fn is_quiet(desk: &Desk<'_>, from: i64, to: i64) -> Result<bool, Refusal> {
    let start = desk.at(from);
    let account = Account::read(&start, None)?;
    let mut falls: BTreeMap<&str, Decimal> = BTreeMap::new();
    let mut needed: BTreeMap<&str, Decimal> = BTreeMap::new();
    for leg in &account.legs {
        let (low, high) = start.mark_range(leg.one, from, to)?;
        let worst = [low, high].map(|price| leg.held.unrealised(leg.one, price));
        let worst = worst.into_iter().fold(leg.unrealised, Decimal::min);
        if account.mode == Mode::Isolated && -worst >= Isolated::of(leg.one, &leg.held, leg.leverage).safe {
            return Ok(false);
        }
        *falls.entry(leg.one.settle).or_default() += worst - leg.unrealised;
        if account.mode == Mode::Cross {
            let values = [low, high].map(|price| leg.one.value(leg.held.size, price));
            let value = values.into_iter().fold(Decimal::ZERO, Decimal::max);
            *needed.entry(leg.one.settle).or_default() +=
                margin::position_maintenance(leg.one, leg.held.side, value, leg.leverage);
        }
    }
    let (mut least, mut most) = (Decimal::ZERO, Decimal::ZERO);
    for (coin, held) in &account.holdings {
        let (low, high) = start.usd_range(coin, from, to)?;
        let equity = held.equity() + falls.get(coin.as_str()).copied().unwrap_or_default();
        least += match equity.is_sign_negative() {
            true => equity * high,
            false => equity * held.ratio * low,
        };
        let needed = needed.get(coin.as_str()).copied().unwrap_or_default();
        most += (needed + held.owed() * borrow::MAINTENANCE) * high;
    }
    Ok(most.is_zero() || least > most)
}

/// Whether anything is held or owed that could be liquidated, funded or charged.
pub(crate) fn is_exposed(desk: &Desk<'_>) -> Result<bool, Refusal> {
    let open = desk
        .books
        .read(|tables| tables.positions.values().any(|held| held.is_open()))?;
    Ok(open || !borrow::debts(desk.books)?.is_empty())
}
