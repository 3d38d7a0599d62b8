//! What can be typed. Nothing here acts.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use tracing::level_filters::LevelFilter;

mod paper;
mod placed;

pub(super) use paper::{ClockArgs, DepositArgs, PaperCommand, PriceArgs, ResetArgs, ShowArgs, StoreArg};

use super::{Failure, explain, log, version};
use crate::domain::mandate::DEFAULT_BROKER;

/// A fail-closed broker between an AI agent and a person's money on Bybit.
#[derive(Debug, Parser)]
#[command(name = "mandated", version = version::SHORT, long_version = version::LONG, about, max_term_width = 100)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) settings: Settings,
    /// How much is logged, to stderr: off, error, warn, info, debug, trace. Without it BYBIT_MCP_LOG_LEVEL, else warn.
    #[arg(long, global = true, value_parser = log::level, value_name = "LEVEL")]
    pub(super) log_level: Option<LevelFilter>,
    /// Without a command: serve, with the flags of `serve`.
    #[command(flatten)]
    pub(super) serve: ServeArgs,
    #[command(subcommand)]
    pub(super) command: Option<Command>,
    /// What the environment names and this command line does not use, in words, where it may have been meant.
    #[arg(skip)]
    pub(super) unused: Option<String>,
}

/// Names the exchange.
pub(super) const VENUE_VARIABLE: &str = "MANDATED_VENUE";

/// Names the address of the exchange, and is read where the venue is bybit.
const ADDRESS_VARIABLE: &str = "BYBIT_BASE_URL";

/// Names the runtime root of the paper venue.
pub(super) const PAPER_ROOT_VARIABLE: &str = "MANDATED_PAPER_ROOT";

const DEFAULT_HOST: &str = "127.0.0.1";
const DEFAULT_PORT: &str = "8001";

/// Where the files and the exchange are. Every command has these, so an empty one is none and stops no command.
#[derive(Debug, Clone, Args)]
pub(super) struct Settings {
    /// Whose mandate, counter and kill switch: the folder's name under `live`.
    #[arg(
        long,
        global = true,
        env = "BYBIT_BROKER_KEY",
        default_value = DEFAULT_BROKER,
        value_name = "KEY"
    )]
    broker_key: String,
    /// Which exchange: `bybit` itself, or `paper`, the paper exchange inside this process.
    #[arg(
        long,
        global = true,
        env = VENUE_VARIABLE,
        default_value = "bybit",
        value_parser = VenueChoice::read,
        value_name = "VENUE"
    )]
    pub(super) venue: VenueChoice,
    /// The runtime root of the paper venue: play money shares no mandate, counter or ledger with real money.
    /// By default the folder `paper` under the runtime root.
    #[arg(long, global = true, env = PAPER_ROOT_VARIABLE, value_parser = any_path(), value_name = "FOLDER")]
    pub(super) paper_root: Option<PathBuf>,
}

/// A path that may be empty, which is then for us to say something about.
fn any_path() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

impl Settings {
    pub(super) fn broker_key(&self) -> &str {
        or(&self.broker_key, DEFAULT_BROKER)
    }
}

