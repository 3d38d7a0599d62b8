//! Files that hold a key, a secret or a token: whether other users can read them. Their content is never shown.

use std::path::{Path, PathBuf};

use super::super::app::{App, env, http_token_file};
use super::finding::Finding;
use super::modes::{OTHERS_READ, open_to_others};
use crate::state::durable;

/// Variables that name a file with a secret in it.
const FILE_VARIABLES: [&str; 3] = [
    "BYBIT_API_KEY_FILE",
    "BYBIT_API_SECRET_FILE",
    "BYBIT_RSA_PRIVATE_KEY_FILE",
];

/// What makes a `.env` file one that holds our secrets.
const SECRET_NAMES: [&str; 2] = ["BYBIT_API_SECRET", "MANDATED_HTTP_TOKEN"];

const QUOTES: [char; 2] = ['"', '\''];

const MAX_ENV_BYTES: u64 = 1 << 20;

/// A file that may hold a secret, and where we know it from.
struct Holder {
    path: PathBuf,
    why: String,
}

pub(super) fn check(app: &App) -> Vec<Finding> {
    let holders = holders(app);
    let exposed: Vec<Finding> = holders
        .iter()
        .filter_map(|holder| judge(&holder.path, &holder.why))
        .collect();
    if exposed.is_empty() {
        let count = holders.len();
        return vec![Finding::green(
            "files.secrets",
            format!("{count} files with a secret of ours were found, none that others can read"),
        )];
    }
    exposed
}

fn holders(app: &App) -> Vec<Holder> {
    let named = FILE_VARIABLES.into_iter().filter_map(|variable| {
        let path = env(variable).filter(|path| !path.trim().is_empty())?;
        Some(Holder {
            path: PathBuf::from(path.trim()),
            why: format!("the file that {variable} names"),
        })
    });
    let token = Holder {
        path: http_token_file(&app.root),
        why: "the token file of the HTTP server".to_owned(),
    };
    let folders = [Some(app.root.as_path().to_owned()), std::env::current_dir().ok()];
    let env_files = folders.into_iter().flatten().map(|folder| folder.join(".env"));
    let env_files = env_files.filter(|path| names_a_secret(path)).map(|path| Holder {
        path,
        why: "a .env file with our secrets".to_owned(),
    });
    named
        .chain([token])
        .chain(env_files)
        .filter(|holder| holder.path.exists())
        .collect()
}

fn names_a_secret(path: &Path) -> bool {
    match durable::read_if_present(path, MAX_ENV_BYTES) {
        Ok(Some(bytes)) => {
            let text = String::from_utf8_lossy(&bytes);
            // Some editors begin a file with a mark.
            let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
            text.lines().any(gives_a_secret)
        }
        Ok(None) | Err(_) => false,
    }
}

/// A name with a value behind it, in whatever command of a shell. Comments give nothing away, and neither do names
/// with nothing behind them; of anything else it is better to ask a person.
fn gives_a_secret(line: &str) -> bool {
    let is_comment = line.trim_start().starts_with('#');
    let mut places = SECRET_NAMES.iter().flat_map(|name| line.match_indices(name));
    !is_comment
        && places.any(|(at, name)| {
            let behind = line.get(at + name.len()..);
            line.get(..at)
                .zip(behind)
                .is_some_and(|(before, behind)| is_whole(before) && is_given(behind))
        })
}

/// Whether a name that stands behind this is no end of a longer one.
fn is_whole(before: &str) -> bool {
    !before.ends_with(|letter: char| letter.is_ascii_alphanumeric() || letter == '_')
}

/// Whether this, which stands behind a name, assigns anything to it. A quote that is not closed on its line does:
/// the value stands on the next one.
fn is_given(behind: &str) -> bool {
    let behind = behind.strip_prefix(QUOTES).unwrap_or(behind);
    let Some(value) = behind.trim_start().strip_prefix('=') else {
        return false;
    };
    let quoted = value.trim_start();
    let closed = QUOTES
        .iter()
        .find_map(|quote| quoted.strip_prefix(*quote)?.trim_start().strip_prefix(*quote));
    let rest = closed.unwrap_or(value);
    let is_comment = rest.starts_with(char::is_whitespace) && rest.trim_start().starts_with('#');
    !rest.trim().is_empty() && !is_comment
}

