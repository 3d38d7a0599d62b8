//! Faults: what reaches the account under each, and what the client gets to see of it.

use std::time::{Duration, Instant};

use mandated::sim::{FAULTS_VARIABLE, Fault, FaultKind, FaultSwitch};
use serde_json::{Value, json};

use crate::client::{Paper, Reply, assert_fields, now_ms, send, signed};

const CREATE: &str = "/v5/order/create";

fn body(link: &str) -> String {
    json!({"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.1", "price": "64000", "orderLinkId": link})
        .to_string()
}

/// Sends an order as it is, whatever comes back.
async fn send_order(paper: &Paper, link: &str) -> std::io::Result<Reply> {
    let body = body(link);
    send(
        &paper.server,
        "POST",
        CREATE,
        &signed(now_ms(), "5000", &body),
        &body,
    )
    .await
}

async fn found(paper: &Paper, link: &str) -> Vec<Value> {
    paper
        .list(
            "/v5/order/realtime",
            &format!("category=linear&symbol=BTCUSDT&orderLinkId={link}"),
        )
        .await
}

fn once(paper: &Paper, kind: FaultKind) {
    paper.server.faults().add(Fault {
        path: CREATE.into(),
        kind,
        times: Some(1),
    });
}

#[tokio::test]
async fn a_reply_that_is_lost_leaves_exactly_one_order() {
    let paper = Paper::still().await;
    once(&paper, FaultKind::DropAfter);
    assert!(send_order(&paper, "lost").await.is_err(), "a reply came");
    assert_eq!(found(&paper, "lost").await.len(), 1);
    // The duplicate code proves that the first one landed.
    let again: Value = serde_json::from_str(&send_order(&paper, "lost").await.unwrap().body).unwrap();
    assert_eq!(again["retCode"], 110_072);
    assert_eq!(found(&paper, "lost").await.len(), 1);
    let creates = paper
        .server
        .requests()
        .into_iter()
        .filter(|request| request.path == CREATE);
    assert_eq!(
        creates.map(|request| request.payload).collect::<Vec<_>>(),
        [body("lost"), body("lost")]
    );
}

#[tokio::test]
async fn a_request_that_is_lost_leaves_nothing() {
    let paper = Paper::still().await;
    once(&paper, FaultKind::DropBefore);
    assert!(send_order(&paper, "gone").await.is_err(), "a reply came");
    once(&paper, FaultKind::Status(503));
    let reply = send_order(&paper, "gone").await.unwrap();
    assert_eq!(reply.status, 503);
    assert!(reply.body.starts_with("<html>"));
    once(
        &paper,
        FaultKind::RetCode {
            code: 10016,
            message: "down".into(),
        },
    );
    let reply: Value = serde_json::from_str(&send_order(&paper, "gone").await.unwrap().body).unwrap();
    assert_eq!(
        (&reply["retCode"], &reply["retMsg"]),
        (&json!(10016), &json!("down"))
    );
    once(&paper, FaultKind::RateLimited);
    let reply = send_order(&paper, "gone").await.unwrap();
    assert_eq!(reply.headers["x-bapi-limit-status"], "0");
    assert!(
        reply.headers["x-bapi-limit-reset-timestamp"]
            .parse::<i64>()
            .unwrap()
            > now_ms()
    );
    assert!(reply.body.contains("10006"));
    assert!(found(&paper, "gone").await.is_empty());
}

#[tokio::test]
async fn an_order_can_land_behind_a_broken_reply() {
    let paper = Paper::still().await;
    once(&paper, FaultKind::StatusAfter(502));
    assert_eq!(send_order(&paper, "after").await.unwrap().status, 502);
    once(&paper, FaultKind::TruncatedBody);
    let cut = send_order(&paper, "cut").await.unwrap();
    assert_eq!(cut.status, 200);
    assert!(cut.body.starts_with("{\"retCode\":0") && serde_json::from_str::<Value>(&cut.body).is_err());
    for link in ["after", "cut"] {
        assert_eq!(found(&paper, link).await.len(), 1, "{link}");
    }
}

#[tokio::test]
async fn a_slow_request_is_processed_though_its_sender_hangs_up() {
    let paper = Paper::still().await;
    once(&paper, FaultKind::DelayBeforeMs(900));
    let patience = tokio::time::timeout(Duration::from_millis(100), send_order(&paper, "slow"));
    assert!(patience.await.is_err(), "the reply was not late");
    assert!(found(&paper, "slow").await.is_empty());
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(found(&paper, "slow").await.len(), 1);
    once(&paper, FaultKind::DelayMs(800));
    let before = Instant::now();
    let (late, seen) = tokio::join!(send_order(&paper, "late"), async {
        tokio::time::sleep(Duration::from_millis(400)).await;
        found(&paper, "late").await.len()
    });
    assert_eq!(seen, 1, "it was not processed at once");
    assert!(late.unwrap().body.contains("\"retCode\":0") && before.elapsed() >= Duration::from_millis(800));
}

