//! An order as it is kept: what was asked, what happened to it, and what it still waits for.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::sim::call::Refusal;
use crate::sim::instruments::{self, Category, Instrument};

/// Decimals as exact text inside stored rows.
pub(crate) mod exact {
    use rust_decimal::Decimal;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(crate) fn serialize<S: Serializer>(value: &Decimal, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(value)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Decimal, D::Error> {
        Decimal::from_str_exact(&String::deserialize(input)?).map_err(D::Error::custom)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Side {
    Buy,
    Sell,
}

impl Side {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Buy => "Buy",
            Self::Sell => "Sell",
        }
    }

    pub(crate) fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }
}

/// Time in force; a market order is always `IOC`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Force {
    #[serde(rename = "GTC")]
    Gtc,
    #[serde(rename = "IOC")]
    Ioc,
    #[serde(rename = "FOK")]
    Fok,
    PostOnly,
}

impl Force {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Gtc => "GTC",
            Self::Ioc => "IOC",
            Self::Fok => "FOK",
            Self::PostOnly => "PostOnly",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Status {
    New,
    PartiallyFilled,
    Untriggered,
    Filled,
    Cancelled,
    PartiallyFilledCanceled,
    Rejected,
    Deactivated,
}

impl Status {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::New => "New",
            Self::PartiallyFilled => "PartiallyFilled",
            Self::Untriggered => "Untriggered",
            Self::Filled => "Filled",
            Self::Cancelled => "Cancelled",
            Self::PartiallyFilledCanceled => "PartiallyFilledCanceled",
            Self::Rejected => "Rejected",
            Self::Deactivated => "Deactivated",
        }
    }
}

/// One order of the account.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) id: String,
    pub(crate) link: String,
    pub(crate) category: String,
    pub(crate) symbol: String,
    pub(crate) side: Side,
    pub(crate) market: bool,
    pub(crate) force: Force,
    /// The limit; for a market order of a derivative the internal one; zero for spot market orders.
    #[serde(with = "exact")]
    pub(crate) price: Decimal,
    #[serde(with = "exact")]
    pub(crate) qty: Decimal,
    /// `qty` counts quote money, not coins.
    pub(crate) in_quote: bool,
    #[serde(with = "exact")]
    pub(crate) filled: Decimal,
    #[serde(with = "exact")]
    pub(crate) filled_value: Decimal,
    #[serde(with = "exact")]
    pub(crate) fee: Decimal,
    pub(crate) status: Status,
    pub(crate) reject: String,
    pub(crate) cancel: String,
    pub(crate) reduce_only: bool,
    pub(crate) position_idx: i64,
    /// `Order`, `StopOrder`, `tpslOrder` or `BidirectionalTpslOrder`.
    pub(crate) filter: String,
    /// Zero when the order is not conditional.
    #[serde(with = "exact")]
    pub(crate) trigger: Decimal,
    /// 1 fires when the price rises to the trigger, 2 when it falls to it.
    pub(crate) direction: i64,
    /// Parameters that are only kept and shown again, under their names on the wire.
    pub(crate) extras: BTreeMap<String, String>,
    pub(crate) created: i64,
    pub(crate) updated: i64,
    /// The path before this moment is over for this order.
    pub(crate) since: i64,
    /// The last price when it came to rest; what rests fills only when the price moves on from there.
    #[serde(with = "exact")]
    pub(crate) seen: Decimal,
    /// What must trade at its price before its turn comes.
    #[serde(with = "exact")]
    pub(crate) queue: Decimal,
    /// Lists do not show it before this moment.
    pub(crate) visible: i64,
    /// What lists show instead while a change to it is not visible yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stale: Option<Stale>,
    /// What made it and how it moves, when it protects something else.
    #[serde(default)]
    pub(crate) stop: Stop,
    #[serde(default)]
    pub(crate) close_on_trigger: bool,
    /// The filled quantity that its attached take profit and stop loss cover already.
    #[serde(default, with = "exact")]
    pub(crate) covered: Decimal,
}

/// An order as lists go on showing it for a while after it was changed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Stale {
    pub(crate) until: i64,
    pub(crate) row: Value,
}

/// What an order is that closes something else.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum StopKind {
    /// A user's own order, conditional or not.
    #[default]
    None,
    TakeProfit,
    StopLoss,
    PartialTakeProfit,
    PartialStopLoss,
    TrailingStop,
    SpotTakeProfit,
    SpotStopLoss,
}

impl StopKind {
    /// Whether it closes what a position holds.
    pub(crate) fn guards_position(self) -> bool {
        !matches!(self, Self::None | Self::SpotTakeProfit | Self::SpotStopLoss)
    }

    /// Whether its quantity follows the size of the position.
    pub(crate) fn is_full(self) -> bool {
        matches!(self, Self::TakeProfit | Self::StopLoss | Self::TrailingStop)
    }

    pub(crate) fn is_partial(self) -> bool {
        matches!(self, Self::PartialTakeProfit | Self::PartialStopLoss)
    }

    pub(crate) fn takes_profit(self) -> bool {
        matches!(
            self,
            Self::TakeProfit | Self::PartialTakeProfit | Self::SpotTakeProfit
        )
    }
}

