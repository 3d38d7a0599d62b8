//! What all processes of one account share: the SQLite file, a copy of it in memory, ids and the outbox.
//!
//! What is kept of orders, money and closed positions is written by the folder that it belongs to.

pub(super) mod books;
pub(super) mod ids;
pub(super) mod outbox;
mod tables;

pub(super) use tables::{
    Coin, Wallet, coin, coins, each, is_hedged, leverage_of, meta, meta_amount, meta_text, open, pin, pins,
    position, positions, save_coin, save_position, set, set_hedged, set_leverage, set_meta, set_taken,
    setting, taken,
};
