//! The private stream: orders, executions, positions and the wallet, as the store's events tell them.

use serde_json::{Map, Value, json};

use super::authenticate;
use super::said::Said;
use crate::sim::call::Refusal;
use crate::sim::door::server::{self, Shared};
use crate::sim::market::clock::now_ms;
use crate::sim::store::books::{Books, Intent};
use crate::sim::store::outbox::{self, Written};

/// Topics without their category.
const TOPICS: [&str; 6] = [
    "order",
    "execution",
    "execution.fast",
    "position",
    "wallet",
    "greeks",
];
/// At most so many events in one look.
const BATCH: i64 = 500;
/// How often a stream says that it still listens.
const RENEWED_MS: i64 = 60_000;
/// What `execution.fast` shows of an execution.
const FAST: [&str; 11] = [
    "category",
    "symbol",
    "execId",
    "execPrice",
    "execQty",
    "orderId",
    "isMaker",
    "orderLinkId",
    "side",
    "execTime",
    "seq",
];

/// One private connection.
#[derive(Default)]
pub(super) struct Private {
    authenticated: bool,
    topics: Vec<String>,
    /// The last event that was shown or passed over.
    seen: i64,
    /// Events of orders that cannot be seen yet.
    held: Vec<Written>,
    /// Until when events are written for it.
    heard_until: i64,
    missed: bool,
}

impl Private {
    pub(super) fn hear(&mut self, shared: &Shared, said: &Said, id: &str) -> Value {
        let done = match said.op.as_str() {
            "auth" => self.enter(shared, said),
            "subscribe" => self.subscribe(shared, &said.words()),
            "unsubscribe" => {
                let gone = said.words();
                self.topics.retain(|topic| !gone.contains(topic));
                Ok(())
            }
            other => Err(Refusal::new(
                10404,
                format!("error:request,{other} is not an operation"),
            )),
        };
        match done {
            Ok(()) => json!({
                "success": true, "ret_msg": "", "op": said.op, "req_id": said.id, "conn_id": id,
            }),
            Err(refusal) => json!({
                "success": false, "ret_msg": refusal.message, "op": said.op, "req_id": said.id, "conn_id": id,
                "retCode": refusal.code, "retMsg": refusal.message,
            }),
        }
    }

    fn enter(&mut self, shared: &Shared, said: &Said) -> Result<(), Refusal> {
        authenticate(shared, said)?;
        self.authenticated = true;
        Ok(())
    }

    fn subscribe(&mut self, shared: &Shared, topics: &[String]) -> Result<(), Refusal> {
        if !self.authenticated {
            return Err(Refusal::new(10003, "Request not authorized"));
        }
        for topic in topics {
            let plain = plain(topic);
            let mixed = topics
                .iter()
                .any(|other| other != topic && self::plain(other) == plain);
            if !known(topic) || mixed {
                return Err(Refusal::new(
                    10001,
                    format!("error:handler not found,topic:{topic}"),
                ));
            }
        }
        if self.topics.is_empty() {
            let books = shared.books();
            (self.heard_until, self.seen) = books.transact(Intent::Write, || {
                Ok((outbox::listen(&books)?, outbox::latest(&books)?))
            })?;
        }
        self.topics.extend(topics.iter().cloned());
        Ok(())
    }

    /// Whether events may have been lost, because the process stood still for too long: the stream has to end.
    pub(super) fn has_missed(&self) -> bool {
        self.missed
    }

    /// Says from time to time that this stream still listens.
    fn renew(&mut self, books: &Books) -> Result<(), Refusal> {
        let left = self.heard_until - now_ms();
        self.missed |= left <= 0;
        if left < outbox::LEASE_MS - RENEWED_MS {
            self.heard_until = books.transact(Intent::Write, || outbox::listen(books))?;
        }
        Ok(())
    }

    /// What happened since the last look. Looking lets the market act first, so that fills come by themselves.
    pub(super) fn look(&mut self, shared: &Shared) -> Vec<Value> {
        if self.topics.is_empty() {
            return Vec::new();
        }
        let books = shared.books();
        // A lease that cannot be renewed now is renewed at the next look.
        let _ = self.renew(&books);
        let read = || -> Result<(Vec<Written>, i64), Refusal> {
            server::catch_up(shared, &books)?;
            books.transact(Intent::Read, || {
                let now = books.market_time(now_ms())?;
                Ok((outbox::after(&books, self.seen, BATCH)?, now))
            })
        };
        // A store that cannot be read now is read at the next look; nothing is passed over.
        let (events, now) = read().unwrap_or_default();
        drop(books);
        if let Some(last) = events.last() {
            self.seen = last.seq;
        }
        let events = self.due(events, now);
        let mut frames: Vec<Frame> = Vec::new();
        for event in &events {
            for topic in self.topics.iter().filter(|topic| shows(topic, event)) {
                let Some(row) = row(topic, event) else { continue };
                match frames.iter_mut().find(|frame| frame.topic == *topic) {
                    Some(frame) => frame.rows.push(row),
                    None => frames.push(Frame {
                        topic: topic.clone(),
                        seq: event.seq,
                        rows: vec![row],
                    }),
                }
            }
        }
        frames.into_iter().map(Frame::write).collect()
    }
}

