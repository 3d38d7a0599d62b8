//! Orders that were sent, or are about to be, and are not settled: one file for each, on the disk before the send.
//!
//! What is here and cannot be understood stops all new orders: it may be an order that nobody settled.

use std::path::{Path, PathBuf};
use std::{fs, io};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use super::durable;
use super::paths::LiveFiles;

/// One order and what belongs to it is a few kilobytes.
const MAX_BYTES: u64 = 1 << 20;

/// The longest client id that Bybit takes.
const MAX_ID_CHARS: usize = 36;

/// Why the orders in flight are not known, or one of them was not kept.
#[derive(Debug, Error)]
pub enum InflightError {
    #[error("`{0}` is no client order id: it has 1 to {MAX_ID_CHARS} letters, digits, `-` and `_`")]
    BadClientId(String),
    #[error(
        "an order with the client id `{0}` is on its way already; wait until it is settled, or use another id"
    )]
    Exists(String),
    #[error("the order record `{}` cannot be read: {source}; it may be an order that nobody settled: look it up on the exchange, then remove the file", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("the order record `{}` is not understood: {source}; it may be an order that nobody settled: look it up on the exchange, then remove the file", path.display())]
    NotUnderstood {
        path: PathBuf,
        source: serde_json::Error,
    },
    #[error("`{}` does not belong there: only records named after their client id do; look whether it is an order that nobody settled, then remove it", .0.display())]
    Misnamed(PathBuf),
    #[error("the client id `{0}` was used for another order; use a fresh one")]
    OtherContent(String),
    #[error("the order record `{}` cannot be written: {source}; free space or make its folder writable", path.display())]
    NotWritten { path: PathBuf, source: io::Error },
}

impl InflightError {
    /// The file that is in the way, where it is one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Unreadable { path, .. } | Self::NotUnderstood { path, .. } | Self::Misnamed(path) => {
                Some(path)
            }
            Self::NotWritten { .. } | Self::BadClientId(_) | Self::Exists(_) | Self::OtherContent(_) => None,
        }
    }
}

/// How far an order came, as far as we know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InflightState {
    /// It was sent, or the process died just before.
    Sent,
    /// The exchange took it; the settled record is not on the ledger yet.
    Acknowledged,
    /// It was sent and nobody can say what became of it.
    Unknown,
}

/// One order that is not settled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InflightRecord {
    /// `orderLinkId`, and the name of the file.
    pub client_id: String,
    /// Tells two orders with the same client id apart.
    pub fingerprint: String,
    pub remote_tool: String,
    pub category: String,
    pub symbol: String,
    /// `Buy` or `Sell`.
    pub side: String,
    /// What was sent, field for field.
    pub body: Value,
    /// The order's value in US dollars, as decimal text.
    pub notional_usd: String,
    /// The order as one that rests: what the exposure check counts while it is not settled.
    pub order: Value,
    /// UTC, `2026-06-02T09:15:49.482+00:00`.
    pub created_at: String,
    pub state: InflightState,
    pub venue_order_id: Option<String>,
    /// The process that sent it.
    pub process_id: u32,
    /// Where it was sent, for a person: `mainnet`, `paper`.
    pub venue: String,
}

/// Writes the record of an order that is about to be sent (2 fsyncs); an id that is in flight is refused.
pub fn write_new(files: &LiveFiles, record: &InflightRecord) -> Result<(), InflightError> {
    let path = record_path(&files.inflight_folder(), &record.client_id)?;
    match durable::create_new(&path, &text_of(&path, record)?) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Err(InflightError::Exists(record.client_id.clone()))
        }
        Err(source) => Err(InflightError::NotWritten { path, source }),
    }
}

/// Replaces the record of an order in flight (2 fsyncs).
pub fn update(files: &LiveFiles, record: &InflightRecord) -> Result<(), InflightError> {
    let path = record_path(&files.inflight_folder(), &record.client_id)?;
    let text = text_of(&path, record)?;
    durable::replace(&path, &text).map_err(|source| InflightError::NotWritten { path, source })
}

/// Removes the record of an order that is settled and on the ledger; false when there was none.
///
/// No fsync: a record that a crash brings back is looked up and settled once more.
pub fn remove(files: &LiveFiles, client_id: &str) -> Result<bool, InflightError> {
    let path = record_path(&files.inflight_folder(), client_id)?;
    match fs::remove_file(&path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(InflightError::NotWritten { path, source }),
    }
}

/// Every order that is not settled, by client id. One that cannot be read is an error: refuse new orders then.
pub fn list(files: &LiveFiles) -> Result<Vec<InflightRecord>, InflightError> {
    let (records, mut errors) = each(files);
    match errors.is_empty() {
        true => Ok(records),
        false => Err(errors.swap_remove(0)),
    }
}

