//! The open orders, sorted by what they mean to the account: kept up as orders change, so that one more order
//! need not read hundreds of others.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::order::Order;
use crate::sim::call::Refusal;
use crate::sim::instruments::{Category, Instrument};
use crate::sim::positions::margin::Exposure;

/// An instrument and the index of its leg.
pub(crate) type LegKey = (Category, &'static str, i64);

/// Open orders by age.
type Aged = BTreeMap<i64, Arc<Order>>;

/// Open orders by what they tie up.
#[derive(Debug, Default)]
pub(crate) struct Resting {
    /// Orders of contracts that may open something, as far as they are active.
    legs: BTreeMap<LegKey, Arc<Exposure>>,
    /// Orders of contracts that can only close something.
    closing: BTreeMap<(Category, &'static str), Aged>,
    spot: Aged,
    /// Open orders, by age, of what is listed no longer: nothing can be said of their margin.
    unlisted: Aged,
}

impl Resting {
    /// Counts an order as it is now; one that ended counts no more.
    pub(crate) fn count(&mut self, age: i64, order: &Arc<Order>) {
        let Ok(one) = order.instrument() else {
            return put(&mut self.unlisted, age, order);
        };
        if one.category == Category::Spot {
            return put(&mut self.spot, age, order);
        }
        if order.reduce_only || order.stop.kind.guards_position() {
            let closing = self.closing.entry((one.category, one.symbol)).or_default();
            put(closing, age, order);
        }
        let key = (one.category, one.symbol, order.position_idx);
        // Conditional orders reserve nothing before their trigger.
        if order.is_active() && !order.reduce_only {
            let leg = self
                .legs
                .entry(key)
                .or_insert_with(|| Arc::new(Exposure::new(one)));
            Arc::make_mut(leg).put(age, order.side, order.price, order.leaves());
        } else if let Some(leg) = self.legs.get_mut(&key)
            && leg.has(age)
        {
            Arc::make_mut(leg).remove(age);
            if leg.is_empty() {
                self.legs.remove(&key);
            }
        }
    }

    pub(crate) fn spot(&self) -> impl Iterator<Item = &Arc<Order>> {
        self.spot.values()
    }

    /// The orders of a contract that can only close, oldest first.
    pub(crate) fn closing(&self, one: &Instrument) -> impl Iterator<Item = &Arc<Order>> {
        let key = (one.category, one.symbol);
        self.closing.get(&key).into_iter().flat_map(BTreeMap::values)
    }

    /// How many orders of a contract are active.
    pub(crate) fn active(&self, one: &Instrument) -> usize {
        let legs = (0..=2).filter_map(|idx| self.legs.get(&(one.category, one.symbol, idx)));
        let opening: usize = legs.map(|leg| leg.len()).sum();
        let closing = self
            .closing(one)
            .filter(|order| order.reduce_only && order.is_active());
        opening + closing.count()
    }

    /// The orders of each leg that has any, but for the one of an age.
    pub(crate) fn legs(&self, without: Option<i64>) -> Result<BTreeMap<LegKey, Arc<Exposure>>, Refusal> {
        let unlisted = self.unlisted.iter().find(|(age, _)| Some(**age) != without);
        if let Some((_, order)) = unlisted {
            order.instrument()?;
        }
        let mut legs = self.legs.clone();
        if let Some(age) = without {
            for leg in legs.values_mut().filter(|leg| leg.has(age)) {
                Arc::make_mut(leg).remove(age);
            }
            legs.retain(|_, leg| !leg.is_empty());
        }
        Ok(legs)
    }
}

/// Keeps an order as it is now while it is open.
fn put(orders: &mut Aged, age: i64, order: &Arc<Order>) {
    if order.is_open() {
        orders.insert(age, Arc::clone(order));
    } else {
        orders.remove(&age);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::instruments::{find, num};
    use crate::sim::orders::Side;
    use crate::sim::orders::draft;

    #[test]
    fn what_ends_counts_no_more_and_what_only_closes_is_kept_apart() {
        let one = find(Category::Linear, "BTCUSDT").unwrap();
        let order = |reduce_only: bool| {
            let mut order = draft::bare(1, one, Side::Buy);
            order.price = num(60_000, 0);
            order.qty = num(2, 0);
            order.reduce_only = reduce_only;
            order
        };
        let mut resting = Resting::default();
        resting.count(1, &Arc::new(order(false)));
        resting.count(2, &Arc::new(order(true)));
        let mut partly = order(false);
        partly.filled = num(1, 0);
        resting.count(3, &Arc::new(order(false)));
        resting.count(3, &Arc::new(partly.clone()));
        let value = |without| {
            let legs = resting.legs(without).unwrap();
            let opens = |leg: &Arc<Exposure>| leg.opens(Side::Buy, num(0, 0));
            legs.values().map(opens).collect::<Vec<_>>()
        };
        assert_eq!((resting.active(one), resting.closing(one).count()), (3, 1));
        assert_eq!(value(None), [num(180_000, 0)]);
        assert_eq!(value(Some(3)), [num(120_000, 0)]);
        partly.close("CancelByUser", 2);
        resting.count(3, &Arc::new(partly));
        let mut ended = order(false);
        ended.close("CancelByUser", 2);
        resting.count(1, &Arc::new(ended));
        assert!(resting.legs(None).unwrap().is_empty());
        assert_eq!(resting.active(one), 1);
    }
}
