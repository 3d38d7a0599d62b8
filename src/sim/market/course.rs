//! What moves the price of one instrument while none is set by hand: nothing, the walk, a record, a live market,
//! or what an option is a right to.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::clock;
use super::live::Live;
use super::path::Market;
use super::prices::{KNOT_MS, Offsets, PriceKind, UNIT, Walk};
use super::replay::Followed;
use crate::sim::PriceSource;
use crate::sim::instruments::greeks;
use crate::sim::instruments::{self, Category, Instrument, Right, num};

/// The source's path of one instrument.
#[derive(Debug)]
pub(crate) struct Course<'a> {
    one: &'static Instrument,
    seed: u64,
    source: Source<'a>,
}

#[derive(Debug)]
enum Source<'a> {
    Still(Decimal),
    Walk,
    Replay(Followed<'a>),
    Live(&'a Live),
    Right(Right, Box<Course<'a>>),
}

impl<'a> Course<'a> {
    pub(crate) fn of(market: &'a Market, one: &'static Instrument) -> Self {
        let source = match &market.source {
            PriceSource::Fixed(prices) => {
                let key = (one.category.word().to_owned(), one.symbol.to_owned());
                Source::Still(prices.get(&key).copied().unwrap_or(one.base_price))
            }
            PriceSource::Live(live) => {
                live.look(one, clock::now_ms());
                Source::Live(live)
            }
            PriceSource::Walk => Self::walking(market, one),
            PriceSource::Replay(replay) => match replay.followed(one) {
                Some(followed) => Source::Replay(followed),
                None => Self::walking(market, one),
            },
        };
        Self {
            one,
            seed: market.seed,
            source,
        }
    }

    /// Without a price of its own an option follows what it is a right to, and all else walks.
    fn walking(market: &'a Market, one: &'static Instrument) -> Source<'a> {
        let right = one.right.filter(|right| right.follows);
        match (right, instruments::underlying(one)) {
            (Some(right), Some(other)) => Source::Right(right, Box::new(Self::of(market, other))),
            _ => Source::Walk,
        }
    }

    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }

    pub(crate) fn is_still(&self) -> bool {
        matches!(self.source, Source::Still(_))
    }

    pub(crate) fn live(&self) -> Option<&Live> {
        match self.source {
            Source::Live(live) => Some(live),
            _ => None,
        }
    }

    /// The price of a kind at `time`.
    pub(crate) fn at(&self, kind: PriceKind, time: i64) -> Decimal {
        let one = self.one;
        match &self.source {
            Source::Still(price) => *price,
            Source::Walk => walked(one, kind, self.walk().offsets(time).of(kind)),
            Source::Replay(followed) => followed.at(time),
            Source::Live(live) => live.at(one, kind, time).unwrap_or(one.base_price),
            Source::Right(right, under) => worth(one, right, under.at(kind, time), time),
        }
    }

    /// The lowest and the highest price of a kind from `from` to `to`, both included.
    pub(crate) fn range(&self, kind: PriceKind, from: i64, to: i64) -> (Decimal, Decimal) {
        let one = self.one;
        let mut seen = vec![self.at(kind, from), self.at(kind, to)];
        match &self.source {
            Source::Still(_) => {}
            // Extremes are sought among whole numbers: a month has too many minutes to price each of them.
            Source::Walk => {
                let knots = self.knots(from, to, |offsets| offsets.of(kind));
                seen.extend(
                    knots
                        .into_iter()
                        .flatten()
                        .map(|offset| walked(one, kind, offset)),
                );
            }
            Source::Replay(followed) => seen.extend(<[Decimal; 2]>::from(followed.range(from, to))),
            Source::Live(live) => {
                let inside = live.between(one, kind, from, to);
                seen.extend(inside.into_iter().map(|(_, price)| price));
            }
            // An option's value only grows or only falls with its underlying, and fades with time.
            Source::Right(right, under) => {
                let (low, high) = under.range(kind, from, to);
                let corners = [(low, from), (low, to), (high, from), (high, to)];
                seen.extend(corners.map(|(price, time)| worth(one, right, price, time)));
            }
        }
        let low = seen.iter().min().copied().unwrap_or_default();
        (low, seen.iter().max().copied().unwrap_or_default())
    }

    /// Calls `see` with each turning point after `from` and before `to`.
    #[cfg(test)]
    pub(crate) fn each(&self, kind: PriceKind, from: i64, to: i64, see: &mut dyn FnMut(i64, Decimal)) {
        let one = self.one;
        match &self.source {
            Source::Still(_) => {}
            Source::Walk => self.each_knot(from, to, |time, offsets| {
                see(time, walked(one, kind, offsets.of(kind)));
            }),
            Source::Replay(followed) => followed.each(from, to, see),
            Source::Live(live) => {
                for (time, price) in live.between(one, kind, from, to) {
                    see(time, price);
                }
            }
            Source::Right(right, under) => under.each(kind, from, to, &mut |time, price| {
                see(time, worth(one, right, price, time));
            }),
        }
    }

    /// By how much the last price exceeds the index at `time`, as a share of the index.
    pub(crate) fn premium(&self, time: i64) -> Decimal {
        if matches!(self.source, Source::Walk) {
            return share(self.one, self.walk().offsets(time).premium());
        }
        let index = self.at(PriceKind::Index, time);
        let over = self.at(PriceKind::Last, time) - index;
        over.checked_div(index).unwrap_or_default().round_dp(8)
    }

    /// The lowest and the highest premium from `from` to `to`, both included.
    pub(crate) fn premium_range(&self, from: i64, to: i64) -> (Decimal, Decimal) {
        let (first, last) = (self.premium(from), self.premium(to));
        let ends = (first.min(last), first.max(last));
        match self.knots(from, to, Offsets::premium) {
            Some([low, high]) => (
                share(self.one, low).min(ends.0),
                share(self.one, high).max(ends.1),
            ),
            None => ends,
        }
    }

    /// A walk to step through, where the price is one: it remembers where it was.
    pub(crate) fn walk_along(&self) -> Option<Walk> {
        matches!(self.source, Source::Walk).then(|| self.walk())
    }

    /// The last price at `time`, given what [`Course::walk_along`] gave.
    pub(crate) fn step(&self, walk: Option<&mut Walk>, time: i64) -> Decimal {
        let kind = PriceKind::Last;
        match walk {
            Some(walk) => walked(self.one, kind, walk.offsets(time).of(kind)),
            None => self.at(kind, time),
        }
    }

    fn walk(&self) -> Walk {
        Walk::new(self.seed, walk_key(self.one))
    }

    /// The lowest and the highest of a figure among the knots after `from` and before `to` of a walk.
    fn knots(&self, from: i64, to: i64, figure: impl Fn(Offsets) -> i64) -> Option<[i64; 2]> {
        let mut extremes: Option<[i64; 2]> = None;
        self.each_knot(from, to, |_, offsets| {
            let value = figure(offsets);
            let [low, high] = extremes.unwrap_or([value, value]);
            extremes = Some([low.min(value), high.max(value)]);
        });
        extremes
    }

    /// Calls `see` with time and offsets of each whole minute after `from` and before `to` of a walk.
    fn each_knot(&self, from: i64, to: i64, mut see: impl FnMut(i64, Offsets)) {
        if !matches!(self.source, Source::Walk) {
            return;
        }
        let mut walk = self.walk();
        let mut knot = (from.div_euclid(KNOT_MS) + 1) * KNOT_MS;
        while knot < to {
            see(knot, walk.offsets(knot));
            knot += KNOT_MS;
        }
    }
}

