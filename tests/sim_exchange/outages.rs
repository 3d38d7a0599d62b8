//! A restart, rows of a batch that fail alone, orders that streams do not tell of yet, and used-up budgets.

use std::time::{Duration, Instant};

use mandated::venue::Venue;
use mandated::venue::bybit::{BybitConfig, BybitVenue};
use serde_json::{Value, json};
use url::Url;

use crate::client::{Paper, Reply, by, now_ms, send, signed};
use crate::streams::{Stream, subscribe};

const BATCH: &str = "/v5/order/create-batch";

async fn tell(paper: &Paper, path: &str, body: &Value) {
    let reply = send(&paper.server, "POST", path, &[], &body.to_string())
        .await
        .unwrap();
    assert_eq!(reply.body, "{\"ok\":true}");
}

fn resting(link: &str) -> Value {
    json!({"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.001", "price": "60000", "orderLinkId": link})
}

fn batch(links: std::ops::Range<usize>) -> Value {
    let rows: Vec<Value> = links.map(|at| resting(&format!("r{at}"))).collect();
    json!({"category": "linear", "request": rows})
}

/// Posts once, whatever the budget says.
async fn post_once(paper: &Paper, path: &str, body: &Value) -> Value {
    by(paper, "paper", path, Some(body)).await
}

fn codes(reply: &Value) -> Vec<i64> {
    let rows = reply["retExtInfo"]["list"].as_array().unwrap();
    rows.iter().map(|row| row["code"].as_i64().unwrap()).collect()
}

async fn open_orders(paper: &Paper) -> usize {
    let query = "category=linear&symbol=BTCUSDT&limit=50";
    paper.list("/v5/order/realtime", query).await.len()
}

#[tokio::test]
async fn a_restart_forgets_closed_orders_cuts_streams_and_begins_budgets_anew() {
    let paper = Paper::still().await;
    let mut streams = [
        Stream::entered(&paper.server, "/v5/private").await,
        Stream::entered(&paper.server, "/v5/trade").await,
        Stream::open(&paper.server, "/v5/public/spot").await,
    ];
    let open = paper.place(resting("open")).await;
    let closed = paper.place(resting("closed")).await;
    let gone = json!({"category": "linear", "symbol": "BTCUSDT", "orderId": closed});
    assert_eq!(paper.post("/v5/order/cancel", gone).await["retCode"], 0);
    assert_eq!(
        paper.order("linear", "BTCUSDT", &closed).await["orderStatus"],
        "Cancelled"
    );
    for at in 0..8 {
        paper.place(resting(&format!("more{at}"))).await;
    }
    let full = post_once(&paper, "/v5/order/create", &resting("full")).await;
    assert_eq!(full["retCode"], 10006);
    tell(&paper, "/paper/restart", &json!({})).await;
    assert_eq!(
        post_once(&paper, "/v5/order/create", &resting("full")).await["retCode"],
        0
    );
    for stream in &mut streams {
        assert_eq!(stream.hear().await, None);
    }
    let of = |id: &str, path: &'static str| {
        let query = format!("category=linear&symbol=BTCUSDT&orderId={id}");
        let paper = &paper;
        async move { paper.list(path, &query).await.len() }
    };
    assert_eq!(of(&open, "/v5/order/realtime").await, 1);
    assert_eq!(of(&closed, "/v5/order/realtime").await, 0);
    assert_eq!(of(&closed, "/v5/order/history").await, 1);
    // A new stream is served.
    Stream::entered(&paper.server, "/v5/private").await;
}

#[tokio::test]
async fn named_rows_of_a_batch_fail_without_being_processed() {
    let paper = Paper::still().await;
    let fault = json!([{"path": BATCH, "kind": "batch_rows", "rows": [0, 2], "code": 10016, "message": "Server error", "times": 1}]);
    tell(&paper, "/paper/faults", &fault).await;
    let reply = post_once(&paper, BATCH, &batch(0..3)).await;
    assert_eq!(reply["retCode"], 0);
    assert_eq!(codes(&reply), [10016, 0, 10016]);
    assert_eq!(reply["retExtInfo"]["list"][2]["msg"], "Server error");
    let rows = reply["result"]["list"].as_array().unwrap();
    assert_eq!(
        (&rows[0]["orderId"], &rows[0]["orderLinkId"]),
        (&json!(""), &json!("r0"))
    );
    assert_eq!(open_orders(&paper).await, 1);
    // The ids of the failed rows are free, and the fault is used up.
    let reply = post_once(&paper, BATCH, &batch(2..4)).await;
    assert_eq!(codes(&reply), [0, 0]);
}

#[tokio::test]
async fn a_batch_beyond_the_budget_loses_its_tail_alone() {
    let paper = Paper::still().await;
    let reply = post_once(&paper, BATCH, &batch(0..12)).await;
    let mut expected = vec![0; 10];
    expected.extend([10006, 10006]);
    assert_eq!(codes(&reply), expected);
    assert_eq!(open_orders(&paper).await, 10);
    assert_eq!(post_once(&paper, BATCH, &batch(10..11)).await["retCode"], 10006);
    // Single orders have a bucket of their own.
    let single = post_once(&paper, "/v5/order/create", &resting("single")).await;
    assert_eq!(single["retCode"], 0);
}

