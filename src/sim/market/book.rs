//! The book around the last price, and the collar that keeps orders near it.

use rust_decimal::Decimal;

use super::path::Path;
use super::prices::{self, PriceKind};
use crate::sim::instruments::{Category, Instrument, num};

/// The book has this many levels a side.
pub(crate) const LEVELS: usize = 1000;
const SECOND_MS: i64 = 1000;
/// The premium in the collar is an average of looks this far apart.
const LOOK_MS: i64 = 5 * SECOND_MS;

/// One level of the book: price and quantity.
pub(crate) type Level = (Decimal, Decimal);

/// Both sides of an instrument's book at one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Book<'a> {
    instrument: &'a Instrument,
    last: Decimal,
    /// What the depth is drawn from; under prices that stand still the depth does too.
    key: Option<u64>,
}

impl<'a> Book<'a> {
    /// A book whose depth does not vary.
    #[cfg(test)]
    pub(crate) fn still(instrument: &'a Instrument, last: Decimal) -> Self {
        Self {
            instrument,
            last,
            key: None,
        }
    }

    /// What is offered above the last price without the first `taken` of it: the best ask one tick away, each
    /// further level one tick on.
    pub(crate) fn asks(&self, taken: Decimal) -> impl Iterator<Item = Level> + use<'a> {
        let last = self.last;
        without(taken, self.levels(1).map(move |(away, qty)| (last + away, qty)))
    }

    /// What is bid below the last price without the first `taken`; a cheap instrument's book ends above zero.
    pub(crate) fn bids(&self, taken: Decimal) -> impl Iterator<Item = Level> + use<'a> {
        let last = self.last;
        let levels = self
            .levels(2)
            .map(move |(away, qty)| (last - away, qty))
            .take_while(|(price, _)| *price > Decimal::ZERO);
        without(taken, levels)
    }

    fn levels(&self, side: i64) -> impl Iterator<Item = Level> + use<'a> {
        let (one, key) = (self.instrument, self.key);
        (1_u32..).take(LEVELS).map(move |level| {
            let plain = one.depth * num(1 + (level - 1) % 3, 0);
            let qty = match key {
                None => plain,
                Some(key) => {
                    let share = 50 + prices::drawn(key, i64::from(level) * 4 + side, 101);
                    one.floor_qty(plain * Decimal::new(share, 2)).max(one.step)
                }
            };
            (one.tick * num(level, 0), qty)
        })
    }
}

/// The levels that are left after `taken` was taken from the front.
fn without(mut taken: Decimal, levels: impl Iterator<Item = Level>) -> impl Iterator<Item = Level> {
    levels.filter_map(move |(price, qty)| {
        let gone = taken.min(qty).max(Decimal::ZERO);
        taken -= gone;
        (qty > gone).then_some((price, qty - gone))
    })
}

/// What is offered above `last` in a book whose depth does not vary.
#[cfg(test)]
pub(crate) fn asks(instrument: &Instrument, last: Decimal) -> impl Iterator<Item = Level> {
    Book::still(instrument, last).asks(Decimal::ZERO)
}

/// What is bid below `last` in a book whose depth does not vary.
#[cfg(test)]
pub(crate) fn bids(instrument: &Instrument, last: Decimal) -> impl Iterator<Item = Level> {
    Book::still(instrument, last).bids(Decimal::ZERO)
}

/// Highest buying and lowest selling limit when mark, index and last price are all `mark`, in whole ticks.
#[cfg(test)]
pub(crate) fn collar(instrument: &Instrument, mark: Decimal) -> (Decimal, Decimal) {
    limits(instrument, mark, mark, Decimal::ZERO)
}

/// The rule for futures; the one for spot pairs has the index in the place of the mark.
fn limits(one: &Instrument, mark: Decimal, index: Decimal, premium: Decimal) -> (Decimal, Decimal) {
    let [near, far] = one.limit_ratios;
    let up = mark * (Decimal::ONE + near) + premium.max(Decimal::ZERO);
    let down = mark * (Decimal::ONE - near) + premium.min(Decimal::ZERO);
    let highest = index.max(up).min(mark * (Decimal::ONE + far));
    let lowest = index.min(down).max(mark * (Decimal::ONE - far));
    let ticks = |price: Decimal| price.checked_div(one.tick).unwrap_or_default();
    (ticks(highest).floor() * one.tick, ticks(lowest).ceil() * one.tick)
}

