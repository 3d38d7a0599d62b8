//! One instrument's price over time: the source's path, overlaid by prices that were set by hand.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::PriceSource;
use super::instruments::{Category, INSTRUMENTS, Instrument, num};
use super::prices::{KNOT_MS, UNIT, Walk};

/// No look at a path goes further back than this.
const LONGEST_LOOK_MS: i64 = 45 * 86_400_000;
/// The first candle of every instrument: 2020-01-01.
pub(crate) const HISTORY_START: i64 = 1_577_836_800_000;
/// The book has this many levels a side.
pub(crate) const LEVELS: usize = 1000;

/// Where prices come from.
#[derive(Debug)]
pub(crate) struct Market {
    pub(crate) seed: u64,
    pub(crate) source: PriceSource,
}

/// A moment (ms) and the last price at it.
pub(crate) type Point = (i64, Decimal);

/// The path of one instrument.
pub(crate) struct Path<'a> {
    pub(crate) instrument: &'static Instrument,
    market: &'a Market,
    /// Prices set by hand, oldest first; from the first on they alone count.
    pins: Vec<Point>,
}

impl Market {
    pub(crate) fn path(&self, instrument: &'static Instrument, pins: Vec<Point>) -> Path<'_> {
        Path {
            instrument,
            market: self,
            pins,
        }
    }

    /// The walk of an instrument; contracts and pairs of one coin move together.
    fn walk(&self, instrument: &Instrument) -> Option<Walk> {
        match self.source {
            PriceSource::Walk => Some(Walk::new(self.seed, walk_key(instrument))),
            PriceSource::Fixed(_) => None,
        }
    }

    fn fixed(&self, instrument: &Instrument) -> Decimal {
        let listed = match &self.source {
            PriceSource::Fixed(prices) => prices.get(&(
                instrument.category.word().to_owned(),
                instrument.symbol.to_owned(),
            )),
            PriceSource::Walk => None,
        };
        listed.copied().unwrap_or(instrument.base_price)
    }
}

fn walk_key(instrument: &Instrument) -> &'static str {
    match (instrument.category, instrument.quote) {
        (Category::Option, _) | (_, "BTC") => instrument.symbol,
        _ => instrument.base,
    }
}

/// The price at an offset of the walk, in whole ticks.
fn walked(instrument: &Instrument, offset: i64) -> Decimal {
    let ticks = instrument
        .base_price
        .checked_div(instrument.tick)
        .and_then(|ticks| ticks.to_i128())
        .unwrap_or(1);
    let offset = offset.saturating_mul(instrument.swing) / 100;
    let moved = ticks * i128::from(UNIT.saturating_add(offset)) / i128::from(UNIT);
    Decimal::try_from_i128_with_scale(moved.max(1), 0).unwrap_or(Decimal::ONE) * instrument.tick
}

impl Path<'_> {
    /// The last price at `time`.
    pub(crate) fn at(&self, time: i64) -> Decimal {
        let pinned = self.pins.iter().rev().find(|(since, _)| *since <= time);
        if let Some((_, price)) = pinned {
            return *price;
        }
        match self.market.walk(self.instrument) {
            Some(mut walk) => walked(self.instrument, walk.offset(time)),
            None => self.market.fixed(self.instrument),
        }
    }

    /// Whether the price moves only when it is set by hand.
    pub(crate) fn is_still(&self) -> bool {
        !self.pins.is_empty() || matches!(self.market.source, PriceSource::Fixed(_))
    }

    /// The price's turning points after `from` up to `to`, in order; the last is `to` itself.
    pub(crate) fn points(&self, from: i64, to: i64) -> Vec<Point> {
        let from = from.max(to - LONGEST_LOOK_MS);
        let mut points = Vec::new();
        self.each_knot(from, to, |time, offset| {
            points.push((time, walked(self.instrument, offset)))
        });
        points.extend(self.pins.iter().filter(|(at, _)| *at > from && *at < to));
        points.push((to, self.at(to)));
        points
    }

    /// The lowest and the highest price from `from` to `to`, both included.
    pub(crate) fn range(&self, from: i64, to: i64) -> (Decimal, Decimal) {
        let from = from.max(to - LONGEST_LOOK_MS);
        let mut prices = vec![self.at(from), self.at(to)];
        let inside = |at: i64| at > from && at <= to;
        prices.extend(
            self.pins
                .iter()
                .filter(|(at, _)| inside(*at))
                .map(|(_, price)| *price),
        );
        // A set price ends the walk with a jump, so what it had reached by then counts too.
        prices.extend(
            self.pins
                .first()
                .filter(|(at, _)| inside(*at))
                .map(|(at, _)| self.at(at - 1)),
        );
        // Extremes are sought among whole numbers: a month has too many minutes to price each of them.
        let mut extremes: Option<(i64, i64)> = None;
        self.each_knot(from, to, |_, offset| {
            let (low, high) = extremes.unwrap_or((offset, offset));
            extremes = Some((low.min(offset), high.max(offset)));
        });
        if let Some((low, high)) = extremes {
            prices.extend([low, high].map(|offset| walked(self.instrument, offset)));
        }
        let start = self.at(from);
        prices.into_iter().fold((start, start), |(low, high), price| {
            (low.min(price), high.max(price))
        })
    }

    /// Calls `see` with time and offset of each whole minute after `from` and before `to` that follows the walk.
    fn each_knot(&self, from: i64, to: i64, mut see: impl FnMut(i64, i64)) {
        let Some(mut walk) = self.market.walk(self.instrument) else {
            return;
        };
        let end = self.pins.first().map_or(to, |(at, _)| to.min(*at));
        let mut knot = (from.div_euclid(KNOT_MS) + 1) * KNOT_MS;
        while knot < end {
            see(knot, walk.offset(knot));
            knot += KNOT_MS;
        }
    }
}

