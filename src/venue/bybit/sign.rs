//! Signatures of requests (facts §1.1): HMAC-SHA256 in hex, or RSA PKCS#1 v1.5 with SHA-256 in base64.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use ring::rand::SystemRandom;
use ring::rsa::KeyPair;
use ring::signature::RSA_PKCS1_SHA256;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;
use sha2::Sha256;
use thiserror::Error;

use crate::domain::secret::Secret;

/// An API key and what signs with it. Prints neither.
#[derive(Clone)]
pub struct Credentials {
    api_key: Secret,
    signer: Signer,
}

#[derive(Clone)]
enum Signer {
    Hmac(Secret),
    Rsa(Arc<KeyPair>),
}

/// Why a key pair cannot sign. Shows nothing of it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CredentialsError {
    #[error("the api key holds a space or a character that no header can carry; copy it again")]
    ApiKey,
    #[error(
        "the rsa private key is not PEM of a PKCS#8 or PKCS#1 private key; export it unencrypted as one of these"
    )]
    NotPem,
    #[error("the rsa private key is refused ({0}); use an RSA key of 2048 to 4096 bits")]
    Rsa(String),
}

/// Signing itself failed, which only a broken random source can bring about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the request cannot be signed: the system's random source failed")]
pub struct SignError;

impl Credentials {
    /// A pair as Bybit gives it. A secret that holds `PRIVATE KEY` is taken as RSA, as other clients do.
    pub fn new(api_key: &str, secret: Secret) -> Result<Self, CredentialsError> {
        if secret.reveal().contains("PRIVATE KEY") {
            return Self::rsa(api_key, &secret);
        }
        Ok(Self {
            api_key: checked_key(api_key)?,
            signer: Signer::Hmac(secret),
        })
    }

    /// A self-made RSA key, PEM of PKCS#8 or PKCS#1, whose public half was uploaded to Bybit.
    pub fn rsa(api_key: &str, pem: &Secret) -> Result<Self, CredentialsError> {
        // An environment variable often carries the line breaks as the two characters `\n`.
        let text = Secret::new(pem.reveal().replace("\\n", "\n"));
        let der =
            PrivateKeyDer::from_pem_slice(text.reveal().as_bytes()).map_err(|_| CredentialsError::NotPem)?;
        let pair = match &der {
            PrivateKeyDer::Pkcs8(key) => KeyPair::from_pkcs8(key.secret_pkcs8_der()),
            PrivateKeyDer::Pkcs1(key) => KeyPair::from_der(key.secret_pkcs1_der()),
            _ => return Err(CredentialsError::NotPem),
        };
        let pair = pair.map_err(|refusal| CredentialsError::Rsa(refusal.to_string()))?;
        Ok(Self {
            api_key: checked_key(api_key)?,
            signer: Signer::Rsa(Arc::new(pair)),
        })
    }

    /// The key's public name, which goes into a header. Kept out of every message all the same.
    #[must_use]
    pub fn api_key(&self) -> &Secret {
        &self.api_key
    }

    /// What must never be written anywhere, for a redactor.
    #[must_use]
    pub fn secrets(&self) -> Vec<Secret> {
        self.hmac_secret()
            .into_iter()
            .chain([&self.api_key])
            .cloned()
            .collect()
    }

    /// The secret that must never be shown; RSA keys are not kept as text.
    pub(super) fn hmac_secret(&self) -> Option<&Secret> {
        match &self.signer {
            Signer::Hmac(secret) => Some(secret),
            Signer::Rsa(_) => None,
        }
    }

    /// The `X-BAPI-SIGN` of a REST request. `payload` is the query without `?`, or the body, exactly as sent.
    pub fn sign_request(
        &self,
        timestamp_ms: i64,
        recv_window_ms: u64,
        payload: &str,
    ) -> Result<String, SignError> {
        let key = self.api_key.reveal();
        self.sign(&format!("{timestamp_ms}{key}{recv_window_ms}{payload}"))
    }

    /// The third argument of a WebSocket's `auth` (facts §1.1); `expires_ms` lies in the future.
    pub fn sign_websocket(&self, expires_ms: i64) -> Result<String, SignError> {
        self.sign(&format!("GET/realtime{expires_ms}"))
    }

    fn sign(&self, text: &str) -> Result<String, SignError> {
        match &self.signer {
            Signer::Hmac(secret) => {
                let mut mac =
                    <Hmac<Sha256>>::new_from_slice(secret.reveal().as_bytes()).map_err(|_| SignError)?;
                mac.update(text.as_bytes());
                Ok(hex::encode(mac.finalize().into_bytes()))
            }
            Signer::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(
                    &RSA_PKCS1_SHA256,
                    &SystemRandom::new(),
                    text.as_bytes(),
                    &mut signature,
                )
                .map_err(|_| SignError)?;
                Ok(STANDARD.encode(signature))
            }
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.signer {
            Signer::Hmac(_) => "hmac",
            Signer::Rsa(_) => "rsa",
        };
        write!(out, "Credentials({kind}, [redacted])")
    }
}

fn checked_key(api_key: &str) -> Result<Secret, CredentialsError> {
    if api_key.is_empty() || !api_key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(CredentialsError::ApiKey);
    }
    Ok(Secret::new(api_key.to_owned()))
}
