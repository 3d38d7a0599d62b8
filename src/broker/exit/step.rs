//! One exit that was sent, as it is kept: for the receipt, and for the person who waits.

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

/// The rows of a cancel-all, or the one of a cancel.
pub(super) fn cancelled_rows(response: &Value) -> Vec<Value> {
    match response.get("list").and_then(Value::as_array) {
        Some(rows) => rows.clone(),
        None if response.get("orderId").is_some() => vec![response.clone()],
        None => Vec::new(),
    }
}
