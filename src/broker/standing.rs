//! What decides before the exchange is asked: what stands in the files and the time, read anew for each write, and
//! whether this process trades at all.

use chrono::{DateTime, Utc};

use super::{Core, LOCK_WAIT};
use crate::gate::{Limit, Refusal, Refused, Standing};
use crate::state::clock;
use crate::state::standing::read_standing;
use crate::venue::Venue;

/// The time, or why it is not certain.
pub(super) type Now = Result<DateTime<Utc>, String>;

/// Whether this process may trade at all, by what its owner found out at its start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Hold {
    #[default]
    Nothing,
    /// Not known yet: a write waits a moment for the answer.
    Checking,
    /// It must not.
    Because(Why),
}

/// Why this process must not trade, and what to do, to two readers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Why {
    /// Goes out with the refusal and into its record: nothing in it is a path, least of all to a secret.
    pub for_the_agent: String,
    /// In full: for the state file, `status` and `doctor`.
    pub for_the_person: String,
}

/// What every write of this process has to pass before anything else.
#[derive(Debug, Default)]
pub(super) struct Door {
    pub(super) closed: bool,
    pub(super) hold: Hold,
}

impl<V: Venue> Core<V> {
    /// Waits while the checks at the start are not done, at most as long as for the lock, then refuses or not.
    pub(super) async fn pass_the_door(&self) -> Result<(), Refused> {
        let mut door = self.door.subscribe();
        let known = door.wait_for(|door| door.closed || door.hold != Hold::Checking);
        // Whatever ends the wait, the door is looked at below.
        let _ = tokio::time::timeout(LOCK_WAIT, known).await.map(drop);
        self.refuse_if_closed()
    }

    /// Nothing is committed any more once the end of this process is near, or while something keeps it from
    /// trading.
    pub(super) fn refuse_if_closed(&self) -> Result<(), Refused> {
        let door = self.door.borrow();
        let reason = match (&door.hold, door.closed) {
            (_, true) => "nothing was sent: this server is stopping; ask again when it is back".to_owned(),
            (Hold::Checking, false) => {
                "nothing was sent: the checks at the start are not done yet; ask again".to_owned()
            }
            (Hold::Because(why), false) => format!("nothing was sent: {}", why.for_the_agent),
            (Hold::Nothing, false) => return Ok(()),
        };
        Err(Refused::outside(Refusal::deny(Limit::Mode, reason)))
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
