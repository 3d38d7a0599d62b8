//! What the passing of time does to the account itself, orders apart: called by [`super::waiting`] as it plays
//! the market, moment by moment.

use super::call::{Desk, Refusal};

/// Whether time can do anything to the account: something is held or owed.
pub(crate) fn is_needed(_desk: &Desk<'_>) -> Result<bool, Refusal> {
    Ok(false)
}

/// Whether nothing can happen to the account between two moments of one minute, the later one included.
/// It may err on the side of no.
pub(crate) fn is_quiet(_desk: &Desk<'_>, _from: i64, _to: i64) -> Result<bool, Refusal> {
    Ok(true)
}

/// A tick of the market has passed, and every order has had its turn. Says whether anything moved.
pub(crate) fn at_tick(_moment: &Desk<'_>) -> Result<bool, Refusal> {
    Ok(false)
}

/// A whole minute is reached, and its tick has passed. Says whether anything moved.
pub(crate) fn at_minute(_moment: &Desk<'_>) -> Result<bool, Refusal> {
    Ok(false)
}
