//! Holds the two ledgers against each other, by audit id: which records are in one of them and not in the other.
//!
//! Either program writes a record to `audit.jsonl` first and to the chain after it. So a chain that lost its end, which
//! no hash of it tells, is shorter than `audit.jsonl`. What is the same in both may still have been cut from both.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::aside::Aside;
use super::lines::{Lines, Place, Record};
use super::{Part, snapshot};
use crate::state::durable;
use crate::state::paths::LiveFiles;
use fs2::FileExt;

/// A record that is in one ledger alone may be on its way to the other: it is looked for again, so often.
const LOOKS: u32 = 3;
const BETWEEN_LOOKS: Duration = Duration::from_millis(250);

/// How long a writer may hold the chain meanwhile. Vibe-Trading's append reads the whole file under the lock.
const WRITER_TAKES: Duration = Duration::from_secs(5);

/// Records that the other ledger lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lacking {
    pub count: u64,
    /// Where the first of them stands.
    pub file: PathBuf,
    pub line: u64,
    pub audit_id: String,
}

/// How far the ledgers are apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Apart {
    /// In `audit.jsonl` and not in the chain.
    pub unchained: Option<Lacking>,
    /// In the chain and not in `audit.jsonl`.
    pub unlisted: Option<Lacking>,
    /// So many records of `audit.jsonl` are older than the chain, and that is no fault: they are Vibe-Trading's, which
    /// had no chain at first, or a person put the chain before this one aside after them.
    pub before_chain: u64,
    /// So many records of the chain are older than `audit.jsonl`, which was begun anew.
    pub before_audit: u64,
    /// Why they could not be held against each other.
    pub unreadable: Option<String>,
}

impl Apart {
    /// Whether each record is where it should be.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.unchained.is_none() && self.unlisted.is_none() && self.unreadable.is_none()
    }
}

impl fmt::Display for Apart {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lacking = |found: &Lacking, other: &str| {
            let Lacking {
                count,
                file,
                line,
                audit_id,
            } = found;
            let records = if *count == 1 { "record" } else { "records" };
            format!(
                "{count} {records} of `{}` not in {other}, from line {line} on ({audit_id})",
                file.display()
            )
        };
        let all = [
            self.unchained.as_ref().map(|found| lacking(found, "the chain")),
            self.unlisted.as_ref().map(|found| lacking(found, "audit.jsonl")),
            self.unreadable.clone(),
        ];
        let all: Vec<String> = all.into_iter().flatten().collect();
        out.write_str(&all.join("; "))
    }
}

/// Compares them as they stand between two appends. The chain should be whole.
#[must_use]
pub fn apart(files: &LiveFiles) -> Apart {
    let mut compared = match compare(files) {
        Ok(compared) => compared,
        Err((path, error)) => return unreadable(&path, &error),
    };
    for _ in 1..LOOKS {
        if compared.is_settled() {
            break;
        }
        thread::sleep(BETWEEN_LOOKS);
        let is_quiet = wait_for_writer(&files.audit_chain(), WRITER_TAKES);
        let mut again = match compare(files) {
            Ok(again) => again,
            Err((path, error)) => return unreadable(&path, &error),
        };
        again.keep_those_of(&compared);
        if !is_quiet {
            again.forgive_the_end();
        }
        compared = again;
    }
    compared.in_short()
}

fn unreadable(path: &Path, error: &io::Error) -> Apart {
    Apart {
        unreadable: Some(format!("`{}` cannot be read: {error}", path.display())),
        ..Apart::default()
    }
}

/// Whether nobody holds the chain to write, or no longer within that time.
fn wait_for_writer(chain: &Path, within: Duration) -> bool {
    let Ok(file) = durable::open_file(chain) else {
        return true;
    };
    let started = Instant::now();
    while FileExt::try_lock_shared(&file).is_err() {
        if started.elapsed() > within {
            return false;
        }
        thread::sleep(super::QUIET_PAUSE);
    }
    // Closing the file lets go of the lock as well.
    let _ = FileExt::unlock(&file);
    true
}

/// Records that were seen in one ledger alone so far, by audit id, and whether they may be older than the other one.
type Singles = HashMap<Box<str>, (Place, bool)>;

/// What one pass over both found.
#[derive(Debug, Default)]
struct Compared {
    plain: Singles,
    chained: Singles,
    /// The chains before this one.
    aside: Option<Aside>,
    /// The first record of `audit.jsonl` that is in both, and younger than a chain that was put aside: an order in
    /// flight is chained again (`mend`), so what is older than this chain may be in it, and more of that behind it.
    first_shared: Option<Place>,
    /// The first one of the chain that is in both.
    first_chained: Option<Place>,
    /// The last one of `audit.jsonl` that is in both.
    last_shared: Option<Place>,
    before_chain: u64,
    before_audit: u64,
    plain_path: PathBuf,
    chain_paths: Vec<PathBuf>,
}

fn compare(files: &LiveFiles) -> Result<Compared, (PathBuf, io::Error)> {
    // The chain first: what it holds by then is in `audit.jsonl` already.
    let chain = snapshot(files)?;
    let mut found = Compared {
        aside: Aside::find(files),
        plain_path: files.audit(),
        chain_paths: chain.iter().map(|(path, ..)| path.clone()).collect(),
        ..Compared::default()
    };
    let mut plain = Lines::new(plain_part(&files.audit())?);
    let mut chain = Lines::new(chain);
    loop {
        let (one, other) = (plain.next_record()?, chain.next_record()?);
        if one.is_none() && other.is_none() {
            break;
        }
        found.meet(one, other);
    }
    found.set_the_old_apart();
    Ok(found)
}

