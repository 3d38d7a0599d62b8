//! The file itself: found or made, readable by its owner alone, with a schema of one version.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, TransactionBehavior};

use super::books::Books;
use super::outbox;
use crate::sim::PaperError;
use crate::sim::account::journal;
use crate::sim::account::transfers;
use crate::sim::positions::closed_pnl;

const VERSION: i64 = 3;
/// More than there are statements, so that none is compiled twice.
const STATEMENTS: usize = 128;
/// The log is copied into the file, which waits for the disk, when it is so long: 16 MiB.
const LOG_PAGES: i64 = 4_000;
/// How long a request waits for another process's transaction.
const PATIENCE: Duration = Duration::from_secs(5);

const SCHEMA: &str = "
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE coins (account TEXT, coin TEXT, wallet TEXT NOT NULL, realised TEXT NOT NULL,
    PRIMARY KEY (account, coin)) WITHOUT ROWID;
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
";

/// Opens the file, creating folder, file and schema only when they are missing.
pub(crate) fn open(path: &Path) -> Result<Books, PaperError> {
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
    match prepare(&mut db).map_err(failed)? {
        VERSION => Ok(Books::new(db)),
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

fn prepare(db: &mut Connection) -> rusqlite::Result<i64> {
    db.busy_timeout(PATIENCE)?;
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    db.pragma_update(None, "synchronous", "NORMAL")?;
    db.pragma_update(None, "wal_autocheckpoint", LOG_PAGES)?;
    let version = user_version(db)?;
    if version != 0 {
        return Ok(version);
    }
    write_ahead(db)?;
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have created the schema while this one waited.
    if user_version(&tx)? == 0 {
        for tables in [
            SCHEMA,
            journal::TABLES,
            closed_pnl::TABLES,
            outbox::TABLES,
            transfers::TABLES,
        ] {
            tx.execute_batch(tables)?;
        }
        tx.pragma_update(None, "user_version", VERSION)?;
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
