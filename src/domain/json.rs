//! JSON read exactly: numbers stay text, key order stays, a repeated key is an error.
//!
//! `serde_json` parses `0.1` into a binary float and keeps the last of two equal keys. Neither may happen
//! to a cap, a quantity or a ledger line, so those are read with this parser. It never writes.

use std::borrow::Cow;

use thiserror::Error;

/// Nesting beyond this is refused: no file or request of ours needs it, and the parser recurses.
const MAX_DEPTH: usize = 64;

/// One JSON value, borrowing from the text it was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Json<'a> {
    Null,
    Bool(bool),
    /// The number exactly as written, checked against JSON's grammar.
    Number(&'a str),
    String(Cow<'a, str>),
    Array(Vec<Json<'a>>),
    /// Members in the order of the text; keys are unique.
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

/// Why a text is not exactly one JSON value.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum JsonError {
    #[error("not JSON at byte {at}: {what}")]
    Syntax { at: usize, what: &'static str },
    #[error("the key `{0}` appears twice in one object, and readers disagree on which one counts")]
    DuplicateKey(String),
    #[error("nested more than {MAX_DEPTH} levels deep")]
    TooDeep,
}

impl<'a> Json<'a> {
    /// Reads exactly one value; white space may surround it, nothing else.
    pub fn parse(text: &'a str) -> Result<Self, JsonError> {
        let mut parser = Parser {
            text,
            bytes: text.as_bytes(),
            at: 0,
        };
        let value = parser.value(0)?;
        parser.skip_white();
        if parser.at < parser.bytes.len() {
            return Err(parser.error("more text after the value"));
        }
        Ok(value)
    }

    /// The member `key` of an object; `None` for other kinds and absent keys.
    #[must_use]
    pub fn member(&self, key: &str) -> Option<&Json<'a>> {
        match self {
            Self::Object(members) => members
                .iter()
                .find(|(name, _)| name == key)
                .map(|(_, value)| value),
            _ => None,
        }
    }

    /// What kind of value this is, as an error message names it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::String(_) => "a string",
            Self::Array(_) => "a list",
            Self::Object(_) => "an object",
        }
    }

    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    #[must_use]
    pub fn as_array(&self) -> Option<&[Json<'a>]> {
        match self {
            Self::Array(items) => Some(items),
            _ => None,
        }
    }

    #[must_use]
    pub fn as_object(&self) -> Option<&[(Cow<'a, str>, Json<'a>)]> {
        match self {
            Self::Object(members) => Some(members),
            _ => None,
        }
    }

    /// The text of a string or of a number: how Bybit and agents both write amounts.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            Self::Number(text) => Some(text),
            _ => None,
        }
    }
}

