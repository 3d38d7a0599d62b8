//! The answer to one write. `live_action` comes first and its first key is `audit_id`: Vibe-Trading looks for
//! both in the first 200 characters.

use serde_json::{Map, Value, json};

use super::record::{Scribe, shown};
use super::resolve::Fate;
use crate::domain::account::OrderView;
use crate::domain::order::{OrderKind, Side, Size, Write, WriteTool};
use crate::gate::{Decision, Refusal, Refused};
use crate::state::audit_record::{AuditOutcome, AuditRecord};
use crate::state::inflight::InflightRecord;
use crate::state::paths::LiveFiles;

/// What the caller is told.
#[derive(Debug, Clone)]
pub(super) struct Reply(Value);

impl Reply {
    pub(super) fn into_value(self) -> Value {
        self.0
    }

    pub(super) fn value(&self) -> &Value {
        &self.0
    }

    /// The first answer to an order that is asked for again under its own id.
    pub(super) fn repeated(first: Value) -> Self {
        let mut reply = first;
        if let Value::Object(members) = &mut reply {
            let now =
                "this order_link_id was used before: this is the first outcome, and nothing was sent now";
            let note = match members.get("note").and_then(Value::as_str) {
                Some(then) => format!("{now}. it was noted then: {then}"),
                None => now.to_owned(),
            };
            put(members, "repeated", true);
            put(members, "note", note);
        }
        Self(reply)
    }

    /// What is known of an order that is asked for again while it is on its way.
    pub(super) fn on_its_way(order: &InflightRecord, record: &AuditRecord, paper: bool) -> Self {
        let mut reply = Self::found_later(order, record, None, paper);
        if let Value::Object(members) = &mut reply.0 {
            let note = format!(
                "this order_link_id is on its way since {}: nothing was sent now. the order may have been placed, and \
                 counts until it is settled; do not send it under another id. look at bybit_get_open_orders and \
                 bybit_get_order_history, or ask again under this one",
                order.created_at
            );
            put(members, "repeated", true);
            put(members, "note", note);
        }
        reply
    }

    /// What a later look found out about an order whose write was not answered.
    pub(super) fn found_later(
        order: &InflightRecord,
        record: &AuditRecord,
        view: Option<&OrderView>,
        paper: bool,
    ) -> Self {
        let (status, ok) = match record.outcome {
            AuditOutcome::Filled => ("filled", true),
            AuditOutcome::Rejected => ("rejected", false),
            AuditOutcome::Error | AuditOutcome::Blocked => ("not_sent", false),
            AuditOutcome::Unknown | AuditOutcome::Pending => ("unknown", false),
            AuditOutcome::Accepted => ("accepted", true),
        };
        let mut members = Map::new();
        put(
            &mut members,
            "live_action",
            serde_json::to_value(record).unwrap_or_default(),
        );
        put(&mut members, "status", status);
        put(&mut members, "ok", ok);
        put(&mut members, "venue", order.venue.as_str());
        if paper {
            put(&mut members, "paper", true);
        }
        put(&mut members, "decision", "allow");
        if let Some(reason) = &record.error {
            put(&mut members, "reason", reason.as_str());
        }
        put(&mut members, "broker", record.server.as_str());
        put(&mut members, "remote_tool", order.remote_tool.as_str());
        put(&mut members, "order_link_id", order.client_id.as_str());
        if let Some(view) = view {
            put(&mut members, "order_id", view.order.venue_id.clone());
            put(&mut members, "order", shown(view));
            if let Some(note) = ended(WriteTool::PlaceOrder, view).filter(|_| ok) {
                put(&mut members, "note", note);
            }
        }
        put(&mut members, "notional_usd", order.notional_usd.as_str());
        Self(Value::Object(members))
    }

    /// A write whose task broke. What is on disk tells the truth; this reply only knows that it does not.
    pub(super) fn broken(tool: WriteTool, files: &LiveFiles, why: &str) -> Self {
        tracing::error!(why, tool = tool.name(), "a write ended without an answer");
        Self(json!({
            "live_action": null,
            "status": "unknown",
            "ok": false,
            "reason": "the write ended without an answer: do not send it again; look at bybit_get_open_orders and at the ledger",
            "broker": files.broker().as_str(),
            "remote_tool": tool.name(),
        }))
    }
}

fn opening(
    scribe: &Scribe,
    record: &Result<AuditRecord, String>,
    status: &str,
    ok: bool,
) -> Map<String, Value> {
    let live_action = record
        .as_ref()
        .ok()
        .and_then(|record| serde_json::to_value(record).ok());
    let mut members = Map::new();
    members.insert("live_action".to_owned(), live_action.unwrap_or(Value::Null));
    members.insert("status".to_owned(), status.into());
    members.insert("ok".to_owned(), ok.into());
    if let Err(fault) = record {
        members.insert("ledger_fault".to_owned(), fault.as_str().into());
    }
    members.insert("venue".to_owned(), scribe.venue.as_str().into());
    if scribe.paper {
        members.insert("paper".to_owned(), true.into());
    }
    members
}

