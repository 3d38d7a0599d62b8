//! Makes, moves and takes away the orders that protect a position or a spot purchase.

use std::collections::BTreeMap;
use std::sync::Arc;

use rust_decimal::Decimal;

use super::attached::{Leg, Wanted};
use super::draft;
use super::order::{Force, Order, Side, Status, StopKind};
use super::records;
use crate::sim::call::{Desk, Refusal};
use crate::sim::instruments::Instrument;
use crate::sim::positions::Position;

/// The open order that takes one of the protections of a whole position.
pub(crate) fn full(
    desk: &Desk<'_>,
    one: &Instrument,
    held: &Position,
    kind: StopKind,
) -> Result<Option<Order>, Refusal> {
    let fits = |order: &Arc<Order>| {
        order.stop.kind == kind
            && order.is_waiting()
            && order.position_idx == held.idx
            && order.side == held.side.opposite()
    };
    let found = records::open_of(desk.books, one)?.into_iter().find(fits);
    Ok(found.map(Arc::unwrap_or_clone))
}

/// Sets a protection of the whole position in place, or with `None` takes it away; says whether that changed it.
pub(crate) fn set_full(
    desk: &Desk<'_>,
    one: &'static Instrument,
    held: &Position,
    kind: StopKind,
    leg: Option<Leg>,
    parent: Option<&Order>,
) -> Result<bool, Refusal> {
    match (full(desk, one, held, kind)?, leg) {
        (None, None) => Ok(false),
        (Some(old), None) => take_away(desk, old),
        (Some(old), Some(leg)) if old.trigger == leg.trigger && old.extra("triggerBy") == leg.by.word() => {
            Ok(false)
        }
        (Some(mut old), Some(leg)) => {
            aim(&mut old, &leg);
            old.updated = desk.now;
            old.since = desk.now;
            records::update(desk.books, &old)?;
            Ok(true)
        }
        (None, Some(leg)) => {
            let mut child = child(desk, one, held.side.opposite(), kind, parent)?;
            child.position_idx = held.idx;
            child.qty = held.size;
            aim(&mut child, &leg);
            records::insert(desk.books, &child, one)?;
            Ok(true)
        }
    }
}

/// Sets, moves or with a distance of zero takes away the trailing stop of a position.
pub(crate) fn set_trailing(
    desk: &Desk<'_>,
    one: &'static Instrument,
    held: &Position,
    trail: Decimal,
    active: Decimal,
) -> Result<bool, Refusal> {
    let old = full(desk, one, held, StopKind::TrailingStop)?;
    if trail.is_zero() {
        return old.map_or(Ok(false), |old| take_away(desk, old));
    }
    let is_new = old.is_none();
    let mut stop = match old {
        Some(old) if old.stop.trail == trail && old.stop.active == active => return Ok(false),
        Some(old) => old,
        None => child(desk, one, held.side.opposite(), StopKind::TrailingStop, None)?,
    };
    stop.position_idx = held.idx;
    stop.qty = held.size;
    stop.stop.trail = trail;
    stop.stop.active = active;
    stop.stop.best = Decimal::ZERO;
    stop.trigger = Decimal::ZERO;
    stop.direction = if stop.side == Side::Sell { 2 } else { 1 };
    stop.updated = desk.now;
    stop.since = desk.now;
    // Without an activation price it follows from now on.
    super::trailing::follow(&mut stop, desk.last(one)?);
    match is_new {
        true => records::insert(desk.books, &stop, one)?,
        false => records::update(desk.books, &stop)?,
    }
    Ok(true)
}

fn take_away(desk: &Desk<'_>, mut order: Order) -> Result<bool, Refusal> {
    order.close("CancelByUser", desk.now);
    records::update(desk.books, &order)?;
    Ok(true)
}

/// Adds protections of a part of a position, bound to each other when there are two.
pub(crate) fn add_partial(
    desk: &Desk<'_>,
    one: &'static Instrument,
    held: &Position,
    wanted: &Wanted,
    sizes: [Decimal; 2],
    parent: Option<&Order>,
) -> Result<(), Refusal> {
    let kinds = [StopKind::PartialTakeProfit, StopKind::PartialStopLoss];
    let legs = [wanted.take_profit, wanted.stop_loss];
    let mut pair = Vec::new();
    for ((kind, leg), qty) in kinds.into_iter().zip(legs).zip(sizes) {
        if let Some(leg) = leg {
            let mut child = child(desk, one, held.side.opposite(), kind, parent)?;
            child.position_idx = held.idx;
            child.qty = qty;
            aim(&mut child, &leg);
            pair.push(child);
        }
    }
    insert_pair(desk, one, pair)
}

/// Protects what a spot order bought, or buys back what it sold.
pub(crate) fn add_spot(
    desk: &Desk<'_>,
    one: &'static Instrument,
    wanted: &Wanted,
    qty: Decimal,
    parent: &Order,
) -> Result<(), Refusal> {
    let kinds = [StopKind::SpotTakeProfit, StopKind::SpotStopLoss];
    let legs = [wanted.take_profit, wanted.stop_loss];
    let both = legs.iter().all(Option::is_some);
    let mut pair = Vec::new();
    for (kind, leg) in kinds.into_iter().zip(legs) {
        if let Some(leg) = leg {
            let mut child = child(desk, one, parent.side.opposite(), kind, Some(parent))?;
            let filter = if both {
                "BidirectionalTpslOrder"
            } else {
                "tpslOrder"
            };
            filter.clone_into(&mut child.filter);
            child.reduce_only = false;
            child.close_on_trigger = false;
            child.qty = qty;
            child.extras = BTreeMap::new();
            aim(&mut child, &leg);
            child.extras.remove("triggerBy");
            pair.push(child);
        }
    }
    insert_pair(desk, one, pair)
}

fn insert_pair(desk: &Desk<'_>, one: &Instrument, mut pair: Vec<Order>) -> Result<(), Refusal> {
    let lead = match pair.as_slice() {
        [first, _] => first.id.clone(),
        _ => String::new(),
    };
    for child in &mut pair {
        child.stop.pair.clone_from(&lead);
        records::insert(desk.books, child, one)?;
    }
    Ok(())
}

/// A closing order that waits, without its trigger.
fn child(
    desk: &Desk<'_>,
    one: &'static Instrument,
    side: Side,
    kind: StopKind,
    parent: Option<&Order>,
) -> Result<Order, Refusal> {
    let mut order = Order {
        status: Status::Untriggered,
        reduce_only: true,
        close_on_trigger: true,
        filter: "StopOrder".to_owned(),
        seen: desk.last(one)?,
        ..draft::blank(desk, one, side)?
    };
    order.stop.kind = kind;
    let mode = if kind.is_partial() { "Partial" } else { "Full" };
    order.extras.insert("tpslMode".to_owned(), mode.to_owned());
    order
        .extras
        .insert("triggerBy".to_owned(), "LastPrice".to_owned());
    if let Some(parent) = parent {
        order.stop.parent.clone_from(&parent.id);
        order.stop.parent_link.clone_from(&parent.link);
    }
    Ok(order)
}

/// Gives a closing order its trigger and what it sends then.
fn aim(order: &mut Order, leg: &Leg) {
    order.trigger = leg.trigger;
    let rises = (order.side == Side::Sell) == order.stop.kind.takes_profit();
    order.direction = if rises { 1 } else { 2 };
    order
        .extras
        .insert("triggerBy".to_owned(), leg.by.word().to_owned());
    order.market = leg.limit.is_none();
    order.price = leg.limit.unwrap_or_default();
    order.force = if order.market { Force::Ioc } else { Force::Gtc };
}
