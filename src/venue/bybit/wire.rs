//! The bodies that we send: one function for each write (facts §4.4 to §4.6). Numbers go as strings, flags as
//! booleans, enumerations as integers (facts §1.1).
//!
//! A write that Bybit would understand otherwise than it was approved is not built at all.

use serde::Serialize;

use super::limits::Bucket;
use crate::domain::order::{
    AmendOrder, CancelOrder, CancelScope, ClientOrderId, OrderKey, OrderKind, PlaceOrder, SetLeverage,
    SetTradingStop, Size, TimeInForce, TpslMode,
};
use crate::domain::symbol::Category;

/// A POST, serialised once: these bytes are signed and sent.
#[derive(Debug)]
pub(super) struct Post {
    pub(super) bucket: Bucket,
    pub(super) body: String,
}

/// Why a write is not sent.
pub(super) type Unsendable = String;

/// The kinds that spot keeps apart (facts §5.12); other categories have one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OrderFilter {
    Order,
    StopOrder,
    TpslOrder,
    OcoOrder,
    BidirectionalTpslOrder,
}

impl OrderFilter {
    pub(super) const ALL: [Self; 5] = [
        Self::Order,
        Self::StopOrder,
        Self::TpslOrder,
        Self::OcoOrder,
        Self::BidirectionalTpslOrder,
    ];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Order => "Order",
            Self::StopOrder => "StopOrder",
            Self::TpslOrder => "tpslOrder",
            Self::OcoOrder => "OcoOrder",
            Self::BidirectionalTpslOrder => "BidirectionalTpslOrder",
        }
    }
}

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
pub(super) fn create(order: &PlaceOrder, client_id: &ClientOrderId) -> Result<Post, Unsendable> {
    check_place(order)?;
    let category = order.instrument.category;
    let spot = category == Category::Spot;
    let market = order.kind == OrderKind::Market;
    let has_tpsl = order.take_profit.is_some() || order.stop_loss.is_some();
    let tpsl_mode = match order.tpsl_mode {
        None if has_tpsl && !spot => Some(TpslMode::Full),
        given => given,
    };
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
        market_unit: (spot && market).then_some(match order.size {
            Size::Quote(_) => "quoteCoin",
            Size::Base(_) | Size::UsdContracts(_) => "baseCoin",
        }),
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
        tpsl_mode: tpsl_mode.map(TpslMode::as_str),
        order_link_id: client_id.as_str(),
    };
    post("/v5/order/create", category, &body)
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

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Named<'a> {
    category: &'static str,
    symbol: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    order_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    order_link_id: Option<&'a str>,
}

impl<'a> Named<'a> {
    fn of(instrument: &'a crate::domain::symbol::InstrumentId, key: &'a OrderKey) -> Self {
        let (order_id, order_link_id) = match key {
            OrderKey::Venue(id) => (Some(id.as_str()), None),
            OrderKey::Client(id) => (None, Some(id.as_str())),
        };
        Self {
            category: instrument.category.as_str(),
            symbol: instrument.symbol.as_str(),
            order_id,
            order_link_id,
        }
    }
}

/// <https://bybit-exchange.github.io/docs/v5/order/amend-order>, facts §5.10: what stays is left out.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct AmendBody<'a> {
    #[serde(flatten)]
    order: Named<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    qty: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    price: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trigger_price: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    take_profit: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_loss: Option<String>,
}

pub(super) fn amend(amend: &AmendOrder) -> Result<Post, Unsendable> {
    let body = AmendBody {
        order: Named::of(&amend.instrument, &amend.key),
        qty: amend.new_qty.map(|qty| qty.to_string()),
        price: amend.price.map(|price| price.to_string()),
        trigger_price: amend.trigger_price.map(|price| price.to_string()),
        take_profit: amend.take_profit.map(|level| level.to_wire()),
        stop_loss: amend.stop_loss.map(|level| level.to_wire()),
    };
    post("/v5/order/amend", amend.instrument.category, &body)
}

/// <https://bybit-exchange.github.io/docs/v5/order/cancel-order>, facts §4.6.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct CancelBody<'a> {
    #[serde(flatten)]
    order: Named<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    order_filter: Option<&'static str>,
}

