//! What the price path does to orders that wait.
//!
//! Nothing runs between requests. The market trades on a fixed grid of moments; each request first plays the
//! ticks since the last look, in order, so whoever looks, and however rarely, sees the same fills.

use std::collections::BTreeMap;
use std::sync::Arc;

use rust_decimal::Decimal;

use super::matching;
use super::order::{Order, Side, Status};
use super::records;
use super::settle::{self, Trade};
use super::stops;
use super::trailing;
use super::triggers::{self, reached, stirs};
use crate::sim::account::Account;
use crate::sim::account::upkeep;
use crate::sim::call::{Desk, Refusal};
use crate::sim::instruments::{Category, Instrument};
use crate::sim::market::prices::{KNOT_MS, PriceKind};
use crate::sim::store;

/// The market trades this often.
const TICK_MS: i64 = 250;
/// No look goes further back than this.
const LONGEST_LOOK_MS: i64 = 45 * 86_400_000;
/// How far the stored mark of the last look may lag behind while nothing happens.
const MARK_LAG_MS: i64 = 60_000;
const LAST_LOOK: &str = "last_look";
/// A price set by hand is played at most so often: stops that it makes may be reached at once.
const PASSES_MOST: usize = 8;

/// The open orders of one instrument.
struct Watch {
    one: &'static Instrument,
    orders: Vec<Arc<Order>>,
}

/// What others trade with each other at a tick.
#[derive(Debug, Clone, Copy)]
struct Print {
    price: Decimal,
    qty: Decimal,
    /// Who took.
    side: Side,
}

/// What waits, by instrument, where prices move by themselves.
fn watches(desk: &Desk<'_>) -> Result<Vec<Watch>, Refusal> {
    let mut watches: BTreeMap<(Category, &str), Watch> = BTreeMap::new();
    for order in records::open_orders(desk.books)? {
        let one = order.instrument()?;
        let watch = watches.entry((one.category, one.symbol)).or_insert_with(|| {
            let orders = Vec::new();
            Watch { one, orders }
        });
        watch.orders.push(order);
    }
    let mut moving = Vec::new();
    for watch in watches.into_values() {
        if !desk.path(watch.one)?.is_still() {
            moving.push(watch);
        }
    }
    Ok(moving)
}

/// The moment up to which everything has been played.
fn looked(desk: &Desk<'_>) -> Result<i64, Refusal> {
    let stored = store::meta(desk.books, LAST_LOOK)?.unwrap_or(desk.now);
    Ok(stored
        .max(desk.books.quiet_until())
        .max(desk.now - LONGEST_LOOK_MS))
}

/// Keeps that everything up to the desk's moment has been played: what changes now was not there before.
pub(crate) fn mark(desk: &Desk<'_>) -> Result<(), Refusal> {
    match store::meta(desk.books, LAST_LOOK)? {
        Some(marked) if marked >= desk.now => Ok(()),
        _ => store::set_meta(desk.books, LAST_LOOK, &desk.now.to_string()),
    }
}

/// The next moment after `time` at which something may be due: the end of its minute.
fn next_stop(time: i64, now: i64) -> i64 {
    ((time.div_euclid(KNOT_MS) + 1) * KNOT_MS).min(now)
}

/// Whether the market trades after `from` up to `to`.
fn has_tick(from: i64, to: i64) -> bool {
    from.div_euclid(TICK_MS) < to.div_euclid(TICK_MS)
}

/// Whether a look would change anything; it never writes, and it may err on the side of yes.
pub(crate) fn is_due(desk: &Desk<'_>) -> Result<bool, Refusal> {
    let mut at = looked(desk)?;
    if !has_tick(at, desk.now) {
        return Ok(false);
    }
    let watches = watches(desk)?;
    let upkeep = upkeep::is_needed(desk)?;
    while at < desk.now && (upkeep || !watches.is_empty()) {
        let end = next_stop(at, desk.now);
        if !is_quiet(desk, &watches, at, end)? || !upkeep::is_quiet(desk, at, end)? {
            return Ok(true);
        }
        if end.rem_euclid(KNOT_MS) == 0 && upkeep::is_due_at(desk, end)? {
            return Ok(true);
        }
        at = end;
    }
    desk.books.set_quiet_until(desk.now);
    Ok(false)
}

