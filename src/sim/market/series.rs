//! Recorded prices in order of time, and their extremes over any span without a look at each of them.

use rust_decimal::Decimal;

use super::path::Point;

/// So many points share one entry of the index.
const BLOCK: usize = 256;

/// A price that holds until the next one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Series {
    points: Vec<Point>,
    /// Lowest and highest price of each block of points.
    blocks: Vec<(Decimal, Decimal)>,
}

impl Series {
    /// Takes points in any order; those of one moment keep theirs.
    pub(crate) fn new(mut points: Vec<Point>) -> Self {
        points.sort_by_key(|(time, _)| *time);
        let blocks = points.chunks(BLOCK).filter_map(extremes).collect();
        Self { points, blocks }
    }

    pub(crate) fn len(&self) -> usize {
        self.points.len()
    }

    /// Moments of the first and the last point.
    pub(crate) fn span(&self) -> Option<(i64, i64)> {
        Some((self.points.first()?.0, self.points.last()?.0))
    }

    /// The price at `time`; before the first point it is the first.
    pub(crate) fn at(&self, time: i64) -> Option<Decimal> {
        let after = self.until(time);
        let point = match after.checked_sub(1) {
            Some(last) => self.points.get(last),
            None => self.points.first(),
        };
        point.map(|(_, price)| *price)
    }

    /// The points after `from` and before `to`.
    #[cfg(test)]
    pub(crate) fn between(&self, from: i64, to: i64) -> &[Point] {
        let start = self.until(from);
        let end = self.points.partition_point(|(time, _)| *time < to);
        self.points.get(start..end.max(start)).unwrap_or_default()
    }

    /// The lowest and the highest price from `from` to `to`, both included.
    pub(crate) fn range(&self, from: i64, to: i64) -> Option<(Decimal, Decimal)> {
        let start = self.at(from)?;
        let (first, end) = (self.until(from), self.until(to));
        // Whole blocks come from the index, the points before and after them are looked at.
        let (open, close) = (first.div_ceil(BLOCK), end / BLOCK);
        let parts: [&[Point]; 2] = if open >= close {
            [self.points.get(first..end).unwrap_or_default(), &[]]
        } else {
            [
                self.points.get(first..open * BLOCK).unwrap_or_default(),
                self.points.get(close * BLOCK..end).unwrap_or_default(),
            ]
        };
        let whole = self.blocks.get(open..close.max(open)).unwrap_or_default();
        let seen = parts
            .into_iter()
            .filter_map(extremes)
            .chain(whole.iter().copied());
        Some(seen.fold((start, start), |(low, high), (lower, higher)| {
            (low.min(lower), high.max(higher))
        }))
    }

    /// How many points lie at or before `time`.
    fn until(&self, time: i64) -> usize {
        self.points.partition_point(|(at, _)| *at <= time)
    }
}

fn extremes(points: &[Point]) -> Option<(Decimal, Decimal)> {
    let prices = || points.iter().map(|(_, price)| *price);
    Some((prices().min()?, prices().max()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::market::prices;

    #[test]
    fn the_last_point_holds_until_the_next() {
        let series = Series::new(vec![(20, Decimal::TWO), (10, Decimal::ONE), (20, Decimal::TEN)]);
        let at = |time| series.at(time).unwrap();
        assert_eq!(
            [at(5), at(10), at(19), at(20), at(99)],
            [1, 1, 1, 10, 10].map(Decimal::from)
        );
        assert_eq!(series.range(12, 20), Some((Decimal::ONE, Decimal::TEN)));
        assert_eq!(series.range(21, 30), Some((Decimal::TEN, Decimal::TEN)));
        assert_eq!(series.between(10, 20), []);
        assert_eq!(series.between(9, 20), [(10, Decimal::ONE)]);
        assert_eq!(Series::default().at(5), None);
    }

    #[test]
    fn the_index_finds_what_a_look_at_every_point_finds() {
        let price = |place: i64| Decimal::from(1 + prices::drawn(3, place, 1_000_000));
        let points: Vec<Point> = (0..3000).map(|place| (place * 10, price(place))).collect();
        let series = Series::new(points.clone());
        for (from, to) in [
            (-5, 40_000),
            (0, 9),
            (777, 8_123),
            (2_559, 2_560),
            (2_560, 5_120),
            (5, 29_990),
        ] {
            let inside = points.iter().filter(|(at, _)| *at > from && *at <= to);
            let prices: Vec<Decimal> = inside.map(|(_, price)| *price).chain(series.at(from)).collect();
            let plain = (*prices.iter().min().unwrap(), *prices.iter().max().unwrap());
            assert_eq!(series.range(from, to), Some(plain), "{from} to {to}");
        }
    }
}
