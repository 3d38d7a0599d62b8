//! Failures of the disk that a test asks for, on its own thread: what no file system does when it is asked to.

use std::cell::Cell;
use std::io;

thread_local! {
    static FOLDER_SYNC: Cell<Option<u32>> = const { Cell::new(None) };
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
