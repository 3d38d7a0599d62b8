//! The paper exchange: a server that speaks Bybit V5 over HTTP and WebSocket on loopback, with its own prices,
//! matching, fees and account.
//!
//! Bybit clients can be pointed at it unchanged: signatures, time rule, envelope, filters and codes are
//! Bybit's. The account lives in one SQLite file, so processes that come and go, each with a server of its
//! own, share it. Nothing runs between looks: each request, and each look of an open stream, first lets the
//! price path since the last one act on waiting orders. A new account holds 10,000 USDT and 1,000 USDC unless
//! told otherwise: dollars alone, so that it starts without exposure.
//!
//! Funding, margin in cross and isolated mode, liquidation and borrowing act in market time. A liquidation that
//! leaves less than nothing is made up for by an INSURANCE entry, which Bybit's log does not have.
//!
//! What is not simulated stands in the README. `PaperExchange` is for practice and tests; what it fills says nothing
//! about what a market would.
//!
//! Folders, from the ground up. The first two read of the account only the prices set by hand and what its orders
//! took from the book; the next four are the account and name each other; the last two answer requests, and nothing
//! below names them but for the key that a request came with:
//!
//! ```text
//! instruments  what is listed: filters, phases, margin tiers, what an option is worth
//! market       prices over time, from any source, and the public replies that show them
//! store        the file that processes share, its copy in memory, ids, the outbox of the streams
//! account      the money: wallets, journal, loans, worth, transfers, the report
//! positions    contracts that are held: margin, funding, liquidation, closed profit
//! orders       from request to fill: checks, matching, waiting, stops, lists
//! door         HTTP: server, routes, keys, signatures, budgets, faults, envelope
//! stream       WebSocket: public and private streams, order entry
//! ```
//!
//! Beside them: `call` is what every handler is given, `config` what a server is told at its start, `error` why it
//! cannot do what it was asked, and `conservation` a test that adds the money up again from replies alone.

use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use rust_decimal::Decimal;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

mod account;
mod call;
mod config;
#[cfg(test)]
mod conservation;
mod door;
mod error;
mod instruments;
mod market;
mod orders;
mod positions;
mod store;
mod stream;

pub use account::report::{
    PaperCoin, PaperFill, PaperOrder, PaperPoint, PaperPosition, PaperProfit, PaperReport, PaperSum,
};
pub use config::{ClockStart, PaperConfig, PriceSource};
pub use door::faults::{FAULTS_VARIABLE, Fault, FaultKind, FaultSwitch};
pub use door::keys::key_kinds;
pub use error::PaperError;
pub use market::live::{Live, LiveFeed, LivePrice};
pub use market::replay::{Replay, ReplayError, ReplayFile};

/// How long [`RunningPaper::stop`] waits for requests under way.
const GRACE: Duration = Duration::from_millis(250);

/// One request that reached the wire. Signatures are in headers, which are not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestLog {
    /// `GET` or `POST`.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The raw body, or without one the raw query.
    pub payload: String,
}

/// Starts servers.
#[derive(Debug)]
pub struct PaperExchange;

impl PaperExchange {
    /// Opens the account and listens; port 0 takes a free one. The server runs on the caller's runtime.
    pub async fn start(config: PaperConfig, address: SocketAddr) -> Result<RunningPaper, PaperError> {
        if !address.ip().is_loopback() {
            return Err(PaperError::NotLoopback(address));
        }
        let refused = |error| PaperError::Listen { address, error };
        let listener = TcpListener::bind(address).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let (alive, running) = watch::channel(());
        let keys = door::keys::Keys::new(
            config.api_key.clone(),
            config.api_secret.clone(),
            config.rsa_public_key.as_deref(),
        )?;
        let books = store::open(&config.store)?;
        let seed = account::birth::begin(&books, &config)?;
        books.report_on(market::Market {
            seed,
            source: config.prices.clone(),
        });
        let shared = Arc::new(door::server::Shared {
            books: Mutex::new(books),
            market: market::Market {
                seed,
                source: config.prices,
            },
            keys,
            faults: config.faults,
            limits: door::limits::Limits::new(config.rate_limits),
            log: Mutex::new(VecDeque::new()),
            running,
            restarts: watch::Sender::new(()),
        });
        let app = Router::new()
            .fallback(door::server::serve)
            .with_state(Arc::clone(&shared))
            .into_make_service_with_connect_info::<door::wire::Scissors>();
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            // An error and a dropped sender both mean the same: stop.
            let until = async { drop(stopped.await) };
            let serving = axum::serve(door::wire::CuttableListener(listener), app);
            drop(serving.with_graceful_shutdown(until).await);
        });
        Ok(RunningPaper {
            address,
            shared,
            stop,
            task,
            _alive: alive,
        })
    }
}

/// A server under way; it stops when this is dropped.
pub struct RunningPaper {
    address: SocketAddr,
    shared: Arc<door::server::Shared>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
    /// Streams outlive the listener; they end with this.
    _alive: watch::Sender<()>,
}

impl fmt::Debug for RunningPaper {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("RunningPaper")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl RunningPaper {
    /// What clients use in the place of `https://api.bybit.com`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The seed of the account.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.shared.market.seed
    }

    /// The market's moment, in milliseconds since 1970, and how fast it runs; nothing for the machine's clock.
    pub fn market_clock(&self) -> Result<(i64, Option<Decimal>), PaperError> {
        door::admin::clock(&self.shared).map_err(|refusal| PaperError::Clock(refusal.message))
    }

    /// The faults of this server.
    #[must_use]
    pub fn faults(&self) -> &FaultSwitch {
        &self.shared.faults
    }

    /// Sets the last price from now on, in the store and so for every server on it, and lets it act on
    /// waiting orders.
    pub fn set_price(&self, category: &str, symbol: &str, price: Decimal) -> Result<(), PaperError> {
        door::admin::set_price(&self.shared, category, symbol, price)
    }

    /// The requests that reached this server, oldest first; the last 10,000.
    #[must_use]
    pub fn requests(&self) -> Vec<RequestLog> {
        self.shared.log().iter().cloned().collect()
    }

    /// Stops listening and waits a moment for requests under way.
    pub async fn stop(self) {
        drop(self.stop);
        let abort = self.task.abort_handle();
        if tokio::time::timeout(GRACE, self.task).await.is_err() {
            abort.abort();
        }
    }
}
