//! Take profit and stop loss as an order or a position asks for them: read, and checked against the price.

use rust_decimal::Decimal;

use super::checks;
use super::order::{Order, Side};
use super::stops;
use super::triggers;
use crate::sim::call::{Desk, Params, Refusal, text};
use crate::sim::instruments::{Category, Instrument, num};
use crate::sim::market::prices::PriceKind;

/// One protection: where it is triggered, and what it then sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Leg {
    pub(crate) trigger: Decimal,
    pub(crate) by: PriceKind,
    /// The limit; `None` closes at market.
    pub(crate) limit: Option<Decimal>,
}

/// What is to protect a position or a spot purchase.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Only a part of the position is meant.
    pub(crate) partial: bool,
    pub(crate) take_profit: Option<Leg>,
    pub(crate) stop_loss: Option<Leg>,
}

impl Wanted {
    pub(crate) fn is_empty(&self) -> bool {
        self.take_profit.is_none() && self.stop_loss.is_none()
    }
}

/// What an order carries.
pub(crate) fn of(order: &Order) -> Result<Wanted, Refusal> {
    read(|name| order.extras.get(name).map(String::as_str))
}

/// What the parameters of a request ask for.
pub(crate) fn asked(params: &Params) -> Result<Wanted, Refusal> {
    read(|name| params.get(name))
}

fn read<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Result<Wanted, Refusal> {
    let number = |name: &str| match get(name) {
        None | Some("") => Ok(Decimal::ZERO),
        Some(text) => Decimal::from_str_exact(text).map_err(|_| Refusal::params(format!("{name} invalid"))),
    };
    let mode = get("tpslMode").unwrap_or_default();
    let leg = |prefix: &str, price: &str| -> Result<Option<Leg>, Refusal> {
        let trigger = number(price)?;
        if trigger.is_zero() {
            return Ok(None);
        }
        let kind = get(&format!("{prefix}OrderType")).unwrap_or("Market");
        let limit = number(&format!("{prefix}LimitPrice"))?;
        let by = get(&format!("{prefix}TriggerBy")).unwrap_or_default();
        let by = PriceKind::parse(by).ok_or_else(|| Refusal::params(format!("{prefix}TriggerBy invalid")))?;
        Ok(Some(Leg {
            trigger,
            by,
            limit: (kind == "Limit").then_some(limit),
        }))
    };
    Ok(Wanted {
        partial: mode == "Partial",
        take_profit: leg("tp", "takeProfit")?,
        stop_loss: leg("sl", "stopLoss")?,
    })
}

/// Refuses what an order may not carry.
pub(crate) fn check(desk: &Desk<'_>, one: &'static Instrument, order: &Order) -> Result<(), Refusal> {
    let wanted = of(order)?;
    if wanted.is_empty() {
        return Ok(());
    }
    let spot = one.category == Category::Spot;
    if spot && (order.market || order.is_waiting()) {
        return Err(Refusal::params(
            "takeProfit and stopLoss are for spot limit orders",
        ));
    }
    if order.reduce_only {
        return Err(Refusal::new(110_057, "a reduce-only order cannot carry TP/SL"));
    }
    if !spot {
        check_mode(&wanted, order.extra("tpslMode"))?;
    }
    if wanted.partial {
        stops::check_partials(desk, one, order.position_idx)?;
    }
    for (leg, above) in sides(&wanted, order.side) {
        let base = match (order.market, order.trigger.is_zero()) {
            (false, _) => order.price,
            (true, false) => order.trigger,
            (true, true) => triggers::trigger_price(desk, one, leg.by)?,
        };
        check_leg(one, &leg, order.side, above, base)?;
    }
    Ok(())
}

/// The protections of a position on `side`, and whether each has to lie above the price. Take profit first.
fn sides(wanted: &Wanted, side: Side) -> impl Iterator<Item = (Leg, bool)> {
    let long = side == Side::Buy;
    let take_profit = wanted.take_profit.map(|leg| (leg, long));
    let stop_loss = wanted.stop_loss.map(|leg| (leg, !long));
    take_profit.into_iter().chain(stop_loss)
}

/// Refuses protections of a position that do not fit it.
pub(crate) fn check_position(
    desk: &Desk<'_>,
    one: &'static Instrument,
    wanted: &Wanted,
    side: Side,
) -> Result<(), Refusal> {
    check_mode(wanted, if wanted.partial { "Partial" } else { "Full" })?;
    for (leg, above) in sides(wanted, side) {
        let base = triggers::trigger_price(desk, one, leg.by)?;
        check_leg(one, &leg, side, above, base)?;
    }
    Ok(())
}

/// The whole position is closed at market alone.
fn check_mode(wanted: &Wanted, mode: &str) -> Result<(), Refusal> {
    let limits = [wanted.take_profit, wanted.stop_loss]
        .into_iter()
        .flatten()
        .filter(|leg| leg.limit.is_some());
    match mode {
        "Partial" => Ok(()),
        _ if limits.count() == 0 => Ok(()),
        "Full" => Err(Refusal::new(
            110_058,
            "TP/SL orders of tpslMode Full are market orders",
        )),
        _ => Err(Refusal::params(
            "tpOrderType and slOrderType can not have a value when tpSlMode is empty",
        )),
    }
}

fn check_leg(one: &Instrument, leg: &Leg, side: Side, above: bool, base: Decimal) -> Result<(), Refusal> {
    let most = one.base_price * Decimal::ONE_HUNDRED;
    for price in [Some(leg.trigger), leg.limit].into_iter().flatten() {
        if price <= Decimal::ZERO || price > most || checks::off_grid(price, one.tick) {
            let tick = one.tick;
            return Err(Refusal::params(format!(
                "TP/SL price invalid, the tick is {tick}"
            )));
        }
    }
    let fits = if above {
        leg.trigger > base
    } else {
        leg.trigger < base
    };
    if fits {
        return Ok(());
    }
    let name = match (side == Side::Buy) == above {
        true => "TakeProfit",
        false => "StopLoss",
    };
    let should = if above { "higher" } else { "lower" };
    Err(wrong_side(name, leg.trigger, side, should, base, leg.by))
}

/// Prices in these texts are in ten-thousandths.
pub(crate) fn wrong_side(
    name: &str,
    price: Decimal,
    side: Side,
    should: &str,
    base: Decimal,
    by: PriceKind,
) -> Refusal {
    let scaled = |price: Decimal| text(price * num(10_000, 0));
    Refusal::new(
        10001,
        format!(
            "{name}:{} set for {} position should be {should} than base_price:{}??{}",
            scaled(price),
            side.word(),
            scaled(base),
            by.word()
        ),
    )
}
