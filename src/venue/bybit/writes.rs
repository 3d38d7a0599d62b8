//! One write: sent once, and what became of it. Nothing here is ever sent a second time.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::BybitVenue;
use super::http::{Failure, Request};
use super::limits::Rank;
use super::outcome::{Kind, merged, of_answer};
use super::reply::{Envelope, Reply};
use super::wire::{self, OrderFilter, Post, Unsendable};
use crate::domain::order::{CancelOrder, CancelScope, ClientOrderId, Write};
use crate::domain::symbol::Category;
use crate::venue::{LastLook, Outcome, Rejection};

/// By what right a write goes out.
#[derive(Clone, Copy)]
enum Leave<'a> {
    /// It can only take risk away: no clock holds it up.
    Exit(LastLook<'a>),
    /// An approved write: not without a certain time.
    Permit(LastLook<'a>),
}

impl<'a> Leave<'a> {
    /// Says why it must not go out any more.
    fn last_look(self) -> LastLook<'a> {
        match self {
            Self::Exit(look) | Self::Permit(look) => look,
        }
    }
}

/// How long a write may wait here for the clock or the budget.
const BEFORE_THE_SEND: Duration = Duration::from_secs(2);

const WRONG_TIMESTAMP: i64 = 10002;

/// Spot's "order does not exist", which is also its answer when the order is of another kind (facts §2.3).
const NO_SPOT_ORDER: i64 = 170213;

/// "A parameter is wrong": on `order/cancel` it can mean the word for a kind of orders.
const WRONG_PARAMETER: i64 = 10001;

/// The kinds that a spot cancel asks for after the default one. The page of `order/cancel` knows no word for the
/// last two, which that of `cancel-all` has (facts §5.12).
const OTHER_KINDS: [OrderFilter; 4] = [
    OrderFilter::StopOrder,
    OrderFilter::TpslOrder,
    OrderFilter::BidirectionalTpslOrder,
    OrderFilter::OcoOrder,
];

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

fn is_no(outcome: &Outcome, code: i64) -> bool {
    matches!(outcome, Outcome::Rejected(no) if no.code == code)
}

/// Whether the page of `order/cancel` leaves the word out.
fn is_undocumented(filter: OrderFilter) -> bool {
    matches!(
        filter,
        OrderFilter::BidirectionalTpslOrder | OrderFilter::OcoOrder
    )
}

impl BybitVenue {
    /// Sends `write`, once, whatever stands.
    #[cfg(test)]
    pub(super) async fn transmit(&self, write: &Write, client_id: &ClientOrderId) -> Outcome {
        self.transmit_exit(&|| None, write, client_id).await
    }

    /// [`Self::transmit_unless`] for what can only take risk away: it goes out also where the exchange does not say
    /// its time.
    pub(super) async fn transmit_exit(
        &self,
        withdrawn: LastLook<'_>,
        write: &Write,
        client_id: &ClientOrderId,
    ) -> Outcome {
        self.go(Leave::Exit(withdrawn), write, client_id).await
    }

    /// Sends `write`, once, unless `withdrawn` says why not. It is asked after everything that can wait, the clock
    /// and the budget, and right before the bytes go out.
    pub(super) async fn transmit_unless(
        &self,
        withdrawn: LastLook<'_>,
        write: &Write,
        client_id: &ClientOrderId,
    ) -> Outcome {
        self.go(Leave::Permit(withdrawn), write, client_id).await
    }

    async fn go(&self, leave: Leave<'_>, write: &Write, client_id: &ClientOrderId) -> Outcome {
        match write {
            Write::Place(order) => {
                let post = wire::create(order, client_id);
                self.sent_once(leave, post, Kind::Place(client_id)).await
            }
            Write::Amend(amend) => self.sent_once(leave, wire::amend(amend), Kind::Target).await,
            Write::Cancel(cancel) => self.cancel(leave, cancel).await,
            Write::CancelAll(scope) => self.cancel_all(leave, scope).await,
            Write::SetLeverage(set) => {
                self.sent_once(leave, wire::set_leverage(set), Kind::Setting)
                    .await
            }
            Write::SetTradingStop(set) => {
                let post = wire::trading_stop(set);
                let outcome = self.sent_once(leave, post, Kind::Protection).await;
                self.read_back(set, outcome).await
            }
        }
    }

