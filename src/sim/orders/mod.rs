//! Orders from request to fill: checks, matching, waiting for a price, the orders that protect a position, lists.

mod attached;
pub(super) mod batches;
pub(super) mod changes;
mod checks;
pub(super) mod create;
pub(super) mod draft;
pub(super) mod matching;
mod order;
pub(super) mod precheck;
mod protect;
pub(super) mod records;
pub(super) mod replies;
pub(super) mod resting;
mod row;
pub(super) mod settle;
mod stops;
pub(super) mod trading_stop;
mod trailing;
mod triggers;
pub(super) mod waiting;

pub(super) use order::{Order, Side, exact};
