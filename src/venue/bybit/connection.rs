//! How connections are made: TLS with Mozilla's roots, no redirects, no repeats.

use std::sync::Arc;
use std::time::Duration;

use super::config::BybitConfig;

/// Shorter than what servers keep open, so that a write seldom meets a connection that is just closing.
const IDLE_CONNECTION: Duration = Duration::from_secs(25);

/// Redirects are never followed, nothing is sent twice, and this machine itself is reached without a proxy.
pub(super) fn client(config: &BybitConfig) -> Result<reqwest::Client, String> {
    let loopback = config.is_loopback();
    let tls = tls(loopback).map_err(|error| format!("tls cannot be set up: {error}"))?;
    let builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .pool_idle_timeout(IDLE_CONNECTION)
        // Half of the whole, so that a dead host is told from an answer that got lost.
        .connect_timeout(config.timeout / 2)
        .user_agent(concat!("mandated/", env!("CARGO_PKG_VERSION")));
    let builder = if loopback { builder.no_proxy() } else { builder };
    builder
        .build()
        .map_err(|error| format!("the http client cannot be set up: {error}"))
}

/// Mozilla's roots, and nothing of this machine's store. A loopback host gets no roots at all: loading them
/// costs start-up time, and https to it is not served by a public authority.
fn tls(loopback: bool) -> Result<rustls::ClientConfig, rustls::Error> {
    let mut roots = rustls::RootCertStore::empty();
    if !loopback {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tls_is_set_up_for_public_hosts_and_without_roots_for_this_machine() {
        let public = BybitConfig::from_env(&|_| None, &|_| Err(std::io::ErrorKind::NotFound.into())).unwrap();
        client(&public).unwrap();
        let loopback = BybitConfig::paper("http://127.0.0.1:1".parse().unwrap(), "key", "secret").unwrap();
        client(&loopback).unwrap();
    }
}
