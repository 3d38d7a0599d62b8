//! The HTTP side: connections, keys, signatures, budgets, faults, routes and the envelope of every reply.

pub(super) mod admin;
pub(super) mod auth;
pub(super) mod envelope;
pub(super) mod faults;
mod key_info;
pub(super) mod keys;
pub(super) mod limits;
pub(super) mod routes;
pub(super) mod server;
pub(super) mod strikes;
pub(super) mod wire;
