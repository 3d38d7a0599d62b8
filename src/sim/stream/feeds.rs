//! The topics of the public streams, each with what it has shown (facts §6.3).

use serde_json::{Map, Value, json};

use super::book::Book;
use crate::sim::call::{Answered, Effects, Params};
use crate::sim::door::keys::Key;
use crate::sim::door::routes;
use crate::sim::door::server::{self, Asked, Shared};
use crate::sim::instruments::{self, Category};
use crate::sim::market::clock::now_ms;

/// Depths that each category offers.
const DEPTHS: [u32; 4] = [1, 50, 200, 1000];
const OPTION_DEPTHS: [u32; 2] = [25, 100];

/// A subscribed topic.
pub(super) struct Feed {
    pub(super) topic: String,
    category: Category,
    symbol: String,
    kind: Kind,
    /// Not looked at before this moment (ms).
    next: i64,
}

enum Kind {
    Book(Book),
    Ticker(Option<Map<String, Value>>),
    /// The time of the newest trade that was shown, and the ids that share it.
    Trades(Option<(i64, Vec<String>)>),
    /// The interval and the candle that was shown.
    Candle(String, Option<Vec<Value>>),
    PriceLimit(Option<Value>),
    /// Nothing ever happens on it here.
    Silent,
}

impl Feed {
    /// Reads a topic; nothing when there is no such topic or instrument.
    pub(super) fn open(shared: &Shared, category: Category, topic: &str) -> Option<Self> {
        let mut parts = topic.splitn(3, '.');
        let (name, middle, last) = (parts.next()?, parts.next()?, parts.next());
        let (kind, symbol) = match (name, last) {
            ("orderbook", Some(symbol)) => {
                let depth = middle.parse().ok()?;
                let offered = match category {
                    Category::Option => OPTION_DEPTHS.contains(&depth),
                    _ => DEPTHS.contains(&depth),
                };
                (offered.then(|| Kind::Book(Book::new(depth)))?, symbol)
            }
            ("kline", Some(symbol)) => (Kind::Candle(middle.to_owned(), None), symbol),
            // Symbols of options hold no dots, so what looks like a third part is none.
            ("tickers", None) => (Kind::Ticker(None), middle),
            ("publicTrade", None) => (Kind::Trades(None), middle),
            ("priceLimit", None) => (Kind::PriceLimit(None), middle),
            ("allLiquidation" | "insurance" | "adlAlert", None) => (Kind::Silent, middle),
            _ => return None,
        };
        let by_coin = category == Category::Option && name == "publicTrade";
        let by_scope = matches!(name, "insurance" | "adlAlert");
        if !by_coin && !by_scope {
            instruments::find(category, symbol)?;
        }
        let feed = Self {
            topic: topic.to_owned(),
            category,
            symbol: symbol.to_owned(),
            kind,
            next: 0,
        };
        // An interval that there is not is found out here, not in every look.
        match &feed.kind {
            Kind::Candle(interval, _) => feed.candles(shared, interval).map(|_| feed),
            _ => Some(feed),
        }
    }

    /// The topic of the status stream.
    pub(super) fn status(topic: &str) -> Option<Self> {
        (topic == "system.status").then(|| Self {
            topic: topic.to_owned(),
            category: Category::Linear,
            symbol: String::new(),
            kind: Kind::Silent,
            next: 0,
        })
    }

    fn ask(&self, shared: &Shared, path: &'static str, more: &str) -> Option<Value> {
        let query = format!("category={}&symbol={}{more}", self.category.word(), self.symbol);
        ask(shared, path, &query)
    }

    /// The frames that are due.
    pub(super) fn look(&mut self, shared: &Shared) -> Vec<Value> {
        let now = now_ms();
        if now < self.next {
            return Vec::new();
        }
        self.next = now + self.pause();
        match &self.kind {
            Kind::Book(book) => {
                let depth = format!("&limit={}", book.depth.min(500));
                let Some(reply) = self.ask(shared, "/v5/market/orderbook", &depth) else {
                    return Vec::new();
                };
                let topic = self.topic.clone();
                match &mut self.kind {
                    Kind::Book(book) => book.show(&topic, &reply, now).into_iter().collect(),
                    _ => Vec::new(),
                }
            }
            Kind::Ticker(_) => self.ticker(shared, now).into_iter().collect(),
            Kind::Trades(_) => self.trades(shared, now).into_iter().collect(),
            Kind::Candle(..) => self.candle(shared, now),
            Kind::PriceLimit(_) => self.price_limit(shared, now).into_iter().collect(),
            Kind::Silent => Vec::new(),
        }
    }

