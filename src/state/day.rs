//! One trading day under the lock, and the permit that only it gives.
//!
//! A permit means: the order is counted, its in-flight file is on disk and `order_submitted` is on both
//! ledgers, all fsynced. Whatever fails on the way is undone, and no permit comes of it.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use chrono::{NaiveDate, TimeDelta};
use thiserror::Error;

use super::audit_record::AuditRecord;
use super::counter::{Counter, CounterError, CounterFile};
use super::inflight::{self, InflightError, InflightRecord};
use super::ledger::{Ledger, LedgerError};
use super::lock::{LockError, OrderLock};
use super::paths::LiveFiles;
use super::standing::read_standing;
use super::{clock, crash};
use crate::domain::order::{ClientOrderId, Write};
use crate::gate::{Approved, Limit, Refusal, Refused};

/// How long a decision holds. Committing it and waiting for a turn take some seconds at worst; a process that was
/// frozen in between wakes up in another market.
pub(crate) const PERMIT_HOLDS: Duration = Duration::from_secs(15);

/// Why an approved write was not committed; nothing was sent and nothing stays counted.
#[derive(Debug, Error)]
pub enum CommitError {
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error(
        "it was decided on {0}, and that day (UTC) is over: the count that it was judged by is yesterday's; ask again, and today's decides"
    )]
    DayIsOver(NaiveDate),
    #[error(transparent)]
    Counter(#[from] CounterError),
    #[error(transparent)]
    Inflight(#[from] InflightError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl CommitError {
    /// Which check it is that refuses.
    #[must_use]
    pub fn limit(&self) -> Limit {
        match self {
            Self::Lock(_) | Self::Counter(CounterError::LockLost(_)) => Limit::DailyOrderLock,
            Self::DayIsOver(_) => Limit::MaxTradesPerDay,
            Self::Counter(_) | Self::Inflight(_) | Self::Ledger(_) => Limit::Ledger,
        }
    }
}

/// The day's counter and this broker's in-flight orders, locked against every other process.
#[derive(Debug)]
pub struct Day {
    files: LiveFiles,
    lock: OrderLock,
    ledger: Ledger,
    /// The day that counts.
    today: NaiveDate,
    /// Tells the day that it is now.
    calendar: fn() -> NaiveDate,
}

/// What is written down before a write may be sent.
#[derive(Debug)]
pub struct Submission {
    /// Made before anything is written; a new order carries it as `orderLinkId`.
    pub client_id: ClientOrderId,
    /// `order_submitted`, `pending`.
    pub record: AuditRecord,
    /// For what may leave an order behind; cancels and settings have none.
    pub inflight: Option<InflightRecord>,
}

/// What a commit left on disk, to be settled once the outcome is known.
#[derive(Debug)]
#[must_use = "what was committed has to be settled"]
pub struct Committed {
    pub client_id: ClientOrderId,
    pub inflight: Option<InflightRecord>,
    /// This commit took one of the day's trades; an id that was counted before takes none.
    counted: bool,
    withdrawn: Arc<OnceLock<Refused>>,
}

impl Committed {
    /// Why the last look before the send stopped it, if it did.
    #[must_use]
    pub fn withdrawn(&self) -> Option<&Refused> {
        self.withdrawn.get()
    }
}

/// Proof that one approved write is counted, on disk and on the ledger. Borrows the [`Day`], so the lock is
/// held until it is used up. The order travels inside: what was approved is the only thing that can be sent.
#[derive(Debug)]
#[must_use = "a dropped permit leaves a counted order unsent"]
pub struct Permit<'day> {
    approved: Approved,
    client_id: ClientOrderId,
    day: &'day Day,
    /// It may leave an order behind.
    binds: bool,
    committed_at: Instant,
    withdrawn: Arc<OnceLock<Refused>>,
}

