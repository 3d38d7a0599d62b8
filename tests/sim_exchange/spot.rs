//! Spot orders: BTCUSDT stands at 65000, bid 64999.9, ask 65000.1; the account holds 10000 USDT and 0.1 BTC.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::client::{Paper, assert_fields};

fn order(side: &str, kind: &str, qty: &str, more: Value) -> Value {
    let mut body =
        json!({"category": "spot", "symbol": "BTCUSDT", "side": side, "orderType": kind, "qty": qty});
    if let (Value::Object(body), Value::Object(more)) = (&mut body, more) {
        body.extend(more);
    }
    body
}

async fn btc(paper: &Paper, id: &str) -> Value {
    paper.order("spot", "BTCUSDT", id).await
}

#[tokio::test]
async fn a_market_buy_counts_money_by_default() {
    let paper = Paper::still().await;
    let id = paper.place(order("Buy", "Market", "1000", json!({}))).await;
    assert!(
        id.bytes().all(|byte| byte.is_ascii_digit()),
        "spot ids are numbers, not {id}"
    );
    let row = btc(&paper, &id).await;
    assert_fields(
        &row,
        &[
            ("orderStatus", "PartiallyFilledCanceled"),
            ("qty", "1000"),
            ("marketUnit", ""),
            ("cumExecQty", "0.015384"),
            ("cumExecValue", "999.9615384"),
            ("leavesQty", "0"),
            ("leavesValue", "0.0384616"),
            ("rejectReason", "EC_NoError"),
        ],
    );
    assert_eq!(row["cumFeeDetail"], json!({"BTC": "0.000015384"}));
    assert_fields(
        &paper.coin("USDT").await,
        &[("walletBalance", "9000.0384616"), ("locked", "0")],
    );
    assert_fields(&paper.coin("BTC").await, &[("walletBalance", "0.115368616")]);
}

#[tokio::test]
async fn a_market_order_can_count_either_coin() {
    let paper = Paper::still().await;
    let buy = paper
        .place(order("Buy", "Market", "0.01", json!({"marketUnit": "baseCoin"})))
        .await;
    assert_fields(
        &btc(&paper, &buy).await,
        &[
            ("orderStatus", "Filled"),
            ("cumExecQty", "0.01"),
            ("cumExecValue", "650.001"),
        ],
    );
    let sell = paper.place(order("Sell", "Market", "0.01", json!({}))).await;
    let row = btc(&paper, &sell).await;
    assert_fields(&row, &[("orderStatus", "Filled"), ("cumExecValue", "649.999")]);
    assert_eq!(row["cumFeeDetail"], json!({"USDT": "0.649999"}));
    let money = paper
        .place(order("Sell", "Market", "130", json!({"marketUnit": "quoteCoin"})))
        .await;
    assert_fields(
        &btc(&paper, &money).await,
        &[("cumExecQty", "0.002"), ("cumExecValue", "129.9998")],
    );
    // 10000 - 650.001 + 649.999 - 0.649999 + 129.9998 - 0.1299998
    assert_fields(&paper.coin("USDT").await, &[("walletBalance", "10129.2178012")]);
    // 0.1 + 0.01 - 0.00001 - 0.01 - 0.002
    assert_fields(&paper.coin("BTC").await, &[("walletBalance", "0.09799")]);
}

#[tokio::test]
async fn a_limit_locks_what_it_may_spend() {
    let paper = Paper::still().await;
    let id = paper
        .place(order("Buy", "Limit", "0.1", json!({"price": "64000"})))
        .await;
    assert_fields(
        &paper.coin("USDT").await,
        &[("locked", "6400"), ("walletBalance", "10000")],
    );
    assert_eq!(
        paper
            .refused(order("Buy", "Limit", "0.1", json!({"price": "64000"})))
            .await,
        170_131
    );
    assert_eq!(
        paper
            .refused(order("Sell", "Limit", "0.2", json!({"price": "66000"})))
            .await,
        170_131
    );
    paper
        .server
        .set_price("spot", "BTCUSDT", Decimal::from(63_000))
        .unwrap();
    assert_fields(
        &btc(&paper, &id).await,
        &[("orderStatus", "Filled"), ("avgPrice", "64000")],
    );
    assert_fields(
        &paper.coin("USDT").await,
        &[("locked", "0"), ("walletBalance", "3600")],
    );
    assert_fields(
        &paper.coin("BTC").await,
        &[("walletBalance", "0.1999"), ("usdValue", "12993.5")],
    );
}

