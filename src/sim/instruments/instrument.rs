//! What an instrument is: its category, its filters, its phase, its fees and the arithmetic of its value.

use rust_decimal::Decimal;

pub(crate) use super::catalogue::INSTRUMENTS;
pub(crate) use super::phase::{Phase, Right};
use super::risk::{self, Tier};

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
#[derive(Debug, Clone)]
pub(crate) struct Instrument {
    pub(crate) id: u32,
    pub(crate) category: Category,
    pub(crate) symbol: &'static str,
    pub(crate) base: &'static str,
    pub(crate) quote: &'static str,
    pub(crate) settle: &'static str,
    /// Where the walk is centred, and the price under fixed prices.
    pub(crate) base_price: Decimal,
    /// Written with as many digits as replies show prices with.
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
    /// The phase it was listed in; [`Instrument::phase`] also knows whether it was delivered since.
    pub(crate) listing: Phase,
    /// Milliseconds since 1970.
    pub(crate) launch: i64,
    /// When it expires or leaves the list (ms); zero for what does neither.
    pub(crate) delivery: i64,
    /// Minutes between funding payments; zero where there are none.
    pub(crate) funding_minutes: i64,
    /// The highest funding rate of one payment; its negative is the lowest.
    pub(crate) funding_cap: Decimal,
    /// Margin tiers of contracts by position value, smallest first.
    pub(crate) tiers: Vec<Tier>,
    /// `priceLimitRatioX` and `priceLimitRatioY`.
    pub(crate) limit_ratios: [Decimal; 2],
    /// Whether a spot pair can be bought with borrowed money.
    pub(crate) spot_margin: bool,
    /// Bybit's `symbolType`; empty for the common ones.
    pub(crate) kind: &'static str,
    pub(crate) right: Option<Right>,
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

    /// The phase at `now` (ms).
    pub(crate) fn phase(&self, now: i64) -> Phase {
        match self.delivery != 0 && now >= self.delivery {
            true => Phase::Closed,
            false => self.listing,
        }
    }

    /// Whether it is a future or an option that expires, rather than a contract without end.
    pub(crate) fn expires(&self) -> bool {
        self.delivery != 0 && self.listing == Phase::Trading
    }

    /// Digits after the point that prices are shown with.
    pub(crate) fn price_scale(&self) -> u32 {
        self.tick.scale()
    }

    pub(crate) fn min_price(&self) -> Decimal {
        self.tick
    }

    pub(crate) fn max_price(&self) -> Decimal {
        self.base_price * Decimal::ONE_HUNDRED
    }

    /// A price as contracts show it: with all digits of the tick; spot pairs show no trailing zeros.
    pub(crate) fn price_text(&self, price: Decimal) -> String {
        padded(self.category, price, self.tick.scale())
    }

    /// A quantity as contracts show it: with all digits of the step.
    pub(crate) fn qty_text(&self, qty: Decimal) -> String {
        padded(self.category, qty, self.step.scale())
    }

    /// The nearest price on the grid of ticks, at least one tick.
    pub(crate) fn to_tick(&self, price: Decimal) -> Decimal {
        let ticks = price.checked_div(self.tick).unwrap_or_default().round();
        ticks.max(Decimal::ONE) * self.tick
    }

    /// The tier that a position of that value is in; beyond the last one it is the last.
    pub(crate) fn tier(&self, value: Decimal) -> Option<&Tier> {
        risk::tier(&self.tiers, value)
    }

    /// The maintenance margin rate of a position of that value; spot pairs have none.
    pub(crate) fn maintenance_rate(&self, value: Decimal) -> Decimal {
        self.tier(value).map(|tier| tier.maintenance).unwrap_or_default()
    }

    /// What a position of that value must be backed by: the rate of its tier less the tier's deduction.
    pub(crate) fn maintenance(&self, value: Decimal) -> Decimal {
        self.tier(value)
            .map(|tier| value * tier.maintenance - tier.deduction)
            .unwrap_or_default()
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

fn padded(category: Category, value: Decimal, scale: u32) -> String {
    let mut value = value.normalize();
    if category != Category::Spot && value.scale() < scale {
        value.rescale(scale);
    }
    value.to_string()
}

/// The instrument of that category and symbol.
pub(crate) fn find(category: Category, symbol: &str) -> Option<&'static Instrument> {
    INSTRUMENTS
        .iter()
        .find(|one| one.category == category && one.symbol == symbol)
}

/// The perpetual contract whose index an option or a future of the same coin and quote follows.
pub(crate) fn underlying(one: &Instrument) -> Option<&'static Instrument> {
    INSTRUMENTS.iter().find(|other| {
        let category = match one.category {
            Category::Option => Category::Linear,
            same => same,
        };
        other.category == category
            && other.base == one.base
            && other.quote == one.quote
            && other.delivery == 0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_fit_each_other() {
        for one in INSTRUMENTS.iter() {
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
