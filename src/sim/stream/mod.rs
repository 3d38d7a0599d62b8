//! The WebSocket side: public market streams, the private stream, and order entry (facts §6).
//!
//! A stream computes nothing of its own. What it shows comes from the same handlers as the replies over HTTP,
//! or from the events that every process writes into the store; it only remembers what it has shown.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::time::{Instant, MissedTickBehavior};

use super::call::Refusal;
use super::door::faults::FaultKind;
use super::door::keys::Key;
use super::door::server::Shared;
use super::door::wire::Scissors;
use super::instruments::Category;
use super::market::clock::now_ms;

mod book;
mod feeds;
mod private;
mod public;
mod said;
mod trade;

use private::Private;
use public::Public;
use said::{Offer, Said};
use trade::Trade;

/// How often a stream looks for something to show.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// A stream that hears nothing for so long is cut.
const IDLE: Duration = Duration::from_secs(600);
/// A client that does not read for so long is cut.
const SEND_WITHIN: Duration = Duration::from_secs(10);

/// Which stream a path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    Public(Category),
    /// `system.status`, which never changes here.
    Status,
    Private,
    Trade,
}

impl Door {
    /// The stream that a request asks to be upgraded to.
    pub(crate) fn of(parts: &Parts) -> Option<Self> {
        let path = parts.uri.path();
        if let Some(word) = path.strip_prefix("/v5/public/") {
            return match word {
                "misc/status" => Some(Self::Status),
                _ => Category::parse(word).map(Self::Public),
            };
        }
        match path {
            "/v5/private" => Some(Self::Private),
            "/v5/trade" => Some(Self::Trade),
            _ => None,
        }
    }
}

/// Answers the handshake, and serves the stream in a task of its own.
pub(crate) async fn upgrade(
    shared: Arc<Shared>,
    scissors: Scissors,
    door: Door,
    parts: &mut Parts,
) -> Response {
    let path = parts.uri.path().to_owned();
    let idle = idle_limit(parts);
    match WebSocketUpgrade::from_request_parts(parts, &()).await {
        Ok(upgrade) => upgrade.on_upgrade(move |socket| async move {
            let session = Session::new(shared, scissors, door, path);
            session.serve(socket, idle).await;
        }),
        Err(refused) => refused.into_response(),
    }
}

/// `max_active_time` of the private streams, 30 s to 10 min.
fn idle_limit(parts: &Parts) -> Duration {
    let asked = parts
        .uri
        .query()
        .unwrap_or_default()
        .split('&')
        .find_map(|pair| pair.strip_prefix("max_active_time="))
        .and_then(|text| match text.strip_suffix('m') {
            Some(minutes) => Some(minutes.parse::<u64>().ok()?.saturating_mul(60)),
            None => text.trim_end_matches('s').parse().ok(),
        });
    asked.map_or(IDLE, |seconds| Duration::from_secs(seconds.clamp(30, 600)))
}

/// What a stream serves.
enum Role {
    Public(Public),
    Private(Private),
    Trade(Trade),
}

/// One connection.
struct Session {
    shared: Arc<Shared>,
    scissors: Scissors,
    door: Door,
    path: String,
    id: String,
    role: Role,
    /// A frame that a fault holds back until the next one is sent.
    held: Option<Value>,
}

impl Session {
    fn new(shared: Arc<Shared>, scissors: Scissors, door: Door, path: String) -> Self {
        let role = match door {
            Door::Public(category) => Role::Public(Public::new(Some(category))),
            Door::Status => Role::Public(Public::new(None)),
            Door::Private => Role::Private(Private::default()),
            Door::Trade => Role::Trade(Trade::default()),
        };
        let id = uuid::Uuid::new_v4().to_string();
        Self {
            shared,
            scissors,
            door,
            path,
            id,
            role,
            held: None,
        }
    }

