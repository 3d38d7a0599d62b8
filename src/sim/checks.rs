//! Price and quantity of an order against the collar and the filters of its instrument.

use rust_decimal::Decimal;

use super::call::Refusal;
use super::instruments::{Category, Instrument, num};
use super::market;
use super::order::{Order, Side, Status};

/// A futures limit beyond the collar is moved to it without a word, a spot one is refused: Bybit's defaults.
pub(crate) fn keep_in_collar(one: &Instrument, order: &mut Order, last: Decimal) -> Result<(), Refusal> {
    if order.market || order.status == Status::Untriggered {
        return Ok(());
    }
    let (highest, lowest) = market::collar(one, last);
    let spot = one.category == Category::Spot;
    match order.side {
        Side::Buy if order.price > highest && spot => Err(Refusal::new(
            170_372,
            format!("Order price cannot be higher than {highest}, the price limitation"),
        )),
        Side::Sell if order.price < lowest && spot => Err(Refusal::new(
            170_371,
            format!("Order price cannot be lower than {lowest}, the price limitation."),
        )),
        Side::Buy => {
            order.price = order.price.min(highest);
            Ok(())
        }
        Side::Sell => {
            order.price = order.price.max(lowest);
            Ok(())
        }
    }
}

/// Price and quantity against the instrument's filters.
pub(crate) fn check_amounts(one: &Instrument, order: &Order, last: Decimal) -> Result<(), Refusal> {
    let spot = one.category == Category::Spot;
    let off_grid = |value: Decimal, grid: Decimal| !value.checked_rem(grid).unwrap_or_default().is_zero();
    let most_price = one.base_price * Decimal::ONE_HUNDRED;
    for price in [order.price, order.trigger] {
        if price < Decimal::ZERO || price > most_price || off_grid(price, one.tick) {
            return Err(match spot {
                true => Refusal::new(170_134, "Order price has too many decimals or is out of range."),
                false => Refusal::params(format!("price invalid, the tick is {}", one.tick)),
            });
        }
    }
    if !order.market && order.price.is_zero() {
        return Err(Refusal::params("price invalid"));
    }
    let most = if order.market {
        one.max_market_qty
    } else {
        one.max_qty
    };
    let grid = if order.in_quote { num(1, 8) } else { one.step };
    let most = if order.in_quote { num(8_000_000, 0) } else { most };
    if order.qty <= Decimal::ZERO || (!spot && order.qty < one.step) {
        return Err(too_small(spot));
    }
    if order.qty > most {
        return Err(match spot {
            true => Refusal::new(170_136, "Order quantity exceeded upper limit."),
            false => Refusal::new(
                10001,
                "The number of contracts exceeds maximum limit allowed: too large",
            ),
        });
    }
    if off_grid(order.qty, grid) {
        return Err(match spot {
            true => Refusal::new(170_137, "Order quantity has too many decimals."),
            false => Refusal::params(format!("qty invalid, the step is {}", one.step)),
        });
    }
    check_notional(one, order, last)
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