#[tokio::test]
async fn an_order_can_stay_invisible_for_a_while() {
    let paper = Paper::still().await;
    once(&paper, FaultKind::InvisibleMs(1500));
    let market = json!({"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Market", "qty": "0.1", "orderLinkId": "unseen"});
    paper.place(market).await;
    let look = || async {
        let mut seen = Vec::new();
        for path in ["/v5/order/realtime", "/v5/order/history", "/v5/execution/list"] {
            let query = "category=linear&symbol=BTCUSDT&orderLinkId=unseen";
            seen.push(paper.list(path, query).await.len());
        }
        seen
    };
    assert_eq!(look().await, [0, 0, 0]);
    // The position does not hide: it is only the lists that lag.
    assert_fields(&paper.position("linear", "BTCUSDT").await, &[("size", "0.1")]);
    tokio::time::sleep(Duration::from_millis(1600)).await;
    assert_eq!(look().await, [1, 1, 1]);
}

/// The change is made at once; only the lists lag, and they show how the order ended.
#[tokio::test]
async fn a_change_can_stay_invisible_for_a_while() {
    let paper = Paper::still().await;
    send_order(&paper, "slow").await.unwrap();
    paper.server.faults().add(Fault {
        path: "/v5/order/amend".into(),
        kind: FaultKind::InvisibleMs(1500),
        times: Some(1),
    });
    let amend = json!({"category": "linear", "symbol": "BTCUSDT", "orderLinkId": "slow", "qty": "0.2"});
    let before = Instant::now();
    paper.post("/v5/order/amend", amend).await;
    assert_fields(
        &found(&paper, "slow").await[0],
        &[("qty", "0.1"), ("leavesQty", "0.1")],
    );
    assert!(
        before.elapsed() < Duration::from_millis(1500),
        "too slow to mean anything"
    );
    tokio::time::sleep(Duration::from_millis(1600)).await;
    assert_fields(
        &found(&paper, "slow").await[0],
        &[("qty", "0.2"), ("leavesQty", "0.2")],
    );

    paper.server.faults().add(Fault {
        path: "/v5/order/amend".into(),
        kind: FaultKind::InvisibleMs(60_000),
        times: Some(1),
    });
    let amend = json!({"category": "linear", "symbol": "BTCUSDT", "orderLinkId": "slow", "qty": "0.3"});
    paper.post("/v5/order/amend", amend).await;
    let cancel = json!({"category": "linear", "symbol": "BTCUSDT", "orderLinkId": "slow"});
    paper.post("/v5/order/cancel", cancel).await;
    assert_fields(
        &found(&paper, "slow").await[0],
        &[("qty", "0.3"), ("orderStatus", "Cancelled")],
    );
}

#[tokio::test]
async fn an_acknowledged_order_can_turn_out_rejected() {
    let paper = Paper::still().await;
    once(&paper, FaultKind::RejectLater);
    let reply = send_order(&paper, "later").await.unwrap();
    assert!(reply.body.contains("\"retCode\":0"));
    assert_fields(
        &found(&paper, "later").await[0],
        &[("orderStatus", "Rejected"), ("cumExecQty", "0")],
    );
    assert_fields(&paper.coin("USDT").await, &[("totalOrderIM", "0")]);
}

#[tokio::test]
async fn a_skewed_clock_shows_in_replies_and_at_the_door() {
    let paper = Paper::still().await;
    let skew = Fault {
        path: "/v5/*".into(),
        kind: FaultKind::ClockSkewMs(-3000),
        times: None,
    };
    paper.server.faults().add(skew);
    let time = paper.get("/v5/market/time", "").await["time"].as_i64().unwrap();
    assert!((now_ms() - 3000 - time).abs() < 1000);
    // An honest clock is now three seconds ahead of the server.
    let reply: Value = serde_json::from_str(&send_order(&paper, "skew").await.unwrap().body).unwrap();
    assert_eq!(reply["retCode"], 10002);
    paper.server.faults().clear();
    let reply: Value = serde_json::from_str(&send_order(&paper, "skew").await.unwrap().body).unwrap();
    assert_eq!(reply["retCode"], 0);
}

