//! A session over a stream: opening, listing, calling, ending, and lines that are no messages.

#![cfg(test)]

use std::time::Duration;

use mandated::venue::VenueError;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

#[path = "mcp_stub/client.rs"]
mod client;
mod mcp_stub;
use client::{Client, param};
use mcp_stub::{StubVenue, empty, server};

/// What a client of 2026-07-28, which opens no session, sends with each request.
fn meta(version: &str) -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": version,
        "io.modelcontextprotocol/clientInfo": {"name": "t", "version": "0"},
        "io.modelcontextprotocol/clientCapabilities": {},
    })
}

#[tokio::test]
async fn both_handshake_versions_are_negotiated() {
    for version in ["2025-06-18", "2025-11-25"] {
        let mut client = Client::connect(empty());
        let reply = client.initialize(version).await;
        let result = &reply["result"];
        assert_eq!(result["protocolVersion"], version);
        assert_eq!(result["serverInfo"]["name"], "mandated");
        assert_eq!(result["serverInfo"]["version"], env!("CARGO_PKG_VERSION"));
        let instructions = result["instructions"].as_str().unwrap();
        assert!(instructions.contains("blocked") && instructions.contains("never send it again"));
        let listed = client.ask("tools/list", json!({})).await;
        assert_eq!(listed["result"]["tools"].as_array().unwrap().len(), 17);
        client.call("bybit_get_tickers", "{}").await;
        client.close().await.unwrap();
    }
}

#[tokio::test]
async fn the_version_without_handshake_is_served() {
    let mut client = Client::connect(empty());
    let meta = meta("2026-07-28");
    let discovered = client.ask("server/discover", json!({"_meta": meta})).await;
    assert!(
        discovered["result"]["supportedVersions"]
            .to_string()
            .contains("2026-07-28"),
        "{discovered}"
    );
    let listed = client.ask("tools/list", json!({"_meta": meta})).await;
    assert_eq!(listed["result"]["tools"].as_array().unwrap().len(), 17);
    let params =
        json!({"_meta": meta, "name": "bybit_get_kline", "arguments": {"symbol": "BTCUSDT", "limit": 0.10}});
    let reply = client
        .ask_raw("tools/call", &params.to_string().replace("0.1}", "0.10}"))
        .await;
    let reason = reply["result"]["structuredContent"]["reason"].as_str().unwrap();
    assert_eq!(reason, "`limit` is `0.10`: send a whole number");
    client.close().await.unwrap();
}

#[tokio::test]
async fn an_unknown_tool_and_an_unknown_method_are_protocol_errors() {
    let mut client = Client::open(empty()).await;
    let reply = client
        .ask("tools/call", json!({"name": "bybit_withdraw", "arguments": {}}))
        .await;
    assert_eq!(reply["error"]["code"], -32602);
    assert!(
        reply["error"]["message"]
            .as_str()
            .unwrap()
            .contains("unknown tool `bybit_withdraw`")
    );
    let reply = client.ask("tools/destroy", json!({})).await;
    assert_eq!(reply["error"]["code"], -32601);
    client.close().await.unwrap();
}

