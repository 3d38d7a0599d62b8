//! `schemas/mandate.schema.json` and `schemas/audit_record.schema.json`: made here from what the code accepts, so
//! that neither can say something else than the program does.
//!
//! `UPDATE_SCHEMAS=1 cargo test --test schemas_files` writes the files. The tools' schemas are `mcp_schemas`'.

#![cfg(test)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use chrono::Utc;
use mandated::domain::mandate::{Mandate, MandateError, SCHEMA_VERSION};
use mandated::gate::Decision;
use mandated::state::audit_record::{AuditKind, AuditOutcome, AuditRecord};
use serde_json::{Map, Value, json};

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Cases of the contract that no schema can refuse: it sees a value, not its text.
const BEYOND_A_SCHEMA: [&str; 1] = ["duplicate cap key, the larger last"];

fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn read_json(path: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(file(path)).unwrap()).unwrap()
}

fn example() -> Value {
    read_json("examples/mandate.json")
}

/// The words that the parser knows for a list, asked of the parser itself.
fn vocabulary(section: &str, field: &str) -> Vec<String> {
    let mut mandate = example();
    mandate[section][field] = json!(["no such word"]);
    match Mandate::parse(&mandate.to_string()) {
        Err(MandateError::UnknownWord { allowed, .. }) => allowed.split(", ").map(str::to_owned).collect(),
        other => panic!("{section}.{field}: {other:?}"),
    }
}

/// The variants that serde knows for an enum, asked of serde itself.
fn variants<T: serde::de::DeserializeOwned>() -> Vec<String> {
    match serde_json::from_value::<T>(json!("no such word")) {
        Ok(_) => panic!("a word that is none was read"),
        Err(error) => {
            let text = error.to_string();
            let words: Vec<String> = text.split('`').skip(3).step_by(2).map(str::to_owned).collect();
            assert!(!words.is_empty(), "{text}");
            words
        }
    }
}

fn object(description: &str, required: &[&str], properties: &[(&str, Value)]) -> Value {
    let properties: Map<String, Value> = properties
        .iter()
        .map(|(name, schema)| ((*name).to_owned(), schema.clone()))
        .collect();
    json!({"type": "object", "description": description, "required": required, "properties": properties})
}

fn described(mut schema: Value, description: &str) -> Value {
    schema["description"] = description.into();
    schema
}

fn usd(description: &str) -> Value {
    described(json!({"type": "number", "minimum": 0}), description)
}

fn floor(description: &str) -> Value {
    described(json!({"type": ["number", "null"], "minimum": 0}), description)
}

fn text(description: &str) -> Value {
    described(json!({"type": "string"}), description)
}

fn optional_text(description: &str) -> Value {
    described(json!({"type": ["string", "null"]}), description)
}

fn words(of: &[String], description: &str) -> Value {
    described(
        json!({"type": "array", "items": {"type": "string", "enum": of}}),
        description,
    )
}

