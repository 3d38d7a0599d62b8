//! Flags and kinds of orders: conditional, closing, tolerant, priced by the book. BTCUSDT stands at 65000.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::client::{Paper, assert_fields};

fn order(side: &str, kind: &str, qty: &str, more: Value) -> Value {
    let mut body =
        json!({"category": "linear", "symbol": "BTCUSDT", "side": side, "orderType": kind, "qty": qty});
    if let (Value::Object(body), Value::Object(more)) = (&mut body, more) {
        body.extend(more);
    }
    body
}

async fn btc(paper: &Paper, id: &str) -> Value {
    paper.order("linear", "BTCUSDT", id).await
}

fn set(paper: &Paper, category: &str, symbol: &str, price: i64) {
    let price = Decimal::from(price);
    paper.server.set_price(category, symbol, price).unwrap();
}

#[tokio::test]
async fn a_slippage_tolerance_bounds_a_market_order() {
    let paper = Paper::still().await;
    for (kind, amount, code) in [
        ("TickSize", "0", 110_108),
        ("TickSize", "10001", 110_108),
        ("TickSize", "1.5", 110_108),
        ("Percent", "0.001", 110_109),
        ("Percent", "10.01", 110_109),
        ("Ticks", "1", 10001),
    ] {
        let more = json!({"slippageToleranceType": kind, "slippageTolerance": amount});
        let body = order("Buy", "Market", "0.1", more);
        assert_eq!(paper.refused(body.clone()).await, code, "{body}");
    }
    let more = json!({"slippageToleranceType": "TickSize", "slippageTolerance": "5", "price": "64000"});
    assert_eq!(paper.refused(order("Buy", "Limit", "0.1", more)).await, 10001);
    // Three levels of one tick each: 0.5, 1 and 1.5; the best and one more are within a tick.
    let more = json!({"slippageToleranceType": "TickSize", "slippageTolerance": "1"});
    let id = paper.place(order("Buy", "Market", "1.52", more)).await;
    assert_fields(
        &btc(&paper, &id).await,
        &[
            ("orderStatus", "Cancelled"),
            ("cumExecQty", "1.5"),
            ("price", "65000.2"),
            ("slippageToleranceType", "TickSize"),
            ("slippageTolerance", "1"),
        ],
    );
    let more = json!({"slippageToleranceType": "Percent", "slippageTolerance": "0.05"});
    let id = paper.place(order("Sell", "Market", "0.1", more)).await;
    // 64999.9 less five hundredths of a percent, in whole ticks.
    assert_fields(
        &btc(&paper, &id).await,
        &[("orderStatus", "Filled"), ("price", "64967.5")],
    );
}

#[tokio::test]
async fn a_level_of_the_book_can_stand_for_a_price() {
    let paper = Paper::still().await;
    for (side, book, level, price) in [
        ("Buy", "Queue", "1", "64999.9"),
        ("Buy", "Queue", "5", "64999.5"),
        ("Sell", "Queue", "2", "65000.2"),
        ("Buy", "Counterparty", "1", "65000.1"),
        ("Sell", "Counterparty", "3", "64999.7"),
    ] {
        let more = json!({"bboSideType": book, "bboLevel": level});
        let id = paper.place(order(side, "Limit", "0.01", more)).await;
        assert_fields(&btc(&paper, &id).await, &[("price", price)]);
    }
    let more = json!({"bboSideType": "Queue", "bboLevel": "6"});
    assert_eq!(paper.refused(order("Buy", "Limit", "0.01", more)).await, 10001);
}