#[tokio::test]
async fn refusals_have_the_codes_of_spot() {
    let paper = Paper::still().await;
    for (body, code) in [
        (order("Buy", "Limit", "0.001", json!({"price": "70000"})), 170_372),
        (
            order("Sell", "Limit", "0.001", json!({"price": "60000"})),
            170_371,
        ),
        (
            order("Buy", "Limit", "0.001", json!({"price": "64000.05"})),
            170_134,
        ),
        (
            order("Buy", "Limit", "0.0010005", json!({"price": "64000"})),
            170_137,
        ),
        (
            order("Buy", "Limit", "0.00001", json!({"price": "64000"})),
            170_140,
        ),
        (order("Buy", "Market", "4.99", json!({})), 170_140),
        (order("Buy", "Market", "10001", json!({})), 170_131),
        (order("Buy", "Market", "10", json!({"marketUnit": "both"})), 10001),
        (
            order(
                "Buy",
                "Limit",
                "0.001",
                json!({"price": "64000", "orderFilter": "StopOrder"}),
            ),
            10001,
        ),
    ] {
        assert_eq!(paper.refused(body.clone()).await, code, "{body}");
    }
    let link = order(
        "Buy",
        "Limit",
        "0.001",
        json!({"price": "64000", "orderLinkId": "s-1"}),
    );
    paper.place(link.clone()).await;
    assert_eq!(paper.refused(link).await, 170_141);
    let unknown = json!({"category": "spot", "symbol": "BTCUSDT", "orderId": "1"});
    assert_eq!(
        paper.post("/v5/order/cancel", unknown.clone()).await["retCode"],
        170_213
    );
    assert_eq!(paper.post("/v5/order/amend", unknown).await["retCode"], 170_213);
}

#[tokio::test]
async fn a_conditional_order_holds_money_only_as_tpsl() {
    let paper = Paper::still().await;
    let sell = |filter: &str| {
        order(
            "Sell",
            "Limit",
            "0.04",
            json!({"price": "59900", "triggerPrice": "60000", "orderFilter": filter}),
        )
    };
    let stop = paper.place(sell("StopOrder")).await;
    assert_fields(&paper.coin("BTC").await, &[("locked", "0")]);
    let held = paper.place(sell("tpslOrder")).await;
    assert_fields(&paper.coin("BTC").await, &[("locked", "0.04")]);
    paper
        .server
        .set_price("spot", "BTCUSDT", Decimal::from(60_000))
        .unwrap();
    for id in [stop, held] {
        assert_fields(
            &btc(&paper, &id).await,
            &[("orderStatus", "Filled"), ("avgPrice", "59999.9")],
        );
    }
}

#[tokio::test]
async fn cancel_all_leaves_stop_orders_alive_unless_they_are_named() {
    let paper = Paper::still().await;
    let plain = paper
        .place(order("Buy", "Limit", "0.01", json!({"price": "64000"})))
        .await;
    let stop = json!({"price": "66100", "triggerPrice": "66000", "orderFilter": "StopOrder"});
    let stop = paper.place(order("Buy", "Limit", "0.01", stop)).await;
    let held = paper
        .place(order(
            "Buy",
            "Limit",
            "0.01",
            json!({"price": "66100", "triggerPrice": "66000"}),
        ))
        .await;
    let cancel = |body: Value| async { paper.post("/v5/order/cancel-all", body).await["result"].clone() };
    assert_eq!(
        cancel(json!({"category": "spot"})).await,
        json!({"list": [{"orderId": plain, "orderLinkId": ""}], "success": "1"})
    );
    assert_eq!(paper.list("/v5/order/realtime", "category=spot").await.len(), 2);
    // A single cancel looks among plain orders too, unless it names the kind.
    let one = json!({"category": "spot", "symbol": "BTCUSDT", "orderId": stop});
    assert_eq!(paper.post("/v5/order/cancel", one).await["retCode"], 170_213);
    for (filter, id) in [("StopOrder", stop), ("tpslOrder", held)] {
        let rows = cancel(json!({"category": "spot", "orderFilter": filter})).await["list"].clone();
        assert_eq!(rows[0]["orderId"], id);
    }
    assert!(paper.list("/v5/order/realtime", "category=spot").await.is_empty());
    assert_fields(&paper.coin("USDT").await, &[("locked", "0")]);
}

#[tokio::test]
async fn a_pair_against_another_coin_spends_that_coin() {
    let paper = Paper::still().await;
    let body = json!({"category": "spot", "symbol": "ETHBTC", "side": "Buy", "orderType": "Market", "qty": "0.5", "marketUnit": "baseCoin"});
    paper.place(body).await;
    // 0.5 at 0.049001.
    assert_fields(&paper.coin("BTC").await, &[("walletBalance", "0.0754995")]);
    assert_fields(
        &paper.coin("ETH").await,
        &[("walletBalance", "0.4995"), ("usdValue", "1598.4")],
    );
}

/// Open orders of BTCUSDT, oldest first.
async fn open(paper: &Paper) -> Vec<Value> {
    let mut rows = paper
        .list("/v5/order/realtime", "category=spot&symbol=BTCUSDT")
        .await;
    rows.reverse();
    rows
}