fn mandate_schema() -> Value {
    let caps = object(
        "Ceilings, in US dollars unless it says otherwise. Zero allows nothing.",
        &[
            "account_funding_usd",
            "max_order_notional_usd",
            "max_total_exposure_usd",
            "max_leverage",
            "allowed_instruments",
            "max_trades_per_day",
        ],
        &[
            (
                "account_funding_usd",
                usd("What leverage is measured against, and the most that a buy may bring the exposure to."),
            ),
            (
                "max_order_notional_usd",
                usd("One order, at the worst price that it can fill at."),
            ),
            (
                "max_total_exposure_usd",
                usd("All positions after the order, resting and in-flight orders included."),
            ),
            (
                "max_leverage",
                usd("Exposure over account_funding_usd, as a multiple."),
            ),
            (
                "allowed_instruments",
                words(
                    &vocabulary("hard_caps", "allowed_instruments"),
                    "What may be traded; `crypto` is all that Bybit has here.",
                ),
            ),
            (
                "max_trades_per_day",
                described(json!({"type": "integer", "minimum": 0}), "Orders in one UTC day."),
            ),
        ],
    );
    let universe = object(
        "What the agent may choose from.",
        &[
            "asset_classes",
            "min_market_cap_usd",
            "min_avg_daily_volume_usd",
            "exclude_symbols",
        ],
        &[
            (
                "asset_classes",
                words(
                    &vocabulary("universe", "asset_classes"),
                    "Without `crypto` nothing is traded.",
                ),
            ),
            (
                "min_market_cap_usd",
                floor("null: no floor. A floor refuses every order: Bybit does not say a coin's market cap."),
            ),
            (
                "min_avg_daily_volume_usd",
                floor("null: no floor. Mean daily turnover over the trailing 45 days."),
            ),
            (
                "exclude_symbols",
                described(
                    json!({"type": "array", "items": {"type": "string", "minLength": 1}}),
                    "Never traded: a coin (`DOGE`: whatever is traded of it) or a symbol, in any spelling (`DOGE-USDT`). One an entry, in letters, digits and - / _ . : between them; an entry that can match nothing makes the mandate invalid.",
                ),
            ),
        ],
    );
    let consent = object(
        "Who agreed, to what account, until when.",
        &[
            "created_at",
            "consent_token_sha256",
            "broker",
            "account_ref",
            "expires_at",
        ],
        &[
            ("created_at", text("When it was committed.")),
            (
                "consent_token_sha256",
                text("Names this consent in every ledger record."),
            ),
            (
                "broker",
                text("The broker key that it was given for; another one's mandate is none."),
            ),
            (
                "account_ref",
                text("An opaque name for the account; written to the ledger, not sent anywhere."),
            ),
            (
                "expires_at",
                text(
                    "ISO 8601, for example 2026-12-21T00:00:00Z; without an offset it is UTC. What cannot be read has expired.",
                ),
            ),
        ],
    );
    let mut schema = object(
        "What a person lets an agent do. Unknown keys are ignored; repeated ones are refused.",
        &["schema_version", "hard_caps", "universe", "consent"],
        &[
            (
                "schema_version",
                described(
                    json!({"const": SCHEMA_VERSION}),
                    "The gate trades on this version alone.",
                ),
            ),
            ("hard_caps", caps),
            ("universe", universe),
            ("consent", consent),
            (
                "flatten_on_halt",
                described(
                    json!({"type": "boolean", "default": false}),
                    "Whether a sweep on HALT closes positions as well; absent means false.",
                ),
            ),
        ],
    );
    titled(&mut schema, "mandate.json")
}

fn audit_schema() -> Value {
    let decisions = [Decision::Allow, Decision::Deny, Decision::PauseForReauth].map(Decision::word);
    let whatever = |description: &str| described(json!({"type": ["object", "null"]}), description);
    let id = json!({"type": "string", "minLength": 35, "maxLength": 35});
    let hash = json!({"type": "string", "minLength": 71, "maxLength": 71});
    let gate_decision = json!({
        "type": ["object", "null"],
        "description": "What the gate said, and which checks ran.",
        "properties": {
            "allowed": {"type": "boolean"},
            "decision": {"type": "string", "enum": decisions},
            "checked_limits": {"type": "array", "items": {"type": "string"}},
        }
    });
    let required: Vec<String> = record_keys();
    let required: Vec<&str> = required.iter().map(String::as_str).collect();
    let mut schema = object(
        "One line of audit.jsonl; with the last three keys, one line of audit_chain.jsonl. Redacted.",
        &required,
        &[
            ("audit_id", described(id, "`la_` and 32 hexadecimal digits.")),
            (
                "ts",
                text("UTC, cut to milliseconds: 2026-06-02T09:15:49.482+00:00."),
            ),
            ("session_id", text("Venue and process.")),
            (
                "kind",
                described(
                    json!({"type": "string", "enum": variants::<AuditKind>()}),
                    "What happened.",
                ),
            ),
            (
                "intent_normalized",
                optional_text("What was wanted, for a person."),
            ),
            (
                "mandate_snapshot_ref",
                optional_text("consent_token_sha256 of the mandate."),
            ),
            ("consent_record_ref", optional_text("account_ref of the mandate.")),
            (
                "broker_request",
                whatever("The request as it is sent, or the arguments where none was made."),
            ),
            ("broker_response", whatever("What the exchange said.")),
            (
                "outcome",
                described(
                    json!({"type": "string", "enum": variants::<AuditOutcome>()}),
                    "blocked: refused here; rejected: the exchange's no; unknown: nobody can say yet.",
                ),
            ),
            ("gate_decision", gate_decision),
            ("server", text("The broker key.")),
            ("remote_tool", optional_text("The tool that was called.")),
            ("error", optional_text("Why it did not go as asked.")),
            (
                "seq",
                described(
                    json!({"type": "integer", "minimum": 0}),
                    "Chained ledger alone: place in the chain.",
                ),
            ),
            (
                "prev_record_hash",
                described(
                    json!({"type": ["string", "null"]}),
                    "Chained ledger alone: hash of the record before.",
                ),
            ),
            (
                "record_hash",
                described(
                    hash,
                    "Chained ledger alone: `sha256:` and 64 hexadecimal digits, of the canonical record.",
                ),
            ),
        ],
    );
    schema["additionalProperties"] = json!(false);
    titled(&mut schema, "audit record")
}

