//! `/paper/*`: the switches for prices, faults, the clock and the money, for people and tests on this machine.

use axum::http::request::Parts;
use axum::response::Response;
use rust_decimal::Decimal;
use serde_json::json;

use super::envelope;
use super::server::{self, Shared};
use crate::sim::PaperError;
use crate::sim::account::birth;
use crate::sim::account::upkeep;
use crate::sim::call::{Params, Refusal};
use crate::sim::instruments::{self, Category, Instrument};
use crate::sim::market::clock::{Clock, now_ms};
use crate::sim::orders;
use crate::sim::orders::waiting;
use crate::sim::store;
use crate::sim::store::books::Intent;

/// Answers `POST /paper/faults`, `/paper/price`, `/paper/clock`, `/paper/deposit` and `/paper/restart`, and `GET /paper/clock`.
pub(crate) fn answer(shared: &Shared, parts: &Parts, body: &[u8]) -> Response {
    if server::from_a_page(parts) {
        return envelope::html(403);
    }
    match (parts.method.as_str(), parts.uri.path()) {
        ("POST", "/paper/faults") => {
            let text = String::from_utf8_lossy(body);
            server::admin_reply(shared.faults.replace(&text).map_err(|error| error.to_string()))
        }
        ("POST", "/paper/price") => server::admin_reply(price(shared, body)),
        ("POST", "/paper/clock") => server::admin_reply(turn_clock(shared, body).map_err(say)),
        ("POST", "/paper/deposit") => server::admin_reply(deposit(shared, body).map_err(say)),
        ("POST", "/paper/restart") => server::admin_reply(restart(shared).map_err(say)),
        ("GET", "/paper/clock") => read_clock(shared),
        _ => envelope::html(404),
    }
}

fn price(shared: &Shared, body: &[u8]) -> Result<(), String> {
    let read = || -> Result<(String, String, Decimal), Refusal> {
        let params = Params::from_body(body)?;
        params.require("price")?;
        Ok((
            params.require("category")?.to_owned(),
            params.require("symbol")?.to_owned(),
            params.decimal("price")?.unwrap_or_default(),
        ))
    };
    let (category, symbol, price) = read().map_err(|refusal| refusal.message)?;
    set_price(shared, &category, &symbol, price).map_err(|error| error.to_string())
}

/// Sets the last price from now on, for every process on the store, and lets it act on waiting orders.
pub(crate) fn set_price(
    shared: &Shared,
    category: &str,
    symbol: &str,
    price: Decimal,
) -> Result<(), PaperError> {
    let one = Category::parse(category)
        .and_then(|category| instruments::find(category, symbol))
        .ok_or_else(|| PaperError::Price(format!("{category} {symbol} is not listed here")))?;
    let off_grid = price.checked_rem(one.tick).is_none_or(|rest| !rest.is_zero());
    let most = one.base_price * Decimal::ONE_HUNDRED;
    if price <= Decimal::ZERO || price > most || off_grid {
        let tick = one.tick;
        return Err(PaperError::Price(format!(
            "{price} is not a price of {category} {symbol}: it must be a multiple of {tick} up to {most}"
        )));
    }
    move_to(shared, one, price).map_err(|refusal| PaperError::Price(refusal.message))
}

fn move_to(shared: &Shared, one: &'static Instrument, price: Decimal) -> Result<(), Refusal> {
    let books = shared.books();
    books.transact(Intent::Write, || {
        let desk = shared.desk(&books)?;
        waiting::look(&desk)?;
        store::pin(&books, one, desk.now, price)?;
        // Orders of this very millisecond have the set price ahead of them, so it acts on them now.
        waiting::pinned(&desk, one, price)?;
        upkeep::at_tick(&desk).map(drop)
    })
}

fn say(refusal: Refusal) -> String {
    refusal.message
}

/// Moves the market's clock ahead by `advance_ms`, or lets it run at another `speed`.
fn turn_clock(shared: &Shared, body: &[u8]) -> Result<(), Refusal> {
    let params = Params::from_body(body)?;
    let (ahead, speed) = (params.integer("advance_ms")?, params.decimal("speed")?);
    if ahead.is_none() && speed.is_none() {
        return Err(Refusal::params("advance_ms or speed is required"));
    }
    let ahead = u32::try_from(ahead.unwrap_or_default())
        .map_err(|_| Refusal::params("advance_ms must be 0 to 4294967295: time does not go back"))?;
    let books = shared.books();
    books.transact(Intent::Write, || {
        // What the time that has passed did is settled before more of it passes.
        waiting::look(&shared.desk(&books)?)?;
        let real = now_ms();
        let mut clock = books.clock()?.advanced(real, ahead);
        if let Some(speed) = speed {
            clock = Clock::starting(real, clock.at(real), speed)
                .ok_or_else(|| Refusal::params("speed must be 0 to 86400"))?;
        }
        store::set_meta(&books, Clock::NAME, &clock.text())?;
        waiting::look(&shared.desk(&books)?)
    })
}

/// The market's moment, and its speed where that is not the machine's clock.
pub(crate) fn clock(shared: &Shared) -> Result<(i64, Option<Decimal>), Refusal> {
    let books = shared.books();
    books.transact(Intent::Read, || {
        let clock = books.clock()?;
        Ok((clock.at(now_ms()), clock.speed()))
    })
}

fn read_clock(shared: &Shared) -> Response {
    let books = shared.books();
    let now = books.transact(Intent::Read, || books.market_time(now_ms()));
    match now {
        Ok(now) => envelope::reply(&json!({"ok": true, "market_ms": now})),
        Err(refusal) => server::admin_reply(Err(refusal.message)),
    }
}

/// Puts play money into the unified wallet; an amount below zero takes it out.
fn deposit(shared: &Shared, body: &[u8]) -> Result<(), Refusal> {
    let params = Params::from_body(body)?;
    let coin = params.require("coin")?.to_owned();
    let amount = params.decimal("amount")?.unwrap_or_default();
    let books = shared.books();
    books.transact(Intent::Write, || {
        let desk = shared.desk(&books)?;
        waiting::look(&desk)?;
        birth::deposit(&desk, &coin, amount)
    })
}

/// What clients notice of a restart of Bybit's servers: closed orders are gone from `order/realtime`, streams
/// are cut, budgets begin anew.
fn restart(shared: &Shared) -> Result<(), Refusal> {
    let books = shared.books();
    books.transact(Intent::Write, || {
        let desk = shared.desk(&books)?;
        waiting::look(&desk)?;
        orders::records::forget_closed_before(&books, desk.now + 1)
    })?;
    shared.limits.reset();
    shared.restarts.send_replace(());
    Ok(())
}
