//! Carries a verdict out: the ledger's last word first, durably; then the count, the memory, the file.

use serde_json::{Value, json};

use super::report::Recovery;
use super::told::is_answer;
use super::verdict::{Case, Verdict};
use super::{Core, Hindrance};
use crate::broker::record::shown;
use crate::broker::reply::Reply;
use crate::domain::order::{ClientOrderId, WriteTool};
use crate::state::audit_record::{AuditKind, AuditOutcome, AuditRecord, NoRandomBytes};
use crate::state::day::Day;
use crate::state::{clock, crash, settled};
use crate::venue::Venue;

/// Why nobody can say any more what became of an order.
const FORGOTTEN: &str = "what became of it can no longer be told: the exchange shows it neither open nor filled, and what \
                         ended without a fill it shows for a day only. it is not open and counts no more; look at the \
                         positions and the order history, and ask again under a new order_link_id if it is still wanted";

impl<V: Venue> Core<V> {
    pub(super) fn carry_out(
        &self,
        day: &Day,
        case: &Case<'_>,
        recovery: &mut Recovery,
    ) -> Result<(), Hindrance> {
        let (kind, outcome, why) = match case.verdict() {
            Verdict::Open => {
                recovery.open.push(case.record.client_id.clone());
                return Ok(());
            }
            Verdict::ToldAlready => {
                recovery.told_already += 1;
                self.finish(day, case, case.told.last.as_ref(), recovery);
                return Ok(());
            }
            Verdict::Placed(kind, outcome) => {
                recovery.placed += 1;
                (kind, outcome, None)
            }
            Verdict::Rejected => {
                recovery.rejected += 1;
                let why = "the exchange rejected it; found out by a later look";
                (AuditKind::OrderRejected, AuditOutcome::Rejected, Some(why))
            }
            Verdict::NeverArrived(why) => {
                recovery.never_arrived += 1;
                (AuditKind::OrderRejected, AuditOutcome::Error, Some(why))
            }
            Verdict::Forgotten => {
                recovery.cannot_tell += 1;
                say_forgotten(&case.record.client_id);
                (AuditKind::OrderSubmitted, AuditOutcome::Unknown, Some(FORGOTTEN))
            }
            Verdict::CannotTell => {
                recovery.cannot_tell += 1;
                let why = "whether the change was made cannot be seen from the order; look at it";
                (AuditKind::OrderSubmitted, AuditOutcome::Unknown, Some(why))
            }
        };
        let record = self.last_word(case, kind, outcome, why);
        self.put_down(day, case, &record.map_err(Hindrance::shared)?, recovery)
    }

    fn put_down(
        &self,
        day: &Day,
        case: &Case<'_>,
        record: &AuditRecord,
        recovery: &mut Recovery,
    ) -> Result<(), Hindrance> {
        let written = day.record(record).map_err(Hindrance::shared)?;
        crash::point("recovery-after-record");
        self.finish(day, case, Some(&written), recovery);
        Ok(())
    }

    fn last_word(
        &self,
        case: &Case<'_>,
        kind: AuditKind,
        outcome: AuditOutcome,
        why: Option<&str>,
    ) -> Result<AuditRecord, NoRandomBytes> {
        let order = case.record;
        let session = format!("{}:{}", order.venue, order.process_id);
        let broker = self.files.broker().as_str();
        let mut record = AuditRecord::new(clock::now(), broker, &session, kind, outcome)?;
        record.intent_normalized = Some(format!(
            "settle the {} {} of {}",
            order.side.to_lowercase(),
            order.symbol,
            order.created_at
        ));
        record.broker_request = order.body.clone();
        record.broker_response = case
            .found
            .map_or(Value::Null, |view| json!({"order": shown(view)}));
        record.gate_decision =
            json!({"allowed": true, "decision": "allow", "client_id": order.client_id, "recovered": true});
        record.remote_tool = Some(order.remote_tool.clone());
        record.error = why.map(str::to_owned);
        Ok(record)
    }

    /// What follows the last word, each step as often as need be: the count, the answer to a repeated id, the file.
    fn finish(&self, day: &Day, case: &Case<'_>, last: Option<&AuditRecord>, recovery: &mut Recovery) {
        let order = case.record;
        // A trade that another attempt took under this id is that one's.
        if order.counted
            && last.is_some_and(|record| record.kind == AuditKind::OrderRejected)
            && let Ok(id) = ClientOrderId::parse(&order.client_id)
            && let Err(error) = day.give_back(&id)
        {
            tracing::error!(%error, "a trade that was not made stays counted");
        }
        crash::point("recovery-after-count");
        let answer =
            last.filter(|record| is_answer(record) && order.remote_tool == WriteTool::PlaceOrder.name());
        let is_kept = answer.is_none_or(|record| self.remember_leftover(case, record));
        crash::point("recovery-after-remember");
        if !is_kept || !day.forget(&order.client_id) {
            recovery.open.push(order.client_id.clone());
        }
        crash::point("recovery-after-removal");
    }

    /// A caller that asks again under its own id is told what was found out. What it was told before the crash
    /// says more than what is left to be found. False where it could not be written.
    fn remember_leftover(&self, case: &Case<'_>, record: &AuditRecord) -> bool {
        let (id, fingerprint) = (&case.record.client_id, &case.record.fingerprint);
        let is_news = case.told.last.as_ref() != Some(record);
        if !is_news && matches!(settled::recall(&self.files, id), Ok(Some(_))) {
            return true;
        }
        let reply = Reply::found_later(case.record, record, case.ours(), self.venue.is_paper());
        self.keep_answer(id, fingerprint, &reply)
    }
}

fn say_forgotten(client_id: &str) {
    tracing::warn!(
        client_id,
        why = FORGOTTEN,
        "an order in flight was settled as unknown"
    );
}