/// One level of the book: price and quantity.
pub(crate) type Level = (Decimal, Decimal);

/// What is offered above `last`: the best ask one tick away, each further level one tick on.
pub(crate) fn asks(instrument: &Instrument, last: Decimal) -> impl Iterator<Item = Level> {
    levels(instrument).map(move |(away, qty)| (last + away, qty))
}

/// What is bid below `last`; a cheap instrument's book ends above zero.
pub(crate) fn bids(instrument: &Instrument, last: Decimal) -> impl Iterator<Item = Level> {
    levels(instrument)
        .map(move |(away, qty)| (last - away, qty))
        .take_while(|(price, _)| *price > Decimal::ZERO)
}

fn levels(instrument: &Instrument) -> impl Iterator<Item = Level> {
    let (tick, depth) = (instrument.tick, instrument.depth);
    (1_u32..)
        .take(LEVELS)
        .map(move |level| (tick * num(level, 0), depth * num(1 + (level - 1) % 3, 0)))
}

/// Highest buying and lowest selling limit at `mark`, in whole ticks.
pub(crate) fn collar(instrument: &Instrument, mark: Decimal) -> (Decimal, Decimal) {
    let reach = mark * instrument.collar();
    let ticks = |price: Decimal| price.checked_div(instrument.tick).unwrap_or_default();
    (
        ticks(mark + reach).floor() * instrument.tick,
        ticks(mark - reach).ceil() * instrument.tick,
    )
}

/// What one unit of each coin costs in US dollars, from the last prices of its pair or contract.
pub(crate) fn usd_prices(price: impl Fn(&'static Instrument) -> Decimal) -> BTreeMap<&'static str, Decimal> {
    let mut prices = BTreeMap::from([
        ("USDT", Decimal::ONE),
        ("USDC", Decimal::ONE),
        ("USD", Decimal::ONE),
    ]);
    let in_dollars =
        |one: &&Instrument| matches!(one.category, Category::Spot | Category::Linear) && one.quote == "USDT";
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
mod tests {
    use super::*;
    use crate::sim::instruments::find;

    const NOW: i64 = 1_780_000_000_000;

    fn market(source: PriceSource) -> Market {
        Market { seed: 1, source }
    }

    #[test]
    fn a_walk_is_in_ticks_and_near_the_base_price() {
        let market = market(PriceSource::Walk);
        for one in &INSTRUMENTS {
            let price = market.path(one, Vec::new()).at(NOW);
            assert_eq!(price % one.tick, Decimal::ZERO);
            assert!(
                (price - one.base_price).abs() <= one.base_price * num(4, 2),
                "{}",
                one.symbol
            );
        }
    }

    #[test]
    fn a_range_holds_every_point_and_nothing_more() {
        let market = market(PriceSource::Walk);
        let path = market.path(find(Category::Linear, "BTCUSDT").unwrap(), Vec::new());
        let points = path.points(NOW - 3_600_000, NOW);
        assert_eq!(points.len(), 61);
        let all: Vec<Decimal> = points
            .iter()
            .map(|(_, price)| *price)
            .chain([path.at(NOW - 3_600_000)])
            .collect();
        let (low, high) = path.range(NOW - 3_600_000, NOW);
        assert_eq!(Some(&low), all.iter().min());
        assert_eq!(Some(&high), all.iter().max());
    }

    #[test]
    fn a_set_price_takes_over_from_its_moment() {
        let market = market(PriceSource::Fixed(BTreeMap::new()));
        let one = find(Category::Linear, "BTCUSDT").unwrap();
        let path = market.path(one, vec![(NOW, num(70_000, 0)), (NOW + 5, num(60_000, 0))]);
        assert_eq!(path.at(NOW - 1), num(65_000, 0));
        assert_eq!(path.at(NOW + 4), num(70_000, 0));
        assert_eq!(path.range(NOW - 1, NOW + 9), (num(60_000, 0), num(70_000, 0)));
        assert_eq!(
            path.points(NOW - 1, NOW + 9),
            [
                (NOW, num(70_000, 0)),
                (NOW + 5, num(60_000, 0)),
                (NOW + 9, num(60_000, 0))
            ]
        );
    }

    #[test]
    fn the_book_surrounds_the_last_price() {
        let one = find(Category::Linear, "BTCUSDT").unwrap();
        let last = num(65_000, 0);
        let first: Vec<Level> = asks(one, last).take(2).collect();
        assert_eq!(
            first,
            [(num(650_001, 1), num(5, 1)), (num(650_002, 1), num(1, 0))]
        );
        assert_eq!(bids(one, last).next(), Some((num(649_999, 1), num(5, 1))));
        assert_eq!(collar(one, last), (num(68_250, 0), num(61_750, 0)));
    }
}
