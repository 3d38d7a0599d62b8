//! The one reader of the system clock. Everything else takes the time as an argument.

use chrono::{DateTime, NaiveDate, Utc};

/// The system's time in UTC. It may be wrong or step backwards: what decides about money compares it with the
/// exchange's clock first.
#[must_use]
pub fn now() -> DateTime<Utc> {
    Utc::now()
}

/// The UTC day of [`now`], by which trades are counted.
#[must_use]
pub fn today() -> NaiveDate {
    now().date_naive()
}

/// `2026-06-02T09:15:49.482+00:00`: the ledger's form of an instant, cut to milliseconds.
#[must_use]
pub fn ledger_text(instant: DateTime<Utc>) -> String {
    instant.format("%Y-%m-%dT%H:%M:%S%.3f+00:00").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ledger_instants_are_cut_to_milliseconds_and_say_their_offset() {
        let instant = DateTime::from_timestamp(1_780_391_749, 482_999_999).unwrap();
        assert_eq!(ledger_text(instant), "2026-06-02T09:15:49.482+00:00");
    }

    #[test]
    fn today_is_the_day_of_the_clock() {
        let (before, today, after) = (Utc::now(), today(), Utc::now());
        assert!([before, after].map(|at| at.date_naive()).contains(&today));
        assert!(today > DateTime::UNIX_EPOCH.date_naive());
    }
}