/// As [`list`], with the orders that can be read beside what cannot.
pub fn each(files: &LiveFiles) -> (Vec<InflightRecord>, Vec<InflightError>) {
    let (mut records, mut errors) = (Vec::new(), Vec::new());
    let paths = match paths(files) {
        Ok(paths) => paths,
        Err(error) => return (records, vec![error]),
    };
    for path in paths.iter().filter(|path| !is_half_written(path)) {
        match read_record(path) {
            // A record that was settled while the folder was read is no longer in flight.
            Ok(record) => records.extend(record),
            Err(error) => errors.push(error),
        }
    }
    records.sort_by(|one: &InflightRecord, other| one.client_id.cmp(&other.client_id));
    (records, errors)
}

/// Whether there is anything to look at; a folder that cannot be read is.
#[must_use]
pub fn any(files: &LiveFiles) -> bool {
    paths(files).map_or(true, |paths| !paths.is_empty())
}

/// Removes what a crash left while a record was written. Only for the holder of the order lock.
pub(super) fn remove_half_written(files: &LiveFiles) {
    for path in paths(files)
        .into_iter()
        .flatten()
        .filter(|path| is_half_written(path))
    {
        if let Err(error) = fs::remove_file(&path) {
            tracing::warn!(%error, path = %path.display(), "a half-written record stays; it means nothing");
        }
    }
}

fn is_half_written(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(durable::is_temp_name)
}

fn paths(files: &LiveFiles) -> Result<Vec<PathBuf>, InflightError> {
    let folder = files.inflight_folder();
    let unreadable = |source| InflightError::Unreadable {
        path: folder.clone(),
        source,
    };
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return durable::absent(&folder).map(|()| Vec::new()).map_err(unreadable);
        }
        Err(error) => return Err(unreadable(error)),
    };
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    paths.collect::<io::Result<_>>().map_err(unreadable)
}

fn read_record(path: &Path) -> Result<Option<InflightRecord>, InflightError> {
    let Some(id) = path
        .file_name()
        .and_then(|name| name.to_str())
        .and_then(|name| name.strip_suffix(".json"))
    else {
        return Err(InflightError::Misnamed(path.to_owned()));
    };
    let record: Option<InflightRecord> = read_json(path)?;
    match &record {
        Some(record) if record.client_id != id => Err(InflightError::Misnamed(path.to_owned())),
        _ => Ok(record),
    }
}

/// The JSON file at `path`, `None` when there is none.
pub(crate) fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Option<T>, InflightError> {
    let bytes = durable::read_if_present(path, MAX_BYTES).map_err(|source| InflightError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    let Some(bytes) = bytes else {
        return Ok(None);
    };
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|source| InflightError::NotUnderstood {
            path: path.to_owned(),
            source,
        })
}

/// `<folder>/<client id>.json` for an id that is safe as a name.
pub(crate) fn record_path(folder: &Path, client_id: &str) -> Result<PathBuf, InflightError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if client_id.is_empty() || client_id.len() > MAX_ID_CHARS || !client_id.bytes().all(plain) {
        return Err(InflightError::BadClientId(client_id.chars().take(40).collect()));
    }
    Ok(folder.join(format!("{client_id}.json")))
}

