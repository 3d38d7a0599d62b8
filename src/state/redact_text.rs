//! Credentials inside free text: error messages, request echoes, pasted headers.
//!
//! The shapes are Vibe-Trading's, and a few more that Bybit produces; each match is decided in one pass over the
//! letters. It hides at least what Vibe-Trading hides, and more where a value runs on.

use super::redact::MASK;

mod shapes;
mod tokens;

/// The text with everything that looks like a credential replaced; doing it twice changes nothing.
#[must_use]
pub fn redact_text(text: &str) -> String {
    let mut text = text.to_owned();
    for shape in &shapes::ALL {
        if shape.needs.iter().any(|part| text.contains(part)) {
            text = rewrite(text, shape.find);
        }
    }
    text
}

/// What a shape found: where it ends, and what takes its place.
struct Found {
    end: usize,
    replacement: String,
}

/// One shape of credentials.
struct Shape {
    /// No match without one of these in the text: most texts are passed over at once.
    needs: &'static [&'static str],
    /// Looks for a match that starts at a given letter.
    find: Find,
}

type Find = fn(Letters<'_>, usize) -> Option<Found>;

/// Replaces every match that `find` finds, leftmost first, as a regular expression would.
fn rewrite(text: String, find: Find) -> String {
    let letters: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut changed = false;
    let mut at = 0;
    while let Some(letter) = letters.get(at) {
        match find(Letters(&letters), at) {
            Some(found) if found.end > at => {
                out.push_str(&found.replacement);
                at = found.end;
                changed = true;
            }
            _ => {
                out.push(*letter);
                at += 1;
            }
        }
    }
    if changed { out } else { text }
}

/// The letters of a text, asked by position.
#[derive(Clone, Copy)]
struct Letters<'a>(&'a [char]);

impl Letters<'_> {
    fn at(self, at: usize) -> Option<char> {
        self.0.get(at).copied()
    }

    fn before(self, at: usize) -> Option<char> {
        self.at(at.checked_sub(1)?)
    }

    fn len(self) -> usize {
        self.0.len()
    }

    fn text(self, from: usize, to: usize) -> String {
        self.0.get(from..to).unwrap_or_default().iter().collect()
    }

    /// Whether a word begins or ends between the letter at `at` and the one before.
    fn is_border(self, at: usize) -> bool {
        self.before(at).is_some_and(is_word) != self.at(at).is_some_and(is_word)
    }

    /// The position after `word`, whatever the case of the letters, when it stands at `at`.
    fn word(self, at: usize, word: &str) -> Option<usize> {
        let mut end = at;
        for letter in word.chars() {
            if fold(self.at(end)?) != letter {
                return None;
            }
            end += 1;
        }
        Some(end)
    }

    /// The position after the first of `words` that stands at `at`.
    fn one_of(self, at: usize, words: &[&str]) -> Option<usize> {
        words.iter().find_map(|word| self.word(at, word))
    }

    /// The position after `text`, letter for letter, when it stands at `at`.
    fn exactly(self, at: usize, text: &str) -> Option<usize> {
        let end = at + text.chars().count();
        self.0
            .get(at..end)
            .filter(|found| found.iter().copied().eq(text.chars()))
            .map(|_| end)
    }

    /// The end of the run of letters from `at` on that `belongs` holds for.
    fn run(self, at: usize, belongs: impl Fn(char) -> bool) -> usize {
        let mut end = at;
        while self.at(end).is_some_and(&belongs) {
            end += 1;
        }
        end
    }

    fn skip_space(self, at: usize) -> usize {
        self.run(at, is_space)
    }
}

/// Lower case, as Python's case-insensitive matching sees ASCII words.
fn fold(letter: char) -> char {
    match letter {
        '\u{130}' | '\u{131}' => 'i',
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    }
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

fn is_space(letter: char) -> bool {
    letter.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&letter)
}

/// `[A-Za-z0-9_-]`, of which most issued tokens are made.
fn is_token(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-')
}

#[cfg(test)]
mod tests;