impl<'a> Path<'a> {
    /// The book at `time`.
    pub(crate) fn book(&self, time: i64) -> Book<'static> {
        self.book_around(self.at(time), time)
    }

    /// The book at `time` around a price that the path had then.
    pub(crate) fn book_around(&self, last: Decimal, time: i64) -> Book<'static> {
        let key = self.moves(time).then(|| {
            let one = self.instrument;
            let slice = time.div_euclid(SECOND_MS);
            prices::key(self.seed(), one.symbol) ^ prices::scattered(u64::from(one.id), slice).0
        });
        Book {
            instrument: self.instrument,
            last,
            key,
        }
    }

    /// Highest buying and lowest selling limit at `time`, in whole ticks.
    pub(crate) fn collar(&self, time: i64) -> (Decimal, Decimal) {
        let index = self.at_of(PriceKind::Index, time);
        let (centre, span) = match self.instrument.category {
            Category::Spot => (PriceKind::Index, 120 * SECOND_MS),
            _ => (PriceKind::Mark, 30 * SECOND_MS),
        };
        let looks = span / LOOK_MS;
        let sum: Decimal = (0..looks)
            .map(|back| time - back * LOOK_MS)
            .map(|at| self.at(at) - self.at_of(centre, at))
            .sum();
        let premium = sum.checked_div(Decimal::from(looks)).unwrap_or_default();
        limits(self.instrument, self.at_of(centre, time), index, premium)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::PriceSource;
    use crate::sim::instruments::find;
    use crate::sim::market::Market;

    const NOW: i64 = 1_780_000_000_000;

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
        let dear = Decimal::from(1);
        assert_eq!(bids(one, dear).count(), 9, "no bid at zero");
    }

    #[test]
    fn what_was_taken_is_gone_from_the_front() {
        let one = find(Category::Linear, "BTCUSDT").unwrap();
        let book = Book::still(one, num(65_000, 0));
        let left: Vec<Level> = book.asks(num(7, 1)).take(2).collect();
        assert_eq!(
            left,
            [(num(650_002, 1), num(8, 1)), (num(650_003, 1), num(15, 1))]
        );
        let left: Vec<Level> = book.bids(num(5, 1)).take(1).collect();
        assert_eq!(left, [(num(649_998, 1), num(1, 0))]);
        assert_eq!(book.asks(num(1_000_000, 0)).next(), None);
    }

    #[test]
    fn depth_varies_from_second_to_second_in_whole_lots_and_repeats() {
        let market = Market {
            seed: 1,
            source: PriceSource::Walk,
        };
        let one = find(Category::Spot, "ETHUSDT").unwrap();
        let path = market.path(one, Vec::new());
        let second = NOW.div_euclid(1000) * 1000;
        let depth = |time: i64| -> Vec<Decimal> {
            let book = path.book_around(num(3_200, 0), time);
            book.asks(Decimal::ZERO).take(50).map(|(_, qty)| qty).collect()
        };
        assert_eq!(depth(second), depth(second + 999));
        assert_ne!(depth(second), depth(second + 1000));
        for qty in depth(second) {
            assert!(qty >= num(5, 0) && qty <= num(45, 0) && (qty % one.step).is_zero());
        }
        let bids: Vec<Decimal> = path
            .book_around(num(3_200, 0), second)
            .bids(Decimal::ZERO)
            .take(50)
            .map(|(_, qty)| qty)
            .collect();
        assert_ne!(depth(second), bids);
        let mut pinned = market
            .path(one, vec![(NOW, num(3_000, 0))])
            .book(NOW)
            .asks(Decimal::ZERO);
        assert_eq!(pinned.next(), Some((num(300_001, 2), num(10, 0))));
    }

    #[test]
    fn the_collar_of_a_walk_is_near_the_plain_one() {
        let market = Market {
            seed: 1,
            source: PriceSource::Walk,
        };
        for (category, symbol) in [(Category::Linear, "BTCUSDT"), (Category::Spot, "BTCUSDT")] {
            let one = find(category, symbol).unwrap();
            let path = market.path(one, Vec::new());
            let (highest, lowest) = path.collar(NOW);
            let plain = collar(one, path.at(NOW));
            let most = path.at(NOW) * num(2, 3);
            assert!((highest - plain.0).abs() < most && (lowest - plain.1).abs() < most);
            assert!((highest % one.tick).is_zero() && (lowest % one.tick).is_zero());
        }
    }
}
