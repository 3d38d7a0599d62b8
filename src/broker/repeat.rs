//! An order under the caller's own id, asked for again: told what became of the first, never sent twice.

use super::record::Scribe;
use super::reply::Reply;
use super::resolve::Fate;
use super::{Core, outside};
use crate::domain::order::{ClientOrderId, Write, WriteTool};
use crate::gate::{self, Limit, Refusal, Refused};
use crate::state::day::Committed;
use crate::state::inflight::{self, InflightError};
use crate::state::settled;
use crate::venue::Venue;

/// How the ids begin that this program gives to orders and to closes. A caller's must not: what is counted under one
/// of them would be counted as another order, or as none.
const OURS: [&str; 2] = ["md-", "mx-"];

impl<V: Venue> Core<V> {
    /// The caller's own id, or a fresh one of 35 characters.
    pub(super) fn client_id(&self, write: &Write) -> Result<ClientOrderId, Refused> {
        if let Write::Place(order) = write
            && let Some(id) = &order.client_id
        {
            return self.is_the_callers(id).map(|()| id.clone());
        }
        let fresh = format!("md-{}", uuid::Uuid::new_v4().simple());
        ClientOrderId::parse(&fresh).map_err(|error| outside(Limit::Intent, &error))
    }

    fn is_the_callers(&self, id: &ClientOrderId) -> Result<(), Refused> {
        let refused = |why: String| Err(Refused::outside(Refusal::deny(Limit::Intent, why)));
        if OURS
            .iter()
            .any(|ours| id.as_str().to_ascii_lowercase().starts_with(ours))
        {
            return refused(format!(
                "order_link_id {id} begins as the ids do that this program gives itself; to know what became of that \
                 order look at bybit_get_open_orders and bybit_get_order_history, and for a new one choose an id that \
                 begins otherwise, or leave it out"
            ));
        }
        if self.ledger.would_mask(id.as_str()) {
            return refused(
                "order_link_id looks like a secret, which no record may hold, so the order could not be found again; \
                 choose another or leave it out"
                    .to_owned(),
            );
        }
        Ok(())
    }

    /// A caller that repeats an order under its own id is told the first outcome; the order is not sent again.
    pub(super) fn first_outcome(
        &self,
        scribe: &Scribe,
        client_id: &ClientOrderId,
    ) -> Result<Option<Reply>, Refused> {
        if !scribe.is_callers_id() {
            return Ok(None);
        }
        let known = settled::recall(&self.files, client_id.as_str())
            .map_err(|error| outside(Limit::Intent, &error))?;
        match known {
            None => Ok(None),
            Some(known) if known.fingerprint == scribe.fingerprint() => {
                Ok(Some(Reply::repeated(known.outcome)))
            }
            Some(_) => Err(is_anothers(client_id)),
        }
    }

    /// The same while nobody knows the outcome yet. Asked under the lock, after another look for it, or where there is
    /// no way to it. Judged as a new order it would count beside itself; one that the ledger does not know was never
    /// sent, and is no answer.
    pub(super) fn on_its_way(
        &self,
        scribe: &Scribe,
        client_id: &ClientOrderId,
    ) -> Result<Option<Reply>, Refused> {
        if !scribe.is_callers_id() {
            return Ok(None);
        }
        let (records, _) = inflight::each(&self.files);
        let Some(order) = records
            .into_iter()
            .find(|order| order.client_id == client_id.as_str())
        else {
            return Ok(None);
        };
        if order.fingerprint != scribe.fingerprint() {
            return Err(is_anothers(client_id));
        }
        let told = self.said_last_of(&order);
        Ok(told.map(|record| Reply::on_its_way(&order, &record, self.venue.is_paper())))
    }

    /// The same for a call that is refused, which nobody may have looked for yet: what happened is read and nothing is
    /// sent, so neither HALT nor a lock stands against it. `None` where the id was not used for this order.
    pub(super) fn told_before(&self, tool: WriteTool, args: &str) -> Option<Reply> {
        let write = gate::parse(tool, args).ok()?;
        let id = self.client_id(&write).ok()?;
        let mut scribe = Scribe::new(self, tool, args);
        scribe.intended(&write);
        scribe.request(&id, self.venue.describe(&write, &id));
        // In this order: what is settled between the two is remembered before its file goes.
        let on_its_way = self.on_its_way(&scribe, &id).ok()?;
        self.first_outcome(&scribe, &id).ok()?.or(on_its_way)
    }

    /// Keeps the answer for a caller that repeats its own id; false where it could not be written.
    pub(super) fn remember(
        &self,
        scribe: &Scribe,
        committed: &Committed,
        fate: &Fate,
        reply: &Reply,
    ) -> bool {
        if !scribe.is_callers_id() || !fate.is_final() {
            return true;
        }
        self.keep_answer(committed.client_id.as_str(), scribe.fingerprint(), reply)
    }

    /// False where it could not be written: then its in-flight file has to stay, or the same id would be sent again.
    pub(super) fn keep_answer(&self, id: &str, fingerprint: &str, reply: &Reply) -> bool {
        let Err(error) = settled::remember(&self.files, id, fingerprint, reply.value()) else {
            return true;
        };
        tracing::warn!(%error, "the outcome is on the ledger, but not kept for a repeated id; tried again with the next write");
        // Any other answer that lies there, also one that cannot be read, stands against a second send as well.
        !matches!(error, InflightError::NotWritten { .. })
    }
}

fn is_anothers(client_id: &ClientOrderId) -> Refused {
    Refused::outside(Refusal::deny(
        Limit::Intent,
        format!("order_link_id {client_id} was used for another order; give a new one or leave it out"),
    ))
}
