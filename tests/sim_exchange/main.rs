//! The paper exchange over real HTTP, with signed requests and fixed expected figures.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking; rows of replies are indexed by name"
)]

mod client;
mod clock;
mod door;
mod faults;
mod inverse;
mod linear;
mod lists;
mod market;
mod positions;
mod report;
mod shared;
mod spot;
mod streams;
