//! One request from the wire to the reply: log, faults, door, budget, transaction, faults again.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::Response;
use rusqlite::{Connection, TransactionBehavior};
use serde_json::json;

use super::RequestLog;
use super::admin;
use super::auth::{self, Denied, Keys};
use super::call::{Answer, Call, Desk, Effects, Params, Refusal};
use super::envelope;
use super::faults::{FaultKind, FaultSwitch};
use super::instruments::Category;
use super::limits::{Budget, Limits};
use super::market::Market;
use super::market_replies;
use super::matching;
use super::routes::{self, Kind, Route};
use super::wire::Scissors;

/// No body of a request is larger.
const BODY_MOST: usize = 1 << 20;
/// So many requests are remembered for [`super::RunningPaper::requests`].
const LOG_MOST: usize = 10_000;

/// What all requests of one server share.
pub(crate) struct Shared {
    pub(crate) db: Mutex<Connection>,
    pub(crate) market: Market,
    pub(crate) keys: Keys,
    pub(crate) faults: FaultSwitch,
    pub(crate) limits: Limits,
    pub(crate) log: Mutex<VecDeque<RequestLog>>,
}

impl Shared {
    /// The store. A handler that failed has rolled back, so the connection is sound whatever happened.
    pub(crate) fn db(&self) -> MutexGuard<'_, Connection> {
        self.db.lock().unwrap_or_else(PoisonError::into_inner)
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

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|age| i64::try_from(age.as_millis()).ok())
        .unwrap_or_default()
}

