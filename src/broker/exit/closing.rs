//! Closes positions and sells coins, once nothing rests that a fill could open again, or for long enough.

use std::time::Duration;

use tokio::sync::oneshot;

use super::closes::{Closes, Due};
use super::desk::ExitDesk;
use super::holdings::{Holdings, Left, SpotRule};
use super::look::{Noted, Reach, Seen, Stands, Wish, to_close};
use super::marks::Marks;
use crate::domain::account::Position;
use crate::domain::symbol::Category;
use crate::venue::Venue;

/// While orders rest, nothing is closed: a fill would open what was closed. But an order that cannot be
/// cancelled must not keep positions open for ever.
const CANCELS_ALONE: Duration = Duration::from_secs(20);

/// The same for derivatives, before coins are sold: their margin and profit are coins too.
const CLOSES_ALONE: Duration = Duration::from_secs(30);

/// The closes and sales of one way out.
#[derive(Debug)]
pub(super) struct Closing {
    pub(super) closes: Closes,
    positions_since: Marks<()>,
}

/// What one round saw of positions and coins, and whether any of them are left; `None`: it is not known.
#[derive(Debug, Default)]
pub(super) struct Rest {
    pub(super) positions: Option<Noted<Position>>,
    pub(super) held: Option<bool>,
    pub(super) coins: Option<bool>,
    pub(super) to_sell: usize,
    pub(super) left: Vec<Left>,
    pub(super) notes: Vec<String>,
}

impl Closing {
    pub(super) fn new(seed: &str) -> Self {
        Self {
            closes: Closes::new(seed),
            positions_since: Marks::default(),
        }
    }

    /// Asks for what was sent and for what is held, and sends what is due, once it is known since when orders rest.
    /// What got lost is made again only where it is still wished for: the mandate may say otherwise by now.
    pub(super) async fn go<V: Venue>(
        &mut self,
        desk: &ExitDesk<V>,
        reach: &Reach,
        wish: &Wish,
        orders: oneshot::Receiver<Marks<Category>>,
        stands: Stands<'_>,
    ) -> Rest {
        // In this order: a list from before the end of a close would have the same closed again.
        let again = self.closes.look_up(desk).await;
        let (sales, again): (Vec<Due>, Vec<Due>) = again.into_iter().partition(Due::is_sale);
        let (positions, orders) = tokio::join!(to_close(desk.venue(), reach, wish), orders);
        let Ok(orders) = orders else {
            return Rest::default();
        };
        let mut rest = Rest::default();
        let seen = positions.as_ref().map(|(seen, _)| seen);
        if let Some(seen) = seen {
            let free = self.free(seen, &orders);
            self.closes.close(desk, &free, again, stands).await;
        }
        rest.held = match seen {
            // Also of one that is no longer wanted: what it fills is not what a look before it showed.
            _ if self.closes.pending() > 0 => Some(true),
            Some(seen) => seen.any(),
            None => Some(false),
        };
        rest.positions = positions;
        rest.coins = match &wish.sell {
            Some(rule) => {
                let sold = self.sell(desk, rule, sales, &orders, &mut rest, stands);
                sold.await
            }
            None => Some(false),
        };
        rest
    }

    /// The positions that may be closed now: only orders of its own category can open one again.
    fn free(&mut self, positions: &Seen<Position>, orders: &Marks<Category>) -> Vec<Position> {
        self.positions_since.note((), positions.any() != Some(false));
        let is_free = |held: &&Position| orders.is_free(&held.instrument.category, CANCELS_ALONE);
        positions.rows.iter().filter(is_free).cloned().collect()
    }

    /// Sells coins; says whether any are to be sold.
    async fn sell<V: Venue>(
        &mut self,
        desk: &ExitDesk<V>,
        rule: &SpotRule,
        again: Vec<Due>,
        orders: &Marks<Category>,
        rest: &mut Rest,
        stands: Stands<'_>,
    ) -> Option<bool> {
        let holdings = match Holdings::read(desk, rule, &self.closes).await {
            Ok(holdings) => holdings,
            Err(why) => {
                rest.notes.push(why);
                return None;
            }
        };
        rest.to_sell = holdings.to_sell.len();
        rest.left = holdings.left;
        let is_known = holdings.unread.is_empty();
        rest.notes.extend(holdings.unread);
        let is_free = |category: &Category| orders.is_free(category, CANCELS_ALONE);
        if Category::ALL.iter().all(is_free) && self.positions_since.is_free(&(), CLOSES_ALONE) {
            self.closes.send(desk, holdings.to_sell, again, stands).await;
        }
        // A sale that was sent and is not over counts as held already.
        match rest.to_sell > 0 {
            true => Some(true),
            false => is_known.then_some(false),
        }
    }
}
