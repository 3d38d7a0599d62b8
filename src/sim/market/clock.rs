//! The market's clock: the machine's, or one that starts elsewhere and runs faster, slower or not at all.
//!
//! It is part of the account, so that every process on it agrees. Only the market follows it; the door
//! (signatures, the `time` of the envelope) stays on the machine's clock, as clients do.

use std::time::{SystemTime, UNIX_EPOCH};

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

/// Speeds are kept in thousandths.
const THOUSAND: i64 = 1000;
/// No market runs faster than a day a second.
const FASTEST: Decimal = crate::sim::instruments::num(86_400, 0);

/// The machine's clock, in milliseconds since 1970.
pub(crate) fn now_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|age| i64::try_from(age.as_millis()).ok())
        .unwrap_or_default()
}

/// A straight line from the machine's time to the market's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Clock {
    real: i64,
    market: i64,
    /// Market milliseconds in a thousand of the machine's.
    speed: i64,
}

impl Clock {
    /// Its key in the store.
    pub(crate) const NAME: &'static str = "clock";
    /// The machine's own time.
    pub(crate) const SYSTEM: Self = Self {
        real: 0,
        market: 0,
        speed: THOUSAND,
    };

    /// Reads what [`Clock::text`] wrote; nothing means the machine's time.
    pub(crate) fn parse(text: Option<&str>) -> Self {
        let numbers: Vec<i64> = text
            .unwrap_or_default()
            .split(' ')
            .filter_map(|number| number.parse().ok())
            .collect();
        match numbers.as_slice() {
            [real, market, speed] => Self {
                real: *real,
                market: *market,
                speed: *speed,
            },
            _ => Self::SYSTEM,
        }
    }

    pub(crate) fn text(self) -> String {
        format!("{} {} {}", self.real, self.market, self.speed)
    }

    /// The market's time when the machine's is `real`; it never runs backwards from its anchor.
    pub(crate) fn at(self, real: i64) -> i64 {
        let passed = i128::from(real.saturating_sub(self.real).max(0));
        let moved = passed * i128::from(self.speed) / i128::from(THOUSAND);
        self.market
            .saturating_add(i64::try_from(moved).unwrap_or(i64::MAX))
    }

    /// How fast it runs; nothing when it is the machine's clock.
    pub(crate) fn speed(self) -> Option<Decimal> {
        (self != Self::SYSTEM).then(|| Decimal::new(self.speed, 3).normalize())
    }

    /// The same clock with `ms` more market time behind it; time never goes back.
    pub(crate) fn advanced(self, real: i64, ms: u32) -> Self {
        Self {
            real,
            market: self.at(real).saturating_add(i64::from(ms)),
            speed: self.speed,
        }
    }

    /// The clock from `market` on, at `speed` (0 stands still); nothing when no clock runs so.
    pub(crate) fn starting(real: i64, market: i64, speed: Decimal) -> Option<Self> {
        if speed.is_sign_negative() || speed > FASTEST || market < 0 {
            return None;
        }
        let speed = (speed * Decimal::from(THOUSAND)).trunc().to_i64()?;
        Some(Self { real, market, speed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_runs_at_its_speed_and_survives_the_store() {
        let clock = Clock::starting(1_000, 500_000, Decimal::from(60)).unwrap();
        assert_eq!(clock.at(1_000), 500_000);
        assert_eq!(clock.at(2_000), 560_000);
        assert_eq!(clock.at(0), 500_000);
        assert_eq!(Clock::parse(Some(&clock.text())), clock);
        assert_eq!(clock.advanced(2_000, 5).at(2_000), 560_005);
        let still = Clock::starting(7, 9, Decimal::ZERO).unwrap();
        assert_eq!(still.at(1_000_000), 9);
        assert_eq!(Clock::parse(None).at(77), 77);
        assert_eq!(Clock::starting(0, 0, Decimal::NEGATIVE_ONE), None);
    }
}
