//! Risk tiers: the larger a position, the more margin it needs and the less leverage it may have.

use rust_decimal::Decimal;

use super::instruments::{Category, Instrument, num};

/// Each tier as multiples of the first: position value, and margin rate.
const STEPS: [(u32, u32); 5] = [(1, 1), (3, 2), (6, 4), (12, 8), (24, 16)];

/// One tier of an instrument; rates are shares of the position's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tier {
    pub(crate) id: i64,
    /// The largest position value, in the settle coin.
    pub(crate) limit: Decimal,
    pub(crate) maintenance: Decimal,
    pub(crate) max_leverage: Decimal,
    /// What the maintenance of the whole is lowered by, because the lower tiers ask for less.
    pub(crate) deduction: Decimal,
}

fn first_limit(one: &Instrument) -> Decimal {
    match one.category {
        Category::Inverse => Decimal::from(2_000_000)
            .checked_div(one.base_price)
            .unwrap_or_default()
            .ceil(),
        _ => Decimal::from(2_000_000),
    }
}

/// The tiers, smallest first.
pub(crate) fn of(one: &Instrument) -> impl Iterator<Item = Tier> {
    let limit = first_limit(one);
    let mut below: Option<Tier> = None;
    let leverage = one.max_leverage;
    STEPS
        .into_iter()
        .zip(1_i64..)
        .map_while(move |((size, rate), id)| {
            let max_leverage = leverage.checked_div(num(rate, 0))?.trunc_with_scale(2);
            let maintenance = num(5 * rate, 1).checked_div(leverage)?.round_dp(6);
            let deduction = below.map_or(Decimal::ZERO, |below| {
                below.deduction + below.limit * (maintenance - below.maintenance)
            });
            below = Some(Tier {
                id,
                limit: limit * num(size, 0),
                maintenance,
                max_leverage,
                deduction,
            });
            below.filter(|tier| tier.max_leverage >= Decimal::ONE)
        })
}

/// The tier of a position value; beyond the last one it is the last.
pub(crate) fn at(one: &Instrument, value: Decimal) -> Tier {
    let mut last = None;
    for tier in of(one) {
        last = Some(tier);
        if value <= tier.limit {
            break;
        }
    }
    last.unwrap_or(Tier {
        id: 1,
        limit: Decimal::ZERO,
        maintenance: num(5, 1),
        max_leverage: Decimal::ONE,
        deduction: Decimal::ZERO,
    })
}

/// The largest position value that `leverage` may be used with.
pub(crate) fn most_at(one: &Instrument, leverage: Decimal) -> Decimal {
    of(one)
        .filter(|tier| tier.max_leverage >= leverage)
        .last()
        .map(|tier| tier.limit)
        .unwrap_or_default()
}

/// The maintenance margin of a value, without the fee of closing.
pub(crate) fn maintenance(one: &Instrument, value: Decimal) -> Decimal {
    let tier = at(one, value);
    (value * tier.maintenance - tier.deduction).round_dp(8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::instruments::find;

    #[test]
    fn larger_positions_need_more_and_the_margin_has_no_jumps() {
        let btc = find(Category::Linear, "BTCUSDT").unwrap();
        assert_eq!(maintenance(btc, num(1_000_000, 0)), num(5_000, 0));
        assert_eq!(maintenance(btc, num(2_000_000, 0)), num(10_000, 0));
        assert_eq!(maintenance(btc, num(4_000_000, 0)), num(30_000, 0));
        assert_eq!(most_at(btc, num(100, 0)), num(2_000_000, 0));
        assert_eq!(most_at(btc, num(50, 0)), num(6_000_000, 0));
        assert_eq!(most_at(btc, num(1, 0)), num(48_000_000, 0));
        assert_eq!(at(btc, num(900_000_000, 0)).id, 5);
    }
}
