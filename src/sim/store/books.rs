//! The account in memory and in the file: what is read often is kept decoded, what changes is written through.
//!
//! Many processes share one file. Each keeps a copy of its small tables and drops it when SQLite says that
//! another connection has committed, so a copy is never older than the transaction that reads it.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use rusqlite::{CachedStatement, Connection};

use super::outbox::Event;
use super::tables::{self, Coin, Wallet};
use crate::sim::call::Refusal;
use crate::sim::instruments::Category;
use crate::sim::market::Market;
use crate::sim::market::clock::Clock;
use crate::sim::orders::Order;
use crate::sim::orders::resting::Resting;
use crate::sim::positions::Position;

/// The small tables, decoded.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    pub(crate) meta: BTreeMap<String, String>,
    pub(crate) coins: BTreeMap<(Wallet, String), Coin>,
    pub(crate) pins: tables::Pins,
    pub(crate) settings: HashMap<(Category, String, String), String>,
    pub(crate) positions: BTreeMap<(Category, String, i64), Arc<Position>>,
    /// Open orders by age.
    pub(crate) open: BTreeMap<i64, Arc<Order>>,
    pub(crate) ages: HashMap<String, i64>,
    pub(crate) resting: Resting,
}

/// The store behind one connection.
pub(crate) struct Books {
    db: Connection,
    copy: RefCell<Option<Tables>>,
    /// SQLite's counter of other connections' commits when the copy was made.
    version: Cell<i64>,
    /// Something was written since the last savepoint.
    written: Cell<bool>,
    /// Something was written since the transaction began.
    dirty: Cell<bool>,
    /// Up to here the price path has been looked at and nothing moved.
    quiet_until: Cell<i64>,
    events: RefCell<Vec<Event>>,
    touched: RefCell<Touched>,
    /// What [`crate::sim::account::changes`] values the account with; without one nothing is reported.
    market: RefCell<Option<Market>>,
}

/// What a transaction changed, for the reports at its end.
#[derive(Debug, Clone, Default)]
pub(crate) struct Touched {
    /// The market's time of the latest change.
    pub(crate) at: i64,
    pub(crate) positions: BTreeSet<(Category, &'static str, i64)>,
    pub(crate) coins: BTreeSet<String>,
}

impl Touched {
    fn is_empty(&self) -> bool {
        self.positions.is_empty() && self.coins.is_empty()
    }
}

/// What a transaction is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Intent {
    Read,
    /// Excludes other processes from the beginning.
    Write,
}

impl Books {
    pub(crate) fn new(db: Connection) -> Self {
        Self {
            db,
            copy: RefCell::new(None),
            version: Cell::new(-1),
            written: Cell::new(false),
            dirty: Cell::new(false),
            quiet_until: Cell::new(0),
            events: RefCell::new(Vec::new()),
            touched: RefCell::default(),
            market: RefCell::default(),
        }
    }

    /// Runs `work` in a transaction: all of it is kept, or after a refusal nothing.
    pub(crate) fn transact<T>(
        &self,
        intent: Intent,
        work: impl FnOnce() -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        self.run(match intent {
            Intent::Read => "BEGIN",
            Intent::Write => "BEGIN IMMEDIATE",
        })?;
        let done = self.refresh().and_then(|()| work()).and_then(|value| {
            self.report()?;
            self.flush_events()?;
            self.run("COMMIT")?;
            Ok(value)
        });
        if done.is_err() {
            self.forget();
            self.run("ROLLBACK")?;
        }
        self.written.set(false);
        self.dirty.set(false);
        done
    }

    /// Runs one handler inside a transaction; what a refused one wrote is undone, the rest stays.
    pub(crate) fn attempt<T>(&self, work: impl FnOnce() -> Result<T, Refusal>) -> Result<T, Refusal> {
        let events = self.events.borrow().len();
        let touched = self.touched.borrow().clone();
        let before = self.written.replace(false);
        // A savepoint makes SQLite copy every page that is changed: not needed where there is nothing to keep.
        let first = !self.dirty.get() && !self.db.is_autocommit();
        if !first {
            self.run("SAVEPOINT attempt")?;
        }
        let done = work();
        if done.is_err() && self.written.get() {
            if first {
                self.begin_again()?;
            } else {
                self.run("ROLLBACK TO attempt")?;
            }
            self.forget_copy();
            self.events.borrow_mut().truncate(events);
            *self.touched.borrow_mut() = touched;
        }
        // What an attempt inside this one left counts for this one too.
        let kept = done.is_ok() && self.written.get();
        self.written.set(before || kept);
        if !first {
            self.run("RELEASE attempt")?;
        }
        done
    }

