//! One record of the audit ledger: its fields, in the order in which both programs write them.
//!
//! It is a value. Redaction and writing are the ledger's.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use super::clock;

/// What happened. The first seven are Vibe-Trading's words too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditKind {
    OrderPlaced,
    OrderCancelled,
    OrderRejected,
    MandateCommitted,
    Breach,
    HaltTripped,
    HaltCleared,
    OrderSubmitted,
    OrderAmended,
    LeverageSet,
    TradingStopSet,
}

/// How it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditOutcome {
    /// Counted and about to be sent.
    Pending,
    Accepted,
    Filled,
    /// The exchange said a definite no.
    Rejected,
    Error,
    /// Our gate said no; nothing was sent.
    Blocked,
    /// Nobody can say yet.
    Unknown,
}

/// One line of `audit.jsonl`. The order of the fields is the order on the disk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditRecord {
    /// `la_` and 32 hexadecimal digits; see [`new_audit_id`].
    pub audit_id: String,
    /// UTC, cut to milliseconds: `2026-06-02T09:15:49.482+00:00`.
    pub ts: String,
    pub session_id: String,
    pub kind: AuditKind,
    /// What was wanted, for a person: `buy $100 BTCUSDT (crypto)`.
    pub intent_normalized: Option<String>,
    /// Which mandate allowed it: the SHA-256 of its consent token.
    pub mandate_snapshot_ref: Option<String>,
    /// Which consent the mandate rests on: its opaque account reference.
    pub consent_record_ref: Option<String>,
    pub broker_request: Value,
    pub broker_response: Value,
    pub outcome: AuditOutcome,
    pub gate_decision: Value,
    /// The broker key.
    pub server: String,
    pub remote_tool: Option<String>,
    pub error: Option<String>,
}

/// The operating system gave no random bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("no audit id could be made: the system gives no random bytes; nothing is sent without one")]
pub struct NoRandomBytes;

impl AuditRecord {
    /// A record of now with a fresh id and nothing in its optional parts.
    pub fn new(
        now: DateTime<Utc>,
        server: &str,
        session_id: &str,
        kind: AuditKind,
        outcome: AuditOutcome,
    ) -> Result<Self, NoRandomBytes> {
        Ok(Self {
            audit_id: new_audit_id()?,
            ts: clock::ledger_text(now),
            session_id: session_id.to_owned(),
            kind,
            intent_normalized: None,
            mandate_snapshot_ref: None,
            consent_record_ref: None,
            broker_request: Value::Null,
            broker_response: Value::Null,
            outcome,
            gate_decision: Value::Null,
            server: server.to_owned(),
            remote_tool: None,
            error: None,
        })
    }
}

/// A fresh `la_` id of 128 random bits.
pub fn new_audit_id() -> Result<String, NoRandomBytes> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|_| NoRandomBytes)?;
    Ok(format!("la_{}", hex::encode(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::canonical;

    #[test]
    fn a_record_prints_as_the_contract_has_it() {
        let vectors: Value =
            serde_json::from_str(include_str!("../../tests/contract/audit_record.json")).unwrap();
        let line = vectors["line"].as_str().unwrap();
        let record: AuditRecord = serde_json::from_str(line).unwrap();
        let value = serde_json::to_value(&record).unwrap();
        let keys: Vec<&String> = value.as_object().unwrap().keys().collect();
        let expected: Vec<&str> = vectors["key_order"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(Value::as_str)
            .collect();
        assert_eq!(keys, expected);
        let mut printed = String::new();
        canonical::line_value(&mut printed, &value);
        assert_eq!(printed, line);
    }

    #[test]
    fn ids_are_fresh() {
        let (one, two) = (new_audit_id().unwrap(), new_audit_id().unwrap());
        assert_ne!(one, two);
        let digits = one.strip_prefix("la_").unwrap();
        assert_eq!(digits.len(), 32);
        assert!(
            digits
                .bytes()
                .all(|byte| byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase())
        );
    }
}
