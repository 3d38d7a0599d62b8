//! The words of refusal: one closed vocabulary, both sides of each inequality, what ran before it.

use rust_decimal::Decimal;

use crate::domain::money::{Qty, Usd};

/// A step or a cap of the gate, by the name that the ledger uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// `BYBIT_MODE=read`: this process writes nothing.
    Mode,
    Mandate,
    Expiry,
    /// The time is not certain, so step 2 cannot be judged.
    Clock,
    HaltFlag,
    Intent,
    DailyOrderLock,
    /// Counter, in-flight file or ledger could not be written: no permit.
    Ledger,
    Quote,
    ExcludeSymbols,
    AllowedInstruments,
    OptionsUnsupported,
    AssetClasses,
    Policy,
    MaxOrderNotional,
    MaxTotalExposure,
    MaxLeverage,
    MaxTradesPerDay,
    AccountFunding,
    UniverseFloors,
    /// What `universe_floors` refuses with: which of the two floors.
    MinMarketCap,
    MinAvgDailyVolume,
}

impl Limit {
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Mode => "mode",
            Self::Mandate => "mandate",
            Self::Expiry => "expiry",
            Self::Clock => "clock",
            Self::HaltFlag => "halt_flag",
            Self::Intent => "intent",
            Self::DailyOrderLock => "daily_order_lock",
            Self::Ledger => "ledger",
            Self::Quote => "quote",
            Self::ExcludeSymbols => "exclude_symbols",
            Self::AllowedInstruments => "allowed_instruments",
            Self::OptionsUnsupported => "options_unsupported",
            Self::AssetClasses => "asset_classes",
            Self::Policy => "policy",
            Self::MaxOrderNotional => "max_order_notional_usd",
            Self::MaxTotalExposure => "max_total_exposure_usd",
            Self::MaxLeverage => "max_leverage",
            Self::MaxTradesPerDay => "max_trades_per_day",
            Self::AccountFunding => "account_funding_usd",
            Self::UniverseFloors => "universe_floors",
            Self::MinMarketCap => "min_market_cap_usd",
            Self::MinAvgDailyVolume => "min_avg_daily_volume_usd",
        }
    }

    /// Upstream's sort of breach (`BreachEvent.kind`); the steps before the caps have none.
    #[must_use]
    pub fn kind(self) -> Option<&'static str> {
        match self {
            Self::ExcludeSymbols
            | Self::AssetClasses
            | Self::Policy
            | Self::UniverseFloors
            | Self::MinMarketCap
            | Self::MinAvgDailyVolume => Some("universe"),
            Self::AllowedInstruments | Self::OptionsUnsupported => Some("instrument"),
            Self::MaxOrderNotional
            | Self::MaxTotalExposure
            | Self::MaxLeverage
            | Self::MaxTradesPerDay
            | Self::AccountFunding => Some("quantitative"),
            Self::Mode
            | Self::Mandate
            | Self::Expiry
            | Self::Clock
            | Self::HaltFlag
            | Self::Intent
            | Self::DailyOrderLock
            | Self::Ledger
            | Self::Quote => None,
        }
    }
}

/// What the gate says of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    Allow,
    /// No wider mandate would help, or a fact is missing.
    Deny,
    /// A person may widen or renew the mandate.
    PauseForReauth,
}

impl Decision {
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::PauseForReauth => "pause_for_reauth",
        }
    }
}

/// One no, with its numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub limit: Limit,
    pub decision: Decision,
    /// What, why, and what would pass.
    pub reason: String,
    pub limit_value: Option<Decimal>,
    pub attempted_value: Option<Decimal>,
    /// The largest quantity, in lot steps, that the same order could have.
    pub largest_qty: Option<Qty>,
}

impl Refusal {
    /// A no that a wider mandate would not turn into a yes.
    #[must_use]
    pub fn deny(limit: Limit, reason: impl Into<String>) -> Self {
        Self {
            limit,
            decision: Decision::Deny,
            reason: reason.into(),
            limit_value: None,
            attempted_value: None,
            largest_qty: None,
        }
    }

    /// A no that a person may lift by committing another mandate.
    #[must_use]
    pub fn pause(limit: Limit, reason: impl Into<String>) -> Self {
        Self {
            decision: Decision::PauseForReauth,
            ..Self::deny(limit, reason)
        }
    }

    /// A cap and what would have passed it by.
    #[must_use]
    pub fn above(limit: Limit, cap: Decimal, attempted: Decimal, reason: impl Into<String>) -> Self {
        Self {
            limit_value: Some(cap),
            attempted_value: Some(attempted),
            ..Self::pause(limit, reason)
        }
    }

    /// With what would refuse next.
    pub(super) fn beside(mut self, other: &Self) -> Self {
        self.reason = format!("{}; beside that, {}", self.reason, other.reason);
        self
    }
}

/// A refusal together with everything that ran before it and what was computed on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    pub refusal: Refusal,
    pub checked: CheckedLimits,
    pub figures: Figures,
}

/// What the gate computed of a write, for the ledger and the reply.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// The USD value of the order that counts.
    pub notional: Option<Usd>,
    /// Gross exposure after it.
    pub post_trade_exposure: Option<Usd>,
}

/// The checks that ran, in order. Only [`CheckedLimits::check`] adds to it, so it cannot say more than ran.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckedLimits(Vec<Limit>);

impl CheckedLimits {
    /// Records `limit`, then passes its verdict on; a refusal leaves with the trail so far.
    pub(super) fn check<T>(
        &mut self,
        limit: Limit,
        figures: Figures,
        verdict: Result<T, Refusal>,
    ) -> Result<T, Refused> {
        self.0.push(limit);
        verdict.map_err(|refusal| Refused {
            refusal,
            checked: self.clone(),
            figures,
        })
    }

    /// A further verdict inside the step that was recorded last.
    pub(super) fn still<T>(&self, figures: Figures, verdict: Result<T, Refusal>) -> Result<T, Refused> {
        verdict.map_err(|refusal| Refused {
            refusal,
            checked: self.clone(),
            figures,
        })
    }

    /// The names, as the ledger lists them.
    #[must_use]
    pub fn words(&self) -> Vec<&'static str> {
        self.0.iter().map(|limit| limit.word()).collect()
    }
}

impl Refused {
    /// A refusal that comes from outside the gate's own steps: the lock, the ledger, the counter's file.
    #[must_use]
    pub fn outside(refusal: Refusal) -> Self {
        let checked = CheckedLimits(vec![refusal.limit]);
        Self {
            refusal,
            checked,
            figures: Figures::default(),
        }
    }
}
