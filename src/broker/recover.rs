//! Settles what an earlier process left in flight: asks the exchange, records what happened, corrects the
//! count, removes the file. Runs under the lock, so no second process settles the same order.

use chrono::Duration;
use serde_json::{Value, json};

use super::Core;
use super::facts::{key_of, resting_of};
use super::record::{placed_kind, shown};
use super::reply::Reply;
use crate::domain::account::{OrderView, RestingOrder};
use crate::domain::mandate::parse_instant;
use crate::domain::order::{ClientOrderId, WriteTool};
use crate::state::audit_record::{AuditKind, AuditOutcome, AuditRecord};
use crate::state::day::Day;
use crate::state::inflight::{InflightRecord, InflightState};
use crate::state::{clock, settled};
use crate::venue::{Venue, VenueError};

/// After this an order that the exchange does not show can no longer appear: four times the longest that was
/// seen (facts §5.9), and far beyond any `recv_window`.
const CAN_APPEAR_FOR: Duration = Duration::seconds(60);

impl<V: Venue> Core<V> {
    /// Looks at every order in flight once. What cannot be settled now stays, and goes on counting.
    pub(super) async fn settle_leftovers(&self, day: &Day) {
        let records = match day.inflight() {
            Ok(records) => records,
            // The decision that follows reads the folder again and refuses with the same error.
            Err(_) => return,
        };
        // A chain that takes no record would get a new one in the plain ledger at each look.
        if records.is_empty() || self.ledger.check_writable().is_err() {
            return;
        }
        for record in records
            .into_iter()
            .filter(|record| record.venue == self.venue.label())
        {
            let Ok(order) = resting_of(&record) else { continue };
            let Some(key) = key_of(&order) else { continue };
            match self.venue.order(&order.instrument, &key).await {
                Ok(found) => self.settle_leftover(day, &record, &order, found),
                Err(error) => {
                    tracing::warn!(%error, client_id = %record.client_id, "an order in flight could not be looked up");
                    // Each further one would wait as long, and the lock with it.
                    if is_of_the_connection(&error) {
                        return;
                    }
                }
            }
        }
    }

    fn settle_leftover(
        &self,
        day: &Day,
        record: &InflightRecord,
        order: &RestingOrder,
        found: Option<OrderView>,
    ) {
        let is_new_order = record.remote_tool == WriteTool::PlaceOrder.name();
        let expired =
            parse_instant(&record.created_at).is_some_and(|sent| clock::now() - sent > CAN_APPEAR_FOR);
        match found {
            // Also after the ledger said that it was accepted: the acknowledgement was no order.
            Some(view) if is_new_order && view.is_rejected() => {
                let why = "the exchange rejected it; found out by a later look";
                self.close(
                    day,
                    record,
                    AuditKind::OrderRejected,
                    AuditOutcome::Rejected,
                    Some(&view),
                    Some(why),
                );
            }
            Some(_) if is_new_order && record.state == InflightState::Acknowledged => {
                day.forget(&record.client_id)
            }
            Some(view) if is_new_order => {
                let outcome = if view.status == "Filled" {
                    AuditOutcome::Filled
                } else {
                    AuditOutcome::Accepted
                };
                self.close(day, record, AuditKind::OrderPlaced, outcome, Some(&view), None);
            }
            Some(view) if shows_the_change(record, order, &view) => {
                self.close(
                    day,
                    record,
                    placed_kind(WriteTool::AmendOrder),
                    AuditOutcome::Accepted,
                    Some(&view),
                    None,
                );
            }
            _ if !expired => {}
            None if record.state == InflightState::Acknowledged => day.forget(&record.client_id),
            Some(view) if !is_new_order && !is_visible(record) => {
                let why = "whether the levels were changed cannot be seen from the order; look at it";
                self.close(
                    day,
                    record,
                    AuditKind::OrderSubmitted,
                    AuditOutcome::Unknown,
                    Some(&view),
                    Some(why),
                );
            }
            view => {
                let why = "it never arrived: the exchange does not show it, and it can no longer appear";
                self.close(
                    day,
                    record,
                    AuditKind::OrderRejected,
                    AuditOutcome::Error,
                    view.as_ref(),
                    Some(why),
                );
            }
        }
    }

    /// The record first, durably; then the count, then the file.
    fn close(
        &self,
        day: &Day,
        order: &InflightRecord,
        kind: AuditKind,
        outcome: AuditOutcome,
        view: Option<&OrderView>,
        error: Option<&str>,
    ) {
        let session = format!("{}:{}", order.venue, order.process_id);
        let Ok(mut record) = AuditRecord::new(
            clock::now(),
            self.files.broker().as_str(),
            &session,
            kind,
            outcome,
        ) else {
            return;
        };
        record.intent_normalized = Some(format!(
            "settle the {} {} of {}",
            order.side.to_lowercase(),
            order.symbol,
            order.created_at
        ));
        record.broker_request = order.body.clone();
        record.broker_response = view.map_or(Value::Null, |view| json!({"order": shown(view)}));
        record.gate_decision = json!({"allowed": true, "decision": "allow", "recovered": true});
        record.remote_tool = Some(order.remote_tool.clone());
        record.error = error.map(str::to_owned);
        let record = match day.record(&record) {
            Ok(written) => written,
            Err(error) => {
                tracing::warn!(%error, "an order in flight is settled at the exchange but cannot be recorded yet");
                return;
            }
        };
        if kind == AuditKind::OrderRejected
            && let Ok(id) = ClientOrderId::parse(&order.client_id)
            && let Err(error) = day.give_back(&id)
        {
            tracing::error!(%error, "a trade that was not made stays counted");
        }
        if let Some(view) = view.filter(|_| order.remote_tool == WriteTool::PlaceOrder.name()) {
            self.remember_leftover(order, &record, view);
        }
        day.forget(&order.client_id);
    }

    /// A caller that asks again under its own id is told what was found out.
    fn remember_leftover(&self, order: &InflightRecord, record: &AuditRecord, view: &OrderView) {
        let reply = Reply::found_later(order, record, view, self.venue.is_paper());
        let kept = settled::remember(&self.files, &order.client_id, &order.fingerprint, reply.value());
        if let Err(error) = kept {
            tracing::warn!(%error, "the outcome is on the ledger but a repeated id will not find it here");
        }
    }
}

fn is_of_the_connection(error: &VenueError) -> bool {
    match error {
        VenueError::NoCredentials
        | VenueError::Clock(_)
        | VenueError::RateLimited(_)
        | VenueError::Unreachable(_) => true,
        VenueError::Rejected { .. } | VenueError::Unreadable(_) | VenueError::UnknownInstrument(_) => false,
    }
}

/// Whether what an amend changes can be seen on the order; take-profit and stop-loss cannot.
fn is_visible(record: &InflightRecord) -> bool {
    ["qty", "price", "triggerPrice"]
        .iter()
        .any(|field| record.body.get(field).is_some())
}

fn shows_the_change(record: &InflightRecord, amended: &RestingOrder, view: &OrderView) -> bool {
    is_visible(record)
        && view.order.qty == amended.qty
        && view.order.price == amended.price
        && view.order.trigger_price == amended.trigger_price
}
