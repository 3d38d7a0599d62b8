//! Since when something stands in the way of the next step, and whether that was long enough.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

/// Since when each of several things stands in the way.
#[derive(Debug, Clone)]
pub(super) struct Marks<K>(BTreeMap<K, Instant>);

impl<K> Default for Marks<K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord> Marks<K> {
    /// What stands keeps the time at which it was noted first.
    pub(super) fn note(&mut self, what: K, stands: bool) {
        match stands {
            true => {
                self.0.entry(what).or_insert_with(Instant::now);
            }
            false => {
                self.0.remove(&what);
            }
        }
    }

    /// It does not stand in the way, or did for long enough.
    pub(super) fn is_free(&self, what: &K, patience: Duration) -> bool {
        self.0.get(what).is_none_or(|since| since.elapsed() > patience)
    }
}
