//! Paths of every source: grids, extremes, prices set by hand, and a live market that falls silent.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::*;
use crate::sim::LivePrice;
use crate::sim::instruments::{find, num};
use crate::sim::market::live::{LiveFeed, STALE_MS};
use crate::sim::market::tape;

const NOW: i64 = 1_780_000_000_000;
const HOUR: i64 = 3_600_000;
const KINDS: [PriceKind; 3] = [PriceKind::Last, PriceKind::Mark, PriceKind::Index];

fn market(source: PriceSource) -> Market {
    Market { seed: 1, source }
}

#[test]
fn a_walk_is_in_ticks_and_near_the_base_price() {
    let market = market(PriceSource::Walk);
    for one in INSTRUMENTS.iter() {
        let path = market.path(one, Vec::new());
        for time in (0..50).map(|nth| NOW + nth * 1_234_567) {
            assert!((path.at(time) % one.tick).is_zero(), "{}", one.symbol);
            for kind in KINDS {
                let price = path.at_of(kind, time);
                assert!(price > Decimal::ZERO && price.normalize().scale() <= one.price_scale());
            }
            let near = (path.at(time) - one.base_price).abs() <= one.base_price * num(4, 2);
            let follows = one.right.is_some_and(|right| right.follows);
            assert!(near || follows, "{}", one.symbol);
        }
    }
}

#[test]
fn a_range_holds_every_point_of_its_kind_and_nothing_more() {
    let market = market(PriceSource::Walk);
    for (category, symbol) in [(Category::Linear, "BTCUSDT"), (Category::Spot, "PEPEUSDT")] {
        let path = market.path(find(category, symbol).unwrap(), Vec::new());
        for kind in KINDS {
            let points = path.points_of(kind, NOW - HOUR, NOW);
            assert_eq!(points.len(), 61);
            let ends = [path.at_of(kind, NOW - HOUR)];
            let all: Vec<Decimal> = points.iter().map(|(_, price)| *price).chain(ends).collect();
            let (low, high) = path.range_of(kind, NOW - HOUR, NOW);
            assert_eq!((Some(&low), Some(&high)), (all.iter().min(), all.iter().max()));
            for time in (NOW - HOUR..NOW).step_by(997) {
                let price = path.at_of(kind, time);
                assert!(low <= price && price <= high);
            }
        }
        let (low, high) = path.premium_range(NOW - HOUR, NOW);
        let premiums: Vec<Decimal> = (NOW - HOUR..NOW)
            .step_by(997)
            .map(|time| path.premium(time))
            .collect();
        assert!(premiums.iter().all(|premium| low <= *premium && *premium <= high));
        assert!(low < Decimal::ZERO && high > Decimal::ZERO);
    }
}

#[test]
fn the_premium_is_what_the_last_price_has_over_the_index() {
    let market = market(PriceSource::Walk);
    let path = market.path(find(Category::Linear, "BTCUSDT").unwrap(), Vec::new());
    for time in (NOW - HOUR..NOW).step_by(77_777) {
        let [last, mark, index] = KINDS.map(|kind| path.at_of(kind, time));
        let shown = (last - index) / index;
        assert!((shown - path.premium(time)).abs() < num(1, 4));
        assert!((mark - (last + index) / Decimal::TWO).abs() < Decimal::ONE);
    }
}

#[test]
fn an_option_stays_within_its_range_and_above_its_difference() {
    let market = market(PriceSource::Walk);
    let one = INSTRUMENTS.iter().find(|one| one.id == 101).unwrap();
    let path = market.path(one, Vec::new());
    let from = one.delivery - 30 * HOUR;
    let (low, high) = path.range(from, from + 10 * HOUR);
    let under = market.path(find(Category::Linear, "BTCUSDT").unwrap(), Vec::new());
    for time in (from..from + 10 * HOUR).step_by(1_234_567) {
        let price = path.at(time);
        assert!(low <= price && price <= high);
        let gain = under.at(time) - one.right.unwrap().strike;
        assert!(price >= gain - one.tick, "{price} for {gain}");
    }
}

#[test]
fn a_set_price_takes_over_from_its_moment_for_every_kind() {
    let market = market(PriceSource::Fixed(BTreeMap::new()));
    let one = find(Category::Linear, "BTCUSDT").unwrap();
    let path = market.path(one, vec![(NOW, num(70_000, 0)), (NOW + 5, num(60_000, 0))]);
    for kind in KINDS {
        assert_eq!(path.at_of(kind, NOW - 1), num(65_000, 0));
        assert_eq!(path.at_of(kind, NOW + 4), num(70_000, 0));
        assert_eq!(
            path.range_of(kind, NOW - 1, NOW + 9),
            (num(60_000, 0), num(70_000, 0))
        );
    }
    assert_eq!(path.premium(NOW + 4), Decimal::ZERO);
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
fn a_walk_that_a_set_price_ends_is_seen_up_to_there() {
    let market = market(PriceSource::Walk);
    let one = find(Category::Linear, "BTCUSDT").unwrap();
    let path = market.path(one, vec![(NOW, num(65_000, 0))]);
    let points = path.points(NOW - 500, NOW + 500);
    assert_eq!(
        points,
        [
            (NOW - 1, path.at(NOW - 1)),
            (NOW, num(65_000, 0)),
            (NOW + 500, num(65_000, 0))
        ]
    );
    let (low, high) = path.range(NOW - 500, NOW + 500);
    assert!(points.iter().all(|(_, price)| low <= *price && *price <= high));
}

/// A feed that says what it is told to.
#[derive(Default)]
struct Told(Mutex<Option<LivePrice>>);

impl LiveFeed for Told {
    fn latest(&self, category: &str, symbol: &str) -> Option<LivePrice> {
        (category == "linear" && symbol == "BTCUSDT").then(|| *self.0.lock().unwrap())?
    }
}

#[test]
fn a_live_market_is_recorded_and_a_silent_one_is_no_market() {
    let feed = Arc::new(Told::default());
    let market = market(PriceSource::Live(Live::new(
        Arc::clone(&feed) as Arc<dyn LiveFeed>
    )));
    let one = find(Category::Linear, "BTCUSDT").unwrap();
    assert_eq!(market.check(one, NOW).unwrap_err().code, 10016);
    for (at_ms, last) in [(NOW, 64_000), (NOW + 1_000, 64_100), (NOW + 2_000, 63_900)] {
        *feed.0.lock().unwrap() = Some(LivePrice {
            last: Decimal::new(last * 100 + 4, 2),
            mark: num(64_050, 0),
            index: num(64_040, 0),
            at_ms,
        });
        market.check(one, at_ms).unwrap();
    }
    let path = market.path(one, Vec::new());
    assert_eq!(path.at(NOW + 1_999), num(64_100, 0), "in ticks");
    assert_eq!(path.at_of(PriceKind::Mark, NOW + 1_999), num(64_050, 0));
    assert_eq!(path.range(NOW, NOW + 3_000), (num(63_900, 0), num(64_100, 0)));
    assert_eq!(path.begins(), NOW);
    let times: Vec<i64> = tape::tape(&path, NOW, NOW + 3_000)
        .map(|print| print.time)
        .collect();
    assert_eq!(times, [NOW + 1_000, NOW + 2_000]);
    market.check(one, NOW + 2_000 + STALE_MS).unwrap();
    let stale = market.check(one, NOW + 2_001 + STALE_MS).unwrap_err();
    assert_eq!(stale.code, 10016);
    assert_eq!(
        market
            .check(find(Category::Spot, "BTCUSDT").unwrap(), NOW)
            .unwrap_err()
            .code,
        10016
    );
}
