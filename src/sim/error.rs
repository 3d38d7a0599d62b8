//! Why the paper exchange cannot do what it was asked.

use std::net::SocketAddr;
use std::path::PathBuf;

use rusqlite::ErrorCode;
use thiserror::Error;

/// What to do where SQLite cannot use the file. It holds the account: only one that is none is moved away.
fn remedy(error: &rusqlite::Error) -> &'static str {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            "the file is damaged: move it away to begin a new account"
        }
        Some(ErrorCode::DiskFull) => "free space: the account is kept",
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            "make the file and its folder writable for this user: the account is kept"
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another process has it: try again, the account is kept"
        }
        _ => "leave the file where it is, it holds the account: look at its disk (`df`), then try again",
    }
}

/// Why the paper exchange cannot do what it was asked.
#[derive(Debug, Error)]
pub enum PaperError {
    /// The address is reachable from elsewhere.
    #[error("the paper exchange listens on loopback only, not on {0}; use 127.0.0.1 or [::1]")]
    NotLoopback(SocketAddr),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {error}; choose another port, or 0 for any free one")]
    Listen {
        /// What was asked for.
        address: SocketAddr,
        /// What the system said.
        error: std::io::Error,
    },
    /// The folder or the file cannot be created.
    #[error("cannot create the paper store {}: {error}", path.display())]
    Folder {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// SQLite cannot use the file.
    #[error("cannot use the paper store {}: {error}; {}", path.display(), remedy(error))]
    Store {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        error: rusqlite::Error,
    },
    /// The file was written by another version.
    #[error("the paper store {} has version {found}, which this program does not read; move it away to begin a new account", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// The version found.
        found: i64,
    },
    /// The public key is not one.
    #[error("cannot use the RSA public key of the paper exchange: {0}")]
    RsaKey(String),
    /// The account was made with another seed.
    #[error("the paper account {} was made with seed {kept}, not {asked}; leave the seed out, or begin a new account with `mandated paper reset`", path.display())]
    Seed {
        /// The file.
        path: PathBuf,
        /// The seed asked for.
        asked: u64,
        /// The seed of the account.
        kept: u64,
    },
    /// The account cannot be read or begun.
    #[error("cannot use the paper account {}: {why}", path.display())]
    Account {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// Nothing was ever done there.
    #[error("there is no paper account {}; the first command on --venue paper begins one, and so does `mandated paper reset`", path.display())]
    NoAccount {
        /// The file.
        path: PathBuf,
    },
    /// Another process has the account open.
    #[error("the paper account {} is in use by another process; end what runs on it (a session, the daemon, `mandated sim`) and try again", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// A file of an account cannot be moved.
    #[error("cannot move {}: {error}; make its folder writable", path.display())]
    Move {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// Play money cannot be put in or taken out.
    #[error("cannot move the play money: {0}")]
    Deposit(String),
    /// No market runs on such a clock.
    #[error("cannot run the paper market: {0}; the speed is 0 to 86400 and the start a time after 1970")]
    Clock(String),
    /// A list of faults is not understood.
    #[error("the list of paper faults is not understood: {0}")]
    Faults(String),
    /// A price cannot be set.
    #[error("cannot set the paper price: {0}")]
    Price(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_damaged_account_is_to_be_moved_away() {
        let said = |code| {
            let error = rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None);
            let path = PathBuf::from("/p/paper.sqlite3");
            PaperError::Store { path, error }.to_string()
        };
        // SQLITE_CORRUPT, SQLITE_NOTADB; SQLITE_FULL, SQLITE_READONLY, SQLITE_CANTOPEN, SQLITE_IOERR, SQLITE_BUSY.
        for code in [11, 26] {
            assert!(said(code).contains("move it away"), "{}", said(code));
        }
        for (code, says) in [
            (13, "free space"),
            (8, "writable"),
            (14, "writable"),
            (10, "df"),
            (5, "try again"),
        ] {
            let text = said(code);
            assert!(text.contains(says) && !text.contains("move it away"), "{text}");
        }
    }
}