#[tokio::test]
async fn numbers_are_quoted_back_as_they_were_sent() {
    let mut client = Client::open(empty()).await;
    for number in ["1e999", "12345678901234567890123", "0.1", "-0", "1E-7"] {
        let arguments = format!(r#"{{"symbol":"BTCUSDT","limit":{number}}}"#);
        let result = client.call("bybit_get_kline", &arguments).await;
        assert_eq!(result["isError"], true);
        assert_eq!(
            result["structuredContent"]["reason"],
            format!("`limit` is `{number}`: send a whole number")
        );
    }
}

#[tokio::test]
async fn a_write_gets_the_exact_text_and_its_refusal_is_not_an_error() {
    let mut client = Client::open(empty()).await;
    for arguments in [
        r#"{ "qty": 0.10000000000000000001, "price":1e999, "symbol":"BTC\/USDT" }"#,
        r#"{"qty":1,"qty":2}"#,
        "{}",
    ] {
        let result = client.call("bybit_place_order", arguments).await;
        assert_eq!(result["isError"], false);
        let reply = &result["structuredContent"];
        assert_eq!(reply["status"], "blocked");
        assert_eq!(reply["args"], arguments);
        let text = result["content"][0]["text"].as_str().unwrap();
        assert!(text.starts_with(r#"{"live_action":{"audit_id":""#), "{text}");
        assert_eq!(
            (&reply["venue"], &reply["paper"]),
            (&json!("paper"), &json!(true))
        );
    }
}

#[tokio::test]
async fn a_repeated_key_is_refused_wherever_it_stands() {
    let mut client = Client::open(empty()).await;
    let result = client
        .call("bybit_get_tickers", r#"{"symbol":"A","symbol":"B"}"#)
        .await;
    assert_eq!(result["isError"], true);
    assert!(
        result["structuredContent"]["reason"]
            .as_str()
            .unwrap()
            .contains("`symbol` appears twice")
    );
    let twice = r#"{"name":"bybit_cancel_order","arguments":{"a":1},"arguments":{"b":2}}"#;
    client
        .send(&format!(
            r#"{{"jsonrpc":"2.0","id":77,"method":"tools/call","params":{twice}}}"#
        ))
        .await;
    let reply = client.receive().await;
    assert!(reply.get("result").is_none(), "{reply}");
}

#[tokio::test]
async fn arguments_that_are_absent_or_null_are_none() {
    let mut client = Client::open(empty()).await;
    for params in [
        r#"{"name":"bybit_get_tickers"}"#,
        r#"{"name":"bybit_get_tickers","arguments":null}"#,
    ] {
        let reply = client.ask_raw("tools/call", params).await;
        assert_eq!(reply["result"]["isError"], false, "{reply}");
    }
}

#[tokio::test]
async fn unknown_arguments_are_named() {
    let mut client = Client::open(empty()).await;
    let result = client
        .call("bybit_get_orderbook", r#"{"symbol":"BTCUSDT","depth":5}"#)
        .await;
    let reply = &result["structuredContent"];
    assert_eq!(reply["status"], "error");
    assert_eq!(reply["ok"], false);
    assert_eq!(
        reply["reason"],
        "unknown argument `depth`: bybit_get_orderbook takes category, symbol, limit"
    );
    assert_eq!(reply["paper"], true);
}

#[tokio::test]
async fn lines_that_are_no_messages_end_nothing() {
    let mut client = Client::open(empty()).await;
    for line in [
        "not json",
        "{",
        "{\"jsonrpc\":\"2.0\"",
        "\u{0}",
        "\"\\ud800\"",
        &"[".repeat(10_000),
    ] {
        client.send(line).await;
    }
    for line in [
        "[]",
        "{}",
        "5",
        r#"{"jsonrpc":"1.0","id":3}"#,
        r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#,
    ] {
        client.send(line).await;
        let reply = client.receive().await;
        assert_eq!(reply["error"]["code"], -32600, "{line} {reply}");
    }
    client
        .send(&format!(
            "{{\"jsonrpc\":\"2.0\",\"x\":\"{}\"}}",
            "y".repeat(10 * 1024 * 1024)
        ))
        .await;
    let reply = client.receive().await;
    assert_eq!(reply["error"]["code"], -32600, "{reply}");
    client.call("bybit_get_tickers", "{}").await;
    client.close().await.unwrap();
}

#[tokio::test]
async fn calls_that_run_when_the_input_ends_are_answered() {
    let slow = StubVenue {
        delay: Duration::from_secs(7),
        ..empty()
    };
    let mut client = Client::open(slow).await;
    client
        .send(r#"{"jsonrpc":"2.0","id":9,"method":"tools/call","params":{"name":"bybit_get_tickers","arguments":{}}}"#)
        .await;
    client.to_server.shutdown().await.unwrap();
    let reply = client.receive().await;
    assert_eq!(
        (&reply["id"], &reply["result"]["isError"]),
        (&json!(9), &json!(false))
    );
    client.close().await.unwrap();
}

#[tokio::test]
async fn an_input_that_ends_before_anything_was_said_is_no_fault() {
    Client::connect(empty()).close().await.unwrap();
    Client::open(empty()).await.close().await.unwrap();
}

#[tokio::test]
async fn private_tools_without_a_key_say_what_to_set() {
    let mut client = Client::open(StubVenue::answering(|_| Err(VenueError::NoCredentials))).await;
    let result = client.call("bybit_get_wallet_balance", "{}").await;
    assert_eq!(result["isError"], true);
    let reply = &result["structuredContent"];
    assert_eq!(reply["code"], "no_credentials");
    assert!(
        reply["reason"].as_str().unwrap().contains("BYBIT_API_KEY"),
        "{reply}"
    );
    assert_eq!(reply.get("paper"), None);
}

#[tokio::test]
async fn the_exchanges_no_keeps_its_code() {
    let no = |_: &_| {
        Err(VenueError::Rejected {
            code: 10001,
            message: "bad symbol".into(),
        })
    };
    let mut client = Client::open(StubVenue::answering(no)).await;
    let result = client.call("bybit_get_tickers", "{}").await;
    let reply = &result["structuredContent"];
    assert_eq!(
        (&reply["retCode"], &reply["retMsg"], &reply["retryable"]),
        (&json!(10001), &json!("bad symbol"), &json!(false))
    );
}

#[tokio::test]
async fn linear_positions_join_both_settle_coins_over_all_pages() {
    let (server, venue) = server(StubVenue::answering(|request| {
        let rows =
            |count: usize, coin: &str| -> Vec<Value> { (0..count).map(|_| json!({"c": coin})).collect() };
        Ok(match (param(request, "settleCoin"), param(request, "cursor")) {
            (Some("USDT"), None) => json!({"list": rows(200, "USDT"), "nextPageCursor": "two"}),
            (Some("USDT"), Some("two")) => json!({"list": rows(3, "USDT"), "nextPageCursor": "three"}),
            _ => json!({"list": rows(1, "USDC"), "nextPageCursor": "end"}),
        })
    }));
    let mut client = Client::connect_to(server);
    client.initialize("2025-06-18").await;
    let result = client.call("bybit_get_positions", "{}").await;
    let reply = &result["structuredContent"];
    assert_eq!(reply["positions"].as_array().unwrap().len(), 204);
    assert_eq!(reply["has_more"], false);
    assert_eq!(venue.asked.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn a_joined_list_without_end_says_where_it_goes_on() {
    let venue = StubVenue::answering(|_| Ok(json!({"list": vec![json!({}); 50], "nextPageCursor": "on"})));
    let mut client = Client::open(venue).await;
    let result = client.call("bybit_get_open_orders", "{}").await;
    let reply = &result["structuredContent"];
    assert_eq!(reply["orders"].as_array().unwrap().len(), 1_000);
    assert_eq!(reply["has_more"], true);
    assert_eq!(reply["next_cursors"], json!({"USDT": "on", "USDC": "on"}));
}

#[tokio::test]
async fn one_page_says_whether_there_is_more() {
    let venue = StubVenue::answering(|request| {
        let full = param(request, "limit") == Some("2");
        let rows = vec![json!({"orderId": "1"}); if full { 2 } else { 1 }];
        Ok(json!({"list": rows, "nextPageCursor": "a%3D1"}))
    });
    let mut client = Client::open(venue).await;
    let result = client.call("bybit_get_order_history", r#"{"limit":2}"#).await;
    assert_eq!(result["structuredContent"]["next_cursor"], "a%3D1");
    assert_eq!(result["structuredContent"]["has_more"], true);
    let result = client.call("bybit_get_order_history", r#"{"limit":3}"#).await;
    assert_eq!(result["structuredContent"].get("next_cursor"), None);
    assert_eq!(result["structuredContent"]["has_more"], false);
}

#[tokio::test]
async fn a_large_reply_is_cut_at_whole_rows_and_says_so() {
    let rows: Vec<Value> = (0..700)
        .map(|n| json!({"symbol": format!("C{n}USDT"), "pad": "x".repeat(600)}))
        .collect();
    let list = json!({"list": rows, "nextPageCursor": "past-the-cut"});
    let mut client = Client::open(StubVenue::answering(move |_| Ok(list.clone()))).await;
    let result = client.call("bybit_get_tickers", "{}").await;
    assert!(result["content"][0]["text"].as_str().unwrap().len() <= 64_000);
    let reply = &result["structuredContent"];
    let kept = reply["tickers"].as_array().unwrap().len() as u64;
    assert!(kept > 90, "{kept}");
    assert_eq!(reply["truncated"]["of"], 700);
    assert_eq!(reply["truncated"]["left_out"], 700 - kept);
    let result = client.call("bybit_get_tickers", r#"{"limit":5}"#).await;
    let reply = &result["structuredContent"];
    assert_eq!(reply["tickers"].as_array().unwrap().len(), 5);
    assert_eq!(reply["truncated"]["left_out"], 695);
    let result = client
        .call("bybit_get_instruments_info", r#"{"limit":1000}"#)
        .await;
    let reply = &result["structuredContent"];
    assert_eq!(
        (&reply["has_more"], reply.get("next_cursor")),
        (&json!(true), None)
    );
    assert!(
        reply["truncated"]["hint"]
            .as_str()
            .unwrap()
            .contains("follow next_cursor")
    );
}

#[tokio::test]
async fn replies_have_the_keys_of_the_python_original() {
    let venue = StubVenue::answering(|request| {
        Ok(match request.path {
            "/v5/market/orderbook" => json!({"s": "BTCUSDT", "b": [], "a": [], "ts": 1, "u": 2}),
            _ => json!({"list": []}),
        })
    });
    let mut client = Client::open(venue).await;
    for (tool, keys) in [
        ("bybit_get_tickers", "venue category symbol tickers"),
        ("bybit_get_kline", "venue category symbol interval klines"),
        ("bybit_get_orderbook", "venue category symbol s b a ts u"),
        ("bybit_get_funding_history", "venue category symbol funding"),
        (
            "bybit_get_open_interest",
            "venue category symbol interval_time oi has_more",
        ),
        (
            "bybit_get_instruments_info",
            "venue category symbol instruments has_more",
        ),
        ("bybit_get_recent_trades", "venue category symbol trades"),
        ("bybit_get_wallet_balance", "venue accountType balances"),
        ("bybit_get_positions", "venue category symbol positions has_more"),
        ("bybit_get_open_orders", "venue category symbol orders has_more"),
        ("bybit_get_order_history", "venue category symbol orders has_more"),
    ] {
        let arguments = if tool == "bybit_get_wallet_balance" {
            "{}"
        } else {
            r#"{"symbol":"btc/usdt"}"#
        };
        let result = client.call(tool, arguments).await;
        let reply = result["structuredContent"].as_object().unwrap();
        let found: Vec<&str> = reply.keys().map(String::as_str).collect();
        assert_eq!(found.join(" "), keys, "{tool}");
        if tool != "bybit_get_wallet_balance" {
            assert_eq!(reply["symbol"], "BTCUSDT");
        }
    }
}
