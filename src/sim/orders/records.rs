//! Orders and executions in the store, and the query that pages through either.

use std::collections::BTreeMap;
use std::sync::Arc;

use rusqlite::types::Value as Sql;
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};
use serde_json::Value;

use super::order::Order;
use super::resting::LegKey;
use super::row::order_row;
use crate::sim::call::Refusal;
use crate::sim::instruments::Instrument;
use crate::sim::positions::margin::Exposure;
use crate::sim::store;
use crate::sim::store::books::{Books, Tables};
use crate::sim::store::outbox::{self, Event};

/// Until when closed orders are forgotten by `order/realtime`.
const FORGOTTEN: &str = "closed_forgotten";

/// Reads the open orders into the copy.
pub(crate) fn load(db: &Connection, tables: &mut Tables) -> Result<(), Refusal> {
    store::each(db, "SELECT seq, data FROM orders WHERE open = 1", |row| {
        let age = row.get(0)?;
        let order: Order = serde_json::from_str(&row.get::<_, String>(1)?)?;
        keep(tables, age, &order);
        Ok(())
    })
}

fn keep(tables: &mut Tables, age: i64, order: &Order) {
    let order = Arc::new(order.clone());
    if order.is_open() {
        tables.ages.insert(order.id.clone(), age);
        tables.resting.count(age, &order);
        tables.open.insert(age, order);
    } else if let Some(age) = tables.ages.remove(&order.id) {
        tables.resting.count(age, &order);
        tables.open.remove(&age);
    }
}

pub(crate) fn insert(books: &Books, order: &Order, one: &Instrument) -> Result<(), Refusal> {
    books.writing(
        "INSERT INTO orders (id, link, category, symbol, base, settle, filter, status, open, created, visible, data)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?
    .execute(params![
        order.id,
        order.link,
        order.category,
        order.symbol,
        one.base,
        one.settle,
        order.filter,
        order.status.word(),
        order.is_open(),
        order.created,
        order.visible,
        serde_json::to_string(order)?
    ])?;
    let age = books.last_row();
    books.change(|tables| keep(tables, age, order))?;
    publish(books, order, one)
}

/// Saves an order and tells of it.
pub(crate) fn update(books: &Books, order: &Order) -> Result<(), Refusal> {
    save(books, order)?;
    publish(books, order, order.instrument()?)
}

/// Tells of an order, unless the last word about it was the same or nobody listens.
fn publish(books: &Books, order: &Order, one: &Instrument) -> Result<(), Refusal> {
    if outbox::is_heard(books)? {
        books.publish_change(Event {
            time: order.updated,
            topic: "order",
            category: one.category.word(),
            visible: order.told_from(),
            data: order_row(order, one),
        });
    }
    Ok(())
}

/// Saves what only the exchange itself needs to know about an order.
pub(crate) fn save(books: &Books, order: &Order) -> Result<(), Refusal> {
    books
        .writing("UPDATE orders SET status = ?2, open = ?3, data = ?4 WHERE id = ?1")?
        .execute(params![
            order.id,
            order.status.word(),
            order.is_open(),
            serde_json::to_string(order)?
        ])?;
    // A closed order never opens again, so an unknown age means that it was closed already.
    books.change(|tables| {
        let age = tables.ages.get(&order.id).copied().unwrap_or_default();
        keep(tables, age, order);
    })
}

/// Whether a client id was ever used, in any category.
pub(crate) fn link_is_used(books: &Books, link: &str) -> Result<bool, Refusal> {
    Ok(books
        .reading("SELECT 1 FROM orders WHERE link = ?1 AND link <> ''")?
        .exists([link])?)
}

/// Every open order, oldest first.
pub(crate) fn open_orders(books: &Books) -> Result<Vec<Arc<Order>>, Refusal> {
    books.read(|tables| tables.open.values().cloned().collect())
}

/// The open orders of one instrument, oldest first.
pub(crate) fn open_of(books: &Books, one: &Instrument) -> Result<Vec<Arc<Order>>, Refusal> {
    let of = |order: &&Arc<Order>| order.symbol == one.symbol && order.category == one.category.word();
    books.read(|tables| tables.open.values().filter(of).cloned().collect())
}

/// The open orders of a contract that can only close something, oldest first.
pub(crate) fn open_closing(books: &Books, one: &Instrument) -> Result<Vec<Arc<Order>>, Refusal> {
    books.read(|tables| tables.resting.closing(one).cloned().collect())
}

/// How many open orders fit.
pub(crate) fn count_open(books: &Books, fits: impl Fn(&Order) -> bool) -> Result<usize, Refusal> {
    books.read(|tables| tables.open.values().filter(|order| fits(order)).count())
}

/// The open orders of spot pairs, oldest first.
pub(crate) fn open_spot(books: &Books) -> Result<Vec<Arc<Order>>, Refusal> {
    books.read(|tables| tables.resting.spot().cloned().collect())
}

/// The open orders of contracts by leg, but for the one with that id.
pub(crate) fn open_legs(
    books: &Books,
    without: Option<&str>,
) -> Result<BTreeMap<LegKey, Arc<Exposure>>, Refusal> {
    books.read(|tables| {
        let age = without.and_then(|id| tables.ages.get(id).copied());
        tables.resting.legs(age)
    })?
}

/// The order of that id, or of that client id when no id is given.
pub(crate) fn find(books: &Books, id: Option<&str>, link: Option<&str>) -> Result<Option<Order>, Refusal> {
    let (sql, key) = match (id, link) {
        (Some(id), _) => {
            let open = books.read(|tables| {
                let age = tables.ages.get(id)?;
                tables.open.get(age).map(|order| (**order).clone())
            })?;
            if open.is_some() {
                return Ok(open);
            }
            ("SELECT data FROM orders WHERE id = ?1", id)
        }
        (None, Some(link)) => ("SELECT data FROM orders WHERE link = ?1 AND link <> ''", link),
        (None, None) => return Ok(None),
    };
    let data = books
        .reading(sql)?
        .query_row([key], |row| row.get::<_, String>(0))
        .optional()?;
    Ok(data.map(|data| serde_json::from_str(&data)).transpose()?)
}

/// What an execution is filed under.
pub(crate) struct Filed<'a> {
    pub(crate) order: &'a Order,
    pub(crate) instrument: &'a Instrument,
    pub(crate) time: i64,
}

