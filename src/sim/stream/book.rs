//! The order book of a stream: a snapshot, then what changes.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// A level-1 book is shown again after so long without a change (ms).
const REPEAT_AFTER: i64 = 3000;

type Side = BTreeMap<String, String>;

/// What a subscriber has been shown of a book.
pub(super) struct Book {
    pub(super) depth: u32,
    shown: Option<(Side, Side)>,
    update: i64,
    at: i64,
}

impl Book {
    pub(super) fn new(depth: u32) -> Self {
        Self {
            depth,
            shown: None,
            update: 0,
            at: 0,
        }
    }

    /// The frame for a reply of `market/orderbook`; nothing when nothing changed.
    pub(super) fn show(&mut self, topic: &str, reply: &Value, now: i64) -> Option<Value> {
        let number = |name: &str| reply.get(name).and_then(Value::as_i64).unwrap_or_default();
        let fresh = (side(reply.get("b")), side(reply.get("a")));
        let (kind, bids, asks) = match &self.shown {
            None => {
                self.update = number("u");
                ("snapshot", reply.get("b").cloned()?, reply.get("a").cloned()?)
            }
            Some(shown) if *shown == fresh => {
                if self.depth != 1 || now - self.at < REPEAT_AFTER {
                    return None;
                }
                ("snapshot", reply.get("b").cloned()?, reply.get("a").cloned()?)
            }
            Some(shown) => {
                self.update = (self.update + 1).max(number("u"));
                let changed = |before: &Side, after: &Side| json!(changes(before, after));
                ("delta", changed(&shown.0, &fresh.0), changed(&shown.1, &fresh.1))
            }
        };
        self.shown = Some(fresh);
        self.at = now;
        Some(json!({
            "topic": topic, "type": kind, "ts": number("ts"),
            "data": {"s": reply.get("s"), "b": bids, "a": asks, "u": self.update, "seq": number("seq")},
            "cts": number("cts"),
        }))
    }
}

fn side(rows: Option<&Value>) -> Side {
    rows.and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|row| Some((row.get(0)?.as_str()?.to_owned(), row.get(1)?.as_str()?.to_owned())))
        .collect()
}

/// New and changed levels; one that is gone has the size 0.
fn changes(before: &Side, after: &Side) -> Vec<[String; 2]> {
    let gone = before
        .keys()
        .filter(|price| !after.contains_key(*price))
        .map(|price| [price.clone(), "0".to_owned()]);
    let fresh = after
        .iter()
        .filter(|(price, size)| before.get(*price) != Some(size))
        .map(|(price, size)| [price.clone(), size.clone()]);
    gone.chain(fresh).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(bid: &str, size: &str, update: i64) -> Value {
        json!({"s": "X", "b": [[bid, size]], "a": [["11", "5"]], "u": update, "seq": 7, "ts": 1, "cts": 1})
    }

    #[test]
    fn a_snapshot_is_followed_by_what_changes() {
        let mut book = Book::new(50);
        let first = book.show("t", &reply("10", "1", 100), 0).unwrap();
        assert_eq!(
            (first["type"].as_str(), first["data"]["u"].as_i64()),
            (Some("snapshot"), Some(100))
        );
        assert!(book.show("t", &reply("10", "1", 101), 9_000).is_none());
        let second = book.show("t", &reply("9", "2", 100), 1).unwrap();
        assert_eq!(second["type"], "delta");
        assert_eq!(second["data"]["b"], json!([["10", "0"], ["9", "2"]]));
        assert_eq!(second["data"]["a"], json!([]));
        assert_eq!(second["data"]["u"], 101);
    }

    #[test]
    fn the_best_level_alone_is_shown_again_after_three_seconds() {
        let mut book = Book::new(1);
        book.show("t", &reply("10", "1", 100), 0).unwrap();
        assert!(book.show("t", &reply("10", "1", 105), 2_999).is_none());
        let again = book.show("t", &reply("10", "1", 130), 3_000).unwrap();
        assert_eq!(
            (again["type"].as_str(), again["data"]["u"].as_i64()),
            (Some("snapshot"), Some(100))
        );
    }
}
