//! Inverse contracts count dollars and settle in coin: BTCUSD stands at 65000, ask 65000.1.

use rust_decimal::Decimal;
use serde_json::json;

use crate::client::{Paper, assert_fields};

#[tokio::test]
async fn a_round_trip_settles_in_coin() {
    let paper = Paper::still().await;
    let order = |side: &str| json!({"category": "inverse", "symbol": "BTCUSD", "side": side, "orderType": "Market", "qty": "650"});
    let id = paper.place(order("Buy")).await;
    let row = paper.order("inverse", "BTCUSD", &id).await;
    // 650 / 65000.1, and 0.055 percent of it.
    assert_fields(
        &row,
        &[
            ("orderStatus", "Filled"),
            ("cumExecQty", "650"),
            ("cumExecValue", "0.00999998"),
            ("cumExecFee", "0.0000055"),
        ],
    );
    assert_eq!(row["cumFeeDetail"], json!({"BTC": "0.0000055"}));
    assert_fields(&paper.coin("BTC").await, &[("walletBalance", "0.0999945")]);
    assert_fields(
        &paper.position("inverse", "BTCUSD").await,
        &[
            ("size", "650"),
            ("avgPrice", "65000.1"),
            ("side", "Buy"),
            ("positionValue", "0.00999998"),
        ],
    );
    paper
        .server
        .set_price("inverse", "BTCUSD", Decimal::from(66_000))
        .unwrap();
    // 650 / 65000.1 - 650 / 66000.
    assert_fields(
        &paper.position("inverse", "BTCUSD").await,
        &[("unrealisedPnl", "0.0001515"), ("markPrice", "66000")],
    );
    paper.place(order("Sell")).await;
    // 650 / 65999.9 is 0.0098485; its fee 0.00000542. What is kept is finer than what positions show.
    assert_fields(
        &paper.coin("BTC").await,
        &[("walletBalance", "0.1001405648449541"), ("unrealisedPnl", "0")],
    );
    assert_fields(&paper.coin("USDT").await, &[("walletBalance", "10000")]);
}

#[tokio::test]
async fn quantities_are_whole_dollars_and_lists_need_no_scope() {
    let paper = Paper::still().await;
    let order = |qty: &str| json!({"category": "inverse", "symbol": "ETHUSD", "side": "Buy", "orderType": "Limit", "qty": qty, "price": "3000"});
    assert_eq!(paper.refused(order("1.5")).await, 10001);
    paper.place(order("300")).await;
    assert_eq!(
        paper.list("/v5/order/realtime", "category=inverse").await.len(),
        1
    );
    assert_fields(
        &paper.coin("ETH").await,
        &[("totalOrderIM", "0.0101155"), ("walletBalance", "0")],
    );
    assert_eq!(
        paper
            .post("/v5/order/cancel-all", json!({"category": "inverse"}))
            .await["retCode"],
        10001
    );
    let reply = paper
        .post(
            "/v5/order/cancel-all",
            json!({"category": "inverse", "settleCoin": "ETH"}),
        )
        .await;
    assert_eq!(reply["result"]["list"].as_array().unwrap().len(), 1);
    assert!(
        paper
            .list("/v5/order/realtime", "category=inverse")
            .await
            .is_empty()
    );
}
