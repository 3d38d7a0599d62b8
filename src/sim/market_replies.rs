//! Public market data: time, tickers, order book, trades and the price collar.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde_json::{Value, json};

use super::call::{Answer, Call, Desk, Params, Refusal, text};
use super::candles;
use super::instruments::{Category, INSTRUMENTS, Instrument, num};
use super::market::{self, Level, Path};
use super::prices;
use super::valuation::Prices;

/// Funding is paid at 00:00, 08:00 and 16:00 UTC.
pub(crate) const FUNDING_MS: i64 = 8 * 3_600_000;
const DAY_MS: i64 = 86_400_000;

/// The server's clock; the moment of the call already carries a skew that is switched on.
pub(crate) fn time(clock: i64) -> Value {
    json!({"timeSecond": (clock / 1000).to_string(), "timeNano": format!("{clock}000000")})
}

/// Tickers of a category, or of one symbol or base coin of it.
pub(crate) fn tickers(call: &Call<'_>) -> Answer {
    let params = &call.params;
    let category = params.category()?;
    let (symbol, base) = (params.get("symbol"), params.get("baseCoin"));
    if symbol.is_some() {
        params.instrument()?;
    } else if category == Category::Option && base.is_none() {
        return Err(Refusal::params("symbol or baseCoin is required"));
    }
    let prices = call.desk.prices()?;
    let mut list = Vec::new();
    for one in INSTRUMENTS.iter().filter(|one| {
        one.category == category
            && symbol.is_none_or(|symbol| symbol == one.symbol)
            && base.is_none_or(|base| base == one.base)
    }) {
        list.push(ticker(&call.desk, one, &prices)?);
    }
    Ok(json!({"category": category.word(), "list": list}))
}

fn ticker(desk: &Desk<'_>, one: &'static Instrument, prices: &Prices) -> Result<Value, Refusal> {
    let path = desk.path(one)?;
    let now = desk.now;
    let last = path.at(now);
    let before = path.at(now - DAY_MS);
    let (low, high) = path.range(now - DAY_MS, now);
    let (volume, turnover) = candles::volume(desk.market.seed, one, now - DAY_MS, DAY_MS, last);
    let change = (last - before).checked_div(before).unwrap_or_default();
    let best = |level: Option<Level>| {
        level
            .map(|(price, size)| (text(price), text(size)))
            .unwrap_or_default()
    };
    let (bid, ask) = (
        best(market::bids(one, last).next()),
        best(market::asks(one, last).next()),
    );
    let mut row = json!({
        "symbol": one.symbol, "lastPrice": text(last), "bid1Price": bid.0, "bid1Size": bid.1, "ask1Price": ask.0,
        "ask1Size": ask.1, "prevPrice24h": text(before), "price24hPcnt": text(change.round_dp(6)),
        "highPrice24h": text(high), "lowPrice24h": text(low), "turnover24h": text(turnover),
        "volume24h": text(volume),
    });
    let more = match one.category {
        Category::Spot => json!({"usdIndexPrice": usd_index(one, prices)}),
        Category::Option => option_fields(one, last, prices),
        _ => contract_fields(desk, &path, last),
    };
    if let (Value::Object(row), Value::Object(more)) = (&mut row, more) {
        if one.category == Category::Option {
            for gone in ["prevPrice24h", "price24hPcnt"] {
                row.shift_remove(gone);
            }
        }
        row.extend(more);
    }
    Ok(row)
}

/// Only pairs against USDT and USDC carry the coin's price in US dollars.
fn usd_index(one: &Instrument, prices: &Prices) -> String {
    match one.quote {
        "USDT" | "USDC" => text(prices.usd(one.base)),
        _ => String::new(),
    }
}

fn option_fields(one: &Instrument, last: Decimal, prices: &Prices) -> Value {
    let underlying = text(prices.usd(one.base));
    json!({
        "bid1Iv": "0.5", "ask1Iv": "0.6", "markPrice": text(last), "indexPrice": underlying, "markIv": "0.55",
        "underlyingPrice": underlying, "openInterest": "6.3", "totalVolume": "99", "totalTurnover": "1967653",
        "delta": "0.4", "gamma": "0.00001", "vega": "50", "theta": "-20", "predictedDeliveryPrice": "0",
        "change24h": "0",
    })
}

