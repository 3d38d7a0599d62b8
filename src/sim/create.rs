//! `order/create`: every check of a new order, then its arrival in the market.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde_json::json;

use super::account::Account;
use super::call::{Answer, Call, Desk, Params, Refusal};
use super::checks;
use super::ids;
use super::instruments::{Category, Instrument};
use super::matching;
use super::order::{Force, Order, Side, Status};
use super::order_store;
use super::store;

/// The longest client id.
const LINK_MAX: usize = 36;
/// Parameters that are kept with the order and shown again, without a further effect.
const KEPT: [&str; 13] = [
    "marketUnit",
    "triggerBy",
    "takeProfit",
    "stopLoss",
    "tpTriggerBy",
    "slTriggerBy",
    "tpslMode",
    "tpOrderType",
    "slOrderType",
    "tpLimitPrice",
    "slLimitPrice",
    "smpType",
    "isLeverage",
];

/// Places one order.
pub(crate) fn create(call: &Call<'_>) -> Answer {
    let one = call.params.instrument()?;
    if one.category == Category::Option {
        return Err(Refusal::params("options can be read on paper but not traded"));
    }
    let desk = &call.desk;
    let last = desk.last(one)?;
    let mut order = draft(&call.params, one, desk)?;
    check_link(desk, one, &order.link)?;
    order.seen = last;
    checks::direct(one, &mut order, last)?;
    checks::check_amounts(one, &order, last)?;
    checks::keep_in_collar(one, &mut order, last)?;
    check_position(desk, one, &mut order)?;
    if order.status == Status::New || order.filter == "tpslOrder" {
        let price = cost_price(desk, one, &order)?;
        Account::read(desk, None)?.afford(desk, &order, price)?;
    }
    order.visible = desk.now + call.effects.invisible_ms;
    if call.effects.reject_later {
        order.reject("EC_Others", desk.now);
    }
    order_store::insert(desk.books, &order, one)?;
    if order.status == Status::New {
        matching::arrive(desk, one, &mut order)?;
        order_store::update(desk.books, &order)?;
        matching::cancel_orphans(desk, one)?;
    }
    Ok(json!({"orderId": order.id, "orderLinkId": order.link}))
}

/// Reads the parameters into an order that has not been checked against the market yet.
fn draft(params: &Params, one: &Instrument, desk: &Desk<'_>) -> Result<Order, Refusal> {
    let side = side(params)?;
    let market = is_market(params)?;
    let trigger = params.decimal("triggerPrice")?.unwrap_or_default();
    Ok(Order {
        id: ids::next(desk, one)?,
        link: params.get("orderLinkId").unwrap_or_default().to_owned(),
        category: one.category.word().to_owned(),
        symbol: one.symbol.to_owned(),
        side,
        market,
        force: force(params, market)?,
        price: limit(params, market)?,
        qty: quantity(params)?,
        in_quote: in_quote(params, one, side, market)?,
        filled: Decimal::ZERO,
        filled_value: Decimal::ZERO,
        fee: Decimal::ZERO,
        status: first_status(trigger),
        reject: "EC_NoError".to_owned(),
        cancel: "UNKNOWN".to_owned(),
        reduce_only: params.flag("reduceOnly")? && one.category.is_derivative(),
        position_idx: params.integer("positionIdx")?.unwrap_or_default(),
        filter: filter(params, one, trigger)?,
        trigger,
        direction: params.integer("triggerDirection")?.unwrap_or_default(),
        extras: kept(params)?,
        created: desk.now,
        updated: desk.now,
        since: desk.now,
        seen: Decimal::ZERO,
        queue: Decimal::ZERO,
        visible: desk.now,
    })
}

fn side(params: &Params) -> Result<Side, Refusal> {
    match params.require("side")? {
        "Buy" => Ok(Side::Buy),
        "Sell" => Ok(Side::Sell),
        _ => Err(Refusal::params("Side invalid")),
    }
}

fn is_market(params: &Params) -> Result<bool, Refusal> {
    match params.require("orderType")? {
        "Market" => Ok(true),
        "Limit" => Ok(false),
        _ => Err(Refusal::params("OrderType invalid")),
    }
}

/// The limit; a market order's is ignored.
fn limit(params: &Params, market: bool) -> Result<Decimal, Refusal> {
    match params.decimal("price")? {
        _ if market => Ok(Decimal::ZERO),
        Some(price) => Ok(price),
        None => Err(Refusal::params("price is required for a limit order")),
    }
}

