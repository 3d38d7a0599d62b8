//! The text of a query, encoded once: what is signed is what is sent (facts §1.1).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::venue::VenueError;

/// Everything but the unreserved characters of RFC 3986.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Bybit's cursors come back percent-encoded already and go back as they are.
const VERBATIM: &str = "cursor";

/// Joins names and values; empty values are left out.
pub(super) fn encode(pairs: &[(&'static str, String)]) -> Result<String, VenueError> {
    let mut query = String::new();
    for (name, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
        if !query.is_empty() {
            query.push('&');
        }
        query.push_str(name);
        query.push('=');
        if *name == VERBATIM {
            query.push_str(checked_cursor(value)?);
        } else {
            query.extend(utf8_percent_encode(value, ENCODED));
        }
    }
    Ok(query)
}

/// A cursor is opaque, but it must not end its own parameter or change on the way.
fn checked_cursor(cursor: &str) -> Result<&str, VenueError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"%-._~=:,+/!*$@;()".contains(&byte);
    if cursor.len() <= 2_000 && cursor.bytes().all(plain) {
        return Ok(cursor);
    }
    Err(VenueError::Unreadable(
        "the cursor holds characters that no nextPageCursor has; give it back exactly as it came".to_owned(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_encoded_once_and_a_cursor_not_at_all() {
        let pairs = [
            ("category", "linear".to_owned()),
            ("coin", "BTC,USDT".to_owned()),
            ("note", "a b+c&d=é".to_owned()),
            ("symbol", String::new()),
            ("cursor", "132766%3A2%2C132766%3A2".to_owned()),
        ];
        assert_eq!(
            encode(&pairs).unwrap(),
            "category=linear&coin=BTC%2CUSDT&note=a%20b%2Bc%26d%3D%C3%A9&cursor=132766%3A2%2C132766%3A2"
        );
    }

    #[test]
    fn a_cursor_cannot_smuggle_in_another_parameter() {
        for cursor in ["a&symbol=ETHUSDT", "a#b", "a b", "a\"b", "é"] {
            assert!(encode(&[("cursor", cursor.to_owned())]).is_err(), "{cursor}");
        }
    }
}
