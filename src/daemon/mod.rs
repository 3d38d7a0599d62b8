//! What runs between an agent's calls: the watch on HALT and the mandate, the sweep, recovery, the socket.

mod authority;
pub mod receipt;
pub mod sweep;
