//! The whole way out, in rounds: look, send what is due, look again. It is over when two complete looks in a
//! row showed nothing and nothing that was sent can still fill.

use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::cancels::Cancels;
use super::closes::Closes;
use super::desk::ExitDesk;
use super::holdings::{Holdings, SpotRule};
use super::leg::{Closed, Leg};
use super::look::{LOOK_WITHIN, Look, Reach, Seen, Stands, Wish, resting, to_close};
use super::marks::Marks;
use crate::domain::account::{Position, RestingOrder};
use crate::domain::symbol::Category;
use crate::venue::Venue;

/// The two last looks lie at least this far apart.
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);

/// While orders rest, nothing is closed: a fill would open what was closed. But an order that cannot be
/// cancelled must not keep positions open for ever.
const CANCELS_ALONE: Duration = Duration::from_secs(20);

/// The same for derivatives, before coins are sold: their margin and profit are coins too.
const CLOSES_ALONE: Duration = Duration::from_secs(30);

/// An in-flight folder that cannot be read holds nothing up for longer: what it could name has appeared by then.
const BLIND_TO_INFLIGHT: Duration = Duration::from_secs(60);

/// One way out.
#[derive(Debug)]
pub struct Course {
    reach: Reach,
    cancels: Cancels,
    closes: Closes,
    started: Instant,
    /// Since when orders of a category rest, or cannot be seen.
    orders_since: Marks<Category>,
    positions_since: Marks<()>,
    empty_since: Option<(Instant, Option<String>)>,
}

impl Course {
    /// `seed` names this way out: whoever goes it again under the same name closes nothing twice.
    #[must_use]
    pub fn new(reach: Reach, seed: &str) -> Self {
        Self {
            reach,
            cancels: Cancels::default(),
            closes: Closes::new(seed),
            started: Instant::now(),
            orders_since: Marks::default(),
            positions_since: Marks::default(),
            empty_since: None,
        }
    }

    /// Waits for what the way before this one sent, before it closes the same.
    #[must_use]
    pub fn after(mut self, before: &mut Self) -> Self {
        self.closes.wait_for(&mut before.closes);
        self
    }

    /// Closes that are over; each is given once.
    #[must_use]
    pub fn take_closed(&mut self) -> Vec<Closed> {
        std::mem::take(&mut self.closes.closed)
    }

    /// Closes that may still fill, in words.
    #[must_use]
    pub fn waiting_for(&self) -> Vec<String> {
        self.closes.waiting_for()
    }

    /// The first cancels, sent before anything is read.
    pub async fn cancel_blindly<V: Venue>(&mut self, desk: &ExitDesk<V>) {
        self.cancels.blindly(desk, &self.reach).await;
    }

    /// One look, and what it asks for while it `stands`: a round can last long, and a halt can be cleared
    /// meanwhile.
    pub async fn round<V: Venue>(&mut self, desk: &ExitDesk<V>, wish: &Wish, stands: Stands<'_>) -> Look {
        self.closes.resolve(desk, stands).await;
        let looked_at = Instant::now();
        let reach = self.reach.clone();
        // Cancels do not wait for the positions.
        let cancelling = async {
            let orders = resting(desk.venue(), &reach).await;
            let rest = self.cancel(desk, &orders.0, stands).await;
            (orders, rest)
        };
        let ((orders, rest), positions) = tokio::join!(cancelling, to_close(desk.venue(), &reach, wish));
        let mut look = Look::of(orders, positions);
        let held = match &look.positions {
            Some(positions) => self.close(desk, positions, stands).await,
            None => Some(false),
        };
        let coins = match &wish.sell {
            Some(rule) => self.sell(desk, rule, &mut look, stands).await,
            None => Some(false),
        };
        let seen_empty = rest == Some(false) && held == Some(false) && coins == Some(false);
        self.judge(desk, seen_empty, looked_at, &mut look).await;
        self.explain(&mut look);
        look
    }

