//! What costs no system call: the decision and what it is made of, text in and out, hashes and signatures.
//!
//! `cargo bench --bench pure`; criterion keeps the runs under `target/criterion` and says what changed.

#![cfg(test)]

mod answers;
mod decision;
mod ledger;
#[path = "../samples/mod.rs"]
mod samples;
mod venue;

use criterion::{criterion_group, criterion_main};

criterion_group!(
    benches,
    decision::decision,
    decision::parsing,
    ledger::records,
    ledger::verify,
    venue::reading,
    venue::signing
);
criterion_main!(benches);
