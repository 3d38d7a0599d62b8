//! A sweeper over the real client and the paper exchange, in a folder of its own.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mandated::daemon::sweep::{SweepState, Sweeper};
use mandated::sim::{PaperConfig, PaperExchange};
use mandated::state::ledger::Ledger;
use mandated::state::paths::{BrokerKey, LiveFiles, RuntimeRoot};
use mandated::state::redact::Redactor;
use mandated::venue::bybit::{BybitConfig, BybitVenue};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use tempfile::TempDir;
use url::Url;

#[path = "../sim_exchange/client.rs"]
#[expect(dead_code, reason = "each test needs another part of it")]
pub(crate) mod client;
use client::{Paper, loopback, still};

pub(crate) struct World {
    pub(crate) paper: Paper,
    _root: TempDir,
    pub(crate) files: LiveFiles,
    pub(crate) sweeper: Sweeper<BybitVenue>,
}

#[expect(dead_code, reason = "each test needs another part of it")]
impl World {
    /// An account with 10,000 USDT, 1,000 USDC and 0.1 BTC at prices that stand still.
    pub(crate) async fn new() -> Self {
        Self::over(Paper::still().await)
    }

    /// The same with a billion USDT.
    pub(crate) async fn rich() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = PaperConfig::new(folder.path().join("paper.sqlite"));
        config.prices = still();
        config.first_deposit = vec![
            ("USDT".to_owned(), Decimal::from(1_000_000_000)),
            ("BTC".to_owned(), Decimal::new(1, 1)),
        ];
        let server = PaperExchange::start(config, loopback()).await.unwrap();
        Self::over(Paper { server, folder })
    }

    fn over(paper: Paper) -> Self {
        let root = tempfile::tempdir().unwrap();
        let runtime = RuntimeRoot::at(root.path().to_owned());
        let files = LiveFiles::new(&runtime, BrokerKey::parse("bybit").unwrap());
        make_folder(&files);
        let sweeper = sweeper(&paper, &files, "paper");
        Self {
            paper,
            _root: root,
            files,
            sweeper,
        }
    }

    /// What a daemon that was started anew has.
    pub(crate) fn restart(&mut self) {
        self.restart_at("paper");
    }

    /// The same, with an exchange that is called so.
    pub(crate) fn restart_at(&mut self, label: &str) {
        self.sweeper = sweeper(&self.paper, &self.files, label);
    }

    pub(crate) fn mandate(&self, change: impl FnOnce(&mut Value)) {
        let mut mandate = json!({
            "schema_version": 1,
            "hard_caps": {"account_funding_usd": 5000, "max_order_notional_usd": 1000, "max_total_exposure_usd": 1000,
                          "max_leverage": 1, "allowed_instruments": ["crypto"], "max_trades_per_day": 50},
            "universe": {"asset_classes": ["crypto"], "min_market_cap_usd": null, "min_avg_daily_volume_usd": null,
                         "exclude_symbols": []},
            "consent": {"created_at": "2026-01-01T00:00:00Z", "consent_token_sha256": "00".repeat(32),
                        "broker": "bybit", "account_ref": "test", "expires_at": "2999-01-01T00:00:00Z"},
            "flatten_on_halt": true,
        });
        change(&mut mandate);
        fs::write(self.files.mandate(), mandate.to_string()).unwrap();
    }

    pub(crate) fn touch(&self) {
        fs::write(self.files.halt_global(), "").unwrap();
    }

    pub(crate) async fn linear(&self, side: &str, qty: &str, price: &str) -> String {
        let body = json!({"category": "linear", "symbol": "BTCUSDT", "side": side, "orderType": "Limit",
                          "qty": qty, "price": price});
        self.paper.place(body).await
    }

    pub(crate) async fn market(&self, symbol: &str, side: &str, qty: &str, idx: u8) -> String {
        let body = json!({"category": "linear", "symbol": symbol, "side": side, "orderType": "Market",
                          "qty": qty, "positionIdx": idx});
        self.paper.place(body).await
    }

    pub(crate) async fn open_orders(&self) -> usize {
        let mut count = 0;
        for query in [
            "category=linear&settleCoin=USDT",
            "category=linear&settleCoin=USDC",
            "category=inverse",
            "category=spot",
        ] {
            count += self.paper.list("/v5/order/realtime", query).await.len();
        }
        count
    }

    pub(crate) async fn positions(&self) -> usize {
        let mut count = 0;
        for query in [
            "category=linear&settleCoin=USDT",
            "category=linear&settleCoin=USDC",
            "category=inverse",
        ] {
            count += self.paper.list("/v5/position/list", query).await.len();
        }
        count
    }

    /// Looks as the daemon does, until the sweep says that it is over.
    #[track_caller]
    pub(crate) fn swept(&self, within: u64) -> impl Future<Output = SweepState> {
        let until = Instant::now() + Duration::from_secs(within);
        async move {
            loop {
                let state = self.sweeper.look().await;
                match state {
                    SweepState::Swept | SweepState::ClaimedElsewhere => return state,
                    state => assert!(Instant::now() < until, "still {state:?}"),
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }

    pub(crate) fn receipts(&self) -> Vec<Value> {
        let mut paths: Vec<PathBuf> = self.named("halt_receipt-");
        paths.sort();
        paths
            .iter()
            .map(|path| serde_json::from_slice(&fs::read(path).unwrap()).unwrap())
            .collect()
    }

    pub(crate) fn named(&self, beginning: &str) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.files.broker_folder()).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        paths
            .filter(|path| {
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                name.starts_with(beginning)
            })
            .collect()
    }

    pub(crate) fn ledger(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.files.audit()).unwrap_or_default();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    pub(crate) fn count_on_ledger(&self, kind: &str) -> usize {
        self.ledger()
            .iter()
            .filter(|record| record["kind"] == kind)
            .count()
    }

    /// How many requests to that path reached the exchange.
    pub(crate) fn requests(&self, path: &str) -> usize {
        let log = self.paper.server.requests();
        log.iter().filter(|request| request.path == path).count()
    }

    pub(crate) fn fault(&self, text: &str) {
        self.paper.server.faults().replace(text).unwrap();
    }
}

fn make_folder(files: &LiveFiles) {
    mandated::state::durable::create_folder(files.broker_folder()).unwrap();
}

fn sweeper(paper: &Paper, files: &LiveFiles, label: &str) -> Sweeper<BybitVenue> {
    let url = Url::parse(&paper.server.base_url()).unwrap();
    let mut config = BybitConfig::paper(url, "paper", "paper").unwrap();
    label.clone_into(&mut config.label);
    let ledger = Ledger::open(files, Redactor::new(Vec::new()));
    Sweeper::new(Arc::new(BybitVenue::new(config)), files.clone(), ledger)
}
