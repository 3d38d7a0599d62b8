//! Orders of linear contracts: BTCUSDT stands at 65000, bid 64999.9, ask 65000.1, 0.5 on the first level.

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

fn limit(side: &str, qty: &str, price: &str) -> Value {
    order(side, "Limit", qty, json!({"price": price}))
}

async fn btc(paper: &Paper, id: &str) -> Value {
    paper.order("linear", "BTCUSDT", id).await
}

fn set(paper: &Paper, price: &str) {
    let price = Decimal::from_str_exact(price).unwrap();
    paper.server.set_price("linear", "BTCUSDT", price).unwrap();
}

#[tokio::test]
async fn a_market_buy_takes_the_ask_and_pays_the_taker_fee() {
    let paper = Paper::still().await;
    let id = paper
        .place(order("Buy", "Market", "0.1", json!({"orderLinkId": "a-1"})))
        .await;
    let row = btc(&paper, &id).await;
    assert_fields(
        &row,
        &[
            ("orderStatus", "Filled"),
            ("orderLinkId", "a-1"),
            ("avgPrice", "65000.1"),
            ("price", "68250"),
            ("timeInForce", "IOC"),
            ("cumExecQty", "0.1"),
            ("cumExecValue", "6500.01"),
            ("leavesQty", "0"),
            ("rejectReason", "EC_NoError"),
        ],
    );
    assert_eq!(row["cumFeeDetail"], json!({"USDT": "3.5750055"}));
    assert_fields(
        &paper.coin("USDT").await,
        &[
            ("walletBalance", "9996.4249945"),
            ("unrealisedPnl", "-0.01"),
            ("equity", "9996.4149945"),
            ("totalPositionIM", "653.2175"),
            ("cumRealisedPnl", "-3.5750055"),
        ],
    );
    assert_fields(
        &paper.position("linear", "BTCUSDT").await,
        &[
            ("side", "Buy"),
            ("size", "0.1"),
            ("avgPrice", "65000.1"),
            ("positionValue", "6500.01"),
            ("markPrice", "65000"),
            ("unrealisedPnl", "-0.01"),
            ("leverage", "10"),
        ],
    );
    let fills = paper
        .list("/v5/execution/list", "category=linear&orderLinkId=a-1")
        .await;
    assert_eq!(fills.len(), 1);
    assert_fields(
        &fills[0],
        &[
            ("execPrice", "65000.1"),
            ("execQty", "0.1"),
            ("execFee", "3.5750055"),
            ("execType", "Trade"),
        ],
    );
    assert_eq!(fills[0]["isMaker"], false);
}

#[tokio::test]
async fn a_limit_rests_until_the_price_comes_to_it() {
    let paper = Paper::still().await;
    let id = paper.place(limit("Buy", "0.1", "64000")).await;
    assert_fields(
        &btc(&paper, &id).await,
        &[
            ("orderStatus", "New"),
            ("leavesQty", "0.1"),
            ("leavesValue", "6400"),
            ("avgPrice", ""),
        ],
    );
    assert_fields(
        &paper.coin("USDT").await,
        &[("totalOrderIM", "646.688"), ("walletBalance", "10000")],
    );
    set(&paper, "64000.1");
    assert_fields(&btc(&paper, &id).await, &[("orderStatus", "New")]);
    set(&paper, "63900");
    assert_fields(
        &btc(&paper, &id).await,
        &[
            ("orderStatus", "Filled"),
            ("avgPrice", "64000"),
            ("cumExecFee", "1.28"),
        ],
    );
    let fills = paper.list("/v5/execution/list", "category=linear").await;
    assert_eq!(fills[0]["isMaker"], true);
    assert_fields(
        &paper.coin("USDT").await,
        &[("totalOrderIM", "0"), ("unrealisedPnl", "-10")],
    );
}

