//! From what the venue said to what is true: an acknowledgement is looked at once more, a doubt is resolved as
//! facts §5.9 describes, and what stays open stays open. Nothing is ever sent again.

use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::Core;
use super::describe::new_order_view;
use super::likeness::{Change, Seen, has_its_terms, is_as_sent, is_row};
use super::record::Scribe;
use crate::domain::account::{OrderView, RestingOrder};
use crate::domain::order::{OrderKey, PlaceOrder, Write, WriteTool};
use crate::domain::symbol::{Category, InstrumentId};
use crate::gate::Refused;
use crate::state::crash;
use crate::state::day::Committed;
use crate::venue::{Accepted, Outcome, Rejection, Venue};

/// How long an accepted order can stay invisible (facts §5.9: 10 to 15 s were seen).
const INVISIBLE: Duration = Duration::from_secs(15);

fn invisible() -> Duration {
    crash::can_appear_for().unwrap_or(INVISIBLE)
}

/// How long an acknowledged order is waited for before the caller is answered without its state.
const SHOWN_WITHIN: Duration = Duration::from_millis(250);

/// How long an order that a cancel or a change came too late for is looked for: nobody waits for it but the agent.
const GONE_IS_SHOWN_WITHIN: Duration = Duration::from_secs(2);

/// What is known of a write once everything that can be asked was asked.
#[derive(Debug)]
pub(super) enum Fate {
    /// The exchange took it; with the order as it shows it, when it does.
    Taken {
        accepted: Accepted,
        order: Option<OrderView>,
    },
    /// The exchange said a definite no.
    Rejected(Rejection),
    /// It took the order and then refused it before anything filled.
    RejectedLater { accepted: Accepted, order: OrderView },
    /// The order that was to be cancelled or changed had ended otherwise: nothing was left to do it to.
    TooLate(OrderView),
    /// HALT, the mandate or its end came between the decision and the send.
    Withdrawn(Refused),
    /// Nothing left this machine.
    NotSent(String),
    /// Nobody can say.
    Unknown(String),
}

impl Fate {
    /// Whether the answer will never change, so that it may be given again to a repeated id. A no of the moment asks
    /// to try again, and kept it would be the answer to each try.
    pub(super) fn is_final(&self) -> bool {
        match self {
            Self::Taken { .. } | Self::RejectedLater { .. } | Self::TooLate(_) => true,
            Self::Rejected(no) => !no.passing,
            Self::Withdrawn(_) | Self::NotSent(_) | Self::Unknown(_) => false,
        }
    }
}

impl<V: Venue> Core<V> {
    pub(super) async fn resolve(&self, scribe: &Scribe, committed: &Committed, outcome: Outcome) -> Fate {
        match outcome {
            Outcome::NotSent(why) => match committed.withdrawn() {
                Some(refused) => Fate::Withdrawn(refused.clone()),
                None => Fate::NotSent(why),
            },
            Outcome::Rejected(no) if no.target_final => self.what_it_was_too_late_for(scribe, no).await,
            Outcome::Rejected(no) => Fate::Rejected(no),
            Outcome::Duplicate(no) => self.the_earlier_order(scribe, no).await,
            Outcome::Accepted(accepted) => self.look_once(scribe, accepted).await,
            Outcome::Unknown(why) => self.look_until_sure(scribe, why).await,
        }
    }

    /// A new order is asked for once it is acknowledged: the acknowledgement is no fill, and may be followed by
    /// a rejection. A change is asked for too: until it is shown, the next order is judged by what it made larger.
    async fn look_once(&self, scribe: &Scribe, accepted: Accepted) -> Fate {
        if let Some(Write::Amend(amend)) = scribe.write()
            && let Some(change) = scribe.change().filter(|_| scribe.is_awaited(&accepted, None))
        {
            let is_over = |view: &OrderView| change.is_shown(view) || !view.is_open();
            let order = self
                .shown_within(&amend.instrument, &amend.key, SHOWN_WITHIN, is_over)
                .await;
            return Fate::Taken { accepted, order };
        }
        let Some((placed, key)) = placed(scribe) else {
            return Fate::Taken {
                accepted,
                order: None,
            };
        };
        let order = self
            .shown_within(&placed.instrument, &key, SHOWN_WITHIN, |_| true)
            .await;
        match order {
            Some(order) if order.is_rejected() => Fate::RejectedLater { accepted, order },
            order => Fate::Taken { accepted, order },
        }
    }

    /// The exchange has an order with our client id: is it this one?
    async fn the_earlier_order(&self, scribe: &Scribe, no: Rejection) -> Fate {
        let (Some((placed, key)), Some(id)) = (placed(scribe), scribe.client_id()) else {
            return Fate::Rejected(no);
        };
        match self
            .shown_within(&placed.instrument, &key, invisible(), |_| true)
            .await
        {
            Some(order) if is_what_was_asked(&new_order_view(placed, id), &order) => found(order),
            Some(_) => Fate::Rejected(Rejection {
                message: format!(
                    "{key} belongs to another order at the exchange; give a new one ({})",
                    no.message
                ),
                ..no
            }),
            None => Fate::Unknown(format!(
                "the exchange says that the id is taken, but does not show the order ({})",
                no.message
            )),
        }
    }

