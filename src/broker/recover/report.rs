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
    /// Client ids that cannot be settled yet, and go on counting.
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
