//! What runs between an agent's calls: the watch on HALT and the mandate, the sweep, recovery, the socket.
//!
//! `place` lets one daemon in for each broker key, `watch` pokes, `look` is the one task that sweeps, on the thread of `thread`, `ground`,
//! `door` and `socket` let sessions in, `hello` and `handover` are how `serve` finds out whether to use them. `board` tells
//! `status` how things stand, `descriptors` sees to there being files to open, `systemd` tells the service manager, `run` puts them together.

mod authority;
pub mod board;
mod descriptors;
pub mod door;
mod ground;
pub mod handover;
pub mod hello;
mod look;
pub mod place;
pub mod receipt;
pub mod run;
mod socket;
pub mod sweep;
pub mod systemd;
mod thread;
mod unanswered;
mod upkeep;
pub mod watch;
