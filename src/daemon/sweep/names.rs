//! What one halt is called: by the text in its file, and by the file's time as long as the text cannot be read.
//!
//! Who may read the file changes neither: a `chown`, or a read that fails for a moment, is no other halt.

use std::collections::BTreeSet;

use crate::state::halt::{Sentinel, is_of_a_file};

/// The names of one halt, as far as they are known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Names {
    text: Option<String>,
    file: Option<String>,
}

impl Names {
    pub(super) fn of(sentinel: &Sentinel) -> Self {
        let name = || Some(sentinel.episode.clone());
        match is_of_a_file(&sentinel.episode) {
            true => Self {
                text: None,
                file: name(),
            },
            false => Self {
                text: name(),
                file: sentinel.also.clone(),
            },
        }
    }

    /// The texts decide where both are known: a file that was written anew may have kept its time.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (&self.text, &other.text) {
            (Some(one), Some(other)) => one == other,
            _ => self.file.is_some() && self.file == other.file,
        }
    }

    /// Whether the text is known `now`, and was not before.
    pub(super) fn lacks_text_of(&self, now: &Self) -> bool {
        self.text.is_none() && now.text.is_some()
    }

    /// Takes on what the same halt is called now; whether its text was not known before.
    pub(super) fn learn(&mut self, now: Self) -> bool {
        let is_news = self.lacks_text_of(&now);
        self.text = now.text.or(self.text.take());
        self.file = now.file.or(self.file.take());
        is_news
    }

    /// Every name that another program may know this halt by, `own` among them.
    pub(super) fn with(&self, own: &str) -> BTreeSet<String> {
        let known = self.text.iter().chain(&self.file).cloned();
        known.chain([own.to_owned()]).collect()
    }

    /// Whether it is the text, which every program goes by that can read it.
    pub(super) fn is_text(&self, name: &str) -> bool {
        self.text.as_deref() == Some(name)
    }
}
