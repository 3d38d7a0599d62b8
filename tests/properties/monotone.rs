//! More of what is dangerous never turns a no into a yes.
//!
//! The domain is new orders that are not reduce-only: exits pass every cap by design. A larger order is compared
//! only where it adds: one that closes more of a position can rightly pass where a smaller one does not.

use mandated::domain::order::{PositionIdx, Side};
use proptest::prelude::*;

use crate::accounts::{case, side};
use crate::cases::cases;
use crate::world::{Caps, Case, Market, Order, Resting};

/// The case without what a larger order of its side would close, or work against.
fn only_adding(case: &Case) -> Case {
    let Order {
        market, side, idx, ..
    } = case.order;
    let mut case = case.clone();
    case.held
        .retain(|held| held.market != market || held.side == side);
    case.resting
        .retain(|resting| resting.market != market || resting.side == side);
    if market == Market::Spot {
        case.coins = case.coins.abs() * if side == Side::Buy { 1 } else { -1 };
    }
    if idx.is_reduced_by(side) {
        case.order.idx = PositionIdx::OneWay;
    }
    case
}

fn no_easier(easier: &Case, harder: &Case) -> Result<(), TestCaseError> {
    if let Err(no) = easier.ask() {
        let passed = harder.ask().is_ok();
        prop_assert!(!passed, "{}, yet this passes: {harder:?}", no.refusal.reason);
    }
    Ok(())
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn a_tighter_cap_never_allows(case in case(), which in 0..5_usize, by in 1..5_000_i64) {
        let mut caps: Caps = case.caps;
        match which {
            0 => caps.order = (caps.order - by).max(0),
            1 => caps.exposure = (caps.exposure - by).max(0),
            2 => caps.funding = (caps.funding - by).max(0),
            3 => caps.leverage = (caps.leverage - by).max(0),
            _ => caps.trades = caps.trades.saturating_sub(by.unsigned_abs()),
        }
        no_easier(&case, &Case { caps, ..case.clone() })?;
    }

    #[test]
    fn a_fuller_count_never_allows(case in case(), more in prop_oneof![1..4_u64, Just(u64::MAX - 3)]) {
        no_easier(&case, &Case { count: case.count + more, ..case.clone() })?;
    }

    #[test]
    fn a_larger_or_dearer_order_that_adds_never_allows(case in case(), more in 1..60_i64, dearer in 0..60_i64) {
        let case = only_adding(&case);
        let order = case.order;
        let harder = Order { qty: order.qty + more, limit: order.limit.map(|limit| limit + dearer), ..order };
        no_easier(&case, &Case { order: harder, ..case.clone() })?;
    }

    #[test]
    fn one_more_resting_order_of_the_same_side_never_allows(
        case in case(),
        qty in 1..60_i64,
        price in prop::option::of(60..160_i64),
        (inflight, borrows) in any::<(bool, bool)>(),
    ) {
        let Order { market, side, idx, .. } = case.order;
        let more = Resting { market, side, qty, price, trigger: None, reduce_only: false, borrows, idx, inflight };
        let mut harder = case.clone();
        harder.resting.push(more);
        no_easier(&case, &harder)?;
    }

    /// A resting order anywhere else counts as well, whichever its side.
    #[test]
    fn one_more_resting_order_elsewhere_never_allows(case in case(), side in side(), qty in 1..60_i64) {
        let elsewhere = if case.order.market == Market::Inverse { Market::Eth } else { Market::Inverse };
        let mut harder = case.clone();
        harder.resting.push(Resting {
            market: elsewhere, side, qty, price: None, trigger: None, reduce_only: false, borrows: false,
            idx: PositionIdx::OneWay, inflight: false,
        });
        no_easier(&case, &harder)?;
    }
}