    /// Undoes a transaction that nothing is kept of. Another process may come in between, as before any other.
    fn begin_again(&self) -> Result<(), Refusal> {
        self.run("ROLLBACK")?;
        self.dirty.set(false);
        self.run("BEGIN IMMEDIATE")?;
        self.refresh()
    }

    fn run(&self, sql: &'static str) -> Result<(), Refusal> {
        let mut statement = self.db.prepare_cached(sql)?;
        statement.raw_execute()?;
        Ok(())
    }

    /// Drops the copy when another connection has committed since it was made.
    fn refresh(&self) -> Result<(), Refusal> {
        let version = self
            .db
            .prepare_cached("PRAGMA data_version")?
            .query_row([], |row| row.get(0))?;
        if self.version.replace(version) != version {
            self.forget();
        }
        Ok(())
    }

    fn forget(&self) {
        self.forget_copy();
        self.quiet_until.set(0);
        self.events.borrow_mut().clear();
        self.touched.take();
    }

    fn forget_copy(&self) {
        *self.copy.borrow_mut() = None;
    }

    /// The copy, made anew when there is none.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&Tables) -> T) -> Result<T, Refusal> {
        if let Some(copy) = self.copy.borrow().as_ref() {
            return Ok(look(copy));
        }
        let copy = tables::load(&self.db)?;
        let seen = look(&copy);
        *self.copy.borrow_mut() = Some(copy);
        Ok(seen)
    }

    /// Changes the copy; the caller writes the same to the file.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Tables)) -> Result<(), Refusal> {
        self.read(|_| ())?;
        if let Some(copy) = self.copy.borrow_mut().as_mut() {
            change(copy);
        }
        Ok(())
    }

    /// A statement that changes the file.
    pub(crate) fn writing(&self, sql: &str) -> Result<CachedStatement<'_>, Refusal> {
        self.written.set(true);
        self.dirty.set(true);
        Ok(self.db.prepare_cached(sql)?)
    }

    /// A statement that reads the file.
    pub(crate) fn reading(&self, sql: &str) -> Result<CachedStatement<'_>, Refusal> {
        Ok(self.db.prepare_cached(sql)?)
    }

    pub(crate) fn last_row(&self) -> i64 {
        self.db.last_insert_rowid()
    }

    /// Keeps an event until the transaction ends.
    pub(crate) fn publish(&self, event: Event) {
        self.events.borrow_mut().push(event);
    }

    /// Keeps an event unless the last one of the same order in this transaction was the same.
    pub(crate) fn publish_change(&self, event: Event) {
        let same = |earlier: &&Event| {
            earlier.topic == event.topic && earlier.data.get("orderId") == event.data.get("orderId")
        };
        let told = {
            let events = self.events.borrow();
            events
                .iter()
                .rev()
                .find(same)
                .is_some_and(|earlier| earlier.data == event.data)
        };
        if !told {
            self.publish(event);
        }
    }

    /// Reports positions and wallets at the end of each transaction that changes them, valued on this market.
    pub(crate) fn report_on(&self, market: Market) {
        *self.market.borrow_mut() = Some(market);
    }

    pub(crate) fn touch_position(&self, category: Category, symbol: &'static str, idx: i64, now: i64) {
        let mut touched = self.touched.borrow_mut();
        touched.at = touched.at.max(now);
        touched.positions.insert((category, symbol, idx));
    }

    pub(crate) fn touch_coin(&self, coin: &str, now: i64) {
        let mut touched = self.touched.borrow_mut();
        touched.at = touched.at.max(now);
        if !touched.coins.contains(coin) {
            touched.coins.insert(coin.to_owned());
        }
    }

    fn report(&self) -> Result<(), Refusal> {
        let touched = self.touched.take();
        if touched.is_empty() || !super::outbox::is_heard(self)? {
            return Ok(());
        }
        match self.market.borrow().as_ref() {
            Some(market) => crate::sim::account::changes::write(self, market, &touched),
            None => Ok(()),
        }
    }

    fn flush_events(&self) -> Result<(), Refusal> {
        let events = self.events.take();
        super::outbox::write(self, &events)
    }

    /// The moment of the market when the machine's clock says `real`.
    pub(crate) fn market_time(&self, real: i64) -> Result<i64, Refusal> {
        Ok(self.clock()?.at(real))
    }

    pub(crate) fn clock(&self) -> Result<Clock, Refusal> {
        self.read(|copy| Clock::parse(copy.meta.get(Clock::NAME).map(String::as_str)))
    }

    pub(crate) fn quiet_until(&self) -> i64 {
        self.quiet_until.get()
    }

    pub(crate) fn set_quiet_until(&self, time: i64) {
        self.quiet_until.set(time);
    }
}
