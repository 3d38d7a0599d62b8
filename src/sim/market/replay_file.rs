//! One file of candles or trades: which column is what, when a row was, and what prices it stands for.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use chrono::{DateTime, NaiveDate, NaiveDateTime};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::path::Point;
use super::replay::{self, ReplayError};
use crate::domain::money::parse_decimal;
use crate::sim::instruments::{Category, Instrument};

/// The time between candles of a file that holds one alone.
const MINUTE_MS: i64 = 60_000;

/// The fields of a row. Numbers and times hold no commas, so a quote only surrounds a field.
fn fields(line: &str) -> Vec<&str> {
    line.split(',')
        .map(|field| field.trim().trim_matches('"'))
        .collect()
}

/// Names that a column goes by, in small letters without marks between words: Bybit's, Binance's and ccxt's.
const TIMES: [&str; 12] = [
    "time",
    "timestamp",
    "datetime",
    "date",
    "opentime",
    "start",
    "starttime",
    "startat",
    "unix",
    "ts",
    "t",
    "timems",
];
const PRICES: [&str; 3] = ["price", "execprice", "p"];

/// Where the columns are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Columns {
    time: usize,
    /// Open, high, low and close of candles; trades have a price instead.
    candle: Option<[usize; 4]>,
    price: Option<usize>,
    category: Option<usize>,
    symbol: Option<usize>,
}

impl Columns {
    /// Of a row without names: five columns and more are candles, fewer are trades.
    fn counted(row: &[&str]) -> Option<Self> {
        let candle = (row.len() >= 5).then_some([1, 2, 3, 4]);
        (row.len() >= 2).then_some(Self {
            candle,
            price: candle.is_none().then_some(1),
            ..Self::default()
        })
    }

    fn named(row: &[&str]) -> Option<Self> {
        let names: Vec<String> = row
            .iter()
            .map(|name| {
                let letters = name.chars().filter(char::is_ascii_alphanumeric);
                letters.collect::<String>().to_ascii_lowercase()
            })
            .collect();
        let find = |wanted: &[&str]| {
            wanted
                .iter()
                .find_map(|wanted| names.iter().position(|name| name == wanted))
        };
        let candle = || {
            Some([
                find(&["open", "openprice", "o"])?,
                find(&["high", "highprice", "h"])?,
                find(&["low", "lowprice", "l"])?,
                find(&["close", "closeprice", "c"])?,
            ])
        };
        let columns = Self {
            time: find(&TIMES)?,
            candle: candle(),
            price: find(&PRICES),
            category: find(&["category"]),
            symbol: find(&["symbol"]),
        };
        (columns.candle.is_some() || columns.price.is_some()).then_some(columns)
    }
}

/// A row: open, high, low and close, or a price alone.
#[derive(Debug, Clone, Copy)]
enum Row {
    Candle([Decimal; 4]),
    Trade(Decimal),
}