    /// Serves until either side ends the connection.
    async fn serve(mut self, mut socket: WebSocket, idle: Duration) {
        let mut running = self.shared.running.clone();
        let mut restarts = self.shared.restarts.subscribe();
        let mut looks = tokio::time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard = Instant::now();
        loop {
            let frames = tokio::select! {
                message = socket.recv() => match message {
                    Some(Ok(Message::Text(text))) => {
                        heard = Instant::now();
                        self.hear(&text).await
                    }
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                    Some(Ok(_)) => {
                        heard = Instant::now();
                        VecDeque::new()
                    }
                },
                _ = looks.tick() => {
                    if heard.elapsed() > idle {
                        return;
                    }
                    let frames = self.look().await;
                    if matches!(&self.role, Role::Private(private) if private.has_missed()) {
                        return;
                    }
                    frames
                }
                _ = running.changed() => return,
                _ = restarts.changed() => return,
            };
            for frame in frames {
                let sending = socket.send(Message::Text(frame.to_string().into()));
                if !matches!(tokio::time::timeout(SEND_WITHIN, sending).await, Ok(Ok(()))) {
                    return;
                }
            }
        }
    }

    /// What is said in return to a message.
    async fn hear(&mut self, text: &str) -> VecDeque<Value> {
        let Some(said) = Said::parse(text) else {
            return VecDeque::from([json!({
                "success": false, "ret_msg": "error:json decode error", "conn_id": self.id, "op": "",
            })]);
        };
        if said.op == "ping" {
            return VecDeque::from([self.pong(&said)]);
        }
        match &mut self.role {
            Role::Public(public) => VecDeque::from([public.hear(&self.shared, &said, &self.id)]),
            Role::Private(private) => VecDeque::from([private.hear(&self.shared, &said, &self.id)]),
            Role::Trade(trade) => {
                let scissors = &self.scissors;
                let reply = trade.hear(&self.shared, scissors, &said, &self.id).await;
                reply.into_iter().collect()
            }
        }
    }

    /// Each kind of stream has a pong of its own (facts §6.1).
    fn pong(&self, said: &Said) -> Value {
        let now = now_ms().to_string();
        match self.door {
            Door::Public(Category::Option) => json!({"op": "pong", "args": [now]}),
            Door::Public(_) | Door::Status => json!({
                "success": true, "ret_msg": "pong", "conn_id": self.id, "req_id": said.id, "op": "ping",
            }),
            Door::Private => json!({"req_id": said.id, "op": "pong", "args": [now], "conn_id": self.id}),
            Door::Trade => {
                json!({"retCode": 0, "retMsg": "OK", "op": "pong", "data": [now], "connId": self.id})
            }
        }
    }

    /// What there is to show since the last look, as the faults leave it.
    async fn look(&mut self) -> VecDeque<Value> {
        let frames = match &mut self.role {
            Role::Public(public) => public.look(&self.shared),
            Role::Private(private) => private.look(&self.shared),
            Role::Trade(_) => Vec::new(),
        };
        let mut out = VecDeque::new();
        for frame in frames {
            self.pass(frame, &mut out).await;
        }
        out
    }

    /// Sends a frame, unless a fault doubles it, holds it back behind the next, loses it or cuts the stream.
    async fn pass(&mut self, frame: Value, out: &mut VecDeque<Value>) {
        let mut copies = 1;
        for kind in self.shared.faults.take(&self.path) {
            match kind {
                FaultKind::StreamDouble => copies = 2,
                FaultKind::StreamLose => copies = 0,
                FaultKind::StreamSwap if self.held.is_none() => {
                    self.held = Some(frame);
                    return;
                }
                FaultKind::DropBefore | FaultKind::DropAfter => self.scissors.cut(),
                FaultKind::DelayMs(ms) | FaultKind::DelayBeforeMs(ms) => {
                    tokio::time::sleep(Duration::from_millis(ms)).await;
                }
                _ => {}
            }
        }
        out.extend(std::iter::repeat_n(frame, copies));
        out.extend(self.held.take());
    }
}

/// The answer to `auth` of the private stream and of order entry.
fn authenticate(shared: &Shared, said: &Said) -> Result<Key, Refusal> {
    let Offer { key, expires, sign } = said
        .offer()
        .ok_or_else(|| Refusal::new(10001, "Params Error: auth needs key, expires and signature"))?;
    super::door::auth::check_stream(&shared.keys, &key, &expires, &sign, now_ms())
}
