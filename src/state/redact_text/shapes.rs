//! The shapes themselves, in the order in which they are looked for.

use super::tokens::{issued_token, telegram, webhook};
use super::{Find, Found, Letters, MASK, Shape, fold, is_space, is_token, is_word};

pub(super) const ALL: [Shape; 14] = [
    shape(&["-----BEGIN "], private_key),
    shape(&["_"], origin_string),
    shape(&[":"], quoted_cookie),
    shape(&[":"], cookie),
    shape(&["r", "R"], bearer),
    shape(LABEL_SIGNS, authorization),
    shape(&["://"], url_user),
    shape(LABEL_SIGNS, labelled),
    shape(LABEL_SIGNS, escaped_label),
    shape(LABEL_SIGNS, signature),
    shape(LABEL_SIGNS, cut_value),
    shape(&["://"], webhook),
    shape(&[":"], telegram),
    shape(&["-", "_", "AKIA", "ASIA", "AIza", "eyJ"], issued_token),
];

const LABEL_SIGNS: &[&str] = &[":", "="];

const fn shape(needs: &'static [&'static str], find: Find) -> Shape {
    Shape { needs, find }
}

const SCHEMES: [&str; 6] = ["bearer", "basic", "digest", "token", "negotiate", "ntlm"];

/// Names whose value is a credential; `-` stands for an optional `_` or `-`.
const LABELS: &[&str] = &[
    "api-key",
    "api-secret",
    "access-token",
    "auth-token",
    "refresh-token",
    "bearer-token",
    "id-token",
    "session-token",
    "client-secret",
    "secret-access-key",
    "secret-key",
    "private-key",
    "app-secret",
    "passphrase",
    "password",
    "passwd",
    "authorization",
    "secret",
    "token",
];

/// What proves a request to Bybit. Looked for after the others: `sign: token: x` hides what `token` labels.
const SIGNATURES: &[&str] = &["signature", "sign"];

pub(super) fn masked(before: String, end: usize) -> Option<Found> {
    Some(Found {
        end,
        replacement: before + MASK,
    })
}

/// `-----BEGIN … PRIVATE KEY-----` up to its end, or to the end of a text that was cut.
fn private_key(text: Letters<'_>, at: usize) -> Option<Found> {
    let mut end = key_border(text, at, "-----BEGIN ")?;
    while end < text.len() {
        if let Some(after) = key_border(text, end, "-----END ") {
            return masked(String::new(), after);
        }
        end += 1;
    }
    masked(String::new(), end)
}

fn key_border(text: Letters<'_>, at: usize, opening: &str) -> Option<usize> {
    let name = text.exactly(at, opening)?;
    let end = text.run(name, |letter| {
        letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == ' '
    });
    let words = text.text(name, end);
    let is_key = words.ends_with("PRIVATE KEY") || words.ends_with("PRIVATE KEY BLOCK");
    text.exactly(end, "-----").filter(|_| is_key)
}

/// Bybit's reply to a wrong signature repeats the text that was to be signed, the key in it. Where that text ends
/// cannot be told, as it may hold brackets itself: the rest of the message goes.
fn origin_string(text: Letters<'_>, at: usize) -> Option<Found> {
    let name = text.one_of(at, &["origin_string", "param_str"])?;
    let value = text.run(name, |letter| {
        is_space(letter) || matches!(letter, ':' | '=' | '"' | '\'' | '\\')
    });
    let starts = text.at(value)? == '[' || value > name;
    if starts {
        masked(text.text(at, value), text.len())
    } else {
        None
    }
}

/// `'Cookie: a=b; c=d'` in quotes, as in a shell command.
fn quoted_cookie(text: Letters<'_>, at: usize) -> Option<Found> {
    let quote = text.at(at).filter(|letter| matches!(letter, '"' | '\''))?;
    let name = cookie_name(text, at + 1)?;
    let blank = |letter| matches!(letter, ' ' | '\t');
    let colon = text.run(name, blank);
    let value = text.run(text.exactly(colon, ":")?, blank);
    let mut end = value;
    loop {
        match text.at(end)? {
            '\\' => end += 2,
            '\r' | '\n' => return None,
            letter if letter == quote => break,
            _ => end += 1,
        }
    }
    Some(Found {
        end: end + 1,
        replacement: format!("{}{MASK}{quote}", text.text(at, value)),
    })
}

