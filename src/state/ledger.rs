//! The audit ledger: every record goes to `audit.jsonl` and, chained, to `audit_chain.jsonl`, and is on the disk
//! when the call returns.
//!
//! Nothing is written that was not redacted. A ledger that cannot be written to is a reason to refuse, never to go on.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use super::audit_record::AuditRecord;
use super::chain::ChainBreak;
use super::chain_file::{ChainFile, write_once};
use super::paths::LiveFiles;
use super::redact::Redactor;
use super::{canonical, durable};

/// Less than this free on the disk counts as full: room for the records of one order, many times over.
const MIN_FREE_BYTES: u64 = 256 << 10;

/// A line of another writer that has no end after so many looks, this far apart, was cut short and is not on its way.
const LOOKS: u32 = 10;
const BETWEEN_LOOKS: Duration = Duration::from_millis(1);

/// Why a record is not on the ledger.
#[derive(Debug, Error)]
pub enum LedgerError {
    #[error("the ledger `{}` cannot be used: {source}; no order goes out without a record: free space or make it a plain file that this user may append to", path.display())]
    Unusable { path: PathBuf, source: io::Error },
    #[error("the ledger `{}` is locked: another program held it for {} ms; try again", path.display(), waited.as_millis())]
    Busy { path: PathBuf, waited: Duration },
    #[error(
        "the ledger is broken: {0}; no order goes out until a person has looked: run `mandated audit verify`, then move the chain files aside to begin a new chain"
    )]
    Broken(Box<ChainBreak>),
    #[error("the disk of `{}` is full: {free} bytes are left and {MIN_FREE_BYTES} are wanted before an order; free space", path.display())]
    DiskFull { path: PathBuf, free: u64 },
    #[error("the record {audit_id} cannot be written down: {source}; report this")]
    NotARecord {
        audit_id: String,
        source: serde_json::Error,
    },
}

/// Both ledgers of one runtime root. Files are opened for each append: they may be rotated at any time.
#[derive(Debug, Clone)]
pub struct Ledger {
    files: LiveFiles,
    redactor: Redactor,
}

impl Ledger {
    /// Touches no file yet; see [`Self::check_writable`].
    #[must_use]
    pub fn open(files: &LiveFiles, redactor: Redactor) -> Self {
        Self {
            files: files.clone(),
            redactor,
        }
    }

    /// Whether an append would do now: both files open for appending, the chain's end whole, space left.
    ///
    /// Writes nothing; makes missing files. No fsync unless it made one.
    pub fn check_writable(&self) -> Result<(), LedgerError> {
        let path = self.files.audit();
        let unusable = |source| LedgerError::Unusable {
            path: path.clone(),
            source,
        };
        let (_, mut created) = durable::open_append(&path).map_err(unusable)?;
        created |= ChainFile::open(&self.files)?.created();
        if created {
            durable::sync_folder(self.files.live_folder()).map_err(unusable)?;
        }
        let free = fs2::available_space(self.files.live_folder()).map_err(unusable)?;
        if !has_room(free) {
            return Err(LedgerError::DiskFull {
                path: self.files.live_folder().to_owned(),
                free,
            });
        }
        Ok(())
    }

    /// Whether a record would not show this client order id as it is: it looks like a secret, or holds one.
    #[must_use]
    pub fn would_mask(&self, id: &str) -> bool {
        let named = serde_json::json!({"orderLinkId": id});
        self.redactor.redact(&named) != named
    }

    /// Writes `record`, redacted, to both ledgers and waits for the disk (2 fsyncs; 1 more when a file was made).
    ///
    /// The plain ledger comes first, so the record is there even when the chain turns out to be broken.
    /// Returns the record as it was written.
    pub fn append(&self, record: &AuditRecord) -> Result<AuditRecord, LedgerError> {
        let not_a_record = |source| LedgerError::NotARecord {
            audit_id: record.audit_id.clone(),
            source,
        };
        let value = self
            .redactor
            .redact(&serde_json::to_value(record).map_err(not_a_record)?);
        let written: AuditRecord = serde_json::from_value(value.clone()).map_err(not_a_record)?;
        let mut line = String::new();
        canonical::line_value(&mut line, &value);
        // The chain's lock is taken first, so that our writers see whole lines of each other in the plain ledger
        // too; a chain that is broken or busy does not keep the plain line back.
        let chain = ChainFile::open(&self.files);
        let mut created = self.append_plain(&line)?;
        let chain = chain?;
        created |= chain.created();
        chain.append_record(value)?;
        if created {
            let folder = self.files.live_folder();
            durable::sync_folder(folder).map_err(|source| LedgerError::Unusable {
                path: folder.to_owned(),
                source,
            })?;
        }
        Ok(written)
    }

    /// One line of `audit.jsonl`; says whether the file was made.
    fn append_plain(&self, line: &str) -> Result<bool, LedgerError> {
        let path = self.files.audit();
        let write = || {
            let (mut file, created) = durable::open_append(&path)?;
            // Closes the line that another writer's crash left open. Nobody locks this file: the newline and
            // our line go out in the same write.
            let closing = if ends_open(&file)? { "\n" } else { "" };
            write_once(&mut file, format!("{closing}{line}\n").as_bytes())?;
            durable::sync(&file)?;
            Ok(created)
        };
        write().map_err(|source| LedgerError::Unusable {
            path: path.clone(),
            source,
        })
    }
}

fn has_room(free: u64) -> bool {
    free >= MIN_FREE_BYTES
}

/// Whether the last line has no end, and gets none within [`WRITING`].
///
/// A write that crosses a page shows its first half before its second, so a line of another writer may look open
/// while it is being written. One that stays so was cut short.
fn ends_open(file: &File) -> io::Result<bool> {
    for _ in 0..LOOKS {
        let length = file.metadata()?.len();
        let mut last = [b'\n'];
        if length > 0 {
            file.read_exact_at(&mut last, length - 1)?;
        }
        if last == [b'\n'] {
            return Ok(false);
        }
        std::thread::sleep(BETWEEN_LOOKS);
    }
    Ok(true)
}

#[cfg(test)]
mod tests;
