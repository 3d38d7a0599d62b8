//! The SQLite file that all processes of one account share, and its small tables.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OptionalExtension, TransactionBehavior, params};
use rust_decimal::Decimal;

use super::PaperError;
use super::call::Refusal;
use super::instruments::Instrument;
use super::market::Point;
use super::position::Position;

/// The leverage of an instrument whose leverage was never set.
const FIRST_LEVERAGE: Decimal = super::instruments::num(10, 0);
/// Prices set by hand that are kept for each instrument; older ones leave the path.
const PINS_KEPT: i64 = 200;
const VERSION: i64 = 1;
/// How long a request waits for another process's transaction.
const PATIENCE: Duration = Duration::from_secs(5);

const SCHEMA: &str = "
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE coins (coin TEXT PRIMARY KEY, wallet TEXT NOT NULL, realised TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE pins (category TEXT, symbol TEXT, at INTEGER, price TEXT NOT NULL,
    PRIMARY KEY (category, symbol, at)) WITHOUT ROWID;
CREATE TABLE settings (category TEXT, symbol TEXT, name TEXT, value TEXT NOT NULL,
    PRIMARY KEY (category, symbol, name)) WITHOUT ROWID;
CREATE TABLE positions (category TEXT, symbol TEXT, idx INTEGER, data TEXT NOT NULL,
    PRIMARY KEY (category, symbol, idx)) WITHOUT ROWID;
CREATE TABLE orders (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, link TEXT NOT NULL,
    category TEXT NOT NULL, symbol TEXT NOT NULL, base TEXT NOT NULL, settle TEXT NOT NULL,
    filter TEXT NOT NULL, status TEXT NOT NULL, open INTEGER NOT NULL, created INTEGER NOT NULL,
    visible INTEGER NOT NULL, data TEXT NOT NULL);
CREATE UNIQUE INDEX order_links ON orders (link) WHERE link <> '';
CREATE INDEX open_orders ON orders (seq) WHERE open = 1;
CREATE TABLE executions (seq INTEGER PRIMARY KEY AUTOINCREMENT, order_id TEXT NOT NULL, link TEXT NOT NULL,
    category TEXT NOT NULL, symbol TEXT NOT NULL, base TEXT NOT NULL, settle TEXT NOT NULL,
    created INTEGER NOT NULL, visible INTEGER NOT NULL, data TEXT NOT NULL);
CREATE INDEX execution_orders ON executions (order_id);
CREATE INDEX execution_links ON executions (link) WHERE link <> '';
PRAGMA user_version = 1;
";

/// Opens the file, creating folder, file and schema only when they are missing.
pub(crate) fn open(path: &Path, first_deposit: &[(String, Decimal)]) -> Result<Connection, PaperError> {
    let unreadable = |error: std::io::Error| PaperError::Folder {
        path: path.to_owned(),
        error,
    };
    if !path.exists() {
        create_private(path).map_err(unreadable)?;
    }
    let failed = |error| PaperError::Store {
        path: path.to_owned(),
        error,
    };
    let mut db = Connection::open(path).map_err(failed)?;
    match prepare(&mut db, first_deposit).map_err(failed)? {
        VERSION => Ok(db),
        found => Err(PaperError::Version {
            path: path.to_owned(),
            found,
        }),
    }
}

/// Others on the machine need not read what an account does, even on paper.
fn create_private(path: &Path) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder)?;
    }
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

fn prepare(db: &mut Connection, first_deposit: &[(String, Decimal)]) -> rusqlite::Result<i64> {
    db.busy_timeout(PATIENCE)?;
    db.pragma_update(None, "synchronous", "NORMAL")?;
    let version = user_version(db)?;
    if version != 0 {
        return Ok(version);
    }
    write_ahead(db)?;
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have created the schema while this one waited.
    if user_version(&tx)? == 0 {
        tx.execute_batch(SCHEMA)?;
        for (coin, amount) in first_deposit {
            let amount = amount.normalize().to_string();
            tx.execute("INSERT INTO coins VALUES (?1, ?2, '0')", params![coin, amount])?;
        }
    }
    let version = user_version(&tx)?;
    tx.commit()?;
    Ok(version)
}

/// Switches a new file to write-ahead logging. SQLite does not wait for others in this one statement.
fn write_ahead(db: &Connection) -> rusqlite::Result<()> {
    let begun = Instant::now();
    loop {
        match db.pragma_update(None, "journal_mode", "WAL") {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && begun.elapsed() < PATIENCE =>
            {
                std::thread::sleep(Duration::from_millis(1));
            }
            done => return done,
        }
    }
}

fn user_version(db: &Connection) -> rusqlite::Result<i64> {
    db.query_row("PRAGMA user_version", [], |row| row.get(0))
}

pub(crate) fn meta(db: &Connection, key: &str) -> Result<Option<i64>, Refusal> {
    Ok(db
        .prepare_cached("SELECT value FROM meta WHERE key = ?1")?
        .query_row([key], |row| row.get::<_, String>(0))
        .optional()?
        .and_then(|text| text.parse().ok()))
}

pub(crate) fn set_meta(db: &Connection, key: &str, value: i64) -> Result<(), Refusal> {
    db.prepare_cached("INSERT OR REPLACE INTO meta VALUES (?1, ?2)")?
        .execute(params![key, value.to_string()])?;
    Ok(())
}

/// A coin of the wallet: what is held, and the profit ever realised in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Coin {
    pub(crate) wallet: Decimal,
    pub(crate) realised: Decimal,
}