impl Compared {
    /// Takes the next record of `audit.jsonl` and the next one of the chain, mostly the same.
    fn meet(&mut self, one: Option<Record<'_>>, other: Option<Record<'_>>) {
        if let (Some(one), Some(other)) = (&one, &other)
            && one.id == other.id
        {
            let is_late = self.aside.is_some() && self.may_be_old(one);
            return self.share(one.place, other.place, is_late);
        }
        if let Some(one) = one {
            match self.chained.remove(one.id) {
                Some((there, _)) => {
                    let is_late = self.aside.is_some() && self.may_be_old(&one);
                    self.share(one.place, there, is_late);
                }
                None => {
                    let may_be_old = self.may_be_old(&one);
                    self.plain.insert(one.id.into(), (one.place, may_be_old));
                }
            }
        }
        if let Some(other) = other {
            match self.plain.remove(other.id) {
                Some((there, is_old)) => self.share(there, other.place, self.aside.is_some() && is_old),
                None => {
                    self.chained.insert(other.id.into(), (other.place, false));
                }
            }
        }
    }

    /// Whether the record may be older than the chain: put aside with another one, or not ours.
    fn may_be_old(&self, one: &Record<'_>) -> bool {
        // Asked only of those that can be, as it takes time: `audit.jsonl` is gone through from its beginning.
        self.first_shared.is_none()
            && match &self.aside {
                Some(aside) => aside.is_after(one),
                None => !one.is_ours(),
            }
    }

    /// One that is late is older than the chain, and was chained all the same.
    fn share(&mut self, plain: Place, chained: Place, is_late: bool) {
        let first_of = |known: Option<Place>, new: Place| Some(known.map_or(new, |known| known.min(new)));
        if !is_late {
            self.first_shared = first_of(self.first_shared, plain);
        }
        self.first_chained = first_of(self.first_chained, chained);
        self.last_shared = self.last_shared.max(Some(plain));
    }

    /// What is before the first record that both have, where the other ledger may have begun after it.
    fn set_the_old_apart(&mut self) {
        let first = self.first_shared;
        let is_before = |place: Place| first.is_none_or(|first| place < first);
        let before = self.plain.len();
        if let Some(aside) = &self.aside {
            let held = self.plain.iter().filter(|(id, _)| aside.ends_with(id));
            let last_held = held.map(|(_, (place, _))| *place).max();
            self.plain.retain(|_, (place, is_old)| {
                let is_held = Some(*place) <= last_held;
                !(is_held || *is_old && is_before(*place))
            });
        } else if !self
            .plain
            .values()
            .any(|(place, is_old)| is_before(*place) && !is_old)
        {
            self.plain.retain(|_, (place, _)| !is_before(*place));
        }
        self.before_chain = (before - self.plain.len()) as u64;
        // Nobody begins `audit.jsonl` anew beside a chain that goes on, but by moving it away.
        if let Some(first) = self.first_chained {
            let before = self.chained.len();
            self.chained.retain(|_, (place, _)| *place > first);
            self.before_audit = (before - self.chained.len()) as u64;
        }
    }

    fn is_settled(&self) -> bool {
        self.plain.is_empty() && self.chained.is_empty()
    }

    fn keep_those_of(&mut self, earlier: &Self) {
        self.plain.retain(|id, _| earlier.plain.contains_key(id));
        self.chained.retain(|id, _| earlier.chained.contains_key(id));
    }

    /// A writer who still holds the chain is about to append what is at the end of `audit.jsonl`.
    fn forgive_the_end(&mut self) {
        let last = self.last_shared;
        self.plain
            .retain(|_, (place, _)| last.is_some_and(|last| *place < last));
    }

    fn in_short(&self) -> Apart {
        let lacking = |singles: &Singles, path_of: &dyn Fn(Place) -> PathBuf| {
            let (audit_id, (place, _)) = singles.iter().min_by_key(|(_, (place, _))| *place)?;
            Some(Lacking {
                count: singles.len() as u64,
                file: path_of(*place),
                line: place.line,
                audit_id: audit_id.to_string(),
            })
        };
        let chain_path = |place: Place| self.chain_paths.get(place.file).cloned().unwrap_or_default();
        Apart {
            unchained: lacking(&self.plain, &|_| self.plain_path.clone()),
            unlisted: lacking(&self.chained, &chain_path),
            before_chain: self.before_chain,
            before_audit: self.before_audit,
            unreadable: None,
        }
    }
}

fn plain_part(path: &Path) -> Result<Vec<Part>, (PathBuf, io::Error)> {
    let failed = |error| (path.to_owned(), error);
    match durable::open_file(path) {
        Ok(file) => {
            let length = file.metadata().map_err(failed)?.len();
            Ok(vec![(path.to_owned(), file, length)])
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            durable::absent(path).map_err(failed)?;
            Ok(Vec::new())
        }
        Err(error) => Err(failed(error)),
    }
}

#[cfg(test)]
mod tests;
