//! Who may speak to the HTTP transport: the right Host, the right Origin, the right token.
//!
//! A page in a browser can reach a loopback port, by DNS rebinding even as a "same origin". It cannot set
//! `Host` or `Origin` at will, and it does not know the token.

use std::net::SocketAddr;

use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::domain::secret::Secret;

/// The names a request may call us by, and the token it must bring.
#[derive(Debug)]
pub(super) struct Guard {
    /// Lower-case `host:port`.
    authorities: Vec<String>,
    token_digest: [u8; 32],
}

impl Guard {
    /// Allows the loopback names and the bound address, and `hosts` besides, all with the bound port.
    pub(super) fn new(bound: SocketAddr, hosts: &[String], token: &Secret) -> Self {
        let port = bound.port();
        let mut authorities = vec![bound.to_string()];
        for host in ["localhost", "127.0.0.1", "[::1]"]
            .into_iter()
            .chain(hosts.iter().map(String::as_str))
        {
            authorities.push(with_port(&host.to_ascii_lowercase(), port));
        }
        Self {
            authorities,
            token_digest: digest(token.reveal()),
        }
    }

    pub(super) fn authorities(&self) -> &[String] {
        &self.authorities
    }

    /// Whether the request names us, and comes from a page of ours or from no page at all.
    pub(super) fn knows_host_and_origin(&self, uri: &Uri, headers: &HeaderMap) -> bool {
        let host = only(headers, &HOST).flatten().and_then(text);
        let named_in_uri = uri
            .authority()
            .is_none_or(|authority| self.is_ours(authority.as_str()));
        let Some(origin) = only(headers, &ORIGIN) else {
            return false;
        };
        let from_us = origin.is_none_or(|origin| {
            let authority = text(origin).and_then(|origin| origin.strip_prefix("http://"));
            authority.is_some_and(|authority| self.is_ours(authority))
        });
        named_in_uri && from_us && host.is_some_and(|host| self.is_ours(host))
    }

    /// Whether the request brings the token. Digests are compared, so neither content nor length shows in time.
    pub(super) fn knows_token(&self, headers: &HeaderMap) -> bool {
        let brought = only(headers, &AUTHORIZATION).flatten().and_then(text);
        let Some((scheme, token)) = brought.and_then(|value| value.split_once(' ')) else {
            return false;
        };
        let same: bool = digest(token.trim()).ct_eq(&self.token_digest).into();
        scheme.eq_ignore_ascii_case("bearer") && same
    }

    fn is_ours(&self, authority: &str) -> bool {
        let is_default_port = |ours: &str| ours.strip_suffix(":80") == Some(authority);
        self.authorities
            .iter()
            .any(|ours| ours.eq_ignore_ascii_case(authority) || is_default_port(ours))
    }
}

fn with_port(host: &str, port: u16) -> String {
    let is_bare_v6 = host.contains(':') && !host.starts_with('[');
    if is_bare_v6 {
        return format!("[{host}]:{port}");
    }
    format!("{host}:{port}")
}

/// The one value of a header: `Some(None)` when absent, `None` when repeated, for readers disagree on which counts.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<Option<&'a HeaderValue>> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    values.next().is_none().then_some(first)
}

fn text(value: &HeaderValue) -> Option<&str> {
    value.to_str().ok()
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard() -> Guard {
        let bound = "127.0.0.1:8001".parse().unwrap();
        Guard::new(
            bound,
            &["Trader.Example".into(), "::2".into()],
            &Secret::new("secret".into()),
        )
    }

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    fn allowed(pairs: &[(&'static str, &'static str)]) -> bool {
        guard().knows_host_and_origin(&Uri::from_static("/mcp"), &headers(pairs))
    }

    #[test]
    fn our_own_names_are_allowed() {
        for host in [
            "localhost:8001",
            "127.0.0.1:8001",
            "[::1]:8001",
            "LOCALHOST:8001",
            "trader.example:8001",
            "[::2]:8001",
        ] {
            assert!(allowed(&[("host", host)]), "{host}");
        }
        assert!(allowed(&[
            ("host", "localhost:8001"),
            ("origin", "http://localhost:8001")
        ]));
    }

    #[test]
    fn other_hosts_and_origins_are_not() {
        for host in [
            "evil.example",
            "localhost",
            "localhost:8002",
            "127.0.0.1.evil.example:8001",
            "",
        ] {
            assert!(!allowed(&[("host", host)]), "{host}");
        }
        for origin in [
            "null",
            "https://localhost:8001",
            "http://evil.example",
            "http://localhost:3000",
            "",
        ] {
            assert!(
                !allowed(&[("host", "localhost:8001"), ("origin", origin)]),
                "{origin}"
            );
        }
        assert!(!allowed(&[]));
        assert!(!allowed(&[
            ("host", "localhost:8001"),
            ("host", "localhost:8001")
        ]));
        let absolute = Uri::from_static("http://evil.example/mcp");
        assert!(!guard().knows_host_and_origin(&absolute, &headers(&[("host", "localhost:8001")])));
    }

    #[test]
    fn only_the_token_opens() {
        let opens = |value| guard().knows_token(&headers(&[("authorization", value)]));
        assert!(opens("Bearer secret"));
        assert!(opens("bearer  secret"));
        for value in [
            "Bearer Secret",
            "Bearer secret2",
            "Bearer ",
            "secret",
            "Basic secret",
        ] {
            assert!(!opens(value), "{value}");
        }
        assert!(!guard().knows_token(&HeaderMap::new()));
    }
}