fn titled(schema: &mut Value, title: &str) -> Value {
    let mut whole = Map::new();
    whole.insert("$schema".to_owned(), DIALECT.into());
    whole.insert("title".to_owned(), title.into());
    whole.extend(schema.as_object().unwrap().clone());
    Value::Object(whole)
}

/// The keys of a record as it is written, in order.
fn record_keys() -> Vec<String> {
    let record = AuditRecord::new(
        Utc::now(),
        "bybit",
        "paper:1",
        AuditKind::OrderSubmitted,
        AuditOutcome::Pending,
    );
    let value = serde_json::to_value(record.unwrap()).unwrap();
    value.as_object().unwrap().keys().cloned().collect()
}

#[test]
fn files_equal_what_the_code_makes() {
    for (path, schema) in [
        ("schemas/mandate.schema.json", mandate_schema()),
        ("schemas/audit_record.schema.json", audit_schema()),
    ] {
        let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        if std::env::var_os("UPDATE_SCHEMAS").is_some() {
            fs::write(file(path), &text).unwrap();
        }
        let on_disk = fs::read_to_string(file(path)).unwrap_or_default();
        assert_eq!(on_disk, text, "{path} is stale: run UPDATE_SCHEMAS=1");
    }
}

/// As much of JSON Schema as these two use; a keyword that is not known here fails the test.
fn violation(schema: &Value, value: &Value) -> Option<String> {
    let number = value.as_f64();
    for (keyword, rule) in schema.as_object().unwrap() {
        let holds = match keyword.as_str() {
            "$schema" | "title" | "description" | "default" => true,
            "type" => match rule {
                Value::Array(kinds) => kinds.iter().any(|kind| is_kind(kind, value)),
                kind => is_kind(kind, value),
            },
            "const" => value == rule,
            "enum" => rule.as_array().unwrap().contains(value),
            "minimum" => number.is_none_or(|number| number >= rule.as_f64().unwrap()),
            "minLength" => length(value).is_none_or(|length| length >= rule.as_u64().unwrap()),
            "maxLength" => length(value).is_none_or(|length| length <= rule.as_u64().unwrap()),
            "required" => value.as_object().is_none_or(|members| {
                let names = rule.as_array().unwrap().iter();
                names
                    .map(|name| name.as_str().unwrap())
                    .all(|name| members.contains_key(name))
            }),
            "additionalProperties" => value.as_object().is_none_or(|members| {
                assert_eq!(rule, false);
                members
                    .keys()
                    .all(|name| schema["properties"].get(name).is_some())
            }),
            "properties" | "items" => true,
            other => panic!("{other} is not checked here"),
        };
        if !holds {
            return Some(format!("{keyword} {rule} does not hold for {value}"));
        }
    }
    let members = schema["properties"].as_object().into_iter().flatten();
    let of_members = members.filter_map(|(name, schema)| violation(schema, value.get(name)?));
    let items = value.as_array().into_iter().flatten();
    let of_items = items
        .filter(|_| schema.get("items").is_some())
        .filter_map(|item| violation(&schema["items"], item));
    of_members.chain(of_items).next()
}

fn length(value: &Value) -> Option<u64> {
    value.as_str().map(|text| text.chars().count() as u64)
}

fn is_kind(kind: &Value, value: &Value) -> bool {
    match kind.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        // 50.0 is a whole number to JSON Schema.
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        other => panic!("{other}"),
    }
}

#[test]
fn the_checker_finds_what_is_wrong() {
    let schema = json!({"type": "object", "required": ["a"], "additionalProperties": false,
        "properties": {"a": {"type": "array", "items": {"type": "integer", "minimum": 1}}}});
    assert_eq!(violation(&schema, &json!({"a": [1, 2.0]})), None);
    for wrong in [
        json!([]),
        json!({}),
        json!({"a": 1}),
        json!({"a": [0]}),
        json!({"a": [1.5]}),
        json!({"a": [], "b": 1}),
    ] {
        assert!(violation(&schema, &wrong).is_some(), "{wrong}");
    }
}

