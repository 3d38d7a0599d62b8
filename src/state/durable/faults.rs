//! Failures of the disk that a test asks for: what no file system does when it is asked to.

use std::cell::Cell;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex};

thread_local! {
    static FOLDER_SYNC: Cell<Option<u32>> = const { Cell::new(None) };
    static IS_FULL: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread finds no room for a file from now on.
pub fn fill_disk(is_full: bool) {
    IS_FULL.set(is_full);
}

/// What the next file meets that is written.
pub(super) fn room() -> io::Result<()> {
    match IS_FULL.get() {
        true => Err(io::ErrorKind::StorageFull.into()),
        false => Ok(()),
    }
}

/// Of the folder syncs that this thread makes from now on, `passed` go well and the next one fails, once.
pub fn fail_folder_sync(passed: u32) {
    FOLDER_SYNC.set(Some(passed));
}

/// What the next sync of a folder meets.
pub(super) fn folder_sync() -> io::Result<()> {
    match FOLDER_SYNC.take() {
        Some(0) => Err(io::Error::other("the folder's sync fails, as the test asked")),
        left => {
            FOLDER_SYNC.set(left.map(|left| left.saturating_sub(1)));
            Ok(())
        }
    }
}

static HELD: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());
static LET_GO: Condvar = Condvar::new();

/// A file on a disk that does not answer, until this is dropped.
#[derive(Debug)]
pub struct Held(PathBuf);

/// Whoever reads that file from now on waits, on whatever thread.
pub fn hold(path: &Path) -> Held {
    HELD.lock().unwrap().push(path.to_owned());
    Held(path.to_owned())
}

impl Drop for Held {
    fn drop(&mut self) {
        HELD.lock().unwrap().retain(|held| *held != self.0);
        LET_GO.notify_all();
    }
}

/// What a read of that file meets.
pub(super) fn wait_for(path: &Path) {
    let held = HELD.lock().unwrap();
    let is_held = |held: &mut Vec<PathBuf>| held.iter().any(|held| held == path);
    drop(LET_GO.wait_while(held, is_held).unwrap());
}
