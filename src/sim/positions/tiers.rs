//! Which margin tier a position is in: the larger it is, the more margin it needs and the less leverage it may have.

use rust_decimal::Decimal;

use crate::sim::instruments::Instrument;

/// The number of the tier of a position value, from one.
pub(crate) fn id(one: &Instrument, value: Decimal) -> usize {
    let below = one.tiers.iter().filter(|tier| tier.limit < value).count();
    (below + 1).min(one.tiers.len().max(1))
}

/// The largest position value that `leverage` may be used with.
pub(crate) fn most_at(one: &Instrument, leverage: Decimal) -> Decimal {
    one.tiers
        .iter()
        .rfind(|tier| tier.max_leverage >= leverage)
        .map(|tier| tier.limit)
        .unwrap_or_default()
}

/// The maintenance margin of a value, without the fee of closing.
pub(crate) fn maintenance(one: &Instrument, value: Decimal) -> Decimal {
    one.maintenance(value).round_dp(8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::instruments::{Category, find, num};

    #[test]
    fn larger_positions_need_more_and_the_margin_has_no_jumps() {
        let btc = find(Category::Linear, "BTCUSDT").unwrap();
        assert_eq!(maintenance(btc, num(1_000_000, 0)), num(5_000, 0));
        assert_eq!(maintenance(btc, num(2_000_000, 0)), num(10_000, 0));
        assert_eq!(maintenance(btc, num(4_000_000, 0)), num(30_000, 0));
        assert_eq!(most_at(btc, num(100, 0)), num(2_000_000, 0));
        assert_eq!(most_at(btc, num(50, 0)), num(6_000_000, 0));
        assert_eq!(most_at(btc, num(1, 0)), num(48_000_000, 0));
        assert_eq!(id(btc, num(900_000_000, 0)), 5);
    }
}