fn put(members: &mut Map<String, Value>, name: &str, value: impl Into<Value>) {
    members.insert(name.to_owned(), value.into());
}

/// Our gate said no. Not an error of MCP: an error would drop what this says.
pub(super) fn refused(scribe: &Scribe, refused: &Refused, record: &Result<AuditRecord, String>) -> Reply {
    let refusal = &refused.refusal;
    let mut members = opening(scribe, record, "blocked", false);
    put(&mut members, "decision", refusal.decision.word());
    put(&mut members, "reason", refusal.reason.as_str());
    put(&mut members, "broker", scribe.broker.as_str());
    put(&mut members, "remote_tool", scribe.tool.name());
    put_refusal(&mut members, refusal);
    if refusal.limit.kind().is_some() {
        let created_at = record
            .as_ref()
            .map_or(Value::Null, |record| record.ts.as_str().into());
        members.insert("breach".to_owned(), breach(scribe, refused, created_at));
    }
    Reply(Value::Object(members))
}

fn put_refusal(members: &mut Map<String, Value>, refusal: &Refusal) {
    let renew = refusal.decision == Decision::PauseForReauth;
    put(members, "requires_reauthorization", renew);
    put(members, "limit", refusal.limit.word());
}

/// Upstream's `BreachEvent`, with its numbers as decimal text.
fn breach(scribe: &Scribe, refused: &Refused, created_at: Value) -> Value {
    let refusal = &refused.refusal;
    let overage = match (refusal.attempted_value, refusal.limit_value) {
        (Some(attempted), Some(limit)) => attempted.checked_sub(limit),
        _ => None,
    };
    let text = |value: Option<rust_decimal::Decimal>| value.map(|value| value.normalize().to_string());
    json!({
        "broker": scribe.broker,
        "limit": refusal.limit.word(),
        "limit_value": text(refusal.limit_value),
        "attempted_value": text(refusal.attempted_value),
        "overage": text(overage),
        "remote_tool": scribe.tool.name(),
        "created_at": created_at,
        "kind": refusal.limit.kind(),
        "detail": refusal.reason,
        "largest_qty": refusal.largest_qty.map(|qty| qty.to_string()),
        "proposed_action": proposed_action(scribe),
    })
}

fn proposed_action(scribe: &Scribe) -> Value {
    let Some(Write::Place(order)) = scribe.write() else {
        let symbol = scribe
            .write()
            .and_then(Write::instrument)
            .map(|id| id.symbol.to_string());
        return json!({"symbol": symbol, "instrument_type": "crypto"});
    };
    json!({
        "symbol": order.instrument.symbol.as_str(),
        "side": match order.side { Side::Buy => "buy", Side::Sell => "sell" },
        "notional_usd": scribe.figures.notional.map(|usd| usd.to_string()),
        "quantity": order.size.qty().to_string(),
        "quantity_unit": match order.size { Size::Base(_) => "base coin", Size::Quote(_) => "quote coin", Size::UsdContracts(_) => "USD" },
        "limit_price": match order.kind { OrderKind::Market => None, OrderKind::Limit(price) => Some(price.to_string()) },
        "instrument_type": "crypto",
    })
}

/// What became of a write that the gate let through.
pub(super) fn settled(
    scribe: &Scribe,
    fate: &Fate,
    outcome: AuditOutcome,
    record: &Result<AuditRecord, String>,
) -> Reply {
    let (status, ok) = match (fate, outcome) {
        (Fate::Taken { .. }, AuditOutcome::Filled) => ("filled", true),
        (Fate::Taken { .. }, _) => ("accepted", true),
        (Fate::Rejected(_) | Fate::RejectedLater { .. } | Fate::TooLate(_), _) => ("rejected", false),
        (Fate::Withdrawn(_), _) => ("blocked", false),
        (Fate::NotSent(_), _) => ("not_sent", false),
        (Fate::Unknown(_), _) => ("unknown", false),
    };
    let mut members = opening(scribe, record, status, ok);
    let withdrawn = match fate {
        Fate::Withdrawn(refused) => Some(&refused.refusal),
        _ => None,
    };
    put(
        &mut members,
        "decision",
        withdrawn.map_or("allow", |refusal| refusal.decision.word()),
    );
    if let Some(reason) = trouble(scribe.tool, fate) {
        put(&mut members, "reason", reason);
    }
    put(&mut members, "broker", scribe.broker.as_str());
    put(&mut members, "remote_tool", scribe.tool.name());
    if let Some(refusal) = withdrawn {
        put_refusal(&mut members, refusal);
    }
    if let Some(id) = scribe
        .client_id()
        .filter(|_| scribe.tool == WriteTool::PlaceOrder)
    {
        put(&mut members, "order_link_id", id.as_str());
    }
    if let Fate::TooLate(order) = fate {
        put(&mut members, "order_id", order.order.venue_id.clone());
        put(&mut members, "order", shown(order));
    }
    if let Fate::Taken { accepted, order } = fate {
        put(&mut members, "order_id", accepted.venue_id.clone());
        match order {
            Some(view) => {
                put(&mut members, "order", shown(view));
                if let Some(note) = ended(scribe.tool, view) {
                    put(&mut members, "note", note);
                }
            }
            None if scribe.is_awaited(accepted, None) => put(&mut members, "note", not_shown(scribe.tool)),
            None => {}
        }
    }
    put(
        &mut members,
        "notional_usd",
        scribe.figures.notional.map(|usd| usd.to_string()),
    );
    put(
        &mut members,
        "post_trade_exposure_usd",
        scribe.figures.post_trade_exposure.map(|usd| usd.to_string()),
    );
    Reply(Value::Object(members))
}

