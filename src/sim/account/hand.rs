//! What a person does to an account without a server: put play money in, and begin anew.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::Utc;
use rusqlite::{Connection, ErrorCode};
use rust_decimal::Decimal;

use super::birth;
use super::report::Open;
use crate::sim::call::Refusal;
use crate::sim::orders::waiting;
use crate::sim::store::books::Intent;
use crate::sim::store::{self, Wallet};
use crate::sim::{PaperConfig, PaperError, PaperExchange};

/// How long others on the file are waited for: a look at the account takes less.
const PATIENCE: Duration = Duration::from_secs(2);
/// What SQLite keeps beside its file.
const COMPANIONS: [&str; 2] = ["-wal", "-shm"];

impl PaperExchange {
    /// Puts play money into an account that exists, or with an amount below zero takes it out; gives what the
    /// wallet then holds of the coin.
    pub fn deposit(config: &PaperConfig, coin: &str, amount: Decimal) -> Result<Decimal, PaperError> {
        let open = Open::existing(config)?;
        let booked = open.books.transact(Intent::Write, || {
            let desk = open.desk()?;
            waiting::look(&desk)?;
            birth::deposit(&desk, coin, amount)?;
            Ok(store::coin(&open.books, Wallet::Unified, coin)?.wallet)
        });
        booked.map_err(|refusal: Refusal| PaperError::Deposit(in_words(&refusal.message)))
    }

    /// Begins a new account in the place of the old one, which is kept beside it; gives where.
    pub fn reset(config: &PaperConfig) -> Result<Option<PathBuf>, PaperError> {
        // Made elsewhere first: an account that cannot be begun leaves the old one where it is.
        let fresh = beside(&config.store, &format!(".new-{}", std::process::id()));
        let made = Open::new(&PaperConfig {
            store: fresh.clone(),
            ..config.clone()
        });
        let made = made.map_err(|error| match error {
            PaperError::Account { why, .. } => PaperError::Account {
                path: config.store.clone(),
                why: in_words(&why),
            },
            other => other,
        });
        let swapped = made.and_then(|open| {
            drop(open);
            let kept = set_aside(&config.store)?;
            moved(&fresh, &config.store)?;
            Ok(kept)
        });
        if swapped.is_err() {
            for path in with_companions(&fresh) {
                drop(fs::remove_file(path));
            }
        }
        swapped
    }
}

/// What a reply would say, without the words of the wire.
fn in_words(message: &str) -> String {
    let why = message.strip_prefix("params error: ");
    why.unwrap_or(message).to_owned()
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn with_companions(path: &Path) -> impl Iterator<Item = PathBuf> {
    let companions = COMPANIONS.map(|suffix| beside(path, suffix));
    std::iter::once(path.to_owned()).chain(companions)
}

fn moved(from: &Path, to: &Path) -> Result<(), PaperError> {
    fs::rename(from, to).map_err(|error| PaperError::Move {
        path: from.to_owned(),
        error,
    })
}

/// Moves an account aside, with what SQLite keeps beside it. The file itself goes last: what stops half way
/// leaves it where it is looked for.
fn set_aside(store: &Path) -> Result<Option<PathBuf>, PaperError> {
    if !store.exists() {
        return Ok(None);
    }
    refuse_in_use(store)?;
    let kept = beside(store, &format!(".{}", Utc::now().format("%Y%m%dT%H%M%S%3fZ")));
    for suffix in COMPANIONS {
        let companion = beside(store, suffix);
        if companion.exists() {
            moved(&companion, &beside(&kept, suffix))?;
        }
    }
    moved(store, &kept)?;
    Ok(Some(kept))
}

/// Every process on the account holds a shared lock as long as it has the file open, so an exclusive one tells.
/// A file that is no account is nobody's, and is moved all the same.
fn refuse_in_use(store: &Path) -> Result<(), PaperError> {
    let alone = || -> rusqlite::Result<()> {
        let db = Connection::open(store)?;
        db.busy_timeout(PATIENCE)?;
        db.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        db.execute_batch("BEGIN EXCLUSIVE; COMMIT")?;
        // Nothing of the account stays behind in the log.
        db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
    };
    match alone().map_err(|error| error.sqlite_error_code()) {
        Err(Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)) => Err(PaperError::InUse {
            path: store.to_owned(),
        }),
        _ => Ok(()),
    }
}
