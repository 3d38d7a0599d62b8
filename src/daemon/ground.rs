//! What the daemon stands on: its place, its socket, its watch. Each second it is looked whether they still are where
//! others look for them.

use std::sync::Arc;

use tokio::net::UnixStream;
use tokio::sync::Notify;

use super::door::Door;
use super::place::{Place, PlaceError};
use super::run::DaemonError;
use super::watch::Watch;
use crate::state::paths::LiveFiles;

/// Place, socket and watch of one broker's folder.
#[derive(Debug)]
pub(super) struct Ground {
    place: Place,
    /// `None` where the socket could not be opened, or nobody is let in any more.
    door: Option<Door>,
    /// Said once for each time that it could not be opened.
    said: bool,
    watch: Watch,
    files: LiveFiles,
    poke: Arc<Notify>,
}

impl Ground {
    /// Opens the socket and arms the watch, which pokes `poke`. A socket that cannot be opened, as on a full disk, is
    /// tried again: HALT is watched without it.
    pub(super) fn new(place: Place, files: &LiveFiles, poke: Arc<Notify>) -> Self {
        let mut ground = Self {
            place,
            door: None,
            said: false,
            watch: Watch::new(files, Arc::clone(&poke)),
            files: files.clone(),
            poke,
        };
        ground.open();
        ground
    }

    fn open(&mut self) {
        match Door::open(&self.files) {
            Ok(door) => {
                self.door = Some(door);
                self.said = false;
            }
            Err(error) if !self.said => {
                self.said = true;
                let folder = self.files.broker_folder().display();
                tracing::warn!(%error, %folder, "sessions cannot reach the daemon: the socket cannot be opened (its path may have about 100 characters at most); it is tried again");
            }
            Err(_) => {}
        }
    }

    /// The next connection of the same user.
    pub(super) async fn next(&self) -> std::io::Result<UnixStream> {
        match &self.door {
            Some(door) => door.next().await,
            None => std::future::pending().await,
        }
    }

    /// Returns when a folder may have been replaced.
    pub(super) fn stale(&self) -> Arc<Notify> {
        self.watch.stale()
    }

    /// Looks again at what may have been replaced underneath, and pokes if it was. An error when another daemon holds the
    /// place that counts now: this one must not stay beside it.
    pub(super) async fn tend(&mut self) -> Result<(), DaemonError> {
        if self.watch.arm() {
            self.poke.notify_one();
        }
        // A missing folder is not made: someone may be putting another in its place.
        if !self.files.broker_folder().is_dir() {
            return Ok(());
        }
        if !self.place.is_ours() {
            let since = self.place.holder().since.clone().unwrap_or_default();
            match Place::take(&self.files, &since).await {
                Ok(place) => self.place = place,
                Err(PlaceError::Unusable { path, source }) => {
                    tracing::warn!(path = %path.display(), error = %source, "the place is not held");
                    return Ok(());
                }
                Err(taken) => return Err(taken.into()),
            }
        }
        // A disk that was full is tried again.
        let _ = self.place.sign();
        if !self.door.as_ref().is_some_and(Door::is_in_place) {
            self.open();
        }
        Ok(())
    }

    /// Lets nobody in any more; the place is still held, and HALT still pokes.
    pub(super) fn shut(&mut self) {
        self.door = None;
    }

    /// Whether the place that is held is still the one that counts.
    pub(super) fn is_ours(&self) -> bool {
        self.place.is_ours()
    }
}
