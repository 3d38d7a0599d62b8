//! What a paper exchange is told at its start.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use rust_decimal::Decimal;

use super::{FaultSwitch, Live, Replay};
use crate::domain::secret::Secret;

/// Where an account lives and how its exchange behaves.
#[derive(Debug, Clone)]
pub struct PaperConfig {
    /// The SQLite file; it and its folder are created when missing.
    pub store: PathBuf,
    /// The key that signed requests must name; with a suffix it is a key of another kind (`-read-only`,
    /// `-withdraw`, `-unbound`, `-expired`, `-elsewhere`, `-rsa`).
    pub api_key: String,
    /// The secret that they must be signed with.
    pub api_secret: Secret,
    /// The public half, as PEM, of the key with the suffix `-rsa`.
    pub rsa_public_key: Option<String>,
    /// Another seed gives other prices. An account keeps the seed that it was made with; `None` takes it as it is.
    pub seed: Option<u64>,
    /// When the market of a new account begins and how fast it runs; `None` means the machine's clock.
    pub clock: Option<ClockStart>,
    /// Where prices come from.
    pub prices: PriceSource,
    /// What goes wrong.
    pub faults: FaultSwitch,
    /// Whether requests beyond Bybit's budgets a second are refused.
    pub rate_limits: bool,
    /// What an account holds that does not exist yet: coins and amounts.
    pub first_deposit: Vec<(String, Decimal)>,
}

impl PaperConfig {
    /// Key `paper`, secret `paper`, seed 1, walking prices, no faults, 10,000 USDT and 1,000 USDC.
    #[must_use]
    pub fn new(store: PathBuf) -> Self {
        Self {
            store,
            api_key: "paper".to_owned(),
            api_secret: Secret::new("paper".to_owned()),
            rsa_public_key: None,
            seed: None,
            clock: None,
            prices: PriceSource::Walk,
            faults: FaultSwitch::default(),
            rate_limits: true,
            first_deposit: vec![
                ("USDT".to_owned(), Decimal::from(10_000)),
                ("USDC".to_owned(), Decimal::from(1_000)),
            ],
        }
    }
}

/// The market's clock of a new account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockStart {
    /// Milliseconds since 1970; `None` means now.
    pub at_ms: Option<i64>,
    /// Market seconds in one of the machine's: 0 stands still, at most 86,400.
    pub speed: Decimal,
}

/// Where prices come from. A price set by hand takes the place of either.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PriceSource {
    /// A deterministic function of seed and time, within a few percent of each base price.
    Walk,
    /// Prices that stand still, by category and symbol; what is not listed stays at its base price.
    Fixed(BTreeMap<(String, String), Decimal>),
    /// Recorded prices; instruments that nothing is recorded of follow their coin, or walk.
    Replay(Arc<Replay>),
    /// Prices of the live public market; an instrument without a fresh one has no market.
    Live(Live),
}
