//! One line of the report: what was found, how bad it is, what to do about it.

use serde_json::{Value, json};

use super::super::out::{Style, one_line};
use crate::domain::finding::{ACCEPTABLE, ENFORCED};
use crate::domain::policy::Policy;

/// How bad it is; the worst is the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::cli) enum Severity {
    /// It cannot be checked here, so nothing is known.
    Grey,
    Green,
    /// It works, and a person should know.
    Yellow,
    /// It does not work, or it is not safe.
    Red,
}

impl Severity {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Grey => "grey",
            Self::Green => "green",
            Self::Yellow => "yellow",
            Self::Red => "red",
        }
    }

    fn painted(self, style: Style) -> String {
        let word = format!("{:<6}", self.as_str());
        match self {
            Self::Grey => style.faint(&word),
            Self::Green => style.good(&word),
            Self::Yellow => style.warn(&word),
            Self::Red => style.bad(&word),
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct Finding {
    /// Stable; of reds those in [`crate::domain::finding`].
    pub(in crate::cli) id: &'static str,
    pub(in crate::cli) severity: Severity,
    pub(in crate::cli) what: String,
    /// What to do about it.
    pub(in crate::cli) advice: Option<String>,
    /// It is red, and a person accepted that in `policy.toml`.
    pub(in crate::cli) accepted: bool,
}

impl Finding {
    fn new(id: &'static str, severity: Severity, what: &str, advice: Option<&str>) -> Self {
        Self {
            id,
            severity,
            what: one_line(what),
            advice: advice.map(one_line),
            accepted: false,
        }
    }

    pub(super) fn green(id: &'static str, what: impl AsRef<str>) -> Self {
        Self::new(id, Severity::Green, what.as_ref(), None)
    }

    pub(super) fn grey(id: &'static str, what: impl AsRef<str>) -> Self {
        Self::new(id, Severity::Grey, what.as_ref(), None)
    }

    pub(super) fn yellow(id: &'static str, what: impl AsRef<str>, advice: impl AsRef<str>) -> Self {
        Self::new(id, Severity::Yellow, what.as_ref(), Some(advice.as_ref()))
    }

    /// `id` stands in one of the two lists of reds, or nobody could accept it or learn that there is no need to.
    pub(in crate::cli) fn red(id: &'static str, what: impl AsRef<str>, advice: impl AsRef<str>) -> Self {
        debug_assert!(
            ACCEPTABLE.contains(&id) || ENFORCED.contains(&id),
            "{id} is not listed"
        );
        Self::new(id, Severity::Red, what.as_ref(), Some(advice.as_ref()))
    }

    pub(super) fn is_red(&self) -> bool {
        self.severity == Severity::Red
    }

    /// Red, and `policy.toml` may name it.
    pub(super) fn is_acceptable(&self) -> bool {
        self.is_red() && ACCEPTABLE.contains(&self.id)
    }

    /// Red, and the gate does not refuse on it by itself.
    pub(super) fn is_unguarded(&self) -> bool {
        self.is_red() && !ENFORCED.contains(&self.id)
    }

    /// As the policy sees it: a red that a person accepted is yellow.
    pub(super) fn judged_by(mut self, policy: &Policy) -> Self {
        if self.is_acceptable() && policy.accepted_findings.iter().any(|id| id == self.id) {
            self.severity = Severity::Yellow;
            self.accepted = true;
            self.what = format!("accepted in policy.toml: {}", self.what);
        }
        self
    }

    pub(super) fn line(&self, style: Style) -> String {
        let advice = self
            .advice
            .as_ref()
            .map(|advice| format!(" -> {advice}"))
            .unwrap_or_default();
        format!(
            "{} {:<24} {}{advice}",
            self.severity.painted(style),
            self.id,
            self.what
        )
    }

    pub(super) fn to_json(&self) -> Value {
        json!({
            "id": self.id,
            "severity": self.severity.as_str(),
            "accepted": self.accepted,
            "what": self.what,
            "advice": self.advice,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_accepted_red_is_yellow_and_says_so() {
        let policy = Policy::parse("accepted_findings = [\"key.transfer\"]").unwrap();
        let accepted = Finding::red("key.transfer", "w", "a").judged_by(&policy);
        assert_eq!((accepted.severity, accepted.accepted), (Severity::Yellow, true));
        assert_eq!(accepted.what, "accepted in policy.toml: w");
        assert!(Finding::red("key.withdraw", "w", "a").judged_by(&policy).is_red());
        let yellow = Finding::yellow("key.transfer", "w", "a");
        assert_eq!(yellow.clone().judged_by(&policy), yellow);
    }

    #[test]
    fn a_line_is_one_line_without_terminal_sequences() {
        let finding = Finding::green("halt.clear", "a\nb\u{1b}[2J");
        assert_eq!(finding.what, "a b [2J");
    }

    #[test]
    fn what_the_gate_refuses_on_by_itself_is_not_the_daemons_to_refuse() {
        assert!(!Finding::red("halt.tripped", "w", "a").is_unguarded());
        assert!(Finding::red("key.withdraw", "w", "a").is_unguarded());
        assert!(!Finding::yellow("key.withdraw", "w", "a").is_unguarded());
    }
}
