//! A session over a stream: opening, listing, calling, ending, and lines that are no messages.

#![cfg(test)]

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

#[path = "mcp_stub/client.rs"]
mod client;
mod mcp_stub;
#[path = "mcp_session/reads.rs"]
mod reads;
use client::Client;
use mcp_stub::empty;

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
async fn a_known_method_with_params_that_cannot_be_read_is_not_an_unknown_method() {
    let mut client = Client::open(empty()).await;
    for params in [r#"{"name":5}"#, "{}", r#"{"arguments":{}}"#] {
        let reply = client.ask_raw("tools/call", params).await;
        assert_eq!(reply["error"]["code"], -32602, "{params} {reply}");
        let message = reply["error"]["message"].as_str().unwrap();
        assert!(message.contains("the params of `tools/call`"), "{message}");
    }
    let endless = "x".repeat(1024 * 1024);
    let reply = client.ask(&endless, json!({})).await;
    assert_eq!(reply["error"]["code"], -32601);
    assert!(
        reply.to_string().len() < 200,
        "a long name is quoted back in part"
    );
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
    for (arguments, asked) in [
        (
            r#"{ "qty": 0.10000000000000000001, "price":1e999, "symbol":"BTC\/USDT" }"#,
            json!({"qty": "0.10000000000000000001", "price": "1e999", "symbol": "BTC/USDT"}),
        ),
        (r#"{"qty":1,"qty":2}"#, json!(null)),
        ("{}", json!({})),
    ] {
        let result = client.call("bybit_place_order", arguments).await;
        assert_eq!(result["isError"], false);
        let reply = &result["structuredContent"];
        assert_eq!(reply["status"], "blocked");
        assert_eq!(reply["live_action"]["broker_request"], asked);
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

/// Without its id an answer is nobody's, and whoever asked waits for it.
#[tokio::test]
async fn a_request_with_an_id_is_answered_with_it_whatever_its_params_are() {
    let mut client = Client::open(empty()).await;
    for id in [r#""q""#, "-7"] {
        for method in ["tools/call", "initialize"] {
            for params in [
                "[]",
                "7",
                r#""x""#,
                "false",
                r#"{"_meta":[]}"#,
                r#"{"_meta":5}"#,
                r#"{"_meta":{},"_meta":{}}"#,
                r#"{"name":"bybit_get_tickers","arguments":{},"_meta":true}"#,
                r#"{"a":1e999}"#,
                r#"{"a":"\ud800"}"#,
                r#"{"name":"\ud800","arguments":{}}"#,
            ] {
                let line = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{params}}}"#);
                client.send(&line).await;
                let reply = client.receive().await;
                assert_eq!(
                    (reply["id"].to_string().as_str(), &reply["error"]["code"]),
                    (id, &json!(-32602)),
                    "{line}"
                );
            }
        }
        // Where none are needed, they may as well be none.
        client
            .send(&format!(
                r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/list","params":[]}}"#
            ))
            .await;
        let reply = client.receive().await;
        assert_eq!(
            (
                reply["id"].to_string().as_str(),
                reply["result"]["tools"].is_array()
            ),
            (id, true)
        );
        client
            .send(&format!(
                r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/destroy","params":[]}}"#
            ))
            .await;
        let reply = client.receive().await;
        assert_eq!(
            (reply["id"].to_string().as_str(), &reply["error"]["code"]),
            (id, &json!(-32601))
        );
    }
    for id in ["1.5", "true", "9223372036854775808"] {
        let line = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/list","params":[]}}"#);
        client.send(&line).await;
        let reply = client.receive().await;
        assert_eq!(reply["error"]["code"], -32600, "{line} {reply}");
    }
    client.close().await.unwrap();
}

#[tokio::test]
async fn what_stands_beside_a_request_keeps_no_answer_from_it() {
    let mut client = Client::open(empty()).await;
    let deep = "[".repeat(10_000) + &"]".repeat(10_000);
    for beside in [
        r#""x":"\ud800""#,
        r#""x":-1e999"#,
        &format!(r#""x":{deep}"#),
        r#""params":{"_meta":"x"}"#,
        r#""params":{"x":"\udc00"}"#,
        &format!(r#""params":{{"x":{deep}}}"#),
        r#""params":{"_meta":null},"x":"\ud800""#,
    ] {
        client
            .send(&format!(
                r#"{{"jsonrpc":"2.0",{beside},"id":"q","method":"ping"}}"#
            ))
            .await;
        assert_eq!(
            client.receive().await,
            json!({"jsonrpc": "2.0", "id": "q", "result": {}}),
            "{beside}"
        );
    }
    client.close().await.unwrap();
}

/// JSON-RPC owes a notification nothing, whatever is wrong with it.
#[tokio::test]
async fn a_notification_is_never_answered() {
    let mut client = Client::open(empty()).await;
    for params in ["[7]", "7", r#"{"_meta":[]}"#, r#"{"requestId":1e999}"#, "{}"] {
        for method in ["notifications/cancelled", "notifications/nonsense"] {
            client
                .send(&format!(
                    r#"{{"jsonrpc":"2.0","method":"{method}","params":{params}}}"#
                ))
                .await;
        }
    }
    assert_eq!(client.ask("ping", json!({})).await["result"], json!({}));
    client.close().await.unwrap();
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
        r#"["2.0",1,"ping",[]]"#,
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

/// A refusal keeps what was asked on the ledger, twice; what is too long to be an order does not get that far.
#[tokio::test]
async fn endless_arguments_are_refused_before_they_are_recorded() {
    let mut client = Client::open(empty()).await;
    for tool in ["bybit_place_order", "bybit_get_tickers"] {
        for (length, is_run) in [(60_000, true), (70_000, false)] {
            let arguments = format!(r#"{{"symbol":"{}"}}"#, "x".repeat(length));
            let params = format!(r#"{{"name":"{tool}","arguments":{arguments}}}"#);
            let reply = client.ask_raw("tools/call", &params).await;
            assert_eq!(reply.get("result").is_some(), is_run, "{tool} {length}");
            let code = &reply["error"]["code"];
            assert_eq!(*code == -32602, !is_run, "{tool} {length}: {code}");
        }
    }
    client.close().await.unwrap();
}

/// What it asked for stays on its own side of the line; none of it is lost.
#[tokio::test]
async fn a_client_that_does_not_read_is_not_read_from_either() {
    let mut client = Client::open(empty()).await;
    let list = "{\"jsonrpc\":\"2.0\",\"id\":ID,\"method\":\"tools/list\"}\n";
    let flood: String = (0..4_000)
        .map(|id| list.replace("ID", &format!("\"f{id}\"")))
        .collect();
    let writing = client.to_server.write_all(flood.as_bytes());
    let stopped = tokio::time::timeout(Duration::from_secs(2), writing).await;
    assert!(stopped.is_err(), "200 kB were taken in and 60 MB of replies kept");
    for _ in 0..200 {
        let reply = client.receive().await;
        assert_eq!(reply["result"]["tools"].as_array().unwrap().len(), 17);
    }
}

#[tokio::test]
async fn calls_that_run_when_the_input_ends_are_answered() {
    let mut slow = empty();
    slow.delay = Duration::from_secs(7);
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
async fn a_cancelled_read_is_dropped_and_not_waited_for() {
    let mut slow = empty();
    slow.delay = Duration::from_secs(30);
    let mut client = Client::open(slow).await;
    client
        .send(r#"{"jsonrpc":"2.0","id":9,"method":"tools/call","params":{"name":"bybit_get_tickers","arguments":{}}}"#)
        .await;
    client
        .send(r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":9}}"#)
        .await;
    let reply = client.ask("ping", json!({})).await;
    assert_ne!(reply["id"], 9, "a cancelled call is not answered");
    let closing = tokio::time::timeout(Duration::from_secs(5), client.close()).await;
    closing.expect("the read would take 30 seconds").unwrap();
}

#[tokio::test]
async fn an_input_that_ends_before_anything_was_said_is_no_fault() {
    Client::connect(empty()).close().await.unwrap();
    Client::open(empty()).await.close().await.unwrap();
}
