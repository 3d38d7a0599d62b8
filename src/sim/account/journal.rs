//! Money: every change of a wallet passes here, and the wallet and its log move together.
//!
//! What a coin holds is the sum of its entries, to the last digit. An entry's change is its cash flow plus
//! the funding received less the fee paid (facts §4.3, transaction log).

use rusqlite::params;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::borrow;
use crate::sim::call::{Desk, Refusal, text};
use crate::sim::instruments::Instrument;
use crate::sim::orders::waiting;
use crate::sim::store::{self, Coin, Wallet};

/// Its part of the schema.
pub(crate) const TABLES: &str = "
CREATE TABLE journal (seq INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL, wallet TEXT NOT NULL,
    coin TEXT NOT NULL, kind TEXT NOT NULL, category TEXT NOT NULL, symbol TEXT NOT NULL, base TEXT NOT NULL,
    change TEXT NOT NULL, data TEXT NOT NULL);
";

/// Why money moved, in the words of Bybit's transaction log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Trade,
    /// Funding.
    Settlement,
    Liquidation,
    TransferIn,
    TransferOut,
    Interest,
    /// Coins lent to the account for a spot order.
    Borrow,
    Repay,
    /// One side of turning collateral into a coin that is owed.
    CurrencyBuy,
    CurrencySell,
    /// What the insurance fund pays when a liquidation leaves less than nothing. Bybit's log has no such type,
    /// as there it never reaches the account.
    Insurance,
    /// Play money that a person put in or took out.
    Airdrop,
}

impl Kind {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Trade => "TRADE",
            Self::Settlement => "SETTLEMENT",
            Self::Liquidation => "LIQUIDATION",
            Self::TransferIn => "TRANSFER_IN",
            Self::TransferOut => "TRANSFER_OUT",
            Self::Interest => "INTEREST",
            Self::Borrow => "BORROW",
            Self::Repay => "REPAY",
            Self::CurrencyBuy => "CURRENCY_BUY",
            Self::CurrencySell => "CURRENCY_SELL",
            Self::Insurance => "INSURANCE",
            Self::Airdrop => "AIRDROP",
        }
    }
}

/// What a change of money came from; amounts in its coin.
#[derive(Debug, Default)]
pub(crate) struct Cause<'a> {
    pub(crate) one: Option<&'a Instrument>,
    /// `Buy`, `Sell` or empty.
    pub(crate) side: &'a str,
    pub(crate) qty: Decimal,
    /// The signed position afterwards.
    pub(crate) size: Decimal,
    pub(crate) price: Decimal,
    pub(crate) fee_rate: Decimal,
    pub(crate) order_id: &'a str,
    pub(crate) link: &'a str,
    pub(crate) trade_id: &'a str,
}

/// One change of one coin.
#[derive(Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) wallet: Wallet,
    pub(crate) coin: &'a str,
    pub(crate) kind: Kind,
    pub(crate) cash_flow: Decimal,
    /// Paid is positive, received negative.
    pub(crate) fee: Decimal,
    /// Received is positive, paid negative.
    pub(crate) funding: Decimal,
    /// The part of the change that is realised profit or loss.
    pub(crate) realised: Decimal,
    pub(crate) cause: Cause<'a>,
}

impl<'a> Entry<'a> {
    /// A plain movement of cash in the unified wallet.
    pub(crate) fn cash(kind: Kind, coin: &'a str, amount: Decimal, cause: Cause<'a>) -> Self {
        Self {
            wallet: Wallet::Unified,
            coin,
            kind,
            cash_flow: amount,
            fee: Decimal::ZERO,
            funding: Decimal::ZERO,
            realised: Decimal::ZERO,
            cause,
        }
    }

    fn change(&self) -> Decimal {
        self.cash_flow + self.funding - self.fee
    }
}

/// Books an entry.
pub(crate) fn book(desk: &Desk<'_>, entry: &Entry<'_>) -> Result<(), Refusal> {
    let change = entry.change();
    let held = store::coin(desk.books, entry.wallet, entry.coin)?;
    let after = Coin {
        wallet: held.wallet + change,
        realised: held.realised + entry.realised,
    };
    store::save_coin(desk.books, entry.wallet, entry.coin, after)?;
    let one = entry.cause.one;
    let id = next_id(desk, one.map_or(entry.coin, |one| one.symbol))?;
    desk.books
        .writing(
            "INSERT INTO journal (time, wallet, coin, kind, category, symbol, base, change, data)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            desk.now,
            entry.wallet.word(),
            entry.coin,
            entry.kind.word(),
            one.map_or("", |one| one.category.word()),
            one.map_or("", |one| one.symbol),
            one.map_or("", |one| one.base),
            text(change),
            row(desk, entry, &id, change, after.wallet).to_string()
        ])?;
    if entry.wallet == Wallet::Unified {
        desk.books.touch_coin(entry.coin, desk.now);
    }
    waiting::mark(desk)?;
    borrow::repay(desk, entry)
}

/// The account's number, what the entry is about, and the entry's own number.
fn next_id(desk: &Desk<'_>, what: &str) -> Result<String, Refusal> {
    let last: i64 = desk
        .books
        .reading("SELECT coalesce(max(seq), 0) FROM journal")?
        .query_row([], |row| row.get(0))?;
    Ok(format!("1_{what}_{}", last + 1))
}

/// The row of `account/transaction-log`.
fn row(desk: &Desk<'_>, entry: &Entry<'_>, id: &str, change: Decimal, balance: Decimal) -> Value {
    let cause = &entry.cause;
    let one = cause.one;
    let funding = match entry.kind {
        Kind::Settlement => text(entry.funding),
        _ => String::new(),
    };
    json!({
        "id": id, "symbol": one.map_or("", |one| one.symbol), "category": one.map_or("", |one| one.category.word()),
        "side": if cause.side.is_empty() { "None" } else { cause.side },
        "transactionTime": desk.now.to_string(), "type": entry.kind.word(), "transSubType": "",
        "qty": text(cause.qty), "size": text(cause.size), "currency": entry.coin,
        "tradePrice": text(cause.price), "funding": funding, "fee": text(entry.fee),
        "cashFlow": text(entry.cash_flow), "change": text(change), "cashBalance": text(balance),
        "feeRate": text(cause.fee_rate), "bonusChange": "", "tradeId": cause.trade_id,
        "orderId": cause.order_id, "orderLinkId": cause.link, "extraFees": "",
    })
}
