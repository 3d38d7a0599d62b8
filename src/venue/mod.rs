//! Where orders go: the [`Venue`] trait. Reads are free; [`Venue::send`] takes a [`Permit`], and [`Venue::exit`]
//! an [`Exit`], which can only take risk away. Nothing else in the program can send an order.

pub mod bybit;

use std::future::Future;
use std::time::Duration;

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde_json::Value;
use thiserror::Error;

use crate::domain::account::{CoinBalance, Instrument, OrderView, Position, Quote, RestingOrder};
use crate::domain::exit::Exit;
use crate::domain::money::Price;
use crate::domain::order::{ClientOrderId, OrderKey, Write};
use crate::domain::symbol::{Category, Coin, InstrumentId};
use crate::state::day::Permit;

/// The last look before the send: why it must not happen, if so.
pub type LastLook<'a> = &'a (dyn Fn() -> Option<String> + Send + Sync);

/// What became of a write that was handed to the venue.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Taken for processing; not a fill (facts §5.9).
    Accepted(Accepted),
    /// A definite no of the exchange: nothing was placed or changed.
    Rejected(Rejection),
    /// The exchange already has an order with this client id; this request placed nothing.
    Duplicate(Rejection),
    /// No byte left this machine; the reason says why.
    NotSent(String),
    /// Nobody can say yet: timeout, reset, 5xx, unreadable reply, a code that is ambiguous or not in the table.
    Unknown(String),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Accepted {
    /// Bybit's `orderId`, where the endpoint gives one.
    pub venue_id: Option<String>,
    /// The exchange said that it already was so (class N of the code table).
    pub unchanged: bool,
    /// The `result` of the reply, for the ledger and the caller.
    pub response: Value,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Rejection {
    /// Bybit's `retCode`, or the HTTP status when there was no envelope.
    pub code: i64,
    /// Bybit's `retMsg`, free of secrets.
    pub message: String,
    /// The order that was to be changed is already final or gone (class F): read it to know more.
    pub target_final: bool,
    /// A no of the moment, of the clock, a budget or a market that pauses: the same may be taken in a while.
    pub passing: bool,
}

/// Why a read gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum VenueError {
    #[error("no api key is set: set BYBIT_API_KEY and BYBIT_API_SECRET, or use --venue paper")]
    NoCredentials,
    #[error("{0}")]
    Clock(String),
    #[error("the exchange said no (code {code}): {message}")]
    Rejected { code: i64, message: String },
    #[error("rate limited by the exchange: {0}")]
    RateLimited(String),
    #[error("no answer from the exchange: {0}")]
    Unreachable(String),
    #[error("the exchange's answer cannot be read: {0}")]
    Unreadable(String),
    #[error("{0} is not listed by the exchange")]
    UnknownInstrument(InstrumentId),
    #[error("{0}")]
    Account(String),
}

/// A list as far as it could be read: for exits, which act on what they see and need no complete list for that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts<T> {
    pub rows: Vec<T>,
    /// What could not be read. Empty: the rows are all that there is.
    pub unread: Vec<Unread>,
}

/// Something of a list that could not be read: a part of it, a page, or rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// `None`: it may be of any.
    pub category: Option<Category>,
    pub why: VenueError,
}

impl<T> Default for Parts<T> {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            unread: Vec::new(),
        }
    }
}

impl<T> Parts<T> {
    /// Nothing of it could be read.
    #[must_use]
    pub fn none(why: VenueError) -> Self {
        Self {
            rows: Vec::new(),
            unread: vec![Unread { category: None, why }],
        }
    }
}

impl<T> From<Result<Vec<T>, VenueError>> for Parts<T> {
    fn from(read: Result<Vec<T>, VenueError>) -> Self {
        match read {
            Ok(rows) => Self {
                rows,
                unread: Vec::new(),
            },
            Err(why) => Self::none(why),
        }
    }
}

