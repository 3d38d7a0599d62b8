//! Writes over the whole path: mandate and files on disk, the real client, the paper exchange on a socket.

#![cfg(test)]

mod accepted;
mod amends;
mod door;
mod exits;
mod foreign;
mod leftovers;
mod meanwhile;
mod outcomes;
mod races;
mod recovery;
mod refused;
mod repeated;
mod spot_cancels;
mod stopped;
mod too_late;
mod unknown;
mod unlisted;
mod words;
mod world;
