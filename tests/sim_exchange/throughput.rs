//! Many orders one after the other over one connection: each is acknowledged once and counted once, whatever else
//! rests. The rate is printed and not judged, as it says more about the machine than about the exchange.

use std::time::Instant;

use mandated::sim::{PaperConfig, PaperExchange, RunningPaper};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{get, loopback, now_ms, signed, still};

/// Market orders of one run, half of them on each side.
const ORDERS: usize = 100;

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

/// How many rows a list of BTCUSDT has, page by page.
async fn count(server: &RunningPaper, path: &str, page: usize) -> usize {
    let (mut rows, mut cursor) = (0, String::new());
    loop {
        let query = format!("category=linear&symbol=BTCUSDT&limit={page}{cursor}");
        let reply = get(server, path, &query).await;
        assert_eq!(reply["retCode"], 0, "{reply}");
        rows += reply["result"]["list"].as_array().unwrap().len();
        match reply["result"]["nextPageCursor"].as_str() {
            None | Some("") => return rows,
            Some(next) => cursor = format!("&cursor={next}"),
        }
    }
}

async fn trade_beside(resting: usize) {
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
    let begun = Instant::now();
    for side in sides.iter().cycle().take(ORDERS) {
        create(&mut stream, side).await;
    }
    let rate = ORDERS as u128 * 1_000_000 / begun.elapsed().as_micros().max(1);
    eprintln!("{rate} market orders a second beside {resting} resting orders");
    assert_eq!(count(&server, "/v5/order/realtime", 50).await, resting);
    assert_eq!(count(&server, "/v5/execution/list", 100).await, ORDERS);
    assert_eq!(count(&server, "/v5/position/closed-pnl", 100).await, ORDERS / 2);
    let position = get(&server, "/v5/position/list", "category=linear&symbol=BTCUSDT").await;
    assert_eq!(position["result"]["list"][0]["size"], "0", "{position}");
}

#[tokio::test]
async fn every_order_is_acknowledged_and_counted_once() {
    trade_beside(0).await;
    trade_beside(120).await;
}
