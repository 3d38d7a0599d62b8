//! What decides before the exchange is asked: mandate, HALT, policy and the time, read anew for each write.

use std::sync::{MutexGuard, PoisonError};

use chrono::{DateTime, Utc};

use super::Core;
use crate::domain::mandate::{Mandate, MandateError};
use crate::domain::policy::{Policy, PolicyError};
use crate::gate::{Halt, Limit, Refusal, Refused, Standing};
use crate::state::clock;
use crate::state::halt::read_halt;
use crate::state::mandate_file::{MandateFileError, policy_text, read_mandate_text};
use crate::state::paths::LiveFiles;
use crate::venue::Venue;

/// The time, or why it is not certain.
pub(super) type Now = Result<DateTime<Utc>, String>;

/// What keeps every write of this process back.
#[derive(Debug, Default)]
pub(super) struct Door {
    pub(super) closed: bool,
    pub(super) held: Option<String>,
}

/// Mandate, HALT and policy of one broker folder, as they stand on disk.
#[must_use]
pub fn read_standing(files: &LiveFiles, now: Now) -> Standing {
    Standing {
        now,
        broker: files.broker().as_str().to_owned(),
        mandate: read_mandate(files),
        halt: match read_halt(files).tripped() {
            None => Halt::Clear,
            Some(what) => Halt::Tripped(what),
        },
        policy: read_policy(files),
    }
}

fn read_mandate(files: &LiveFiles) -> Result<Mandate, MandateError> {
    match read_mandate_text(files) {
        Ok(text) => Mandate::parse(&text),
        Err(MandateFileError::Missing { .. }) => Err(MandateError::Missing),
        Err(error) => Err(MandateError::File(error.to_string())),
    }
}

fn read_policy(files: &LiveFiles) -> Option<Result<Policy, PolicyError>> {
    match policy_text(files) {
        Ok(None) => None,
        Ok(Some(text)) => Some(Policy::parse(&text)),
        Err(error) => Some(Err(PolicyError(error.to_string()))),
    }
}

impl<V: Venue> Core<V> {
    /// Nothing is committed any more once the end of this process is near, or while something keeps it from
    /// trading.
    pub(super) fn refuse_if_closed(&self) -> Result<(), Refused> {
        let door = self.gatekeeper();
        let reason = match (&door.held, door.closed) {
            (_, true) => "nothing was sent: this server is stopping; ask again when it is back".to_owned(),
            (Some(why), false) => format!("nothing was sent: {why}"),
            (None, false) => return Ok(()),
        };
        Err(Refused::outside(Refusal::deny(Limit::Mode, reason)))
    }

    /// A panic elsewhere does not open the door: what was said before it stands.
    pub(super) fn gatekeeper(&self) -> MutexGuard<'_, Door> {
        self.door.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn standing(&self, now: Now) -> Standing {
        read_standing(&self.files, now)
    }

    /// The later of our clock and the exchange's: a slow clock must not keep a mandate alive.
    pub(super) async fn latest_clock(&self) -> Now {
        match self.venue.exchange_time().await {
            Ok(exchange) => Ok(exchange.max(clock::now())),
            Err(error) => Err(error.to_string()),
        }
    }
}
