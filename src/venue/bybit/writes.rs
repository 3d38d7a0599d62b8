//! One write: sent once, and what became of it. Nothing here is ever sent a second time.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::BybitVenue;
use super::get::http_refusal;
use super::http::{Failure, Request};
use super::reply::{Envelope, Reply};
use super::retcode::{Class, classify, explained, listed};
use super::wire::{self, OrderFilter, Post, Unsendable};
use crate::domain::order::{CancelOrder, CancelScope, ClientOrderId, Write};
use crate::domain::symbol::Category;
use crate::venue::{Accepted, Outcome, Rejection};

/// How long a write may wait here for the clock or the budget. The last look at HALT lies before it, so it is short.
const BEFORE_THE_SEND: Duration = Duration::from_secs(2);

const WRONG_TIMESTAMP: i64 = 10002;

/// Spot's "order does not exist", which is also its answer when the order is of another kind (facts §2.3).
const NO_SPOT_ORDER: i64 = 170213;

/// What kind of request a code answers: the same code can mean different things (facts §2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind<'a> {
    /// A new order under this id.
    Place(&'a ClientOrderId),
    /// Amend or cancel: there is an order that can be final.
    Target,
    /// Cancel-all, leverage, trading stop.
    Setting,
}

/// The body that [`BybitVenue::transmit`] would send; on spot a cancel names one kind of orders after another.
pub(super) fn described(write: &Write, client_id: &ClientOrderId) -> Value {
    let post = match write {
        Write::Place(order) => wire::create(order, client_id),
        Write::Amend(amend) => wire::amend(amend),
        Write::Cancel(cancel) => wire::cancel(cancel, None),
        Write::CancelAll(scope) => wire::cancel_all(scope, None),
        Write::SetLeverage(set) => wire::set_leverage(set),
        Write::SetTradingStop(set) => wire::trading_stop(set),
    };
    match post {
        Ok(post) => serde_json::from_str(&post.body).unwrap_or(Value::Null),
        Err(why) => json!({"unsendable": why}),
    }
}

impl BybitVenue {
    /// Sends `write`, once.
    pub(super) async fn transmit(&self, write: &Write, client_id: &ClientOrderId) -> Outcome {
        match write {
            Write::Place(order) => {
                let post = wire::create(order, client_id);
                self.sent_once(post, Kind::Place(client_id)).await
            }
            Write::Amend(amend) => self.sent_once(wire::amend(amend), Kind::Target).await,
            Write::Cancel(cancel) => self.cancel(cancel).await,
            Write::CancelAll(scope) => self.cancel_all(scope).await,
            Write::SetLeverage(set) => self.sent_once(wire::set_leverage(set), Kind::Setting).await,
            Write::SetTradingStop(set) => self.sent_once(wire::trading_stop(set), Kind::Setting).await,
        }
    }

    /// On spot an order that is not found may be of another kind: each kind is asked once, and is another
    /// resource, so nothing is repeated (facts §4.6, `orderFilter`).
    async fn cancel(&self, cancel: &CancelOrder) -> Outcome {
        let first = self.sent_once(wire::cancel(cancel, None), Kind::Target).await;
        if cancel.instrument.category != Category::Spot {
            return first;
        }
        let mut outcome = first;
        for filter in [OrderFilter::StopOrder, OrderFilter::TpslOrder] {
            if !matches!(&outcome, Outcome::Rejected(no) if no.code == NO_SPOT_ORDER) {
                break;
            }
            outcome = self
                .sent_once(wire::cancel(cancel, Some(filter)), Kind::Target)
                .await;
        }
        outcome
    }

    /// Spot cancels one kind of orders a call (facts §5.12); the others cancel every kind at once.
    async fn cancel_all(&self, scope: &CancelScope) -> Outcome {
        if scope.category() != Category::Spot {
            return self.sent_once(wire::cancel_all(scope, None), Kind::Setting).await;
        }
        let mut outcomes = Vec::new();
        for filter in OrderFilter::ALL {
            let post = wire::cancel_all(scope, Some(filter));
            outcomes.push((filter, self.sent_once(post, Kind::Setting).await));
        }
        merged(outcomes)
    }

