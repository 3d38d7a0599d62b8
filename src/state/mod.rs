//! The shared files: mandate, HALT, lock and counter, ledger and chain, in-flight orders.
//!
//! Everything here is also read and written by Vibe-Trading, by a person's shell and by other copies of us, at any
//! moment. So nothing is cached, every replacement is atomic, and what cannot be read is an error, never a default.
//! This floor imports `domain` only; it decides nothing about orders and sends nothing.

pub mod audit_record;
pub mod canonical;
pub mod chain;
pub mod chain_file;
pub mod clock;
pub mod counter;
pub mod crash;
pub mod day;
pub mod durable;
pub mod halt;
pub mod inflight;
pub mod iso_instant;
pub mod ledger;
pub mod ledger_read;
pub mod lock;
pub mod mandate_file;
pub mod mend;
pub mod paths;
pub mod redact;
pub mod redact_text;
mod reverse_lines;
pub mod settled;
pub mod standing;
pub mod sweep;
pub mod verify;