/// Red when others can read the file; nothing when they cannot.
pub(super) fn judge(path: &Path, why: &str) -> Option<Finding> {
    let name = path.display();
    if path.is_dir() {
        return Some(Finding::yellow(
            "files.secrets",
            format!("`{name}`, {why}, is a folder"),
            "move it away, or name a plain file",
        ));
    }
    match open_to_others(path, OTHERS_READ) {
        Ok(false) => None,
        Ok(true) => Some(Finding::red(
            "files.secret_exposed",
            format!("others can read `{name}`, {why}"),
            format!("chmod 600 '{name}', and make a new key if others use this machine"),
        )),
        Err(error) => Some(Finding::yellow(
            "files.secrets",
            format!("who can read `{name}`, {why}, cannot be told: {error}"),
            "look at its mode and at the folders above it",
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_secret_that_others_can_read_is_red_and_its_content_is_not_shown() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let path = folder.path().join("key");
        fs::write(&path, "top-secret-value").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let finding = judge(&path, "a test").unwrap();
        assert_eq!(finding.id, "files.secret_exposed");
        assert!(!format!("{finding:?}").contains("top-secret-value"));
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        assert_eq!(judge(&path, "a test"), None);
    }

    #[test]
    fn a_folder_in_the_place_of_a_file_is_not_to_be_closed() {
        let folder = tempfile::tempdir().unwrap();
        let finding = judge(folder.path(), "a test").unwrap();
        assert!(finding.what.ends_with("is a folder"), "{finding:?}");
        assert!(!format!("{finding:?}").contains("chmod"), "{finding:?}");
    }

    #[test]
    fn only_an_env_file_with_our_secrets_counts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        assert!(!names_a_secret(&path));
        fs::write(&path, "LANG=C\n").unwrap();
        assert!(!names_a_secret(&path));
        for nothing in [
            "# MANDATED_HTTP_TOKEN=",
            "# BYBIT_API_SECRET=x",
            "BYBIT_API_SECRET=",
            "BYBIT_API_SECRET=\"\"",
            "export BYBIT_API_SECRET=''  ",
            "BYBIT_API_SECRET= # none yet",
            "BYBIT_API_SECRET_FILE=/keys/secret",
            "exportBYBIT_API_SECRET=x",
            "say BYBIT_API_SECRET",
            "  # export BYBIT_API_SECRET=x",
            "export BYBIT_API_KEY=abc BYBIT_API_SECRET=",
            "declare -x BYBIT_API_SECRET='' # none yet",
            "BYBIT_API_SECRET=' '",
            "'BYBIT_API_SECRET'=",
            "export BYBIT_API_KEY=abc BYBIT_API_SECRET_FILE=/keys/secret",
            "set -a; OLD_BYBIT_API_SECRET=x",
            "OTHER=$BYBIT_API_SECRET",
            include_str!("../../../examples/.env.example"),
        ] {
            fs::write(&path, format!("LANG=C\n{nothing}\n")).unwrap();
            assert!(!names_a_secret(&path), "{nothing}");
        }
        for secret in [
            "BYBIT_API_SECRET=x",
            "export BYBIT_API_SECRET=x",
            "  export\tMANDATED_HTTP_TOKEN='x'",
            "MANDATED_HTTP_TOKEN = x",
            "BYBIT_API_SECRET=#x",
            "BYBIT_API_SECRET=\"#x\"",
            "export BYBIT_API_KEY=abc BYBIT_API_SECRET=x",
            "export A=1; export BYBIT_API_SECRET=x",
            "BYBIT_API_SECRET=\"\nx\"",
            "BYBIT_API_SECRET='\r\nx'",
            "'BYBIT_API_SECRET'=x",
            "\"BYBIT_API_SECRET\" = x",
            "declare -x BYBIT_API_SECRET=x",
            "declare -x \"BYBIT_API_SECRET=x\"",
            "set -a; BYBIT_API_SECRET=x",
            "BYBIT_API_SECRET= ; BYBIT_API_SECRET=x",
            "BYBIT_API_SECRET=\"\"x",
            "BYBIT_API_SECRET=''#x",
            "BYBIT_API_SECRET=\\\nx",
        ] {
            fs::write(&path, format!("LANG=C\n{secret}\n")).unwrap();
            assert!(names_a_secret(&path), "{secret}");
        }
        for (text, gives) in [("BYBIT_API_SECRET=x", true), ("# BYBIT_API_SECRET=x", false)] {
            fs::write(&path, format!("\u{feff}{text}\n")).unwrap();
            assert_eq!(names_a_secret(&path), gives, "{text}");
        }
    }
}
