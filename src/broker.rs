//! One write, top to bottom: standing → lock → facts → gate → commit → send → settle (design §6).
//!
//! Facts that another process's order would change are read while the lock is held, so two writes can never
//! both be judged by the account as it was before either.

mod describe;
pub mod exit;
mod facts;
mod likeness;
mod record;
mod recover;
mod repeat;
mod reply;
mod resolve;
mod standing;

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;

use crate::domain::order::WriteTool;
use crate::gate::{self, Facts, Intended, Limit, Refusal, Refused};
use crate::state::day::{Day, Submission};
use crate::state::ledger::Ledger;
use crate::state::paths::LiveFiles;
use crate::state::{clock, crash};
use crate::venue::Venue;
pub use crate::venue::{ReadRequest, VenueError};
pub use exit::ExitReport;
use record::Scribe;
pub use recover::Recovery;
use reply::Reply;
use resolve::Fate;
use standing::Door;
pub use standing::{Hold, Why};

/// How long a write waits for the order lock. Vibe-Trading does not wait at all; an agent can ask again.
const LOCK_WAIT: Duration = Duration::from_secs(5);

/// Carries writes through the gate to the venue, and reads straight to it.
#[derive(Debug)]
pub struct Broker<V> {
    core: Arc<Core<V>>,
    running: watch::Sender<usize>,
}

/// What a write needs; shared with the task that carries it out.
#[derive(Debug)]
struct Core<V> {
    venue: Arc<V>,
    files: LiveFiles,
    ledger: Ledger,
    mode: Mode,
    door: watch::Sender<Door>,
}

/// What a person lets this process do at all (`BYBIT_MODE`), whatever the mandate says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// Every write is refused.
    Read,
    /// Writes pass the gate. `full` of the Python original means the same: there is nothing more to allow.
    #[default]
    Trade,
}

impl<V: Venue> Broker<V> {
    pub fn new(venue: Arc<V>, files: LiveFiles, ledger: Ledger, mode: Mode) -> Self {
        Self {
            core: Arc::new(Core {
                venue,
                files,
                ledger,
                mode,
                door: watch::Sender::new(Door::default()),
            }),
            running: watch::Sender::new(0),
        }
    }

    /// Runs one write tool. `args` is the exact JSON text of its arguments, an object.
    ///
    /// The reply is an object whose first key is `live_action` (first key `audit_id`), then `status` and `ok`.
    /// It is complete whatever happened: refused, rejected and unknown are replies, not errors. The write goes
    /// on in a task of its own when the caller stops waiting.
    pub async fn write(&self, tool: WriteTool, args: &str) -> Value {
        let (core, args) = (Arc::clone(&self.core), args.to_owned());
        let running = Running::enter(&self.running);
        let task = tokio::spawn(async move {
            let _running = running;
            core.write(tool, &args).await.into_value()
        });
        match task.await {
            Ok(reply) => reply,
            Err(error) => Reply::broken(tool, &self.core.files, &error.to_string()).into_value(),
        }
    }

    /// The account as the gate sees it now, resting and in-flight orders included.
    pub async fn account(&self) -> Facts {
        self.core.account().await
    }

    /// From now on every write that is not yet committed is refused: this process is about to end.
    pub fn close(&self) {
        self.core.door.send_modify(|door| door.closed = true);
    }

    /// What keeps this process from trading, as far as its owner knows; exits and reads go on in any case.
    pub fn hold(&self, hold: Hold) {
        self.core.door.send_modify(|door| door.hold = hold);
    }

    /// Tells a person what keeps this process from trading, in words, now and whenever its owner says something else.
    pub async fn tell_holds(&self, mut tell: impl FnMut(Option<&str>) + Send) {
        let mut door = self.core.door.subscribe();
        loop {
            tell(match &door.borrow_and_update().hold {
                Hold::Because(why) => Some(&why.for_the_person),
                Hold::Nothing | Hold::Checking => None,
            });
            if door.changed().await.is_err() {
                return;
            }
        }
    }

    /// Settles what an earlier process left in flight. Waits for the order lock as a write does; another process
    /// that recovers at the same time settles nothing twice.
    pub async fn recover(&self) -> Recovery {
        let (core, running) = (Arc::clone(&self.core), Running::enter(&self.running));
        let task = tokio::spawn(async move {
            let _running = running;
            core.recover().await
        });
        task.await
            .unwrap_or_else(|error| Recovery::not_begun(&error.to_string()))
    }

    /// [`Self::recover`] in a task of its own, which [`Self::drain`] waits for; nothing but a look at the folder
    /// when no order is in flight.
    pub fn recover_in_background(&self) {
        if !self.core.has_leftovers() {
            return;
        }
        let (core, running) = (Arc::clone(&self.core), Running::enter(&self.running));
        tokio::spawn(async move {
            let _running = running;
            core.recover().await.log();
        });
    }

    /// Waits until no write is under way. What is in flight then is on disk and settled at the next start.
    pub async fn drain(&self) {
        let mut running = self.running.subscribe();
        // The sender lives as long as we do, so waiting cannot fail.
        let _ = running.wait_for(|count| *count == 0).await;
    }

