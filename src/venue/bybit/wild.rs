//! Answers as nobody would send them: what the reader makes of any bytes, held against what it may make of them.
//!
//! Compiled for tests and for fuzzing alone. Each function says what is wrong, or nothing.

mod found;
mod plain;
#[cfg(test)]
mod tests;
mod text;

use serde_json::Value;

use super::limits::LimitHeaders;
use super::outcome::{Kind, of_answer};
use super::pages::read_page;
use super::parse::{self, Document, Rows};
use super::reply::{Envelope, Redactor, Reply};
use super::retcode::{Class, classify, listed};
use super::{market, orders};
use crate::domain::account::OrderView;
use crate::domain::json::Json;
use crate::domain::order::ClientOrderId;
use crate::domain::rows;
use crate::domain::secret::Secret;
use crate::domain::symbol::{Category, InstrumentId};
use crate::venue::{Outcome, VenueError};
use found::Found;

/// What no answer may show again.
pub const SECRET: &str = "wild-secret-0001";

/// The id of the order that an answer is about.
pub const CLIENT_ID: &str = "wild-0001";

/// The day on which candles are read, and how many of them count.
const NOW_MS: i64 = 1_800_000_000_000;
const DAY_MS: i64 = 86_400_000;
const DAYS: usize = 45;

const STATUSES: [u16; 12] = [200, 400, 401, 403, 404, 429, 500, 502, 503, 504, 302, 201];

fn reply(status: u16, body: &[u8]) -> Reply {
    Reply {
        status,
        body: String::from_utf8_lossy(body).into_owned(),
        limits: LimitHeaders::default(),
        redactor: Redactor::new([Secret::new(SECRET.to_owned())]),
    }
}

/// The first byte says what was sent, the second the status, the rest is the body.
pub fn answer(data: &[u8]) -> Result<(), String> {
    let [kind, status, body @ ..] = data else {
        return Ok(());
    };
    let client_id = ClientOrderId::parse(CLIENT_ID).map_err(|error| error.to_string())?;
    let kind = match kind % 4 {
        0 => Kind::Place(&client_id),
        1 => Kind::Target,
        2 => Kind::Setting,
        _ => Kind::Protection,
    };
    let status = STATUSES
        .get(usize::from(*status) % STATUSES.len())
        .copied()
        .unwrap_or(200);
    let reply = reply(status, body);
    let outcome = of_answer(&reply, reply.envelope().as_ref(), kind);
    let shown = match &outcome {
        // The order's id is kept as it came, to be compared; it is redacted where it is written.
        Outcome::Accepted(accepted) => accepted.response.to_string(),
        other => format!("{other:?}"),
    };
    if shown.contains(SECRET) {
        return Err(format!("a secret is shown: {shown}"));
    }
    match allowed(&reply, kind, &outcome) {
        true => Ok(()),
        false => Err(format!(
            "http {status}, {kind:?}: `{}` was {outcome:?}",
            reply.body
        )),
    }
}

/// Whether the outcome is one that the body supports, by another reading of it. A member that nobody looks at may
/// hold what no `Value` does, such as a number beyond all floats; the result may not.
fn allowed(reply: &Reply, kind: Kind<'_>, outcome: &Outcome) -> bool {
    // A body whose message is no text, say, is no envelope: then the status alone speaks.
    let body = reply.envelope().and_then(|_| text::members(&reply.body));
    let member = |name: &str| Some(body.as_ref()?.get(name)?.get());
    let code: Option<i64> = member("retCode").and_then(|raw| serde_json::from_str(raw).ok());
    let result: Option<Value> = serde_json::from_str(member("result").unwrap_or("null")).ok();
    let text = |name: &str| {
        let text = result.as_ref()?.get(name)?.as_str()?;
        (!text.is_empty()).then_some(text)
    };
    let placing = matches!(kind, Kind::Place(_));
    let at_the_edge = matches!(reply.status, 400 | 401 | 403 | 404);
    let counts = reply.status == 200 || at_the_edge && code.is_some_and(|code| listed(code).is_some());
    let class = code.filter(|_| counts).map(classify);
    match outcome {
        Outcome::NotSent(_) => false,
        Outcome::Unknown(_) => true,
        Outcome::Duplicate(_) => placing && class == Some(Class::Duplicate),
        // What cannot be read, or says that it failed, is no acknowledgement; another order's is none of this one.
        Outcome::Accepted(accepted) => {
            let ours = text("orderId").is_some() && text("orderLinkId").is_none_or(|id| id == CLIENT_ID);
            let said = match code {
                Some(0) => reply.status == 200 && !accepted.unchanged && (ours || !placing),
                _ => !placing && accepted.unchanged && class == Some(Class::NoChange),
            };
            said && result.is_some()
                && text("success") != Some("0")
                && accepted.venue_id.as_deref() == text("orderId")
        }
        Outcome::Rejected(_) => match class {
            Some(Class::Definite | Class::Passing) => true,
            Some(Class::Duplicate) => !placing,
            Some(Class::NoChange) => placing,
            Some(Class::Final) => kind == Kind::Target,
            // Refused before trading saw it; a zero would be a contradiction.
            Some(Class::Ambiguous) | None => {
                at_the_edge && code.is_none_or(|code| code != 0 && listed(code).is_none())
            }
        },
    }
}

