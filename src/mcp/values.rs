//! One argument of a reading tool, from JSON to the text that the exchange takes.

use super::args::{ArgsError, shorten};
use super::tools::{Arg, Kind};
use crate::domain::json::Json;
use crate::domain::symbol::{Coin, Symbol};

/// Most coins in one list; the endpoint takes no more in a URL of sane length.
const MAX_COINS: usize = 50;

/// The year 2286, in milliseconds: later instants are mistakes of unit.
const MAX_MILLIS: u64 = 10_000_000_000_000;

/// Longest free text, in characters; Bybit's cursors stay far below.
const MAX_TEXT_CHARS: usize = 512;

/// The value of an argument that was not sent.
pub(super) fn default(arg: &Arg) -> Option<String> {
    match arg.kind {
        Kind::Choice { default, .. } => default.map(str::to_owned),
        Kind::Whole { default, .. } => default.map(|number| number.to_string()),
        _ => None,
    }
}

/// The value of an argument that was sent.
pub(super) fn read(arg: &Arg, given: &Json<'_>) -> Result<String, ArgsError> {
    match arg.kind {
        Kind::Choice { of, .. } => choice(arg.name, of, given),
        Kind::Symbol => Ok(Symbol::parse(word(arg, given)?)?.as_str().to_owned()),
        Kind::Coin => Ok(Coin::parse(word(arg, given)?)?.as_str().to_owned()),
        Kind::Coins => coins(arg, word(arg, given)?),
        Kind::Cursor => cursor(arg, word(arg, given)?),
        Kind::Text => Ok(word(arg, given)?.to_owned()),
        Kind::Whole { min, max, .. } => whole(arg.name, given, min, max),
        Kind::Millis => whole(arg.name, given, 0, MAX_MILLIS),
        Kind::Amount => text_of(arg.name, given, "a number").map(str::to_owned),
        Kind::Flag => given
            .as_bool()
            .map(|flag| flag.to_string())
            .ok_or_else(|| wrong(arg.name, given, "true or false")),
    }
}

fn word<'a>(arg: &Arg, given: &'a Json<'_>) -> Result<&'a str, ArgsError> {
    given
        .as_str()
        .filter(|text| text.len() <= MAX_TEXT_CHARS)
        .ok_or_else(|| wrong(arg.name, given, "a short text"))
}

fn text_of<'a>(name: &'static str, given: &'a Json<'_>, want: &'static str) -> Result<&'a str, ArgsError> {
    given.as_text().ok_or_else(|| wrong(name, given, want))
}

/// An interval may come as the number 5 as well as the text `5`.
fn choice(name: &'static str, of: &[&str], given: &Json<'_>) -> Result<String, ArgsError> {
    let text = text_of(name, given, "a text")?;
    if of.contains(&text) {
        return Ok(text.to_owned());
    }
    Err(ArgsError::Choice {
        name,
        got: shorten(text),
        of: of.join(", "),
    })
}

fn whole(name: &'static str, given: &Json<'_>, min: u64, max: u64) -> Result<String, ArgsError> {
    let text = text_of(name, given, "a whole number")?;
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number: u64 = match text.parse() {
        Ok(number) if plain => number,
        _ => return Err(wrong(name, given, "a whole number")),
    };
    if !(min..=max).contains(&number) {
        return Err(ArgsError::Range {
            name,
            got: number,
            min,
            max,
            when: "",
        });
    }
    Ok(number.to_string())
}

fn coins(arg: &Arg, text: &str) -> Result<String, ArgsError> {
    let names: Vec<String> = text
        .split(',')
        .map(|coin| Coin::parse(coin).map(|coin| coin.as_str().to_owned()))
        .collect::<Result<_, _>>()?;
    if names.len() > MAX_COINS {
        return Err(ArgsError::Kind {
            name: arg.name,
            got: format!("a list of {} coins", names.len()),
            want: "at most 50",
        });
    }
    Ok(names.join(","))
}

/// A cursor goes into the query as it is, so it must not be able to say anything else there.
fn cursor(arg: &Arg, text: &str) -> Result<String, ArgsError> {
    let harmless = |byte: u8| byte.is_ascii_alphanumeric() || b"%=:,._~+/-|!*".contains(&byte);
    if text.is_empty() || !text.bytes().all(harmless) {
        return Err(ArgsError::Kind {
            name: arg.name,
            got: format!("`{}`", shorten(text)),
            want: "the next_cursor of an earlier reply, unchanged",
        });
    }
    Ok(text.to_owned())
}

fn wrong(name: &'static str, given: &Json<'_>, want: &'static str) -> ArgsError {
    let got = match given.as_text() {
        Some(text) => format!("`{}`", shorten(text)),
        None => given.kind().to_owned(),
    };
    ArgsError::Kind { name, got, want }
}
