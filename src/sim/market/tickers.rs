//! `market/tickers`: one row for each instrument, in each category's shape.

use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use super::book::Level;
use super::candles;
use super::funding;
use super::history;
use super::path::Path;
use super::prices::PriceKind;
use super::valuation::Prices;
use crate::sim::call::{Answer, Call, Desk, Refusal, text};
use crate::sim::instruments::greeks;
use crate::sim::instruments::{self, Category, INSTRUMENTS, Instrument, Phase, num};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Tickers of a category, or of one symbol, base coin or expiry of it.
pub(crate) fn tickers(call: &Call<'_>) -> Answer {
    let params = &call.params;
    let category = params.category()?;
    let now = call.desk.now;
    let prices = call.desk.prices()?;
    if params.get("symbol").is_some() {
        let one = params.instrument()?;
        return Ok(json!({"category": category.word(), "list": [ticker(&call.desk, one, &prices)?]}));
    }
    let base = params.get("baseCoin");
    if category == Category::Option && base.is_none() {
        return Err(Refusal::params("symbol or baseCoin is required"));
    }
    let expiry = params.get("expDate");
    let mut list = Vec::new();
    for one in INSTRUMENTS.iter().filter(|one| {
        one.category == category
            && one.phase(now) != Phase::Closed
            && base.is_none_or(|base| base == one.base)
            && expiry.is_none_or(|date| one.symbol.split('-').nth(1) == Some(date))
    }) {
        // What has no price now is left out of a list; asked for alone, it is refused.
        if call.desk.market.check(one, now).is_ok() {
            list.push(ticker(&call.desk, one, &prices)?);
        }
    }
    Ok(json!({"category": category.word(), "list": list}))
}

/// One instrument's row.
pub(crate) fn ticker(desk: &Desk<'_>, one: &'static Instrument, prices: &Prices) -> Result<Value, Refusal> {
    let path = desk.path(one)?;
    Ok(Value::Object(match one.category {
        Category::Spot => {
            let mut row = day(desk, &path);
            let usd = usd_index(desk, one, prices)?;
            row.insert("usdIndexPrice".to_owned(), Value::String(usd));
            row
        }
        Category::Option => option(desk, &path)?,
        _ => contract(desk, &path)?,
    }))
}

/// What all categories show: the last day, and both sides of the book.
fn day(desk: &Desk<'_>, path: &Path<'_>) -> Map<String, Value> {
    let (one, now) = (path.instrument, desk.now);
    let last = path.at(now);
    let before = path.at(now - DAY_MS);
    let (low, high) = path.range(now - DAY_MS, now);
    let typical = (low + high + last).checked_div(num(3, 0)).unwrap_or(last);
    let (volume, turnover) = candles::volume(desk.market.seed, one, now - DAY_MS, now, typical);
    let change = (last - before).checked_div(before).unwrap_or_default();
    let best = |level: Option<Level>| {
        let texts = level.map(|(price, size)| (one.price_text(price), one.qty_text(size)));
        texts.unwrap_or_else(|| ("0".to_owned(), "0".to_owned()))
    };
    let book = path.book(now);
    let (bid, ask) = (
        best(book.bids(Decimal::ZERO).next()),
        best(book.asks(Decimal::ZERO).next()),
    );
    let row = json!({
        "symbol": one.symbol, "bid1Price": bid.0, "bid1Size": bid.1, "ask1Price": ask.0, "ask1Size": ask.1,
        "lastPrice": one.price_text(last), "prevPrice24h": one.price_text(before),
        "price24hPcnt": text(change.round_dp(6)), "highPrice24h": one.price_text(high),
        "lowPrice24h": one.price_text(low), "turnover24h": text(turnover.round_dp(4)),
        "volume24h": one.qty_text(volume),
    });
    match row {
        Value::Object(row) => row,
        _ => Map::new(),
    }
}

/// Only pairs against USDT and USDC carry the coin's price in US dollars: the index of its first market.
fn usd_index(desk: &Desk<'_>, one: &Instrument, prices: &Prices) -> Result<String, Refusal> {
    if !matches!(one.quote, "USDT" | "USDC") {
        return Ok(String::new());
    }
    let market = INSTRUMENTS.iter().find(|other| {
        other.base == one.base
            && other.quote == "USDT"
            && other.category == Category::Linear
            && other.delivery == 0
    });
    match market.filter(|market| desk.market.check(market, desk.now).is_ok()) {
        Some(market) => Ok(text(desk.path(market)?.at_of(PriceKind::Index, desk.now))),
        None => Ok(text(prices.usd(one.base))),
    }
}

