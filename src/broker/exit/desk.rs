//! Sends one exit, keeps what was sent and what was answered, and puts both on the ledger.
//!
//! The ledger is told and never asked: it is written on a thread of its own and waited for only a while.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::super::describe::in_words;
use crate::domain::exit::Exit;
use crate::domain::order::{ClientOrderId, Write};
use crate::state::audit_record::{AuditKind, AuditOutcome, AuditRecord};
use crate::state::clock;
use crate::state::ledger::Ledger;
use crate::state::paths::LiveFiles;
use crate::venue::{Outcome, Venue};

/// After this an exit without an answer counts as unknown and the way goes on.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// How long a record is waited for.
const RECORD_WITHIN: Duration = Duration::from_secs(2);

/// More steps than this are counted and not kept.
const KEPT_STEPS: usize = 4_000;

/// What was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It was handed to the network and nothing came back yet.
    Waiting,
    Accepted,
    Rejected,
    /// No byte left this machine.
    NotSent,
    /// Nobody can say: the exchange may have done it.
    Unknown,
}

/// One exit that was sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// By this machine's clock.
    pub sent_at: String,
    /// The exchange's clock when the answer was there.
    pub exchange_time: Option<String>,
    pub what: String,
    /// Of an order; a cancel carries none to the exchange.
    pub client_id: Option<String>,
    pub answer: Answer,
    /// Why it was not accepted.
    pub why: Option<String>,
    /// The orders that the exchange says it cancels, in its own words.
    pub cancelled: Vec<Value>,
    /// Why it is not on the ledger.
    pub not_on_ledger: Option<String>,
    #[serde(skip)]
    number: u64,
}

impl Step {
    /// What was sent and what was answered.
    #[must_use]
    pub fn in_words(&self) -> String {
        let answer = match self.answer {
            Answer::Waiting => "sent, no answer yet",
            Answer::Accepted => "accepted",
            Answer::Rejected => "rejected",
            Answer::NotSent => "not sent",
            Answer::Unknown => "unknown",
        };
        let why = self.why.as_ref().map(|why| format!(": {why}"));
        format!("{}: {answer}{}", self.what, why.unwrap_or_default())
    }
}

/// Sends exits for one purpose.
#[derive(Debug)]
pub struct ExitDesk<V> {
    venue: Arc<V>,
    files: LiveFiles,
    ledger: Ledger,
    /// Who sends, for the ledger: `sweep`, `person`.
    who: &'static str,
    steps: Mutex<Vec<Step>>,
    next_number: AtomicU64,
    /// A record did not come back in time: the next ones are written without waiting.
    ledger_is_stuck: AtomicBool,
}

impl<V: Venue> ExitDesk<V> {
    pub fn new(venue: Arc<V>, files: LiveFiles, ledger: Ledger, who: &'static str) -> Self {
        Self {
            venue,
            files,
            ledger,
            who,
            steps: Mutex::default(),
            next_number: AtomicU64::new(0),
            ledger_is_stuck: AtomicBool::new(false),
        }
    }

    pub fn venue(&self) -> &V {
        &self.venue
    }

    pub fn files(&self) -> &LiveFiles {
        &self.files
    }

    /// Everything that was sent so far, oldest first.
    #[must_use]
    pub fn steps(&self) -> Vec<Step> {
        self.locked().clone()
    }

    /// The same, and forgets it.
    #[must_use]
    pub fn take_steps(&self) -> Vec<Step> {
        std::mem::take(&mut *self.locked())
    }

    /// The exchange's clock, where it can be had at once.
    pub async fn exchange_time(&self) -> Option<String> {
        let asked = timeout(Duration::from_millis(500), self.venue.exchange_time()).await;
        asked.ok()?.ok().map(clock::ledger_text)
    }

    /// Orders of ours that were sent and that the exchange does not show yet. `Err`: it cannot be told.
    pub async fn may_appear(&self) -> Result<usize, String> {
        super::late::may_appear(self).await
    }

    /// A new id that the exchange never saw.
    pub(super) fn fresh_id() -> Option<ClientOrderId> {
        ClientOrderId::parse(&format!("mx-{}", uuid::Uuid::new_v4().simple())).ok()
    }