/// Whether no order can move between two moments of one minute.
fn is_quiet(desk: &Desk<'_>, watches: &[Watch], from: i64, to: i64) -> Result<bool, Refusal> {
    if !has_tick(from, to) {
        return Ok(true);
    }
    for watch in watches {
        for kind in [PriceKind::Last, PriceKind::Mark, PriceKind::Index] {
            let listens = |order: &&Arc<Order>| triggers::watched_kind(order) == kind;
            let mut listening = watch.orders.iter().filter(listens).peekable();
            if listening.peek().is_none() {
                continue;
            }
            let (low, high) = triggers::trigger_range(desk, watch.one, kind, from, to)?;
            if listening.any(|order| stirs(order, low) || stirs(order, high)) {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// Lets the market since the last look act on the orders that wait.
pub(crate) fn look(desk: &Desk<'_>) -> Result<(), Refusal> {
    let at = looked(desk)?;
    // Many requests come between two ticks, and all that can move moves on a tick.
    let acted = has_tick(at, desk.now) && play_all(desk, at)?;
    let marked = store::meta(desk.books, LAST_LOOK)?;
    if acted || marked.is_none_or(|marked| desk.now - marked > MARK_LAG_MS) {
        store::set_meta(desk.books, LAST_LOOK, &desk.now.to_string())?;
    }
    desk.books.set_quiet_until(desk.now);
    Ok(())
}

/// Plays the market after `at` up to the desk's moment, minute by minute; says whether anything moved.
fn play_all(desk: &Desk<'_>, mut at: i64) -> Result<bool, Refusal> {
    let mut watches = watches(desk)?;
    let mut acted = false;
    while at < desk.now && (!watches.is_empty() || upkeep::is_needed(desk)?) {
        let end = next_stop(at, desk.now);
        if !is_quiet(desk, &watches, at, end)? || !upkeep::is_quiet(desk, at, end)? {
            acted |= play(desk, &mut watches, at, end)?;
        }
        if end.rem_euclid(KNOT_MS) == 0 && upkeep::at_minute(&desk.at(end))? {
            acted = true;
            watches = self::watches(desk)?;
        }
        at = end;
    }
    Ok(acted)
}

/// Plays every tick after `from` up to `to`; says whether anything moved.
fn play(desk: &Desk<'_>, orders: &mut Vec<Watch>, from: i64, to: i64) -> Result<bool, Refusal> {
    let mut acted = false;
    let mut tick = (from.div_euclid(TICK_MS) + 1) * TICK_MS;
    while tick <= to {
        let moment = desk.at(tick);
        let mut moved = false;
        for watch in orders.iter() {
            let print = print(&moment, watch.one)?;
            if stirs_any(&moment, watch, print)? {
                step(&moment, watch.one, print)?;
                moved = true;
            }
        }
        moved |= upkeep::at_tick(&moment)?;
        if moved {
            *orders = watches(desk)?;
            acted = true;
        }
        tick += TICK_MS;
    }
    Ok(acted)
}

fn stirs_any(moment: &Desk<'_>, watch: &Watch, print: Print) -> Result<bool, Refusal> {
    for order in watch.orders.iter().filter(|order| order.since < moment.now) {
        if stirs(order, heard(moment, watch.one, order, print.price)?) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The price that an order listens to, when `last` is the last one.
fn heard(
    moment: &Desk<'_>,
    one: &'static Instrument,
    order: &Order,
    last: Decimal,
) -> Result<Decimal, Refusal> {
    match triggers::watched_kind(order) {
        PriceKind::Last => Ok(last),
        kind => triggers::trigger_price(moment, one, kind),
    }
}

/// What others trade at this tick.
fn print(moment: &Desk<'_>, one: &'static Instrument) -> Result<Print, Refusal> {
    let path = moment.path(one)?;
    let (before, price) = (path.at(moment.now - TICK_MS), path.at(moment.now));
    let side = if price < before { Side::Sell } else { Side::Buy };
    Ok(Print {
        price,
        qty: one.depth,
        side,
    })
}

/// One tick of one instrument: what it reaches moves.
fn step(moment: &Desk<'_>, one: &'static Instrument, print: Print) -> Result<(), Refusal> {
    each_open(moment, one, |order| {
        if order.since >= moment.now {
            return Ok(false);
        }
        if order.is_waiting() {
            return hear(moment, one, order, print.price);
        }
        if !reached(order, print.price) {
            return Ok(false);
        }
        fill_from(moment, one, order, print)
    })?;
    Ok(())
}

/// Lets the price act on an order that waits for a trigger; says whether it was triggered.
fn hear(
    moment: &Desk<'_>,
    one: &'static Instrument,
    order: &mut Order,
    last: Decimal,
) -> Result<bool, Refusal> {
    let price = heard(moment, one, order, last)?;
    if trailing::follow(order, price) {
        records::save(moment.books, order)?;
    }
    let now = reached(order, price);
    if now {
        trigger(moment, one, order)?;
    }
    Ok(now)
}

/// A price set by hand trades as much as waits there, and what comes of that acts on it too.
pub(crate) fn pinned(desk: &Desk<'_>, one: &'static Instrument, price: Decimal) -> Result<(), Refusal> {
    let pass = || {
        each_open(desk, one, |order| {
            if order.is_waiting() {
                return hear(desk, one, order, price);
            }
            let moved_on = match order.side {
                Side::Buy => price < order.seen,
                Side::Sell => price > order.seen,
            };
            if !moved_on || !reached(order, price) {
                return Ok(false);
            }
            fill_at_limit(desk, one, order, Decimal::MAX)?;
            Ok(true)
        })
    };
    for _ in 0..PASSES_MOST {
        if !pass()? {
            break;
        }
    }
    Ok(())
}

/// Lets `act` change each open order of an instrument, oldest first; says whether any changed.
fn each_open(
    desk: &Desk<'_>,
    one: &'static Instrument,
    act: impl Fn(&mut Order) -> Result<bool, Refusal>,
) -> Result<bool, Refusal> {
    let mut changed = false;
    for known in records::open_of(desk.books, one)? {
        // An earlier fill of this step may have closed it, so it is read again.
        let Some(mut order) = records::find(desk.books, Some(&known.id), None)? else {
            continue;
        };
        if order.is_open() && act(&mut order)? {
            records::update(desk.books, &order)?;
            stops::after(desk, one, &mut order)?;
            changed = true;
        }
    }
    Ok(changed)
}

fn trigger(moment: &Desk<'_>, one: &'static Instrument, order: &mut Order) -> Result<(), Refusal> {
    stops::at_trigger(moment, one, order)?;
    if order.qty.is_zero() {
        order.close("CancelByReduceOnly", moment.now);
        return Ok(());
    }
    let account = Account::read(moment, Some(&order.id))?;
    order.status = Status::New;
    order.updated = moment.now;
    let worst = matching::worst_price(moment, one, order)?;
    if account.afford(moment, order, worst).is_err() {
        order.reject("EC_NotEnoughBalance", moment.now);
        return Ok(());
    }
    records::update(moment.books, order)?;
    matching::arrive(moment, one, order)
}

/// A trade through the price of a resting order takes all of it, one at its price what is behind the queue.
fn fill_from(moment: &Desk<'_>, one: &Instrument, order: &mut Order, print: Print) -> Result<bool, Refusal> {
    if print.price != order.price {
        fill_at_limit(moment, one, order, Decimal::MAX)?;
        return Ok(true);
    }
    if print.side == order.side {
        return Ok(false);
    }
    let behind = one.floor_qty((print.qty - order.queue).max(Decimal::ZERO));
    order.queue = (order.queue - print.qty).max(Decimal::ZERO);
    fill_at_limit(moment, one, order, behind)?;
    Ok(true)
}

fn fill_at_limit(desk: &Desk<'_>, one: &Instrument, order: &mut Order, most: Decimal) -> Result<(), Refusal> {
    let reducible = matching::reducible(desk, one, order)?;
    let qty = order.leaves().min(reducible).min(most);
    if qty > Decimal::ZERO {
        let trade = Trade {
            price: order.price,
            qty,
            maker: true,
        };
        settle::fill(desk, order, trade)?;
    }
    if order.is_open() && qty >= reducible {
        order.close("CancelByReduceOnly", desk.now);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
