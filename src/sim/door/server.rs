//! One request from the wire to the reply: log, faults, door, budget, transaction, faults again.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::json;
use tokio::sync::watch;

use super::admin;
use super::auth::{self, Denied};
use super::envelope;
use super::faults::FaultSwitch;
use super::keys::{Key, Keys};
use super::limits::{self, Budget, Limits};
use super::routes::{self, Kind, Route};
use super::strikes::Hits;
use super::wire::Scissors;
use crate::sim::RequestLog;
use crate::sim::call::{Answered, Call, Desk, Effects, Params, Refusal};
use crate::sim::instruments::Category;
use crate::sim::market;
use crate::sim::market::Market;
use crate::sim::market::clock::now_ms;
use crate::sim::orders::waiting;
use crate::sim::store::books::{Books, Intent};
use crate::sim::stream::{self, Door};

/// No body of a request is larger.
const BODY_MOST: usize = 1 << 20;
/// So many requests are remembered for [`crate::sim::RunningPaper::requests`].
const LOG_MOST: usize = 10_000;

/// Bybit's words to an address that is shut out, by which clients tell it from a blocked country.
/// <https://bybit-exchange.github.io/docs/v5/rate-limit>
const TOO_FREQUENT: &str = "403, access too frequent";

/// What all requests of one server share.
pub(crate) struct Shared {
    pub(crate) books: Mutex<Books>,
    pub(crate) market: Market,
    pub(crate) keys: Keys,
    pub(crate) faults: FaultSwitch,
    pub(crate) limits: Limits,
    pub(crate) log: Mutex<VecDeque<RequestLog>>,
    /// Streams end when its other half is gone.
    pub(crate) running: watch::Receiver<()>,
    /// Streams end when it changes.
    pub(crate) restarts: watch::Sender<()>,
}

impl Shared {
    /// The store. A handler that failed has rolled back, so it is sound whatever happened.
    pub(crate) fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The desk at the market's present moment; inside a transaction.
    pub(crate) fn desk<'a>(&'a self, books: &'a Books) -> Result<Desk<'a>, Refusal> {
        Ok(Desk {
            books,
            market: &self.market,
            now: books.market_time(now_ms())?,
        })
    }

    pub(crate) fn log(&self) -> MutexGuard<'_, VecDeque<RequestLog>> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, parts: &Parts, body: &[u8]) {
        let query = parts.uri.query().unwrap_or_default();
        let payload = if body.is_empty() {
            query.to_owned()
        } else {
            String::from_utf8_lossy(body).into_owned()
        };
        let mut log = self.log();
        if log.len() >= LOG_MOST {
            log.pop_front();
        }
        log.push_back(RequestLog {
            method: parts.method.to_string(),
            path: parts.uri.path().to_owned(),
            payload,
        });
    }
}

/// Who asks, and for what.
pub(crate) struct Asked {
    pub(crate) key: Key,
    pub(crate) params: Result<Params, Refusal>,
}

/// Answers one request.
pub(crate) async fn serve(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(scissors): ConnectInfo<Scissors>,
    request: Request,
) -> Response {
    let (mut parts, body) = request.into_parts();
    if let Some(door) = Door::of(&parts) {
        return stream::upgrade(shared, scissors, door, &mut parts).await;
    }
    let mut response = answered(shared, scissors, parts, body).await;
    // So that nobody who asks can take this for the exchange that it imitates.
    response
        .headers_mut()
        .insert("x-paper-exchange", HeaderValue::from_static("mandated"));
    response
}

/// The answer to what is no stream.
async fn answered(shared: Arc<Shared>, scissors: Scissors, parts: Parts, body: Body) -> Response {
    let Ok(body) = axum::body::to_bytes(body, BODY_MOST).await else {
        return envelope::html(413);
    };
    if parts.uri.path().starts_with("/paper/") {
        return admin::answer(&shared, &parts, &body);
    }
    if !shared.limits.admit_address(now_ms()) {
        return envelope::plain(StatusCode::FORBIDDEN, "text/plain", TOO_FREQUENT.to_owned());
    }
    // A request that has arrived is processed even when its sender has hung up: hence a task of its own.
    tokio::spawn(pass(shared, scissors, parts, body))
        .await
        .unwrap_or_else(|_| envelope::html(500))
}

