//! Who signed this request, and when: Bybit's header, time and signature rules.

use axum::http::HeaderMap;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::keys::{Key, Keys};
use crate::domain::secret::Secret;
use crate::sim::call::Refusal;

/// Bybit's window when the header is absent.
const DEFAULT_WINDOW: &str = "5000";
/// How far ahead of the server a client's clock may be; the bound itself is outside.
const AHEAD_MS: i64 = 1000;

/// Why a request was not let in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// No authentication header at all: HTTP 401 without a body.
    Unauthorized,
    /// Refused inside an envelope.
    Refused(Refusal),
}

/// Checks the headers of a private request; `payload` is the raw query or the raw body.
pub(crate) fn check(keys: &Keys, headers: &HeaderMap, payload: &[u8], clock: i64) -> Result<Key, Denied> {
    let header = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    let (key, stamp, sign) = (
        header("x-bapi-api-key"),
        header("x-bapi-timestamp"),
        header("x-bapi-sign"),
    );
    if key.is_empty() && stamp.is_empty() && sign.is_empty() {
        return Err(Denied::Unauthorized);
    }
    let window = match header("x-bapi-recv-window") {
        "" => DEFAULT_WINDOW,
        text => text,
    };
    signed(keys, key, stamp, sign, window, payload, clock).map_err(Denied::Refused)
}

/// Checks the arguments of a stream's `auth`: the key, when the offer expires, and the signature over both.
pub(crate) fn check_stream(
    keys: &Keys,
    key: &str,
    expires: &str,
    sign: &str,
    clock: i64,
) -> Result<Key, Refusal> {
    let key = keys
        .find(key)
        .ok_or_else(|| Refusal::new(10003, "Invalid apikey"))?;
    key.admit()?;
    if !expires.parse::<i64>().is_ok_and(|expires| expires > clock) {
        return Err(Refusal::new(10004, "Params Error: expires"));
    }
    if keys.has_signed(&key, format!("GET/realtime{expires}").as_bytes(), sign) {
        return Ok(key);
    }
    Err(Refusal::new(10004, "error sign!"))
}

/// The time rule alone, for orders that come over a stream already authenticated.
pub(crate) fn on_time(stamp: &str, window: &str, clock: i64) -> Result<(), Refusal> {
    let window = if window.is_empty() { DEFAULT_WINDOW } else { window };
    let (Ok(time), Ok(recv)) = (stamp.parse::<i64>(), window.parse::<i64>()) else {
        return Err(Refusal::params("X-BAPI-TIMESTAMP invalid"));
    };
    in_time(time, recv, clock)
}

fn in_time(time: i64, recv: i64, clock: i64) -> Result<(), Refusal> {
    if time >= clock.saturating_sub(recv) && time < clock.saturating_add(AHEAD_MS) {
        return Ok(());
    }
    let text = format!(
        "invalid request, please check your server timestamp or recv_window param. \
         req_timestamp[{time}],server_timestamp[{clock}],recv_window[{recv}]"
    );
    Err(Refusal::new(10002, text))
}

fn signed(
    keys: &Keys,
    key: &str,
    stamp: &str,
    sign: &str,
    window: &str,
    payload: &[u8],
    clock: i64,
) -> Result<Key, Refusal> {
    let (Ok(time), Ok(recv), false, false) = (
        stamp.parse::<i64>(),
        window.parse::<i64>(),
        key.is_empty(),
        sign.is_empty(),
    ) else {
        let text = format!(
            "empty value: apiTimestamp[{stamp}] apiKey[{key}] apiSignature[{sign}]: openapi sign params error!"
        );
        return Err(Refusal::new(10001, text));
    };
    let found = keys
        .find(key)
        .ok_or_else(|| Refusal::new(10003, "API key is invalid."))?;
    found.admit()?;
    in_time(time, recv, clock)?;
    let mut origin = format!("{stamp}{key}{window}").into_bytes();
    origin.extend_from_slice(payload);
    if keys.has_signed(&found, &origin, sign) {
        return Ok(found);
    }
    // The real exchange echoes the signing string too, so clients learn here to redact it.
    let echo = String::from_utf8_lossy(&origin);
    Err(Refusal::new(10004, format!("error sign! origin_string[{echo}]")))
}

