//! The bearer token of the HTTP transport: given by the environment, or made once and kept in a file.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use thiserror::Error;
use zeroize::Zeroizing;

use crate::domain::secret::Secret;

/// The environment variable that may hold the token.
pub const TOKEN_VARIABLE: &str = "MANDATED_HTTP_TOKEN";

const TOKEN_BYTES: usize = 32;

/// More than this is not a token file.
const MAX_FILE_BYTES: u64 = 4096;

/// Why there is no token to serve with.
#[derive(Debug, Error)]
pub enum TokenError {
    #[error(
        "{TOKEN_VARIABLE} cannot be a token: it {0}; set it to printable characters without spaces, or unset it"
    )]
    Variable(&'static str),
    #[error(
        "the token file {0} can be read by others: run `chmod 600` on it, or remove it to have a new one made"
    )]
    Exposed(PathBuf),
    #[error("the token file {0} is no plain file: move it away to have a new one made")]
    NotAFile(PathBuf),
    #[error("the token file {0} holds no token: remove it to have a new one made")]
    Content(PathBuf),
    #[error("the token file {path} cannot be used: {source}")]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("no random bytes for a token: {0}")]
    Random(getrandom::Error),
}

/// The token in `variable`, the value of [`TOKEN_VARIABLE`]; else the one in `file`, which is made with a fresh
/// token when it does not exist. The path of the file is logged, the token never.
pub fn token_from(variable: Option<&str>, file: &Path) -> Result<Secret, TokenError> {
    // An empty one is none, as everywhere.
    if let Some(value) = variable.map(str::trim).filter(|value| !value.is_empty()) {
        return from_variable(value);
    }
    let failed = |source| TokenError::File {
        path: file.to_owned(),
        source,
    };
    match fs::symlink_metadata(file) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => create(file)?,
        Err(error) => return Err(failed(error)),
    }
    tracing::info!(file = %file.display(), "the http token is in this file");
    from_file(file)
}

fn from_variable(value: &str) -> Result<Secret, TokenError> {
    if value.contains("${") {
        return Err(TokenError::Variable("still reads ${…}, which nothing expanded"));
    }
    if !is_token(value) {
        return Err(TokenError::Variable("holds spaces or unprintable characters"));
    }
    Ok(Secret::new(value.to_owned()))
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn from_file(path: &Path) -> Result<Secret, TokenError> {
    let failed = |source| TokenError::File {
        path: path.to_owned(),
        source,
    };
    // A link could point at a file that others write.
    if !fs::symlink_metadata(path).map_err(failed)?.is_file() {
        return Err(TokenError::NotAFile(path.to_owned()));
    }
    let file = File::open(path).map_err(failed)?;
    let opened = file.metadata().map_err(failed)?;
    if opened.mode() & 0o077 != 0 {
        return Err(TokenError::Exposed(path.to_owned()));
    }
    let mut text = Zeroizing::new(String::new());
    file.take(MAX_FILE_BYTES)
        .read_to_string(&mut text)
        .map_err(failed)?;
    let token = text.trim();
    if !is_token(token) {
        return Err(TokenError::Content(path.to_owned()));
    }
    Ok(Secret::new(token.to_owned()))
}

/// Writes the whole file aside and links it into place, so that two servers that start at once agree on one
/// token and neither reads half of it.
fn create(path: &Path) -> Result<(), TokenError> {
    let failed = |source| TokenError::File {
        path: path.to_owned(),
        source,
    };
    let mut bytes = Zeroizing::new([0_u8; TOKEN_BYTES]);
    getrandom::fill(bytes.as_mut()).map_err(TokenError::Random)?;
    let token = Zeroizing::new(hex::encode(*bytes));
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(failed)?;
    }
    let aside = path.with_extension(format!("new-{}", std::process::id()));
    let _ = fs::remove_file(&aside);
    let written = write_new(&aside, &token).and_then(|()| match fs::hard_link(&aside, path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    });
    let _ = fs::remove_file(&aside);
    written.map_err(failed)
}

fn write_new(path: &Path, token: &str) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    writeln!(file, "{token}")?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_token_is_made_once_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("live/http_token");
        let first = token_from(None, &path).unwrap();
        assert_eq!(first.reveal().len(), 64);
        assert_eq!(token_from(None, &path).unwrap().reveal(), first.reveal());
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("http_token");
        token_from(None, &path).unwrap();
        for mode in [0o640, 0o604, 0o660] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let refused = token_from(None, &path).unwrap_err().to_string();
            assert!(refused.contains("chmod 600"), "{refused}");
        }
    }

    #[test]
    fn links_and_empty_files_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().join("real");
        token_from(None, &real).unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&real, &link).unwrap();
        for no_file in [link.as_path(), folder.path()] {
            let refused = token_from(None, no_file).unwrap_err().to_string();
            assert!(refused.contains("no plain file"), "{refused}");
        }
        fs::write(&real, "\n").unwrap();
        assert!(matches!(token_from(None, &real), Err(TokenError::Content(_))));
    }

    #[test]
    fn an_empty_variable_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("http_token");
        let kept = token_from(None, &path).unwrap();
        for blank in ["", " \n"] {
            assert_eq!(token_from(Some(blank), &path).unwrap().reveal(), kept.reveal());
        }
    }

    #[test]
    fn the_variable_wins_and_is_checked() {
        let nowhere = Path::new("/nonexistent/token");
        assert_eq!(token_from(Some(" abc \n"), nowhere).unwrap().reveal(), "abc");
        for value in ["a b", "${TOKEN}", "é"] {
            assert!(matches!(
                token_from(Some(value), nowhere),
                Err(TokenError::Variable(_))
            ));
        }
    }
}