impl Private {
    /// What may be told now of these events and of those held back before them.
    fn due(&mut self, events: Vec<Written>, now: i64) -> Vec<Written> {
        let all = std::mem::take(&mut self.held).into_iter().chain(events);
        let (due, held) = all.partition(|event| event.visible <= now);
        self.held = held;
        due
    }
}

struct Frame {
    topic: String,
    seq: i64,
    rows: Vec<Value>,
}

impl Frame {
    fn write(self) -> Value {
        let now = now_ms();
        json!({
            "id": format!("paper_{}_{}", self.topic, self.seq), "topic": self.topic, "creationTime": now,
            "data": self.rows,
        })
    }
}

/// A topic without its category.
fn plain(topic: &str) -> &str {
    match topic.rsplit_once('.') {
        Some((plain, "linear" | "inverse" | "spot" | "option")) => plain,
        _ => topic,
    }
}

fn known(topic: &str) -> bool {
    TOPICS.contains(&plain(topic)) || topic.starts_with("dcp.")
}

fn shows(topic: &str, event: &Written) -> bool {
    let plain = plain(topic);
    let category = topic
        .strip_prefix(plain)
        .unwrap_or_default()
        .trim_start_matches('.');
    let of_kind = plain == event.topic || plain == "execution.fast" && event.topic == "execution";
    of_kind && (category.is_empty() || category == event.category)
}

/// An event as its topic shows it; fills that are none of the market's are not on the fast topic.
fn row(topic: &str, event: &Written) -> Option<Value> {
    let mut row: Map<String, Value> = serde_json::from_str(&event.data).ok()?;
    if event.topic != "wallet" {
        row.insert("category".to_owned(), event.category.clone().into());
    }
    if plain(topic) != "execution.fast" {
        return Some(Value::Object(row));
    }
    if row.get("execType").and_then(Value::as_str) != Some("Trade") {
        return None;
    }
    if row.get("isMaker") == Some(&Value::Bool(true)) {
        row.insert("orderLinkId".to_owned(), "".into());
    }
    row.retain(|key, _| FAST.contains(&key.as_str()));
    Some(Value::Object(row))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(topic: &str, category: &str) -> Written {
        Written {
            seq: 1,
            topic: topic.to_owned(),
            category: category.to_owned(),
            visible: 0,
            data: r#"{"execType":"Trade","isMaker":true,"orderLinkId":"a","execId":"1","execFee":"2"}"#
                .to_owned(),
        }
    }

    #[test]
    fn topics_choose_by_kind_and_category() {
        assert!(shows("order", &event("order", "spot")));
        assert!(shows("order.spot", &event("order", "spot")));
        assert!(!shows("order.linear", &event("order", "spot")));
        assert!(shows("execution.fast.linear", &event("execution", "linear")));
        assert!(!shows("execution", &event("order", "linear")));
        assert!(known("execution.fast") && known("position.inverse") && !known("orders"));
    }

    #[test]
    fn what_cannot_be_seen_yet_is_told_later_and_once() {
        let at = |seq, visible| Written {
            seq,
            visible,
            ..event("order", "spot")
        };
        let mut private = Private::default();
        let mut told =
            |events, now| -> Vec<i64> { private.due(events, now).iter().map(|event| event.seq).collect() };
        assert_eq!(told(vec![at(1, 500), at(2, 100)], 100), [2]);
        assert_eq!(told(vec![at(3, 500)], 499), [0; 0]);
        assert_eq!(told(vec![at(4, 400)], 500), [1, 3, 4]);
        assert_eq!(told(Vec::new(), 600), [0; 0]);
    }

    #[test]
    fn the_fast_topic_hides_a_makers_client_id() {
        let row = row("execution.fast", &event("execution", "linear")).unwrap();
        assert_eq!(
            row,
            json!({"isMaker": true, "orderLinkId": "", "execId": "1", "category": "linear"})
        );
    }
}
