//! Positions of contracts: their arithmetic and margin, and what becomes of them: funding, liquidation, closed profit.

pub(super) mod closed_pnl;
pub(super) mod liquidation;
pub(super) mod margin;
pub(super) mod margin_modes;
mod position;
mod replies;
pub(super) mod settlement;
mod tiers;

pub(super) use position::Position;
pub(super) use replies::{contract, legs, list, row, switch_mode, symbol_info};
