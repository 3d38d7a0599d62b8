//! A message of a client: operation, id and arguments.

use serde_json::Value;

/// What a client said.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) op: String,
    /// `req_id`, of order entry `reqId`; empty when there is none.
    pub(super) id: String,
    pub(super) args: Vec<Value>,
    header: Value,
}

/// The arguments of `auth`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Offer {
    pub(super) key: String,
    pub(super) expires: String,
    pub(super) sign: String,
}

impl Said {
    /// Reads a message; nothing when it is not a JSON object.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(text).ok()?;
        let fields = value.as_object()?;
        let text = |name: &str| fields.get(name).map(as_text).unwrap_or_default();
        let id = match text("req_id") {
            id if id.is_empty() => text("reqId"),
            id => id,
        };
        Some(Self {
            op: text("op"),
            id,
            args: fields
                .get("args")
                .and_then(Value::as_array)
                .cloned()
                .unwrap_or_default(),
            header: fields.get("header").cloned().unwrap_or_default(),
        })
    }

    /// The arguments as text: topics.
    pub(super) fn words(&self) -> Vec<String> {
        self.args.iter().map(as_text).collect()
    }

    /// Key, expiry and signature; the expiry comes as a number from some clients and as text from others.
    pub(super) fn offer(&self) -> Option<Offer> {
        match self.words().as_slice() {
            [key, expires, sign] => Some(Offer {
                key: key.clone(),
                expires: expires.clone(),
                sign: sign.clone(),
            }),
            _ => None,
        }
    }

    /// A field of the header of order entry, whatever its case.
    pub(super) fn header(&self, name: &str) -> String {
        let fields = self.header.as_object();
        fields
            .and_then(|fields| fields.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)))
            .map(|(_, value)| as_text(value))
            .unwrap_or_default()
    }
}

fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_texts_are_read_alike() {
        for text in [
            r#"{"op":"auth","args":["k",1662350400000,"s"]}"#,
            r#"{"op":"auth","args":["k","1662350400000","s"],"req_id":7}"#,
        ] {
            let offer = Said::parse(text).unwrap().offer().unwrap();
            assert_eq!((offer.key.as_str(), offer.sign.as_str()), ("k", "s"));
            assert_eq!(offer.expires, "1662350400000");
        }
        let said =
            Said::parse(r#"{"reqId":"a","op":"order.create","header":{"x-bapi-timestamp":5},"args":[{}]}"#);
        let said = said.unwrap();
        assert_eq!(
            (said.id.as_str(), said.header("X-BAPI-TIMESTAMP").as_str()),
            ("a", "5")
        );
        for text in ["", "[]", "ping", "{"] {
            assert!(Said::parse(text).is_none(), "{text}");
        }
    }
}
