//! Batches: each row has an outcome of its own.

use serde_json::{Value, json};

use crate::client::{Paper, assert_fields};

fn row(qty: &str, link: &str) -> Value {
    json!({"symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": qty, "price": "60000", "orderLinkId": link})
}

fn codes(reply: &Value) -> Vec<i64> {
    let list = reply["retExtInfo"]["list"].as_array().unwrap();
    list.iter().map(|row| row["code"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn a_refused_row_undoes_nothing_but_itself() {
    let paper = Paper::still().await;
    let rows = json!([
        row("0.1", "a"),
        row("9999", "b"),
        row("0.1", "a"),
        row("0.2", "c")
    ]);
    let reply = paper
        .post(
            "/v5/order/create-batch",
            json!({"category": "linear", "request": rows}),
        )
        .await;
    assert_eq!((&reply["retCode"], &reply["retMsg"]), (&json!(0), &json!("OK")));
    assert_eq!(codes(&reply), [0, 10001, 110_072, 0]);
    assert_eq!(reply["retExtInfo"]["list"][0], json!({"code": 0, "msg": "OK"}));
    let list = reply["result"]["list"].as_array().unwrap();
    assert_fields(
        &list[1],
        &[
            ("category", "linear"),
            ("symbol", "BTCUSDT"),
            ("orderId", ""),
            ("orderLinkId", "b"),
            ("createAt", ""),
        ],
    );
    assert_eq!(list[0]["createAt"].as_str().unwrap().len(), 13);
    assert_eq!(
        paper
            .list("/v5/order/realtime", "category=linear&symbol=BTCUSDT")
            .await
            .len(),
        2
    );

    let named = |link: &str, more: Value| {
        let mut body = json!({"symbol": "BTCUSDT", "orderLinkId": link});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        body
    };
    let rows = json!([
        named("c", json!({"qty": "0.3"})),
        named("none", json!({"qty": "0.3"}))
    ]);
    let reply = paper
        .post(
            "/v5/order/amend-batch",
            json!({"category": "linear", "request": rows}),
        )
        .await;
    assert_eq!(codes(&reply), [0, 110_001]);
    assert_eq!(reply["result"]["list"][0]["createAt"], Value::Null);
    let id = list[3]["orderId"].as_str().unwrap();
    assert_fields(&paper.order("linear", "BTCUSDT", id).await, &[("qty", "0.3")]);

    let rows = json!([named("none", json!({})), named("c", json!({}))]);
    let reply = paper
        .post(
            "/v5/order/cancel-batch",
            json!({"category": "linear", "request": rows}),
        )
        .await;
    assert_eq!(codes(&reply), [110_001, 0]);
    assert_fields(
        &reply["result"]["list"][0],
        &[("orderId", ""), ("orderLinkId", "none")],
    );
    assert_fields(
        &paper.order("linear", "BTCUSDT", id).await,
        &[("orderStatus", "Cancelled")],
    );
}

#[tokio::test]
async fn a_batch_has_bounds_and_amends_no_conditional_order() {
    let paper = Paper::still().await;
    let spot =
        json!({"symbol": "SOLUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.1", "price": "145"});
    for (category, row, rows, code) in [
        ("spot", &spot, 10, 0),
        ("spot", &spot, 11, 10001),
        ("linear", &row("0.001", ""), 20, 0),
        ("linear", &row("0.001", ""), 21, 10001),
        ("linear", &row("0.001", ""), 0, 10001),
    ] {
        let rows = vec![row.clone(); rows];
        let body = json!({"category": category, "request": rows});
        let reply = paper.post("/v5/order/create-batch", body).await;
        assert_eq!(reply["retCode"], code, "{category} {reply}");
    }
    let stop = json!({"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Market",
        "qty": "0.1", "triggerPrice": "66000", "triggerDirection": 1, "orderLinkId": "stop"});
    paper.place(stop).await;
    let rows = json!([{"symbol": "BTCUSDT", "orderLinkId": "stop", "triggerPrice": "67000"}]);
    let body = json!({"category": "linear", "request": rows});
    let reply = paper.post("/v5/order/amend-batch", body).await;
    assert_eq!((codes(&reply), &reply["retCode"]), (vec![10001], &json!(0)));
}
