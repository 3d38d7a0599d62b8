//! Keeps a tool call's arguments exactly as the caller wrote them.
//!
//! The protocol library parses JSON into a tree where `0.1` and a 20-digit number become binary floats and the
//! last of two equal keys wins in silence. So before it sees a `tools/call`, the text of `arguments` is put
//! into one JSON string under a name of our own, byte for byte. Arguments that arrive without it did not come through
//! here, because the message around them was not plain JSON, and the call is refused.

use std::borrow::Cow;

use rmcp::model::JsonObject;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use thiserror::Error;

/// Longest message that is read, in bytes. No call of ours needs a hundredth of it.
pub const MAX_MESSAGE_BYTES: usize = 4 * 1024 * 1024;

/// Wrapping doubles a message at worst: each quote and backslash gains one backslash.
pub(super) const MAX_WRAPPED_BYTES: usize = 2 * MAX_MESSAGE_BYTES + 1024;

/// Under this name the exact text travels through the protocol library.
const KEY: &str = "__exact__";

/// Stands in for params that are no object, and says what they say: nothing. With those the protocol library would take
/// the whole message for none, and answer it without its id.
const NO_PARAMS: &str = "{}";

/// Some editors and shells put this in front of a text; the protocol library skips it.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    method: Cow<'a, str>,
    #[serde(borrow)]
    params: &'a RawValue,
}

#[derive(Deserialize)]
struct CallParams<'a> {
    #[serde(borrow)]
    arguments: Option<&'a RawValue>,
}

/// Why arguments cannot be trusted to be what the caller wrote.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "the call was not run: its message has a repeated key or is not plain JSON, so its arguments cannot be read exactly; send each key once"
)]
pub struct NotExact;

/// Wraps the arguments of a `tools/call`, and puts none in the place of params that no method has; every other message comes
/// back byte for byte.
#[must_use]
pub fn wrap(message: &[u8]) -> Cow<'_, [u8]> {
    let message = message.strip_prefix(BYTE_ORDER_MARK).unwrap_or(message);
    wrapped(message).map_or(Cow::Borrowed(message), Cow::Owned)
}

/// The message with its arguments wrapped; `None` when it has none that can be found for certain.
fn wrapped(message: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(message).ok()?;
    let envelope: Envelope<'_> = serde_json::from_str(text).ok()?;
    let params = envelope.params.get();
    if envelope.id.is_some() && !params.starts_with('{') && params != "null" {
        return replaced(text, params, NO_PARAMS);
    }
    if envelope.method != "tools/call" {
        return None;
    }
    let call: CallParams<'_> = serde_json::from_str(params).ok()?;
    let arguments = call.arguments?.get();
    let quoted = serde_json::to_string(arguments).ok()?;
    replaced(text, arguments, &format!("{{\"{KEY}\":{quoted}}}"))
}

/// `text` with another text in the place of `part`, which is a piece of it.
fn replaced(text: &str, part: &str, by: &str) -> Option<Vec<u8>> {
    // The part borrows from `text`, so the distance of the two is where it starts.
    let start = (part.as_ptr() as usize).checked_sub(text.as_ptr() as usize)?;
    let before = text.get(..start)?;
    let after = text.get(start.checked_add(part.len())?..)?;
    Some([before, by, after].concat().into_bytes())
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
            r#"{"method":"notifications/cancelled","params":[7]}"#,
            r#"{"id":1,"method":"tools/list","params":null}"#,
            r#"[{"method":"tools/call","params":{"arguments":{}}}]"#,
            "not json",
            "",
        ] {
            assert_eq!(wrap(message.as_bytes()), message.as_bytes(), "{message}");
        }
        assert_eq!(wrap(b"\xff\xfe"), &b"\xff\xfe"[..]);
    }

    #[test]
    fn params_that_are_no_object_leave_a_message_that_is_answered() {
        for params in ["[]", "7", r#""x""#, "true", r#"[{"a":1}]"#] {
            let message = |params| format!(r#"{{"id":"q","method":"tools/list","params": {params} ,"a":1}}"#);
            let wrapped = wrap(message(params).as_bytes()).into_owned();
            assert_eq!(
                String::from_utf8(wrapped).unwrap(),
                message(NO_PARAMS),
                "{params}"
            );
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
