//! Position lists, leverage, position mode and stops.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::client::{Paper, assert_fields};

fn market(side: &str, more: Value) -> Value {
    let mut body =
        json!({"category": "linear", "symbol": "BTCUSDT", "side": side, "orderType": "Market", "qty": "0.1"});
    if let (Value::Object(body), Value::Object(more)) = (&mut body, more) {
        body.extend(more);
    }
    body
}

async fn code(paper: &Paper, path: &str, body: Value) -> i64 {
    paper.post(path, body).await["retCode"].as_i64().unwrap()
}

#[tokio::test]
async fn a_symbol_shows_flat_legs_and_a_settle_coin_only_what_is_held() {
    let paper = Paper::still().await;
    assert_eq!(
        paper.get("/v5/position/list", "category=linear").await["retCode"],
        10001
    );
    let flat = paper.position("linear", "BTCUSDT").await;
    assert_fields(
        &flat,
        &[("side", ""), ("size", "0"), ("liqPrice", "0"), ("leverage", "10")],
    );
    assert_eq!(flat["seq"], -1);
    assert!(
        paper
            .list("/v5/position/list", "category=linear&settleCoin=USDT")
            .await
            .is_empty()
    );
    paper.place(market("Buy", json!({}))).await;
    let eth =
        json!({"category": "linear", "symbol": "ETHUSDT", "side": "Sell", "orderType": "Market", "qty": "1"});
    paper.place(eth).await;
    let inverse = json!({"category": "inverse", "symbol": "BTCUSD", "side": "Sell", "orderType": "Market", "qty": "10"});
    paper.place(inverse).await;
    let first = paper
        .get("/v5/position/list", "category=linear&settleCoin=USDT&limit=1")
        .await;
    let cursor = first["result"]["nextPageCursor"].as_str().unwrap();
    assert!(!cursor.is_empty());
    let query = format!("category=linear&settleCoin=USDT&limit=1&cursor={cursor}");
    let second = paper.get("/v5/position/list", &query).await;
    assert_eq!(second["result"]["nextPageCursor"], "");
    let symbols = [&first, &second].map(|page| page["result"]["list"][0]["symbol"].clone());
    assert_eq!(symbols, [json!("BTCUSDT"), json!("ETHUSDT")]);
    assert_eq!(paper.list("/v5/position/list", "category=inverse").await.len(), 1);
    assert!(
        paper
            .list("/v5/position/list", "category=option")
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn leverage_has_bounds_and_decides_the_margin() {
    let paper = Paper::still().await;
    let set = |buy: &str, sell: &str| json!({"category": "linear", "symbol": "BTCUSDT", "buyLeverage": buy, "sellLeverage": sell});
    for (body, expected) in [
        (set("10", "10"), 110_043),
        (set("10.00", "10"), 110_043),
        (set("0.5", "0.5"), 110_013),
        (set("100.01", "100.01"), 110_013),
        (set("5", "6"), 10001),
        (set("5", "5"), 0),
        (set("5", "5"), 110_043),
    ] {
        assert_eq!(
            code(&paper, "/v5/position/set-leverage", body.clone()).await,
            expected,
            "{body}"
        );
    }
    paper.place(market("Buy", json!({}))).await;
    assert_fields(
        &paper.position("linear", "BTCUSDT").await,
        &[("leverage", "5"), ("positionIM", "1302.86")],
    );
}

#[tokio::test]
async fn hedge_mode_keeps_two_legs() {
    let paper = Paper::still().await;
    let switch = |mode: i64| json!({"category": "linear", "symbol": "BTCUSDT", "mode": mode});
    let path = "/v5/position/switch-mode";
    assert_eq!(code(&paper, path, switch(0)).await, 110_025);
    assert_eq!(code(&paper, path, switch(1)).await, 10001);
    assert_eq!(code(&paper, path, switch(3)).await, 0);
    let usdc = json!({"category": "linear", "symbol": "BTCPERP", "mode": 3});
    assert_eq!(code(&paper, path, usdc).await, 110_029);
    assert_eq!(paper.refused(market("Buy", json!({}))).await, 10001);
    assert_eq!(
        paper.refused(market("Sell", json!({"positionIdx": 1}))).await,
        110_017
    );
    paper.place(market("Buy", json!({"positionIdx": 1}))).await;
    paper.place(market("Sell", json!({"positionIdx": 2}))).await;
    let rows = paper
        .list("/v5/position/list", "category=linear&symbol=BTCUSDT")
        .await;
    assert_eq!(rows.len(), 2);
    assert_fields(&rows[0], &[("side", "Buy"), ("size", "0.1")]);
    assert_fields(&rows[1], &[("side", "Sell"), ("size", "0.1")]);
    assert_eq!(
        (&rows[0]["positionIdx"], &rows[1]["positionIdx"]),
        (&json!(1), &json!(2))
    );
    assert_eq!(code(&paper, path, switch(0)).await, 110_024);
    // A sell on the long leg closes it and cannot turn it.
    paper.place(market("Sell", json!({"positionIdx": 1}))).await;
    paper.place(market("Buy", json!({"positionIdx": 2}))).await;
    let limit = json!({"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.1", "price": "60000", "positionIdx": 1});
    paper.place(limit).await;
    assert_eq!(code(&paper, path, switch(0)).await, 110_028);
    paper
        .post(
            "/v5/order/cancel-all",
            json!({"category": "linear", "symbol": "BTCUSDT"}),
        )
        .await;
    assert_eq!(
        code(
            &paper,
            path,
            json!({"category": "linear", "coin": "USDT", "mode": 0})
        )
        .await,
        0
    );
}

#[tokio::test]
async fn stops_of_a_position_are_kept_and_cleared_with_it() {
    let paper = Paper::still().await;
    let stop = |more: Value| {
        let mut body =
            json!({"category": "linear", "symbol": "BTCUSDT", "tpslMode": "Full", "positionIdx": 0});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        body
    };
    let path = "/v5/position/trading-stop";
    assert_eq!(
        code(&paper, path, stop(json!({"takeProfit": "70000"}))).await,
        10001
    );
    paper.place(market("Buy", json!({"stopLoss": "60000"}))).await;
    assert_fields(
        &paper.position("linear", "BTCUSDT").await,
        &[("stopLoss", "60000"), ("takeProfit", "0")],
    );
    for (more, expected) in [
        (json!({"takeProfit": "64000"}), 10001),
        (json!({"stopLoss": "66000"}), 10001),
        (json!({"takeProfit": "70000.05"}), 10001),
        (json!({"takeProfit": "70000", "stopLoss": "61000"}), 0),
        (json!({"takeProfit": "70000.0"}), 34040),
        (json!({"stopLoss": "0", "trailingStop": "500"}), 0),
    ] {
        assert_eq!(code(&paper, path, stop(more.clone())).await, expected, "{more}");
    }
    let held = paper.position("linear", "BTCUSDT").await;
    assert_fields(
        &held,
        &[
            ("takeProfit", "70000"),
            ("stopLoss", "0"),
            ("trailingStop", "500"),
        ],
    );
    paper.place(market("Sell", json!({}))).await;
    assert_fields(
        &paper.position("linear", "BTCUSDT").await,
        &[("takeProfit", "0"), ("trailingStop", "0")],
    );
}

#[tokio::test]
async fn a_position_flips_and_its_profit_is_settled() {
    let paper = Paper::still().await;
    paper.place(market("Buy", json!({}))).await;
    paper
        .server
        .set_price("linear", "BTCUSDT", Decimal::from(66_000))
        .unwrap();
    let mut sell = market("Sell", json!({}));
    sell["qty"] = json!("0.3");
    paper.place(sell).await;
    let held = paper.position("linear", "BTCUSDT").await;
    assert_fields(
        &held,
        &[("side", "Sell"), ("size", "0.2"), ("avgPrice", "65999.9")],
    );
    // 10000 + (65999.9 - 65000.1) × 0.1 - 3.5750055 - 19799.97 × 0.00055
    assert_fields(&paper.coin("USDT").await, &[("walletBalance", "10085.515011")]);
}

#[tokio::test]
async fn the_account_adds_up_in_dollars() {
    let paper = Paper::still().await;
    let all = paper
        .list("/v5/account/wallet-balance", "accountType=UNIFIED")
        .await;
    assert_fields(
        &all[0],
        &[
            ("totalEquity", "17500"),
            // A bitcoin counts for 95 percent of its worth.
            ("totalAvailableBalance", "17175"),
            ("accountType", "UNIFIED"),
        ],
    );
    let coins: Vec<&str> = all[0]["coin"]
        .as_array()
        .unwrap()
        .iter()
        .map(|coin| coin["coin"].as_str().unwrap())
        .collect();
    assert_eq!(coins, ["BTC", "USDC", "USDT"]);
    paper.place(market("Buy", json!({}))).await;
    let all = paper
        .list("/v5/account/wallet-balance", "accountType=UNIFIED")
        .await;
    assert_fields(
        &all[0],
        &[
            ("totalEquity", "17496.4149945"),
            ("totalPerpUPL", "-0.01"),
            // 650 and the fee of closing.
            ("totalInitialMargin", "653.2175"),
            ("totalMaintenanceMargin", "35.7175"),
            ("totalAvailableBalance", "16518.1974945"),
        ],
    );
    assert_eq!(
        paper.get("/v5/account/wallet-balance", "accountType=SPOT").await["retCode"],
        10001
    );
    let info = paper.get("/v5/account/info", "").await;
    assert_eq!(info["result"]["unifiedMarginStatus"], 5);
    assert_eq!(info["result"]["marginMode"], "REGULAR_MARGIN");
    let key = paper.get("/v5/user/query-api", "").await["result"].clone();
    assert_eq!(
        (&key["readOnly"], &key["permissions"]["Wallet"]),
        (&json!(0), &json!([]))
    );
    let rates = paper
        .list("/v5/account/fee-rate", "category=spot&symbol=BTCUSDT")
        .await;
    assert_eq!(
        rates,
        [json!({"symbol": "BTCUSDT", "takerFeeRate": "0.001", "makerFeeRate": "0.001"})]
    );
}