pub(crate) fn text_of<T: Serialize>(path: &Path, value: &T) -> Result<Vec<u8>, InflightError> {
    let mut text = serde_json::to_vec(value).map_err(|error| InflightError::NotWritten {
        path: path.to_owned(),
        source: error.into(),
    })?;
    text.push(b'\n');
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use serde_json::json;

    use super::*;
    use crate::state::paths::{BrokerKey, RuntimeRoot};

    fn world() -> (tempfile::TempDir, LiveFiles) {
        let folder = tempfile::tempdir().unwrap();
        let files = LiveFiles::new(
            &RuntimeRoot::at(folder.path().to_owned()),
            BrokerKey::parse("bybit").unwrap(),
        );
        (folder, files)
    }

    fn record(client_id: &str) -> InflightRecord {
        InflightRecord {
            client_id: client_id.into(),
            fingerprint: "f".into(),
            remote_tool: "bybit_place_order".into(),
            category: "linear".into(),
            symbol: "BTCUSDT".into(),
            side: "Buy".into(),
            body: json!({"category": "linear", "qty": "0.001"}),
            notional_usd: "65".into(),
            order: json!({"leavesQty": "0.001"}),
            created_at: "2026-06-02T09:15:49.482+00:00".into(),
            state: InflightState::Sent,
            venue_order_id: None,
            process_id: 7,
            venue: "paper".into(),
        }
    }

    #[test]
    fn a_record_is_written_once_changed_listed_and_removed() {
        let (_root, files) = world();
        assert_eq!(list(&files).unwrap(), []);
        write_new(&files, &record("b")).unwrap();
        let before = durable::fsyncs();
        write_new(&files, &record("a")).unwrap();
        assert_eq!(durable::fsyncs() - before, 2);
        assert!(matches!(write_new(&files, &record("a")), Err(InflightError::Exists(id)) if id == "a"));
        let changed = InflightRecord {
            state: InflightState::Unknown,
            venue_order_id: Some("9".into()),
            ..record("a")
        };
        update(&files, &changed).unwrap();
        assert_eq!(list(&files).unwrap(), [changed, record("b")]);
        let before = durable::fsyncs();
        assert!(remove(&files, "a").unwrap());
        assert_eq!(durable::fsyncs(), before);
        assert!(!remove(&files, "a").unwrap());
        assert_eq!(list(&files).unwrap(), [record("b")]);
    }

    #[test]
    fn what_is_not_understood_is_an_error_that_names_the_file() {
        let whole = serde_json::to_string(&record("a")).unwrap();
        for (name, text) in [
            ("a.json", ""),
            ("a.json", "{"),
            ("a.json", &whole.replace("\"sent\"", "\"lost\"")),
            ("a.json", &whole.replace("\"side\"", "\"sight\"")),
            ("a.json", &whole.replacen('{', "{\"more\":1,", 1)),
            ("b.json", &whole),
            ("a.txt", &whole),
            ("a", &whole),
        ] {
            let (_root, files) = world();
            write_new(&files, &record("z")).unwrap();
            fs::write(files.inflight_folder().join(name), text).unwrap();
            let error = list(&files).unwrap_err().to_string();
            assert!(error.contains(&format!("inflight/{name}`")), "{error}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_an_error() {
        let (_root, files) = world();
        durable::create_folder(files.broker_folder()).unwrap();
        symlink("nowhere", files.inflight_folder()).unwrap();
        assert!(matches!(list(&files), Err(InflightError::Unreadable { .. })));
        fs::remove_file(files.inflight_folder()).unwrap();
        fs::write(files.inflight_folder(), "").unwrap();
        assert!(matches!(list(&files), Err(InflightError::Unreadable { .. })));
        fs::remove_file(files.inflight_folder()).unwrap();
        fs::create_dir_all(files.inflight_folder().join("a.json")).unwrap();
        assert!(matches!(list(&files), Err(InflightError::Unreadable { .. })));
        fs::remove_dir(files.inflight_folder().join("a.json")).unwrap();
        symlink("nowhere", files.inflight_folder().join("a.json")).unwrap();
        assert!(matches!(list(&files), Err(InflightError::Unreadable { .. })));
    }

    #[test]
    fn what_cannot_be_written_or_removed_is_an_error() {
        let (_root, files) = world();
        fs::create_dir_all(files.inflight_folder().join("a.json")).unwrap();
        let error = remove(&files, "a").unwrap_err();
        assert!(matches!(error, InflightError::NotWritten { .. }), "{error}");
        fs::remove_dir_all(files.inflight_folder()).unwrap();
        fs::write(files.inflight_folder(), "").unwrap();
        let error = write_new(&files, &record("a")).unwrap_err();
        assert!(matches!(error, InflightError::NotWritten { .. }), "{error}");
    }

    #[test]
    fn temporary_files_of_a_crash_are_passed_over() {
        let (_root, files) = world();
        write_new(&files, &record("a")).unwrap();
        fs::write(files.inflight_folder().join(".b.json.1.2.tmp"), "{").unwrap();
        assert_eq!(list(&files).unwrap(), [record("a")]);
    }

    #[test]
    fn an_id_that_is_no_file_name_is_refused() {
        let (_root, files) = world();
        for id in ["", "..", "a/b", "a.b", "a b", "é", &"a".repeat(37)] {
            assert!(
                matches!(write_new(&files, &record(id)), Err(InflightError::BadClientId(_))),
                "{id:?}"
            );
            assert!(
                matches!(remove(&files, id), Err(InflightError::BadClientId(_))),
                "{id:?}"
            );
        }
        assert!(write_new(&files, &record(&"a".repeat(36))).is_ok());
    }

    #[test]
    fn an_error_about_a_file_says_which_one_and_others_name_none() {
        let (_root, files) = world();
        let folder = files.inflight_folder();
        durable::create_folder(&folder).unwrap();
        for (name, text) in [("a.json", "{"), ("a.txt", "")] {
            fs::write(folder.join(name), text).unwrap();
            assert_eq!(list(&files).unwrap_err().path(), Some(&*folder.join(name)));
            fs::remove_file(folder.join(name)).unwrap();
        }
        assert_eq!(remove(&files, "..").unwrap_err().path(), None);
    }

    #[test]
    fn anything_in_the_folder_and_every_doubt_is_something_to_look_at() {
        let (_root, files) = world();
        assert!(!any(&files));
        let half = files.inflight_folder().join(".b.json.1.2.tmp");
        write_new(&files, &record("a")).unwrap();
        assert!(any(&files));
        fs::write(&half, "{").unwrap();
        remove_half_written(&files);
        assert!(!half.exists());
        assert_eq!(list(&files).unwrap(), [record("a")]);
        remove(&files, "a").unwrap();
        assert!(!any(&files));
        fs::remove_dir(files.inflight_folder()).unwrap();
        fs::write(files.inflight_folder(), "").unwrap();
        assert!(any(&files));
    }
}
