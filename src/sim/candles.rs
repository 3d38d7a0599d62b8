//! Candles and other history, computed from the path when asked for.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use chrono::{DateTime, Datelike, NaiveDate};

use super::call::{Answer, Call, Params, Refusal, cursor_text, text};
use super::instruments::{self, Category, Instrument};
use super::market::HISTORY_START;
use super::market_replies::{FUNDING_MS, funding_rate, open_interest};
use super::prices;

const MINUTE_MS: i64 = 60_000;
const WEEK_MS: i64 = 7 * 1440 * MINUTE_MS;
/// Monday, 5 January 1970: weeks begin on Mondays, the epoch was a Thursday.
const FIRST_MONDAY: i64 = 4 * 1440 * MINUTE_MS;

/// How long a candle lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Interval {
    Minutes(i64),
    Week,
    Month,
}

impl Interval {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "D" => Self::Minutes(1440),
            "W" => Self::Week,
            "M" => Self::Month,
            "1" | "3" | "5" | "15" | "30" | "60" | "120" | "240" | "360" | "720" => {
                Self::Minutes(text.parse().ok()?)
            }
            _ => return None,
        })
    }

    /// The start of the candle that holds `time`.
    fn start(self, time: i64) -> i64 {
        match self {
            Self::Minutes(minutes) => time.div_euclid(minutes * MINUTE_MS) * minutes * MINUTE_MS,
            Self::Week => (time - FIRST_MONDAY).div_euclid(WEEK_MS) * WEEK_MS + FIRST_MONDAY,
            Self::Month => month_start(time, 0),
        }
    }

    /// The start of the candle after the one that starts at `start`.
    fn next(self, start: i64) -> i64 {
        match self {
            Self::Minutes(minutes) => start + minutes * MINUTE_MS,
            Self::Week => start + WEEK_MS,
            Self::Month => month_start(start, 1),
        }
    }
}

/// The first millisecond of the month `ahead` of that of `time`.
fn month_start(time: i64, ahead: i32) -> i64 {
    let date = DateTime::from_timestamp_millis(time)
        .unwrap_or_default()
        .date_naive();
    let months = date.year() * 12 + date.month0().cast_signed() + ahead;
    let month = u32::try_from(months.rem_euclid(12)).unwrap_or_default() + 1;
    NaiveDate::from_ymd_opt(months.div_euclid(12), month, 1)
        .and_then(|date| date.and_hms_opt(0, 0, 0))
        .map_or(time, |moment| moment.and_utc().timestamp_millis())
}

/// The instrument of a request whose category defaults to linear.
pub(crate) fn defaulted(params: &Params) -> Result<&'static Instrument, Refusal> {
    if params.get("category").is_some() {
        return params.instrument();
    }
    let symbol = params.require("symbol")?;
    instruments::find(Category::Linear, symbol)
        .ok_or_else(|| Refusal::params(format!("symbol invalid {symbol}")))
}

/// Candles of seven columns.
pub(crate) fn kline(call: &Call<'_>) -> Answer {
    candles(call, true)
}

/// Candles of the mark price: five columns.
pub(crate) fn mark_kline(call: &Call<'_>) -> Answer {
    candles(call, false)
}

fn candles(call: &Call<'_>, with_volume: bool) -> Answer {
    let one = defaulted(&call.params)?;
    let interval = Interval::parse(call.params.require("interval")?)
        .ok_or_else(|| Refusal::params("interval invalid"))?;
    let path = call.desk.path(one)?;
    let mut list = Vec::new();
    for start in starts(call, interval)? {
        let next = interval.next(start);
        let end = (next - 1).min(call.desk.now);
        let (open, close) = (path.at(start), path.at(end));
        let (low, high) = path.range(start, end);
        let mut row = vec![start.to_string(), text(open), text(high), text(low), text(close)];
        if with_volume {
            let (volume, turnover) = volume(call.desk.market.seed, one, start, end - start + 1, close);
            row.extend([text(volume), text(turnover)]);
        }
        list.push(row);
    }
    Ok(json!({"category": one.category.word(), "symbol": one.symbol, "list": list}))
}

/// The starts of the candles asked for, newest first. From `start` alone they are counted forward.
fn starts(call: &Call<'_>, interval: Interval) -> Result<Vec<i64>, Refusal> {
    let limit = call.params.integer("limit")?.unwrap_or(200).clamp(1, 1000);
    let limit = usize::try_from(limit).unwrap_or(1);
    let now = call.desk.now;
    let first = call.params.integer("start")?.map(|time| time.clamp(0, now + 1));
    let last = call.params.integer("end")?.map(|time| time.clamp(0, now));
    if matches!((first, last), (Some(first), Some(last)) if first > last) {
        return Err(Refusal::params("start is after end"));
    }
    let floor = first.unwrap_or(HISTORY_START).max(HISTORY_START);
    let mut starts = Vec::new();
    if let (Some(_), None) = (first, last) {
        let mut at = interval.start(floor);
        if at < floor {
            at = interval.next(at);
        }
        while at <= now && starts.len() < limit {
            starts.push(at);
            at = interval.next(at);
        }
        starts.reverse();
        return Ok(starts);
    }
    let mut at = interval.start(last.unwrap_or(now).min(now));
    while at >= floor && starts.len() < limit {
        starts.push(at);
        at = interval.start(at - 1);
    }
    Ok(starts)
}

