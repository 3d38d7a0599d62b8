//! Other people's trades: a stream that is the same for everybody who reads it, at any time.

use rust_decimal::Decimal;

use super::path::{Path, Point};
use super::prices::{self, PriceKind, Walk};
use crate::sim::orders::Side;

/// A trade happens at each multiple of this, wherever prices move by themselves.
pub(crate) const TICK_MS: i64 = 250;

/// The steps of [`Tape::seek`], each a multiple of the next: a day, an hour, a minute.
const SPANS_MS: [i64; 3] = [86_400_000, 3_600_000, 60_000];

/// One public trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Print {
    pub(crate) time: i64,
    pub(crate) price: Decimal,
    pub(crate) qty: Decimal,
    /// The side of the taker.
    pub(crate) side: Side,
}

/// The trades of a path; each step costs one look at the walk and no memory.
pub(crate) struct Tape<'a> {
    path: &'a Path<'a>,
    walk: Option<Walk>,
    key: u64,
    /// The next moment of trade, and the last one.
    next: i64,
    end: i64,
    before: Decimal,
    /// Prices that were set by hand or came from a live market: each is one trade.
    jumps: std::vec::IntoIter<Point>,
}

/// The trades after `from` up to `to`, oldest first: one each tick where the price walks or is replayed, one at
/// each price that was set by hand or brought by a live market.
pub(crate) fn tape<'a>(path: &'a Path<'a>, from: i64, to: i64) -> Tape<'a> {
    let live = path.live().map(|live| {
        live.between(
            path.instrument,
            PriceKind::Last,
            from,
            to.min(path.pinned_from() - 1) + 1,
        )
    });
    let ticks = live.is_none() && path.moves(path.pinned_from() - 1);
    let mut jumps = live.unwrap_or_default();
    jumps.extend(path.pins().iter().filter(|(at, _)| *at > from && *at <= to));
    let end = if ticks {
        to.min(path.pinned_from() - 1)
    } else {
        from
    };
    Tape::new(path, from, end, jumps)
}

/// The trades of the same span as `recent-trade` shows them: prices that stand still are traded at too.
pub(crate) fn shown<'a>(path: &'a Path<'a>, from: i64, to: i64) -> Tape<'a> {
    match path.live() {
        Some(_) => tape(path, from, to),
        None => Tape::new(path, from, to, Vec::new()),
    }
}

impl<'a> Tape<'a> {
    fn new(path: &'a Path<'a>, from: i64, end: i64, jumps: Vec<Point>) -> Self {
        let next = (from.div_euclid(TICK_MS) + 1) * TICK_MS;
        let mut walk = path.course().walk_along();
        let before = match jumps.first() {
            Some((first, _)) if next > end => path.at(first - 1),
            _ => stepped(path, walk.as_mut(), next - TICK_MS),
        };
        let one = path.instrument;
        Self {
            path,
            walk,
            key: prices::key(path.seed(), one.symbol) ^ u64::from(one.id),
            next,
            end,
            before,
            jumps: jumps.into_iter(),
        }
    }

    /// Goes on to the first minute in which the price is at `low` or below, or at `high` or above, and leaves the
    /// trades before it out: months of them cost no more than a look at each minute.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "matching is to look for touches with it")
    )]
    pub(crate) fn seek(&mut self, low: Decimal, high: Decimal) {
        let first = self.next;
        let until = |next: i64, span: i64| next + span - TICK_MS;
        for span in SPANS_MS {
            while until(self.next, span) <= self.end {
                let (lowest, highest) =
                    self.path
                        .course()
                        .range(PriceKind::Last, self.next, until(self.next, span));
                if lowest <= low || highest >= high {
                    break;
                }
                self.next += span;
            }
        }
        if self.next != first {
            self.before = stepped(self.path, self.walk.as_mut(), self.next - TICK_MS);
        }
    }

    fn print(&mut self, time: i64, price: Decimal, regular: bool) -> Print {
        let drawn = prices::drawn(self.key, time, 2 * 181);
        let side = match price.cmp(&self.before) {
            std::cmp::Ordering::Greater => Side::Buy,
            std::cmp::Ordering::Less => Side::Sell,
            std::cmp::Ordering::Equal if drawn % 2 == 0 => Side::Buy,
            std::cmp::Ordering::Equal => Side::Sell,
        };
        self.before = price;
        let one = self.path.instrument;
        // Between a tenth and nineteen tenths of what the first level holds.
        let share = if regular { 10 + drawn / 2 } else { 100 };
        let qty = one.floor_qty(one.depth * Decimal::new(share, 2)).max(one.step);
        Print {
            time,
            price,
            qty,
            side,
        }
    }
}

/// The price at a tick; prices set by hand count there as well.
fn stepped(path: &Path<'_>, walk: Option<&mut Walk>, time: i64) -> Decimal {
    if time >= path.pinned_from() {
        return path.at(time);
    }
    path.course().step(walk, time)
}

