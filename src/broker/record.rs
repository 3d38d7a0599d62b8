//! Writes the ledger's side of one write: what was asked, what the gate said, what became of it. It records
//! what is known at each moment and nothing else.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::Core;
use super::describe::{exact_value, in_words, resting_view};
use super::likeness::{Change, is_in_full};
use super::reply::{self, Reply};
use super::resolve::Fate;
use crate::domain::account::{OrderView, RestingOrder, SizeUnit};
use crate::domain::json::Json;
use crate::domain::mandate::Mandate;
use crate::domain::order::{ClientOrderId, Write, WriteTool};
use crate::domain::rows::resting_row;
use crate::gate::{Approved, Figures, Refused};
use crate::state::audit_record::{AuditKind, AuditOutcome, AuditRecord, NoRandomBytes};
use crate::state::clock;
use crate::state::day::{Committed, Day};
use crate::state::inflight::{InflightRecord, InflightState};
use crate::state::ledger::{Ledger, LedgerError};
use crate::venue::{Accepted, Venue};

/// One write as it goes through its steps.
#[derive(Debug)]
pub(super) struct Scribe {
    ledger: Ledger,
    pub(super) broker: String,
    pub(super) venue: String,
    pub(super) paper: bool,
    pub(super) tool: WriteTool,
    /// The arguments as asked, until there is a request.
    request: Value,
    /// Consent token and account reference of the mandate.
    consent: Option<(String, String)>,
    write: Option<Write>,
    client_id: Option<ClientOrderId>,
    fingerprint: String,
    /// The order that an amend changes, as it was before.
    before: Option<RestingOrder>,
    pub(super) figures: Figures,
    checked: Vec<&'static str>,
}

impl Scribe {
    pub(super) fn new<V: Venue>(core: &Core<V>, tool: WriteTool, args: &str) -> Self {
        Self {
            ledger: core.ledger.clone(),
            broker: core.files.broker().as_str().to_owned(),
            venue: core.venue.label().to_owned(),
            paper: core.venue.is_paper(),
            tool,
            request: Json::parse(args).map_or(Value::Null, |json| exact_value(&json)),
            consent: None,
            write: None,
            client_id: None,
            fingerprint: String::new(),
            before: None,
            figures: Figures::default(),
            checked: Vec::new(),
        }
    }

    pub(super) fn mandate(&mut self, mandate: Option<&Mandate>) {
        self.consent = mandate.map(|known| {
            (
                known.consent.consent_token_sha256.clone(),
                known.consent.account_ref.clone(),
            )
        });
    }

    pub(super) fn intended(&mut self, write: &Write) {
        self.write = Some(write.clone());
    }

    /// The id is chosen, so the request is known as it would be sent.
    pub(super) fn request(&mut self, client_id: &ClientOrderId, request: Value) {
        // An order on paper is another order than the same one on the exchange.
        let order = format!("{} {request}", self.venue);
        self.fingerprint = hex::encode(Sha256::digest(order.as_bytes()));
        self.request = request;
        self.client_id = Some(client_id.clone());
    }

    pub(super) fn approved(&mut self, approved: &Approved) {
        self.figures = approved.figures();
        self.checked = approved.checked().words();
        self.before = approved.resting().cloned();
    }

    /// What an amend makes of its order.
    pub(super) fn change(&self) -> Option<Change> {
        match &self.write {
            Some(Write::Amend(change)) => Some(Change::of(change, self.before.as_ref())),
            _ => None,
        }
    }

    pub(super) fn write(&self) -> Option<&Write> {
        self.write.as_ref()
    }

    pub(super) fn client_id(&self) -> Option<&ClientOrderId> {
        self.client_id.as_ref()
    }

    /// Tells whether a second call under the same id asks for the same order.
    pub(super) fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Whether the caller chose the order's id, and so may ask again under it.
    pub(super) fn is_callers_id(&self) -> bool {
        matches!(&self.write, Some(Write::Place(order)) if order.client_id.is_some())
    }

    /// One record of a refusal, on the ledger when it can be written, and the reply that says it.
    pub(super) fn refuse(&mut self, refused: &Refused) -> Reply {
        self.figures = refused.figures;
        self.checked = refused.checked.words();
        let refusal = &refused.refusal;
        let kind = if refusal.limit.kind().is_some() {
            AuditKind::Breach
        } else {
            AuditKind::OrderRejected
        };
        let decision = json!({
            "allowed": false,
            "decision": refusal.decision.word(),
            "checked_limits": self.checked,
            "limit": refusal.limit.word(),
            "kind": refusal.limit.kind(),
            "limit_value": refusal.limit_value.map(|value| value.normalize().to_string()),
            "attempted_value": refusal.attempted_value.map(|value| value.normalize().to_string()),
        });
        let record = self.record(
            kind,
            AuditOutcome::Blocked,
            decision,
            Value::Null,
            Some(refusal.reason.clone()),
        );
        reply::refused(self, refused, &self.append(record))
    }

