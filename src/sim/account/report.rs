//! An account as a person looks at it: what it holds, what it did, what it earned, and its equity over time.

use std::path::PathBuf;

use rust_decimal::Decimal;
use serde::{Serialize, Serializer};

use super::birth;
use super::borrow;
use super::equity::{self, Fill};
use super::profit::{self, Tallies};
use super::worth::{Account, Leg};
use crate::sim::call::{Desk, Refusal};
use crate::sim::market::Market;
use crate::sim::market::clock::now_ms;
use crate::sim::orders;
use crate::sim::orders::Order;
use crate::sim::orders::waiting;
use crate::sim::store::books::{Books, Intent};
use crate::sim::store::ids;
use crate::sim::store::{self, Wallet};
use crate::sim::{PaperConfig, PaperError, PaperExchange};

const DAY_MS: i64 = 86_400_000;

/// An account at one moment of its market.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PaperReport {
    /// Always `paper`: nothing here is money.
    pub venue: &'static str,
    /// The SQLite file.
    pub store: PathBuf,
    pub seed: u64,
    /// When the account was made, on the market's clock, in milliseconds since 1970.
    pub born_ms: i64,
    /// The market's moment.
    pub now_ms: i64,
    /// Market seconds in one of the machine's; nothing when the market's clock is the machine's.
    #[serde(serialize_with = "maybe_exact")]
    pub speed: Option<Decimal>,
    #[serde(serialize_with = "exact")]
    pub equity_usd: Decimal,
    pub wallet: Vec<PaperCoin>,
    pub positions: Vec<PaperPosition>,
    pub orders: Vec<PaperOrder>,
    /// Newest first.
    pub fills: Vec<PaperFill>,
    pub profit: Vec<PaperProfit>,
    pub profit_usd: PaperSum,
    /// From the birth of the account, or from where it was asked, to now.
    pub curve: Vec<PaperPoint>,
}

/// What is held of a coin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PaperCoin {
    pub coin: String,
    /// `UNIFIED`, which trades, or `FUND`, which does not count as equity.
    pub wallet: &'static str,
    #[serde(serialize_with = "exact")]
    pub amount: Decimal,
    /// What of it is lent, and no equity.
    #[serde(serialize_with = "exact")]
    pub lent: Decimal,
    #[serde(serialize_with = "exact")]
    pub usd: Decimal,
}

/// An open position.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PaperPosition {
    pub category: String,
    pub symbol: String,
    /// `Buy` is long.
    pub side: &'static str,
    #[serde(serialize_with = "exact")]
    pub size: Decimal,
    #[serde(serialize_with = "exact")]
    pub entry: Decimal,
    #[serde(serialize_with = "exact")]
    pub mark: Decimal,
    #[serde(serialize_with = "exact")]
    pub unrealised: Decimal,
    /// The coin of `unrealised`.
    pub coin: &'static str,
}

/// An open order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PaperOrder {
    pub category: String,
    pub symbol: String,
    pub side: &'static str,
    /// `Limit` or `Market`.
    pub kind: &'static str,
    pub status: &'static str,
    /// What is not filled.
    #[serde(serialize_with = "exact")]
    pub leaves: Decimal,
    /// Zero when it has none.
    #[serde(serialize_with = "exact")]
    pub price: Decimal,
    /// Zero when it waits for none.
    #[serde(serialize_with = "exact")]
    pub trigger: Decimal,
    pub reduce_only: bool,
    pub client_id: String,
    pub order_id: String,
}

/// One fill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PaperFill {
    pub time_ms: i64,
    pub category: &'static str,
    pub symbol: &'static str,
    pub side: &'static str,
    #[serde(serialize_with = "exact")]
    pub qty: Decimal,
    #[serde(serialize_with = "exact")]
    pub price: Decimal,
    #[serde(serialize_with = "exact")]
    pub fee: Decimal,
    pub fee_coin: String,
    /// Before the fee, in `coin`.
    #[serde(serialize_with = "exact")]
    pub realised: Decimal,
    pub coin: &'static str,
}

