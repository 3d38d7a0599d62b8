//! Asking the exchange what time it is, once for all who wait, and keeping the answer.

use std::time::Instant;

use tokio::sync::MutexGuard;

use super::clock::{Moment, Reading};
use super::get::{Trouble, lost, retried};
use super::http::{Http, Request};
use super::limits::{Bucket, Rank};
use super::parse::{Document, Rows};
use crate::venue::VenueError;

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
    /// The exchange's clock, measured when there is no fresh measurement.
    pub(super) async fn reading(&self, deadline: Instant) -> Result<Reading, VenueError> {
        let mut kept = self.locked_clock(deadline).await?;
        let reading = match *kept {
            Some(reading) if reading.is_fresh(Moment::now()) => reading,
            _ => *kept.insert(self.measure(deadline).await?),
        };
        reading.usable(self.config.recv_window_ms)
    }

    /// A new measurement in place of the kept one, however far off it is: for saying so, not for signing.
    pub(super) async fn measured_now(&self, deadline: Instant) -> Result<Reading, VenueError> {
        let mut kept = self.locked_clock(deadline).await?;
        Ok(*kept.insert(self.measure(deadline).await?))
    }

    /// A new measurement in place of the kept one, after the exchange refused a timestamp (facts §2.3, 10002).
    pub(super) async fn measure_again(&self, deadline: Instant) -> Result<Reading, VenueError> {
        let mut kept = self.locked_clock(deadline).await?;
        *kept = None;
        let reading = *kept.insert(self.measure(deadline).await?);
        tracing::warn!(
            offset = reading.in_words(),
            "timestamp refused, clock measured again"
        );
        reading.usable(self.config.recv_window_ms)
    }

    async fn locked_clock(&self, deadline: Instant) -> Result<MutexGuard<'_, Option<Reading>>, VenueError> {
        tokio::time::timeout_at(deadline.into(), self.clock.lock())
            .await
            .map_err(|_| VenueError::Unreachable("the exchange's clock could not be read in time".to_owned()))
    }

    async fn measure(&self, deadline: Instant) -> Result<Reading, VenueError> {
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
