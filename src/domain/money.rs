//! Money and sizes: decimals with a unit, read exactly, computed with checks.
//!
//! A text that cannot be held exactly in 28 digits is refused rather than rounded. A product or a quotient is rounded
//! at its 28th digit: to far less than any lot or cent.

use std::fmt;

use rust_decimal::Decimal;
use thiserror::Error;

/// Why a text is not an amount.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AmountError {
    #[error("`{0}` is not a decimal number")]
    NotDecimal(String),
    #[error("`{0}` has more digits than can be kept exactly (28 at most)")]
    TooPrecise(String),
    #[error("`{0}` is not above zero")]
    NotPositive(String),
    #[error("`{0}` is negative")]
    Negative(String),
}

/// Arithmetic left the range of a 28-digit decimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the amount is too large to compute exactly")]
pub struct Overflow;

/// Reads a decimal exactly: `-12.5`, `1e-07` and `1E+16` are understood, anything else is not.
pub fn parse_decimal(text: &str) -> Result<Decimal, AmountError> {
    let not_decimal = || AmountError::NotDecimal(shorten(text));
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().map_err(|_| not_decimal())?),
        None => (text, 0),
    };
    let (negative, unsigned) = match mantissa.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, mantissa),
    };
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let dotted = unsigned.contains('.');
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || (dotted && fraction.is_empty()) || !all_digits(whole) || !all_digits(fraction) {
        return Err(not_decimal());
    }
    let digits = format!("{whole}{fraction}");
    let scale = i64::try_from(fraction.len())
        .unwrap_or(i64::MAX)
        .saturating_sub(i64::from(exponent));
    let value = from_digits(&digits, scale).ok_or_else(|| AmountError::TooPrecise(shorten(text)))?;
    Ok(if negative { -value } else { value })
}

/// `digits` × 10^-`scale`, or nothing when that is not held exactly.
fn from_digits(digits: &str, scale: i64) -> Option<Decimal> {
    let significant = digits.trim_start_matches('0');
    let trimmed = significant.trim_end_matches('0');
    if trimmed.is_empty() {
        return Some(Decimal::ZERO);
    }
    let dropped = i64::try_from(significant.len() - trimmed.len()).ok()?;
    let scale = scale - dropped;
    let mantissa: i128 = trimmed.parse().ok()?;
    if scale >= 0 {
        return Decimal::try_from_i128_with_scale(mantissa, u32::try_from(scale).ok()?).ok();
    }
    let factor = 10_i128.checked_pow(u32::try_from(-scale).ok()?)?;
    Decimal::try_from_i128_with_scale(mantissa.checked_mul(factor)?, 0).ok()
}

/// Keeps a hostile text from filling an error message.
fn shorten(text: &str) -> String {
    text.chars().take(40).collect()
}

/// Reads an amount above zero.
pub fn parse_positive(text: &str) -> Result<Decimal, AmountError> {
    let value = parse_decimal(text)?;
    if value <= Decimal::ZERO {
        return Err(AmountError::NotPositive(shorten(text)));
    }
    Ok(value)
}

macro_rules! unit {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Decimal);

        impl $name {
            /// The bare number, for printing and the wire.
            #[must_use]
            pub fn value(self) -> Decimal {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.normalize().fmt(out)
            }
        }
    };
}

unit! {
    /// US dollars, signed. Exposure, notional and caps are in this unit.
    Usd
}
unit! {
    /// What one unit of the base coin costs in the quote coin; above zero.
    Price
}
unit! {
    /// How much of something: the unit is said by what holds it (an order's size, a position); above zero.
    Qty
}

impl Usd {
    pub const ZERO: Self = Self(Decimal::ZERO);

    #[must_use]
    pub fn new(value: Decimal) -> Self {
        Self(value)
    }

