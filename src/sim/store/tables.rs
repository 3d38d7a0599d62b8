//! The small tables of the file, read as a whole and written row by row: wallets, prices set by hand, settings,
//! positions.

use std::collections::BTreeMap;
use std::sync::Arc;

use rusqlite::{Connection, params};
use rust_decimal::Decimal;

use super::books::{Books, Tables};
use crate::sim::call::Refusal;
use crate::sim::instruments::{Category, Instrument};
use crate::sim::market::Point;
use crate::sim::orders;
use crate::sim::orders::Side;
use crate::sim::positions::Position;

/// The leverage of an instrument whose leverage was never set.
const FIRST_LEVERAGE: Decimal = crate::sim::instruments::num(10, 0);
/// Prices set by hand that are kept for each instrument; older ones leave the path.
const PINS_KEPT: i64 = 200;
/// The setting behind [`taken`].
const TAKEN: &str = "taken";

/// Which wallet of the account money is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Wallet {
    /// What trading uses.
    Unified,
    /// What only transfers reach.
    Fund,
}

impl Wallet {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "UNIFIED" => Some(Self::Unified),
            "FUND" => Some(Self::Fund),
            _ => None,
        }
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Unified => "UNIFIED",
            Self::Fund => "FUND",
        }
    }
}

/// A coin of a wallet: what is held, and the profit ever realised in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Coin {
    pub(crate) wallet: Decimal,
    pub(crate) realised: Decimal,
}

/// Prices set by hand, oldest first.
pub(crate) type Pins = BTreeMap<(Category, String), Arc<Vec<Point>>>;

/// Reads every small table.
pub(crate) fn load(db: &Connection) -> Result<Tables, Refusal> {
    let mut tables = Tables::default();
    each(db, "SELECT key, value FROM meta", |row| {
        tables.meta.insert(row.get(0)?, row.get(1)?);
        Ok(())
    })?;
    each(db, "SELECT account, coin, wallet, realised FROM coins", |row| {
        let coin = Coin {
            wallet: amount(&row.get::<_, String>(2)?)?,
            realised: amount(&row.get::<_, String>(3)?)?,
        };
        let wallet = Wallet::parse(&row.get::<_, String>(0)?).ok_or_else(|| unreadable("a wallet"))?;
        tables.coins.insert((wallet, row.get(1)?), coin);
        Ok(())
    })?;
    let mut pins: BTreeMap<(Category, String), Vec<Point>> = BTreeMap::new();
    each(
        db,
        "SELECT category, symbol, at, price FROM pins ORDER BY at",
        |row| {
            let point = (row.get(2)?, amount(&row.get::<_, String>(3)?)?);
            pins.entry((category(row)?, row.get(1)?)).or_default().push(point);
            Ok(())
        },
    )?;
    tables.pins = pins
        .into_iter()
        .map(|(key, points)| (key, Arc::new(points)))
        .collect();
    each(db, "SELECT category, symbol, name, value FROM settings", |row| {
        let key = (category(row)?, row.get(1)?, row.get(2)?);
        tables.settings.insert(key, row.get(3)?);
        Ok(())
    })?;
    each(db, "SELECT category, symbol, idx, data FROM positions", |row| {
        let key = (category(row)?, row.get(1)?, row.get(2)?);
        let position = serde_json::from_str(&row.get::<_, String>(3)?)?;
        tables.positions.insert(key, Arc::new(position));
        Ok(())
    })?;
    orders::records::load(db, &mut tables)?;
    Ok(tables)
}

/// Calls `see` with each row of a query.
pub(crate) fn each(
    db: &Connection,
    sql: &str,
    mut see: impl FnMut(&rusqlite::Row<'_>) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    let mut query = db.prepare_cached(sql)?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        see(row)?;
    }
    Ok(())
}

/// The category in a row's first column.
fn category(row: &rusqlite::Row<'_>) -> Result<Category, Refusal> {
    Category::parse(&row.get::<_, String>(0)?).ok_or_else(|| unreadable("a category"))
}

