//! An exchange that says what a test tells it to, remembers what it was asked and sent, and a desk before it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use chrono::{DateTime, TimeZone, Utc};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::broker::describe::in_words;
use crate::broker::exit::ExitDesk;
use crate::domain::account::{CoinBalance, Instrument, OrderView, Position, Quote, RestingOrder, SizeUnit};
use crate::domain::exit::Exit;
use crate::domain::money::{Price, Qty, parse_decimal};
use crate::domain::order::{ClientOrderId, OrderKey, PositionIdx, Side, Write};
use crate::domain::symbol::{Category, Coin, InstrumentId};
use crate::state::clock;
use crate::state::day::Permit;
use crate::state::inflight::{InflightRecord, InflightState};
use crate::state::ledger::Ledger;
use crate::state::paths::{BrokerKey, LiveFiles, RuntimeRoot};
use crate::state::redact::Redactor;
use crate::venue::{Accepted, LastLook, Outcome, Parts, ReadRequest, Rejection, Unread, Venue, VenueError};

/// No answer ever.
pub(crate) const NEVER: Duration = Duration::MAX;

/// What is answered to a write; `None`: nothing ever.
type Answer = Box<dyn FnMut(&Write) -> Option<Outcome> + Send>;

/// A write that reached the exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sent {
    /// Milliseconds since the stage was set.
    pub(crate) at: u128,
    pub(crate) what: String,
    pub(crate) id: String,
}

/// What the exchange says from now on.
pub(crate) struct Script {
    pub(crate) orders: Parts<RestingOrder>,
    pub(crate) positions: Parts<Position>,
    pub(crate) wallet: Result<Vec<CoinBalance>, VenueError>,
    /// Each order by either of its ids.
    pub(crate) views: Result<Vec<OrderView>, VenueError>,
    pub(crate) instruments: BTreeMap<InstrumentId, Result<Instrument, VenueError>>,
    pub(crate) quotes: BTreeMap<InstrumentId, Quote>,
    /// The exchange's clock; else a morning in June, and as long after it as the stage is old.
    pub(crate) clock: Option<DateTime<Utc>>,
    pub(crate) request_lives_for: Duration,
    answer: Answer,
    /// How long an answer to one kind of question takes.
    pub(crate) takes: BTreeMap<&'static str, Duration>,
    sent: Vec<Sent>,
    asked: Vec<String>,
}

pub(crate) struct Scripted {
    script: Mutex<Script>,
    set: Instant,
}

impl Scripted {
    /// From now on there is nothing in the account.
    pub(crate) fn clear(&self) {
        let mut script = self.script();
        script.orders.rows.clear();
        script.positions.rows.clear();
    }

    /// From now on no order rests.
    pub(crate) fn no_orders(&self) {
        self.script().orders.rows.clear();
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap()
    }

    async fn asked(&self, kind: &'static str, of: &str) {
        let takes = {
            let mut script = self.script();
            script.asked.push(format!("{kind}{of}"));
            script.takes.get(kind).copied().unwrap_or_default()
        };
        match takes {
            NEVER => std::future::pending().await,
            Duration::ZERO => {}
            takes => tokio::time::sleep(takes).await,
        }
    }
}

impl Venue for Scripted {
    fn label(&self) -> &str {
        "bybit testnet"
    }

    fn is_paper(&self) -> bool {
        false
    }

    fn request_lives_for(&self) -> Duration {
        self.script().request_lives_for
    }

    async fn exchange_time(&self) -> Result<DateTime<Utc>, VenueError> {
        self.asked("clock", "").await;
        let morning = Utc.with_ymd_and_hms(2026, 6, 2, 9, 0, 0).unwrap();
        let clock = self.script().clock;
        Ok(clock.unwrap_or(morning + self.set.elapsed()))
    }

    async fn quote(&self, id: &InstrumentId) -> Result<Quote, VenueError> {
        self.asked("quote", &format!(" {id}")).await;
        let known = self.script().quotes.get(id).cloned();
        known.ok_or_else(|| VenueError::Unreachable("no price".into()))
    }

