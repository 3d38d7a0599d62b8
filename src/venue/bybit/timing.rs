//! Asking the exchange what time it is, once for all who wait, and keeping the answer.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::clock::{self, Kept, Moment, Reading};
use super::get::{Trouble, lost, retried};
use super::http::{Http, Request};
use super::limits::{Bucket, Rank};
use super::parse::{Document, Rows};
use crate::venue::VenueError;

/// An exit waits no longer for a clock that it can do without.
const AN_EXIT_WAITS: Duration = Duration::from_secs(1);

/// The exchange's clock as far as it is known.
#[derive(Debug, Default)]
pub(super) struct Clock {
    kept: Mutex<Kept>,
    /// Held while it is measured: callers that come meanwhile share the one measurement.
    measuring: tokio::sync::Mutex<()>,
}

impl Clock {
    /// A panic elsewhere cannot leave it half written in a way that matters.
    pub(super) fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// <https://bybit-exchange.github.io/docs/v5/market/time>
const TIME: Request<'static> = Request {
    bucket: Bucket {
        path: "/v5/market/time",
        category: None,
    },
    query: "",
    body: None,
};

impl Http {
    /// The exchange's clock, measured when there is no fresh measurement; an error when it cannot be.
    pub(super) async fn reading(&self, deadline: Instant) -> Result<Reading, VenueError> {
        self.measured(deadline).await?.usable(self.config.recv_window_ms)
    }

    /// The same, for what a wrong timestamp does no harm to: reads and exits. The exchange refuses one with nothing
    /// done (facts §2.3, 10002), so where the clock cannot be measured the last measurement goes on, and without one
    /// this machine's clock is taken for it.
    pub(super) async fn reading_at_hand(&self, rank: Rank, deadline: Instant) -> Result<Reading, VenueError> {
        let window = self.config.recv_window_ms;
        let error = match self.measured(self.clock_until(rank, deadline)).await {
            Ok(reading) => return reading.usable(window),
            Err(error) => error,
        };
        let now = Moment::now();
        let kept = self.clock.kept().reading;
        let carried_on = kept.and_then(|reading| reading.carried_on(now));
        tracing::debug!(%error, kept = carried_on.is_some(), "signing by a clock that was not measured");
        match carried_on {
            Some(reading) => reading.usable(window),
            None => Ok(Reading::of_this_machine(now, window)),
        }
    }

    /// A new measurement in place of the kept one, however far off it is: for saying so, not for signing.
    pub(super) async fn measured_now(&self, deadline: Instant) -> Result<Reading, VenueError> {
        let _turn = self.turn(deadline).await?;
        self.measure(deadline).await
    }

    /// A new measurement in place of the kept one, after the exchange refused a timestamp (facts §2.3, 10002).
    pub(super) async fn measure_again(&self, deadline: Instant) -> Result<Reading, VenueError> {
        self.clock.kept().reading = None;
        let reading = self.measured(deadline).await?;
        tracing::warn!(
            offset = reading.in_words(),
            "timestamp refused, clock measured again"
        );
        reading.usable(self.config.recv_window_ms)
    }

    /// How long a request of that rank may wait for the clock, so that time is left for the request.
    pub(super) fn clock_until(&self, rank: Rank, deadline: Instant) -> Instant {
        match rank {
            Rank::Exit => deadline.min(Instant::now() + AN_EXIT_WAITS),
            Rank::Read => self.attempt_deadline(deadline),
        }
    }

    /// The kept measurement while it is fresh, else a new one, unless one has just failed.
    async fn measured(&self, deadline: Instant) -> Result<Reading, VenueError> {
        let fresh = self.clock.kept().fresh(Moment::now());
        if let Some(reading) = fresh {
            return Ok(reading);
        }
        let _turn = self.turn(deadline).await?;
        // Whoever had the turn before has measured, or failed to.
        let known = self.clock.kept().answer(Moment::now());
        match known {
            Some(answer) => answer,
            None => self.measure(deadline).await,
        }
    }

    async fn turn(&self, deadline: Instant) -> Result<tokio::sync::MutexGuard<'_, ()>, VenueError> {
        tokio::time::timeout_at(deadline.into(), self.clock.measuring.lock())
            .await
            .map_err(|_| clock::not_in_time())
    }

    async fn measure(&self, deadline: Instant) -> Result<Reading, VenueError> {
        self.clock.kept().begins(Instant::now());
        let measured = self.sampled(deadline).await;
        let pause = self.clock.kept().ended(&measured, Instant::now());
        if let (Err(error), Some(pause)) = (&measured, pause) {
            tracing::warn!(%error, ?pause, "the exchange's clock cannot be measured; trying again after a pause");
        }
        measured
    }

    async fn sampled(&self, deadline: Instant) -> Result<Reading, VenueError> {
        let first = retried(deadline, || self.sample(deadline))
            .await
            .map_err(Trouble::into_error)?;
        let reading = if first.is_exact_enough() {
            first
        } else {
            // The connection is up now, so the second round trip is the shorter one.
            let second = self.sample(deadline).await;
            second.map_or(first, |second| first.or_more_exact(second))
        };
        if reading.offset_ms().abs() > 1_000 {
            tracing::warn!(offset = reading.in_words(), "this machine's clock is off");
        }
        Ok(reading)
    }

    async fn sample(&self, deadline: Instant) -> Result<Reading, Trouble> {
        // Nothing is signed without it, and it is asked once in minutes.
        let admitted = self.admit(TIME.bucket, Rank::Exit, deadline).await;
        admitted.map_err(Trouble::Final)?;
        let sent = Moment::now();
        let reply = self
            .transfer(&TIME, None, self.attempt_deadline(deadline))
            .await
            .map_err(lost)?;
        let received = Moment::now();
        let envelope = self.judge(TIME.bucket, &reply)?;
        let exchange_ms = Document::of(&envelope, "market/time")
            .and_then(|document| document.read(|result| result.row("market/time")?.nanos_as_ms("timeNano")))
            .map_err(Trouble::Final)?;
        Ok(Reading::from_round_trip(sent, received, exchange_ms))
    }
}
