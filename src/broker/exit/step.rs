//! One exit that was sent, as it is kept: for the receipt, and for the person who waits.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::Value;

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
    pub(super) number: u64,
    /// Records of it that are being written.
    #[serde(skip)]
    pub(super) unwritten: u8,
}

/// Why a record is not on the ledger that a thread may be writing still.
pub(super) const DISK_IS_SLOW: &str = "the disk does not answer";

/// The steps of one desk, oldest first.
#[derive(Debug, Clone, Default)]
pub(super) struct Steps(Arc<Mutex<Vec<Step>>>);

impl Steps {
    /// The list is whole between two statements, so a panic elsewhere does not spoil it.
    pub(super) fn locked(&self) -> MutexGuard<'_, Vec<Step>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn change(&self, number: u64, change: impl FnOnce(&mut Step)) {
        if let Some(step) = self.locked().iter_mut().rev().find(|step| step.number == number) {
            change(step);
        }
    }
}

impl Step {
    /// Why it is not on the ledger what was sent and what came of it.
    #[must_use]
    pub fn why_not_on_record(&self) -> Option<String> {
        let waits = self.answer == Answer::Waiting;
        let no_answer = || waits.then(|| "it got no answer".to_owned());
        self.not_on_ledger.clone().or_else(no_answer)
    }

    /// One of its records came back.
    pub(super) fn written(&mut self, failed: Option<String>) {
        self.unwritten = self.unwritten.saturating_sub(1);
        let was_slow = self.not_on_ledger.as_deref() == Some(DISK_IS_SLOW);
        match failed {
            Some(why) => self.not_on_ledger = Some(why),
            None if was_slow && self.unwritten == 0 => self.not_on_ledger = None,
            None => {}
        }
    }

    /// Its records are not waited for any longer.
    pub(super) fn is_overdue(&mut self) {
        if self.unwritten > 0 {
            self.not_on_ledger.get_or_insert_with(|| DISK_IS_SLOW.to_owned());
        }
    }

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

/// The rows of a cancel-all, or the one of a cancel.
pub(super) fn cancelled_rows(response: &Value) -> Vec<Value> {
    match response.get("list").and_then(Value::as_array) {
        Some(rows) => rows.clone(),
        None if response.get("orderId").is_some() => vec![response.clone()],
        None => Vec::new(),
    }
}