/// `filter` is for spot alone, whose kinds of orders are cancelled apart.
pub(super) fn cancel(cancel: &CancelOrder, filter: Option<OrderFilter>) -> Result<Post, Unsendable> {
    let body = CancelBody {
        order: Named::of(&cancel.instrument, &cancel.key),
        order_filter: filter.map(OrderFilter::as_str),
    };
    post("/v5/order/cancel", cancel.instrument.category, &body)
}

/// <https://bybit-exchange.github.io/docs/v5/order/cancel-all>, facts §5.12.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct CancelAllBody<'a> {
    category: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    symbol: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    settle_coin: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    order_filter: Option<&'static str>,
}

pub(super) fn cancel_all(scope: &CancelScope, filter: Option<OrderFilter>) -> Result<Post, Unsendable> {
    let (symbol, settle_coin) = match scope {
        CancelScope::Instrument(id) => (Some(id.symbol.as_str()), None),
        CancelScope::SettleCoin(Category::Spot, _) => {
            return Err("spot orders have no settle coin: cancel by symbol, or all of spot".to_owned());
        }
        CancelScope::SettleCoin(_, coin) => (None, Some(coin.as_str())),
        CancelScope::Everything(Category::Linear | Category::Inverse) => {
            return Err("linear and inverse orders are cancelled by symbol or by settle coin".to_owned());
        }
        CancelScope::Everything(Category::Spot | Category::Option) => (None, None),
    };
    let body = CancelAllBody {
        category: scope.category().as_str(),
        symbol,
        settle_coin,
        order_filter: filter.map(OrderFilter::as_str),
    };
    post("/v5/order/cancel-all", scope.category(), &body)
}

/// <https://bybit-exchange.github.io/docs/v5/position/leverage>, facts §4.4.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct LeverageBody<'a> {
    category: &'static str,
    symbol: &'a str,
    buy_leverage: &'a str,
    sell_leverage: &'a str,
}

/// The same for both sides: they may differ in one mode alone.
pub(super) fn set_leverage(set: &SetLeverage) -> Result<Post, Unsendable> {
    let category = set.instrument.category;
    check_future(category, "leverage")?;
    let leverage = set.leverage.normalize().to_string();
    let body = LeverageBody {
        category: category.as_str(),
        symbol: set.instrument.symbol.as_str(),
        buy_leverage: &leverage,
        sell_leverage: &leverage,
    };
    post("/v5/position/set-leverage", category, &body)
}

/// <https://bybit-exchange.github.io/docs/v5/position/trading-stop>, facts §4.4: `"0"` removes a level.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TradingStopBody<'a> {
    category: &'static str,
    symbol: &'a str,
    tpsl_mode: &'static str,
    position_idx: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    take_profit: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_loss: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trailing_stop: Option<String>,
}

pub(super) fn trading_stop(set: &SetTradingStop) -> Result<Post, Unsendable> {
    let category = set.instrument.category;
    check_future(category, "a trading stop")?;
    let body = TradingStopBody {
        category: category.as_str(),
        symbol: set.instrument.symbol.as_str(),
        tpsl_mode: set.tpsl_mode.as_str(),
        position_idx: set.position_idx.to_wire(),
        take_profit: set.take_profit.map(|level| level.to_wire()),
        stop_loss: set.stop_loss.map(|level| level.to_wire()),
        trailing_stop: set.trailing_stop.map(|level| level.to_wire()),
    };
    post("/v5/position/trading-stop", category, &body)
}

fn check_future(category: Category, what: &str) -> Result<(), Unsendable> {
    match category {
        Category::Linear | Category::Inverse => Ok(()),
        Category::Spot | Category::Option => Err(format!("{category} has no {what}; use linear or inverse")),
    }
}

fn post(path: &'static str, category: Category, body: &impl Serialize) -> Result<Post, Unsendable> {
    Ok(Post {
        bucket: Bucket {
            path,
            category: Some(category),
        },
        body: serde_json::to_string(body)
            .map_err(|error| format!("the request cannot be written: {error}"))?,
    })
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
