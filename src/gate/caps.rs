//! Quantitative checks: one function a cap, both sides of the inequality in every no.

use rust_decimal::Decimal;

use super::exposure::Around;
use super::facts::Facts;
use super::refusal::{Limit, Refusal};
use super::sizing::Priced;
use crate::domain::mandate::{HardCaps, Universe};
use crate::domain::money::{Overflow, Qty, Usd};
use crate::domain::order::Side;

pub(super) fn order_notional(caps: &HardCaps, notional: Usd) -> Result<(), Refusal> {
    let cap = caps.max_order_notional_usd;
    if notional <= cap {
        return Ok(());
    }
    let reason = format!(
        "order notional ${} exceeds max_order_notional_usd ${}",
        cents(notional),
        cents(cap)
    );
    Err(Refusal::above(
        Limit::MaxOrderNotional,
        cap.value(),
        notional.value(),
        reason,
    ))
}

pub(super) fn total_exposure(caps: &HardCaps, exposure: Usd) -> Result<(), Refusal> {
    let cap = caps.max_total_exposure_usd;
    if exposure <= cap {
        return Ok(());
    }
    let reason = format!(
        "exposure after this order, resting orders included, would be ${} and exceed max_total_exposure_usd ${}",
        cents(exposure),
        cents(cap)
    );
    Err(Refusal::above(
        Limit::MaxTotalExposure,
        cap.value(),
        exposure.value(),
        reason,
    ))
}

/// Gross exposure over `account_funding_usd`; a funding of zero allows no leverage at all.
pub(super) fn leverage(caps: &HardCaps, exposure: Usd) -> Result<(), Refusal> {
    let cap = caps.max_leverage;
    let funding = caps.account_funding_usd.value();
    if funding <= Decimal::ZERO {
        let reason = "account_funding_usd is non-positive, so no leverage is allowed; a person must commit a funded mandate";
        return Err(Refusal {
            limit_value: Some(cap),
            ..Refusal::pause(Limit::MaxLeverage, reason)
        });
    }
    let allowed = cap
        .checked_mul(funding)
        .ok_or_else(|| too_large(Limit::MaxLeverage))?;
    if exposure.value() <= allowed {
        return Ok(());
    }
    let attempted = exposure.value().checked_div(funding).unwrap_or(exposure.value());
    let reason = format!(
        "leverage after this order would be {}x (${} over account_funding_usd ${}) and exceed max_leverage {}x",
        attempted.round_dp(4).normalize(),
        cents(exposure),
        cents(caps.account_funding_usd),
        cap.normalize()
    );
    Err(Refusal::above(Limit::MaxLeverage, cap, attempted, reason))
}

pub(super) fn asked_leverage(caps: &HardCaps, asked: Decimal) -> Result<(), Refusal> {
    if asked <= caps.max_leverage {
        return Ok(());
    }
    let reason = format!(
        "leverage {}x exceeds max_leverage {}x; ask for at most that",
        asked.normalize(),
        caps.max_leverage.normalize()
    );
    Err(Refusal::above(
        Limit::MaxLeverage,
        caps.max_leverage,
        asked,
        reason,
    ))
}

pub(super) fn trades_per_day(caps: &HardCaps, facts: &Facts) -> Result<(), Refusal> {
    let count = match &facts.daily_count {
        Some(Ok(count)) => *count,
        Some(Err(why)) => return Err(Refusal::deny(Limit::MaxTradesPerDay, why.clone())),
        None => {
            return Err(Refusal::deny(
                Limit::MaxTradesPerDay,
                "today's count could not be read",
            ));
        }
    };
    let attempted = count.saturating_add(1);
    if attempted <= caps.max_trades_per_day {
        return Ok(());
    }
    let reason = format!(
        "{count} orders are counted today and max_trades_per_day is {}; the count starts anew at 00:00 UTC",
        caps.max_trades_per_day
    );
    Err(Refusal::above(
        Limit::MaxTradesPerDay,
        caps.max_trades_per_day.into(),
        attempted.into(),
        reason,
    ))
}

/// Only a buy can push the account past its funding, as upstream has it.
pub(super) fn funding(caps: &HardCaps, side: Side, exposure: Usd) -> Result<(), Refusal> {
    let cap = caps.account_funding_usd;
    if side == Side::Sell || exposure <= cap {
        return Ok(());
    }
    let reason = format!(
        "exposure after this buy would be ${} and exceed account_funding_usd ${}",
        cents(exposure),
        cents(cap)
    );
    Err(Refusal::above(
        Limit::AccountFunding,
        cap.value(),
        exposure.value(),
        reason,
    ))
}

