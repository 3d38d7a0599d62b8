//! Keeps a tool call's arguments exactly as the caller wrote them.
//!
//! The protocol library parses JSON into a tree where `0.1` and a 20-digit number become binary floats and the
//! last of two equal keys wins in silence. So before it sees a `tools/call`, the text of `arguments` is put
//! into one JSON string under a name of our own, byte for byte. Arguments that arrive without it did not come through
//! here, because the message around them was not plain JSON, and the call is refused.

use std::borrow::Cow;

use rmcp::model::JsonObject;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;
use thiserror::Error;

/// Longest message that is read, in bytes. No call of ours needs a hundredth of it.
pub const MAX_MESSAGE_BYTES: usize = 4 * 1024 * 1024;

/// Wrapping doubles a message at worst: each quote and backslash gains one backslash.
pub(super) const MAX_WRAPPED_BYTES: usize = 2 * MAX_MESSAGE_BYTES + 1024;

/// Under this name the exact text travels through the protocol library.
const KEY: &str = "__exact__";

/// How notifications are called, which nobody waits for an answer to.
const NOTIFICATIONS: &str = "notifications/";

/// Some editors and shells put this in front of a text; the protocol library skips it.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    jsonrpc: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "given")]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    method: Cow<'a, str>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct CallParams<'a> {
    #[serde(borrow)]
    arguments: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct AnyParams<'a> {
    #[serde(borrow, rename = "_meta")]
    meta: Option<&'a RawValue>,
}

/// A null is there, too.
fn given<'de: 'a, 'a, D: Deserializer<'de>>(from: D) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(from).map(Some)
}

/// Why arguments cannot be trusted to be what the caller wrote.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "the call was not run: its message has a repeated key or is not plain JSON, so its arguments cannot be read exactly; send each key once"
)]
pub struct NotExact;

/// Wraps the arguments of a `tools/call`; every other message comes back byte for byte, unless the protocol library could
/// not read it. A request is then left without what cannot be read, params foremost: the library would take it for none
/// and answer it without its id, or not at all. Of a notification, which is owed no answer, nothing is left.
#[must_use]
pub fn wrap(message: &[u8]) -> Cow<'_, [u8]> {
    let message = message.strip_prefix(BYTE_ORDER_MARK).unwrap_or(message);
    rewritten(message).map_or(Cow::Borrowed(message), |text| Cow::Owned(text.into_bytes()))
}

/// The text of what is no list, which would be read as the fields of a struct in their order.
pub(crate) fn object(message: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(message).ok()?;
    text.trim_ascii_start().starts_with('{').then_some(text)
}

/// What is handed on in the place of a message; `None` when that is the message itself.
fn rewritten(message: &[u8]) -> Option<String> {
    let text = object(message)?;
    let envelope: Envelope<'_> = serde_json::from_str(text).ok()?;
    let wrapped = wrapped(text, &envelope);
    if is_read(wrapped.as_deref().unwrap_or(text), envelope.params) {
        return wrapped;
    }
    match envelope.id {
        Some(id) => without_params(&envelope, id),
        None if envelope.method.starts_with(NOTIFICATIONS) => Some(String::new()),
        None => wrapped,
    }
}

/// The message with its arguments wrapped; `None` when it has none that can be found for certain.
fn wrapped(text: &str, envelope: &Envelope<'_>) -> Option<String> {
    if envelope.method != "tools/call" {
        return None;
    }
    let call: CallParams<'_> = serde_json::from_str(envelope.params?.get()).ok()?;
    let arguments = call.arguments?.get();
    let quoted = serde_json::to_string(arguments).ok()?;
    replaced(text, arguments, &format!("{{\"{KEY}\":{quoted}}}"))
}

/// Whether the protocol library can make a message of `text`, whose params are these. It takes none whose params, or
/// whose `_meta` in them, are no object, and reads no number beyond a float, no half of a surrogate and no depth
/// without end, wherever one stands.
fn is_read(text: &str, params: Option<&RawValue>) -> bool {
    let is_object = |value: &RawValue| value.get().starts_with('{');
    let has_params = params.is_none_or(|params| {
        is_object(params)
            && serde_json::from_str::<AnyParams<'_>>(params.get())
                .is_ok_and(|params| params.meta.is_none_or(is_object))
    });
    has_params && serde_json::from_str::<Value>(text).is_ok()
}

/// The request with params that say nothing, and nothing beside them.
fn without_params(envelope: &Envelope<'_>, id: &RawValue) -> Option<String> {
    let version = envelope.jsonrpc.map_or("null", RawValue::get);
    let method = serde_json::to_string(&envelope.method).ok()?;
    Some(format!(
        "{{\"jsonrpc\":{version},\"id\":{id},\"method\":{method},\"params\":{{}}}}"
    ))
}

/// `text` with another text in the place of `part`, which is a piece of it.
fn replaced(text: &str, part: &str, by: &str) -> Option<String> {
    // The part borrows from `text`, so the distance of the two is where it starts.
    let start = (part.as_ptr() as usize).checked_sub(text.as_ptr() as usize)?;
    let before = text.get(..start)?;
    let after = text.get(start.checked_add(part.len())?..)?;
    Some([before, by, after].concat())
}

