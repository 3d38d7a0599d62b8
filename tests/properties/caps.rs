//! Every approval is within every cap, and every refusal is above one, by figures that were worked out anew.

use std::collections::BTreeMap;

use mandated::domain::order::Side;
use mandated::gate::Limit;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::accounts::case;
use crate::cases::cases;
use crate::reckon::{gross, order_values};
use crate::world::{Case, usd};

/// Which caps the case is above, in the gate's own order.
fn above(case: &Case, counted: i64, exposure: i64) -> Vec<Limit> {
    let caps = &case.caps;
    let checks = [
        (Limit::MaxOrderNotional, counted > caps.order),
        (Limit::MaxTotalExposure, exposure > caps.exposure),
        (Limit::MaxLeverage, exposure * 10 > caps.leverage * caps.funding),
        (Limit::MaxTradesPerDay, case.count + 1 > caps.trades),
        (
            Limit::AccountFunding,
            case.order.side == Side::Buy && exposure > caps.funding,
        ),
    ];
    checks
        .into_iter()
        .filter(|(_, above)| *above)
        .map(|(limit, _)| limit)
        .collect()
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn an_order_is_approved_exactly_when_no_cap_is_passed(case in case()) {
        let (held, counted) = order_values(&case);
        let exposure = gross(&case, Some(counted)).max(gross(&case, Some(held)));
        let above = above(&case, counted, exposure);
        match case.ask() {
            Ok(approved) => {
                prop_assert_eq!(above, []);
                prop_assert_eq!(approved.figures().notional, Some(usd(counted)));
                prop_assert_eq!(approved.figures().post_trade_exposure, Some(usd(exposure)));
                prop_assert!(approved.counts_as_trade());
            }
            Err(no) => {
                prop_assert_eq!(Some(&no.refusal.limit), above.first(), "{}", no.refusal.reason);
                if let (Some(cap), Some(attempted)) = (no.refusal.limit_value, no.refusal.attempted_value) {
                    prop_assert!(attempted > cap, "{}", no.refusal.reason);
                }
            }
        }
    }

    /// What the caller says of an order's worth can only hold it back.
    #[test]
    fn a_stated_worth_approves_nothing(case in case()) {
        let unsaid = Case { order: crate::world::Order { stated: None, ..case.order }, ..case.clone() };
        prop_assert!(unsaid.ask().is_ok() || case.ask().is_err(), "{:?}", unsaid.ask());
    }

    /// Whatever fills from what it is valued at to what it counts for, an approval leaves no more at stake than the cap or than what was
    /// at stake without it.
    #[test]
    fn no_fill_of_an_approved_order_passes_the_cap(case in case()) {
        if case.ask().is_ok() {
            let (held, counted) = order_values(&case);
            let before = gross(&case, None);
            for money in [held, counted, held.midpoint(counted)] {
                let after = gross(&case, Some(money));
                prop_assert!(after <= case.caps.exposure.max(before), "{after} by {money}");
            }
        }
    }
}

/// A property about approvals is worth nothing when there are none.
#[test]
fn the_generated_cases_reach_every_answer() {
    let mut runner = TestRunner::deterministic();
    let mut answers: BTreeMap<&str, usize> = BTreeMap::new();
    for _ in 0..500 {
        let answer = match case().new_tree(&mut runner).unwrap().current().ask() {
            Ok(_) => "allow",
            Err(no) => no.refusal.limit.word(),
        };
        *answers.entry(answer).or_default() += 1;
    }
    let caps = [
        "max_order_notional_usd",
        "max_total_exposure_usd",
        "max_leverage",
        "max_trades_per_day",
        "account_funding_usd",
    ];
    for answer in caps.into_iter().chain(["allow"]) {
        assert!(
            answers.get(answer).is_some_and(|count| *count >= 10),
            "{answer}: {answers:?}"
        );
    }
}
