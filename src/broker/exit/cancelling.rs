//! Looks for orders and cancels them, again and again for as long as the rest of the round takes: a close that
//! hangs holds no cancel up.

use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::sleep;

use super::cancels::Cancels;
use super::desk::ExitDesk;
use super::look::{Noted, Reach, Stands, resting};
use super::marks::Marks;
use crate::domain::account::RestingOrder;
use crate::domain::symbol::Category;
use crate::venue::Venue;

/// Between two looks of one round. A round that does not hang is over before.
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

/// The cancels of one way out, and what stands in the way of its closes.
#[derive(Debug, Default)]
pub(super) struct Cancelling {
    pub(super) cancels: Cancels,
    /// Since when orders of a category rest, or cannot be seen.
    since: Marks<Category>,
}

impl Cancelling {
    /// Looks once and cancels; then says to `first` since when orders rest, and goes on until the rest is `over`.
    /// What was seen: the latest look that showed something, else the first.
    pub(super) async fn beside<V: Venue>(
        &mut self,
        desk: &ExitDesk<V>,
        reach: &Reach,
        stands: Stands<'_>,
        first: oneshot::Sender<Marks<Category>>,
        over: &Notify,
    ) -> Noted<RestingOrder> {
        let mut seen = resting(desk.venue(), reach).await;
        self.cancel(desk, &seen, reach, stands).await;
        // Nobody waits for it where the rest failed.
        let _ = first.send(self.since.clone());
        loop {
            let looking = async {
                sleep(BETWEEN_LOOKS).await;
                resting(desk.venue(), reach).await
            };
            // A look may be cut off, a cancel may not.
            let later = tokio::select! {
                later = looking => later,
                () = over.notified() => return seen,
            };
            self.cancel(desk, &later, reach, stands).await;
            if later.0.any() != Some(false) {
                seen = later;
            }
        }
    }

    /// Cancels what rests, and blindly what cannot be seen.
    async fn cancel<V: Venue>(
        &mut self,
        desk: &ExitDesk<V>,
        (orders, _): &Noted<RestingOrder>,
        reach: &Reach,
        stands: Stands<'_>,
    ) {
        self.cancels.round(desk, orders, reach, stands).await;
        for category in Category::ALL {
            let rests = orders
                .rows
                .iter()
                .any(|order| order.instrument.category == category);
            self.since
                .note(category, rests || orders.unread.contains(&category));
        }
    }
}
