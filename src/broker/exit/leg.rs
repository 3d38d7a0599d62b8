//! What a close works on, and what became of it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use super::desk::ExitDesk;
use crate::domain::money::Qty;
use crate::domain::order::PositionIdx;
use crate::domain::symbol::InstrumentId;
use crate::venue::Venue;

/// What one close works on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Leg {
    pub(super) instrument: InstrumentId,
    pub(super) idx: PositionIdx,
}

/// A close that is over, as the exchange shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    pub client_id: String,
    pub order_id: Option<String>,
    pub instrument: String,
    pub side: String,
    pub filled: String,
    pub average_price: Option<String>,
    pub status: String,
    /// The exchange's clock when it was seen to be over.
    pub exchange_time: Option<String>,
}

/// The largest market order of an instrument, in its lot step; nothing where the exchange does not say.
pub(super) async fn largest<V: Venue>(desk: &ExitDesk<V>, id: &InstrumentId) -> Option<Qty> {
    let asked = timeout(Duration::from_secs(2), desk.venue().instrument(id)).await;
    let instrument = asked.ok()?.ok()?;
    let most = instrument.max_market_qty?;
    Some(
        instrument
            .qty_step
            .and_then(|step| most.floor_to(step))
            .unwrap_or(most),
    )
}
