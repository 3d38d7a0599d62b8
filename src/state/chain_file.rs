//! The chained ledger on the disk: its lock, its last record, and what is appended after that.
//!
//! It reads the end of the file and never the whole of it; `verify` does that.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fs2::FileExt;
use serde_json::Value;

use super::canonical;
use super::chain::{BreakKind, ChainBreak, Chained, Flaw, Link, checked, record_hash};
use super::durable;
use super::ledger::LedgerError;
use super::paths::LiveFiles;
use super::reverse_lines::{Line, ReverseLines};

/// How long another writer may hold the chain. Vibe-Trading's append reads the whole file under this lock.
const LOCK_WAIT: Duration = Duration::from_secs(5);
const LOCK_PAUSE: Duration = Duration::from_millis(2);

/// The chain under its lock, ready for the next record.
#[derive(Debug)]
pub(crate) struct ChainFile {
    file: File,
    path: PathBuf,
    last: Link,
    /// Where the next record starts: the end of the file, or the start of a torn tail.
    end: u64,
    /// Whether there is a torn tail to cut.
    torn: bool,
    /// The last record is whole and only its newline is missing.
    needs_newline: bool,
    created: bool,
}

impl ChainFile {
    /// Takes the lock that Vibe-Trading takes (`flock` on the file itself) and finds the last record.
    pub(crate) fn open(files: &LiveFiles) -> Result<Self, LedgerError> {
        let path = files.audit_chain();
        let (file, created) = lock(&path)?;
        let length = file
            .metadata()
            .map_err(|source| LedgerError::Unusable {
                path: path.clone(),
                source,
            })?
            .len();
        let tail = read_tail(&file, &path, length)?;
        tracing::trace!(path = %path.display(), length, read = tail.bytes_read, "found the end of the chain");
        let last = match (tail.last, tail.only) {
            (Some(last), None) => last,
            (Some(last), Some((line, prev))) => {
                let before = end_of_segments(files)?;
                joined(&last, &prev, &before).map_err(|flaw| broken(&path, &line, flaw))?;
                last
            }
            (None, _) => end_of_segments(files)?,
        };
        Ok(Self {
            file,
            path,
            last,
            end: tail.end,
            torn: tail.end < length,
            needs_newline: tail.needs_newline,
            created,
        })
    }

    /// Appends the chained twin of a record of the plain ledger.
    pub(crate) fn append_record(self, mut record: Value) -> Result<(), LedgerError> {
        let Some(seq) = self.last.next_seq() else {
            return Err(self.used_up());
        };
        let prev = self.last.hash.clone();
        let hash = record_hash(seq, &prev, &record);
        if let Value::Object(members) = &mut record {
            members.insert("seq".to_owned(), seq.into());
            members.insert("prev_record_hash".to_owned(), prev.into());
            members.insert("record_hash".to_owned(), hash.into());
        }
        let mut line = String::new();
        canonical::line_value(&mut line, &record);
        self.append(&line)
    }

    /// No program counted that far: the last record was made up.
    fn used_up(&self) -> LedgerError {
        LedgerError::Broken(Box::new(ChainBreak {
            file: self.path.clone(),
            line: None,
            offset: self.end,
            seq: Some(self.last.seq),
            kind: BreakKind::SeqGap,
            detail: "no seq is left after it".to_owned(),
        }))
    }

    /// Whether the file was made by [`Self::open`], so that its folder has to be synced.
    pub(crate) fn created(&self) -> bool {
        self.created
    }

    /// Cuts a torn tail, writes `line` and its newline, and waits for the disk (1 fsync).
    pub(crate) fn append(mut self, line: &str) -> Result<(), LedgerError> {
        let unusable = |source| LedgerError::Unusable {
            path: self.path.clone(),
            source,
        };
        if self.torn {
            self.file.set_len(self.end).map_err(unusable)?;
        }
        let newline = if self.needs_newline { "\n" } else { "" };
        let text = format!("{newline}{line}\n");
        let written = write_once(&mut self.file, text.as_bytes()).and_then(|()| durable::sync(&self.file));
        if let Err(source) = written {
            // Nobody else writes while the lock is held, so what was half written can be taken back.
            if let Err(error) = self.file.set_len(self.end) {
                tracing::error!(path = %self.path.display(), %error, "half a record could not be taken back");
            }
            return Err(LedgerError::Unusable {
                path: self.path.clone(),
                source,
            });
        }
        Ok(())
    }
}

impl Drop for ChainFile {
    fn drop(&mut self) {
        if let Err(error) = FileExt::unlock(&self.file) {
            // Closing the file, which follows at once, lets go of the lock as well.
            tracing::warn!(path = %self.path.display(), %error, "the chain was not unlocked by name");
        }
    }
}

