//! What protects a position follows it: made by the fills of an order, sized by the position, gone with it.

use std::sync::Arc;

use rust_decimal::Decimal;

use super::attached;
use super::matching;
use super::order::{Order, Side, StopKind};
use super::protect;
use super::records;
use crate::sim::call::{Desk, Refusal, text};
use crate::sim::instruments::{Category, Instrument};
use crate::sim::positions::Position;
use crate::sim::store;

/// Partial take profits and stop losses of one leg, each kind counted by itself.
const PARTIAL_MOST: usize = 20;

/// Everything that follows from what an order has just done. The order is saved already.
pub(crate) fn after(desk: &Desk<'_>, one: &'static Instrument, order: &mut Order) -> Result<(), Refusal> {
    if !order.is_open() && order.filled > Decimal::ZERO {
        end_partners(desk, one, order, "CancelByTpSlTsClear")?;
    }
    if order.filled > order.covered {
        cover(desk, one, order)?;
    }
    matching::cancel_orphans(desk, one)
}

/// Turns the take profit and stop loss that an order carries into orders, as far as it is filled.
fn cover(desk: &Desk<'_>, one: &'static Instrument, order: &mut Order) -> Result<(), Refusal> {
    let wanted = attached::of(order)?;
    if wanted.is_empty() || order.reduce_only {
        return Ok(());
    }
    if one.category == Category::Spot {
        if order.is_open() {
            return Ok(());
        }
        // The fee of a purchase is taken from what was bought.
        let fee = match order.side {
            Side::Buy => order.fee,
            Side::Sell => Decimal::ZERO,
        };
        let qty = one.floor_qty(order.filled - fee);
        if qty > Decimal::ZERO {
            protect::add_spot(desk, one, &wanted, qty, order)?;
        }
        return mark_covered(desk, order);
    }
    let held = store::position(desk.books, one, order.position_idx)?;
    if !held.is_open() || held.side != order.side {
        return mark_covered(desk, order);
    }
    let added = (order.filled - order.covered).min(held.size);
    if wanted.partial {
        if !grow(desk, one, order, added)? {
            protect::add_partial(desk, one, &held, &wanted, [added; 2], Some(order))?;
        }
    } else if order.covered.is_zero() {
        let legs = [
            (StopKind::TakeProfit, wanted.take_profit),
            (StopKind::StopLoss, wanted.stop_loss),
        ];
        for (kind, leg) in legs.into_iter().filter(|(_, leg)| leg.is_some()) {
            protect::set_full(desk, one, &held, kind, leg, Some(order))?;
        }
    }
    mark_covered(desk, order)
}

fn mark_covered(desk: &Desk<'_>, order: &mut Order) -> Result<(), Refusal> {
    order.covered = order.filled;
    records::save(desk.books, order)
}

/// Adds a further fill to the partial protections that an earlier one made; says whether any still waits.
fn grow(desk: &Desk<'_>, one: &Instrument, parent: &Order, added: Decimal) -> Result<bool, Refusal> {
    let mut grown = false;
    for child in records::open_of(desk.books, one)? {
        if child.stop.parent == parent.id && child.stop.kind.is_partial() && child.is_waiting() {
            let mut child = Arc::unwrap_or_clone(child);
            child.qty += added;
            child.updated = desk.now;
            records::update(desk.books, &child)?;
            grown = true;
        }
    }
    Ok(grown)
}

/// Brings what only closes in line with the positions: sizes follow, and what has nothing left to close ends.
pub(crate) fn keep_up(desk: &Desk<'_>, one: &'static Instrument) -> Result<(), Refusal> {
    if !one.category.is_derivative() {
        return Ok(());
    }
    for order in records::open_closing(desk.books, one)? {
        let guards = order.stop.kind.guards_position();
        let rests = order.reduce_only && order.is_active();
        if !guards && !rests {
            continue;
        }
        let most = matching::reducible(desk, one, &order)?;
        let follows = order.stop.kind.is_full() && order.is_waiting() && order.qty != most;
        if !most.is_zero() && !follows {
            continue;
        }
        let mut order = Arc::unwrap_or_clone(order);
        if most.is_zero() {
            let why = if guards {
                "CancelByTpSlTsClear"
            } else {
                "CancelByReduceOnly"
            };
            order.close(why, desk.now);
        } else {
            order.qty = most;
            order.updated = desk.now;
        }
        records::update(desk.books, &order)?;
    }
    show_on_positions(desk, one)
}