/// Files an execution, already in the shape of its reply, and tells of it and of what it made of its order.
pub(crate) fn insert_execution(books: &Books, filed: &Filed<'_>, row: &Value) -> Result<(), Refusal> {
    let order = filed.order;
    books
        .writing(
            "INSERT INTO executions (order_id, link, category, symbol, base, settle, created, visible, data)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            order.id,
            order.link,
            order.category,
            order.symbol,
            filed.instrument.base,
            filed.instrument.settle,
            filed.time,
            order.visible,
            row.to_string()
        ])?;
    publish(books, order, filed.instrument)?;
    if outbox::is_heard(books)? {
        books.publish(Event {
            time: filed.time,
            topic: "execution",
            category: filed.instrument.category.word(),
            visible: order.visible,
            data: row.clone(),
        });
    }
    Ok(())
}

/// Hides the orders that closed before `time` from `order/realtime`, as a restart of Bybit's servers does.
pub(crate) fn forget_closed_before(books: &Books, time: i64) -> Result<(), Refusal> {
    store::set_meta(books, FORGOTTEN, &time.to_string())
}

/// The moment of [`forget_closed_before`].
pub(crate) fn forgotten_before(books: &Books) -> Result<i64, Refusal> {
    Ok(store::meta(books, FORGOTTEN)?.unwrap_or(i64::MIN))
}

/// A query over `orders` or `executions`, newest first, built condition by condition.
pub(crate) struct Query {
    sql: String,
    arguments: Vec<Sql>,
}

impl Query {
    pub(crate) fn over(table: &str) -> Self {
        Self {
            sql: format!("SELECT seq, data FROM {table} WHERE 1"),
            arguments: Vec::new(),
        }
    }

    /// Adds a condition; `?` stands for `argument`.
    pub(crate) fn and(mut self, condition: &str, argument: impl Into<Sql>) -> Self {
        self.arguments.push(argument.into());
        self.sql.push_str(" AND ");
        self.sql.push_str(condition);
        self
    }

    /// Adds a condition when there is an argument for it.
    pub(crate) fn and_some(self, condition: &str, argument: Option<&str>) -> Self {
        match argument {
            Some(argument) => self.and(condition, argument.to_owned()),
            None => self,
        }
    }

    /// One page below `cursor`, and where the next one continues if there is more.
    pub(crate) fn page(
        self,
        books: &Books,
        limit: i64,
        cursor: i64,
    ) -> Result<(Vec<String>, Option<i64>), Refusal> {
        let mut query = self.and("seq < ?", cursor);
        query.sql.push_str(" ORDER BY seq DESC LIMIT ?");
        query.arguments.push(Sql::Integer(limit + 1));
        let mut statement = books.reading(&query.sql)?;
        let mut rows = statement.query(params_from_iter(query.arguments))?;
        let (mut page, mut last, mut next) = (Vec::new(), 0, None);
        while let Some(row) = rows.next()? {
            if i64::try_from(page.len()).unwrap_or(i64::MAX) == limit {
                next = Some(last);
                break;
            }
            last = row.get(0)?;
            page.push(row.get(1)?);
        }
        Ok((page, next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::PriceSource;
    use crate::sim::account::birth;
    use crate::sim::call::{Call, Desk, Effects, Params};
    use crate::sim::market::Market;
    use crate::sim::orders::create;
    use crate::sim::orders::replies;

    #[test]
    fn forgotten_orders_are_gone_from_realtime_alone() {
        let folder = tempfile::tempdir().unwrap();
        let books = store::open(&folder.path().join("paper.sqlite")).unwrap();
        let market = Market {
            seed: 1,
            source: PriceSource::Fixed(std::collections::BTreeMap::new()),
        };
        let call = |now: i64, params: Params| Call {
            desk: Desk {
                books: &books,
                market: &market,
                now,
            },
            params,
            effects: Effects::default(),
            key: crate::sim::door::keys::Key::nobody(),
            rsa_public_key: "",
        };
        birth::deposit(&call(1000, Params::default()).desk, "USDT", 10_000.into()).unwrap();
        let body =
            br#"{"category":"linear","symbol":"BTCUSDT","side":"Buy","orderType":"Market","qty":"0.1"}"#;
        create::create(&call(1000, Params::from_body(body).unwrap())).unwrap();
        let rows = |read: fn(&Call<'_>) -> Result<Value, Refusal>, query: &str| {
            let answer = read(&call(2000, Params::from_query(query))).unwrap();
            answer["list"].as_array().unwrap().len()
        };
        let query = "category=linear&symbol=BTCUSDT&openOnly=1";
        for (before, left) in [(0, 1), (1000, 1), (1001, 0)] {
            forget_closed_before(&books, before).unwrap();
            assert_eq!(rows(replies::realtime, query), left, "before {before}");
            assert_eq!(rows(replies::history, query), 1);
        }
    }
}