    /// On spot an order that is not found may be of another kind: each kind is asked once, and is another
    /// resource, so nothing is repeated (facts §4.6, `orderFilter`).
    async fn cancel(&self, leave: Leave<'_>, cancel: &CancelOrder) -> Outcome {
        let first = self
            .sent_once(leave, wire::cancel(cancel, None), Kind::Target)
            .await;
        if cancel.instrument.category != Category::Spot {
            return first;
        }
        let mut outcome = first;
        for filter in OTHER_KINDS {
            if !is_no(&outcome, NO_SPOT_ORDER) {
                break;
            }
            let next = self
                .sent_once(leave, wire::cancel(cancel, Some(filter)), Kind::Target)
                .await;
            // What was sent was sent, and what it was answered is known.
            if let (Outcome::Rejected(no), Outcome::NotSent(why)) = (&mut outcome, &next) {
                no.message = format!("{}; the other kinds were not asked: {why}", no.message);
                break;
            }
            // A word that is refused says nothing of the order: what the others said of it stands.
            if !(is_undocumented(filter) && is_no(&next, WRONG_PARAMETER)) {
                outcome = next;
            }
        }
        outcome
    }

    /// Spot cancels one kind of orders a call (facts §5.12); the others cancel every kind at once.
    async fn cancel_all(&self, leave: Leave<'_>, scope: &CancelScope) -> Outcome {
        if scope.category() != Category::Spot {
            return self
                .sent_once(leave, wire::cancel_all(scope, None), Kind::Setting)
                .await;
        }
        // Side by side: a kind that hangs must not keep the orders of the others.
        let calls = OrderFilter::ALL.map(|filter| async move {
            let post = wire::cancel_all(scope, Some(filter));
            (filter, self.sent_once(leave, post, Kind::Setting).await)
        });
        let outcomes = futures::future::join_all(calls).await;
        merged(&outcomes)
    }

    async fn sent_once(&self, leave: Leave<'_>, post: Result<Post, Unsendable>, kind: Kind<'_>) -> Outcome {
        let post = match post {
            Ok(post) => post,
            Err(why) => return Outcome::NotSent(why),
        };
        match self.post(leave, &post).await {
            Ok(reply) => self.outcome(&post, &reply, kind).await,
            Err(Failure::NotSent(why)) => Outcome::NotSent(why),
            Err(Failure::Lost(why)) => Outcome::Unknown(format!("{}: {why}", post.bucket.path)),
        }
    }

    /// Signs and sends. Whatever fails before the connection is asked to send is `NotSent`.
    async fn post(&self, leave: Leave<'_>, post: &Post) -> Result<Reply, Failure> {
        let http = &self.http;
        let request = Request {
            bucket: post.bucket,
            query: "",
            body: Some(&post.body),
        };
        let until = Instant::now() + http.config.timeout.min(BEFORE_THE_SEND);
        let prepared = async {
            let credentials = http.credentials()?;
            let reading = match leave {
                Leave::Exit(_) => http.reading_at_hand(Rank::Exit, until).await?,
                Leave::Permit(_) => http.reading(until).await?,
            };
            http.admit(post.bucket, Rank::Exit, until).await?;
            http.sign(credentials, &request, reading)
        };
        let signed = prepared
            .await
            .map_err(|error| Failure::NotSent(error.to_string()))?;
        if let Some(why) = leave.last_look()() {
            return Err(Failure::NotSent(why));
        }
        let deadline = Instant::now() + http.config.timeout;
        http.transfer(&request, Some(signed), deadline).await
    }

    async fn outcome(&self, post: &Post, reply: &Reply, kind: Kind<'_>) -> Outcome {
        if reply.is_ban() {
            self.http.ban();
        }
        let envelope = reply.envelope();
        self.http.learn(post.bucket, reply, envelope.as_ref());
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
            envelope => of_answer(reply, envelope.as_ref(), kind),
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
            passing: true,
        })
    }
}
