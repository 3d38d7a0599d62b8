//! One daemon for each broker key: whoever holds the lock on `<broker>/mandated.pid` is the daemon.
//!
//! The lock decides, never the text in the file: a process that died held it until then and no longer.

use std::fs::{self, File};
use std::io::{self, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process;
use std::time::Duration;

use fs2::FileExt;
use thiserror::Error;

use crate::state::paths::LiveFiles;
use crate::state::{clock, durable};

/// One short line.
const MAX_BYTES: u64 = 256;

/// Someone who only asks whether the place is taken holds the lock for an instant; so often it is tried again.
const TRIES: u32 = 10;
const BETWEEN_TRIES: Duration = Duration::from_millis(20);

/// Why this process is not the daemon.
#[derive(Debug, Error)]
pub enum PlaceError {
    #[error("another daemon for `{broker}` is running: {holder}; stop it first, or use it")]
    Taken { broker: String, holder: Holder },
    #[error("the daemon's place `{}` cannot be taken: {source}; make its folder writable for this user", path.display())]
    Unusable { path: PathBuf, source: io::Error },
}

/// Who holds the place, as the file says it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holder {
    pub pid: Option<u32>,
    /// UTC, `2026-06-02T09:15:49.482+00:00`.
    pub since: Option<String>,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.pid, &self.since) {
            (Some(pid), Some(since)) => write!(out, "pid {pid}, since {since}"),
            _ => out.write_str("it did not say its pid"),
        }
    }
}

/// The place while it is ours; dropping it lets the next daemon in.
#[must_use = "the place is let go as soon as this is dropped"]
#[derive(Debug)]
pub struct Place {
    file: File,
    path: PathBuf,
    holder: Holder,
    /// Whether the file says so.
    signed: bool,
}

/// The file that is locked.
#[must_use]
pub fn pid_path(files: &LiveFiles) -> PathBuf {
    files.broker_folder().join("mandated.pid")
}

impl Place {
    /// Takes the place and says so in the file, where that can be written. `since` is when this process began.
    pub async fn take(files: &LiveFiles, since: &str) -> Result<Self, PlaceError> {
        let path = pid_path(files);
        let mut tries = 0;
        loop {
            match lock(&path) {
                Ok(Some(file)) => return Ok(Self::held(file, path, since)),
                Ok(None) if tries < TRIES => tries += 1,
                Ok(None) => {
                    return Err(PlaceError::Taken {
                        broker: files.broker().as_str().to_owned(),
                        holder: read(&path),
                    });
                }
                Err(source) => return Err(PlaceError::Unusable { path, source }),
            }
            tokio::time::sleep(BETWEEN_TRIES).await;
        }
    }

    fn held(file: File, path: PathBuf, since: &str) -> Self {
        let holder = Holder {
            pid: Some(process::id()),
            since: Some(since.to_owned()),
        };
        let mut place = Self {
            file,
            path,
            holder,
            signed: false,
        };
        if let Err(error) = place.sign() {
            tracing::warn!(%error, path = %place.path.display(), "the place is held, and the file does not say by whom");
        }
        place
    }

    /// Says in the file whose the place is, where it does not say so yet. A full disk takes nothing: the lock holds
    /// all the same.
    pub(super) fn sign(&mut self) -> io::Result<()> {
        if self.signed {
            return Ok(());
        }
        let Holder { pid, since } = &self.holder;
        let (pid, since) = (pid.unwrap_or_default(), since.as_deref().unwrap_or_default());
        self.write(&format!("{pid} {since}\n"))?;
        self.signed = true;
        Ok(())
    }

    fn write(&self, text: &str) -> io::Result<()> {
        let mut file = &self.file;
        file.set_len(0)?;
        file.rewind()?;
        file.write_all(text.as_bytes())
    }

    /// Who we are, in the words that others read.
    #[must_use]
    pub fn holder(&self) -> &Holder {
        &self.holder
    }

    /// Whether the file that is locked is still the one that others would lock. Not so after its folder was
    /// replaced.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        is_named(&self.file, &self.path).unwrap_or(false)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // An empty file keeps the inode that others may be waiting for; closing it lets go of the lock.
        if let Err(error) = self.write("") {
            tracing::debug!(%error, "the pid file keeps its last line");
        }
    }
}

