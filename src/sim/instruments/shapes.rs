//! How instruments of each kind are shaped: what they share unless the table says otherwise.

use rust_decimal::Decimal;

use super::instrument::{Category, Instrument, Phase, num};
use super::risk;

/// 2020-01-01: when everything without a date of its own was launched.
pub(crate) const LAUNCH: i64 = 1_577_836_800_000;

/// A linear contract; the settle coin is the quote coin.
pub(crate) fn linear(
    id: u32,
    [symbol, base, quote]: [&'static str; 3],
    base_price: Decimal,
    [tick, step, depth]: [Decimal; 3],
    max_qty: u32,
) -> Instrument {
    let leverage = num(100, 0);
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
        max_leverage: leverage,
        depth,
        swing: 100,
        listing: Phase::Trading,
        launch: LAUNCH,
        delivery: 0,
        funding_minutes: 480,
        funding_cap: num(5, 3),
        tiers: risk::tiers(num(2_000_000, 0), leverage, 5),
        limit_ratios: [num(5, 2), num(1, 1)],
        spot_margin: false,
        kind: "",
        right: None,
    }
}

/// A linear contract of a smaller coin: less leverage, smaller tiers, other funding, a wider collar.
pub(crate) fn small(leverage: u32, tier_limit: u32, funding_minutes: i64, of: Instrument) -> Instrument {
    let leverage = num(leverage, 0);
    Instrument {
        max_leverage: leverage,
        tiers: risk::tiers(num(tier_limit, 0), leverage, 4),
        funding_minutes,
        funding_cap: num(2, 2),
        limit_ratios: [num(1, 1), num(15, 2)],
        ..of
    }
}

/// An inverse contract of one US dollar, settled in its base coin; `tier_limit` is in that coin.
pub(crate) fn inverse(
    id: u32,
    symbol: &'static str,
    base: &'static str,
    base_price: Decimal,
    tick: Decimal,
    tier_limit: u32,
) -> Instrument {
    let max_qty = 25_000_000;
    Instrument {
        quote: "USD",
        settle: base,
        max_market_qty: num(max_qty / 5, 0),
        min_notional: num(1, 0),
        tiers: risk::tiers(num(tier_limit, 0), num(100, 0), 5),
        category: Category::Inverse,
        ..linear(
            id,
            [symbol, base, base],
            base_price,
            [tick, num(1, 0), num(25_000, 0)],
            max_qty,
        )
    }
}

/// A spot pair; `min_notional` is in the quote coin.
pub(crate) fn spot(
    id: u32,
    names: [&'static str; 3],
    base_price: Decimal,
    filters: [Decimal; 3],
    min_notional: Decimal,
) -> Instrument {
    Instrument {
        category: Category::Spot,
        max_market_qty: num(500_000, 0),
        min_notional,
        max_leverage: num(1, 0),
        funding_minutes: 0,
        funding_cap: Decimal::ZERO,
        tiers: Vec::new(),
        limit_ratios: [num(1, 2), num(2, 2)],
        spot_margin: true,
        ..linear(id, names, base_price, filters, 1_000_000)
    }
}

/// A spot pair of a cheap coin, of which much is held, and none on margin.
pub(crate) fn cheap(
    id: u32,
    names: [&'static str; 3],
    base_price: Decimal,
    filters: [Decimal; 3],
) -> Instrument {
    Instrument {
        max_qty: num(2_000_000_000, 0),
        max_market_qty: num(1_000_000_000, 0),
        spot_margin: false,
        kind: "adventure",
        ..spot(id, names, base_price, filters, num(5, 0))
    }
}