/// The part of an order that only take profits, stop losses and trailing stops have.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Stop {
    pub(crate) kind: StopKind,
    /// The order that it came with, by id and by client id.
    pub(crate) parent: String,
    pub(crate) parent_link: String,
    /// The same for the two orders of which only one may fill: the id of the first; empty when it stands alone.
    pub(crate) pair: String,
    /// How far a trailing stop stays behind the best price.
    #[serde(default, with = "exact")]
    pub(crate) trail: Decimal,
    /// Where trailing begins; zero means at once.
    #[serde(default, with = "exact")]
    pub(crate) active: Decimal,
    /// The best price since trailing began; zero before.
    #[serde(default, with = "exact")]
    pub(crate) best: Decimal,
}

impl Order {
    pub(crate) fn instrument(&self) -> Result<&'static Instrument, Refusal> {
        Category::parse(&self.category)
            .and_then(|category| instruments::find(category, &self.symbol))
            .ok_or_else(|| {
                let what = format!("{} {}", self.category, self.symbol);
                Refusal::new(
                    10016,
                    format!("System error. The store names {what}, which is not listed"),
                )
            })
    }

    pub(crate) fn is_open(&self) -> bool {
        matches!(
            self.status,
            Status::New | Status::PartiallyFilled | Status::Untriggered
        )
    }

    /// The first moment at which streams tell of it as it is.
    pub(crate) fn told_from(&self) -> i64 {
        let until = self.stale.as_ref().map_or(i64::MIN, |stale| stale.until);
        self.visible.max(until)
    }

    /// Waiting in the book, not for a trigger.
    pub(crate) fn is_active(&self) -> bool {
        matches!(self.status, Status::New | Status::PartiallyFilled)
    }

    /// What is not filled, in the unit of `qty`.
    pub(crate) fn rest(&self) -> Decimal {
        let done = if self.in_quote {
            self.filled_value
        } else {
            self.filled
        };
        (self.qty - done).max(Decimal::ZERO)
    }

    /// The quantity still in the market; zero once the order is closed.
    pub(crate) fn leaves(&self) -> Decimal {
        if self.is_open() {
            self.rest()
        } else {
            Decimal::ZERO
        }
    }

    pub(crate) fn extra(&self, name: &str) -> &str {
        self.extras.get(name).map(String::as_str).unwrap_or_default()
    }

    pub(crate) fn is_waiting(&self) -> bool {
        self.status == Status::Untriggered
    }

    /// Whether quantity zero stands for all of the position.
    pub(crate) fn closes_all(&self) -> bool {
        self.qty.is_zero() && self.reduce_only && self.close_on_trigger
    }

    /// A spot order that holds its coins back; of a pair that still waits only the first does.
    pub(crate) fn holds_coins(&self) -> bool {
        let waits_with_coins = match self.filter.as_str() {
            "tpslOrder" => true,
            "BidirectionalTpslOrder" => self.stop.pair == self.id,
            _ => false,
        };
        self.is_active() || waits_with_coins
    }

    /// What Bybit calls the kind of a conditional order.
    pub(crate) fn stop_type(&self) -> &'static str {
        match (self.stop.kind, self.filter.as_str()) {
            (StopKind::TakeProfit, _) => "TakeProfit",
            (StopKind::StopLoss, _) => "StopLoss",
            (StopKind::PartialTakeProfit, _) => "PartialTakeProfit",
            (StopKind::PartialStopLoss, _) => "PartialStopLoss",
            (StopKind::TrailingStop, _) => "TrailingStop",
            (_, "StopOrder") => "Stop",
            (_, "tpslOrder") => "tpslOrder",
            (_, "BidirectionalTpslOrder") => "BidirectionalTpslOrder",
            _ => "",
        }
    }

    pub(crate) fn create_type(&self) -> &str {
        match self.stop.kind {
            _ if !self.extra("createType").is_empty() => self.extra("createType"),
            StopKind::None => "CreateByUser",
            StopKind::TakeProfit | StopKind::SpotTakeProfit => "CreateByTakeProfit",
            StopKind::StopLoss | StopKind::SpotStopLoss => "CreateByStopLoss",
            StopKind::PartialTakeProfit => "CreateByPartialTakeProfit",
            StopKind::PartialStopLoss => "CreateByPartialStopLoss",
            StopKind::TrailingStop => "CreateByTrailingStop",
        }
    }

    /// Ends the order without a further fill; `why` is the cancel type.
    pub(crate) fn close(&mut self, why: &str, now: i64) {
        self.status = match self.status {
            Status::Untriggered => Status::Deactivated,
            _ if self.category == Category::Spot.word() && self.filled > Decimal::ZERO => {
                Status::PartiallyFilledCanceled
            }
            _ => Status::Cancelled,
        };
        why.clone_into(&mut self.cancel);
        self.updated = now;
    }

    /// Ends the order as rejected after it was acknowledged.
    pub(crate) fn reject(&mut self, why: &str, now: i64) {
        self.status = Status::Rejected;
        why.clone_into(&mut self.reject);
        self.updated = now;
    }
}
