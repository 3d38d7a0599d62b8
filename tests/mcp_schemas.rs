//! `tools/list`: small enough, always the same, and equal to the files under `schemas/tools`.
//!
//! `UPDATE_SCHEMAS=1 cargo test --test mcp_schemas` writes the files.

#![cfg(test)]

use std::fs;
use std::path::PathBuf;

use mandated::mcp::tools::Tool;
use serde_json::{Value, json};

#[path = "mcp_stub/client.rs"]
mod client;
mod mcp_stub;
use client::{Client, param};
use mcp_stub::{StubVenue, empty};

/// Design §9.
const MAX_LIST_BYTES: usize = 24_000;
const MAX_INPUT_BYTES: usize = 13_000;

async fn listed() -> Vec<Value> {
    let mut client = Client::open(empty()).await;
    let reply = client.ask("tools/list", json!({})).await;
    client.close().await.unwrap();
    reply["result"]["tools"].as_array().unwrap().clone()
}

#[tokio::test]
async fn the_list_is_within_its_budget() {
    let tools = listed().await;
    let all = serde_json::to_string(&tools).unwrap().len();
    let inputs: usize = tools
        .iter()
        .map(|tool| {
            let text = tool["name"].as_str().unwrap().len() + tool["description"].as_str().unwrap().len();
            text + tool["inputSchema"].to_string().len()
        })
        .sum();
    eprintln!("tools/list {all} bytes, of which names, descriptions and inputs {inputs}");
    assert!(all <= MAX_LIST_BYTES, "{all}");
    assert!(inputs <= MAX_INPUT_BYTES, "{inputs}");
}

#[tokio::test]
async fn two_servers_list_the_same_bytes_in_the_same_order() {
    let mut lists = Vec::new();
    for _ in 0..2 {
        let mut client = Client::open(empty()).await;
        client
            .send(r#"{"jsonrpc":"2.0","id":"x","method":"tools/list"}"#)
            .await;
        lists.push(client.receive_line().await);
    }
    assert_eq!(lists[0], lists[1]);
    let names: Vec<Value> = listed().await.iter().map(|tool| tool["name"].clone()).collect();
    let table: Vec<&str> = Tool::all().map(|tool| tool.name).collect();
    assert_eq!(json!(names), json!(table));
}

#[tokio::test]
async fn every_tool_says_what_it_is() {
    for tool in listed().await {
        let name = tool["name"].as_str().unwrap();
        assert!(tool["title"].is_string(), "{name}");
        for hint in [
            "readOnlyHint",
            "destructiveHint",
            "idempotentHint",
            "openWorldHint",
        ] {
            assert!(tool["annotations"][hint].is_boolean(), "{name} {hint}");
        }
        assert_eq!(
            tool["annotations"]["readOnlyHint"],
            name.starts_with("bybit_get_"),
            "{name}"
        );
        assert_eq!(tool["inputSchema"]["additionalProperties"], false, "{name}");
        assert_eq!(tool["outputSchema"]["type"], "object", "{name}");
    }
}

#[test]
fn schema_files_equal_the_table() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("schemas/tools");
    let update = std::env::var_os("UPDATE_SCHEMAS").is_some();
    let mut expected = Vec::new();
    for tool in Tool::all() {
        for (kind, schema) in [("input", tool.input_schema()), ("output", tool.output_schema())] {
            let file = folder.join(format!("{}.{kind}.json", tool.name));
            let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
            if update {
                fs::create_dir_all(&folder).unwrap();
                fs::write(&file, &text).unwrap();
            }
            let on_disk = fs::read_to_string(&file).unwrap_or_default();
            assert_eq!(on_disk, text, "{} is stale: run UPDATE_SCHEMAS=1", file.display());
            expected.push(file);
        }
    }
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        assert!(
            expected.contains(&path),
            "{} belongs to no tool: remove it",
            path.display()
        );
    }
}

/// As much of JSON Schema as ours use.
fn violation(schema: &Value, value: &Value) -> Option<String> {
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
        other => return Some(format!("no type: {other}")),
    };
    let fits = |kind: &&str| match *kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        _ => false,
    };
    if !types.iter().any(fits) {
        return Some(format!("{value} is not {types:?}"));
    }
    for name in schema["required"].as_array().into_iter().flatten() {
        if value.get(name.as_str().unwrap()).is_none() {
            return Some(format!("{name} is missing"));
        }
    }
    for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
        if let Some(found) = value.get(name).and_then(|value| violation(schema, value)) {
            return Some(format!("{name}: {found}"));
        }
    }
    let items = value.as_array().into_iter().flatten();
    if schema["items"].is_null() {
        return None;
    }
    items.filter_map(|item| violation(&schema["items"], item)).next()
}

#[test]
fn the_checker_finds_what_is_wrong() {
    let schema = json!({"type": "object", "properties": {"a": {"type": "array", "items": {"type": "string"}}}, "required": ["a"]});
    assert_eq!(violation(&schema, &json!({"a": ["x"], "b": 1})), None);
    for wrong in [json!([]), json!({}), json!({"a": 1}), json!({"a": [1]})] {
        assert!(violation(&schema, &wrong).is_some(), "{wrong}");
    }
}

fn sample(path: &str) -> Value {
    match path {
        "/v5/market/orderbook" => {
            json!({"s": "BTCUSDT", "b": [["1", "2"]], "a": [["3", "4"]], "ts": 1, "u": 2, "seq": 3, "cts": 4})
        }
        "/v5/market/kline" => json!({"list": [["1", "2", "3", "4", "5", "6", "7"]]}),
        "/v5/account/wallet-balance" => {
            json!({"list": [{"accountType": "UNIFIED", "totalEquity": "1", "coin": [{"coin": "BTC"}]}]})
        }
        _ => json!({"list": [{"symbol": "BTCUSDT"}, {"symbol": "ETHUSDT"}], "nextPageCursor": "more%3D1"}),
    }
}

#[tokio::test]
async fn replies_and_errors_satisfy_the_output_schemas() {
    let venue = StubVenue::answering(|request| {
        if param(request, "symbol") == Some("FAIL") {
            return Err(mandated::venue::VenueError::NoCredentials);
        }
        Ok(sample(request.path))
    });
    let mut client = Client::open(venue).await;
    for tool in Tool::all() {
        let schema = Value::Object(tool.output_schema());
        for arguments in [
            r#"{"symbol":"BTCUSDT","limit":1}"#,
            r#"{"symbol":"BTCUSDT"}"#,
            r#"{"symbol":"FAIL"}"#,
            "{}",
            r#"{"nonsense":1}"#,
        ] {
            let result = client.call(tool.name, arguments).await;
            let found = violation(&schema, &result["structuredContent"]);
            assert_eq!(found, None, "{} {arguments} {result}", tool.name);
        }
    }
}