fn contract_fields(desk: &Desk<'_>, path: &Path<'_>, last: Decimal) -> Value {
    let one = path.instrument;
    let open = open_interest(desk.market.seed, one, desk.now);
    let value = open_value(one, open, last);
    let half = num(5, 1);
    let next = (desk.now / FUNDING_MS + 1) * FUNDING_MS;
    json!({
        "indexPrice": text(last), "markPrice": text(last), "prevPrice1h": text(path.at(desk.now - 3_600_000)),
        "openInterest": text(open), "openInterestValue": text(value), "singleOpenInterest": text(open * half),
        "singleOpenInterestValue": text(value * half),
        "fundingRate": text(funding_rate(desk.market.seed, one, next)), "nextFundingTime": next.to_string(),
        "fundingIntervalHour": "8", "fundingCap": "0.005", "predictedDeliveryPrice": "", "basis": "",
        "basisRate": "", "basisRateYear": "", "deliveryFeeRate": "", "deliveryTime": "0", "preOpenPrice": "",
        "preQty": "", "curPreListingPhase": "",
    })
}

/// The funding rate that is settled at `time`: at most a few hundredths of a percent either way.
pub(crate) fn funding_rate(seed: u64, one: &Instrument, time: i64) -> Decimal {
    let drawn = prices::draw(
        seed,
        &format!("{}/funding/{}", one.category.word(), one.symbol),
        time,
        41,
    );
    Decimal::new(drawn - 15, 5)
}

/// Contracts open on both sides at `time`.
pub(crate) fn open_interest(seed: u64, one: &Instrument, time: i64) -> Decimal {
    let hour = time / 3_600_000;
    let drawn = prices::draw(
        seed,
        &format!("{}/open/{}", one.category.word(), one.symbol),
        hour,
        2_000,
    );
    one.depth * Decimal::from(100_000 + drawn)
}

fn open_value(one: &Instrument, open: Decimal, price: Decimal) -> Decimal {
    one.value(open, price).round_dp(4)
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
    let last = call.desk.last(one)?;
    let rows = |levels: &mut dyn Iterator<Item = Level>| -> Vec<[String; 2]> {
        levels
            .take(limit)
            .map(|(price, size)| [text(price), text(size)])
            .collect()
    };
    Ok(json!({
        "s": one.symbol, "b": rows(&mut market::bids(one, last)), "a": rows(&mut market::asks(one, last)),
        "ts": call.desk.now, "u": call.desk.now / 100, "seq": call.desk.now, "cts": call.desk.now,
    }))
}

/// Other people's trades, one a second, on the path.
pub(crate) fn recent_trade(call: &Call<'_>) -> Answer {
    let one = match call.params.category()? {
        Category::Option if call.params.get("symbol").is_none() => option_of(&call.params)?,
        _ => call.params.instrument()?,
    };
    let limit = match one.category {
        Category::Spot => call.params.limit(60, 60)?,
        _ => call.params.limit(500, 1000)?,
    };
    let path = call.desk.path(one)?;
    let seed = call.desk.market.seed;
    let second = call.desk.now / 1000;
    let list: Vec<Value> = (0..limit)
        .map(|age| {
            let time = (second - age) * 1000;
            let lots = 1 + prices::draw(seed, one.symbol, time, 50);
            let buy = prices::draw(seed, one.base, time, 2) == 0;
            json!({
                "execId": format!("{:020}", time), "symbol": one.symbol, "price": text(path.at(time)),
                "size": text(one.step * num(lots.to_u32().unwrap_or(1), 0)),
                "side": if buy { "Buy" } else { "Sell" }, "time": time.to_string(), "isBlockTrade": false,
                "isRPITrade": false, "seq": time.to_string(),
            })
        })
        .collect();
    Ok(json!({"category": one.category.word(), "list": list}))
}

fn option_of(params: &Params) -> Result<&'static Instrument, Refusal> {
    let base = params.get("baseCoin").unwrap_or("BTC");
    INSTRUMENTS
        .iter()
        .find(|one| one.category == Category::Option && one.base == base)
        .ok_or_else(|| Refusal::params("baseCoin invalid"))
}

/// The collar as two numbers.
pub(crate) fn price_limit(call: &Call<'_>) -> Answer {
    let one = match call.params.get("category") {
        Some(_) => call.params.instrument()?,
        None => candles::defaulted(&call.params)?,
    };
    let (highest, lowest) = market::collar(one, call.desk.last(one)?);
    Ok(json!({
        "symbol": one.symbol, "buyLmt": text(highest), "sellLmt": text(lowest), "ts": call.desk.now.to_string(),
    }))
}
