//! What must not be written down is replaced before anything is written: by key, by shape, and by known value.
//!
//! Keys and shapes are Vibe-Trading's, so that both programs' records of one event hide the same things. It never
//! looks at what a value means for an order.

use serde_json::{Map, Value};

use super::redact_text::redact_text;
use crate::domain::secret::Secret;

/// Stands where something was taken out.
pub const MASK: &str = "[redacted]";

/// Keys that hide their value, with separators and case folded away.
const KEYS: &[&str] = &[
    "apikey",
    "authorization",
    "content",
    "env",
    "headers",
    "passphrase",
    "password",
    "secret",
    "token",
    "accountnumber",
    "accountid",
    "accountno",
    "accountnum",
    "brokerageaccountnumber",
    "brokerageaccountid",
    "accounturl",
    "rhsaccountnumber",
    "ssn",
    "socialsecuritynumber",
    "taxid",
    "taxpayerid",
    "tin",
    "routingnumber",
    "bankaccountnumber",
];

/// DIVERGES from Vibe-Trading, which shows them: what signs a request is no business of a file.
const SIGNATURE_KEYS: &[&str] = &["sign", "signature", "xbapisign"];

/// Whatever has one of these in its key is hidden.
const MARKERS: &[&str] = &[
    "apikey",
    "authorization",
    "cookie",
    "password",
    "privatekey",
    "secret",
    "token",
];

/// Keys with `token` in them that count language-model tokens or name a market: shown when the value is of that kind.
const TOKEN_COUNTS: &[&str] = &[
    "tokenbudget",
    "totalinputtokens",
    "totaloutputtokens",
    "cachereadtokens",
    "cachecreationtokens",
];

/// 2^256, the first number that is no market token id any more.
const TOKEN_ID_END: &str = "115792089237316195423570985008687907853269984665640564039457584007913129639936";

/// How often known secrets are looked for again in what their removal left.
const SCRUB_ROUNDS: usize = 8;

/// The value with everything sensitive replaced by [`MASK`]; shape and order stay.
#[must_use]
pub fn redact(value: &Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(
            members
                .iter()
                .map(|(key, value)| (key.clone(), redact_member(key, value)))
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.iter().map(redact).collect()),
        Value::String(text) => Value::String(redact_text(text)),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

fn redact_member(key: &str, value: &Value) -> Value {
    let folded = fold(key);
    if is_sensitive(&folded, value) {
        Value::from(MASK)
    } else if folded == "tokenusage" {
        redact_usage(value)
    } else {
        redact(value)
    }
}

/// Counts of a usage report; whatever is no count goes.
fn redact_usage(value: &Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(
            members
                .iter()
                .map(|(key, value)| (key.clone(), redact_usage_member(key, value)))
                .collect(),
        ),
        other if is_count(other) => other.clone(),
        _ => Value::from(MASK),
    }
}

fn redact_usage_member(key: &str, value: &Value) -> Value {
    match fold(key) {
        folded if is_sensitive(&folded, value) => Value::from(MASK),
        folded if folded == "tokensource" => value.clone(),
        _ => redact_usage(value),
    }
}

fn is_sensitive(folded: &str, value: &Value) -> bool {
    match folded {
        "clobtokenid" => !value.as_str().is_some_and(is_token_id),
        "tokensource" => !(value.is_null() || matches!(value.as_str(), Some("provider" | "estimated"))),
        // What it counts is shown by `redact_usage`, and nothing else.
        "tokenusage" => false,
        _ if TOKEN_COUNTS.contains(&folded) => !is_count(value),
        _ => {
            KEYS.contains(&folded)
                || SIGNATURE_KEYS.contains(&folded)
                || MARKERS.iter().any(|marker| folded.contains(marker))
        }
    }
}

fn is_count(value: &Value) -> bool {
    value.is_null() || value.is_u64()
}

fn is_token_id(text: &str) -> bool {
    let digits = text.trim_start_matches('0');
    let below_end =
        digits.len() < TOKEN_ID_END.len() || (digits.len() == TOKEN_ID_END.len() && digits < TOKEN_ID_END);
    !text.is_empty() && text.len() <= 78 && text.bytes().all(|byte| byte.is_ascii_digit()) && below_end
}

/// The key's letters and digits in lower case: `account_number`, `accountNumber` and `Account-Number` are one key.
fn fold(key: &str) -> String {
    key.chars()
        .flat_map(char::to_lowercase)
        .filter(|letter| letter.is_alphanumeric())
        .collect()
}

/// [`redact`] and, beyond it, the removal of values that are known to be secret.
#[derive(Debug, Clone)]
pub struct Redactor {
    secrets: Vec<Secret>,
    mask: &'static str,
}

impl Redactor {
    /// No registered secret's text survives in what [`Self::redact`] and [`Self::redact_text`] return, in keys
    /// neither. Of a secret of several lines, as a PEM key is, each longer line is a secret of its own.
    #[must_use]
    pub fn new(secrets: Vec<Secret>) -> Self {
        let lines: Vec<Secret> = secrets
            .iter()
            .flat_map(|secret| secret.reveal().lines())
            .map(str::trim)
            .filter(|line| line.len() >= 16 && !line.starts_with("-----"))
            .map(|line| Secret::new(line.to_owned()))
            .collect();
        let mut secrets: Vec<Secret> = secrets
            .into_iter()
            .chain(lines)
            .filter(|secret| !secret.reveal().is_empty())
            .collect();
        // A secret that holds another one goes first, whole.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.reveal().len()));
        let clean = |mask: &&str| !secrets.iter().any(|secret| mask.contains(secret.reveal()));
        let mask = [MASK, "***"].into_iter().find(clean).unwrap_or("");
        Self { secrets, mask }
    }

    #[must_use]
    pub fn redact(&self, value: &Value) -> Value {
        self.scrub(&redact(&self.scrub(value)))
    }

    #[must_use]
    pub fn redact_text(&self, text: &str) -> String {
        self.scrub_text(&redact_text(&self.scrub_text(text)))
    }

    fn scrub(&self, value: &Value) -> Value {
        match value {
            Value::Object(members) => {
                let members = members
                    .iter()
                    .map(|(key, value)| (self.scrub_text(key), self.scrub(value)));
                Value::Object(members.collect::<Map<String, Value>>())
            }
            Value::Array(items) => Value::Array(items.iter().map(|item| self.scrub(item)).collect()),
            Value::String(text) => Value::String(self.scrub_text(text)),
            Value::Number(number) if self.finds_secret(&number.to_string()) => Value::from(self.mask),
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        }
    }

    fn scrub_text(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for _ in 0..SCRUB_ROUNDS {
            if !self.finds_secret(&text) {
                return text;
            }
            for secret in &self.secrets {
                text = text.replace(secret.reveal(), self.mask);
            }
        }
        if self.finds_secret(&text) {
            self.mask.to_owned()
        } else {
            text
        }
    }

    fn finds_secret(&self, text: &str) -> bool {
        self.secrets.iter().any(|secret| text.contains(secret.reveal()))
    }
}

#[cfg(test)]
mod tests;
