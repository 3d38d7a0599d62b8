//! The keys that this exchange knows: one to trade with, and one of each other kind, so that a client meets
//! what it would meet with such a key on Bybit.
//!
//! All share one secret. A kind is chosen by a suffix of the key: `paper-read-only`, `paper-expired`, …

use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use rustls_pki_types::SubjectPublicKeyInfoDer;
use rustls_pki_types::pem::PemObject;

use crate::domain::secret::Secret;
use crate::sim::PaperError;
use crate::sim::call::Refusal;

/// `rsaEncryption` with its empty parameters, as DER, and the tag of the bit string that follows.
const RSA_ALGORITHM: [u8; 14] = [
    0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00, 0x03,
];

/// What a key is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Trades, cannot withdraw, bound to this machine.
    Trade,
    ReadOnly,
    /// Trades, transfers and could withdraw.
    Withdraw,
    /// Trades from any address, for 90 days.
    Unbound,
    Expired,
    /// Bound to an address that nobody calls from.
    Elsewhere,
    /// As `Trade`, signed with RSA.
    Rsa,
}

/// The suffix of each kind.
const SUFFIXES: [(&str, Kind); 6] = [
    ("-read-only", Kind::ReadOnly),
    ("-withdraw", Kind::Withdraw),
    ("-unbound", Kind::Unbound),
    ("-expired", Kind::Expired),
    ("-elsewhere", Kind::Elsewhere),
    ("-rsa", Kind::Rsa),
];

/// What the key with each suffix is good for, in words.
#[must_use]
pub fn key_kinds() -> Vec<(&'static str, &'static str)> {
    let words = |kind: Kind| match kind {
        Kind::Trade => "trades",
        Kind::ReadOnly => "reads alone",
        Kind::Withdraw => "could withdraw",
        Kind::Unbound => "from any address",
        Kind::Expired => "has expired",
        Kind::Elsewhere => "bound to another address",
        Kind::Rsa => "signs with RSA",
    };
    SUFFIXES.map(|(suffix, kind)| (suffix, words(kind))).into()
}

/// A key that a request named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

impl Key {
    /// Who asks for market data.
    pub(crate) fn nobody() -> Self {
        Self {
            name: String::new(),
            kind: Kind::Trade,
        }
    }

    /// Refuses a key that nothing can be done with, whatever the signature says.
    pub(crate) fn admit(&self) -> Result<(), Refusal> {
        match self.kind {
            Kind::Expired => Err(Refusal::new(33_004, "Your api key has expired.")),
            Kind::Elsewhere => Err(Refusal::new(
                10010,
                "Unmatched IP, please check your API key's bound IP addresses.",
            )),
            _ => Ok(()),
        }
    }

    /// Refuses a change by a key that only reads.
    pub(crate) fn permit_change(&self) -> Result<(), Refusal> {
        match self.kind {
            Kind::ReadOnly => Err(denied()),
            _ => Ok(()),
        }
    }
}

/// What a key is told that lacks a permission.
pub(crate) fn denied() -> Refusal {
    Refusal::new(10005, "Permission denied, please check your API key permissions.")
}

/// Every key of the account.
pub(crate) struct Keys {
    name: String,
    secret: Secret,
    rsa: Option<RsaPublicKey>,
}

/// The public half of a key that its owner made.
struct RsaPublicKey {
    pem: String,
    /// PKCS#1.
    der: Vec<u8>,
}

impl Keys {
    /// `rsa_pem` is the public half of the key `NAME-rsa`, as PEM.
    pub(crate) fn new(name: String, secret: Secret, rsa_pem: Option<&str>) -> Result<Self, PaperError> {
        let rsa = rsa_pem.map(RsaPublicKey::parse).transpose()?;
        Ok(Self { name, secret, rsa })
    }

