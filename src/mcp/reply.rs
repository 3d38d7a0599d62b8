//! What a reply looks like: which venue it is from, how large it may be, what an error says.

use serde_json::{Map, Value, json};

use super::args::ArgsError;
use crate::broker::VenueError;

/// Largest reply, in bytes of its JSON text. Beyond this an agent reads rows instead of thinking.
pub(super) const MAX_REPLY_BYTES: usize = 64_000;

/// Kept free for the `truncated` note itself.
const NOTE_BYTES: usize = 400;

/// Why a read gave no rows.
#[derive(Debug)]
pub(super) enum ReadError {
    Args(ArgsError),
    Venue(VenueError),
}

impl From<ArgsError> for ReadError {
    fn from(error: ArgsError) -> Self {
        Self::Args(error)
    }
}

impl From<VenueError> for ReadError {
    fn from(error: VenueError) -> Self {
        Self::Venue(error)
    }
}

/// A reply that says where it is from. On paper it says so twice: no figure may pass for real money.
pub(super) fn marked((label, is_paper): (&str, bool)) -> Map<String, Value> {
    let mut reply = Map::new();
    mark(&mut reply, (label, is_paper));
    reply
}

/// Adds the same marks to a reply that is already there.
pub(super) fn mark(reply: &mut Map<String, Value>, (label, is_paper): (&str, bool)) {
    reply.entry("venue").or_insert_with(|| json!(label));
    if is_paper {
        reply.insert("paper".into(), json!(true));
    }
}

impl ReadError {
    /// The reply to a read that failed.
    pub(super) fn to_reply(&self, tool: &str, venue: (&str, bool)) -> Value {
        let mut reply = Map::new();
        reply.insert("status".into(), json!("error"));
        reply.insert("ok".into(), json!(false));
        reply.insert("op".into(), json!(tool));
        let (code, reason) = match self {
            Self::Args(error) => ("bad_arguments", error.to_string()),
            Self::Venue(error) => (code(error), error.to_string()),
        };
        reply.insert("code".into(), json!(code));
        reply.insert("reason".into(), json!(reason));
        reply.insert("retryable".into(), json!(self.is_retryable()));
        if let Self::Venue(VenueError::Rejected { code, message }) = self {
            reply.insert("retCode".into(), json!(code));
            reply.insert("retMsg".into(), json!(message));
        }
        mark(&mut reply, venue);
        Value::Object(reply)
    }

    /// Whether the same question may be answered a little later.
    fn is_retryable(&self) -> bool {
        matches!(
            self,
            Self::Venue(VenueError::RateLimited(_) | VenueError::Unreachable(_) | VenueError::Unreadable(_))
        )
    }
}

fn code(error: &VenueError) -> &'static str {
    match error {
        VenueError::NoCredentials => "no_credentials",
        VenueError::Clock(_) => "clock",
        VenueError::Rejected { .. } => "rejected",
        VenueError::RateLimited(_) => "rate_limited",
        VenueError::Unreachable(_) => "unreachable",
        VenueError::Unreadable(_) => "unreadable",
        VenueError::UnknownInstrument(_) => "unknown_instrument",
        VenueError::Account(_) => "account",
    }
}

/// Says that `left_out` of `of` rows are not in the reply, and how to have them.
pub(super) fn note_truncated(reply: &mut Value, left_out: usize, of: usize, hint: &str) {
    if let Some(reply) = reply.as_object_mut() {
        let note = json!({"left_out": left_out, "of": of, "hint": hint});
        reply.insert("truncated".into(), note);
    }
}

/// Shortens the lists at `pointers` until `reply` fits, at whole rows, and returns how many rows are left;
/// `None` when all fit. Lists side by side, as the two halves of an order book, are cut at the same depth.
pub(super) fn cut_to_fit(reply: &mut Value, pointers: &[&str]) -> Option<usize> {
    let total = bytes(reply);
    if total <= MAX_REPLY_BYTES {
        return None;
    }
    let row_bytes = bytes_by_depth(reply, pointers);
    let all_rows: usize = row_bytes.iter().sum();
    let mut free = (MAX_REPLY_BYTES - NOTE_BYTES).saturating_sub(total.saturating_sub(all_rows));
    let mut kept = 0;
    for bytes in row_bytes {
        match free.checked_sub(bytes) {
            Some(rest) => free = rest,
            None => break,
        }
        kept += 1;
    }
    for pointer in pointers {
        if let Some(Value::Array(rows)) = reply.pointer_mut(pointer) {
            rows.truncate(kept);
        }
    }
    Some(kept)
}

/// How many bytes each row takes, its comma included; rows of the same depth are one.
fn bytes_by_depth(reply: &Value, pointers: &[&str]) -> Vec<usize> {
    let lists: Vec<&Vec<Value>> = pointers
        .iter()
        .filter_map(|pointer| reply.pointer(pointer)?.as_array())
        .collect();
    let deepest = lists.iter().map(|rows| rows.len()).max().unwrap_or_default();
    let at = |depth: usize| lists.iter().filter_map(move |rows| rows.get(depth));
    (0..deepest)
        .map(|depth| at(depth).map(|row| bytes(row) + 1).sum())
        .collect()
}

fn bytes(value: &Value) -> usize {
    serde_json::to_string(value).map_or(0, |text| text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_rows(rows: usize) -> Value {
        let rows: Vec<Value> = (0..rows)
            .map(|row| json!({"n": row, "s": "x".repeat(40)}))
            .collect();
        let mut reply = marked(("paper", true));
        reply.insert("rows".into(), Value::Array(rows));
        Value::Object(reply)
    }

    #[test]
    fn a_cut_keeps_whole_rows_and_stays_just_under_the_limit() {
        let mut reply = with_rows(2_000);
        let kept = cut_to_fit(&mut reply, &["/rows"]).unwrap();
        assert_eq!(reply["rows"].as_array().unwrap().len(), kept);
        note_truncated(&mut reply, 2_000 - kept, 2_000, "ask for less");
        let size = bytes(&reply);
        assert!(
            (MAX_REPLY_BYTES - NOTE_BYTES..=MAX_REPLY_BYTES).contains(&size),
            "{size}"
        );
    }

    #[test]
    fn two_lists_are_cut_at_one_depth() {
        let side: Vec<Value> = (0..1_500)
            .map(|_| json!(["65000.123456", "0.123456789"]))
            .collect();
        let mut reply = json!({"b": side, "a": side});
        let kept = cut_to_fit(&mut reply, &["/b", "/a"]).unwrap();
        assert_eq!(reply["a"].as_array().unwrap().len(), kept);
        assert_eq!(reply["b"].as_array().unwrap().len(), kept);
        assert!(bytes(&reply) <= MAX_REPLY_BYTES);
    }

    #[test]
    fn what_fits_is_left_alone() {
        let mut reply = with_rows(3);
        assert_eq!(cut_to_fit(&mut reply, &["/rows"]), None);
        assert_eq!(reply, with_rows(3));
        assert_eq!(
            (&reply["venue"], &reply["paper"]),
            (&json!("paper"), &json!(true))
        );
        assert_eq!(marked(("bybit mainnet", false)).get("paper"), None);
    }
}
