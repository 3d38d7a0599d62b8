//! A runtime root of its own, a mandate, a paper exchange whose prices stand still, and a broker between them.
//!
//! The account begins with 10,000 USDT and 0.1 BTC. At $65,000 the coins are $6,500 of exposure before any
//! order; SOLUSDT stands at $150, a linear one is offered at 150.01.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::panic;
use std::path::Path;
use std::sync::{Arc, Once};
use std::time::{Duration, Instant};

use mandated::broker::{Broker, Mode};
use mandated::domain::order::WriteTool;
use mandated::sim::{Fault, FaultKind, PaperConfig, PaperExchange, PriceSource, RunningPaper};
use mandated::state::clock;
use mandated::state::counter::Counter;
use mandated::state::inflight;
use mandated::state::ledger::Ledger;
use mandated::state::paths::{BrokerKey, LiveFiles, RuntimeRoot};
use mandated::state::redact::Redactor;
use mandated::state::verify::verify;
use mandated::venue::ReadRequest;
use mandated::venue::bybit::{BybitConfig, BybitVenue};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use tempfile::TempDir;
use url::Url;

pub(crate) const CREATE: &str = "/v5/order/create";

pub(crate) struct World {
    pub(crate) root: TempDir,
    pub(crate) files: LiveFiles,
    pub(crate) paper: RunningPaper,
    pub(crate) broker: Arc<Broker<BybitVenue>>,
}

pub(crate) fn private_folder(path: &Path) {
    fs::create_dir_all(path).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o700)).unwrap();
}

fn live_files(root: &Path) -> LiveFiles {
    let files = LiveFiles::new(
        &RuntimeRoot::at(root.to_owned()),
        BrokerKey::parse("bybit").unwrap(),
    );
    private_folder(files.live_folder());
    private_folder(files.broker_folder());
    files
}

/// Caps that let one order of $900 through at a time, and a day of twenty.
pub(crate) fn mandate() -> Value {
    let day = chrono::Duration::days(1);
    json!({"schema_version": 1,
        "hard_caps": {"account_funding_usd": 50000.0, "max_order_notional_usd": 1000.0, "max_total_exposure_usd": 20000.0,
                      "max_leverage": 3.0, "allowed_instruments": ["crypto"], "max_trades_per_day": 20},
        "universe": {"asset_classes": ["crypto"], "min_market_cap_usd": null, "min_avg_daily_volume_usd": null,
                     "exclude_symbols": ["DOGE-USDT"]},
        "consent": {"created_at": clock::ledger_text(clock::now() - day), "consent_token_sha256": "ab", "broker": "bybit",
                    "account_ref": "a-1", "expires_at": clock::ledger_text(clock::now() + day)}})
}

/// Six at the offer are $900.06: a buy counts at what it can cost now, though its limit is lower.
pub(crate) fn six_sol() -> Value {
    json!({"category": "linear", "symbol": "SOLUSDT", "side": "Buy", "order_type": "Limit", "qty": "6", "price": "140"})
}

pub(crate) fn six_sol_as(order_link_id: &str) -> Value {
    let mut args = six_sol();
    args["order_link_id"] = order_link_id.into();
    args
}

