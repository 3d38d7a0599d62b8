//! One instrument's price over time: the source's path, overlaid by prices that were set by hand.

use std::collections::BTreeMap;
use std::sync::Arc;

use rust_decimal::Decimal;

use super::course::Course;
use super::live::Live;
use super::prices::PriceKind;
use crate::sim::PriceSource;
use crate::sim::call::Refusal;
use crate::sim::instruments::{Category, INSTRUMENTS, Instrument};

/// No look at a path goes further back than this.
const LONGEST_LOOK_MS: i64 = 45 * 86_400_000;
/// The first candle of every instrument: 2020-01-01.
pub(crate) const HISTORY_START: i64 = 1_577_836_800_000;

/// Where prices come from.
#[derive(Debug)]
pub(crate) struct Market {
    pub(crate) seed: u64,
    pub(crate) source: PriceSource,
}

/// A moment (ms) and a price at it.
pub(crate) type Point = (i64, Decimal);

/// The path of one instrument.
#[derive(Debug)]
pub(crate) struct Path<'a> {
    pub(crate) instrument: &'static Instrument,
    course: Course<'a>,
    /// Prices set by hand, oldest first; from the first on they alone count, for all kinds of price.
    pins: Arc<Vec<Point>>,
}

impl Market {
    pub(crate) fn path(&self, instrument: &'static Instrument, pins: impl Into<Arc<Vec<Point>>>) -> Path<'_> {
        Path {
            instrument,
            course: Course::of(self, instrument),
            pins: pins.into(),
        }
    }

    /// Refuses what has no price now. Only a live market can be without one, and then nothing is invented.
    pub(crate) fn check(&self, one: &'static Instrument, now: i64) -> Result<(), Refusal> {
        let PriceSource::Live(live) = &self.source else {
            return Ok(());
        };
        live.look(one, now);
        if live.is_fresh(one, now) {
            return Ok(());
        }
        let (category, symbol) = (one.category.word(), one.symbol);
        Err(Refusal::new(
            10016,
            format!(
                "System error. No fresh live price of {category} {symbol}; nothing is traded without one"
            ),
        ))
    }
}

impl Path<'_> {
    /// The last price at `time`.
    pub(crate) fn at(&self, time: i64) -> Decimal {
        self.at_of(PriceKind::Last, time)
    }

    /// Whether the price moves only when it is set by hand.
    pub(crate) fn is_still(&self) -> bool {
        !self.pins.is_empty() || self.course.is_still()
    }

    /// The last price's turning points after `from` up to `to`, in order; the last is `to` itself.
    #[cfg(test)]
    pub(crate) fn points(&self, from: i64, to: i64) -> Vec<Point> {
        self.points_of(PriceKind::Last, from, to)
    }

    /// The lowest and the highest last price from `from` to `to`, both included.
    pub(crate) fn range(&self, from: i64, to: i64) -> (Decimal, Decimal) {
        self.range_of(PriceKind::Last, from, to)
    }

    /// The price of a kind at `time`.
    pub(crate) fn at_of(&self, kind: PriceKind, time: i64) -> Decimal {
        let pinned = self.pins.iter().rev().find(|(since, _)| *since <= time);
        pinned.map_or_else(|| self.course.at(kind, time), |(_, price)| *price)
    }

    /// The turning points of a kind after `from` up to `to`, in order; the last is `to` itself.
    #[cfg(test)]
    pub(crate) fn points_of(&self, kind: PriceKind, from: i64, to: i64) -> Vec<Point> {
        let from = from.max(to - LONGEST_LOOK_MS);
        let mut points = Vec::new();
        let end = self.pinned_from().min(to);
        self.course
            .each(kind, from, end, &mut |time, price| points.push((time, price)));
        // A set price ends the path with a jump, so what it had reached by then counts too.
        if end < to && end - 1 > from && self.moves(end - 1) {
            let reached = (end - 1, self.at_of(kind, end - 1));
            if points.last() != Some(&reached) {
                points.push(reached);
            }
        }
        points.extend(self.pins.iter().filter(|(at, _)| *at > from && *at < to));
        points.push((to, self.at_of(kind, to)));
        points
    }

