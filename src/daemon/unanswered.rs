//! Which requests of a session that is handed on have no answer yet. The bytes are looked at and never changed.

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::Value;

use crate::mcp::stdio::RequestId;

/// A longer line is passed on and not looked at.
const MAX_LINE_BYTES: usize = 4 << 20;

/// The requests of a client that the other side has not answered.
#[derive(Debug, Default)]
pub(super) struct Unanswered {
    ids: HashSet<RequestId>,
    asked: Lines,
    answered: Lines,
}

/// As much of a message as has to be known.
#[derive(Deserialize)]
struct Message {
    jsonrpc: String,
    id: Option<Value>,
    method: Option<String>,
    params: Option<Params>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Params {
    Cancelled {
        #[serde(rename = "requestId")]
        id: Value,
    },
    Other(serde::de::IgnoredAny),
}

impl Unanswered {
    /// Takes note of what the client sent.
    pub(super) fn sent(&mut self, bytes: &[u8]) {
        let ids = &mut self.ids;
        self.asked
            .take(bytes, |message| match (message.method, message.id) {
                // Another id is none to the server, which answers without it.
                (Some(_), Some(id)) => ids.extend(read(id)),
                // A cancelled request is never answered.
                (Some(method), None) if method == "notifications/cancelled" => {
                    if let Some(Params::Cancelled { id }) = message.params {
                        let _ = read(id).map(|id| ids.remove(&id));
                    }
                }
                _ => {}
            });
    }

    /// The client sends no more: a last line needs no end.
    pub(super) fn sent_all(&mut self) {
        self.sent(b"\n");
    }

    /// Takes note of what came back.
    pub(super) fn received(&mut self, bytes: &[u8]) {
        let ids = &mut self.ids;
        self.answered.take(bytes, |message| {
            if let (None, Some(id)) = (message.method, message.id) {
                let _ = read(id).map(|id| ids.remove(&id));
            }
        });
    }

    /// Whether an answer is still owed.
    pub(super) fn is_owed(&self) -> bool {
        !self.ids.is_empty()
    }
}

/// The id as the server reads it.
fn read(id: Value) -> Option<RequestId> {
    serde_json::from_value(id).ok()
}

/// Puts lines together out of what arrives.
#[derive(Debug, Default)]
struct Lines {
    line: Vec<u8>,
    skipping: bool,
}

impl Lines {
    fn take(&mut self, bytes: &[u8], mut each: impl FnMut(Message)) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.line.len() + part.len() > MAX_LINE_BYTES {
                self.skipping = true;
                self.line = Vec::new();
            }
            if !self.skipping {
                self.line.extend_from_slice(part);
            }
            if part.ends_with(b"\n") {
                if let Ok(message) = serde_json::from_slice::<Message>(&self.line)
                    && message.jsonrpc == "2.0"
                {
                    each(message);
                }
                self.line.clear();
                self.skipping = false;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_is_owed_until_it_is_answered_or_cancelled() {
        let mut unanswered = Unanswered::default();
        unanswered.sent(
            b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{}}\n{\"jsonrpc\":\"2.0\",",
        );
        unanswered.sent(
            b"\"method\":\"notifications/initialized\"}\n{\"jsonrpc\":\"2.0\",\"id\":\"b\",\"method\":\"x\"}",
        );
        assert!(unanswered.is_owed());
        unanswered.sent_all();
        // A request of the other side answers nothing.
        unanswered.received(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n{\"jsonrpc\":\"2.0\",\"result\":{\"id\":7},");
        assert_eq!(unanswered.ids.len(), 2);
        unanswered.received(b"\"id\":1}\n");
        assert_eq!(unanswered.ids.len(), 1);
        unanswered.received(b"{\"jsonrpc\":\"2.0\",\"id\":\"b\",\"error\":{\"code\":1,\"message\":\"\"}}\n");
        assert!(!unanswered.is_owed());
        unanswered.sent(b"{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"tools/call\"}\n");
        unanswered.sent(
            b"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":3}}\n",
        );
        assert!(!unanswered.is_owed());
    }

    #[test]
    fn an_id_that_the_server_does_not_read_is_owed_no_answer() {
        let mut unanswered = Unanswered::default();
        let mut send = |id: &str| {
            unanswered.sent(format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"x\"}}\n").as_bytes());
            unanswered.is_owed()
        };
        for id in ["1.5", "true", "null", "[]", "{}", "9223372036854775808", "1e99"] {
            assert!(!send(id), "{id}");
        }
        assert!(send("1.0"));
        unanswered.received(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n");
        assert!(!unanswered.is_owed());
    }

    #[test]
    fn what_is_no_message_is_passed_over() {
        let mut unanswered = Unanswered::default();
        unanswered
            .sent(b"nonsense\n{\"id\":1,\"method\":\"x\"}\n{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":5}\n\n");
        unanswered.sent(&vec![b'x'; MAX_LINE_BYTES + 1]);
        unanswered.sent(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"x\"}\n");
        assert!(!unanswered.is_owed());
        unanswered.sent(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"x\"}\n");
        assert!(unanswered.is_owed());
    }
}