    async fn instrument(&self, id: &InstrumentId) -> Result<Instrument, VenueError> {
        self.asked("instrument", &format!(" {id}")).await;
        let known = self.script().instruments.get(id).cloned();
        known.unwrap_or_else(|| Err(VenueError::UnknownInstrument(id.clone())))
    }

    async fn coin_usd(&self, _: &Coin) -> Result<Price, VenueError> {
        unreachable!("the way out values nothing")
    }

    async fn positions(&self) -> Result<Vec<Position>, VenueError> {
        unreachable!("the way out reads in parts")
    }

    async fn open_orders(&self) -> Result<Vec<RestingOrder>, VenueError> {
        unreachable!("the way out reads in parts")
    }

    async fn positions_in_parts(&self) -> Parts<Position> {
        self.asked("positions", "").await;
        self.script().positions.clone()
    }

    async fn open_orders_in_parts(&self) -> Parts<RestingOrder> {
        self.asked("orders", "").await;
        self.script().orders.clone()
    }

    async fn is_whole(&self) -> Result<(), VenueError> {
        Ok(())
    }

    async fn wallet(&self) -> Result<Vec<CoinBalance>, VenueError> {
        self.asked("wallet", "").await;
        self.script().wallet.clone()
    }

    async fn order(&self, id: &InstrumentId, key: &OrderKey) -> Result<Option<OrderView>, VenueError> {
        self.asked("order", &format!(" {id} {key}")).await;
        let is_meant = |view: &&OrderView| match key {
            OrderKey::Venue(id) => view.order.venue_id.as_ref() == Some(id),
            OrderKey::Client(id) => view.order.client_id.as_ref() == Some(id),
        };
        let views = self.script().views.clone()?;
        Ok(views.iter().find(is_meant).cloned())
    }

    async fn order_sent_at(
        &self,
        _: &InstrumentId,
        _: &OrderKey,
        _: DateTime<Utc>,
    ) -> Result<Option<OrderView>, VenueError> {
        unreachable!("the way out asks for no order of long ago")
    }

    async fn average_daily_turnover(&self, _: &InstrumentId) -> Result<Decimal, VenueError> {
        unreachable!("the way out asks no gate")
    }

    async fn read(&self, _: ReadRequest) -> Result<Value, VenueError> {
        unreachable!("the way out has no tools")
    }

    fn describe(&self, write: &Write, id: &ClientOrderId) -> Value {
        json!({"of": in_words(write, None), "orderLinkId": id.as_str()})
    }

    async fn send(&self, _: Permit<'_>) -> Outcome {
        unreachable!("the way out has no permit")
    }

    async fn exit(&self, exit: &Exit, id: &ClientOrderId, withdrawn: LastLook<'_>) -> Outcome {
        let before = self.script().takes.get("send").copied().unwrap_or_default();
        if !before.is_zero() {
            tokio::time::sleep(before).await;
        }
        if let Some(why) = withdrawn() {
            return Outcome::NotSent(why);
        }
        let answer = {
            let mut script = self.script();
            let sent = Sent {
                at: self.set.elapsed().as_millis(),
                what: in_words(exit.write(), None),
                id: id.to_string(),
            };
            script.sent.push(sent);
            (script.answer)(exit.write())
        };
        match answer {
            Some(outcome) => outcome,
            None => std::future::pending().await,
        }
    }
}

/// An exchange, a desk that sends to it, and the files of both.
pub(crate) struct Stage {
    pub(crate) venue: Arc<Scripted>,
    pub(crate) desk: ExitDesk<Scripted>,
    pub(crate) files: LiveFiles,
    _root: tempfile::TempDir,
}

impl Stage {
    /// With an account without anything, an exchange that takes everything, and a ledger that cannot be written:
    /// none of the rules asks for one.
    pub(crate) fn set() -> Self {
        let nowhere = files_at("/dev/null/none".into());
        Self::with("person", |_| nowhere)
    }

    /// With a ledger on the disk.
    pub(crate) fn with_ledger(who: &'static str) -> Self {
        Self::with(who, LiveFiles::clone)
    }

