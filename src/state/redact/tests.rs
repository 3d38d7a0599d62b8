//! The contract's vectors, and what ours hides beyond them.

use proptest::prelude::*;
use serde_json::json;

use super::*;

/// Where ours hides more than Vibe-Trading: the vector, the path in it, and what ours makes of it.
const HIDDEN_BEYOND: [(usize, &str, &str); 3] = [
    (3, "/error", "failed: api_key=[redacted] sign=[redacted]"),
    (4, "/error", "origin_string[redacted]"),
    (5, "/broker_request/X-BAPI-SIGN", "[redacted]"),
];

#[test]
fn payloads_become_what_vibe_trading_makes_of_them() {
    let text = include_str!("../../../tests/contract/redaction.json");
    let vectors: Vec<Value> = serde_json::from_str(text).unwrap();
    assert_eq!(vectors.len(), 6);
    for (index, vector) in vectors.iter().enumerate() {
        let mut expected = vector["upstream"].clone();
        for (_, path, ours) in HIDDEN_BEYOND.iter().filter(|(at, _, _)| *at == index) {
            let theirs = expected.pointer_mut(path).unwrap();
            assert_ne!(*theirs, **ours, "no difference any more at {path}");
            *theirs = Value::from(*ours);
        }
        assert_eq!(redact(&vector["input"]), expected, "vector {index}");
    }
}

#[test]
fn counts_of_tokens_are_shown_and_nothing_else_under_such_a_key() {
    let value = json!({
        "token_budget": 5, "total_input_tokens": null, "cacheReadTokens": -1, "token_source": "provider",
        "tokenSource": "mine", "clob_token_id": "115792089237316195423570985008687907853269984665640564039457584007913129639935",
        "clobTokenId": "115792089237316195423570985008687907853269984665640564039457584007913129639936",
        "token_usage": {"in": 5, "out": {"n": 1}, "note": "x", "access_token": 7, "token_source": "estimated"},
    });
    assert_eq!(
        redact(&value),
        json!({
            "token_budget": 5, "total_input_tokens": null, "cacheReadTokens": MASK, "token_source": "provider",
            "tokenSource": MASK, "clob_token_id": "115792089237316195423570985008687907853269984665640564039457584007913129639935",
            "clobTokenId": MASK,
            "token_usage": {"in": 5, "out": {"n": 1}, "note": MASK, "access_token": MASK, "token_source": "estimated"},
        })
    );
}

#[test]
fn known_secrets_go_wherever_they_stand() {
    let redactor = Redactor::new(vec![
        Secret::new("hunter2hunter2".into()),
        Secret::new("10004".into()),
    ]);
    assert_eq!(
        redactor
            .redact(&json!({"a-hunter2hunter2-b": ["x hunter2hunter2 y", {"n": 10004, "m": 5}], "ok": true})),
        json!({"a-[redacted]-b": ["x [redacted] y", {"n": MASK, "m": 5}], "ok": true})
    );
    assert_eq!(redactor.redact_text("key hunter2hunter2!"), "key [redacted]!");
    assert!(!format!("{redactor:?}").contains("hunter2"));
}

#[test]
fn each_line_of_a_key_file_is_a_secret_of_its_own() {
    let body = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC";
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{body}\nshort\n-----END PRIVATE KEY-----\n");
    let redactor = Redactor::new(vec![Secret::new(pem)]);
    assert_eq!(
        redactor.redact_text(&format!("line {body} of it")),
        "line [redacted] of it"
    );
    assert_eq!(redactor.redact_text("short of it"), "short of it");
}

#[test]
fn a_secret_that_is_a_part_of_the_mask_is_hidden_too() {
    for secret in ["red", "]", "[redacted]", "*", "e", "d]["] {
        let redactor = Redactor::new(vec![Secret::new(secret.into()), Secret::new("*".into())]);
        let text = redactor.redact_text("shredded *** [redacted][redacted] token=abc");
        assert!(!text.contains(secret) && !text.contains('*'), "{secret}: {text}");
    }
    assert_eq!(
        Redactor::new(vec![Secret::new(String::new())]).redact_text("as it is"),
        "as it is"
    );
}

#[test]
fn only_a_number_below_2_to_the_256_names_a_market() {
    for (id, shown) in [
        ("5", true),
        ("", false),
        ("12a", false),
        (&"0".repeat(78), true),
        (&"0".repeat(79), false),
    ] {
        let shown = if shown { id } else { MASK };
        assert_eq!(
            redact(&json!({"clob_token_id": id})),
            json!({"clob_token_id": shown}),
            "{id}"
        );
    }
}

#[test]
fn a_report_of_usage_that_is_no_object_is_shown_when_it_is_a_count() {
    for (usage, shown) in [
        (json!(5), json!(5)),
        (json!(null), json!(null)),
        (json!("5"), json!(MASK)),
        (json!([5]), json!(MASK)),
        (json!({"token_usage": [5]}), json!({"token_usage": MASK})),
    ] {
        assert_eq!(
            redact(&json!({"token_usage": usage})),
            json!({"token_usage": shown})
        );
    }
}

proptest! {
    #[test]
    fn no_registered_secret_is_ever_in_the_output(
        secrets in prop::collection::vec("[a-c\\[\\]d=\" ]{1,6}", 1..4),
        pieces in prop::collection::vec("[a-e\\[\\]=\" ]{0,6}", 0..8),
        key in "[a-d]{0,6}",
    ) {
        let mut text = pieces.join(&secrets[0]);
        text.push_str(&secrets[secrets.len() - 1]);
        let redactor = Redactor::new(secrets.iter().cloned().map(Secret::new).collect());
        let output = redactor.redact(&json!({key + &secrets[0]: [text.clone()], "n": {"x": text}}));
        let mut texts = Vec::new();
        collect(&output, &mut texts);
        for secret in &secrets {
            prop_assert!(texts.iter().all(|text| !text.contains(secret.as_str())), "{secret:?} in {output}");
        }
    }

    #[test]
    fn redacting_twice_changes_nothing(text in "(api_key|token|sign|Cookie|Bearer|origin_string|://|@|:|=|\"|'|\\[|\\]|\\\\| |a|eyJ|\\n){0,24}") {
        let once = redact_text(&text);
        prop_assert_eq!(redact_text(&once), once.clone(), "{:?}", text);
    }

    #[test]
    fn any_text_is_redacted_without_a_panic(text in "\\PC{0,200}") {
        let _ = redact_text(&text);
    }
}

fn collect(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(key, value)| {
            texts.push(key.clone());
            collect(value, texts);
        }),
        Value::Array(items) => items.iter().for_each(|item| collect(item, texts)),
        Value::String(text) => texts.push(text.clone()),
        _ => {}
    }
}