pub(crate) fn coins(db: &Connection) -> Result<BTreeMap<String, Coin>, Refusal> {
    let mut query = db.prepare_cached("SELECT coin, wallet, realised FROM coins")?;
    let mut rows = query.query([])?;
    let mut coins = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let coin = Coin {
            wallet: amount(&row.get::<_, String>(1)?)?,
            realised: amount(&row.get::<_, String>(2)?)?,
        };
        coins.insert(row.get(0)?, coin);
    }
    Ok(coins)
}

/// Adds to a coin's wallet; `realised` is the part that counts as realised profit.
pub(crate) fn credit(db: &Connection, coin: &str, change: Decimal, realised: Decimal) -> Result<(), Refusal> {
    let held = coins(db)?.get(coin).copied().unwrap_or_default();
    db.prepare_cached("INSERT OR REPLACE INTO coins VALUES (?1, ?2, ?3)")?
        .execute(params![
            coin,
            (held.wallet + change).normalize().to_string(),
            (held.realised + realised).normalize().to_string()
        ])?;
    Ok(())
}

fn amount(text: &str) -> Result<Decimal, Refusal> {
    Decimal::from_str_exact(text)
        .map_err(|_| Refusal::new(10016, "System error. An amount of the paper store is unreadable"))
}

/// Prices set by hand, oldest first, by category and symbol.
pub(crate) type Pins = BTreeMap<(String, String), Vec<Point>>;

pub(crate) fn pins(db: &Connection) -> Result<Pins, Refusal> {
    let mut query = db.prepare_cached("SELECT category, symbol, at, price FROM pins ORDER BY at")?;
    let mut rows = query.query([])?;
    let mut pins = Pins::new();
    while let Some(row) = rows.next()? {
        let point = (row.get(2)?, amount(&row.get::<_, String>(3)?)?);
        pins.entry((row.get(0)?, row.get(1)?)).or_default().push(point);
    }
    Ok(pins)
}

pub(crate) fn pin(db: &Connection, one: &Instrument, at: i64, price: Decimal) -> Result<(), Refusal> {
    let key = (one.category.word(), one.symbol);
    db.execute(
        "INSERT OR REPLACE INTO pins VALUES (?1, ?2, ?3, ?4)",
        params![key.0, key.1, at, price.to_string()],
    )?;
    db.execute(
        "DELETE FROM pins WHERE category = ?1 AND symbol = ?2 AND at NOT IN
         (SELECT at FROM pins WHERE category = ?1 AND symbol = ?2 ORDER BY at DESC LIMIT ?3)",
        params![key.0, key.1, PINS_KEPT],
    )?;
    Ok(())
}

fn setting(db: &Connection, one: &Instrument, name: &str) -> Result<Option<String>, Refusal> {
    Ok(db
        .prepare_cached("SELECT value FROM settings WHERE category = ?1 AND symbol = ?2 AND name = ?3")?
        .query_row(params![one.category.word(), one.symbol, name], |row| row.get(0))
        .optional()?)
}

fn set(db: &Connection, one: &Instrument, name: &str, value: &str) -> Result<(), Refusal> {
    db.prepare_cached("INSERT OR REPLACE INTO settings VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![one.category.word(), one.symbol, name, value])?;
    Ok(())
}

pub(crate) fn leverage(db: &Connection, one: &Instrument) -> Result<Decimal, Refusal> {
    match setting(db, one, "leverage")? {
        Some(text) => amount(&text),
        None => Ok(FIRST_LEVERAGE.min(one.max_leverage)),
    }
}

pub(crate) fn set_leverage(db: &Connection, one: &Instrument, leverage: Decimal) -> Result<(), Refusal> {
    set(db, one, "leverage", &leverage.normalize().to_string())
}

pub(crate) fn is_hedged(db: &Connection, one: &Instrument) -> Result<bool, Refusal> {
    Ok(setting(db, one, "hedge")?.as_deref() == Some("1"))
}

pub(crate) fn set_hedged(db: &Connection, one: &Instrument, hedged: bool) -> Result<(), Refusal> {
    set(db, one, "hedge", if hedged { "1" } else { "0" })
}

pub(crate) fn position(db: &Connection, one: &Instrument, idx: i64) -> Result<Position, Refusal> {
    let found = db
        .prepare_cached("SELECT data FROM positions WHERE category = ?1 AND symbol = ?2 AND idx = ?3")?
        .query_row(params![one.category.word(), one.symbol, idx], |row| {
            row.get::<_, String>(0)
        })
        .optional()?;
    match found {
        Some(data) => Ok(serde_json::from_str(&data)?),
        None => Ok(Position::flat(one, idx)),
    }
}

pub(crate) fn positions(db: &Connection) -> Result<Vec<Position>, Refusal> {
    let mut query = db.prepare_cached("SELECT data FROM positions")?;
    let mut rows = query.query([])?;
    let mut positions = Vec::new();
    while let Some(row) = rows.next()? {
        positions.push(serde_json::from_str(&row.get::<_, String>(0)?)?);
    }
    Ok(positions)
}

pub(crate) fn save_position(db: &Connection, position: &Position) -> Result<(), Refusal> {
    db.prepare_cached("INSERT OR REPLACE INTO positions VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![
            position.category,
            position.symbol,
            position.idx,
            serde_json::to_string(position)?
        ])?;
    Ok(())
}