/// What was given, unless that is blank.
fn or<'t>(given: &'t str, otherwise: &'t str) -> &'t str {
    match given.trim() {
        "" => otherwise,
        _ => given,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum VenueChoice {
    Bybit,
    Paper,
}

impl VenueChoice {
    pub(super) fn read(text: &str) -> Result<Self, String> {
        match text {
            "" | "bybit" => Ok(Self::Bybit),
            "paper" => Ok(Self::Paper),
            _ => Err(format!("use bybit or paper as --venue or {VENUE_VARIABLE}")),
        }
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Serve MCP: stdio by default, or streamable HTTP.
    Serve(ServeArgs),
    /// Stay: watch HALT and the mandate, sweep, and serve every session of this broker key.
    Daemon(DaemonArgs),
    /// Walk through what the gate does, on paper, in a folder of its own.
    Demo,
    /// Run the paper exchange as a server that other Bybit clients can use.
    Sim(SimArgs),
    /// Look at the paper account, begin it anew, put play money in.
    Paper {
        #[command(subcommand)]
        command: PaperCommand,
    },
    /// Show the mandate and what is used of it, the kill switch, orders in flight, the last records.
    Status(StatusArgs),
    /// Check files, mandate, kill switch, ledger, exchange, key, daemon and clients; say what to do about each.
    Doctor(DoctorArgs),
    /// Trip the kill switch: every write is refused from the next look on.
    Halt(HaltArgs),
    /// Clear the kill switch.
    Resume(ResumeArgs),
    /// Cancel resting orders, in every state: under HALT, without a mandate, with a full disk. Asks first.
    CancelAll(CancelAllArgs),
    /// Cancel resting orders and close positions, in every state. Coins held are not sold. Asks first.
    Flatten(FlattenArgs),
    /// Look at a mandate.
    Mandate {
        #[command(subcommand)]
        command: MandateCommand,
    },
    /// Ask the gate offline: cases on stdin, verdicts on stdout; nothing is sent or written.
    #[command(after_help = explain::HELP)]
    Explain {
        /// One JSON object a line in, one out.
        #[arg(long)]
        jsonl: bool,
    },
    /// Look at the ledger.
    Audit {
        #[command(subcommand)]
        command: AuditCommand,
    },
}

#[derive(Debug, Args)]
pub(super) struct Format {
    /// For programs.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    /// For programs.
    #[arg(long)]
    pub(super) json: bool,
    /// Only the folder of HALT and the ledger, as these settings have it; neither files nor exchange are asked.
    #[arg(long, conflicts_with = "json")]
    pub(super) folder: bool,
}

#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    /// For programs.
    #[arg(long)]
    pub(super) json: bool,
    /// Only what the daemon checks at its start, and of that only what keeps it from trading.
    #[arg(long)]
    pub(super) start: bool,
}

#[derive(Debug, Clone, Args)]
pub(super) struct ServeArgs {
    /// How clients reach it.
    #[arg(long, default_value = "stdio")]
    pub(super) transport: Transport,
    #[command(flatten)]
    pub(super) address: AddressArgs,
    /// Over stdio: work alone, even where a daemon runs.
    #[arg(long)]
    pub(super) standalone: bool,
}

/// Where to listen. Read by whoever listens: no other command stops for it.
#[derive(Debug, Clone, Args)]
pub(super) struct AddressArgs {
    /// The address to listen on, for http.
    #[arg(long, env = "BYBIT_MCP_HOST", default_value = DEFAULT_HOST, value_name = "ADDRESS")]
    host: String,
    /// The port to listen on, for http; 0 takes a free one.
    #[arg(long, env = "BYBIT_MCP_PORT", default_value = DEFAULT_PORT, value_name = "PORT")]
    port: String,
}

impl AddressArgs {
    pub(super) fn host(&self) -> &str {
        or(&self.host, DEFAULT_HOST)
    }

    pub(super) fn port(&self) -> Result<u16, Failure> {
        let given = or(&self.port, DEFAULT_PORT);
        given.trim().parse().map_err(|_| {
            Failure::Usage(format!(
                "`{given}` is no port: write a number up to 65535 as --port or BYBIT_MCP_PORT"
            ))
        })
    }
}

#[derive(Debug, Args)]
pub(super) struct DaemonArgs {
    #[command(flatten)]
    pub(super) address: AddressArgs,
    /// Serve over the unix socket alone.
    #[arg(long)]
    pub(super) no_http: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Transport {
    Stdio,
    #[value(alias = "streamable-http")]
    Http,
    /// Retired; answers which one to use.
    #[value(hide = true)]
    Sse,
}

#[derive(Debug, Args)]
pub(super) struct SimArgs {
    /// The port to listen on, on loopback; 0 takes a free one.
    #[arg(long, default_value_t = 8787)]
    pub(super) port: u16,
    #[arg(long, default_value = "127.0.0.1", value_name = "ADDRESS")]
    pub(super) host: IpAddr,
    /// The API key that clients must use.
    #[arg(long, default_value = "paper")]
    pub(super) key: String,
    /// The API secret that clients must sign with.
    #[arg(long, default_value = "paper")]
    pub(super) secret: String,
    /// Another seed, other prices; an account keeps the seed that it was made with.
    #[arg(long)]
    pub(super) seed: Option<u64>,
    #[command(flatten)]
    pub(super) clock: ClockArgs,
    #[command(flatten)]
    pub(super) prices: PriceArgs,
    /// The live public prices of an exchange, Bybit's unless another address is given; needs a network and no key.
    /// Other processes on the account do not see them: reach it through this server alone.
    #[arg(
        long,
        value_name = "ADDRESS",
        num_args = 0..=1,
        default_missing_value = "https://api.bybit.com",
        conflicts_with_all = ["replay", "start", "speed"]
    )]
    pub(super) live: Option<String>,
    /// Do not refuse requests beyond Bybit's budgets a second.
    #[arg(long)]
    pub(super) no_rate_limits: bool,
    /// Faults to begin with, as JSON, instead of those in MANDATED_PAPER_FAULTS.
    #[arg(long, value_name = "FILE")]
    pub(super) faults: Option<PathBuf>,
    /// The public half, as PEM, of the key that ends in `-rsa`.
    #[arg(long, value_name = "FILE")]
    pub(super) rsa_public_key: Option<PathBuf>,
    /// The SQLite file of the account; by default the one that `--venue paper` uses.
    #[arg(long, value_name = "FILE")]
    pub(super) store: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct HaltArgs {
    /// Only this broker, not every one under the runtime root.
    #[arg(long)]
    pub(super) broker: bool,
    /// Why; kept in the sentinel and on the ledger.
    #[arg(long)]
    pub(super) reason: String,
}

#[derive(Debug, Args)]
pub(super) struct ResumeArgs {
    /// Only this broker's sentinel, not the one for every broker.
    #[arg(long)]
    pub(super) broker: bool,
}

#[derive(Debug, Args)]
pub(super) struct CancelAllArgs {
    /// Only this category: linear, inverse, spot or option.
    #[arg(long, value_name = "CATEGORY")]
    pub(super) category: Option<String>,
    #[command(flatten)]
    pub(super) exit: FlattenArgs,
}

#[derive(Debug, Args)]
pub(super) struct FlattenArgs {
    /// Only this symbol, in every category that has it.
    #[arg(long, value_name = "SYMBOL")]
    pub(super) symbol: Option<String>,
    /// Go ahead without asking.
    #[arg(long)]
    pub(super) yes: bool,
    /// How long the exchange is followed before it counts as not done.
    #[arg(
        long,
        default_value_t = 60,
        value_name = "SECONDS",
        value_parser = clap::value_parser!(u64).range(1..=86_400)
    )]
    pub(super) timeout: u64,
    /// One object at the end, for programs.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum MandateCommand {
    /// The mandate on file, in words.
    Show(Format),
    /// Whether a file is a mandate that the gate would accept.
    Check {
        file: PathBuf,
        /// For programs.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// The last records.
    Tail {
        /// How many.
        #[arg(short = 'n', long, default_value_t = 20)]
        count: usize,
        /// As they stand in the file.
        #[arg(long)]
        json: bool,
    },
    /// Recompute every hash of the chained ledger and name the first record that does not fit.
    Verify(Format),
}
