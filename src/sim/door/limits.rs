//! Rolling request budgets for each private endpoint and for the address, kept by each process for itself.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;

use axum::response::Response;

use super::envelope;
use crate::sim::instruments::Category;

const SECOND_MS: i64 = 1000;
const MINUTE_MS: i64 = 60_000;
/// So many requests of one address within the window; beyond them it is shut out for ten minutes (facts §2.2).
const ADDRESS_MOST: usize = 600;
const ADDRESS_MS: i64 = 5000;
const SHUT_OUT_MS: i64 = 10 * MINUTE_MS;

/// What the `X-Bapi-Limit` headers say after a request was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Budget {
    pub(crate) limit: i64,
    pub(crate) left: i64,
    pub(crate) reset: i64,
    /// How much of what was asked for is within the budget.
    pub(crate) granted: i64,
}

impl Budget {
    pub(crate) fn exceeded(self) -> bool {
        self.granted == 0
    }
}

/// Recent requests by endpoint, and of the address.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    /// Budgets are shown and never used up.
    unlimited: bool,
    recent: Mutex<HashMap<(&'static str, u8), VecDeque<i64>>>,
    /// All requests come from this machine.
    address: Mutex<Address>,
}

#[derive(Debug, Default)]
struct Address {
    recent: VecDeque<i64>,
    shut_out_until: Option<i64>,
}

impl Limits {
    pub(crate) fn new(limited: bool) -> Self {
        Self {
            unlimited: !limited,
            ..Self::default()
        }
    }

    /// Counts `units` at `now`, a batch of orders as many and all else one, as far as the budget goes.
    pub(crate) fn count(
        &self,
        path: &'static str,
        category: Option<Category>,
        units: i64,
        now: i64,
    ) -> Budget {
        let Allowance {
            limit,
            bucket,
            window,
        } = allowance(path, category);
        if self.unlimited {
            return Budget {
                limit,
                left: limit,
                reset: now,
                granted: units,
            };
        }
        let Ok(mut all) = self.recent.lock() else {
            return Budget {
                limit,
                left: 0,
                reset: now + window,
                granted: 0,
            };
        };
        let recent = all.entry((path, bucket)).or_default();
        leave_window(recent, now - window);
        let free = limit - i64::try_from(recent.len()).unwrap_or(limit);
        let granted = units.min(free);
        recent.extend((0..granted).map(|_| now));
        let reset = match recent.front() {
            Some(first) if granted < units => first + window,
            _ => now,
        };
        Budget {
            limit,
            left: free - granted,
            reset,
            granted,
        }
    }

    /// Whether the address may ask once more; what is shut out is not counted, nor makes it longer.
    pub(crate) fn admit_address(&self, now: i64) -> bool {
        if self.unlimited {
            return true;
        }
        let Ok(mut address) = self.address.lock() else {
            return false;
        };
        if address.shut_out_until.is_some_and(|until| now < until) {
            return false;
        }
        leave_window(&mut address.recent, now - ADDRESS_MS);
        if address.recent.len() >= ADDRESS_MOST {
            address.shut_out_until = Some(now + SHUT_OUT_MS);
            return false;
        }
        address.recent.push_back(now);
        true
    }

    /// Begins every budget anew.
    pub(crate) fn reset(&self) {
        if let Ok(mut recent) = self.recent.lock() {
            recent.clear();
        }
        if let Ok(mut address) = self.address.lock() {
            *address = Address::default();
        }
    }
}

fn leave_window(recent: &mut VecDeque<i64>, until: i64) {
    while recent.front().is_some_and(|time| *time <= until) {
        recent.pop_front();
    }
}

/// What may be asked of an endpoint within a window, and which bucket of it a category draws on.
struct Allowance {
    limit: i64,
    bucket: u8,
    window: i64,
}