impl Permit<'_> {
    /// The last look at HALT and mandate, which the venue takes when nothing is left to wait for: why the write must
    /// not be sent any more, if so.
    #[must_use]
    pub fn withdrawn(&self) -> Option<Refused> {
        let decided_at = self.approved.decided_at();
        // A slow clock, or one that is set back meanwhile, must not keep a mandate alive.
        let now = (decided_at + self.committed_at.elapsed()).max(clock::now());
        let refused = self
            .approved
            .still_stands(read_standing(&self.day.files, Ok(now)))
            .and_then(|()| still_holds(now - decided_at))
            .and_then(|()| match self.day.still_decides(self.binds) {
                Ok(()) => Ok(()),
                Err(error) => Err(Refused::outside(Refusal::deny(error.limit(), error.to_string()))),
            })
            .err()?;
        Some(self.withdrawn.get_or_init(|| refused).clone())
    }

    /// The write that may be sent.
    #[must_use]
    pub fn write(&self) -> &Write {
        self.approved.write()
    }

    /// The id under which it was counted; a new order carries it as `orderLinkId`.
    #[must_use]
    pub fn client_id(&self) -> &ClientOrderId {
        &self.client_id
    }
}

fn still_holds(age: TimeDelta) -> Result<(), Refused> {
    match age.to_std() {
        Ok(age) if age > PERMIT_HOLDS => {
            let reason = format!(
                "it was decided {} s ago and a decision holds for {} s: prices and the account may be others now; ask again",
                age.as_secs(),
                PERMIT_HOLDS.as_secs()
            );
            Err(Refused::outside(Refusal::deny(Limit::Clock, reason)))
        }
        Ok(_) | Err(_) => Ok(()),
    }
}

impl Day {
    /// Takes the order lock, waiting at most `wait`. `calendar` tells the UTC day; the one that counts is that on which
    /// the lock is had, for the wait may last over midnight.
    pub async fn open(
        files: &LiveFiles,
        ledger: &Ledger,
        calendar: fn() -> NaiveDate,
        wait: Duration,
    ) -> Result<Self, LockError> {
        let lock = OrderLock::acquire(files, wait).await?;
        Ok(Self {
            files: files.clone(),
            lock,
            ledger: ledger.clone(),
            today: calendar(),
            calendar,
        })
    }

    /// Whether what was decided under this lock, by this day's count, may still be done; what `binds` nothing and only
    /// takes away may in any case.
    fn still_decides(&self, binds: bool) -> Result<(), CommitError> {
        if !binds {
            return Ok(());
        }
        self.lock.still_excludes()?;
        match (self.calendar)() == self.today {
            true => Ok(()),
            false => Err(CommitError::DayIsOver(self.today)),
        }
    }

    /// Orders counted today.
    pub fn count(&self) -> Result<u64, CounterError> {
        Ok(self.counter()?.count())
    }

    /// Orders of ours that are not settled, and what cannot be read among them. What a crash left half written
    /// goes: nobody else writes there while the lock is held.
    pub fn leftovers(&self) -> (Vec<InflightRecord>, Vec<InflightError>) {
        inflight::remove_half_written(&self.files);
        inflight::each(&self.files)
    }

    fn counter(&self) -> Result<CounterFile, CounterError> {
        Counter::read(&self.files, self.today)
    }

    /// Counts the write, puts it on disk and on the ledger, and only then gives the permit to send it.
    pub fn commit(
        &mut self,
        approved: Approved,
        submission: Submission,
    ) -> Result<(Permit<'_>, Committed), CommitError> {
        // What follows may wait for others, and a mandate's end does not.
        let committed_at = Instant::now();
        // Asked first, so that no `order_submitted` is written that the chain cannot take.
        self.ledger.check_writable()?;
        let Submission {
            client_id,
            record,
            inflight,
        } = submission;
        let binds = approved.counts_as_trade() || inflight.is_some();
        self.still_decides(binds)?;
        let withdrawn = Arc::new(OnceLock::new());
        crash::point("before-count");
        let counted = if approved.counts_as_trade() {
            self.take_trade(&client_id)?
        } else {
            false
        };
        crash::point("after-count");
        let mut committed = Committed {
            client_id: client_id.clone(),
            inflight: None,
            counted,
            withdrawn: Arc::clone(&withdrawn),
        };
        if let Some(mut order) = inflight {
            order.counted = counted;
            let written = inflight::write_new(&self.files, &order);
            // It may lie there all the same, when only its folder could not be synced. What an earlier order left under
            // this id stays, whatever failed: that one may have been sent.
            let is_ours = match &written {
                Ok(()) => true,
                Err(InflightError::Exists(_)) => false,
                Err(_) => inflight::each(&self.files).0.contains(&order),
            };
            if is_ours {
                committed.inflight = Some(order);
            }
            if let Err(error) = written {
                self.undo(&committed);
                return Err(error.into());
            }
        }
        crash::point("after-inflight-file");
        if let Err(error) = self.ledger.append(&record) {
            self.undo(&committed);
            return Err(error.into());
        }
        crash::point("after-submitted");
        Ok((
            Permit {
                approved,
                client_id,
                day: self,
                binds,
                committed_at,
                withdrawn,
            },
            committed,
        ))
    }

