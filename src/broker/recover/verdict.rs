//! What is to be done about one order in flight, given what the ledger says and what the exchange shows.

use super::super::likeness::{Change, Seen, is_as_sent, is_in_full, is_of_its_kind};
use super::told::Told;
use crate::domain::account::{OrderView, RestingOrder};
use crate::domain::order::WriteTool;
use crate::state::audit_record::{AuditKind, AuditOutcome};
use crate::state::inflight::{InflightRecord, InflightState};

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The exchange has it.
    Placed(AuditKind, AuditOutcome),
    /// The exchange took it and said no later.
    Rejected,
    /// It can no longer appear; the reason says how far it came.
    NeverArrived(&'static str),
    /// Whether a change was made cannot be seen.
    CannotTell,
    /// It is not open, and the exchange may have stopped showing how it ended.
    Forgotten,
    /// The ledger has its last word already; only the file was left.
    ToldAlready,
    /// It may still appear.
    Open,
}

/// One order in flight and what is known of it.
#[derive(Debug)]
pub(super) struct Case<'a> {
    pub(super) record: &'a InflightRecord,
    pub(super) order: &'a RestingOrder,
    pub(super) told: &'a Told,
    pub(super) found: Option<&'a OrderView>,
    /// After this long an order that is not shown can no longer appear.
    pub(super) expired: bool,
    /// After this long one that ended without a fill is not shown any more.
    pub(super) forgotten: bool,
}

impl Case<'_> {
    pub(super) fn verdict(&self) -> Verdict {
        if self.told.not_placed() {
            return Verdict::ToldAlready;
        }
        let told = self.told.last.is_some() || self.record.state == InflightState::Acknowledged;
        let is_new_order = self.is_new_order();
        let change = Change::of_record(self.record, self.order);
        match self.ours() {
            // Also after the ledger said that it was accepted: the acknowledgement was no order.
            Some(view) if is_new_order && view.is_rejected() => Verdict::Rejected,
            // What is left of it is in no list of open orders, whether it was placed or changed.
            Some(view) if !is_in_full(view) && !self.expired => Verdict::Open,
            Some(_) if told && is_new_order => Verdict::ToldAlready,
            // Acknowledged is not shown: until then the change counts beside what is.
            Some(view) if told && (change.is_shown(view) || !view.is_open()) => Verdict::ToldAlready,
            Some(view) if is_new_order => Verdict::Placed(AuditKind::OrderPlaced, outcome_of(view)),
            Some(view) if !told && change.seen(view) == Seen::Arrived => {
                Verdict::Placed(AuditKind::OrderAmended, AuditOutcome::Accepted)
            }
            _ if !self.expired => Verdict::Open,
            _ if told => Verdict::ToldAlready,
            None if self.forgotten => Verdict::Forgotten,
            None if is_new_order => Verdict::NeverArrived(self.how_far()),
            Some(view) if change.seen(view) == Seen::NotArrived => {
                Verdict::NeverArrived("the change never arrived: the exchange shows the order without it")
            }
            // An order that is gone may have been changed before.
            _ => Verdict::CannotTell,
        }
    }

    fn is_new_order(&self) -> bool {
        self.record.remote_tool == WriteTool::PlaceOrder.name()
    }

    /// What is shown, unless it is another order under our id. The count of a rejected one is given back, so that
    /// one has to be ours to the last figure.
    pub(super) fn ours(&self) -> Option<&OrderView> {
        let is_ours = |view: &OrderView| match view.is_rejected() {
            true => is_as_sent(self.order, view),
            false => is_of_its_kind(self.order, view),
        };
        self.found.filter(|view| !self.is_new_order() || is_ours(view))
    }

    /// What is said of an order is said again to whoever repeats its id, so it names the way on.
    fn how_far(&self) -> &'static str {
        if self.found.is_some() {
            return "it never arrived: the id belongs to another order; to place it, ask again under a new order_link_id \
                    or without one";
        }
        // Its own file says so too, where the ledger was moved away meanwhile; one that was sent and no more may not.
        let was_sent = self.told.submitted || self.record.state != InflightState::Sent;
        match (was_sent, self.told.complete) {
            (true, _) => {
                "it never arrived: the exchange does not show it, and it can no longer appear; to place it, ask again \
                 under a new order_link_id or without one"
            }
            (false, true) => {
                "it was never sent: the ledger has no order_submitted of it, and the exchange does not show it; to \
                 place it, ask again under a new order_link_id or without one"
            }
            (false, false) => {
                "it was never sent or never arrived: the exchange does not show it, and it can no longer appear; to \
                 place it, ask again under a new order_link_id or without one"
            }
        }
    }
}

fn outcome_of(view: &OrderView) -> AuditOutcome {
    if view.status == "Filled" {
        AuditOutcome::Filled
    } else {
        AuditOutcome::Accepted
    }
}

#[cfg(test)]
mod tests;
