//! `mandated sim --live`: the public prices of an exchange, brought in once a second.
//!
//! Reads alone, without a key. While nothing comes, the paper market refuses: no price is made up.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rust_decimal::Decimal;
use serde_json::Value;

use super::Failure;
use crate::domain::money::parse_decimal;
use crate::sim::{LiveFeed, LivePrice};
use crate::venue::bybit::{BybitConfig, BybitVenue};
use crate::venue::{ReadRequest, Venue};

const EVERY: Duration = Duration::from_secs(1);
const CATEGORIES: [&str; 3] = ["linear", "inverse", "spot"];

/// The newest price of each instrument.
#[derive(Debug, Default)]
pub(super) struct Tickers(Mutex<BTreeMap<(String, String), LivePrice>>);

impl LiveFeed for Tickers {
    fn latest(&self, category: &str, symbol: &str) -> Option<LivePrice> {
        let prices = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        prices.get(&(category.to_owned(), symbol.to_owned())).copied()
    }
}

/// Follows the tickers of `address` until the runtime ends; the first round has been tried when this returns.
pub(super) async fn follow(address: &str) -> Result<Arc<Tickers>, Failure> {
    let lookup = |name: &str| (name == "BYBIT_BASE_URL").then(|| address.to_owned());
    let config =
        BybitConfig::from_env(&lookup, &|path| std::fs::read_to_string(path)).map_err(Failure::usage)?;
    let venue = BybitVenue::new(config);
    let tickers = Arc::new(Tickers::default());
    round(&venue, &tickers).await;
    let feed = Arc::clone(&tickers);
    tokio::spawn(async move {
        let mut rounds = tokio::time::interval(EVERY);
        loop {
            rounds.tick().await;
            round(&venue, &feed).await;
        }
    });
    Ok(tickers)
}

async fn round(venue: &BybitVenue, tickers: &Tickers) {
    for category in CATEGORIES {
        let request = ReadRequest {
            path: "/v5/market/tickers",
            private: false,
            query: vec![("category", category.to_owned())],
        };
        match venue.read(request).await {
            Ok(reply) => note(category, &reply, tickers),
            Err(error) => tracing::warn!("no live prices of {category}: {error}"),
        }
    }
}

fn note(category: &str, reply: &Value, tickers: &Tickers) {
    let at_ms = chrono::Utc::now().timestamp_millis();
    let rows = reply.get("list").and_then(Value::as_array);
    let mut prices = tickers.0.lock().unwrap_or_else(PoisonError::into_inner);
    for row in rows.into_iter().flatten() {
        let number = |name: &str| -> Option<Decimal> {
            let text = row.get(name)?.as_str()?;
            parse_decimal(text).ok().filter(|price| *price > Decimal::ZERO)
        };
        let (Some(symbol), Some(last)) = (row.get("symbol").and_then(Value::as_str), number("lastPrice"))
        else {
            continue;
        };
        // Spot has one price; of a contract each has to be told.
        let told = |name: &str| {
            if category == "spot" {
                Some(last)
            } else {
                number(name)
            }
        };
        let (Some(mark), Some(index)) = (told("markPrice"), told("indexPrice")) else {
            continue;
        };
        let price = LivePrice {
            last,
            mark,
            index,
            at_ms,
        };
        prices.insert((category.to_owned(), symbol.to_owned()), price);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_without_each_price_is_passed_over_and_spot_has_one_for_all() {
        let tickers = Tickers::default();
        let reply = serde_json::json!({"list": [
            {"symbol": "A", "lastPrice": "10.5", "markPrice": "10.6", "indexPrice": "10.4"},
            {"symbol": "B", "lastPrice": ""},
            {"symbol": "C", "lastPrice": "3"},
            {"symbol": "D", "lastPrice": "3", "markPrice": "3"},
            {"lastPrice": "3"},
        ]});
        note("linear", &reply, &tickers);
        let ten = |tenths: i64| Decimal::new(tenths, 1);
        let a = tickers.latest("linear", "A").unwrap();
        assert_eq!((a.last, a.mark, a.index), (ten(105), ten(106), ten(104)));
        for symbol in ["B", "C", "D"] {
            assert_eq!(tickers.latest("linear", symbol), None, "{symbol}");
        }
        assert_eq!(tickers.latest("spot", "A"), None);
        note("spot", &reply, &tickers);
        let c = tickers.latest("spot", "C").unwrap();
        assert_eq!((c.last, c.mark, c.index), (ten(30), ten(30), ten(30)));
    }
}
