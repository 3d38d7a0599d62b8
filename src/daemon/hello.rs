//! How a process finds out whether the daemon would do what it was itself asked to do.
//!
//! The first line of a connection may be a hello; the daemon answers it with its own, and MCP follows. A client
//! that sends no hello speaks MCP from the first byte.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Longest hello, in bytes.
pub(super) const MAX_BYTES: usize = 4096;

/// How a hello begins; no message of MCP does.
pub(super) const BEGINNING: &[u8] = b"{\"mandated_hello\":";

/// Whose money a process trades with, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// Another version may have other tools and other rules.
    pub version: String,
    pub broker: String,
    /// What the venue is called.
    pub venue: String,
    /// Where it is: the base address, or the store of a paper account.
    pub place: String,
    /// `read` or `trade`.
    pub mode: String,
    /// Tells two keys apart and gives none away; `None` without a key.
    pub account: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Hello {
    mandated_hello: Identity,
}

/// What tells an API key apart from another.
#[must_use]
pub fn account_mark(api_key: &str) -> String {
    let digest = Sha256::digest(format!("mandated account {api_key}").as_bytes());
    hex::encode(digest).chars().take(16).collect()
}

impl Identity {
    /// As one line, with its end.
    pub(super) fn line(&self) -> Vec<u8> {
        let hello = Hello {
            mandated_hello: self.clone(),
        };
        let mut line = serde_json::to_vec(&hello).unwrap_or_default();
        line.push(b'\n');
        line
    }

    /// `None` for anything that is not a hello of a version that speaks as this one does.
    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        let hello: Hello = serde_json::from_slice(line).ok()?;
        Some(hello.mandated_hello)
    }

    /// Why a daemon that is `other` must not be used in place of this process; `None` when it may.
    ///
    /// A process without a key of its own takes the daemon's: it has no other account in mind.
    #[must_use]
    pub fn differs_from(&self, other: &Self) -> Option<String> {
        let program = [
            ("version", &self.version, &other.version),
            ("BYBIT_MODE", &self.mode, &other.mode),
        ];
        self.differs_in_money(other)
            .or_else(|| first_difference(&program))
    }

    /// Why a daemon that is `other` looks after other money than this process would; `None` when it is the same.
    #[must_use]
    pub fn differs_in_money(&self, other: &Self) -> Option<String> {
        let pairs = [
            ("broker key", &self.broker, &other.broker),
            ("venue", &self.venue, &other.venue),
            ("address", &self.place, &other.place),
        ];
        first_difference(&pairs).or_else(|| match (&self.account, &other.account) {
            (Some(ours), theirs) if theirs.as_ref() != Some(ours) => {
                Some("its api key is another one than here".to_owned())
            }
            _ => None,
        })
    }
}

fn first_difference(pairs: &[(&str, &String, &String)]) -> Option<String> {
    let (what, ours, theirs) = pairs.iter().find(|(_, ours, theirs)| ours != theirs)?;
    Some(format!("its {what} is `{theirs}`, here it is `{ours}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> Identity {
        Identity {
            version: "1".into(),
            broker: "bybit".into(),
            venue: "bybit mainnet".into(),
            place: "https://api.bybit.com/".into(),
            mode: "trade".into(),
            account: Some(account_mark("key")),
        }
    }

    #[test]
    fn a_hello_is_one_line_that_reads_back_and_shows_no_key() {
        let line = identity().line();
        assert!(line.starts_with(BEGINNING) && line.len() < MAX_BYTES);
        assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
        assert_eq!(Identity::parse(&line), Some(identity()));
        assert!(!account_mark("SECRETKEY").contains("KEY"));
        assert_eq!(Identity::parse(b"{\"mandated_hello\":{}}"), None);
    }

    #[test]
    fn only_the_same_money_is_the_same() {
        let ours = identity();
        assert_eq!(ours.differs_from(&identity()), None);
        type Change = fn(&mut Identity);
        let changes: [Change; 7] = [
            |it| it.version.push('x'),
            |it| it.broker.push('x'),
            |it| it.venue.push('x'),
            |it| it.place.push('x'),
            |it| it.mode = "read".into(),
            |it| it.account = Some(account_mark("other")),
            |it| it.account = None,
        ];
        for change in changes {
            let mut theirs = identity();
            change(&mut theirs);
            assert!(ours.differs_from(&theirs).is_some(), "{theirs:?}");
        }
        let mut newer = identity();
        newer.version.push('x');
        newer.mode = "read".into();
        assert_eq!(ours.differs_in_money(&newer), None);
        let mut elsewhere = identity();
        elsewhere.place.push('x');
        assert!(ours.differs_in_money(&elsewhere).is_some());
        let mut keyless = identity();
        keyless.account = None;
        assert_eq!(keyless.differs_from(&identity()), None);
    }
}
