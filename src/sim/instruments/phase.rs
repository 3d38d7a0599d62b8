//! Where an instrument is in its life, and what an option is a right to.

use rust_decimal::Decimal;

/// Where an instrument is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Announced and in its call auction: nothing is traded yet.
    PreLaunch,
    Trading,
    /// Being taken off the list: positions can be reduced only.
    Delivering,
    /// Delivered and gone from the list; kept so that what is stored about it can still be read.
    Closed,
}

impl Phase {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::PreLaunch => "PreLaunch",
            Self::Trading => "Trading",
            Self::Delivering => "Delivering",
            Self::Closed => "Closed",
        }
    }

    /// Whether every kind of order is taken.
    pub(crate) fn tradable(self) -> bool {
        self == Self::Trading
    }

    /// Whether orders may only reduce what is held.
    pub(crate) fn reduce_only(self) -> bool {
        self == Self::Delivering
    }
}

/// What an option is a right to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Right {
    pub(crate) strike: Decimal,
    pub(crate) call: bool,
    /// Whether its price follows the underlying; otherwise it walks on its own.
    pub(crate) follows: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::instruments::{Category, find};

    #[test]
    fn only_what_trades_is_traded_and_what_leaves_is_only_reduced() {
        let now = crate::sim::market::clock::now_ms();
        let of = |symbol: &str| {
            let phase = find(Category::Linear, symbol).unwrap().phase(now);
            (phase, phase.tradable(), phase.reduce_only())
        };
        assert_eq!(of("BTCUSDT"), (Phase::Trading, true, false));
        assert_eq!(of("WAVESUSDT"), (Phase::Delivering, false, true));
        assert_eq!(of("MEGAUSDT"), (Phase::PreLaunch, false, false));
        let gone = find(Category::Linear, "WAVESUSDT").unwrap();
        assert_eq!(gone.phase(gone.delivery), Phase::Closed);
    }
}