/// Writes the protections of whole positions onto the positions, where lists show them.
fn show_on_positions(desk: &Desk<'_>, one: &'static Instrument) -> Result<(), Refusal> {
    let open = records::open_closing(desk.books, one)?;
    for idx in 0..=2 {
        let mut held = store::position(desk.books, one, idx)?;
        if held.created == 0 {
            continue;
        }
        let of = |kind: StopKind| {
            let fits = |order: &&Arc<Order>| {
                held.is_open() && order.stop.kind == kind && order.is_waiting() && order.position_idx == idx
            };
            open.iter().find(fits)
        };
        let trigger = |kind| of(kind).map(|order| text(order.trigger)).unwrap_or_default();
        let trailing = of(StopKind::TrailingStop).map(|order| &order.stop);
        let stops = [
            trigger(StopKind::TakeProfit),
            trigger(StopKind::StopLoss),
            trailing.map(|stop| text(stop.trail)).unwrap_or_default(),
            trailing
                .filter(|stop| !stop.active.is_zero())
                .map(|stop| text(stop.active))
                .unwrap_or_default(),
        ];
        if stops_of(&held) != stops {
            let [take_profit, stop_loss, trailing_stop, active_price] = stops;
            held.take_profit = take_profit;
            held.stop_loss = stop_loss;
            held.trailing_stop = trailing_stop;
            held.active_price = active_price;
            held.updated = desk.now;
            store::save_position(desk.books, &held)?;
        }
    }
    Ok(())
}

fn stops_of(held: &Position) -> [String; 4] {
    [
        &held.take_profit,
        &held.stop_loss,
        &held.trailing_stop,
        &held.active_price,
    ]
    .map(Clone::clone)
}

/// An order is about to be triggered: its spot partner ends, and a close takes the size that there is.
pub(crate) fn at_trigger(
    desk: &Desk<'_>,
    one: &'static Instrument,
    order: &mut Order,
) -> Result<(), Refusal> {
    match order.stop.kind {
        StopKind::SpotTakeProfit => end_partners(desk, one, order, "CancelByOCOSlCanceledByTpTriggered")?,
        StopKind::SpotStopLoss => end_partners(desk, one, order, "CancelByOCOTpCanceledBySlTriggered")?,
        _ => {}
    }
    if order.reduce_only {
        let most = matching::reducible(desk, one, order)?;
        let all = order.stop.kind.is_full() || order.closes_all();
        order.qty = if all { most } else { order.qty.min(most) };
    }
    Ok(())
}

/// A user has cancelled an order: of a spot pair both go, what the position shows follows.
pub(crate) fn after_cancel(desk: &Desk<'_>, one: &'static Instrument, order: &Order) -> Result<(), Refusal> {
    match order.stop.kind {
        StopKind::None => Ok(()),
        StopKind::SpotTakeProfit | StopKind::SpotStopLoss => end_partners(desk, one, order, "CancelByUser"),
        _ => keep_up(desk, one),
    }
}

/// Ends the order that may not fill once `order` has.
fn end_partners(desk: &Desk<'_>, one: &Instrument, order: &Order, why: &str) -> Result<(), Refusal> {
    if order.stop.pair.is_empty() {
        return Ok(());
    }
    for other in records::open_of(desk.books, one)? {
        if other.stop.pair == order.stop.pair && other.id != order.id {
            let mut other = Arc::unwrap_or_clone(other);
            other.close(why, desk.now);
            records::update(desk.books, &other)?;
        }
    }
    Ok(())
}

/// Lets the orders of a pair go their own ways.
pub(crate) fn unbind(desk: &Desk<'_>, one: &Instrument, pair: &str) -> Result<(), Refusal> {
    for other in records::open_of(desk.books, one)? {
        if other.stop.pair == pair {
            let mut other = Arc::unwrap_or_clone(other);
            other.stop.pair.clear();
            records::save(desk.books, &other)?;
        }
    }
    Ok(())
}

/// Refuses partial protections beyond what one leg may have.
pub(crate) fn check_partials(desk: &Desk<'_>, one: &Instrument, idx: i64) -> Result<(), Refusal> {
    let open = records::open_of(desk.books, one)?;
    for kind in [StopKind::PartialTakeProfit, StopKind::PartialStopLoss] {
        let alike = |order: &&Arc<Order>| order.stop.kind == kind && order.position_idx == idx;
        if open.iter().filter(alike).count() >= PARTIAL_MOST {
            return Err(Refusal::new(
                110_061,
                "The number of partial TP/SL orders exceeds the limit of 20",
            ));
        }
    }
    Ok(())
}
