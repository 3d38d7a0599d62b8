//! A small HTTP/1.1 server with scripted answers that records every request as it came.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;
use url::Url;

/// One request as it stood on the wire.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) method: String,
    /// Path and query, untouched.
    pub(super) target: String,
    headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Seen {
    pub(super) fn path(&self) -> &str {
        self.target.split_once('?').map_or(&self.target, |(path, _)| path)
    }

    pub(super) fn query(&self) -> &str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }

    pub(super) fn has(&self, pair: &str) -> bool {
        self.query().split('&').any(|one| one == pair)
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(given, _)| given.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// What the server does with a request.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    Http {
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: String,
    },
    /// Reads the request and never answers.
    Silence,
    /// Reads the request and resets the connection.
    Reset,
    /// Announces more bytes than it sends.
    CutShort(String),
    /// Answers, then closes the connection without having said so.
    ThenClose(String),
}

/// An answer with `retCode` 0.
pub(super) fn ok(result: &str) -> Answer {
    with_status(
        200,
        &format!(r#"{{"retCode":0,"retMsg":"OK","result":{result},"retExtInfo":{{}},"time":1700000000000}}"#),
    )
}

/// An answer with another `retCode`.
pub(super) fn code(code: i64, message: &str) -> Answer {
    with_status(
        200,
        &format!(
            r#"{{"retCode":{code},"retMsg":"{message}","result":{{}},"retExtInfo":{{}},"time":1700000000000}}"#
        ),
    )
}

pub(super) fn with_status(status: u16, body: &str) -> Answer {
    Answer::Http {
        status,
        headers: Vec::new(),
        body: body.to_owned(),
    }
}

impl Answer {
    pub(super) fn with_header(mut self, name: &'static str, value: impl ToString) -> Self {
        if let Self::Http { headers, .. } = &mut self {
            headers.push((name, value.to_string()));
        }
        self
    }
}

type Script = dyn Fn(&Seen) -> Answer + Send + Sync;

/// Ends with the test.
pub(super) struct Stub {
    port: u16,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
    held: Option<TcpSocket>,
}

struct Shared {
    seen: Mutex<Vec<Seen>>,
    /// How far the exchange's clock is ahead.
    ahead_ms: AtomicI64,
    is_clock_out: AtomicBool,
    script: Box<Script>,
}

impl Stub {
    /// Answers `/v5/market/time` by the clock, everything else by `script`.
    pub(super) async fn start(script: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            seen: Mutex::default(),
            ahead_ms: AtomicI64::new(0),
            is_clock_out: AtomicBool::new(false),
            script: Box::new(script),
        });
        let server = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Self {
            port,
            shared,
            server,
            held: None,
        }
    }

    /// Gives every request but the clock's the same answer.
    pub(super) async fn always(answer: Answer) -> Self {
        Self::start(move |_| answer.clone()).await
    }

    pub(super) fn url(&self) -> Url {
        Url::parse(&format!("http://127.0.0.1:{}", self.port)).unwrap()
    }

    pub(super) fn set_clock_ahead_ms(&self, ahead_ms: i64) {
        self.shared.ahead_ms.store(ahead_ms, Ordering::SeqCst);
    }

    /// Answers `/v5/market/time`, and nothing else, with the exchange's own trouble.
    pub(super) fn set_clock_out(&self, is_out: bool) {
        self.shared.is_clock_out.store(is_out, Ordering::SeqCst);
    }

    /// Refuses connections from now on. The port stays bound, or another test's server could get it.
    pub(super) async fn stop(&mut self) {
        self.server.abort();
        let _ = (&mut self.server).await;
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind(([127, 0, 0, 1], self.port).into()).unwrap();
        self.held = Some(socket);
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap().clone()
    }

    pub(super) fn seen_at(&self, path: &str) -> Vec<Seen> {
        let mut seen = self.seen();
        seen.retain(|seen| seen.path() == path);
        seen
    }

    /// The only request to `path`.
    pub(super) fn only(&self, path: &str) -> Seen {
        let mut seen = self.seen_at(path);
        assert_eq!(seen.len(), 1, "{seen:?}");
        seen.remove(0)
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let _ = serve(stream, &shared).await;
        });
    }
}

async fn serve(mut stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut buffer = Vec::new();
    while let Some(seen) = read_request(&mut stream, &mut buffer).await? {
        let answer = shared.answer(&seen);
        shared.seen.lock().unwrap().push(seen);
        match answer {
            Answer::Http {
                status,
                headers,
                body,
            } => {
                write(&mut stream, status, &headers, &body, body.len()).await?;
                if headers.iter().any(|(name, _)| *name == "Connection") {
                    return Ok(());
                }
            }
            Answer::Silence => tokio::time::sleep(Duration::from_secs(60)).await,
            Answer::Reset => {
                stream.set_zero_linger()?;
                return Ok(());
            }
            Answer::CutShort(body) => {
                return write(&mut stream, 200, &[], &body, body.len() + 100).await;
            }
            Answer::ThenClose(body) => {
                return write(&mut stream, 200, &[], &body, body.len()).await;
            }
        }
    }
    Ok(())
}

impl Shared {
    fn answer(&self, seen: &Seen) -> Answer {
        if seen.path() != "/v5/market/time" {
            return (self.script)(seen);
        }
        if self.is_clock_out.load(Ordering::SeqCst) {
            return code(10016, "Internal error. System error.");
        }
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let nanos =
            i64::try_from(since_epoch.as_nanos()).unwrap() + self.ahead_ms.load(Ordering::SeqCst) * 1_000_000;
        // Closed each time, so that no test depends on whether an idle connection is still up.
        ok(&format!(
            r#"{{"timeSecond":"{}","timeNano":"{nanos}"}}"#,
            nanos / 1_000_000_000
        ))
        .with_header("Connection", "close")
    }
}

async fn write(
    stream: &mut TcpStream,
    status: u16,
    headers: &[(&'static str, String)],
    body: &str,
    announced: usize,
) -> std::io::Result<()> {
    let mut text = format!("HTTP/1.1 {status} Scripted\r\nContent-Length: {announced}\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    text.push_str(body);
    stream.write_all(text.as_bytes()).await?;
    stream.flush().await
}

async fn read_request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> std::io::Result<Option<Seen>> {
    loop {
        if let Some((seen, used)) = parse(buffer) {
            buffer.drain(..used);
            return Ok(Some(seen));
        }
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
}

fn parse(buffer: &[u8]) -> Option<(Seen, usize)> {
    let head_end = buffer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = String::from_utf8(buffer[..head_end].to_vec()).unwrap();
    let mut lines = head.trim_end().split("\r\n");
    let mut first = lines.next().unwrap().split(' ');
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let length = headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(0, |(_, value)| value.parse().unwrap());
    let body = buffer.get(head_end..head_end + length)?;
    let seen = Seen {
        method: first.next().unwrap().to_owned(),
        target: first.next().unwrap().to_owned(),
        headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    };
    Some((seen, head_end + length))
}
