//! Where the exchange is and who we are there: read once from an explicit lookup, checked in full, never guessed.
//!
//! This file reads no environment and no disk itself; both are handed in, so every rule can be tested.

mod env;
mod place;

use std::io;
use std::path::Path;
use std::time::Duration;

use thiserror::Error;
use url::Url;

use super::sign::{Credentials, CredentialsError};
use crate::domain::secret::Secret;
use env::Source;

/// How long Bybit honours a signed request (facts §1.1), in milliseconds.
const DEFAULT_RECV_WINDOW_MS: u64 = 5_000;
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// Everything that the client needs to know. `Debug` shows no secret.
#[derive(Debug, Clone)]
pub struct BybitConfig {
    /// Scheme, host and port; no path.
    pub base_url: Url,
    /// What this venue is, in words.
    pub label: String,
    /// The money there is not real.
    pub paper: bool,
    /// Without them public reads work, nothing else.
    pub credentials: Option<Credentials>,
    /// 1 to 60000.
    pub recv_window_ms: u64,
    /// For one call, retries of a read included; 0.5 s to 120 s.
    pub timeout: Duration,
}

/// Why the settings cannot be used. Names variables, never shows a value that may be a secret.
#[derive(Debug, Error)]
pub enum ConfigError {
    #[error(
        "{0} still reads `${{…}}`: the program that started this one did not expand it; write the value itself, or use {0}_FILE where there is one"
    )]
    NotExpanded(String),
    #[error("{0} and {1} are both set: keep one of them")]
    Both(String, String),
    #[error("{set} is set but {missing} is not: set both, or neither for public reads alone")]
    HalfPair {
        set: &'static str,
        missing: &'static str,
    },
    #[error("{name} is `{value}`: use 1, true, yes, on, 0, false, no or off")]
    NotBoolean { name: &'static str, value: String },
    #[error("{name} is `{value}`: {expected}")]
    OutOfBounds {
        name: &'static str,
        value: String,
        expected: &'static str,
    },
    #[error("the file that {name} names cannot be read: {source}")]
    File {
        name: String,
        #[source]
        source: io::Error,
    },
    #[error("the file that {0} names is empty: put the value into it")]
    EmptyFile(String),
    #[error("BYBIT_BASE_URL cannot be used: {0}")]
    BaseUrl(&'static str),
    #[error(
        "BYBIT_BASE_URL names {host}, which {flag} contradicts: remove one of them, so that it is sure whose money is traded"
    )]
    Contradiction { host: String, flag: &'static str },
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
}

impl BybitConfig {
    /// Reads the `BYBIT_…` variables. Empty ones count as unset.
    ///
    /// `BYBIT_BASE_URL` decides the host where it is set. `BYBIT_TESTNET` or `BYBIT_DEMO` beside it must agree
    /// with the host; a host that cannot be told (a foreign proxy) contradicts them, a loopback one does not.
    pub fn from_env(
        env: &dyn Fn(&str) -> Option<String>,
        read_file: &dyn Fn(&Path) -> io::Result<String>,
    ) -> Result<Self, ConfigError> {
        let source = Source { env, read_file };
        let base_url = place::choose(&source)?;
        let (label, paper) = place::describe(&base_url);
        Ok(Self {
            base_url,
            label,
            paper,
            credentials: source.credentials()?,
            recv_window_ms: source.recv_window_ms()?,
            timeout: source.timeout()?,
        })
    }

    /// The paper exchange at `base_url`, signed to with a key that is worth nothing.
    pub fn paper(base_url: Url, key: &str, secret: &str) -> Result<Self, ConfigError> {
        place::check(&base_url)?;
        Ok(Self {
            base_url,
            label: "paper".to_owned(),
            paper: true,
            credentials: Some(Credentials::new(key, Secret::new(secret.to_owned()))?),
            recv_window_ms: DEFAULT_RECV_WINDOW_MS,
            timeout: DEFAULT_TIMEOUT,
        })
    }

    /// The host is this machine itself: plain http is allowed there, and no proxy stands between.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        place::is_loopback(&self.base_url)
    }
}

#[cfg(test)]
mod tests;