    async fn sent_once(&self, post: Result<Post, Unsendable>, kind: Kind<'_>) -> Outcome {
        let post = match post {
            Ok(post) => post,
            Err(why) => return Outcome::NotSent(why),
        };
        match self.post(&post).await {
            Ok(reply) => self.outcome(&post, &reply, kind).await,
            Err(Failure::NotSent(why)) => Outcome::NotSent(why),
            Err(Failure::Lost(why)) => Outcome::Unknown(format!("{}: {why}", post.bucket.path)),
        }
    }

    /// Signs and sends. Whatever fails before the connection is asked to send is `NotSent`.
    async fn post(&self, post: &Post) -> Result<Reply, Failure> {
        let http = &self.http;
        let request = Request {
            bucket: post.bucket,
            query: "",
            body: Some(&post.body),
        };
        let until = Instant::now() + http.config.timeout.min(BEFORE_THE_SEND);
        let prepared = async {
            let credentials = http.credentials()?;
            let reading = http.reading(until).await?;
            http.admit(post.bucket, until).await?;
            http.sign(credentials, &request, reading)
        };
        let signed = prepared
            .await
            .map_err(|error| Failure::NotSent(error.to_string()))?;
        let deadline = Instant::now() + http.config.timeout;
        let reply = http.transfer(&request, Some(signed), deadline).await?;
        http.learn(post.bucket, &reply);
        Ok(reply)
    }

    async fn outcome(&self, post: &Post, reply: &Reply, kind: Kind<'_>) -> Outcome {
        if reply.is_ban() {
            self.http.ban();
        }
        let envelope = reply.envelope();
        tracing::debug!(
            path = post.bucket.path,
            status = reply.status,
            code = envelope.as_ref().map(|envelope| envelope.code),
            "a write was answered"
        );
        match envelope {
            Some(envelope) if reply.status == 200 && envelope.code == WRONG_TIMESTAMP => {
                self.timestamp_refused(&envelope).await
            }
            envelope => outcome(reply, envelope.as_ref(), kind),
        }
    }

    /// The clock is measured anew so that the next write is right; this one stays refused (facts §2.3, 10002).
    async fn timestamp_refused(&self, envelope: &Envelope) -> Outcome {
        let deadline = Instant::now() + self.http.config.timeout.min(BEFORE_THE_SEND);
        let measured = match self.http.measure_again(deadline).await {
            Ok(reading) => format!("measured again, {}", reading.in_words()),
            Err(error) => format!("measuring it again gave: {error}"),
        };
        Outcome::Rejected(Rejection {
            code: envelope.code,
            message: format!(
                "the exchange refused the timestamp and nothing was done: {}; {measured}; try again, and set the \
                 clock right (turn on NTP) if this repeats",
                envelope.message
            ),
            target_final: false,
        })
    }
}

/// What an answer says about the write (facts §2.2, §2.3).
fn outcome(reply: &Reply, envelope: Option<&Envelope>, kind: Kind<'_>) -> Outcome {
    match (reply.status, envelope) {
        (200, Some(envelope)) => by_code(envelope, kind),
        // Refused at the edge, before trading saw it; a code of the table still knows better.
        (400 | 401 | 403 | 404, Some(envelope)) if listed(envelope.code).is_some() => by_code(envelope, kind),
        (400 | 401 | 403 | 404, envelope) if envelope.is_none_or(|envelope| envelope.code != 0) => {
            Outcome::Rejected(Rejection {
                code: envelope.map_or(i64::from(reply.status), |envelope| envelope.code),
                message: http_refusal(reply.status, reply),
                target_final: false,
            })
        }
        (status, _) => Outcome::Unknown(format!(
            "http {status} with {}: nobody can say yet whether it was done",
            reply.body_in_words()
        )),
    }
}

