//! An order that closes takes no more out of an account than what it closes counts for there: the size at the price
//! that the position itself is valued at, wherever the last trade, the quote's mark and the book are.

use mandated::domain::money::{Price, Usd};
use mandated::domain::order::{PositionIdx, Side, WriteTool};
use proptest::prelude::*;
use rust_decimal::Decimal;

use crate::accounts::{case, wide};
use crate::cases::cases;
use crate::world::{Case, Held, Market, decide, mandate, standing, tenths};

fn market() -> impl Strategy<Value = Market> {
    prop_oneof![Just(Market::Btc), Just(Market::Spot)]
}

/// A random account without anything but `held` of a market, positive when long, and an order of it that closes.
fn alone(case: Case, market: Market, held: i64, qty: i64) -> Case {
    let mut case = Case {
        held: Vec::new(),
        resting: Vec::new(),
        coins: 0,
        owed: Some(0),
        caps: wide(),
        count: 0,
        ..case
    };
    let side = if held > 0 { Side::Buy } else { Side::Sell };
    case.order.market = market;
    case.order.idx = PositionIdx::OneWay;
    case.order.side = if held > 0 { Side::Sell } else { Side::Buy };
    case.order.qty = qty;
    match market {
        Market::Spot => case.coins = held,
        _ => case.held.push(Held {
            market,
            side,
            qty: held.abs(),
            idx: PositionIdx::OneWay,
        }),
    }
    case
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn a_closing_order_leaves_what_it_does_not_close(
        case in case(),
        market in market(),
        (held, is_long, qty) in (1..90_i64, any::<bool>(), 1..90_i64),
        own in 60..160_i64,
    ) {
        let held = if is_long { held } else { -held };
        let case = alone(case, market, held, qty.min(held.abs()));
        let mut facts = case.facts();
        // The account is read a moment before or after the quotes.
        let own = Decimal::from(own);
        for position in facts.positions.iter_mut().flatten() {
            position.mark_price = Price::new(own);
        }
        for coin in facts.wallet.iter_mut().flatten() {
            coin.usd_value = coin.equity.checked_mul(own);
        }
        let answer = decide(standing(mandate(&case.caps)), WriteTool::PlaceOrder, &case.order.args(), &facts);
        let figures = answer.map(|approved| approved.figures()).map_err(|no| no.refusal.reason);
        let left = Usd::new(tenths(held.abs() - case.order.qty) * own);
        let figure = figures.clone().ok().and_then(|figures| figures.post_trade_exposure);
        prop_assert!(figure >= Some(left), "{figures:?} leave {left}");
    }
}