/// Who holds the place of that broker now; `None` when nobody does. Takes nothing away from a daemon that
/// starts at this moment.
pub fn holder(files: &LiveFiles) -> io::Result<Option<Holder>> {
    let path = pid_path(files);
    let file = match durable::open_file(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    match FileExt::try_lock_shared(&file) {
        Ok(()) => Ok(None),
        Err(error) if is_contended(&error) => Ok(Some(read(&path))),
        Err(error) => Err(error),
    }
}

/// The locked file, `None` when another one holds it.
fn lock(path: &Path) -> io::Result<Option<File>> {
    let (file, _) = durable::open_append(path)?;
    match FileExt::try_lock_exclusive(&file) {
        Ok(()) => {}
        Err(error) if is_contended(&error) => return Ok(None),
        Err(error) => return Err(error),
    }
    // A lock on a file that was replaced meanwhile excludes nobody.
    Ok(is_named(&file, path)?.then_some(file))
}

fn is_contended(error: &io::Error) -> bool {
    error.kind() == fs2::lock_contended_error().kind()
}

/// Whether `path` names the very file that is open.
fn is_named(file: &File, path: &Path) -> io::Result<bool> {
    let (held, named) = (file.metadata()?, fs::metadata(path)?);
    Ok(held.ino() == named.ino() && held.dev() == named.dev())
}

/// Whose pid is in the file, whether or not that process holds the place.
pub(super) fn signed_by(files: &LiveFiles) -> Option<u32> {
    read(&pid_path(files)).pid
}

fn read(path: &Path) -> Holder {
    let text = durable::read_if_present(path, MAX_BYTES).ok().flatten();
    let text = text.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let mut words = text.iter().flat_map(|text| text.split_whitespace());
    Holder {
        pid: words.next().and_then(|pid| pid.parse().ok()),
        since: words.next().map(str::to_owned),
    }
}

/// When this process began, in the form of the ledger.
#[must_use]
pub fn now_text() -> String {
    clock::ledger_text(clock::now())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::paths::{BrokerKey, RuntimeRoot};

    fn world() -> (tempfile::TempDir, LiveFiles) {
        let root = tempfile::tempdir().unwrap();
        let key = BrokerKey::parse("bybit").unwrap();
        let files = LiveFiles::new(&RuntimeRoot::at(root.path().to_owned()), key);
        (root, files)
    }

    #[tokio::test]
    async fn one_at_a_time_and_the_second_is_told_who() {
        let (_root, files) = world();
        assert_eq!(holder(&files).unwrap(), None);
        let place = Place::take(&files, "then").await.unwrap();
        assert_eq!(holder(&files).unwrap().as_ref(), Some(place.holder()));
        let error = Place::take(&files, "later").await.unwrap_err().to_string();
        let who = format!("pid {}, since then", process::id());
        assert!(error.contains(&who), "{error}");
        drop(place);
        assert_eq!(holder(&files).unwrap(), None);
        assert!(Place::take(&files, "later").await.is_ok());
    }

    #[tokio::test]
    async fn what_a_dead_one_left_is_taken_over() {
        let (_root, files) = world();
        durable::create_folder(files.broker_folder()).unwrap();
        fs::write(pid_path(&files), "1 long-ago and more\n").unwrap();
        assert_eq!(holder(&files).unwrap(), None);
        let place = Place::take(&files, "now").await.unwrap();
        let text = fs::read_to_string(pid_path(&files)).unwrap();
        assert_eq!(text, format!("{} now\n", process::id()));
        assert!(place.is_ours());
    }

    #[tokio::test]
    async fn a_replaced_folder_is_another_place() {
        let (root, files) = world();
        let place = Place::take(&files, "now").await.unwrap();
        fs::rename(files.broker_folder(), root.path().join("aside")).unwrap();
        assert!(!place.is_ours());
        let next = Place::take(&files, "now").await.unwrap();
        assert!(next.is_ours() && !place.is_ours());
    }
}
