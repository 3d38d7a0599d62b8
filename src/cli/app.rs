//! Puts the floors together as the settings say: files, ledger, venue, broker.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use directories::BaseDirs;
use url::Url;

use super::Failure;
use super::args::{PAPER_ROOT_VARIABLE, Settings, VenueChoice};
use crate::broker::{Broker, Mode};
use crate::daemon::hello::{Identity, account_mark};
use crate::domain::secret::Secret;
use crate::sim::{FaultSwitch, PaperConfig, PaperExchange, RunningPaper};
use crate::state::ledger::Ledger;
use crate::state::paths::{BrokerKey, LiveFiles, PathError, RuntimeRoot};
use crate::state::redact::Redactor;
use crate::venue::bybit::{BybitConfig, BybitVenue, Credentials};

/// Key and secret of the paper exchange, unless told otherwise.
pub(super) const PAPER_KEY: &str = "paper";

/// The settings of this process, checked; nothing is opened yet.
#[derive(Debug, Clone)]
pub(super) struct App {
    pub(super) root: RuntimeRoot,
    pub(super) files: LiveFiles,
    pub(super) venue: VenueChoice,
    /// What named the root of paper: the variable or the flag.
    pub(super) paper_root_from: Option<&'static str>,
}

/// Everything that a write needs. The paper exchange lives as long as this does.
#[derive(Debug)]
pub(super) struct Trading {
    pub(super) broker: Arc<Broker<BybitVenue>>,
    pub(super) venue: Arc<BybitVenue>,
    pub(super) ledger: Ledger,
    pub(super) _paper: Option<RunningPaper>,
}

/// What reaches the exchange without the gate.
#[derive(Debug)]
pub(super) struct WayOut {
    pub(super) venue: Arc<BybitVenue>,
    pub(super) ledger: Ledger,
    /// Lives as long as this does.
    paper: Option<RunningPaper>,
}

pub(super) fn env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

impl App {
    pub(super) fn new(settings: Settings) -> Result<Self, Failure> {
        let root = match settings.venue {
            VenueChoice::Bybit => runtime_root()?,
            VenueChoice::Paper => paper_root(settings.paper_root.as_deref())?,
        };
        let broker = BrokerKey::parse(settings.broker_key()).map_err(Failure::usage)?;
        let files = LiveFiles::new(&root, broker);
        Ok(Self {
            root,
            files,
            venue: settings.venue,
            paper_root_from: named_root(settings.paper_root.as_deref()).map(paper_root_from),
        })
    }

    /// Where `--venue paper` keeps its account.
    pub(super) fn paper_store(&self) -> PathBuf {
        paper_store(&self.root)
    }

    /// Which exchange: Bybit as the environment says, or a paper exchange started here.
    pub(super) async fn exchange(&self) -> Result<(BybitConfig, Option<RunningPaper>), Failure> {
        match self.venue {
            VenueChoice::Bybit => Ok((self.real_money()?, None)),
            VenueChoice::Paper => {
                let mut paper = PaperConfig::new(self.paper_store());
                paper.faults = FaultSwitch::from_env().map_err(Failure::usage)?;
                let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
                let running = PaperExchange::start(paper, address)
                    .await
                    .map_err(Failure::failed)?;
                let url = Url::parse(&running.base_url()).map_err(Failure::failed)?;
                let config = BybitConfig::paper(url, PAPER_KEY, PAPER_KEY).map_err(Failure::failed)?;
                Ok((config, Some(running)))
            }
        }
    }

    /// The venue and the ledger without the gate: all that a person's exit needs, whatever `BYBIT_MODE` says.
    pub(super) async fn way_out(&self) -> Result<WayOut, Failure> {
        let (config, paper) = self.exchange().await?;
        let ledger = Ledger::open(&self.files, Redactor::new(secrets(&config)));
        let venue = Arc::new(BybitVenue::new(config));
        Ok(WayOut { venue, ledger, paper })
    }

    /// All that a write needs, on that exchange.
    pub(super) async fn trading(&self) -> Result<Trading, Failure> {
        let WayOut { venue, ledger, paper } = self.way_out().await?;
        let broker = Broker::new(Arc::clone(&venue), self.files.clone(), ledger.clone(), mode()?);
        Ok(Trading {
            broker: Arc::new(broker),
            venue,
            ledger,
            _paper: paper,
        })
    }

    /// Whose money this process would trade with, and how. Nothing is opened for it.
    pub(super) fn identity(&self) -> Result<Identity, Failure> {
        let (venue, place, account) = match self.venue {
            VenueChoice::Bybit => {
                let config = self.bybit()?;
                let account = config.credentials.as_ref().map(Credentials::api_key);
                let mark = account.map(|key| account_mark(key.reveal()));
                (config.label, config.base_url.to_string(), mark)
            }
            VenueChoice::Paper => {
                let store = self.paper_store().display().to_string();
                ("paper".to_owned(), store, Some(account_mark(PAPER_KEY)))
            }
        };
        let mode = match mode()? {
            Mode::Read => "read",
            Mode::Trade => "trade",
        };
        Ok(Identity {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            broker: self.files.broker().as_str().to_owned(),
            venue,
            place,
            mode: mode.to_owned(),
            account,
        })
    }

