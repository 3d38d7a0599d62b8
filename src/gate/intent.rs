//! Step 4: do the arguments say exactly one write? There are no defaults for what is traded, an unknown
//! argument is an error, and what contradicts itself is refused rather than interpreted.

mod place;

use rust_decimal::Decimal;

use crate::domain::fields::{FieldError, Fields, invalid};
use crate::domain::json::{Json, JsonError};
use crate::domain::money::{Price, parse_decimal};
use crate::domain::order::{
    AmendOrder, CancelOrder, CancelScope, ClientOrderId, Level, OrderKey, PositionIdx, SetLeverage,
    SetTradingStop, Side, TimeInForce, TpslMode, Write, WriteTool,
};
use crate::domain::symbol::{Category, Coin, InstrumentId, Symbol};

/// Why a call is not one write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IntentError {
    #[error("the arguments are {0}")]
    Json(#[from] JsonError),
    #[error("{0}")]
    Field(#[from] FieldError),
    #[error("{0}")]
    Contradiction(&'static str),
}

const CATEGORIES: [(&str, Category); 4] = [
    ("linear", Category::Linear),
    ("inverse", Category::Inverse),
    ("spot", Category::Spot),
    ("option", Category::Option),
];
const SIDES: [(&str, Side); 2] = [("Buy", Side::Buy), ("Sell", Side::Sell)];
const TIMES_IN_FORCE: [(&str, TimeInForce); 4] = [
    ("GTC", TimeInForce::Gtc),
    ("IOC", TimeInForce::Ioc),
    ("FOK", TimeInForce::Fok),
    ("PostOnly", TimeInForce::PostOnly),
];
const TPSL_MODES: [(&str, TpslMode); 2] = [("Full", TpslMode::Full), ("Partial", TpslMode::Partial)];

/// The arguments of each tool, in the order of the tool table.
#[must_use]
pub fn known_arguments(tool: WriteTool) -> &'static [&'static str] {
    match tool {
        WriteTool::PlaceOrder => &[
            "category",
            "symbol",
            "side",
            "order_type",
            "qty",
            "price",
            "market_unit",
            "time_in_force",
            "reduce_only",
            "order_link_id",
            "trigger_price",
            "trigger_direction",
            "take_profit",
            "stop_loss",
            "tpsl_mode",
            "position_idx",
            "notional_usd",
        ],
        WriteTool::AmendOrder => &[
            "category",
            "symbol",
            "order_id",
            "order_link_id",
            "new_qty",
            "qty",
            "price",
            "trigger_price",
            "take_profit",
            "stop_loss",
        ],
        WriteTool::CancelOrder => &["category", "symbol", "order_id", "order_link_id"],
        WriteTool::CancelAllOrders => &["category", "symbol", "settle_coin"],
        WriteTool::SetLeverage => &["category", "symbol", "leverage"],
        WriteTool::SetTradingStop => &[
            "category",
            "symbol",
            "position_idx",
            "take_profit",
            "stop_loss",
            "trailing_stop",
            "tpsl_mode",
        ],
    }
}

/// Reads the arguments of a write tool from their exact JSON text: what is asked for, not whether it may be.
pub fn parse(tool: WriteTool, args: &str) -> Result<Write, IntentError> {
    let json = Json::parse(args)?;
    let fields = Fields::new(&json, known_arguments(tool))?;
    match tool {
        WriteTool::PlaceOrder => place::place(&fields).map(Write::Place),
        WriteTool::AmendOrder => amend(&fields).map(Write::Amend),
        WriteTool::CancelOrder => Ok(Write::Cancel(CancelOrder {
            instrument: instrument(&fields)?,
            key: order_key(&fields)?,
        })),
        WriteTool::CancelAllOrders => cancel_scope(&fields).map(Write::CancelAll),
        WriteTool::SetLeverage => set_leverage(&fields).map(Write::SetLeverage),
        WriteTool::SetTradingStop => set_trading_stop(&fields).map(Write::SetTradingStop),
    }
}

fn category(fields: &Fields<'_, '_>) -> Result<Category, IntentError> {
    Ok(fields
        .choice("category", &CATEGORIES)?
        .ok_or(FieldError::Missing("category"))?)
}

fn instrument(fields: &Fields<'_, '_>) -> Result<InstrumentId, IntentError> {
    let category = category(fields)?;
    let symbol = Symbol::parse(fields.required_text("symbol")?).map_err(|error| invalid("symbol", error))?;
    Ok(InstrumentId::new(category, symbol))
}

fn client_id(fields: &Fields<'_, '_>) -> Result<Option<ClientOrderId>, IntentError> {
    let Some(text) = fields.text("order_link_id")? else {
        return Ok(None);
    };
    Ok(Some(
        ClientOrderId::parse(text).map_err(|error| invalid("order_link_id", error))?,
    ))
}

fn position_idx(fields: &Fields<'_, '_>, category: Category) -> Result<PositionIdx, IntentError> {
    let number = fields.whole("position_idx")?.unwrap_or(0);
    let idx =
        u8::try_from(number)
            .ok()
            .and_then(PositionIdx::from_wire)
            .ok_or(IntentError::Contradiction(
                "`position_idx` is 0 (one-way), 1 (hedge, long side) or 2 (hedge, short side)",
            ))?;
    if idx != PositionIdx::OneWay && !matches!(category, Category::Linear | Category::Inverse) {
        return Err(IntentError::Contradiction(
            "hedge positions exist in linear and inverse alone: leave `position_idx` out",
        ));
    }
    Ok(idx)
}

fn order_key(fields: &Fields<'_, '_>) -> Result<OrderKey, IntentError> {
    match (fields.text("order_id")?, client_id(fields)?) {
        (Some(id), None) if is_venue_id(id) => Ok(OrderKey::Venue(id.to_owned())),
        (Some(_), None) => Err(IntentError::Contradiction(
            "`order_id` is not an id that the exchange gives",
        )),
        (None, Some(id)) => Ok(OrderKey::Client(id)),
        (None, None) => Err(IntentError::Contradiction(
            "which order? give `order_id` or `order_link_id`",
        )),
        (Some(_), Some(_)) => Err(IntentError::Contradiction(
            "give `order_id` or `order_link_id`, not both: when they disagree the exchange silently takes the first",
        )),
    }
}

fn is_venue_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn amend(fields: &Fields<'_, '_>) -> Result<AmendOrder, IntentError> {
    let new_qty = match (fields.qty("new_qty")?, fields.qty("qty")?) {
        (Some(_), Some(_)) => {
            return Err(IntentError::Contradiction(
                "`qty` is the old name of `new_qty`: give one of them",
            ));
        }
        (new, old) => new.or(old),
    };
    let change = AmendOrder {
        instrument: instrument(fields)?,
        key: order_key(fields)?,
        new_qty,
        price: fields.price("price")?,
        trigger_price: fields.price("trigger_price")?,
        take_profit: level(fields, "take_profit")?,
        stop_loss: level(fields, "stop_loss")?,
    };
    let changes = change.new_qty.is_some()
        || change.price.is_some()
        || change.trigger_price.is_some()
        || change.take_profit.is_some()
        || change.stop_loss.is_some();
    if changes {
        Ok(change)
    } else {
        Err(IntentError::Contradiction(
            "nothing to change: give a new quantity, price or level",
        ))
    }
}

/// A price, or zero to remove the level.
fn level(fields: &Fields<'_, '_>, name: &'static str) -> Result<Option<Level>, IntentError> {
    let Some(text) = fields.amount(name)? else {
        return Ok(None);
    };
    let value = parse_decimal(text).map_err(|error| invalid(name, error))?;
    if value.is_zero() {
        return Ok(Some(Level::Remove));
    }
    Ok(Some(Level::At(Price::new(value).ok_or_else(|| {
        invalid(name, format!("`{value}` is negative"))
    })?)))
}

fn cancel_scope(fields: &Fields<'_, '_>) -> Result<CancelScope, IntentError> {
    let category = category(fields)?;
    let coin = fields
        .text("settle_coin")?
        .map(|text| Coin::parse(text).map_err(|error| invalid("settle_coin", error)))
        .transpose()?;
    match (fields.text("symbol")?.is_some(), coin, category) {
        (true, None, _) => Ok(CancelScope::Instrument(instrument(fields)?)),
        (true, Some(_), _) => Err(IntentError::Contradiction(
            "give `symbol` or `settle_coin`, not both",
        )),
        (false, Some(coin), Category::Linear | Category::Inverse) => {
            Ok(CancelScope::SettleCoin(category, coin))
        }
        (false, Some(_), _) => Err(IntentError::Contradiction(
            "`settle_coin` is for linear and inverse: leave it out",
        )),
        (false, None, Category::Spot | Category::Option) => Ok(CancelScope::Everything(category)),
        (false, None, _) => Err(IntentError::Contradiction(
            "linear and inverse need `symbol` or `settle_coin` (linear: USDT and USDC are two calls)",
        )),
    }
}

fn derivative(fields: &Fields<'_, '_>) -> Result<InstrumentId, IntentError> {
    let id = instrument(fields)?;
    match id.category {
        Category::Linear | Category::Inverse => Ok(id),
        Category::Spot | Category::Option => {
            Err(IntentError::Contradiction("this is for linear and inverse alone"))
        }
    }
}

fn set_leverage(fields: &Fields<'_, '_>) -> Result<SetLeverage, IntentError> {
    let instrument = derivative(fields)?;
    let text = fields
        .amount("leverage")?
        .ok_or(FieldError::Missing("leverage"))?;
    let leverage = parse_decimal(text).map_err(|error| invalid("leverage", error))?;
    if leverage < Decimal::ONE {
        return Err(IntentError::Contradiction("`leverage` is at least 1"));
    }
    Ok(SetLeverage { instrument, leverage })
}

fn set_trading_stop(fields: &Fields<'_, '_>) -> Result<SetTradingStop, IntentError> {
    let instrument = derivative(fields)?;
    let stop = SetTradingStop {
        position_idx: position_idx(fields, instrument.category)?,
        take_profit: level(fields, "take_profit")?,
        stop_loss: level(fields, "stop_loss")?,
        trailing_stop: level(fields, "trailing_stop")?,
        instrument,
    };
    if fields.choice("tpsl_mode", &TPSL_MODES)? == Some(TpslMode::Partial) {
        return Err(IntentError::Contradiction(
            "`tpsl_mode` Partial needs a size, and this tool takes none: leave it out, and the whole position is \
             protected",
        ));
    }
    if stop.take_profit.is_none() && stop.stop_loss.is_none() && stop.trailing_stop.is_none() {
        return Err(IntentError::Contradiction(
            "nothing to set: give `take_profit`, `stop_loss` or `trailing_stop`; 0 removes one",
        ));
    }
    Ok(stop)
}
