//! Where the shared files are. It names paths and makes none of them.

use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

use sha2::{Digest, Sha256};
use thiserror::Error;

/// Our own name for the runtime root, as the Python original has it.
pub const OUR_ROOT_VARIABLE: &str = "VIBE_RUNTIME_ROOT";
/// Vibe-Trading's name for the same folder.
pub const SHARED_ROOT_VARIABLE: &str = "VIBE_TRADING_HOME";

/// Why the shared folder cannot be told.
#[derive(Debug, Error)]
pub enum PathError {
    #[error(
        "the broker key is empty: it names the folder of the mandate; set BYBIT_BROKER_KEY or leave it unset"
    )]
    EmptyBroker,
    #[error(
        "`{0}` is no broker key: it names one folder, so it may hold no `/`, no `\\`, no `..` and no control character; use a plain word such as `bybit`"
    )]
    InvalidBroker(String),
    #[error(
        "{variable} still reads `{value}`: whoever started this program did not expand it; write the path itself"
    )]
    Unexpanded { variable: &'static str, value: String },
    #[error(
        "{variable} is `{value}`, which is not an absolute path: other programs would look for the kill switch elsewhere; write the whole path"
    )]
    NotAbsolute { variable: &'static str, value: String },
    #[error(
        "{variable} is `{value}`: `~` stands for the home folder and there is none to be found; write the whole path"
    )]
    NoHomeFor { variable: &'static str, value: String },
    #[error(
        "there is no home folder to be found: set VIBE_RUNTIME_ROOT to the folder that Vibe-Trading uses"
    )]
    NoHome,
    #[error("VIBE_RUNTIME_ROOT is `{}` and VIBE_TRADING_HOME is `{}`: the kill switch must not be in a folder that is not watched; set both to the same folder or unset one", ours.display(), theirs.display())]
    Disagree { ours: PathBuf, theirs: PathBuf },
}

/// Which broker's folder is used: trimmed and lower-cased, one path segment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BrokerKey(String);

impl BrokerKey {
    pub fn parse(text: &str) -> Result<Self, PathError> {
        let key = text.trim().to_lowercase();
        if key.is_empty() {
            return Err(PathError::EmptyBroker);
        }
        let escapes = key.contains(['/', '\\']) || key.contains("..") || key == ".";
        if escapes || key.chars().any(char::is_control) {
            return Err(PathError::InvalidBroker(text.chars().take(40).collect()));
        }
        Ok(Self(key))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BrokerKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// The folder that is shared with Vibe-Trading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuntimeRoot(PathBuf);

impl RuntimeRoot {
    /// `VIBE_RUNTIME_ROOT`, else `VIBE_TRADING_HOME`, else `~/.vibe-trading`; blank values count as unset.
    ///
    /// `env` looks a variable up; `home` is the person's home folder. Two variables that name different
    /// folders, a relative path and a value that still reads `${…}` are errors.
    pub fn resolve(env: &dyn Fn(&str) -> Option<String>, home: Option<PathBuf>) -> Result<Self, PathError> {
        let home = home.as_deref();
        let ours = root_from(OUR_ROOT_VARIABLE, env, home)?;
        let theirs = root_from(SHARED_ROOT_VARIABLE, env, home)?;
        match (ours, theirs) {
            (Some(ours), Some(theirs)) if same_folder(&ours, &theirs) => Ok(Self(ours)),
            (Some(ours), Some(theirs)) => Err(PathError::Disagree { ours, theirs }),
            (Some(root), None) | (None, Some(root)) => Ok(Self(root)),
            (None, None) => home
                .map(|home| Self(home.join(".vibe-trading")))
                .ok_or(PathError::NoHome),
        }
    }

    /// The root that something else names: a variable or an option, by its name.
    pub fn named(variable: &'static str, value: &str, home: Option<PathBuf>) -> Result<Self, PathError> {
        whole_path(variable, value.trim(), home.as_deref()).map(Self)
    }

    /// A root that is known already: a test's, or a demonstration's own folder.
    #[must_use]
    pub fn at(path: PathBuf) -> Self {
        Self(path)
    }

    #[must_use]
    pub fn as_path(&self) -> &Path {
        &self.0
    }
}

fn root_from(
    variable: &'static str,
    env: &dyn Fn(&str) -> Option<String>,
    home: Option<&Path>,
) -> Result<Option<PathBuf>, PathError> {
    let value = env(variable).unwrap_or_default();
    match value.trim() {
        "" => Ok(None),
        value => whole_path(variable, value, home).map(Some),
    }
}

/// The absolute path that `value` says, with a leading `~` expanded.
fn whole_path(variable: &'static str, value: &str, home: Option<&Path>) -> Result<PathBuf, PathError> {
    let value = value.to_owned();
    if value.contains("${") {
        return Err(PathError::Unexpanded { variable, value });
    }
    let path = match value.strip_prefix('~') {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => match home {
            Some(home) => home.join(rest.trim_start_matches('/')),
            None => return Err(PathError::NoHomeFor { variable, value }),
        },
        Some(_) | None => PathBuf::from(&value),
    };
    if !path.is_absolute() {
        return Err(PathError::NotAbsolute { variable, value });
    }
    Ok(path)
}

fn same_folder(one: &Path, other: &Path) -> bool {
    one == other
        || matches!((fs::canonicalize(one), fs::canonicalize(other)), (Ok(one), Ok(other)) if one == other)
}

/// Every shared file of one broker under `<runtime root>/live`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveFiles {
    live: PathBuf,
    broker_folder: PathBuf,
    broker: BrokerKey,
}

impl LiveFiles {
    #[must_use]
    pub fn new(root: &RuntimeRoot, broker: BrokerKey) -> Self {
        let live = root.as_path().join("live");
        let broker_folder = live.join(broker.as_str());
        Self {
            live,
            broker_folder,
            broker,
        }
    }