#[tokio::test]
async fn switches_can_be_thrown_over_http_but_not_by_a_page() {
    let paper = Paper::still().await;
    let admin = |path: &'static str, body: &'static str, headers: Vec<(String, String)>| {
        let server = &paper.server;
        async move { send(server, "POST", path, &headers, body).await.unwrap().status }
    };
    let faults = r#"[{"path":"/v5/order/create","kind":"status","status":500}]"#;
    let page = vec![("Origin".to_owned(), "http://evil.example".to_owned())];
    assert_eq!(admin("/paper/faults", faults, page.clone()).await, 403);
    assert_eq!(send_order(&paper, "a").await.unwrap().status, 200);
    assert_eq!(admin("/paper/faults", faults, Vec::new()).await, 200);
    assert_eq!(send_order(&paper, "b").await.unwrap().status, 500);
    assert_eq!(admin("/paper/faults", "nonsense", Vec::new()).await, 400);
    assert_eq!(send_order(&paper, "b").await.unwrap().status, 500);
    assert_eq!(admin("/paper/faults", "[]", Vec::new()).await, 200);
    assert_eq!(send_order(&paper, "b").await.unwrap().status, 200);
    let price = r#"{"category":"linear","symbol":"BTCUSDT","price":"64000"}"#;
    assert_eq!(admin("/paper/price", price, page).await, 403);
    assert_eq!(admin("/paper/price", price, Vec::new()).await, 200);
    assert_fields(
        &found(&paper, "a").await[0],
        &[("orderStatus", "Filled"), ("avgPrice", "64000")],
    );
    let off_grid = r#"{"category":"linear","symbol":"BTCUSDT","price":"64000.05"}"#;
    assert_eq!(admin("/paper/price", off_grid, Vec::new()).await, 400);
}

/// What a process that was started with this text in its environment makes of it.
const EXPECTED: &str = "PAPER_TEST_EXPECTED";

#[test]
fn the_environment_hands_faults_over() {
    if let Ok(expected) = std::env::var(EXPECTED) {
        let read =
            FaultSwitch::from_env().map_or_else(|error| error.to_string(), |switch| format!("{switch:?}"));
        assert!(read.contains(&expected), "{read}");
        return;
    }
    let own = std::env::current_exe().unwrap();
    for (text, expected) in [
        (
            r#"[{"path":"/v5/order/create","kind":"drop_after","times":1}]"#,
            "kind: DropAfter, times: Some(1)",
        ),
        (
            r#"[{"path":"*","kind":"clock_skew","ms":-5}]"#,
            "ClockSkewMs(-5), times: None",
        ),
        ("", "faults: []"),
        ("drop everything", "the list of paper faults is not understood"),
    ] {
        let child = std::process::Command::new(&own)
            .args(["--exact", "faults::the_environment_hands_faults_over"])
            .env(FAULTS_VARIABLE, text)
            .env(EXPECTED, expected)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&child.stdout);
        assert!(
            child.status.success() && said.contains("1 passed"),
            "{text}: {said}"
        );
    }
}

#[tokio::test]
async fn a_reset_before_places_nothing_and_one_after_places_the_order() {
    let paper = Paper::still().await;
    for (kind, link, orders) in [
        (FaultKind::ResetBefore, "before", 0),
        (FaultKind::ResetAfter, "after", 1),
    ] {
        once(&paper, kind);
        let error = send_order(&paper, link).await.err().expect("a reply came");
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{link}");
        assert_eq!(found(&paper, link).await.len(), orders, "{link}");
    }
}

#[tokio::test]
async fn an_empty_reply_says_nothing_about_the_order_that_it_placed() {
    let paper = Paper::still().await;
    once(&paper, FaultKind::EmptyBody);
    let reply = send_order(&paper, "empty").await.unwrap();
    assert_eq!((reply.status, reply.body.as_str()), (200, ""));
    assert_eq!(found(&paper, "empty").await.len(), 1);
}

#[tokio::test]
async fn a_fault_by_chance_strikes_the_same_requests_for_the_same_seed() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let paper = Paper::still().await;
        let faults =
            r#"{"seed":3,"faults":[{"path":"/v5/market/time","kind":"status","status":503,"chance":"0.3"}]}"#;
        paper.server.faults().replace(faults).unwrap();
        let mut statuses = Vec::new();
        for _ in 0..40 {
            let reply = send(&paper.server, "GET", "/v5/market/time", &[], "")
                .await
                .unwrap();
            statuses.push(reply.status);
        }
        assert!(statuses.contains(&503) && statuses.contains(&200), "{statuses:?}");
        runs.push(statuses);
    }
    assert_eq!(runs[0], runs[1]);
}