fn quantity(params: &Params) -> Result<Decimal, Refusal> {
    params
        .decimal("qty")?
        .ok_or_else(|| Refusal::params("qty is required"))
}

fn first_status(trigger: Decimal) -> Status {
    match trigger.is_zero() {
        true => Status::New,
        false => Status::Untriggered,
    }
}

fn kept(params: &Params) -> Result<BTreeMap<String, String>, Refusal> {
    for name in ["takeProfit", "stopLoss", "tpLimitPrice", "slLimitPrice"] {
        params.decimal(name)?;
    }
    let given = KEPT
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), params.get(name)?.to_owned())));
    Ok(given.collect())
}

fn force(params: &Params, market: bool) -> Result<Force, Refusal> {
    Ok(match params.get("timeInForce") {
        None | Some("GTC" | "IOC" | "FOK" | "PostOnly") if market => Force::Ioc,
        None | Some("GTC") => Force::Gtc,
        Some("IOC") => Force::Ioc,
        Some("FOK") => Force::Fok,
        Some("PostOnly") => Force::PostOnly,
        Some(_) => return Err(Refusal::params("TimeInForce invalid")),
    })
}

/// Whether `qty` is money: the default of a spot market buy, a choice of a spot market sell.
fn in_quote(params: &Params, one: &Instrument, side: Side, market: bool) -> Result<bool, Refusal> {
    if one.category != Category::Spot || !market {
        return Ok(false);
    }
    match params.get("marketUnit") {
        None => Ok(side == Side::Buy),
        Some("quoteCoin") => Ok(true),
        Some("baseCoin") => Ok(false),
        Some(_) => Err(Refusal::params("marketUnit invalid")),
    }
}

fn filter(params: &Params, one: &Instrument, trigger: Decimal) -> Result<String, Refusal> {
    let conditional = !trigger.is_zero();
    let filter = match params.get("orderFilter") {
        _ if one.category != Category::Spot => {
            if conditional {
                "StopOrder"
            } else {
                "Order"
            }
        }
        Some("StopOrder") if conditional => "StopOrder",
        None | Some("tpslOrder") if conditional => "tpslOrder",
        None | Some("Order") if !conditional => "Order",
        _ => return Err(Refusal::params("orderFilter does not fit triggerPrice")),
    };
    Ok(filter.to_owned())
}

fn check_link(desk: &Desk<'_>, one: &Instrument, link: &str) -> Result<(), Refusal> {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if link.len() > LINK_MAX {
        return Err(Refusal::params(format!("orderLinkId is longer than {LINK_MAX}")));
    }
    if !link.bytes().all(known) {
        return Err(Refusal::params(
            "orderLinkId may hold letters, digits, - and _ only",
        ));
    }
    if order_store::link_is_used(desk.books, link)? {
        return Err(match one.category {
            Category::Spot => Refusal::new(170_141, "Duplicate clientOrderId."),
            _ => Refusal::new(110_072, "OrderLinkedID is duplicate"),
        });
    }
    Ok(())
}

/// The leg must fit the position mode; an order that only reduces needs something to reduce.
fn check_position(desk: &Desk<'_>, one: &Instrument, order: &mut Order) -> Result<(), Refusal> {
    if !one.category.is_derivative() {
        order.position_idx = 0;
        return Ok(());
    }
    let hedged = store::is_hedged(desk.books, one)?;
    if !matches!((hedged, order.position_idx), (false, 0) | (true, 1 | 2)) {
        return Err(Refusal::new(10001, "position idx not match position mode"));
    }
    // In hedge mode a sell on the long leg can only close it, and a buy on the short leg likewise.
    let closes = matches!((order.position_idx, order.side), (1, Side::Sell) | (2, Side::Buy));
    order.reduce_only = order.reduce_only || closes;
    let held = store::position(desk.books, one, order.position_idx)?;
    let waits = order.status == Status::Untriggered;
    if order.reduce_only && !waits && held.closable(order.side).is_zero() {
        return Err(Refusal::new(110_017, "orderQty will be truncated to zero."));
    }
    Ok(())
}

/// The price that an order is charged at when funds are checked: its limit, or the last level that it takes.
fn cost_price(desk: &Desk<'_>, one: &'static Instrument, order: &Order) -> Result<Decimal, Refusal> {
    if !order.market {
        return Ok(order.price);
    }
    match matching::takeable(desk, one, order, Decimal::MAX)?.last() {
        Some((price, _)) => Ok(*price),
        None => desk.last(one),
    }
}