/// HMAC-SHA256 in lower-case hex.
/// Whether `sign` is the HMAC of `message`, compared without telling how much of it fits.
pub(crate) fn is_hmac(secret: &Secret, message: &[u8], sign: &str) -> bool {
    hmac_hex(secret, message).as_bytes().ct_eq(sign.as_bytes()).into()
}

fn hmac_hex(secret: &Secret, message: &[u8]) -> String {
    // HMAC takes keys of any length; should that ever fail, an empty text matches no signature.
    Hmac::<Sha256>::new_from_slice(secret.reveal().as_bytes())
        .map(|mut mac| {
            mac.update(message);
            hex::encode(mac.finalize().into_bytes())
        })
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLOCK: i64 = 1_700_000_000_000;

    fn keys() -> Keys {
        Keys::new("test_api_key".into(), Secret::new("test_secret".into()), None).unwrap()
    }

    fn attempt(stamp: i64, window: &str, payload: &str, clock: i64) -> i64 {
        let origin = format!("{stamp}test_api_key{window}{payload}");
        let sign = hmac_hex(&Secret::new("test_secret".into()), origin.as_bytes());
        let stamp = stamp.to_string();
        signed(
            &keys(),
            "test_api_key",
            &stamp,
            &sign,
            window,
            payload.as_bytes(),
            clock,
        )
        .map_or_else(|refusal| refusal.code, |_| 0)
    }

    #[test]
    fn the_window_is_closed_on_the_left_and_open_on_the_right() {
        assert_eq!(attempt(CLOCK - 5000, "5000", "", CLOCK), 0);
        assert_eq!(attempt(CLOCK - 5001, "5000", "", CLOCK), 10002);
        assert_eq!(attempt(CLOCK + 999, "5000", "", CLOCK), 0);
        assert_eq!(attempt(CLOCK + 1000, "15000", "", CLOCK), 10002);
    }

    #[test]
    fn signatures_made_elsewhere_are_accepted() {
        for (payload, sign) in [
            (
                "category=linear&symbol=BTCUSDT",
                "fd4f31228a46109dc6673062328693696df9a96c7ff04e6491a45e7f63a0fdd7",
            ),
            (
                r#"{"category": "linear",  "symbol":"BTCUSDT"}"#,
                "ffac4d9ce724b8d600c0edd8b7ed17533792b39febdecd53870d1aa63b98011e",
            ),
        ] {
            let check = |payload: &str, sign: &str| {
                let stamp = CLOCK.to_string();
                signed(
                    &keys(),
                    "test_api_key",
                    &stamp,
                    sign,
                    "5000",
                    payload.as_bytes(),
                    CLOCK,
                )
            };
            assert!(check(payload, sign).is_ok());
            assert_eq!(check(payload, &sign.to_uppercase()).unwrap_err().code, 10004);
            assert_eq!(check(&format!("{payload} "), sign).unwrap_err().code, 10004);
        }
    }

    #[test]
    fn a_published_hmac_vector_holds() {
        // RFC 4231, test case 2.
        assert_eq!(
            hmac_hex(&Secret::new("Jefe".into()), b"what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn headers_are_told_apart() {
        let mut headers = HeaderMap::new();
        assert_eq!(check(&keys(), &headers, b"", CLOCK), Err(Denied::Unauthorized));
        headers.insert("x-bapi-sign", "00".parse().unwrap());
        let code = |headers: &HeaderMap| match check(&keys(), headers, b"a=1", CLOCK) {
            Err(Denied::Refused(refusal)) => (refusal.code, refusal.message),
            other => panic!("{other:?}"),
        };
        assert_eq!(code(&headers).0, 10001);
        headers.insert("x-bapi-timestamp", CLOCK.to_string().parse().unwrap());
        headers.insert("x-bapi-api-key", "other".parse().unwrap());
        assert_eq!(code(&headers).0, 10003);
        headers.insert("x-bapi-api-key", "test_api_key".parse().unwrap());
        assert_eq!(
            code(&headers),
            (
                10004,
                "error sign! origin_string[1700000000000test_api_key5000a=1]".into()
            )
        );
    }
}
