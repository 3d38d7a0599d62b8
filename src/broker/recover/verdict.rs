//! What is to be done about one order in flight, given what the ledger says and what the exchange shows.

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
    /// What it changed cannot be seen.
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
        let is_new_order = self.record.remote_tool == WriteTool::PlaceOrder.name();
        match self.found {
            // Also after the ledger said that it was accepted: the acknowledgement was no order.
            Some(view) if is_new_order && view.is_rejected() => Verdict::Rejected,
            Some(_) if told => Verdict::ToldAlready,
            Some(view) if is_new_order => Verdict::Placed(AuditKind::OrderPlaced, outcome_of(view)),
            Some(view) if self.shows_the_change(view) => {
                Verdict::Placed(AuditKind::OrderAmended, AuditOutcome::Accepted)
            }
            _ if !self.expired => Verdict::Open,
            None if told => Verdict::ToldAlready,
            None if self.forgotten => Verdict::Forgotten,
            Some(_) if !self.is_visible() => Verdict::CannotTell,
            Some(_) => {
                Verdict::NeverArrived("the change never arrived: the exchange shows the order without it")
            }
            None => Verdict::NeverArrived(self.how_far()),
        }
    }

    fn how_far(&self) -> &'static str {
        match (self.told.submitted, self.told.complete) {
            (true, _) => "it never arrived: the exchange does not show it, and it can no longer appear",
            (false, true) => {
                "it was never sent: the ledger has no order_submitted of it, and the exchange does not show it"
            }
            (false, false) => {
                "it was never sent or never arrived: the exchange does not show it, and it can no longer appear"
            }
        }
    }

    /// Whether what an amend changes can be seen on the order; take-profit and stop-loss cannot.
    fn is_visible(&self) -> bool {
        ["qty", "price", "triggerPrice"]
            .iter()
            .any(|field| self.record.body.get(field).is_some())
    }

    fn shows_the_change(&self, view: &OrderView) -> bool {
        self.is_visible()
            && view.order.qty == self.order.qty
            && view.order.price == self.order.price
            && view.order.trigger_price == self.order.trigger_price
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