    fn append(&self, record: Result<AuditRecord, NoRandomBytes>) -> Result<AuditRecord, String> {
        let record = record.map_err(|error| error.to_string())?;
        self.ledger.append(&record).map_err(|error| {
            tracing::error!(%error, "a decision is not on the ledger");
            error.to_string()
        })
    }

    /// `order_submitted`, `pending`: written before the send.
    pub(super) fn submitted(&self) -> Result<AuditRecord, NoRandomBytes> {
        self.record(
            AuditKind::OrderSubmitted,
            AuditOutcome::Pending,
            self.allowed(),
            Value::Null,
            None,
        )
    }

    fn allowed(&self) -> Value {
        json!({
            "allowed": true,
            "decision": "allow",
            "client_id": self.client_id.as_ref().map(ClientOrderId::as_str),
            "checked_limits": self.checked,
            "notional_usd": self.figures.notional.map(|value| value.to_string()),
            "post_trade_exposure_usd": self.figures.post_trade_exposure.map(|value| value.to_string()),
        })
    }

    fn record(
        &self,
        kind: AuditKind,
        outcome: AuditOutcome,
        gate_decision: Value,
        broker_response: Value,
        error: Option<String>,
    ) -> Result<AuditRecord, NoRandomBytes> {
        let (mandate_snapshot_ref, consent_record_ref) = self.consent.clone().unzip();
        let session = format!("{}:{}", self.venue, std::process::id());
        let mut record = AuditRecord::new(clock::now(), &self.broker, &session, kind, outcome)?;
        record.intent_normalized = self
            .write
            .as_ref()
            .map(|write| in_words(write, self.figures.notional));
        record.mandate_snapshot_ref = mandate_snapshot_ref;
        record.consent_record_ref = consent_record_ref;
        record.broker_request = self.request.clone();
        record.broker_response = broker_response;
        record.gate_decision = gate_decision;
        record.remote_tool = Some(self.tool.name().to_owned());
        record.error = error;
        Ok(record)
    }

    /// The in-flight file of a write that may leave an order behind.
    pub(super) fn inflight(&self, approved: &Approved) -> Option<InflightRecord> {
        let order = resting_view(approved, self.client_id.as_ref()?)?;
        Some(InflightRecord {
            client_id: self.client_id.as_ref()?.to_string(),
            fingerprint: self.fingerprint.clone(),
            remote_tool: self.tool.name().to_owned(),
            category: order.instrument.category.to_string(),
            symbol: order.instrument.symbol.to_string(),
            side: order.side.as_str().to_owned(),
            body: self.request.clone(),
            notional_usd: self
                .figures
                .notional
                .map(|value| value.to_string())
                .unwrap_or_default(),
            order: resting_row(&order),
            before: approved.resting().map(resting_row),
            created_at: clock::ledger_text(clock::now()),
            state: InflightState::Sent,
            venue_order_id: order.venue_id.clone(),
            counted: true,
            process_id: std::process::id(),
            venue: self.venue.clone(),
        })
    }

    /// Puts the fate of a write on the ledger, gives its trade back where nothing was placed, and answers; true
    /// when its in-flight file may go.
    pub(super) fn settle(&self, day: &Day, committed: &Committed, fate: &Fate) -> (Reply, bool) {
        let (kind, outcome) = self.verdict(fate);
        let mut decision = self.allowed();
        if let (Fate::Withdrawn(refused), Some(members)) = (fate, decision.as_object_mut()) {
            members.insert("withdrawn_by".to_owned(), refused.refusal.limit.word().into());
        }
        let trouble = reply::trouble(self.tool, fate);
        let record = self.record(kind, outcome, decision, response(fate), trouble);
        let written = record.map_err(|error| error.to_string()).and_then(|record| {
            self.put_down(day, committed, fate, &record)
                .map_err(|error| error.to_string())
        });
        if let Err(error) = &written {
            tracing::error!(%error, "the outcome of a write is not on the ledger; its file stays and is settled again");
        }
        let settled = match fate {
            Fate::Unknown(_) => false,
            Fate::Taken { accepted, order } => written.is_ok() && !self.is_awaited(accepted, order.as_ref()),
            Fate::Rejected(_)
            | Fate::RejectedLater { .. }
            | Fate::TooLate(_)
            | Fate::Withdrawn(_)
            | Fate::NotSent(_) => true,
        };
        (reply::settled(self, fate, outcome, &written), settled)
    }

