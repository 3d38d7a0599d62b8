//! Writes that can only take risk away: what a person, and the sweep of a HALT, may send in every state. There
//! is no way to build one that opens or adds.

use super::account::Position;
use super::order::{CancelScope, OrderKind, PlaceOrder, Size, Write};
use super::symbol::Category;

/// A cancel-all, or a reduce-only market order against an open position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exit(Write);

impl Exit {
    #[must_use]
    pub fn cancel_all(scope: CancelScope) -> Self {
        Self(Write::CancelAll(scope))
    }

    /// Closes a position that the exchange shows. `None` where the exchange has no reduce-only order: spot, and
    /// options, which the client does not place.
    #[must_use]
    pub fn close(position: &Position) -> Option<Self> {
        let size = match position.instrument.category {
            Category::Linear => Size::Base(position.size),
            Category::Inverse => Size::UsdContracts(position.size),
            Category::Spot | Category::Option => return None,
        };
        Some(Self(Write::Place(PlaceOrder {
            instrument: position.instrument.clone(),
            side: position.side.opposite(),
            kind: OrderKind::Market,
            size,
            time_in_force: None,
            reduce_only: true,
            client_id: None,
            trigger: None,
            take_profit: None,
            stop_loss: None,
            tpsl_mode: None,
            position_idx: position.position_idx,
            stated_notional: None,
        })))
    }

    /// The write that is sent.
    #[must_use]
    pub fn write(&self) -> &Write {
        &self.0
    }
}
