//! JSON text exactly as Python's `json.dumps` prints it: the compact sorted form that is hashed, and the ledger's line.
//!
//! It prints and never parses. The one place of the program that lets a float be: the ledger's hash is defined over
//! numbers as Python prints them after parsing.

use std::borrow::Cow;
use std::fmt::Write;

use serde_json::Value;

use crate::domain::json::Json;

/// Stands for Python's `NaN` in a text that [`admit_python_words`] made parseable. No program prints this number.
const NAN_MARK: &str = "9e+90000000000000000000";

/// `json.dumps(sort_keys=True, separators=(",", ":"), ensure_ascii=True)` of a value that was read.
pub fn canonical_json(out: &mut String, json: &Json<'_>) {
    match json {
        Json::Null => out.push_str("null"),
        Json::Bool(true) => out.push_str("true"),
        Json::Bool(false) => out.push_str("false"),
        Json::Number(text) => number(out, text),
        Json::String(text) => ascii_string(out, text),
        Json::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                separate(out, at, ",");
                canonical_json(out, item);
            }
            out.push(']');
        }
        Json::Object(members) => canonical_members(out, members.iter()),
    }
}

/// The object of `members`, sorted by the code points of the keys as Python sorts them.
pub fn canonical_members<'m, 'a: 'm>(
    out: &mut String,
    members: impl Iterator<Item = &'m (Cow<'a, str>, Json<'a>)>,
) {
    let mut sorted: Vec<_> = members.collect();
    sorted.sort_unstable_by(|one, other| one.0.cmp(&other.0));
    out.push('{');
    for (at, (key, value)) in sorted.into_iter().enumerate() {
        separate(out, at, ",");
        ascii_string(out, key);
        out.push(':');
        canonical_json(out, value);
    }
    out.push('}');
}

/// The same form of a value that we composed.
pub fn canonical_value(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(value) => number(out, &value.to_string()),
        Value::String(text) => ascii_string(out, text),
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                separate(out, at, ",");
                canonical_value(out, item);
            }
            out.push(']');
        }
        Value::Object(members) => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_unstable_by(|one, other| one.0.cmp(other.0));
            out.push('{');
            for (at, (key, value)) in sorted.into_iter().enumerate() {
                separate(out, at, ",");
                ascii_string(out, key);
                out.push(':');
                canonical_value(out, value);
            }
            out.push('}');
        }
    }
}

/// `json.dumps(ensure_ascii=False)` with its default separators: one line of the ledger, without the newline.
pub fn line_value(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(value) => number(out, &value.to_string()),
        Value::String(text) => line_string(out, text),
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                separate(out, at, ", ");
                line_value(out, item);
            }
            out.push(']');
        }
        Value::Object(members) => {
            out.push('{');
            for (at, (key, value)) in members.iter().enumerate() {
                separate(out, at, ", ");
                line_string(out, key);
                out.push_str(": ");
                line_value(out, value);
            }
            out.push('}');
        }
    }
}

/// The same form of a value that was read; numbers keep their text.
pub fn line_json(out: &mut String, json: &Json<'_>) {
    match json {
        Json::Null => out.push_str("null"),
        Json::Bool(true) => out.push_str("true"),
        Json::Bool(false) => out.push_str("false"),
        Json::Number(text) => out.push_str(text),
        Json::String(text) => line_string(out, text),
        Json::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                separate(out, at, ", ");
                line_json(out, item);
            }
            out.push(']');
        }
        Json::Object(members) => {
            out.push('{');
            for (at, (key, value)) in members.iter().enumerate() {
                separate(out, at, ", ");
                line_string(out, key);
                out.push_str(": ");
                line_json(out, value);
            }
            out.push('}');
        }
    }
}

/// `text` with Python's `NaN`, `Infinity` and `-Infinity` outside strings replaced by numbers that
/// [`canonical_json`] prints as those words again. Python writes and reads them; JSON has no such thing.
#[must_use]
pub fn admit_python_words(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(quote) = rest.find('"') {
        let (outside, from_quote) = rest.split_at(quote);
        out.push_str(&outside.replace("NaN", NAN_MARK).replace("Infinity", "1e999"));
        let (string, after) = from_quote.split_at(string_length(from_quote));
        out.push_str(string);
        rest = after;
    }
    out.push_str(&rest.replace("NaN", NAN_MARK).replace("Infinity", "1e999"));
    out
}

/// How many bytes the string literal at the start of `text` takes, both quotes included.
fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn separate(out: &mut String, at: usize, separator: &str) {
    if at > 0 {
        out.push_str(separator);
    }
}

/// A number as Python prints it after parsing `text`: integers keep their digits, the rest goes through a float.
fn number(out: &mut String, text: &str) {
    if text == NAN_MARK {
        out.push_str("NaN");
    } else if text == "-0" {
        out.push('0');
    } else if text.bytes().any(|byte| matches!(byte, b'.' | b'e' | b'E')) {
        float(out, text);
    } else {
        out.push_str(text);
    }
}

