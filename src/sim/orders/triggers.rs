//! Which price a waiting order listens to, and whether that price has come.

use rust_decimal::Decimal;

use super::order::{Order, Side, Status, StopKind};
use super::trailing;
use crate::sim::call::{Desk, Refusal};
use crate::sim::instruments::Instrument;
use crate::sim::market::prices::PriceKind;

impl PriceKind {
    /// Reads `triggerBy` and its like; nothing means the last price.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "" | "LastPrice" => Self::Last,
            "MarkPrice" => Self::Mark,
            "IndexPrice" => Self::Index,
            _ => return None,
        })
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Last => "LastPrice",
            Self::Mark => "MarkPrice",
            Self::Index => "IndexPrice",
        }
    }

    /// What an order's trigger listens to.
    pub(crate) fn of(order: &Order) -> Self {
        Self::parse(order.extra("triggerBy")).unwrap_or(Self::Last)
    }
}

/// The price of that kind now.
pub(crate) fn trigger_price(
    desk: &Desk<'_>,
    one: &'static Instrument,
    kind: PriceKind,
) -> Result<Decimal, Refusal> {
    Ok(desk.path(one)?.at_of(kind, desk.now))
}

/// The lowest and the highest price of that kind from `from` to `to`.
pub(crate) fn trigger_range(
    desk: &Desk<'_>,
    one: &'static Instrument,
    kind: PriceKind,
    from: i64,
    to: i64,
) -> Result<(Decimal, Decimal), Refusal> {
    Ok(desk.path(one)?.range_of(kind, from, to))
}

/// The price that an order watches: its trigger's kind while it waits, afterwards what trades.
pub(crate) fn watched(desk: &Desk<'_>, one: &'static Instrument, order: &Order) -> Result<Decimal, Refusal> {
    trigger_price(desk, one, watched_kind(order))
}

pub(crate) fn watched_kind(order: &Order) -> PriceKind {
    match order.is_waiting() {
        true => PriceKind::of(order),
        false => PriceKind::Last,
    }
}

/// Whether an order would do something at a price that it watches.
pub(crate) fn stirs(order: &Order, price: Decimal) -> bool {
    reached(order, price) || trailing::moves(order, price)
}

/// Whether a price is one that an order waits for.
pub(crate) fn reached(order: &Order, price: Decimal) -> bool {
    match (order.status, order.direction, order.side) {
        // A trailing stop has no trigger before its activation.
        (Status::Untriggered, _, _)
            if order.stop.kind == StopKind::TrailingStop && order.stop.best.is_zero() =>
        {
            false
        }
        (Status::Untriggered, 1, _) => price >= order.trigger,
        (Status::Untriggered, _, _) => price <= order.trigger,
        (_, _, Side::Buy) => price <= order.price,
        (_, _, Side::Sell) => price >= order.price,
    }
}