#[tokio::test]
async fn an_order_that_cannot_be_seen_is_not_told_of_either() {
    let paper = Paper::still().await;
    let mut stream = Stream::entered(&paper.server, "/v5/private").await;
    let reply = stream.ask(subscribe(&["order", "execution"])).await;
    assert_eq!(reply["success"], true);
    let fault = json!([{"path": "/v5/order/create", "kind": "invisible", "ms": 1200, "times": 1}]);
    tell(&paper, "/paper/faults", &fault).await;
    let begun = Instant::now();
    let unseen = json!({"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Market", "qty": "0.1", "orderLinkId": "unseen"});
    paper.place(unseen).await;
    paper.place(resting("seen")).await;
    let first = stream.topic("order").await;
    assert_eq!(first["data"][0]["orderLinkId"], "seen");
    assert_eq!(first["data"].as_array().unwrap().len(), 1);
    let later = stream.topic("order").await;
    assert!(begun.elapsed() >= Duration::from_millis(1200));
    assert_eq!(later["data"][0]["orderLinkId"], "unseen");
    assert_eq!(
        stream.topic("execution").await["data"][0]["orderLinkId"],
        "unseen"
    );
}

#[tokio::test]
async fn budgets_of_assets_are_those_of_the_real_exchange() {
    let paper = Paper::still().await;
    for (path, query, limit) in [
        (
            "/v5/asset/transfer/query-account-coins-balance",
            "accountType=FUND",
            "5",
        ),
        (
            "/v5/asset/transfer/query-account-coin-balance",
            "accountType=FUND&coin=USDT",
            "450",
        ),
        ("/v5/asset/transfer/query-inter-transfer-list", "limit=1", "60"),
        ("/v5/asset/deposit/query-record", "limit=1", "100"),
        ("/v5/asset/asset-overview", "memberId=", "50"),
        ("/v5/account/transaction-log", "limit=1", "25"),
    ] {
        let headers = signed(now_ms(), "5000", query);
        let reply = send(&paper.server, "GET", &format!("{path}?{query}"), &headers, "")
            .await
            .unwrap();
        assert_eq!(reply.headers["x-bapi-limit"], limit, "{path}");
    }
}

async fn ask(paper: &Paper) -> Reply {
    send(&paper.server, "GET", "/v5/market/time", &[], "")
        .await
        .unwrap()
}

/// Asks until the address is shut out; says how often that was, and the answer.
async fn shut_out(paper: &Paper) -> (usize, Reply) {
    let mut asked = 0;
    loop {
        asked += 1;
        assert!(asked <= 5000, "never shut out");
        let reply = ask(paper).await;
        if reply.status != 200 {
            return (asked, reply);
        }
    }
}

#[tokio::test]
async fn an_address_that_asks_too_much_is_shut_out() {
    let paper = Paper::still().await;
    let (asked, reply) = shut_out(&paper).await;
    assert!(asked > 600, "{asked}");
    assert_eq!(reply.status, 403);
    assert_eq!(reply.body, "403, access too frequent");
    assert_eq!(reply.headers["x-paper-exchange"], "mandated");
    // The window of its requests is over, and it stays out.
    tokio::time::sleep(Duration::from_millis(5_200)).await;
    assert_eq!(ask(&paper).await.status, 403);
    tell(&paper, "/paper/restart", &json!({})).await;
    assert_eq!(ask(&paper).await.status, 200);
}

/// So that nobody takes it for the real one, in whatever it answers.
#[tokio::test]
async fn every_answer_says_that_it_is_the_paper_exchanges() {
    let paper = Paper::still().await;
    let large = "x".repeat((1 << 20) + 1);
    for (method, path, body, status) in [
        ("GET", "/v5/market/time", "", 200),
        ("GET", "/v5/nowhere", "", 404),
        ("GET", "/v5/market/time", "x", 403),
        ("POST", "/v5/order/create", "{}", 401),
        ("POST", "/v5/order/create", large.as_str(), 413),
        ("POST", "/paper/restart", "{}", 200),
        ("POST", "/paper/faults", "x", 400),
        ("GET", "/paper/nowhere", "", 404),
    ] {
        let reply = send(&paper.server, method, path, &[], body).await.unwrap();
        assert_eq!(
            (
                reply.status,
                reply.headers.get("x-paper-exchange").map(String::as_str)
            ),
            (status, Some("mandated")),
            "{method} {path}"
        );
    }
}

#[tokio::test]
async fn the_client_knows_that_its_address_is_shut_out_and_falls_silent() {
    let paper = Paper::still().await;
    let url = Url::parse(&paper.server.base_url()).unwrap();
    let venue = BybitVenue::new(BybitConfig::paper(url, "paper", "paper").unwrap());
    venue.wallet().await.unwrap();
    shut_out(&paper).await;
    for _ in 0..2 {
        let why = venue.wallet().await.unwrap_err().to_string();
        assert!(
            why.contains("this machine's address sent too many requests (http 403)"),
            "{why}"
        );
    }
    // The exchange would serve it again: the silence is the client's own.
    tell(&paper, "/paper/restart", &json!({})).await;
    let before = paper.server.requests().len();
    let why = venue.wallet().await.unwrap_err().to_string();
    assert!(why.contains("held back"), "{why}");
    assert_eq!(paper.server.requests().len(), before);
}