/// Python's `repr` of the float that `text` means: the shortest digits that read back as the same float, with an
/// exponent below 1e-4 and from 1e16 on.
fn float(out: &mut String, text: &str) {
    #[expect(
        clippy::disallowed_types,
        reason = "the ledger's hash is defined over floats as Python prints them"
    )]
    let Ok(value) = text.parse::<f64>() else {
        return out.push_str(text);
    };
    if value.is_infinite() {
        return out.push_str(if text.starts_with('-') {
            "-Infinity"
        } else {
            "Infinity"
        });
    }
    let scientific = format!("{value:e}");
    let (sign, unsigned) = match scientific.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", scientific.as_str()),
    };
    let (mantissa, exponent) = unsigned.split_once('e').unwrap_or((unsigned, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let (first, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    out.push_str(sign);
    if (-4..16).contains(&exponent) {
        plain(out, &format!("{first}{fraction}"), exponent);
        return;
    }
    out.push_str(first);
    if !fraction.is_empty() {
        out.push('.');
        out.push_str(fraction);
    }
    out.push_str(if exponent < 0 { "e-" } else { "e+" });
    let _ = write!(out, "{:02}", exponent.unsigned_abs());
}

/// `digits` with the point after the first one moved by `exponent`; at least one digit on either side of it.
fn plain(out: &mut String, digits: &str, exponent: i32) {
    let shift = usize::try_from(exponent.unsigned_abs()).unwrap_or(0);
    if exponent < 0 {
        out.push_str("0.");
        out.extend(std::iter::repeat_n('0', shift - 1));
        out.push_str(digits);
        return;
    }
    let (whole, fraction) = digits.split_at_checked(shift + 1).unwrap_or((digits, ""));
    out.push_str(whole);
    out.extend(std::iter::repeat_n('0', (shift + 1).saturating_sub(digits.len())));
    out.push('.');
    out.push_str(if fraction.is_empty() { "0" } else { fraction });
}

/// A string literal in which everything outside printable ASCII is escaped.
fn ascii_string(out: &mut String, text: &str) {
    string(out, text, |byte| byte.wrapping_sub(b' ') > b'~' - b' ', |_| true);
}

/// A string literal in which only what JSON wants escaped is escaped.
///
/// DIVERGES from Python: U+0085, U+2028 and U+2029 are escaped too. Vibe-Trading's append cuts the chain into
/// lines there and would take every later record for damage; both spellings mean the same string.
fn line_string(out: &mut String, text: &str) {
    string(
        out,
        text,
        |byte| (byte < b' ') | (byte == 0xc2) | (byte == 0xe2),
        |letter| letter < ' ' || matches!(letter, '\u{85}' | '\u{2028}' | '\u{2029}'),
    );
}

/// Copies runs of bytes that need nothing; `maybe` finds a byte worth a look, `escape` decides on its letter.
fn string(out: &mut String, text: &str, maybe: impl Fn(u8) -> bool, escape: impl Fn(char) -> bool) {
    out.push('"');
    let mut rest = text;
    while let Some(at) = first(rest.as_bytes(), |byte| {
        (byte == b'"') | (byte == b'\\') | maybe(byte)
    }) {
        // `maybe` may stop only at the first byte of a letter; anywhere else the rest is copied as it is.
        let Some((clean, tail)) = rest.split_at_checked(at) else {
            break;
        };
        out.push_str(clean);
        let mut letters = tail.chars();
        let Some(letter) = letters.next() else { break };
        escape_letter(out, letter, &escape);
        rest = letters.as_str();
    }
    out.push_str(rest);
    out.push('"');
}

/// Where the first byte is that `wanted` holds for. Sixteen bytes are asked at once, which the compiler turns into
/// one vector comparison.
fn first(bytes: &[u8], wanted: impl Fn(u8) -> bool) -> Option<usize> {
    let (chunks, _) = bytes.as_chunks::<16>();
    let clean = chunks
        .iter()
        .take_while(|chunk| !chunk.iter().fold(false, |any, byte| any | wanted(*byte)))
        .count();
    let start = clean * 16;
    bytes
        .get(start..)?
        .iter()
        .position(|byte| wanted(*byte))
        .map(|at| start + at)
}

fn escape_letter(out: &mut String, letter: char, escape: &impl Fn(char) -> bool) {
    match letter {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\u{8}' => out.push_str("\\b"),
        '\u{c}' => out.push_str("\\f"),
        _ if escape(letter) => {
            for unit in letter.encode_utf16(&mut [0; 2]) {
                out.push_str("\\u");
                out.extend([12, 8, 4, 0].map(|shift| hex_digit(*unit >> shift)));
            }
        }
        _ => out.push(letter),
    }
}

fn hex_digit(number: u16) -> char {
    char::from_digit(u32::from(number & 0xf), 16).unwrap_or('0')
}

#[cfg(test)]
mod tests;