    /// Milliseconds between two looks: Bybit's push frequency, no faster than the market trades here.
    fn pause(&self) -> i64 {
        match &self.kind {
            Kind::Candle(..) | Kind::PriceLimit(_) => 1000,
            Kind::Trades(_) => 50,
            Kind::Book(_) | Kind::Ticker(_) | Kind::Silent => 100,
        }
    }

    fn ticker(&mut self, shared: &Shared, now: i64) -> Option<Value> {
        let reply = self.ask(shared, "/v5/market/tickers", "")?;
        let row = reply.pointer("/list/0")?.as_object()?;
        let row = stream_ticker(self.category, row);
        let Kind::Ticker(shown) = &mut self.kind else {
            return None;
        };
        let deltas = matches!(self.category, Category::Linear | Category::Inverse);
        let (kind, data) = match shown.as_ref() {
            Some(before) if *before == row => return None,
            Some(before) if deltas => {
                let changed = row
                    .iter()
                    .filter(|(key, value)| key.as_str() == "symbol" || before.get(*key) != Some(value));
                (
                    "delta",
                    changed.map(|(key, value)| (key.clone(), value.clone())).collect(),
                )
            }
            _ => ("snapshot", row.clone()),
        };
        *shown = Some(row);
        Some(json!({"topic": self.topic, "type": kind, "data": Value::Object(data), "cs": now, "ts": now}))
    }

    fn trades(&mut self, shared: &Shared, now: i64) -> Option<Value> {
        let more = match self.category {
            Category::Spot => "&limit=60",
            _ => "&limit=100",
        };
        let reply = match self.category {
            Category::Option => {
                let query = format!("category=option&baseCoin={}", self.symbol);
                ask(shared, "/v5/market/recent-trade", &query)?
            }
            _ => self.ask(shared, "/v5/market/recent-trade", more)?,
        };
        let rows = reply.get("list")?.as_array()?;
        let Kind::Trades(shown) = &mut self.kind else {
            return None;
        };
        let time = |row: &Value| row.get("time").and_then(Value::as_str)?.parse::<i64>().ok();
        let id = |row: &Value| row.get("execId").and_then(Value::as_str).map(str::to_owned);
        let newest = rows.iter().filter_map(time).max()?;
        let at_newest = || {
            rows.iter()
                .filter(|row| time(row) == Some(newest))
                .filter_map(id)
                .collect()
        };
        let (until, known) = shown.replace((newest, at_newest()))?;
        let mut fresh: Vec<Value> = rows
            .iter()
            .filter(|row| match time(row) {
                Some(at) if at == until => id(row).is_some_and(|id| !known.contains(&id)),
                Some(at) => at > until,
                None => false,
            })
            .map(stream_trade)
            .collect();
        if fresh.is_empty() {
            return None;
        }
        fresh.reverse();
        Some(json!({"topic": self.topic, "type": "snapshot", "ts": now, "data": fresh}))
    }

    fn candles(&self, shared: &Shared, interval: &str) -> Option<Vec<Vec<Value>>> {
        let more = format!("&interval={interval}&limit=2");
        let reply = self.ask(shared, "/v5/market/kline", &more)?;
        let rows = reply.get("list")?.as_array()?;
        rows.iter().map(|row| row.as_array().cloned()).collect()
    }