#[test]
fn the_example_mandate_satisfies_its_schema() {
    assert_eq!(violation(&mandate_schema(), &example()), None);
}

/// Each accepted text of the contract satisfies the schema, each refused one that a schema can see does not.
#[test]
fn the_schema_agrees_with_the_contract() {
    let cases = read_json("tests/contract/mandate_files.json");
    let cases = cases
        .as_array()
        .or_else(|| cases["cases"].as_array())
        .unwrap()
        .clone();
    let schema = mandate_schema();
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let Ok(value) = serde_json::from_str::<Value>(case["text"].as_str().unwrap()) else {
            assert_eq!(case["ours_accepts"], false, "{name}");
            continue;
        };
        let found = violation(&schema, &value);
        let is_other_version = value["schema_version"].is_u64() && value["schema_version"] != SCHEMA_VERSION;
        if BEYOND_A_SCHEMA.contains(&name) {
            assert_eq!(case["ours_accepts"], false, "{name}");
        } else if case["ours_accepts"] == true && !is_other_version {
            assert_eq!(found, None, "{name}");
        } else {
            assert!(found.is_some(), "{name}");
        }
    }
}

/// What the schema requires is what the parser requires.
#[test]
fn every_required_field_is_missed_by_the_parser() {
    let schema = mandate_schema();
    let required = |schema: &Value| -> Vec<String> {
        let names = schema["required"].as_array().unwrap();
        names
            .iter()
            .map(|name| name.as_str().unwrap().to_owned())
            .collect()
    };
    for section in required(&schema) {
        let mut mandate = example();
        mandate.as_object_mut().unwrap().remove(&section);
        let expected = MandateError::MissingField(section.clone());
        assert_eq!(Mandate::parse(&mandate.to_string()), Err(expected));
        let inner = &schema["properties"][&section];
        if inner.get("required").is_none() {
            continue;
        }
        let known: BTreeSet<&String> = inner["properties"].as_object().unwrap().keys().collect();
        for name in required(inner) {
            assert!(known.contains(&name), "{section}.{name}");
            let mut mandate = example();
            mandate[&section].as_object_mut().unwrap().remove(&name);
            let expected = MandateError::MissingField(format!("{section}.{name}"));
            assert_eq!(Mandate::parse(&mandate.to_string()), Err(expected));
        }
    }
}

#[test]
fn every_word_of_the_mandate_schema_is_accepted() {
    for (section, field) in [
        ("hard_caps", "allowed_instruments"),
        ("universe", "asset_classes"),
    ] {
        let mut mandate = example();
        mandate[section][field] = json!(vocabulary(section, field));
        assert!(Mandate::parse(&mandate.to_string()).is_ok(), "{section}.{field}");
    }
}

#[test]
fn every_record_that_the_code_can_write_satisfies_its_schema() {
    let schema = audit_schema();
    for kind in variants::<AuditKind>() {
        for outcome in variants::<AuditOutcome>() {
            let kind = serde_json::from_value(json!(kind)).unwrap();
            let outcome = serde_json::from_value(json!(outcome)).unwrap();
            let record = AuditRecord::new(Utc::now(), "bybit", "paper:1", kind, outcome).unwrap();
            let value = serde_json::to_value(record).unwrap();
            assert_eq!(violation(&schema, &value), None, "{value}");
        }
    }
    let mut wrong = serde_json::to_value(
        AuditRecord::new(
            Utc::now(),
            "bybit",
            "paper:1",
            AuditKind::Breach,
            AuditOutcome::Blocked,
        )
        .unwrap(),
    )
    .unwrap();
    wrong["extra"] = json!(1);
    assert!(violation(&schema, &wrong).is_some());
}

#[test]
fn vibe_tradings_lines_satisfy_the_schema() {
    let vectors = read_json("tests/contract/audit_record.json");
    for name in ["line", "chain_line"] {
        let line: Value = serde_json::from_str(vectors[name].as_str().unwrap()).unwrap();
        assert_eq!(violation(&audit_schema(), &line), None, "{name}");
    }
}
