//! Who is let in: signatures, clocks, routes, budgets.

use mandated::domain::secret::Secret;
use mandated::sim::{PaperConfig, PaperError, PaperExchange};
use serde_json::{Value, json};

use crate::client::{Paper, Reply, by, loopback, now_ms, post, send, signed};

const WALLET: &str = "/v5/account/wallet-balance";

fn code(reply: &Reply) -> i64 {
    let body: Value = serde_json::from_str(&reply.body).unwrap();
    body["retCode"].as_i64().unwrap()
}

async fn wallet_at(paper: &Paper, offset: i64, window: &str) -> i64 {
    let query = "accountType=UNIFIED";
    let headers = signed(now_ms() + offset, window, query);
    let reply = send(&paper.server, "GET", &format!("{WALLET}?{query}"), &headers, "").await;
    code(&reply.unwrap())
}

#[tokio::test]
async fn the_clock_of_a_request_must_be_near() {
    let paper = Paper::still().await;
    assert_eq!(wallet_at(&paper, 0, "5000").await, 0);
    assert_eq!(wallet_at(&paper, -4000, "5000").await, 0);
    assert_eq!(wallet_at(&paper, -5001, "5000").await, 10002);
    assert_eq!(wallet_at(&paper, -5001, "10000").await, 0);
    assert_eq!(wallet_at(&paper, 500, "5000").await, 0);
    // The right side is bound by the server whatever the window says.
    assert_eq!(wallet_at(&paper, 2000, "60000").await, 10002);
}

#[tokio::test]
async fn a_query_is_signed_as_it_is_sent() {
    let paper = Paper::still().await;
    for query in [
        "accountType=UNIFIED&coin=BTC%2CUSDT",
        "coin=BTC,USDT&accountType=UNIFIED",
        "accountType=UNIFIED&extra=%2B%20%26%3D",
    ] {
        assert_eq!(paper.get(WALLET, query).await["retCode"], 0, "{query}");
    }
    let headers = signed(now_ms(), "5000", "accountType=UNIFIED");
    let other = send(
        &paper.server,
        "GET",
        &format!("{WALLET}?accountType=UNIFIED&coin=BTC"),
        &headers,
        "",
    )
    .await;
    assert_eq!(code(&other.unwrap()), 10004);
}

#[tokio::test]
async fn a_body_is_signed_byte_for_byte() {
    let paper = Paper::still().await;
    let spaced = "{\"category\": \"linear\",  \"symbol\": \"BTCUSDT\", \"buyLeverage\": \"5\", \"sellLeverage\": \"5\"}";
    let headers = signed(now_ms(), "5000", spaced);
    let path = "/v5/position/set-leverage";
    let reply = send(&paper.server, "POST", path, &headers, spaced).await.unwrap();
    assert_eq!(code(&reply), 0, "{}", reply.body);
    let compact = spaced.replace(' ', "");
    let reply = send(&paper.server, "POST", path, &headers, &compact)
        .await
        .unwrap();
    assert_eq!(code(&reply), 10004);
}

#[tokio::test]
async fn a_wrong_signature_is_echoed_with_its_text() {
    let paper = Paper::still().await;
    let mut headers = signed(1_700_000_000_000, "5000", "");
    headers[1].1 = now_ms().to_string();
    let reply = send(&paper.server, "GET", &format!("{WALLET}?a=1"), &headers, "")
        .await
        .unwrap();
    let body: Value = serde_json::from_str(&reply.body).unwrap();
    assert_eq!(body["retCode"], 10004);
    let text = format!("error sign! origin_string[{}paper5000a=1]", headers[1].1);
    assert_eq!(body["retMsg"], text);
}

#[tokio::test]
async fn strangers_are_told_apart() {
    let paper = Paper::still().await;
    let target = format!("{WALLET}?accountType=UNIFIED");
    let none = send(&paper.server, "GET", &target, &[], "").await.unwrap();
    assert_eq!((none.status, none.body.as_str()), (401, ""));
    let mut headers = signed(now_ms(), "5000", "accountType=UNIFIED");
    headers[0].1 = "someone".into();
    let wrong_key = send(&paper.server, "GET", &target, &headers, "").await.unwrap();
    assert_eq!(code(&wrong_key), 10003);
    let part = send(&paper.server, "GET", &target, &headers[..2], "")
        .await
        .unwrap();
    assert_eq!((part.status, code(&part)), (200, 10001));
    let public = send(&paper.server, "GET", "/v5/market/tickers?category=spot", &[], "")
        .await
        .unwrap();
    assert_eq!(code(&public), 0);
}

