//! What the account tells of its orders and fills, in the order in which it happened.

use rusqlite::Connection;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::client::{Paper, still};
use crate::streams::{Stream, subscribe};

/// Every event so far: topic, order status or price of the fill, quantity filled.
fn told(paper: &Paper) -> Vec<[String; 3]> {
    let db = Connection::open(paper.folder.path().join("paper.sqlite")).unwrap();
    let sql = "SELECT topic, category, data FROM events WHERE topic IN ('order', 'execution') ORDER BY seq";
    let mut query = db.prepare(sql).unwrap();
    let rows = query
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .unwrap();
    let mut told = Vec::new();
    for row in rows {
        let (topic, category, data): (String, String, String) = row.unwrap();
        assert_eq!(category, "linear");
        let data: Value = serde_json::from_str(&data).unwrap();
        let text = |name: &str| data[name].as_str().unwrap().to_owned();
        told.push(match topic.as_str() {
            "order" => [topic, text("orderStatus"), text("cumExecQty")],
            _ => [topic, text("execPrice"), text("execQty")],
        });
    }
    told
}

fn body(qty: &str, more: Value) -> Value {
    let mut body =
        json!({"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Market", "qty": qty});
    body.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    body
}

/// A new account that somebody listens to.
async fn heard() -> (Paper, Stream) {
    let paper = Paper::still().await;
    let mut stream = Stream::entered(&paper.server, "/v5/private").await;
    let reply = stream.ask(subscribe(&["order", "execution"])).await;
    assert_eq!(reply["success"], true, "{reply}");
    (paper, stream)
}

#[tokio::test]
async fn what_nobody_listens_to_is_not_written_and_a_listener_on_any_server_is_enough() {
    let paper = Paper::still().await;
    paper.place(body("0.1", json!({}))).await;
    assert!(told(&paper).is_empty());
    let other = Paper::server(&paper.folder, still()).await;
    let mut stream = Stream::entered(&other, "/v5/private").await;
    stream.ask(subscribe(&["order"])).await;
    paper.place(body("0.1", json!({}))).await;
    assert_eq!(told(&paper).len(), 3);
}

#[tokio::test]
async fn an_order_is_new_then_filled_piece_by_piece() {
    let (paper, _stream) = heard().await;
    paper.place(body("0.8", json!({}))).await;
    let expected = [
        ["order", "New", "0"],
        ["order", "PartiallyFilled", "0.5"],
        ["execution", "65000.1", "0.5"],
        ["order", "Filled", "0.8"],
        ["execution", "65000.2", "0.3"],
    ];
    assert_eq!(told(&paper), expected);
}

#[tokio::test]
async fn a_stop_is_told_of_when_it_is_made_triggered_filled_and_when_its_twin_ends() {
    let (paper, _stream) = heard().await;
    let more = json!({"takeProfit": "66000", "stopLoss": "64000"});
    paper.place(body("0.1", more)).await;
    let before = told(&paper).len();
    assert_eq!(told(&paper)[3..], [["order", "Untriggered", "0"]; 2]);
    paper
        .server
        .set_price("linear", "BTCUSDT", Decimal::from(64_000))
        .unwrap();
    let expected = [
        ["order", "New", "0"],
        ["order", "Filled", "0.1"],
        ["execution", "63999.9", "0.1"],
        ["order", "Deactivated", "0"],
    ];
    assert_eq!(told(&paper)[before..], expected);
}

#[tokio::test]
async fn a_refused_order_is_not_told_of() {
    let (paper, _stream) = heard().await;
    assert_eq!(paper.refused(body("50", json!({}))).await, 110_007);
    let rows = json!([body("50", json!({})), body("0.1", json!({}))]);
    paper
        .post(
            "/v5/order/create-batch",
            json!({"category": "linear", "request": rows}),
        )
        .await;
    assert_eq!(told(&paper).len(), 3);
}
