//! The order lock that is shared with Vibe-Trading: whoever holds it may count and send, nobody else.
//!
//! It waits without blocking a thread and gives up after a while. It knows nothing about orders.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fs2::FileExt;
use thiserror::Error;

use super::durable;
use super::paths::LiveFiles;

const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

/// Why the order lock is not ours.
#[derive(Debug, Error)]
pub enum LockError {
    #[error("another order is being placed: `{}` is held elsewhere, and {} ms of waiting did not free it; try again when that order is through", path.display(), waited.as_millis())]
    Busy { path: PathBuf, waited: Duration },
    #[error("the order lock `{}` cannot be used: {source}; {}", path.display(), remedy(path, source))]
    Unavailable { path: PathBuf, source: io::Error },
    #[error("the order lock `{}` was removed or replaced while this order was decided, so another one may have been decided beside it; ask again, and leave that file and its folder where they are while orders are placed", .0.display())]
    Lost(PathBuf),
}

/// What to do about the file, or about its folder where the file is not what is wrong.
fn remedy(path: &Path, error: &io::Error) -> String {
    let file = path.display();
    match fs::symlink_metadata(path) {
        Ok(found) if !found.is_file() => {
            format!("`{file}` is no plain file: move it away, the next order makes it anew")
        }
        Ok(found) if error.kind() == io::ErrorKind::PermissionDenied => format!(
            "the file belongs to user id {}: give it to the user that trades here, as root with chown USER '{file}'",
            found.uid()
        ),
        Ok(_) | Err(_) => "make its folder writable for this user".to_owned(),
    }
}

/// The lock while it is held; dropping it lets the next one in.
///
/// Proof for the counter's writers that nobody else counts at the same time.
#[must_use = "the lock is let go as soon as this is dropped"]
#[derive(Debug)]
pub struct OrderLock {
    file: File,
    path: PathBuf,
}

impl OrderLock {
    /// Waits at most `wait` for the lock of this broker, looking again every 1 to 20 ms.
    ///
    /// Tasks of one process exclude each other as processes do.
    pub async fn acquire(files: &LiveFiles, wait: Duration) -> Result<Self, LockError> {
        let path = files.order_lock();
        let started = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            match try_lock(&path) {
                Ok(Some(file)) => return Ok(Self { file, path }),
                Ok(None) => {}
                Err(source) => return Err(LockError::Unavailable { path, source }),
            }
            let waited = started.elapsed();
            if waited >= wait {
                return Err(LockError::Busy { path, waited });
            }
            tokio::time::sleep(pause.min(wait - waited)).await;
            pause = longer(pause);
        }
    }

    /// Whether an order could take it: it is there for this user, held by another one or not, or not there yet.
    ///
    /// Makes nothing. A lock that was free is held for a moment.
    pub fn check(files: &LiveFiles) -> Result<(), LockError> {
        let path = files.order_lock();
        if durable::absent(&path).is_ok() {
            return Ok(());
        }
        match try_lock(&path) {
            Ok(_) => Ok(()),
            Err(source) => Err(LockError::Unavailable { path, source }),
        }
    }

    /// Whether this is the lock of that broker's folder.
    #[must_use]
    pub fn covers(&self, files: &LiveFiles) -> bool {
        self.path == files.order_lock()
    }

    /// [`LockError::Lost`] once the file was removed or replaced, itself or with its folder: whoever comes next makes
    /// another one, and both are let through.
    pub fn still_excludes(&self) -> Result<(), LockError> {
        match (self.file.metadata(), fs::metadata(&self.path)) {
            (Ok(held), Ok(named)) if durable::is_same_file(&held, &named) => Ok(()),
            _ => Err(LockError::Lost(self.path.clone())),
        }
    }
}

impl Drop for OrderLock {
    fn drop(&mut self) {
        if let Err(error) = FileExt::unlock(&self.file) {
            // Closing the file, which follows at once, lets go of the lock as well.
            tracing::warn!(path = %self.path.display(), %error, "the order lock was not unlocked by name");
        }
    }
}

fn longer(pause: Duration) -> Duration {
    (pause * 2).min(LONGEST_PAUSE)
}

