//! Price, trigger and quantity of an order against the market and the filters of its instrument.

use rust_decimal::Decimal;

use super::order::{Order, Side, Status, StopKind};
use super::records;
use crate::sim::account;
use crate::sim::call::{Desk, Refusal};
use crate::sim::instruments::{Category, Instrument, num};

/// Active orders of one contract, and of all spot pairs together.
const ACTIVE_MOST: usize = 500;
/// Conditional orders of one contract.
const CONDITIONAL_MOST: usize = 10;
/// Conditional orders, and apart from them TP/SL orders, of one spot pair.
const SPOT_WAITING_MOST: usize = 30;

/// Whether the instrument takes such an order in its present phase.
pub(crate) fn tradable(one: &Instrument, order: &Order, now: i64) -> Result<(), Refusal> {
    let phase = one.phase(now);
    match one.category {
        Category::Option => Err(Refusal::params("options can be read on paper but not traded")),
        _ if phase.tradable() || phase.reduce_only() && order.reduce_only => Ok(()),
        Category::Spot => Err(Refusal::new(170_151, "This trading pair is not open yet.")),
        _ if phase.reduce_only() => Err(Refusal::new(30_228, "No new positions during delisting.")),
        _ => Err(Refusal::new(110_074, "This contract is not live")),
    }
}

/// Whether one more order may be open.
pub(crate) fn check_room(desk: &Desk<'_>, one: &Instrument, order: &Order) -> Result<(), Refusal> {
    let spot = one.category == Category::Spot;
    let open = |fits: &dyn Fn(&Order) -> bool| records::count_open(desk.books, fits);
    let here = |other: &Order| other.category == order.category && other.symbol == order.symbol;
    let alike = |other: &Order| here(other) && other.is_waiting() && other.filter == order.filter;
    if spot {
        if records::open_spot(desk.books)?.len() >= ACTIVE_MOST {
            return Err(Refusal::new(
                170_810,
                "Cannot exceed maximum of 500 conditional, TP/SL and active orders.",
            ));
        }
        if order.is_waiting() && open(&alike)? >= SPOT_WAITING_MOST {
            return Err(Refusal::new(
                170_005,
                "Too many new orders; the limit is 30 waiting orders per pair.",
            ));
        }
        return Ok(());
    }
    if order.is_waiting() {
        let own = |other: &Order| alike(other) && other.stop.kind == StopKind::None;
        if open(&own)? >= CONDITIONAL_MOST {
            return Err(Refusal::new(
                110_009,
                "The number of stop orders exceeds the maximum allowable limit",
            ));
        }
        return Ok(());
    }
    if desk.books.read(|tables| tables.resting.active(one))? >= ACTIVE_MOST {
        return Err(Refusal::new(
            110_020,
            "You can't have more than 500 active orders",
        ));
    }
    Ok(())
}

/// The largest quantity of one order of its kind.
pub(crate) fn largest_qty(one: &Instrument, order: &Order) -> Decimal {
    match order.market {
        true => one.max_market_qty,
        false => one.max_qty,
    }
}

/// Gives a conditional spot order its direction, and refuses one of futures that contradicts the price.
pub(crate) fn direct(one: &Instrument, order: &mut Order, last: Decimal) -> Result<(), Refusal> {
    if order.status != Status::Untriggered {
        return Ok(());
    }
    if order.trigger <= Decimal::ZERO {
        return Err(Refusal::params("triggerPrice invalid"));
    }
    if one.category == Category::Spot {
        order.direction = if order.trigger > last { 1 } else { 2 };
        return Ok(());
    }
    match order.direction {
        1 if order.trigger > last => Ok(()),
        1 => Err(Refusal::new(
            110_092,
            "expect Rising, but trigger_price <= current",
        )),
        2 if order.trigger < last => Ok(()),
        2 => Err(Refusal::new(
            110_093,
            "expect Falling, but trigger_price >= current",
        )),
        _ => Err(Refusal::params("triggerDirection must be 1 or 2")),
    }
}

