//! One day's counter under the lock, and the permit that only it gives.

use std::marker::PhantomData;

use crate::domain::order::{ClientOrderId, Write};
use crate::gate::Approved;

/// The locked day.
#[derive(Debug)]
pub struct Day {
    _private: (),
}

/// Proof that one approved write is counted, on disk and on the ledger. Borrows the [`Day`], so the lock is
/// held until it is used up. The order travels inside: what was approved is the only thing that can be sent.
#[derive(Debug)]
#[must_use = "a dropped permit leaves a counted order unsent"]
pub struct Permit<'day> {
    approved: Approved,
    client_id: ClientOrderId,
    _day: PhantomData<&'day mut Day>,
}

impl Permit<'_> {
    /// The write that may be sent.
    #[must_use]
    pub fn write(&self) -> &Write {
        &self.approved.write()
    }

    /// The id under which it was counted; a new order carries it as `orderLinkId`.
    #[must_use]
    pub fn client_id(&self) -> &ClientOrderId {
        &self.client_id
    }
}
