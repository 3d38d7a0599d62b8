//! MCP over HTTP, spoken in raw HTTP/1.1: who is let in, and that calls behave as on a stream.

#![cfg(test)]

use std::net::SocketAddr;
use std::time::Duration;

use mandated::domain::secret::Secret;
use mandated::mcp::http::{HttpAccess, HttpError, serve_http};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

mod mcp_stub;
use mcp_stub::{StubVenue, empty, server};

const TOKEN: &str = "0123456789abcdef";

struct Running {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<Result<(), HttpError>>,
}

async fn start(venue: StubVenue) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let access = HttpAccess {
        token: Secret::new(TOKEN.into()),
        hosts: Vec::new(),
    };
    let shutdown = async move {
        let _ = stopped.await;
    };
    let serving = tokio::spawn(serve_http(server(venue).0, listener, access, shutdown));
    Running {
        address,
        stop,
        serving,
    }
}

impl Running {
    /// Sends the bytes of one request and returns status and body.
    async fn raw(&self, request: &[u8]) -> (u16, String) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        // A server that has refused may close before it has read everything.
        let _ = stream.write_all(request).await;
        let mut reply = Vec::new();
        let _ = stream.read_to_end(&mut reply).await;
        let reply = String::from_utf8(reply).unwrap();
        let (head, body) = reply.split_once("\r\n\r\n").unwrap_or((&reply, ""));
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .unwrap_or(0);
        (status, format!("{head}\n\n{body}"))
    }

    async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> (u16, String) {
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n",
            body.len()
        );
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        self.raw(format!("{head}\r\n{body}").as_bytes()).await
    }

    /// A POST as a good client sends it, with more headers.
    async fn post(&self, headers: &[(&str, &str)], body: &str) -> (u16, String) {
        let host = self.address.to_string();
        let bearer = format!("Bearer {TOKEN}");
        let mut all = vec![
            ("Host", host.as_str()),
            ("Authorization", bearer.as_str()),
            ("Content-Type", "application/json"),
            ("Accept", "application/json, text/event-stream"),
        ];
        all.extend_from_slice(headers);
        self.send("POST", "/mcp", &all, body).await
    }

    async fn ask(&self, version: &str, body: &str) -> Value {
        let (status, text) = self.post(&[("MCP-Protocol-Version", version)], body).await;
        assert_eq!(status, 200, "{text}");
        let (_, json) = text.split_once("\n\n").unwrap();
        serde_json::from_str(json).unwrap()
    }
}

const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;

#[tokio::test]
async fn health_needs_a_known_host_and_no_token() {
    let running = start(empty()).await;
    let host = format!("localhost:{}", running.address.port());
    let (status, body) = running.send("GET", "/health", &[("Host", &host)], "").await;
    assert_eq!(status, 200);
    let health = format!(r#"{{"status":"ok","version":"{}"}}"#, env!("CARGO_PKG_VERSION"));
    assert!(body.ends_with(&health), "{body}");
    let (status, _) = running
        .send("GET", "/health", &[("Host", "evil.example")], "")
        .await;
    assert_eq!(status, 403);
}

#[tokio::test]
async fn other_hosts_and_origins_are_refused_even_with_the_token() {
    let running = start(empty()).await;
    let bearer = format!("Bearer {TOKEN}");
    let (status, _) = running
        .send(
            "POST",
            "/mcp",
            &[("Host", "evil.example"), ("Authorization", &bearer)],
            LIST,
        )
        .await;
    assert_eq!(status, 403);
    for origin in ["http://evil.example", "null", "http://localhost:1"] {
        let (status, _) = running.post(&[("Origin", origin)], LIST).await;
        assert_eq!(status, 403, "{origin}");
    }
    let ours = format!("http://{}", running.address);
    let (status, body) = running.post(&[("Origin", &ours)], LIST).await;
    assert_eq!(status, 200, "{body}");
}

#[tokio::test]
async fn without_the_token_nothing_is_answered() {
    let running = start(empty()).await;
    let host = running.address.to_string();
    for headers in [
        vec![("Host", host.as_str())],
        vec![("Host", host.as_str()), ("Authorization", "Bearer wrong")],
        vec![("Host", host.as_str()), ("Authorization", TOKEN)],
    ] {
        let (status, body) = running.send("POST", "/mcp", &headers, LIST).await;
        assert_eq!(status, 401);
        assert!(body.to_lowercase().contains("www-authenticate: bearer"), "{body}");
        assert!(!body.contains(TOKEN));
    }
}

#[tokio::test]
async fn each_version_lists_and_calls() {
    let running = start(empty()).await;
    for version in ["2025-06-18", "2025-11-25"] {
        let open = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "t", "version": "0"}}});
        let reply = running.ask(version, &open.to_string()).await;
        assert_eq!(reply["result"]["protocolVersion"], version);
        let reply = running.ask(version, LIST).await;
        assert_eq!(reply["result"]["tools"].as_array().unwrap().len(), 17);
    }
    let meta = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientInfo": {"name": "t", "version": "0"}, "io.modelcontextprotocol/clientCapabilities": {}});
    let call = json!({"jsonrpc": "2.0", "id": 4, "method": "tools/call", "params": {"_meta": meta, "name": "bybit_get_tickers", "arguments": {}}});
    let headers = [
        ("MCP-Protocol-Version", "2026-07-28"),
        ("Mcp-Method", "tools/call"),
        ("Mcp-Name", "bybit_get_tickers"),
    ];
    let (status, body) = running.post(&headers, &call.to_string()).await;
    assert_eq!(status, 200, "{body}");
    assert!(body.contains(r#""paper":true"#), "{body}");
}

#[tokio::test]
async fn arguments_stay_exact() {
    let running = start(empty()).await;
    let call = |arguments: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"bybit_place_order","arguments":{arguments}}}}}"#
        )
    };
    let arguments = r#"{"qty":12345678901234567890.10,"price":1e999,"note":"\"\\é"}"#;
    let reply = running.ask("2025-11-25", &call(arguments)).await;
    assert_eq!(reply["result"]["isError"], false);
    let record = &reply["result"]["structuredContent"]["live_action"];
    let asked = json!({"qty": "12345678901234567890.10", "price": "1e999", "note": "\"\\é"});
    assert_eq!(record["broker_request"], asked);
}

