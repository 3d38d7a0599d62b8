//! What the ledger is told of an exit. It is told and never asked: it is written on a thread of its own and
//! waited for only a while.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;

use super::super::describe::in_words;
use super::desk::ExitDesk;
use crate::domain::exit::Exit;
use crate::domain::order::{ClientOrderId, Write};
use crate::state::audit_record::{AuditKind, AuditOutcome, AuditRecord};
use crate::state::clock;
use crate::venue::{Outcome, Venue};

/// How long a record is waited for.
const RECORD_WITHIN: Duration = Duration::from_secs(2);

impl<V: Venue> ExitDesk<V> {
    /// Puts on the ledger how a close ended that was accepted, or unknown, when it was sent.
    pub(super) async fn ended(
        &self,
        exit: &Exit,
        id: &ClientOrderId,
        filled: bool,
        shown: Value,
        why: Option<String>,
    ) {
        let (kind, word) = match (filled, &why) {
            (true, _) => (AuditKind::OrderPlaced, AuditOutcome::Filled),
            (false, None) => (AuditKind::OrderRejected, AuditOutcome::Rejected),
            (false, Some(_)) => (AuditKind::OrderRejected, AuditOutcome::Error),
        };
        let mut record = self.record_of(exit, id, kind, word);
        if let Ok(record) = &mut record {
            record.broker_response = json!({"order": shown});
            record.error = why;
        }
        self.append(record).await;
    }

    /// Puts a record of another kind on the ledger: the trip of a halt. Says why it is not there.
    pub async fn note(&self, kind: AuditKind, words: &str, details: Value) -> Option<String> {
        let session = self.session();
        let made = AuditRecord::new(
            clock::now(),
            self.files.broker().as_str(),
            &session,
            kind,
            AuditOutcome::Accepted,
        );
        let record = made.map_err(|error| error.to_string()).map(|mut record| {
            record.intent_normalized = Some(words.to_owned());
            record.gate_decision = details;
            record
        });
        self.append(record).await
    }

    fn session(&self) -> String {
        format!("{}:{}", self.who, std::process::id())
    }

    pub(super) fn record_of(
        &self,
        exit: &Exit,
        id: &ClientOrderId,
        kind: AuditKind,
        outcome: AuditOutcome,
    ) -> Result<AuditRecord, String> {
        let server = self.files.broker().as_str();
        let mut record = AuditRecord::new(clock::now(), server, &self.session(), kind, outcome)
            .map_err(|error| error.to_string())?;
        let purpose = match self.who {
            "sweep" => "sweep of a halt",
            "authority" => "end of authority",
            _ => "a person's exit",
        };
        record.intent_normalized = Some(format!("{purpose}: {}", in_words(exit.write(), None)));
        record.broker_request = self.venue.describe(exit.write(), id);
        record.remote_tool = Some(exit.write().tool().name().to_owned());
        Ok(record)
    }

    pub(super) async fn write_down(&self, number: u64, record: Result<AuditRecord, String>) {
        if let Some(why) = self.append(record).await {
            self.change(number, |step| step.not_on_ledger = Some(why));
        }
    }

    /// Why the record is not on the ledger; nothing when it is.
    async fn append(&self, record: Result<AuditRecord, String>) -> Option<String> {
        let record = match record {
            Ok(record) => record,
            Err(why) => return Some(why),
        };
        let ledger = self.ledger.clone();
        let writing = tokio::task::spawn_blocking(move || {
            ledger
                .append(&record)
                .map(drop)
                .map_err(|error| error.to_string())
        });
        let wait = match self.ledger_is_stuck.load(Ordering::Relaxed) {
            true => Duration::ZERO,
            false => RECORD_WITHIN,
        };
        match timeout(wait, writing).await {
            Ok(Ok(written)) => {
                self.ledger_is_stuck.store(false, Ordering::Relaxed);
                written.err()
            }
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => {
                self.ledger_is_stuck.store(true, Ordering::Relaxed);
                Some("the disk does not answer".to_owned())
            }
        }
    }
}

pub(super) fn verdict(write: &Write, outcome: &Outcome) -> (AuditKind, AuditOutcome) {
    let taken = match write {
        Write::Place(_) => AuditKind::OrderPlaced,
        _ => AuditKind::OrderCancelled,
    };
    match outcome {
        Outcome::Accepted(_) => (taken, AuditOutcome::Accepted),
        Outcome::Rejected(_) | Outcome::Duplicate(_) => (AuditKind::OrderRejected, AuditOutcome::Rejected),
        Outcome::NotSent(_) => (AuditKind::OrderRejected, AuditOutcome::Error),
        Outcome::Unknown(_) => (AuditKind::OrderSubmitted, AuditOutcome::Unknown),
    }
}
