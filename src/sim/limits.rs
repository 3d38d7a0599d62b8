//! Rolling one-second request budgets for each private endpoint, kept by each process for itself.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;

use axum::response::Response;

use super::envelope;
use super::instruments::Category;

const WINDOW_MS: i64 = 1000;

/// What the `X-Bapi-Limit` headers say after a request was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Budget {
    pub(crate) limit: i64,
    pub(crate) left: i64,
    pub(crate) reset: i64,
    pub(crate) exceeded: bool,
}

/// Recent requests by endpoint.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    /// Budgets are shown and never used up.
    unlimited: bool,
    recent: Mutex<HashMap<(&'static str, u8), VecDeque<i64>>>,
}

impl Limits {
    pub(crate) fn new(limited: bool) -> Self {
        Self {
            unlimited: !limited,
            recent: Mutex::default(),
        }
    }

    /// Counts a request at `now`, unless its budget is used up.
    pub(crate) fn count(&self, path: &'static str, category: Option<Category>, now: i64) -> Budget {
        let (limit, bucket) = budget_of(path, category);
        if self.unlimited {
            return Budget {
                limit,
                left: limit,
                reset: now,
                exceeded: false,
            };
        }
        let Ok(mut all) = self.recent.lock() else {
            return Budget {
                limit,
                left: 0,
                reset: now + WINDOW_MS,
                exceeded: true,
            };
        };
        let recent = all.entry((path, bucket)).or_default();
        while recent.front().is_some_and(|time| *time <= now - WINDOW_MS) {
            recent.pop_front();
        }
        let used = i64::try_from(recent.len()).unwrap_or(i64::MAX);
        if used >= limit {
            let reset = recent.front().map_or(now, |time| *time + WINDOW_MS);
            return Budget {
                limit,
                left: 0,
                reset,
                exceeded: true,
            };
        }
        recent.push_back(now);
        Budget {
            limit,
            left: limit - used - 1,
            reset: now,
            exceeded: false,
        }
    }
}

/// The requests a second of an endpoint, and which bucket of it a category draws on.
fn budget_of(path: &str, category: Option<Category>) -> (i64, u8) {
    let spot = category == Some(Category::Spot);
    let option = category == Some(Category::Option);
    let bucket = u8::from(spot) + 2 * u8::from(option);
    match path {
        "/v5/order/create"
        | "/v5/order/cancel"
        | "/v5/order/create-batch"
        | "/v5/order/amend-batch"
        | "/v5/order/cancel-batch"
        | "/v5/order/pre-check" => (if spot { 20 } else { 10 }, bucket),
        "/v5/order/amend" => (10, bucket),
        "/v5/order/cancel-all" if option => (1, bucket),
        "/v5/order/cancel-all" => (if spot { 20 } else { 10 }, bucket),
        "/v5/position/set-leverage" | "/v5/position/switch-mode" | "/v5/position/trading-stop" => (10, 0),
        "/v5/user/query-api" => (10, 0),
        "/v5/account/fee-rate" | "/v5/order/disconnected-cancel-all" => (5, 0),
        _ => (50, 0),
    }
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
        let create = |category, now| limits.count("/v5/order/create", Some(category), now);
        for at in 0..10 {
            assert!(!create(Category::Linear, at).exceeded);
        }
        let over = create(Category::Inverse, 10);
        assert_eq!(
            over,
            Budget {
                limit: 10,
                left: 0,
                reset: 1000,
                exceeded: true
            }
        );
        assert_eq!(create(Category::Spot, 10).left, 19);
        assert!(create(Category::Linear, 999).exceeded);
        assert!(!create(Category::Linear, 1000).exceeded);
    }
}
