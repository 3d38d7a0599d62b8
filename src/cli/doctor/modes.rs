//! Who else may read or write a path, by its mode and those of the folders above it.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::{fs, io};

/// The group or everybody may read it.
pub(super) const OTHERS_READ: u32 = 0o044;
/// The group or everybody may write it.
pub(super) const OTHERS_WRITE: u32 = 0o022;
/// The group or everybody may pass through the folder.
const OTHERS_PASS: u32 = 0o011;

/// The permission bits; `None` when nothing is there. Links are followed.
pub(super) fn mode_of(path: &Path) -> io::Result<Option<u32>> {
    match fs::metadata(path) {
        Ok(found) => Ok(Some(found.permissions().mode() & 0o7777)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether another user gets to `path` with one of `bits`: it grants one, and no folder above it is closed.
///
/// Groups are not told apart: a folder that lets anyone through at all counts as open. False when nothing is there.
pub(super) fn open_to_others(path: &Path, bits: u32) -> io::Result<bool> {
    let real = match fs::canonicalize(path) {
        Ok(real) => real,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    if mode_of(&real)?.is_none_or(|mode| mode & bits == 0) {
        return Ok(false);
    }
    for folder in real.ancestors().skip(1) {
        if mode_of(folder)?.is_some_and(|mode| mode & OTHERS_PASS == 0) {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;

    use super::*;

    #[test]
    fn a_closed_folder_above_keeps_others_out() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        fs::write(&file, "s").unwrap();
        let set = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        for (folder_mode, file_mode, open) in [
            (0o755, 0o644, true),
            (0o755, 0o640, true),
            (0o755, 0o600, false),
            (0o700, 0o644, false),
        ] {
            set(folder.path(), folder_mode);
            set(&file, file_mode);
            assert_eq!(
                open_to_others(&file, OTHERS_READ).unwrap(),
                open,
                "{folder_mode:o} {file_mode:o}"
            );
        }
        assert!(!open_to_others(&folder.path().join("nothing"), OTHERS_READ).unwrap());
    }
}
