//! Throttling before Bybit has to (facts §3): one rolling second for each endpoint, and a full stop after a ban.
//!
//! A part of each budget is kept for what cannot wait: a loop of reads must not hold a cancel up.
//!
//! Budgets start as documented and follow the `X-Bapi-Limit…` headers of the answers. All of it is in this
//! process: other processes with the same key are seen only through those headers.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::domain::symbol::Category;

/// After HTTP 403 "access too frequent" Bybit wants at least this much silence (facts §2.2).
const BAN: Duration = Duration::from_secs(10 * 60);

/// The address limit is 600 requests in 5 s over all hosts; we stay under it.
const ADDRESS: (usize, Duration) = (550, Duration::from_secs(5));

/// Of each budget one part in so many is kept for [`Rank::Exit`].
const KEPT: usize = 4;

const SECOND: Duration = Duration::from_secs(1);

/// What has a budget of its own: a path, on order calls together with the category.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Bucket {
    pub(super) path: &'static str,
    pub(super) category: Option<Category>,
}

/// How much of a budget a request may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rank {
    /// All but what is kept: reads, and what a write asks before it is approved.
    Read,
    /// All of it: exits and what they look at, a write that was approved and the search for what became of it.
    Exit,
}

impl Rank {
    /// How much of `budget`; at least one request, as a budget of one has nothing to keep.
    fn share(self, budget: usize) -> usize {
        match self {
            Self::Read => (budget - budget / KEPT).max(1),
            Self::Exit => budget,
        }
    }
}

/// Why a request must not leave now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hold {
    /// The budget is used up for so long.
    Wait(Duration),
    /// The address is banned for so long.
    Banned(Duration),
}

/// What an answer said about its budget.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct LimitHeaders {
    /// `X-Bapi-Limit`: requests in a second.
    pub(super) limit: Option<usize>,
    /// `X-Bapi-Limit-Status`: how many are left.
    pub(super) left: Option<usize>,
    /// `X-Bapi-Limit-Reset-Timestamp`, in milliseconds of the exchange's clock.
    pub(super) reset_ms: Option<i64>,
}

#[derive(Debug, Default)]
pub(super) struct Limits {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    windows: HashMap<Bucket, Window>,
    address: VecDeque<Instant>,
    banned_until: Option<Instant>,
}

#[derive(Debug)]
struct Window {
    budget: usize,
    sent: VecDeque<Instant>,
    closed_until: Option<Instant>,
}

impl Limits {
    /// Takes one request out of the budget, or says how long there is none.
    pub(super) fn take(&self, bucket: Bucket, rank: Rank, now: Instant) -> Result<(), Hold> {
        let mut state = self.state();
        if let Some(until) = state.banned_until.filter(|until| *until > now) {
            return Err(Hold::Banned(until - now));
        }
        let State { windows, address, .. } = &mut *state;
        let window = windows.entry(bucket).or_insert_with(|| Window {
            budget: documented_budget(bucket),
            sent: VecDeque::new(),
            closed_until: None,
        });
        if let Some(until) = window.closed_until.filter(|until| *until > now) {
            return Err(Hold::Wait(until - now));
        }
        let waits = [
            full_for(&mut window.sent, rank.share(window.budget), SECOND, now),
            full_for(address, rank.share(ADDRESS.0), ADDRESS.1, now),
        ];
        if let Some(wait) = waits.into_iter().flatten().max() {
            return Err(Hold::Wait(wait));
        }
        window.sent.push_back(now);
        address.push_back(now);
        Ok(())
    }

    /// Learns from an answer. `reset_in` is how long the exchange wants silence when nothing is left.
    pub(super) fn learn(&self, bucket: Bucket, headers: LimitHeaders, reset_in: Duration, now: Instant) {
        let mut state = self.state();
        let Some(window) = state.windows.get_mut(&bucket) else {
            return;
        };
        if let Some(limit) = headers.limit.filter(|limit| *limit > 0) {
            window.budget = limit;
        }
        if headers.left == Some(0) {
            window.closed_until = Some(now + reset_in);
        }
    }

    /// The address is banned: nothing leaves for the time given back.
    pub(super) fn ban(&self, now: Instant) -> Duration {
        self.state().banned_until = Some(now + BAN);
        BAN
    }

