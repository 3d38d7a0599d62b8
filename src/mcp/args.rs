//! Reads a reading tool's arguments by the table: what is not known, missing or out of range is an error that
//! says so, and what is absent or null takes its default.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use super::tools::{Arg, Tool};
use super::values;
use crate::domain::json::{Json, JsonError};
use crate::domain::symbol::SymbolError;

/// Arguments that were checked, as plain text: symbols and coins as Bybit writes them, numbers without signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Args {
    values: BTreeMap<&'static str, String>,
    /// Those of `values` that the caller did not send.
    defaults: BTreeSet<&'static str>,
}

/// Why arguments cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ArgsError {
    #[error("the arguments cannot be read: {0}")]
    Json(#[from] JsonError),
    #[error("the arguments are {0}: send one object")]
    NotObject(&'static str),
    #[error("unknown argument {unknown}: {tool} takes {known}")]
    Unknown {
        unknown: String,
        tool: &'static str,
        known: String,
    },
    #[error("`{0}` is missing: {1} needs it")]
    Missing(&'static str, &'static str),
    #[error("`{name}` is {got}: send {want}")]
    Kind {
        name: &'static str,
        got: String,
        want: &'static str,
    },
    #[error("`{name}` is `{got}`: use one of {of}")]
    Choice {
        name: &'static str,
        got: String,
        of: String,
    },
    #[error("`{name}` is {got}: use {min} to {max}{when}")]
    Range {
        name: &'static str,
        got: u64,
        min: u64,
        max: u64,
        when: &'static str,
    },
    #[error(transparent)]
    Symbol(#[from] SymbolError),
    #[error("{0}")]
    Together(String),
}

impl Args {
    /// Reads `text`, the exact JSON of the arguments, by the table entry of `tool`.
    pub fn parse(tool: &Tool, text: &str) -> Result<Self, ArgsError> {
        let json = Json::parse(text)?;
        let Some(members) = json.as_object() else {
            return Err(ArgsError::NotObject(json.kind()));
        };
        let names = members.iter().map(|(name, _)| name.as_ref());
        refuse_unknown(tool, names)?;
        let mut args = Self {
            values: BTreeMap::new(),
            defaults: BTreeSet::new(),
        };
        for arg in tool.args {
            match json.member(arg.name) {
                None | Some(Json::Null) if arg.required => {
                    return Err(ArgsError::Missing(arg.name, tool.name));
                }
                None | Some(Json::Null) => args.take_default(arg),
                Some(given) => args.set(arg.name, values::read(arg, given)?),
            }
        }
        Ok(args)
    }

    fn take_default(&mut self, arg: &Arg) {
        if let Some(value) = values::default(arg) {
            self.values.insert(arg.name, value);
            self.defaults.insert(arg.name);
        }
    }

    /// The value of `name`, given or by default.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// The value of a whole number.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<u64> {
        self.get(name)?.parse().ok()
    }

    /// Whether `name` has a value.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// Whether the caller itself gave `name` its value.
    #[must_use]
    pub fn is_given(&self, name: &str) -> bool {
        self.has(name) && !self.defaults.contains(name)
    }

    /// Gives `name` another value.
    pub(super) fn set(&mut self, name: &'static str, value: String) {
        self.values.insert(name, value);
        self.defaults.remove(name);
    }
}

fn refuse_unknown<'a>(tool: &Tool, given: impl Iterator<Item = &'a str>) -> Result<(), ArgsError> {
    let known = |name: &str| tool.args.iter().any(|arg| arg.name == name);
    let unknown: Vec<String> = given
        .filter(|name| !known(name))
        .take(10)
        .map(|name| format!("`{}`", shorten(name)))
        .collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = tool.args.iter().map(|arg| arg.name).collect();
    Err(ArgsError::Unknown {
        unknown: unknown.join(", "),
        tool: tool.name,
        known: names.join(", "),
    })
}

