//! A process that is killed in the middle of its work leaves books that add up.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use mandated::sim::{PaperConfig, PaperExchange};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::client::{get, loopback, now_ms, send_to, signed};

/// The program as a person starts it, and where it listens.
fn start(store: &Path) -> (Child, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_mandated"))
        .args(["sim", "--port", "0", "--store"])
        .arg(store)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    let line = out
        .lines()
        .map(Result::unwrap)
        .find(|line| line.starts_with("address"))
        .unwrap();
    (child, line.split_whitespace().nth(1).unwrap().to_owned())
}

fn number(row: &Value, name: &str) -> Decimal {
    row[name].as_str().unwrap().parse().unwrap()
}

/// Sends orders until the server is gone; returns the ids that it acknowledged.
async fn stream(url: String) -> Vec<String> {
    let mut acknowledged = Vec::new();
    for at in 0_u32.. {
        let side = if at % 3 == 0 { "Sell" } else { "Buy" };
        let body = match at % 2 {
            0 => {
                json!({"category": "linear", "symbol": "BTCUSDT", "side": side, "orderType": "Market", "qty": "0.002"})
            }
            _ => {
                json!({"category": "spot", "symbol": "SOLUSDT", "side": "Buy", "orderType": "Market", "qty": "0.1", "marketUnit": "baseCoin"})
            }
        };
        let body = body.to_string();
        let headers = signed(now_ms(), "5000", &body);
        let Ok(reply) = send_to(&url, "POST", "/v5/order/create", &headers, &body).await else {
            break;
        };
        let Ok(reply) = serde_json::from_str::<Value>(&reply.body) else {
            break;
        };
        match reply["retCode"].as_i64() {
            Some(0) => acknowledged.push(reply["result"]["orderId"].as_str().unwrap().to_owned()),
            Some(10006) => tokio::time::sleep(Duration::from_millis(20)).await,
            code => assert_eq!(code, Some(0), "{reply}"),
        }
    }
    acknowledged
}

#[tokio::test]
async fn what_was_acknowledged_survives_and_adds_up() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("paper.sqlite");
    let mut known = Vec::new();
    for round in 0..3 {
        let (mut child, url) = start(&store);
        let orders = tokio::spawn(stream(url));
        tokio::time::sleep(Duration::from_millis(400 + round * 130)).await;
        // SIGKILL: nothing of the process runs after it.
        child.kill().unwrap();
        child.wait().unwrap();
        known.extend(orders.await.unwrap());
    }
    assert!(known.len() > 10, "only {} orders", known.len());
    let server = PaperExchange::start(PaperConfig::new(store), loopback())
        .await
        .unwrap();
    let mut fills = Vec::new();
    for category in ["linear", "spot"] {
        fills.extend(
            pages(
                &server,
                "/v5/execution/list",
                &format!("category={category}&limit=100"),
            )
            .await,
        );
    }
    for id in &known {
        assert!(
            fills.iter().any(|fill| fill["orderId"] == id.as_str()),
            "{id} is lost"
        );
    }
    let log = pages(&server, "/v5/account/transaction-log", "limit=50").await;
    let held: Decimal = log
        .iter()
        .filter(|row| row["currency"] == "USDT")
        .map(|row| number(row, "change"))
        .sum();
    let query = "accountType=UNIFIED&coin=USDT";
    let wallet = get(&server, "/v5/account/wallet-balance", query).await;
    let wallet = wallet["result"]["list"][0]["coin"][0].clone();
    assert_eq!(number(&wallet, "walletBalance"), held);
    let mut size = Decimal::ZERO;
    for fill in fills.iter().filter(|fill| fill["symbol"] == "BTCUSDT") {
        let qty = number(fill, "execQty");
        size += if fill["side"] == "Buy" { qty } else { -qty };
    }
    let query = "category=linear&symbol=BTCUSDT";
    let row = get(&server, "/v5/position/list", query).await["result"]["list"][0].clone();
    let sign = if row["side"] == "Sell" {
        -Decimal::ONE
    } else {
        Decimal::ONE
    };
    assert_eq!(sign * number(&row, "size"), size);
}

async fn pages(server: &mandated::sim::RunningPaper, path: &str, query: &str) -> Vec<Value> {
    let (mut rows, mut cursor) = (Vec::new(), String::new());
    loop {
        let reply = get(server, path, &format!("{query}&cursor={cursor}")).await;
        let result = &reply["result"];
        rows.extend(result["list"].as_array().unwrap().clone());
        result["nextPageCursor"].as_str().unwrap().clone_into(&mut cursor);
        if cursor.is_empty() {
            return rows;
        }
    }
}
