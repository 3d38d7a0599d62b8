//! Take profits, stop losses and trailing stops of positions: BTCUSDT stands at 65000, ask 65000.1.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::client::{Paper, assert_fields};

fn with(mut body: Value, more: Value) -> Value {
    if let (Value::Object(body), Value::Object(more)) = (&mut body, more) {
        body.extend(more);
    }
    body
}

fn market(side: &str, qty: &str, more: Value) -> Value {
    let body =
        json!({"category": "linear", "symbol": "BTCUSDT", "side": side, "orderType": "Market", "qty": qty});
    with(body, more)
}

fn limit(side: &str, qty: &str, price: &str, more: Value) -> Value {
    with(
        market(side, qty, json!({"orderType": "Limit", "price": price})),
        more,
    )
}

async fn stop(paper: &Paper, more: Value) -> i64 {
    let body = json!({"category": "linear", "symbol": "BTCUSDT", "tpslMode": "Full", "positionIdx": 0});
    let reply = paper.post("/v5/position/trading-stop", with(body, more)).await;
    reply["retCode"].as_i64().unwrap()
}

fn set(paper: &Paper, price: &str) {
    let price = Decimal::from_str_exact(price).unwrap();
    paper.server.set_price("linear", "BTCUSDT", price).unwrap();
}

/// Open orders of a kind, oldest first.
async fn open(paper: &Paper, kind: &str) -> Vec<Value> {
    let mut rows = paper
        .list("/v5/order/realtime", "category=linear&symbol=BTCUSDT&limit=50")
        .await;
    rows.retain(|row| row["stopOrderType"] == kind);
    rows.reverse();
    rows
}

async fn closed(paper: &Paper, row: &Value) -> Value {
    paper
        .order("linear", "BTCUSDT", row["orderId"].as_str().unwrap())
        .await
}

#[tokio::test]
async fn attached_stops_become_orders_that_follow_the_position() {
    let paper = Paper::still().await;
    let more = json!({"takeProfit": "66000", "stopLoss": "64000", "orderLinkId": "parent"});
    paper.place(market("Buy", "0.1", more)).await;
    let tp = open(&paper, "TakeProfit").await.remove(0);
    let sl = open(&paper, "StopLoss").await.remove(0);
    assert_fields(
        &tp,
        &[
            ("orderStatus", "Untriggered"),
            ("side", "Sell"),
            ("qty", "0.1"),
            ("orderType", "Market"),
            ("triggerPrice", "66000"),
            ("triggerBy", "LastPrice"),
            ("createType", "CreateByTakeProfit"),
            ("parentOrderLinkId", "parent"),
            ("orderLinkId", ""),
            ("tpslMode", "Full"),
        ],
    );
    assert_eq!(
        (&tp["triggerDirection"], &tp["reduceOnly"], &tp["closeOnTrigger"]),
        (&json!(1), &json!(true), &json!(true))
    );
    assert_fields(
        &sl,
        &[("triggerPrice", "64000"), ("createType", "CreateByStopLoss")],
    );
    assert_eq!(sl["triggerDirection"], 2);
    assert_fields(
        &paper.position("linear", "BTCUSDT").await,
        &[("takeProfit", "66000"), ("stopLoss", "64000")],
    );
    paper.place(market("Buy", "0.05", json!({}))).await;
    assert_fields(&closed(&paper, &tp).await, &[("qty", "0.15")]);
    paper.place(market("Sell", "0.03", json!({}))).await;
    assert_fields(&closed(&paper, &sl).await, &[("qty", "0.12")]);

    set(&paper, "66000");
    assert_fields(
        &closed(&paper, &tp).await,
        &[
            ("orderStatus", "Filled"),
            ("avgPrice", "65999.9"),
            ("cumExecQty", "0.12"),
        ],
    );
    assert_fields(
        &closed(&paper, &sl).await,
        &[
            ("orderStatus", "Deactivated"),
            ("cancelType", "CancelByTpSlTsClear"),
        ],
    );
    assert_fields(
        &paper.position("linear", "BTCUSDT").await,
        &[("size", "0"), ("takeProfit", "0"), ("stopLoss", "0")],
    );
    let fills = paper.list("/v5/execution/list", "category=linear").await;
    assert_fields(
        &fills[0],
        &[
            ("stopOrderType", "TakeProfit"),
            ("createType", "CreateByTakeProfit"),
            ("closedSize", "0.12"),
        ],
    );
}

