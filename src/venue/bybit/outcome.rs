//! What an answer says about a write. Accepted and rejected must be said; everything else is unknown.

use serde_json::{Value, json};

use super::get::http_refusal;
use super::reply::{Envelope, Reply};
use super::retcode::{Class, classify, explained, listed};
use super::wire::OrderFilter;
use crate::domain::order::ClientOrderId;
use crate::venue::{Accepted, Outcome, Rejection};

/// What kind of request a code answers: the same code can mean different things (facts §2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind<'a> {
    /// A new order under this id.
    Place(&'a ClientOrderId),
    /// Amend or cancel: there is an order that can be final.
    Target,
    /// Cancel-all, leverage.
    Setting,
    /// A position's take-profit, stop-loss, trailing stop.
    Protection,
}

/// "Nothing was modified" about take-profit and stop-loss (facts §2.3): they stand, or the request lacked a field.
pub(super) const TP_SL_UNCHANGED: i64 = 34040;

/// What an answer says about the write (facts §2.2, §2.3).
pub(super) fn of_answer(reply: &Reply, envelope: Option<&Envelope>, kind: Kind<'_>) -> Outcome {
    match (reply.status, envelope) {
        (200, Some(envelope)) => by_code(envelope, kind),
        // Refused at the edge, before trading saw it; a code of the table still knows better.
        (400 | 401 | 403 | 404, Some(envelope)) if listed(envelope.code).is_some() => by_code(envelope, kind),
        (400 | 401 | 403 | 404, envelope) if envelope.is_none_or(|envelope| envelope.code != 0) => {
            Outcome::Rejected(Rejection {
                code: envelope.map_or(i64::from(reply.status), |envelope| envelope.code),
                message: http_refusal(reply.status, reply),
                target_final: false,
                passing: reply.is_ban(),
            })
        }
        (status, _) => Outcome::Unknown(format!(
            "http {status} with {}: nobody can say yet whether it was done",
            reply.body_in_words()
        )),
    }
}

fn by_code(envelope: &Envelope, kind: Kind<'_>) -> Outcome {
    let code = envelope.code;
    if code == 0 {
        return accepted(envelope, kind, false);
    }
    let class = classify(code);
    let rejection = |target_final| Rejection {
        code,
        message: explained(code, &envelope.message),
        target_final,
        passing: class == Class::Passing,
    };
    match (class, kind) {
        (Class::Duplicate, Kind::Place(_)) => Outcome::Duplicate(rejection(false)),
        (Class::Definite | Class::Passing | Class::Duplicate, _) => Outcome::Rejected(rejection(false)),
        (Class::Final, Kind::Target) => Outcome::Rejected(rejection(true)),
        // "Already so" about a new order: whatever it was about, no order came of it.
        (Class::NoChange, Kind::Place(_)) => Outcome::Rejected(rejection(false)),
        (Class::NoChange, Kind::Setting) if code != TP_SL_UNCHANGED => accepted(envelope, kind, true),
        // The position is read back before anyone believes it.
        (Class::NoChange, Kind::Protection) if code == TP_SL_UNCHANGED => accepted(envelope, kind, true),
        // "Already so" says nothing of the order that was to be changed: it is looked up.
        (Class::NoChange | Class::Ambiguous | Class::Final, _) => Outcome::Unknown(format!(
            "code {code}: {}: nobody can say yet whether it was done",
            explained(code, &envelope.message)
        )),
    }
}

/// An acknowledgement, once it is sure that it is one and that it is ours.
fn accepted(envelope: &Envelope, kind: Kind<'_>, unchanged: bool) -> Outcome {
    // The ids are compared as they came: a key that is part of one would be taken out of it.
    let (raw, response) = match (serde_json::from_str::<Value>(&envelope.result), envelope.value()) {
        (Ok(raw), Ok(response)) => (raw, response),
        _ => return Outcome::Unknown("accepted, but the result is not JSON".to_owned()),
    };
    let text = |name: &str| {
        let text = raw.get(name).and_then(Value::as_str)?;
        (!text.is_empty()).then_some(text)
    };
    if let (Kind::Place(client_id), Some(echoed)) = (kind, text("orderLinkId"))
        && echoed != client_id.as_str()
    {
        return Outcome::Unknown(format!("the answer is about another order than {client_id}"));
    }
    // Every creation names its order (facts §4.5). One that does not may be about anything: it is looked up.
    if let (Kind::Place(client_id), None) = (kind, text("orderId")) {
        return Outcome::Unknown(format!("accepted, but the answer names no order for {client_id}"));
    }
    if text("success") == Some("0") {
        return Outcome::Unknown("the exchange took the request but says that it failed".to_owned());
    }
    Outcome::Accepted(Accepted {
        venue_id: text("orderId").map(str::to_owned),
        unchanged,
        response,
    })
}

/// One outcome out of several calls, which names what each kind of orders got.
///
/// A no is one when nothing was changed, and an acknowledgement when every kind gave one. A mixture is unknown:
/// some of the orders may be gone and others may rest.
pub(super) fn merged(outcomes: &[(OrderFilter, Outcome)]) -> Outcome {
    let parts = || outcomes.iter().map(|(_, outcome)| outcome);
    let said = outcomes
        .iter()
        .map(|(filter, outcome)| format!("{}: {}", filter.as_str(), part_in_words(outcome)))
        .collect::<Vec<_>>()
        .join("; ");
    if parts().all(|part| matches!(part, Outcome::Accepted(_))) {
        let list: Vec<Value> = parts().flat_map(rows).cloned().collect();
        return Outcome::Accepted(Accepted {
            venue_id: None,
            unchanged: false,
            response: json!({"list": list, "success": "1"}),
        });
    }
    if parts().any(|part| matches!(part, Outcome::Accepted(_) | Outcome::Unknown(_))) {
        return Outcome::Unknown(format!("the kinds of orders were answered differently: {said}"));
    }
    let rejected = || {
        parts().filter_map(|part| match part {
            Outcome::Rejected(no) | Outcome::Duplicate(no) => Some(no),
            _ => None,
        })
    };
    match rejected().next() {
        Some(first) => Outcome::Rejected(Rejection {
            code: first.code,
            message: said,
            target_final: false,
            passing: rejected().all(|no| no.passing),
        }),
        None => Outcome::NotSent(said),
    }
}

fn rows(part: &Outcome) -> &[Value] {
    let list = match part {
        Outcome::Accepted(one) => one.response.get("list").and_then(Value::as_array),
        _ => None,
    };
    list.map_or(&[], Vec::as_slice)
}

/// The ids stand here because a mixture has no other place for the rows that were accepted.
fn part_in_words(part: &Outcome) -> String {
    match part {
        Outcome::Accepted(_) => {
            let ids = rows(part).iter().filter_map(|row| row.get("orderId")?.as_str());
            match ids.collect::<Vec<_>>().join(", ") {
                none if none.is_empty() => "accepted, no order named".to_owned(),
                ids => format!("accepted, cancelling {ids}"),
            }
        }
        Outcome::Rejected(no) | Outcome::Duplicate(no) => {
            format!("rejected (code {}): {}", no.code, no.message)
        }
        Outcome::NotSent(why) => format!("not sent: {why}"),
        Outcome::Unknown(why) => format!("unknown: {why}"),
    }
}
