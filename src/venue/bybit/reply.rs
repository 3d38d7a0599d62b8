//! An answer of the exchange: status, limits, envelope (facts §2.1). Secrets are taken out before anything is shown.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::limits::LimitHeaders;
use crate::domain::secret::Secret;

/// Longer texts of the exchange are cut: a message is for a person.
const MAX_MESSAGE_CHARS: usize = 400;

/// A needle shorter than this would blank out ordinary words; no real key or secret is.
const MIN_NEEDLE_CHARS: usize = 8;

const REDACTED: &str = "[redacted]";

/// What came back, whole.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body: String,
    pub(super) limits: LimitHeaders,
    pub(super) redactor: Redactor,
}

/// The envelope of every V5 answer.
#[derive(Debug)]
pub(super) struct Envelope {
    pub(super) code: i64,
    /// `retMsg`, free of secrets.
    pub(super) message: String,
    /// The text of `result`, `null` when there is none. May still hold secrets: see [`Envelope::value`].
    pub(super) result: String,
    redactor: Redactor,
}

#[derive(Deserialize)]
struct RawEnvelope<'a> {
    #[serde(rename = "retCode")]
    code: i64,
    #[serde(rename = "retMsg", default, borrow)]
    message: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    result: Option<&'a RawValue>,
}

impl Reply {
    /// The envelope, or nothing when the body is not one: HTML of a CDN, cut short, empty.
    pub(super) fn envelope(&self) -> Option<Envelope> {
        // Serde would read a list as the fields in their order: `[0]` for an acceptance.
        if !self.body.trim_start().starts_with('{') {
            return None;
        }
        let raw: RawEnvelope<'_> = serde_json::from_str(&self.body).ok()?;
        Some(Envelope {
            code: raw.code,
            message: self.redactor.text(raw.message.as_deref().unwrap_or_default()),
            result: raw.result.map_or("null", RawValue::get).to_owned(),
            redactor: self.redactor.clone(),
        })
    }

    /// The address is over its limit (facts §2.2), which the body says in words.
    pub(super) fn is_ban(&self) -> bool {
        self.status == 403 && self.body.to_ascii_lowercase().contains("access too frequent")
    }

    /// The start of a body that is no envelope, for a message.
    pub(super) fn body_in_words(&self) -> String {
        let start: String = self.body.trim().chars().take(4_000).collect();
        if start.is_empty() {
            return "an empty body".to_owned();
        }
        // Cut after secrets are out: half of one would not be recognised.
        let plain: String = self.redactor.text(&start).chars().take(120).collect();
        format!("`{plain}`")
    }
}

impl Envelope {
    /// `result` for a caller: key order as sent, secrets taken out.
    pub(super) fn value(&self) -> Result<Value, serde_json::Error> {
        let mut value = serde_json::from_str(&self.result)?;
        self.redactor.value(&mut value);
        Ok(value)
    }

    /// Takes secrets out of a message that was made from `result`.
    pub(super) fn redact(&self, text: &str) -> String {
        self.redactor.text(text)
    }
}

/// Takes key, secret and signature out of texts. Bybit's 10004 echoes the signed string with the key in it.
#[derive(Debug, Clone, Default)]
pub(super) struct Redactor {
    needles: Vec<Secret>,
}

impl Redactor {
    pub(super) fn new(needles: impl IntoIterator<Item = Secret>) -> Self {
        let mut needles: Vec<Secret> = needles
            .into_iter()
            .filter(|needle| needle.reveal().len() >= MIN_NEEDLE_CHARS)
            .collect();
        // Base64 has slashes, which some JSON writers escape; a body is searched as it came as well.
        let escaped: Vec<Secret> = needles
            .iter()
            .filter(|needle| needle.reveal().contains('/'))
            .map(|needle| Secret::new(needle.reveal().replace('/', "\\/")))
            .collect();
        needles.extend(escaped);
        // The longest first: one needle may be a part of another.
        needles.sort_by_key(|needle| std::cmp::Reverse(needle.reveal().len()));
        Self { needles }
    }

