//! Table to JSON Schema. Small on purpose: every byte is read by a model at every start.

use serde_json::{Map, Value, json};

use super::tools::{Act, Arg, Kind, ReadTool, Tool};

/// The arguments: an object that takes these names and no others.
pub(super) fn input(tool: &Tool) -> Map<String, Value> {
    let mut properties = Map::new();
    for arg in tool.args {
        properties.insert(arg.name.to_owned(), Value::Object(property(arg)));
    }
    let required: Vec<&str> = tool
        .args
        .iter()
        .filter(|arg| arg.required)
        .map(|arg| arg.name)
        .collect();
    let mut schema = object(properties);
    if !required.is_empty() {
        schema.insert("required".into(), json!(required));
    }
    schema.insert("additionalProperties".into(), json!(false));
    schema
}

/// The reply. Open to more keys; what is named is always of that type.
pub(super) fn output(tool: &Tool) -> Map<String, Value> {
    let (named, required): (&[(&str, Value)], &[&str]) = match tool.act {
        Act::Read(read) => (&read_properties(read), &["venue"]),
        Act::Write(_) => (&write_properties(), &["live_action", "status", "ok"]),
    };
    let properties = named
        .iter()
        .map(|(name, schema)| ((*name).to_owned(), schema.clone()))
        .collect();
    let mut schema = object(properties);
    schema.insert("required".into(), json!(required));
    schema
}

fn object(properties: Map<String, Value>) -> Map<String, Value> {
    let mut schema = Map::new();
    schema.insert("type".into(), json!("object"));
    schema.insert("properties".into(), Value::Object(properties));
    schema
}

fn property(arg: &Arg) -> Map<String, Value> {
    let schema = match arg.kind {
        Kind::Choice { of, default: None } => json!({"type": "string", "enum": of}),
        Kind::Choice {
            of,
            default: Some(default),
        } => json!({"type": "string", "enum": of, "default": default}),
        Kind::Symbol | Kind::Coin | Kind::Coins | Kind::Text | Kind::Cursor => json!({"type": "string"}),
        Kind::Amount => json!({"type": ["string", "number"]}),
        Kind::Millis => json!({"type": ["integer", "string"]}),
        Kind::Flag => json!({"type": "boolean"}),
        Kind::Whole {
            min,
            max,
            default: None,
        } => {
            json!({"type": ["integer", "string"], "minimum": min, "maximum": max})
        }
        Kind::Whole {
            min,
            max,
            default: Some(default),
        } => json!({"type": ["integer", "string"], "minimum": min, "maximum": max, "default": default}),
    };
    let Value::Object(mut schema) = schema else {
        return Map::new();
    };
    if !arg.note.is_empty() {
        schema.insert("description".into(), json!(arg.note));
    }
    schema
}

fn read_properties(tool: ReadTool) -> Vec<(&'static str, Value)> {
    let mut named = vec![("venue", string()), ("paper", boolean())];
    if tool == ReadTool::Wallet {
        named.push(("accountType", string()));
    } else {
        named.push(("category", string()));
        named.push(("symbol", json!({"type": ["string", "null"]})));
    }
    let rows = |of: &str| json!({"type": "array", "items": {"type": of}});
    match tool {
        ReadTool::Orderbook => named.extend([
            ("b", rows("array")),
            ("a", rows("array")),
            ("u", json!({"type": "integer"})),
            ("ts", json!({"type": "integer"})),
        ]),
        ReadTool::Kline => named.push((tool.rows_key(), rows("array"))),
        _ => named.push((tool.rows_key(), rows("object"))),
    }
    if tool.is_paged() {
        named.extend([("has_more", boolean()), ("next_cursor", string())]);
    }
    named.extend([
        (
            "truncated",
            json!({"type": "object", "properties": {"left_out": {"type": "integer"}, "of": {"type": "integer"}, "hint": string()}}),
        ),
        ("status", string()),
        ("reason", string()),
    ]);
    named
}

fn write_properties() -> Vec<(&'static str, Value)> {
    vec![
        (
            "live_action",
            json!({"type": ["object", "null"], "description": "the ledger record"}),
        ),
        (
            "status",
            json!({"type": "string", "description": "blocked: refused here, nothing was sent; unknown: do not send again"}),
        ),
        ("ok", boolean()),
        ("decision", string()),
        ("reason", string()),
        ("requires_reauthorization", boolean()),
        ("breach", json!({"type": ["object", "null"]})),
        ("venue", string()),
        ("paper", boolean()),
    ]
}

fn string() -> Value {
    json!({"type": "string"})
}

fn boolean() -> Value {
    json!({"type": "boolean"})
}