#[tokio::test]
async fn a_close_of_quantity_zero_takes_the_position() {
    let paper = Paper::still().await;
    let all = json!({"reduceOnly": true, "closeOnTrigger": true});
    assert_eq!(
        paper.refused(order("Sell", "Market", "0", all.clone())).await,
        110_017
    );
    paper.place(order("Buy", "Market", "0.2", json!({}))).await;
    assert_eq!(
        paper
            .refused(order("Sell", "Market", "0", json!({"reduceOnly": true})))
            .await,
        10001
    );
    let id = paper.place(order("Sell", "Market", "0", all)).await;
    assert_fields(
        &btc(&paper, &id).await,
        &[("orderStatus", "Filled"), ("qty", "0.2")],
    );
    paper.place(order("Buy", "Market", "0.1", json!({}))).await;
    let later =
        json!({"reduceOnly": true, "closeOnTrigger": true, "triggerPrice": "64000", "triggerDirection": 2});
    let id = paper.place(order("Sell", "Market", "0", later)).await;
    paper.place(order("Buy", "Market", "0.1", json!({}))).await;
    set(&paper, "linear", "BTCUSDT", 64_000);
    assert_fields(
        &btc(&paper, &id).await,
        &[("orderStatus", "Filled"), ("cumExecQty", "0.2")],
    );
}

#[tokio::test]
async fn a_conditional_close_is_trimmed_to_what_is_held_then() {
    let paper = Paper::still().await;
    paper.place(order("Buy", "Market", "0.2", json!({}))).await;
    let stop = |trigger: &str| json!({"reduceOnly": true, "triggerPrice": trigger, "triggerDirection": 2, "triggerBy": "MarkPrice"});
    let trimmed = paper.place(order("Sell", "Market", "0.2", stop("64000"))).await;
    let late = paper.place(order("Sell", "Market", "0.2", stop("63900"))).await;
    paper.place(order("Sell", "Market", "0.15", json!({}))).await;
    set(&paper, "linear", "BTCUSDT", 64_000);
    let row = btc(&paper, &trimmed).await;
    assert_fields(
        &row,
        &[
            ("orderStatus", "Filled"),
            ("qty", "0.05"),
            ("triggerBy", "MarkPrice"),
        ],
    );
    set(&paper, "linear", "BTCUSDT", 63_900);
    assert_fields(
        &btc(&paper, &late).await,
        &[("cancelType", "CancelByReduceOnly"), ("cumExecQty", "0")],
    );
}

#[tokio::test]
async fn a_close_larger_than_one_order_becomes_several() {
    let paper = Paper::still().await;
    // So dear a coin that a tenth of it carries two orders of the largest size.
    set(&paper, "inverse", "BTCUSD", 6_500_000);
    let body = json!({"category": "inverse", "symbol": "BTCUSD", "buyLeverage": "50", "sellLeverage": "50"});
    paper.post("/v5/position/set-leverage", body).await;
    let btc = |side: &str, qty: &str, more: Value| {
        let named = json!({"category": "inverse", "symbol": "BTCUSD"});
        let mut body = order(side, "Market", qty, named);
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        body
    };
    for _ in 0..2 {
        paper.place(btc("Buy", "5000000", json!({}))).await;
    }
    assert_fields(
        &paper.position("inverse", "BTCUSD").await,
        &[("size", "10000000")],
    );
    assert_eq!(paper.refused(btc("Sell", "9000000", json!({}))).await, 10001);
    let more = json!({"reduceOnly": true, "orderLinkId": "close"});
    let first = paper.place(btc("Sell", "9000000", more)).await;
    let rows = paper
        .list("/v5/order/history", "category=inverse&symbol=BTCUSD")
        .await;
    assert_eq!(rows.len(), 4);
    assert_fields(
        &rows[1],
        &[("orderId", &first), ("orderLinkId", "close"), ("qty", "5000000")],
    );
    assert_fields(
        &rows[0],
        &[("orderLinkId", ""), ("qty", "4000000"), ("orderStatus", "Filled")],
    );
    assert_fields(&paper.position("inverse", "BTCUSD").await, &[("size", "1000000")]);
}

#[tokio::test]
async fn open_orders_have_bounds() {
    let paper = Paper::still().await;
    let stop = || {
        order(
            "Buy",
            "Market",
            "0.001",
            json!({"triggerPrice": "66000", "triggerDirection": 1}),
        )
    };
    for _ in 0..10 {
        paper.place(stop()).await;
    }
    assert_eq!(paper.refused(stop()).await, 110_009);
    let mut other = stop();
    other["symbol"] = json!("BTCPERP");
    paper.place(other).await;
    let spot = || {
        json!({"category": "spot", "symbol": "SOLUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.1",
        "price": "150", "triggerPrice": "155", "orderFilter": "StopOrder"})
    };
    let rows: Vec<Value> = (0..10).map(|_| spot()).collect();
    for _ in 0..3 {
        let body = json!({"category": "spot", "request": rows});
        assert_eq!(
            paper.post("/v5/order/create-batch", body).await["retExtInfo"]["list"][9]["code"],
            0
        );
    }
    assert_eq!(paper.refused(spot()).await, 170_005);
}

