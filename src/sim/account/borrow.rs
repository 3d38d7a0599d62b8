//! Borrowing: coins lent for spot orders, wallets below zero, their interest, and what counts as collateral.
//!
//! What is lent enters the wallet (BORROW) and leaves it as soon as the coin comes in again (REPAY). A wallet
//! that a loss of derivatives takes below zero is a debt as well. Both bear interest on each whole hour.

use rust_decimal::Decimal;

use super::journal::{self, Cause, Entry, Kind};
use super::worth;
use crate::sim::call::{Desk, Refusal};
use crate::sim::instruments::{Category, num};
use crate::sim::orders;
use crate::sim::positions::margin::Mode;
use crate::sim::store::books::Books;
use crate::sim::store::{self, Wallet};

/// Initial margin of a debt, as a share of its worth.
pub(crate) const INITIAL: Decimal = num(1, 1);
/// Maintenance margin of a debt.
pub(crate) const MAINTENANCE: Decimal = num(4, 2);
const HOUR_MS: i64 = 3_600_000;

/// On what terms a coin is lent and taken as collateral.
#[derive(Debug)]
pub(crate) struct Terms {
    pub(crate) coin: &'static str,
    pub(crate) ratio: Decimal,
    /// Interest of an hour.
    pub(crate) hourly: Decimal,
    pub(crate) most: Decimal,
}

const fn terms(coin: &'static str, ratio: u32, hourly: u32, most: u32) -> Terms {
    Terms {
        coin,
        ratio: num(ratio, 2),
        hourly: num(hourly, 8),
        most: num(most, 0),
    }
}

pub(crate) static TERMS: [Terms; 8] = [
    terms("USDT", 100, 570, 2_000_000),
    terms("USDC", 100, 570, 1_000_000),
    terms("BTC", 95, 147, 30),
    terms("ETH", 95, 205, 500),
    terms("SOL", 90, 457, 10_000),
    terms("XRP", 85, 457, 500_000),
    terms("DOGE", 80, 457, 2_000_000),
    terms("EUR", 95, 570, 100_000),
];

pub(crate) fn terms_of(coin: &str) -> Option<&'static Terms> {
    TERMS.iter().find(|terms| terms.coin == coin)
}

fn lent_key(coin: &str) -> String {
    format!("lent/{coin}")
}

/// What is lent of a coin.
pub(crate) fn lent(books: &Books, coin: &str) -> Result<Decimal, Refusal> {
    store::meta_amount(books, &lent_key(coin))
}

fn set_lent(books: &Books, coin: &str, amount: Decimal) -> Result<(), Refusal> {
    store::set_meta(books, &lent_key(coin), &amount.normalize().to_string())
}

/// Whether a coin is used as collateral.
pub(crate) fn is_collateral(books: &Books, coin: &str) -> Result<bool, Refusal> {
    Ok(store::meta_text(books, &format!("collateral/{coin}"))?.as_deref() != Some("OFF"))
}

pub(crate) fn set_collateral(books: &Books, coin: &str, on: bool) -> Result<(), Refusal> {
    let word = if on { "ON" } else { "OFF" };
    store::set_meta(books, &format!("collateral/{coin}"), word)
}

/// The share of a coin's worth that counts as collateral; nothing of a coin without terms.
pub(crate) fn ratio(books: &Books, coin: &str) -> Result<Decimal, Refusal> {
    match terms_of(coin) {
        Some(terms) if is_collateral(books, coin)? => Ok(terms.ratio),
        _ => Ok(Decimal::ZERO),
    }
}

/// Refuses a debt beyond what is lent of a coin.
pub(crate) fn within_limit(coin: &str, owed: Decimal) -> Result<(), Refusal> {
    match terms_of(coin) {
        None => Err(Refusal::new(
            170_037,
            "Spot margin trading of this coin is not supported.",
        )),
        Some(terms) if owed > terms.most => Err(Refusal::new(170_131, "Insufficient balance.")),
        Some(_) => Ok(()),
    }
}

