//! Coins of the spot wallet: which of them the mandate's universe covers, and what one sale of each would be.

use std::time::Duration;

use futures::future::join_all;
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use super::closes::Closes;
use super::desk::ExitDesk;
use super::leg::Leg;
use crate::domain::account::{CoinBalance, Instrument};
use crate::domain::exit::Exit;
use crate::domain::mandate::Mandate;
use crate::domain::order::{PositionIdx, Side, Write};
use crate::domain::policy::Policy;
use crate::domain::symbol::{Category, Coin, InstrumentId, Symbol};
use crate::venue::{Venue, VenueError};

const ASK_WITHIN: Duration = Duration::from_secs(5);

/// A coin that is held and not sold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    pub coin: String,
    pub amount: String,
    pub why: String,
    /// It was to be sold, and the exchange said no.
    pub refused: bool,
}

/// Which coins are sold: those that the mandate's universe and the person's policy cover.
#[derive(Debug, Clone)]
pub struct SpotRule {
    mandate: Mandate,
    policy: Result<Policy, String>,
}

impl SpotRule {
    #[must_use]
    pub fn new(mandate: Mandate, policy: Result<Policy, String>) -> Self {
        Self { mandate, policy }
    }

    /// Why the base coin of that pair is not sold.
    fn forbids(&self, pair: &Instrument) -> Option<String> {
        let names_crypto = |words: &[String]| words.iter().any(|word| word == "crypto");
        let id = &pair.id;
        if self.mandate.universe.excludes(id, Some(pair)).is_some() {
            return Some(format!("{} is on the mandate's exclude list", id.symbol.as_str()));
        }
        if !names_crypto(&self.mandate.universe.asset_classes)
            || !names_crypto(&self.mandate.hard_caps.allowed_instruments)
        {
            return Some("crypto is not in the mandate's universe".to_owned());
        }
        match &self.policy {
            Err(why) => Some(why.clone()),
            Ok(policy) if !policy.count_spot_holdings => {
                Some("policy.toml says that coins held are no exposure".to_owned())
            }
            Ok(policy)
                if !policy.allowed_categories.contains(&Category::Spot)
                    || !policy.allows_symbol(&id.symbol) =>
            {
                Some("policy.toml does not list it".to_owned())
            }
            Ok(_) => None,
        }
    }
}

/// The wallet as the way out sees it.
#[derive(Debug, Default)]
pub(super) struct Holdings {
    pub(super) to_sell: Vec<(Leg, Exit)>,
    pub(super) left: Vec<Left>,
    /// Of which coins it cannot be told now what to do with them, and why.
    pub(super) unread: Vec<String>,
}

impl Holdings {
    /// Reads the wallet and sorts it. An error means that it is not known what is held. One coin of which
    /// nothing can be told keeps no other from being sold.
    pub(super) async fn read<V: Venue>(
        desk: &ExitDesk<V>,
        rule: &SpotRule,
        closes: &Closes,
    ) -> Result<Self, String> {
        let wallet = timeout(ASK_WITHIN, desk.venue().wallet()).await;
        let wallet = wallet.map_err(|_| "the wallet: no answer in time".to_owned())?;
        let wallet = wallet.map_err(|error| format!("the wallet: {error}"))?;
        let coins: Vec<CoinBalance> = wallet
            .into_iter()
            .filter(|held| !held.coin.is_dollar() && held.equity > rust_decimal::Decimal::ZERO)
            .collect();
        let mut holdings = Self::default();
        let sorted = join_all(coins.iter().map(|held| verdict(desk, rule, held, closes))).await;
        for (held, verdict) in coins.iter().zip(sorted) {
            match verdict {
                Err(why) => holdings.unread.push(why),
                Ok(Ok(sale)) => holdings.to_sell.push(sale),
                Ok(Err((why, refused))) => holdings.left.push(Left {
                    coin: held.coin.to_string(),
                    amount: held.equity.normalize().to_string(),
                    why,
                    refused,
                }),
            }
        }
        Ok(holdings)
    }
}

