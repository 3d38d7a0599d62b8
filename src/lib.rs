//! mandated: a fail-closed broker daemon between an AI agent and a person's money on Bybit.
//!
//! Floors, each importing only those above it in this list:
//!
//! ```text
//! domain   words and values; no I/O, no clock, no async, no floats
//! gate     may this write happen? pure functions over facts
//! state    the shared files: mandate, HALT, lock, counter, ledger, in-flight orders
//! venue    where orders go: the Venue trait and the Bybit client
//! sim      the paper exchange: a Bybit V5 look-alike with its own matching and store
//! broker   one write, top to bottom
//! mcp      tools, arguments, replies
//! daemon   what runs between calls: watch, sweep, recovery, the socket
//! cli      the commands a person types
//! ```

pub mod broker;
pub mod cli;
pub mod daemon;
pub mod domain;
pub mod gate;
pub mod mcp;
pub mod sim;
pub mod state;
pub mod venue;
