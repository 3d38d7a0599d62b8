//! Writing that survives a crash: atomic replacement, exclusive creation, and every fsync of the program.
//!
//! It knows no file by name and decides nothing. Files are made 0600 unless others have to read them, folders 0700.

use std::cell::Cell;
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use rustix::fs::OFlags;

const FILE_MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;

/// How often a temporary name that is taken is followed by another one. Only a crashed process with our
/// process id leaves such a name behind.
const TEMP_NAMES: u32 = 64;

static NEXT_TEMP: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static FSYNCS: Cell<u64> = const { Cell::new(0) };
}

/// How many fsyncs this thread has made: what the budgets of the design are counted in.
#[must_use]
pub fn fsyncs() -> u64 {
    FSYNCS.get()
}

/// Waits until the content of `file` is on the disk.
pub fn sync(file: &File) -> io::Result<()> {
    FSYNCS.set(FSYNCS.get() + 1);
    file.sync_data()
}

/// Waits until the names inside `folder` are on the disk.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    let handle = File::open(folder)?;
    FSYNCS.set(FSYNCS.get() + 1);
    #[cfg(test)]
    faults::folder_sync()?;
    handle.sync_all()
}

/// Makes `folder` and what is missing above it, each 0700; an existing folder keeps its mode.
pub fn create_folder(folder: &Path) -> io::Result<()> {
    match fs::metadata(folder) {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(_) => Err(io::ErrorKind::NotADirectory.into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => make_folder(folder),
        Err(error) => Err(error),
    }
}

/// Makes a folder that was not there a moment ago; another program may be first.
fn make_folder(folder: &Path) -> io::Result<()> {
    let parent = parent_of(folder)?;
    create_folder(parent)?;
    match DirBuilder::new().mode(FOLDER_MODE).create(folder) {
        Ok(()) => sync_folder(parent),
        Err(_) if folder.is_dir() => Ok(()),
        Err(error) => Err(error),
    }
}

/// Opens `path` for reading and appending; the flag says that it was made just now, so that its folder
/// still has to be synced.
pub fn open_append(path: &Path) -> io::Result<(File, bool)> {
    match OpenOptions::new().read(true).append(true).open(path) {
        Ok(file) => Ok((file, false)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => make_append(path).map(|file| (file, true)),
        Err(error) => Err(error),
    }
}

/// Makes a file that was not there a moment ago. Another writer may be first; it syncs the folder, but we cannot
/// know when.
fn make_append(path: &Path) -> io::Result<File> {
    create_folder(parent_of(path)?)?;
    let mut options = OpenOptions::new();
    options.read(true).append(true);
    match options.create_new(true).mode(FILE_MODE).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => options.create_new(false).open(path),
        made => made,
    }
}

/// Whether both are of one file, by whatever names.
#[must_use]
pub fn is_same_file(one: &Metadata, other: &Metadata) -> bool {
    one.ino() == other.ino() && one.dev() == other.dev()
}

/// Puts `bytes` at `path` whole or not at all: temporary file, fsync, rename, fsync of the folder (2 fsyncs).
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace_with(path, bytes, |_| {})
}

/// As [`replace`], for a file that programs of other users have to read: 0644, whatever the umask.
pub fn replace_for_all(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace_with(path, bytes, |temp| {
        if let Err(error) = fs::set_permissions(temp, Permissions::from_mode(0o644)) {
            // Not every file system has modes.
            tracing::warn!(path = %path.display(), %error, "other users' programs may not be able to read it");
        }
    })
}

fn replace_with(path: &Path, bytes: &[u8], prepare: impl FnOnce(&Path)) -> io::Result<()> {
    let folder = parent_of(path)?;
    create_folder(folder)?;
    let temp = write_temp(path, bytes)?;
    prepare(&temp);
    if let Err(error) = fs::rename(&temp, path) {
        drop_temp(&temp);
        return Err(error);
    }
    sync_folder(folder)
}

/// As [`replace`], but [`io::ErrorKind::AlreadyExists`] when something is at `path` already (2 fsyncs).
///
/// A crash leaves the whole file or none: the content is complete before the name exists.
pub fn create_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = parent_of(path)?;
    create_folder(folder)?;
    let temp = write_temp(path, bytes)?;
    let linked = fs::hard_link(&temp, path);
    drop_temp(&temp);
    linked?;
    sync_folder(folder)
}

