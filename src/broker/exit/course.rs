//! The whole way out, in rounds: look, send what is due, look again. It is over when two complete looks in a
//! row showed nothing and nothing that was sent can still fill.

use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, timeout};

use super::cancelling::Cancelling;
use super::closing::Closing;
use super::desk::ExitDesk;
use super::leg::{Closed, Leg};
use super::look::{LOOK_WITHIN, Look, Reach, Stands, Wish};
use crate::venue::Venue;

/// The two last looks lie at least this far apart.
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);

/// An in-flight folder that cannot be read holds nothing up for longer: what it could name has appeared by then.
const BLIND_TO_INFLIGHT: Duration = Duration::from_secs(60);

/// One way out.
#[derive(Debug)]
pub struct Course {
    reach: Reach,
    cancelling: Cancelling,
    closing: Closing,
    started: Instant,
    empty_since: Option<(Instant, Option<String>)>,
}

impl Course {
    /// `seed` names this way out: whoever goes it again under the same name closes nothing twice.
    #[must_use]
    pub fn new(reach: Reach, seed: &str) -> Self {
        Self {
            reach,
            cancelling: Cancelling::default(),
            closing: Closing::new(seed),
            started: Instant::now(),
            empty_since: None,
        }
    }

    /// Waits for what the way before this one sent, before it closes the same.
    #[must_use]
    pub fn after(mut self, before: &mut Self) -> Self {
        self.closing.closes.wait_for(&mut before.closing.closes);
        self
    }

    /// Closes that are over; each is given once.
    #[must_use]
    pub fn take_closed(&mut self) -> Vec<Closed> {
        std::mem::take(&mut self.closing.closes.closed)
    }

    /// Closes that may still fill, in words.
    #[must_use]
    pub fn waiting_for(&self) -> Vec<String> {
        self.closing.closes.waiting_for()
    }

    /// The first cancels, sent before anything is read.
    pub async fn cancel_blindly<V: Venue>(&mut self, desk: &ExitDesk<V>, stands: Stands<'_>) {
        let cancels = &mut self.cancelling.cancels;
        cancels.blindly(desk, &self.reach, stands).await;
    }

    /// One look, and what it asks for while it `stands`: a round can last long, and a halt can be cleared
    /// meanwhile.
    pub async fn round<V: Venue>(&mut self, desk: &ExitDesk<V>, wish: &Wish, stands: Stands<'_>) -> Look {
        let looked_at = Instant::now();
        let (cancelling, closing, reach) = (&mut self.cancelling, &mut self.closing, &self.reach);
        let (first, orders) = oneshot::channel();
        let over = Notify::new();
        let closing = async {
            let rest = closing.go(desk, reach, wish, orders, stands).await;
            over.notify_one();
            rest
        };
        // Cancels wait neither for the positions nor for a close.
        let cancelling = cancelling.beside(desk, reach, stands, first, &over);
        let (orders, rest) = tokio::join!(cancelling, closing);
        let mut look = Look::of(orders, rest.positions);
        look.to_sell = rest.to_sell;
        look.left = rest.left;
        look.notes.extend(rest.notes);
        let left = [look.orders.any(), rest.held, rest.coins];
        let seen_empty = left.iter().all(|any| *any == Some(false));
        self.judge(desk, seen_empty, looked_at, &mut look).await;
        self.explain(&mut look);
        look
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
                self.closing.closes.forgive();
            }
            Some(_) => {}
            None => self.empty_since = Some((Instant::now(), now)),
        }
    }

    async fn on_its_way<V: Venue>(&self, desk: &ExitDesk<V>) -> Option<String> {
        match timeout(LOOK_WITHIN, desk.may_appear()).await {
            Ok(Ok(0)) => None,
            Ok(Ok(1)) => Some("1 order of ours was sent and may still appear".to_owned()),
            Ok(Ok(count)) => Some(format!("{count} orders of ours were sent and may still appear")),
            Ok(Err(_)) | Err(_) if self.started.elapsed() > BLIND_TO_INFLIGHT => None,
            Ok(Err(why)) => Some(why),
            Err(_) => Some("orders in flight could not be looked up in time".to_owned()),
        }
    }

    fn explain(&self, look: &mut Look) {
        let waiting = self.closing.closes.waiting_for();
        look.notes
            .extend(waiting.into_iter().map(|close| format!("{close} may still fill")));
        let mut refused = Vec::new();
        for position in look.held() {
            let leg = Leg {
                instrument: position.instrument.clone(),
                idx: position.position_idx,
            };
            if let Some(words) = self.closing.closes.refused.in_words(&leg) {
                refused.push(format!("closing {} {words}", position.instrument));
            }
        }
        look.notes.extend(refused);
    }
}
