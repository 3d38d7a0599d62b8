//! Puts the floors together as the settings say: files, ledger, venue, broker.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use directories::BaseDirs;
use tracing::level_filters::LevelFilter;
use url::Url;

use super::Failure;
use super::args::{Settings, VenueChoice};
use crate::broker::{Broker, Mode};
use crate::domain::secret::Secret;
use crate::sim::{FaultSwitch, PaperConfig, PaperExchange, RunningPaper};
use crate::state::ledger::Ledger;
use crate::state::paths::{BrokerKey, LiveFiles, RuntimeRoot};
use crate::state::redact::Redactor;
use crate::venue::bybit::{BybitConfig, BybitVenue, Credentials};

/// Key and secret of the paper exchange, unless told otherwise.
pub(super) const PAPER_KEY: &str = "paper";

/// The settings of this process, checked; nothing is opened yet.
#[derive(Debug)]
pub(super) struct App {
    pub(super) root: RuntimeRoot,
    pub(super) files: LiveFiles,
    pub(super) venue: VenueChoice,
}

/// Everything that a write needs. The paper exchange lives as long as this does.
#[derive(Debug)]
pub(super) struct Trading {
    pub(super) broker: Arc<Broker<BybitVenue>>,
    pub(super) _paper: Option<RunningPaper>,
}

/// The exchange and the ledger, without the gate: what a person's exit needs.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) venue: Arc<BybitVenue>,
    pub(super) ledger: Ledger,
    pub(super) _paper: Option<RunningPaper>,
}

pub(super) fn env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

impl App {
    pub(super) fn new(settings: Settings) -> Result<Self, Failure> {
        let root = runtime_root()?;
        let broker = BrokerKey::parse(&settings.broker_key).map_err(Failure::usage)?;
        let files = LiveFiles::new(&root, broker);
        Ok(Self {
            root,
            files,
            venue: settings.venue,
        })
    }

    /// Where `--venue paper` keeps its account.
    pub(super) fn paper_store(&self) -> PathBuf {
        paper_store(&self.root)
    }

    /// The broker over [`Self::exchange`].
    pub(super) async fn trading(&self) -> Result<Trading, Failure> {
        let Exchange {
            venue,
            ledger,
            _paper,
        } = self.exchange().await?;
        let broker = Arc::new(Broker::new(venue, self.files.clone(), ledger, mode()?));
        Ok(Trading { broker, _paper })
    }

    /// Where to trade: Bybit as the environment says, or a paper exchange started here.
    pub(super) async fn exchange(&self) -> Result<Exchange, Failure> {
        let (config, paper) = match self.venue {
            VenueChoice::Bybit => (self.bybit()?, None),
            VenueChoice::Paper => {
                let mut paper = PaperConfig::new(self.paper_store());
                paper.faults = FaultSwitch::from_env().map_err(Failure::usage)?;
                let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
                let running = PaperExchange::start(paper, address)
                    .await
                    .map_err(Failure::failed)?;
                let url = Url::parse(&running.base_url()).map_err(Failure::failed)?;
                let config = BybitConfig::paper(url, PAPER_KEY, PAPER_KEY).map_err(Failure::failed)?;
                (config, Some(running))
            }
        };
        let ledger = Ledger::open(&self.files, Redactor::new(secrets(&config)));
        Ok(Exchange {
            venue: Arc::new(BybitVenue::new(config)),
            ledger,
            _paper: paper,
        })
    }

    fn bybit(&self) -> Result<BybitConfig, Failure> {
        BybitConfig::from_env(&env, &|path| std::fs::read_to_string(path)).map_err(Failure::usage)
    }

    /// The ledger for records that no write makes, such as a halt.
    pub(super) fn ledger(&self) -> Ledger {
        Ledger::open(&self.files, Redactor::new(Vec::new()))
    }
}

/// Shorter than any key of an exchange: such a text, as `paper`, is a word that records may hold.
const SHORTEST_SECRET_CHARS: usize = 8;

/// What must never be written anywhere, whatever text it is found in.
fn secrets(config: &BybitConfig) -> Vec<Secret> {
    let known = config.credentials.iter().flat_map(Credentials::secrets);
    known
        .filter(|secret| secret.reveal().chars().count() >= SHORTEST_SECRET_CHARS)
        .collect()
}

pub(super) fn runtime_root() -> Result<RuntimeRoot, Failure> {
    let home = BaseDirs::new().map(|dirs| dirs.home_dir().to_path_buf());
    RuntimeRoot::resolve(&env, home).map_err(Failure::usage)
}

pub(super) fn paper_store(root: &RuntimeRoot) -> PathBuf {
    root.as_path().join("paper").join("paper.sqlite3")
}

fn mode() -> Result<Mode, Failure> {
    match env("BYBIT_MODE").as_deref().map(str::trim) {
        None | Some("" | "trade" | "full") => Ok(Mode::Trade),
        Some("read") => Ok(Mode::Read),
        Some(other) => Err(Failure::Usage(format!(
            "BYBIT_MODE is `{other}`: use read, trade or full"
        ))),
    }
}

/// Logs go to stderr: stdout belongs to MCP and to results.
pub(super) fn log_to_stderr(level: Option<&str>) {
    let level = match level.map(str::to_ascii_lowercase).as_deref() {
        Some("error" | "critical") => LevelFilter::ERROR,
        Some("info") => LevelFilter::INFO,
        Some("debug") => LevelFilter::DEBUG,
        Some("trace") => LevelFilter::TRACE,
        Some("off") => LevelFilter::OFF,
        _ => LevelFilter::WARN,
    };
    let log = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .with_target(false);
    // A second subscriber in one process is a test's affair; the first one stays.
    let _ = log.with_ansi(false).try_init();
}
