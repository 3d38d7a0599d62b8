//! How orders ended whose client id the caller chose: asked again, they are answered and not sent again.
//!
//! It keeps answers and makes none; ids that we made ourselves are never asked for again and are not kept.

use std::io;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::durable;
use super::inflight::{InflightError, read_json, record_path, text_of};
use super::paths::LiveFiles;

/// The first outcome of one client id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settled {
    pub client_id: String,
    /// Tells whether a second request is the same order.
    pub fingerprint: String,
    /// What the caller was told.
    pub outcome: Value,
}

/// Keeps the outcome of an order (2 fsyncs). A later outcome of the same order replaces the first; the id of
/// another order is an error.
pub fn remember(
    files: &LiveFiles,
    client_id: &str,
    fingerprint: &str,
    outcome: &Value,
) -> Result<(), InflightError> {
    let path = record_path(&files.settled_folder(), client_id)?;
    let settled = Settled {
        client_id: client_id.to_owned(),
        fingerprint: fingerprint.to_owned(),
        outcome: outcome.clone(),
    };
    let text = text_of(&path, &settled)?;
    let written = match durable::create_new(&path, &text) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => match recall(files, client_id)? {
            Some(known) if known.fingerprint != fingerprint => {
                return Err(InflightError::OtherContent(client_id.to_owned()));
            }
            _ => durable::replace(&path, &text),
        },
        other => other,
    };
    written.map_err(|source| InflightError::NotWritten { path, source })
}

/// How the order of that client id ended; `None` when none was kept. What cannot be read is an error.
pub fn recall(files: &LiveFiles, client_id: &str) -> Result<Option<Settled>, InflightError> {
    let path = record_path(&files.settled_folder(), client_id)?;
    let settled: Option<Settled> = read_json(&path)?;
    match settled {
        Some(settled) if settled.client_id != client_id => Err(InflightError::Misnamed(path)),
        settled => Ok(settled),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::json;

    use super::*;
    use crate::state::paths::{BrokerKey, RuntimeRoot};

    #[test]
    fn an_outcome_is_recalled_and_another_order_does_not_get_the_id() {
        let root = tempfile::tempdir().unwrap();
        let files = LiveFiles::new(
            &RuntimeRoot::at(root.path().to_owned()),
            BrokerKey::parse("bybit").unwrap(),
        );
        assert_eq!(recall(&files, "a").unwrap(), None);
        remember(&files, "a", "f", &json!({"status": "unknown"})).unwrap();
        remember(&files, "a", "f", &json!({"status": "accepted"})).unwrap();
        let error = remember(&files, "a", "g", &json!({})).unwrap_err();
        assert!(matches!(error, InflightError::OtherContent(_)));
        let settled = recall(&files, "a").unwrap().unwrap();
        assert_eq!(
            (settled.fingerprint.as_str(), settled.outcome),
            ("f", json!({"status": "accepted"}))
        );
        fs::write(files.settled_folder().join("a.json"), "{").unwrap();
        assert!(matches!(
            recall(&files, "a"),
            Err(InflightError::NotUnderstood { .. })
        ));
        let of_b = r#"{"client_id": "b", "fingerprint": "f", "outcome": null}"#;
        fs::write(files.settled_folder().join("a.json"), of_b).unwrap();
        assert!(matches!(recall(&files, "a"), Err(InflightError::Misnamed(_))));
        fs::remove_dir_all(files.settled_folder()).unwrap();
        fs::write(files.settled_folder(), "").unwrap();
        assert!(matches!(
            remember(&files, "a", "f", &json!({})),
            Err(InflightError::NotWritten { .. })
        ));
        assert!(matches!(
            recall(&files, "../a"),
            Err(InflightError::BadClientId(_))
        ));
    }
}
