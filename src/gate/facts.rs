//! Everything that a decision may look at, as plain values. A fact that could not be had is `None` or an
//! error, and the check that needs it refuses; nothing here has a default that lets an order pass.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;

use crate::domain::account::{CoinBalance, Instrument, Position, Quote, RestingOrder};
use crate::domain::mandate::{Mandate, MandateError};
use crate::domain::money::{Price, Usd};
use crate::domain::policy::{Policy, PolicyError};
use crate::domain::symbol::{Category, Coin, InstrumentId};

/// What decides before the exchange is asked anything.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The later of the system clock and the exchange's, or why it cannot be told.
    pub now: Result<DateTime<Utc>, String>,
    /// Our broker key; a mandate for another is none.
    pub broker: String,
    pub mandate: Result<Mandate, MandateError>,
    pub halt: Halt,
    /// `None`: the person wrote no policy.
    pub policy: Option<Result<Policy, PolicyError>>,
}

/// The kill switch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Halt {
    Clear,
    /// Tripped, or not to be checked, which is the same; the text says which sentinel, by whom and why.
    Tripped(String),
}

/// A fact about each of some instruments. A decision looks one up more than a hundred times in a large account, which
/// with the standard library's hash is a sixth of its work. This hash has a seed of its own in each process, too; the
/// keys come from the exchange and from the one caller.
pub type ByInstrument<T> = HashMap<InstrumentId, T, foldhash::fast::RandomState>;

/// What the exchange and the shared files say, read under the lock.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Orders already counted today, or why the counter cannot be read.
    pub daily_count: Option<Result<u64, String>>,
    pub quotes: ByInstrument<Quote>,
    pub instruments: ByInstrument<Instrument>,
    /// The exchange answered that it has none of these.
    pub unlisted: BTreeSet<InstrumentId>,
    /// USD for one coin. USD, USDT and USDC are never looked up: they count as one.
    pub coin_usd: BTreeMap<Coin, Price>,
    /// All open positions.
    pub positions: Option<Vec<Position>>,
    /// All orders that may still fill, as the exchange shows them.
    pub open_orders: Option<Vec<RestingOrder>>,
    /// Orders of ours that were sent and are not settled, and that `open_orders` does not show.
    pub inflight: Option<Vec<RestingOrder>>,
    pub wallet: Option<Vec<CoinBalance>>,
    /// Why what is read of the account is not all of it, and what helps; then `wallet` is `None` as well.
    pub apart: Option<String>,
    /// The order that an amend changes, read back from the exchange.
    pub order: Option<RestingOrder>,
    /// Mean daily turnover in USD of the traded instrument over the trailing 45 days.
    pub avg_daily_volume_usd: Option<Usd>,
    /// Reads that failed, in words, to say why a fact is missing.
    pub missing: Vec<String>,
}

impl Facts {
    /// USD for one unit of `coin`; `None` without a fresh price.
    #[must_use]
    pub fn usd_per(&self, coin: &Coin) -> Option<Decimal> {
        if coin.is_dollar() {
            return Some(Decimal::ONE);
        }
        self.coin_usd.get(coin).map(|price| price.value())
    }

    /// Whether the exchange answered that it trades no dollar pair of `coin`; the one in USDT is what it is asked for
    /// first.
    pub(super) fn has_no_pair(&self, coin: &Coin) -> bool {
        self.unlisted.iter().any(|id| {
            let base = id.symbol.as_str().strip_suffix("USDT");
            id.category == Category::Spot && base == Some(coin.as_str())
        })
    }

    /// Why something is missing, for the end of a reason.
    pub(super) fn why_missing(&self) -> String {
        if self.missing.is_empty() {
            return String::new();
        }
        format!(" ({})", self.missing.join("; "))
    }
}
