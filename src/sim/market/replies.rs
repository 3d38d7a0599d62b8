//! Public market data: time, order book, trades and the price collar.

use serde_json::{Value, json};
use uuid::Builder;

use super::book::Level;
use super::candles;
use super::path::Path;
use super::prices::{self, PriceKind};
use super::tape::{self, Print, TICK_MS};
use crate::sim::call::{Answer, Call, Params, Refusal, text};
use crate::sim::instruments::greeks;
use crate::sim::instruments::{self, Category, INSTRUMENTS, Instrument};
use crate::sim::store;

/// How far back trades of a live market are shown.
const LIVE_MS: i64 = 3_600_000;
/// Where the ids of spot trades begin.
const FIRST_ID: i64 = 2_100_000_000_000_000_000;

/// The server's clock; the moment of the call already carries a skew that is switched on.
pub(crate) fn time(clock: i64) -> Value {
    json!({"timeSecond": (clock / 1000).to_string(), "timeNano": format!("{clock}000000")})
}

/// The book around the last price.
pub(crate) fn orderbook(call: &Call<'_>) -> Answer {
    let one = call.params.instrument()?;
    let (default, most) = match one.category {
        Category::Spot => (1, 1000),
        Category::Option => (1, 25),
        _ => (25, 1000),
    };
    let limit = usize::try_from(call.params.limit(default, most)?).unwrap_or(1);
    let now = call.desk.now;
    let book = call.desk.path(one)?.book(now);
    // What own orders took is gone from the book until the next second.
    let [bought, sold] = store::taken(call.desk.books, one, now)?;
    let rows = |levels: &mut dyn Iterator<Item = Level>| -> Vec<[String; 2]> {
        levels
            .take(limit)
            .map(|(price, size)| [one.price_text(price), one.qty_text(size)])
            .collect()
    };
    Ok(json!({
        "s": one.symbol, "b": rows(&mut book.bids(sold)), "a": rows(&mut book.asks(bought)),
        "ts": now, "u": now, "seq": now, "cts": now,
    }))
}

/// Other people's trades, newest first.
pub(crate) fn recent_trade(call: &Call<'_>) -> Answer {
    let one = match call.params.category()? {
        Category::Option if call.params.get("symbol").is_none() => option_of(&call.params)?,
        _ => call.params.instrument()?,
    };
    let limit = match one.category {
        Category::Spot => call.params.limit(60, 60)?,
        _ => call.params.limit(500, 1000)?,
    };
    let now = call.desk.now;
    let path = call.desk.path(one)?;
    let from = match path.live() {
        Some(_) => now - LIVE_MS,
        None => now - limit * TICK_MS,
    };
    let prints: Vec<Print> = tape::shown(&path, from, now).collect();
    let newest = prints.iter().rev().take(usize::try_from(limit).unwrap_or(1));
    let list: Result<Vec<Value>, Refusal> = newest.map(|print| trade(call, &path, print)).collect();
    Ok(json!({"category": one.category.word(), "list": list?}))
}

fn trade(call: &Call<'_>, path: &Path<'_>, print: &Print) -> Result<Value, Refusal> {
    let one = path.instrument;
    let mut row = json!({
        "execId": trade_id(path, print.time), "symbol": one.symbol, "price": one.price_text(print.price),
        "size": one.qty_text(print.qty), "side": print.side.word(), "time": print.time.to_string(),
        "isBlockTrade": false, "isRPITrade": false, "seq": (print.time / TICK_MS).to_string(),
    });
    if let (Category::Option, Value::Object(row)) = (one.category, &mut row) {
        let index = match instruments::underlying(one) {
            Some(market) => text(call.desk.path(market)?.at_of(PriceKind::Index, print.time)),
            None => String::new(),
        };
        let iv = one
            .right
            .map(|right| text(greeks::volatility(&right)))
            .unwrap_or_default();
        let mark = text(path.at_of(PriceKind::Mark, print.time));
        for (name, value) in [("mP", mark), ("iP", index), ("mIv", iv.clone()), ("iv", iv)] {
            row.insert(name.to_owned(), Value::String(value));
        }
    }
    Ok(row)
}

/// Spot trades are numbered; all others have an id that only looks random.
pub(crate) fn trade_id(path: &Path<'_>, time: i64) -> String {
    let one = path.instrument;
    if one.category == Category::Spot {
        return (FIRST_ID + time * 1000 + i64::from(one.id)).to_string();
    }
    let key = prices::key(path.seed(), one.symbol) ^ u64::from(one.id);
    let (high, low) = prices::scattered(key, time);
    let bytes = (u128::from(high) << 64 | u128::from(low)).to_be_bytes();
    Builder::from_random_bytes(bytes).into_uuid().to_string()
}

fn option_of(params: &Params) -> Result<&'static Instrument, Refusal> {
    let base = params.get("baseCoin").unwrap_or("BTC");
    let call = match params.get("optionType") {
        None => None,
        Some("Call") => Some(true),
        Some("Put") => Some(false),
        Some(_) => return Err(Refusal::params("optionType invalid")),
    };
    INSTRUMENTS
        .iter()
        .find(|one| {
            let right = one.right.map(|right| right.call);
            one.category == Category::Option && one.base == base && (call.is_none() || call == right)
        })
        .ok_or_else(|| Refusal::params("baseCoin invalid"))
}

/// The collar as two numbers.
pub(crate) fn price_limit(call: &Call<'_>) -> Answer {
    let one = candles::defaulted(&call.params)?;
    let (highest, lowest) = call.desk.path(one)?.collar(call.desk.now);
    Ok(json!({
        "symbol": one.symbol, "buyLmt": one.price_text(highest), "sellLmt": one.price_text(lowest),
        "ts": call.desk.now.to_string(),
    }))
}