fn contract(desk: &Desk<'_>, path: &Path<'_>) -> Result<Map<String, Value>, Refusal> {
    let (one, now) = (path.instrument, desk.now);
    let mark = path.at_of(PriceKind::Mark, now);
    let index = index(desk, path)?;
    let open = history::open_interest(desk.market.seed, one, now);
    let value = one.value(open, mark);
    let half = num(5, 1);
    let mut row = day(desk, path);
    let more = json!({
        "indexPrice": one.price_text(index), "markPrice": one.price_text(mark),
        "prevPrice1h": one.price_text(path.at(now - HOUR_MS)), "openInterest": one.qty_text(open),
        "openInterestValue": text(value.round_dp(2)), "singleOpenInterest": one.qty_text(open * half),
        "singleOpenInterestValue": text((value * half).round_dp(2)), "predictedDeliveryPrice": "", "basis": "",
        "basisRate": "", "basisRateYear": "", "deliveryFeeRate": "", "deliveryTime": one.delivery.to_string(),
        "preOpenPrice": "", "preQty": "", "curPreListingPhase": "",
    });
    for part in [
        more,
        funding(desk, one),
        delivery(one, path.at(now), index, now),
        auction(one, mark, now),
    ] {
        if let Value::Object(part) = part {
            row.extend(part);
        }
    }
    Ok(row)
}

/// A future's index is that of the contract without end.
fn index(desk: &Desk<'_>, path: &Path<'_>) -> Result<Decimal, Refusal> {
    let own = path.at_of(PriceKind::Index, desk.now);
    match instruments::underlying(path.instrument).filter(|_| path.instrument.expires()) {
        Some(market) if desk.market.check(market, desk.now).is_ok() => {
            Ok(desk.path(market)?.at_of(PriceKind::Index, desk.now))
        }
        _ => Ok(own),
    }
}

fn funding(desk: &Desk<'_>, one: &Instrument) -> Value {
    let Some(next) = funding::next_time(one, desk.now) else {
        return json!({"fundingRate": "", "nextFundingTime": "", "fundingIntervalHour": "", "fundingCap": ""});
    };
    let rate = funding::funding_rate(desk.market.seed, one, next);
    json!({
        "fundingRate": text(rate), "nextFundingTime": next.to_string(),
        "fundingIntervalHour": (one.funding_minutes / 60).to_string(), "fundingCap": text(one.funding_cap),
    })
}

/// What only a future says: how far it is from the index.
fn delivery(one: &Instrument, last: Decimal, index: Decimal, now: i64) -> Value {
    if !one.expires() {
        return json!({});
    }
    let rate = (last - index).checked_div(index).unwrap_or_default();
    let left = Decimal::from((one.delivery - now).max(HOUR_MS));
    let year = rate * Decimal::from(365 * DAY_MS);
    json!({
        "basis": one.price_text(last - index), "basisRate": text(rate.round_dp(8)),
        "basisRateYear": text(year.checked_div(left).unwrap_or_default().round_dp(8)), "deliveryFeeRate": "0",
        "predictedDeliveryPrice": one.price_text(Decimal::ZERO),
    })
}

/// What only a contract in its auction says.
fn auction(one: &Instrument, mark: Decimal, now: i64) -> Value {
    if one.phase(now) != Phase::PreLaunch {
        return json!({});
    }
    json!({
        "preOpenPrice": one.price_text(mark), "preQty": one.qty_text(one.depth), "curPreListingPhase": "CallAuction",
    })
}

fn option(desk: &Desk<'_>, path: &Path<'_>) -> Result<Map<String, Value>, Refusal> {
    let (one, now) = (path.instrument, desk.now);
    let underlying = match instruments::underlying(one) {
        Some(market) => desk.path(market)?.at_of(PriceKind::Index, now),
        None => Decimal::ZERO,
    };
    let left = one.delivery - now;
    let greeks = one
        .right
        .and_then(|right| greeks::greeks(&right, underlying, left))
        .unwrap_or_default();
    let (last, before) = (path.at(now), path.at(now - DAY_MS));
    let change = (last - before).checked_div(before).unwrap_or_default();
    let iv = |more: i64| text((greeks.volatility + Decimal::new(more, 4)).max(Decimal::ZERO));
    let mut row = day(desk, path);
    for gone in ["prevPrice24h", "price24hPcnt"] {
        row.shift_remove(gone);
    }
    let volume = one.depth * num(90, 0);
    let more = json!({
        "bid1Iv": iv(-120), "ask1Iv": iv(120), "markPrice": text(path.at_of(PriceKind::Mark, now)),
        "indexPrice": text(underlying), "markIv": iv(0), "underlyingPrice": text(underlying),
        "openInterest": text(one.depth * num(40, 0)), "totalVolume": text(volume),
        "totalTurnover": text((volume * underlying).round()), "delta": text(greeks.delta),
        "gamma": text(greeks.gamma), "vega": text(greeks.vega), "theta": text(greeks.theta),
        "predictedDeliveryPrice": "0", "change24h": text(change.round_dp(8)),
    });
    if let Value::Object(more) = more {
        row.extend(more);
    }
    Ok(row)
}
