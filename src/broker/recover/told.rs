//! What the ledger already says of one order in flight: a crash may lie between any record and the next step.

use chrono::TimeDelta;
use serde_json::Value;

use crate::domain::mandate::parse_instant;
use crate::domain::order::WriteTool;
use crate::state::audit_record::{AuditKind, AuditOutcome, AuditRecord};
use crate::state::inflight::InflightRecord;
use crate::state::ledger_read::{self, LedgerReadError};
use crate::state::paths::LiveFiles;

/// The records of an order in flight are near the end of the ledger; only an old one is looked for further back:
/// 4 MiB, then 128.
const LOOK_BACK_BYTES: [u64; 2] = [4_194_304, 134_217_728];

#[derive(Debug, Default)]
pub(super) struct Told {
    /// Everything about this order, oldest first, as it stands on the ledger.
    pub(super) records: Vec<Value>,
    /// `order_submitted` is there: the order may have been sent.
    pub(super) submitted: bool,
    /// The last word, when there is one: there must not be a second.
    pub(super) last: Option<AuditRecord>,
    /// All of the ledger was looked through, and it begins before the order: what is not there was never written,
    /// rather than moved away since.
    pub(super) complete: bool,
}

impl Told {
    pub(super) fn read(files: &LiveFiles, order: &InflightRecord) -> Result<Self, LedgerReadError> {
        let mut told = Self::default();
        for bytes in LOOK_BACK_BYTES {
            let found = ledger_read::find_by_client_id(files, &order.client_id, bytes)?;
            told = Self::of(found.records, order);
            told.complete = found.complete && is_before(found.oldest.as_deref(), order);
            if told.submitted || found.complete {
                break;
            }
        }
        Ok(told)
    }

    fn of(records: Vec<Value>, order: &InflightRecord) -> Self {
        let mut told = Self::default();
        for value in records {
            let Ok(record) = serde_json::from_value::<AuditRecord>(value.clone()) else {
                continue;
            };
            if !is_about(&record, order) {
                continue;
            }
            told.records.push(value);
            match (record.kind, record.outcome) {
                (AuditKind::OrderSubmitted, AuditOutcome::Pending) => {
                    told.submitted = true;
                    // What was said before was said of an earlier attempt, whatever the clock was set to since.
                    told.last = None;
                }
                (AuditKind::OrderSubmitted, AuditOutcome::Unknown) if !is_of_recovery(&record) => {}
                _ => told.last = Some(record),
            }
        }
        told
    }

    /// Whether the ledger says that nothing came of it.
    pub(super) fn not_placed(&self) -> bool {
        let last = self.last.as_ref();
        last.is_some_and(|record| record.kind == AuditKind::OrderRejected)
    }
}

/// Whether the outcome may be given again to a caller that repeats its id; what was halted, never left or got a no
/// of the moment may be tried again under the same one.
pub(super) fn is_answer(record: &AuditRecord) -> bool {
    let is_passing = || record.broker_response.get("passing").and_then(Value::as_bool) == Some(true);
    let decided = match record.outcome {
        AuditOutcome::Accepted | AuditOutcome::Filled => true,
        AuditOutcome::Rejected => !is_passing(),
        AuditOutcome::Blocked | AuditOutcome::Error | AuditOutcome::Pending | AuditOutcome::Unknown => false,
    };
    decided || is_of_recovery(record)
}

fn is_of_recovery(record: &AuditRecord) -> bool {
    record.gate_decision.get("recovered").and_then(Value::as_bool) == Some(true)
}

/// Of this very attempt: not of an earlier one under the same id, of a refusal to repeat it, or of a change to
/// the order that it placed.
fn is_about(record: &AuditRecord, order: &InflightRecord) -> bool {
    let decision = &record.gate_decision;
    let allowed = decision.get("allowed").and_then(Value::as_bool) == Some(true);
    let named = match decision.get("client_id").and_then(Value::as_str) {
        Some(id) => id == order.client_id,
        None => order.remote_tool == WriteTool::PlaceOrder.name(),
    };
    let since = age_at(&record.ts, order).is_some_and(|age| age >= TimeDelta::zero());
    allowed && named && since && record.remote_tool.as_deref() == Some(&order.remote_tool)
}

fn is_before(oldest: Option<&str>, order: &InflightRecord) -> bool {
    let age = oldest.and_then(|ts| age_at(ts, order));
    age.is_some_and(|age| age < TimeDelta::zero())
}

/// How old the order was at that time.
fn age_at(ts: &str, order: &InflightRecord) -> Option<TimeDelta> {
    Some(parse_instant(ts)? - parse_instant(&order.created_at)?)
}

#[cfg(test)]
mod tests;
