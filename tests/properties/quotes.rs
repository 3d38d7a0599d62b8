//! The account counts the same whichever symbol is asked for: live, the quotes of that one and of sales in flight are
//! there.

use std::collections::BTreeSet;

use mandated::domain::order::{Side, WriteTool};
use proptest::prelude::*;

use crate::accounts::case;
use crate::cases::cases;
use crate::world::{Case, Market, Prices, decide, mandate, standing};

/// The case where nothing has a spread, and where orders with a price rest beside something that is held.
fn beside_what_is_held(mut case: Case) -> Case {
    for prices in case.prices.values_mut() {
        let price = prices.mark;
        *prices = Prices {
            bid: price,
            ask: price,
            last: price,
            mark: price,
        };
    }
    let mut held: BTreeSet<Market> = case.held.iter().map(|held| held.market).collect();
    held.extend((case.coins != 0).then_some(Market::Spot));
    case.resting.retain(|resting| {
        let priced = resting.price.is_some() || resting.trigger.is_some();
        resting.market == case.order.market || (priced && held.contains(&resting.market))
    });
    case
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn quotes_of_other_symbols_change_nothing(case in case().prop_map(beside_what_is_held)) {
        let mut facts = case.facts();
        for position in facts.positions.iter_mut().flatten() {
            position.mark_price = facts.quotes[&position.instrument].mark;
        }
        let own = case.order.market.id();
        let mut alone = facts.clone();
        let sales = facts.inflight.iter().flatten().filter(|order| order.side == Side::Sell);
        let fetched = sales.map(|order| order.instrument.clone()).chain([own]);
        alone.quotes = fetched.map(|id| (id.clone(), facts.quotes[&id].clone())).collect();
        let ask = |facts| {
            let asked = decide(standing(mandate(&case.caps)), WriteTool::PlaceOrder, &case.order.args(), facts);
            asked.map(|yes| yes.figures()).map_err(|no| (no.refusal, no.figures))
        };
        prop_assert_eq!(ask(&facts), ask(&alone));
    }
}
