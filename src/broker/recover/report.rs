//! How a recovery went, for a log and for whoever asked for it.

/// What became of the orders that an earlier process left in flight.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovery {
    /// In-flight files that were there.
    pub looked_at: usize,
    /// The exchange has them.
    pub placed: usize,
    /// The exchange refused them.
    pub rejected: usize,
    /// They can no longer appear; whether they were sent is on the ledger.
    pub never_arrived: usize,
    /// Changes of which an order does not show whether they were made, and orders too old to be shown: recorded as
    /// unknown.
    pub cannot_tell: usize,
    /// The ledger had their last word; only the file was left.
    pub told_already: usize,
    /// Client ids that cannot be settled yet, or whose file cannot be put away though they are, and go on counting.
    pub open: Vec<String>,
    /// Orders of another venue, as `id (venue)`: not looked up here, and no new order until they are settled there.
    pub elsewhere: Vec<String>,
    /// Files that cannot be read, each named with what to do: no new order until they are.
    pub unreadable: Vec<String>,
    /// Why nothing, or not everything, was looked at.
    pub hindered: Option<String>,
}

impl Recovery {
    pub(in crate::broker) fn not_begun(why: &str) -> Self {
        Self {
            hindered: Some(why.to_owned()),
            ..Self::default()
        }
    }

    /// Whether nothing is left that counts or refuses.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.open.is_empty()
            && self.elsewhere.is_empty()
            && self.unreadable.is_empty()
            && self.hindered.is_none()
    }

    /// One line for each thing that a person may have to know.
    pub fn log(&self) {
        tracing::info!(
            looked_at = self.looked_at,
            placed = self.placed,
            rejected = self.rejected,
            never_arrived = self.never_arrived,
            cannot_tell = self.cannot_tell,
            told_already = self.told_already,
            "orders that an earlier process left in flight"
        );
        if let Some(why) = &self.hindered {
            tracing::warn!(
                why,
                "orders in flight could not all be looked at; the next write tries again"
            );
        }
        if !self.open.is_empty() {
            tracing::warn!(orders = ?self.open, "orders in flight are not settled yet, and count in full");
        }
        if !self.elsewhere.is_empty() {
            tracing::warn!(orders = ?self.elsewhere, "orders of another venue are not settled; new orders are refused");
        }
        for file in &self.unreadable {
            tracing::warn!(file, "new orders are refused");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// What is logged, as a person reads it.
    fn logged(recovery: &Recovery) -> String {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let writer = Arc::clone(&lines);
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(move || Lines(Arc::clone(&writer)))
            .finish();
        tracing::subscriber::with_default(subscriber, || recovery.log());
        String::from_utf8(lines.lock().unwrap().clone()).unwrap()
    }

    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// Nobody else says it: who starts the recovery drops the report.
    #[test]
    fn each_thing_that_is_left_is_a_warning_of_its_own() {
        let clean = logged(&Recovery::default());
        assert!(
            clean.contains("looked_at=0") && !clean.contains("WARN"),
            "{clean}"
        );
        let left = Recovery {
            looked_at: 4,
            cannot_tell: 1,
            open: vec!["mine-1".to_owned()],
            elsewhere: vec!["mine-2 (paper)".to_owned()],
            unreadable: vec!["`x.json` is not understood".to_owned()],
            hindered: Some("the ledger is full".to_owned()),
            ..Recovery::default()
        };
        let said = logged(&left);
        assert_eq!(said.matches("WARN").count(), 4, "{said}");
        for part in [
            "cannot_tell=1",
            "mine-1",
            "mine-2 (paper)",
            "x.json",
            "the ledger is full",
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
}
