//! The real binary as a daemon, over a paper exchange in the test process.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use mandated::sim::{PaperConfig, PaperExchange, PriceSource, RunningPaper};
use mandated::state::paths::{BrokerKey, LiveFiles, RuntimeRoot};
use serde_json::{Value, json};

/// Nothing in these tests may take longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) const PLACE: &str = r#"{"category":"linear","symbol":"BTCUSDT","side":"Buy","order_type":"Limit","qty":"0.001","price":"60000"}"#;

/// A runtime root with a mandate, and an exchange.
pub(crate) struct World {
    pub(crate) root: tempfile::TempDir,
    pub(crate) files: LiveFiles,
    pub(crate) exchange: RunningPaper,
}

impl World {
    pub(crate) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let key = BrokerKey::parse("bybit").unwrap();
        let files = LiveFiles::new(&RuntimeRoot::at(root.path().to_owned()), key);
        let config = PaperConfig {
            prices: PriceSource::Fixed(BTreeMap::new()),
            ..PaperConfig::new(root.path().join("exchange.sqlite3"))
        };
        let exchange = running(config);
        let world = Self {
            root,
            files,
            exchange,
        };
        world.commit();
        world
    }

    /// What a person's consent step leaves, in a folder that may be new.
    pub(crate) fn commit(&self) {
        mandated::state::durable::create_folder(self.files.broker_folder()).unwrap();
        let mandate = json!({
            "schema_version": 1,
            "hard_caps": {"account_funding_usd": 5000, "max_order_notional_usd": 1000, "max_total_exposure_usd": 1000,
                          "max_leverage": 1, "allowed_instruments": ["crypto"], "max_trades_per_day": 50},
            "universe": {"asset_classes": ["crypto"], "min_market_cap_usd": null, "min_avg_daily_volume_usd": null,
                         "exclude_symbols": []},
            "consent": {"created_at": "2026-01-01T00:00:00Z", "consent_token_sha256": "00".repeat(32),
                        "broker": "bybit", "account_ref": "t", "expires_at": "2099-01-01T00:00:00Z"},
            "flatten_on_halt": false
        });
        mandated::state::durable::replace(&self.files.mandate(), mandate.to_string().as_bytes()).unwrap();
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.files.broker_folder().join("mandated.sock")
    }

    /// The binary in this world, with the exchange's address and no key.
    pub(crate) fn keyless(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mandated"));
        command.env_clear().args(args);
        command.env("VIBE_RUNTIME_ROOT", self.root.path());
        command.env("MANDATED_PAPER_ROOT", self.root.path());
        command.env("BYBIT_BASE_URL", self.exchange.base_url());
        command
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = self.keyless(args);
        command
            .env("BYBIT_API_KEY", "paper")
            .env("BYBIT_API_SECRET", "paper");
        command
    }

    /// A daemon that serves the socket, and HTTP at a free port.
    pub(crate) fn daemon(&self) -> Daemon {
        Daemon::start(self, self.command(&["daemon", "--port", "0"]))
    }

    pub(crate) fn state(&self) -> Option<Value> {
        let text = fs::read(self.files.broker_folder().join("mandated.state.json")).ok()?;
        serde_json::from_slice(&text).ok()
    }

    pub(crate) fn inflight(&self) -> usize {
        fs::read_dir(self.files.inflight_folder()).map_or(0, Iterator::count)
    }
}

/// An exchange on a thread of its own, so that tests may block.
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

/// Waits until `found` finds something.
pub(crate) fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "waited in vain: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// A running daemon; killed when dropped.
pub(crate) struct Daemon {
    pub(crate) child: Child,
    pub(crate) http: SocketAddr,
    _stdout: BufReader<ChildStdout>,
}

impl Daemon {
    pub(crate) fn start(world: &World, mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut said = String::new();
        let http = loop {
            let mut line = String::new();
            assert!(
                stdout.read_line(&mut line).unwrap() > 0,
                "the daemon ended: {said}"
            );
            if let Some(address) = line.trim().strip_prefix("http   http://") {
                break address.strip_suffix("/mcp").unwrap().parse().unwrap();
            }
            said.push_str(&line);
        };
        until("the daemon's socket", || UnixStream::connect(world.socket()).ok());
        Self {
            child,
            http,
            _stdout: stdout,
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill")
            .args([&format!("-{name}"), &pid])
            .status()
            .unwrap();
        assert!(sent.success());
    }

    /// The exit code, once it has ended.
    pub(crate) fn wait(&mut self) -> Option<i32> {
        until("the daemon's end", || self.child.try_wait().unwrap()).code()
    }

    /// The status line and body of `GET /health`.
    pub(crate) fn health(&self) -> String {
        let mut stream = TcpStream::connect(self.http).unwrap();
        let request = format!(
            "GET /health HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            self.http
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).unwrap();
        reply
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
