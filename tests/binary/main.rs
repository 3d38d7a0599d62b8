//! The binary, as its clients start it and as a person types it.

#![cfg(test)]

mod home;
mod killed;
mod paper;
mod person;
mod serve;
mod settings;
mod terminal;
mod version;
