//! What the passing of time does to the account itself, orders apart: called by
//! [`crate::sim::orders::waiting`] as it plays the market, moment by moment.

use super::borrow;
use crate::sim::call::{Desk, Refusal};
use crate::sim::positions::liquidation;
use crate::sim::positions::settlement;

/// Whether time can do anything to the account: something is held or owed.
pub(crate) fn is_needed(desk: &Desk<'_>) -> Result<bool, Refusal> {
    liquidation::is_exposed(desk)
}

/// Whether nothing can happen to the account between two moments of one minute, the later one included.
/// It may err on the side of no.
pub(crate) fn is_quiet(desk: &Desk<'_>, from: i64, to: i64) -> Result<bool, Refusal> {
    if !is_needed(desk)? {
        return Ok(true);
    }
    liquidation::is_quiet(desk, from, to)
}

/// Whether something falls due on a whole minute.
pub(crate) fn is_due_at(desk: &Desk<'_>, minute: i64) -> Result<bool, Refusal> {
    Ok(settlement::is_due_at(desk, minute)? || borrow::is_due_at(desk, minute)?)
}

/// A tick of the market has passed, and every order has had its turn. Says whether anything moved.
pub(crate) fn at_tick(moment: &Desk<'_>) -> Result<bool, Refusal> {
    if !is_needed(moment)? {
        return Ok(false);
    }
    liquidation::at_tick(moment)
}

/// A whole minute is reached, and its tick has passed. Says whether anything moved.
pub(crate) fn at_minute(moment: &Desk<'_>) -> Result<bool, Refusal> {
    let funded = settlement::at_minute(moment)?;
    Ok(borrow::at_minute(moment)? || funded)
}