    /// Sends a cancel, once.
    pub async fn cancel(&self, exit: &Exit) -> Outcome {
        match Self::fresh_id() {
            Some(id) => self.leave(exit, &id).await,
            None => Outcome::NotSent("no id could be made".to_owned()),
        }
    }

    /// Sends an exit, once, and puts on the ledger what came of it.
    pub(super) async fn leave(&self, exit: &Exit, id: &ClientOrderId) -> Outcome {
        let number = self.begin(exit, id);
        if let Write::Place(_) = exit.write() {
            let mut record = self.record_of(exit, id, AuditKind::OrderSubmitted, AuditOutcome::Pending);
            if let Ok(record) = &mut record {
                record.error = None;
            }
            self.write_down(number, record).await;
        }
        let outcome = match timeout(ANSWER_WITHIN, self.venue.exit(exit, id)).await {
            Ok(outcome) => outcome,
            Err(_) => Outcome::Unknown(format!("no answer in {} s", ANSWER_WITHIN.as_secs())),
        };
        let exchange_time = self.exchange_time().await;
        self.answered(number, &outcome, exchange_time);
        let (kind, word) = verdict(exit.write(), &outcome);
        let mut record = self.record_of(exit, id, kind, word);
        if let Ok(record) = &mut record {
            record.error = trouble(&outcome);
            if let Outcome::Accepted(accepted) = &outcome {
                record.broker_response = accepted.response.clone();
            }
        }
        self.write_down(number, record).await;
        outcome
    }

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

    fn record_of(
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

    fn begin(&self, exit: &Exit, id: &ClientOrderId) -> u64 {
        let number = self.next_number.fetch_add(1, Ordering::Relaxed);
        let mut steps = self.locked();
        if steps.len() < KEPT_STEPS {
            steps.push(Step {
                sent_at: clock::ledger_text(clock::now()),
                exchange_time: None,
                what: in_words(exit.write(), None),
                client_id: matches!(exit.write(), Write::Place(_)).then(|| id.to_string()),
                answer: Answer::Waiting,
                why: None,
                cancelled: Vec::new(),
                not_on_ledger: None,
                number,
            });
        }
        number
    }

    fn answered(&self, number: u64, outcome: &Outcome, exchange_time: Option<String>) {
        self.change(number, |step| {
            step.exchange_time = exchange_time;
            step.answer = match outcome {
                Outcome::Accepted(_) => Answer::Accepted,
                Outcome::Rejected(_) | Outcome::Duplicate(_) => Answer::Rejected,
                Outcome::NotSent(_) => Answer::NotSent,
                Outcome::Unknown(_) => Answer::Unknown,
            };
            step.why = trouble(outcome);
            if let Outcome::Accepted(accepted) = outcome
                && step.client_id.is_none()
            {
                step.cancelled = cancelled_rows(&accepted.response);
            }
        });
    }

    async fn write_down(&self, number: u64, record: Result<AuditRecord, String>) {
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

    fn change(&self, number: u64, change: impl FnOnce(&mut Step)) {
        if let Some(step) = self.locked().iter_mut().rev().find(|step| step.number == number) {
            change(step);
        }
    }

    /// The list is whole between two statements, so a panic elsewhere does not spoil it.
    fn locked(&self) -> MutexGuard<'_, Vec<Step>> {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The rows of a cancel-all, or the one of a cancel.
fn cancelled_rows(response: &Value) -> Vec<Value> {
    match response.get("list").and_then(Value::as_array) {
        Some(rows) => rows.clone(),
        None if response.get("orderId").is_some() => vec![response.clone()],
        None => Vec::new(),
    }
}

pub(super) fn trouble(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Accepted(_) => None,
        Outcome::Rejected(no) | Outcome::Duplicate(no) => Some(no.message.clone()),
        Outcome::NotSent(why) => Some(why.clone()),
        Outcome::Unknown(why) => Some(why.clone()),
    }
}

fn verdict(write: &Write, outcome: &Outcome) -> (AuditKind, AuditOutcome) {
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
