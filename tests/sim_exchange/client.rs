//! A signing client of forty lines of HTTP/1.1, so that nothing between a test and the wire is ours.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit, Mac};
use mandated::sim::{PaperConfig, PaperExchange, PriceSource, RunningPaper};
use rust_decimal::Decimal;
use serde_json::Value;
use sha2::Sha256;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A server over a store of its own.
pub(crate) struct Paper {
    pub(crate) server: RunningPaper,
    pub(crate) folder: TempDir,
}

/// A reply as it came over the wire.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

/// Prices that stand still at their base.
pub(crate) fn still() -> PriceSource {
    PriceSource::Fixed(BTreeMap::new())
}

pub(crate) fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

pub(crate) fn now_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_millis()
        .try_into()
        .unwrap()
}

impl Paper {
    /// A new account under prices that stand still.
    pub(crate) async fn still() -> Self {
        Self::with(still()).await
    }

    pub(crate) async fn with(prices: PriceSource) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = Self::server(&folder, prices).await;
        Self { server, folder }
    }

    /// One more server over the same store.
    pub(crate) async fn server(folder: &TempDir, prices: PriceSource) -> RunningPaper {
        let mut config = PaperConfig::new(folder.path().join("paper.sqlite"));
        config.first_deposit.push(("BTC".to_owned(), Decimal::new(1, 1)));
        config.prices = prices;
        PaperExchange::start(config, loopback()).await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str, query: &str) -> Value {
        get(&self.server, path, query).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
        post(&self.server, path, body).await
    }

    /// The rows of a list.
    pub(crate) async fn list(&self, path: &str, query: &str) -> Vec<Value> {
        let reply = self.get(path, query).await;
        assert_eq!(reply["retCode"], 0, "{path}?{query}: {reply}");
        reply["result"]["list"].as_array().unwrap().clone()
    }

    /// Places an order that must be acknowledged; returns its id.
    pub(crate) async fn place(&self, body: Value) -> String {
        let reply = self.post("/v5/order/create", body).await;
        assert_eq!(reply["retCode"], 0, "{reply}");
        reply["result"]["orderId"].as_str().unwrap().to_owned()
    }

    /// The code that an order is refused with.
    pub(crate) async fn refused(&self, body: Value) -> i64 {
        self.post("/v5/order/create", body).await["retCode"]
            .as_i64()
            .unwrap()
    }

    /// The row of one order, open or closed.
    pub(crate) async fn order(&self, category: &str, symbol: &str, id: &str) -> Value {
        let query = format!("category={category}&symbol={symbol}&orderId={id}");
        let rows = self.list("/v5/order/realtime", &query).await;
        assert_eq!(rows.len(), 1, "{id} is not there exactly once");
        rows[0].clone()
    }

    /// One coin of the wallet.
    pub(crate) async fn coin(&self, coin: &str) -> Value {
        let query = format!("accountType=UNIFIED&coin={coin}");
        self.list("/v5/account/wallet-balance", &query).await[0]["coin"][0].clone()
    }

    pub(crate) async fn position(&self, category: &str, symbol: &str) -> Value {
        let query = format!("category={category}&symbol={symbol}");
        self.list("/v5/position/list", &query).await[0].clone()
    }
}

/// Asserts several fields of a row at once.
#[track_caller]
pub(crate) fn assert_fields(row: &Value, fields: &[(&str, &str)]) {
    for (name, expected) in fields {
        assert_eq!(row[*name].as_str(), Some(*expected), "{name} of {row}");
    }
}

pub(crate) fn sign(stamp: &str, window: &str, payload: &str) -> String {
    hmac_of(&format!("{stamp}paper{window}{payload}"))
}

pub(crate) fn hmac_of(origin: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(b"paper").unwrap();
    mac.update(origin.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

/// The headers of a signed request.
pub(crate) fn signed(stamp: i64, window: &str, payload: &str) -> Vec<(String, String)> {
    let stamp = stamp.to_string();
    let sign = sign(&stamp, window, payload);
    [
        ("X-BAPI-API-KEY", "paper".to_owned()),
        ("X-BAPI-TIMESTAMP", stamp),
        ("X-BAPI-RECV-WINDOW", window.to_owned()),
        ("X-BAPI-SIGN", sign),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// A request by another key of the account, signed with the same secret.
pub(crate) async fn by(paper: &Paper, key: &str, path: &str, body: Option<&Value>) -> Value {
    let payload = match body {
        Some(body) => body.to_string(),
        None => path.split_once('?').map_or("", |(_, query)| query).to_owned(),
    };
    let stamp = now_ms().to_string();
    let origin = format!("{stamp}{key}5000{payload}");
    let headers = [
        ("X-BAPI-API-KEY", key.to_owned()),
        ("X-BAPI-TIMESTAMP", stamp),
        ("X-BAPI-RECV-WINDOW", "5000".to_owned()),
        ("X-BAPI-SIGN", hmac_of(&origin)),
    ]
    .map(|(name, value)| (name.to_owned(), value));
    let method = if body.is_some() { "POST" } else { "GET" };
    let body = if body.is_some() { payload.as_str() } else { "" };
    let reply = send(&paper.server, method, path, &headers, body).await.unwrap();
    serde_json::from_str(&reply.body).unwrap()
}

pub(crate) async fn get(server: &RunningPaper, path: &str, query: &str) -> Value {
    let target = if query.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{query}")
    };
    let headers = signed(now_ms(), "5000", query);
    let reply = send(server, "GET", &target, &headers, "").await.unwrap();
    serde_json::from_str(&reply.body).unwrap()
}

/// Posts; a used-up budget is waited for, as it is not what most tests are about.
pub(crate) async fn post(server: &RunningPaper, path: &str, body: Value) -> Value {
    let body = body.to_string();
    loop {
        let headers = signed(now_ms(), "5000", &body);
        let reply = send(server, "POST", path, &headers, &body).await.unwrap();
        let reply: Value = serde_json::from_str(&reply.body).unwrap();
        if reply["retCode"] != 10006 {
            return reply;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// One request on a connection of its own; a connection that ends before a reply is an error.
pub(crate) async fn send(
    server: &RunningPaper,
    method: &str,
    target: &str,
    headers: &[(String, String)],
    body: &str,
) -> io::Result<Reply> {
    send_to(&server.base_url(), method, target, headers, body).await
}

/// The same to a server of another process.
pub(crate) async fn send_to(
    url: &str,
    method: &str,
    target: &str,
    headers: &[(String, String)],
    body: &str,
) -> io::Result<Reply> {
    let address = url.trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(&address).await?;
    let mut text = format!("{method} {target} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() {
        text.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    stream.write_all(format!("{text}\r\n{body}").as_bytes()).await?;
    let mut raw = Vec::new();
    stream.read_to_end(&mut raw).await?;
    let raw = String::from_utf8_lossy(&raw);
    let (head, body) = raw.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).unwrap();
    Ok(Reply {
        status: status.parse().unwrap(),
        headers: lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect(),
        body: body.to_owned(),
    })
}