/// The budgets of facts §3.
fn allowance(path: &str, category: Option<Category>) -> Allowance {
    let spot = category == Some(Category::Spot);
    let option = category == Some(Category::Option);
    let by_category = u8::from(spot) + 2 * u8::from(option);
    let (limit, bucket) = match path {
        "/v5/order/create"
        | "/v5/order/cancel"
        | "/v5/order/create-batch"
        | "/v5/order/amend-batch"
        | "/v5/order/cancel-batch"
        | "/v5/order/pre-check" => (if spot { 20 } else { 10 }, by_category),
        "/v5/order/amend" => (10, by_category),
        "/v5/order/cancel-all" if option => (1, by_category),
        "/v5/order/cancel-all" => (if spot { 20 } else { 10 }, by_category),
        "/v5/position/set-leverage"
        | "/v5/position/switch-mode"
        | "/v5/position/trading-stop"
        | "/v5/position/set-auto-add-margin"
        | "/v5/position/add-margin"
        | "/v5/account/instruments-info"
        | "/v5/account/set-limit-px-action"
        | "/v5/user/query-api" => (10, 0),
        "/v5/account/fee-rate"
        | "/v5/account/smp-group"
        | "/v5/account/set-margin-mode"
        | "/v5/account/query-dcp-info"
        | "/v5/order/disconnected-cancel-all"
        | "/v5/asset/transfer/query-account-coins-balance"
        | "/v5/asset/coin/query-info" => (5, 0),
        "/v5/account/transaction-log" => (25, 0),
        "/v5/asset/transfer/query-account-coin-balance" => (450, 0),
        _ => match by_the_minute(path) {
            Some(limit) => {
                return Allowance {
                    limit,
                    bucket: 0,
                    window: MINUTE_MS,
                };
            }
            None => (50, 0),
        },
    };
    Allowance {
        limit,
        bucket,
        window: SECOND_MS,
    }
}

fn by_the_minute(path: &str) -> Option<i64> {
    Some(match path {
        "/v5/asset/transfer/query-asset-info"
        | "/v5/asset/transfer/inter-transfer"
        | "/v5/asset/transfer/query-inter-transfer-list" => 60,
        "/v5/asset/deposit/query-record" => 100,
        "/v5/asset/withdraw/query-record" => 300,
        _ => return None,
    })
}

/// Says on a reply what is left of its budget.
pub(crate) fn budget_headers(response: &mut Response, budget: Budget) {
    for (name, value) in [
        ("x-bapi-limit", budget.limit),
        ("x-bapi-limit-status", budget.left),
        ("x-bapi-limit-reset-timestamp", budget.reset),
    ] {
        envelope::number_header(response, name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_rolls_and_categories_have_their_own() {
        let limits = Limits::default();
        let create = |category, now| limits.count("/v5/order/create", Some(category), 1, now);
        for at in 0..10 {
            assert!(!create(Category::Linear, at).exceeded());
        }
        let over = create(Category::Inverse, 10);
        assert_eq!(
            over,
            Budget {
                limit: 10,
                left: 0,
                reset: 1000,
                granted: 0
            }
        );
        assert_eq!(create(Category::Spot, 10).left, 19);
        assert!(create(Category::Linear, 999).exceeded());
        assert!(!create(Category::Linear, 1000).exceeded());
        limits.reset();
        assert_eq!(create(Category::Linear, 1000).left, 9);
    }

    #[test]
    fn a_batch_is_charged_for_each_order_and_granted_as_far_as_it_goes() {
        let limits = Limits::default();
        let batch = |units, now| {
            let budget = limits.count("/v5/order/create-batch", Some(Category::Linear), units, now);
            (budget.granted, budget.left, budget.reset)
        };
        assert_eq!(batch(7, 0), (7, 3, 0));
        assert_eq!(batch(5, 1), (3, 0, 1000));
        assert_eq!(batch(1, 2), (0, 0, 1000));
        assert_eq!(batch(20, 1001), (10, 0, 2001));
    }

    #[test]
    fn transfers_are_counted_by_the_minute() {
        let limits = Limits::default();
        let ask = |now| limits.count("/v5/asset/transfer/inter-transfer", None, 1, now);
        assert!((0..60).all(|at| !ask(at).exceeded()));
        assert!(ask(59_999).exceeded());
        assert_eq!(ask(60_000).left, 0);
    }

    #[test]
    fn an_address_is_shut_out_for_ten_minutes_beyond_six_hundred_in_five_seconds() {
        let limits = Limits::default();
        assert!((0..600).all(|at| limits.admit_address(at)));
        // One leaves the window with each millisecond from here on.
        assert!((5000..5100).all(|at| limits.admit_address(at)));
        assert!(!limits.admit_address(5099));
        let lifted = 5099 + 600_000;
        // Asking meanwhile does not make it longer.
        assert!(
            [5100, 11_000, lifted - 1]
                .iter()
                .all(|at| !limits.admit_address(*at))
        );
        assert!((0..600).all(|_| limits.admit_address(lifted)));
        assert!(!limits.admit_address(lifted));
        limits.reset();
        assert!(limits.admit_address(lifted));
        let unlimited = Limits::new(false);
        assert!((0..700).all(|_| unlimited.admit_address(0)));
    }
}
