//! What is listed here: sixteen instruments with plausible filters.

use rust_decimal::Decimal;

use super::instruments::{Category, Instrument, num};

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