    /// Bybit as the environment says, unless these files are those of play money. An address on this machine is
    /// a paper exchange or a stand-in for one.
    fn real_money(&self) -> Result<BybitConfig, Failure> {
        let config = self.bybit()?;
        let store = self.paper_store();
        if !config.is_loopback() && store.exists() {
            return Err(Failure::Usage(format!(
                "the runtime root {} is that of a paper account ({}): its counter and ledger are not for real \
                 money; set VIBE_RUNTIME_ROOT to another folder, or trade on paper with --venue paper",
                self.root.as_path().display(),
                store.display()
            )));
        }
        Ok(config)
    }

    fn bybit(&self) -> Result<BybitConfig, Failure> {
        BybitConfig::from_env(&env, &|path| std::fs::read_to_string(path)).map_err(Failure::usage)
    }

    /// Which exchange and whose money, for a person: `paper: play money`.
    pub(super) fn venue_in_words(&self) -> String {
        let (label, is_paper) = match self.venue {
            VenueChoice::Paper => ("paper".to_owned(), true),
            VenueChoice::Bybit => match self.bybit() {
                Ok(config) => (config.label, config.paper),
                Err(_) => return "bybit, with settings that cannot be used".to_owned(),
            },
        };
        format!("{label}: {} money", if is_paper { "play" } else { "real" })
    }

    /// The ledger for records that no write makes, such as a halt.
    pub(super) fn ledger(&self) -> Ledger {
        Ledger::open(&self.files, self.redactor())
    }

    /// Removes the secrets that are configured here, on whatever venue, also where the settings around them are wrong.
    pub(super) fn redactor(&self) -> Redactor {
        let secrets = match self.bybit() {
            Ok(config) => secrets(&config),
            Err(_) => raw_secrets(),
        };
        Redactor::new(secrets)
    }
}

/// Shorter than any key of an exchange: such a text, as `paper`, is a word that records may hold.
const SHORTEST_SECRET_CHARS: usize = 8;

/// Where secrets of the exchange are configured, and the files that hold some.
const SECRET_VARIABLES: [&str; 2] = ["BYBIT_API_KEY", "BYBIT_API_SECRET"];
const SECRET_FILES: [&str; 3] = [
    "BYBIT_API_KEY_FILE",
    "BYBIT_API_SECRET_FILE",
    "BYBIT_RSA_PRIVATE_KEY_FILE",
];

/// What is set there, whether or not it can be used.
fn raw_secrets() -> Vec<Secret> {
    let set = SECRET_VARIABLES.into_iter().filter_map(env);
    let paths = SECRET_FILES.into_iter().filter_map(env);
    let kept = paths.filter_map(|path| std::fs::read_to_string(path.trim()).ok());
    set.chain(kept)
        .map(|text| text.trim().to_owned())
        .filter(|text| text.chars().count() >= SHORTEST_SECRET_CHARS)
        .map(Secret::new)
        .collect()
}

/// What must never be written anywhere, whatever text it is found in.
fn secrets(config: &BybitConfig) -> Vec<Secret> {
    let known = config.credentials.iter().flat_map(Credentials::secrets);
    known
        .filter(|secret| secret.reveal().chars().count() >= SHORTEST_SECRET_CHARS)
        .collect()
}

pub(super) fn home() -> Option<PathBuf> {
    BaseDirs::new().map(|dirs| dirs.home_dir().to_path_buf())
}

pub(super) fn runtime_root() -> Result<RuntimeRoot, Failure> {
    RuntimeRoot::resolve(&env, home()).map_err(Failure::usage)
}

pub(super) fn paper_root(named: Option<&Path>) -> Result<RuntimeRoot, Failure> {
    let named = named_root(named).map(|folder| (paper_root_from(folder), folder.to_string_lossy()));
    let named = named.as_ref().map(|(from, folder)| (*from, folder.as_ref()));
    paper_root_of(named, &env, home()).map_err(Failure::usage)
}

/// Paper has a mandate, a counter and a ledger of its own: the folder that was named, by whatever name, else `paper`
/// under the runtime root.
pub(super) fn paper_root_of(
    named: Option<(&'static str, &str)>,
    env: &dyn Fn(&str) -> Option<String>,
    home: Option<PathBuf>,
) -> Result<RuntimeRoot, PathError> {
    match named {
        Some((from, folder)) => RuntimeRoot::named(from, folder, home),
        None => {
            let shared = RuntimeRoot::resolve(env, home)?;
            Ok(RuntimeRoot::at(shared.as_path().join("paper")))
        }
    }
}

/// A blank root names none: it would be the root of real money further down.
fn named_root(named: Option<&Path>) -> Option<&Path> {
    named.filter(|folder| !folder.to_string_lossy().trim().is_empty())
}

fn paper_root_from(named: &Path) -> &'static str {
    match std::env::var_os(PAPER_ROOT_VARIABLE) {
        Some(value) if Path::new(&value) == named => PAPER_ROOT_VARIABLE,
        Some(_) | None => "--paper-root",
    }
}

/// The account of the paper exchange under a paper root.
pub(super) fn paper_store(root: &RuntimeRoot) -> PathBuf {
    root.as_path().join("paper.sqlite3")
}

/// Where the bearer token of HTTP is kept when the environment gives none.
pub(super) fn http_token_file(root: &RuntimeRoot) -> PathBuf {
    root.as_path().join("mandated_http_token")
}

pub(super) fn mode() -> Result<Mode, Failure> {
    match env("BYBIT_MODE").as_deref().map(str::trim) {
        None | Some("" | "trade" | "full") => Ok(Mode::Trade),
        Some("read") => Ok(Mode::Read),
        Some(other) => Err(Failure::Usage(format!(
            "BYBIT_MODE is `{other}`: use read, trade or full"
        ))),
    }
}
