//! What an agent asks for: one type for each write, and only complete ones.

use std::fmt;

use rust_decimal::Decimal;
use thiserror::Error;

use super::money::{Price, Qty, Usd};
use super::symbol::{Category, Coin, InstrumentId};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Buy,
    Sell,
}

impl Side {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Buy => "Buy",
            Self::Sell => "Sell",
        }
    }

    #[must_use]
    pub fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }
}

/// A quantity with the unit that Bybit gives it (facts §5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// Units of the base coin: linear, spot limit, spot market with `marketUnit` baseCoin.
    Base(Qty),
    /// Money in the quote coin: spot market with `marketUnit` quoteCoin.
    Quote(Qty),
    /// Contracts of one US dollar: inverse.
    UsdContracts(Qty),
}

impl Size {
    #[must_use]
    pub fn qty(self) -> Qty {
        match self {
            Self::Base(qty) | Self::Quote(qty) | Self::UsdContracts(qty) => qty,
        }
    }

    /// The same unit, another quantity.
    #[must_use]
    pub fn with_qty(self, qty: Qty) -> Self {
        match self {
            Self::Base(_) => Self::Base(qty),
            Self::Quote(_) => Self::Quote(qty),
            Self::UsdContracts(_) => Self::UsdContracts(qty),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderKind {
    Market,
    Limit(Price),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeInForce {
    Gtc,
    Ioc,
    Fok,
    PostOnly,
}

impl TimeInForce {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gtc => "GTC",
            Self::Ioc => "IOC",
            Self::Fok => "FOK",
            Self::PostOnly => "PostOnly",
        }
    }
}

/// Which position an order works on (facts §4.5, `positionIdx`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PositionIdx {
    OneWay,
    HedgeLong,
    HedgeShort,
}

impl PositionIdx {
    #[must_use]
    pub fn from_wire(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::OneWay),
            1 => Some(Self::HedgeLong),
            2 => Some(Self::HedgeShort),
            _ => None,
        }
    }

    #[must_use]
    pub fn to_wire(self) -> u8 {
        match self {
            Self::OneWay => 0,
            Self::HedgeLong => 1,
            Self::HedgeShort => 2,
        }
    }

    /// Whether an order of `side` can only shrink this leg: the exchange keeps hedge legs from turning over.
    #[must_use]
    pub fn is_reduced_by(self, side: Side) -> bool {
        matches!(
            (self, side),
            (Self::HedgeLong, Side::Sell) | (Self::HedgeShort, Side::Buy)
        )
    }
}

/// Bybit's `orderLinkId`: at most 36 of `A-Z a-z 0-9 - _` (facts §5.8). The idempotency key of an order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientOrderId(String);

#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is not an order_link_id; use 1 to 36 of A-Z a-z 0-9 - _")]
pub struct ClientOrderIdError(String);

impl ClientOrderId {
    pub fn parse(text: &str) -> Result<Self, ClientOrderIdError> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if text.is_empty() || text.len() > 36 || !text.bytes().all(allowed) {
            return Err(ClientOrderIdError(text.chars().take(60).collect()));
        }
        Ok(Self(text.to_owned()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClientOrderId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// Which existing order is meant. Bybit takes one of the two and silently prefers the first, so we hold one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderKey {
    /// Bybit's `orderId`.
    Venue(String),
    /// Our or the caller's `orderLinkId`.
    Client(ClientOrderId),
}

impl fmt::Display for OrderKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Venue(id) => write!(out, "order_id {id}"),
            Self::Client(id) => write!(out, "order_link_id {id}"),
        }
    }
}

/// Turns an order into a conditional one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trigger {
    pub price: Price,
    /// 1: when the price rises to it, 2: when it falls to it. Linear and inverse need it, spot has none.
    pub direction: Option<u8>,
}

/// A take-profit, stop-loss or trailing distance as Bybit takes it: `"0"` removes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Remove,
    At(Price),
}

