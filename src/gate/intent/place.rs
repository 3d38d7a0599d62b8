//! The arguments of a new order. The exchange would take the values of some that contradict each other and ignore or
//! guess the rest; here they are no order.

use super::{IntentError, SIDES, TIMES_IN_FORCE, TPSL_MODES, client_id, instrument, position_idx};
use crate::domain::fields::{FieldError, Fields, invalid};
use crate::domain::money::{Usd, parse_positive};
use crate::domain::order::{OrderKind, PlaceOrder, PositionIdx, Size, TimeInForce, Trigger};
use crate::domain::symbol::Category;
use crate::gate::sizing::base_size;

pub(super) fn place(fields: &Fields<'_, '_>) -> Result<PlaceOrder, IntentError> {
    let instrument = instrument(fields)?;
    let kind = order_kind(fields)?;
    let order = PlaceOrder {
        side: fields
            .choice("side", &SIDES)?
            .ok_or(FieldError::Missing("side"))?,
        size: size(fields, instrument.category, kind)?,
        kind,
        time_in_force: fields.choice("time_in_force", &TIMES_IN_FORCE)?,
        reduce_only: fields.flag("reduce_only")?.unwrap_or(false),
        client_id: client_id(fields)?,
        trigger: trigger(fields, instrument.category)?,
        take_profit: fields.price("take_profit")?,
        stop_loss: fields.price("stop_loss")?,
        tpsl_mode: fields.choice("tpsl_mode", &TPSL_MODES)?,
        position_idx: position_idx(fields, instrument.category)?,
        stated_notional: stated_notional(fields)?,
        instrument,
    };
    contradiction(&order).map_or(Ok(order), |why| Err(IntentError::Contradiction(why)))
}

fn order_kind(fields: &Fields<'_, '_>) -> Result<OrderKind, IntentError> {
    let is_limit = fields
        .choice("order_type", &[("Market", false), ("Limit", true)])?
        .ok_or(FieldError::Missing("order_type"))?;
    match (is_limit, fields.price("price")?) {
        (true, Some(price)) => Ok(OrderKind::Limit(price)),
        (false, None) => Ok(OrderKind::Market),
        (true, None) => Err(IntentError::Contradiction("a Limit order needs `price`")),
        (false, Some(_)) => Err(IntentError::Contradiction(
            "a Market order has no `price`: leave it out, or use order_type Limit with time_in_force IOC to bound what is paid",
        )),
    }
}

fn size(fields: &Fields<'_, '_>, category: Category, kind: OrderKind) -> Result<Size, IntentError> {
    let qty = fields.qty("qty")?.ok_or(FieldError::Missing("qty"))?;
    let in_quote = fields.choice("market_unit", &[("baseCoin", false), ("quoteCoin", true)])?;
    if category != Category::Spot {
        return match in_quote {
            None => Ok(base_size(category, qty)),
            Some(_) => Err(IntentError::Contradiction(
                "`market_unit` is for spot market orders alone: leave it out",
            )),
        };
    }
    match (kind, in_quote) {
        (OrderKind::Limit(_), None | Some(false)) | (OrderKind::Market, Some(false)) => Ok(Size::Base(qty)),
        (OrderKind::Market, Some(true)) => Ok(Size::Quote(qty)),
        (OrderKind::Limit(_), Some(true)) => Err(IntentError::Contradiction(
            "a spot Limit order is counted in the base coin: leave `market_unit` out, or use order_type Market",
        )),
        (OrderKind::Market, None) => Err(IntentError::Contradiction(
            "a spot Market order needs `market_unit`: quoteCoin when `qty` is money to spend, baseCoin when it is coins; Bybit would guess",
        )),
    }
}

fn trigger(fields: &Fields<'_, '_>, category: Category) -> Result<Option<Trigger>, IntentError> {
    let direction = match fields.whole("trigger_direction")? {
        None => None,
        Some(1) => Some(1),
        Some(2) => Some(2),
        Some(_) => {
            return Err(IntentError::Contradiction(
                "`trigger_direction` is 1 (rises to) or 2 (falls to)",
            ));
        }
    };
    let price = fields.price("trigger_price")?;
    match (price, direction, category) {
        (None, None, _) => Ok(None),
        (None, Some(_), _) => Err(IntentError::Contradiction(
            "`trigger_direction` needs `trigger_price`",
        )),
        (Some(price), None, Category::Spot) => Ok(Some(Trigger { price, direction })),
        (Some(_), Some(_), Category::Spot) => Err(IntentError::Contradiction(
            "a spot trigger has no `trigger_direction`: leave it out",
        )),
        (Some(price), Some(_), _) => Ok(Some(Trigger { price, direction })),
        (Some(_), None, _) => Err(IntentError::Contradiction(
            "`trigger_price` needs `trigger_direction`: 1 when the price rises to it, 2 when it falls to it",
        )),
    }
}

fn stated_notional(fields: &Fields<'_, '_>) -> Result<Option<Usd>, IntentError> {
    let Some(text) = fields.amount("notional_usd")? else {
        return Ok(None);
    };
    Ok(Some(Usd::new(
        parse_positive(text).map_err(|error| invalid("notional_usd", error))?,
    )))
}

/// What each argument allows and the combination does not.
fn contradiction(order: &PlaceOrder) -> Option<&'static str> {
    let spot = order.instrument.category == Category::Spot;
    let protects = order.take_profit.is_some() || order.stop_loss.is_some();
    let market = order.kind == OrderKind::Market;
    if spot && order.reduce_only {
        return Some("spot has no reduce-only: the exchange would ignore it; leave `reduce_only` out");
    }
    if order.reduce_only && protects {
        return Some("a reduce-only order cannot carry `take_profit` or `stop_loss`: leave one of them out");
    }
    if order.tpsl_mode.is_some() && (spot || !protects) {
        return Some("`tpsl_mode` goes with `take_profit` or `stop_loss` on linear or inverse: leave it out");
    }
    if spot && market && protects {
        return Some("a spot Market order cannot carry `take_profit` or `stop_loss`: use a Limit order");
    }
    if market
        && matches!(
            order.time_in_force,
            Some(TimeInForce::Fok | TimeInForce::PostOnly)
        )
    {
        return Some(
            "a Market order is always immediate-or-cancel: leave `time_in_force` out, or use order_type Limit",
        );
    }
    let leg = order.position_idx;
    if order.reduce_only && leg != PositionIdx::OneWay && !leg.is_reduced_by(order.side) {
        return Some(
            "this side adds to that hedge leg and cannot be reduce-only: a long (1) is reduced by Sell, a short (2) by Buy",
        );
    }
    None
}