/// Contracts and pairs of one coin move together.
pub(crate) fn walk_key(instrument: &Instrument) -> &'static str {
    match (instrument.category, instrument.quote) {
        (Category::Option, _) | (_, "BTC") => instrument.symbol,
        _ => instrument.base.trim_start_matches("1000"),
    }
}

/// The price at an offset of the walk: the last price in whole ticks, the others in the digits of a tick.
fn walked(instrument: &Instrument, kind: PriceKind, offset: i64) -> Decimal {
    let grid = match kind {
        PriceKind::Last => instrument.tick,
        PriceKind::Mark | PriceKind::Index => num(1, instrument.price_scale()),
    };
    let steps = instrument
        .base_price
        .checked_div(grid)
        .and_then(|steps| steps.to_i128())
        .unwrap_or(1);
    let offset = offset.saturating_mul(instrument.swing) / 100;
    let moved = steps * i128::from(UNIT.saturating_add(offset)) / i128::from(UNIT);
    Decimal::try_from_i128_with_scale(moved.max(1), 0).unwrap_or(Decimal::ONE) * grid
}

fn worth(one: &Instrument, right: &Right, underlying: Decimal, time: i64) -> Decimal {
    one.to_tick(greeks::value(right, underlying, one.delivery - time))
}

/// An offset as a share.
fn share(one: &Instrument, offset: i64) -> Decimal {
    let offset = offset.saturating_mul(one.swing) / 100;
    Decimal::new(offset, UNIT.ilog10()).round_dp(8)
}
