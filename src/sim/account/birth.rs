//! The beginning of an account: its seed, its clock and its first money, written once.

use rust_decimal::Decimal;

use super::journal::{self, Cause, Entry, Kind};
use crate::sim::call::{Desk, Refusal};
use crate::sim::instruments::INSTRUMENTS;
use crate::sim::market::Market;
use crate::sim::market::clock::Clock;
use crate::sim::market::clock::now_ms;
use crate::sim::store::books::{Books, Intent};
use crate::sim::store::ids;
use crate::sim::store::{self, Wallet};
use crate::sim::{ClockStart, PaperConfig, PaperError, PriceSource};

const SEED: &str = "seed";
/// The seed of an account that is told none.
const FIRST_SEED: u64 = 1;

/// Makes the account if it is new, and says what its seed is.
pub(crate) fn begin(books: &Books, config: &PaperConfig) -> Result<u64, PaperError> {
    let failed = |refusal: Refusal| PaperError::Account {
        path: config.store.clone(),
        why: refusal.message,
    };
    let read = || store::meta_text(books, SEED);
    let mut kept = books.transact(Intent::Read, read).map_err(failed)?;
    if kept.is_none() {
        let clock = start(config.clock)?;
        let made = || -> Result<Option<String>, Refusal> {
            // Another process may have been first.
            if store::meta_text(books, SEED)?.is_none() {
                make(books, config, clock)?;
            }
            store::meta_text(books, SEED)
        };
        kept = books.transact(Intent::Write, made).map_err(failed)?;
    }
    let kept = kept.and_then(|text| text.parse().ok()).unwrap_or(FIRST_SEED);
    match config.seed {
        Some(asked) if asked != kept => Err(PaperError::Seed {
            path: config.store.clone(),
            asked,
            kept,
        }),
        _ => Ok(kept),
    }
}

fn start(asked: Option<ClockStart>) -> Result<Clock, PaperError> {
    let Some(ClockStart { at_ms, speed }) = asked else {
        return Ok(Clock::SYSTEM);
    };
    let real = now_ms();
    Clock::starting(real, at_ms.unwrap_or(real), speed).ok_or_else(|| {
        PaperError::Clock(format!(
            "no clock starts at {at_ms:?} and runs {speed} times as fast"
        ))
    })
}

fn make(books: &Books, config: &PaperConfig, clock: Clock) -> Result<(), Refusal> {
    let seed = config.seed.unwrap_or(FIRST_SEED);
    store::set_meta(books, SEED, &seed.to_string())?;
    store::set_meta(books, Clock::NAME, &clock.text())?;
    let market = Market {
        seed,
        source: PriceSource::Walk,
    };
    let desk = Desk {
        books,
        market: &market,
        now: clock.at(now_ms()),
    };
    store::set_meta(books, ids::BORN, &desk.now.to_string())?;
    for (coin, amount) in &config.first_deposit {
        deposit(&desk, coin, *amount)?;
    }
    Ok(())
}

/// Puts play money into the unified wallet, or with an amount below zero takes it out.
/// The coin must be one that something here is priced in.
pub(crate) fn deposit(desk: &Desk<'_>, coin: &str, amount: Decimal) -> Result<(), Refusal> {
    if !INSTRUMENTS
        .iter()
        .any(|one| one.base == coin || one.quote == coin || one.settle == coin)
    {
        return Err(Refusal::params(format!("there is no coin {coin} here")));
    }
    if store::coin(desk.books, Wallet::Unified, coin)?.wallet + amount < Decimal::ZERO
        && amount < Decimal::ZERO
    {
        return Err(Refusal::params(format!(
            "there is not so much {coin} to take out"
        )));
    }
    journal::book(desk, &Entry::cash(Kind::Airdrop, coin, amount, Cause::default()))
}
