//! `/paper/*`: the switches for prices and faults, for people and tests on this machine.

use axum::http::request::Parts;
use axum::response::Response;
use rust_decimal::Decimal;

use super::PaperError;
use super::books::Intent;
use super::call::{Params, Refusal};
use super::envelope;
use super::instruments::{self, Category, Instrument};
use super::server::{self, Shared};
use super::store;
use super::upkeep;
use super::waiting;

/// Answers `POST /paper/faults` and `POST /paper/price`.
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
