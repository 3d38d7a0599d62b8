//! Which exchange: the base address, checked, and what it is called.

use url::{Host, Url};

use super::ConfigError;
use super::env::Source;

const MAINNET: &str = "https://api.bybit.com";
const TESTNET: &str = "https://api-testnet.bybit.com";
const DEMO: &str = "https://api-demo.bybit.com";

/// Hosts whose money is not real (facts §1.2).
const TESTNET_HOSTS: [&str; 2] = ["api-testnet.bybit.com", "api-testnet.manepa.jp"];
const DEMO_HOSTS: [&str; 2] = ["api-demo.bybit.com", "api-demo-testnet.bybit.com"];
const MAINNET_HOSTS: [&str; 2] = ["api.bybit.com", "api.bytick.com"];

/// The base address, once the flags agree with it.
pub(super) fn choose(source: &Source<'_>) -> Result<Url, ConfigError> {
    let testnet = source.flag("BYBIT_TESTNET")?;
    let demo = source.flag("BYBIT_DEMO")?;
    if testnet && demo {
        return Err(ConfigError::Both(
            "BYBIT_TESTNET".to_owned(),
            "BYBIT_DEMO".to_owned(),
        ));
    }
    let given = source.value("BYBIT_BASE_URL")?;
    let text = match (&given, testnet, demo) {
        (Some(text), _, _) => text.as_str(),
        (None, true, _) => TESTNET,
        (None, _, true) => DEMO,
        (None, false, false) => MAINNET,
    };
    let url = Url::parse(text).map_err(|_| ConfigError::BaseUrl("it is not a URL"))?;
    check(&url)?;
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
    Ok(url)
}

/// The host is this machine itself.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Whether requests may go there: https, or http to this machine; scheme, host and port alone.
pub(super) fn check(url: &Url) -> Result<(), ConfigError> {
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

/// What to call it, and whether the money there is not real.
pub(super) fn describe(url: &Url) -> (String, bool) {
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