    /// A message without secrets, line breaks and length.
    pub(super) fn text(&self, text: &str) -> String {
        let mut text = self.replaced(text);
        if let Some((before, _)) = text.split_once("origin_string[") {
            text = format!("{before}origin_string{REDACTED}");
        }
        let plain = text
            .chars()
            .map(|letter| if letter.is_control() { ' ' } else { letter });
        plain.take(MAX_MESSAGE_CHARS).collect()
    }

    /// Every string inside `value`, keys included.
    pub(super) fn value(&self, value: &mut Value) {
        match value {
            Value::String(text) if self.finds(text) => *text = self.replaced(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.value(item)),
            Value::Object(members) => {
                if members.keys().any(|key| self.finds(key)) {
                    let renamed = std::mem::take(members);
                    members.extend(renamed.into_iter().map(|(key, item)| (self.replaced(&key), item)));
                }
                members.values_mut().for_each(|item| self.value(item));
            }
            _ => {}
        }
    }

    fn finds(&self, text: &str) -> bool {
        self.needles.iter().any(|needle| text.contains(needle.reveal()))
    }

    fn replaced(&self, text: &str) -> String {
        self.needles.iter().fold(text.to_owned(), |text, needle| {
            text.replace(needle.reveal(), REDACTED)
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn redactor() -> Redactor {
        let needles = ["KEYKEYKEY", "s3cr3ts3cr3t", "abc"];
        Redactor::new(needles.map(|needle| Secret::new(needle.to_owned())))
    }

    fn reply(status: u16, body: &str) -> Reply {
        Reply {
            status,
            body: body.to_owned(),
            limits: LimitHeaders::default(),
            redactor: redactor(),
        }
    }

    #[test]
    fn the_echoed_signing_string_is_cut_out() {
        let body = r#"{"retCode":10004,"retMsg":"error sign! origin_string[1700000000000KEYKEYKEY5000a=1]","result":{}}"#;
        let envelope = reply(200, body).envelope().unwrap();
        assert_eq!(envelope.code, 10004);
        assert_eq!(envelope.message, "error sign! origin_string[redacted]");
    }

    #[test]
    fn keys_and_secrets_are_taken_out_of_values_whatever_their_escapes() {
        let body = r#"{"retCode":0,"retMsg":"","result":{"b":"\u004bEYKEYKEY","a":["x s3cr3ts3cr3t y",1],"KEYKEYKEY":null}}"#;
        let value = reply(200, body).envelope().unwrap().value().unwrap();
        assert_eq!(
            value,
            json!({"b": "[redacted]", "a": ["x [redacted] y", 1], "[redacted]": null})
        );
        let order: Vec<&String> = value.as_object().unwrap().keys().collect();
        assert_eq!(order, ["b", "a", "[redacted]"]);
    }

    #[test]
    fn what_is_not_the_envelope_is_nothing() {
        for body in [
            "",
            "<html>502</html>",
            "{}",
            r#"{"retCode":"0"}"#,
            r#"{"retCode":0,"result":{"a""#,
            "[]",
            "[0]",
            r#" [0,"OK",{"orderId":"1"}]"#,
            r#"{"retCode":0,"retCode":1}"#,
        ] {
            assert!(reply(200, body).envelope().is_none(), "{body}");
        }
    }

    #[test]
    fn missing_and_null_results_are_null() {
        for body in [
            r#"{"retCode":0}"#,
            r#"{"retCode":0,"retMsg":null,"result":null,"retExtMap":{}}"#,
        ] {
            assert_eq!(reply(200, body).envelope().unwrap().result, "null", "{body}");
        }
    }

    #[test]
    fn only_the_words_of_the_address_limit_are_a_ban() {
        assert!(reply(403, "403, Access too frequent").is_ban());
        assert!(!reply(403, "<HTML>blocked country</HTML>").is_ban());
        assert!(!reply(200, "access too frequent").is_ban());
    }
}
