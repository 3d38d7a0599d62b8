//! The Bybit V5 client: one for mainnet, testnet, demo, regional hosts and the paper exchange.
//!
//! `http` is the one way out, `get` and `writes` are the two things done with it, `clock`, `limits` and `sign`
//! what every request needs. `market`, `orders` and `parse` read rows, `wire` writes bodies, `retcode` knows the
//! codes. A read is repeated, a write never; what was not understood is an error, never a guess.

mod account_mode;
mod clock;
mod config;
mod connection;
mod get;
mod http;
mod limits;
mod lookup;
mod market;
#[doc(hidden)]
pub mod offline;
mod orders;
mod outcome;
mod pages;
mod parse;
mod protection;
mod query;
mod reads;
mod reply;
mod retcode;
mod sign;
mod timing;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod wild;
mod wire;
mod writes;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde_json::Value;
use tokio::sync::{Mutex, OnceCell};

pub use account_mode::why_not_whole;
pub use config::{BybitConfig, ConfigError};
pub use sign::{Credentials, CredentialsError, SignError};

use crate::domain::account::{CoinBalance, Instrument, OrderView, Position, Quote, RestingOrder};
use crate::domain::exit::Exit;
use crate::domain::money::Price;
use crate::domain::order::{ClientOrderId, OrderKey, Write};
use crate::domain::symbol::{Coin, InstrumentId};
use crate::state::day::Permit;
use crate::venue::{LastLook, Outcome, Parts, ReadRequest, Venue, VenueError};
use http::Http;

/// Bybit, or something that speaks as it does. Nothing is connected before the first request.
#[derive(Debug)]
pub struct BybitVenue {
    http: Http,
    instruments: Mutex<HashMap<InstrumentId, (Instant, Instrument)>>,
    /// Known once the account was seen to be one that is read in full.
    is_whole: OnceCell<()>,
}

/// This machine's clock beside the exchange's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockCheck {
    /// How far this machine's clock is ahead of the exchange's; negative when it is behind.
    pub ahead_ms: i64,
    pub round_trip_ms: i64,
}

impl BybitVenue {
    #[must_use]
    pub fn new(config: BybitConfig) -> Self {
        Self {
            http: Http::new(config),
            instruments: Mutex::new(HashMap::new()),
            is_whole: OnceCell::new(),
        }
    }

    /// The same exchange over connections of its own, for another runtime, within the same budgets.
    ///
    /// A connection is driven by the runtime that opened it, and whoever waits for a clock waits for the runtime
    /// that measures it. So neither is shared: a runtime that is blocked holds nothing of the other one up.
    #[must_use]
    pub fn apart(&self) -> Self {
        Self {
            http: self.http.apart(),
            instruments: Mutex::new(HashMap::new()),
            is_whole: OnceCell::new(),
        }
    }

    /// Where it is and how it is reached.
    #[must_use]
    pub fn config(&self) -> &BybitConfig {
        &self.http.config
    }

    /// Measures both clocks now. Unlike every signed request it answers however far apart they are.
    pub async fn check_clock(&self) -> Result<ClockCheck, VenueError> {
        let deadline = Instant::now() + self.http.config.timeout;
        let reading = self.http.measured_now(deadline).await?;
        Ok(ClockCheck {
            ahead_ms: -reading.offset_ms(),
            round_trip_ms: reading.round_trip_ms(),
        })
    }
}

impl Venue for BybitVenue {
    fn label(&self) -> &str {
        &self.http.config.label
    }

    fn is_paper(&self) -> bool {
        self.http.config.paper
    }

    fn request_lives_for(&self) -> Duration {
        Duration::from_millis(self.http.config.recv_window_ms)
    }

    async fn exchange_time(&self) -> Result<DateTime<Utc>, VenueError> {
        DateTime::from_timestamp_millis(self.exchange_ms().await?)
            .ok_or_else(|| VenueError::Unreadable("the exchange's time is out of range".to_owned()))
    }

    async fn quote(&self, id: &InstrumentId) -> Result<Quote, VenueError> {
        self.fetch_quote(id).await
    }

    async fn instrument(&self, id: &InstrumentId) -> Result<Instrument, VenueError> {
        self.fetch_instrument(id).await
    }

    async fn coin_usd(&self, coin: &Coin) -> Result<Price, VenueError> {
        self.fetch_coin_usd(coin).await
    }

    async fn positions(&self) -> Result<Vec<Position>, VenueError> {
        self.fetch_positions().await
    }

    async fn open_orders(&self) -> Result<Vec<RestingOrder>, VenueError> {
        self.fetch_open_orders().await
    }

    async fn positions_in_parts(&self) -> Parts<Position> {
        self.fetch_positions_in_parts().await
    }

    async fn open_orders_in_parts(&self) -> Parts<RestingOrder> {
        self.fetch_open_orders_in_parts().await
    }

    async fn wallet(&self) -> Result<Vec<CoinBalance>, VenueError> {
        self.fetch_wallet().await
    }

    async fn is_whole(&self) -> Result<(), VenueError> {
        self.ask_whether_whole().await
    }

    async fn order(&self, id: &InstrumentId, key: &OrderKey) -> Result<Option<OrderView>, VenueError> {
        self.find_order(id, key).await
    }

    async fn order_sent_at(
        &self,
        id: &InstrumentId,
        key: &OrderKey,
        sent: DateTime<Utc>,
    ) -> Result<Option<OrderView>, VenueError> {
        self.find_order_sent_at(id, key, sent.timestamp_millis()).await
    }

    async fn average_daily_turnover(&self, id: &InstrumentId) -> Result<Decimal, VenueError> {
        self.fetch_average_turnover(id).await
    }

    async fn read(&self, request: ReadRequest) -> Result<Value, VenueError> {
        self.fetch_raw(request).await
    }

    fn describe(&self, write: &Write, client_id: &ClientOrderId) -> Value {
        writes::described(write, client_id)
    }

    async fn send(&self, permit: Permit<'_>) -> Outcome {
        self.transmit_unless(
            &|| permit.withdrawn().map(|refused| refused.refusal.reason),
            permit.write(),
            permit.client_id(),
        )
        .await
    }

    async fn exit(&self, exit: &Exit, client_id: &ClientOrderId, withdrawn: LastLook<'_>) -> Outcome {
        self.transmit_exit(withdrawn, exit.write(), client_id).await
    }
}
