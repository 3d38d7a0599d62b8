//! One fill: the money, the position, the order and the execution row move together.

use rust_decimal::Decimal;
use serde_json::json;

use super::order::{Order, Side, Status};
use super::records::{self, Filed};
use crate::sim::account::borrow;
use crate::sim::account::journal::{self, Cause, Entry, Kind};
use crate::sim::call::{Answer, Desk, Refusal, text};
use crate::sim::instruments::{Category, Instrument};
use crate::sim::positions::closed_pnl;
use crate::sim::store;
use crate::sim::store::ids;

/// The extra of an order that closes a position by force: the type of its executions.
pub(crate) const EXEC_TYPE: &str = "execType";

/// A trade as the book produced it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trade {
    pub(crate) price: Decimal,
    pub(crate) qty: Decimal,
    pub(crate) maker: bool,
}

/// What a trade came to.
struct Booked {
    id: String,
    value: Decimal,
    fee: Decimal,
    rate: Decimal,
    closed: Decimal,
    profit: Decimal,
}

/// Books a trade of `order` at the desk's moment. The caller saves the order.
pub(crate) fn fill(desk: &Desk<'_>, order: &mut Order, trade: Trade) -> Result<(), Refusal> {
    let one = order.instrument()?;
    let rate = if trade.maker {
        one.maker_rate()
    } else {
        one.taker_rate()
    };
    let mut booked = Booked {
        id: ids::next(desk, one)?,
        value: one.value(trade.qty, trade.price),
        fee: Decimal::ZERO,
        rate,
        closed: Decimal::ZERO,
        profit: Decimal::ZERO,
    };
    if one.category == Category::Spot {
        exchange_coins(desk, one, order, trade, &mut booked)?;
    } else {
        move_position(desk, one, order, trade, &mut booked)?;
    }
    order.filled += trade.qty;
    order.filled_value += booked.value;
    order.fee += booked.fee;
    order.updated = desk.now;
    order.status = if order.rest().is_zero() {
        Status::Filled
    } else {
        Status::PartiallyFilled
    };
    let filed = Filed {
        order,
        instrument: one,
        time: desk.now,
    };
    records::insert_execution(desk.books, &filed, &execution(desk, one, order, trade, &booked)?)
}

fn cause<'a>(one: &'a Instrument, order: &'a Order, trade: Trade, booked: &'a Booked) -> Cause<'a> {
    Cause {
        one: Some(one),
        side: order.side.word(),
        qty: trade.qty,
        size: Decimal::ZERO,
        price: trade.price,
        fee_rate: booked.rate,
        order_id: &order.id,
        link: &order.link,
        trade_id: &booked.id,
    }
}

/// A spot fill pays its fee from what it receives.
fn exchange_coins(
    desk: &Desk<'_>,
    one: &Instrument,
    order: &Order,
    trade: Trade,
    booked: &mut Booked,
) -> Result<(), Refusal> {
    let (paid, got) = match order.side {
        Side::Buy => ((one.quote, booked.value), (one.base, trade.qty)),
        Side::Sell => ((one.base, trade.qty), (one.quote, booked.value)),
    };
    booked.fee = got.1 * booked.rate;
    if order.extra("isLeverage") == "1" {
        borrow::lend(desk, paid.0, paid.1, &order.id)?;
    }
    // The log of a spot trade counts each coin by itself: what left is below zero.
    let moved = |qty: Decimal| Cause {
        qty,
        ..cause(one, order, trade, booked)
    };
    let pay = Entry::cash(Kind::Trade, paid.0, -paid.1, moved(-paid.1));
    journal::book(desk, &pay)?;
    let receive = Entry {
        fee: booked.fee,
        ..Entry::cash(Kind::Trade, got.0, got.1, moved(got.1))
    };
    journal::book(desk, &receive)
}

/// A derivative fill changes the position and settles profit and fee.
fn move_position(
    desk: &Desk<'_>,
    one: &Instrument,
    order: &Order,
    trade: Trade,
    booked: &mut Booked,
) -> Result<(), Refusal> {
    booked.fee = (booked.value * booked.rate).round_dp(8);
    let mut position = store::position(desk.books, one, order.position_idx)?;
    let leverage = store::leverage_of(desk.books, one, position.side)?;
    let closed = position.fill(one, order.side, trade.qty, trade.price, booked.fee, desk.now);
    booked.closed = closed.qty;
    booked.profit = closed.profit;
    store::save_position(desk.books, &position)?;
    desk.books
        .touch_position(one.category, one.symbol, position.idx, desk.now);
    closed_pnl::note(desk, one, order, &closed, leverage)?;
    let kind = match order.extra(EXEC_TYPE) {
        "" => Kind::Trade,
        _ => Kind::Liquidation,
    };
    let entry = Entry {
        fee: booked.fee,
        realised: closed.profit - booked.fee,
        ..Entry::cash(
            kind,
            one.settle,
            closed.profit,
            Cause {
                size: position.signed(),
                ..cause(one, order, trade, booked)
            },
        )
    };
    journal::book(desk, &entry)
}

/// The coin that a fee is charged in.
pub(crate) fn fee_coin(one: &Instrument, side: Side) -> &'static str {
    match (one.category, side) {
        (Category::Spot, Side::Buy) => one.base,
        (Category::Spot, Side::Sell) => one.quote,
        _ => one.settle,
    }
}

/// Whether an execution is an ordinary one, or what else it is.
pub(crate) fn exec_type(order: &Order) -> &str {
    match order.extra(EXEC_TYPE) {
        "" => "Trade",
        other => other,
    }
}

fn execution(
    desk: &Desk<'_>,
    one: &'static Instrument,
    order: &Order,
    trade: Trade,
    booked: &Booked,
) -> Answer {
    let mark = if one.category.is_derivative() {
        text(desk.mark(one)?)
    } else {
        String::new()
    };
    Ok(json!({
        "symbol": order.symbol, "orderId": order.id, "orderLinkId": order.link, "side": order.side.word(),
        "orderPrice": text(order.price), "orderQty": text(order.qty), "leavesQty": text(order.rest()),
        "createType": order.create_type(), "orderType": if order.market { "Market" } else { "Limit" },
        "stopOrderType": order.stop_type(), "execFee": text(booked.fee), "execFeeV2": "", "execId": booked.id,
        "execPrice": text(trade.price), "execQty": text(trade.qty), "execType": exec_type(order),
        "execValue": text(one.shown(booked.value)), "execTime": desk.now.to_string(), "feeCurrency": fee_coin(one, order.side),
        "isMaker": trade.maker, "feeRate": text(booked.rate), "tradeIv": "", "markIv": "", "markPrice": mark,
        "indexPrice": "", "underlyingPrice": "", "blockTradeId": "", "closedSize": text(booked.closed),
        "execPnl": text(booked.profit), "seq": desk.now, "extraFees": "", "marketUnit": order.extra("marketUnit"),
    }))
}
