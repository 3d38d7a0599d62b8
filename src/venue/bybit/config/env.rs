//! Single settings out of the environment: trimmed, bounded, never half understood.

use std::fmt;
use std::io;
use std::path::Path;
use std::time::Duration;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::{ConfigError, DEFAULT_RECV_WINDOW_MS, DEFAULT_TIMEOUT};
use crate::domain::money::parse_decimal;
use crate::domain::secret::Secret;
use crate::venue::bybit::sign::Credentials;

/// The lookups that the settings come from.
pub(super) struct Source<'a> {
    pub(super) env: &'a dyn Fn(&str) -> Option<String>,
    pub(super) read_file: &'a dyn Fn(&Path) -> io::Result<String>,
}

impl Source<'_> {
    /// The trimmed value; empty is unset.
    pub(super) fn value(&self, name: &str) -> Result<Option<String>, ConfigError> {
        let Some(text) = (self.env)(name) else {
            return Ok(None);
        };
        let text = text.trim();
        if text.contains("${") {
            return Err(ConfigError::NotExpanded(name.to_owned()));
        }
        Ok((!text.is_empty()).then(|| text.to_owned()))
    }

    /// What the file named by the variable `name` holds.
    fn file(&self, name: &str) -> Result<Option<Secret>, ConfigError> {
        let Some(path) = self.value(name)? else {
            return Ok(None);
        };
        let text = (self.read_file)(Path::new(&path)).map_err(|source| ConfigError::File {
            name: name.to_owned(),
            source,
        })?;
        if text.trim().is_empty() {
            return Err(ConfigError::EmptyFile(name.to_owned()));
        }
        Ok(Some(Secret::new(text.trim().to_owned())))
    }

    /// `name` itself, or the content of the file that `name_FILE` names.
    fn value_or_file(&self, name: &str) -> Result<Option<Secret>, ConfigError> {
        let file_name = format!("{name}_FILE");
        match (self.value(name)?, self.file(&file_name)?) {
            (Some(_), Some(_)) => Err(ConfigError::Both(name.to_owned(), file_name)),
            (Some(text), None) => Ok(Some(Secret::new(text))),
            (None, from_file) => Ok(from_file),
        }
    }

    pub(super) fn credentials(&self) -> Result<Option<Credentials>, ConfigError> {
        let key = self.value_or_file("BYBIT_API_KEY")?;
        let secret = self.value_or_file("BYBIT_API_SECRET")?;
        let rsa = self.file("BYBIT_RSA_PRIVATE_KEY_FILE")?;
        if secret.is_some() && rsa.is_some() {
            return Err(ConfigError::Both(
                "BYBIT_API_SECRET".to_owned(),
                "BYBIT_RSA_PRIVATE_KEY_FILE".to_owned(),
            ));
        }
        let set = if rsa.is_some() {
            "BYBIT_RSA_PRIVATE_KEY_FILE"
        } else {
            "BYBIT_API_SECRET"
        };
        match (key, rsa.as_ref(), secret) {
            (None, None, None) => Ok(None),
            (Some(key), Some(pem), _) => Ok(Some(Credentials::rsa(key.reveal(), pem)?)),
            (Some(key), None, Some(secret)) => Ok(Some(Credentials::new(key.reveal(), secret)?)),
            (Some(_), None, None) => Err(ConfigError::HalfPair {
                set: "BYBIT_API_KEY",
                missing: "BYBIT_API_SECRET",
            }),
            (None, _, _) => Err(ConfigError::HalfPair {
                set,
                missing: "BYBIT_API_KEY",
            }),
        }
    }

    pub(super) fn flag(&self, name: &'static str) -> Result<bool, ConfigError> {
        let Some(value) = self.value(name)? else {
            return Ok(false);
        };
        match value.to_ascii_lowercase().as_str() {
            "1" | "true" | "yes" | "on" => Ok(true),
            "0" | "false" | "no" | "off" => Ok(false),
            _ => Err(ConfigError::NotBoolean {
                name,
                value: shorten(&value),
            }),
        }
    }

    pub(super) fn recv_window_ms(&self) -> Result<u64, ConfigError> {
        let name = "BYBIT_RECV_WINDOW";
        let Some(value) = self.value(name)? else {
            return Ok(DEFAULT_RECV_WINDOW_MS);
        };
        match value.parse::<u64>() {
            Ok(window @ 1..=60_000) => Ok(window),
            _ => Err(ConfigError::OutOfBounds {
                name,
                value: shorten(&value),
                expected: "use whole milliseconds from 1 to 60000",
            }),
        }
    }

    pub(super) fn timeout(&self) -> Result<Duration, ConfigError> {
        let name = "BYBIT_HTTP_TIMEOUT";
        let Some(value) = self.value(name)? else {
            return Ok(DEFAULT_TIMEOUT);
        };
        let bounds = Decimal::new(5, 1)..=Decimal::from(120);
        parse_decimal(&value)
            .ok()
            .filter(|seconds| bounds.contains(seconds))
            .and_then(|seconds| (seconds * Decimal::from(1_000)).to_u64())
            .map(Duration::from_millis)
            .ok_or_else(|| ConfigError::OutOfBounds {
                name,
                value: shorten(&value),
                expected: "use seconds from 0.5 to 120",
            })
    }
}

/// Keeps a value that was put under the wrong name, a secret perhaps, from being shown whole.
fn shorten(value: &str) -> String {
    if value.chars().count() <= 12 {
        return value.to_owned();
    }
    let head: String = value.chars().take(4).collect();
    format!("{head}…")
}

impl fmt::Debug for Source<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Source")
    }
}
