//! Reading orders and executions: scopes, pages, ids, spans.

use std::time::Duration;

use mandated::sim::{ClockStart, PaperConfig, PaperExchange};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::client::{Paper, loopback, still};

async fn place(paper: &Paper, at: usize) -> String {
    let body = json!({"category": "spot", "symbol": "SOLUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.1", "price": "145", "orderLinkId": format!("page-{at}")});
    paper.place(body).await
}

fn links(rows: &[Value]) -> Vec<String> {
    rows.iter()
        .map(|row| row["orderLinkId"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn open_orders_are_paged_newest_first() {
    let paper = Paper::still().await;
    for at in 0..7 {
        place(&paper, at).await;
    }
    let mut seen = Vec::new();
    let mut query = "category=spot&limit=3".to_owned();
    let mut pages = 0;
    loop {
        let page = paper.get("/v5/order/realtime", &query).await["result"].clone();
        seen.extend(links(page["list"].as_array().unwrap()));
        pages += 1;
        let cursor = page["nextPageCursor"].as_str().unwrap();
        if cursor.is_empty() {
            break;
        }
        assert!(cursor.contains('%'), "a cursor comes encoded: {cursor}");
        query = format!("category=spot&limit=3&cursor={cursor}");
    }
    let expected: Vec<String> = (0..7).rev().map(|at| format!("page-{at}")).collect();
    assert_eq!((pages, seen), (3, expected));
    for query in [
        "category=spot&limit=51",
        "category=spot&limit=0",
        "category=spot&cursor=x",
        "category=margin",
    ] {
        assert_eq!(
            paper.get("/v5/order/realtime", query).await["retCode"],
            10001,
            "{query}"
        );
    }
}

#[tokio::test]
async fn realtime_knows_what_closed_by_id_and_on_request() {
    let paper = Paper::still().await;
    let closed = place(&paper, 0).await;
    place(&paper, 1).await;
    paper
        .post(
            "/v5/order/cancel",
            json!({"category": "spot", "symbol": "SOLUSDT", "orderId": closed}),
        )
        .await;
    let read = |query: &'static str| paper.list("/v5/order/realtime", query);
    assert_eq!(links(&read("category=spot").await), ["page-1"]);
    assert_eq!(links(&read("category=spot&openOnly=1").await), ["page-0"]);
    assert_eq!(links(&read("category=spot&orderLinkId=page-0").await), ["page-0"]);
    assert_eq!(
        links(&read("category=spot&orderLinkId=page-0&orderFilter=StopOrder").await),
        [""; 0]
    );
    assert_eq!(links(&read("category=spot&symbol=BTCUSDT").await), [""; 0]);
    assert_eq!(links(&read("category=spot&baseCoin=SOL").await), ["page-1"]);
    assert_eq!(links(&read("category=spot&orderLinkId=never").await), [""; 0]);
    assert_eq!(
        paper.get("/v5/order/realtime", "category=linear").await["retCode"],
        10001
    );
    assert_eq!(
        links(&paper.list("/v5/order/history", "category=spot").await),
        ["page-0"]
    );
    assert_eq!(
        links(
            &paper
                .list("/v5/order/history", "category=spot&orderStatus=Filled")
                .await
        ),
        [""; 0]
    );
}

#[tokio::test]
async fn history_keeps_to_seven_days() {
    let paper = Paper::still().await;
    place(&paper, 0).await;
    paper
        .post("/v5/order/cancel-all", json!({"category": "spot"}))
        .await;
    let row = paper.list("/v5/order/history", "category=spot").await[0].clone();
    let created: i64 = row["createdTime"].as_str().unwrap().parse().unwrap();
    for path in ["/v5/order/history", "/v5/execution/list"] {
        let query = format!(
            "category=spot&startTime={}&endTime={created}",
            created - 604_800_001
        );
        assert_eq!(paper.get(path, &query).await["retCode"], 10001, "{path}");
    }
    let count = |start: i64, end: i64| {
        let query = format!("category=spot&startTime={start}&endTime={end}");
        async { paper.list("/v5/order/history", &{ query }).await.len() }
    };
    assert_eq!(count(created - 1000, created).await, 1);
    assert_eq!(count(created - 1000, created - 1).await, 0);
    assert_eq!(count(created + 1, created + 1000).await, 0);
}

#[tokio::test]
async fn what_ended_without_a_fill_leaves_history_after_a_day_of_the_market() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = PaperConfig::new(folder.path().join("paper.sqlite"));
    config.prices = still();
    // A day of the market in a second.
    config.clock = Some(ClockStart {
        at_ms: None,
        speed: Decimal::from(86_400),
    });
    let server = PaperExchange::start(config, loopback()).await.unwrap();
    let paper = Paper { server, folder };
    let filled = json!({"category": "spot", "symbol": "SOLUSDT", "side": "Buy", "orderType": "Market", "qty": "100", "orderLinkId": "filled"});
    paper.place(filled).await;
    place(&paper, 0).await;
    paper
        .post("/v5/order/cancel-all", json!({"category": "spot"}))
        .await;
    let path = "/v5/order/history";
    assert_eq!(
        links(&paper.list(path, "category=spot").await),
        ["page-0", "filled"]
    );
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    assert_eq!(links(&paper.list(path, "category=spot").await), ["filled"]);
    assert_eq!(
        links(&paper.list(path, "category=spot&orderLinkId=page-0").await),
        [""; 0]
    );
    assert_eq!(
        links(
            &paper
                .list("/v5/order/realtime", "category=spot&orderLinkId=page-0")
                .await
        ),
        ["page-0"]
    );
}

#[tokio::test]
async fn unknown_words_are_refused_and_filters_work() {
    let paper = Paper::still().await;
    for (path, more) in [
        ("/v5/order/realtime", "orderFilter=Orders"),
        ("/v5/order/realtime", "openOnly=3"),
        ("/v5/order/history", "orderStatus=filled"),
        ("/v5/execution/list", "execType=trade"),
    ] {
        let query = format!("category=spot&{more}");
        assert_eq!(paper.get(path, &query).await["retCode"], 10001, "{query}");
    }
    let body =
        json!({"category": "spot", "symbol": "SOLUSDT", "side": "Buy", "orderType": "Market", "qty": "100"});
    paper.place(body).await;
    let count = |query: &'static str| paper.list("/v5/execution/list", query);
    assert_eq!(count("category=spot&execType=Trade").await.len(), 1);
    assert_eq!(count("category=spot&execType=Funding").await.len(), 0);
}

#[tokio::test]
async fn the_latest_five_hundred_closed_orders_are_shown() {
    let paper = Paper::still().await;
    let row = json!({"symbol": "SOLUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.1", "price": "140"});
    for _ in 0..51 {
        let rows = vec![row.clone(); 10];
        let body = json!({"category": "spot", "request": rows});
        let reply = paper.post("/v5/order/create-batch", body).await;
        assert_eq!(reply["retExtInfo"]["list"][9]["code"], 0, "{reply}");
        paper
            .post("/v5/order/cancel-all", json!({"category": "spot"}))
            .await;
    }
    let mut query = "category=spot&openOnly=1&limit=50".to_owned();
    let mut seen = std::collections::BTreeSet::new();
    loop {
        let page = paper.get("/v5/order/realtime", &query).await["result"].clone();
        for row in page["list"].as_array().unwrap() {
            assert!(seen.insert(row["orderId"].to_string()), "twice: {row}");
        }
        let cursor = page["nextPageCursor"].as_str().unwrap();
        if cursor.is_empty() {
            break;
        }
        query = format!("category=spot&openOnly=1&limit=50&cursor={cursor}");
    }
    assert_eq!(seen.len(), 500);
}

#[tokio::test]
async fn executions_are_found_by_id_and_paged() {
    let paper = Paper::still().await;
    let body = |qty: &str, link: &str| json!({"category": "linear", "symbol": "ETHUSDT", "side": "Buy", "orderType": "Market", "qty": qty, "orderLinkId": link});
    paper.place(body("1", "one")).await;
    // Ten rest on the first level and twenty on the next.
    let two = paper.place(body("15", "two")).await;
    let all = paper.list("/v5/execution/list", "category=linear").await;
    assert_eq!(links(&all), ["two", "two", "one"]);
    assert_eq!(
        (&all[0]["execQty"], &all[1]["execQty"]),
        (&json!("5"), &json!("10"))
    );
    assert_eq!(
        paper
            .list("/v5/execution/list", &format!("category=linear&orderId={two}"))
            .await
            .len(),
        2
    );
    assert_eq!(
        links(
            &paper
                .list("/v5/execution/list", "category=linear&orderLinkId=one")
                .await
        ),
        ["one"]
    );
    assert!(
        paper
            .list("/v5/execution/list", "category=linear&execType=Funding")
            .await
            .is_empty()
    );
    assert!(
        paper
            .list("/v5/execution/list", "category=linear&settleCoin=USDC")
            .await
            .is_empty()
    );
    let page = paper.get("/v5/execution/list", "category=linear&limit=2").await["result"].clone();
    let query = format!(
        "category=linear&limit=2&cursor={}",
        page["nextPageCursor"].as_str().unwrap()
    );
    assert_eq!(links(&paper.list("/v5/execution/list", &query).await), ["one"]);
}

#[tokio::test]
async fn futures_cancel_every_kind_within_the_scope() {
    let paper = Paper::still().await;
    let body = |symbol: &str, price: &str, more: Value| {
        let mut body = json!({"category": "linear", "symbol": symbol, "side": "Buy", "orderType": "Limit", "qty": "0.1", "price": price});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        body
    };
    paper.place(body("BTCUSDT", "60000", json!({}))).await;
    paper
        .place(body(
            "BTCUSDT",
            "66000",
            json!({"triggerPrice": "66000", "triggerDirection": 1}),
        ))
        .await;
    paper.place(body("ETHUSDT", "3000", json!({}))).await;
    paper.place(body("BTCPERP", "60000", json!({}))).await;
    let cancel = |body: Value| async {
        let reply = paper.post("/v5/order/cancel-all", body).await;
        reply["result"]["list"].as_array().map(Vec::len)
    };
    assert_eq!(cancel(json!({"category": "linear"})).await, None);
    // The narrowest scope counts, whatever else is named.
    assert_eq!(
        cancel(json!({"category": "linear", "symbol": "ETHUSDT", "settleCoin": "USDC"})).await,
        Some(1)
    );
    assert_eq!(
        cancel(json!({"category": "linear", "baseCoin": "BTC", "orderFilter": "StopOrder"})).await,
        Some(1)
    );
    assert_eq!(
        cancel(json!({"category": "linear", "settleCoin": "USDT"})).await,
        Some(1)
    );
    assert_eq!(
        cancel(json!({"category": "linear", "settleCoin": "USDT"})).await,
        Some(0)
    );
    assert_eq!(
        cancel(json!({"category": "linear", "settleCoin": "USDC"})).await,
        Some(1)
    );
}

#[tokio::test]
async fn numbers_at_the_end_of_their_range_are_answered() {
    let paper = Paper::still().await;
    for end in [i64::MIN, -1, 0, i64::MAX] {
        for query in [
            format!("/v5/market/kline?category=linear&symbol=BTCUSDT&interval=M&start={end}&limit=2"),
            format!("/v5/market/kline?category=linear&symbol=BTCUSDT&interval=W&end={end}&limit=2"),
            format!("/v5/market/funding/history?category=linear&symbol=BTCUSDT&endTime={end}&limit=2"),
            format!(
                "/v5/market/open-interest?category=linear&symbol=BTCUSDT&intervalTime=1d&endTime={end}&limit=2"
            ),
            format!(
                "/v5/market/open-interest?category=linear&symbol=BTCUSDT&intervalTime=1d&cursor=page_args%3D{end}"
            ),
            format!("/v5/order/history?category=linear&startTime={end}"),
            format!("/v5/order/history?category=linear&endTime={end}"),
            format!("/v5/execution/list?category=linear&startTime={end}&endTime={end}"),
            format!("/v5/position/list?category=inverse&cursor=page_args%3D{end}"),
        ] {
            let (path, parameters) = query.split_once('?').unwrap();
            assert_eq!(paper.get(path, parameters).await["retCode"], 0, "{query}");
        }
    }
    for huge in [
        "79228162514264337593543950335",
        "0.0000000000000000000000000001",
        "1e27",
    ] {
        for (category, name) in [
            ("linear", "qty"),
            ("linear", "price"),
            ("linear", "triggerPrice"),
            ("spot", "qty"),
            ("inverse", "price"),
        ] {
            let symbol = if category == "inverse" {
                "BTCUSD"
            } else {
                "BTCUSDT"
            };
            let mut body = json!({"category": category, "symbol": symbol, "side": "Buy", "orderType": "Limit", "qty": "1", "price": "64000", "triggerDirection": 1});
            body[name] = json!(huge);
            assert_ne!(paper.refused(body.clone()).await, 0, "{body}");
        }
    }
}
