//! May this write happen? Pure functions over facts.

use crate::domain::order::Write;

/// All steps passed.
#[derive(Debug)]
#[must_use = "an approval is not an order: commit it, then send"]
pub struct Approved {
    pub(crate) write: Write,
}
