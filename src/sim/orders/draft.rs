//! The parameters of a new order, read into one that has not been checked against the market yet.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::order::{Force, Order, Side, Status, Stop};
use crate::sim::call::{Desk, Params, Refusal};
use crate::sim::instruments::{Category, Instrument, num};
use crate::sim::market::book::Book;
use crate::sim::store::ids;

/// Parameters that are kept with the order under their names.
const KEPT: [&str; 19] = [
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
    "slippageToleranceType",
    "slippageTolerance",
    "bboSideType",
    "bboLevel",
    "rpiTakerAccess",
    "orderIv",
];
/// Parameters that must be one of a few words.
const WORDS: [(&str, &[&str]); 10] = [
    ("triggerBy", &["LastPrice", "MarkPrice", "IndexPrice"]),
    ("tpTriggerBy", &["LastPrice", "MarkPrice", "IndexPrice"]),
    ("slTriggerBy", &["LastPrice", "MarkPrice", "IndexPrice"]),
    ("tpslMode", &["Full", "Partial"]),
    ("tpOrderType", &["Market", "Limit"]),
    ("slOrderType", &["Market", "Limit"]),
    ("smpType", &["None", "CancelMaker", "CancelTaker", "CancelBoth"]),
    ("isLeverage", &["0", "1"]),
    ("slippageToleranceType", &["TickSize", "Percent"]),
    ("bboSideType", &["Queue", "Counterparty"]),
];

/// Refuses words that Bybit does not know.
pub(crate) fn check_words(params: &Params) -> Result<(), Refusal> {
    for (name, words) in WORDS {
        if params.get(name).is_some_and(|word| !words.contains(&word)) {
            return Err(Refusal::params(format!("{name} invalid")));
        }
    }
    Ok(())
}

/// An order of which nothing is known but what it is for.
pub(crate) fn blank(desk: &Desk<'_>, one: &Instrument, side: Side) -> Result<Order, Refusal> {
    Ok(Order {
        id: ids::next(desk, one)?,
        ..bare(desk.now, one, side)
    })
}

/// The same without an id.
pub(crate) fn bare(now: i64, one: &Instrument, side: Side) -> Order {
    Order {
        id: String::new(),
        link: String::new(),
        category: one.category.word().to_owned(),
        symbol: one.symbol.to_owned(),
        side,
        market: true,
        force: Force::Ioc,
        price: Decimal::ZERO,
        qty: Decimal::ZERO,
        in_quote: false,
        filled: Decimal::ZERO,
        filled_value: Decimal::ZERO,
        fee: Decimal::ZERO,
        status: Status::New,
        reject: "EC_NoError".to_owned(),
        cancel: "UNKNOWN".to_owned(),
        reduce_only: false,
        position_idx: 0,
        filter: "Order".to_owned(),
        trigger: Decimal::ZERO,
        direction: 0,
        extras: BTreeMap::new(),
        created: now,
        updated: now,
        since: now,
        seen: Decimal::ZERO,
        queue: Decimal::ZERO,
        visible: now,
        stale: None,
        stop: Stop::default(),
        close_on_trigger: false,
        covered: Decimal::ZERO,
    }
}

