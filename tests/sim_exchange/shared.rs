//! One account under several servers, and money that neither appears nor vanishes.

use mandated::domain::money::parse_decimal;
use mandated::sim::PriceSource;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::client::{Paper, assert_fields, get, post, still};

#[tokio::test]
async fn two_servers_over_one_store_are_one_account() {
    let one = Paper::still().await;
    let two = Paper::server(&one.folder, still()).await;
    let body = json!({"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.1", "price": "64000", "orderLinkId": "both"});
    let id = one.place(body.clone()).await;
    assert_eq!(post(&two, "/v5/order/create", body).await["retCode"], 110_072);
    let query = "category=linear&symbol=BTCUSDT&orderLinkId=both";
    let seen = get(&two, "/v5/order/realtime", query).await["result"]["list"][0].clone();
    assert_eq!(seen["orderId"], id);
    // A price set at one server moves the other's market, and outlives both.
    one.server
        .set_price("linear", "BTCUSDT", Decimal::from(63_000))
        .unwrap();
    let seen = get(&two, "/v5/order/realtime", query).await["result"]["list"][0].clone();
    assert_fields(&seen, &[("orderStatus", "Filled")]);
    one.server.stop().await;
    two.stop().await;
    let three = Paper::server(&one.folder, PriceSource::Walk).await;
    let held =
        get(&three, "/v5/position/list", "category=linear&symbol=BTCUSDT").await["result"]["list"][0].clone();
    assert_fields(
        &held,
        &[("size", "0.1"), ("avgPrice", "64000"), ("markPrice", "63000")],
    );
}

#[tokio::test]
async fn servers_of_several_threads_never_lose_an_update() {
    let one = Paper::still().await;
    let folder = std::sync::Arc::new(one.folder);
    let mut threads = Vec::new();
    for worker in 0..4 {
        let folder = std::sync::Arc::clone(&folder);
        threads.push(std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let server = Paper::server(&folder, still()).await;
                for at in 0..8 {
                    let link = format!("w{worker}-{at}");
                    let body = json!({"category": "spot", "symbol": "SOLUSDT", "side": "Buy", "orderType": "Market", "qty": "0.1", "marketUnit": "baseCoin", "orderLinkId": link});
                    assert_eq!(post(&server, "/v5/order/create", body).await["retCode"], 0);
                }
            });
        }));
    }
    for thread in threads {
        thread.join().unwrap();
    }
    let coins = get(
        &one.server,
        "/v5/account/wallet-balance",
        "accountType=UNIFIED&coin=SOL,USDT",
    )
    .await;
    let coins = coins["result"]["list"][0]["coin"].clone();
    // 32 × 0.1 less 0.1 percent; 32 × 15.001.
    assert_fields(&coins[0], &[("coin", "SOL"), ("walletBalance", "3.1968")]);
    assert_fields(&coins[1], &[("coin", "USDT"), ("walletBalance", "9519.968")]);
}

/// A small stream of orders over moving prices; the wallet must hold exactly what the fills say.
#[tokio::test]
async fn money_is_conserved_over_a_stream_of_orders() {
    let paper = Paper::still().await;
    let stream = [
        ("65000", "Buy", "Market", "0.123", ""),
        ("65100", "Sell", "Limit", "0.05", "65150"),
        ("65200", "Sell", "Market", "0.2", ""),
        ("64900", "Buy", "Limit", "0.6", "64900.1"),
        ("64850.5", "Sell", "Limit", "0.3", "64800"),
        ("64000", "Buy", "Market", "0.017", ""),
        ("66000", "Sell", "Market", "0.19", ""),
        ("65432.1", "Buy", "Market", "0.033", ""),
    ];
    for (price, side, kind, qty, limit) in stream {
        paper
            .server
            .set_price("linear", "BTCUSDT", parse_decimal(price).unwrap())
            .unwrap();
        let body = json!({"category": "linear", "symbol": "BTCUSDT", "side": side, "orderType": kind, "qty": qty, "price": limit});
        paper.place(body).await;
    }
    let fills = paper
        .list("/v5/execution/list", "category=linear&limit=100")
        .await;
    let number = |row: &Value, name: &str| parse_decimal(row[name].as_str().unwrap()).unwrap();
    let (mut cash, mut size) = (Decimal::from(10_000), Decimal::ZERO);
    for fill in &fills {
        let sign = if fill["side"] == "Buy" {
            Decimal::ONE
        } else {
            -Decimal::ONE
        };
        assert_eq!(
            number(fill, "execPrice") * number(fill, "execQty"),
            number(fill, "execValue")
        );
        cash -= sign * number(fill, "execValue") + number(fill, "execFee");
        size += sign * number(fill, "execQty");
    }
    assert!(fills.len() >= stream.len(), "only {} fills", fills.len());
    let held = paper.position("linear", "BTCUSDT").await;
    let sign = if held["side"] == "Sell" {
        -Decimal::ONE
    } else {
        Decimal::ONE
    };
    assert_eq!(sign * number(&held, "size"), size);
    let mark = number(&held, "markPrice");
    let coin = paper.coin("USDT").await;
    // What was paid and received, with the open rest at mark, is the equity to the last digit that is shown.
    assert_eq!(number(&coin, "equity"), cash + size * mark);
    assert_eq!(
        number(&coin, "walletBalance"),
        cash + sign * number(&held, "positionValue")
    );
    let realised = number(&coin, "cumRealisedPnl");
    assert_eq!(number(&coin, "walletBalance"), Decimal::from(10_000) + realised);
    assert_eq!(number(&held, "cumRealisedPnl"), realised);
}

#[test]
fn a_store_that_many_create_at_once_is_created_once() {
    for _ in 0..10 {
        let folder = std::sync::Arc::new(tempfile::tempdir().unwrap());
        let gate = std::sync::Arc::new(std::sync::Barrier::new(8));
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let (folder, gate) = (std::sync::Arc::clone(&folder), std::sync::Arc::clone(&gate));
                std::thread::spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread()
                        .enable_all()
                        .build()
                        .unwrap();
                    gate.wait();
                    runtime.block_on(async {
                        let server = Paper::server(&folder, still()).await;
                        let query = "accountType=UNIFIED&coin=USDT";
                        get(&server, "/v5/account/wallet-balance", query).await["result"]["list"][0]["coin"]
                            [0]
                        .clone()
                    })
                })
            })
            .collect();
        for thread in threads {
            assert_fields(&thread.join().unwrap(), &[("walletBalance", "10000")]);
        }
    }
}