/// Keeps a hostile text from filling an error message.
pub(super) fn shorten(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(tool: &str, text: &str) -> Result<Args, String> {
        Args::parse(Tool::by_name(tool).unwrap(), text).map_err(|error| error.to_string())
    }

    #[test]
    fn null_is_absent_and_absent_takes_the_default() {
        let given = parse(
            "bybit_get_kline",
            r#"{"symbol":"btc-usdt","limit":null,"start_ms":null,"category":null}"#,
        );
        assert_eq!(given, parse("bybit_get_kline", r#"{"symbol":"BTCUSDT"}"#));
        let args = given.unwrap();
        assert_eq!(args.get("symbol"), Some("BTCUSDT"));
        assert_eq!(args.get("category"), Some("linear"));
        assert_eq!(args.get("interval"), Some("5"));
        assert_eq!(args.number("limit"), Some(200));
        assert!(!args.has("start_ms"));
    }

    #[test]
    fn a_number_may_be_a_text_and_an_interval_a_number() {
        let args = parse(
            "bybit_get_kline",
            r#"{"symbol":"X","limit":"7","interval":60,"end_ms":1700000000000}"#,
        )
        .unwrap();
        assert_eq!(args.number("limit"), Some(7));
        assert_eq!(args.get("interval"), Some("60"));
        assert_eq!(args.get("end_ms"), Some("1700000000000"));
    }

    #[test]
    fn errors_say_what_and_what_to_do() {
        let cases = [
            (
                "bybit_get_tickers",
                r#"{"sym":"X","Symbol":"Y"}"#,
                "unknown argument `sym`, `Symbol`: bybit_get_tickers takes category, symbol, limit",
            ),
            (
                "bybit_get_kline",
                "{}",
                "`symbol` is missing: bybit_get_kline needs it",
            ),
            (
                "bybit_get_kline",
                r#"{"symbol":5}"#,
                "`symbol` is `5`: send a short text",
            ),
            (
                "bybit_get_kline",
                r#"{"symbol":"X","limit":1001}"#,
                "`limit` is 1001: use 1 to 1000",
            ),
            (
                "bybit_get_kline",
                r#"{"symbol":"X","limit":0}"#,
                "`limit` is 0: use 1 to 1000",
            ),
            (
                "bybit_get_kline",
                r#"{"symbol":"X","limit":2.5}"#,
                "`limit` is `2.5`: send a whole number",
            ),
            (
                "bybit_get_kline",
                r#"{"symbol":"X","limit":1e999}"#,
                "`limit` is `1e999`: send a whole number",
            ),
            (
                "bybit_get_kline",
                r#"{"symbol":"X","limit":true}"#,
                "`limit` is a boolean: send a whole number",
            ),
            (
                "bybit_get_kline",
                r#"{"symbol":"X","interval":"7"}"#,
                "`interval` is `7`: use one of 1, 3, 5, 15, 30, 60, 120, 240, 360, 720, D, W, M",
            ),
            (
                "bybit_get_positions",
                r#"{"category":"spot"}"#,
                "`category` is `spot`: use one of linear, inverse, option",
            ),
            (
                "bybit_get_positions",
                r#"{"cursor":"a&symbol=X"}"#,
                "`cursor` is `a&symbol=X`: send the next_cursor of an earlier reply, unchanged",
            ),
            (
                "bybit_get_tickers",
                r#"{"symbol":"A","symbol":"B"}"#,
                "the arguments cannot be read: the key `symbol` appears twice in one object, and readers disagree on which one counts",
            ),
            (
                "bybit_get_tickers",
                "[]",
                "the arguments are a list: send one object",
            ),
        ];
        for (tool, text, want) in cases {
            assert_eq!(parse(tool, text), Err(want.to_owned()), "{text}");
        }
    }

    #[test]
    fn coin_lists_are_tidied() {
        let args = parse("bybit_get_wallet_balance", r#"{"coins":" btc, USDT"}"#).unwrap();
        assert_eq!(args.get("coins"), Some("BTC,USDT"));
        assert!(parse("bybit_get_wallet_balance", r#"{"coins":"btc,,"}"#).is_err());
    }
}