/// A proof asks whether anything fails: what fails first ends the run, and the other tests are not waited for.
fn end_at_the_first_failure() {
    static ONCE: Once = Once::new();
    if std::env::var_os("PROOF_FIRST_FAILURE").is_none() {
        return;
    }
    ONCE.call_once(|| {
        panic::set_hook(Box::new(|panic| {
            // Past the capture of this test's output, which is lost with the process.
            let _ = writeln!(std::io::stderr(), "{panic}");
            if panic
                .location()
                .is_some_and(|place| place.file().starts_with("tests/"))
            {
                std::process::exit(101);
            }
        }));
    });
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}, Mode::Trade).await
    }

    pub(crate) async fn with(change: impl Fn(&mut BybitConfig), mode: Mode) -> Self {
        end_at_the_first_failure();
        let root = tempfile::tempdir().unwrap();
        let files = live_files(root.path());
        let mut config = PaperConfig::new(root.path().join("paper").join("paper.sqlite3"));
        config.prices = PriceSource::Fixed(BTreeMap::new());
        config.first_deposit.push(("BTC".to_owned(), Decimal::new(1, 1)));
        let paper = PaperExchange::start(config, ([127, 0, 0, 1], 0).into())
            .await
            .unwrap();
        let broker = broker(&files, &paper, change, mode);
        let world = Self {
            root,
            files,
            paper,
            broker,
        };
        world.commit(&mandate());
        world
    }

    /// One more broker, as another process would have it, over the same files and the same exchange.
    pub(crate) fn another_broker(&self) -> Arc<Broker<BybitVenue>> {
        broker(&self.files, &self.paper, |_| {}, Mode::Trade)
    }

    /// The same files and wire, under the name of another venue.
    pub(crate) fn at_another_venue(&self) -> Arc<Broker<BybitVenue>> {
        let change = |config: &mut BybitConfig| config.label = "bybit testnet".to_owned();
        broker(&self.files, &self.paper, change, Mode::Trade)
    }

    /// Files of another person who trades on the same account, and a broker over them.
    pub(crate) fn neighbour(&self) -> (LiveFiles, Arc<Broker<BybitVenue>>) {
        let files = live_files(&self.root.path().join("neighbour"));
        put(&files.mandate(), &mandate().to_string());
        let broker = broker(&files, &self.paper, |_| {}, Mode::Trade);
        (files, broker)
    }

    pub(crate) fn commit(&self, mandate: &Value) {
        put(&self.files.mandate(), &mandate.to_string());
    }

    pub(crate) fn cap(&self, name: &str, value: impl Into<Value>) {
        let mut changed = mandate();
        changed["hard_caps"][name] = value.into();
        self.commit(&changed);
    }

    pub(crate) async fn place(&self, args: Value) -> Value {
        self.write(WriteTool::PlaceOrder, args).await
    }

    pub(crate) async fn write(&self, tool: WriteTool, args: Value) -> Value {
        self.broker.write(tool, &args.to_string()).await
    }

    pub(crate) fn fault(&self, path: &str, kind: FaultKind, times: Option<u32>) {
        self.paper.faults().add(Fault {
            path: path.to_owned(),
            kind,
            times,
        });
    }

    /// Everything that was sent to be done, as `(path, body)`.
    pub(crate) fn sent(&self) -> Vec<(String, String)> {
        let requests = self.paper.requests().into_iter();
        let posts = requests.filter(|request| request.method == "POST");
        posts.map(|request| (request.path, request.payload)).collect()
    }

    pub(crate) fn creates(&self) -> usize {
        self.sent().iter().filter(|(path, _)| path == CREATE).count()
    }

    /// Waits until `path` was asked for.
    pub(crate) async fn reached(&self, path: &str) {
        let until = Instant::now() + Duration::from_secs(5);
        while !self.paper.requests().iter().any(|request| request.path == path) {
            assert!(Instant::now() < until, "{path} was never asked for");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Every order that the exchange has, open and done.
    pub(crate) async fn orders(&self, category: &str) -> Vec<Value> {
        let mut all: BTreeMap<String, Value> = BTreeMap::new();
        for path in ["/v5/order/realtime", "/v5/order/history"] {
            let mut query = vec![("category", category.to_owned())];
            if category == "linear" && path.ends_with("realtime") {
                query.push(("settleCoin", "USDT".to_owned()));
            }
            let request = ReadRequest {
                path,
                private: true,
                query,
            };
            let result = self.broker.read(request).await.unwrap();
            for row in result["list"].as_array().unwrap() {
                all.insert(row["orderId"].as_str().unwrap().to_owned(), row.clone());
            }
        }
        all.into_values().collect()
    }

    pub(crate) fn count(&self) -> u64 {
        Counter::read(&self.files, clock::now().date_naive())
            .unwrap()
            .count()
    }

    pub(crate) fn inflight(&self) -> Vec<String> {
        let records = inflight::list(&self.files).unwrap();
        records
            .iter()
            .map(|record| format!("{} {}", record.client_id, json!(record.state).as_str().unwrap()))
            .collect()
    }

    pub(crate) fn ledger(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.files.audit()).unwrap_or_default();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// The ledger as `kind outcome` a record.
    pub(crate) fn story(&self) -> Vec<String> {
        self.ledger().iter().map(in_short).collect()
    }

    #[track_caller]
    pub(crate) fn assert_chain_whole(&self) {
        let report = verify(&self.files);
        assert!(report.is_whole(), "{:?}", report.first_break);
        assert_eq!(report.records, u64::try_from(self.ledger().len()).unwrap());
    }

    /// Nothing was sent or counted, one record says so, and the caller was told which limit it was.
    #[track_caller]
    pub(crate) fn assert_refused(&self, reply: &Value, decision: &str, limit: &str) {
        assert_eq!(self.sent(), [], "{reply}");
        assert_blocked(reply, decision, limit);
        let ledger = self.ledger();
        assert_eq!(ledger.len(), 1, "{ledger:?}");
        assert_eq!(ledger[0]["outcome"], "blocked");
        let (reason, recorded) = (
            reply["reason"].as_str().unwrap(),
            ledger[0]["error"].as_str().unwrap(),
        );
        assert!(reason.starts_with(recorded), "{recorded}\n{reason}");
        assert_eq!(ledger[0], reply["live_action"]);
        assert!(
            reply
                .to_string()
                .starts_with(r#"{"live_action":{"audit_id":"la_"#),
            "{reply}"
        );
    }

    /// The write went through all of it and left nothing behind but its records.
    #[track_caller]
    pub(crate) fn assert_settled(&self, story: &[&str], count: u64) {
        assert_eq!(self.story(), story);
        assert_eq!(self.count(), count);
        assert_eq!(self.inflight(), [] as [&str; 0]);
        self.assert_chain_whole();
    }
}

fn broker(
    files: &LiveFiles,
    paper: &RunningPaper,
    change: impl Fn(&mut BybitConfig),
    mode: Mode,
) -> Arc<Broker<BybitVenue>> {
    let url = Url::parse(&paper.base_url()).unwrap();
    let mut config = BybitConfig::paper(url, "paper", "paper").unwrap();
    change(&mut config);
    let venue = Arc::new(BybitVenue::new(config));
    let ledger = Ledger::open(files, Redactor::new(Vec::new()));
    Arc::new(Broker::new(venue, files.clone(), ledger, mode))
}

pub(crate) fn put(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
}

pub(crate) fn in_short(record: &Value) -> String {
    format!(
        "{} {}",
        record["kind"].as_str().unwrap(),
        record["outcome"].as_str().unwrap()
    )
}

#[track_caller]
pub(crate) fn assert_blocked(reply: &Value, decision: &str, limit: &str) {
    assert_eq!(
        (
            reply["status"].as_str(),
            reply["decision"].as_str(),
            reply["limit"].as_str()
        ),
        (Some("blocked"), Some(decision), Some(limit)),
        "{reply}"
    );
    assert_eq!(reply["ok"], false);
    let reauthorize = decision == "pause_for_reauth";
    assert_eq!(reply["requires_reauthorization"], reauthorize);
}

#[track_caller]
pub(crate) fn assert_reason(reply: &Value, part: &str) {
    let reason = reply["reason"].as_str().unwrap();
    assert!(reason.contains(part), "{reason}");
}
