//! Answers as nobody would send them: what the reader makes of any bytes, held against what it may make of them.
//!
//! Compiled for tests and for fuzzing alone. Each function says what is wrong, or nothing.

use serde::de::IgnoredAny;
use serde_json::Value;

use super::limits::LimitHeaders;
use super::outcome::{Kind, of_answer};
use super::parse::{self, Document, Rows};
use super::reply::{Redactor, Reply};
use super::retcode::{Class, classify, listed};
use super::{market, orders};
use crate::domain::account::OrderView;
use crate::domain::json::Json;
use crate::domain::order::{ClientOrderId, Side};
use crate::domain::rows;
use crate::domain::secret::Secret;
use crate::domain::symbol::{Category, InstrumentId};
use crate::venue::{Outcome, VenueError};

/// What no answer may show again.
pub const SECRET: &str = "wild-secret-0001";

/// The id of the order that an answer is about.
pub const CLIENT_ID: &str = "wild-0001";

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

/// Whether the outcome is one that the body supports, by another reading of it.
fn allowed(reply: &Reply, kind: Kind<'_>, outcome: &Outcome) -> bool {
    let body: Option<Value> = serde_json::from_str(&reply.body).ok();
    if body.is_none() && serde_json::from_str::<IgnoredAny>(&reply.body).is_ok() {
        // JSON with a number that no `Value` holds, in a place where nobody looks.
        return true;
    }
    // A body whose message is no text, say, is no envelope: then the status alone speaks.
    let code = reply
        .envelope()
        .and_then(|_| body.as_ref()?.get("retCode")?.as_i64());
    let result = body.as_ref().and_then(|body| body.get("result"));
    let text = |name: &str| result.and_then(|result| result.get(name)?.as_str());
    let placing = matches!(kind, Kind::Place(_));
    let at_the_edge = matches!(reply.status, 400 | 401 | 403 | 404);
    let counts = reply.status == 200 || at_the_edge && code.is_some_and(|code| listed(code).is_some());
    let class = code.filter(|_| counts).map(classify);
    match outcome {
        Outcome::NotSent(_) => false,
        Outcome::Unknown(_) => true,
        Outcome::Duplicate(_) => placing && class == Some(Class::Duplicate),
        Outcome::Accepted(accepted) if code == Some(0) => {
            let ours = text("orderId").is_some_and(|id| !id.is_empty())
                && text("orderLinkId").is_none_or(|id| id.is_empty() || id == CLIENT_ID);
            reply.status == 200 && !accepted.unchanged && (ours || !placing)
        }
        Outcome::Accepted(accepted) => !placing && accepted.unchanged && class == Some(Class::NoChange),
        Outcome::Rejected(_) => match class {
            Some(Class::Definite) => true,
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

/// The first byte says which list it is, the rest is the body: every row is read whole or the answer is unreadable.
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
    let read = Document::of(&envelope, "wild")
        .and_then(|document| document.read(|result| list(result, which % 8, category)));
    match read {
        Ok(found) => found.iter().try_for_each(is_sound),
        Err(VenueError::Unreadable(message)) if message.contains(SECRET) => {
            Err(format!("a secret is shown: {message}"))
        }
        Err(_) => Ok(()),
    }
}

fn list(result: &Json<'_>, which: u8, category: Category) -> Result<Vec<OrderView>, VenueError> {
    let id = |symbol: &str| format!("{category}:{symbol}").parse::<InstrumentId>();
    let id = id("BTCUSDT").map_err(|error| VenueError::Unreadable(error.to_string()))?;
    let rows = result.rows("wild", "list")?;
    match which {
        0..=2 => return rows.iter().map(|row| orders::order(row, category)).collect(),
        3 => return Ok(orders::from_executions(&rows, category)?.into_iter().collect()),
        4 => drop(market::average_turnover(result, &id, 1_800_000_000_000, 45)?),
        5 => drop(
            rows.iter()
                .map(parse::coin_balance)
                .collect::<Result<Vec<_>, _>>()?,
        ),
        6 => drop(
            rows.iter()
                .map(|row| market::instrument(row, &id))
                .collect::<Result<Vec<_>, _>>()?,
        ),
        _ => {
            for row in &rows {
                parse::position(row, category)?;
                let quote = market::quote(row)?;
                let _ = (quote.live(Side::Buy), market::coin_usd(row)?);
            }
        }
    }
    Ok(Vec::new())
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