#[tokio::test]
async fn a_short_is_protected_the_other_way_round_and_a_turn_clears_the_old_stops() {
    let paper = Paper::still().await;
    let more = json!({"takeProfit": "64000", "stopLoss": "66000"});
    paper.place(market("Sell", "0.1", more)).await;
    let tp = open(&paper, "TakeProfit").await.remove(0);
    assert_fields(&tp, &[("side", "Buy"), ("triggerPrice", "64000")]);
    assert_eq!(tp["triggerDirection"], 2);
    let turn = json!({"takeProfit": "67000"});
    paper.place(market("Buy", "0.3", turn)).await;
    assert_fields(
        &closed(&paper, &tp).await,
        &[
            ("orderStatus", "Deactivated"),
            ("cancelType", "CancelByTpSlTsClear"),
        ],
    );
    let tps = open(&paper, "TakeProfit").await;
    assert_eq!(tps.len(), 1);
    assert_fields(
        &tps[0],
        &[("side", "Sell"), ("triggerPrice", "67000"), ("qty", "0.2")],
    );
    assert_fields(
        &paper.position("linear", "BTCUSDT").await,
        &[("takeProfit", "67000"), ("stopLoss", "0"), ("size", "0.2")],
    );
}

#[tokio::test]
async fn attached_stops_wait_for_the_fill_and_are_checked_before() {
    let paper = Paper::still().await;
    for (more, code) in [
        (json!({"takeProfit": "63000"}), 10001),
        (json!({"stopLoss": "64500"}), 10001),
        (json!({"takeProfit": "66000.05"}), 10001),
        (json!({"takeProfit": "66000", "tpTriggerBy": "Price"}), 10001),
        (json!({"takeProfit": "66000", "tpslMode": "Half"}), 10001),
        (json!({"takeProfit": "66000", "tpOrderType": "Limit"}), 10001),
        (
            json!({"takeProfit": "66000", "tpOrderType": "Limit", "tpslMode": "Full"}),
            110_058,
        ),
        (
            json!({"takeProfit": "66000", "tpOrderType": "Limit", "tpslMode": "Partial"}),
            10001,
        ),
    ] {
        let body = limit("Buy", "0.1", "64000", more);
        assert_eq!(paper.refused(body.clone()).await, code, "{body}");
    }
    let body = limit("Buy", "0.1", "64000", json!({"takeProfit": "63000"}));
    assert_eq!(
        paper.post("/v5/order/create", body).await["retMsg"],
        "TakeProfit:630000000 set for Buy position should be higher than base_price:640000000??LastPrice"
    );
    let more = json!({"takeProfit": "66000", "stopLoss": "63500", "slTriggerBy": "MarkPrice"});
    let id = paper.place(limit("Buy", "0.1", "64000", more)).await;
    assert!(open(&paper, "StopLoss").await.is_empty());
    let amend = |more: Value| {
        with(
            json!({"category": "linear", "symbol": "BTCUSDT", "orderId": id}),
            more,
        )
    };
    let bad = amend(json!({"stopLoss": "64500"}));
    assert_eq!(paper.post("/v5/order/amend", bad).await["retCode"], 10001);
    let good = amend(json!({"takeProfit": "0"}));
    assert_eq!(paper.post("/v5/order/amend", good).await["retCode"], 0);
    set(&paper, "63999");
    assert!(open(&paper, "TakeProfit").await.is_empty());
    let sl = open(&paper, "StopLoss").await.remove(0);
    assert_fields(&sl, &[("triggerPrice", "63500"), ("triggerBy", "MarkPrice")]);
    set(&paper, "63500");
    assert_fields(
        &closed(&paper, &sl).await,
        &[("orderStatus", "Filled"), ("avgPrice", "63499.9")],
    );
}