fn by_code(envelope: &Envelope, kind: Kind<'_>) -> Outcome {
    let code = envelope.code;
    if code == 0 {
        return accepted(envelope, kind, false);
    }
    let rejection = |target_final| Rejection {
        code,
        message: explained(code, &envelope.message),
        target_final,
    };
    match (classify(code), kind) {
        (Class::Duplicate, Kind::Place(_)) => Outcome::Duplicate(rejection(false)),
        (Class::Definite | Class::Duplicate, _) => Outcome::Rejected(rejection(false)),
        (Class::Final, Kind::Target) => Outcome::Rejected(rejection(true)),
        // "Already so" about a new order: whatever it was about, no order came of it.
        (Class::NoChange, Kind::Place(_)) => Outcome::Rejected(rejection(false)),
        (Class::NoChange, Kind::Target | Kind::Setting) => accepted(envelope, kind, true),
        (Class::Ambiguous | Class::Final, _) => Outcome::Unknown(format!(
            "code {code}: {}: nobody can say yet whether it was done",
            explained(code, &envelope.message)
        )),
    }
}

/// An acknowledgement, once it is sure that it is one and that it is ours.
fn accepted(envelope: &Envelope, kind: Kind<'_>, unchanged: bool) -> Outcome {
    let response = match envelope.value() {
        Ok(response) => response,
        Err(error) => return Outcome::Unknown(format!("accepted, but the result is not JSON: {error}")),
    };
    let text = |name: &str| {
        let text = response.get(name).and_then(Value::as_str)?;
        (!text.is_empty()).then_some(text)
    };
    if let (Kind::Place(client_id), Some(echoed)) = (kind, text("orderLinkId"))
        && echoed != client_id.as_str()
    {
        return Outcome::Unknown(format!(
            "the answer is about another order ({echoed}), not {client_id}"
        ));
    }
    if text("success") == Some("0") {
        return Outcome::Unknown("the exchange took the request but says that it failed".to_owned());
    }
    Outcome::Accepted(Accepted {
        venue_id: text("orderId").map(str::to_owned),
        unchanged,
        response,
    })
}

/// One outcome out of several calls: the least certain decides, and all rows of the accepted ones are kept.
fn merged(outcomes: Vec<(OrderFilter, Outcome)>) -> Outcome {
    let mut rows = Vec::new();
    let mut accepted = 0_usize;
    let mut unknown = Vec::new();
    let mut not_sent = Vec::new();
    let mut rejected: Option<Rejection> = None;
    for (filter, outcome) in outcomes {
        let name = filter.as_str();
        match outcome {
            Outcome::Accepted(one) => {
                accepted += 1;
                rows.extend(
                    one.response
                        .get("list")
                        .and_then(Value::as_array)
                        .cloned()
                        .unwrap_or_default(),
                );
            }
            Outcome::Unknown(why) => unknown.push(format!("{name}: {why}")),
            Outcome::NotSent(why) => not_sent.push(format!("{name}: {why}")),
            Outcome::Rejected(no) | Outcome::Duplicate(no) => {
                let message = format!("{name}: {}", no.message);
                rejected.get_or_insert(Rejection { message, ..no });
            }
        }
    }
    if accepted == 0 && unknown.is_empty() && rejected.is_none() {
        return Outcome::NotSent(not_sent.join("; "));
    }
    // A kind that was not asked about is as uncertain as one without an answer: its orders may still rest.
    unknown.extend(not_sent.into_iter().map(|why| format!("not sent for {why}")));
    match (unknown.is_empty(), rejected) {
        (false, _) => Outcome::Unknown(unknown.join("; ")),
        (true, Some(no)) => Outcome::Rejected(no),
        (true, None) => Outcome::Accepted(Accepted {
            venue_id: None,
            unchanged: false,
            response: json!({"list": rows, "success": "1"}),
        }),
    }
}

#[cfg(test)]
#[path = "writes_tests.rs"]
mod tests;
