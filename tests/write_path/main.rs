//! Writes over the whole path: mandate and files on disk, the real client, the paper exchange on a socket.

#![cfg(test)]

mod accepted;
mod leftovers;
mod outcomes;
mod races;
mod refused;
mod repeated;
mod stopped;
mod unknown;
mod world;
