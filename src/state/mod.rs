//! The shared files.

pub mod day;
