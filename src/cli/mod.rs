//! The commands a person types.

pub mod explain;
