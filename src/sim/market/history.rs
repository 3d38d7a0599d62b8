//! History other than candles: funding, open interest, and who is long.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::funding;
use super::path::HISTORY_START;
use super::prices;
use crate::sim::call::{Answer, Call, Params, Refusal, cursor_text, text};
use crate::sim::instruments::{Category, Instrument, num};

const MINUTE_MS: i64 = 60_000;

/// The contract of a request; pairs and options have no such history.
fn contract(params: &Params) -> Result<&'static Instrument, Refusal> {
    let one = params.instrument()?;
    if matches!(one.category, Category::Linear | Category::Inverse) {
        return Ok(one);
    }
    Err(Refusal::params("category must be linear or inverse"))
}

/// Settled funding rates, newest first.
pub(crate) fn funding_history(call: &Call<'_>) -> Answer {
    let params = &call.params;
    let one = contract(params)?;
    let (start, end) = (params.integer("startTime")?, params.integer("endTime")?);
    if start.is_some() && end.is_none() {
        return Err(Refusal::params("startTime without endTime"));
    }
    let limit = params.limit(200, 200)?;
    let newest = end.unwrap_or(call.desk.now).clamp(0, call.desk.now);
    let step = funding::interval_ms(one);
    let floor = start.unwrap_or_default().max(HISTORY_START).max(one.launch);
    let from = (floor - 1).max(newest - step * (limit + 1));
    let mut times = funding::funding_times(one, from, newest);
    times.reverse();
    let list: Vec<Value> = times
        .into_iter()
        .take(usize::try_from(limit).unwrap_or(1))
        .map(|at| {
            let rate = text(funding::funding_rate(call.desk.market.seed, one, at));
            json!({"symbol": one.symbol, "fundingRate": rate, "fundingRateTimestamp": at.to_string()})
        })
        .collect();
    Ok(json!({"category": one.category.word(), "list": list}))
}

fn step(params: &Params, name: &str) -> Result<i64, Refusal> {
    let minutes = match params.require(name)? {
        "5min" => 5,
        "15min" => 15,
        "30min" => 30,
        "1h" => 60,
        "4h" => 240,
        "1d" => 1440,
        _ => return Err(Refusal::params(format!("{name} invalid"))),
    };
    Ok(minutes * MINUTE_MS)
}

/// Whole steps of time as asked for, newest first, and where the next page begins: the cursor is the time to
/// continue below.
fn steps(call: &Call<'_>, step: i64, most: i64) -> Result<(Vec<i64>, String), Refusal> {
    let params = &call.params;
    let now = call.desk.now;
    let limit = usize::try_from(params.limit(50, most)?).unwrap_or(1);
    let floor = params
        .integer("startTime")?
        .unwrap_or(HISTORY_START)
        .max(HISTORY_START);
    let end = params.integer("endTime")?.unwrap_or(now).clamp(0, now);
    let below = params.cursor()?.saturating_sub(1).clamp(0, now);
    let newest = end.min(below).div_euclid(step) * step;
    let times: Vec<i64> = std::iter::successors(Some(newest), |at| Some(at - step))
        .take_while(|at| *at >= floor)
        .take(limit)
        .collect();
    let last = times
        .last()
        .filter(|at| times.len() == limit && **at - step >= floor);
    let next = last.map(|at| cursor_text(*at)).unwrap_or_default();
    Ok((times, next))
}

/// Contracts open on both sides at `time`.
pub(crate) fn open_interest(seed: u64, one: &Instrument, time: i64) -> Decimal {
    let hour = time / 3_600_000;
    let subject = format!("{}/open/{}", one.category.word(), one.symbol);
    one.depth * Decimal::from(100_000 + prices::draw(seed, &subject, hour, 2_000))
}

/// Open contracts over time.
pub(crate) fn open_interest_history(call: &Call<'_>) -> Answer {
    let one = contract(&call.params)?;
    let (times, next) = steps(call, step(&call.params, "intervalTime")?, 200)?;
    let list: Vec<Value> = times
        .into_iter()
        .map(|at| {
            let open = open_interest(call.desk.market.seed, one, at);
            let single = open * num(5, 1);
            json!({"openInterest": text(open), "singleOpenInterest": text(single), "timestamp": at.to_string()})
        })
        .collect();
    Ok(json!({"symbol": one.symbol, "category": one.category.word(), "list": list, "nextPageCursor": next}))
}

/// The share of accounts that are long, and that are short, over time.
pub(crate) fn account_ratio(call: &Call<'_>) -> Answer {
    let one = contract(&call.params)?;
    let (times, next) = steps(call, step(&call.params, "period")?, 500)?;
    let list: Vec<Value> = times
        .into_iter()
        .map(|at| {
            let subject = format!("{}/ratio/{}", one.category.word(), one.symbol);
            let drawn = prices::draw(call.desk.market.seed, &subject, at / MINUTE_MS, 4_001);
            let buy = Decimal::new(4_000 + drawn / 2, 4);
            let sell = Decimal::ONE - buy;
            json!({"symbol": one.symbol, "buyRatio": text(buy), "sellRatio": text(sell), "timestamp": at.to_string()})
        })
        .collect();
    Ok(json!({"list": list, "nextPageCursor": next}))
}
