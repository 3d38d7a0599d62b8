//! A venue that answers from memory.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, Utc};
use mandated::broker::{Broker, Mode};
use mandated::domain::account::{CoinBalance, Instrument, OrderView, Position, Quote, RestingOrder};
use mandated::domain::exit::Exit;
use mandated::domain::money::Price;
use mandated::domain::order::{ClientOrderId, OrderKey, Write};
use mandated::domain::symbol::{Coin, InstrumentId};
use mandated::mcp::server::Server;
use mandated::state::day::Permit;
use mandated::state::ledger::Ledger;
use mandated::state::paths::{BrokerKey, LiveFiles, RuntimeRoot};
use mandated::state::redact::Redactor;
use mandated::venue::{LastLook, Outcome, ReadRequest, Venue, VenueError};
use rust_decimal::Decimal;
use serde_json::{Value, json};

type Answer = Box<dyn Fn(&ReadRequest) -> Result<Value, VenueError> + Send + Sync>;

/// Reads are answered by a function; nothing can be written.
pub(crate) struct StubVenue {
    answer: Answer,
    paper: bool,
    /// How long each answer takes.
    pub(crate) delay: Duration,
    /// The reads so far, as `path?name=value&…`.
    pub(crate) asked: Mutex<Vec<String>>,
}

impl StubVenue {
    pub(crate) fn answering(
        answer: impl Fn(&ReadRequest) -> Result<Value, VenueError> + Send + Sync + 'static,
    ) -> Self {
        Self {
            answer: Box::new(answer),
            paper: false,
            delay: Duration::ZERO,
            asked: Mutex::default(),
        }
    }

    pub(crate) fn on_paper(mut self) -> Self {
        self.paper = true;
        self
    }
}

fn unused<T>() -> Result<T, VenueError> {
    Err(VenueError::Unreachable("the stub does not know this".into()))
}

impl Venue for StubVenue {
    fn label(&self) -> &str {
        if self.paper { "paper" } else { "bybit testnet" }
    }

    fn is_paper(&self) -> bool {
        self.paper
    }

    async fn exchange_time(&self) -> Result<DateTime<Utc>, VenueError> {
        unused()
    }

    async fn quote(&self, _: &InstrumentId) -> Result<Quote, VenueError> {
        unused()
    }

    async fn instrument(&self, _: &InstrumentId) -> Result<Instrument, VenueError> {
        unused()
    }

    async fn coin_usd(&self, _: &Coin) -> Result<Price, VenueError> {
        unused()
    }

    async fn positions(&self) -> Result<Vec<Position>, VenueError> {
        unused()
    }

    async fn open_orders(&self) -> Result<Vec<RestingOrder>, VenueError> {
        unused()
    }

    async fn wallet(&self) -> Result<Vec<CoinBalance>, VenueError> {
        unused()
    }

    async fn is_whole(&self) -> Result<(), VenueError> {
        unused()
    }

    async fn order(&self, _: &InstrumentId, _: &OrderKey) -> Result<Option<OrderView>, VenueError> {
        unused()
    }

    async fn order_sent_at(
        &self,
        _: &InstrumentId,
        _: &OrderKey,
        _: DateTime<Utc>,
    ) -> Result<Option<OrderView>, VenueError> {
        unused()
    }

    async fn average_daily_turnover(&self, _: &InstrumentId) -> Result<Decimal, VenueError> {
        unused()
    }

    async fn read(&self, request: ReadRequest) -> Result<Value, VenueError> {
        tokio::time::sleep(self.delay).await;
        let pairs: Vec<String> = request
            .query
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let asked = format!("{}?{}", request.path, pairs.join("&"));
        self.asked.lock().unwrap().push(asked);
        (self.answer)(&request)
    }

    fn describe(&self, _: &Write, _: &ClientOrderId) -> Value {
        Value::Null
    }

    async fn send(&self, _: Permit<'_>) -> Outcome {
        Outcome::NotSent("the stub sends nothing".into())
    }

    async fn exit(&self, _: &Exit, _: &ClientOrderId, _: LastLook<'_>) -> Outcome {
        Outcome::NotSent("the stub sends nothing".into())
    }
}

/// A server over the real broker, in a runtime root of its own without a mandate: every write is refused.
pub(crate) fn server(venue: StubVenue) -> (Server<StubVenue>, Arc<StubVenue>) {
    let venue = Arc::new(venue);
    let root = tempfile::tempdir().unwrap().keep();
    let files = LiveFiles::new(&RuntimeRoot::at(root), BrokerKey::parse("bybit").unwrap());
    let ledger = Ledger::open(&files, Redactor::new(Vec::new()));
    (
        Server::new(Arc::new(Broker::new(
            Arc::clone(&venue),
            files,
            ledger,
            Mode::Trade,
        ))),
        venue,
    )
}

/// A venue on paper with an empty list for every question.
pub(crate) fn empty() -> StubVenue {
    StubVenue::answering(|_| Ok(json!({"list": [], "nextPageCursor": ""}))).on_paper()
}