pub(super) fn universe_floors(universe: &Universe, facts: &Facts) -> Result<(), Refusal> {
    if let Some(floor) = universe.min_market_cap_usd {
        let reason = "market cap for a coin is not to be had from Bybit (fail-closed); a mandate with min_market_cap_usd trades nothing here";
        return Err(Refusal {
            limit_value: Some(floor.value()),
            ..Refusal::deny(Limit::MinMarketCap, reason)
        });
    }
    let Some(floor) = universe.min_avg_daily_volume_usd else {
        return Ok(());
    };
    match facts.avg_daily_volume_usd {
        Some(volume) if volume >= floor => Ok(()),
        Some(volume) => Err(Refusal {
            decision: super::refusal::Decision::Deny,
            ..Refusal::above(
                Limit::MinAvgDailyVolume,
                floor.value(),
                volume.value(),
                format!(
                    "mean daily volume ${} is below min_avg_daily_volume_usd ${}; choose a more liquid symbol",
                    cents(volume),
                    cents(floor)
                ),
            )
        }),
        None => Err(Refusal {
            limit_value: Some(floor.value()),
            ..Refusal::deny(
                Limit::MinAvgDailyVolume,
                format!(
                    "mean daily volume is not to be had (fail-closed){}; try again later",
                    facts.why_missing()
                ),
            )
        }),
    }
}

/// A sum that a decimal cannot hold is above every cap.
pub(super) fn too_large(limit: Limit) -> Refusal {
    Refusal::deny(limit, Overflow.to_string())
}

/// Dollars for a reader, never rounded to the other side of an inequality: kept whole when cents would lie.
pub(super) fn cents(amount: Usd) -> String {
    let rounded = amount.value().round_dp(2);
    if rounded == amount.value() {
        format!("{rounded:.2}")
    } else {
        amount.value().round_dp(8).normalize().to_string()
    }
}

/// Adds the largest quantity that would pass to a quantitative refusal, where lot steps say what can be asked.
pub(super) struct Suggestion<'a> {
    pub(super) caps: &'a HardCaps,
    pub(super) priced: &'a Priced,
    pub(super) around: &'a Around,
    pub(super) step: Option<Qty>,
    pub(super) min_qty: Option<Qty>,
}

impl Suggestion<'_> {
    pub(super) fn add_to(&self, mut refusal: Refusal) -> Refusal {
        let sized = matches!(
            refusal.limit,
            Limit::MaxOrderNotional | Limit::MaxTotalExposure | Limit::MaxLeverage | Limit::AccountFunding
        );
        if !sized {
            return refusal;
        }
        refusal.largest_qty = self.largest();
        refusal.reason = match (refusal.largest_qty, self.step) {
            (Some(qty), _) => format!("{}; the largest quantity that passes is {qty}", refusal.reason),
            (None, Some(_)) => format!("{}; no smaller quantity passes either", refusal.reason),
            (None, None) => format!("{}; ask for less", refusal.reason),
        };
        refusal
    }

    fn passes(&self, qty: Qty) -> bool {
        let verdict = || -> Result<bool, Overflow> {
            let notional = self.priced.notional(qty)?;
            let exposure = self.around.between(self.priced.at_live(qty)?, notional)?;
            Ok(order_notional(self.caps, notional).is_ok()
                && total_exposure(self.caps, exposure).is_ok()
                && leverage(self.caps, exposure).is_ok()
                && funding(self.caps, self.priced.side, exposure).is_ok())
        };
        verdict().unwrap_or(false)
    }

    /// What passes is one run of quantities: exposure falls until the book is flat and rises after it. So a
    /// quantity inside that run is looked for, then its upper end by halving.
    fn largest(&self) -> Option<Qty> {
        let step = self.step?;
        let lots = |count: Decimal| Qty::new(count.checked_mul(step.value())?);
        let asked = (self.priced.size.qty().value().checked_div(step.value())?).ceil();
        let first = self
            .min_qty
            .map_or(Decimal::ONE, |min| {
                min.value()
                    .checked_div(step.value())
                    .unwrap_or(Decimal::MAX)
                    .ceil()
            })
            .max(Decimal::ONE);
        let mut low = [first, self.best_lots(step)?]
            .into_iter()
            .filter(|count| *count >= first && *count < asked)
            .filter(|count| lots(*count).is_some_and(|qty| self.passes(qty)))
            .max()?;
        let mut high = asked;
        while high.saturating_sub(low) > Decimal::ONE {
            let middle = low.saturating_add((high.saturating_sub(low) / Decimal::TWO).floor());
            if lots(middle).is_some_and(|qty| self.passes(qty)) {
                low = middle
            } else {
                high = middle
            }
        }
        lots(low)
    }

    /// The number of lots that brings the book nearest to flat without passing the cap on one order: if this
    /// does not pass, nothing does but perhaps the smallest lot.
    fn best_lots(&self, step: Qty) -> Option<Decimal> {
        let one_lot = self.priced.notional(step).ok()?.value();
        if one_lot.is_zero() {
            return None;
        }
        let money = self
            .around
            .flat_at()
            .min(self.caps.max_order_notional_usd.value());
        Some(money.checked_div(one_lot)?.floor())
    }
}