/// The exact JSON text of the arguments that [`wrap`] kept. Absent arguments are an empty object.
pub fn unwrap(arguments: Option<JsonObject>) -> Result<String, NotExact> {
    let Some(mut arguments) = arguments else {
        return Ok("{}".to_owned());
    };
    match arguments.remove(KEY) {
        Some(Value::String(text)) if arguments.is_empty() => Ok(text),
        _ => Err(NotExact),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments_of(message: &str) -> Result<String, NotExact> {
        let wrapped = wrap(message.as_bytes());
        let value: Value = serde_json::from_slice(&wrapped).unwrap();
        unwrap(value["params"]["arguments"].as_object().cloned())
    }

    #[test]
    fn arguments_arrive_as_they_were_written() {
        for arguments in [
            r#"{"qty": 0.1, "price":12345678901234567890.123456789,"a":1e999}"#,
            r#"{"symbol":"BTC\u002fUSDT\"\\","symbol":"x"}"#,
            r#"[1, 2]"#,
            "-0",
        ] {
            let message = format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"tools\/call","params":{{"name":"x","arguments":{arguments} }}}}"#
            );
            assert_eq!(arguments_of(&message), Ok(arguments.to_owned()));
        }
    }

    #[test]
    fn other_messages_pass_byte_for_byte() {
        for message in [
            r#"{"jsonrpc":"2.0","id":1.50,"method":"tools/list","params":{"arguments":{"a":1}}}"#,
            r#"{"method":"tools/call","params":{"name":"x"}}"#,
            r#"{"method":"tools/call","params":{"name":"x","arguments":null}}"#,
            r#"{"method":"tools/call"}"#,
            r#"{"method":"notifications/cancelled","params":{"requestId":7}}"#,
            r#"{"method":"ping","params":[7]}"#,
            r#"{"id":1,"method":"tools/list","params":null}"#,
            r#"{"id":1,"method":"tools/list","params":{"_meta":null}}"#,
            r#"[{"method":"tools/call","params":{"arguments":{}}}]"#,
            "not json",
            "",
        ] {
            assert_eq!(wrap(message.as_bytes()), message.as_bytes(), "{message}");
        }
        assert_eq!(wrap(b"\xff\xfe"), &b"\xff\xfe"[..]);
    }

    #[test]
    fn what_cannot_be_read_leaves_a_request_that_is_answered() {
        let deep = "[".repeat(200) + &"]".repeat(200);
        for rest in [
            r#""params": [] "#,
            r#""params":7"#,
            r#""params":"x""#,
            r#""params":[{"a":1}]"#,
            r#""params":{"_meta":[]}"#,
            r#""params":{"_meta":{},"_meta":{}}"#,
            r#""params":{"arguments":{},"_meta":"x"}"#,
            r#""params":{"a":1e999}"#,
            r#""params":{"a":"\ud800"}"#,
            r#""params":{"$serde_json::private::RawValue":5}"#,
            r#""params":{},"x":"\ud800""#,
            r#""x":-1e999"#,
            &format!(r#""params":{{"a":{deep}}}"#),
        ] {
            let message = format!(r#"{{"jsonrpc":"2.0","id":"q","method":"tools\/call",{rest}}}"#);
            let wrapped = wrap(message.as_bytes()).into_owned();
            assert_eq!(
                String::from_utf8(wrapped).unwrap(),
                r#"{"jsonrpc":"2.0","id":"q","method":"tools/call","params":{}}"#,
                "{message}"
            );
        }
    }

    #[test]
    fn of_a_notification_that_cannot_be_read_nothing_is_left() {
        for params in ["[7]", "7", r#"{"_meta":5}"#, r#"{"requestId":1e999}"#] {
            let note = |id: &str| format!(r#"{{{id}"method":"notifications/cancelled","params":{params}}}"#);
            assert_eq!(wrap(note("").as_bytes()), &b""[..], "{params}");
            // Whoever gives an id asks, even with none.
            assert_ne!(wrap(note(r#""id":null,"#).as_bytes()), &b""[..], "{params}");
        }
    }

    #[test]
    fn a_byte_order_mark_hides_nothing() {
        let message =
            "\u{feff}{\"method\":\"tools/call\",\"params\":{\"name\":\"x\",\"arguments\":{\"a\":0.10}}}";
        assert_eq!(arguments_of(message), Ok(r#"{"a":0.10}"#.to_owned()));
    }

    #[test]
    fn a_repeated_key_around_the_arguments_leaves_them_unwrapped_and_refused() {
        for message in [
            r#"{"method":"tools/list","method":"tools/call","params":{"arguments":{"a":1}}}"#,
            r#"{"method":"tools/call","params":{},"params":{"arguments":{"a":1}}}"#,
            r#"{"method":"tools/call","params":{"arguments":{"a":2},"arguments":{"a":1}}}"#,
        ] {
            assert_eq!(arguments_of(message), Err(NotExact), "{message}");
        }
    }

    #[test]
    fn a_caller_who_sends_the_wrapper_gains_nothing() {
        let message = r#"{"method":"tools/call","params":{"arguments":{"__exact__":"{}"}}}"#;
        assert_eq!(arguments_of(message), Ok(r#"{"__exact__":"{}"}"#.to_owned()));
    }
}
