//! The body of a new order.

use serde::Serialize;

use super::{OrderFilter, Post, Unsendable, post};
use crate::domain::order::{ClientOrderId, OrderKind, PlaceOrder, Size, TimeInForce, TpslMode};
use crate::domain::symbol::Category;

/// <https://bybit-exchange.github.io/docs/v5/order/create-order>, facts §4.5.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct CreateBody<'a> {
    category: &'static str,
    symbol: &'a str,
    side: &'static str,
    order_type: &'static str,
    qty: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    price: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time_in_force: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    market_unit: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_leverage: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    order_filter: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trigger_price: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trigger_direction: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    position_idx: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reduce_only: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    take_profit: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_loss: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tpsl_mode: Option<&'static str>,
    order_link_id: &'a str,
}

/// A new order, under the id that it was counted with.
pub(in crate::venue::bybit) fn create(
    order: &PlaceOrder,
    client_id: &ClientOrderId,
) -> Result<Post, Unsendable> {
    check_place(order)?;
    let category = order.instrument.category;
    let spot = category == Category::Spot;
    let market = order.kind == OrderKind::Market;
    let body = CreateBody {
        category: category.as_str(),
        symbol: order.instrument.symbol.as_str(),
        side: order.side.as_str(),
        order_type: if market { "Market" } else { "Limit" },
        qty: order.size.qty().to_string(),
        price: match order.kind {
            OrderKind::Market => None,
            OrderKind::Limit(price) => Some(price.to_string()),
        },
        // A market order is always IOC at the exchange.
        time_in_force: (!market).then(|| order.time_in_force.unwrap_or(TimeInForce::Gtc).as_str()),
        market_unit: (spot && market).then(|| market_unit(order.size)),
        // Never on borrowed money (facts §7, 24).
        is_leverage: spot.then_some(0),
        order_filter: (spot && order.trigger.is_some()).then(|| OrderFilter::StopOrder.as_str()),
        trigger_price: order.trigger.map(|trigger| trigger.price.to_string()),
        trigger_direction: order
            .trigger
            .and_then(|trigger| trigger.direction)
            .filter(|_| !spot),
        position_idx: (!spot).then(|| order.position_idx.to_wire()),
        reduce_only: order.reduce_only.then_some(true),
        take_profit: order.take_profit.map(|price| price.to_string()),
        stop_loss: order.stop_loss.map(|price| price.to_string()),
        tpsl_mode: tpsl_mode(order).map(TpslMode::as_str),
        order_link_id: client_id.as_str(),
    };
    post("/v5/order/create", category, &body)
}

/// Said on every spot market order: the exchange's default differs between buys and sells (facts §5.1).
fn market_unit(size: Size) -> &'static str {
    match size {
        Size::Quote(_) => "quoteCoin",
        Size::Base(_) | Size::UsdContracts(_) => "baseCoin",
    }
}

/// Protection of a contract covers the whole position unless it says otherwise; spot has no such choice.
fn tpsl_mode(order: &PlaceOrder) -> Option<TpslMode> {
    let protected = order.take_profit.is_some() || order.stop_loss.is_some();
    match order.tpsl_mode {
        None if protected && order.instrument.category != Category::Spot => Some(TpslMode::Full),
        given => given,
    }
}

/// What would reach the exchange as another order than the one that was approved.
fn check_place(order: &PlaceOrder) -> Result<(), Unsendable> {
    let refused = |why: &str| Err(format!("{}: {why}", order.instrument));
    match (order.instrument.category, order.size) {
        (Category::Option, _) => return refused("options are not traded here"),
        (Category::Linear, Size::Base(_)) | (Category::Inverse, Size::UsdContracts(_)) => {}
        (Category::Spot, Size::Base(_)) => {}
        (Category::Spot, Size::Quote(_)) if order.kind == OrderKind::Market => {}
        _ => return refused("the quantity is in a unit that the exchange does not take for this order"),
    }
    if order.instrument.category == Category::Spot {
        if order.reduce_only {
            return refused("spot has no reduce-only orders");
        }
    } else if order.trigger.is_some_and(|trigger| trigger.direction.is_none()) {
        return refused("a conditional order needs its trigger direction");
    }
    Ok(())
}
