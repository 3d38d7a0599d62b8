//! Random cases: one-way and hedged accounts with up to six resting orders.

use mandated::domain::order::{PositionIdx, Side};
use proptest::prelude::*;

use crate::world::{Caps, Case, Held, Market, Order, Prices, Resting};

fn market() -> impl Strategy<Value = Market> {
    prop_oneof![
        5 => Just(Market::Btc),
        2 => Just(Market::Eth),
        2 => Just(Market::Inverse),
        2 => Just(Market::Spot),
    ]
}

pub(crate) fn side() -> impl Strategy<Value = Side> + Clone {
    prop_oneof![Just(Side::Buy), Just(Side::Sell)]
}

fn dollars() -> impl Strategy<Value = i64> {
    60..160_i64
}

/// Which leg an order works on: in hedge mode one of the two, on spot none.
fn leg(hedged: bool, market: Market, long: bool) -> PositionIdx {
    match (hedged, market, long) {
        (true, Market::Btc | Market::Eth, true) => PositionIdx::HedgeLong,
        (true, Market::Btc | Market::Eth, false) => PositionIdx::HedgeShort,
        _ => PositionIdx::OneWay,
    }
}

/// Inverse quantities are dollars: as many of them as the other markets' are worth.
pub(crate) fn sized(market: Market, qty: i64) -> i64 {
    if market == Market::Inverse { qty * 100 } else { qty }
}

fn prices() -> impl Strategy<Value = Prices> {
    (90..110_i64, 0..4_i64, -3..4_i64, -6..7_i64).prop_map(|(bid, spread, last, mark)| Prices {
        bid,
        ask: bid + spread,
        last: bid + last,
        mark: bid + mark,
    })
}

fn resting(hedged: bool) -> impl Strategy<Value = Resting> {
    (
        market(),
        side(),
        1..60_i64,
        prop::option::weighted(0.8, dollars()),
        prop::option::weighted(0.2, dollars()),
        prop::bool::weighted(0.25),
        (any::<bool>(), prop::bool::weighted(0.4)),
        prop::bool::weighted(0.2),
    )
        .prop_map(
            move |(market, side, qty, price, trigger, reduce_only, (long, borrows), inflight)| {
                let idx = leg(hedged, market, long);
                Resting {
                    market,
                    side,
                    qty: sized(market, qty),
                    price,
                    trigger,
                    // What adds to a hedge leg is no reduce-only order: the exchange takes none.
                    reduce_only: reduce_only && (idx == PositionIdx::OneWay || idx.is_reduced_by(side)),
                    borrows,
                    idx,
                    inflight,
                }
            },
        )
}

fn order(hedged: bool) -> impl Strategy<Value = Order> {
    (
        market(),
        side(),
        1..60_i64,
        prop::option::of(dollars()),
        prop::option::weighted(0.15, dollars()),
        prop::option::weighted(0.2, 1..8_000_i64),
        any::<bool>(),
    )
        .prop_map(move |(market, side, qty, limit, trigger, stated, long)| Order {
            market,
            side,
            qty: sized(market, qty),
            limit,
            trigger,
            stated,
            reduce_only: false,
            idx: leg(hedged, market, long),
        })
}

/// At most one position a leg, as the exchange has it.
fn held(hedged: bool) -> impl Strategy<Value = Vec<Held>> {
    let one = (prop::option::of(1..90_i64), side());
    let each = prop::collection::vec((one.clone(), one), 3);
    each.prop_map(move |rows| {
        let markets = [Market::Btc, Market::Eth, Market::Inverse];
        let mut found = Vec::new();
        for (market, ((first, side), (second, _))) in markets.into_iter().zip(rows) {
            let hedged = leg(hedged, market, true) != PositionIdx::OneWay;
            let mut hold = |qty: Option<i64>, side, idx| {
                found.extend(qty.map(|qty| Held {
                    market,
                    side,
                    qty: sized(market, qty),
                    idx,
                }));
            };
            if hedged {
                hold(first, Side::Buy, PositionIdx::HedgeLong);
                hold(second, Side::Sell, PositionIdx::HedgeShort);
            } else {
                hold(first, side, PositionIdx::OneWay);
            }
        }
        found
    })
}

pub(crate) fn caps() -> impl Strategy<Value = Caps> {
    (
        500..8_000_i64,
        1_000..40_000_i64,
        500..40_000_i64,
        1..40_i64,
        1..6_u64,
    )
        .prop_map(|(order, exposure, funding, leverage, trades)| Caps {
            order,
            exposure,
            funding,
            leverage,
            trades,
        })
}

/// Caps that stop next to nothing, so that one fact alone decides.
pub(crate) fn wide() -> Caps {
    Caps {
        order: 1_000_000,
        exposure: 1_000_000,
        funding: 1_000_000,
        leverage: 100,
        trades: 1_000,
    }
}

fn coins() -> impl Strategy<Value = i64> {
    prop_oneof![1 => Just(0), 1 => -30..60_i64]
}

fn owed() -> impl Strategy<Value = Option<i64>> {
    prop_oneof![4 => Just(Some(0)), 1 => Just(None), 1 => (1..40_i64).prop_map(Some)]
}

pub(crate) fn case() -> impl Strategy<Value = Case> {
    any::<bool>().prop_flat_map(|hedged| {
        (
            prop::collection::vec(prices(), 4),
            held(hedged),
            prop::collection::vec(resting(hedged), 0..7),
            (coins(), owed()),
            order(hedged),
            caps(),
            0..3_u64,
        )
            .prop_map(
                |(prices, held, resting, (coins, owed), order, caps, count)| Case {
                    prices: Market::ALL.into_iter().zip(prices).collect(),
                    held,
                    resting,
                    coins,
                    owed,
                    order,
                    caps,
                    count,
                },
            )
    })
}
