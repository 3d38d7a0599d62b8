//! One fill: the money, the position, the order and the execution row move together.

use rust_decimal::Decimal;
use serde_json::{Value, json};
use uuid::Uuid;

use super::call::{Desk, Refusal, text};
use super::instruments::{Category, Instrument};
use super::order::{Order, Side, Status};
use super::order_store::{self, Filed};
use super::store;

/// A trade as the book produced it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trade {
    pub(crate) price: Decimal,
    pub(crate) qty: Decimal,
    pub(crate) maker: bool,
    pub(crate) time: i64,
}

impl Trade {
    /// A trade that took what others offered.
    pub(crate) fn taken(price: Decimal, qty: Decimal, time: i64) -> Self {
        Self {
            price,
            qty,
            maker: false,
            time,
        }
    }
}

/// Books a trade of `order`. The caller saves the order.
pub(crate) fn fill(desk: &Desk<'_>, order: &mut Order, trade: Trade) -> Result<(), Refusal> {
    let one = order.instrument()?;
    let value = one.value(trade.qty, trade.price);
    let rate = if trade.maker {
        one.maker_rate()
    } else {
        one.taker_rate()
    };
    let (fee, closed) = if one.category == Category::Spot {
        (
            exchange_coins(desk, one, order.side, trade.qty, value, rate)?,
            Decimal::ZERO,
        )
    } else {
        let fee = (value * rate).round_dp(8);
        (fee, move_position(desk, one, order, trade, fee)?)
    };
    order.filled += trade.qty;
    order.filled_value += value;
    order.fee += fee;
    order.updated = trade.time;
    order.status = if order.rest().is_zero() {
        Status::Filled
    } else {
        Status::PartiallyFilled
    };
    let row = execution(one, order, trade, value, fee, rate, closed);
    let filed = Filed {
        order,
        instrument: one,
        time: trade.time,
    };
    order_store::insert_execution(desk.db, &filed, &row)
}

/// A spot fill pays its fee from what it receives.
fn exchange_coins(
    desk: &Desk<'_>,
    one: &Instrument,
    side: Side,
    qty: Decimal,
    value: Decimal,
    rate: Decimal,
) -> Result<Decimal, Refusal> {
    let (paid, got) = match side {
        Side::Buy => ((one.quote, value), (one.base, qty)),
        Side::Sell => ((one.base, qty), (one.quote, value)),
    };
    let fee = got.1 * rate;
    store::credit(desk.db, paid.0, -paid.1, Decimal::ZERO)?;
    store::credit(desk.db, got.0, got.1 - fee, Decimal::ZERO)?;
    Ok(fee)
}

/// A derivative fill changes the position and settles profit and fee; returns the size that it closed.
fn move_position(
    desk: &Desk<'_>,
    one: &Instrument,
    order: &Order,
    trade: Trade,
    fee: Decimal,
) -> Result<Decimal, Refusal> {
    let mut position = store::position(desk.db, one, order.position_idx)?;
    let (profit, closed) = position.fill(one, order.side, trade.qty, trade.price, fee, trade.time);
    if position.is_open() && !order.reduce_only {
        for (stop, name) in [
            (&mut position.take_profit, "takeProfit"),
            (&mut position.stop_loss, "stopLoss"),
        ] {
            if let Some(price) = order.extras.get(name) {
                price.clone_into(stop);
            }
        }
    }
    store::save_position(desk.db, &position)?;
    store::credit(desk.db, one.settle, profit - fee, profit - fee)?;
    Ok(closed)
}

/// The coin that a fee is charged in.
pub(crate) fn fee_coin(one: &Instrument, side: Side) -> &'static str {
    match (one.category, side) {
        (Category::Spot, Side::Buy) => one.base,
        (Category::Spot, Side::Sell) => one.quote,
        _ => one.settle,
    }
}

fn execution(
    one: &Instrument,
    order: &Order,
    trade: Trade,
    value: Decimal,
    fee: Decimal,
    rate: Decimal,
    closed: Decimal,
) -> Value {
    let id = match one.category {
        Category::Spot => spot_number(),
        _ => Uuid::new_v4().to_string(),
    };
    let mark = if one.category.is_derivative() {
        text(trade.price)
    } else {
        String::new()
    };
    json!({
        "symbol": order.symbol, "orderId": order.id, "orderLinkId": order.link, "side": order.side.word(),
        "orderPrice": text(order.price), "orderQty": text(order.qty), "leavesQty": text(order.rest()),
        "createType": "CreateByUser", "orderType": if order.market { "Market" } else { "Limit" },
        "stopOrderType": stop_type(order), "execFee": text(fee), "execFeeV2": "", "execId": id,
        "execPrice": text(trade.price), "execQty": text(trade.qty), "execType": "Trade",
        "execValue": text(one.shown(value)), "execTime": trade.time.to_string(), "feeCurrency": fee_coin(one, order.side),
        "isMaker": trade.maker, "feeRate": text(rate), "tradeIv": "", "markIv": "", "markPrice": mark,
        "indexPrice": "", "underlyingPrice": "", "blockTradeId": "", "closedSize": text(closed),
        "seq": trade.time, "extraFees": "", "marketUnit": order.extra("marketUnit"),
    })
}

/// Spot ids are numbers in text.
pub(crate) fn spot_number() -> String {
    let random = Uuid::new_v4().as_u128() % 900_000_000_000_000_000;
    (1_000_000_000_000_000_000 + random).to_string()
}

/// What Bybit calls the kind of a conditional order.
pub(crate) fn stop_type(order: &Order) -> &'static str {
    match order.filter.as_str() {
        "StopOrder" => "Stop",
        "tpslOrder" => "tpslOrder",
        _ => "",
    }
}