#[tokio::test]
async fn nonsense_is_answered_and_ends_nothing() {
    let running = start(empty()).await;
    for body in [
        "",
        "not json",
        "{}",
        "[]",
        r#"{"jsonrpc":"2.0","id":1,"method":5}"#,
    ] {
        let (status, reply) = running.post(&[], body).await;
        assert!((400..500).contains(&status), "{body:?} {reply}");
    }
    let (status, _) = running.post(&[], &"x".repeat(10 * 1024 * 1024)).await;
    assert!(status == 413 || status == 0, "{status}");
    let (status, _) = running.raw(b"GET / HTTP/9.9\r\n\r\n").await;
    assert!(status == 0 || (400..600).contains(&status), "{status}");
    let unknown = r#"{"jsonrpc":"2.0","id":8,"method":"tools/destroy"}"#;
    let (_, reply) = running
        .post(&[("MCP-Protocol-Version", "2025-11-25")], unknown)
        .await;
    assert!(reply.contains("-32601"), "{reply}");
    for params in ["[]", "7", r#"{"_meta":[]}"#, r#"{"a":1e999}"#] {
        let call = format!(r#"{{"jsonrpc":"2.0","id":9,"method":"tools/call","params":{params}}}"#);
        let (_, reply) = running
            .post(&[("MCP-Protocol-Version", "2025-11-25")], &call)
            .await;
        assert!(reply.contains("-32602") && reply.contains(r#""id":9"#), "{reply}");
    }
    running.ask("2025-11-25", LIST).await;
}

#[tokio::test]
async fn it_stops_when_told_to() {
    let running = start(empty()).await;
    running.ask("2025-11-25", LIST).await;
    running.stop.send(()).unwrap();
    running.serving.await.unwrap().unwrap();
}

async fn idle(address: SocketAddr, count: usize) -> Vec<TcpStream> {
    let mut streams = Vec::new();
    for _ in 0..count {
        streams.push(TcpStream::connect(address).await.unwrap());
    }
    streams
}

/// Whether the other side closes it within that time.
async fn is_closed(stream: &mut TcpStream, within: Duration) -> bool {
    let mut byte = [0];
    let read = timeout(within, stream.read(&mut byte)).await;
    // Closed in order, or reset.
    read.is_ok_and(|read| read.map_or(true, |count| count == 0))
}

#[tokio::test]
async fn connections_that_ask_for_nothing_take_no_place_from_those_that_do() {
    let running = start(empty()).await;
    let opened = Instant::now();
    let mut streams = idle(running.address, 200).await;
    // Half a request is no request.
    streams[199]
        .write_all(b"GET /health HTTP/1.1\r\nHost")
        .await
        .unwrap();
    let host = running.address.to_string();
    let (status, _) = running.send("GET", "/health", &[("Host", &host)], "").await;
    assert_eq!(status, 200);
    assert!(
        opened.elapsed() < Duration::from_secs(3),
        "{:?}",
        opened.elapsed()
    );
    let mut kept = 0;
    for stream in &mut streams {
        kept += usize::from(!is_closed(stream, Duration::from_millis(1)).await);
    }
    assert!((32..=64).contains(&kept), "{kept} connections were kept");
    for (number, stream) in streams.iter_mut().enumerate() {
        let left = Duration::from_secs(10).saturating_sub(opened.elapsed());
        assert!(is_closed(stream, left).await, "{number} is still open");
    }
}

#[tokio::test]
async fn a_connection_is_kept_between_requests_and_each_of_them_is_answered() {
    let running = start(empty()).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let request = format!("GET /health HTTP/1.1\r\nHost: {}\r\n\r\n", running.address);
    for _ in 0..2 {
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut reply = vec![0; 1024];
        let count = stream.read(&mut reply).await.unwrap();
        assert!(reply[..count].starts_with(b"HTTP/1.1 200"));
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert!(is_closed(&mut stream, Duration::from_secs(8)).await);
}

#[tokio::test]
async fn a_call_that_takes_long_is_not_cut_off() {
    let mut venue = empty();
    venue.delay = Duration::from_secs(6);
    let running = start(venue).await;
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"bybit_get_tickers","arguments":{}}}"#;
    let crowd = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        idle(running.address, 100).await
    };
    let (reply, _crowd) = tokio::join!(running.ask("2025-11-25", call), crowd);
    assert_eq!(reply["result"]["isError"], false, "{reply}");
}

#[tokio::test]
async fn it_ends_although_connections_are_open_that_ask_for_nothing() {
    let running = start(empty()).await;
    let mut streams = idle(running.address, 2).await;
    streams[1].write_all(b"POST /mcp HTTP/1.1\r\n").await.unwrap();
    running.ask("2025-11-25", LIST).await;
    running.stop.send(()).unwrap();
    let ended = timeout(Duration::from_secs(4), running.serving).await;
    ended
        .expect("it waits for clients that ask for nothing")
        .unwrap()
        .unwrap();
}
