//! A runtime root with a mandate on the disk that is measured, and a paper exchange in this process.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::Duration;

use mandated::domain::secret::Secret;
use mandated::sim::{PaperConfig, PaperExchange, PriceSource, RunningPaper};
use mandated::state::durable;
use mandated::state::paths::LiveFiles;
use mandated::venue::bybit::Credentials;
use serde_json::{Value, json};

use crate::bench_folder;
use crate::samples::{self, chain};

/// The exchange lets ten orders a second through, and fifty reads of a list: nothing is measured in its queue.
pub(crate) const PACE: Duration = Duration::from_millis(250);

pub(crate) struct World {
    pub(crate) root: tempfile::TempDir,
    pub(crate) files: LiveFiles,
    pub(crate) exchange: RunningPaper,
}

impl World {
    /// `notional` is the mandate's cap for one order.
    pub(crate) fn new(notional: u64) -> Self {
        let root = tempfile::tempdir_in(bench_folder()).unwrap();
        let files = chain::files(root.path());
        durable::create_folder(files.broker_folder()).unwrap();
        durable::replace(
            &files.mandate(),
            samples::mandate(notional).to_string().as_bytes(),
        )
        .unwrap();
        let config = PaperConfig {
            prices: PriceSource::Fixed(BTreeMap::new()),
            ..PaperConfig::new(root.path().join("exchange.sqlite3"))
        };
        let exchange = running(config);
        Self {
            root,
            files,
            exchange,
        }
    }

    /// The binary in this world, and nothing of our own environment.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(mandated());
        self.dress(&mut command);
        command.args(args);
        command
    }

    pub(crate) fn dress(&self, command: &mut Command) {
        command
            .env_clear()
            .env("VIBE_RUNTIME_ROOT", self.root.path())
            .env("BYBIT_BASE_URL", self.exchange.base_url())
            .env("BYBIT_API_KEY", "paper")
            .env("BYBIT_API_SECRET", "paper");
    }
}

/// The release binary that cargo built beside this benchmark, or the one that `BENCH_BINARY` names.
pub(crate) fn mandated() -> PathBuf {
    let named = std::env::var_os("BENCH_BINARY").map(PathBuf::from);
    named.unwrap_or_else(|| env!("CARGO_BIN_EXE_mandated").into())
}

/// A limit order far from the market, on an instrument of the paper exchange.
pub(crate) fn order() -> Value {
    json!({"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "order_type": "Limit", "qty": "0.001", "price": "60000"})
}

/// An exchange on a thread of its own.
fn running(config: PaperConfig) -> RunningPaper {
    let (hand_out, taken) = std::sync::mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            hand_out
                .send(PaperExchange::start(config, address).await.unwrap())
                .unwrap();
            std::future::pending::<()>().await;
        });
    });
    taken.recv().unwrap()
}

/// A signed POST with nothing around it, over one connection that stays open.
pub(crate) struct Bare {
    stream: BufReader<TcpStream>,
    credentials: Credentials,
    host: String,
}

impl Bare {
    pub(crate) fn connect(exchange: &RunningPaper) -> Self {
        let host = exchange.base_url().replace("http://", "");
        let stream = TcpStream::connect(&host).unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream: BufReader::new(stream),
            credentials: Credentials::new("paper", Secret::new("paper".to_owned())).unwrap(),
            host,
        }
    }

    pub(crate) fn post(&mut self, path: &str, body: &str) -> Value {
        let now = chrono::Utc::now().timestamp_millis();
        let signature = self.credentials.sign_request(now, 5_000, body).unwrap();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
             X-BAPI-API-KEY: paper\r\nX-BAPI-TIMESTAMP: {now}\r\nX-BAPI-RECV-WINDOW: 5000\r\nX-BAPI-SIGN: {signature}\r\n\r\n{body}",
            self.host,
            body.len()
        );
        self.stream.get_mut().write_all(request.as_bytes()).unwrap();
        let mut length = 0;
        loop {
            let mut line = String::new();
            assert!(self.stream.read_line(&mut line).unwrap() > 0);
            let line = line.trim().to_ascii_lowercase();
            if let Some(text) = line.strip_prefix("content-length: ") {
                length = text.parse().unwrap();
            }
            if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).unwrap();
        serde_json::from_slice(&body).unwrap()
    }
}
