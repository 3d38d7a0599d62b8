//! The whole way out, in rounds: look, send what is due, look again. It is over when two complete looks in a
//! row showed nothing and nothing that was sent can still fill.

use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::cancels::Cancels;
use super::closes::Closes;
use super::desk::ExitDesk;
use super::holdings::{Holdings, SpotRule};
use super::leg::{Closed, Leg};
use super::look::{LOOK_WITHIN, Look, Reach, Wish};
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
    orders_since: Option<Instant>,
    positions_since: Option<Instant>,
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
            orders_since: None,
            positions_since: None,
            empty_since: None,
        }
    }

    /// Waits for what the way before this one sent, before it closes the same.
    #[must_use]
    pub fn after(mut self, before: Self) -> Self {
        self.closes.wait_for(before.closes);
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
        if self.reach.is_everything() {
            self.cancels.blindly(desk).await;
        }
    }

    /// One look, and what it asks for.
    pub async fn round<V: Venue>(&mut self, desk: &ExitDesk<V>, wish: &Wish) -> Look {
        self.closes.resolve(desk).await;
        let looked_at = Instant::now();
        let mut look = Look::taken(desk, &self.reach, wish).await;
        let rest = self.cancel(desk, &mut look).await;
        let held = match wish.close {
            true => self.close(desk, &look).await,
            false => Some(false),
        };
        let coins = match &wish.sell {
            Some(rule) => self.sell(desk, rule, &mut look).await,
            None => Some(false),
        };
        let seen_empty = rest == Some(false) && held == Some(false) && coins == Some(false);
        self.judge(desk, seen_empty, looked_at, &mut look).await;
        self.explain(&mut look);
        look
    }

    /// Cancels what rests; says whether anything does.
    async fn cancel<V: Venue>(&mut self, desk: &ExitDesk<V>, look: &mut Look) -> Option<bool> {
        match &look.orders {
            Some(orders) => {
                let one_symbol = self.reach.symbol.is_some();
                self.cancels.round(desk, orders, one_symbol).await;
                since(&mut self.orders_since, !orders.is_empty());
                Some(!orders.is_empty())
            }
            None => {
                // What cannot be seen can still be cancelled.
                since(&mut self.orders_since, true);
                self.cancel_blindly(desk).await;
                None
            }
        }
    }

    /// Closes what is held; says whether anything is, or may still change.
    async fn close<V: Venue>(&mut self, desk: &ExitDesk<V>, look: &Look) -> Option<bool> {
        let positions = look.positions.as_ref()?;
        since(&mut self.positions_since, !positions.is_empty());
        if !positions.is_empty() && is_free(self.orders_since, CANCELS_ALONE) {
            self.closes.close(desk, positions).await;
        }
        Some(!positions.is_empty() || self.closes.pending() > 0)
    }

    /// Sells coins; says whether any are to be sold.
    async fn sell<V: Venue>(&mut self, desk: &ExitDesk<V>, rule: &SpotRule, look: &mut Look) -> Option<bool> {
        let holdings = match Holdings::read(desk, rule, &self.closes).await {
            Ok(holdings) => holdings,
            Err(why) => {
                look.notes.push(why);
                return None;
            }
        };
        look.to_sell = holdings.to_sell.len();
        look.left = holdings.left;
        if is_free(self.orders_since, CANCELS_ALONE)
            && is_free(self.positions_since, CLOSES_ALONE)
            && look.positions.is_some()
        {
            self.closes.send(desk, holdings.to_sell).await;
        }
        Some(look.to_sell > 0 || self.closes.pending() > 0)
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
        for position in look.positions.iter().flatten() {
            let leg = Leg {
                instrument: position.instrument.clone(),
                idx: position.position_idx,
            };
            if let Some((times, why)) = self.closes.refusals(&leg) {
                look.notes.push(format!(
                    "closing {} was refused {times} times: {why}",
                    position.instrument
                ));
            }
        }
    }
}

/// Keeps since when something stands in the way.
fn since(mark: &mut Option<Instant>, stands: bool) {
    match stands {
        true => drop(mark.get_or_insert_with(Instant::now)),
        false => *mark = None,
    }
}

/// Nothing stands in the way, or it did for long enough.
fn is_free(mark: Option<Instant>, patience: Duration) -> bool {
    mark.is_none_or(|since| since.elapsed() > patience)
}
