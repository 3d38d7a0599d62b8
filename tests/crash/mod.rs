//! What the tests that kill the binary share: a runtime root, a paper exchange, children over stdio.

pub(crate) mod books;

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use mandated::sim::{FaultKind, PaperConfig, PaperExchange, PriceSource, RunningPaper};
use mandated::state::paths::{BrokerKey, LiveFiles, RuntimeRoot};
use mandated::state::{clock, inflight};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

pub(crate) const CREATE: &str = "/v5/order/create";

/// Far beyond what the paper exchange hides an order for; short enough to be waited for.
pub(crate) const CAN_APPEAR: Duration = Duration::from_millis(1_500);

pub(crate) struct World {
    root: TempDir,
    pub(crate) files: LiveFiles,
    pub(crate) paper: RunningPaper,
}

fn mandate() -> Value {
    let day = chrono::Duration::days(1);
    json!({"schema_version": 1,
        "hard_caps": {"account_funding_usd": 500_000, "max_order_notional_usd": 1000, "max_total_exposure_usd": 500_000,
                      "max_leverage": 3, "allowed_instruments": ["crypto"], "max_trades_per_day": 1000},
        "universe": {"asset_classes": ["crypto"], "min_market_cap_usd": null, "min_avg_daily_volume_usd": null,
                     "exclude_symbols": []},
        "consent": {"created_at": clock::ledger_text(clock::now() - day), "consent_token_sha256": "ab", "broker": "bybit",
                    "account_ref": "a-1", "expires_at": clock::ledger_text(clock::now() + day)}})
}

fn private(path: PathBuf, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

impl World {
    pub(crate) async fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let files = LiveFiles::new(
            &RuntimeRoot::at(root.path().to_owned()),
            BrokerKey::parse("bybit").unwrap(),
        );
        fs::create_dir_all(files.broker_folder()).unwrap();
        private(files.live_folder().to_owned(), 0o700);
        private(files.broker_folder().to_owned(), 0o700);
        fs::write(files.mandate(), mandate().to_string()).unwrap();
        private(files.mandate(), 0o600);
        let mut config = PaperConfig::new(root.path().join("paper").join("paper.sqlite3"));
        config.prices = PriceSource::Fixed(BTreeMap::new());
        let paper = PaperExchange::start(config, ([127, 0, 0, 1], 0).into())
            .await
            .unwrap();
        Self { root, files, paper }
    }

    pub(crate) fn fault(&self, path: &str, kind: FaultKind) {
        self.paper.faults().add(mandated::sim::Fault {
            path: path.to_owned(),
            kind,
            times: None,
        });
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.root.path().join("paper").join("paper.sqlite3")
    }

    /// A process of its own, which dies at `crash_at`.
    pub(crate) async fn agent(&self, crash_at: Option<&str>) -> Agent {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mandated"));
        command
            .arg("serve")
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.root.path())
            .env("VIBE_RUNTIME_ROOT", self.root.path())
            .env("BYBIT_BASE_URL", self.paper.base_url())
            .env("BYBIT_API_KEY", "paper")
            .env("BYBIT_API_SECRET", "paper")
            .env("MANDATED_CAN_APPEAR_MS", CAN_APPEAR.as_millis().to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        if let Some(point) = crash_at {
            command.env("MANDATED_CRASH_AT", point);
        }
        let mut process = command.spawn().unwrap();
        let mut agent = Agent {
            to: process.stdin.take(),
            from: BufReader::new(process.stdout.take().unwrap()),
            process,
            asked: 0,
        };
        let hello = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "0"}});
        // One that dies while it recovers at its start may not get so far.
        if agent.ask("initialize", hello).await.is_some() {
            let ready = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
            agent.send(&ready).await;
        }
        agent
    }

    /// Waits until nothing is in flight.
    pub(crate) async fn settled(&self) -> bool {
        for _ in 0..300 {
            if !inflight::any(&self.files) {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        false
    }
}

/// One child and the pipes to it.
pub(crate) struct Agent {
    pub(crate) process: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
    asked: u64,
}

impl Agent {
    async fn send(&mut self, message: &Value) {
        let Some(to) = &mut self.to else { return };
        // A child that died does not listen; its silence is noticed where an answer is waited for.
        let _ = to.write_all(format!("{message}\n").as_bytes()).await;
    }

    async fn ask(&mut self, method: &str, params: Value) -> Option<Value> {
        self.asked += 1;
        let id = self.asked;
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))
            .await;
        loop {
            let mut line = String::new();
            let read = tokio::time::timeout(Duration::from_secs(30), self.from.read_line(&mut line));
            if read.await.expect("an answer or an end in time").ok()? == 0 {
                return None;
            }
            let answer: Value = serde_json::from_str(&line).ok()?;
            if answer["id"] == id {
                return Some(answer["result"]["structuredContent"].clone());
            }
        }
    }

    /// The answer to a new order; `None` when the child died over it.
    pub(crate) async fn place(&mut self, arguments: Value) -> Option<Value> {
        let params = json!({"name": "bybit_place_order", "arguments": arguments});
        self.ask("tools/call", params).await
    }

    /// No more is asked: it ends by itself, or is dead already.
    pub(crate) async fn end(mut self) -> ExitStatus {
        drop(self.to.take());
        let ended = tokio::time::timeout(Duration::from_secs(30), self.process.wait());
        ended.await.expect("it ends in time").unwrap()
    }
}

pub(crate) fn limit_order() -> Value {
    json!({"category": "linear", "symbol": "SOLUSDT", "side": "Buy", "order_type": "Limit", "qty": "1", "price": "140"})
}

pub(crate) fn market_order() -> Value {
    json!({"category": "linear", "symbol": "SOLUSDT", "side": "Buy", "order_type": "Market", "qty": "1"})
}

/// Refused by its size, after the leftovers were looked at.
pub(crate) fn too_large() -> Value {
    json!({"category": "linear", "symbol": "SOLUSDT", "side": "Buy", "order_type": "Market", "qty": "100"})
}
