//! The reading tools: what they ask the exchange, and the shape, size and marks of their replies.

use mandated::venue::VenueError;
use serde_json::{Value, json};

use crate::client::{Client, param};
use crate::mcp_stub::{StubVenue, server};

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
