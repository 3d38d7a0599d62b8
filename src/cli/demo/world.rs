//! The demonstration's own world: a folder, a mandate, a paper exchange whose prices stand still.

use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::Arc;

use chrono::Duration;
use serde_json::{Value, json};
use url::Url;

use super::super::app::PAPER_KEY;
use super::super::out::{Style, say};
use crate::broker::{Broker, Mode};
use crate::domain::order::WriteTool;
use crate::sim::{PaperConfig, PaperExchange, PriceSource, RunningPaper};
use crate::state::clock;
use crate::state::ledger::Ledger;
use crate::state::paths::{BrokerKey, LiveFiles, RuntimeRoot};
use crate::state::redact::Redactor;
use crate::venue::bybit::{BybitConfig, BybitVenue};

pub(super) struct World {
    folder: PathBuf,
    pub(super) files: LiveFiles,
    pub(super) broker: Arc<Broker<BybitVenue>>,
    paper: RunningPaper,
}

impl World {
    pub(super) async fn build() -> Result<Self, String> {
        let folder = std::env::temp_dir().join(format!("mandated-demo-{}", uuid::Uuid::new_v4().simple()));
        let built = Self::build_in(folder.clone()).await;
        if built.is_err() {
            // There may be nothing to take away.
            let _ = fs::remove_dir_all(&folder);
        }
        built
    }

    async fn build_in(folder: PathBuf) -> Result<Self, String> {
        let text = |error: &dyn std::fmt::Display| error.to_string();
        let key = BrokerKey::parse("bybit").map_err(|error| text(&error))?;
        let files = LiveFiles::new(&RuntimeRoot::at(folder.clone()), key);
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(files.broker_folder())
            .map_err(|error| format!("`{}` cannot be made: {error}", folder.display()))?;
        let config = PaperConfig {
            prices: PriceSource::Fixed(BTreeMap::new()),
            ..PaperConfig::new(folder.join("paper.sqlite3"))
        };
        let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
        let paper = PaperExchange::start(config, address)
            .await
            .map_err(|error| text(&error))?;
        let url = Url::parse(&paper.base_url()).map_err(|error| text(&error))?;
        let config = BybitConfig::paper(url, PAPER_KEY, PAPER_KEY).map_err(|error| text(&error))?;
        let ledger = Ledger::open(&files, Redactor::new(Vec::new()));
        let broker = Broker::new(
            Arc::new(BybitVenue::new(config)),
            files.clone(),
            ledger,
            Mode::Trade,
        );
        let world = Self {
            folder,
            files,
            broker: Arc::new(broker),
            paper,
        };
        world.commit(Duration::days(30))?;
        Ok(world)
    }

    /// What a person's consent step writes; here with a chosen time left.
    pub(super) fn commit(&self, time_left: Duration) -> Result<(), String> {
        let now = clock::now();
        let mandate = json!({
            "schema_version": 1,
            "hard_caps": {"account_funding_usd": 5000, "max_order_notional_usd": 1000, "max_total_exposure_usd": 1000,
                          "max_leverage": 1, "allowed_instruments": ["crypto"], "max_trades_per_day": 50},
            "universe": {"asset_classes": ["crypto"], "min_market_cap_usd": null, "min_avg_daily_volume_usd": null,
                         "exclude_symbols": ["DOGEUSDT"]},
            "consent": {"created_at": now.to_rfc3339(), "consent_token_sha256": "00".repeat(32), "broker": "bybit",
                        "account_ref": "demo", "expires_at": (now + time_left).format("%Y-%m-%dT%H:%M:%SZ").to_string()},
            "flatten_on_halt": false
        });
        let path = self.files.mandate();
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        options
            .open(&path)
            .and_then(|mut file| std::io::Write::write_all(&mut file, mandate.to_string().as_bytes()))
            .map_err(|error| format!("`{}` cannot be written: {error}", path.display()))
    }

    pub(super) fn introduce(&self, style: Style) {
        say("The mandate, which a person committed and no agent can change:");
        say("  one order at most $1,000 · all positions and resting orders at most $1,000 · never DOGEUSDT");
        say(&style.faint(&format!("  {}", self.files.mandate().display())));
        say("");
    }

    /// One call of the agent.
    pub(super) async fn place(&self, args: Value) -> Value {
        self.broker.write(WriteTool::PlaceOrder, &args.to_string()).await
    }

    /// Orders that reached the exchange's wire so far.
    pub(super) fn creates_on_the_wire(&self) -> usize {
        self.paper
            .requests()
            .iter()
            .filter(|request| request.path == "/v5/order/create")
            .count()
    }

    pub(super) async fn tear_down(self) -> Result<(), String> {
        // Calls that an interrupt left half way write into the folder.
        self.broker.close();
        self.broker.drain().await;
        self.paper.stop().await;
        fs::remove_dir_all(&self.folder)
            .map_err(|error| format!("`{}` stays: {error}", self.folder.display()))
    }
}
