//! What an option is worth and how that moves: Black and Scholes at rate zero, in decimals.

use rust_decimal::{Decimal, MathematicalOps};

use super::instrument::{Right, num};

const YEAR_MS: i64 = 365 * 86_400_000;
/// Less time than this counts as this, so that nothing divides by zero.
const LEAST_MS: i64 = 60_000;
/// Where volatility is lowest.
const CENTRE: Decimal = num(65_000, 0);
/// Beyond this the normal distribution is flat for all that is shown.
const FLAT: Decimal = num(5, 0);

/// Everything that a ticker says about an option besides its price.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Greeks {
    pub(crate) value: Decimal,
    pub(crate) volatility: Decimal,
    pub(crate) delta: Decimal,
    pub(crate) gamma: Decimal,
    pub(crate) vega: Decimal,
    pub(crate) theta: Decimal,
}

/// The volatility of a strike in a year: a smile around the centre.
pub(crate) fn volatility(right: &Right) -> Decimal {
    let away = (right.strike - CENTRE)
        .abs()
        .checked_div(CENTRE)
        .unwrap_or_default();
    (num(50, 2) + away * num(40, 2)).round_dp(4)
}

/// The value of a right when the underlying costs `price` and `left` milliseconds remain.
pub(crate) fn value(right: &Right, price: Decimal, left: i64) -> Decimal {
    greeks(right, price, left).map_or_else(|| intrinsic(right, price), |greeks| greeks.value)
}

fn intrinsic(right: &Right, price: Decimal) -> Decimal {
    let gain = if right.call {
        price - right.strike
    } else {
        right.strike - price
    };
    gain.max(Decimal::ZERO)
}

/// All of it; nothing when the option has expired or a number leaves the range of decimals.
pub(crate) fn greeks(right: &Right, price: Decimal, left: i64) -> Option<Greeks> {
    if left <= 0 {
        return None;
    }
    let volatility = volatility(right);
    let years = Decimal::from(left.max(LEAST_MS)).checked_div(Decimal::from(YEAR_MS))?;
    let root = years.sqrt()?;
    let spread = volatility.checked_mul(root)?;
    let log = price.checked_div(right.strike)?.checked_ln()?;
    let first = (log.checked_div(spread)? + spread * num(5, 1)).clamp(-FLAT, FLAT);
    let second = (first - spread).clamp(-FLAT, FLAT);
    let density = first.checked_norm_pdf()?;
    let call = price.checked_mul(first.norm_cdf())? - right.strike.checked_mul(second.norm_cdf())?;
    let (worth, delta) = if right.call {
        (call, first.norm_cdf())
    } else {
        (call - price + right.strike, first.norm_cdf() - Decimal::ONE)
    };
    let vega = price.checked_mul(density)?.checked_mul(root)?;
    let decay = price.checked_mul(density)?.checked_mul(volatility)?;
    let days = root.checked_mul(num(730, 0))?;
    Some(Greeks {
        value: worth.max(intrinsic(right, price)),
        volatility,
        delta: delta.round_dp(8),
        gamma: density.checked_div(price.checked_mul(spread)?)?.round_dp(8),
        vega: (vega * num(1, 2)).round_dp(8),
        theta: -decay.checked_div(days)?.round_dp(8),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn right(strike: u32, call: bool) -> Right {
        Right {
            strike: num(strike, 0),
            call,
            follows: true,
        }
    }

    #[test]
    fn an_option_at_the_money_is_worth_what_the_formula_says() {
        let quarter = YEAR_MS / 4;
        let call = greeks(&right(65_000, true), num(65_000, 0), quarter).unwrap();
        // S · (2·N(σ√T/2) − 1) = 65000 · (2·N(0.125) − 1)
        assert_eq!(call.value.round(), num(6_466, 0));
        assert_eq!(call.delta.round_dp(3), num(550, 3));
        assert_eq!(call.volatility, num(50, 2));
        assert!(call.theta < Decimal::ZERO && call.vega > num(120, 0) && call.gamma > Decimal::ZERO);
        let put = greeks(&right(65_000, false), num(65_000, 0), quarter).unwrap();
        assert_eq!(call.value.round_dp(6), put.value.round_dp(6));
        assert_eq!((call.delta - put.delta).round_dp(6), Decimal::ONE);
    }

    #[test]
    fn far_from_the_money_only_the_difference_is_left() {
        let day = 86_400_000;
        assert_eq!(value(&right(10_000, true), num(65_000, 0), day), num(55_000, 0));
        assert!(value(&right(650_000, true), num(65_000, 0), day) < Decimal::ONE);
        assert_eq!(value(&right(70_000, false), num(65_000, 0), 0), num(5_000, 0));
        assert_eq!(value(&right(70_000, false), num(65_000, 0), -5), num(5_000, 0));
    }
}
