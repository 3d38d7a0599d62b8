//! Words and values. No I/O, no clock, no async, no floats.
//!
//! **order intent** what an agent asks for · **notional** the USD value of one order · **exposure** the gross
//! USD value of all positions after it · **cap** a ceiling of the mandate · **refused** our gate said no ·
//! **rejected** Bybit said a definite no · **unknown** nobody can say yet.

pub mod account;
pub mod exclusion;
pub mod exit;
pub mod fields;
pub mod finding;
pub mod json;
pub mod mandate;
pub mod money;
pub mod order;
pub mod policy;
pub mod rows;
pub mod secret;
pub mod symbol;