/// A `Cookie:` or `Set-Cookie:` header to the end of its line.
fn cookie(text: Letters<'_>, at: usize) -> Option<Found> {
    if text
        .before(at)
        .is_some_and(|letter| is_word(letter) || letter == '-')
    {
        return None;
    }
    let name = cookie_name(text, at)?;
    let colon = text.exactly(text.skip_space(name), ":")?;
    let value = text.run(colon, |letter| matches!(letter, ' ' | '\t'));
    let end = text.run(value, |letter| !matches!(letter, '\r' | '\n'));
    if end == value || text.exactly(value, MASK).is_some() {
        return None;
    }
    masked(text.text(at, value), end)
}

fn cookie_name(text: Letters<'_>, at: usize) -> Option<usize> {
    text.one_of(at, &["cookie", "set-cookie"])
}

/// `Bearer <token>`
fn bearer(text: Letters<'_>, at: usize) -> Option<Found> {
    let name = text.word(at, "bearer").filter(|_| text.is_border(at))?;
    let value = text.skip_space(name);
    let token = |letter: char| {
        fold(letter).is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '~' | '+' | '/' | '-')
    };
    let end = text.run(value, token);
    if value == name || end == value {
        return None;
    }
    masked(
        format!("{} ", text.text(at, name)),
        text.run(end, |letter| letter == '='),
    )
}

/// `Authorization: Basic <credentials>` and the other schemes.
fn authorization(text: Letters<'_>, at: usize) -> Option<Found> {
    let name = text.word(at, "authorization").filter(|_| text.is_border(at))?;
    let quote = |at| text.run(at, |letter| matches!(letter, '\\' | '"' | '\''));
    let separator = text.skip_space(quote(name));
    text.at(separator).filter(|letter| matches!(letter, ':' | '='))?;
    let scheme = quote(text.skip_space(separator + 1));
    let named = text.one_of(scheme, &SCHEMES)?;
    let value = text.skip_space(named);
    let end = text.run(value, |letter| {
        !is_space(letter) && !matches!(letter, '"' | '\'' | ',' | ';' | '{' | '}')
    });
    if value == named || end == value || text.exactly(value, MASK).is_some() {
        return None;
    }
    masked(format!("{} ", text.text(at, named)), end)
}

/// `user:password@` or a long bare token before the `@` of an address.
fn url_user(text: Letters<'_>, at: usize) -> Option<Found> {
    text.exactly(at.checked_sub(3)?, "://")?;
    let inside = |letter: char| {
        !is_space(letter)
            && !matches!(
                letter,
                '/' | '?' | '#' | '"' | '\'' | '<' | '>' | '(' | ')' | '{' | '}' | '[' | ']' | ','
            )
    };
    let end = text.run(at, inside);
    let user = text.run(at, |letter| inside(letter) && !matches!(letter, ':' | '@'));
    if text.at(user) == Some(':') {
        let last = (user..end).rev().find(|at| text.at(*at) == Some('@'));
        if let Some(last) = last {
            return masked(String::new(), last + 1).map(|found| Found {
                replacement: found.replacement + "@",
                ..found
            });
        }
    }
    let token = text.run(at, is_token);
    (token - at >= 20 && text.at(token) == Some('@')).then(|| Found {
        end: token + 1,
        replacement: format!("{MASK}@"),
    })
}

/// `api_key=value`, `"secret": "value"` and the like.
fn labelled(text: Letters<'_>, at: usize) -> Option<Found> {
    value_after(text, at, LABELS, Name::Plain)
}

/// `\"secret\": \"value\"`: JSON inside a JSON text.
fn escaped_label(text: Letters<'_>, at: usize) -> Option<Found> {
    value_after(text, at, LABELS, Name::Escaped)
}

/// `sign=0123abcd`, `X-BAPI-SIGN: 0123abcd`
fn signature(text: Letters<'_>, at: usize) -> Option<Found> {
    value_after(text, at, SIGNATURES, Name::Plain)
        .or_else(|| value_after(text, at, SIGNATURES, Name::Escaped))
}

/// `api_key="value` whose quote never closes, because the text was cut: all of the line goes. Looked for last, so
/// that what the rest of the line labels by itself is hidden to its own end.
fn cut_value(text: Letters<'_>, at: usize) -> Option<Found> {
    let value = [
        (LABELS, Name::Plain),
        (LABELS, Name::Escaped),
        (SIGNATURES, Name::Plain),
        (SIGNATURES, Name::Escaped),
    ]
    .into_iter()
    .find_map(|(labels, name)| value_start(text, at, labels, name))?;
    let (open, quote) = opening(text, value)?;
    let end = text.run(open, |letter| letter != quote && letter != '\n');
    if text.at(end) == Some(quote) || end == open {
        return None;
    }
    masked(text.text(at, open), end)
}

