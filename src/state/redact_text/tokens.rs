//! Tokens that need no label: their issuer's prefix or the address around them gives them away.

use super::shapes::{is_capital, masked};
use super::{Found, Letters, fold, is_token};

/// A token that can be told by what its issuer puts in front.
struct Issued {
    prefix: &'static str,
    letters: fn(char) -> bool,
    least: usize,
    most: usize,
}

const fn at_least(least: usize, prefix: &'static str, letters: fn(char) -> bool) -> Issued {
    Issued {
        prefix,
        letters,
        least,
        most: usize::MAX,
    }
}

const fn exactly(count: usize, prefix: &'static str, letters: fn(char) -> bool) -> Issued {
    Issued {
        prefix,
        letters,
        least: count,
        most: count,
    }
}

const ISSUED: [Issued; 25] = [
    at_least(20, "sk-", is_token),
    at_least(30, "ghp_", is_plain),
    at_least(30, "gho_", is_plain),
    at_least(30, "ghu_", is_plain),
    at_least(30, "ghs_", is_plain),
    at_least(30, "ghr_", is_plain),
    at_least(10, "xoxb-", is_plain_or_dash),
    at_least(10, "xoxa-", is_plain_or_dash),
    at_least(10, "xoxp-", is_plain_or_dash),
    at_least(10, "xoxr-", is_plain_or_dash),
    at_least(10, "xoxs-", is_plain_or_dash),
    exactly(16, "AKIA", is_capital),
    exactly(16, "ASIA", is_capital),
    at_least(16, "sk_live_", is_plain),
    at_least(16, "sk_test_", is_plain),
    at_least(16, "rk_live_", is_plain),
    at_least(16, "rk_test_", is_plain),
    exactly(35, "AIza", is_token),
    at_least(16, "pypi-", is_token),
    at_least(22, "github_pat_", is_plain_or_underscore),
    at_least(20, "glpat-", is_token),
    exactly(36, "npm_", is_plain),
    at_least(30, "hf_", is_plain),
    at_least(20, "gsk_", is_plain),
    at_least(20, "nvapi-", is_token),
];

/// Incoming webhooks of Slack and Discord: the last path segment is the secret.
pub(super) fn webhook(text: Letters<'_>, at: usize) -> Option<Found> {
    let start = text.word(at, "https://")?;
    let secret = slack_path(text, start).or_else(|| discord_path(text, start))?;
    let end = text.run(secret, is_token);
    if end - secret < 20 {
        return None;
    }
    masked(text.text(at, secret), end)
}

fn slack_path(text: Letters<'_>, at: usize) -> Option<usize> {
    let path = text.one_of(at, &["hooks.slack.com/", "hooks.slack-gov.com/"])?;
    let team = text
        .exactly(path, "services/")
        .or_else(|| text.exactly(path, "triggers/"))?;
    let segment = |at: usize| {
        let end = text.run(at, |letter| letter.is_ascii_alphanumeric());
        text.exactly(end, "/").filter(|_| end > at)
    };
    segment(segment(team)?)
}

fn discord_path(text: Letters<'_>, at: usize) -> Option<usize> {
    let sub = text.run(at, |letter| fold(letter).is_ascii_lowercase());
    let hosts = ["discord.com/", "discordapp.com/"];
    let path = text
        .one_of(at, &hosts)
        .or_else(|| text.one_of(text.exactly(sub, ".")?, &hosts))?;
    let api = text.exactly(path, "api/")?;
    let versioned = text.exactly(api, "v").and_then(|number| {
        let end = text.run(number, char::is_numeric);
        text.exactly(end, "/").filter(|_| end > number)
    });
    let number = text.exactly(versioned.unwrap_or(api), "webhooks/")?;
    let end = text.run(number, char::is_numeric);
    text.exactly(end, "/").filter(|_| end > number)
}

/// `<number>:<35 letters>`, with or without `bot` before it.
pub(super) fn telegram(text: Letters<'_>, at: usize) -> Option<Found> {
    if text.before(at).is_some_and(is_token) {
        return None;
    }
    let number = text.exactly(at, "bot").unwrap_or(at);
    let colon = text.run(number, char::is_numeric);
    let secret = text.exactly(colon, ":").filter(|_| colon > number)?;
    let end = text.run(secret, is_token);
    if end - secret == 35 {
        masked(String::new(), end)
    } else {
        None
    }
}

/// Tokens that can be told by how their issuer begins them, and JSON web tokens.
pub(super) fn issued_token(text: Letters<'_>, at: usize) -> Option<Found> {
    if text.before(at).is_some_and(is_token) {
        return None;
    }
    let end = ISSUED
        .iter()
        .find_map(|issued| issued_end(text, at, issued))
        .or_else(|| web_token_end(text, at))?;
    masked(String::new(), end)
}

fn issued_end(text: Letters<'_>, at: usize, issued: &Issued) -> Option<usize> {
    let start = text.exactly(at, issued.prefix)?;
    let end = text.run(start, issued.letters);
    let fits = (issued.least..=issued.most).contains(&(end - start));
    (fits && !text.at(end).is_some_and(is_token)).then_some(end)
}

fn web_token_end(text: Letters<'_>, at: usize) -> Option<usize> {
    let part = |at: usize, least: usize| Some(text.run(at, is_token)).filter(|end| end - at >= least);
    let header = part(text.exactly(at, "eyJ")?, 10)?;
    let body = part(text.exactly(header, ".")?, 10)?;
    part(text.exactly(body, ".")?, 5)
}

fn is_plain(letter: char) -> bool {
    letter.is_ascii_alphanumeric()
}

fn is_plain_or_dash(letter: char) -> bool {
    is_plain(letter) || letter == '-'
}

fn is_plain_or_underscore(letter: char) -> bool {
    is_plain(letter) || letter == '_'
}
