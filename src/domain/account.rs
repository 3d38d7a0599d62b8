//! What the exchange says: prices, instruments, positions, orders, coins.
//!
//! A figure that the exchange left empty is `None`, never zero.

use rust_decimal::Decimal;

use super::money::{Price, Qty};
use super::order::{ClientOrderId, PositionIdx, Side};
use super::symbol::{Coin, InstrumentId};

/// Live prices of one instrument, in its quote coin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    pub last: Price,
    pub bid: Option<Price>,
    pub ask: Option<Price>,
    /// Spot has none.
    pub mark: Option<Price>,
}

impl Quote {
    /// The worst live price for an order of `side`: max(last, mark, ask) for a buy, max(last, mark, bid) for a
    /// sell; of those that are known.
    #[must_use]
    pub fn live(&self, side: Side) -> Price {
        let book = match side {
            Side::Buy => self.ask,
            Side::Sell => self.bid,
        };
        [self.mark, book]
            .into_iter()
            .flatten()
            .fold(self.last, Price::max)
    }
}

/// What the exchange says an instrument is (facts §4.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instrument {
    pub id: InstrumentId,
    pub base_coin: Coin,
    pub quote_coin: Coin,
    pub settle_coin: Option<Coin>,
    /// `Trading` is the only status in which an order is sent.
    pub status: Option<String>,
    pub is_pre_listing: bool,
    pub tick_size: Option<Price>,
    /// The quantity step: `qtyStep`, on spot `basePrecision`.
    pub qty_step: Option<Qty>,
    /// The step of a spot order in quote money: `quotePrecision`.
    pub quote_step: Option<Qty>,
    pub min_qty: Option<Qty>,
    pub max_limit_qty: Option<Qty>,
    pub max_market_qty: Option<Qty>,
    /// In the quote coin: `minNotionalValue`, on spot `minOrderAmt`.
    pub min_notional: Option<Qty>,
    pub max_leverage: Option<Decimal>,
}

/// One open position; a flat row is not one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    pub instrument: InstrumentId,
    pub side: Side,
    /// Base coin; inverse: USD. Above zero.
    pub size: Qty,
    pub mark_price: Option<Price>,
    pub position_idx: PositionIdx,
}

/// The unit of a resting order's quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SizeUnit {
    Base,
    Quote,
    UsdContracts,
}

/// An order that may still fill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestingOrder {
    pub instrument: InstrumentId,
    pub side: Side,
    /// What can still fill, in `unit`.
    pub leaves: Decimal,
    /// The whole order, filled part included, in `unit`, where known.
    pub qty: Option<Qty>,
    pub filled: Decimal,
    pub unit: SizeUnit,
    /// The limit; `None` for a market order.
    pub price: Option<Price>,
    pub trigger_price: Option<Price>,
    /// The exchange keeps it from opening a position: reduce-only, close-on-trigger, a position's TP or SL.
    pub reduce_only: bool,
    /// Spot: the exchange lends it no coins. What does not say so may borrow.
    pub cannot_borrow: bool,
    pub position_idx: PositionIdx,
    pub client_id: Option<ClientOrderId>,
    pub venue_id: Option<String>,
}

/// An order as the exchange last showed it, open or done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderView {
    pub order: RestingOrder,
    /// Bybit's word, for example `New` or `PartiallyFilledCanceled`.
    pub status: String,
    pub reject_reason: Option<String>,
    pub average_price: Option<Price>,
}

impl OrderView {
    /// Whether it may still fill. A word we do not know counts as open (facts §5.7).
    #[must_use]
    pub fn is_open(&self) -> bool {
        !matches!(
            self.status.as_str(),
            "Filled" | "Cancelled" | "PartiallyFilledCanceled" | "Rejected" | "Deactivated"
        )
    }

    /// Whether it was taken off the exchange before it could fill in full; part of it may have filled (facts §5.7).
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        matches!(
            self.status.as_str(),
            "Cancelled" | "PartiallyFilledCanceled" | "Deactivated"
        )
    }

    /// Whether the exchange refused it after acknowledging it, with nothing filled.
    #[must_use]
    pub fn is_rejected(&self) -> bool {
        self.status == "Rejected" && self.order.filled.is_zero()
    }
}

/// One coin of the unified wallet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoinBalance {
    pub coin: Coin,
    /// Wallet plus unrealised profit less borrowing; negative when net borrowed.
    pub equity: Decimal,
    /// What is there to be sold, borrowed coins included, where the exchange says so.
    pub wallet: Option<Decimal>,
    /// The exchange's own valuation of the equity; `None` or zero where it gives none.
    pub usd_value: Option<Decimal>,
}

impl CoinBalance {
    /// With an equity that was told as zero beside coins that are owed and not there: then what is owed is the equity
    /// (facts §5.13: it is the wallet less what spot trading borrowed, and more).
    #[must_use]
    pub fn less_owed(mut self, borrowed: Option<Decimal>) -> Self {
        let left = self
            .wallet
            .unwrap_or_default()
            .saturating_sub(borrowed.unwrap_or_default());
        if self.equity.is_zero() && left < Decimal::ZERO {
            self.equity = left;
        }
        self
    }

    /// Whether it is worth something, or owes something, as far as the exchange says.
    #[must_use]
    pub fn counts(&self) -> bool {
        !self.equity.is_zero() || self.usd_value.is_some_and(|value| !value.is_zero())
    }

    /// Whether it is a debt, by its coins or by what the exchange says that they are worth.
    #[must_use]
    pub fn is_owed(&self) -> bool {
        self.equity < Decimal::ZERO || self.usd_value.is_some_and(|value| value < Decimal::ZERO)
    }
}