/// An order can be taken and over at once: post-only that would have traded, what could not fill at once.
fn ended(tool: WriteTool, view: &OrderView) -> Option<String> {
    if tool != WriteTool::PlaceOrder || view.is_open() || view.status == "Filled" {
        return None;
    }
    let why = view.reject_reason.as_deref().unwrap_or("no reason given");
    let (status, filled) = (&view.status, view.order.filled.normalize());
    Some(format!(
        "the order is over already: {status} ({why}), {filled} of it filled; nothing of it rests at the exchange"
    ))
}

fn not_shown(tool: WriteTool) -> &'static str {
    match tool {
        WriteTool::PlaceOrder => "acknowledged, which is no fill; the exchange does not show the order yet",
        _ => {
            "acknowledged; the exchange does not show the change yet, and the larger of both counts until it does"
        }
    }
}

/// Why a write did not end as asked, and what to do.
pub(super) fn trouble(tool: WriteTool, fate: &Fate) -> Option<String> {
    match fate {
        Fate::Taken { .. } => None,
        Fate::Rejected(no) => Some(format!(
            "rejected by the exchange (code {}): {}; nothing was placed or changed",
            no.code, no.message
        )),
        Fate::RejectedLater { order, .. } => {
            let why = order.reject_reason.as_deref().unwrap_or("no reason given");
            Some(format!(
                "rejected by the exchange after it was acknowledged: {why}; nothing was filled"
            ))
        }
        Fate::TooLate(order) => Some(too_late(tool, order)),
        Fate::Withdrawn(refused) => Some(format!(
            "stopped before it was sent, and nothing was sent: {}",
            refused.refusal.reason
        )),
        Fate::NotSent(why) => Some(format!("nothing was sent: {why}")),
        Fate::Unknown(why) => Some(format!("unknown: {why}; {}", in_doubt(tool))),
    }
}

/// What nobody knows of a write of that tool, and what to do.
fn in_doubt(tool: WriteTool) -> &'static str {
    match tool {
        WriteTool::PlaceOrder => {
            "the order may have been placed. do not send it again: it counts until it is settled; look at \
             bybit_get_open_orders and bybit_get_order_history for its order_link_id"
        }
        WriteTool::AmendOrder => {
            "the change may have been made. do not send it again: the larger of both counts until it is settled; look \
             at the order with bybit_get_open_orders"
        }
        WriteTool::CancelOrder => {
            "the order may be cancelled or may rest: look at bybit_get_open_orders, and cancel it again if it rests"
        }
        WriteTool::CancelAllOrders => {
            "some of the orders may be cancelled and others may rest: look at bybit_get_open_orders, and cancel what \
             rests there"
        }
        WriteTool::SetLeverage | WriteTool::SetTradingStop => {
            "it may be set or not: look at the position with bybit_get_positions; to set it again does no harm"
        }
    }
}

/// A cancel or a change came to nothing because its order was over already.
fn too_late(tool: WriteTool, order: &OrderView) -> String {
    let (done, act) = match tool {
        WriteTool::AmendOrder => ("changed", "change"),
        _ => ("cancelled", "cancel"),
    };
    match order.status.as_str() {
        "Filled" => format!(
            "it had filled before; nothing was {done}: what it bought or sold is held now, and a {act} does not undo \
             it; look at bybit_get_positions, on spot at bybit_get_wallet_balance"
        ),
        "Rejected" => {
            let why = order.reject_reason.as_deref().unwrap_or("no reason given");
            format!("the exchange had rejected it before ({why}); nothing was {done}")
        }
        status => format!("it had ended before ({status}); nothing was {done}"),
    }
}