    /// What was taken and is not shown in full yet goes on counting as in flight, or the next order would not see it: a
    /// new order, and a change that makes another one of it.
    pub(super) fn is_awaited(&self, accepted: &Accepted, order: Option<&OrderView>) -> bool {
        let is_change = || !accepted.unchanged && self.change().is_some_and(|change| change.can_be_seen());
        !order.is_some_and(is_in_full) && (self.tool == WriteTool::PlaceOrder || is_change())
    }

    fn put_down(
        &self,
        day: &Day,
        committed: &Committed,
        fate: &Fate,
        record: &AuditRecord,
    ) -> Result<AuditRecord, LedgerError> {
        let kept = |state: InflightState, venue_id: Option<&String>| {
            committed.inflight.clone().map(|mut order| {
                order.state = state;
                order.venue_order_id = venue_id.cloned().or(order.venue_order_id);
                order
            })
        };
        match fate {
            Fate::Taken { accepted, order } if self.is_awaited(accepted, order.as_ref()) => {
                let order = kept(InflightState::Acknowledged, accepted.venue_id.as_ref());
                day.keep_open(order.as_ref(), record)
            }
            Fate::Taken { .. } => day.settle_placed(record),
            Fate::Unknown(_) => day.keep_open(kept(InflightState::Unknown, None).as_ref(), record),
            Fate::Rejected(_)
            | Fate::RejectedLater { .. }
            | Fate::TooLate(_)
            | Fate::Withdrawn(_)
            | Fate::NotSent(_) => day.settle_not_placed(committed, record),
        }
    }

    fn verdict(&self, fate: &Fate) -> (AuditKind, AuditOutcome) {
        match fate {
            Fate::Taken { order, .. } => (placed_kind(self.tool), taken_outcome(self.tool, order.as_ref())),
            Fate::Rejected(_) | Fate::RejectedLater { .. } | Fate::TooLate(_) => {
                (AuditKind::OrderRejected, AuditOutcome::Rejected)
            }
            Fate::Withdrawn(_) => (AuditKind::OrderRejected, AuditOutcome::Blocked),
            Fate::NotSent(_) => (AuditKind::OrderRejected, AuditOutcome::Error),
            Fate::Unknown(_) => (AuditKind::OrderSubmitted, AuditOutcome::Unknown),
        }
    }
}

/// The word for a write of that tool which the exchange took.
pub(super) fn placed_kind(tool: WriteTool) -> AuditKind {
    match tool {
        WriteTool::PlaceOrder => AuditKind::OrderPlaced,
        WriteTool::AmendOrder => AuditKind::OrderAmended,
        WriteTool::CancelOrder | WriteTool::CancelAllOrders => AuditKind::OrderCancelled,
        WriteTool::SetLeverage => AuditKind::LeverageSet,
        WriteTool::SetTradingStop => AuditKind::TradingStopSet,
    }
}

fn taken_outcome(tool: WriteTool, order: Option<&OrderView>) -> AuditOutcome {
    let filled = order.is_some_and(|view| view.status == "Filled");
    if tool == WriteTool::PlaceOrder && filled {
        AuditOutcome::Filled
    } else {
        AuditOutcome::Accepted
    }
}

/// What the exchange said, for the ledger.
fn response(fate: &Fate) -> Value {
    match fate {
        Fate::Taken { accepted, order } => {
            let mut members = Map::new();
            members.insert("result".to_owned(), accepted.response.clone());
            if accepted.unchanged {
                members.insert("unchanged".to_owned(), true.into());
            }
            if let Some(view) = order {
                members.insert("order".to_owned(), shown(view));
            }
            Value::Object(members)
        }
        Fate::RejectedLater { accepted, order } => {
            json!({"result": accepted.response, "order": shown(order)})
        }
        Fate::TooLate(order) => json!({"order": shown(order)}),
        Fate::Rejected(no) if no.passing => {
            json!({"retCode": no.code, "retMsg": no.message, "passing": true})
        }
        Fate::Rejected(no) => json!({"retCode": no.code, "retMsg": no.message}),
        Fate::Withdrawn(_) | Fate::NotSent(_) | Fate::Unknown(_) => Value::Null,
    }
}

/// An order as the exchange last showed it, in its own names; what an order in money has filled is money.
pub(super) fn shown(view: &OrderView) -> Value {
    let filled = if view.order.unit == SizeUnit::Quote {
        "cumExecValue"
    } else {
        "cumExecQty"
    };
    json!({
        "orderId": view.order.venue_id,
        "orderLinkId": view.order.client_id.as_ref().map(ClientOrderId::as_str),
        "orderStatus": view.status,
        filled: view.order.filled.normalize().to_string(),
        "leavesQty": view.order.leaves.normalize().to_string(),
        "avgPrice": view.average_price.map(|price| price.to_string()),
        "rejectReason": view.reject_reason,
    })
}
