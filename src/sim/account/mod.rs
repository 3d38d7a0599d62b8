//! The money: wallets and the journal that every change of them passes, loans, what the account is worth and
//! what it has earned, from its beginning to the report that a person reads.

pub(super) mod assets;
pub(super) mod birth;
pub(super) mod borrow;
pub(super) mod borrow_replies;
pub(super) mod changes;
pub(super) mod deposits;
mod equity;
mod hand;
pub(super) mod journal;
mod profit;
pub(super) mod replies;
pub(super) mod report;
pub(super) mod settings;
pub(super) mod transaction_log;
pub(super) mod transfers;
pub(super) mod upkeep;
mod wallets;
mod worth;

pub(super) use worth::{Account, Holding, Leg};
