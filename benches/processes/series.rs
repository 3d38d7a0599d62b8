//! Many measurements of one thing, in whole units: nanoseconds, bytes, counts.

use serde::Serialize;

/// Median and spread; the tenth and the ninetieth percentile, so that one pause of the machine decides nothing.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Spread {
    pub(crate) runs: usize,
    pub(crate) median: u64,
    pub(crate) p10: u64,
    pub(crate) p90: u64,
    pub(crate) min: u64,
    pub(crate) max: u64,
}

impl Spread {
    pub(crate) fn of(mut values: Vec<u64>) -> Self {
        assert!(!values.is_empty(), "nothing was measured");
        values.sort_unstable();
        let at = |percent: usize| values[(values.len() - 1) * percent / 100];
        Self {
            runs: values.len(),
            median: at(50),
            p10: at(10),
            p90: at(90),
            min: at(0),
            max: at(100),
        }
    }

    /// One count that is the same however often it is taken.
    pub(crate) fn exact(value: u64) -> Self {
        Self::of(vec![value])
    }
}

/// Runs `once` `warm_up` times for nothing, then `runs` times for its result.
pub(crate) fn repeat(warm_up: usize, runs: usize, mut once: impl FnMut() -> u64) -> Spread {
    for _ in 0..warm_up {
        once();
    }
    Spread::of((0..runs).map(|_| once()).collect())
}

/// The nanoseconds of a duration.
pub(crate) fn nanos(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap()
}