/// All of `bytes` in a single write: appends of several processes must not mix.
pub(crate) fn write_once(file: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    loop {
        match file.write(bytes) {
            Ok(written) if written == bytes.len() => return Ok(()),
            Ok(_) => {
                return Err(io::Error::new(
                    io::ErrorKind::WriteZero,
                    "the disk took only a part of it",
                ));
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn lock(path: &Path) -> Result<(File, bool), LedgerError> {
    let unusable = |source| LedgerError::Unusable {
        path: path.to_owned(),
        source,
    };
    let started = Instant::now();
    let mut created = false;
    loop {
        let (file, made) = durable::open_append(path).map_err(unusable)?;
        created |= made;
        match FileExt::try_lock_exclusive(&file) {
            // A rotation may have renamed the file between opening and locking it.
            Ok(()) if still_named(&file, path) => return Ok((file, created)),
            Ok(()) => {}
            Err(error) if error.kind() == fs2::lock_contended_error().kind() => {}
            Err(source) => return Err(unusable(source)),
        }
        let waited = started.elapsed();
        if waited >= LOCK_WAIT {
            return Err(LedgerError::Busy {
                path: path.to_owned(),
                waited,
            });
        }
        std::thread::sleep(LOCK_PAUSE);
    }
}

fn still_named(file: &File, path: &Path) -> bool {
    let (Ok(held), Ok(named)) = (file.metadata(), fs::metadata(path)) else {
        return false;
    };
    durable::is_same_file(&held, &named)
}

/// What the end of one file says.
struct Tail {
    /// Its last record; `None` when it holds no record.
    last: Option<Link>,
    /// That record's line and the predecessor that it names, when nothing in the file is before it.
    only: Option<(Line, String)>,
    /// Where the next record starts.
    end: u64,
    needs_newline: bool,
    /// How much of the file had to be read for that.
    bytes_read: u64,
}

/// Finds the last record and checks it and its joint with the one before.
fn read_tail(file: &File, path: &Path, length: u64) -> Result<Tail, LedgerError> {
    let mut lines = ReverseLines::new(file, length);
    let mut end = length;
    let mut needs_newline = false;
    let mut newest: Option<(Line, Link, String)> = None;
    while let Some(line) = lines.next_line().map_err(|error| unreadable(path, &error))? {
        if str::from_utf8(&line.bytes).is_ok_and(|text| text.trim().is_empty()) {
            // A record behind it would stand on its line, and not all that is blank is blank to JSON.
            needs_newline |= !line.ended;
            continue;
        }
        let read = str::from_utf8(&line.bytes)
            .map_err(|_| not_utf8())
            .and_then(|text| {
                checked(text, |record| {
                    record.is_its_own(&mut String::new())?;
                    Ok((link_of(record), record.prev.to_string()))
                })
            });
        match (read, newest.take()) {
            // No JSON and no newline after it: a write that a crash cut short. A record that reads well and is
            // wrong was not cut short, it was changed.
            (Err(flaw), None) if !line.ended && flaw.kind == BreakKind::MalformedJson => end = line.start,
            (Err(flaw), _) => return Err(broken(path, &line, flaw)),
            (Ok((link, prev)), None) => {
                needs_newline |= !line.ended;
                newest = Some((line, link, prev));
            }
            (Ok((link, _)), Some((line, newest, prev))) => {
                joined(&newest, &prev, &link).map_err(|flaw| broken(path, &line, flaw))?;
                let bytes_read = length - lines.read_down_to();
                return Ok(Tail {
                    last: Some(newest),
                    only: None,
                    end,
                    needs_newline,
                    bytes_read,
                });
            }
        }
    }
    let (last, only) = newest.map(|(line, link, prev)| (link, (line, prev))).unzip();
    Ok(Tail {
        last,
        only,
        end,
        needs_newline,
        bytes_read: length,
    })
}

fn link_of(record: &Chained<'_>) -> Link {
    Link {
        seq: record.seq,
        hash: record.hash.to_string(),
    }
}

/// Checks that the newest record, which names `prev`, follows the one `before` it.
fn joined(newest: &Link, prev: &str, before: &Link) -> Result<(), Flaw> {
    let flaw = |kind, detail| {
        Err(Flaw {
            seq: Some(newest.seq),
            kind,
            detail,
        })
    };
    if Some(newest.seq) != before.next_seq() {
        return flaw(BreakKind::SeqGap, format!("it follows seq {}", before.seq));
    }
    if prev != before.hash {
        return flaw(
            BreakKind::PrevHashMismatch,
            format!("the record before it has {}", before.hash),
        );
    }
    Ok(())
}

/// The last record of the newest sealed segment; the beginning of a chain when there is none.
fn end_of_segments(files: &LiveFiles) -> Result<Link, LedgerError> {
    let folder = files.live_folder();
    let segments = files
        .audit_chain_segments()
        .map_err(|error| unreadable(folder, &error))?;
    let Some(path) = segments.last() else {
        return Ok(Link::genesis());
    };
    let file = durable::open_file(path).map_err(|error| unreadable(path, &error))?;
    let length = file.metadata().map_err(|error| unreadable(path, &error))?.len();
    let tail = read_tail(&file, path, length)?;
    match tail.last {
        Some(last) if tail.end == length => Ok(last),
        _ => Err(LedgerError::Broken(Box::new(ChainBreak {
            file: path.clone(),
            line: None,
            offset: tail.end,
            seq: None,
            kind: BreakKind::TornTail,
            detail: "a sealed segment ends in a whole record, and this one does not".to_owned(),
        }))),
    }
}

fn not_utf8() -> Flaw {
    Flaw {
        seq: None,
        kind: BreakKind::MalformedJson,
        detail: "the record is not UTF-8 text".to_owned(),
    }
}

fn broken(path: &Path, line: &Line, flaw: Flaw) -> LedgerError {
    LedgerError::Broken(Box::new(ChainBreak {
        file: path.to_owned(),
        line: None,
        offset: line.start,
        seq: flaw.seq,
        kind: flaw.kind,
        detail: flaw.detail,
    }))
}

fn unreadable(path: &Path, error: &io::Error) -> LedgerError {
    LedgerError::Unusable {
        path: path.to_owned(),
        source: io::Error::new(error.kind(), error.to_string()),
    }
}

#[cfg(test)]
mod tests;
