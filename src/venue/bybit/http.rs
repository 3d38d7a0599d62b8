//! The one way out: every request, GET or POST, passes [`Http::transfer`] exactly once and is never repeated there.

use std::error::Error as _;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use url::Url;

use super::clock::{Moment, Reading};
use super::config::BybitConfig;
use super::connection;
use super::limits::{Bucket, Hold, LimitHeaders, Limits, Rank};
use super::reply::{Redactor, Reply};
use super::sign::Credentials;
use super::timing::Clock;
use crate::domain::secret::Secret;
use crate::venue::VenueError;

const API_KEY: HeaderName = HeaderName::from_static("x-bapi-api-key");
const TIMESTAMP: HeaderName = HeaderName::from_static("x-bapi-timestamp");
const SIGN: HeaderName = HeaderName::from_static("x-bapi-sign");
const RECV_WINDOW: HeaderName = HeaderName::from_static("x-bapi-recv-window");

/// Larger answers are not read to the end; the largest real one is some hundreds of kB.
const MAX_BODY_BYTES: usize = 8 * 1024 * 1024;

/// Holds the connections, the exchange's clock and the budgets; all of it is made when first needed.
#[derive(Debug)]
pub(super) struct Http {
    pub(super) config: BybitConfig,
    client: OnceLock<Result<reqwest::Client, String>>,
    pub(super) clock: Clock,
    pub(super) limits: Arc<Limits>,
    /// Of reads: those of an exit may use what is kept of each budget.
    pub(super) rank: Rank,
}

/// A request before it is signed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request<'a> {
    pub(super) bucket: Bucket,
    /// Encoded already.
    pub(super) query: &'a str,
    /// A POST when there is one. These very bytes are signed and sent.
    pub(super) body: Option<&'a str>,
}

/// What a signature adds to a request.
#[derive(Debug)]
pub(super) struct Signed {
    headers: HeaderMap,
    redactor: Redactor,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// No byte of the request left this machine.
    NotSent(String),
    /// It may have arrived.
    Lost(String),
}

impl Http {
    pub(super) fn new(config: BybitConfig) -> Self {
        Self {
            config,
            client: OnceLock::new(),
            clock: Clock::default(),
            limits: Arc::default(),
            rank: Rank::Read,
        }
    }

    /// The same address, key and budgets; connections and clock of its own, and the rank of exits for all that it asks.
    pub(super) fn apart(&self) -> Self {
        Self {
            config: self.config.clone(),
            client: OnceLock::new(),
            clock: Clock::default(),
            limits: Arc::clone(&self.limits),
            rank: Rank::Exit,
        }
    }

    /// The address, with the query exactly as it will stand on the wire.
    pub(super) fn url(&self, request: &Request<'_>) -> Url {
        let mut url = self.config.base_url.clone();
        url.set_path(request.bucket.path);
        url.set_query(Some(request.query).filter(|query| !query.is_empty()));
        url
    }

    /// Signs what [`Self::transfer`] will send, at the exchange's time `reading`.
    pub(super) fn sign(
        &self,
        credentials: &Credentials,
        request: &Request<'_>,
        reading: Reading,
    ) -> Result<Signed, VenueError> {
        let window = self.config.recv_window_ms;
        let timestamp = reading.timestamp_ms_at(Moment::now(), window);
        let url = self.url(request);
        let payload = request.body.unwrap_or_else(|| url.query().unwrap_or_default());
        let signature = credentials
            .sign_request(timestamp, window, payload)
            .map_err(|error| VenueError::Unreachable(error.to_string()))?;
        let secret_header = |text: &str| {
            let mut value = HeaderValue::from_str(text)
                .map_err(|_| VenueError::Unreachable("the api key fits into no header".to_owned()))?;
            value.set_sensitive(true);
            Ok::<_, VenueError>(value)
        };
        let headers = HeaderMap::from_iter([
            (API_KEY, secret_header(credentials.api_key().reveal())?),
            (TIMESTAMP, HeaderValue::from(timestamp)),
            (SIGN, secret_header(&signature)?),
            (RECV_WINDOW, HeaderValue::from(window)),
        ]);
        let needles = [
            Some(credentials.api_key().clone()),
            credentials.hmac_secret().cloned(),
        ];
        let redactor = Redactor::new(needles.into_iter().flatten().chain([Secret::new(signature)]));
        Ok(Signed { headers, redactor })
    }