    fn with(who: &'static str, ledger: impl FnOnce(&LiveFiles) -> LiveFiles) -> Self {
        let root = tempfile::tempdir().unwrap();
        let files = files_at(root.path().to_owned());
        let venue = Arc::new(Scripted {
            script: Mutex::new(quiet()),
            set: Instant::now(),
        });
        let ledger = Ledger::open(&ledger(&files), Redactor::new(Vec::new()));
        let desk = ExitDesk::new(Arc::clone(&venue), files.clone(), ledger, who);
        Self {
            venue,
            desk,
            files,
            _root: root,
        }
    }

    pub(crate) fn script(&self) -> MutexGuard<'_, Script> {
        self.venue.script()
    }

    /// These orders rest.
    pub(crate) fn rest(&self, orders: &[RestingOrder]) {
        self.script().orders.rows = orders.to_vec();
    }

    /// The orders of these categories cannot be read.
    pub(crate) fn hide_orders(&self, categories: &[Category]) {
        self.script().orders.unread = unread(categories);
    }

    /// These positions are held.
    pub(crate) fn hold(&self, positions: &[Position]) {
        self.script().positions.rows = positions.to_vec();
    }

    /// The positions of these categories cannot be read.
    pub(crate) fn hide_positions(&self, categories: &[Category]) {
        self.script().positions.unread = unread(categories);
    }

    /// An order that was sent is shown as this.
    pub(crate) fn show(&self, views: &[OrderView]) {
        self.script().views = Ok(views.to_vec());
    }

    pub(crate) fn list(&self, instrument: Instrument) {
        let id = instrument.id.clone();
        self.script().instruments.insert(id, Ok(instrument));
    }

    /// What the exchange answers to every write from now on; `None`: nothing ever.
    pub(crate) fn answer(&self, answer: impl FnMut(&Write) -> Option<Outcome> + Send + 'static) {
        self.script().answer = Box::new(answer);
    }

    pub(crate) fn slow(&self, kind: &'static str, takes: Duration) {
        self.script().takes.insert(kind, takes);
    }

    /// What was sent since the last time that this was asked.
    pub(crate) fn sent(&self) -> Vec<String> {
        self.sent_in_full().into_iter().map(|sent| sent.what).collect()
    }

    pub(crate) fn sent_in_full(&self) -> Vec<Sent> {
        std::mem::take(&mut self.script().sent)
    }

    /// What was asked since the last time that this was asked.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.script().asked)
    }

    pub(crate) fn age(&self) -> Duration {
        self.venue.set.elapsed()
    }

    /// The same in milliseconds.
    pub(crate) fn now(&self) -> u128 {
        self.age().as_millis()
    }
}

fn files_at(root: PathBuf) -> LiveFiles {
    LiveFiles::new(&RuntimeRoot::at(root), BrokerKey::parse("bybit").unwrap())
}

fn quiet() -> Script {
    Script {
        orders: Parts::default(),
        positions: Parts::default(),
        wallet: Ok(Vec::new()),
        views: Ok(Vec::new()),
        clock: None,
        request_lives_for: Duration::from_secs(5),
        instruments: BTreeMap::new(),
        quotes: BTreeMap::new(),
        answer: Box::new(|_| Some(accepted(Value::Null))),
        takes: BTreeMap::new(),
        sent: Vec::new(),
        asked: Vec::new(),
    }
}

pub(crate) fn unread(categories: &[Category]) -> Vec<Unread> {
    let missing = |category: &Category| Unread {
        category: Some(*category),
        why: down(),
    };
    categories.iter().map(missing).collect()
}

pub(crate) fn down() -> VenueError {
    VenueError::Unreachable("it is down".into())
}

pub(crate) fn accepted(response: Value) -> Outcome {
    Outcome::Accepted(Accepted {
        venue_id: None,
        unchanged: false,
        response,
    })
}

pub(crate) fn no_route() -> Outcome {
    Outcome::NotSent("no route".to_owned())
}

pub(crate) fn rejected(message: &str) -> Outcome {
    Outcome::Rejected(rejection(message))
}

pub(crate) fn rejection(message: &str) -> Rejection {
    Rejection {
        code: 110_001,
        message: message.to_owned(),
        target_final: false,
        passing: false,
    }
}

