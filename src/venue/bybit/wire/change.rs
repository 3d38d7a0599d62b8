//! The bodies that change or end what rests already.

use serde::Serialize;

use super::{OrderFilter, Post, Unsendable, post};
use crate::domain::order::{AmendOrder, CancelOrder, CancelScope, OrderKey};
use crate::domain::symbol::{Category, InstrumentId};

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
    fn of(instrument: &'a InstrumentId, key: &'a OrderKey) -> Self {
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

pub(in crate::venue::bybit) fn amend(amend: &AmendOrder) -> Result<Post, Unsendable> {
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
pub(in crate::venue::bybit) fn cancel(
    cancel: &CancelOrder,
    filter: Option<OrderFilter>,
) -> Result<Post, Unsendable> {
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

pub(in crate::venue::bybit) fn cancel_all(
    scope: &CancelScope,
    filter: Option<OrderFilter>,
) -> Result<Post, Unsendable> {
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
