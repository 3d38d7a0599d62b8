//! Sends one exit, keeps what was sent and what was answered, and has both put on the ledger.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::timeout;

use super::super::describe::in_words;
use super::look::Stands;
use super::sending::Sending;
use super::step::{Answer, Step, Steps, cancelled_rows};
use crate::domain::exit::Exit;
use crate::domain::order::{ClientOrderId, Write};
use crate::state::audit_record::{AuditKind, AuditOutcome};
use crate::state::clock;
use crate::state::ledger::Ledger;
use crate::state::paths::LiveFiles;
use crate::venue::{Outcome, Venue};

/// After this an exit without an answer counts as unknown and the way goes on.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// Why an exit is not sent that nobody wants any more.
const LIFTED: &str = "the halt that it was sent for no longer stands";

/// More steps than this are counted and not kept.
const KEPT_STEPS: usize = 4_000;

/// Sends exits for one purpose.
#[derive(Debug)]
pub struct ExitDesk<V> {
    pub(super) venue: Arc<V>,
    pub(super) files: LiveFiles,
    pub(super) ledger: Ledger,
    /// Who sends, for the ledger: `sweep`, `authority`, `person`.
    pub(super) who: &'static str,
    pub(super) steps: Steps,
    next_number: AtomicU64,
    /// A record did not come back in time: the next ones are hardly waited for, until one comes back.
    pub(super) ledger_is_stuck: Arc<AtomicBool>,
    /// What got no answer at the last try and is on the ledger so: said once, or an exchange that is not
    /// reached for a day would fill the ledger.
    not_sent: Mutex<BTreeSet<String>>,
}

impl<V: Venue> ExitDesk<V> {
    pub fn new(venue: Arc<V>, files: LiveFiles, ledger: Ledger, who: &'static str) -> Self {
        Self {
            venue,
            files,
            ledger,
            who,
            steps: Steps::default(),
            next_number: AtomicU64::new(0),
            ledger_is_stuck: Arc::default(),
            not_sent: Mutex::default(),
        }
    }

    pub fn venue(&self) -> &V {
        &self.venue
    }

    pub fn files(&self) -> &LiveFiles {
        &self.files
    }

    /// Everything that was sent so far, oldest first.
    #[must_use]
    pub fn steps(&self) -> Vec<Step> {
        self.steps.locked().clone()
    }

    /// The same, and forgets it.
    #[must_use]
    pub fn take_steps(&self) -> Vec<Step> {
        std::mem::take(&mut *self.steps.locked())
    }

    /// The exchange's clock, where it can be had at once.
    pub async fn exchange_time(&self) -> Option<String> {
        let asked = timeout(Duration::from_millis(500), self.venue.exchange_time()).await;
        asked.ok()?.ok().map(clock::ledger_text)
    }

    /// Orders of ours that were sent and that the exchange does not show yet. `Err`: it cannot be told.
    pub async fn may_appear(&self) -> Result<usize, String> {
        super::late::may_appear(self).await
    }

    /// A new id that the exchange never saw.
    pub(super) fn fresh_id() -> Option<ClientOrderId> {
        ClientOrderId::parse(&format!("mx-{}", uuid::Uuid::new_v4().simple())).ok()
    }

    /// Sends a cancel, once.
    pub async fn cancel(&self, exit: &Exit) -> Outcome {
        self.cancel_while(exit, &|| true).await
    }

    /// Sends a cancel, once, if it `stands` right before the send.
    pub(super) async fn cancel_while(&self, exit: &Exit, stands: Stands<'_>) -> Outcome {
        match Self::fresh_id() {
            Some(id) => self.leave(exit, &id, stands).await,
            None => Outcome::NotSent("no id could be made".to_owned()),
        }
    }

    /// Sends an exit, once, if it `stands` right before the send, and puts on the ledger what came of it.
    pub(super) async fn leave(&self, exit: &Exit, id: &ClientOrderId, stands: Stands<'_>) -> Outcome {
        let withdrawn = || (!stands()).then(|| LIFTED.to_owned());
        let mut sending = Sending::begin(self, exit, id);
        let number = sending.number;
        if let Write::Place(_) = exit.write() {
            let record = self.record_of(exit, id, AuditKind::OrderSubmitted, AuditOutcome::Pending);
            self.write_down(number, record).await;
        }
        sending.sent();
        let outcome = match timeout(ANSWER_WITHIN, self.venue.exit(exit, id, &withdrawn)).await {
            Ok(outcome) => outcome,
            Err(_) => Outcome::Unknown(no_answer()),
        };
        sending.answered(&outcome);
        let exchange_time = self.exchange_time().await;
        self.answered(number, &outcome, exchange_time);
        let is_old_news = self.is_old_news(exit, &outcome);
        // From here on the record goes its own way.
        sending.told();
        if !is_old_news {
            let record = self.answer_record(exit, id, &outcome);
            self.write_down(number, record).await;
        }
        outcome
    }

    fn is_old_news(&self, exit: &Exit, outcome: &Outcome) -> bool {
        let words = in_words(exit.write(), None);
        let mut not_sent = self.not_sent.lock().unwrap_or_else(PoisonError::into_inner);
        let is_order = matches!(exit.write(), Write::Place(_));
        match outcome {
            Outcome::NotSent(_) => !not_sent.insert(words),
            // Cut off by us while it waited, most likely for a connection: a cancel may be told once.
            Outcome::Unknown(why) if !is_order && *why == no_answer() => !not_sent.insert(words),
            _ => {
                not_sent.remove(&words);
                false
            }
        }
    }

    pub(super) fn begin(&self, exit: &Exit, id: &ClientOrderId) -> u64 {
        let number = self.next_number.fetch_add(1, Ordering::Relaxed);
        let mut steps = self.steps.locked();
        if steps.len() < KEPT_STEPS {
            steps.push(Step {
                sent_at: clock::ledger_text(clock::now()),
                exchange_time: None,
                what: in_words(exit.write(), None),
                client_id: matches!(exit.write(), Write::Place(_)).then(|| id.to_string()),
                answer: Answer::Waiting,
                why: None,
                cancelled: Vec::new(),
                not_on_ledger: None,
                number,
                unwritten: 0,
            });
        }
        number
    }

    pub(super) fn answered(&self, number: u64, outcome: &Outcome, exchange_time: Option<String>) {
        self.steps.change(number, |step| {
            step.exchange_time = exchange_time;
            step.answer = match outcome {
                Outcome::Accepted(_) => Answer::Accepted,
                Outcome::Rejected(_) | Outcome::Duplicate(_) => Answer::Rejected,
                Outcome::NotSent(_) => Answer::NotSent,
                Outcome::Unknown(_) => Answer::Unknown,
            };
            step.why = trouble(outcome);
            if let Outcome::Accepted(accepted) = outcome
                && step.client_id.is_none()
            {
                step.cancelled = cancelled_rows(&accepted.response);
            }
        });
    }
}

fn no_answer() -> String {
    format!("no answer in {} s", ANSWER_WITHIN.as_secs())
}

pub(super) fn trouble(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Accepted(_) => None,
        Outcome::Rejected(no) | Outcome::Duplicate(no) => Some(no.message.clone()),
        Outcome::NotSent(why) => Some(why.clone()),
        Outcome::Unknown(why) => Some(why.clone()),
    }
}