    #[must_use]
    pub fn broker(&self) -> &BrokerKey {
        &self.broker
    }

    /// `<root>/live`
    #[must_use]
    pub fn live_folder(&self) -> &Path {
        &self.live
    }

    /// `<root>/live/<broker>`
    #[must_use]
    pub fn broker_folder(&self) -> &Path {
        &self.broker_folder
    }

    #[must_use]
    pub fn mandate(&self) -> PathBuf {
        self.broker_folder.join("mandate.json")
    }

    #[must_use]
    pub fn policy(&self) -> PathBuf {
        self.broker_folder.join("policy.toml")
    }

    #[must_use]
    pub fn halt_global(&self) -> PathBuf {
        self.live.join("HALT")
    }

    #[must_use]
    pub fn halt_broker(&self) -> PathBuf {
        self.broker_folder.join("HALT")
    }

    #[must_use]
    pub fn order_lock(&self) -> PathBuf {
        self.broker_folder.join(".order_submit.lock")
    }

    #[must_use]
    pub fn counter(&self) -> PathBuf {
        self.broker_folder.join("trade_counter.json")
    }

    #[must_use]
    pub fn audit(&self) -> PathBuf {
        self.live.join("audit.jsonl")
    }

    #[must_use]
    pub fn audit_chain(&self) -> PathBuf {
        self.live.join("audit_chain.jsonl")
    }

    /// The sealed segments `audit_chain.NNNN.jsonl`, oldest first.
    pub fn audit_chain_segments(&self) -> io::Result<Vec<PathBuf>> {
        let entries = match fs::read_dir(&self.live) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut segments = Vec::new();
        for entry in entries {
            let entry = entry?;
            if entry.file_name().to_str().is_some_and(is_segment_name) {
                segments.push(entry.path());
            }
        }
        segments.sort();
        Ok(segments)
    }

    #[must_use]
    pub fn inflight_folder(&self) -> PathBuf {
        self.broker_folder.join("inflight")
    }

    #[must_use]
    pub fn settled_folder(&self) -> PathBuf {
        self.broker_folder.join("settled")
    }

    /// The file whose exclusive creation claims the sweep of one halt episode.
    #[must_use]
    pub fn flatten_claim(&self, episode: &str) -> PathBuf {
        self.broker_folder
            .join(format!("FLATTEN_CLAIM-{}", episode_digest(episode)))
    }

    /// The file that says the sweep of one halt episode was done.
    #[must_use]
    pub fn flatten_fired(&self, episode: &str) -> PathBuf {
        self.broker_folder
            .join(format!("FLATTEN_FIRED-{}", episode_digest(episode)))
    }

    /// What our sweep of one halt episode did, written when the exchange showed nothing any more.
    #[must_use]
    pub fn halt_receipt(&self, episode: &str) -> PathBuf {
        self.broker_folder
            .join(format!("halt_receipt-{}.json", episode_digest(episode)))
    }

    /// What our sweep of one halt episode did so far, while it is not done.
    #[must_use]
    pub fn halt_sweep(&self, episode: &str) -> PathBuf {
        self.broker_folder
            .join(format!("halt_sweep-{}.json", episode_digest(episode)))
    }

