//! Tries in a row that came to nothing: when the next one is due, what is said of them, and when there is none.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::leg::Leg;
use crate::venue::Outcome;

const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// So many noes in a row that do not pass by themselves, and for so long, and what was to be sold counts as not to
/// be sold.
const REFUSALS: u32 = 5;
const REFUSED_FOR: Duration = Duration::from_secs(60);

/// Why a try came to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum No {
    /// It did not leave this machine: the exchange was not asked.
    NotSent,
    /// The exchange said no for now.
    Passing,
    Lasting,
}

impl No {
    pub(super) fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Rejected(no) if no.passing => Self::Passing,
            Outcome::NotSent(_) => Self::NotSent,
            Outcome::Rejected(_) | Outcome::Duplicate(_) | Outcome::Accepted(_) | Outcome::Unknown(_) => {
                Self::Lasting
            }
        }
    }
}

/// Of one leg, since its last success.
#[derive(Debug, Default)]
struct Refused {
    /// Every try, for the pause.
    tries: u32,
    /// Noes of the exchange among them.
    times: u32,
    /// Those of them that do not pass, since the last answer of another kind, and since when.
    lasting: u32,
    since: Option<Instant>,
    not_before: Option<Instant>,
    why: String,
}

impl Refused {
    /// An answer of another kind: the minute of refusals begins anew.
    fn is_interrupted(&mut self) {
        self.lasting = 0;
        self.since = None;
    }
}

/// Of every leg.
#[derive(Debug, Default)]
pub(super) struct Refusals(BTreeMap<Leg, Refused>);

impl Refusals {
    pub(super) fn note(&mut self, leg: &Leg, no: No, why: String) {
        let refused = self.0.entry(leg.clone()).or_default();
        let pause = FIRST_PAUSE * 2_u32.pow(refused.tries.min(5));
        refused.tries = refused.tries.saturating_add(1);
        refused.not_before = Some(Instant::now() + pause.min(LONGEST_PAUSE));
        if no == No::Lasting {
            refused.lasting = refused.lasting.saturating_add(1);
            refused.since.get_or_insert_with(Instant::now);
        } else {
            refused.is_interrupted();
        }
        if no != No::NotSent {
            refused.times = refused.times.saturating_add(1);
        }
        // What the exchange said is worth more than that it was not asked again.
        if no != No::NotSent || refused.times == 0 {
            refused.why = why;
        }
    }

    /// A try of which nobody knows what became of it, and that is no refusal.
    pub(super) fn was_lost(&mut self, leg: &Leg) {
        if let Some(refused) = self.0.get_mut(leg) {
            refused.is_interrupted();
        }
    }

    pub(super) fn forget(&mut self, leg: &Leg) {
        self.0.remove(leg);
    }

    pub(super) fn forget_all(&mut self) {
        self.0.clear();
    }

    /// No try is so recent that the next one has to wait.
    pub(super) fn is_due(&self, leg: &Leg) -> bool {
        let later = self.0.get(leg).and_then(|refused| refused.not_before);
        later.is_none_or(|at| at <= Instant::now())
    }

    /// What became of the tries, in words.
    pub(super) fn in_words(&self, leg: &Leg) -> Option<String> {
        let refused = self.0.get(leg)?;
        let what = match refused.times {
            0 => "could not be sent".to_owned(),
            1 => "was refused once".to_owned(),
            times => format!("was refused {times} times"),
        };
        Some(format!("{what}: {}", refused.why))
    }

    /// How often the exchange said no, and why, where it did for so long that it is taken at its word. A no that
    /// passes is waited out, however long that takes.
    pub(super) fn given_up(&self, leg: &Leg) -> Option<(u32, &str)> {
        let refused = self.0.get(leg)?;
        let is_long = refused.since?.elapsed() >= REFUSED_FOR;
        (is_long && refused.lasting >= REFUSALS).then_some((refused.times, &refused.why))
    }
}
