//! How many orders a second are acknowledged over one connection: a measurement, with a floor that only a fault
//! of the kind "each order reads everything" falls below.

use std::time::{Duration, Instant};

use mandated::sim::{PaperConfig, PaperExchange, RunningPaper};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{loopback, now_ms, signed, still};

async fn server(folder: &tempfile::TempDir) -> RunningPaper {
    let mut config = PaperConfig::new(folder.path().join("paper.sqlite"));
    config.prices = still();
    config.rate_limits = false;
    PaperExchange::start(config, loopback()).await.unwrap()
}

/// One request on a connection that stays open; the reply must be an acknowledgement.
async fn create(stream: &mut TcpStream, body: &str) {
    let mut text = String::from("POST /v5/order/create HTTP/1.1\r\nHost: paper\r\n");
    for (name, value) in signed(now_ms(), "5000", body) {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut reply = Vec::new();
    let mut piece = [0_u8; 4096];
    while !reply.ends_with(b"}") {
        let read = stream.read(&mut piece).await.unwrap();
        assert!(read > 0, "the connection ended");
        reply.extend_from_slice(piece.get(..read).unwrap());
    }
    let reply = String::from_utf8(reply).unwrap();
    assert!(reply.contains("\"retCode\":0"), "{reply}");
}

async fn rate(resting: u32) -> u128 {
    let folder = tempfile::tempdir().unwrap();
    let server = server(&folder).await;
    let address = server.base_url().trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    for at in 0..resting {
        let price = (63_000 - at).to_string();
        let body = json!({"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.001", "price": price});
        create(&mut stream, &body.to_string()).await;
    }
    let sides = ["Buy", "Sell"].map(|side| {
        json!({"category": "linear", "symbol": "BTCUSDT", "side": side, "orderType": "Market", "qty": "0.001"})
            .to_string()
    });
    let (begun, mut done) = (Instant::now(), 0_u128);
    while begun.elapsed() < Duration::from_millis(1_500) {
        for side in &sides {
            create(&mut stream, side).await;
            done += 1;
        }
    }
    done * 1000 / begun.elapsed().as_millis()
}

#[tokio::test]
async fn creates_a_second_do_not_fall_with_what_rests() {
    let (empty, full) = (rate(0).await, rate(200).await);
    eprintln!("market orders a second: {empty} on an empty account, {full} beside 200 resting orders");
    assert!(empty > 20 && full > 10, "{empty} and {full} orders a second");
}
