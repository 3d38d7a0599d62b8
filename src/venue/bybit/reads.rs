//! What the gate asks before a write: prices, instruments, positions, open orders, wallet.

use std::time::{Duration, Instant};

use futures::future::{join_all, try_join_all};
use rust_decimal::Decimal;
use serde_json::Value;

use super::clock::Moment;
use super::pages::List;
use super::parse::{Document, Rows};
use super::{BybitVenue, market, orders, parse, query};
use crate::domain::account::{CoinBalance, Instrument, Position, Quote, RestingOrder};
use crate::domain::money::Price;
use crate::domain::symbol::{Category, Coin, InstrumentId, Symbol};
use crate::venue::{Parts, ReadRequest, VenueError};

/// Limits of an instrument change twice a month (facts §4.2).
const INSTRUMENT_KEPT_FOR: Duration = Duration::from_secs(10 * 60);

/// The trailing days of the mandate's volume floor (design §5).
const VOLUME_DAYS: usize = 45;

/// With these two answers to a question about one symbol, only the symbol can be wrong (facts §2.3).
const NO_SUCH_SYMBOL: [i64; 2] = [10001, 10029];

/// Every part that a list over the whole account has (facts §5.11): linear lists need their settle coin.
fn parts() -> [(Category, Vec<(&'static str, String)>); 4] {
    let settled = |coin: &str| vec![("settleCoin", coin.to_owned())];
    [
        (Category::Linear, settled("USDT")),
        (Category::Linear, settled("USDC")),
        (Category::Inverse, Vec::new()),
        (Category::Option, Vec::new()),
    ]
}

fn position_lists() -> impl Iterator<Item = List> {
    parts().into_iter().map(|(category, filters)| List {
        path: "/v5/position/list",
        category,
        filters,
        page_size: 200,
    })
}

fn order_lists() -> impl Iterator<Item = List> {
    let spot = (Category::Spot, Vec::new());
    parts().into_iter().chain([spot]).map(|(category, mut filters)| {
        filters.push(("openOnly", "0".to_owned()));
        List {
            path: "/v5/order/realtime",
            category,
            filters,
            page_size: 50,
        }
    })
}

fn together<T>(parts: Vec<Parts<T>>) -> Parts<T> {
    let mut all = Parts::default();
    for part in parts {
        all.rows.extend(part.rows);
        all.unread.extend(part.unread);
    }
    all
}

impl BybitVenue {
    /// <https://bybit-exchange.github.io/docs/v5/market/tickers>
    pub(super) async fn fetch_quote(&self, id: &InstrumentId) -> Result<Quote, VenueError> {
        let path = "/v5/market/tickers";
        self.one_listed(path, id, market::quote).await
    }

    /// <https://bybit-exchange.github.io/docs/v5/market/instrument>
    pub(super) async fn fetch_instrument(&self, id: &InstrumentId) -> Result<Instrument, VenueError> {
        if let Some((at, instrument)) = self.instruments.lock().await.get(id)
            && at.elapsed() < INSTRUMENT_KEPT_FOR
        {
            return Ok(instrument.clone());
        }
        let path = "/v5/market/instruments-info";
        let instrument = self
            .one_listed(path, id, |row| market::instrument(row, id))
            .await?;
        let kept = (Instant::now(), instrument.clone());
        self.instruments.lock().await.insert(id.clone(), kept);
        Ok(instrument)
    }

    /// The spot ticker of COIN+USDT, else of COIN+USDC (facts §5.2).
    pub(super) async fn fetch_coin_usd(&self, coin: &Coin) -> Result<Price, VenueError> {
        let mut last_error = None;
        for dollar in ["USDT", "USDC"] {
            let symbol = Symbol::parse(&format!("{coin}{dollar}"))
                .map_err(|error| VenueError::Unreadable(error.to_string()))?;
            let id = InstrumentId::new(Category::Spot, symbol);
            let path = "/v5/market/tickers";
            match self.one_listed(path, &id, market::coin_usd).await {
                Err(error @ (VenueError::UnknownInstrument(_) | VenueError::Unreadable(_))) => {
                    last_error.get_or_insert(error);
                }
                other => return other,
            }
        }
        Err(last_error.unwrap_or_else(|| VenueError::Unreadable(format!("{coin} has no price in dollars"))))
    }

    /// One public row about one instrument.
    async fn one_listed<T>(
        &self,
        path: &'static str,
        id: &InstrumentId,
        parse: impl Fn(&parse::Row<'_>) -> Result<T, VenueError>,
    ) -> Result<T, VenueError> {
        let unknown = || VenueError::UnknownInstrument(id.clone());
        let query = query::encode(&[
            ("category", id.category.as_str().to_owned()),
            ("symbol", id.symbol.as_str().to_owned()),
        ])?;
        let envelope = match self.http.get(path, &query, false).await {
            Err(VenueError::Rejected { code, .. }) if NO_SUCH_SYMBOL.contains(&code) => return Err(unknown()),
            other => other?,
        };
        Document::of(&envelope, path)?.read(|result| {
            let row = market::row_of(result, path, id)?.ok_or_else(unknown)?;
            parse(&row)
        })
    }

    /// <https://bybit-exchange.github.io/docs/v5/position>; all parts side by side.
    pub(super) async fn fetch_positions(&self) -> Result<Vec<Position>, VenueError> {
        let fetches = position_lists().map(|list| self.http.every_row(list, parse::position));
        Ok(try_join_all(fetches).await?.concat())
    }

    pub(super) async fn fetch_positions_in_parts(&self) -> Parts<Position> {
        let fetches = position_lists().map(|list| self.http.readable_rows(list, parse::position));
        together(join_all(fetches).await)
    }

    /// <https://bybit-exchange.github.io/docs/v5/order/open-order>: without `orderFilter` a unified account gets
    /// every kind, conditional and spot TP/SL orders included.
    pub(super) async fn fetch_open_orders(&self) -> Result<Vec<RestingOrder>, VenueError> {
        let fetches = order_lists().map(|list| self.http.every_row(list, orders::open));
        Ok(try_join_all(fetches).await?.concat())
    }

    pub(super) async fn fetch_open_orders_in_parts(&self) -> Parts<RestingOrder> {
        let fetches = order_lists().map(|list| self.http.readable_rows(list, orders::open));
        together(join_all(fetches).await)
    }

    /// <https://bybit-exchange.github.io/docs/v5/account/wallet-balance>
    pub(super) async fn fetch_wallet(&self) -> Result<Vec<CoinBalance>, VenueError> {
        let path = "/v5/account/wallet-balance";
        let envelope = self.http.get(path, "accountType=UNIFIED", true).await?;
        Document::of(&envelope, path)?.read(|result| {
            let accounts = result.rows(path, "list")?;
            let [account] = accounts.as_slice() else {
                let problem = format!(
                    "{path}: {} accounts where one unified account was asked for",
                    accounts.len()
                );
                return Err(VenueError::Unreadable(problem));
            };
            let coins = account.rows("coin", path)?;
            coins.iter().map(parse::coin_balance).collect()
        })
    }

    /// <https://bybit-exchange.github.io/docs/v5/market/kline>: one row more than needed, the newest is not closed.
    pub(super) async fn fetch_average_turnover(&self, id: &InstrumentId) -> Result<Decimal, VenueError> {
        let path = "/v5/market/kline";
        let now = self.exchange_ms().await?;
        let query = query::encode(&[
            ("category", id.category.as_str().to_owned()),
            ("symbol", id.symbol.as_str().to_owned()),
            ("interval", "D".to_owned()),
            ("limit", (VOLUME_DAYS + 1).to_string()),
        ])?;
        let envelope = self.http.get(path, &query, false).await?;
        Document::of(&envelope, path)?.read(|result| market::average_turnover(result, id, now, VOLUME_DAYS))
    }

    /// The exchange's clock, in milliseconds since 1970.
    pub(super) async fn exchange_ms(&self) -> Result<i64, VenueError> {
        let deadline = Instant::now() + self.http.config.timeout;
        let reading = self.http.reading(deadline).await?;
        Ok(reading.exchange_ms_at(Moment::now()))
    }

    /// Any GET of the reading tools (facts §4): the result as it came, without secrets.
    pub(super) async fn fetch_raw(&self, request: ReadRequest) -> Result<Value, VenueError> {
        let query = query::encode(&request.query)?;
        let envelope = self.http.get(request.path, &query, request.private).await?;
        envelope
            .value()
            .map_err(|_| VenueError::Unreadable(format!("{}: the result is not JSON", request.path)))
    }
}
