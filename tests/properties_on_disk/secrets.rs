//! Keys, secrets and signatures, wherever they are put, are in no ledger, no error and no debugging output.

use std::fs;

use mandated::domain::secret::Secret;
use mandated::mcp::token::token_from;
use mandated::state::ledger::Ledger;
use mandated::state::redact::Redactor;
use mandated::venue::bybit::{BybitConfig, BybitVenue};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::cases::cases;
use crate::ledgers::{World, record};

/// As exchanges issue them: letters and digits, base64 of a signature, a hexadecimal one.
fn secret() -> impl Strategy<Value = String> {
    prop_oneof![
        "[A-Za-z0-9]{18}",
        "[A-Za-z0-9]{36}",
        "[0-9a-f]{64}",
        "[A-Za-z0-9+/]{40,86}=",
        "[A-Za-z0-9\"\\\\é ]{12,20}",
    ]
}

/// Text around a secret, as errors and echoes have it.
fn around() -> impl Strategy<Value = (String, String)> {
    let front = prop_oneof![
        "\\PC{0,12}",
        Just("origin_string[1700000000000".to_owned()),
        Just("X-BAPI-SIGN: ".to_owned()),
        Just("https://user:".to_owned()),
        Just("{\"secret\":\"".to_owned()),
        Just("\\u0041".to_owned()),
    ];
    let back = prop_oneof![
        "\\PC{0,12}",
        Just("\"}".to_owned()),
        Just("5000a=1]".to_owned()),
        Just("@host".to_owned())
    ];
    (front, back)
}

/// Every key and text in a value, decoded.
fn texts(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(name, value)| {
            into.push(name.clone());
            texts(value, into);
        }),
        Value::Array(items) => items.iter().for_each(|item| texts(item, into)),
        other => into.push(other.as_str().map_or_else(|| other.to_string(), str::to_owned)),
    }
}

proptest! {
    #![proptest_config(cases(100))]

    #[test]
    fn no_ledger_line_holds_a_secret(secrets in prop::collection::vec(secret(), 1..4), (front, back) in around()) {
        let world = World::new();
        let redactor = Redactor::new(secrets.iter().cloned().map(Secret::new).collect());
        let hidden = format!("{front}{}{back}{}", secrets[0], secrets.last().unwrap());
        let mut record = record(1);
        record.session_id = hidden.clone();
        record.intent_normalized = Some(hidden.clone());
        record.error = Some(hidden.clone());
        record.remote_tool = Some(hidden.clone());
        record.broker_request = json!({"headers": {"X-BAPI-SIGN": secrets[0]}, hidden.clone(): [hidden.clone()], "args": {"order_link_id": secrets[0]}});
        record.broker_response = json!({"retMsg": hidden, "list": [{"a": secrets[0]}, secrets[0]]});
        record.gate_decision = json!({"reason": hidden});
        let written = Ledger::open(&world.files, redactor).append(&record).unwrap();
        let mut seen = vec![format!("{written:?}")];
        for path in [world.files.audit(), world.files.audit_chain()] {
            let text = fs::read_to_string(path).unwrap();
            texts(&serde_json::from_str(&text).unwrap(), &mut seen);
            seen.push(text);
        }
        for secret in &secrets {
            prop_assert!(seen.iter().all(|text| !text.contains(secret.as_str())), "{secret} in {seen:?}");
        }
    }

    #[test]
    fn no_debugging_output_holds_a_secret(key in "[A-Za-z0-9]{18}", secret in "[A-Za-z0-9]{36}") {
        let config = BybitConfig::paper("http://127.0.0.1:9".parse().unwrap(), &key, &secret).unwrap();
        let shown = format!("{config:#?} {config:?}");
        let venue = BybitVenue::new(config);
        let redactor = Redactor::new(vec![Secret::new(key.clone()), Secret::new(secret.clone())]);
        let world = World::new();
        let ledger = Ledger::open(&world.files, redactor.clone());
        let all = format!("{shown} {venue:#?} {redactor:#?} {ledger:?} {:?}", Secret::new(secret.clone()));
        prop_assert!(!all.contains(&secret), "{all}");
        prop_assert!(!all.contains(&key), "{all}");
    }

    #[test]
    fn no_setting_that_is_wrong_shows_the_key_or_the_secret(
        key in "[A-Za-z0-9]{18}",
        secret in "[A-Za-z0-9]{36}",
        bad in prop_oneof![Just(""), Just(" "), Just("\n"), Just("\u{7}"), Just("é"), Just("${"), Just("-----BEGIN PRIVATE KEY-----")],
        in_file in any::<bool>(),
        rsa in any::<bool>(),
        testnet in prop::option::of("(1|0|maybe)"),
    ) {
        let (key, wrong) = (format!("{key}{bad}"), format!("{secret}{bad}{secret}"));
        let env = |name: &str| match name {
            "BYBIT_API_KEY" => Some(key.clone()),
            "BYBIT_API_SECRET" => (!in_file).then(|| wrong.clone()),
            "BYBIT_API_SECRET_FILE" => (in_file && !rsa).then(|| "/a".to_owned()),
            "BYBIT_RSA_PRIVATE_KEY_FILE" => rsa.then(|| "/b".to_owned()),
            "BYBIT_TESTNET" => testnet.clone(),
            _ => None,
        };
        let shown = match BybitConfig::from_env(&env, &|_| Ok(wrong.clone())) {
            Ok(config) => format!("{config:?} {:?}", BybitVenue::new(config.clone())),
            Err(error) => format!("{error} {error:?}"),
        };
        prop_assert!(!shown.contains(&secret), "{shown}");
        prop_assert!(!shown.contains(key.trim()), "{shown}");
    }

    #[test]
    fn no_error_about_a_token_or_a_key_holds_it(token in "[A-Za-z0-9]{20}", bad in prop_oneof![Just(" "), Just("\u{7}"), Just("é"), Just("${"), Just("\n")]) {
        let world = World::new();
        let wrong = format!("{token}{bad}{token}");
        let file = world.files.live_folder().join("http_token");
        if let Err(error) = token_from(Some(&wrong), &file) {
            let shown = format!("{error} {error:?}");
            prop_assert!(!shown.contains(&token), "{shown}");
        }
        fs::write(&file, &wrong).unwrap();
        if let Err(error) = token_from(None, &file) {
            let shown = format!("{error} {error:?}");
            prop_assert!(!shown.contains(&token), "{shown}");
        }
    }
}
