//! Recorded prices in the place of the walk: files of candles or trades, by instrument.
//!
//! A file holds until its next price, its first price before it begins and its last one after it ends. Other
//! instruments of the coin that are quoted in dollars follow in proportion; all others walk.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;

use rust_decimal::Decimal;
use thiserror::Error;

use super::course::walk_key;
use super::path::Point;
use super::replay_file;
use super::series::Series;
use crate::sim::instruments::{self, Category, Instrument};

/// Why recorded prices cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReplayError {
    /// Not `linear:BTCUSDT=FILE` nor `FILE`.
    #[error(
        "`{0}` does not say what to replay; write CATEGORY:SYMBOL=FILE, or FILE when it has these columns"
    )]
    Flag(String),
    /// The instrument is not listed.
    #[error("{0} is not listed here; see market/instruments-info for what is")]
    Unlisted(String),
    /// A file cannot be read.
    #[error("cannot read {}: {why}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// A line of a file is not understood.
    #[error("{} line {line}: {why}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Counted from one.
        line: u64,
        /// What is wrong.
        why: String,
    },
}

/// A file to replay and the instrument that it is about, unless its own columns say so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayFile {
    /// Category and symbol.
    pub instrument: Option<(String, String)>,
    /// Where the prices are.
    pub path: PathBuf,
}

impl FromStr for ReplayFile {
    type Err = ReplayError;

    fn from_str(text: &str) -> Result<Self, ReplayError> {
        let refused = || ReplayError::Flag(text.to_owned());
        let named = text.split_once('=').and_then(|(name, path)| {
            let (category, symbol) = name.split_once(':')?;
            Category::parse(category)?;
            Some((category.to_owned(), symbol.to_owned(), path))
        });
        let (instrument, path) = match named {
            Some((category, symbol, path)) => (Some((category, symbol)), path),
            None if text.contains('=') => return Err(refused()),
            None => (None, text),
        };
        if path.is_empty() || instrument.as_ref().is_some_and(|(_, symbol)| symbol.is_empty()) {
            return Err(refused());
        }
        Ok(Self {
            instrument,
            path: path.into(),
        })
    }
}

/// Recorded prices by instrument.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Replay(BTreeMap<(Category, &'static str), Recorded>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Recorded {
    series: Series,
    /// What others follow in proportion to.
    base_price: Decimal,
    coin: &'static str,
    in_dollars: bool,
}

impl Replay {
    /// Reads all files; an instrument may be in several.
    pub fn read(files: &[ReplayFile]) -> Result<Self, ReplayError> {
        let mut points: BTreeMap<(Category, &'static str), Vec<Point>> = BTreeMap::new();
        for file in files {
            let named = file.instrument.as_ref();
            let named = named
                .map(|(category, symbol)| listed(category, symbol))
                .transpose()?;
            for (one, more) in replay_file::read(&file.path, named)? {
                points.entry((one.category, one.symbol)).or_default().extend(more);
            }
        }
        let recorded = points.into_iter().filter_map(|((category, symbol), points)| {
            let one = instruments::find(category, symbol)?;
            let recorded = Recorded {
                series: Series::new(points),
                base_price: one.base_price,
                coin: walk_key(one),
                in_dollars: in_dollars(one),
            };
            Some(((category, one.symbol), recorded))
        });
        Ok(Self(recorded.collect()))
    }

    /// The first and the last moment that any file has a price of, in milliseconds since 1970.
    #[must_use]
    pub fn span_ms(&self) -> Option<(i64, i64)> {
        let spans = || self.0.values().filter_map(|recorded| recorded.series.span());
        Some((
            spans().map(|(first, _)| first).min()?,
            spans().map(|(_, last)| last).max()?,
        ))
    }

    /// How many prices there are.
    #[must_use]
    pub fn prices(&self) -> usize {
        self.0.values().map(|recorded| recorded.series.len()).sum()
    }

    /// What an instrument follows: its own record, or else that of another of its coin.
    pub(crate) fn followed(&self, one: &'static Instrument) -> Option<Followed<'_>> {
        let own = self.0.get(&(one.category, one.symbol));
        let recorded = own.or_else(|| {
            let follows = in_dollars(one) && one.category != Category::Option;
            let mut others = self.0.values().filter(|_| follows);
            others.find(|other| other.in_dollars && other.coin == walk_key(one))
        })?;
        Some(Followed {
            one,
            series: &recorded.series,
            base_price: recorded.base_price,
        })
    }
}

pub(crate) fn listed(category: &str, symbol: &str) -> Result<&'static Instrument, ReplayError> {
    Category::parse(category)
        .and_then(|category| instruments::find(category, symbol))
        .ok_or_else(|| ReplayError::Unlisted(format!("{category} {symbol}")))
}

fn in_dollars(one: &Instrument) -> bool {
    matches!(one.quote, "USDT" | "USDC" | "USD")
}

/// A record as one instrument sees it.
#[derive(Debug)]
pub(crate) struct Followed<'a> {
    one: &'static Instrument,
    series: &'a Series,
    base_price: Decimal,
}

impl Followed<'_> {
    fn own(&self, price: Decimal) -> Decimal {
        if self.base_price == self.one.base_price {
            return self.one.to_tick(price);
        }
        let share = price.checked_mul(self.one.base_price);
        let price = share.and_then(|share| share.checked_div(self.base_price));
        self.one.to_tick(price.unwrap_or(self.one.base_price))
    }

    pub(crate) fn at(&self, time: i64) -> Decimal {
        self.series
            .at(time)
            .map_or(self.one.base_price, |price| self.own(price))
    }

    /// The lowest and the highest price from `from` to `to`, both included.
    pub(crate) fn range(&self, from: i64, to: i64) -> (Decimal, Decimal) {
        let base = self.one.base_price;
        let range = self.series.range(from, to);
        range.map_or((base, base), |(low, high)| (self.own(low), self.own(high)))
    }

    /// Calls `see` with each price after `from` and before `to`.
    #[cfg(test)]
    pub(crate) fn each(&self, from: i64, to: i64, see: &mut dyn FnMut(i64, Decimal)) {
        for (time, price) in self.series.between(from, to) {
            see(*time, self.own(*price));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_names_an_instrument_or_only_a_file() {
        let read = |text: &str| text.parse::<ReplayFile>();
        let named = read("linear:BTCUSDT=a=b.csv").unwrap();
        assert_eq!(
            named.instrument,
            Some(("linear".to_owned(), "BTCUSDT".to_owned()))
        );
        assert_eq!(named.path, PathBuf::from("a=b.csv"));
        assert_eq!(read("day.csv").unwrap().instrument, None);
        for text in [
            "",
            "linear:BTCUSDT=",
            "BTCUSDT=a.csv",
            "moon:BTCUSDT=a.csv",
            "linear:=a.csv",
        ] {
            assert_eq!(read(text), Err(ReplayError::Flag(text.to_owned())), "{text}");
        }
    }
}
