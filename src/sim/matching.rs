//! An order meets the market: what it takes when it arrives, and whether it then rests or ends.

use rust_decimal::Decimal;

use super::call::{Desk, Refusal};
use super::instruments::Instrument;
use super::market::{self, Level};
use super::order::{Force, Order, Side};
use super::order_store;
use super::settle::{self, Trade};
use super::store;

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
        settle::fill(desk, order, Trade::taken(price, qty, time))?;
    }
    if order.is_open() && taken >= most {
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
pub(crate) fn reducible(desk: &Desk<'_>, one: &Instrument, order: &Order) -> Result<Decimal, Refusal> {
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
    for mut order in order_store::open_of(desk.db, one)? {
        if order.reduce_only && order.is_active() && reducible(desk, one, &order)?.is_zero() {
            order.close("CancelByReduceOnly", time);
            order_store::update(desk.db, &order)?;
        }
    }
    Ok(())
}