impl Iterator for Tape<'_> {
    type Item = Print;

    fn next(&mut self) -> Option<Print> {
        if self.next <= self.end {
            let time = self.next;
            self.next += TICK_MS;
            let price = stepped(self.path, self.walk.as_mut(), time);
            return Some(self.print(time, price, true));
        }
        let (time, price) = self.jumps.next()?;
        Some(self.print(time, price, false))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::PriceSource;
    use crate::sim::instruments::{Category, INSTRUMENTS, find, num};
    use crate::sim::market::Market;

    /// A whole minute.
    const NOW: i64 = 1_780_000_020_000;

    fn market(source: PriceSource) -> Market {
        Market { seed: 1, source }
    }

    #[test]
    fn the_tape_is_the_same_wherever_reading_begins() {
        let market = market(PriceSource::Walk);
        let path = market.path(find(Category::Linear, "BTCUSDT").unwrap(), Vec::new());
        let all: Vec<Print> = tape(&path, NOW, NOW + 60_000).collect();
        assert_eq!(all.len(), 240);
        assert_eq!((all[0].time, all[239].time), (NOW + 250, NOW + 60_000));
        let late: Vec<Print> = tape(&path, NOW + 30_100, NOW + 60_000).collect();
        assert_eq!(late, all[120..]);
        for (print, before) in all[1..].iter().zip(&all) {
            assert_eq!(print.price, path.at(print.time));
            if print.price != before.price {
                assert_eq!(print.side == Side::Buy, print.price > before.price);
            }
        }
        assert!(
            all.iter().any(|print| print.side == Side::Buy)
                && all.iter().any(|print| print.side == Side::Sell)
        );
    }

    #[test]
    fn a_seek_leaves_out_nothing_that_touches() {
        let market = market(PriceSource::Walk);
        let path = market.path(find(Category::Linear, "SOLUSDT").unwrap(), Vec::new());
        let to = NOW + 3 * SPANS_MS[0];
        let (lowest, highest) = path.range(NOW, to);
        let away = (highest - lowest) / num(10, 0);
        let (low, high) = (lowest + away, highest - away);
        let touches = |print: &Print| print.price <= low || print.price >= high;
        let plain: Vec<Print> = tape(&path, NOW, to).filter(touches).take(500).collect();
        let mut sought = tape(&path, NOW, to);
        sought.seek(low, high);
        let skipped = sought.next - NOW;
        assert_eq!(sought.filter(touches).take(500).collect::<Vec<Print>>(), plain);
        assert!(skipped > SPANS_MS[2] && plain.len() == 500);
        let mut nowhere = tape(&path, NOW, to);
        nowhere.seek(lowest - num(1, 0), highest + num(1, 0));
        assert_eq!(nowhere.next(), None);
    }

    #[test]
    fn sizes_are_whole_lots_around_the_first_level() {
        let market = market(PriceSource::Walk);
        for one in INSTRUMENTS.iter().filter(|one| one.category != Category::Option) {
            let path = market.path(one, Vec::new());
            let all: Vec<Print> = tape(&path, NOW, NOW + 60_000).collect();
            let total: Decimal = all.iter().map(|print| print.qty).sum();
            assert!(
                all.iter()
                    .all(|print| (print.qty % one.step).is_zero() && print.qty > Decimal::ZERO)
            );
            assert!(
                total > one.depth * num(190, 0) && total < one.depth * num(290, 0),
                "{} {total}",
                one.symbol
            );
        }
    }

    #[test]
    fn prices_that_stand_still_are_traded_at_only_when_set() {
        let market = market(PriceSource::Fixed(std::collections::BTreeMap::new()));
        let one = find(Category::Linear, "BTCUSDT").unwrap();
        assert_eq!(tape(&market.path(one, Vec::new()), NOW, NOW + 60_000).count(), 0);
        let pins = vec![(NOW + 10, num(70_000, 0)), (NOW + 20, num(60_000, 0))];
        let path = market.path(one, pins);
        let prints: Vec<(i64, Side)> = tape(&path, NOW, NOW + 60_000)
            .map(|print| (print.time, print.side))
            .collect();
        assert_eq!(prints, [(NOW + 10, Side::Buy), (NOW + 20, Side::Sell)]);
        assert_eq!(shown(&path, NOW, NOW + 1_000).count(), 4);
    }

    #[test]
    fn a_set_price_ends_the_stream() {
        let market = market(PriceSource::Walk);
        let one = find(Category::Linear, "BTCUSDT").unwrap();
        let path = market.path(one, vec![(NOW + 500, num(70_000, 0))]);
        let prints: Vec<i64> = tape(&path, NOW, NOW + 60_000).map(|print| print.time).collect();
        assert_eq!(prints, [NOW + 250, NOW + 500]);
    }
}
