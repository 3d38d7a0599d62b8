//! Candles of every kind of price, computed from the path when asked for.

use chrono::{DateTime, Datelike, NaiveDate};
use rust_decimal::Decimal;
use serde_json::json;

use super::path::{HISTORY_START, Path};
use super::prices::{self, PriceKind};
use super::tape::TICK_MS;
use crate::sim::call::{Answer, Call, Params, Refusal, text};
use crate::sim::instruments::{self, Category, Instrument};

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

/// What candles are drawn of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Price(PriceKind),
    Premium,
}

impl Line {
    fn at(self, path: &Path<'_>, time: i64) -> Decimal {
        match self {
            Self::Price(kind) => path.at_of(kind, time),
            Self::Premium => path.premium(time),
        }
    }

    fn range(self, path: &Path<'_>, from: i64, to: i64) -> (Decimal, Decimal) {
        match self {
            Self::Price(kind) => path.range_of(kind, from, to),
            Self::Premium => path.premium_range(from, to),
        }
    }
}

/// Candles of seven columns.
pub(crate) fn kline(call: &Call<'_>) -> Answer {
    use Category::{Inverse, Linear, Spot};
    candles(call, Line::Price(PriceKind::Last), &[Spot, Linear, Inverse])
}

/// Candles of the mark price: five columns.
pub(crate) fn mark_kline(call: &Call<'_>) -> Answer {
    use Category::{Inverse, Linear, Option};
    candles(call, Line::Price(PriceKind::Mark), &[Linear, Inverse, Option])
}

/// Candles of the index price: five columns.
pub(crate) fn index_kline(call: &Call<'_>) -> Answer {
    use Category::{Inverse, Linear};
    candles(call, Line::Price(PriceKind::Index), &[Linear, Inverse])
}

/// Candles of the premium over the index: five columns.
pub(crate) fn premium_kline(call: &Call<'_>) -> Answer {
    use Category::{Inverse, Linear};
    candles(call, Line::Premium, &[Linear, Inverse])
}

fn candles(call: &Call<'_>, line: Line, of: &[Category]) -> Answer {
    let one = defaulted(&call.params)?;
    if !of.contains(&one.category) {
        return Err(Refusal::params("illegal category"));
    }
    let interval = Interval::parse(call.params.require("interval")?)
        .ok_or_else(|| Refusal::params("interval invalid"))?;
    let path = call.desk.path(one)?;
    let now = match one.delivery {
        0 => call.desk.now,
        delivery => call.desk.now.min(delivery),
    };
    let floor = interval.start(path.begins().max(one.launch));
    let mut list = Vec::new();
    for start in starts(call, interval, floor, now)? {
        let next = interval.next(start);
        let end = (next - 1).min(now);
        let (open, close) = (line.at(&path, start), line.at(&path, end));
        let (low, high) = line.range(&path, start, end);
        let mut row = vec![start.to_string(), text(open), text(high), text(low), text(close)];
        if line == Line::Price(PriceKind::Last) {
            let typical = (high + low + close)
                .checked_div(Decimal::from(3))
                .unwrap_or(close);
            let (volume, turnover) = volume(call.desk.market.seed, one, start, end + 1, typical);
            row.extend([text(volume), text(turnover)]);
        }
        list.push(row);
    }
    Ok(json!({"category": one.category.word(), "symbol": one.symbol, "list": list}))
}

/// The starts of the candles asked for, newest first. From `start` alone they are counted forward.
fn starts(call: &Call<'_>, interval: Interval, floor: i64, now: i64) -> Result<Vec<i64>, Refusal> {
    let limit = call.params.integer("limit")?.unwrap_or(200).clamp(1, 1000);
    let limit = usize::try_from(limit).unwrap_or(1);
    let first = call.params.integer("start")?.map(|time| time.clamp(0, now + 1));
    let last = call.params.integer("end")?.map(|time| time.clamp(0, now));
    if matches!((first, last), (Some(first), Some(last)) if first > last) {
        return Err(Refusal::params("start is after end"));
    }
    let floor = first.unwrap_or(floor).max(floor);
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

/// Volume and turnover from `from` up to before `to`: inverse trades dollars and turns over coin, all others the
/// reverse. Volumes of neighbouring spans add up to that of the whole.
pub(crate) fn volume(seed: u64, one: &Instrument, from: i64, to: i64, price: Decimal) -> (Decimal, Decimal) {
    let key = prices::key(seed, one.symbol) ^ u64::from(one.id);
    let volume = one.floor_qty(traded(key, one, to)) - one.floor_qty(traded(key, one, from));
    (volume, one.value(volume, price).round_dp(8))
}

/// What was traded since 2020: on average what the tape prints, in some minutes more than in others.
fn traded(key: u64, one: &Instrument, time: i64) -> Decimal {
    let since = (time - HISTORY_START).max(0);
    let (minute, rest) = (since / MINUTE_MS, since % MINUTE_MS);
    let ahead = |minute: i64| minute * 1000 + prices::drawn(key, minute, 900);
    let (before, after) = (ahead(minute), ahead(minute + 1));
    let thousandths = before * MINUTE_MS + rest * (after - before);
    let a_minute = one.depth * Decimal::from(MINUTE_MS / TICK_MS);
    a_minute * Decimal::from(thousandths) / Decimal::from(1000 * MINUTE_MS)
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

    #[test]
    fn volumes_add_up_and_are_near_what_the_tape_prints() {
        let one = instruments::find(Category::Linear, "BTCUSDT").unwrap();
        let of = |from: i64, to: i64| volume(1, one, from, to, Decimal::ONE).0;
        let start = 1_780_358_400_000;
        let minutes: Vec<Decimal> = (0..60)
            .map(|minute| of(start + minute * MINUTE_MS, start + (minute + 1) * MINUTE_MS))
            .collect();
        assert_eq!(minutes.iter().sum::<Decimal>(), of(start, start + 60 * MINUTE_MS));
        // 240 trades of about half a bitcoin.
        let between = |low: i64, high: i64| {
            move |volume: &Decimal| *volume >= Decimal::from(low) && *volume <= Decimal::from(high)
        };
        assert!(minutes.iter().all(between(12, 228)), "{minutes:?}");
        assert!(between(7_000, 7_400)(&of(start, start + 60 * MINUTE_MS)));
        assert!(minutes.iter().any(|volume| *volume != minutes[0]));
    }
}
