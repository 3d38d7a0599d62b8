//! Reads: repeated with backoff while time is left, because reading twice changes nothing.

use std::future::Future;
use std::time::{Duration, Instant};

use super::clock::Moment;
use super::http::{Failure, Http, Request, banned};
use super::limits::{Bucket, Rank};
use super::reply::{Envelope, Reply};
use super::sign::Credentials;
use crate::venue::VenueError;

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const MAX_ATTEMPTS: u32 = 5;

/// Where no header says when a used-up budget is back: the windows are one second long (facts §3).
const ASSUMED_RESET: Duration = Duration::from_secs(1);

/// A budget that is just used up names a reset that is already over (facts §3).
const SHORTEST_RESET: Duration = Duration::from_millis(100);

/// No window is longer; a header that says more is not believed.
const LONGEST_RESET: Duration = Duration::from_secs(60);

const WRONG_TIMESTAMP: i64 = 10002;
const TOO_MANY: i64 = 10006;

/// Server-side trouble that a read may meet and another try may not (facts §2.3, class A).
const PASSING: [i64; 12] = [
    10000, 10016, 10019, 10429, 429, 5004, 170001, 170007, 170032, 500000, 340099, 3400214,
];

/// Why one attempt gave nothing.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Another try would get the same.
    Final(VenueError),
    /// Another try may work, after this pause where the exchange named one.
    Passing(VenueError, Option<Duration>),
    /// The timestamp was refused.
    Timestamp(VenueError),
}

impl Http {
    /// One GET, signed or not, within the configured time. The envelope's code is 0.
    pub(super) async fn get(
        &self,
        path: &'static str,
        query: &str,
        signed: bool,
    ) -> Result<Envelope, VenueError> {
        self.get_as(self.rank, path, query, signed).await
    }

    /// The same, of another rank than this client's.
    pub(super) async fn get_as(
        &self,
        rank: Rank,
        path: &'static str,
        query: &str,
        signed: bool,
    ) -> Result<Envelope, VenueError> {
        let deadline = Instant::now() + self.config.timeout;
        let bucket = Bucket { path, category: None };
        let request = Request {
            bucket,
            query,
            body: None,
        };
        let attempt = || self.get_once(request, rank, signed, deadline);
        match retried(deadline, attempt).await {
            Err(Trouble::Timestamp(_)) => {
                // What is not measured is signed by the clock at hand, which is another one than before.
                let again = self.measure_again(self.clock_until(rank, deadline)).await;
                if let Err(error @ VenueError::Clock(_)) = again {
                    return Err(error);
                }
                retried(deadline, attempt).await.map_err(Trouble::into_error)
            }
            other => other.map_err(Trouble::into_error),
        }
    }

    async fn get_once(
        &self,
        request: Request<'_>,
        rank: Rank,
        signed: bool,
        deadline: Instant,
    ) -> Result<Envelope, Trouble> {
        let signature = if signed {
            let credentials = self.credentials().map_err(Trouble::Final)?;
            let reading = self.reading_at_hand(rank, deadline).await;
            let reading = reading.map_err(Trouble::Final)?;
            self.admit(request.bucket, rank, deadline)
                .await
                .map_err(Trouble::Final)?;
            Some(
                self.sign(credentials, &request, reading)
                    .map_err(Trouble::Final)?,
            )
        } else {
            self.admit(request.bucket, rank, deadline)
                .await
                .map_err(Trouble::Final)?;
            None
        };
        let reply = self
            .transfer(&request, signature, self.attempt_deadline(deadline))
            .await
            .map_err(lost)?;
        self.judge(request.bucket, &reply)
    }

    /// One attempt leaves time for a second one.
    pub(super) fn attempt_deadline(&self, deadline: Instant) -> Instant {
        deadline.min(Instant::now() + self.config.timeout / 2)
    }

    /// What an answer to a read means (facts §2.2, §2.3).
    pub(super) fn judge(&self, bucket: Bucket, reply: &Reply) -> Result<Envelope, Trouble> {
        let envelope = reply.envelope();
        let reset_in = self.learn(bucket, reply, envelope.as_ref());
        match (reply.status, envelope) {
            (403, _) if reply.is_ban() => Err(Trouble::Final(banned(self.ban()))),
            (429, _) => {
                let error =
                    VenueError::RateLimited("the exchange protects itself (http 429); wait".to_owned());
                Err(Trouble::Passing(error, None))
            }
            (status @ 500.., _) => {
                let error = VenueError::Unreachable(format!("http {status}: {}", reply.body_in_words()));
                Err(Trouble::Passing(error, None))
            }
            (200, Some(envelope)) if envelope.code == 0 => Ok(envelope),
            (_, Some(envelope)) if envelope.code != 0 => Err(refused(&envelope, reset_in)),
            (200, _) => {
                let words = format!("it is not in the exchange's form: {}", reply.body_in_words());
                Err(Trouble::Passing(VenueError::Unreadable(words), None))
            }
            (status, _) => Err(Trouble::Final(VenueError::Rejected {
                code: i64::from(status),
                message: http_refusal(status, reply),
            })),
        }
    }