struct Parser<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Parser<'a> {
    fn error(&self, what: &'static str) -> JsonError {
        JsonError::Syntax { at: self.at, what }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_white(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8, what: &'static str) -> Result<(), JsonError> {
        if self.peek() == Some(byte) {
            self.at += 1;
            return Ok(());
        }
        Err(self.error(what))
    }

    fn value(&mut self, depth: usize) -> Result<Json<'a>, JsonError> {
        if depth > MAX_DEPTH {
            return Err(JsonError::TooDeep);
        }
        self.skip_white();
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => Ok(Json::String(self.string()?)),
            Some(b't') => self.word("true", Json::Bool(true)),
            Some(b'f') => self.word("false", Json::Bool(false)),
            Some(b'n') => self.word("null", Json::Null),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(_) => Err(self.error("expected a value")),
            None => Err(self.error("the text ends where a value should be")),
        }
    }

    fn word(&mut self, word: &'static str, value: Json<'a>) -> Result<Json<'a>, JsonError> {
        let end = self.at + word.len();
        if self.bytes.get(self.at..end) == Some(word.as_bytes()) {
            self.at = end;
            return Ok(value);
        }
        Err(self.error("expected a value"))
    }

    fn object(&mut self, depth: usize) -> Result<Json<'a>, JsonError> {
        self.at += 1;
        let mut members: Vec<(Cow<'a, str>, Json<'a>)> = Vec::new();
        self.skip_white();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Json::Object(members));
        }
        loop {
            self.skip_white();
            if self.peek() != Some(b'"') {
                return Err(self.error("expected a key in quotes"));
            }
            let key = self.string()?;
            if members.iter().any(|(name, _)| *name == key) {
                return Err(JsonError::DuplicateKey(key.into_owned()));
            }
            self.skip_white();
            self.expect(b':', "expected `:` after a key")?;
            let value = self.value(depth + 1)?;
            members.push((key, value));
            self.skip_white();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(Json::Object(members));
                }
                _ => return Err(self.error("expected `,` or `}`")),
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Json<'a>, JsonError> {
        self.at += 1;
        let mut items = Vec::new();
        self.skip_white();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Json::Array(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            self.skip_white();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(Json::Array(items));
                }
                _ => return Err(self.error("expected `,` or `]`")),
            }
        }
    }

    /// A string; borrowed when it has no escape, else decoded by `serde_json`.
    fn string(&mut self) -> Result<Cow<'a, str>, JsonError> {
        let start = self.at;
        self.at += 1;
        let mut escaped = false;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    self.at += 2;
                }
                Some(0..=0x1f) => return Err(self.error("a control character inside a string")),
                Some(_) => self.at += 1,
                None => return Err(self.error("a string without an end")),
            }
        }
        self.at += 1;
        if escaped {
            let quoted = self.text.get(start..self.at).unwrap_or_default();
            return serde_json::from_str::<String>(quoted)
                .map(Cow::Owned)
                .map_err(|_| JsonError::Syntax {
                    at: start,
                    what: "a broken escape in a string",
                });
        }
        self.text
            .get(start + 1..self.at - 1)
            .map(Cow::Borrowed)
            .ok_or(JsonError::Syntax {
                at: start,
                what: "a broken string",
            })
    }

    fn number(&mut self) -> Result<Json<'a>, JsonError> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits()?,
            _ => return Err(self.error("expected a digit")),
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        self.text
            .get(start..self.at)
            .map(Json::Number)
            .ok_or_else(|| self.error("a broken number"))
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        if !matches!(self.peek(), Some(b'0'..=b'9')) {
            return Err(self.error("expected a digit"));
        }
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_as_written() {
        let text = r#"{"a": 1e-07, "b": [0.10, -0, 12345678901234567890123]}"#;
        let json = Json::parse(text).unwrap();
        assert_eq!(json.member("a"), Some(&Json::Number("1e-07")));
        let items = json.member("b").unwrap().as_array().unwrap();
        assert_eq!(
            items,
            &[
                Json::Number("0.10"),
                Json::Number("-0"),
                Json::Number("12345678901234567890123")
            ]
        );
    }

    #[test]
    fn a_repeated_key_is_an_error_even_when_escaped_differently() {
        assert_eq!(
            Json::parse(r#"{"a":1,"\u0061":2}"#),
            Err(JsonError::DuplicateKey("a".into()))
        );
    }

    #[test]
    fn escapes_are_decoded() {
        assert_eq!(
            Json::parse(r#""a\n\u00e9\ud83d\ude00""#),
            Ok(Json::String("a\né😀".into()))
        );
        assert!(Json::parse(r#""\ud83d""#).is_err());
        assert!(Json::parse(r#""abc\"#).is_err());
    }

    #[test]
    fn what_is_not_exactly_one_value_is_refused() {
        for text in [
            "",
            " ",
            "{",
            "[1,]",
            "{} {}",
            "\u{feff}{}",
            "NaN",
            "01",
            "1.",
            ".5",
            "+1",
            "{'a':1}",
            "tru",
            "\"\t\"",
        ] {
            assert!(Json::parse(text).is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let deep = "[".repeat(5_000) + &"]".repeat(5_000);
        assert_eq!(Json::parse(&deep), Err(JsonError::TooDeep));
    }
}