    /// Whether the id was not among today's before.
    fn take_trade(&self, client_id: &ClientOrderId) -> Result<bool, CounterError> {
        let before = self.counter()?;
        let after = before.increment(client_id.as_str())?;
        if after == before {
            return Ok(false);
        }
        after.write(&self.files, &self.lock).inspect_err(|_| {
            // It may be there all the same, when only its folder could not be synced. Nothing is sent.
            let _ = before.write(&self.files, &self.lock);
        })?;
        Ok(true)
    }

    /// Takes back what a commit that failed left: the count, then the in-flight file.
    fn undo(&self, committed: &Committed) {
        self.give_back_counted(committed);
        self.close(committed);
    }

    /// A failure leaves the count too high, never too low.
    fn give_back_counted(&self, committed: &Committed) {
        if committed.counted
            && let Err(error) = self.give_back(&committed.client_id)
        {
            tracing::error!(%error, client_id = %committed.client_id, "a trade that was not made stays counted");
        }
        crash::point("after-give-back");
    }

    /// Gives a trade back to the day, when it was counted today.
    pub fn give_back(&self, client_id: &ClientOrderId) -> Result<(), CounterError> {
        let before = self.counter()?;
        let after = before.give_back(client_id.as_str());
        if after == before {
            Ok(())
        } else {
            after.write(&self.files, &self.lock)
        }
    }

    /// Records a write that placed nothing and gives its trade back. [`Self::close`] comes next, even if the ledger
    /// could not be written: nothing was placed, so nothing can be lost.
    pub fn settle_not_placed(
        &self,
        committed: &Committed,
        record: &AuditRecord,
    ) -> Result<AuditRecord, LedgerError> {
        let written = self.last_record(record);
        self.give_back_counted(committed);
        written
    }

    /// Records a write that the exchange took. [`Self::close`] comes next, once this is on the disk.
    pub fn settle_placed(&self, record: &AuditRecord) -> Result<AuditRecord, LedgerError> {
        self.last_record(record)
    }

    fn last_record(&self, record: &AuditRecord) -> Result<AuditRecord, LedgerError> {
        crash::point("before-final-record");
        let written = self.ledger.append(record)?;
        crash::point("after-final-record");
        Ok(written)
    }

    /// Says on the ledger how far a write came that cannot be settled yet, then on its file; both stay.
    ///
    /// In this order, so that a file never says `acknowledged` of an order of which the ledger does not.
    pub fn keep_open(
        &self,
        order: Option<&InflightRecord>,
        record: &AuditRecord,
    ) -> Result<AuditRecord, LedgerError> {
        let written = self.ledger.append(record)?;
        crash::point("after-open-record");
        if let Some(order) = order
            && let Err(error) = inflight::update(&self.files, order)
        {
            tracing::warn!(%error, "the state of an order in flight was not updated; the older one counts");
        }
        Ok(written)
    }

    /// Removes the in-flight file of a write that is settled and remembered: the last step of all.
    pub fn close(&self, committed: &Committed) {
        if let Some(order) = &committed.inflight {
            self.forget(&order.client_id);
        }
        crash::point("after-file-removal");
    }

    /// Removes an in-flight file whose order is settled on the ledger; false where it stays, and goes on counting.
    pub fn forget(&self, client_id: &str) -> bool {
        let removed = inflight::remove(&self.files, client_id);
        if let Err(error) = &removed {
            tracing::warn!(%error, "the file of a settled order stays; it will be settled again");
        }
        removed.is_ok()
    }

    /// Appends a record that belongs to no commit of this process: a refusal, a recovery.
    pub fn record(&self, record: &AuditRecord) -> Result<AuditRecord, LedgerError> {
        self.ledger.append(record)
    }
}

#[cfg(test)]
mod tests;
