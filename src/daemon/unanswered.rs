//! Which requests of a session that is handed on have no answer yet. The bytes are looked at and never changed.

use std::collections::HashSet;

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::mcp::exact::{object, wrap};
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
    #[serde(default, deserialize_with = "given")]
    id: Option<Value>,
    method: Option<String>,
    params: Option<Params>,
    #[serde(default, deserialize_with = "given")]
    result: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "given")]
    error: Option<IgnoredAny>,
}

/// A null is there, too.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Params {
    Cancelled {
        #[serde(rename = "requestId")]
        id: Value,
    },
    Other(IgnoredAny),
}

impl Message {
    /// The message of a line, if the server takes it for one: a request or an answer, and not both.
    fn read(line: &[u8]) -> Option<Self> {
        let message: Self = serde_json::from_str(object(line)?).ok()?;
        let answers = message.result.is_some() || message.error.is_some();
        (message.jsonrpc == "2.0" && message.method.is_some() != answers).then_some(message)
    }
}

impl Unanswered {
    /// Takes note of what the client sent, as the server will read it.
    pub(super) fn sent(&mut self, bytes: &[u8]) {
        let ids = &mut self.ids;
        self.asked.take(bytes, |line| {
            let message = Message::read(&wrap(line))?;
            match (message.method?, message.id) {
                // Another id is none to the server, which answers without it.
                (_, Some(id)) => ids.extend(read(id)),
                // A cancelled request is never answered.
                (method, None) if method == "notifications/cancelled" => {
                    if let Params::Cancelled { id } = message.params? {
                        ids.remove(&read(id)?);
                    }
                }
                _ => {}
            }
            Some(())
        });
    }

    /// The client sends no more: a last line needs no end.
    pub(super) fn sent_all(&mut self) {
        self.sent(b"\n");
    }

    /// Takes note of what came back.
    pub(super) fn received(&mut self, bytes: &[u8]) {
        let ids = &mut self.ids;
        self.answered.take(bytes, |line| {
            let message = Message::read(line)?;
            if message.method.is_none() {
                ids.remove(&read(message.id?)?);
            }
            Some(())
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
    /// Hands on each line that is whole. Of one that is no message there is nothing to note.
    fn take(&mut self, bytes: &[u8], mut each: impl FnMut(&[u8]) -> Option<()>) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.line.len() + part.len() > MAX_LINE_BYTES {
                self.skipping = true;
                self.line = Vec::new();
            }
            if !self.skipping {
                self.line.extend_from_slice(part);
            }
            if part.ends_with(b"\n") {
                let _ = each(&self.line);
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

    /// As the server reads it, so it counts: what it answers is owed, what it drops takes nothing back.
    #[test]
    fn what_cannot_be_read_counts_as_the_server_takes_it() {
        let mut unanswered = Unanswered::default();
        let mut send = |line: &str| {
            unanswered.sent(format!("{line}\n").as_bytes());
            unanswered.ids.len()
        };
        let cancelled =
            |rest: &str| format!(r#"{{"jsonrpc":"2.0","method":"notifications/cancelled",{rest}}}"#);
        for (id, rest) in [
            r#""params":{"_meta":[]}"#,
            r#""params":{"a":1e999}"#,
            r#""params":{"a":"\ud800"}"#,
            r#""x":"\ud800""#,
        ]
        .iter()
        .enumerate()
        {
            let line = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"x",{rest}}}"#);
            assert_eq!(send(&line), id + 1, "{line}");
        }
        assert_eq!(send("\u{feff}{\"jsonrpc\":\"2.0\",\"id\":4,\"method\":\"x\"}"), 5);
        // These cancel nothing.
        for rest in [
            r#""params":[0]"#,
            r#""params":{"requestId":0,"_meta":5}"#,
            r#""id":null,"params":{"requestId":0}"#,
            r#""result":1,"params":{"requestId":0}"#,
        ] {
            assert_eq!(send(&cancelled(rest)), 5, "{rest}");
        }
        assert_eq!(send(&cancelled(r#""params":{"requestId":0}"#)), 4);
        // It is a request and an answer, so neither.
        assert_eq!(send(r#"{"jsonrpc":"2.0","id":9,"method":"x","result":null}"#), 4);
        assert_eq!(send(r#"["2.0",9,"x",{},null,null]"#), 4);
        unanswered.sent(b"{\"jsonrpc\":\"2.0\",\"id\":9,\"method\":\"x\",\"y\":\"\xff\"}\n");
        assert_eq!(unanswered.ids.len(), 4);
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