    /// The open candle; before it the last one once more when it has just closed.
    fn candle(&mut self, shared: &Shared, now: i64) -> Vec<Value> {
        let Kind::Candle(interval, shown) = &self.kind else {
            return Vec::new();
        };
        let (interval, shown) = (interval.clone(), shown.clone());
        let rows = self.candles(shared, &interval).unwrap_or_default();
        let Some(open) = rows.first() else {
            return Vec::new();
        };
        if shown.as_ref() == Some(open) {
            return Vec::new();
        }
        let mut frames = Vec::new();
        let turned = shown.as_ref().is_some_and(|shown| shown.first() != open.first());
        if let Some(closed) = rows.get(1).filter(|_| turned) {
            frames.push(self.candle_frame(&interval, closed, open.first(), true, now));
        }
        frames.push(self.candle_frame(&interval, open, None, false, now));
        self.kind = Kind::Candle(interval, Some(open.clone()));
        frames
    }

    fn candle_frame(
        &self,
        interval: &str,
        row: &[Value],
        next: Option<&Value>,
        confirm: bool,
        now: i64,
    ) -> Value {
        let at = |index: usize| row.get(index).cloned().unwrap_or_default();
        let number = |value: &Value| value.as_str().and_then(|text| text.parse::<i64>().ok());
        let start = number(&at(0)).unwrap_or_default();
        let end = match next.and_then(number) {
            Some(next) => next - 1,
            None => start + interval.parse::<i64>().unwrap_or(1440) * 60_000 - 1,
        };
        json!({"topic": self.topic, "type": "snapshot", "ts": now, "data": [{
            "start": start, "end": end, "interval": interval, "open": at(1), "close": at(4), "high": at(2),
            "low": at(3), "volume": at(5), "turnover": at(6), "confirm": confirm, "timestamp": now,
        }]})
    }

    fn price_limit(&mut self, shared: &Shared, now: i64) -> Option<Value> {
        let mut reply = self.ask(shared, "/v5/market/price-limit", "")?;
        if let Some(fields) = reply.as_object_mut() {
            fields.shift_remove("ts");
        }
        let Kind::PriceLimit(shown) = &mut self.kind else {
            return None;
        };
        if shown.replace(reply.clone()).as_ref() == Some(&reply) {
            return None;
        }
        Some(json!({"topic": self.topic, "ts": now, "data": reply}))
    }
}

/// The result of a market request; nothing when it is refused.
fn ask(shared: &Shared, path: &'static str, query: &str) -> Option<Value> {
    let route = routes::find("GET", path)?;
    let asked = Asked {
        key: Key::nobody(),
        params: Ok(Params::from_query(query)),
    };
    match server::answer(shared, route, asked, Effects::default()).0 {
        Ok(Answered::Result(result)) => Some(result),
        _ => None,
    }
}

/// A ticker's row as its stream names the fields: options have other names, spot has no quotes.
fn stream_ticker(category: Category, row: &Map<String, Value>) -> Map<String, Value> {
    let renamed = |key: &str| match (category, key) {
        (Category::Spot, "bid1Price" | "bid1Size" | "ask1Price" | "ask1Size") => None,
        (Category::Option, "bid1Price") => Some("bidPrice".to_owned()),
        (Category::Option, "bid1Size") => Some("bidSize".to_owned()),
        (Category::Option, "bid1Iv") => Some("bidIv".to_owned()),
        (Category::Option, "ask1Price") => Some("askPrice".to_owned()),
        (Category::Option, "ask1Size") => Some("askSize".to_owned()),
        (Category::Option, "ask1Iv") => Some("askIv".to_owned()),
        (Category::Option, "markIv") => Some("markPriceIv".to_owned()),
        (_, key) => Some(key.to_owned()),
    };
    row.iter()
        .filter_map(|(key, value)| Some((renamed(key)?, value.clone())))
        .collect()
}

fn stream_trade(row: &Value) -> Value {
    let of = |name: &str| row.get(name).cloned().unwrap_or_default();
    let number = |name: &str| {
        let value = of(name);
        value
            .as_str()
            .and_then(|text| text.parse::<i64>().ok())
            .or_else(|| value.as_i64())
    };
    json!({
        "T": number("time"), "s": of("symbol"), "S": of("side"), "v": of("size"), "p": of("price"),
        "L": "ZeroPlusTick", "i": of("execId"), "BT": of("isBlockTrade"), "RPI": of("isRPITrade"),
        "seq": number("seq"),
    })
}
