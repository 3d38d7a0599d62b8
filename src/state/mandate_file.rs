//! The text of the mandate and of the policy, read each time anew.
//!
//! It judges who may write the files, never what they say, and never writes them.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::durable;
use super::paths::{BrokerKey, LiveFiles};

/// A mandate is under two kilobytes and a policy a few lines; what is larger is something else.
const MAX_BYTES: u64 = 1 << 20;

/// Write permission of the group or of everybody.
const OTHERS_MAY_WRITE: u32 = 0o022;

/// Why there is no mandate or policy text to go by.
#[derive(Debug, Error)]
pub enum MandateFileError {
    #[error("no mandate on file: `{}` does not exist; commit one in Vibe-Trading or write it by hand", .0.display())]
    Missing(PathBuf),
    #[error("`{}` is not trusted: others than its owner may write it (mode {mode:o}); run `chmod go-w {}`", path.display(), path.display())]
    NotAllowed { path: PathBuf, mode: u32 },
    #[error("`{}` cannot be read: {source}; make it a plain file that this user may read", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("`{}` is not UTF-8 text; write it again", .0.display())]
    NotUtf8(PathBuf),
}

/// The mandate's text as it is on the disk now.
pub fn read_mandate_text(files: &LiveFiles) -> Result<String, MandateFileError> {
    let path = files.mandate();
    read_owners_text(Some(files.broker_folder()), &path)?.ok_or(MandateFileError::Missing(path))
}

/// The text of a file that is to be a mandate, by its own mode: a folder counts where the gate reads it there.
pub fn candidate_text(path: &Path, broker: &BrokerKey) -> Result<String, MandateFileError> {
    let place = Path::new("live").join(broker.as_str()).join("mandate.json");
    let full = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    if full.ends_with(place) {
        return read_owners_text(full.parent(), &full)?.ok_or(MandateFileError::Missing(full));
    }
    let text = text_if_present(path, |target| vec![target.to_owned()])?;
    text.ok_or_else(|| MandateFileError::Missing(path.to_owned()))
}

/// The policy's text as it is on the disk now; `None` when the person has none.
pub fn policy_text(files: &LiveFiles) -> Result<Option<String>, MandateFileError> {
    read_owners_text(Some(files.broker_folder()), &files.policy())
}

fn read_owners_text(folder: Option<&Path>, path: &Path) -> Result<Option<String>, MandateFileError> {
    text_if_present(path, |target| {
        let judged = [folder, target.parent(), Some(target)];
        judged.into_iter().flatten().map(Path::to_owned).collect()
    })
}

/// `judged` names what the owner alone must be able to write, by where a link leads.
fn text_if_present(
    path: &Path,
    judged: impl Fn(&Path) -> Vec<PathBuf>,
) -> Result<Option<String>, MandateFileError> {
    let unreadable = |source| MandateFileError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let Some(bytes) = durable::read_if_present(path, MAX_BYTES).map_err(unreadable)? else {
        return Ok(None);
    };
    // Judged after reading: whoever could have written what was read must have been allowed to.
    let target = fs::canonicalize(path).map_err(unreadable)?;
    for judged in judged(&target) {
        owner_alone_writes(&judged, &fs::metadata(&judged).map_err(unreadable)?)?;
    }
    String::from_utf8(bytes)
        .map(Some)
        .map_err(|_| MandateFileError::NotUtf8(path.to_owned()))
}

