//! What the price path does to orders that wait.
//!
//! Nothing runs between requests. The market trades on a fixed grid of moments; each request first plays the
//! ticks since the last look, in order, so whoever looks, and however rarely, sees the same fills.

use std::collections::BTreeMap;
use std::sync::Arc;

use rust_decimal::Decimal;

use super::account::Account;
use super::call::{Desk, Refusal};
use super::instruments::{Category, Instrument};
use super::matching;
use super::order::{Order, Side, Status};
use super::order_store;
use super::prices::KNOT_MS;
use super::settle::{self, Trade};
use super::store;
use super::upkeep;

/// The market trades this often.
const TICK_MS: i64 = 250;
/// No look goes further back than this.
const LONGEST_LOOK_MS: i64 = 45 * 86_400_000;
/// How far the stored mark of the last look may lag behind while nothing happens.
const MARK_LAG_MS: i64 = 60_000;
const LAST_LOOK: &str = "last_look";

/// The open orders of one instrument.
struct Watch {
    one: &'static Instrument,
    orders: Vec<Arc<Order>>,
}

/// What others trade with each other at a tick.
#[derive(Debug, Clone, Copy)]
struct Print {
    price: Decimal,
    qty: Decimal,
    /// Who took.
    side: Side,
}

/// What waits, by instrument, where prices move by themselves.
fn watches(desk: &Desk<'_>) -> Result<Vec<Watch>, Refusal> {
    let mut watches: BTreeMap<(Category, &str), Watch> = BTreeMap::new();
    for order in order_store::open_orders(desk.books)? {
        let one = order.instrument()?;
        let watch = watches.entry((one.category, one.symbol)).or_insert_with(|| {
            let orders = Vec::new();
            Watch { one, orders }
        });
        watch.orders.push(order);
    }
    let mut moving = Vec::new();
    for watch in watches.into_values() {
        if !desk.path(watch.one)?.is_still() {
            moving.push(watch);
        }
    }
    Ok(moving)
}

/// The moment up to which everything has been played.
fn looked(desk: &Desk<'_>) -> Result<i64, Refusal> {
    let stored = store::meta(desk.books, LAST_LOOK)?.unwrap_or(desk.now);
    Ok(stored
        .max(desk.books.quiet_until())
        .max(desk.now - LONGEST_LOOK_MS))
}

/// Keeps that everything up to the desk's moment has been played: what changes now was not there before.
pub(crate) fn mark(desk: &Desk<'_>) -> Result<(), Refusal> {
    match store::meta(desk.books, LAST_LOOK)? {
        Some(marked) if marked >= desk.now => Ok(()),
        _ => store::set_meta(desk.books, LAST_LOOK, &desk.now.to_string()),
    }
}

/// The next moment after `time` at which something may be due: the end of its minute.
fn next_stop(time: i64, now: i64) -> i64 {
    ((time.div_euclid(KNOT_MS) + 1) * KNOT_MS).min(now)
}

/// Whether a look would change anything; it never writes, and it may err on the side of yes.
pub(crate) fn is_due(desk: &Desk<'_>) -> Result<bool, Refusal> {
    let mut at = looked(desk)?;
    let watches = watches(desk)?;
    let upkeep = upkeep::is_needed(desk)?;
    while at < desk.now && (upkeep || !watches.is_empty()) {
        let end = next_stop(at, desk.now);
        if !is_quiet(desk, &watches, at, end)? || !upkeep::is_quiet(desk, at, end)? {
            return Ok(true);
        }
        if end.rem_euclid(KNOT_MS) == 0 && upkeep::is_due_at(desk, end)? {
            return Ok(true);
        }
        at = end;
    }
    desk.books.set_quiet_until(desk.now);
    Ok(false)
}

