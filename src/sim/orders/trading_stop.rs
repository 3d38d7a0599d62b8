//! `position/trading-stop`: take profit, stop loss and trailing stop of an open position.

use rust_decimal::Decimal;
use serde_json::json;

use super::attached::{self, Wanted};
use super::checks;
use super::draft;
use super::order::{Side, StopKind};
use super::protect;
use super::stops;
use crate::sim::call::{Answer, Call, Desk, Params, Refusal};
use crate::sim::instruments::Instrument;
use crate::sim::market::prices::PriceKind;
use crate::sim::positions::Position;
use crate::sim::positions::{contract, legs};
use crate::sim::store;

/// Sets the stops of an open position; `0` takes one away.
pub(crate) fn trading_stop(call: &Call<'_>) -> Answer {
    let one = contract(&call.params)?;
    let desk = &call.desk;
    let idx = call.params.integer("positionIdx")?.unwrap_or_default();
    if !legs(desk, one)?.contains(&idx) {
        return Err(Refusal::new(10001, "position idx not match position mode"));
    }
    draft::check_words(&call.params)?;
    for name in ["takeProfit", "stopLoss", "tpLimitPrice", "slLimitPrice"] {
        call.params.decimal(name)?;
    }
    let held = store::position(desk.books, one, idx)?;
    if !held.is_open() {
        return Err(Refusal::new(10001, "can not set tp/sl/ts for zero position"));
    }
    let wanted = attached::asked(&call.params)?;
    attached::check_position(desk, one, &wanted, held.side)?;
    let protected = match wanted.partial {
        true => partial(call, one, &held, &wanted)?,
        false => full(call, one, &held, &wanted)?,
    };
    let trailed = trail(&call.params, desk, one, &held)?;
    if !protected && !trailed {
        return Err(Refusal::new(34040, "not modified"));
    }
    stops::keep_up(desk, one)?;
    remember_mode(desk, one, &call.params, idx)?;
    Ok(json!({}))
}

fn remember_mode(desk: &Desk<'_>, one: &Instrument, params: &Params, idx: i64) -> Result<(), Refusal> {
    let mut held = store::position(desk.books, one, idx)?;
    let mode = params.get("tpslMode").unwrap_or("Full");
    if held.tpsl_mode == mode {
        return Ok(());
    }
    mode.clone_into(&mut held.tpsl_mode);
    held.updated = desk.now;
    store::save_position(desk.books, &held)
}

/// Protections of the whole position are changed in place.
fn full(
    call: &Call<'_>,
    one: &'static Instrument,
    held: &Position,
    wanted: &Wanted,
) -> Result<bool, Refusal> {
    let mut changed = false;
    for (name, kind, leg) in [
        ("takeProfit", StopKind::TakeProfit, wanted.take_profit),
        ("stopLoss", StopKind::StopLoss, wanted.stop_loss),
    ] {
        if call.params.get(name).is_some() {
            changed |= protect::set_full(&call.desk, one, held, kind, leg, None)?;
        }
    }
    Ok(changed)
}

/// Protections of a part are only ever added.
fn partial(
    call: &Call<'_>,
    one: &'static Instrument,
    held: &Position,
    wanted: &Wanted,
) -> Result<bool, Refusal> {
    if wanted.is_empty() {
        return Ok(false);
    }
    let mut sizes = [Decimal::ZERO; 2];
    let sides = [("tpSize", wanted.take_profit), ("slSize", wanted.stop_loss)];
    for (size, (name, leg)) in sizes.iter_mut().zip(sides) {
        if leg.is_some() {
            *size = part_size(&call.params, one, held, name)?;
        }
    }
    let [tp, sl] = sizes;
    if wanted.take_profit.is_some() && wanted.stop_loss.is_some() && tp != sl {
        return Err(Refusal::params("tpSize must equal slSize"));
    }
    stops::check_partials(&call.desk, one, held.idx)?;
    protect::add_partial(&call.desk, one, held, wanted, sizes, None)?;
    Ok(true)
}

fn part_size(params: &Params, one: &Instrument, held: &Position, name: &str) -> Result<Decimal, Refusal> {
    let size = params.decimal(name)?.unwrap_or_default();
    if size <= Decimal::ZERO || checks::off_grid(size, one.step) || size > held.size {
        return Err(Refusal::params(format!(
            "{name} invalid: in Partial mode it is a multiple of {} up to the position",
            one.step
        )));
    }
    Ok(size)
}

/// The trailing stop: a distance in money, and where it begins.
fn trail(
    params: &Params,
    desk: &Desk<'_>,
    one: &'static Instrument,
    held: &Position,
) -> Result<bool, Refusal> {
    let (distance, active) = (params.decimal("trailingStop")?, params.decimal("activePrice")?);
    if distance.is_none() && active.is_none() {
        return Ok(false);
    }
    let old = protect::full(desk, one, held, StopKind::TrailingStop)?.map(|order| order.stop);
    let kept = old.map(|stop| (stop.trail, stop.active)).unwrap_or_default();
    let distance = distance.unwrap_or(kept.0);
    let active = active.unwrap_or(kept.1);
    let last = desk.last(one)?;
    if distance < Decimal::ZERO || distance >= last || checks::off_grid(distance, one.tick) {
        return Err(Refusal::params("trailingStop invalid"));
    }
    if active < Decimal::ZERO || checks::off_grid(active, one.tick) {
        return Err(Refusal::params("activePrice invalid"));
    }
    let (fits, should) = match held.side {
        Side::Buy => (active > last, "higher"),
        Side::Sell => (active < last, "lower"),
    };
    let named = params.get("activePrice").is_some() && !active.is_zero() && active != kept.1;
    if named && !fits {
        let by = PriceKind::Last;
        return Err(attached::wrong_side(
            "TrailingProfit",
            active,
            held.side,
            should,
            last,
            by,
        ));
    }
    protect::set_trailing(desk, one, held, distance, active)
}