fn owner_alone_writes(path: &Path, found: &Metadata) -> Result<(), MandateFileError> {
    let mode = found.permissions().mode() & 0o7777;
    if mode & OTHERS_MAY_WRITE == 0 {
        return Ok(());
    }
    Err(MandateFileError::NotAllowed {
        path: path.to_owned(),
        mode,
    })
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::state::paths::RuntimeRoot;

    fn world() -> (tempfile::TempDir, LiveFiles) {
        let folder = tempfile::tempdir().unwrap();
        let root = RuntimeRoot::at(folder.path().to_owned());
        let files = LiveFiles::new(&root, BrokerKey::parse("bybit").unwrap());
        durable::create_folder(files.broker_folder()).unwrap();
        (folder, files)
    }

    fn put(path: &Path, text: impl AsRef<[u8]>, mode: u32) {
        fs::write(path, text).unwrap();
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    /// A draft lies where the person writes it; what lies where the gate reads is judged as the gate does.
    #[test]
    fn a_draft_is_judged_by_its_own_mode_and_a_mandate_in_its_place_by_its_folder_as_well() {
        let (root, files) = world();
        let broker = BrokerKey::parse("bybit").unwrap();
        let (drafts, draft) = (
            root.path().join("drafts"),
            root.path().join("drafts/mandate.json"),
        );
        fs::create_dir(&drafts).unwrap();
        for folder in [drafts.as_path(), files.broker_folder()] {
            fs::set_permissions(folder, Permissions::from_mode(0o777)).unwrap();
        }
        assert!(matches!(
            candidate_text(&draft, &broker),
            Err(MandateFileError::Missing(_))
        ));
        put(&draft, "mine", 0o600);
        assert_eq!(candidate_text(&draft, &broker).unwrap(), "mine");
        put(&draft, "mine", 0o666);
        let refused = candidate_text(&draft, &broker);
        assert!(matches!(
            refused,
            Err(MandateFileError::NotAllowed { mode: 0o666, .. })
        ));
        put(&files.mandate(), "mine", 0o600);
        let refused = candidate_text(&files.mandate(), &broker);
        assert!(matches!(
            refused,
            Err(MandateFileError::NotAllowed { mode: 0o777, .. })
        ));
        let other = BrokerKey::parse("other").unwrap();
        assert_eq!(candidate_text(&files.mandate(), &other).unwrap(), "mine");
    }

    #[test]
    fn a_pipe_in_the_place_of_the_mandate_is_refused_at_once() {
        let (_root, files) = world();
        let made = std::process::Command::new("mkfifo").arg(files.mandate()).status();
        assert!(made.unwrap().success());
        let (say, heard) = std::sync::mpsc::channel();
        std::thread::spawn(move || say.send(read_mandate_text(&files).map_err(|error| error.to_string())));
        let read = heard.recv_timeout(std::time::Duration::from_secs(20));
        let error = read.expect("it waits for a writer").unwrap_err();
        assert!(
            error.contains("cannot be read: not a regular file; make it a plain file"),
            "{error}"
        );
    }

    #[test]
    fn the_text_is_read_anew_each_time() {
        let (_root, files) = world();
        assert!(matches!(
            read_mandate_text(&files),
            Err(MandateFileError::Missing(_))
        ));
        assert_eq!(policy_text(&files).unwrap(), None);
        put(&files.mandate(), "{}", 0o644);
        assert_eq!(read_mandate_text(&files).unwrap(), "{}");
        put(&files.mandate(), "{ }", 0o600);
        assert_eq!(read_mandate_text(&files).unwrap(), "{ }");
    }

    #[test]
    fn a_file_that_others_may_write_is_refused() {
        for mode in [0o620, 0o602, 0o666, 0o777] {
            let (_root, files) = world();
            put(&files.mandate(), "{}", mode);
            put(&files.policy(), "", mode);
            let error = read_mandate_text(&files).unwrap_err();
            assert!(
                matches!(error, MandateFileError::NotAllowed { .. }),
                "{mode:o}: {error}"
            );
            assert!(
                matches!(policy_text(&files), Err(MandateFileError::NotAllowed { .. })),
                "{mode:o}"
            );
        }
    }

    #[test]
    fn a_folder_that_others_may_write_is_refused() {
        for mode in [0o770, 0o702, 0o1777] {
            let (_root, files) = world();
            put(&files.mandate(), "{}", 0o600);
            fs::set_permissions(files.broker_folder(), Permissions::from_mode(mode)).unwrap();
            let error = read_mandate_text(&files).unwrap_err();
            assert!(error.to_string().contains("chmod go-w"), "{mode:o}: {error}");
        }
    }

    #[test]
    fn a_link_is_judged_by_its_target_and_the_folder_of_that() {
        let (root, files) = world();
        let elsewhere = root.path().join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        fs::set_permissions(&elsewhere, Permissions::from_mode(0o700)).unwrap();
        let target = elsewhere.join("m.json");
        put(&target, "{}", 0o600);
        symlink(&target, files.mandate()).unwrap();
        assert_eq!(read_mandate_text(&files).unwrap(), "{}");
        fs::set_permissions(&elsewhere, Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(
            read_mandate_text(&files),
            Err(MandateFileError::NotAllowed { .. })
        ));
        fs::set_permissions(&elsewhere, Permissions::from_mode(0o700)).unwrap();
        put(&target, "{}", 0o606);
        assert!(matches!(
            read_mandate_text(&files),
            Err(MandateFileError::NotAllowed { .. })
        ));
        fs::remove_file(&target).unwrap();
        assert!(matches!(
            read_mandate_text(&files),
            Err(MandateFileError::Unreadable { .. })
        ));
    }

    #[test]
    fn what_is_no_plain_text_file_is_refused() {
        let (_root, files) = world();
        fs::create_dir(files.mandate()).unwrap();
        assert!(matches!(
            read_mandate_text(&files),
            Err(MandateFileError::Unreadable { .. })
        ));
        put(&files.policy(), b"\xff\xfe", 0o600);
        assert!(matches!(policy_text(&files), Err(MandateFileError::NotUtf8(_))));
        put(&files.policy(), vec![b' '; 2 << 20], 0o600);
        assert!(matches!(
            policy_text(&files),
            Err(MandateFileError::Unreadable { .. })
        ));
    }
}