fn unreadable(what: &str) -> Refusal {
    Refusal::new(
        10016,
        format!("System error. {what} of the paper store is unreadable"),
    )
}

fn amount(text: &str) -> Result<Decimal, Refusal> {
    Decimal::from_str_exact(text).map_err(|_| unreadable("an amount"))
}

/// A number kept under a name.
pub(crate) fn meta(books: &Books, key: &str) -> Result<Option<i64>, Refusal> {
    books.read(|tables| tables.meta.get(key).and_then(|text| text.parse().ok()))
}

pub(crate) fn meta_text(books: &Books, key: &str) -> Result<Option<String>, Refusal> {
    books.read(|tables| tables.meta.get(key).cloned())
}

pub(crate) fn set_meta(books: &Books, key: &str, value: &str) -> Result<(), Refusal> {
    books
        .writing("INSERT OR REPLACE INTO meta VALUES (?1, ?2)")?
        .execute(params![key, value])?;
    books.change(|tables| {
        tables.meta.insert(key.to_owned(), value.to_owned());
    })
}

/// The coins of a wallet.
pub(crate) fn coins(books: &Books, wallet: Wallet) -> Result<BTreeMap<String, Coin>, Refusal> {
    books.read(|tables| {
        tables
            .coins
            .iter()
            .filter(|((of, _), _)| *of == wallet)
            .map(|((_, coin), held)| (coin.clone(), *held))
            .collect()
    })
}

pub(crate) fn coin(books: &Books, wallet: Wallet, coin: &str) -> Result<Coin, Refusal> {
    books.read(|tables| {
        tables
            .coins
            .get(&(wallet, coin.to_owned()))
            .copied()
            .unwrap_or_default()
    })
}

/// For the journal alone: money moves nowhere else.
pub(crate) fn save_coin(books: &Books, wallet: Wallet, coin: &str, held: Coin) -> Result<(), Refusal> {
    books
        .writing("INSERT OR REPLACE INTO coins VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![
            wallet.word(),
            coin,
            held.wallet.normalize().to_string(),
            held.realised.normalize().to_string()
        ])?;
    books.change(|tables| {
        tables.coins.insert((wallet, coin.to_owned()), held);
    })
}

/// Prices set by hand for one instrument, oldest first.
pub(crate) fn pins(books: &Books, one: &Instrument) -> Result<Arc<Vec<Point>>, Refusal> {
    books.read(|tables| {
        let key = (one.category, one.symbol.to_owned());
        tables.pins.get(&key).cloned().unwrap_or_default()
    })
}

