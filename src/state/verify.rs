//! Checks the whole chain: every sealed segment and the active file, every hash, every joint.
//!
//! It reads in large blocks, repairs nothing, and names the first record that is not what was written.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fs2::FileExt;

use super::chain::{BreakKind, ChainBreak, Flaw, Link, checked};
use super::durable;
use super::paths::LiveFiles;

mod apart;
mod aside;
mod lines;
mod runs;

pub use apart::{Apart, Lacking, apart};

const BLOCK: usize = 4 << 20;

/// How long to wait for a moment at which nobody writes. Verifying without it at worst sees a record half written.
const QUIET_WAIT: Duration = Duration::from_millis(500);
const QUIET_PAUSE: Duration = Duration::from_millis(2);

/// What a walk over the chain found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyReport {
    /// Files that were walked, oldest first.
    pub files: Vec<PathBuf>,
    /// Whole records before the first break.
    pub records: u64,
    pub bytes: u64,
    /// The last whole record.
    pub last: Link,
    pub first_break: Option<ChainBreak>,
}

impl VerifyReport {
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.first_break.is_none()
    }
}

/// Walks the chain from its first record to the last, or to the first break. A missing chain is whole and empty.
#[must_use]
pub fn verify(files: &LiveFiles) -> VerifyReport {
    let mut walk = Walk {
        report: VerifyReport {
            files: Vec::new(),
            records: 0,
            bytes: 0,
            last: Link::genesis(),
            first_break: None,
        },
        scratch: String::new(),
    };
    match snapshot(files) {
        Ok(parts) => {
            for (path, file, length) in parts {
                if !walk.file(path, file, length) {
                    break;
                }
            }
        }
        Err((path, error)) => walk.unreadable(&path, &error),
    }
    walk.report
}

type Part = (PathBuf, File, u64);

/// The files of the chain and how long each is now. What is appended later is not looked at.
fn snapshot(files: &LiveFiles) -> Result<Vec<Part>, (PathBuf, io::Error)> {
    loop {
        let segments = files
            .audit_chain_segments()
            .map_err(|error| (files.live_folder().to_owned(), error))?;
        let active = files.audit_chain();
        let mut parts = Vec::new();
        for path in segments.iter().chain([&active]) {
            let failed = |error| (path.clone(), error);
            match durable::open_file(path) {
                Ok(file) => {
                    let length = quiet_length(&file).map_err(failed)?;
                    parts.push((path.clone(), file, length));
                }
                // A segment that went away meanwhile is noticed below.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    durable::absent(path).map_err(failed)?;
                }
                Err(error) => return Err(failed(error)),
            }
        }
        // A rotation in between would look like a gap.
        if files.audit_chain_segments().is_ok_and(|now| now == segments) {
            return Ok(parts);
        }
    }
}

/// The file's length at a moment at which nobody holds it to write.
fn quiet_length(file: &File) -> io::Result<u64> {
    let started = Instant::now();
    let mut quiet = FileExt::try_lock_shared(file).is_ok();
    while !quiet && started.elapsed() < QUIET_WAIT {
        std::thread::sleep(QUIET_PAUSE);
        quiet = FileExt::try_lock_shared(file).is_ok();
    }
    let length = file.metadata().map(|found| found.len());
    if quiet {
        FileExt::unlock(file)?;
    }
    length
}

struct Walk {
    report: VerifyReport,
    scratch: String,
}

/// Where the walk stands in one file.
struct Place<'p> {
    path: &'p Path,
    line: u64,
    offset: u64,
}

impl Walk {
    /// Walks one file; false when the chain is broken in it.
    fn file(&mut self, path: PathBuf, file: File, length: u64) -> bool {
        let mut place = Place {
            path: &path,
            line: 0,
            offset: 0,
        };
        if let Err(error) = self.lines(&mut place, file.take(length)) {
            self.unreadable(&path, &error);
        }
        self.report.bytes += place.offset;
        self.report.files.push(path);
        self.report.is_whole()
    }

    fn lines(&mut self, place: &mut Place<'_>, mut file: io::Take<File>) -> io::Result<()> {
        let mut held: Vec<u8> = Vec::new();
        loop {
            let known = held.len();
            let read = file.by_ref().take(BLOCK as u64).read_to_end(&mut held)?;
            let fresh = held.get(known..).unwrap_or_default();
            let Some(newline) = fresh.iter().rposition(|byte| *byte == b'\n') else {
                if read == 0 {
                    let rest = std::mem::take(&mut held);
                    self.line(place, &rest, false);
                    return Ok(());
                }
                continue;
            };
            let end = known + newline + 1;
            if !self.block(place, held.get(..end).unwrap_or_default()) {
                return Ok(());
            }
            // Keeps its room: a fresh one for each block would cost as much as the hashing.
            held.drain(..end);
        }
    }

    /// Checks whole lines; false when the chain breaks in them.
    fn block(&mut self, place: &mut Place<'_>, text: &[u8]) -> bool {
        if let Some(run) = runs::check(text, &self.report.last) {
            place.line += run.lines;
            place.offset += text.len() as u64;
            self.report.records += run.records;
            self.report.last = run.last;
            return true;
        }
        text.split_inclusive(|byte| *byte == b'\n')
            .all(|line| self.line(place, line, true))
    }

    /// Checks one line, its newline included; false when the chain breaks there.
    fn line(&mut self, place: &mut Place<'_>, line: &[u8], ended: bool) -> bool {
        place.line += 1;
        let result = match str::from_utf8(line) {
            Ok(text) if text.trim().is_empty() => Ok(None),
            Ok(text) => self.record(text).map(Some),
            Err(_) => Err(Flaw {
                seq: None,
                kind: BreakKind::MalformedJson,
                detail: "the record is not UTF-8 text".to_owned(),
            }),
        };
        match result {
            Ok(link) => {
                self.report.records += u64::from(link.is_some());
                self.report.last = link.unwrap_or_else(|| self.report.last.clone());
                place.offset += line.len() as u64;
                true
            }
            Err(flaw) => {
                let torn = !ended && flaw.kind == BreakKind::MalformedJson;
                self.report.first_break = Some(ChainBreak {
                    file: place.path.to_owned(),
                    line: Some(place.line),
                    offset: place.offset,
                    seq: flaw.seq,
                    kind: if torn { BreakKind::TornTail } else { flaw.kind },
                    detail: flaw.detail,
                });
                false
            }
        }
    }

    fn record(&mut self, text: &str) -> Result<Link, Flaw> {
        checked(text, |record| {
            record.follows(&self.report.last, &mut self.scratch)?;
            Ok(Link {
                seq: record.seq,
                hash: record.hash.to_string(),
            })
        })
    }

    fn unreadable(&mut self, path: &Path, error: &io::Error) {
        self.report.first_break = Some(ChainBreak {
            file: path.to_owned(),
            line: None,
            offset: 0,
            seq: None,
            kind: BreakKind::Unreadable,
            detail: error.to_string(),
        });
    }
}

#[cfg(test)]
mod tests;
