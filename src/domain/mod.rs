//! Words and values. No I/O, no clock, no async, no floats.

pub mod json;
pub mod money;
pub mod secret;
