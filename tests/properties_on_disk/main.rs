//! Properties of what is on the disk, over generated cases: the chain, and that no secret is in it.

#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

#[path = "../properties/cases.rs"]
mod cases;
mod ledgers;
mod secrets;