impl Level {
    /// The text for the wire.
    #[must_use]
    pub fn to_wire(self) -> String {
        match self {
            Self::Remove => "0".to_owned(),
            Self::At(price) => price.to_string(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TpslMode {
    Full,
    Partial,
}

impl TpslMode {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "Full",
            Self::Partial => "Partial",
        }
    }
}

/// A new order, complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceOrder {
    pub instrument: InstrumentId,
    pub side: Side,
    pub kind: OrderKind,
    pub size: Size,
    pub time_in_force: Option<TimeInForce>,
    /// The exchange itself then keeps the order from opening or turning a position.
    pub reduce_only: bool,
    /// The caller's own id, when it gave one.
    pub client_id: Option<ClientOrderId>,
    pub trigger: Option<Trigger>,
    pub take_profit: Option<Price>,
    pub stop_loss: Option<Price>,
    pub tpsl_mode: Option<TpslMode>,
    pub position_idx: PositionIdx,
    /// What the caller says the order is worth; the larger of this and the computed figure counts (H3).
    pub stated_notional: Option<Usd>,
}

/// New values for a resting order; what is `None` stays. At least one is `Some`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AmendOrder {
    pub instrument: InstrumentId,
    pub key: OrderKey,
    /// The new **total**, filled part included (facts §5.10).
    pub new_qty: Option<Qty>,
    pub price: Option<Price>,
    pub trigger_price: Option<Price>,
    pub take_profit: Option<Level>,
    pub stop_loss: Option<Level>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CancelOrder {
    pub instrument: InstrumentId,
    pub key: OrderKey,
}

/// Which orders a cancel-all reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CancelScope {
    Instrument(InstrumentId),
    SettleCoin(Category, Coin),
    /// All of a category: spot and option only, the others need a coin or a symbol (facts §5.12).
    Everything(Category),
}

impl CancelScope {
    #[must_use]
    pub fn category(&self) -> Category {
        match self {
            Self::Instrument(id) => id.category,
            Self::SettleCoin(category, _) | Self::Everything(category) => *category,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetLeverage {
    pub instrument: InstrumentId,
    /// A plain multiple, at least 1, for both sides.
    pub leverage: Decimal,
}

/// New protection for a whole position; at least one of the three levels is `Some`. A part of one would need a size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetTradingStop {
    pub instrument: InstrumentId,
    pub position_idx: PositionIdx,
    pub take_profit: Option<Level>,
    pub stop_loss: Option<Level>,
    /// A distance from the price, in the quote coin.
    pub trailing_stop: Option<Level>,
}

/// Everything that can be sent to an exchange. There is no other write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    Place(PlaceOrder),
    Amend(AmendOrder),
    Cancel(CancelOrder),
    CancelAll(CancelScope),
    SetLeverage(SetLeverage),
    SetTradingStop(SetTradingStop),
}

impl Write {
    /// The category the write is in.
    #[must_use]
    pub fn category(&self) -> Category {
        match self {
            Self::Place(PlaceOrder { instrument, .. })
            | Self::Amend(AmendOrder { instrument, .. })
            | Self::Cancel(CancelOrder { instrument, .. })
            | Self::SetLeverage(SetLeverage { instrument, .. })
            | Self::SetTradingStop(SetTradingStop { instrument, .. }) => instrument.category,
            Self::CancelAll(scope) => scope.category(),
        }
    }

    /// The instrument the write is about; a wide cancel-all has none.
    #[must_use]
    pub fn instrument(&self) -> Option<&InstrumentId> {
        match self {
            Self::Place(write) => Some(&write.instrument),
            Self::Amend(write) => Some(&write.instrument),
            Self::Cancel(write) => Some(&write.instrument),
            Self::CancelAll(CancelScope::Instrument(id)) => Some(id),
            Self::CancelAll(_) => None,
            Self::SetLeverage(write) => Some(&write.instrument),
            Self::SetTradingStop(write) => Some(&write.instrument),
        }
    }

    #[must_use]
    pub fn tool(&self) -> WriteTool {
        match self {
            Self::Place(_) => WriteTool::PlaceOrder,
            Self::Amend(_) => WriteTool::AmendOrder,
            Self::Cancel(_) => WriteTool::CancelOrder,
            Self::CancelAll(_) => WriteTool::CancelAllOrders,
            Self::SetLeverage(_) => WriteTool::SetLeverage,
            Self::SetTradingStop(_) => WriteTool::SetTradingStop,
        }
    }
}

/// The six writing tools, by the names that the Python original gave them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteTool {
    PlaceOrder,
    AmendOrder,
    CancelOrder,
    CancelAllOrders,
    SetLeverage,
    SetTradingStop,
}

impl WriteTool {
    pub const ALL: [Self; 6] = [
        Self::PlaceOrder,
        Self::AmendOrder,
        Self::CancelOrder,
        Self::CancelAllOrders,
        Self::SetLeverage,
        Self::SetTradingStop,
    ];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::PlaceOrder => "bybit_place_order",
            Self::AmendOrder => "bybit_amend_order",
            Self::CancelOrder => "bybit_cancel_order",
            Self::CancelAllOrders => "bybit_cancel_all_orders",
            Self::SetLeverage => "bybit_set_leverage",
            Self::SetTradingStop => "bybit_set_trading_stop",
        }
    }

    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tool| tool.name() == name)
    }
}
