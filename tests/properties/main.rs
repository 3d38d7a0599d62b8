//! Properties of the gate and of what it reads, over generated cases. `PROPTEST_CASES=2560` plays ten times as many.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may fail by panicking"
)]

mod accounts;
mod arguments;
mod caps;
mod cases;
mod closing;
mod mandates;
mod missing;
mod monotone;
mod quotes;
mod reckon;
mod streams;
mod suggestion;
mod texts;
mod world;
