//! Closing: one order at a time for each position, and never another before the earlier one is over.
//!
//! The id of a close is made of what it closes and how often that was tried, so a process that takes over from
//! a dead one asks for the same order again, and the exchange refuses the second of them.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::join_all;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::time::{Instant, timeout};

use super::super::record::shown;
use super::super::recover::can_appear_for;
use super::desk::{ExitDesk, trouble};
use super::leg::{Closed, Leg, largest};
use super::look::Stands;
use super::refused::{No, Refusals};
use crate::domain::account::{OrderView, Position};
use crate::domain::exit::Exit;
use crate::domain::order::{ClientOrderId, OrderKey, Write};
use crate::domain::symbol::Category;
use crate::venue::{Outcome, Venue};

/// A request that did not arrive within the receive window is dead (facts §5.9); only then is it made again,
/// and under the same id, so that one of the two at most becomes an order.
const DEAD_AFTER: Duration = Duration::from_secs(6);

#[derive(Debug)]
struct Pending {
    id: ClientOrderId,
    exit: Exit,
    first_sent: Instant,
    last_sent: Instant,
    /// The exchange has it: it is waited for and never made again.
    is_known: bool,
}

/// A close that is to be sent now.
#[derive(Debug)]
pub(super) struct Due {
    leg: Leg,
    id: ClientOrderId,
    exit: Exit,
}

impl Due {
    pub(super) fn is_sale(&self) -> bool {
        self.leg.instrument.category == Category::Spot
    }
}

/// How a close ended, for the ledger.
struct End {
    exit: Exit,
    id: ClientOrderId,
    filled: bool,
    shown: Value,
    why: Option<String>,
}

impl End {
    async fn tell<V: Venue>(self, desk: &ExitDesk<V>) {
        desk.ended(&self.exit, &self.id, self.filled, self.shown, self.why)
            .await;
    }
}

/// Every close of one way out.
#[derive(Debug, Default)]
pub(super) struct Closes {
    seed: String,
    attempts: BTreeMap<Leg, u32>,
    pending: BTreeMap<Leg, Pending>,
    pub(super) refused: Refusals,
    pub(super) closed: Vec<Closed>,
}

impl Closes {
    pub(super) fn new(seed: &str) -> Self {
        Self {
            seed: seed.to_owned(),
            ..Self::default()
        }
    }

    /// Takes over what another way out sent and does not know the end of.
    pub(super) fn wait_for(&mut self, before: &mut Self) {
        self.pending.append(&mut before.pending);
    }

    /// Closes that may still fill.
    pub(super) fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Asks for every close that is not over, and notes those that are. Those that are to be made again.
    pub(super) async fn look_up<V: Venue>(&mut self, desk: &ExitDesk<V>) -> Vec<Due> {
        let asked = self.pending.iter().map(|(leg, pending)| async move {
            let key = OrderKey::Client(pending.id.clone());
            let looking = desk.venue().order(&leg.instrument, &key);
            let seen = timeout(Duration::from_secs(5), looking).await;
            (leg.clone(), seen.ok().and_then(Result::ok))
        });
        let asked = join_all(asked).await;
        let is_over = |seen: &Option<Option<OrderView>>| matches!(seen, Some(Some(view)) if !view.is_open());
        let now = match asked.iter().any(|(_, seen)| is_over(seen)) {
            true => desk.exchange_time().await,
            false => None,
        };
        let can_appear_for = can_appear_for(desk.venue());
        let (mut ends, mut again) = (Vec::new(), Vec::new());
        for (leg, seen) in asked {
            match seen {
                Some(Some(view)) if !view.is_open() => ends.extend(self.over(&leg, &view, now.clone())),
                Some(Some(_)) => {
                    if let Some(pending) = self.pending.get_mut(&leg) {
                        pending.is_known = true;
                    }
                }
                Some(None) => {
                    ends.extend(self.lost(&leg, can_appear_for));
                    again.extend(self.to_repeat(leg));
                }
                // It could not be asked for: that says nothing about the order.
                None => {}
            }
        }
        join_all(ends.into_iter().map(|end| end.tell(desk))).await;
        again
    }

    fn over(&mut self, leg: &Leg, view: &OrderView, exchange_time: Option<String>) -> Option<End> {
        let pending = self.pending.remove(leg)?;
        *self.attempts.entry(leg.clone()).or_default() += 1;
        let filled = !view.order.filled.is_zero();
        if filled {
            self.refused.forget(leg);
        } else {
            let why = view.reject_reason.clone().unwrap_or_else(|| view.status.clone());
            self.refused.note(leg, No::Lasting, why);
        }
        self.closed.push(Closed {
            client_id: pending.id.to_string(),
            order_id: view.order.venue_id.clone(),
            instrument: leg.instrument.to_string(),
            side: view.order.side.as_str().to_owned(),
            filled: view.order.filled.normalize().to_string(),
            average_price: view.average_price.map(|price| price.to_string()),
            status: view.status.clone(),
            exchange_time,
        });
        Some(End {
            exit: pending.exit,
            id: pending.id,
            filled,
            shown: shown(view),
            why: None,
        })
    }

    /// Forgets one that nobody showed for so long that it can no longer appear.
    fn lost(&mut self, leg: &Leg, can_appear_for: Duration) -> Option<End> {
        let is_lost = |pending: &Pending| pending.first_sent.elapsed() > can_appear_for;
        if !self.pending.get(leg).is_some_and(is_lost) {
            return None;
        }
        let lost = self.pending.remove(leg)?;
        *self.attempts.entry(leg.clone()).or_default() += 1;
        self.refused.was_lost(leg);
        let why = "it never arrived: the exchange does not show it, and it can no longer appear";
        Some(End {
            exit: lost.exit,
            id: lost.id,
            filled: false,
            shown: Value::Null,
            why: Some(why.to_owned()),
        })
    }