/// How a label may be quoted.
#[derive(Clone, Copy)]
enum Name {
    /// Not at all, or in a pair of quotes.
    Plain,
    /// In quotes that have backslashes before them.
    Escaped,
}

/// The value after one of `labels`; quotes stay.
fn value_after(text: Letters<'_>, at: usize, labels: &[&str], name: Name) -> Option<Found> {
    let value = value_start(text, at, labels, name)?;
    if let Some((open, quote)) = opening(text, value) {
        let end = text.run(open, |letter| letter != quote && letter != '\n');
        text.at(end).filter(|letter| *letter == quote)?;
        let (before, closing) = (text.text(at, open), text.text(value, open));
        return Some(Found {
            end: end + 1,
            replacement: format!("{before}{MASK}{closing}"),
        });
    }
    let end = text.run(value, |letter| {
        !is_space(letter) && !matches!(letter, ',' | ';' | '{' | '}' | '[' | ']' | '(' | ')' | '"' | '\'')
    });
    if end == value {
        None
    } else {
        masked(text.text(at, value), end)
    }
}

/// Where the value after one of `labels` starts, its quote included; `None` when it is redacted already.
fn value_start(text: Letters<'_>, at: usize, labels: &[&str], name: Name) -> Option<usize> {
    let quote = text.at(at).filter(|letter| matches!(letter, '"' | '\''));
    let start = at + usize::from(quote.is_some());
    if !starts_a_name(text, start) {
        return None;
    }
    // Most letters begin no label; only labels of the same first letter are looked at in full.
    let first = fold(text.at(start)?);
    let mut likely = labels.iter().filter(|label| label.starts_with(first));
    let end = likely.find_map(|label| label_end(text, start, label))?;
    let closing = text.run(end, |letter| letter == '\\');
    let after_name = match (name, text.at(closing)) {
        // Without a quote that holds at the end of the text alone, where no value follows.
        (Name::Plain, _) => end + usize::from(text.at(end) == quote),
        (Name::Escaped, Some('"' | '\'')) if closing > end => closing + 1,
        (Name::Escaped, _) => return None,
    };
    let separator = text.skip_space(after_name);
    text.at(separator).filter(|letter| matches!(letter, ':' | '='))?;
    let value = text.skip_space(separator + 1);
    (!is_done(text, value)).then_some(value)
}

/// The position after the quote that opens a value, backslashes before it or not, and that quote.
fn opening(text: Letters<'_>, at: usize) -> Option<(usize, char)> {
    let quote = text.run(at, |letter| letter == '\\');
    text.at(quote)
        .filter(|letter| matches!(letter, '"' | '\''))
        .map(|letter| (quote + 1, letter))
}

/// A word border, or the end of an environment variable's prefix (`BYBIT_`), or `aws_`.
fn starts_a_name(text: Letters<'_>, at: usize) -> bool {
    let prefixed = text.before(at) == Some('_')
        && at
            .checked_sub(2)
            .and_then(|at| text.at(at))
            .is_some_and(is_capital);
    let aws = at
        .checked_sub(4)
        .and_then(|start| text.word(start, "aws_"))
        .is_some();
    text.is_border(at) || prefixed || aws
}

/// The position after `label` and at a word border.
fn label_end(text: Letters<'_>, at: usize, label: &str) -> Option<usize> {
    let mut end = at;
    // A label begins with a letter that stands at `at`, so nothing is passed over before its first part.
    for part in label.split('-') {
        if matches!(text.at(end), Some('_' | '-')) {
            end += 1;
        }
        end = text.word(end, part)?;
    }
    (!text.at(end).is_some_and(is_word)).then_some(end)
}

/// Whether what follows was redacted before, or is left to the shape of bearer tokens.
fn is_done(text: Letters<'_>, at: usize) -> bool {
    let inner = text.run(at, |letter| matches!(letter, '\\' | '"' | '\''));
    let scheme_done = text
        .one_of(at, &SCHEMES)
        .is_some_and(|end| text.skip_space(end) > end && text.exactly(text.skip_space(end), MASK).is_some());
    let bearer = text
        .word(at, "bearer")
        .is_some_and(|end| !text.at(end).is_some_and(is_word));
    text.exactly(inner, MASK).is_some() || scheme_done || bearer
}

pub(super) fn is_capital(letter: char) -> bool {
    letter.is_ascii_uppercase() || letter.is_ascii_digit()
}
