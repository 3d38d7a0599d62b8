//! `order/create`: every check of a new order, then its arrival in the market.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::attached;
use super::checks;
use super::draft;
use super::matching;
use super::order::{Order, Side, Status};
use super::records;
use super::stops;
use super::triggers;
use crate::sim::account::Account;
use crate::sim::call::{Answer, Call, Desk, Refusal};
use crate::sim::instruments::{Category, Instrument};
use crate::sim::store;
use crate::sim::store::ids;

/// The longest client id.
const LINK_MAX: usize = 36;
/// A close is split into at most this many orders.
const PARTS_MOST: usize = 50;

/// Places one order; a close that is larger than one order may be becomes several.
pub(crate) fn create(call: &Call<'_>) -> Answer {
    let one = call.params.instrument()?;
    let desk = &call.desk;
    let mut order = draft::draft(&call.params, one, desk)?;
    check_link(desk, one, &order.link)?;
    check_position(desk, one, &mut order)?;
    // In hedge mode the leg may have made it one that only reduces.
    checks::tradable(one, &order, desk.now)?;
    let mut first = None;
    for part in parts(desk, one, order)? {
        let placed = enter(call, one, part)?;
        first.get_or_insert(placed);
    }
    first.ok_or_else(|| Refusal::params("qty invalid"))
}

/// Checks an order and lets it into the market.
fn enter(call: &Call<'_>, one: &'static Instrument, mut order: Order) -> Result<Value, Refusal> {
    let desk = &call.desk;
    let last = desk.last(one)?;
    order.seen = last;
    let heard = triggers::watched(desk, one, &order)?;
    checks::direct(one, &mut order, heard)?;
    checks::check_amounts(one, &order, last)?;
    checks::keep_in_collar(desk, one, &mut order)?;
    attached::check(desk, one, &order)?;
    checks::check_room(desk, one, &order)?;
    if order.status == Status::New || order.holds_coins() {
        let price = cost_price(desk, one, &order)?;
        Account::read(desk, None)?.afford(desk, &order, price)?;
    }
    if order.market && one.category.is_derivative() && !order.is_waiting() {
        order.price = matching::worst_price(desk, one, &order)?;
    }
    order.visible = desk.now + call.effects.invisible_ms;
    if call.effects.reject_later {
        order.reject("EC_Others", desk.now);
    }
    records::insert(desk.books, &order, one)?;
    if order.status == Status::New {
        matching::arrive(desk, one, &mut order)?;
        records::update(desk.books, &order)?;
        stops::after(desk, one, &mut order)?;
    }
    Ok(json!({"orderId": order.id, "orderLinkId": order.link}))
}

/// The orders that a close comes to: quantity zero means the position, and more than one order may hold is
/// spread over several. Only the first carries the client id.
fn parts(desk: &Desk<'_>, one: &Instrument, mut order: Order) -> Result<Vec<Order>, Refusal> {
    let most = checks::largest_qty(one, &order);
    let held = store::position(desk.books, one, order.position_idx)?.closable(order.side);
    if order.closes_all() && !order.is_waiting() {
        order.qty = held.min(most);
    }
    if !order.reduce_only || order.qty <= most {
        return Ok(vec![order]);
    }
    let mut left = match order.is_waiting() {
        true => order.qty,
        false => order.qty.min(held.max(most)),
    };
    let mut parts = Vec::new();
    while left > Decimal::ZERO && parts.len() < PARTS_MOST {
        let mut part = order.clone();
        part.qty = left.min(most);
        if !parts.is_empty() {
            part.id = ids::next(desk, one)?;
            part.link.clear();
        }
        left -= part.qty;
        parts.push(part);
    }
    Ok(parts)
}

fn check_link(desk: &Desk<'_>, one: &Instrument, link: &str) -> Result<(), Refusal> {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if link.len() > LINK_MAX {
        return Err(Refusal::params(format!("orderLinkId is longer than {LINK_MAX}")));
    }
    if !link.bytes().all(known) {
        return Err(Refusal::params(
            "orderLinkId may hold letters, digits, - and _ only",
        ));
    }
    if records::link_is_used(desk.books, link)? {
        return Err(match one.category {
            Category::Spot => Refusal::new(170_141, "Duplicate clientOrderId."),
            _ => Refusal::new(110_072, "OrderLinkedID is duplicate"),
        });
    }
    Ok(())
}

/// The leg must fit the position mode; an order that only reduces needs something to reduce.
fn check_position(desk: &Desk<'_>, one: &Instrument, order: &mut Order) -> Result<(), Refusal> {
    if !one.category.is_derivative() {
        order.position_idx = 0;
        return Ok(());
    }
    let hedged = store::is_hedged(desk.books, one)?;
    if !matches!((hedged, order.position_idx), (false, 0) | (true, 1 | 2)) {
        return Err(Refusal::new(10001, "position idx not match position mode"));
    }
    // In hedge mode a sell on the long leg can only close it, and a buy on the short leg likewise.
    let closes = matches!((order.position_idx, order.side), (1, Side::Sell) | (2, Side::Buy));
    order.reduce_only = order.reduce_only || closes;
    let held = store::position(desk.books, one, order.position_idx)?;
    if order.reduce_only && !order.is_waiting() && held.closable(order.side).is_zero() {
        return Err(Refusal::new(110_017, "orderQty will be truncated to zero."));
    }
    Ok(())
}

/// The price that an order is charged at when funds are checked: its limit, or the last level that it takes.
fn cost_price(desk: &Desk<'_>, one: &'static Instrument, order: &Order) -> Result<Decimal, Refusal> {
    if !order.market {
        return Ok(order.price);
    }
    match matching::takeable(desk, one, order, Decimal::MAX)?.last() {
        Some((price, _)) => Ok(*price),
        None => desk.last(one),
    }
}