/// The locked file, `None` when another one holds it.
fn try_lock(path: &Path) -> io::Result<Option<File>> {
    let (file, _) = durable::open_append(path)?;
    match FileExt::try_lock_exclusive(&file) {
        Ok(()) => {}
        Err(error) if error.kind() == fs2::lock_contended_error().kind() => return Ok(None),
        Err(error) => return Err(error),
    }
    // A lock on a file that was replaced meanwhile excludes nobody.
    let (held, named) = (file.metadata()?, fs::metadata(path)?);
    Ok(durable::is_same_file(&held, &named).then_some(file))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::paths::{BrokerKey, RuntimeRoot};

    fn files(root: &tempfile::TempDir, broker: &str) -> LiveFiles {
        LiveFiles::new(
            &RuntimeRoot::at(root.path().to_owned()),
            BrokerKey::parse(broker).unwrap(),
        )
    }

    #[tokio::test]
    async fn one_holder_at_a_time_and_the_next_one_gets_it_after_the_drop() {
        let root = tempfile::tempdir().unwrap();
        let files = files(&root, "bybit");
        let held = OrderLock::acquire(&files, Duration::ZERO).await.unwrap();
        assert!(held.covers(&files));
        let error = OrderLock::acquire(&files, Duration::from_millis(30))
            .await
            .unwrap_err();
        assert!(matches!(&error, LockError::Busy { waited, .. } if *waited >= Duration::from_millis(30)));
        assert!(error.to_string().contains("held elsewhere"), "{error}");
        let waiting = OrderLock::acquire(&files, Duration::from_secs(5));
        let letting_go = async {
            tokio::time::sleep(Duration::from_millis(5)).await;
            drop(held);
        };
        let (second, ()) = tokio::join!(waiting, letting_go);
        assert!(second.is_ok());
    }

    /// A pause that shrank would have it ask without a rest.
    #[test]
    fn pauses_double_up_to_twenty_milliseconds() {
        let ms = Duration::from_millis;
        assert_eq!([1, 2, 16, 20].map(ms).map(longer), [2, 4, 20, 20].map(ms));
    }

    #[tokio::test]
    async fn another_brokers_lock_is_another_lock() {
        let root = tempfile::tempdir().unwrap();
        let held = OrderLock::acquire(&files(&root, "bybit"), Duration::ZERO)
            .await
            .unwrap();
        let other = OrderLock::acquire(&files(&root, "other"), Duration::ZERO)
            .await
            .unwrap();
        assert!(!held.covers(&files(&root, "other")));
        drop(other);
    }

    #[tokio::test]
    async fn a_lock_that_cannot_be_opened_is_an_error_at_once() {
        let root = tempfile::tempdir().unwrap();
        let files = files(&root, "bybit");
        std::fs::create_dir_all(files.order_lock()).unwrap();
        let error = OrderLock::acquire(&files, Duration::from_secs(60))
            .await
            .unwrap_err();
        assert!(matches!(error, LockError::Unavailable { .. }));
        assert!(error.to_string().contains("is no plain file"), "{error}");
        assert!(OrderLock::check(&files).is_err());
    }

    #[test]
    fn a_lock_of_another_user_is_named_with_what_to_do_about_it() {
        let root = tempfile::tempdir().unwrap();
        let path = files(&root, "bybit").order_lock();
        let denied = || io::Error::from(io::ErrorKind::PermissionDenied);
        let said = |path: &Path| remedy(path, &denied());
        assert_eq!(said(&path), "make its folder writable for this user");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "").unwrap();
        assert!(said(&path).ends_with(&format!("chown USER '{}'", path.display())));
        let other = remedy(&path, &io::ErrorKind::StorageFull.into());
        assert_eq!(other, "make its folder writable for this user");
    }

    #[tokio::test]
    async fn a_lock_whose_file_or_folder_was_replaced_excludes_nobody() {
        let root = tempfile::tempdir().unwrap();
        let files = files(&root, "bybit");
        let acquire = || OrderLock::acquire(&files, Duration::ZERO);
        let removed = acquire().await.unwrap();
        removed.still_excludes().unwrap();
        fs::remove_file(files.order_lock()).unwrap();
        assert!(matches!(removed.still_excludes(), Err(LockError::Lost(_))));
        let other = acquire().await.unwrap();
        other.still_excludes().unwrap();
        let error = removed.still_excludes().unwrap_err().to_string();
        assert!(
            error.contains("was removed or replaced while this order was decided"),
            "{error}"
        );
        let folder = files.broker_folder();
        fs::rename(folder, folder.with_extension("old")).unwrap();
        fs::create_dir(folder).unwrap();
        let third = acquire().await.unwrap();
        third.still_excludes().unwrap();
        assert!(matches!(other.still_excludes(), Err(LockError::Lost(_))));
    }

    #[tokio::test]
    async fn a_lock_that_is_held_or_not_there_yet_is_in_order() {
        let root = tempfile::tempdir().unwrap();
        let files = files(&root, "bybit");
        OrderLock::check(&files).unwrap();
        assert!(!files.order_lock().exists(), "a look makes nothing");
        let held = OrderLock::acquire(&files, Duration::ZERO).await.unwrap();
        OrderLock::check(&files).unwrap();
        drop(held);
        OrderLock::check(&files).unwrap();
        assert!(OrderLock::acquire(&files, Duration::ZERO).await.is_ok());
    }
}