/// Volume and turnover of a span: inverse trades dollars and turns over coin, all others the reverse.
pub(crate) fn volume(
    seed: u64,
    one: &Instrument,
    start: i64,
    span: i64,
    price: Decimal,
) -> (Decimal, Decimal) {
    let drawn = prices::draw(seed, one.symbol, start / MINUTE_MS, 1000);
    // A hundred times the best level a minute, give or take half.
    let share = Decimal::new((500 + drawn) * span / MINUTE_MS, 1);
    let volume = one.floor_qty(one.depth * share);
    (volume, one.value(volume, price).round_dp(8))
}

/// Settled funding rates, newest first.
pub(crate) fn funding_history(call: &Call<'_>) -> Answer {
    let params = &call.params;
    let one = params.instrument()?;
    if !matches!(one.category, Category::Linear | Category::Inverse) {
        return Err(Refusal::params("category must be linear or inverse"));
    }
    let (start, end) = (params.integer("startTime")?, params.integer("endTime")?);
    if start.is_some() && end.is_none() {
        return Err(Refusal::params("startTime without endTime"));
    }
    let limit = usize::try_from(params.limit(200, 200)?).unwrap_or(1);
    let floor = start.unwrap_or(HISTORY_START).max(HISTORY_START);
    let newest = end.unwrap_or(call.desk.now).clamp(0, call.desk.now) / FUNDING_MS * FUNDING_MS;
    let list: Vec<Value> = std::iter::successors(Some(newest), |at| Some(at - FUNDING_MS))
        .take_while(|at| *at >= floor)
        .take(limit)
        .map(|at| {
            let rate = text(funding_rate(call.desk.market.seed, one, at));
            json!({"symbol": one.symbol, "fundingRate": rate, "fundingRateTimestamp": at.to_string()})
        })
        .collect();
    Ok(json!({"category": one.category.word(), "list": list}))
}

fn open_interest_step(params: &Params) -> Result<i64, Refusal> {
    let minutes = match params.require("intervalTime")? {
        "5min" => 5,
        "15min" => 15,
        "30min" => 30,
        "1h" => 60,
        "4h" => 240,
        "1d" => 1440,
        _ => return Err(Refusal::params("intervalTime invalid")),
    };
    Ok(minutes * MINUTE_MS)
}

/// Open contracts over time, newest first; the cursor is the time to continue below.
pub(crate) fn open_interest_history(call: &Call<'_>) -> Answer {
    let params = &call.params;
    let one = params.instrument()?;
    let step = open_interest_step(params)?;
    let limit = usize::try_from(params.limit(50, 200)?).unwrap_or(1);
    let floor = params
        .integer("startTime")?
        .unwrap_or(HISTORY_START)
        .max(HISTORY_START);
    let end = params
        .integer("endTime")?
        .unwrap_or(call.desk.now)
        .clamp(0, call.desk.now);
    let below = params.cursor()?.saturating_sub(1).clamp(0, call.desk.now);
    let newest = end.min(below).div_euclid(step) * step;
    let times: Vec<i64> = std::iter::successors(Some(newest), |at| Some(at - step))
        .take_while(|at| *at >= floor)
        .take(limit)
        .collect();
    let list: Vec<Value> = times
        .iter()
        .map(|at| {
            let open = open_interest(call.desk.market.seed, one, *at);
            let single = open * instruments::num(5, 1);
            json!({"openInterest": text(open), "singleOpenInterest": text(single), "timestamp": at.to_string()})
        })
        .collect();
    let more = times
        .last()
        .filter(|at| times.len() == limit && **at - step >= floor);
    Ok(json!({
        "symbol": one.symbol, "category": one.category.word(), "list": list,
        "nextPageCursor": more.map(|at| cursor_text(*at)).unwrap_or_default(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candles_start_where_calendars_say() {
        // Wednesday, 2024-02-14 13:47:31 UTC.
        let time = 1_707_918_451_000;
        let start = |text| Interval::parse(text).unwrap().start(time);
        assert_eq!(start("60"), 1_707_915_600_000);
        assert_eq!(start("D"), 1_707_868_800_000);
        assert_eq!(start("W"), 1_707_696_000_000);
        assert_eq!(start("M"), 1_706_745_600_000);
        assert_eq!(Interval::Month.next(1_706_745_600_000), 1_709_251_200_000);
        assert_eq!(Interval::parse("2"), None);
    }
}