#[tokio::test]
async fn a_price_that_runs_through_the_order_and_its_stop_fills_both() {
    let paper = Paper::still().await;
    let more = json!({"stopLoss": "63500"});
    paper.place(limit("Buy", "0.1", "64000", more)).await;
    set(&paper, "63000");
    assert_fields(&paper.position("linear", "BTCUSDT").await, &[("size", "0")]);
    let fills = paper.list("/v5/execution/list", "category=linear").await;
    assert_fields(&fills[0], &[("execPrice", "62999.9"), ("side", "Sell")]);
    assert_fields(&fills[1], &[("execPrice", "64000"), ("side", "Buy")]);
}

#[tokio::test]
async fn partial_stops_carry_their_quantity_and_end_each_other() {
    let paper = Paper::still().await;
    let more = json!({"tpslMode": "Partial", "takeProfit": "66000", "stopLoss": "64000",
        "tpOrderType": "Limit", "tpLimitPrice": "66100"});
    paper.place(market("Buy", "0.1", more)).await;
    paper.place(market("Buy", "0.1", json!({}))).await;
    let tp = open(&paper, "PartialTakeProfit").await.remove(0);
    let sl = open(&paper, "PartialStopLoss").await.remove(0);
    assert_fields(
        &tp,
        &[
            ("qty", "0.1"),
            ("price", "66100"),
            ("orderType", "Limit"),
            ("createType", "CreateByPartialTakeProfit"),
            ("tpslMode", "Partial"),
        ],
    );
    assert_fields(&sl, &[("qty", "0.1"), ("createType", "CreateByPartialStopLoss")]);
    assert_fields(
        &paper.position("linear", "BTCUSDT").await,
        &[("takeProfit", "0"), ("stopLoss", "0")],
    );
    set(&paper, "66000");
    // Triggered, it rests at its limit, and the stop loss stays until it has filled.
    assert_fields(&closed(&paper, &tp).await, &[("orderStatus", "New")]);
    assert_fields(&closed(&paper, &sl).await, &[("orderStatus", "Untriggered")]);
    set(&paper, "66200");
    assert_fields(
        &closed(&paper, &tp).await,
        &[("orderStatus", "Filled"), ("avgPrice", "66100")],
    );
    assert_fields(
        &closed(&paper, &sl).await,
        &[
            ("orderStatus", "Deactivated"),
            ("cancelType", "CancelByTpSlTsClear"),
        ],
    );
    assert_fields(&paper.position("linear", "BTCUSDT").await, &[("size", "0.1")]);
}

