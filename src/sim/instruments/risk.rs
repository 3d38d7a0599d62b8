//! Margin tiers: the larger a position, the more margin it needs and the less leverage it may have.

use rust_decimal::Decimal;

use super::instrument::num;

/// One tier; rates are shares of the position's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tier {
    /// The largest position value of this tier.
    pub(crate) limit: Decimal,
    pub(crate) maintenance: Decimal,
    pub(crate) initial: Decimal,
    pub(crate) max_leverage: Decimal,
    /// What the maintenance margin of the whole position is lowered by, because lower tiers ask for less.
    pub(crate) deduction: Decimal,
}

/// Each tier as multiples of the first: position value, and margin rate.
const STEPS: [(u32, u32); 5] = [(1, 1), (3, 2), (6, 4), (12, 8), (24, 16)];

/// Up to five tiers: the first goes to `limit` with leverage up to `leverage`, each further one halves it.
pub(crate) fn tiers(limit: Decimal, leverage: Decimal, count: usize) -> Vec<Tier> {
    let mut tiers: Vec<Tier> = Vec::new();
    for (size, rate) in STEPS.iter().take(count) {
        let most = leverage
            .checked_div(num(*rate, 0))
            .unwrap_or_default()
            .trunc_with_scale(2);
        if most < Decimal::ONE {
            break;
        }
        let initial = num(*rate, 0)
            .checked_div(leverage)
            .unwrap_or_default()
            .round_dp(6);
        let maintenance = initial * num(5, 1);
        let deduction = tiers.last().map_or(Decimal::ZERO, |below: &Tier| {
            below.deduction + below.limit * (maintenance - below.maintenance)
        });
        tiers.push(Tier {
            limit: limit * num(*size, 0),
            maintenance,
            initial,
            max_leverage: most,
            deduction,
        });
    }
    tiers
}

/// The tier of a position value; beyond the last one it is the last.
pub(crate) fn tier(tiers: &[Tier], value: Decimal) -> Option<&Tier> {
    tiers.iter().find(|tier| value <= tier.limit).or(tiers.last())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::instruments::{Category, INSTRUMENTS, find};

    #[test]
    fn tiers_get_stricter_and_the_margin_has_no_jumps() {
        for one in INSTRUMENTS.iter() {
            let contract = matches!(one.category, Category::Linear | Category::Inverse);
            assert_eq!(contract, !one.tiers.is_empty(), "{}", one.symbol);
            for pair in one.tiers.windows(2) {
                let (below, above) = (&pair[0], &pair[1]);
                assert!(below.limit < above.limit && below.max_leverage > above.max_leverage);
                assert!(below.maintenance < below.initial && below.maintenance < above.maintenance);
                let margin = |tier: &Tier| below.limit * tier.maintenance - tier.deduction;
                assert_eq!(margin(below), margin(above), "{}", one.symbol);
            }
        }
    }

    #[test]
    fn a_value_finds_its_tier() {
        let one = find(Category::Linear, "BTCUSDT").unwrap();
        assert_eq!(one.maintenance_rate(num(2_000_000, 0)), num(5, 3));
        assert_eq!(one.maintenance(num(1_000_000, 0)), num(5_000, 0));
        assert_eq!(one.maintenance_rate(num(2_000_001, 0)), num(1, 2));
        assert_eq!(one.maintenance(num(4_000_000, 0)), num(30_000, 0));
        assert_eq!(one.tier(num(4_000_000, 0)).unwrap().max_leverage, num(50, 0));
        assert_eq!(one.tier(num(900_000_000, 0)).unwrap().max_leverage, num(625, 2));
        let spot = find(Category::Spot, "BTCUSDT").unwrap();
        assert_eq!(spot.maintenance(num(1_000_000, 0)), Decimal::ZERO);
    }
}
