//! What all processes of one account share: the SQLite file, a copy of it in memory, ids and the outbox.
//!
//! Orders, the journal, transfers and closed profit have tables of their own, written by the folder they belong to.

pub(super) mod books;
mod file;
pub(super) mod ids;
pub(super) mod outbox;
mod tables;

pub(super) use file::open;
pub(super) use tables::{
    Coin, Wallet, coin, coins, each, is_hedged, leverage_of, meta, meta_amount, meta_text, pin, pins,
    position, positions, save_coin, save_position, set, set_hedged, set_leverage, set_meta, set_taken,
    setting, taken,
};
