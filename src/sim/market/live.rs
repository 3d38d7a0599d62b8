//! Prices of the live public market, as somebody with a network brings them in.
//!
//! What the feed says is recorded when it is looked at, so there is a path to match on. An instrument without
//! a fresh price has no market: no price is made up in its place.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rust_decimal::Decimal;

use super::prices::PriceKind;
use crate::sim::instruments::{Category, Instrument};

/// A price older than this no longer counts.
pub(crate) const STALE_MS: i64 = 15_000;
/// So many prices of one instrument are kept.
const KEPT: usize = 20_000;

/// What the live market says about one instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LivePrice {
    /// The last trade.
    pub last: Decimal,
    /// The mark price; where there is none, as on spot, the last price.
    pub mark: Decimal,
    /// The index price; where there is none, the last price.
    pub index: Decimal,
    /// When the market said so, in milliseconds since 1970.
    pub at_ms: i64,
}

impl LivePrice {
    fn of(&self, kind: PriceKind) -> Decimal {
        match kind {
            PriceKind::Last => self.last,
            PriceKind::Mark => self.mark,
            PriceKind::Index => self.index,
        }
    }
}

/// Somebody who knows the live market. It is asked on every look at a price, so it answers from memory.
pub trait LiveFeed: Send + Sync {
    /// The newest price of an instrument; nothing when none has come yet.
    fn latest(&self, category: &str, symbol: &str) -> Option<LivePrice>;
}

type Key = (Category, &'static str);
type Recorded = BTreeMap<Key, VecDeque<LivePrice>>;

/// A feed and what it has said so far.
#[derive(Clone)]
pub struct Live {
    feed: Arc<dyn LiveFeed>,
    recorded: Arc<Mutex<Recorded>>,
}

impl fmt::Debug for Live {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Live").finish_non_exhaustive()
    }
}

impl PartialEq for Live {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.recorded, &other.recorded)
    }
}

impl Eq for Live {}

impl Live {
    /// Nothing is recorded yet.
    #[must_use]
    pub fn new(feed: Arc<dyn LiveFeed>) -> Self {
        Self {
            feed,
            recorded: Arc::default(),
        }
    }

    fn recorded(&self) -> MutexGuard<'_, Recorded> {
        self.recorded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the feed and records what is new, in ticks and not from the future.
    pub(crate) fn look(&self, one: &'static Instrument, now: i64) {
        let Some(price) = self.feed.latest(one.category.word(), one.symbol) else {
            return;
        };
        if [price.last, price.mark, price.index]
            .iter()
            .any(|price| *price <= Decimal::ZERO)
        {
            return;
        }
        let mut recorded = self.recorded();
        let points = recorded.entry((one.category, one.symbol)).or_default();
        let at_ms = price.at_ms.min(now);
        if points.back().is_some_and(|newest| newest.at_ms >= at_ms) {
            return;
        }
        if points.len() >= KEPT {
            points.pop_front();
        }
        points.push_back(LivePrice {
            last: one.to_tick(price.last),
            mark: price.mark.round_dp(one.price_scale()),
            index: price.index.round_dp(one.price_scale()),
            at_ms,
        });
    }

    /// Whether the newest price still counts at `now`.
    pub(crate) fn is_fresh(&self, one: &Instrument, now: i64) -> bool {
        self.recorded()
            .get(&(one.category, one.symbol))
            .and_then(|points| points.back())
            .is_some_and(|newest| now - newest.at_ms <= STALE_MS)
    }

    /// The price at `time`; before the first recorded one it is the first.
    pub(crate) fn at(&self, one: &Instrument, kind: PriceKind, time: i64) -> Option<Decimal> {
        let recorded = self.recorded();
        let points = recorded.get(&(one.category, one.symbol))?;
        let after = points.partition_point(|point| point.at_ms <= time);
        points.get(after.saturating_sub(1)).map(|point| point.of(kind))
    }

    /// Moment and price of what was recorded after `from` and before `to`.
    pub(crate) fn between(
        &self,
        one: &Instrument,
        kind: PriceKind,
        from: i64,
        to: i64,
    ) -> Vec<(i64, Decimal)> {
        let recorded = self.recorded();
        let Some(points) = recorded.get(&(one.category, one.symbol)) else {
            return Vec::new();
        };
        let start = points.partition_point(|point| point.at_ms <= from);
        points
            .range(start..)
            .take_while(|point| point.at_ms < to)
            .map(|point| (point.at_ms, point.of(kind)))
            .collect()
    }

    /// When recording began.
    pub(crate) fn begins(&self, one: &Instrument) -> Option<i64> {
        let recorded = self.recorded();
        let first = recorded.get(&(one.category, one.symbol))?.front()?;
        Some(first.at_ms)
    }
}
