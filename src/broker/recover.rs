//! Settles what an earlier process left in flight: asks the exchange, records what happened, corrects the
//! count, removes the file. Runs under the lock, so no second process settles the same order.
//!
//! A process can die between any two steps of a write; what is found then, and what is done:
//!
//! | it died | left behind | done |
//! |---|---|---|
//! | counted, no in-flight file yet | a count too high | nothing: see below |
//! | before `order_submitted` | a file | not shown in time: recorded as never sent or never arrived, count given back |
//! | before or after the send | a file, `order_submitted` | looked up: recorded as it is shown, or as never arrived |
//! | the same, a day ago | the same | not shown: recorded as unknown, the count stays |
//! | between the two ledgers | a record on the plain one alone | chained |
//! | after the last record | a file | count and memory put right, no second record |
//!
//! An order that is shown under the id and differs in what no amend changes is another one: it is as none, so
//! ours stays open until it can no longer appear.
//!
//! A change to an order is done when a figure that it alone made is shown, and never arrived when the order is
//! shown as it was before. Whatever else is shown, or not shown any more, says neither: it is recorded as
//! unknown, and its count stays.
//!
//! A count without a file and without a record is not given back. That the order was not sent would follow from
//! the ledger lacking its record, and a ledger may be rotated, trimmed or restored at any time: then an order
//! that stands would no longer count. The count is one too high until midnight (UTC), never too low.

mod report;
mod settle;
mod told;
mod verdict;

use std::time::Instant;

use chrono::Duration;

use super::facts::{key_of, resting_of};
use super::{Core, LOCK_WAIT, Mode};
use crate::domain::account::RestingOrder;
use crate::domain::mandate::parse_instant;
use crate::domain::order::OrderKey;
use crate::state::audit_record::AuditRecord;
use crate::state::day::{Day, PERMIT_HOLDS};
use crate::state::inflight::{self, InflightRecord};
use crate::state::{clock, crash, mend};
use crate::venue::{Venue, VenueError};
pub use report::Recovery;
use told::Told;
use verdict::Case;

/// After this an order that the exchange does not show can no longer appear: four times the longest that was
/// seen (facts §5.9).
const CAN_APPEAR_FOR: std::time::Duration = std::time::Duration::from_secs(60);

/// How long an order was seen to stay invisible once the exchange had it; added to a long `recv_window`.
const INVISIBLE_FOR: std::time::Duration = std::time::Duration::from_secs(15);

/// What ended without a fill is shown for 24 hours (facts §4.6): of an older order its absence says only that it is
/// not open and was not filled. An hour less, since nothing says from when those are counted.
const UNFILLED_IS_SHOWN_FOR: Duration = Duration::hours(23);

/// No further order is looked up when those before took this long: others wait for the lock.
const LOOKUPS_TAKE: std::time::Duration = std::time::Duration::from_secs(4);

/// For how long after it was sent an order that the exchange does not show may still appear.
pub(super) fn can_appear_for<V: Venue>(venue: &V) -> std::time::Duration {
    CAN_APPEAR_FOR.max(venue.request_lives_for() + INVISIBLE_FOR)
}

/// The same for one whose file was written then: its permit may have been used as late as it held.
pub(super) fn can_appear_by_its_file<V: Venue>(venue: &V) -> std::time::Duration {
    CAN_APPEAR_FOR.max(PERMIT_HOLDS + venue.request_lives_for() + INVISIBLE_FOR)
}

/// Whether the order can no longer appear. By the earlier of our clock and the exchange's: a clock that jumped
/// ahead must not end the wait.
pub(super) async fn is_past<V: Venue>(venue: &V, record: &InflightRecord) -> bool {
    let (Some(made), Ok(exchange)) = (parse_instant(&record.created_at), venue.exchange_time().await) else {
        return false;
    };
    let wait = crash::can_appear_for().unwrap_or_else(|| can_appear_by_its_file(venue));
    let age = (exchange.min(clock::now()) - made).to_std();
    age.is_ok_and(|age| age > wait)
}

/// Why an order stays open for now.
enum Hindrance {
    /// Of this order alone.
    Own(String),
    /// Every further one would fail as well, after as long a wait.
    Shared(String),
    /// Its file says no order.
    Unreadable(String),
}

impl<V: Venue> Core<V> {
    pub(super) fn has_leftovers(&self) -> bool {
        self.mode == Mode::Trade && inflight::any(&self.files)
    }

    pub(super) async fn recover(&self) -> Recovery {
        if !self.has_leftovers() {
            return Recovery::default();
        }
        match Day::open(&self.files, &self.ledger, clock::today, LOCK_WAIT).await {
            Ok(day) => {
                crash::point("recovery-after-lock");
                self.settle_leftovers(&day).await
            }
            Err(error) => Recovery::not_begun(&error.to_string()),
        }
    }