    /// Reads an amount that is not negative: a cap, a funding, a floor.
    pub fn parse_not_negative(text: &str) -> Result<Self, AmountError> {
        let value = parse_decimal(text)?;
        if value < Decimal::ZERO {
            return Err(AmountError::Negative(shorten(text)));
        }
        Ok(Self(value))
    }

    /// `amount` of a coin that is worth `price_usd` each.
    pub fn of(amount: Decimal, price_usd: Decimal) -> Result<Self, Overflow> {
        amount.checked_mul(price_usd).map(Self).ok_or(Overflow)
    }

    pub fn plus(self, other: Self) -> Result<Self, Overflow> {
        self.0.checked_add(other.0).map(Self).ok_or(Overflow)
    }

    pub fn minus(self, other: Self) -> Result<Self, Overflow> {
        self.0.checked_sub(other.0).map(Self).ok_or(Overflow)
    }

    #[must_use]
    pub fn abs(self) -> Self {
        Self(self.0.abs())
    }

    #[must_use]
    pub fn negated(self) -> Self {
        Self(-self.0)
    }

    #[must_use]
    pub fn is_positive(self) -> bool {
        self.0 > Decimal::ZERO
    }
}

impl Price {
    pub fn parse(text: &str) -> Result<Self, AmountError> {
        parse_positive(text).map(Self)
    }

    /// A price from a computed number; `None` when it is not above zero.
    #[must_use]
    pub fn new(value: Decimal) -> Option<Self> {
        (value > Decimal::ZERO).then_some(Self(value))
    }
}

impl Qty {
    pub fn parse(text: &str) -> Result<Self, AmountError> {
        parse_positive(text).map(Self)
    }

    /// A quantity from a computed number; `None` when it is not above zero.
    #[must_use]
    pub fn new(value: Decimal) -> Option<Self> {
        (value > Decimal::ZERO).then_some(Self(value))
    }

    /// The largest multiple of `step` that is not above this; `None` when that is zero.
    #[must_use]
    pub fn floor_to(self, step: Self) -> Option<Self> {
        let steps = self.0.checked_div(step.0)?.floor();
        Self::new(steps.checked_mul(step.0)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> String {
        parse_decimal(text).map_or_else(|error| error.to_string(), |value| value.normalize().to_string())
    }

    #[test]
    fn decimals_are_read_exactly() {
        assert_eq!(decimal("1e-07"), "0.0000001");
        assert_eq!(decimal("1E+16"), "10000000000000000");
        assert_eq!(decimal("-12.50"), "-12.5");
        assert_eq!(decimal("0.1000000000000000000000000000000000"), "0.1");
        assert_eq!(decimal("-0.0"), "0");
    }

    #[test]
    fn what_cannot_be_kept_exactly_is_refused() {
        for text in [
            "1e999",
            "1e-40",
            "0.00000000000000000000000000001",
            "99999999999999999999999999999999",
        ] {
            assert!(
                matches!(parse_decimal(text), Err(AmountError::TooPrecise(_))),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_decimal_is_refused() {
        for text in [
            "", " 1", "1 ", "+1", "1.", ".5", "NaN", "inf", "0x10", "1_000", "1e", "1e1.5", "--1", "٣",
        ] {
            assert!(
                matches!(parse_decimal(text), Err(AmountError::NotDecimal(_))),
                "{text:?}"
            );
        }
    }

    #[test]
    fn prices_and_sizes_are_above_zero() {
        assert!(Price::parse("0").is_err());
        assert!(Qty::parse("-1").is_err());
        assert!(Usd::parse_not_negative("0").is_ok());
        assert!(Usd::parse_not_negative("-0.01").is_err());
    }

    #[test]
    fn quantities_are_cut_down_to_lot_steps() {
        let qty = |text| Qty::parse(text).unwrap();
        assert_eq!(qty("0.0159").floor_to(qty("0.001")), Some(qty("0.015")));
        assert_eq!(qty("0.0009").floor_to(qty("0.001")), None);
    }
}
