//! Quantitative checks: one function a cap, both sides of the inequality in every no.

use rust_decimal::Decimal;

use super::facts::Facts;
use super::refusal::{Limit, Refusal};
use crate::domain::mandate::{HardCaps, Universe};
use crate::domain::money::{Overflow, Usd};
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