    /// One that never was the exchange's and is dead by now, under the same id.
    fn to_repeat(&self, leg: Leg) -> Option<Due> {
        let pending = self.pending.get(&leg)?;
        let is_dead = !pending.is_known && pending.last_sent.elapsed() >= DEAD_AFTER;
        is_dead.then(|| Due {
            id: pending.id.clone(),
            exit: pending.exit.clone(),
            leg,
        })
    }

    /// Closes these positions, or as much of each as one order may hold, and what is to be made `again`; those that
    /// wait are left alone.
    pub(super) async fn close<V: Venue>(
        &mut self,
        desk: &ExitDesk<V>,
        positions: &[Position],
        again: Vec<Due>,
        stands: Stands<'_>,
    ) {
        let leg_of = |position: &Position| Leg {
            instrument: position.instrument.clone(),
            idx: position.position_idx,
        };
        let due = positions.iter().map(|position| (leg_of(position), position));
        let due = due.filter(|(leg, _)| self.is_due(leg));
        let asked = join_all(due.map(|(leg, position)| async move {
            let most = largest(desk, &leg.instrument).await;
            (leg, position, most)
        }));
        let mut exits = Vec::new();
        for (leg, position, most) in asked.await {
            match Exit::close(position, most) {
                Some(exit) => exits.push((leg, exit)),
                None => {
                    let why = "this program places no order for it: close it by hand";
                    self.refused.note(&leg, No::Lasting, why.to_owned());
                }
            }
        }
        let fresh = self.due(exits);
        self.dispatch(desk, again.into_iter().chain(fresh).collect(), stands)
            .await;
    }

    /// Whether a leg may be sent to now: nothing of it waits, and no refusal is recent.
    pub(super) fn is_due(&self, leg: &Leg) -> bool {
        !self.pending.contains_key(leg) && self.refused.is_due(leg)
    }

    /// Sends these, while it stands, and of what is to be made `again` what is among them; those that wait are left
    /// alone.
    pub(super) async fn send<V: Venue>(
        &mut self,
        desk: &ExitDesk<V>,
        exits: Vec<(Leg, Exit)>,
        mut again: Vec<Due>,
        stands: Stands<'_>,
    ) {
        again.retain(|due| exits.iter().any(|(leg, _)| *leg == due.leg));
        again.extend(self.due(exits));
        self.dispatch(desk, again, stands).await;
    }

    fn due(&self, exits: Vec<(Leg, Exit)>) -> Vec<Due> {
        let due = exits.into_iter().filter(|(leg, _)| self.is_due(leg));
        let named = due.filter_map(|(leg, exit)| {
            let id = self.id_of(&leg)?;
            Some(Due { leg, id, exit })
        });
        named.collect()
    }

    /// Side by side: one that gets no answer holds none of the others up.
    async fn dispatch<V: Venue>(&mut self, desk: &ExitDesk<V>, due: Vec<Due>, stands: Stands<'_>) {
        if due.is_empty() || !stands() {
            return;
        }
        for due in &due {
            if let Some(pending) = self.pending.get_mut(&due.leg) {
                pending.last_sent = Instant::now();
            }
        }
        let sends = due.into_iter().map(|due| async move {
            let outcome = desk.leave(&due.exit, &due.id, stands).await;
            (due, outcome)
        });
        for (due, outcome) in join_all(sends).await {
            self.answered(&due.leg, due.id, due.exit, &outcome);
        }
    }

    fn answered(&mut self, leg: &Leg, id: ClientOrderId, exit: Exit, outcome: &Outcome) {
        let is_known = match outcome {
            Outcome::Accepted(_) | Outcome::Duplicate(_) => true,
            Outcome::Unknown(_) => false,
            // A request that came to nothing says nothing of an earlier one under the same id.
            Outcome::NotSent(_) | Outcome::Rejected(_) if self.pending.contains_key(leg) => return,
            Outcome::Rejected(_) | Outcome::NotSent(_) => {
                if let Outcome::Rejected(_) = outcome {
                    *self.attempts.entry(leg.clone()).or_default() += 1;
                }
                let why = trouble(outcome).unwrap_or_default();
                self.refused.note(leg, No::of(outcome), why);
                return;
            }
        };
        let now = Instant::now();
        let pending = self.pending.entry(leg.clone()).or_insert(Pending {
            id,
            exit,
            first_sent: now,
            last_sent: now,
            is_known: false,
        });
        pending.last_sent = now;
        pending.is_known |= is_known;
    }

    /// 35 characters: the same for the same try of the same way out, whoever makes it.
    fn id_of(&self, leg: &Leg) -> Option<ClientOrderId> {
        let attempt = self.attempts.get(leg).copied().unwrap_or_default();
        let text = format!("{}|{}|{:?}|{attempt}", self.seed, leg.instrument, leg.idx);
        let digest = hex::encode(Sha256::digest(text.as_bytes()));
        ClientOrderId::parse(&format!("mx-{}", digest.get(..32)?)).ok()
    }

    /// Forgets the refusals, when everything is shown as closed.
    pub(super) fn forgive(&mut self) {
        self.refused.forget_all();
    }

    /// The positions that wait for a close which may still fill, in words.
    pub(super) fn waiting_for(&self) -> Vec<String> {
        let words = |(leg, pending): (&Leg, &Pending)| {
            let Write::Place(order) = pending.exit.write() else {
                return leg.instrument.to_string();
            };
            let side = order.side.as_str().to_lowercase();
            format!("{side} {} {} ({})", order.size.qty(), leg.instrument, pending.id)
        };
        self.pending.iter().map(words).collect()
    }
}
