//! `position/trading-stop`: take profit, stop loss and trailing stop of a position.
//!
//! They are kept and shown. They do not fire yet.

use rust_decimal::Decimal;
use serde_json::json;

use super::call::{Answer, Call, Params, Refusal, text};
use super::instruments::Instrument;
use super::order::Side;
use super::position::Position;
use super::positions::{contract, legs};
use super::store;

/// Sets the stops of an open position; `0` takes one away.
pub(crate) fn trading_stop(call: &Call<'_>) -> Answer {
    let one = contract(&call.params)?;
    let idx = call.params.integer("positionIdx")?.unwrap_or_default();
    if !legs(&call.desk, one)?.contains(&idx) {
        return Err(Refusal::new(10001, "position idx not match position mode"));
    }
    let mut held = store::position(call.desk.books, one, idx)?;
    if !held.is_open() {
        return Err(Refusal::new(10001, "can not set tp/sl/ts for zero position"));
    }
    let before = stops(&held);
    let last = call.desk.last(one)?;
    let above = held.side == Side::Buy;
    set_stop(&call.params, one, "takeProfit", &mut held.take_profit, |price| {
        (price > last) == above
    })?;
    set_stop(&call.params, one, "stopLoss", &mut held.stop_loss, |price| {
        (price < last) == above
    })?;
    set_stop(&call.params, one, "trailingStop", &mut held.trailing_stop, |_| {
        true
    })?;
    set_stop(&call.params, one, "activePrice", &mut held.active_price, |_| true)?;
    match call.params.get("tpslMode") {
        None => {}
        Some(mode @ ("Full" | "Partial")) => mode.clone_into(&mut held.tpsl_mode),
        Some(_) => return Err(Refusal::params("tpslMode invalid")),
    }
    if stops(&held) == before {
        return Err(Refusal::new(34040, "not modified"));
    }
    held.updated = call.desk.now;
    store::save_position(call.desk.books, &held)?;
    Ok(json!({}))
}

fn stops(held: &Position) -> [String; 4] {
    [
        &held.take_profit,
        &held.stop_loss,
        &held.trailing_stop,
        &held.active_price,
    ]
    .map(Clone::clone)
}

fn set_stop(
    params: &Params,
    one: &Instrument,
    name: &str,
    stop: &mut String,
    fits: impl Fn(Decimal) -> bool,
) -> Result<(), Refusal> {
    let Some(price) = params.decimal(name)? else {
        return Ok(());
    };
    if price.is_zero() {
        stop.clear();
        return Ok(());
    }
    let on_grid = price.checked_rem(one.tick).is_some_and(|rest| rest.is_zero());
    if price < Decimal::ZERO || !on_grid || !fits(price) {
        return Err(Refusal::params(format!(
            "{name} does not fit the position and the last price"
        )));
    }
    *stop = text(price);
    Ok(())
}
