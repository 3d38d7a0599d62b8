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

/// The open orders of one instrument, and the moment up to which its path has been looked at.
struct Watch {
    one: &'static Instrument,
    from: i64,
    orders: Vec<Order>,
}

impl Watch {
    fn fires(&self, price: Decimal, time: i64) -> bool {
        self.orders
            .iter()
            .any(|order| order.since <= time && fires(order, price))
    }
}

/// What waits, by instrument, where the path has gone on since.
fn watches(desk: &Desk<'_>) -> Result<Vec<Watch>, Refusal> {
    let looked = store::meta(desk.db, LAST_LOOK)?.unwrap_or_default();
    let mut watches: BTreeMap<(Category, &str), Watch> = BTreeMap::new();
    for order in order_store::open_orders(desk.db)? {
        let one = order.instrument()?;
        let from = order.since.max(looked);
        let watch = watches
            .entry((one.category, one.symbol))
            .or_insert_with(|| Watch {
                one,
                from,
                orders: Vec::new(),
            });
        watch.from = watch.from.min(from);
        watch.orders.push(order);
    }
    Ok(watches
        .into_values()
        .filter(|watch| watch.from < desk.now)
        .collect())
}

/// Whether a look would change anything; it never writes, and it may err on the side of yes.
pub(crate) fn is_due(desk: &Desk<'_>) -> Result<bool, Refusal> {
    for watch in watches(desk)? {
        let (low, high) = desk.path(watch.one)?.range(watch.from, desk.now);
        if watch.fires(low, desk.now) || watch.fires(high, desk.now) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Lets the path since the last look act on the orders that wait.
pub(crate) fn look(desk: &Desk<'_>) -> Result<(), Refusal> {
    for mut watch in watches(desk)? {
        for (time, price) in desk.path(watch.one)?.points(watch.from, desk.now) {
            if watch.fires(price, time) {
                step(desk, watch.one, price, time)?;
                watch.orders = open_of(desk, watch.one)?;
            }
        }
    }
    if store::meta(desk.db, LAST_LOOK)?.unwrap_or_default() < desk.now {
        store::set_meta(desk.db, LAST_LOOK, desk.now)?;
    }
    Ok(())
}

fn open_of(desk: &Desk<'_>, one: &Instrument) -> Result<Vec<Order>, Refusal> {
    let mut orders = order_store::open_orders(desk.db)?;
    orders.retain(|order| order.category == one.category.word() && order.symbol == one.symbol);
    Ok(orders)
}

/// The price of one instrument moved to `price`.
pub(crate) fn step(
    desk: &Desk<'_>,
    one: &'static Instrument,
    price: Decimal,
    time: i64,
) -> Result<(), Refusal> {
    for mut order in open_of(desk, one)? {
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
    for mut order in open_of(desk, one)? {
        if order.reduce_only && order.is_active() && reducible(desk, one, &order)?.is_zero() {
            order.close("CancelByReduceOnly", time);
            order_store::update(desk.db, &order)?;
        }
    }
    Ok(())
}
