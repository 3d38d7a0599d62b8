//! The market plays on orders that wait, whoever looks and when.

use super::*;
use crate::sim::PriceSource;
use crate::sim::account::birth;
use crate::sim::call::{Call, Effects, Params, text};
use crate::sim::door::keys::Key;
use crate::sim::instruments::find;
use crate::sim::market::Market;
use crate::sim::orders::create;
use crate::sim::orders::trading_stop;
use crate::sim::store::books::Books;

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
        key: Key::nobody(),
        rsa_public_key: "",
    };
    let ids = create::create(&call).unwrap();
    ids["orderId"].as_str().unwrap().to_owned()
}

fn read(books: &Books, id: &str) -> Order {
    records::find(books, Some(id), None).unwrap().unwrap()
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
        for away in 1_u32..11 {
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

/// Plays an account with protections of every kind until `end`, looking every `pace` milliseconds.
fn protected(folder: &tempfile::TempDir, name: &str, end: i64, pace: i64) -> Books {
    let books = account(folder, name);
    let sol = find(Category::Linear, "SOLUSDT").unwrap();
    let last = WALK.path(sol, Vec::new()).at(THEN);
    let away = |ticks: u32| text(last + sol.tick * Decimal::from(ticks));
    let below = |ticks: u32| text(last - sol.tick * Decimal::from(ticks));
    place(
        &books,
        &format!(
            r#""orderType":"Market","tpslMode":"Partial","takeProfit":"{}","stopLoss":"{}""#,
            away(12),
            below(12)
        ),
    );
    for ticks in [3, 9, 15] {
        place(
            &books,
            &format!(
                r#""orderType":"Limit","price":"{}","takeProfit":"{}","stopLoss":"{}""#,
                below(ticks),
                away(40),
                below(60)
            ),
        );
    }
    let body = format!(
        r#"{{"category":"linear","symbol":"SOLUSDT","tpslMode":"Full","trailingStop":"{}","activePrice":"{}"}}"#,
        text(sol.tick * Decimal::from(7)),
        away(5)
    );
    let call = Call {
        desk: desk(&books, THEN),
        params: Params::from_body(body.as_bytes()).unwrap(),
        effects: Effects::default(),
        key: Key::nobody(),
        rsa_public_key: "",
    };
    trading_stop::trading_stop(&call).unwrap();
    let mut at = THEN;
    while at < end {
        at = (at + pace).min(end);
        if is_due(&desk(&books, at)).unwrap() {
            look(&desk(&books, at)).unwrap();
        }
    }
    books
}

#[test]
fn protections_act_the_same_however_often_one_looks() {
    let folder = tempfile::tempdir().unwrap();
    let end = THEN + DAY / 4;
    let once = protected(&folder, "once", end, DAY);
    let often = protected(&folder, "often", end, 3_777);
    let rows = |books: &Books| -> Vec<String> {
        let sql = "SELECT json_remove(data, '$.updated') FROM orders ORDER BY seq";
        let mut rows = books.reading(sql).unwrap();
        let rows = rows.query_map([], |row| row.get::<_, String>(0)).unwrap();
        rows.map(Result::unwrap).collect()
    };
    assert_eq!(rows(&once), rows(&often));
    assert_eq!(
        store::coins(&once, store::Wallet::Unified).unwrap(),
        store::coins(&often, store::Wallet::Unified).unwrap()
    );
    let kinds = |word: &str| rows(&once).iter().filter(|row| row.contains(word)).count();
    assert!(kinds(r#""kind":"TrailingStop""#) > 0 && kinds(r#""kind":"PartialTakeProfit""#) == 1);
    assert!(kinds(r#""reduce_only":true"#) > 2);
}
