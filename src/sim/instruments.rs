//! What can be traded here: a fixed list with plausible filters, keyed by category and symbol.

use rust_decimal::Decimal;

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
        qty.checked_div(price).unwrap_or_default().round_dp(8)
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

/// A linear contract; the settle coin is the quote coin.
const fn linear(
    id: u32,
    [symbol, base, quote]: [&'static str; 3],
    base_price: Decimal,
    tick: Decimal,
    step: Decimal,
    depth: Decimal,
    max_qty: u32,
) -> Instrument {
    Instrument {
        id,
        category: Category::Linear,
        symbol,
        base,
        quote,
        settle: quote,
        base_price,
        tick,
        step,
        max_qty: num(max_qty, 0),
        max_market_qty: num(max_qty / 2, 0),
        min_notional: num(5, 0),
        max_leverage: num(100, 0),
        depth,
        swing: 100,
    }
}

/// An inverse contract of one US dollar, settled in its base coin.
const fn inverse(
    id: u32,
    symbol: &'static str,
    base: &'static str,
    base_price: Decimal,
    tick: Decimal,
) -> Instrument {
    Instrument {
        id,
        category: Category::Inverse,
        symbol,
        base,
        quote: "USD",
        settle: base,
        base_price,
        tick,
        step: num(1, 0),
        max_qty: num(25_000_000, 0),
        max_market_qty: num(5_000_000, 0),
        min_notional: num(1, 0),
        max_leverage: num(100, 0),
        depth: num(25_000, 0),
        swing: 100,
    }
}

/// A spot pair; `min_notional` is in the quote coin.
const fn spot(
    id: u32,
    [symbol, base, quote]: [&'static str; 3],
    base_price: Decimal,
    tick: Decimal,
    step: Decimal,
    depth: Decimal,
    min_notional: Decimal,
) -> Instrument {
    Instrument {
        id,
        category: Category::Spot,
        symbol,
        base,
        quote,
        settle: quote,
        base_price,
        tick,
        step,
        max_qty: num(1_000_000, 0),
        max_market_qty: num(500_000, 0),
        min_notional,
        max_leverage: num(1, 0),
        depth,
        swing: 100,
    }
}

/// Everything that is listed, in listing order.
pub(crate) static INSTRUMENTS: [Instrument; 16] = [
    linear(
        1,
        ["BTCUSDT", "BTC", "USDT"],
        num(65_000, 0),
        num(1, 1),
        num(1, 3),
        num(5, 1),
        1_000,
    ),
    linear(
        2,
        ["ETHUSDT", "ETH", "USDT"],
        num(3_200, 0),
        num(1, 2),
        num(1, 2),
        num(10, 0),
        10_000,
    ),
    linear(
        3,
        ["SOLUSDT", "SOL", "USDT"],
        num(150, 0),
        num(1, 2),
        num(1, 1),
        num(200, 0),
        80_000,
    ),
    linear(
        4,
        ["XRPUSDT", "XRP", "USDT"],
        num(5, 1),
        num(1, 4),
        num(1, 1),
        num(60_000, 0),
        4_000_000,
    ),
    linear(
        5,
        ["DOGEUSDT", "DOGE", "USDT"],
        num(2, 1),
        num(1, 5),
        num(1, 0),
        num(150_000, 0),
        20_000_000,
    ),
    linear(
        6,
        ["BTCPERP", "BTC", "USDC"],
        num(65_000, 0),
        num(1, 1),
        num(1, 3),
        num(5, 1),
        500,
    ),
    inverse(7, "BTCUSD", "BTC", num(65_000, 0), num(1, 1)),
    inverse(8, "ETHUSD", "ETH", num(3_200, 0), num(1, 2)),
    spot(
        9,
        ["BTCUSDT", "BTC", "USDT"],
        num(65_000, 0),
        num(1, 1),
        num(1, 6),
        num(5, 1),
        num(5, 0),
    ),
    spot(
        10,
        ["ETHUSDT", "ETH", "USDT"],
        num(3_200, 0),
        num(1, 2),
        num(1, 5),
        num(10, 0),
        num(5, 0),
    ),
    spot(
        11,
        ["SOLUSDT", "SOL", "USDT"],
        num(150, 0),
        num(1, 2),
        num(1, 3),
        num(200, 0),
        num(5, 0),
    ),
    spot(
        12,
        ["ETHBTC", "ETH", "BTC"],
        num(49, 3),
        num(1, 6),
        num(1, 5),
        num(10, 0),
        num(1, 4),
    ),
    spot(
        13,
        ["BTCEUR", "BTC", "EUR"],
        num(60_000, 0),
        num(1, 1),
        num(1, 6),
        num(5, 1),
        num(5, 0),
    ),
    Instrument {
        swing: 2,
        ..spot(
            14,
            ["USDCUSDT", "USDC", "USDT"],
            num(1, 0),
            num(1, 4),
            num(1, 2),
            num(50_000, 0),
            num(5, 0),
        )
    },
    spot(
        15,
        ["BTCUSDC", "BTC", "USDC"],
        num(65_000, 0),
        num(1, 1),
        num(1, 6),
        num(5, 1),
        num(5, 0),
    ),
    Instrument {
        category: Category::Option,
        max_leverage: num(1, 0),
        ..linear(
            16,
            ["BTC-25DEC26-70000-C-USDT", "BTC", "USDT"],
            num(4_500, 0),
            num(5, 0),
            num(1, 2),
            num(2, 0),
            500,
        )
    },
];

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