    /// The key of that name.
    pub(crate) fn find(&self, name: &str) -> Option<Key> {
        let suffix = name.strip_prefix(&self.name)?;
        let kind = match suffix {
            "" => Kind::Trade,
            _ => SUFFIXES.iter().find(|(text, _)| *text == suffix)?.1,
        };
        let known = kind != Kind::Rsa || self.rsa.is_some();
        known.then(|| Key {
            name: name.to_owned(),
            kind,
        })
    }

    /// Whether `sign` is the key's signature of `message`.
    pub(crate) fn has_signed(&self, key: &Key, message: &[u8], sign: &str) -> bool {
        match (&self.rsa, key.kind) {
            (Some(rsa), Kind::Rsa) => rsa.has_signed(message, sign),
            _ => super::auth::is_hmac(&self.secret, message, sign),
        }
    }

    /// The PEM text of an RSA key's public half; empty for the others.
    pub(crate) fn public_half(&self, key: &Key) -> &str {
        match (&self.rsa, key.kind) {
            (Some(rsa), Kind::Rsa) => &rsa.pem,
            _ => "",
        }
    }
}

impl RsaPublicKey {
    fn parse(pem: &str) -> Result<Self, PaperError> {
        let no = || {
            PaperError::RsaKey("it is not an RSA public key in PEM form (-----BEGIN PUBLIC KEY-----)".into())
        };
        let spki = SubjectPublicKeyInfoDer::from_pem_slice(pem.as_bytes()).map_err(|_| no())?;
        let bytes = spki.as_ref();
        let at = bytes
            .windows(RSA_ALGORITHM.len())
            .position(|window| window == RSA_ALGORITHM)
            .ok_or_else(no)?;
        let rest = bytes.get(at + RSA_ALGORITHM.len()..).ok_or_else(no)?;
        // A length, long form when its first byte is above 0x80; then the count of unused bits, none.
        let long = match rest.first() {
            Some(first) if *first > 0x80 => usize::from(*first - 0x80),
            Some(_) => 0,
            None => return Err(no()),
        };
        let der = rest
            .get(long + 2..)
            .filter(|der| !der.is_empty())
            .ok_or_else(no)?;
        Ok(Self {
            pem: pem.trim().to_owned(),
            der: der.to_vec(),
        })
    }

    fn has_signed(&self, message: &[u8], sign: &str) -> bool {
        use base64::Engine;
        base64::engine::general_purpose::STANDARD
            .decode(sign)
            .is_ok_and(|sign| {
                UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.der)
                    .verify(message, &sign)
                    .is_ok()
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Keys {
        Keys::new("paper".to_owned(), Secret::new("paper".to_owned()), None).unwrap()
    }

    #[test]
    fn a_suffix_chooses_the_kind() {
        let kind = |name: &str| keys().find(name).map(|key| key.kind);
        assert_eq!(kind("paper"), Some(Kind::Trade));
        assert_eq!(kind("paper-read-only"), Some(Kind::ReadOnly));
        assert_eq!(kind("paper-elsewhere"), Some(Kind::Elsewhere));
        // Without a public key there is no key of that kind.
        for unknown in ["paper-rsa", "paper-", "other", "pape", ""] {
            assert_eq!(kind(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn each_kind_is_refused_what_it_may_not_do() {
        let code = |name: &str| {
            let key = keys().find(name).unwrap();
            key.admit()
                .and_then(|()| key.permit_change())
                .map_or_else(|no| no.code, |()| 0)
        };
        assert_eq!(code("paper"), 0);
        assert_eq!(code("paper-withdraw"), 0);
        assert_eq!(code("paper-read-only"), 10005);
        assert_eq!(code("paper-expired"), 33_004);
        assert_eq!(code("paper-elsewhere"), 10010);
    }

    #[test]
    fn a_public_key_that_is_none_is_refused() {
        for pem in [
            "",
            "paper",
            "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        ] {
            assert!(
                Keys::new("p".into(), Secret::new("p".into()), Some(pem)).is_err(),
                "{pem}"
            );
        }
    }
}
