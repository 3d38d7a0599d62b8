//! An order meets the market: what it takes when it arrives, and whether it then rests or ends.

use rust_decimal::Decimal;

use super::order::{Force, Order, Side};
use super::settle::{self, Trade};
use super::stops;
use crate::sim::call::{Desk, Refusal};
use crate::sim::instruments::{Instrument, num};
use crate::sim::market::book::{Book, Level};
use crate::sim::store;

/// An order enters the market: it takes what it can, then rests or ends.
pub(crate) fn arrive(desk: &Desk<'_>, one: &'static Instrument, order: &mut Order) -> Result<(), Refusal> {
    let last = desk.last(one)?;
    order.since = desk.now;
    order.seen = last;
    if order.market && one.category.is_derivative() {
        order.price = worst_price(desk, one, order)?;
    }
    let most = reducible(desk, one, order)?;
    let trades = takeable(desk, one, order, most)?;
    if order.force == Force::PostOnly && !trades.is_empty() {
        order.close("CancelByUser", desk.now);
        "EC_PostOnlyWillTakeLiquidity".clone_into(&mut order.reject);
        return Ok(());
    }
    let taken: Decimal = trades.iter().map(|(_, qty)| *qty).sum();
    if order.force == Force::Fok && taken < order.leaves() {
        end(order, "EC_NoEnoughQtyToFill", desk.now);
        return Ok(());
    }
    remember_taken(desk, one, order.side, taken)?;
    for (price, qty) in trades {
        let maker = false;
        settle::fill(desk, order, Trade { price, qty, maker })?;
    }
    if order.is_open() && taken >= most {
        order.close("CancelByReduceOnly", desk.now);
    } else if order.is_open() && matches!(order.force, Force::Ioc | Force::Fok) {
        end(order, "EC_NoImmediateQtyToFill", desk.now);
    }
    if order.is_open() {
        order.queue = ahead(desk, one, order)?;
    }
    Ok(())
}

/// What is displayed at the price of a resting order when it joins the queue.
fn ahead(desk: &Desk<'_>, one: &'static Instrument, order: &Order) -> Result<Decimal, Refusal> {
    let same = |(price, _): &Level| *price == order.price;
    let book = desk.path(one)?.book(desk.now);
    let level = match order.side {
        Side::Buy => book
            .bids(Decimal::ZERO)
            .take_while(|(price, _)| *price >= order.price)
            .find(same),
        Side::Sell => book
            .asks(Decimal::ZERO)
            .take_while(|(price, _)| *price <= order.price)
            .find(same),
    };
    Ok(level.map(|(_, qty)| qty).unwrap_or_default())
}

/// The book does not refill before the next second; where the price stands still, it is full at once.
fn remember_taken(
    desk: &Desk<'_>,
    one: &'static Instrument,
    side: Side,
    qty: Decimal,
) -> Result<(), Refusal> {
    if qty.is_zero() || desk.path(one)?.is_still() {
        return Ok(());
    }
    let [bought, sold] = store::taken(desk.books, one, desk.now)?;
    let taken = match side {
        Side::Buy => [bought + qty, sold],
        Side::Sell => [bought, sold + qty],
    };
    store::set_taken(desk.books, one, desk.now, taken)
}

fn end(order: &mut Order, why: &str, time: i64) {
    order.close("UNKNOWN", time);
    // A market order by value nearly always leaves a residue below one step; that is completion, not failure.
    if !order.in_quote {
        why.clone_into(&mut order.reject);
    }
}

/// The levels that an order would take now, at most `most` in all.
pub(crate) fn takeable(
    desk: &Desk<'_>,
    one: &'static Instrument,
    order: &Order,
    most: Decimal,
) -> Result<Vec<Level>, Refusal> {
    let book = desk.path(one)?.book(desk.now);
    let [bought, sold] = store::taken(desk.books, one, desk.now)?;
    let bound = if order.price.is_zero() {
        worst_price(desk, one, order)?
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
        Side::Buy => book
            .asks(bought)
            .take_while(|(price, _)| *price <= bound)
            .all(&mut take),
        Side::Sell => book
            .bids(sold)
            .take_while(|(price, _)| *price >= bound)
            .all(&mut take),
    };
    Ok(trades)
}

/// The worst price that an order can meet: its limit, or for a market order the collar.
pub(crate) fn worst_price(
    desk: &Desk<'_>,
    one: &'static Instrument,
    order: &Order,
) -> Result<Decimal, Refusal> {
    if !order.market {
        return Ok(order.price);
    }
    let path = desk.path(one)?;
    let (highest, lowest) = path.collar(desk.now);
    let tolerated = tolerated(one, order, path.book(desk.now));
    Ok(match order.side {
        Side::Buy => tolerated.map_or(highest, |bound| bound.min(highest)),
        Side::Sell => tolerated.map_or(lowest, |bound| bound.max(lowest)),
    })
}

/// The worst price within the order's own slippage tolerance, measured from the best price opposite.
fn tolerated(one: &'static Instrument, order: &Order, book: Book<'_>) -> Option<Decimal> {
    let amount = Decimal::from_str_exact(order.extra("slippageTolerance")).ok()?;
    let best = match order.side {
        Side::Buy => book.asks(Decimal::ZERO).next(),
        Side::Sell => book.bids(Decimal::ZERO).next(),
    };
    let (best, _) = best?;
    let reach = match order.extra("slippageToleranceType") {
        "TickSize" => amount * one.tick,
        "Percent" => best * amount * num(1, 2),
        _ => return None,
    };
    let ticks = |price: Decimal| price.checked_div(one.tick).unwrap_or_default();
    Some(match order.side {
        Side::Buy => ticks(best + reach).floor() * one.tick,
        Side::Sell => ticks(best - reach).ceil() * one.tick,
    })
}

/// How much an order may fill: everything, or when it only reduces, what there is to reduce.
pub(crate) fn reducible(desk: &Desk<'_>, one: &Instrument, order: &Order) -> Result<Decimal, Refusal> {
    if !order.reduce_only {
        return Ok(Decimal::MAX);
    }
    let position = store::position(desk.books, one, order.position_idx)?;
    Ok(position.closable(order.side))
}

/// Lets what only closes follow a change of the position: see [`stops::keep_up`].
pub(crate) fn cancel_orphans(desk: &Desk<'_>, one: &'static Instrument) -> Result<(), Refusal> {
    stops::keep_up(desk, one)
}