/// Answers one request.
pub(crate) async fn serve(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(scissors): ConnectInfo<Scissors>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_MOST).await else {
        return envelope::html(413);
    };
    if parts.uri.path().starts_with("/paper/") {
        return admin::answer(&shared, &parts, &body);
    }
    shared.remember(&parts, &body);
    let hits = Hits::sort(shared.faults.take(parts.uri.path()));
    if let Some(ms) = hits.delay_before {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
    let response = match hits.instead(&scissors) {
        Some(response) => response,
        None => {
            hits.afterwards(process(&shared, &parts, &body, &hits), &scissors)
                .await
        }
    };
    if let Some(ms) = hits.delay_after {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
    response
}

/// The faults that hit one request, sorted by when they strike.
#[derive(Debug, Default)]
struct Hits {
    delay_before: Option<u64>,
    delay_after: Option<u64>,
    instead: Option<FaultKind>,
    after: Option<FaultKind>,
    effects: Effects,
    skew: i64,
}

impl Hits {
    fn sort(kinds: Vec<FaultKind>) -> Self {
        let mut hits = Self::default();
        for kind in kinds {
            match kind {
                FaultKind::DelayMs(ms) => hits.delay_after = Some(ms),
                FaultKind::DelayBeforeMs(ms) => hits.delay_before = Some(ms),
                FaultKind::InvisibleMs(ms) => {
                    hits.effects.invisible_ms = i64::try_from(ms).unwrap_or(i64::MAX / 2)
                }
                FaultKind::RejectLater => hits.effects.reject_later = true,
                FaultKind::ClockSkewMs(ms) => hits.skew = ms,
                FaultKind::StatusAfter(_) | FaultKind::DropAfter | FaultKind::TruncatedBody => {
                    hits.after = Some(kind)
                }
                FaultKind::Status(_)
                | FaultKind::DropBefore
                | FaultKind::RetCode { .. }
                | FaultKind::RateLimited => {
                    hits.instead = Some(kind);
                }
            }
        }
        hits
    }

    fn clock(&self) -> i64 {
        now_ms().saturating_add(self.skew)
    }

    /// The reply of a fault that keeps the request from being processed.
    fn instead(&self, scissors: &Scissors) -> Option<Response> {
        let refuse = |code, message: &str| {
            envelope::reply(&envelope::wrap(Err(Refusal::new(code, message)), self.clock()))
        };
        Some(match self.instead.as_ref()? {
            FaultKind::Status(status) => envelope::html(*status),
            FaultKind::RetCode { code, message } => refuse(*code, message),
            FaultKind::RateLimited => {
                let mut response = refuse(10006, "Too many visits!");
                let budget = Budget {
                    limit: 10,
                    left: 0,
                    reset: self.clock() + 1000,
                    exceeded: true,
                };
                budget_headers(&mut response, budget);
                response
            }
            _ => {
                scissors.cut();
                Response::default()
            }
        })
    }

    /// What a fault makes of the reply to a request that was processed.
    async fn afterwards(&self, response: Response, scissors: &Scissors) -> Response {
        match &self.after {
            Some(FaultKind::StatusAfter(status)) => envelope::html(*status),
            Some(FaultKind::TruncatedBody) => {
                let (parts, body) = response.into_parts();
                let whole = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
                Response::from_parts(parts, Body::from(whole.slice(..whole.len() / 2)))
            }
            Some(_) => {
                scissors.cut();
                response
            }
            None => response,
        }
    }
}

fn process(shared: &Shared, parts: &Parts, body: &Bytes, hits: &Hits) -> Response {
    let (method, path) = (parts.method.as_str(), parts.uri.path());
    let clock = hits.clock();
    if method == "GET" && !body.is_empty() {
        return envelope::html(403);
    }
    if (method, path) == ("GET", "/v5/market/time") {
        return envelope::reply(&envelope::wrap(Ok(market_replies::time(clock)), clock));
    }
    let Some(route) = routes::find(method, path) else {
        return envelope::html(404);
    };
    let payload = if method == "GET" {
        parts.uri.query().unwrap_or_default().as_bytes()
    } else {
        body
    };
    if route.kind != Kind::Public {
        match auth::check(&shared.keys, &parts.headers, payload, clock) {
            Ok(()) => {}
            Err(Denied::Unauthorized) => {
                return envelope::plain(StatusCode::UNAUTHORIZED, "text/plain", String::new());
            }
            Err(Denied::Refused(refusal)) => return envelope::reply(&envelope::wrap(Err(refusal), clock)),
        }
    }
    let params = match method {
        "GET" => Ok(Params::from_query(parts.uri.query().unwrap_or_default())),
        _ => Params::from_body(body),
    };
    let category = params
        .as_ref()
        .ok()
        .and_then(|params| params.get("category"))
        .and_then(Category::parse);
    let budget = (route.kind != Kind::Public).then(|| shared.limits.count(route.path, category, now_ms()));
    let answer = match budget {
        Some(budget) if budget.exceeded => Err(Refusal::new(10006, "Too many visits!")),
        _ => params.and_then(|params| transact(shared, route, params, hits.effects)),
    };
    let mut response = envelope::reply(&envelope::wrap(answer, clock));
    if let Some(budget) = budget {
        budget_headers(&mut response, budget);
    }
    response
}

fn budget_headers(response: &mut Response, budget: Budget) {
    for (name, value) in [
        ("x-bapi-limit", budget.limit),
        ("x-bapi-limit-status", budget.left),
        ("x-bapi-limit-reset-timestamp", budget.reset),
    ] {
        envelope::number_header(response, name, value);
    }
}

/// Runs a handler inside one transaction; what a refused handler wrote is undone.
fn transact(shared: &Shared, route: &Route, params: Params, effects: Effects) -> Answer {
    let mut db = shared.db();
    let now = now_ms();
    if route.kind == Kind::Read {
        catch_up(&mut db, &shared.market, now)?;
    }
    let behavior = match route.kind {
        Kind::Write => TransactionBehavior::Immediate,
        Kind::Read | Kind::Public => TransactionBehavior::Deferred,
    };
    let tx = db.transaction_with_behavior(behavior)?;
    let desk = Desk {
        db: &tx,
        market: &shared.market,
        now: now_ms(),
    };
    if route.kind == Kind::Write {
        matching::look(&desk)?;
    }
    let call = Call {
        desk,
        params,
        effects,
        api_key: &shared.keys.api_key,
    };
    let answer = (route.run)(&call)?;
    tx.commit()?;
    Ok(answer)
}

/// Lets the path act before a read, and takes the write lock only when something moves.
fn catch_up(db: &mut Connection, market: &Market, now: i64) -> Result<(), Refusal> {
    let reading = db.transaction()?;
    let due = matching::is_due(&Desk {
        db: &reading,
        market,
        now,
    })?;
    drop(reading);
    if !due {
        return Ok(());
    }
    let writing = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    matching::look(&Desk {
        db: &writing,
        market,
        now: now_ms(),
    })?;
    Ok(writing.commit()?)
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
