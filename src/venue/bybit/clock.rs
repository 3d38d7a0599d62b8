//! The exchange's clock, from the midpoint of a round trip (facts §1.4), kept with its uncertainty.
//!
//! A timestamp is the exchange's time carried on by the monotonic clock, so a step of this machine's clock
//! does not move it. The only file of the client that asks what time it is here.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::venue::VenueError;

/// What is left of measuring: what was found last, and when it may be tried again after it failed.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) reading: Option<Reading>,
    /// In a row.
    failures: u32,
    not_before: Option<Instant>,
    why: Option<VenueError>,
}

impl Kept {
    /// A reading that is fresh, or why there is none and nobody is to be asked yet; nothing when it is time to ask.
    pub(super) fn answer(&self, now: Moment) -> Option<Result<Reading, VenueError>> {
        if let Some(reading) = self.fresh(now) {
            return Some(Ok(reading));
        }
        let is_early = self.not_before.is_some_and(|at| now.monotonic < at);
        is_early.then(|| Err(self.why.clone().unwrap_or_else(not_in_time)))
    }

    pub(super) fn fresh(&self, now: Moment) -> Option<Reading> {
        self.reading.filter(|reading| reading.is_fresh(now))
    }

    /// Counts as failed until it has ended: whoever waits for it may stop waiting.
    pub(super) fn begins(&mut self, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        self.why = None;
        self.wait(now);
    }

    /// Says how long it is not tried again, if it failed.
    pub(super) fn ended(&mut self, measured: &Result<Reading, VenueError>, now: Instant) -> Option<Duration> {
        match measured {
            Ok(reading) => {
                *self = Self {
                    reading: Some(*reading),
                    ..Self::default()
                };
                None
            }
            Err(why) => {
                self.why = Some(why.clone());
                Some(self.wait(now))
            }
        }
    }

    fn wait(&mut self, now: Instant) -> Duration {
        let doublings = self.failures.saturating_sub(1).min(10);
        let pause = (FIRST_PAUSE * 2_u32.pow(doublings)).min(LONGEST_PAUSE);
        self.not_before = Some(now + pause);
        pause
    }
}

/// A measurement is used for this long.
const KEPT_FOR: Duration = Duration::from_secs(5 * 60);

/// The two local clocks may drift apart by this much; more is a step or a sleep of the machine.
const STEP_MS: i64 = 500;

/// By how much two clocks may run apart: one part in so many, which no quartz exceeds at room temperature.
const DRIFT: i64 = 10_000;

/// A measurement that failed is repeated after so long, then after twice that, and at last this seldom.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

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
        self.age(now) < KEPT_FOR && self.runs_on(now)
    }

    /// The same reading however old it is, less exact by what the clocks may have run apart; nothing when a local
    /// clock was moved since.
    pub(super) fn carried_on(self, now: Moment) -> Option<Self> {
        let uncertainty_ms = self.uncertainty_ms + millis(self.age(now)) / DRIFT;
        self.runs_on(now).then_some(Self {
            uncertainty_ms,
            ..self
        })
    }

    /// This machine's clock in place of the exchange's, which may be off by the whole window.
    pub(super) fn of_this_machine(now: Moment, recv_window_ms: u64) -> Self {
        Self {
            at: now,
            exchange_ms: now.system_ms,
            uncertainty_ms: i64::try_from(recv_window_ms).unwrap_or(i64::MAX),
        }
    }

    fn age(&self, now: Moment) -> Duration {
        now.monotonic.saturating_duration_since(self.at.monotonic)
    }

    fn runs_on(&self, now: Moment) -> bool {
        let by_system = now.system_ms - self.at.system_ms;
        (by_system - millis(self.age(now))).abs() < STEP_MS
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

#[cfg(test)]
impl Kept {
    /// Makes what was measured look as old as that.
    pub(super) fn age_by(&mut self, age: Duration) {
        if let Some(reading) = &mut self.reading {
            reading.at.monotonic -= age;
            reading.at.system_ms -= millis(age);
            reading.exchange_ms -= millis(age);
        }
    }

    /// Makes this machine look asleep for that long since: its monotonic clock stood still, the other ones went on.
    pub(super) fn sleep_for(&mut self, asleep: Duration) {
        if let Some(reading) = &mut self.reading {
            reading.at.system_ms -= millis(asleep);
            reading.exchange_ms -= millis(asleep);
        }
    }

    /// Makes this machine's clock look set ahead by that since.
    pub(super) fn step_by(&mut self, step: Duration) {
        if let Some(reading) = &mut self.reading {
            reading.at.system_ms -= millis(step);
        }
    }
}

/// Nobody waited until it was measured.
pub(super) fn not_in_time() -> VenueError {
    VenueError::Unreachable("the exchange's clock could not be read in time".to_owned())
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
    fn an_old_reading_is_carried_on_less_exact_and_not_over_a_step() {
        let origin = Instant::now();
        let day = 24 * 60 * 60 * 1_000;
        let now = moment(origin, day + 40, 1_000_040 + i64::try_from(day).unwrap());
        let carried = reading(origin, 300).carried_on(now).unwrap();
        assert_eq!(carried.exchange_ms_at(now) - now.system_ms, 300);
        assert_eq!(carried.uncertainty_ms, 41 + 8_640);
        let stepped = Moment {
            system_ms: now.system_ms + 500,
            ..now
        };
        assert!(reading(origin, 300).carried_on(stepped).is_none());
    }

    #[test]
    fn a_measurement_that_fails_is_repeated_more_and_more_seldom() {
        let (mut kept, origin) = (Kept::default(), Instant::now());
        let at = |ms| moment(origin, ms, 0);
        assert!(kept.answer(at(0)).is_none());
        let mut pauses = Vec::new();
        for _ in 0..9 {
            kept.begins(origin);
            let pause = kept.ended(&Err(not_in_time()), origin);
            pauses.push(pause.unwrap().as_millis());
        }
        assert_eq!(
            pauses,
            [250, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000]
        );
        assert!(matches!(kept.answer(at(14_999)), Some(Err(_))));
        assert!(kept.answer(at(15_000)).is_none());
        // One that nobody waited for is one that failed.
        kept.begins(origin);
        assert!(matches!(kept.answer(at(14_999)), Some(Err(_))));

        assert_eq!(kept.ended(&Ok(reading(origin, 0)), origin), None);
        kept.begins(origin);
        assert_eq!(
            kept.ended(&Err(not_in_time()), origin),
            Some(Duration::from_millis(250))
        );
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