/// What one instrument came to, in `coin`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PaperProfit {
    pub category: String,
    pub symbol: String,
    pub coin: String,
    #[serde(flatten)]
    pub sum: PaperSum,
    #[serde(serialize_with = "exact")]
    pub total_usd: Decimal,
}

/// The parts of a profit, and `realised - fees + funding + unrealised`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct PaperSum {
    /// Before fees.
    #[serde(serialize_with = "exact")]
    pub realised: Decimal,
    /// Paid is positive.
    #[serde(serialize_with = "exact")]
    pub fees: Decimal,
    /// Received is positive.
    #[serde(serialize_with = "exact")]
    pub funding: Decimal,
    #[serde(serialize_with = "exact")]
    pub unrealised: Decimal,
    #[serde(serialize_with = "exact")]
    pub total: Decimal,
}

/// Equity at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct PaperPoint {
    pub time_ms: i64,
    #[serde(serialize_with = "exact")]
    pub usd: Decimal,
}

fn exact<S: Serializer>(value: &Decimal, out: S) -> Result<S::Ok, S::Error> {
    out.collect_str(&value.normalize())
}

fn maybe_exact<S: Serializer>(value: &Option<Decimal>, out: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => exact(value, out),
        None => out.serialize_none(),
    }
}

/// An account without a server in front of it.
pub(crate) struct Open {
    pub(crate) books: Books,
    market: Market,
}

impl Open {
    /// Opens an account that exists; none is begun by looking.
    pub(crate) fn existing(config: &PaperConfig) -> Result<Self, PaperError> {
        if !config.store.exists() {
            return Err(PaperError::NoAccount {
                path: config.store.clone(),
            });
        }
        Self::new(config)
    }

    /// Opens an account, and begins it when it is new.
    pub(crate) fn new(config: &PaperConfig) -> Result<Self, PaperError> {
        let books = store::open(&config.store)?;
        let seed = birth::begin(&books, config)?;
        let market = || Market {
            seed,
            source: config.prices.clone(),
        };
        books.report_on(market());
        Ok(Self {
            books,
            market: market(),
        })
    }

    /// The desk at the market's present moment; inside a transaction.
    pub(crate) fn desk(&self) -> Result<Desk<'_>, Refusal> {
        Ok(Desk {
            books: &self.books,
            market: &self.market,
            now: self.books.market_time(now_ms())?,
        })
    }

    /// Lets the path since the last look act, and takes the write lock only when something moves.
    fn catch_up(&self) -> Result<(), Refusal> {
        let is_due = || waiting::is_due(&self.desk()?);
        if self.books.transact(Intent::Read, is_due)? {
            let look = || waiting::look(&self.desk()?);
            self.books.transact(Intent::Write, look)?;
        }
        Ok(())
    }
}

impl PaperExchange {
    /// Reads an account that exists, after the market has caught up; the curve goes back `days` days at most.
    pub fn report(config: &PaperConfig, days: Option<u32>) -> Result<PaperReport, PaperError> {
        let open = Open::existing(config)?;
        let failed = |refusal: Refusal| PaperError::Account {
            path: config.store.clone(),
            why: refusal.message,
        };
        open.catch_up().map_err(failed)?;
        let read = || read(&open.desk()?, days);
        let mut report = open.books.transact(Intent::Read, read).map_err(failed)?;
        report.store.clone_from(&config.store);
        Ok(report)
    }
}