#[tokio::test]
async fn ioc_takes_what_is_there_and_fok_all_or_nothing() {
    let paper = Paper::still().await;
    let ioc = paper
        .place(order(
            "Buy",
            "Limit",
            "0.8",
            json!({"price": "65000.1", "timeInForce": "IOC"}),
        ))
        .await;
    assert_fields(
        &btc(&paper, &ioc).await,
        &[
            ("orderStatus", "Cancelled"),
            ("cumExecQty", "0.5"),
            ("leavesQty", "0"),
            ("rejectReason", "EC_NoImmediateQtyToFill"),
        ],
    );
    let fok = paper
        .place(order(
            "Sell",
            "Limit",
            "0.8",
            json!({"price": "64999.9", "timeInForce": "FOK"}),
        ))
        .await;
    assert_fields(
        &btc(&paper, &fok).await,
        &[
            ("orderStatus", "Cancelled"),
            ("cumExecQty", "0"),
            ("rejectReason", "EC_NoEnoughQtyToFill"),
        ],
    );
    let deep = paper
        .place(order(
            "Sell",
            "Limit",
            "0.8",
            json!({"price": "64999.8", "timeInForce": "FOK"}),
        ))
        .await;
    // 0.5 at 64999.9 and 0.3 one tick below.
    assert_fields(
        &btc(&paper, &deep).await,
        &[("orderStatus", "Filled"), ("cumExecValue", "51999.89")],
    );
    assert_eq!(
        paper
            .list("/v5/execution/list", &format!("category=linear&orderId={deep}"))
            .await
            .len(),
        2
    );
}

#[tokio::test]
async fn a_limit_that_crosses_takes_the_book_and_rests_with_the_remainder() {
    let paper = Paper::still().await;
    let id = paper.place(limit("Buy", "0.8", "65000.1")).await;
    assert_fields(
        &btc(&paper, &id).await,
        &[
            ("orderStatus", "PartiallyFilled"),
            ("cumExecQty", "0.5"),
            ("leavesQty", "0.3"),
        ],
    );
    set(&paper, "64999");
    assert_fields(
        &btc(&paper, &id).await,
        &[("orderStatus", "Filled"), ("cumExecQty", "0.8")],
    );
}

#[tokio::test]
async fn post_only_never_takes() {
    let paper = Paper::still().await;
    let body = |price: &str| {
        order(
            "Buy",
            "Limit",
            "0.1",
            json!({"price": price, "timeInForce": "PostOnly"}),
        )
    };
    let crossing = paper.place(body("65000.1")).await;
    assert_fields(
        &btc(&paper, &crossing).await,
        &[
            ("orderStatus", "Cancelled"),
            ("rejectReason", "EC_PostOnlyWillTakeLiquidity"),
            ("cumExecQty", "0"),
        ],
    );
    let resting = paper.place(body("65000")).await;
    assert_fields(&btc(&paper, &resting).await, &[("orderStatus", "New")]);
}

#[tokio::test]
async fn reduce_only_needs_something_to_reduce_and_never_turns_the_position() {
    let paper = Paper::still().await;
    let reduce = |qty: &str| order("Sell", "Market", qty, json!({"reduceOnly": true}));
    assert_eq!(paper.refused(reduce("0.1")).await, 110_017);
    paper.place(order("Buy", "Market", "0.1", json!({}))).await;
    let stop = paper
        .place(order(
            "Sell",
            "Limit",
            "0.1",
            json!({"price": "66000", "reduceOnly": true}),
        ))
        .await;
    let id = paper.place(reduce("0.3")).await;
    assert_fields(
        &btc(&paper, &id).await,
        &[
            ("orderStatus", "Cancelled"),
            ("cumExecQty", "0.1"),
            ("cancelType", "CancelByReduceOnly"),
        ],
    );
    assert_fields(
        &paper.position("linear", "BTCUSDT").await,
        &[("side", ""), ("size", "0"), ("positionValue", "0")],
    );
    // What was left resting has nothing to reduce any more.
    assert_fields(
        &btc(&paper, &stop).await,
        &[("orderStatus", "Cancelled"), ("cancelType", "CancelByReduceOnly")],
    );
    // 6500.01 in, 6499.99 out, both fees.
    assert_fields(&paper.coin("USDT").await, &[("walletBalance", "9992.83")]);
}