    /// Cancels what rests, and blindly what cannot be seen; says whether anything rests.
    async fn cancel<V: Venue>(
        &mut self,
        desk: &ExitDesk<V>,
        orders: &Seen<RestingOrder>,
        stands: Stands<'_>,
    ) -> Option<bool> {
        self.cancels.round(desk, orders, &self.reach, stands).await;
        for category in Category::ALL {
            let rests = orders
                .rows
                .iter()
                .any(|order| order.instrument.category == category);
            self.orders_since
                .note(category, rests || orders.unread.contains(&category));
        }
        orders.any()
    }

    /// Closes what is held; says whether anything is, or may still change.
    async fn close<V: Venue>(
        &mut self,
        desk: &ExitDesk<V>,
        positions: &Seen<Position>,
        stands: Stands<'_>,
    ) -> Option<bool> {
        self.positions_since.note((), positions.any() != Some(false));
        // Only orders of its own category can open a position again.
        let free: Vec<Position> = positions
            .rows
            .iter()
            .filter(|held| {
                self.orders_since
                    .is_free(&held.instrument.category, CANCELS_ALONE)
            })
            .cloned()
            .collect();
        self.closes.close(desk, &free, stands).await;
        match self.closes.pending() {
            0 => positions.any(),
            _ => Some(true),
        }
    }

    /// Sells coins; says whether any are to be sold.
    async fn sell<V: Venue>(
        &mut self,
        desk: &ExitDesk<V>,
        rule: &SpotRule,
        look: &mut Look,
        stands: Stands<'_>,
    ) -> Option<bool> {
        let holdings = match Holdings::read(desk, rule, &self.closes).await {
            Ok(holdings) => holdings,
            Err(why) => {
                look.notes.push(why);
                return None;
            }
        };
        look.to_sell = holdings.to_sell.len();
        look.left = holdings.left;
        let is_known = holdings.unread.is_empty();
        look.notes.extend(holdings.unread);
        let rest = Category::ALL
            .iter()
            .any(|category| !self.orders_since.is_free(category, CANCELS_ALONE));
        if !rest && self.positions_since.is_free(&(), CLOSES_ALONE) {
            self.closes.send(desk, holdings.to_sell, stands).await;
        }
        match look.to_sell > 0 || self.closes.pending() > 0 {
            true => Some(true),
            false => is_known.then_some(false),
        }
    }

    /// Two complete looks in a row with nothing in them, far enough apart, and nothing on its way.
    async fn judge<V: Venue>(
        &mut self,
        desk: &ExitDesk<V>,
        seen_empty: bool,
        looked_at: Instant,
        look: &mut Look,
    ) {
        let late = match seen_empty {
            true => self.on_its_way(desk).await,
            false => None,
        };
        if !seen_empty || late.is_some() {
            look.notes.extend(late);
            self.empty_since = None;
            return;
        }
        let now = desk.exchange_time().await;
        match &self.empty_since {
            Some((seen, first)) if looked_at.saturating_duration_since(*seen) >= BETWEEN_LOOKS => {
                look.done = Some((first.clone(), now));
                self.closes.forgive();
            }
            Some(_) => {}
            None => self.empty_since = Some((Instant::now(), now)),
        }
    }

    async fn on_its_way<V: Venue>(&self, desk: &ExitDesk<V>) -> Option<String> {
        match timeout(LOOK_WITHIN, desk.may_appear()).await {
            Ok(Ok(0)) => None,
            Ok(Ok(count)) => Some(format!("{count} orders of ours were sent and may still appear")),
            Ok(Err(_)) | Err(_) if self.started.elapsed() > BLIND_TO_INFLIGHT => None,
            Ok(Err(why)) => Some(why),
            Err(_) => Some("orders in flight could not be looked up in time".to_owned()),
        }
    }

    fn explain(&self, look: &mut Look) {
        let waiting = self.closes.waiting_for();
        look.notes
            .extend(waiting.into_iter().map(|close| format!("{close} may still fill")));
        let mut refused = Vec::new();
        for position in look.held() {
            let leg = Leg {
                instrument: position.instrument.clone(),
                idx: position.position_idx,
            };
            if let Some(words) = self.closes.refused.in_words(&leg) {
                refused.push(format!("closing {} {words}", position.instrument));
            }
        }
        look.notes.extend(refused);
    }
}
