//! The paper exchange over real HTTP, with signed requests and fixed expected figures.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking; rows of replies are indexed by name"
)]

mod account_settings;
mod assets;
mod batches;
mod client;
mod clock;
mod door;
mod events;
mod faults;
mod inverse;
mod killed;
mod kinds;
mod linear;
mod lists;
mod margin;
mod market;
mod market_data;
mod outages;
mod phases;
mod positions;
mod protection;
mod report;
mod shared;
mod spot;
mod streams;
mod throughput;
