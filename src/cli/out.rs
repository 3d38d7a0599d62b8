//! Printing: results to stdout, complaints to stderr. A reader that went away is no error.
//!
//! What a model or another program wrote ends up in these lines. None of it breaks a line, and none of it steers the
//! terminal: this is the one place for that.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::io::{IsTerminal, Write};

/// Longer texts are cut where one line is wanted: a text out of a file may be of any length.
const MAX_CHARS: usize = 600;

/// What [`Style`] writes.
const PAINTS: [&str; 6] = [
    "\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[33m",
];

/// One line of a result.
pub(super) fn say(line: &str) {
    let line = if Style::of_stdout().0 {
        Cow::Owned(painted(line))
    } else {
        plain(line)
    };
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// One line of JSON, or of a file as it stands. What a terminal would obey is escaped as JSON has it, so it reads
/// the same.
pub(super) fn say_json(line: &str) {
    let mut text = String::with_capacity(line.len());
    for letter in line.chars() {
        match letter {
            steers if is_steering(steers) => text.push_str(&format!("\\u{:04x}", u32::from(steers))),
            other => text.push(other),
        }
    }
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// Why something was not done.
pub(super) fn complain(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "mandated: {}", plain(line));
}

/// A text out of a file or of a caller, for a place in a line.
pub(super) fn one_line(text: &str) -> String {
    plain(text).chars().take(MAX_CHARS).collect()
}

/// Without line breaks and terminal sequences.
pub(super) fn plain(text: &str) -> Cow<'_, str> {
    if text.contains(is_steering) {
        Cow::Owned(text.replace(is_steering, " "))
    } else {
        Cow::Borrowed(text)
    }
}

/// Control characters, and those that part lines or turn the direction of a text round without being seen.
fn is_steering(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// As [`plain`], but for our own paint.
fn painted(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find(is_steering) {
        let (before, after) = rest.split_at(at);
        text.push_str(before);
        rest = match PAINTS
            .iter()
            .find_map(|paint| Some((paint, after.strip_prefix(paint)?)))
        {
            Some((paint, after)) => {
                text.push_str(paint);
                after
            }
            None => {
                text.push(' ');
                let mut letters = after.chars();
                letters.next();
                letters.as_str()
            }
        };
    }
    text + rest
}

/// Colours and weights, on a terminal alone and not against `NO_COLOR`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style(bool);

impl Style {
    pub(super) fn of_stdout() -> Self {
        let is_terminal = std::io::stdout().is_terminal();
        Self(is_terminal && !is_unwanted(std::env::var_os("NO_COLOR").as_deref()))
    }

    fn paint(self, code: &str, text: &str) -> String {
        let text = plain(text);
        if self.0 {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.into_owned()
        }
    }

    pub(super) fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    pub(super) fn good(self, text: &str) -> String {
        self.paint("32", text)
    }

    pub(super) fn bad(self, text: &str) -> String {
        self.paint("31", text)
    }

    pub(super) fn warn(self, text: &str) -> String {
        self.paint("33", text)
    }

    pub(super) fn faint(self, text: &str) -> String {
        self.paint("2", text)
    }
}

/// As with every variable, an empty one is none.
fn is_unwanted(no_color: Option<&OsStr>) -> bool {
    no_color.is_some_and(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_no_color_leaves_the_colours() {
        assert!(!is_unwanted(None) && !is_unwanted(Some(OsStr::new(""))));
        assert!(is_unwanted(Some(OsStr::new("1"))));
    }

    #[test]
    fn a_text_is_one_line_without_terminal_sequences() {
        assert_eq!(one_line("a\nb\u{1b}[2J"), "a b [2J");
        assert_eq!(one_line("a\u{9b}2J\u{202e}b\u{2028}c\u{7f}"), "a 2J b c ");
        assert_eq!(one_line("schön £"), "schön £");
        assert_eq!(one_line(&"a".repeat(5_000)).len(), MAX_CHARS);
    }

    #[test]
    fn of_escapes_only_our_own_paint_reaches_the_terminal() {
        let style = Style(true);
        let line = format!("{}  \u{1b}[2J\nx", style.bad("no\u{1b}[1m\u{1b}[32m"));
        assert_eq!(painted(&line), "\x1b[31mno [1m [32m\x1b[0m   [2J x");
    }
}
