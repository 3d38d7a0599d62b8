//! The two wallets as the asset endpoints see them: which coins there are, and what of each may leave.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use rust_decimal::Decimal;

use super::borrow;
use super::worth::{Account, Holding};
use crate::sim::call::{Desk, Refusal};
use crate::sim::instruments::{Category, INSTRUMENTS};
use crate::sim::positions::margin::Mode;
use crate::sim::store::{self, Wallet};

/// The digits that amounts of every coin are kept with.
pub(crate) const DIGITS: u32 = 8;

/// Every coin that a wallet can hold. Bundles such as 1000PEPE are contracts' names and no coins.
pub(crate) static COINS: LazyLock<BTreeSet<&'static str>> = LazyLock::new(|| {
    INSTRUMENTS
        .iter()
        .flat_map(|one| match one.category {
            Category::Spot => [one.base, one.quote],
            _ => [one.settle; 2],
        })
        .collect()
});

/// The coin of that name.
pub(crate) fn known(coin: &str) -> Result<&'static str, Refusal> {
    COINS
        .get(coin)
        .copied()
        .ok_or_else(|| Refusal::params(format!("coin invalid {coin}")))
}

/// The wallet of an account type; there are no others in a unified account.
pub(crate) fn wallet(account_type: &str) -> Result<Wallet, Refusal> {
    Wallet::parse(account_type)
        .ok_or_else(|| Refusal::params(format!("accountType {account_type} must be UNIFIED or FUND")))
}

/// What of a coin may leave a wallet. `account` is the reading of the unified one.
pub(crate) fn transferable(
    desk: &Desk<'_>,
    account: &Account,
    wallet: Wallet,
    coin: &str,
) -> Result<Decimal, Refusal> {
    let free = match wallet {
        Wallet::Fund => store::coin(desk.books, wallet, coin)?.wallet,
        Wallet::Unified => account
            .holdings
            .get(coin)
            .map(|held| leaving(account, held))
            .unwrap_or_default(),
    };
    Ok(free.max(Decimal::ZERO).trunc_with_scale(DIGITS))
}

/// Neither the coin's own equity nor what debts, positions and orders need of the account's margin may be
/// taken away, and no profit that is not realised. In isolated mode each coin bears its own margin.
fn leaving(account: &Account, held: &Holding) -> Decimal {
    let (own, spare) = match account.mode {
        Mode::Cross => {
            let own = held.coin.wallet - held.lent - held.locked;
            (own.min(held.equity() - held.locked), account.available_usd())
        }
        Mode::Isolated => {
            let owed = account.in_usd(Holding::owed);
            if owed.is_zero() {
                return held.own_free();
            }
            (held.own_free(), account.cover() - owed * borrow::INITIAL)
        }
    };
    match spare.checked_div(held.usd * held.ratio) {
        Some(spare) => own.min(spare),
        // It is no collateral, so nothing leans on it.
        None => own,
    }
}
