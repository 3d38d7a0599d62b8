//! What runs between an agent's calls: the watch on HALT and the mandate, the sweep, recovery, the socket.

pub mod sweep;