/// Takes a request through the faults that hit it.
async fn pass(shared: Arc<Shared>, scissors: Scissors, parts: Parts, body: Bytes) -> Response {
    shared.remember(&parts, &body);
    let hits = Hits::sort(
        shared
            .faults
            .take_with(parts.uri.path(), parts.uri.query().unwrap_or_default()),
    );
    if let Some(ms) = hits.delay_before {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
    let response = match hits.instead(&scissors) {
        Some(response) => response,
        None => {
            let response = process(&shared, &parts, &body, &hits);
            hits.afterwards(response, &scissors).await
        }
    };
    if let Some(ms) = hits.delay_after {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
    response
}

/// The reply of an endpoint, or of the door in front of all of them.
fn process(shared: &Shared, parts: &Parts, body: &Bytes, hits: &Hits) -> Response {
    let clock = hits.clock();
    let (method, path) = (parts.method.as_str(), parts.uri.path());
    if method == "GET" && !body.is_empty() {
        return envelope::html(403);
    }
    if (method, path) == ("GET", "/v5/market/time") {
        return envelope::reply(&envelope::wrap(Ok(market::replies::time(clock)), clock));
    }
    let Some(route) = routes::find(method, path) else {
        return envelope::html(404);
    };
    let query = parts.uri.query().unwrap_or_default();
    let (payload, params) = match method {
        "GET" => (query.as_bytes(), Ok(Params::from_query(query))),
        _ => (body.as_ref(), Params::from_body(body)),
    };
    let key = match route.kind {
        Kind::Public => Ok(Key::nobody()),
        _ => auth::check(&shared.keys, &parts.headers, payload, clock),
    };
    match key {
        Err(denied) => turn_away(denied, clock),
        Ok(key) => budgeted(shared, route, Asked { key, params }, hits, clock),
    }
}

fn turn_away(denied: Denied, clock: i64) -> Response {
    match denied {
        Denied::Unauthorized => envelope::plain(StatusCode::UNAUTHORIZED, "text/plain", String::new()),
        Denied::Refused(refusal) => {
            let refused: Result<Answered, Refusal> = Err(refusal);
            envelope::reply(&envelope::wrap(refused, clock))
        }
    }
}

/// Runs an endpoint and says on the reply what is left of its budget.
fn budgeted(shared: &Shared, route: &'static Route, asked: Asked, hits: &Hits, clock: i64) -> Response {
    let (answer, budget) = answer(shared, route, asked, hits.effects.clone());
    let mut response = envelope::reply(&envelope::wrap(answer, clock));
    if let Some(budget) = budget {
        limits::budget_headers(&mut response, budget);
    }
    response
}

/// Runs an endpoint unless its budget is used up. Market data has no budget of its own.
pub(crate) fn answer(
    shared: &Shared,
    route: &'static Route,
    Asked { key, params }: Asked,
    mut effects: Effects,
) -> (Result<Answered, Refusal>, Option<Budget>) {
    if route.kind == Kind::Write
        && let Err(refusal) = key.permit_change()
    {
        return (Err(refusal), None);
    }
    if route.kind == Kind::Public {
        let run = |params| transact(shared, route, key, params, effects);
        return (params.and_then(run), None);
    }
    let category = params
        .as_ref()
        .ok()
        .and_then(|params| Category::parse(params.get("category")?));
    // Batches are charged for each order, but those of options for each request.
    let units = match (&params, category) {
        (Ok(params), Some(Category::Linear | Category::Inverse | Category::Spot)) => params.units(),
        _ => 1,
    };
    let budget = shared.limits.count(route.path, category, units, now_ms());
    if budget.granted < units {
        effects.within_budget = usize::try_from(budget.granted).ok();
    }
    let answer = match budget.exceeded() {
        true => Err(Refusal::too_often()),
        false => params.and_then(|params| transact(shared, route, key, params, effects)),
    };
    (answer, Some(budget))
}

/// Runs a handler inside one transaction; what a refused handler wrote is undone.
fn transact(
    shared: &Shared,
    route: &Route,
    key: Key,
    params: Params,
    effects: Effects,
) -> Result<Answered, Refusal> {
    let books = shared.books();
    let run = || {
        let call = Call {
            desk: shared.desk(&books)?,
            params,
            effects,
            rsa_public_key: shared.keys.public_half(&key),
            key,
        };
        route.run.run(&call)
    };
    match route.kind {
        Kind::Public => books.transact(Intent::Read, run),
        Kind::Read => {
            catch_up(shared, &books)?;
            books.transact(Intent::Read, run)
        }
        Kind::Write => {
            let mut answer = None;
            books.transact(Intent::Write, || {
                waiting::look(&shared.desk(&books)?)?;
                answer = Some(books.attempt(run));
                Ok(())
            })?;
            answer.unwrap_or_else(|| Err(Refusal::new(10016, "System error.")))
        }
    }
}

/// Lets the path act before a read, and takes the write lock only when something moves.
pub(crate) fn catch_up(shared: &Shared, books: &Books) -> Result<(), Refusal> {
    let due = books.transact(Intent::Read, || waiting::is_due(&shared.desk(books)?))?;
    if !due {
        return Ok(());
    }
    books.transact(Intent::Write, || waiting::look(&shared.desk(books)?))
}

/// A JSON reply of the admin endpoints.
pub(crate) fn admin_reply(result: Result<(), String>) -> Response {
    match result {
        Ok(()) => envelope::reply(&json!({"ok": true})),
        Err(why) => {
            let mut response = envelope::reply(&json!({"ok": false, "error": why}));
            *response.status_mut() = StatusCode::BAD_REQUEST;
            response
        }
    }
}

/// Whether a browser sent this: pages of other sites must not reach a server on loopback.
pub(crate) fn from_a_page(parts: &Parts) -> bool {
    parts.headers.contains_key(header::ORIGIN)
}