/// A no of the moment.
pub(crate) fn passing(message: &str) -> Outcome {
    Outcome::Rejected(Rejection {
        passing: true,
        ..rejection(message)
    })
}

/// Lets time pass.
pub(crate) async fn wait(milliseconds: u64) {
    tokio::time::advance(Duration::from_millis(milliseconds)).await;
}

pub(crate) fn yes() -> bool {
    true
}

pub(crate) fn no() -> bool {
    false
}

pub(crate) fn id(text: &str) -> InstrumentId {
    text.parse().unwrap()
}

pub(crate) fn qty(text: &str) -> Qty {
    Qty::parse(text).unwrap()
}

/// One unit that is offered at 100.
pub(crate) fn order(instrument: &str, venue_id: &str) -> RestingOrder {
    RestingOrder {
        instrument: id(instrument),
        side: Side::Buy,
        leaves: Decimal::ONE,
        qty: Some(qty("1")),
        filled: Decimal::ZERO,
        unit: SizeUnit::Base,
        price: Some(Price::parse("100").unwrap()),
        trigger_price: None,
        reduce_only: false,
        cannot_borrow: true,
        position_idx: PositionIdx::OneWay,
        client_id: None,
        venue_id: Some(venue_id.to_owned()),
    }
}

/// A long position.
pub(crate) fn long(instrument: &str, size: &str) -> Position {
    Position {
        instrument: id(instrument),
        side: Side::Buy,
        size: qty(size),
        mark_price: None,
        position_idx: PositionIdx::OneWay,
    }
}

/// The sale under this client id, as the exchange shows it.
pub(crate) fn sale(instrument: &str, client_id: &str, status: &str, filled: &str) -> OrderView {
    let client_id = Some(ClientOrderId::parse(client_id).unwrap());
    OrderView {
        order: RestingOrder {
            side: Side::Sell,
            filled: parse_decimal(filled).unwrap(),
            price: None,
            client_id,
            ..order(instrument, "v-1")
        },
        status: status.to_owned(),
        reject_reason: None,
        average_price: Price::parse("99.5").ok(),
    }
}

pub(crate) fn coin(name: &str, equity: &str) -> CoinBalance {
    CoinBalance {
        coin: Coin::parse(name).unwrap(),
        equity: parse_decimal(equity).unwrap(),
        wallet: None,
        usd_value: None,
    }
}

/// An instrument of a base coin, in dollars of one kind, traded in thousandths.
pub(crate) fn instrument(text: &str, base: &str, quote: &str) -> Instrument {
    let id = id(text);
    let settle = match id.category {
        Category::Linear => Some(quote),
        Category::Inverse => Some(base),
        Category::Spot | Category::Option => None,
    };
    Instrument {
        base_coin: Coin::parse(base).unwrap(),
        quote_coin: Coin::parse(quote).unwrap(),
        settle_coin: settle.map(|coin| Coin::parse(coin).unwrap()),
        status: None,
        is_pre_listing: false,
        tick_size: None,
        qty_step: Some(qty("0.001")),
        quote_step: None,
        min_qty: None,
        max_limit_qty: None,
        max_market_qty: None,
        min_notional: None,
        max_leverage: None,
        id,
    }
}

/// An order of ours, sent just now.
pub(crate) fn in_flight(client_id: &str) -> InflightRecord {
    InflightRecord {
        client_id: client_id.to_owned(),
        fingerprint: "f".to_owned(),
        remote_tool: "bybit_place_order".to_owned(),
        category: "linear".to_owned(),
        symbol: "BTCUSDT".to_owned(),
        side: "Sell".to_owned(),
        body: json!({}),
        notional_usd: "100".to_owned(),
        order: json!({"category": "linear", "symbol": "BTCUSDT", "side": "Sell", "qty": "1", "leavesQty": "1",
                      "orderLinkId": client_id}),
        before: None,
        counted: true,
        created_at: clock::ledger_text(clock::now()),
        state: InflightState::Unknown,
        venue_order_id: None,
        process_id: 1,
        venue: "bybit testnet".to_owned(),
    }
}
