//! Signatures against vectors that were made with Bybit's own SDK; all keys in them were invented.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may end where it fails; clippy exempts only the functions marked as tests"
)]

use mandated::domain::secret::Secret;
use mandated::venue::bybit::Credentials;
use serde_json::Value;

const VECTORS: &str = include_str!("bybit_signing_vectors.json");

fn vectors(list: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(VECTORS).unwrap();
    all[list].as_array().unwrap().clone()
}

fn rsa_pem() -> String {
    let all: Value = serde_json::from_str(VECTORS).unwrap();
    all["rsa_test_key"]["private_pem"].as_str().unwrap().to_owned()
}

fn credentials(vector: &Value) -> Credentials {
    let secret = match vector["algorithm"].as_str().unwrap() {
        "HMAC-SHA256" => vector["secret"].as_str().unwrap().to_owned(),
        "RSA-SHA256" => rsa_pem(),
        other => panic!("{other}"),
    };
    Credentials::new(vector["api_key"].as_str().unwrap(), Secret::new(secret)).unwrap()
}

#[test]
fn every_request_vector_is_signed_exactly() {
    let vectors = vectors("vectors");
    assert_eq!(vectors.len(), 21);
    for vector in vectors {
        let timestamp = vector["timestamp"].as_str().unwrap().parse().unwrap();
        let window = vector["recv_window"].as_str().unwrap().parse().unwrap();
        let payload = vector["payload"].as_str().unwrap();
        let signature = credentials(&vector)
            .sign_request(timestamp, window, payload)
            .unwrap();
        assert_eq!(
            signature,
            vector["signature"].as_str().unwrap(),
            "{}",
            vector["name"]
        );
    }
}

#[test]
fn every_websocket_vector_is_signed_exactly() {
    let vectors = vectors("websocket_vectors");
    assert_eq!(vectors.len(), 2);
    for vector in vectors {
        let signature = credentials(&vector)
            .sign_websocket(vector["expires"].as_i64().unwrap())
            .unwrap();
        assert_eq!(
            signature,
            vector["signature"].as_str().unwrap(),
            "{}",
            vector["name"]
        );
    }
}

/// PKCS#8 wraps PKCS#1: version, algorithm, then the older form as an octet string after 26 bytes.
fn as_pkcs1(pkcs8_pem: &str) -> String {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    let base64: String = pkcs8_pem
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .collect();
    let der = STANDARD.decode(base64).unwrap();
    let inner = STANDARD.encode(&der[26..]);
    let lines: Vec<&str> = inner
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    format!(
        "-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----\n",
        lines.join("\n")
    )
}

#[test]
fn both_forms_of_an_rsa_key_and_escaped_line_breaks_sign_alike() {
    let vector = vectors("vectors")
        .into_iter()
        .find(|vector| vector["name"] == "rsa_get_simple")
        .unwrap();
    let pem = rsa_pem();
    for secret in [as_pkcs1(&pem), pem.replace('\n', "\\n")] {
        let credentials = Credentials::new(vector["api_key"].as_str().unwrap(), Secret::new(secret)).unwrap();
        let timestamp = vector["timestamp"].as_str().unwrap().parse().unwrap();
        let signature = credentials
            .sign_request(timestamp, 5_000, vector["payload"].as_str().unwrap())
            .unwrap();
        assert_eq!(signature, vector["signature"].as_str().unwrap());
    }
}

#[test]
fn a_key_that_cannot_sign_is_refused_without_being_shown() {
    let broken = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0LXN0dWZm\n-----END PRIVATE KEY-----";
    let encrypted =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nc2VjcmV0LXN0dWZm\n-----END ENCRYPTED PRIVATE KEY-----";
    for pem in [broken, encrypted, "PRIVATE KEY"] {
        let error = Credentials::new("key-0001", Secret::new(pem.to_owned()))
            .unwrap_err()
            .to_string();
        assert!(error.contains("rsa private key"), "{error}");
        assert!(!error.contains("c2VjcmV0"), "{error}");
    }
}

#[test]
fn credentials_show_nothing_of_themselves() {
    let credentials = Credentials::new("key-0001", Secret::new("secret-0001".to_owned())).unwrap();
    let shown = format!("{credentials:?} {credentials:#?}");
    assert!(
        !shown.contains("key-0001") && !shown.contains("secret-0001"),
        "{shown}"
    );
}