pub(crate) fn pin(books: &Books, one: &Instrument, at: i64, price: Decimal) -> Result<(), Refusal> {
    let key = (one.category.word(), one.symbol);
    books
        .writing("INSERT OR REPLACE INTO pins VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![key.0, key.1, at, price.to_string()])?;
    books
        .writing(
            "DELETE FROM pins WHERE category = ?1 AND symbol = ?2 AND at NOT IN
             (SELECT at FROM pins WHERE category = ?1 AND symbol = ?2 ORDER BY at DESC LIMIT ?3)",
        )?
        .execute(params![key.0, key.1, PINS_KEPT])?;
    books.change(|tables| {
        let points = tables
            .pins
            .entry((one.category, one.symbol.to_owned()))
            .or_default();
        let points = Arc::make_mut(points);
        points.retain(|(time, _)| *time != at);
        points.push((at, price));
    })
}

/// What is kept for an instrument under a name.
pub(crate) fn setting(books: &Books, one: &Instrument, name: &str) -> Result<Option<String>, Refusal> {
    let key = (one.category, one.symbol.to_owned(), name.to_owned());
    books.read(|tables| tables.settings.get(&key).cloned())
}

pub(crate) fn set(books: &Books, one: &Instrument, name: &str, value: &str) -> Result<(), Refusal> {
    books
        .writing("INSERT OR REPLACE INTO settings VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![one.category.word(), one.symbol, name, value])?;
    let key = (one.category, one.symbol.to_owned(), name.to_owned());
    books.change(|tables| {
        tables.settings.insert(key, value.to_owned());
    })
}

/// The leverage of a side. They differ only in hedge mode with isolated margin.
pub(crate) fn leverage_of(books: &Books, one: &Instrument, side: Side) -> Result<Decimal, Refusal> {
    match setting(books, one, leverage_name(side))? {
        Some(text) => amount(&text),
        None => Ok(FIRST_LEVERAGE.min(one.max_leverage)),
    }
}

fn leverage_name(side: Side) -> &'static str {
    match side {
        Side::Buy => "leverage",
        Side::Sell => "sell_leverage",
    }
}

pub(crate) fn set_leverage(
    books: &Books,
    one: &Instrument,
    side: Side,
    leverage: Decimal,
) -> Result<(), Refusal> {
    set(books, one, leverage_name(side), &leverage.normalize().to_string())
}

/// An amount kept under a name; zero when there is none.
pub(crate) fn meta_amount(books: &Books, key: &str) -> Result<Decimal, Refusal> {
    let kept = books.read(|tables| tables.meta.get(key).map(|text| amount(text)))?;
    kept.transpose().map(Option::unwrap_or_default)
}

pub(crate) fn is_hedged(books: &Books, one: &Instrument) -> Result<bool, Refusal> {
    Ok(setting(books, one, "hedge")?.as_deref() == Some("1"))
}

pub(crate) fn set_hedged(books: &Books, one: &Instrument, hedged: bool) -> Result<(), Refusal> {
    set(books, one, "hedge", if hedged { "1" } else { "0" })
}

/// What own orders took from the book within the current second: bought, then sold.
pub(crate) fn taken(books: &Books, one: &Instrument, now: i64) -> Result<[Decimal; 2], Refusal> {
    let Some(text) = setting(books, one, TAKEN)? else {
        return Ok([Decimal::ZERO; 2]);
    };
    let mut parts = text.split(' ');
    let second = parts.next().and_then(|part| part.parse::<i64>().ok());
    if second != Some(now.div_euclid(1000)) {
        return Ok([Decimal::ZERO; 2]);
    }
    Ok([
        amount(parts.next().unwrap_or("0"))?,
        amount(parts.next().unwrap_or("0"))?,
    ])
}

pub(crate) fn set_taken(
    books: &Books,
    one: &Instrument,
    now: i64,
    [bought, sold]: [Decimal; 2],
) -> Result<(), Refusal> {
    let text = format!("{} {bought} {sold}", now.div_euclid(1000));
    set(books, one, TAKEN, &text)
}

pub(crate) fn position(books: &Books, one: &Instrument, idx: i64) -> Result<Position, Refusal> {
    let key = (one.category, one.symbol.to_owned(), idx);
    let found = books.read(|tables| tables.positions.get(&key).cloned())?;
    Ok(found.map_or_else(|| Position::flat(one, idx), |held| (*held).clone()))
}

/// Every leg that was ever opened.
pub(crate) fn positions(books: &Books) -> Result<Vec<Arc<Position>>, Refusal> {
    books.read(|tables| tables.positions.values().cloned().collect())
}

pub(crate) fn save_position(books: &Books, position: &Position) -> Result<(), Refusal> {
    books
        .writing("INSERT OR REPLACE INTO positions VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![
            position.category,
            position.symbol,
            position.idx,
            serde_json::to_string(position)?
        ])?;
    let category = Category::parse(&position.category).ok_or_else(|| unreadable("a category"))?;
    let key = (category, position.symbol.clone(), position.idx);
    books.change(|tables| {
        tables.positions.insert(key, Arc::new(position.clone()));
    })
}