    /// Which end of authority was dealt with last.
    #[must_use]
    pub fn authority_ended(&self) -> PathBuf {
        self.broker_folder.join("authority_ended.json")
    }
}

fn episode_digest(episode: &str) -> String {
    hex::encode(Sha256::digest(episode.as_bytes()))
        .chars()
        .take(16)
        .collect()
}

fn is_segment_name(name: &str) -> bool {
    name.strip_prefix("audit_chain.")
        .and_then(|rest| rest.strip_suffix(".jsonl"))
        .is_some_and(|number| number.len() == 4 && number.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(ours: Option<&str>, theirs: Option<&str>) -> Result<PathBuf, PathError> {
        let env = |name: &str| match name {
            OUR_ROOT_VARIABLE => ours.map(str::to_owned),
            SHARED_ROOT_VARIABLE => theirs.map(str::to_owned),
            _ => None,
        };
        RuntimeRoot::resolve(&env, Some(PathBuf::from("/home/a"))).map(|root| root.0)
    }

    #[test]
    fn the_root_is_ours_then_theirs_then_the_home_folder() {
        assert_eq!(resolve(Some("/r"), None).unwrap(), Path::new("/r"));
        assert_eq!(resolve(None, Some(" /r ")).unwrap(), Path::new("/r"));
        assert_eq!(
            resolve(Some(""), None).unwrap(),
            Path::new("/home/a/.vibe-trading")
        );
        assert_eq!(resolve(Some("~/x"), None).unwrap(), Path::new("/home/a/x"));
        assert_eq!(resolve(Some("~"), None).unwrap(), Path::new("/home/a"));
    }

    #[test]
    fn two_roots_must_be_the_same_folder() {
        assert_eq!(resolve(Some("/r/"), Some("/r")).unwrap(), Path::new("/r"));
        assert_eq!(
            resolve(Some("~/r"), Some("/home/a/r")).unwrap(),
            Path::new("/home/a/r")
        );
        assert!(matches!(
            resolve(Some("/r"), Some("/s")),
            Err(PathError::Disagree { .. })
        ));
    }

    #[test]
    fn a_root_that_nobody_expanded_is_refused() {
        let error = resolve(Some("${HOME}/r"), None).unwrap_err();
        assert!(error.to_string().contains("still reads `${HOME}/r`"), "{error}");
        assert!(matches!(
            resolve(None, Some("${X}")),
            Err(PathError::Unexpanded { .. })
        ));
        assert!(matches!(
            resolve(Some("r"), None),
            Err(PathError::NotAbsolute { .. })
        ));
        assert!(matches!(
            resolve(Some("~bob/r"), None),
            Err(PathError::NotAbsolute { .. })
        ));
        assert!(matches!(
            RuntimeRoot::resolve(&|_| None, None),
            Err(PathError::NoHome)
        ));
    }

    #[test]
    fn broker_keys_are_one_folder_name() {
        assert_eq!(BrokerKey::parse(" ByBit\n").unwrap().as_str(), "bybit");
        for bad in ["", "  ", "a/b", "a\\b", "..", "a..b", ".", "a\u{0}b"] {
            assert!(BrokerKey::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn segments_that_cannot_be_looked_for_are_an_error() {
        let root = tempfile::tempdir().unwrap();
        let key = BrokerKey::parse("bybit").unwrap();
        let files = LiveFiles::new(&RuntimeRoot::at(root.path().to_owned()), key);
        assert!(files.audit_chain_segments().unwrap().is_empty());
        fs::write(files.live_folder(), "").unwrap();
        assert!(files.audit_chain_segments().is_err());
    }

    #[test]
    fn sealed_segments_have_four_digits() {
        assert!(is_segment_name("audit_chain.0001.jsonl"));
        for other in [
            "audit_chain.jsonl",
            "audit_chain.001.jsonl",
            "audit_chain.00001.jsonl",
            "audit_chain.abcd.jsonl",
        ] {
            assert!(!is_segment_name(other), "{other}");
        }
    }

    #[test]
    fn a_brokers_own_files_are_in_its_folder() {
        let key = BrokerKey::parse("ByBit").unwrap();
        assert_eq!(key.to_string(), "bybit");
        let files = LiveFiles::new(&RuntimeRoot::at(PathBuf::from("/r")), key);
        for (path, name) in [
            (files.halt_receipt("one"), "halt_receipt-7692c3ad3540bb80.json"),
            (files.halt_sweep("one"), "halt_sweep-7692c3ad3540bb80.json"),
            (files.authority_ended(), "authority_ended.json"),
        ] {
            assert_eq!(path, Path::new("/r/live/bybit").join(name));
        }
    }
}
