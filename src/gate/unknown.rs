//! Why the exposure is not known, and what helps.

use std::fmt;

use super::facts::Facts;

/// Why the exposure is not known.
#[derive(Debug)]
pub(super) struct Unknown {
    pub(super) why: String,
    /// What helps; without it, asking again once the exchange answers.
    pub(super) remedy: Option<String>,
}

impl From<String> for Unknown {
    fn from(why: String) -> Self {
        Self { why, remedy: None }
    }
}

impl Unknown {
    /// Of an option only the premium is known.
    pub(super) fn option(what: &str, remedy: &str) -> Self {
        Self {
            why: format!("{what} cannot be counted: its premium says nothing about the risk"),
            remedy: Some(remedy.to_owned()),
        }
    }

    /// Something of the account has no value in dollars. Asking again helps only where a read failed: what the
    /// exchange does not list has no price tomorrow either.
    pub(super) fn unvalued(facts: &Facts, what: &str, is_unlisted: bool, remedy: &str) -> Self {
        let asking_may_help = !is_unlisted && !facts.missing.is_empty();
        let remedy = if asking_may_help {
            format!("try again when the exchange answers; if it says the same then, {remedy}")
        } else {
            remedy.to_owned()
        };
        Self {
            why: format!("{what} cannot be valued in USD{}", facts.why_missing()),
            remedy: Some(remedy),
        }
    }
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)?;
        self.remedy
            .as_ref()
            .map_or(Ok(()), |remedy| write!(f, "; {remedy}"))
    }
}
