//! What happened to the account, in order: the private streams are read from here.
//!
//! Each change is written in the transaction that makes it, so every process that serves a stream sees the
//! changes of all, once and in one order. While no process serves a private stream, nothing is written.

use rusqlite::params;
use serde_json::Value;

use super::books::Books;
use super::tables;
use crate::sim::call::Refusal;
use crate::sim::market::clock;

/// Its part of the schema.
pub(crate) const TABLES: &str = "
CREATE TABLE events (seq INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL, topic TEXT NOT NULL,
    category TEXT NOT NULL, visible INTEGER NOT NULL, data TEXT NOT NULL);
";
/// So many of the latest events are kept.
const KEPT: i64 = 20_000;

/// Until when somebody may be listening, by the machine's clock.
const HEARD_UNTIL: &str = "heard_until";
/// A stream that does not say for so long that it still listens counts as gone.
pub(crate) const LEASE_MS: i64 = 600_000;

/// Whether a stream of any process may be listening.
pub(crate) fn is_heard(books: &Books) -> Result<bool, Refusal> {
    let until = tables::meta(books, HEARD_UNTIL)?;
    Ok(until.is_some_and(|until| clock::now_ms() < until))
}

/// Says that somebody listens, for all who write from now on; returns until when that holds.
pub(crate) fn listen(books: &Books) -> Result<i64, Refusal> {
    let until = clock::now_ms() + LEASE_MS;
    tables::set_meta(books, HEARD_UNTIL, &until.to_string())?;
    Ok(until)
}

/// One row of a private topic.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    /// The market's time.
    pub(crate) time: i64,
    /// `order`, `execution`, `position` or `wallet`.
    pub(crate) topic: &'static str,
    /// The category; empty for the wallet.
    pub(crate) category: &'static str,
    /// From when on streams tell it.
    pub(crate) visible: i64,
    pub(crate) data: Value,
}

/// Writes the events of a transaction and forgets old ones.
pub(crate) fn write(books: &Books, events: &[Event]) -> Result<(), Refusal> {
    for event in events {
        books
            .writing("INSERT INTO events (time, topic, category, visible, data) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![
                event.time,
                event.topic,
                event.category,
                event.visible,
                event.data.to_string()
            ])?;
        let row = books.last_row();
        if row % 1024 == 0 {
            books
                .writing("DELETE FROM events WHERE seq < ?1")?
                .execute([row - KEPT])?;
        }
    }
    Ok(())
}

/// An event as it was written.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) seq: i64,
    pub(crate) topic: String,
    pub(crate) category: String,
    pub(crate) visible: i64,
    pub(crate) data: String,
}

/// The events after `seq`, at most `most`.
pub(crate) fn after(books: &Books, seq: i64, most: i64) -> Result<Vec<Written>, Refusal> {
    let mut query = books.reading(
        "SELECT seq, topic, category, visible, data FROM events WHERE seq > ?1 ORDER BY seq LIMIT ?2",
    )?;
    let mut rows = query.query([seq, most])?;
    let mut events = Vec::new();
    while let Some(row) = rows.next()? {
        events.push(Written {
            seq: row.get(0)?,
            topic: row.get(1)?,
            category: row.get(2)?,
            visible: row.get(3)?,
            data: row.get(4)?,
        });
    }
    Ok(events)
}

/// The number of the latest event.
pub(crate) fn latest(books: &Books) -> Result<i64, Refusal> {
    Ok(books
        .reading("SELECT COALESCE(MAX(seq), 0) FROM events")?
        .query_row([], |row| row.get(0))?)
}