/// The first byte says which list it is, the rest is the body: every row is read whole and as it is written, or the
/// answer is unreadable; and an answer of plain rows is not.
pub fn rows(data: &[u8]) -> Result<(), String> {
    let [which, body @ ..] = data else {
        return Ok(());
    };
    let reply = reply(200, body);
    let Some(envelope) = reply.envelope() else {
        return Ok(());
    };
    let category = Category::ALL
        .get(usize::from(which / 8) % 4)
        .copied()
        .unwrap_or(Category::Linear);
    let id: InstrumentId = format!("{category}:BTCUSDT")
        .parse()
        .map_err(|error| format!("{error}"))?;
    let put = text::members(&reply.body).ok_or("an envelope was read out of no object")?;
    let put = put.get("result").map_or("null", |raw| raw.get());
    match read(&envelope, which % 8, &id) {
        Ok(found) => {
            let put = text::members(put).ok_or(format!("{found:?} was read out of no object"))?;
            found::check(&found, &put, &id, NOW_MS - DAY_MS)?;
            match &found {
                Found::Orders(views) => views.iter().try_for_each(is_sound),
                Found::Executions(view) => view.iter().try_for_each(is_sound),
                _ => Ok(()),
            }
        }
        Err(VenueError::Unreadable(message)) if message.contains(SECRET) => {
            Err(format!("a secret is shown: {message}"))
        }
        Err(error) if plain::is_plain(put, which % 8, &id, NOW_MS - DAY_MS) => {
            Err(format!("plain rows were not read: {error}"))
        }
        Err(_) => Ok(()),
    }
}

/// One list, as the program reads it.
fn read(envelope: &Envelope, which: u8, id: &InstrumentId) -> Result<Found, VenueError> {
    let what = "wild";
    let category = id.category;
    match which {
        1 => {
            let mut open = Vec::new();
            read_page(envelope, what, category, orders::open, &mut open)?;
            return Ok(Found::Open(open));
        }
        7 => {
            let mut positions = Vec::new();
            read_page(envelope, what, category, parse::position, &mut positions)?;
            return Ok(Found::Positions(positions));
        }
        _ => {}
    }
    Document::of(envelope, what)?.read(|result| listed_there(result, what, which, id))
}

fn listed_there(
    result: &Json<'_>,
    what: &'static str,
    which: u8,
    id: &InstrumentId,
) -> Result<Found, VenueError> {
    let rows = || result.rows(what, "list");
    match which {
        2 => {
            let row = market::row_of(result, what, id)?;
            let read = row.map(|row| Ok((market::quote(&row)?, market::coin_usd(&row)?)));
            read.transpose().map(Found::Quote)
        }
        3 => orders::from_executions(&rows()?, id.category).map(Found::Executions),
        4 => market::average_turnover(result, id, NOW_MS, DAYS).map(Found::Turnover),
        5 => {
            let coins: Result<_, _> = rows()?.iter().map(parse::coin_balance).collect();
            coins.map(Found::Wallet)
        }
        6 => {
            let row = market::row_of(result, what, id)?;
            let read = row.map(|row| market::instrument(&row, id));
            read.transpose().map(Found::Instrument)
        }
        _ => {
            let views: Result<_, _> = rows()?
                .iter()
                .map(|row| orders::order(row, id.category))
                .collect();
            views.map(Found::Orders)
        }
    }
}

/// What an order that was read must be, and that it survives being written down while it is in flight.
fn is_sound(view: &OrderView) -> Result<(), String> {
    let order = &view.order;
    let negative = order.leaves.is_sign_negative() && !order.leaves.is_zero()
        || order.filled.is_sign_negative() && !order.filled.is_zero();
    if negative || !view.is_open() && !order.leaves.is_zero() {
        return Err(format!("{view:?}"));
    }
    if order.qty.is_none() {
        return Ok(());
    }
    let row = rows::resting_row(order).to_string();
    let again = Json::parse(&row)
        .map_err(|error| error.to_string())
        .and_then(|row| rows::resting(&row))?;
    if again == *order {
        Ok(())
    } else {
        Err(format!("{order:?} was read back as {again:?}"))
    }
}
