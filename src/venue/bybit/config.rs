//! Where the exchange is and who we are there: read once from an explicit lookup, checked in full, never guessed.
//!
//! This file reads no environment and no disk itself; both are handed in, so every rule can be tested.

use std::io;
use std::path::Path;
use std::time::Duration;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use thiserror::Error;
use url::{Host, Url};

use super::sign::{Credentials, CredentialsError};
use crate::domain::money::parse_decimal;
use crate::domain::secret::Secret;

const MAINNET: &str = "https://api.bybit.com";
const TESTNET: &str = "https://api-testnet.bybit.com";
const DEMO: &str = "https://api-demo.bybit.com";

/// Hosts whose money is not real (facts §1.2).
const TESTNET_HOSTS: [&str; 2] = ["api-testnet.bybit.com", "api-testnet.manepa.jp"];
const DEMO_HOSTS: [&str; 2] = ["api-demo.bybit.com", "api-demo-testnet.bybit.com"];
const MAINNET_HOSTS: [&str; 2] = ["api.bybit.com", "api.bytick.com"];

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
        let (base_url, label, paper) = source.place()?;
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
        check_url(&base_url)?;
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
    pub(super) fn is_loopback(&self) -> bool {
        is_loopback(&self.base_url)
    }
}

/// The lookups that the settings come from.
struct Source<'a> {
    env: &'a dyn Fn(&str) -> Option<String>,
    read_file: &'a dyn Fn(&Path) -> io::Result<String>,
}

impl Source<'_> {
    /// The trimmed value; empty is unset.
    fn value(&self, name: &str) -> Result<Option<String>, ConfigError> {
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

    fn credentials(&self) -> Result<Option<Credentials>, ConfigError> {
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

    fn flag(&self, name: &'static str) -> Result<bool, ConfigError> {
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

    /// Base address, label, and whether the money there is not real.
    fn place(&self) -> Result<(Url, String, bool), ConfigError> {
        let testnet = self.flag("BYBIT_TESTNET")?;
        let demo = self.flag("BYBIT_DEMO")?;
        if testnet && demo {
            return Err(ConfigError::Both(
                "BYBIT_TESTNET".to_owned(),
                "BYBIT_DEMO".to_owned(),
            ));
        }
        let given = self.value("BYBIT_BASE_URL")?;
        let text = match (&given, testnet, demo) {
            (Some(text), _, _) => text.as_str(),
            (None, true, _) => TESTNET,
            (None, _, true) => DEMO,
            (None, false, false) => MAINNET,
        };
        let url = Url::parse(text).map_err(|_| ConfigError::BaseUrl("it is not a URL"))?;
        check_url(&url)?;
        let host = url.host_str().unwrap_or_default();
        let contradicts = |flag| ConfigError::Contradiction {
            host: host.to_owned(),
            flag,
        };
        if testnet && !TESTNET_HOSTS.contains(&host) && !is_loopback(&url) {
            return Err(contradicts("BYBIT_TESTNET"));
        }
        if demo && !DEMO_HOSTS.contains(&host) && !is_loopback(&url) {
            return Err(contradicts("BYBIT_DEMO"));
        }
        let (label, paper) = describe(&url);
        Ok((url, label, paper))
    }

    fn recv_window_ms(&self) -> Result<u64, ConfigError> {
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

    fn timeout(&self) -> Result<Duration, ConfigError> {
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

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn check_url(url: &Url) -> Result<(), ConfigError> {
    let problem = match url.scheme() {
        _ if url.host().is_none() => "it names no host",
        "http" if !is_loopback(url) => {
            "plain http is for this machine alone (127.0.0.1, ::1, localhost); use https"
        }
        "http" | "https" => {
            if !url.username().is_empty() || url.password().is_some() {
                "it holds a user name or a password; remove them"
            } else if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
                "it has a path or a query; name scheme, host and port only"
            } else {
                return Ok(());
            }
        }
        _ => "use https",
    };
    Err(ConfigError::BaseUrl(problem))
}

fn describe(url: &Url) -> (String, bool) {
    let host = url.host_str().unwrap_or_default();
    if url.port().is_none() && MAINNET_HOSTS.contains(&host) {
        return ("bybit mainnet".to_owned(), false);
    }
    if TESTNET_HOSTS.contains(&host) {
        return ("bybit testnet".to_owned(), true);
    }
    if DEMO_HOSTS.contains(&host) {
        return ("bybit demo".to_owned(), true);
    }
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    (format!("bybit at {host}{port}"), false)
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