/// The sale of one coin, or why there is none and whether the exchange decided that. The outer error: it cannot
/// be told now.
async fn verdict<V: Venue>(
    desk: &ExitDesk<V>,
    rule: &SpotRule,
    held: &CoinBalance,
    closes: &Closes,
) -> Result<Result<(Leg, Exit), (String, bool)>, String> {
    let not_sold = |why: &str| Ok(Err((why.to_owned(), false)));
    let Some(pair) = pair_of(desk, &held.coin).await? else {
        return not_sold("there is no pair to sell it for dollars");
    };
    if let Some(why) = rule.forbids(&pair) {
        return not_sold(&why);
    }
    let Some(exit) = Exit::sell(held, &pair) else {
        return not_sold("it is less than the smallest order");
    };
    let leg = Leg {
        instrument: pair.id.clone(),
        idx: PositionIdx::OneWay,
    };
    if let Some((times, why)) = closes.refused.given_up(&leg) {
        let why = format!("the exchange refused it {times} times: {why}");
        return Ok(Err((why, true)));
    }
    if is_dust(desk, &exit, &pair).await {
        return not_sold("it is worth less than the smallest order");
    }
    Ok(Ok((leg, exit)))
}

/// The pair against USDT, else against USDC.
async fn pair_of<V: Venue>(desk: &ExitDesk<V>, coin: &Coin) -> Result<Option<Instrument>, String> {
    for dollar in ["USDT", "USDC"] {
        let Ok(symbol) = Symbol::parse(&format!("{coin}{dollar}")) else {
            continue;
        };
        let id = InstrumentId::new(Category::Spot, symbol);
        match timeout(ASK_WITHIN, desk.venue().instrument(&id)).await {
            Ok(Ok(instrument)) => return Ok(Some(instrument)),
            Ok(Err(VenueError::UnknownInstrument(_))) => {}
            Ok(Err(error)) => return Err(format!("{id}: {error}")),
            Err(_) => return Err(format!("{id}: no answer in time")),
        }
    }
    Ok(None)
}

/// Whether the exchange would refuse the sale for its small value. Without a price it is tried.
async fn is_dust<V: Venue>(desk: &ExitDesk<V>, exit: &Exit, pair: &Instrument) -> bool {
    let (Some(least), Write::Place(order)) = (pair.min_notional, exit.write()) else {
        return false;
    };
    match timeout(ASK_WITHIN, desk.venue().quote(&pair.id)).await {
        Ok(Ok(quote)) => order
            .size
            .qty()
            .value()
            .checked_mul(quote.live(Side::Sell).value())
            .is_some_and(|worth| worth < least.value()),
        Ok(Err(_)) | Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(coin: &str) -> Instrument {
        Instrument {
            id: format!("spot:{coin}USDT").parse().unwrap(),
            base_coin: Coin::parse(coin).unwrap(),
            quote_coin: Coin::parse("USDT").unwrap(),
            settle_coin: None,
            status: None,
            is_pre_listing: false,
            tick_size: None,
            qty_step: None,
            quote_step: None,
            min_qty: None,
            max_limit_qty: None,
            max_market_qty: None,
            min_notional: None,
            max_leverage: None,
        }
    }

    #[test]
    fn what_the_gate_does_not_buy_is_not_sold_however_it_is_spelled() {
        let mut mandate = Mandate::parse(include_str!("../../../examples/mandate.json")).unwrap();
        for entry in ["DOGE", " doge ", "DOGEUSDT", "DOGE/USDT:USDT", "DOGEUSDT.P"] {
            mandate.universe.exclude_symbols = vec![entry.to_owned()];
            let rule = SpotRule::new(mandate.clone(), Ok(Policy::default()));
            let why = rule.forbids(&pair("DOGE"));
            assert!(why.is_some_and(|why| why.contains("exclude list")), "{entry}");
            assert_eq!(rule.forbids(&pair("SHIB")), None, "{entry}");
        }
    }
}