#[tokio::test]
async fn trading_stop_moves_full_stops_in_place_and_adds_partial_ones() {
    let paper = Paper::still().await;
    assert_eq!(stop(&paper, json!({"takeProfit": "66000"})).await, 10001);
    paper.place(market("Buy", "0.1", json!({}))).await;
    assert_eq!(stop(&paper, json!({})).await, 34040);
    assert_eq!(stop(&paper, json!({"takeProfit": "66000"})).await, 0);
    let tp = open(&paper, "TakeProfit").await.remove(0);
    assert_eq!(stop(&paper, json!({"takeProfit": "67000"})).await, 0);
    assert_fields(&closed(&paper, &tp).await, &[("triggerPrice", "67000")]);
    assert_eq!(stop(&paper, json!({"takeProfit": "67000"})).await, 34040);
    assert_eq!(stop(&paper, json!({"takeProfit": "0"})).await, 0);
    assert_fields(&closed(&paper, &tp).await, &[("orderStatus", "Deactivated")]);
    assert_eq!(stop(&paper, json!({"takeProfit": "0"})).await, 34040);
    for (more, code) in [
        (json!({"takeProfit": "66000"}), 10001),
        (json!({"takeProfit": "66000", "tpSize": "0.2"}), 10001),
        (
            json!({"takeProfit": "66000", "tpSize": "0.05", "stopLoss": "64000", "slSize": "0.04"}),
            10001,
        ),
        (
            json!({"takeProfit": "66000", "tpSize": "0.05", "stopLoss": "64000", "slSize": "0.05"}),
            0,
        ),
        (json!({"stopLoss": "63000", "slSize": "0.01"}), 0),
    ] {
        let body = with(more, json!({"tpslMode": "Partial"}));
        assert_eq!(stop(&paper, body.clone()).await, code, "{body}");
    }
    assert_eq!(open(&paper, "PartialTakeProfit").await.len(), 1);
    let stops = open(&paper, "PartialStopLoss").await;
    assert_eq!(stops.len(), 2);
    set(&paper, "64000");
    assert_fields(&paper.position("linear", "BTCUSDT").await, &[("size", "0.05")]);
    assert!(open(&paper, "PartialTakeProfit").await.is_empty());
    assert_eq!(open(&paper, "PartialStopLoss").await.len(), 1);
    for _ in 0..19 {
        let more = json!({"tpslMode": "Partial", "stopLoss": "62000", "slSize": "0.001"});
        assert_eq!(stop(&paper, more).await, 0);
    }
    let more = json!({"tpslMode": "Partial", "stopLoss": "62000", "slSize": "0.001"});
    assert_eq!(stop(&paper, more).await, 110_061);
}

#[tokio::test]
async fn a_trailing_stop_follows_the_best_price() {
    let paper = Paper::still().await;
    paper.place(market("Buy", "0.1", json!({}))).await;
    assert_eq!(stop(&paper, json!({"trailingStop": "500.05"})).await, 10001);
    assert_eq!(
        stop(&paper, json!({"trailingStop": "500", "activePrice": "64000"})).await,
        10001
    );
    assert_eq!(
        stop(&paper, json!({"trailingStop": "500", "activePrice": "66000"})).await,
        0
    );
    let ts = open(&paper, "TrailingStop").await.remove(0);
    assert_fields(
        &ts,
        &[("createType", "CreateByTrailingStop"), ("triggerPrice", "")],
    );
    // Not active yet, so a fall means nothing to it.
    for (price, trigger) in [
        ("64000", ""),
        ("66000", "65500"),
        ("67000", "66500"),
        ("66600", "66500"),
    ] {
        set(&paper, price);
        assert_fields(&closed(&paper, &ts).await, &[("triggerPrice", trigger)]);
    }
    assert_fields(
        &paper.position("linear", "BTCUSDT").await,
        &[("trailingStop", "500")],
    );
    set(&paper, "66400");
    assert_fields(
        &closed(&paper, &ts).await,
        &[("orderStatus", "Filled"), ("avgPrice", "66399.9")],
    );
    assert_fields(
        &paper.position("linear", "BTCUSDT").await,
        &[("size", "0"), ("trailingStop", "0")],
    );
}

#[tokio::test]
async fn a_short_trails_downwards_and_zero_takes_the_stop_away() {
    let paper = Paper::still().await;
    paper.place(market("Sell", "0.1", json!({}))).await;
    assert_eq!(stop(&paper, json!({"trailingStop": "500"})).await, 0);
    let ts = open(&paper, "TrailingStop").await.remove(0);
    assert_fields(&ts, &[("triggerPrice", "65500"), ("side", "Buy")]);
    set(&paper, "64000");
    assert_fields(&closed(&paper, &ts).await, &[("triggerPrice", "64500")]);
    assert_eq!(stop(&paper, json!({"trailingStop": "0"})).await, 0);
    assert_fields(&closed(&paper, &ts).await, &[("orderStatus", "Deactivated")]);
    set(&paper, "64600");
    assert_fields(&paper.position("linear", "BTCUSDT").await, &[("size", "0.1")]);
}