    /// A cancel or a change was told that its order is final or does not exist. It can have filled, rest still, or be too
    /// new to be shown: who takes it for gone places another.
    async fn what_it_was_too_late_for(&self, scribe: &Scribe, no: Rejection) -> Fate {
        let (id, key) = match scribe.write() {
            Some(Write::Cancel(cancel)) => (&cancel.instrument, &cancel.key),
            Some(Write::Amend(amend)) => (&amend.instrument, &amend.key),
            _ => return Fate::Rejected(no),
        };
        let is_over = |view: &OrderView| !view.is_open();
        let why = match self
            .last_shown_within(id, key, GONE_IS_SHOWN_WITHIN, is_over)
            .await
        {
            Some(order) if !order.is_open() && scribe.tool == WriteTool::CancelOrder => {
                return cancelled(order);
            }
            Some(order) if !order.is_open() => return Fate::TooLate(order),
            Some(_) if scribe.tool == WriteTool::CancelOrder => rests_still(id),
            Some(_) => "it rests still, as it was: look at it, and change it again",
            None => {
                "the exchange does not show the order now; it may not be visible yet: look at bybit_get_open_orders and \
                 bybit_get_order_history before you place another"
            }
        };
        Fate::Rejected(Rejection {
            message: format!("{}; {why}", no.message),
            ..no
        })
    }

    async fn look_until_sure(&self, scribe: &Scribe, why: String) -> Fate {
        let seen = match scribe.write() {
            Some(Write::Place(_)) => return self.look_for_ours(scribe, why).await,
            Some(Write::Amend(amend)) => match scribe.change().filter(Change::can_be_seen) {
                Some(change) => {
                    self.shown_within(&amend.instrument, &amend.key, invisible(), |view| {
                        change.seen(view) == Seen::Arrived
                    })
                    .await
                }
                None => None,
            },
            Some(Write::Cancel(cancel)) => {
                let ended = self
                    .shown_within(&cancel.instrument, &cancel.key, invisible(), |view| {
                        !view.is_open()
                    })
                    .await;
                return ended.map_or(Fate::Unknown(why), cancelled);
            }
            Some(Write::CancelAll(_) | Write::SetLeverage(_) | Write::SetTradingStop(_)) | None => None,
        };
        match seen {
            Some(order) => found(order),
            None => Fate::Unknown(why),
        }
    }

    /// An order under our id is ours only when it is what was sent: nobody had the time to change it, and another
    /// one would be told, and remembered, as ours.
    async fn look_for_ours(&self, scribe: &Scribe, why: String) -> Fate {
        let (Some((placed, key)), Some(id)) = (placed(scribe), scribe.client_id()) else {
            return Fate::Unknown(why);
        };
        match self
            .shown_within(&placed.instrument, &key, invisible(), |_| true)
            .await
        {
            Some(order) if is_as_sent(&new_order_view(placed, id), &order) => found(order),
            Some(other) => {
                let name = other.order.venue_id.as_deref().unwrap_or("which has no id");
                Fate::Unknown(format!(
                    "{why}; under {key} the exchange shows another order, {name}"
                ))
            }
            None => Fate::Unknown(why),
        }
    }

    /// The order once it is shown as `wanted`.
    async fn shown_within(
        &self,
        id: &InstrumentId,
        key: &OrderKey,
        within: Duration,
        wanted: impl Fn(&OrderView) -> bool,
    ) -> Option<OrderView> {
        let last = self.last_shown_within(id, key, within, &wanted).await;
        last.filter(wanted)
    }

    /// Asks for one order until it is shown as `wanted`, or the time is up, and gives what was shown last. A failed
    /// read is asked again: it says nothing about the order.
    async fn last_shown_within(
        &self,
        id: &InstrumentId,
        key: &OrderKey,
        within: Duration,
        wanted: impl Fn(&OrderView) -> bool,
    ) -> Option<OrderView> {
        let until = Instant::now() + within;
        let mut pause = Duration::from_millis(40);
        let mut last = None;
        loop {
            match tokio::time::timeout_at(until, self.venue.order(id, key)).await {
                Ok(Ok(Some(order))) if wanted(&order) => return Some(order),
                Ok(Ok(shown)) => last = shown,
                Ok(Err(error)) => tracing::warn!(%error, "an order could not be looked up; asking again"),
                Err(_) => return last,
            }
            if Instant::now() + pause >= until {
                return last;
            }
            sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(2));
        }
    }
}

/// The new order under way and the id that it was given.
fn placed(scribe: &Scribe) -> Option<(&PlaceOrder, OrderKey)> {
    match (scribe.write(), scribe.client_id()) {
        (Some(Write::Place(order)), Some(id)) => Some((order, OrderKey::Client(id.clone()))),
        _ => None,
    }
}

fn found(order: OrderView) -> Fate {
    let accepted = Accepted {
        venue_id: order.order.venue_id.clone(),
        unchanged: false,
        response: Value::Null,
    };
    if order.is_rejected() {
        return Fate::RejectedLater { accepted, order };
    }
    Fate::Taken {
        accepted,
        order: Some(order),
    }
}

/// What to do about an order that a cancel did not find. On spot the same cancel would ask for the same kinds of orders
/// again; that a cancel of all reaches every kind is documented.
fn rests_still(id: &InstrumentId) -> &'static str {
    match id.category {
        Category::Spot => {
            "it rests still: cancel it again, or every order of its symbol with bybit_cancel_all_orders"
        }
        _ => "it rests still: cancel it again",
    }
}

/// What became of a cancel whose order is over: an order can end without one.
fn cancelled(order: OrderView) -> Fate {
    if order.is_cancelled() {
        found(order)
    } else {
        Fate::TooLate(order)
    }
}

/// Whether the order that has the id is this one, to the last figure: this call placed nothing, so one that differs is
/// told as another, also where the exchange moved its price.
fn is_what_was_asked(asked: &RestingOrder, view: &OrderView) -> bool {
    let (shown, is_row) = (&view.order, is_row(view));
    has_its_terms(asked, shown, is_row)
        && (shown.qty.is_none() || shown.qty == asked.qty)
        && (!is_row || (shown.price == asked.price && shown.trigger_price == asked.trigger_price))
}

#[cfg(test)]
mod tests;