    /// A panic elsewhere cannot leave these counters half written in a way that matters.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long until the oldest of `sent` leaves the window; nothing when there is room.
fn full_for(sent: &mut VecDeque<Instant>, budget: usize, span: Duration, now: Instant) -> Option<Duration> {
    while sent
        .front()
        .is_some_and(|at| now.saturating_duration_since(*at) >= span)
    {
        sent.pop_front();
    }
    if sent.len() < budget {
        return None;
    }
    sent.front()
        .map(|oldest| (*oldest + span).saturating_duration_since(now))
}

/// The table of facts §3, for a key without VIP level.
fn documented_budget(bucket: Bucket) -> usize {
    let spot = bucket.category == Some(Category::Spot);
    match bucket.path {
        "/v5/order/cancel-all" if bucket.category == Some(Category::Option) => 1,
        "/v5/order/create" | "/v5/order/cancel" | "/v5/order/cancel-all" if spot => 20,
        "/v5/account/fee-rate" | "/v5/asset/coin/query-info" | "/v5/account/query-dcp-info" => 5,
        path if path.starts_with("/v5/market/") => ADDRESS.0,
        "/v5/order/realtime" | "/v5/order/history" | "/v5/execution/list" | "/v5/order/spot-borrow-check" => {
            50
        }
        "/v5/position/list" | "/v5/position/closed-pnl" => 50,
        "/v5/account/wallet-balance" | "/v5/account/info" | "/v5/account/collateral-info" => 50,
        "/v5/account/transaction-log" => 25,
        _ => 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CREATE: Bucket = Bucket {
        path: "/v5/order/create",
        category: Some(Category::Linear),
    };

    #[test]
    fn the_eleventh_create_of_a_second_waits_for_the_first_to_age() {
        let limits = Limits::default();
        let start = Instant::now();
        for _ in 0..10 {
            assert_eq!(limits.take(CREATE, Rank::Exit, start), Ok(()));
        }
        let later = start + Duration::from_millis(400);
        assert_eq!(
            limits.take(CREATE, Rank::Exit, later),
            Err(Hold::Wait(Duration::from_millis(600)))
        );
        assert_eq!(limits.take(CREATE, Rank::Exit, start + SECOND), Ok(()));
        let spot = Bucket {
            category: Some(Category::Spot),
            ..CREATE
        };
        assert_eq!(limits.take(spot, Rank::Exit, later), Ok(()));
    }

    #[test]
    fn headers_change_the_budget_and_close_the_window() {
        let limits = Limits::default();
        let start = Instant::now();
        assert_eq!(limits.take(CREATE, Rank::Exit, start), Ok(()));
        let headers = LimitHeaders {
            limit: Some(2),
            left: Some(1),
            reset_ms: None,
        };
        limits.learn(CREATE, headers, SECOND, start);
        assert_eq!(limits.take(CREATE, Rank::Exit, start), Ok(()));
        assert_eq!(limits.take(CREATE, Rank::Exit, start), Err(Hold::Wait(SECOND)));

        let used_up = LimitHeaders {
            left: Some(0),
            ..headers
        };
        limits.learn(CREATE, used_up, Duration::from_secs(3), start + SECOND);
        assert_eq!(
            limits.take(CREATE, Rank::Exit, start + SECOND),
            Err(Hold::Wait(Duration::from_secs(3)))
        );
    }

    #[test]
    fn a_ban_stops_every_endpoint_for_ten_minutes() {
        let limits = Limits::default();
        let start = Instant::now();
        limits.ban(start);
        let time = Bucket {
            path: "/v5/market/time",
            category: None,
        };
        assert_eq!(limits.take(time, Rank::Exit, start), Err(Hold::Banned(BAN)));
        assert_eq!(limits.take(CREATE, Rank::Exit, start), Err(Hold::Banned(BAN)));
        assert_eq!(limits.take(time, Rank::Exit, start + BAN), Ok(()));
    }

    #[test]
    fn reads_leave_a_part_of_the_address_and_of_each_path_to_exits() {
        let now = Instant::now();
        let bucket = |path| Bucket { path, category: None };
        let fill = |limits: &Limits, path| {
            let reads = (0..1_000).map_while(|_| limits.take(bucket(path), Rank::Read, now).ok());
            reads.count()
        };
        let limits = Limits::default();
        assert_eq!(fill(&limits, "/v5/market/orderbook"), 413);
        let exits = (0..1_000).map_while(|_| limits.take(bucket("/v5/market/time"), Rank::Exit, now).ok());
        assert_eq!(exits.count(), 550 - 413);

        let limits = Limits::default();
        for path in ["/v5/order/realtime", "/v5/position/list"] {
            assert_eq!(fill(&limits, path), 38, "{path}");
            let exits = (0..100).map_while(|_| limits.take(bucket(path), Rank::Exit, now).ok());
            assert_eq!(exits.count(), 12, "{path}");
        }
    }

    #[test]
    fn a_budget_of_one_is_for_reads_too() {
        assert_eq!(
            (Rank::Read.share(1), Rank::Read.share(2), Rank::Read.share(5)),
            (1, 2, 4)
        );
    }
}