#[tokio::test]
async fn filters_and_funds_are_checked() {
    let paper = Paper::still().await;
    let with = |name: &str, value: Value| {
        let mut body = limit("Buy", "0.1", "64000");
        body[name] = value;
        body
    };
    for (name, value, code) in [
        ("symbol", json!("NOSUCHUSDT"), 10001),
        ("side", json!("buy"), 10001),
        ("orderType", json!("Stop"), 10001),
        ("price", json!("64000.05"), 10001),
        ("price", json!("-1"), 10001),
        ("price", json!("abc"), 10001),
        ("price", json!(""), 10001),
        ("qty", json!("0.0015"), 10001),
        ("qty", json!("0"), 10001),
        ("qty", json!("1000.001"), 10001),
        ("qty", json!("100"), 110_007),
        ("positionIdx", json!(1), 10001),
        ("timeInForce", json!("RPI"), 110_119),
        ("orderLinkId", json!("has space"), 10001),
        ("orderLinkId", json!("a".repeat(37)), 10001),
    ] {
        let body = with(name, value);
        assert_eq!(paper.refused(body.clone()).await, code, "{body}");
    }
    let small = json!({"category": "linear", "symbol": "XRPUSDT", "side": "Buy", "orderType": "Limit", "qty": "9.9", "price": "0.5"});
    assert_eq!(paper.refused(small).await, 110_094);
    assert!(
        paper
            .list("/v5/order/realtime", "category=linear&settleCoin=USDT")
            .await
            .is_empty()
    );
    assert!(
        paper
            .list("/v5/order/history", "category=linear")
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn a_limit_beyond_the_collar_is_moved_to_it() {
    let paper = Paper::still().await;
    let id = paper.place(limit("Buy", "0.1", "70000")).await;
    assert_fields(
        &btc(&paper, &id).await,
        &[("price", "68250"), ("avgPrice", "65000.1")],
    );
}

#[tokio::test]
async fn a_client_id_is_used_once_for_ever() {
    let paper = Paper::still().await;
    let mut body = limit("Buy", "0.1", "64000");
    body["orderLinkId"] = json!("once_only-1");
    let id = paper.place(body.clone()).await;
    assert_eq!(paper.refused(body.clone()).await, 110_072);
    let cancel = json!({"category": "linear", "symbol": "BTCUSDT", "orderLinkId": "once_only-1"});
    let reply = paper.post("/v5/order/cancel", cancel.clone()).await;
    assert_eq!(
        reply["result"],
        json!({"orderId": id, "orderLinkId": "once_only-1"})
    );
    assert_eq!(paper.refused(body).await, 110_072);
    assert_fields(
        &btc(&paper, &id).await,
        &[("orderStatus", "Cancelled"), ("cancelType", "CancelByUser")],
    );
    assert_eq!(paper.post("/v5/order/cancel", cancel).await["retCode"], 110_001);
}

#[tokio::test]
async fn an_amended_quantity_is_the_new_total() {
    let paper = Paper::still().await;
    let id = paper.place(limit("Buy", "0.8", "65000.1")).await;
    let amend = |more: Value| {
        let mut body = json!({"category": "linear", "symbol": "BTCUSDT", "orderId": id});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        body
    };
    let code = |reply: Value| reply["retCode"].as_i64().unwrap();
    // 0.5 of it is filled already.
    for (more, expected) in [
        (json!({"qty": "0.5"}), 110_064),
        (json!({"qty": "0.8", "price": "65000.10"}), 10001),
        (json!({}), 10001),
        (json!({"price": "64000.01"}), 10001),
        (json!({"triggerPrice": "64000"}), 10001),
        (json!({"qty": "50"}), 110_007),
        (json!({"qty": "0.6", "price": "64000"}), 0),
    ] {
        assert_eq!(
            code(paper.post("/v5/order/amend", amend(more.clone())).await),
            expected,
            "{more}"
        );
    }
    assert_fields(
        &btc(&paper, &id).await,
        &[
            ("qty", "0.6"),
            ("leavesQty", "0.1"),
            ("price", "64000"),
            ("cumExecQty", "0.5"),
        ],
    );
    // An amended price may take.
    assert_eq!(
        code(
            paper
                .post("/v5/order/amend", amend(json!({"price": "65000.1"})))
                .await
        ),
        0
    );
    assert_fields(
        &btc(&paper, &id).await,
        &[("orderStatus", "Filled"), ("cumExecQty", "0.6")],
    );
    assert_eq!(
        code(paper.post("/v5/order/amend", amend(json!({"qty": "0.7"}))).await),
        110_001
    );
}

#[tokio::test]
async fn a_conditional_order_waits_for_its_trigger() {
    let paper = Paper::still().await;
    let stop = |trigger: &str, direction: i64| {
        order(
            "Buy",
            "Market",
            "0.1",
            json!({"triggerPrice": trigger, "triggerDirection": direction}),
        )
    };
    assert_eq!(paper.refused(stop("64000", 1)).await, 110_092);
    assert_eq!(paper.refused(stop("66000", 2)).await, 110_093);
    assert_eq!(paper.refused(stop("66000", 0)).await, 10001);
    let id = paper.place(stop("66000", 1)).await;
    let cancelled = paper.place(stop("67000", 1)).await;
    assert_fields(
        &btc(&paper, &id).await,
        &[
            ("orderStatus", "Untriggered"),
            ("stopOrderType", "Stop"),
            ("triggerPrice", "66000"),
        ],
    );
    assert_fields(&paper.coin("USDT").await, &[("totalOrderIM", "0")]);
    let reply = paper
        .post(
            "/v5/order/cancel",
            json!({"category": "linear", "symbol": "BTCUSDT", "orderId": cancelled}),
        )
        .await;
    assert_eq!(reply["retCode"], 0);
    assert_fields(&btc(&paper, &cancelled).await, &[("orderStatus", "Deactivated")]);
    for (trigger, code) in [
        ("0", 10001),
        ("64000", 110_092),
        ("66000.05", 10001),
        ("66000", 10001),
        ("66500", 0),
        ("66000", 0),
    ] {
        let body = json!({"category": "linear", "symbol": "BTCUSDT", "orderId": id, "triggerPrice": trigger});
        assert_eq!(
            paper.post("/v5/order/amend", body).await["retCode"],
            code,
            "{trigger}"
        );
    }
    set(&paper, "65999.9");
    assert_fields(&btc(&paper, &id).await, &[("orderStatus", "Untriggered")]);
    set(&paper, "66000");
    assert_fields(
        &btc(&paper, &id).await,
        &[("orderStatus", "Filled"), ("avgPrice", "66000.1")],
    );
}

#[tokio::test]
async fn a_triggered_limit_rests_and_a_triggered_order_without_funds_is_rejected() {
    let paper = Paper::still().await;
    let more = json!({"price": "65900", "triggerPrice": "66000", "triggerDirection": 1});
    let id = paper.place(order("Buy", "Limit", "0.1", more)).await;
    let huge = json!({"triggerPrice": "66000", "triggerDirection": 1});
    let huge = paper.place(order("Buy", "Market", "400", huge)).await;
    set(&paper, "66000");
    assert_fields(
        &btc(&paper, &id).await,
        &[("orderStatus", "New"), ("price", "65900")],
    );
    assert_fields(
        &btc(&paper, &huge).await,
        &[("orderStatus", "Rejected"), ("cumExecQty", "0")],
    );
    set(&paper, "65900");
    assert_fields(
        &btc(&paper, &id).await,
        &[("orderStatus", "Filled"), ("avgPrice", "65900")],
    );
}

#[tokio::test]
async fn usdc_contracts_settle_in_usdc() {
    let paper = Paper::still().await;
    let body = json!({"category": "linear", "symbol": "BTCPERP", "side": "Sell", "orderType": "Market", "qty": "0.01"});
    paper.place(body).await;
    // 649.999 × 0.00055, in whole hundred-millionths.
    assert_fields(&paper.coin("USDC").await, &[("walletBalance", "999.64250055")]);
    assert_fields(&paper.coin("USDT").await, &[("walletBalance", "10000")]);
    let held = paper
        .list("/v5/position/list", "category=linear&settleCoin=USDC")
        .await;
    assert_eq!(held.len(), 1);
    assert_fields(&held[0], &[("symbol", "BTCPERP"), ("side", "Sell")]);
    assert!(
        paper
            .list("/v5/position/list", "category=linear&settleCoin=USDT")
            .await
            .is_empty()
    );
}
