//! `mandated daemon` as a process, over a paper exchange in the test process.

#![cfg(test)]

mod crowd;
mod doubt;
mod halt;
mod handover;
mod life;
mod session;
mod signals;
mod world;
