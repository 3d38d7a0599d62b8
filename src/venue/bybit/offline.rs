//! One answer read as the client reads it, without a client: so that the cost of reading can be measured.

use super::limits::LimitHeaders;
use super::parse::Document;
use super::reply::{Envelope, Redactor, Reply};
use super::{market, orders, pages, parse};
use crate::domain::account::{Instrument, Position, RestingOrder};
use crate::domain::symbol::{Category, InstrumentId};
use crate::venue::VenueError;

/// A page of `/v5/position/list`.
pub fn positions(body: String, category: Category) -> Result<Vec<Position>, VenueError> {
    let mut found = Vec::new();
    let envelope = envelope(body)?;
    pages::read_page(
        &envelope,
        "/v5/position/list",
        category,
        parse::position,
        &mut found,
    )?;
    Ok(found)
}

/// A page of `/v5/order/realtime`.
pub fn open_orders(body: String, category: Category) -> Result<Vec<RestingOrder>, VenueError> {
    let mut found = Vec::new();
    let envelope = envelope(body)?;
    pages::read_page(
        &envelope,
        "/v5/order/realtime",
        category,
        orders::open,
        &mut found,
    )?;
    Ok(found)
}

/// `/v5/market/instruments-info` of one instrument.
pub fn instrument(body: String, id: &InstrumentId) -> Result<Option<Instrument>, VenueError> {
    let path = "/v5/market/instruments-info";
    let envelope = envelope(body)?;
    Document::of(&envelope, path)?.read(|result| {
        let row = market::row_of(result, path, id)?;
        row.map(|row| market::instrument(&row, id)).transpose()
    })
}

fn envelope(body: String) -> Result<Envelope, VenueError> {
    let reply = Reply {
        status: 200,
        body,
        limits: LimitHeaders::default(),
        redactor: Redactor::default(),
    };
    reply
        .envelope()
        .ok_or_else(|| VenueError::Unreadable(reply.body_in_words()))
}
