//! Places at which a test can kill the process, as `kill -9` would: the write path has to survive each of them.
//!
//! Without the feature `crash-points` a point is nothing at all.

use std::time::Duration;

/// Every point, in the order of one write; then those of recovery. Each stands in the sources exactly once.
pub const POINTS: [&str; 25] = [
    "before-lock",
    "after-lock",
    "after-leftovers",
    "after-facts",
    "before-count",
    "after-count",
    "after-inflight-file",
    "after-submitted",
    "before-send",
    "after-send",
    "after-lookup",
    "before-final-record",
    "after-final-record",
    "after-give-back",
    "after-open-record",
    "after-remember",
    "after-file-removal",
    "before-unlock",
    "after-unlock",
    "recovery-after-lock",
    "recovery-after-lookup",
    "recovery-after-record",
    "recovery-after-count",
    "recovery-after-remember",
    "recovery-after-removal",
];

/// `MANDATED_CRASH_AT` names a point, as `after-count`, or its n-th passage, as `after-count:2`.
#[cfg(feature = "crash-points")]
const CRASH_AT: &str = "MANDATED_CRASH_AT";

/// How long an order may stay invisible, in milliseconds: tests need not wait as long as a person should.
#[cfg(feature = "crash-points")]
const CAN_APPEAR_MS: &str = "MANDATED_CAN_APPEAR_MS";

/// Ends the process here, when it was told to.
#[cfg(not(feature = "crash-points"))]
#[inline]
pub const fn point(_name: &'static str) {}

/// Ends the process here, when it was told to.
#[cfg(feature = "crash-points")]
pub fn point(name: &'static str) {
    use std::sync::atomic::{AtomicU64, Ordering};
    static PASSAGES: AtomicU64 = AtomicU64::new(0);

    let Ok(wanted) = std::env::var(CRASH_AT) else {
        return;
    };
    let (wanted, nth) = match wanted.split_once(':') {
        Some((wanted, nth)) => (wanted, nth.parse().unwrap_or(1)),
        None => (wanted.as_str(), 1),
    };
    if wanted == name && PASSAGES.fetch_add(1, Ordering::SeqCst) + 1 == nth {
        die();
    }
}

/// SIGKILL: no destructor runs, no buffer is flushed, no lock is let go by name.
#[cfg(feature = "crash-points")]
fn die() -> ! {
    let killed = std::process::Command::new("/bin/sh")
        .args(["-c", "kill -9 $PPID"])
        .status();
    if killed.is_err() {
        std::process::abort();
    }
    loop {
        std::thread::park();
    }
}

/// What a test puts in the place of the time for which an order can stay invisible.
#[cfg(not(feature = "crash-points"))]
#[must_use]
#[inline]
pub const fn can_appear_for() -> Option<Duration> {
    None
}

/// What a test puts in the place of the time for which an order can stay invisible.
#[cfg(feature = "crash-points")]
#[must_use]
pub fn can_appear_for() -> Option<Duration> {
    let text = std::env::var(CAN_APPEAR_MS).ok()?;
    text.parse().ok().map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    fn points_of(path: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(path).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                points_of(&path, found);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let named = text.split("crash::point(\"").skip(1);
            found.extend(named.filter_map(|rest| rest.split('"').next().map(str::to_owned)));
        }
    }

    #[test]
    fn each_listed_point_stands_in_the_sources_once_and_no_other_does() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut found = Vec::new();
        for folder in ["broker", "state"] {
            points_of(&source.join(folder), &mut found);
        }
        let broker = fs::read_to_string(source.join("broker.rs")).unwrap();
        let named = broker.split("crash::point(\"").skip(1);
        found.extend(named.filter_map(|rest| rest.split('"').next().map(str::to_owned)));
        // This file's own split patterns name no point.
        found.retain(|name| {
            name.chars().all(|sign| sign.is_ascii_lowercase() || sign == '-') && !name.is_empty()
        });
        found.sort();
        let mut listed = POINTS.map(str::to_owned).to_vec();
        listed.sort();
        assert_eq!(found, listed);
    }
}