/// Reads the parameters of `order/create`.
pub(crate) fn draft(params: &Params, one: &'static Instrument, desk: &Desk<'_>) -> Result<Order, Refusal> {
    check_words(params)?;
    let side = side(params)?;
    let market = is_market(params)?;
    let trigger = params.decimal("triggerPrice")?.unwrap_or_default();
    let derivative = one.category.is_derivative();
    let close_on_trigger = params.flag("closeOnTrigger")? && derivative;
    let mut order = Order {
        link: params.get("orderLinkId").unwrap_or_default().to_owned(),
        market,
        force: force(params, one, market)?,
        qty: quantity(params)?,
        in_quote: in_quote(params, one, side, market)?,
        status: first_status(trigger),
        // What closes when it is triggered cannot open anything.
        reduce_only: derivative && (params.flag("reduceOnly")? || (close_on_trigger && !trigger.is_zero())),
        position_idx: params.integer("positionIdx")?.unwrap_or_default(),
        filter: filter(params, one, trigger)?,
        trigger,
        direction: params.integer("triggerDirection")?.unwrap_or_default(),
        extras: kept(params)?,
        close_on_trigger,
        ..blank(desk, one, side)?
    };
    order.price = limit(params, one, &order, desk)?;
    Ok(order)
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

/// The limit; a market order's is ignored, and a level of the book takes the place of a price.
fn limit(
    params: &Params,
    one: &'static Instrument,
    order: &Order,
    desk: &Desk<'_>,
) -> Result<Decimal, Refusal> {
    let price = params.decimal("price")?;
    if order.market {
        return Ok(Decimal::ZERO);
    }
    if params.get("bboSideType").is_some() {
        return book_level(params, one, order, desk.path(one)?.book(desk.now));
    }
    price.ok_or_else(|| Refusal::params("price is required for a limit order"))
}

/// The price of a level of the own side of the book (`Queue`) or of the other one.
fn book_level(
    params: &Params,
    one: &'static Instrument,
    order: &Order,
    book: Book<'_>,
) -> Result<Decimal, Refusal> {
    if !matches!(one.category, Category::Linear | Category::Inverse) {
        return Err(Refusal::params("bboSideType is for linear and inverse"));
    }
    let level = match params.integer("bboLevel")? {
        Some(level @ 1..=5) => usize::try_from(level - 1).unwrap_or_default(),
        _ => return Err(Refusal::params("bboLevel must be 1 to 5")),
    };
    let own = params.get("bboSideType") == Some("Queue");
    let found = match (order.side == Side::Buy) == own {
        true => book.bids(Decimal::ZERO).nth(level),
        false => book.asks(Decimal::ZERO).nth(level),
    };
    found
        .map(|(price, _)| price)
        .ok_or_else(|| Refusal::new(110_118, "no price on that level of the book"))
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
    check_slippage(params)?;
    let given = KEPT
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), params.get(name)?.to_owned())));
    Ok(given.collect())
}

/// A tolerance is 1 to 10000 whole ticks, or 0.01 to 10 percent in hundredths; it is for plain market orders.
fn check_slippage(params: &Params) -> Result<(), Refusal> {
    let Some(kind) = params.get("slippageToleranceType") else {
        return Ok(());
    };
    let ticks = kind == "TickSize";
    let amount = params.decimal("slippageTolerance")?.unwrap_or_default();
    let (least, most, digits) = match ticks {
        true => (Decimal::ONE, num(10_000, 0), 0),
        false => (num(1, 2), num(10, 0), 2),
    };
    if amount < least || amount > most || amount.round_dp(digits) != amount {
        return Err(match ticks {
            true => Refusal::new(110_108, "allowed range is 1 to 10000 ticks"),
            false => Refusal::new(110_109, "allowed range is 0.01% to 10%, in steps of 0.01%"),
        });
    }
    let plain = ["triggerPrice", "takeProfit", "stopLoss"]
        .iter()
        .all(|name| params.get(name).is_none());
    if params.get("orderType") == Some("Market") && plain {
        return Ok(());
    }
    Err(Refusal::params(
        "slippageTolerance is for market orders without trigger and TP/SL",
    ))
}

fn force(params: &Params, one: &Instrument, market: bool) -> Result<Force, Refusal> {
    Ok(match params.get("timeInForce") {
        None | Some("GTC" | "IOC" | "FOK" | "PostOnly") if market => Force::Ioc,
        None | Some("GTC") => Force::Gtc,
        Some("IOC") => Force::Ioc,
        Some("FOK") => Force::Fok,
        Some("PostOnly") => Force::PostOnly,
        Some("RPI") if one.category == Category::Spot => {
            return Err(Refusal::new(170_355, "RPI orders are for approved makers"));
        }
        Some("RPI") => return Err(Refusal::new(110_119, "RPI orders are for approved makers")),
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
