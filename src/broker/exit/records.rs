//! What the ledger is told of an exit. It is told and never asked: it is written on a thread of its own and
//! waited for only a while.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::time::{sleep, timeout};

use super::super::describe::in_words;
use super::desk::ExitDesk;
use super::step::{DISK_IS_SLOW, Step};
use crate::domain::exit::Exit;
use crate::domain::order::{ClientOrderId, Write};
use crate::state::audit_record::{AuditKind, AuditOutcome, AuditRecord};
use crate::state::clock;
use crate::venue::{Outcome, Venue};

/// How long a record is waited for.
const RECORD_WITHIN: Duration = Duration::from_secs(2);

/// The same after one that did not come back in that time.
const STUCK_WITHIN: Duration = Duration::from_millis(50);

/// How often it is looked whether a record is there that a thread writes alone.
const LOOK_EVERY: Duration = Duration::from_millis(5);

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
        self.append(None, record).await;
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
        self.append(None, record).await
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

    /// Writes a record of a step, and waits for it a while.
    pub(super) async fn write_down(&self, number: u64, record: Result<AuditRecord, String>) {
        self.append(Some(number), record).await;
    }

    /// Writes a record of a step that nobody waits for.
    pub(super) fn write_alone(&self, number: u64, record: Result<AuditRecord, String>) {
        match record {
            Err(why) => self.steps.change(number, |step| step.not_on_ledger = Some(why)),
            Ok(record) => {
                let writing = self.writing(Some(number), record);
                match Handle::try_current() {
                    Ok(runtime) => drop(runtime.spawn_blocking(writing)),
                    // The program ends: there is nobody else to write it.
                    Err(_) => drop(writing()),
                }
            }
        }
    }

    /// Waits a while for records that are being written still; those that are not there then count as missing.
    pub async fn records_written(&self) {
        let is_being_written = || self.steps.locked().iter().any(|step| step.unwritten > 0);
        let all = async {
            while is_being_written() {
                sleep(LOOK_EVERY).await;
            }
        };
        let _ = timeout(RECORD_WITHIN, all).await;
        self.steps.locked().iter_mut().for_each(Step::is_overdue);
    }

    /// What a thread has to do; it says itself what came of it, also where nobody waits.
    fn writing(
        &self,
        number: Option<u64>,
        record: AuditRecord,
    ) -> impl FnOnce() -> Option<String> + Send + use<V> {
        let (ledger, steps, stuck) = (
            self.ledger.clone(),
            self.steps.clone(),
            Arc::clone(&self.ledger_is_stuck),
        );
        if let Some(number) = number {
            steps.change(number, |step| step.unwritten = step.unwritten.saturating_add(1));
        }
        move || {
            let failed = ledger.append(&record).err().map(|error| error.to_string());
            stuck.store(false, Ordering::Relaxed);
            if let Some(number) = number {
                steps.change(number, |step| step.written(failed.clone()));
            }
            failed
        }
    }

    /// Why the record is not on the ledger; nothing when it is.
    async fn append(&self, number: Option<u64>, record: Result<AuditRecord, String>) -> Option<String> {
        let change = |change: &dyn Fn(&mut Step)| {
            if let Some(number) = number {
                self.steps.change(number, change);
            }
        };
        let record = match record {
            Ok(record) => record,
            Err(why) => {
                change(&|step| step.not_on_ledger = Some(why.clone()));
                return Some(why);
            }
        };
        let writing = tokio::task::spawn_blocking(self.writing(number, record));
        let wait = match self.ledger_is_stuck.load(Ordering::Relaxed) {
            true => STUCK_WITHIN,
            false => RECORD_WITHIN,
        };
        match timeout(wait, writing).await {
            Ok(Ok(failed)) => failed,
            Ok(Err(error)) => {
                change(&|step| step.not_on_ledger = Some(error.to_string()));
                Some(error.to_string())
            }
            Err(_) => {
                self.ledger_is_stuck.store(true, Ordering::Relaxed);
                change(&Step::is_overdue);
                Some(DISK_IS_SLOW.to_owned())
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