#[tokio::test]
async fn a_cancelled_stop_leaves_the_position_and_an_amended_one_shows_on_it() {
    let paper = Paper::still().await;
    let more = json!({"takeProfit": "66000", "stopLoss": "64000"});
    paper.place(market("Buy", "0.1", more)).await;
    let sl = open(&paper, "StopLoss").await.remove(0);
    let named = json!({"category": "linear", "symbol": "BTCUSDT", "orderId": sl["orderId"]});
    let amend = |more: Value| with(named.clone(), more);
    for (more, code) in [
        (json!({"triggerPrice": "65500"}), 110_093),
        (json!({"qty": "0.05"}), 10001),
        (json!({"triggerPrice": "63000"}), 0),
    ] {
        let reply = paper.post("/v5/order/amend", amend(more.clone())).await;
        assert_eq!(reply["retCode"], code, "{more}: {reply}");
    }
    assert_fields(
        &paper.position("linear", "BTCUSDT").await,
        &[("takeProfit", "66000"), ("stopLoss", "63000")],
    );
    let stop_alone = json!({"category": "linear", "symbol": "BTCUSDT", "orderFilter": "StopOrder", "stopOrderType": "Stop"});
    let reply = paper.post("/v5/order/cancel-all", stop_alone).await;
    assert_eq!(reply["result"]["list"], json!([]));
    assert_eq!(paper.post("/v5/order/cancel", named).await["retCode"], 0);
    assert_fields(
        &paper.position("linear", "BTCUSDT").await,
        &[("takeProfit", "66000"), ("stopLoss", "0")],
    );
    let all = json!({"category": "linear", "symbol": "BTCUSDT"});
    let reply = paper.post("/v5/order/cancel-all", all).await;
    assert_eq!(reply["result"]["list"].as_array().unwrap().len(), 1);
    assert_fields(
        &paper.position("linear", "BTCUSDT").await,
        &[("takeProfit", "0"), ("size", "0.1")],
    );
}

#[tokio::test]
async fn each_leg_of_a_hedge_has_its_own_stops() {
    let paper = Paper::still().await;
    let body = json!({"category": "linear", "symbol": "BTCUSDT", "mode": 3});
    paper.post("/v5/position/switch-mode", body).await;
    let long = json!({"positionIdx": 1, "takeProfit": "66000"});
    paper.place(market("Buy", "0.1", long)).await;
    let short = json!({"positionIdx": 2, "takeProfit": "64000", "stopLoss": "66000"});
    paper.place(market("Sell", "0.2", short)).await;
    assert_eq!(open(&paper, "TakeProfit").await.len(), 2);
    assert_eq!(
        stop(&paper, json!({"positionIdx": 2, "stopLoss": "67000"})).await,
        0
    );
    set(&paper, "66000");
    let rows = paper
        .list("/v5/position/list", "category=linear&symbol=BTCUSDT")
        .await;
    assert_fields(&rows[0], &[("size", "0"), ("takeProfit", "0")]);
    assert_fields(
        &rows[1],
        &[("size", "0.2"), ("takeProfit", "64000"), ("stopLoss", "67000")],
    );
}

#[tokio::test]
async fn inverse_positions_are_protected_in_contracts() {
    let paper = Paper::still().await;
    let body = json!({"category": "inverse", "symbol": "BTCUSD", "side": "Buy", "orderType": "Market", "qty": "100", "stopLoss": "60000"});
    paper.place(body).await;
    let rows = paper
        .list("/v5/order/realtime", "category=inverse&orderFilter=StopOrder")
        .await;
    assert_fields(&rows[0], &[("stopOrderType", "StopLoss"), ("qty", "100")]);
    paper
        .server
        .set_price("inverse", "BTCUSD", Decimal::from(60_000))
        .unwrap();
    assert_fields(&paper.position("inverse", "BTCUSD").await, &[("size", "0")]);
}