/// Something that trades. Reads say everything or fail: a list is complete, over all pages and settle coins.
/// Only the two `…_in_parts` give what they could read, and say what is missing.
pub trait Venue: Send + Sync + 'static {
    /// What this venue is, in words: `bybit mainnet`, `bybit testnet`, `paper`.
    fn label(&self) -> &str;

    /// Whether the money is not real; every reply then says so.
    fn is_paper(&self) -> bool;

    /// For how long after its signature the exchange still honours a request (facts §5.9, step 4).
    fn request_lives_for(&self) -> Duration {
        Duration::from_secs(5)
    }

    /// The exchange's clock now. Measured once and kept; an offset too large to sign with is an error.
    fn exchange_time(&self) -> impl Future<Output = Result<DateTime<Utc>, VenueError>> + Send;

    fn quote(&self, id: &InstrumentId) -> impl Future<Output = Result<Quote, VenueError>> + Send;

    fn instrument(&self, id: &InstrumentId) -> impl Future<Output = Result<Instrument, VenueError>> + Send;

    /// USD for one `coin`, from a fresh price (facts §5.2). USD, USDT and USDC are not asked for.
    fn coin_usd(&self, coin: &Coin) -> impl Future<Output = Result<Price, VenueError>> + Send;

    /// Every open position of every category and settle coin.
    fn positions(&self) -> impl Future<Output = Result<Vec<Position>, VenueError>> + Send;

    /// Every order that may still fill, conditional ones included, of every category and settle coin.
    fn open_orders(&self) -> impl Future<Output = Result<Vec<RestingOrder>, VenueError>> + Send;

    /// The positions that can be read.
    fn positions_in_parts(&self) -> impl Future<Output = Parts<Position>> + Send {
        async { Parts::from(self.positions().await) }
    }

    /// The orders that may still fill and can be read.
    fn open_orders_in_parts(&self) -> impl Future<Output = Parts<RestingOrder>> + Send {
        async { Parts::from(self.open_orders().await) }
    }

    /// Every coin of the unified wallet.
    fn wallet(&self) -> impl Future<Output = Result<Vec<CoinBalance>, VenueError>> + Send;

    /// Whether all that counts lies in the account that is read; the error says what may lie elsewhere.
    fn is_whole(&self) -> impl Future<Output = Result<(), VenueError>> + Send;

    /// One order, open or done: open orders, then history, then executions (facts §5.9). `None` means that none
    /// of the three shows it now, which is not yet proof that it does not exist.
    fn order(
        &self,
        id: &InstrumentId,
        key: &OrderKey,
    ) -> impl Future<Output = Result<Option<OrderView>, VenueError>> + Send;

    /// The same for an order of long ago: looked for from when it was sent, by our clock, and not only as far back
    /// as the exchange looks when it is not told.
    fn order_sent_at(
        &self,
        id: &InstrumentId,
        key: &OrderKey,
        sent: DateTime<Utc>,
    ) -> impl Future<Output = Result<Option<OrderView>, VenueError>> + Send;

    /// Mean daily turnover in the quote coin (inverse: in USD) over the trailing 45 days; a day before the listing had
    /// none.
    fn average_daily_turnover(
        &self,
        id: &InstrumentId,
    ) -> impl Future<Output = Result<Decimal, VenueError>> + Send;

    /// One signed or public GET, for the reading tools: the `result` as the exchange gave it.
    fn read(&self, request: ReadRequest) -> impl Future<Output = Result<Value, VenueError>> + Send;

    /// The request that [`Venue::send`] would make of a write, for the ledger: its path and body, no secret.
    fn describe(&self, write: &Write, client_id: &ClientOrderId) -> Value;

    /// Sends the write that the permit holds, once. Never retried.
    fn send(&self, permit: Permit<'_>) -> impl Future<Output = Outcome> + Send;

    /// Sends what can only take risk away, once, without a permit: a person's exit works in every state. `withdrawn`
    /// is asked right before the bytes go out, after everything that can wait.
    fn exit(
        &self,
        exit: &Exit,
        client_id: &ClientOrderId,
        withdrawn: LastLook<'_>,
    ) -> impl Future<Output = Outcome> + Send;
}

/// A GET of the V5 API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadRequest {
    /// For example `/v5/market/tickers`.
    pub path: &'static str,
    /// Needs a key.
    pub private: bool,
    /// Names and plain values; the client encodes them. `cursor` is sent as it is.
    pub query: Vec<(&'static str, String)>,
}
