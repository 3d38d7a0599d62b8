//! Writes seen from outside: in words for a person, as a resting order for the exposure, as exact JSON.

use serde_json::{Map, Value};

use crate::domain::account::{RestingOrder, SizeUnit};
use crate::domain::json::Json;
use crate::domain::money::Usd;
use crate::domain::order::{
    AmendOrder, CancelScope, ClientOrderId, OrderKind, PlaceOrder, Side, Size, Write,
};
use crate::domain::symbol::Category;
use crate::gate::Approved;

/// The same value for a program that keeps numbers as floats: every number that is not a plain integer becomes
/// the text that was written.
pub(super) fn exact_value(json: &Json<'_>) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(value) => (*value).into(),
        Json::Number(text) => text
            .parse::<i64>()
            .map_or_else(|_| Value::from(*text), Value::from),
        Json::String(text) => Value::from(text.as_ref()),
        Json::Array(items) => items.iter().map(exact_value).collect(),
        Json::Object(members) => {
            let members: Map<String, Value> = members
                .iter()
                .map(|(name, value)| (name.to_string(), exact_value(value)))
                .collect();
            Value::Object(members)
        }
    }
}

/// `buy $100 BTCUSDT (crypto)`, as upstream words it; other writes in the same manner.
pub(super) fn in_words(write: &Write, notional: Option<Usd>) -> String {
    match write {
        Write::Place(order) => place_in_words(order, notional),
        Write::Amend(change) => format!(
            "amend {} {}{}",
            change.instrument.symbol,
            change.key,
            changes_in_words(change)
        ),
        Write::Cancel(cancel) => format!("cancel {} {}", cancel.instrument.symbol, cancel.key),
        Write::CancelAll(CancelScope::Instrument(id)) => format!("cancel all orders in {id}"),
        Write::CancelAll(CancelScope::SettleCoin(category, coin)) => {
            format!("cancel all {category} orders settled in {coin}")
        }
        Write::CancelAll(CancelScope::Everything(category)) => format!("cancel all {category} orders"),
        Write::SetLeverage(change) => {
            format!(
                "set leverage of {} to {}x",
                change.instrument.symbol,
                change.leverage.normalize()
            )
        }
        Write::SetTradingStop(stop) => {
            let level = |name: &str, level: Option<crate::domain::order::Level>| {
                level
                    .map(|level| format!(" {name} {}", level.to_wire()))
                    .unwrap_or_default()
            };
            format!(
                "set trading stop of {}{}{}{}",
                stop.instrument.symbol,
                level("take profit", stop.take_profit),
                level("stop loss", stop.stop_loss),
                level("trailing stop", stop.trailing_stop)
            )
        }
    }
}

fn place_in_words(order: &PlaceOrder, notional: Option<Usd>) -> String {
    let side = match order.side {
        Side::Buy => "buy",
        Side::Sell => "sell",
    };
    let size = notional.map_or_else(|| order.size.qty().to_string(), |usd| format!("${usd}"));
    let limit = match order.kind {
        OrderKind::Market => String::new(),
        OrderKind::Limit(price) => format!(" @ {price}"),
    };
    let exit = if order.reduce_only { " reduce-only" } else { "" };
    format!("{side} {size} {}{limit}{exit} (crypto)", order.instrument.symbol)
}

fn changes_in_words(change: &AmendOrder) -> String {
    let part =
        |name: &str, value: Option<String>| value.map(|value| format!(" {name} {value}")).unwrap_or_default();
    [
        part("qty", change.new_qty.map(|qty| qty.to_string())),
        part("price", change.price.map(|price| price.to_string())),
        part("trigger", change.trigger_price.map(|price| price.to_string())),
        part("take profit", change.take_profit.map(|level| level.to_wire())),
        part("stop loss", change.stop_loss.map(|level| level.to_wire())),
    ]
    .concat()
}

/// The order that an approved write may leave at the exchange, at its largest; `None` when it leaves none.
pub(super) fn resting_view(approved: &Approved, client_id: &ClientOrderId) -> Option<RestingOrder> {
    match approved.write() {
        Write::Place(order) => Some(new_order_view(order, client_id)),
        Write::Amend(change) => amended_view(change, approved.resting()?),
        Write::Cancel(_) | Write::CancelAll(_) | Write::SetLeverage(_) | Write::SetTradingStop(_) => None,
    }
}

/// A new order as it would rest.
pub(super) fn new_order_view(order: &PlaceOrder, client_id: &ClientOrderId) -> RestingOrder {
    RestingOrder {
        instrument: order.instrument.clone(),
        side: order.side,
        leaves: order.size.qty().value(),
        qty: Some(order.size.qty()),
        filled: rust_decimal::Decimal::ZERO,
        unit: size_unit(order.size),
        price: match order.kind {
            OrderKind::Market => None,
            OrderKind::Limit(price) => Some(price),
        },
        trigger_price: order.trigger.map(|trigger| trigger.price),
        reduce_only: order.reduce_only,
        // Every spot order is sent with isLeverage 0.
        cannot_borrow: order.instrument.category == Category::Spot,
        position_idx: order.position_idx,
        client_id: Some(client_id.clone()),
        venue_id: None,
    }
}

pub(super) fn size_unit(size: Size) -> SizeUnit {
    match size {
        Size::Base(_) => SizeUnit::Base,
        Size::Quote(_) => SizeUnit::Quote,
        Size::UsdContracts(_) => SizeUnit::UsdContracts,
    }
}

fn amended_view(change: &AmendOrder, resting: &RestingOrder) -> Option<RestingOrder> {
    let qty = change.new_qty.or(resting.qty)?;
    Some(RestingOrder {
        leaves: qty.value().saturating_sub(resting.filled),
        qty: Some(qty),
        price: change.price.or(resting.price),
        trigger_price: change.trigger_price.or(resting.trigger_price),
        ..resting.clone()
    })
}

#[cfg(test)]
mod tests;