    /// Reads for the reading tools: the `result` as the exchange gave it.
    pub async fn read(&self, request: ReadRequest) -> Result<Value, VenueError> {
        self.core.venue.read(request).await
    }

    /// What this venue is, in words, and whether its money is not real.
    pub fn venue_label(&self) -> (&str, bool) {
        (self.core.venue.label(), self.core.venue.is_paper())
    }
}

impl<V: Venue> Core<V> {
    /// The story of one write.
    async fn write(&self, tool: WriteTool, args: &str) -> Reply {
        let mut scribe = Scribe::new(self, tool, args);
        match self.attempt(&mut scribe, tool, args).await {
            Ok(reply) => reply,
            Err(refused) => self
                .told_before(tool, args)
                .unwrap_or_else(|| scribe.refuse(&refused)),
        }
    }

    async fn attempt(&self, scribe: &mut Scribe, tool: WriteTool, args: &str) -> Result<Reply, Refused> {
        if self.mode == Mode::Read {
            let reason = "this server is read-only: BYBIT_MODE is `read`; a person sets it to `trade`";
            return Err(Refused::outside(Refusal::deny(Limit::Mode, reason)));
        }
        self.pass_the_door().await?;
        // 1. What decides without the exchange, decides before it is asked.
        let early = self.intended(scribe, clock_alone(), tool, args)?;
        let client_id = self.client_id(early.write())?;
        scribe.request(&client_id, self.venue.describe(early.write(), &client_id));
        if let Some(reply) = self.first_outcome(scribe, &client_id)? {
            return Ok(reply);
        }

        // 2. Under the lock: the account as it is, the mandate and HALT once more, the decision.
        crash::point("before-lock");
        let lock = Day::open(&self.files, &self.ledger, clock::today, LOCK_WAIT).await;
        let mut day = lock.map_err(|error| outside(Limit::DailyOrderLock, &error))?;
        crash::point("after-lock");
        self.settle_leftovers(&day).await;
        crash::point("after-leftovers");
        let now = self.latest_clock().await;
        let intended = self.intended(scribe, now, tool, args)?;
        // Another call may have placed it meanwhile, or a leftover turned out to be it, or it is on its way still.
        if let Some(reply) = self.first_outcome(scribe, &client_id)? {
            return Ok(reply);
        }
        if let Some(reply) = self.on_its_way(scribe, &client_id)? {
            return Ok(reply);
        }
        let facts = self.facts(&intended, &day).await;
        self.refuse_if_closed()?;
        crash::point("after-facts");
        // The reads took their time: what stands now decides, not what stood before them.
        let now = self.latest_clock().await;
        let approved = gate::judge(self.intended(scribe, now, tool, args)?, &facts)?;

        // 3. Counted, on disk, on the ledger. Only now is there a permit.
        scribe.approved(&approved);
        let submission = Submission {
            client_id: client_id.clone(),
            // Dated before the record: what the ledger says of this order comes after it.
            inflight: scribe.inflight(&approved),
            record: scribe
                .submitted()
                .map_err(|error| outside(Limit::Ledger, &error))?,
        };
        let (permit, committed) = day
            .commit(approved, submission)
            .map_err(|error| outside(error.limit(), &error))?;

        // 4. The last look at HALT and mandate, then the send, then what became of it.
        crash::point("before-send");
        let fate = match permit.withdrawn() {
            Some(refused) => Fate::Withdrawn(refused),
            None => {
                // The venue looks once more when nothing is left to wait for.
                let outcome = self.venue.send(permit).await;
                crash::point("after-send");
                self.resolve(scribe, &committed, outcome).await
            }
        };
        crash::point("after-lookup");

        // 5. On the ledger before anyone is told; remembered before its file goes.
        let (reply, settled) = scribe.settle(&day, &committed, &fate);
        let remembered = self.remember(scribe, &committed, &fate, &reply);
        crash::point("after-remember");
        if settled && remembered {
            day.close(&committed);
        }
        crash::point("before-unlock");
        drop(day);
        crash::point("after-unlock");
        Ok(reply)
    }

    /// Steps 1 to 4 of the gate, with the files as they are now.
    fn intended(
        &self,
        scribe: &mut Scribe,
        now: standing::Now,
        tool: WriteTool,
        args: &str,
    ) -> Result<Intended, Refused> {
        let standing = self.standing(now);
        scribe.mandate(standing.mandate.as_ref().ok());
        let intended = gate::intent(gate::authority(standing)?, tool, args)?;
        scribe.intended(intended.write());
        Ok(intended)
    }
}

fn clock_alone() -> standing::Now {
    Ok(clock::now())
}

fn outside(limit: Limit, error: &dyn std::error::Error) -> Refused {
    Refused::outside(Refusal::deny(limit, format!("nothing was sent: {error}")))
}

/// One write under way; counts itself out when it ends, however it ends.
#[derive(Debug)]
struct Running(watch::Sender<usize>);

impl Running {
    fn enter(count: &watch::Sender<usize>) -> Self {
        count.send_modify(|running| *running += 1);
        Self(count.clone())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.send_modify(|running| *running = running.saturating_sub(1));
    }
}
