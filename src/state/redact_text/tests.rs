//! Fixed texts with what Vibe-Trading 0.1.18 makes of them, and what ours hides beyond that.

use serde_json::Value;

use super::*;

#[test]
fn texts_become_what_vibe_trading_makes_of_them() {
    let rows: Vec<Value> =
        serde_json::from_str(include_str!("../../../tests/contract/redacted_texts.json")).unwrap();
    assert!(rows.len() > 80, "only {} rows", rows.len());
    for row in rows {
        let (text, redacted) = (row["text"].as_str().unwrap(), row["redacted"].as_str().unwrap());
        assert_eq!(redact_text(text), redacted, "{text:?}");
    }
}

#[test]
fn what_bybit_echoes_is_hidden() {
    for (text, redacted) in [
        (
            "error sign! origin_string[1700000000000XXXXkey5000{\"symbols\":[\"BTCUSDT\"]}], try again",
            "error sign! origin_string[redacted]",
        ),
        (
            "origin_string[1700000000000XXXXkey5000{\"a\":1",
            "origin_string[redacted]",
        ),
        (
            "origin_string: 1700000000000XXXXkey5000",
            "origin_string: [redacted]",
        ),
        (
            "X-BAPI-SIGN: 0123abcd, X-BAPI-API-KEY: k",
            "X-BAPI-SIGN: [redacted], X-BAPI-API-KEY: [redacted]",
        ),
        ("a=1&sign=0123abcd&b=2", "a=1&sign=[redacted]"),
        ("sign: token: abc", "sign: [redacted] [redacted]"),
        ("design: a plan, signed=1", "design: a plan, signed=1"),
    ] {
        assert_eq!(redact_text(text), redacted);
    }
}

#[test]
fn a_value_inside_a_quoted_text_and_one_that_was_cut_are_hidden() {
    for (text, redacted) in [
        (
            r#"{"body": "{\"api_secret\": \"zzz\", \"q\": 1}"}"#,
            r#"{"body": "{\"api_secret\": \"[redacted]\", \"q\": 1}"}"#,
        ),
        ("\"api_secret\": \"zz z", "\"api_secret\": \"[redacted]"),
    ] {
        assert_eq!(redact_text(text), redacted);
    }
}

#[test]
fn each_shape_ends_where_it_should() {
    for (text, redacted) in [
        ("origin_strings are long", "origin_strings are long"),
        (
            r#"curl -H "Cookie: a=\"b c\"; d=e" http://x"#,
            r#"curl -H "Cookie: [redacted]" http://x"#,
        ),
        ("\"Cookie: a\nb\" c", "\"Cookie: [redacted]\nb\" c"),
        ("Authorization: basicfoo x", "Authorization: [redacted] x"),
        ("Authorization: Basic , x", "Authorization: [redacted] , x"),
        ("api_key=\"a b\nnext line", "api_key=\"[redacted]\nnext line"),
        ("it says api_key=\"", "it says api_key=\""),
        ("the secret\": x", "the secret\": x"),
        ("\"secret: x\"", "\"secret: [redacted]\""),
        ("password: basic information", "password: [redacted] information"),
        ("password: basic[redacted]", "password: [redacted][redacted]"),
        ("token: bearer", "token: bearer"),
        ("token: bearerx", "token: [redacted]"),
    ] {
        assert_eq!(redact_text(text), redacted, "{text:?}");
    }
}

#[test]
fn tokens_without_a_label_end_where_their_letters_do() {
    let discord = "d".repeat(30);
    for (text, redacted) in [
        (
            format!("https://hooks.slack.com/services/T1/B2/{}", "c".repeat(20)),
            "https://hooks.slack.com/services/T1/B2/[redacted]".to_owned(),
        ),
        ("xoxb-1234567890-ab tail".to_owned(), "[redacted] tail".to_owned()),
        (
            format!("github_pat_{}_{} tail", "a".repeat(11), "a".repeat(10)),
            "[redacted] tail".to_owned(),
        ),
    ] {
        assert_eq!(redact_text(&text), redacted, "{text:?}");
    }
    for text in [
        format!("https://hooks.slack.com/services//B2/{}", "c".repeat(20)),
        format!("https://hooks.slack.com/services/T1/B2/{}", "c".repeat(19)),
        format!("https://discord.com/api/v/webhooks/123/{discord}"),
        format!("https://discord.com/api/webhooks//{discord}"),
        format!(":{}", "A".repeat(35)),
    ] {
        assert_eq!(redact_text(&text), text);
    }
}
