//! Writes that can only take risk away: what a person, and the sweep of a HALT, may send in every state. There
//! is no way to build one that opens or adds.

use super::account::{CoinBalance, Instrument, Position, RestingOrder};
use super::money::Qty;
use super::order::{
    CancelOrder, CancelScope, OrderKey, OrderKind, PlaceOrder, PositionIdx, Side, Size, Write,
};
use super::symbol::{Category, InstrumentId};

/// A cancel, a reduce-only market order against an open position, or the sale of coins that are held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exit(Write);

impl Exit {
    #[must_use]
    pub fn cancel_all(scope: CancelScope) -> Self {
        Self(Write::CancelAll(scope))
    }

    /// Cancels one order that the exchange shows; `None` when it shows it without any id.
    #[must_use]
    pub fn cancel(order: &RestingOrder) -> Option<Self> {
        let key = match (&order.venue_id, &order.client_id) {
            (Some(id), _) => OrderKey::Venue(id.clone()),
            (None, Some(id)) => OrderKey::Client(id.clone()),
            (None, None) => return None,
        };
        Some(Self(Write::Cancel(CancelOrder {
            instrument: order.instrument.clone(),
            key,
        })))
    }

    /// Closes a position that the exchange shows, or as much of it as one market order may hold. `None` where
    /// the exchange has no reduce-only order: spot, and options, which the client does not place.
    #[must_use]
    pub fn close(position: &Position, most: Option<Qty>) -> Option<Self> {
        let qty = most.map_or(position.size, |most| position.size.min(most));
        let size = match position.instrument.category {
            Category::Linear => Size::Base(qty),
            Category::Inverse => Size::UsdContracts(qty),
            Category::Spot | Category::Option => return None,
        };
        Some(Self(Write::Place(PlaceOrder {
            reduce_only: true,
            position_idx: position.position_idx,
            ..market(&position.instrument, position.side.opposite(), size)
        })))
    }

    /// Sells a coin that the wallet holds, or as much of it as one market order may hold, cut to the lot step.
    /// The client sends spot orders without borrowing, so the exchange refuses what is not there. `None` when
    /// the instrument is no spot pair of that coin, or when what is held is less than the smallest order.
    #[must_use]
    pub fn sell(held: &CoinBalance, instrument: &Instrument) -> Option<Self> {
        if instrument.id.category != Category::Spot || instrument.base_coin != held.coin {
            return None;
        }
        let held = Qty::new(held.equity)?;
        let most = instrument.max_market_qty.map_or(held, |most| held.min(most));
        let qty = most.floor_to(instrument.qty_step?)?;
        if instrument.min_qty.is_some_and(|least| qty < least) {
            return None;
        }
        let order = market(&instrument.id, Side::Sell, Size::Base(qty));
        Some(Self(Write::Place(order)))
    }

    /// The write that is sent.
    #[must_use]
    pub fn write(&self) -> &Write {
        &self.0
    }
}

fn market(instrument: &InstrumentId, side: Side, size: Size) -> PlaceOrder {
    PlaceOrder {
        instrument: instrument.clone(),
        side,
        kind: OrderKind::Market,
        size,
        time_in_force: None,
        reduce_only: false,
        client_id: None,
        trigger: None,
        take_profit: None,
        stop_loss: None,
        tpsl_mode: None,
        position_idx: PositionIdx::OneWay,
        stated_notional: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::money::parse_decimal;
    use crate::domain::symbol::Coin;

    fn qty(text: &str) -> Qty {
        Qty::parse(text).unwrap()
    }

    fn bitcoin(category: &str) -> Instrument {
        Instrument {
            id: format!("{category}:BTCUSDT").parse().unwrap(),
            base_coin: Coin::parse("BTC").unwrap(),
            quote_coin: Coin::parse("USDT").unwrap(),
            settle_coin: None,
            status: None,
            is_pre_listing: false,
            tick_size: None,
            qty_step: Some(qty("0.000001")),
            quote_step: None,
            min_qty: Some(qty("0.00001")),
            max_limit_qty: None,
            max_market_qty: Some(qty("2")),
            min_notional: None,
            max_leverage: None,
        }
    }

    fn held(coin: &str, equity: &str) -> CoinBalance {
        CoinBalance {
            coin: Coin::parse(coin).unwrap(),
            equity: parse_decimal(equity).unwrap(),
            wallet: None,
            usd_value: None,
        }
    }

    fn sold(coin: &str, equity: &str) -> Option<String> {
        let exit = Exit::sell(&held(coin, equity), &bitcoin("spot"))?;
        let Write::Place(order) = exit.write() else {
            panic!("{exit:?}")
        };
        assert_eq!((order.side, order.kind), (Side::Sell, OrderKind::Market));
        Some(order.size.qty().to_string())
    }

    #[test]
    fn a_sale_never_exceeds_what_is_held() {
        assert_eq!(sold("BTC", "0.1234567").as_deref(), Some("0.123456"));
        assert_eq!(sold("BTC", "5").as_deref(), Some("2"));
        assert_eq!(sold("BTC", "0.000009"), None);
        assert_eq!(sold("BTC", "-1"), None);
        assert_eq!(sold("ETH", "1"), None);
        assert!(Exit::sell(&held("BTC", "1"), &bitcoin("linear")).is_none());
    }

    #[test]
    fn a_close_is_reduce_only_and_no_larger_than_the_position() {
        let position = |category: &str| Position {
            instrument: format!("{category}:BTCUSDT").parse().unwrap(),
            side: Side::Sell,
            size: qty("3"),
            mark_price: None,
            position_idx: PositionIdx::HedgeShort,
        };
        for (most, expected) in [(None, "3"), (Some("2"), "2"), (Some("9"), "3")] {
            let exit = Exit::close(&position("linear"), most.map(qty)).unwrap();
            let Write::Place(order) = exit.write() else {
                panic!("{exit:?}")
            };
            assert!(order.reduce_only && order.side == Side::Buy);
            assert_eq!(order.position_idx, PositionIdx::HedgeShort);
            assert_eq!(order.size, Size::Base(qty(expected)));
        }
        assert!(Exit::close(&position("option"), None).is_none());
    }
}