    /// Looks at every order in flight once. What cannot be settled now stays, and goes on counting.
    pub(super) async fn settle_leftovers(&self, day: &Day) -> Recovery {
        let (records, errors) = day.leftovers();
        let mut recovery = Recovery {
            looked_at: records.len() + errors.len(),
            unreadable: errors.iter().map(ToString::to_string).collect(),
            ..Recovery::default()
        };
        // A chain that takes no record would get a new one in the plain ledger at each look.
        if !records.is_empty()
            && let Err(error) = self.ledger.check_writable()
        {
            recovery.hindered = Some(error.to_string());
        }
        let started = Instant::now();
        for record in records {
            if record.venue != self.venue.label() {
                let elsewhere = format!("{} ({})", record.client_id, record.venue);
                recovery.elsewhere.push(elsewhere);
                continue;
            }
            if recovery.hindered.is_some() || started.elapsed() > LOOKUPS_TAKE {
                recovery.open.push(record.client_id);
                continue;
            }
            match self.settle_leftover(day, &record, &mut recovery).await {
                Ok(()) => {}
                Err(hindrance) => recovery.note(&record, hindrance),
            }
        }
        recovery
    }

    async fn settle_leftover(
        &self,
        day: &Day,
        record: &InflightRecord,
        recovery: &mut Recovery,
    ) -> Result<(), Hindrance> {
        let (order, key) = target(record)?;
        let told = Told::read(&self.files, record).map_err(Hindrance::shared)?;
        mend::chain_missing(&self.files, &told.records).map_err(Hindrance::shared)?;
        // Told before it is looked for: what was not shown before then may have appeared since.
        let (expired, forgotten) = (self.is_past(record).await, self.is_forgotten(record).await);
        let found = match parse_instant(&record.created_at) {
            Some(sent) => self.venue.order_sent_at(&order.instrument, &key, sent).await,
            None => self.venue.order(&order.instrument, &key).await,
        };
        let found = found.map_err(|error| match is_of_the_connection(&error) {
            true => Hindrance::shared(error),
            false => Hindrance::Own(error.to_string()),
        })?;
        crash::point("recovery-after-lookup");
        let case = Case {
            record,
            order: &order,
            told: &told,
            found: found.as_ref(),
            expired,
            forgotten,
        };
        self.carry_out(day, &case, recovery)
    }

    /// What the ledger says last of an order in flight.
    pub(super) fn said_last_of(&self, record: &InflightRecord) -> Option<AuditRecord> {
        let told = Told::read(&self.files, record).ok()?;
        serde_json::from_value(told.records.last()?.clone()).ok()
    }

    async fn is_past(&self, record: &InflightRecord) -> bool {
        is_past(&*self.venue, record).await
    }

    /// Whether the exchange may have stopped showing how the order ended. By the later of the two clocks: one that is
    /// behind must not make it young again.
    async fn is_forgotten(&self, record: &InflightRecord) -> bool {
        let ours = clock::now();
        let now = self
            .venue
            .exchange_time()
            .await
            .map_or(ours, |exchange| exchange.max(ours));
        parse_instant(&record.created_at).is_none_or(|sent| now - sent > UNFILLED_IS_SHOWN_FOR)
    }
}

impl Hindrance {
    fn shared(error: impl ToString) -> Self {
        Self::Shared(error.to_string())
    }
}

impl Recovery {
    fn note(&mut self, record: &InflightRecord, hindrance: Hindrance) {
        match hindrance {
            Hindrance::Own(why) => {
                tracing::warn!(
                    why,
                    client_id = record.client_id,
                    "an order in flight could not be looked up"
                );
            }
            Hindrance::Shared(why) => {
                self.hindered.get_or_insert(why);
            }
            Hindrance::Unreadable(why) => {
                let id = &record.client_id;
                self.unreadable
                    .push(format!("the in-flight order {id} is not understood: {why}"));
                return;
            }
        }
        self.open.push(record.client_id.clone());
    }
}

/// What the exchange is asked for.
fn target(record: &InflightRecord) -> Result<(RestingOrder, OrderKey), Hindrance> {
    let order = resting_of(record).map_err(Hindrance::Unreadable)?;
    match key_of(&order) {
        Some(key) => Ok((order, key)),
        None => Err(Hindrance::Unreadable("it names no order".to_owned())),
    }
}

/// Each further lookup would wait as long, and the lock with it.
fn is_of_the_connection(error: &VenueError) -> bool {
    match error {
        VenueError::NoCredentials
        | VenueError::Clock(_)
        | VenueError::RateLimited(_)
        | VenueError::Unreachable(_) => true,
        VenueError::Rejected { .. }
        | VenueError::Unreadable(_)
        | VenueError::UnknownInstrument(_)
        | VenueError::Account(_) => false,
    }
}