fn set(paper: &Paper, price: i64) {
    paper
        .server
        .set_price("spot", "BTCUSDT", Decimal::from(price))
        .unwrap();
}

#[tokio::test]
async fn a_limit_with_take_profit_and_stop_loss_leaves_a_pair_of_which_one_fills() {
    let paper = Paper::still().await;
    let more = json!({"price": "64000", "takeProfit": "66000", "stopLoss": "63000",
        "tpOrderType": "Limit", "tpLimitPrice": "66100", "orderLinkId": "buy"});
    let refused = order("Buy", "Market", "100", json!({"takeProfit": "66000"}));
    assert_eq!(paper.refused(refused).await, 10001);
    paper.place(order("Buy", "Limit", "0.1", more)).await;
    set(&paper, 63_900);
    let rows = open(&paper).await;
    assert_eq!(rows.len(), 2);
    for row in &rows {
        // What was bought, less the fee.
        assert_fields(
            row,
            &[
                ("orderStatus", "Untriggered"),
                ("side", "Sell"),
                ("qty", "0.0999"),
                ("stopOrderType", "BidirectionalTpslOrder"),
                ("parentOrderLinkId", "buy"),
            ],
        );
        assert_eq!(row["reduceOnly"], false);
    }
    assert_fields(&rows[0], &[("triggerPrice", "66000"), ("price", "66100")]);
    assert_fields(&rows[1], &[("triggerPrice", "63000"), ("orderType", "Market")]);
    // The coins are held back once, not twice.
    assert_fields(&paper.coin("BTC").await, &[("locked", "0.0999")]);
    set(&paper, 66_000);
    let rows = open(&paper).await;
    assert_eq!(rows.len(), 1);
    assert_fields(
        &rows[0],
        &[("orderStatus", "New"), ("ocoTriggerBy", "OcoTriggerByTp")],
    );
    let gone = paper
        .list("/v5/order/history", "category=spot&orderStatus=Deactivated")
        .await;
    assert_eq!(gone.len(), 1);
    assert_fields(&gone[0], &[("cancelType", "CancelByOCOSlCanceledByTpTriggered")]);
    set(&paper, 66_200);
    assert!(open(&paper).await.is_empty());
    assert_fields(
        &paper.coin("BTC").await,
        &[("walletBalance", "0.1"), ("locked", "0")],
    );
}

#[tokio::test]
async fn one_protection_alone_is_a_tpsl_order_and_a_pair_is_cancelled_together() {
    let paper = Paper::still().await;
    let more = json!({"price": "64000", "stopLoss": "63000"});
    paper.place(order("Buy", "Limit", "0.05", more)).await;
    set(&paper, 63_900);
    let row = open(&paper).await.remove(0);
    assert_fields(&row, &[("stopOrderType", "tpslOrder"), ("qty", "0.04995")]);
    set(&paper, 63_000);
    assert_fields(
        &btc(&paper, row["orderId"].as_str().unwrap()).await,
        &[("orderStatus", "Filled"), ("avgPrice", "62999.9")],
    );
    let more = json!({"price": "62000", "stopLoss": "61000", "takeProfit": "64000"});
    paper.place(order("Buy", "Limit", "0.05", more)).await;
    set(&paper, 61_900);
    let pair = open(&paper).await;
    assert_eq!(pair.len(), 2);
    let mut one = json!({"category": "spot", "symbol": "BTCUSDT", "orderId": pair[0]["orderId"]});
    // The page of `order/cancel` names three kinds, that of `cancel-all` five.
    for (word, code) in [
        ("Oco", 10001),
        ("OcoOrder", 10001),
        ("BidirectionalTpslOrder", 10001),
        ("Order", 170_213),
        ("StopOrder", 170_213),
        ("tpslOrder", 170_213),
    ] {
        one["orderFilter"] = word.into();
        let reply = paper.post("/v5/order/cancel", one.clone()).await;
        assert_eq!(reply["retCode"], code, "{word}");
    }
    let none = json!({"category": "spot", "orderFilter": "OcoOrder"});
    let reply = paper.post("/v5/order/cancel-all", none).await;
    assert_eq!(
        (&reply["retCode"], &reply["result"]["list"]),
        (&json!(0), &json!([]))
    );
    let all = json!({"category": "spot"});
    let reply = paper.post("/v5/order/cancel-all", all).await;
    assert_eq!(reply["result"]["list"], json!([]));
    let pairs = json!({"category": "spot", "orderFilter": "BidirectionalTpslOrder"});
    let reply = paper.post("/v5/order/cancel-all", pairs).await;
    assert_eq!(reply["result"]["list"].as_array().unwrap().len(), 2);
    assert!(open(&paper).await.is_empty());
    let unknown = json!({"category": "spot", "orderFilter": "Oco"});
    assert_eq!(
        paper.post("/v5/order/cancel-all", unknown).await["retCode"],
        10001
    );
}