    /// Waits for room in the budget, not beyond `until`.
    pub(super) async fn admit(&self, bucket: Bucket, rank: Rank, until: Instant) -> Result<(), VenueError> {
        loop {
            let now = Instant::now();
            match self.limits.take(bucket, rank, now) {
                Ok(()) => return Ok(()),
                Err(Hold::Wait(wait)) if now + wait <= until => tokio::time::sleep(wait).await,
                Err(Hold::Wait(wait)) => {
                    return Err(VenueError::RateLimited(format!(
                        "the budget of {} is used up for {} ms more; wait, then try again",
                        bucket.path,
                        wait.as_millis()
                    )));
                }
                Err(Hold::Banned(left)) => return Err(banned(left)),
            }
        }
    }

    /// Sends once and reads the whole answer.
    pub(super) async fn transfer(
        &self,
        request: &Request<'_>,
        signed: Option<Signed>,
        deadline: Instant,
    ) -> Result<Reply, Failure> {
        let client = match self.client.get_or_init(|| connection::client(&self.config)) {
            Ok(client) => client,
            Err(error) => return Err(Failure::NotSent(error.clone())),
        };
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Failure::NotSent("the time for this call is used up".to_owned()));
        }
        let (headers, redactor) = match signed {
            Some(signed) => (signed.headers, signed.redactor),
            None => (HeaderMap::new(), self.redactor()),
        };
        let response = self
            .outgoing(client, request)
            .headers(headers)
            .timeout(left)
            .send()
            .await
            .map_err(|error| failure(&error, &redactor))?;
        let status = response.status().as_u16();
        let limits = limit_headers(response.headers());
        let body = read_body(response, &redactor).await?;
        tracing::debug!(path = request.bucket.path, status, bytes = body.len(), "answered");
        Ok(Reply {
            status,
            body,
            limits,
            redactor,
        })
    }

    fn outgoing(&self, client: &reqwest::Client, request: &Request<'_>) -> reqwest::RequestBuilder {
        let url = self.url(request);
        match request.body {
            Some(body) => client
                .post(url)
                .header(CONTENT_TYPE, "application/json")
                .body(body.to_owned()),
            None => client.get(url),
        }
    }

    /// For unsigned requests: the key does not belong into their answers either.
    fn redactor(&self) -> Redactor {
        let credentials = self.config.credentials.iter();
        Redactor::new(credentials.flat_map(|known| {
            [Some(known.api_key()), known.hmac_secret()]
                .into_iter()
                .flatten()
                .cloned()
        }))
    }
}

/// What a ban means for the caller.
pub(super) fn banned(left: Duration) -> VenueError {
    VenueError::RateLimited(format!(
        "this machine's address sent too many requests (http 403); all requests are held back for {} s more, as the \
         exchange wants",
        left.as_secs().max(1)
    ))
}

async fn read_body(mut response: reqwest::Response, redactor: &Redactor) -> Result<String, Failure> {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > MAX_BODY_BYTES => {
                return Err(Failure::Lost("the answer is larger than 8 MiB".to_owned()));
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(String::from_utf8_lossy(&body).into_owned()),
            Err(error) => return Err(Failure::Lost(in_words(&error, redactor))),
        }
    }
}

fn failure(error: &reqwest::Error, redactor: &Redactor) -> Failure {
    let words = in_words(error, redactor);
    if error.is_connect() || error.is_builder() {
        Failure::NotSent(words)
    } else {
        Failure::Lost(words)
    }
}

/// The innermost cause: the outer ones only say that there was an error, and name the address.
fn in_words(error: &reqwest::Error, redactor: &Redactor) -> String {
    if error.is_timeout() {
        let phase = if error.is_connect() {
            "connecting took too long"
        } else {
            "no answer in time"
        };
        return phase.to_owned();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    if error.source().is_none() {
        return "the request failed".to_owned();
    }
    redactor.text(&cause.to_string())
}

fn limit_headers(headers: &HeaderMap) -> LimitHeaders {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    LimitHeaders {
        limit: text("x-bapi-limit").and_then(|text| text.parse().ok()),
        left: text("x-bapi-limit-status").and_then(|text| text.parse().ok()),
        reset_ms: text("x-bapi-limit-reset-timestamp").and_then(|text| text.parse().ok()),
    }
}
