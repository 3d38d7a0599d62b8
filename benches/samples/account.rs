//! The facts of a decision: the busy account, and one that holds nothing.

use mandated::domain::account::{CoinBalance, Instrument, Quote};
use mandated::domain::json::Json;
use mandated::domain::money::{Price, Qty};
use mandated::domain::rows;
use mandated::domain::symbol::{Category, Coin, InstrumentId, Symbol};
use mandated::gate::Facts;
use rust_decimal::Decimal;

use super::rows as made;

pub(crate) const POSITIONS: u32 = 20;
pub(crate) const RESTING: u32 = 50;

pub(crate) fn instrument_id(number: u32) -> InstrumentId {
    let symbol = Symbol::parse(&format!("C{number:02}USDT")).unwrap();
    InstrumentId::new(Category::Linear, symbol)
}

/// 20 positions and 50 resting orders.
pub(crate) fn busy() -> Facts {
    let mut facts = empty();
    let positions: Vec<_> = (0..POSITIONS).map(made::position).collect();
    let read = |row: &serde_json::Value| {
        let text = row.to_string();
        rows::position(&Json::parse(&text).unwrap()).unwrap().unwrap()
    };
    facts.positions = Some(positions.iter().map(read).collect());
    let orders: Vec<_> = (0..RESTING).map(made::order).collect();
    let read = |row: &serde_json::Value| {
        let text = row.to_string();
        rows::resting(&Json::parse(&text).unwrap()).unwrap()
    };
    facts.open_orders = Some(orders.iter().map(read).collect());
    facts
}

/// The same instruments and prices; nothing held and nothing resting.
pub(crate) fn empty() -> Facts {
    let coin = |coin: &str, equity: i64| CoinBalance {
        coin: Coin::parse(coin).unwrap(),
        equity: Decimal::from(equity),
        wallet: Some(Decimal::from(equity)),
        usd_value: Some(Decimal::from(equity)),
    };
    Facts {
        daily_count: Some(Ok(3)),
        quotes: (0..POSITIONS)
            .map(|number| (instrument_id(number), quote()))
            .collect(),
        instruments: (0..POSITIONS)
            .map(|number| (instrument_id(number), instrument(number)))
            .collect(),
        positions: Some(Vec::new()),
        open_orders: Some(Vec::new()),
        inflight: Some(Vec::new()),
        wallet: Some(vec![coin("USDT", 500_000), coin("USDC", 1_000)]),
        ..Facts::default()
    }
}

fn quote() -> Quote {
    let price = |text: &str| Price::parse(text).unwrap();
    Quote {
        last: price("100"),
        bid: Some(price("99.99")),
        ask: Some(price("100.01")),
        mark: Some(price("100")),
    }
}

fn instrument(number: u32) -> Instrument {
    let qty = |text: &str| Some(Qty::parse(text).unwrap());
    Instrument {
        id: instrument_id(number),
        base_coin: Coin::parse(&format!("C{number:02}")).unwrap(),
        quote_coin: Coin::parse("USDT").unwrap(),
        settle_coin: Some(Coin::parse("USDT").unwrap()),
        status: Some("Trading".to_owned()),
        is_pre_listing: false,
        tick_size: Some(Price::parse("0.01").unwrap()),
        qty_step: qty("0.001"),
        quote_step: None,
        min_qty: qty("0.001"),
        max_limit_qty: qty("100000"),
        max_market_qty: qty("10000"),
        min_notional: qty("5"),
        max_leverage: Some(Decimal::from(50)),
    }
}
