//! The market's clock: it starts where it is told, moves when it is told, and a run on it repeats.

use mandated::sim::{ClockStart, PaperConfig, PaperExchange, RunningPaper};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::client::{Paper, get, loopback, post, send};

/// 2026-06-15T12:00:00Z.
const NOON: i64 = 1_781_524_800_000;

async fn stepped() -> Paper {
    let folder = tempfile::tempdir().unwrap();
    let mut config = PaperConfig::new(folder.path().join("paper.sqlite"));
    config.clock = Some(ClockStart {
        at_ms: Some(NOON),
        speed: Decimal::ZERO,
    });
    let server = PaperExchange::start(config, loopback()).await.unwrap();
    Paper { server, folder }
}

async fn admin(server: &RunningPaper, path: &str, body: Value) -> (u16, String) {
    let reply = send(server, "POST", path, &[], &body.to_string()).await.unwrap();
    (reply.status, reply.body)
}

async fn market_ms(server: &RunningPaper) -> i64 {
    let reply = send(server, "GET", "/paper/clock", &[], "").await.unwrap();
    let reply: Value = serde_json::from_str(&reply.body).unwrap();
    reply["market_ms"].as_i64().unwrap()
}

#[tokio::test]
async fn time_stands_still_until_it_is_moved_and_never_goes_back() {
    let paper = stepped().await;
    assert_eq!(market_ms(&paper.server).await, NOON);
    assert_eq!(
        admin(&paper.server, "/paper/clock", json!({"advance_ms": 90_000}))
            .await
            .0,
        200
    );
    assert_eq!(market_ms(&paper.server).await, NOON + 90_000);
    for refused in [
        json!({}),
        json!({"advance_ms": -1}),
        json!({"speed": "-1"}),
        json!({"speed": "100000"}),
    ] {
        let (status, body) = admin(&paper.server, "/paper/clock", refused.clone()).await;
        assert_eq!(status, 400, "{refused}: {body}");
    }
    assert_eq!(market_ms(&paper.server).await, NOON + 90_000);
    let candle = get(
        &paper.server,
        "/v5/market/kline",
        "category=linear&symbol=BTCUSDT&interval=1&limit=1",
    )
    .await;
    let noon_and_a_minute = (NOON + 60_000).to_string();
    assert_eq!(candle["result"]["list"][0][0], noon_and_a_minute);
    // Ten thousand times as fast: more than ten seconds pass in two milliseconds.
    assert_eq!(
        admin(&paper.server, "/paper/clock", json!({"speed": "10000"}))
            .await
            .0,
        200
    );
    tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    assert!(market_ms(&paper.server).await >= NOON + 110_000);
}

#[tokio::test]
async fn a_clock_belongs_to_the_account_and_outlives_its_servers() {
    let paper = stepped().await;
    let other = Paper::server(&paper.folder, mandated::sim::PriceSource::Walk).await;
    admin(&paper.server, "/paper/clock", json!({"advance_ms": 5})).await;
    assert_eq!(market_ms(&other).await, NOON + 5);
    paper.server.stop().await;
    assert_eq!(market_ms(&other).await, NOON + 5);
}

/// A little of everything on a walking market, with time moving between the orders.
async fn run() -> Vec<Value> {
    let paper = stepped().await;
    let server = &paper.server;
    let last = get(server, "/v5/market/tickers", "category=linear&symbol=SOLUSDT").await;
    let last = last["result"]["list"][0]["lastPrice"]
        .as_str()
        .unwrap()
        .to_owned();
    let last = mandated::domain::money::parse_decimal(&last).unwrap();
    for step in 0..20_i64 {
        let side = if step % 3 == 0 { "Sell" } else { "Buy" };
        let price = last + Decimal::new(step % 7 - 3, 2);
        let body = json!({"category": "linear", "symbol": "SOLUSDT", "side": side, "qty": "40",
            "orderType": if step % 4 == 0 { "Market" } else { "Limit" }, "price": price.to_string()});
        let body = match step % 5 {
            4 => json!({"category": "spot", "symbol": "SOLUSDT", "side": "Buy", "orderType": "Market",
                "qty": "50", "marketUnit": "quoteCoin"}),
            _ => body,
        };
        post(server, "/v5/order/create", body).await;
        admin(server, "/paper/clock", json!({"advance_ms": 7_777})).await;
    }
    let mut seen = Vec::new();
    for category in ["linear", "spot"] {
        for path in ["/v5/execution/list", "/v5/order/history"] {
            let query = format!("category={category}&limit=50");
            seen.push(get(server, path, &query).await["result"].clone());
        }
    }
    seen.push(get(server, "/v5/account/wallet-balance", "accountType=UNIFIED").await["result"].clone());
    seen
}

#[tokio::test]
async fn the_same_stream_of_orders_gives_the_same_result_twice() {
    let first = run().await;
    let fills = first[0]["list"].as_array().unwrap();
    assert!(fills.len() > 10, "only {} fills", fills.len());
    let makers = fills.iter().filter(|fill| fill["isMaker"] == true).count();
    assert!(makers > 0, "nothing rested and filled");
    assert_eq!(first, run().await);
}

#[tokio::test]
async fn play_money_comes_and_goes_but_not_below_what_is_there() {
    let paper = Paper::still().await;
    let change = |coin: &'static str, amount: &'static str| {
        let server = &paper.server;
        async move {
            admin(server, "/paper/deposit", json!({"coin": coin, "amount": amount}))
                .await
                .0
        }
    };
    assert_eq!(change("USDT", "250.5").await, 200);
    assert_eq!(change("ETH", "2").await, 200);
    assert_eq!(change("USDT", "-10250.5").await, 200);
    assert_eq!(change("USDT", "-0.1").await, 400);
    assert_eq!(change("GOLD", "1").await, 400);
    assert_eq!(paper.coin("USDT").await["walletBalance"], "0");
    assert_eq!(paper.coin("ETH").await["walletBalance"], "2");
}