    /// The lowest and the highest price of a kind from `from` to `to`, both included.
    pub(crate) fn range_of(&self, kind: PriceKind, from: i64, to: i64) -> (Decimal, Decimal) {
        let from = from.max(to - LONGEST_LOOK_MS);
        let end = to.min(self.pinned_from().saturating_sub(1));
        let start = if from <= end {
            self.course.range(kind, from, end)
        } else {
            let price = self.at_of(kind, from);
            (price, price)
        };
        let inside = self.pins.iter().filter(|(at, _)| *at > from && *at <= to);
        inside.fold(start, |(low, high), (_, price)| {
            (low.min(*price), high.max(*price))
        })
    }

    /// By how much the last price exceeds the index at `time`, as a share of the index.
    pub(crate) fn premium(&self, time: i64) -> Decimal {
        match time < self.pinned_from() {
            true => self.course.premium(time),
            false => Decimal::ZERO,
        }
    }

    /// The lowest and the highest premium from `from` to `to`, both included.
    pub(crate) fn premium_range(&self, from: i64, to: i64) -> (Decimal, Decimal) {
        let (first, last) = (self.premium(from), self.premium(to));
        let ends = (first.min(last), first.max(last));
        let end = to.min(self.pinned_from().saturating_sub(1));
        if from > end {
            return ends;
        }
        let (low, high) = self.course.premium_range(from, end);
        (low.min(ends.0), high.max(ends.1))
    }

    /// The first moment that anything is known of.
    pub(crate) fn begins(&self) -> i64 {
        match self.live() {
            Some(live) => live.begins(self.instrument).unwrap_or(i64::MAX),
            None => HISTORY_START,
        }
    }

    /// Whether the price moves by itself at `time`: not under prices that stand still, nor set ones.
    pub(crate) fn moves(&self, time: i64) -> bool {
        time < self.pinned_from() && !self.course.is_still()
    }

    /// The moment of the first price that was set by hand; the end of time without one.
    pub(crate) fn pinned_from(&self) -> i64 {
        self.pins.first().map_or(i64::MAX, |(at, _)| *at)
    }

    pub(crate) fn pins(&self) -> &[Point] {
        &self.pins
    }

    pub(crate) fn seed(&self) -> u64 {
        self.course.seed()
    }

    /// The recorder behind a path of the live market.
    pub(crate) fn live(&self) -> Option<&Live> {
        self.course.live()
    }

    /// What moves the price while none is set by hand.
    pub(crate) fn course(&self) -> &Course<'_> {
        &self.course
    }
}

/// What one unit of each coin costs in US dollars, from the last prices of its pair or contract.
pub(crate) fn usd_prices(price: impl Fn(&'static Instrument) -> Decimal) -> BTreeMap<&'static str, Decimal> {
    let mut prices = BTreeMap::from([
        ("USDT", Decimal::ONE),
        ("USDC", Decimal::ONE),
        ("USD", Decimal::ONE),
    ]);
    let in_dollars = |one: &&Instrument| {
        matches!(one.category, Category::Spot | Category::Linear) && one.quote == "USDT" && !one.expires()
    };
    for one in INSTRUMENTS.iter().filter(in_dollars) {
        prices.entry(one.base).or_insert_with(|| price(one));
    }
    let euro = INSTRUMENTS.iter().find(|one| one.symbol == "BTCEUR");
    if let (Some(euro), Some(bitcoin)) = (euro, prices.get("BTC").copied()) {
        let rate = bitcoin.checked_div(price(euro)).unwrap_or_default();
        prices.insert("EUR", rate.round_dp(8));
    }
    prices
}

#[cfg(test)]
#[path = "path/tests.rs"]
mod tests;