#[tokio::test]
async fn another_key_pair_can_be_configured() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = PaperConfig::new(folder.path().join("deeper/paper.sqlite"));
    config.api_secret = Secret::new("other".into());
    let server = PaperExchange::start(config, loopback()).await.unwrap();
    let reply = post(&server, "/v5/order/cancel-all", json!({"category": "spot"})).await;
    assert_eq!(reply["retCode"], 10004);
    server.stop().await;
}

#[tokio::test]
async fn wrong_routes_and_broken_requests_are_refused() {
    let paper = Paper::still().await;
    for (method, target) in [
        ("GET", "/v5/order/create"),
        ("POST", "/v5/order/nothing"),
        ("GET", "/"),
    ] {
        let reply = send(&paper.server, method, target, &[], "").await.unwrap();
        assert_eq!(reply.status, 404, "{method} {target}");
    }
    let with_body = send(&paper.server, "GET", "/v5/market/time", &[], "{}")
        .await
        .unwrap();
    assert_eq!(with_body.status, 403);
    for body in ["nonsense", "[]", "{\"category\":\"spot\"} trailing"] {
        let headers = signed(now_ms(), "5000", body);
        let reply = send(&paper.server, "POST", "/v5/order/create", &headers, body)
            .await
            .unwrap();
        assert_eq!(code(&reply), 10001, "{body}");
    }
}

#[tokio::test]
async fn budgets_are_shown_and_kept() {
    let paper = Paper::still().await;
    let body = "{\"category\":\"linear\",\"symbol\":\"BTCUSDT\",\"orderId\":\"none\"}";
    let mut seen = Vec::new();
    for _ in 0..11 {
        let headers = signed(now_ms(), "5000", body);
        let reply = send(&paper.server, "POST", "/v5/order/cancel", &headers, body)
            .await
            .unwrap();
        assert_eq!(reply.headers["x-bapi-limit"], "10");
        assert!(
            reply.headers["x-bapi-limit-reset-timestamp"]
                .parse::<i64>()
                .unwrap()
                > 0
        );
        seen.push((code(&reply), reply.headers["x-bapi-limit-status"].clone()));
    }
    assert_eq!(seen[0], (110_001, "9".into()));
    assert_eq!(seen[9], (110_001, "0".into()));
    assert_eq!(seen[10], (10006, "0".into()));
}

#[tokio::test]
async fn it_listens_on_loopback_alone() {
    let folder = tempfile::tempdir().unwrap();
    let config = PaperConfig::new(folder.path().join("paper.sqlite"));
    let error = PaperExchange::start(config, ([0, 0, 0, 0], 0).into())
        .await
        .unwrap_err();
    assert!(matches!(error, PaperError::NotLoopback(_)), "{error}");
}

#[tokio::test]
async fn a_store_of_another_version_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("paper.sqlite");
    let db = rusqlite::Connection::open(&path).unwrap();
    db.pragma_update(None, "user_version", 99).unwrap();
    drop(db);
    let error = PaperExchange::start(PaperConfig::new(path), loopback())
        .await
        .unwrap_err();
    assert!(matches!(error, PaperError::Version { found: 99, .. }), "{error}");
}

#[tokio::test]
async fn each_kind_of_key_may_do_what_its_like_may_on_the_real_exchange() {
    let paper = Paper::still().await;
    let info = "/v5/user/query-api";
    let read_only = by(&paper, "paper-read-only", info, None).await;
    assert_eq!(read_only["result"]["readOnly"], 1);
    let withdraw = by(&paper, "paper-withdraw", info, None).await;
    assert_eq!(withdraw["result"]["permissions"]["Wallet"][2], "Withdraw");
    let unbound = by(&paper, "paper-unbound", info, None).await;
    assert_eq!(unbound["result"]["ips"], json!(["*"]));
    let plain = by(&paper, "paper", info, None).await;
    assert_eq!(plain["result"]["permissions"]["Wallet"], json!([]));
    assert_eq!(plain["result"]["apiKey"], "paper");
    for (key, code) in [
        ("paper-expired", 33_004),
        ("paper-elsewhere", 10010),
        ("paper-rsa", 10003),
        ("papers", 10003),
    ] {
        assert_eq!(by(&paper, key, info, None).await["retCode"], code, "{key}");
    }
    let order = json!({"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.1", "price": "64000"});
    let create = "/v5/order/create";
    assert_eq!(
        by(&paper, "paper-read-only", create, Some(&order)).await["retCode"],
        10005
    );
    assert_eq!(
        by(&paper, "paper-withdraw", create, Some(&order)).await["retCode"],
        0
    );
    let open = paper
        .list("/v5/order/realtime", "category=linear&symbol=BTCUSDT")
        .await;
    assert_eq!(open.len(), 1);
}
