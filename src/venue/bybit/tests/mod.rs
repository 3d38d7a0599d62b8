//! The client against a scripted server: what goes over the wire, byte for byte, and what is made of the answers.

mod account;
mod asking;
mod cancelling;
mod protecting;
mod reading;
mod rows;
mod samples;
mod stub;
mod timing;
mod wild;
mod writing;

use std::time::Duration;

use self::stub::Stub;
use super::{BybitConfig, BybitVenue};
use crate::domain::money::{Price, Qty};
use crate::domain::order::{ClientOrderId, OrderKind, PlaceOrder, PositionIdx, Side, Size};
use crate::domain::symbol::InstrumentId;

const KEY: &str = "stub-api-key-0001";
const SECRET: &str = "stub-api-secret-0001";

fn venue(stub: &Stub) -> BybitVenue {
    venue_with(stub, |_| {})
}

fn venue_with(stub: &Stub, change: impl FnOnce(&mut BybitConfig)) -> BybitVenue {
    let mut config = BybitConfig::paper(stub.url(), KEY, SECRET).unwrap();
    config.timeout = Duration::from_secs(2);
    change(&mut config);
    BybitVenue::new(config)
}

fn id(text: &str) -> InstrumentId {
    text.parse().unwrap()
}

fn price(text: &str) -> Price {
    Price::parse(text).unwrap()
}

fn qty(text: &str) -> Qty {
    Qty::parse(text).unwrap()
}

fn client_id() -> ClientOrderId {
    ClientOrderId::parse("mandated-0001").unwrap()
}

/// A limit buy of 0.01 BTC at 65000.
fn limit_buy() -> PlaceOrder {
    PlaceOrder {
        instrument: id("linear:BTCUSDT"),
        side: Side::Buy,
        kind: OrderKind::Limit(price("65000.50")),
        size: Size::Base(qty("0.010")),
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
