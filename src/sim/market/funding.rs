//! Funding: when it is paid, and the rate that follows from the premium of a contract.

use rust_decimal::Decimal;

use super::prices;
use crate::sim::instruments::{Category, Instrument, Phase, num};

const MINUTE_MS: i64 = 60_000;
/// Interest for eight hours.
const INTEREST: Decimal = num(1, 4);
/// How far the interest may pull the premium.
const PULL: Decimal = num(5, 4);
/// The premium of an interval is drawn from between minus and plus this, in millionths.
const PREMIUM: i64 = 1_200;

/// The time between payments; zero for what pays none.
pub(crate) fn interval_ms(one: &Instrument) -> i64 {
    match one.category {
        Category::Linear | Category::Inverse => one.funding_minutes * MINUTE_MS,
        Category::Spot | Category::Option => 0,
    }
}

/// The rate settled at `at_ms`: the interval's premium, pulled towards the interest, within the contract's cap.
/// Longs pay a positive rate.
pub(crate) fn funding_rate(seed: u64, one: &Instrument, at_ms: i64) -> Decimal {
    let interval = interval_ms(one);
    if interval == 0 {
        return Decimal::ZERO;
    }
    let subject = format!("{}/funding/{}", one.category.word(), one.symbol);
    // Most intervals are calm: the middle of two draws is near zero more often than not.
    let [first, second] = ["a", "b"].map(|half| {
        prices::draw(
            seed,
            &format!("{subject}/{half}"),
            at_ms.div_euclid(interval),
            2 * PREMIUM + 1,
        )
    });
    let premium = Decimal::new((first + second) / 2 - PREMIUM, 6);
    let rate = premium + (INTEREST - premium).clamp(-PULL, PULL);
    let share = Decimal::from(one.funding_minutes)
        .checked_div(num(480, 0))
        .unwrap_or(Decimal::ONE);
    (rate * share)
        .clamp(-one.funding_cap, one.funding_cap)
        .round_dp(8)
}

/// The moments of payment after `from` up to `to`, oldest first.
pub(crate) fn funding_times(one: &Instrument, from: i64, to: i64) -> Vec<i64> {
    let interval = interval_ms(one);
    if interval == 0 || one.listing == Phase::PreLaunch {
        return Vec::new();
    }
    let last = match one.delivery {
        0 => to,
        delivery => to.min(delivery),
    };
    let first = (from.div_euclid(interval) + 1) * interval;
    std::iter::successors(Some(first), |at| Some(at + interval))
        .take_while(|at| *at <= last)
        .collect()
}

/// The next payment after `now`.
pub(crate) fn next_time(one: &Instrument, now: i64) -> Option<i64> {
    let interval = interval_ms(one);
    (interval != 0).then(|| (now.div_euclid(interval) + 1) * interval)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::instruments::{INSTRUMENTS, find};

    /// 2026-06-02 00:00 UTC.
    const DAY: i64 = 1_780_358_400_000;
    const HOUR: i64 = 3_600_000;

    #[test]
    fn contracts_pay_at_their_own_hours() {
        let hours = |category, symbol: &str, to: i64| -> Vec<i64> {
            let one = find(category, symbol).unwrap();
            let times = funding_times(one, DAY, DAY + to * HOUR);
            times.into_iter().map(|at| (at - DAY) / HOUR).collect()
        };
        assert_eq!(hours(Category::Linear, "BTCUSDT", 24), [8, 16, 24]);
        assert_eq!(hours(Category::Linear, "1000PEPEUSDT", 11), [4, 8]);
        assert_eq!(hours(Category::Linear, "DENTUSDT", 3), [1, 2, 3]);
        assert_eq!(hours(Category::Inverse, "BTCUSD", 7), [0; 0]);
        assert_eq!(hours(Category::Spot, "BTCUSDT", 24), [0; 0]);
        let future = INSTRUMENTS.iter().find(|one| one.id == 42).unwrap();
        assert_eq!(funding_times(future, DAY, DAY + 24 * HOUR), [0; 0]);
    }

    #[test]
    fn rates_stay_within_their_caps_and_are_mostly_the_interest() {
        let one = find(Category::Linear, "BTCUSDT").unwrap();
        let rates: Vec<Decimal> = (0..900)
            .map(|nth| funding_rate(1, one, DAY + nth * 8 * HOUR))
            .collect();
        let calm = rates.iter().filter(|rate| **rate == INTEREST).count();
        assert!((450..850).contains(&calm), "{calm} of 900");
        assert!(rates.iter().all(|rate| rate.abs() <= one.funding_cap));
        assert!(rates.iter().any(|rate| *rate < Decimal::ZERO) && rates.iter().any(|rate| *rate > INTEREST));
        assert_eq!(funding_rate(1, one, DAY), funding_rate(1, one, DAY));
        let hourly = find(Category::Linear, "DENTUSDT").unwrap();
        let calm = num(125, 7);
        assert!((0..50).any(|nth| funding_rate(1, hourly, DAY + nth * HOUR) == calm));
    }
}