#[tokio::test]
async fn flags_are_checked_and_shown() {
    let paper = Paper::still().await;
    for (name, value, code) in [
        ("smpType", json!("CancelAll"), 10001),
        ("triggerBy", json!("Price"), 10001),
        ("isLeverage", json!(2), 10001),
    ] {
        let mut body = order("Buy", "Limit", "0.1", json!({"price": "64000"}));
        body[name] = value;
        assert_eq!(paper.refused(body).await, code, "{name}");
    }
    let more = json!({"price": "64000", "smpType": "CancelMaker", "mmp": true, "rpiTakerAccess": true});
    let id = paper.place(order("Buy", "Limit", "0.1", more)).await;
    let row = btc(&paper, &id).await;
    assert_fields(
        &row,
        &[
            ("smpType", "CancelMaker"),
            ("isLeverage", ""),
            ("createType", "CreateByUser"),
            ("parentOrderLinkId", ""),
            ("ocoTriggerBy", ""),
            ("rpiMatchedQty", ""),
        ],
    );
    assert_eq!(row["rpiTakerAccess"], true);
    let body = json!({"category": "spot", "symbol": "SOLUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.1", "price": "145", "isLeverage": 1});
    let id = paper.place(body).await;
    assert_fields(&paper.order("spot", "SOLUSDT", &id).await, &[("isLeverage", "1")]);
}

#[tokio::test]
async fn a_check_beforehand_places_nothing() {
    let paper = Paper::still().await;
    let path = "/v5/order/pre-check";
    let body = order("Buy", "Market", "0.1", json!({"orderLinkId": "check"}));
    let reply = paper.post(path, body.clone()).await;
    // 650 and 32.5, each with the fee of closing, of 17496.4149945.
    let result = reply["result"].clone();
    assert_eq!(result["orderLinkId"], "check");
    for (name, figure) in [
        ("preImrE4", 0),
        ("preMmrE4", 0),
        ("postImrE4", 373),
        ("postMmrE4", 20),
    ] {
        assert_eq!(result[name], figure, "{name} of {reply}");
    }
    assert_fields(&paper.position("linear", "BTCUSDT").await, &[("size", "0")]);
    assert_fields(&paper.coin("USDT").await, &[("walletBalance", "10000")]);
    paper.place(body.clone()).await;
    assert_eq!(paper.post(path, body).await["retCode"], 110_072);
    let more = json!({"triggerPrice": "66000", "triggerDirection": 1});
    let conditional = order("Buy", "Market", "0.1", more);
    assert_eq!(paper.post(path, conditional).await["retCode"], 10001);
}

#[tokio::test]
async fn spot_says_how_much_can_be_traded() {
    let paper = Paper::still().await;
    let paper = &paper;
    let read = |side: &'static str| async move {
        let query = format!("category=spot&symbol=BTCUSDT&side={side}");
        paper.get("/v5/order/spot-borrow-check", &query).await["result"].clone()
    };
    assert_fields(
        &read("Buy").await,
        &[
            ("spotMaxTradeQty", "0.153845"),
            ("spotMaxTradeAmount", "10000"),
            ("borrowCoin", "USDT"),
        ],
    );
    assert_fields(
        &read("Sell").await,
        &[
            ("spotMaxTradeQty", "0.1"),
            ("spotMaxTradeAmount", "6499.99"),
            ("borrowCoin", "BTC"),
        ],
    );
    let path = "/v5/order/disconnected-cancel-all";
    assert_eq!(
        paper.post(path, json!({"timeWindow": 10})).await,
        json!({"retCode": 0, "retMsg": "success"})
    );
    assert_eq!(paper.post(path, json!({"timeWindow": 2})).await["retCode"], 10001);
}