/// Lends what a spot fill needs beyond the wallet.
pub(crate) fn lend(desk: &Desk<'_>, coin: &str, amount: Decimal, order: &str) -> Result<(), Refusal> {
    let held = store::coin(desk.books, Wallet::Unified, coin)?.wallet;
    let short = amount - held.max(Decimal::ZERO);
    if short <= Decimal::ZERO || Mode::of(desk.books)? == Mode::Isolated {
        return Ok(());
    }
    set_lent(desk.books, coin, lent(desk.books, coin)? + short)?;
    let cause = Cause {
        qty: short,
        order_id: order,
        ..Cause::default()
    };
    journal::book(desk, &Entry::cash(Kind::Borrow, coin, short, cause))
}

/// Pays back from what an entry brought in, as far as open orders do not need it.
pub(crate) fn repay(desk: &Desk<'_>, entry: &Entry<'_>) -> Result<(), Refusal> {
    if entry.wallet != Wallet::Unified || matches!(entry.kind, Kind::Borrow | Kind::Repay) {
        return Ok(());
    }
    let owed = lent(desk.books, entry.coin)?;
    if owed.is_zero() {
        return Ok(());
    }
    let held = store::coin(desk.books, Wallet::Unified, entry.coin)?.wallet;
    let paid = (held - locked(desk, entry.coin)?).min(owed);
    if paid <= Decimal::ZERO {
        return Ok(());
    }
    set_lent(desk.books, entry.coin, owed - paid)?;
    let cause = Cause {
        qty: -paid,
        ..Cause::default()
    };
    journal::book(desk, &Entry::cash(Kind::Repay, entry.coin, -paid, cause))
}

/// What open spot orders hold of a coin.
fn locked(desk: &Desk<'_>, coin: &str) -> Result<Decimal, Refusal> {
    let mut locked = Decimal::ZERO;
    for order in orders::records::open_orders(desk.books)? {
        let one = order.instrument()?;
        if one.category == Category::Spot && order.is_active() && order.extra("isLeverage") != "1" {
            let (needed, amount) = worth::spot_need(one, &order, order.price);
            if needed == coin {
                locked += amount;
            }
        }
    }
    Ok(locked)
}

/// Everything owed of each coin of the unified wallet.
pub(crate) fn debts(books: &Books) -> Result<Vec<(String, Decimal)>, Refusal> {
    let mut debts = Vec::new();
    for (coin, held) in store::coins(books, Wallet::Unified)? {
        let owed = lent(books, &coin)? + (-held.wallet).max(Decimal::ZERO);
        if owed > Decimal::ZERO {
            debts.push((coin, owed));
        }
    }
    Ok(debts)
}

/// The interest that a debt has run up since the whole hour.
pub(crate) fn accrued(coin: &str, owed: Decimal, now: i64) -> Decimal {
    let passed = Decimal::from(now.rem_euclid(HOUR_MS));
    let hourly = terms_of(coin).map(|terms| terms.hourly).unwrap_or_default();
    (owed * hourly * passed)
        .checked_div(Decimal::from(HOUR_MS))
        .unwrap_or_default()
        .round_dp(8)
}

/// Whether a debt is charged at a minute.
pub(crate) fn is_due_at(desk: &Desk<'_>, minute: i64) -> Result<bool, Refusal> {
    Ok(minute.rem_euclid(HOUR_MS) == 0 && !debts(desk.books)?.is_empty())
}

/// Charges the hour's interest; says whether there was any.
pub(crate) fn at_minute(moment: &Desk<'_>) -> Result<bool, Refusal> {
    if !is_due_at(moment, moment.now)? {
        return Ok(false);
    }
    let mut charged = false;
    for (coin, owed) in debts(moment.books)? {
        let Some(terms) = terms_of(&coin) else {
            continue;
        };
        let interest = (owed * terms.hourly).round_dp(8);
        if interest.is_zero() {
            continue;
        }
        let cause = Cause {
            qty: owed,
            fee_rate: terms.hourly,
            ..Cause::default()
        };
        journal::book(moment, &Entry::cash(Kind::Interest, &coin, -interest, cause))?;
        charged = true;
    }
    Ok(charged)
}
