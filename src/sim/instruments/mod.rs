//! What is listed: instruments with their filters, phases and margin tiers, and what an option is worth.
//!
//! Nothing here knows a price of the market or an account.

mod catalogue;
mod dated;
pub(super) mod greeks;
mod instrument;
pub(super) mod listing;
mod phase;
mod risk;
mod shapes;

pub(super) use instrument::{Category, INSTRUMENTS, Instrument, Phase, Right, find, num, underlying};
