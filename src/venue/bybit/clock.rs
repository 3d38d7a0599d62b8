//! The exchange's clock, from the midpoint of a round trip (facts §1.4), kept with its uncertainty.
//!
//! A timestamp is the exchange's time carried on by the monotonic clock, so a step of this machine's clock
//! does not move it. The only file of the client that asks what time it is here.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::venue::VenueError;

/// A measurement is used for this long.
const KEPT_FOR: Duration = Duration::from_secs(5 * 60);

/// The two local clocks may drift apart by this much; more is a step or a sleep of the machine.
const STEP_MS: i64 = 500;

/// An answer this exact is not asked for twice. The first round trip includes the connection set-up.
const EXACT_ENOUGH_MS: i64 = 100;

/// One instant on both local clocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) monotonic: Instant,
    /// Milliseconds since 1970 by this machine's clock.
    pub(super) system_ms: i64,
}

impl Moment {
    pub(super) fn now() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            monotonic: Instant::now(),
            system_ms: millis(since_epoch),
        }
    }
}

/// What one measurement found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    /// When the exchange looked at its clock, to the best of our knowledge.
    at: Moment,
    exchange_ms: i64,
    /// The truth lies within ± this.
    uncertainty_ms: i64,
}

impl Reading {
    /// The exchange said `exchange_ms` somewhere between `sent` and `received`.
    pub(super) fn from_round_trip(sent: Moment, received: Moment, exchange_ms: i64) -> Self {
        let half = received.monotonic.duration_since(sent.monotonic) / 2;
        Self {
            at: Moment {
                monotonic: sent.monotonic + half,
                system_ms: sent.system_ms + millis(half),
            },
            exchange_ms,
            // One millisecond more for what the division and the exchange's rounding drop.
            uncertainty_ms: millis(half) + 1,
        }
    }

    /// How far the exchange's clock is ahead of this machine's; negative when it is behind.
    pub(super) fn offset_ms(&self) -> i64 {
        self.exchange_ms - self.at.system_ms
    }

    /// How long the question and its answer took, to two milliseconds.
    pub(super) fn round_trip_ms(&self) -> i64 {
        (self.uncertainty_ms - 1) * 2
    }

    /// In words, for messages: both sides and the uncertainty.
    pub(super) fn in_words(&self) -> String {
        let direction = if self.offset_ms() > 0 {
            "behind"
        } else {
            "ahead of"
        };
        format!(
            "this machine's clock is {} ms {direction} the exchange's (± {} ms)",
            self.offset_ms().abs(),
            self.uncertainty_ms
        )
    }

    /// The exchange's time at `now`, in milliseconds since 1970.
    pub(super) fn exchange_ms_at(&self, now: Moment) -> i64 {
        self.exchange_ms + millis(now.monotonic.saturating_duration_since(self.at.monotonic))
    }

    /// What to sign with at `now`: behind by the uncertainty, because the window has `recv_window` to the past
    /// but ends 1000 ms ahead (facts §1.1).
    pub(super) fn timestamp_ms_at(&self, now: Moment, recv_window_ms: u64) -> i64 {
        let quarter = i64::try_from(recv_window_ms / 4).unwrap_or(i64::MAX);
        self.exchange_ms_at(now) - self.uncertainty_ms.min(quarter)
    }

    /// Young enough, and no local clock was moved since.
    pub(super) fn is_fresh(&self, now: Moment) -> bool {
        let elapsed = now.monotonic.saturating_duration_since(self.at.monotonic);
        let by_system = now.system_ms - self.at.system_ms;
        elapsed < KEPT_FOR && (by_system - millis(elapsed)).abs() < STEP_MS
    }

    pub(super) fn is_exact_enough(&self) -> bool {
        self.uncertainty_ms <= EXACT_ENOUGH_MS
    }

    pub(super) fn or_more_exact(self, other: Self) -> Self {
        if other.uncertainty_ms < self.uncertainty_ms {
            other
        } else {
            self
        }
    }

    /// Refuses to sign when this machine's clock is off by more than the window: expiry, the day of the count
    /// and the ledger are on that clock, so it has to be put right, not worked around.
    pub(super) fn usable(self, recv_window_ms: u64) -> Result<Self, VenueError> {
        if self.offset_ms().unsigned_abs() <= recv_window_ms {
            return Ok(self);
        }
        Err(VenueError::Clock(format!(
            "{}, more than the {recv_window_ms} ms of BYBIT_RECV_WINDOW: nothing was sent; set this machine's clock \
             right (turn on NTP), then try again",
            self.in_words()
        )))
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(origin: Instant, monotonic_ms: u64, system_ms: i64) -> Moment {
        Moment {
            monotonic: origin + Duration::from_millis(monotonic_ms),
            system_ms,
        }
    }

    /// A round trip of 80 ms to an exchange whose clock is `ahead_ms` ahead.
    fn reading(origin: Instant, ahead_ms: i64) -> Reading {
        let sent = moment(origin, 0, 1_000_000);
        let received = moment(origin, 80, 1_000_080);
        Reading::from_round_trip(sent, received, 1_000_040 + ahead_ms)
    }

    #[test]
    fn the_offset_is_taken_at_the_midpoint_of_the_round_trip() {
        let reading = reading(Instant::now(), 1_500);
        assert_eq!(reading.offset_ms(), 1_500);
        assert_eq!(
            reading.in_words(),
            "this machine's clock is 1500 ms behind the exchange's (± 41 ms)"
        );
    }

    #[test]
    fn a_timestamp_follows_the_exchange_and_stays_a_little_behind_it() {
        let origin = Instant::now();
        let reading = reading(origin, -2_000);
        // 1 s after the midpoint; the system clock was set back by a minute meanwhile and does not matter.
        let now = moment(origin, 1_040, 941_040);
        assert_eq!(reading.exchange_ms_at(now), 999_040);
        assert_eq!(reading.timestamp_ms_at(now, 5_000), 999_040 - 41);
        assert_eq!(reading.timestamp_ms_at(now, 40), 999_040 - 10);
    }

    #[test]
    fn a_step_of_the_clock_and_old_age_make_a_reading_stale() {
        let origin = Instant::now();
        let reading = reading(origin, 0);
        assert!(reading.is_fresh(moment(origin, 60_040, 1_060_040)));
        assert!(!reading.is_fresh(moment(origin, 60_040, 1_060_640)));
        assert!(!reading.is_fresh(moment(origin, 60_040, 1_059_340)));
        assert!(!reading.is_fresh(moment(origin, 300_040, 1_300_040)));
    }

    #[test]
    fn a_clock_off_by_more_than_the_window_is_refused_with_the_offset_and_the_remedy() {
        let origin = Instant::now();
        assert!(reading(origin, 5_000).usable(5_000).is_ok());
        let error = reading(origin, -10_000).usable(5_000).unwrap_err().to_string();
        assert!(error.contains("10000 ms ahead of the exchange's"), "{error}");
        assert!(error.contains("set this machine's clock right"), "{error}");
        assert!(reading(origin, 10_000).usable(60_000).is_ok());
    }
}
