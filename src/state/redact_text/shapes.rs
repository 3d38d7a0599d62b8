//! The shapes themselves, in the order in which they are looked for.

use super::tokens::{issued_token, telegram, webhook};
use super::{Find, Found, Letters, MASK, Shape, is_space, is_token, is_word};

pub(super) const ALL: [Shape; 11] = [
    shape(&["-----BEGIN "], private_key),
    shape(&["_"], origin_string),
    shape(&[":"], quoted_cookie),
    shape(&[":"], cookie),
    shape(&["r", "R"], bearer),
    shape(LABEL_SIGNS, authorization),
    shape(&["://"], url_user),
    shape(LABEL_SIGNS, labelled),
    shape(&["://"], webhook),
    shape(&[":"], telegram),
    shape(&["-", "_", "AKIA", "ASIA", "AIza", "eyJ"], issued_token),
];

const LABEL_SIGNS: &[&str] = &[":", "="];

const fn shape(needs: &'static [&'static str], find: Find) -> Shape {
    Shape { needs, find }
}

const SCHEMES: [&str; 6] = ["bearer", "basic", "digest", "token", "negotiate", "ntlm"];

/// Names whose value is a credential; `-` stands for an optional `_` or `-`. Bybit's signature is one of them.
const LABELS: [&str; 21] = [
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
    "signature",
    "sign",
];

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
    let token =
        |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '~' | '+' | '/' | '-');
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
    let quote = text.at(at).filter(|letter| matches!(letter, '"' | '\''));
    let start = at + usize::from(quote.is_some());
    if !starts_a_name(text, start) {
        return None;
    }
    let name = LABELS.iter().find_map(|label| label_end(text, start, label))?;
    // A quoted name ends in the same quote; inside a text in a text the quote has backslashes before it.
    let closing = text.run(name, |letter| letter == '\\');
    let after_name = match text.at(closing) {
        Some(letter @ ('"' | '\'')) if closing > name || quote == Some(letter) => closing + 1,
        _ if closing > name => return None,
        _ => name,
    };
    let separator = text.skip_space(after_name);
    text.at(separator).filter(|letter| matches!(letter, ':' | '='))?;
    let value = text.skip_space(separator + 1);
    if is_done(text, value) {
        return None;
    }
    let (open, end, close) = value_of(text, value)?;
    Some(Found {
        end,
        replacement: format!("{}{MASK}{close}", text.text(at, open)),
    })
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
    for (index, part) in label.split('-').enumerate() {
        if index > 0 && matches!(text.at(end), Some('_' | '-')) {
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

/// Where a value starts inside its quotes, where it ends, and the quote that has to be put back.
fn value_of(text: Letters<'_>, at: usize) -> Option<(usize, usize, String)> {
    let quoted = text.run(at, |letter| letter == '\\');
    if let Some(quote @ ('"' | '\'')) = text.at(quoted) {
        let open = quoted + 1;
        let end = text.run(open, |letter| letter != quote && letter != '\n');
        // A value whose quote never closes was cut: all of the line goes.
        let close = if text.at(end) == Some(quote) {
            format!("{}{quote}", text.text(at, quoted))
        } else {
            String::new()
        };
        let end = end + usize::from(text.at(end) == Some(quote));
        return Some((open, end, close));
    }
    let end = text.run(at, |letter| {
        !is_space(letter) && !matches!(letter, ',' | ';' | '{' | '}' | '[' | ']' | '(' | ')' | '"' | '\'')
    });
    (end > at).then(|| (at, end, String::new()))
}

pub(super) fn is_capital(letter: char) -> bool {
    letter.is_ascii_uppercase() || letter.is_ascii_digit()
}
