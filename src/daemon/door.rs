//! The socket file `<broker>/mandated.sock`: made private, put in place in one step, taken away at the end.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::os::unix::net::SocketAddr;
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

use crate::state::paths::LiveFiles;

/// Where the daemon listens.
#[must_use]
pub fn socket_path(files: &LiveFiles) -> PathBuf {
    files.broker_folder().join("mandated.sock")
}

/// The listening socket and its name.
#[derive(Debug)]
pub(super) struct Door {
    listener: UnixListener,
    path: PathBuf,
    /// Device and inode of the socket file.
    identity: (u64, u64),
    /// The user that this process runs as.
    user: u32,
}

impl Door {
    /// Listens. What a dead daemon left at the path is replaced, so the place must be ours already.
    pub(super) fn open(files: &LiveFiles) -> io::Result<Self> {
        let path = socket_path(files);
        // A longer path could be bound by a detour, but not connected to.
        SocketAddr::from_pathname(&path)?;
        // Nobody else can reach the socket before its mode is set: it is bound in a folder of our own.
        let private = files.broker_folder().join(".md");
        let _ = fs::remove_dir_all(&private);
        DirBuilder::new().mode(0o700).create(&private)?;
        let opened = Self::open_within(&private, path);
        let _ = fs::remove_dir_all(&private);
        opened
    }

    fn open_within(private: &Path, path: PathBuf) -> io::Result<Self> {
        let bound = private.join("s");
        let listener = UnixListener::bind(&bound)?;
        fs::set_permissions(&bound, Permissions::from_mode(0o600))?;
        fs::rename(&bound, &path)?;
        let found = fs::symlink_metadata(&path)?;
        Ok(Self {
            listener,
            identity: (found.dev(), found.ino()),
            user: own_user()?,
            path,
        })
    }

    /// The next connection of the same user; others are turned away.
    pub(super) async fn next(&self) -> io::Result<UnixStream> {
        loop {
            let (stream, _) = self.listener.accept().await?;
            match stream.peer_cred() {
                Ok(peer) if peer.uid() == self.user => return Ok(stream),
                Ok(peer) => tracing::warn!(uid = peer.uid(), "a connection of another user was turned away"),
                Err(error) => {
                    tracing::warn!(%error, "a connection that did not say its user was turned away")
                }
            }
        }
    }

    /// Whether clients that look the path up find this socket.
    pub(super) fn is_in_place(&self) -> bool {
        fs::symlink_metadata(&self.path).is_ok_and(|found| (found.dev(), found.ino()) == self.identity)
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        if self.is_in_place()
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!(%error, path = %self.path.display(), "the socket file stays; the next daemon replaces it");
        }
    }
}

/// The user that this process runs as, as its own sockets say it.
pub(super) fn own_user() -> io::Result<u32> {
    let (one, _other) = UnixStream::pair()?;
    Ok(one.peer_cred()?.uid())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::durable;
    use crate::state::paths::{BrokerKey, RuntimeRoot};

    #[tokio::test]
    async fn the_socket_is_private_replaces_a_stale_one_and_goes_away() {
        let root = tempfile::tempdir().unwrap();
        let key = BrokerKey::parse("bybit").unwrap();
        let files = LiveFiles::new(&RuntimeRoot::at(root.path().to_owned()), key);
        durable::create_folder(files.broker_folder()).unwrap();
        let path = socket_path(&files);
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let door = Door::open(&files).unwrap();
        assert!(door.is_in_place());
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(files.broker_folder()).unwrap().count(), 1);
        let (client, served) = tokio::join!(UnixStream::connect(&path), door.next());
        assert!(client.is_ok() && served.is_ok());
        drop(door);
        assert!(!path.exists());
    }
}
