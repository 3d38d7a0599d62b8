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
        "an order with the client id `{0}` may be on its way already; ask again under the same id once it is settled, a minute from now"
    )]
    Exists(String),
    #[error("the order record `{}` cannot be read: {source}; {}", path.display(), remedy(source))]
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

/// `EMFILE` and `ENFILE`, by the same numbers on Linux, macOS and the BSDs.
const TOO_MANY_OPEN: [i32; 2] = [24, 23];

/// A record that cannot be opened for want of a descriptor is as good as any other.
fn remedy(source: &io::Error) -> &'static str {
    match source.raw_os_error() {
        Some(code) if TOO_MANY_OPEN.contains(&code) => {
            "nothing is wrong with it: too many files are open in this process. end idle sessions, or start it with a \
             higher `ulimit -n`"
        }
        _ => "it may be an order that nobody settled: look it up on the exchange, then remove the file",
    }
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
    /// The order before a change to it: what tells whether the change arrived. Older files lack it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// UTC, `2026-06-02T09:15:49.482+00:00`.
    pub created_at: String,
    pub state: InflightState,
    /// It took one of the day's trades, so that one goes back if nothing comes of it; an id that was counted before
    /// takes none. Older files lack it.
    #[serde(default = "counted")]
    pub counted: bool,
    pub venue_order_id: Option<String>,
    /// The process that sent it.
    pub process_id: u32,
    /// Where it was sent, for a person: `mainnet`, `paper`.
    pub venue: String,
}

fn counted() -> bool {
    true
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
mod tests;