/// Whether `name` is one that [`replace`] and [`create_new`] use while they write, left behind by a crash.
#[must_use]
pub fn is_temp_name(name: &str) -> bool {
    name.starts_with('.') && name.ends_with(".tmp")
}

/// Opens a file to read it. A pipe in its place is refused at once: opening it would wait for a writer, for ever.
pub fn open_file(path: &Path) -> io::Result<File> {
    // On a regular file the flag changes nothing.
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")),
    }
}

/// The whole file, `None` when nothing is there.
///
/// A dangling link, a folder, a file beyond `max_bytes` and any other doubt is an error: only a path at
/// which nothing exists is absent.
pub fn read_if_present(path: &Path, max_bytes: u64) -> io::Result<Option<Vec<u8>>> {
    #[cfg(test)]
    faults::wait_for(path);
    let file = match open_file(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return absent(path).map(|()| None),
        Err(error) => return Err(error),
    };
    let found = file.metadata()?;
    // One read for all of it, and one more that finds the end.
    let expected = usize::try_from(found.len().min(max_bytes)).unwrap_or_default();
    let mut bytes = Vec::with_capacity(expected.saturating_add(1));
    file.take(max_bytes.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > max_bytes {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            "larger than such a file can be",
        ));
    }
    Ok(Some(bytes))
}

/// Holds when nothing exists at `path`: no dangling link there, and nothing but folders above it.
pub fn absent(path: &Path) -> io::Result<()> {
    for step in path.ancestors() {
        if step.as_os_str().is_empty() {
            return Ok(());
        }
        match fs::symlink_metadata(step) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
            Ok(_) if step == path => {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidInput,
                    "a link that leads nowhere",
                ));
            }
            Ok(_) => {
                return match fs::metadata(step) {
                    Ok(found) if found.is_dir() => Ok(()),
                    Ok(_) => Err(io::ErrorKind::NotADirectory.into()),
                    Err(error) => Err(io::Error::new(
                        io::ErrorKind::InvalidInput,
                        format!("`{}` cannot be followed: {error}", step.display()),
                    )),
                };
            }
        }
    }
    Ok(())
}

fn parent_of(path: &Path) -> io::Result<&Path> {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Ok(Path::new(".")),
        Some(parent) => Ok(parent),
        None => Err(io::ErrorKind::InvalidInput.into()),
    }
}

/// A new file beside `path` with `bytes` in it, on the disk.
fn write_temp(path: &Path, bytes: &[u8]) -> io::Result<PathBuf> {
    #[cfg(test)]
    faults::room()?;
    let name = path
        .file_name()
        .ok_or(io::ErrorKind::InvalidInput)?
        .to_string_lossy();
    let mut taken = io::Error::from(io::ErrorKind::AlreadyExists);
    for _ in 0..TEMP_NAMES {
        let number = NEXT_TEMP.fetch_add(1, Ordering::Relaxed);
        let temp = path.with_file_name(format!(".{name}.{}.{number}.tmp", process::id()));
        match OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(FILE_MODE)
            .open(&temp)
        {
            Ok(mut file) => {
                return match file.write_all(bytes).and_then(|()| sync(&file)) {
                    Ok(()) => Ok(temp),
                    Err(error) => {
                        drop_temp(&temp);
                        Err(error)
                    }
                };
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => taken = error,
            Err(error) => return Err(error),
        }
    }
    Err(taken)
}

fn drop_temp(temp: &Path) {
    if let Err(error) = fs::remove_file(temp) {
        // Readers ignore such names, so a leftover costs space and nothing else.
        tracing::warn!(path = %temp.display(), %error, "a temporary file could not be removed");
    }
}

/// Gives the file at `path` that time of its last change, and makes it, empty, where it is not there: neither needs
/// room on the disk.
pub fn set_time(path: &Path, time: SystemTime) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(FILE_MODE);
    options.open(path)?.set_modified(time)
}

/// Bytes left to this user on the disk of `folder`.
pub fn free_bytes(folder: &Path) -> io::Result<u64> {
    fs2::available_space(folder)
}

#[cfg(test)]
pub mod faults;

#[cfg(test)]
mod tests;