type Rows = Vec<(i64, Row)>;
type Sorted = BTreeMap<(Category, &'static str), (&'static Instrument, Rows)>;
/// What a file says by instrument.
pub(crate) type Found = Vec<(&'static Instrument, Vec<Point>)>;

/// Reads a file. `named` is what the caller says that it is about.
pub(crate) fn read(path: &Path, named: Option<&'static Instrument>) -> Result<Found, ReplayError> {
    let unreadable = |why: String| ReplayError::File {
        path: path.to_owned(),
        why,
    };
    let file = File::open(path).map_err(|error| unreadable(error.to_string()))?;
    let mut columns = None;
    let mut found = Sorted::new();
    for (number, line) in (1_u64..).zip(BufReader::new(file).lines()) {
        let line = line.map_err(|error| unreadable(error.to_string()))?;
        let text = line.trim_start_matches('\u{feff}').trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let row = fields(text);
        let taken = match columns {
            Some(known) => take(&row, known, named, &mut found),
            None => first_row(&row).and_then(|(first, is_data)| {
                columns = Some(first);
                match is_data {
                    true => take(&row, first, named, &mut found),
                    false => Ok(()),
                }
            }),
        };
        taken.map_err(|why| ReplayError::Line {
            path: path.to_owned(),
            line: number,
            why,
        })?;
    }
    if found.is_empty() {
        return Err(unreadable("it holds no prices".to_owned()));
    }
    Ok(found
        .into_values()
        .map(|(one, rows)| (one, points(one, rows)))
        .collect())
}

/// The columns, and whether the first row is data already.
fn first_row(record: &[&str]) -> Result<(Columns, bool), String> {
    if record.first().is_some_and(|first| moment(first).is_some()) {
        let columns = Columns::counted(record).ok_or("a row needs a time and a price")?;
        return Ok((columns, true));
    }
    let columns = Columns::named(record)
        .ok_or("the columns are not understood; name time and price, or time, open, high, low and close")?;
    Ok((columns, false))
}

fn take(
    record: &[&str],
    columns: Columns,
    named: Option<&'static Instrument>,
    found: &mut Sorted,
) -> Result<(), String> {
    let field = |at: usize| record.get(at).copied().unwrap_or_default();
    let one = instrument(columns, named, field)?;
    let time =
        moment(field(columns.time)).ok_or_else(|| format!("`{}` is not a time", field(columns.time)))?;
    let price = |at: usize| {
        let price = parse_decimal(field(at)).map_err(|error| error.to_string())?;
        let fits = price > Decimal::ZERO && price <= one.max_price();
        fits.then_some(price)
            .ok_or_else(|| format!("{price} is not a price of {}", one.symbol))
    };
    let row = match (columns.candle, columns.price) {
        (Some([open, high, low, close]), _) => {
            Row::Candle(whole([price(open)?, price(high)?, price(low)?, price(close)?])?)
        }
        (None, Some(at)) => Row::Trade(price(at)?),
        (None, None) => return Err("there is no price".to_owned()),
    };
    let entry = found
        .entry((one.category, one.symbol))
        .or_insert_with(|| (one, Vec::new()));
    entry.1.push((time, row));
    Ok(())
}

fn whole(candle: [Decimal; 4]) -> Result<[Decimal; 4], String> {
    let [open, high, low, close] = candle;
    if low > open.min(close) || high < open.max(close) {
        return Err("open and close must lie between low and high".to_owned());
    }
    Ok(candle)
}

/// The caller's word counts, but a symbol that contradicts it is a mistake.
fn instrument<'a>(
    columns: Columns,
    named: Option<&'static Instrument>,
    field: impl Fn(usize) -> &'a str,
) -> Result<&'static Instrument, String> {
    let symbol = columns.symbol.map(&field);
    match (named, symbol) {
        (Some(one), Some(symbol)) if symbol != one.symbol => {
            Err(format!("it is about {symbol}, not {}", one.symbol))
        }
        (Some(one), _) => Ok(one),
        (None, Some(symbol)) => {
            let category = columns.category.map(&field).unwrap_or_default();
            replay::listed(category, symbol).map_err(|error| error.to_string())
        }
        (None, None) => Err("it has no columns category and symbol; write CATEGORY:SYMBOL=FILE".to_owned()),
    }
}

/// Milliseconds of a time in seconds (also with a fraction), milli-, micro- or nanoseconds, or in ISO 8601.
fn moment(text: &str) -> Option<i64> {
    if let Ok(number) = parse_decimal(text) {
        let ms = match number.trunc().to_i64()? {
            i64::MIN..0 => return None,
            0..100_000_000_000 => number * Decimal::ONE_THOUSAND,
            100_000_000_000..100_000_000_000_000 => number,
            100_000_000_000_000..100_000_000_000_000_000 => number / Decimal::ONE_THOUSAND,
            _ => number / Decimal::from(1_000_000),
        };
        return ms.trunc().to_i64();
    }
    if let Ok(zoned) = DateTime::parse_from_rfc3339(text) {
        return Some(zoned.timestamp_millis());
    }
    let plain = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M"];
    let day = || {
        NaiveDate::parse_from_str(text, "%Y-%m-%d")
            .ok()?
            .and_hms_opt(0, 0, 0)
    };
    plain
        .iter()
        .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())
        .or_else(day)
        .map(|moment| moment.and_utc().timestamp_millis())
}

/// The prices that rows stand for, in ticks.
fn points(one: &Instrument, mut rows: Rows) -> Vec<Point> {
    // Exchanges write newest first too; a stable sort then keeps trades of one moment in their order.
    if matches!((rows.first(), rows.last()), (Some(first), Some(last)) if first.0 > last.0) {
        rows.reverse();
    }
    rows.sort_by_key(|(time, _)| *time);
    let gaps = rows.iter().zip(rows.iter().skip(1));
    let quarter = gaps
        .map(|((time, _), (next, _))| next - time)
        .filter(|gap| *gap > 0)
        .min()
        .unwrap_or(MINUTE_MS)
        / 4;
    let mut points = Vec::new();
    for (time, row) in rows {
        match row {
            Row::Trade(price) => points.push((time, one.to_tick(price))),
            Row::Candle([open, high, low, close]) => {
                // A candle that rose is taken to have dipped first, and the reverse.
                let (first, second) = if close >= open { (low, high) } else { (high, low) };
                let path = (0_i64..).zip([open, first, second, close]);
                points.extend(path.map(|(nth, price)| (time + nth * quarter, one.to_tick(price))));
            }
        }
    }
    points
}

#[cfg(test)]
#[path = "replay_file/tests.rs"]
mod tests;