    /// Notes the budget that an answer names; says how long a used-up one stays so.
    pub(super) fn learn(&self, bucket: Bucket, reply: &Reply, envelope: Option<&Envelope>) -> Duration {
        let mut headers = reply.limits;
        if envelope.is_some_and(|envelope| envelope.code == TOO_MANY) {
            headers.left = Some(0);
        }
        let now = Moment::now();
        // One from before a sleep of this machine is behind by as long, and every reset then looks that far off.
        let reading = self.clock.kept().fresh(now);
        let exchange_ms = reading.map(|reading| reading.exchange_ms_at(now));
        let reset_in = headers
            .reset_ms
            .zip(exchange_ms)
            .map(|(reset, exchange)| u64::try_from(reset.saturating_sub(exchange)).unwrap_or_default())
            .map_or(ASSUMED_RESET, Duration::from_millis)
            .clamp(SHORTEST_RESET, LONGEST_RESET);
        self.limits.learn(bucket, headers, reset_in, now.monotonic);
        reset_in
    }

    /// Starts the silence that a ban asks for, and says how long it is.
    pub(super) fn ban(&self) -> Duration {
        tracing::warn!(
            "the exchange banned this address for too many requests; all requests stop for a while"
        );
        self.limits.ban(Instant::now())
    }

    /// The key pair, or the error that says how to set one.
    pub(super) fn credentials(&self) -> Result<&Credentials, VenueError> {
        self.config.credentials.as_ref().ok_or(VenueError::NoCredentials)
    }
}

impl Trouble {
    pub(super) fn into_error(self) -> VenueError {
        match self {
            Self::Final(error) | Self::Passing(error, _) | Self::Timestamp(error) => error,
        }
    }
}

/// Tries until it works, the error is final, or the next pause would not fit.
pub(super) async fn retried<T, F>(deadline: Instant, attempt: impl Fn() -> F) -> Result<T, Trouble>
where
    F: Future<Output = Result<T, Trouble>>,
{
    let mut pause = FIRST_PAUSE;
    let mut attempts = 1;
    loop {
        let (error, named) = match attempt().await {
            Err(Trouble::Passing(error, named)) => (error, named),
            other => return other,
        };
        let wait = named.unwrap_or(pause);
        if attempts >= MAX_ATTEMPTS || Instant::now() + wait >= deadline {
            return Err(Trouble::Passing(error, named));
        }
        tracing::debug!(%error, attempts, "reading again after a pause");
        tokio::time::sleep(wait).await;
        pause *= 2;
        attempts += 1;
    }
}

/// A read that got no answer may be repeated, whether it arrived or not.
pub(super) fn lost(failure: Failure) -> Trouble {
    let (Failure::NotSent(why) | Failure::Lost(why)) = failure;
    Trouble::Passing(VenueError::Unreachable(why), None)
}

/// A code other than 0.
fn refused(envelope: &Envelope, reset_in: Duration) -> Trouble {
    let Envelope { code, message, .. } = envelope;
    match *code {
        WRONG_TIMESTAMP => Trouble::Timestamp(VenueError::Clock(format!(
            "the exchange refused the timestamp (code 10002): {message}; set this machine's clock right, or raise \
             BYBIT_RECV_WINDOW on a slow line"
        ))),
        TOO_MANY => Trouble::Passing(
            VenueError::RateLimited(format!("{message} (code 10006)")),
            Some(reset_in),
        ),
        code if PASSING.contains(&code) => Trouble::Passing(
            VenueError::Unreachable(format!("the exchange is in trouble (code {code}): {message}")),
            None,
        ),
        code => Trouble::Final(VenueError::Rejected {
            code,
            message: super::retcode::explained(code, message),
        }),
    }
}

/// What a plain HTTP refusal means (facts §2.2).
pub(super) fn http_refusal(status: u16, reply: &Reply) -> String {
    let meaning = match status {
        _ if reply.is_ban() => {
            "this machine's address sends too many requests; all requests stop for ten minutes"
        }
        401 => "the key headers are missing or wrong",
        403 => "the exchange does not serve this address or country",
        404 => "no such path, or not for this account's mode",
        _ => "the exchange did not take the request",
    };
    format!("http {status}: {meaning}: {}", reply.body_in_words())
}