fn read(desk: &Desk<'_>, days: Option<u32>) -> Result<PaperReport, Refusal> {
    let account = Account::read(desk, None)?;
    let (changes, fills) = (equity::changes(desk.books)?, equity::fills(desk.books)?);
    let (profits, tallies) = profit::tallies(desk, &fills)?;
    let (profit, profit_usd) = profit_lines(tallies, desk)?;
    let born = store::meta(desk.books, ids::BORN)?.unwrap_or(desk.now);
    let asked = days.map_or(i64::MIN, |days| {
        desk.now.saturating_sub(i64::from(days).saturating_mul(DAY_MS))
    });
    let curve = equity::curve(desk, &changes, &fills, born.max(asked))?;
    Ok(PaperReport {
        venue: "paper",
        store: PathBuf::new(),
        seed: desk.market.seed,
        born_ms: born,
        now_ms: desk.now,
        speed: desk.books.clock()?.speed(),
        equity_usd: account.in_usd(|held| held.equity()),
        wallet: wallet(desk)?,
        positions: positions(&account),
        orders: orders::records::open_orders(desk.books)?
            .iter()
            .map(|order| order_line(order))
            .collect(),
        fills: fills.iter().zip(profits).rev().map(fill_line).collect(),
        profit,
        profit_usd,
        curve: curve
            .into_iter()
            .map(|(time_ms, usd)| PaperPoint { time_ms, usd })
            .collect(),
    })
}

fn wallet(desk: &Desk<'_>) -> Result<Vec<PaperCoin>, Refusal> {
    let mut lines = Vec::new();
    for wallet in [Wallet::Unified, Wallet::Fund] {
        for (coin, held) in store::coins(desk.books, wallet)? {
            let lent = match wallet {
                Wallet::Unified => borrow::lent(desk.books, &coin)?,
                Wallet::Fund => Decimal::ZERO,
            };
            if !held.wallet.is_zero() || !lent.is_zero() {
                lines.push(PaperCoin {
                    usd: (held.wallet - lent) * desk.usd(&coin)?,
                    lent,
                    coin,
                    wallet: wallet.word(),
                    amount: held.wallet,
                });
            }
        }
    }
    Ok(lines)
}

fn positions(account: &Account) -> Vec<PaperPosition> {
    let line = |leg: &Leg| PaperPosition {
        category: leg.held.category.clone(),
        symbol: leg.held.symbol.clone(),
        side: leg.held.side.word(),
        size: leg.held.size,
        entry: leg.held.average(leg.one),
        mark: leg.mark,
        unrealised: leg.unrealised,
        coin: leg.one.settle,
    };
    account.legs.iter().map(line).collect()
}

fn order_line(order: &Order) -> PaperOrder {
    PaperOrder {
        category: order.category.clone(),
        symbol: order.symbol.clone(),
        side: order.side.word(),
        kind: if order.market { "Market" } else { "Limit" },
        status: order.status.word(),
        leaves: order.leaves(),
        price: order.price,
        trigger: order.trigger,
        reduce_only: order.reduce_only,
        client_id: order.link.clone(),
        order_id: order.id.clone(),
    }
}

fn fill_line((fill, realised): (&Fill, Decimal)) -> PaperFill {
    let one = fill.one;
    PaperFill {
        time_ms: fill.time,
        category: one.category.word(),
        symbol: one.symbol,
        side: fill.side.word(),
        qty: fill.qty,
        price: fill.price,
        fee: fill.fee,
        fee_coin: fill.fee_coin.clone(),
        realised,
        coin: profit::coin(one),
    }
}

fn profit_lines(tallies: Tallies, desk: &Desk<'_>) -> Result<(Vec<PaperProfit>, PaperSum), Refusal> {
    let mut all = PaperSum::default();
    let mut lines = Vec::new();
    for ((category, symbol), tally) in tallies {
        let usd = desk.usd(&tally.coin)?;
        let total = tally.realised - tally.fees + tally.funding + tally.unrealised;
        all.realised += tally.realised * usd;
        all.fees += tally.fees * usd;
        all.funding += tally.funding * usd;
        all.unrealised += tally.unrealised * usd;
        all.total += total * usd;
        lines.push(PaperProfit {
            category,
            symbol,
            coin: tally.coin,
            sum: PaperSum {
                realised: tally.realised,
                fees: tally.fees,
                funding: tally.funding,
                unrealised: tally.unrealised,
                total,
            },
            total_usd: total * usd,
        });
    }
    Ok((lines, all))
}