/// A limit beyond the collar is moved to it without a word, or refused, as the account has chosen.
pub(crate) fn keep_in_collar(
    desk: &Desk<'_>,
    one: &'static Instrument,
    order: &mut Order,
) -> Result<(), Refusal> {
    if order.market || order.status == Status::Untriggered {
        return Ok(());
    }
    let (highest, lowest) = desk.path(one)?.collar(desk.now);
    let within = match order.side {
        Side::Buy => order.price.min(highest),
        Side::Sell => order.price.max(lowest),
    };
    if within != order.price && !account::settings::adjusts(desk.books, one.category)? {
        return Err(match (one.category, order.side) {
            (Category::Spot, Side::Buy) => Refusal::new(
                170_372,
                format!("Order price cannot be higher than {highest}, the price limitation"),
            ),
            (Category::Spot, Side::Sell) => Refusal::new(
                170_371,
                format!("Order price cannot be lower than {lowest}, the price limitation."),
            ),
            _ => Refusal::new(
                110_003,
                format!("Order price is out of permissible range: {lowest} to {highest}"),
            ),
        });
    }
    order.price = within;
    Ok(())
}

/// Price and quantity against the instrument's filters.
pub(crate) fn check_amounts(one: &Instrument, order: &Order, last: Decimal) -> Result<(), Refusal> {
    let most = one.base_price * Decimal::ONE_HUNDRED;
    for price in [order.price, order.trigger] {
        if price < Decimal::ZERO || price > most || off_grid(price, one.tick) {
            return Err(match one.category {
                Category::Spot => {
                    Refusal::new(170_134, "Order price has too many decimals or is out of range.")
                }
                _ => Refusal::params(format!("price invalid, the tick is {}", one.tick)),
            });
        }
    }
    if !order.market && order.price.is_zero() {
        return Err(Refusal::params("price invalid"));
    }
    if order.closes_all() && order.is_waiting() {
        return Ok(());
    }
    check_qty(one, order)?;
    check_notional(one, order, last)
}

pub(crate) fn off_grid(value: Decimal, grid: Decimal) -> bool {
    value.checked_rem(grid).is_none_or(|rest| !rest.is_zero())
}

fn check_qty(one: &Instrument, order: &Order) -> Result<(), Refusal> {
    let spot = one.category == Category::Spot;
    let (grid, most) = match (order.in_quote, order.market) {
        (true, _) => (num(1, 8), num(8_000_000, 0)),
        (false, true) => (one.step, one.max_market_qty),
        (false, false) => (one.step, one.max_qty),
    };
    if order.qty <= Decimal::ZERO || (!spot && order.qty < one.step) {
        return Err(too_small(spot));
    }
    if order.qty > most {
        let text = "The number of contracts exceeds maximum limit allowed: too large";
        return Err(match spot {
            true => Refusal::new(170_136, "Order quantity exceeded upper limit."),
            false => Refusal::new(10001, text),
        });
    }
    if off_grid(order.qty, grid) {
        return Err(match spot {
            true => Refusal::new(170_137, "Order quantity has too many decimals."),
            false => Refusal::params(format!("qty invalid, the step is {}", one.step)),
        });
    }
    Ok(())
}

fn too_small(spot: bool) -> Refusal {
    match spot {
        true => Refusal::new(170_124, "Order amount is too small."),
        false => Refusal::new(10001, "The number of contracts exceeds minimum limit allowed"),
    }
}

fn check_notional(one: &Instrument, order: &Order, last: Decimal) -> Result<(), Refusal> {
    let price = if order.market { last } else { order.price };
    let notional = match one.category {
        Category::Inverse => order.qty,
        _ if order.in_quote => order.qty,
        _ => order.qty * price,
    };
    if order.reduce_only || notional >= one.min_notional {
        return Ok(());
    }
    Err(match one.category {
        Category::Spot => Refusal::new(170_140, "Order value exceeded lower limit."),
        _ => Refusal::new(110_094, "Order notional value below the lower limit"),
    })
}