/// Whether no order can move between two moments of one minute.
fn is_quiet(desk: &Desk<'_>, watches: &[Watch], from: i64, to: i64) -> Result<bool, Refusal> {
    if from.div_euclid(TICK_MS) == to.div_euclid(TICK_MS) {
        return Ok(true);
    }
    for watch in watches {
        let (low, high) = desk.path(watch.one)?.range(from, to);
        let moves = |order: &Arc<Order>| reached(order, low) || reached(order, high);
        if watch.orders.iter().any(moves) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Lets the market since the last look act on the orders that wait.
pub(crate) fn look(desk: &Desk<'_>) -> Result<(), Refusal> {
    let mut at = looked(desk)?;
    let mut watches = watches(desk)?;
    let mut acted = false;
    while at < desk.now && (!watches.is_empty() || upkeep::is_needed(desk)?) {
        let end = next_stop(at, desk.now);
        if !is_quiet(desk, &watches, at, end)? || !upkeep::is_quiet(desk, at, end)? {
            acted |= play(desk, &mut watches, at, end)?;
        }
        if end.rem_euclid(KNOT_MS) == 0 && upkeep::at_minute(&desk.at(end))? {
            acted = true;
            watches = self::watches(desk)?;
        }
        at = end;
    }
    let marked = store::meta(desk.books, LAST_LOOK)?;
    if acted || marked.is_none_or(|marked| desk.now - marked > MARK_LAG_MS) {
        store::set_meta(desk.books, LAST_LOOK, &desk.now.to_string())?;
    }
    desk.books.set_quiet_until(desk.now);
    Ok(())
}

/// Plays every tick after `from` up to `to`; says whether anything moved.
fn play(desk: &Desk<'_>, orders: &mut Vec<Watch>, from: i64, to: i64) -> Result<bool, Refusal> {
    let mut acted = false;
    let mut tick = (from.div_euclid(TICK_MS) + 1) * TICK_MS;
    while tick <= to {
        let moment = desk.at(tick);
        let mut moved = false;
        for watch in orders.iter() {
            let print = print(&moment, watch.one)?;
            let moves = |order: &Arc<Order>| order.since < tick && reached(order, print.price);
            if watch.orders.iter().any(moves) {
                step(&moment, watch.one, print)?;
                moved = true;
            }
        }
        moved |= upkeep::at_tick(&moment)?;
        if moved {
            *orders = watches(desk)?;
            acted = true;
        }
        tick += TICK_MS;
    }
    Ok(acted)
}

/// What others trade at this tick.
fn print(moment: &Desk<'_>, one: &'static Instrument) -> Result<Print, Refusal> {
    let path = moment.path(one)?;
    let (before, price) = (path.at(moment.now - TICK_MS), path.at(moment.now));
    let side = if price < before { Side::Sell } else { Side::Buy };
    Ok(Print {
        price,
        qty: one.depth,
        side,
    })
}

/// One tick of one instrument: what it reaches moves.
fn step(moment: &Desk<'_>, one: &'static Instrument, print: Print) -> Result<(), Refusal> {
    each_open(moment, one, |order| {
        if order.since >= moment.now || !reached(order, print.price) {
            return Ok(false);
        }
        if order.status == Status::Untriggered {
            trigger(moment, one, order)?;
            return Ok(true);
        }
        fill_from(moment, one, order, print)
    })
}

/// A price set by hand trades as much as waits there.
pub(crate) fn pinned(desk: &Desk<'_>, one: &'static Instrument, price: Decimal) -> Result<(), Refusal> {
    each_open(desk, one, |order| {
        let moved_on = match (order.status, order.side) {
            (Status::Untriggered, _) => true,
            (_, Side::Buy) => price < order.seen,
            (_, Side::Sell) => price > order.seen,
        };
        if !moved_on || !reached(order, price) {
            return Ok(false);
        }
        match order.status {
            Status::Untriggered => trigger(desk, one, order)?,
            _ => fill_at_limit(desk, one, order, Decimal::MAX)?,
        }
        Ok(true)
    })
}

/// Lets `act` change each open order of an instrument, oldest first.
fn each_open(
    desk: &Desk<'_>,
    one: &'static Instrument,
    act: impl Fn(&mut Order) -> Result<bool, Refusal>,
) -> Result<(), Refusal> {
    for known in order_store::open_of(desk.books, one)? {
        // An earlier fill of this step may have closed it, so it is read again.
        let Some(mut order) = order_store::find(desk.books, Some(&known.id), None)? else {
            continue;
        };
        if order.is_open() && act(&mut order)? {
            order_store::update(desk.books, &order)?;
            matching::cancel_orphans(desk, one)?;
        }
    }
    Ok(())
}

/// Whether a price is one that a waiting order waits for.
fn reached(order: &Order, price: Decimal) -> bool {
    match (order.status, order.direction, order.side) {
        (Status::Untriggered, 1, _) => price >= order.trigger,
        (Status::Untriggered, _, _) => price <= order.trigger,
        (_, _, Side::Buy) => price <= order.price,
        (_, _, Side::Sell) => price >= order.price,
    }
}

fn trigger(moment: &Desk<'_>, one: &'static Instrument, order: &mut Order) -> Result<(), Refusal> {
    let account = Account::read(moment, Some(&order.id))?;
    order.status = Status::New;
    order.updated = moment.now;
    let worst = matching::worst_price(one, order, moment.last(one)?);
    if account.afford(moment, order, worst).is_err() {
        order.reject("EC_NotEnoughBalance", moment.now);
        return Ok(());
    }
    matching::arrive(moment, one, order)
}

/// A trade through the price of a resting order takes all of it, one at its price what is behind the queue.
fn fill_from(moment: &Desk<'_>, one: &Instrument, order: &mut Order, print: Print) -> Result<bool, Refusal> {
    if print.price != order.price {
        fill_at_limit(moment, one, order, Decimal::MAX)?;
        return Ok(true);
    }
    if print.side == order.side {
        return Ok(false);
    }
    let behind = one.floor_qty((print.qty - order.queue).max(Decimal::ZERO));
    order.queue = (order.queue - print.qty).max(Decimal::ZERO);
    fill_at_limit(moment, one, order, behind)?;
    Ok(true)
}

fn fill_at_limit(desk: &Desk<'_>, one: &Instrument, order: &mut Order, most: Decimal) -> Result<(), Refusal> {
    let reducible = matching::reducible(desk, one, order)?;
    let qty = order.leaves().min(reducible).min(most);
    if qty > Decimal::ZERO {
        let trade = Trade {
            price: order.price,
            qty,
            maker: true,
        };
        settle::fill(desk, order, trade)?;
    }
    if order.is_open() && qty >= reducible {
        order.close("CancelByReduceOnly", desk.now);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::PriceSource;
    use crate::sim::birth;
    use crate::sim::books::Books;
    use crate::sim::call::{Call, Effects, Params, text};
    use crate::sim::create;
    use crate::sim::instruments::find;
    use crate::sim::market::Market;

    const THEN: i64 = 1_780_000_000_000;
    const DAY: i64 = 86_400_000;
    const WALK: Market = Market {
        seed: 1,
        source: PriceSource::Walk,
    };

    fn account(folder: &tempfile::TempDir, name: &str) -> Books {
        let books = store::open(&folder.path().join(name)).unwrap();
        birth::deposit(&desk(&books, THEN), "USDT", Decimal::from(10_000)).unwrap();
        store::set_meta(&books, LAST_LOOK, &THEN.to_string()).unwrap();
        books
    }

    fn desk(books: &Books, now: i64) -> Desk<'_> {
        Desk {
            books,
            market: &WALK,
            now,
        }
    }

    fn place(books: &Books, more: &str) -> String {
        let body = format!(r#"{{"category":"linear","symbol":"SOLUSDT","side":"Buy","qty":"1",{more}}}"#);
        let call = Call {
            desk: desk(books, THEN),
            params: Params::from_body(body.as_bytes()).unwrap(),
            effects: Effects::default(),
            api_key: "",
        };
        let ids = create::create(&call).unwrap();
        ids["orderId"].as_str().unwrap().to_owned()
    }

    fn read(books: &Books, id: &str) -> Order {
        order_store::find(books, Some(id), None).unwrap().unwrap()
    }

    #[test]
    fn a_limit_fills_and_a_trigger_fires_while_nobody_looks() {
        let folder = tempfile::tempdir().unwrap();
        let books = account(&folder, "paper.sqlite");
        let sol = find(Category::Linear, "SOLUSDT").unwrap();
        let path = WALK.path(sol, Vec::new());
        let (low, high) = path.range(THEN, THEN + DAY);
        let last = path.at(THEN);
        assert!(low < last && last < high, "the day moves both ways");
        let limit_price = low + sol.tick;
        let limit = place(
            &books,
            &format!(r#""orderType":"Limit","price":"{}""#, text(limit_price)),
        );
        let stop = place(
            &books,
            &format!(
                r#""orderType":"Market","triggerPrice":"{}","triggerDirection":1"#,
                text(high)
            ),
        );
        let below = place(
            &books,
            &format!(r#""orderType":"Limit","price":"{}""#, text(low - sol.tick)),
        );

        assert!(is_due(&desk(&books, THEN + DAY)).unwrap());
        look(&desk(&books, THEN + DAY)).unwrap();
        let (limit, stop) = (read(&books, &limit), read(&books, &stop));
        assert_eq!((limit.status, stop.status), (Status::Filled, Status::Filled));
        assert_eq!(limit.filled_value, limit_price);
        assert_eq!(stop.filled_value, high + sol.tick);
        // Both carry the moment at which the path was there, not that of the look.
        assert!(path.at(limit.updated) <= limit_price);
        assert_eq!(path.at(stop.updated), high);
        assert_eq!(read(&books, &below).status, Status::New);
        assert!(!is_due(&desk(&books, THEN + DAY)).unwrap());
    }

    #[test]
    fn however_often_one_looks_the_fills_are_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let (once, often) = (account(&folder, "once"), account(&folder, "often"));
        let sol = find(Category::Linear, "SOLUSDT").unwrap();
        let last = WALK.path(sol, Vec::new()).at(THEN);
        for books in [&once, &often] {
            for away in 1_u32..12 {
                let price = text(last - sol.tick * Decimal::from(away * 3));
                place(books, &format!(r#""orderType":"Limit","price":"{price}""#));
                let trigger = text(last + sol.tick * Decimal::from(away * 5));
                place(
                    books,
                    &format!(r#""orderType":"Market","triggerPrice":"{trigger}","triggerDirection":1"#),
                );
            }
        }
        let end = THEN + DAY / 8;
        look(&desk(&once, end)).unwrap();
        let mut at = THEN;
        while at < end {
            at = (at + 7_321).min(end);
            look(&desk(&often, at)).unwrap();
        }
        let rows = |books: &Books| -> Vec<String> {
            let mut rows = books.reading("SELECT data FROM executions ORDER BY seq").unwrap();
            let rows = rows.query_map([], |row| row.get::<_, String>(0)).unwrap();
            rows.map(Result::unwrap).collect()
        };
        assert!(rows(&once).len() > 5, "only {} fills", rows(&once).len());
        assert_eq!(rows(&once), rows(&often));
        assert_eq!(
            store::coins(&once, store::Wallet::Unified).unwrap(),
            store::coins(&often, store::Wallet::Unified).unwrap()
        );
    }
}
