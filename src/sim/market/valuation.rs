//! What things cost now: last, mark and index prices, and coins in US dollars.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::path::{self, Path};
use super::prices::PriceKind;
use crate::sim::call::{Desk, Refusal};
use crate::sim::instruments::{Category, INSTRUMENTS, Instrument};
use crate::sim::store;

impl Desk<'_> {
    /// The path of one instrument.
    pub(crate) fn path(&self, one: &'static Instrument) -> Result<Path<'_>, Refusal> {
        self.market.check(one, self.now)?;
        let pins = store::pins(self.books, one)?;
        Ok(self.market.path(one, pins))
    }

    /// The last price.
    pub(crate) fn last(&self, one: &'static Instrument) -> Result<Decimal, Refusal> {
        Ok(self.path(one)?.at(self.now))
    }

    /// What positions are valued at, margined, liquidated and funded on.
    pub(crate) fn mark(&self, one: &'static Instrument) -> Result<Decimal, Refusal> {
        Ok(self.path(one)?.at_of(PriceKind::Mark, self.now))
    }

    /// The lowest and highest mark between two moments.
    pub(crate) fn mark_range(
        &self,
        one: &'static Instrument,
        from: i64,
        to: i64,
    ) -> Result<(Decimal, Decimal), Refusal> {
        Ok(self.path(one)?.range_of(PriceKind::Mark, from, to))
    }

    /// The index price.
    fn index(&self, one: &'static Instrument) -> Result<Decimal, Refusal> {
        Ok(self.path(one)?.at_of(PriceKind::Index, self.now))
    }

    /// A coin in US dollars; an unknown coin is worth nothing.
    pub(crate) fn usd(&self, coin: &str) -> Result<Decimal, Refusal> {
        match coin {
            "USDT" | "USDC" | "USD" => Ok(Decimal::ONE),
            "EUR" => {
                let euro = INSTRUMENTS.iter().find(|one| one.symbol == "BTCEUR");
                let price = euro.map(|one| self.index(one)).transpose()?.unwrap_or_default();
                let rate = self.usd("BTC")?.checked_div(price).unwrap_or_default();
                Ok(rate.round_dp(8))
            }
            _ => match dollar_pair(coin) {
                Some(one) => self.index(one),
                None => Ok(Decimal::ZERO),
            },
        }
    }

    /// The lowest and highest that a coin costs in US dollars between two moments.
    pub(crate) fn usd_range(&self, coin: &str, from: i64, to: i64) -> Result<(Decimal, Decimal), Refusal> {
        match dollar_pair(coin) {
            Some(one) => Ok(self.path(one)?.range_of(PriceKind::Index, from, to)),
            None => {
                let price = self.usd(coin)?;
                Ok((price, price))
            }
        }
    }

    /// Last prices of everything that is listed.
    pub(crate) fn prices(&self) -> Result<Prices, Refusal> {
        let mut last = BTreeMap::new();
        // Options are read one at a time: to price all of them would cost more than all the rest.
        for one in INSTRUMENTS.iter().filter(|one| one.category != Category::Option) {
            if self.market.check(one, self.now).is_ok() {
                last.insert((one.category, one.symbol), self.last(one)?);
            }
        }
        let mut prices = Prices {
            last,
            usd: BTreeMap::new(),
        };
        prices.usd = path::usd_prices(|one| prices.of(one));
        Ok(prices)
    }
}

/// What a coin's dollar price is read from: its first pair or contract against USDT.
fn dollar_pair(coin: &str) -> Option<&'static Instrument> {
    INSTRUMENTS.iter().find(|one| {
        matches!(one.category, Category::Spot | Category::Linear)
            && one.quote == "USDT"
            && one.base == coin
            && !matches!(coin, "USDC")
    })
}

/// Prices at one moment.
pub(crate) struct Prices {
    last: BTreeMap<(Category, &'static str), Decimal>,
    usd: BTreeMap<&'static str, Decimal>,
}

impl Prices {
    pub(crate) fn of(&self, one: &Instrument) -> Decimal {
        self.last
            .get(&(one.category, one.symbol))
            .copied()
            .unwrap_or(one.base_price)
    }

    /// A coin in US dollars; an unknown coin is worth nothing.
    pub(crate) fn usd(&self, coin: &str) -> Decimal {
        self.usd.get(coin).copied().unwrap_or_default()
    }
}
