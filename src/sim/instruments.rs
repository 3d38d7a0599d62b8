//! What an instrument is: its category, its filters, its fees and the arithmetic of its value.

use rust_decimal::Decimal;

pub(crate) use super::catalogue::INSTRUMENTS;

/// Digits that the value of an inverse contract is kept with.
const COIN_DIGITS: u32 = 16;

/// A product category; a symbol alone does not identify an instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Category {
    Linear,
    Inverse,
    Spot,
    Option,
}

impl Category {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "linear" => Self::Linear,
            "inverse" => Self::Inverse,
            "spot" => Self::Spot,
            "option" => Self::Option,
            _ => return None,
        })
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::Inverse => "inverse",
            Self::Spot => "spot",
            Self::Option => "option",
        }
    }

    /// Whether orders build positions rather than exchange coins.
    pub(crate) fn is_derivative(self) -> bool {
        self != Self::Spot
    }
}

/// One instrument and its filters.
#[derive(Debug)]
pub(crate) struct Instrument {
    pub(crate) id: u32,
    pub(crate) category: Category,
    pub(crate) symbol: &'static str,
    pub(crate) base: &'static str,
    pub(crate) quote: &'static str,
    pub(crate) settle: &'static str,
    /// Where the walk is centred, and the price under fixed prices.
    pub(crate) base_price: Decimal,
    pub(crate) tick: Decimal,
    /// Quantity step and smallest quantity (spot: base precision).
    pub(crate) step: Decimal,
    pub(crate) max_qty: Decimal,
    pub(crate) max_market_qty: Decimal,
    /// Smallest order value: linear and spot in the quote coin, inverse in USD.
    pub(crate) min_notional: Decimal,
    pub(crate) max_leverage: Decimal,
    /// What rests on the first level of each side of the book.
    pub(crate) depth: Decimal,
    /// How far the walk swings, as a percentage of the normal swing.
    pub(crate) swing: i64,
}

impl Instrument {
    /// What `qty` is worth at `price`: in the quote coin, or for inverse in the coin.
    pub(crate) fn value(&self, qty: Decimal, price: Decimal) -> Decimal {
        if self.category != Category::Inverse {
            return qty * price;
        }
        qty.checked_div(price).unwrap_or_default().round_dp(COIN_DIGITS)
    }

    /// A value as replies show it: coin is shown in hundred-millionths, but kept finer, so that averages hold.
    pub(crate) fn shown(&self, value: Decimal) -> Decimal {
        match self.category {
            Category::Inverse => value.round_dp(8),
            _ => value,
        }
    }

    /// The average price of `qty` that was worth `value` in all; zero when there is none.
    pub(crate) fn average(&self, qty: Decimal, value: Decimal) -> Decimal {
        let (over, under) = match self.category {
            Category::Inverse => (qty, value),
            _ => (value, qty),
        };
        over.checked_div(under).unwrap_or_default().round_dp(8)
    }

    /// The largest multiple of the quantity step that is not above `qty`.
    pub(crate) fn floor_qty(&self, qty: Decimal) -> Decimal {
        qty.checked_div(self.step).unwrap_or_default().floor() * self.step
    }

    /// The share of the price by which a limit may lie beyond the mark.
    pub(crate) fn collar(&self) -> Decimal {
        match self.category {
            Category::Spot => num(1, 2),
            _ => num(5, 2),
        }
    }

    pub(crate) fn taker_rate(&self) -> Decimal {
        match self.category {
            Category::Spot => num(1, 3),
            Category::Option => num(3, 4),
            _ => num(55, 5),
        }
    }

    pub(crate) fn maker_rate(&self) -> Decimal {
        match self.category {
            Category::Spot => num(1, 3),
            _ => num(2, 4),
        }
    }
}

/// `digits` × 10^-`scale`.
pub(crate) const fn num(digits: u32, scale: u32) -> Decimal {
    Decimal::from_parts(digits, 0, 0, false, scale)
}

/// The instrument of that category and symbol.
pub(crate) fn find(category: Category, symbol: &str) -> Option<&'static Instrument> {
    INSTRUMENTS
        .iter()
        .find(|one| one.category == category && one.symbol == symbol)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_fit_each_other() {
        for one in &INSTRUMENTS {
            let what = format!("{} {}", one.category.word(), one.symbol);
            assert_eq!(one.base_price % one.tick, Decimal::ZERO, "{what}");
            assert_eq!(one.depth % one.step, Decimal::ZERO, "{what}");
            assert!(
                one.max_market_qty <= one.max_qty && one.depth < one.max_market_qty,
                "{what}"
            );
        }
    }

    #[test]
    fn no_two_share_a_key() {
        for (at, one) in INSTRUMENTS.iter().enumerate() {
            assert!(std::ptr::eq(
                find(one.category, one.symbol).unwrap(),
                &INSTRUMENTS[at]
            ));
        }
    }
}
