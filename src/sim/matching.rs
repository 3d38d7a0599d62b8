//! Matching: what an order takes when it arrives, and what the price path does to those that wait.
//!
//! Nothing runs between requests. Each request first looks at the path since the last look and lets it fill
//! limits and fire triggers, so whoever looks, and however rarely, sees the same fills.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::account::Account;
use super::call::{Desk, Refusal};
use super::instruments::{Category, Instrument};
use super::market::{self, Level};
use super::order::{Force, Order, Side, Status};
use super::order_store;
use super::settle::{self, Trade};
use super::store;

const LAST_LOOK: &str = "last_look";

/// Whether a look would change anything; it never writes.
pub(crate) fn is_due(desk: &Desk<'_>) -> Result<bool, Refusal> {
    let since = store::meta(desk.db, LAST_LOOK)?.unwrap_or_default();
    for order in order_store::open_orders(desk.db)? {
        let path = desk.path(order.instrument()?)?;
        let from = order.since.max(since);
        let points = if from < desk.now {
            path.range(from, desk.now)
        } else {
            continue;
        };
        if fires(&order, points.0) || fires(&order, points.1) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Lets the path since the last look act on the orders that wait.
pub(crate) fn look(desk: &Desk<'_>) -> Result<(), Refusal> {
    let since = store::meta(desk.db, LAST_LOOK)?.unwrap_or_default();
    let mut symbols: BTreeMap<(Category, &str), (&'static Instrument, i64)> = BTreeMap::new();
    for order in order_store::open_orders(desk.db)? {
        let one = order.instrument()?;
        let from = order.since.max(since);
        let entry = symbols.entry((one.category, one.symbol)).or_insert((one, from));
        entry.1 = entry.1.min(from);
    }
    for (one, from) in symbols.into_values().filter(|(_, from)| *from < desk.now) {
        for (time, price) in desk.path(one)?.points(from, desk.now) {
            step(desk, one, price, time)?;
        }
    }
    if since < desk.now {
        store::set_meta(desk.db, LAST_LOOK, desk.now)?;
    }
    Ok(())
}

/// The price of one instrument moved to `price`.
pub(crate) fn step(
    desk: &Desk<'_>,
    one: &'static Instrument,
    price: Decimal,
    time: i64,
) -> Result<(), Refusal> {
    let mine = |order: &Order| order.category == one.category.word() && order.symbol == one.symbol;
    for mut order in order_store::open_orders(desk.db)?.into_iter().filter(mine) {
        // An earlier fill of this step may have closed it, so it is read again.
        match order_store::find(desk.db, Some(&order.id), None)? {
            Some(fresh) if fresh.is_open() && fresh.since <= time && fires(&fresh, price) => order = fresh,
            _ => continue,
        }
        if order.status == Status::Untriggered {
            trigger(desk, one, &mut order, price, time)?;
        } else {
            fill_at_limit(desk, one, &mut order, time)?;
        }
        order_store::update(desk.db, &order)?;
        cancel_orphans(desk, one, time)?;
    }
    Ok(())
}

/// Whether a price makes a waiting order move.
fn fires(order: &Order, price: Decimal) -> bool {
    if order.status == Status::Untriggered {
        return match order.direction {
            1 => price >= order.trigger,
            _ => price <= order.trigger,
        };
    }
    match order.side {
        Side::Buy => price <= order.price && price < order.seen,
        Side::Sell => price >= order.price && price > order.seen,
    }
}

fn trigger(
    desk: &Desk<'_>,
    one: &'static Instrument,
    order: &mut Order,
    price: Decimal,
    time: i64,
) -> Result<(), Refusal> {
    let account = Account::read(desk, Some(&order.id))?;
    order.status = Status::New;
    order.updated = time;
    if account
        .afford(desk, order, worst_price(one, order, price))
        .is_err()
    {
        order.reject("EC_NotEnoughBalance", time);
        return Ok(());
    }
    arrive(desk, one, order, price, time)
}

fn fill_at_limit(desk: &Desk<'_>, one: &Instrument, order: &mut Order, time: i64) -> Result<(), Refusal> {
    let qty = order.leaves().min(reducible(desk, one, order)?);
    if qty > Decimal::ZERO {
        let trade = Trade {
            price: order.price,
            qty,
            maker: true,
            time,
        };
        settle::fill(desk, order, trade)?;
    }
    if order.is_open() {
        order.close("CancelByReduceOnly", time);
    }
    Ok(())
}

/// An order enters the market at the last price `last`: it takes what it can, then rests or ends.
pub(crate) fn arrive(
    desk: &Desk<'_>,
    one: &'static Instrument,
    order: &mut Order,
    last: Decimal,
    time: i64,
) -> Result<(), Refusal> {
    order.since = time;
    order.seen = last;
    if order.market && one.category.is_derivative() {
        order.price = worst_price(one, order, last);
    }
    let most = reducible(desk, one, order)?;
    let trades = takeable(one, order, last, most);
    if order.force == Force::PostOnly {
        if !trades.is_empty() {
            order.close("CancelByUser", time);
            "EC_PostOnlyWillTakeLiquidity".clone_into(&mut order.reject);
        }
        return Ok(());
    }
    let taken: Decimal = trades.iter().map(|(_, qty)| *qty).sum();
    if order.force == Force::Fok && taken < order.leaves() {
        end(order, "EC_NoEnoughQtyToFill", time);
        return Ok(());
    }
    for (price, qty) in trades {
        settle::fill(
            desk,
            order,
            Trade {
                price,
                qty,
                maker: false,
                time,
            },
        )?;
    }
    if order.is_open() && most < Decimal::MAX && order.filled >= most {
        order.close("CancelByReduceOnly", time);
    } else if order.is_open() && order.force != Force::Gtc {
        end(order, "EC_NoImmediateQtyToFill", time);
    }
    Ok(())
}

fn end(order: &mut Order, why: &str, time: i64) {
    order.close("UNKNOWN", time);
    // A market order by value nearly always leaves a residue below one step; that is completion, not failure.
    if !order.in_quote {
        why.clone_into(&mut order.reject);
    }
}

/// The levels that an order would take now, at most `most` in all.
pub(crate) fn takeable(one: &'static Instrument, order: &Order, last: Decimal, most: Decimal) -> Vec<Level> {
    let bound = if order.price.is_zero() {
        worst_price(one, order, last)
    } else {
        order.price
    };
    let mut rest = order.rest();
    let mut room = most;
    let mut trades = Vec::new();
    let mut take = |(price, offered): Level| {
        let wanted = if order.in_quote {
            one.floor_qty(rest.checked_div(price).unwrap_or_default())
        } else {
            rest
        };
        let qty = wanted.min(offered).min(room);
        if qty > Decimal::ZERO {
            rest -= if order.in_quote { qty * price } else { qty };
            room -= qty;
            trades.push((price, qty));
        }
        qty > Decimal::ZERO
    };
    match order.side {
        Side::Buy => market::asks(one, last)
            .take_while(|(price, _)| *price <= bound)
            .all(&mut take),
        Side::Sell => market::bids(one, last)
            .take_while(|(price, _)| *price >= bound)
            .all(&mut take),
    };
    trades
}

/// The worst price that an order can meet: its limit, or for a market order the collar.
pub(crate) fn worst_price(one: &Instrument, order: &Order, last: Decimal) -> Decimal {
    if !order.market {
        return order.price;
    }
    let (highest, lowest) = market::collar(one, last);
    match order.side {
        Side::Buy => highest,
        Side::Sell => lowest,
    }
}

/// How much an order may fill: everything, or when it only reduces, what there is to reduce.
fn reducible(desk: &Desk<'_>, one: &Instrument, order: &Order) -> Result<Decimal, Refusal> {
    if !order.reduce_only {
        return Ok(Decimal::MAX);
    }
    let position = store::position(desk.db, one, order.position_idx)?;
    Ok(position.closable(order.side))
}

/// Cancels resting reduce-only orders that have nothing left to reduce.
pub(crate) fn cancel_orphans(desk: &Desk<'_>, one: &Instrument, time: i64) -> Result<(), Refusal> {
    if !one.category.is_derivative() {
        return Ok(());
    }
    for mut order in order_store::open_orders(desk.db)? {
        let mine = order.category == one.category.word() && order.symbol == one.symbol;
        if mine && order.reduce_only && order.is_active() && reducible(desk, one, &order)?.is_zero() {
            order.close("CancelByReduceOnly", time);
            order_store::update(desk.db, &order)?;
        }
    }
    Ok(())
}
