//! The size that a refusal suggests: it passes, one lot more does not, and without one nothing smaller passes.

use proptest::prelude::*;
use rust_decimal::Decimal;

use crate::accounts::{case, wide};
use crate::cases::cases;
use crate::reckon::gross;
use crate::world::{Caps, Case, Order, tenths};

fn passes(case: &Case, qty: i64) -> bool {
    let order = Order { qty, ..case.order };
    Case {
        order,
        ..case.clone()
    }
    .ask()
    .is_ok()
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn the_suggested_size_is_the_largest_that_passes(mut case in case()) {
        // The count is no matter of size.
        case.count = 0;
        if let Err(no) = case.ask() {
            let suggested = no.refusal.largest_qty.map_or(0, |qty| {
                let lots = qty.value() * tenths(100);
                assert!(lots.fract().is_zero(), "{qty} is not in lots");
                i64::try_from(lots).unwrap()
            });
            if suggested > 0 {
                prop_assert!(suggested < case.order.qty && passes(&case, suggested), "{}", no.refusal.reason);
                prop_assert!(!passes(&case, suggested + 1), "{}", no.refusal.reason);
            }
            // An inverse order is thousands of lots: a look at some sixty of them will do there.
            let stride = usize::try_from(case.order.qty).unwrap() / 60 + 1;
            for qty in (suggested + 1..case.order.qty).step_by(stride) {
                prop_assert!(!passes(&case, qty), "{qty} passes: {}", no.refusal.reason);
            }
        }
    }

    /// Above a cap an order can lower what is at stake too little: the least that lowers it enough, where there is one.
    #[test]
    fn the_least_that_a_refusal_names_is_the_first_that_passes(mut case in case()) {
        case.count = 0;
        // The market has carried the account somewhat above the cap of the exposure, and that is all that refuses.
        case.caps = Caps { exposure: gross(&case, None) * 9 / 10, ..wide() };
        case.order.qty = 1;
        let reason = case.ask().err().map(|no| no.refusal.reason).unwrap_or_default();
        let named = reason.split_once("the smallest quantity that passes is ");
        if let Some((_, named)) = named {
            let named = named.split(';').next().unwrap().parse::<Decimal>().unwrap() * tenths(100);
            let named = i64::try_from(named).unwrap();
            prop_assert!(named > case.order.qty && passes(&case, named), "{reason}");
            prop_assert!(!passes(&case, named - 1), "{reason}");
        }
        if reason.contains("no larger quantity passes") {
            for qty in (1..1_000).step_by(20) {
                prop_assert!(!passes(&case, qty), "{qty} passes: {reason}");
            }
        }
    }
}
