//! Order entry over a stream (facts §6.4): one authentication, then orders without signatures.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use serde_json::{Value, json};

use super::authenticate;
use super::said::Said;
use crate::sim::call::{Answered, Params, Refusal};
use crate::sim::door::auth;
use crate::sim::door::envelope;
use crate::sim::door::keys::Key;
use crate::sim::door::limits::Budget;
use crate::sim::door::routes;
use crate::sim::door::server::{self, Asked, Shared};
use crate::sim::door::strikes::Hits;
use crate::sim::door::wire::Scissors;
use crate::sim::market::clock::now_ms;

/// So many ids of requests are remembered.
const IDS_MOST: usize = 10_000;
const ID_LENGTH: usize = 36;

/// One connection for orders.
#[derive(Default)]
pub(super) struct Trade {
    key: Option<Key>,
    ids: HashSet<String>,
    order: VecDeque<String>,
}

impl Trade {
    pub(super) async fn hear(
        &mut self,
        shared: &Shared,
        scissors: &Scissors,
        said: &Said,
        id: &str,
    ) -> Option<Value> {
        if said.op == "auth" {
            let done = match self.key {
                Some(_) => Err(Refusal::new(20001, "Repeat auth")),
                None => authenticate(shared, said).map(|key| self.key = Some(key)),
            };
            let (code, message) = outcome(&done);
            return Some(json!({"retCode": code, "retMsg": message, "op": "auth", "connId": id}));
        }
        let (reply, budget) = match self.admit(said) {
            Err(refusal) => (envelope::wrap(refused(refusal), now_ms()), None),
            Ok((path, key)) => enter(shared, scissors, said, (path, key)).await?,
        };
        Some(framed(said, reply, budget, id))
    }

    /// The endpoint of an operation, when this connection may use it.
    fn admit(&mut self, said: &Said) -> Result<(&'static str, Key), Refusal> {
        let path = match said.op.as_str() {
            "order.create" => "/v5/order/create",
            "order.amend" => "/v5/order/amend",
            "order.cancel" => "/v5/order/cancel",
            "order.create-batch" => "/v5/order/create-batch",
            "order.amend-batch" => "/v5/order/amend-batch",
            "order.cancel-batch" => "/v5/order/cancel-batch",
            _ => return Err(Refusal::new(10404, "op type is not found")),
        };
        let key = self
            .key
            .clone()
            .ok_or_else(|| Refusal::new(10007, "User authentication failed."))?;
        if said.id.len() > ID_LENGTH {
            return Err(Refusal::params("reqId is too long"));
        }
        if !said.id.is_empty() && !self.ids.insert(said.id.clone()) {
            return Err(Refusal::new(20006, "Duplicate reqId"));
        }
        self.order.push_back(said.id.clone());
        if self.order.len() > IDS_MOST
            && let Some(old) = self.order.pop_front()
        {
            self.ids.remove(&old);
        }
        Ok((path, key))
    }
}

fn outcome(done: &Result<(), Refusal>) -> (i64, &str) {
    match done {
        Ok(()) => (0, "OK"),
        Err(refusal) => (refusal.code, refusal.message.as_str()),
    }
}

/// Runs an order through the same door as over HTTP; nothing comes back when a fault cuts the connection.
async fn enter(
    shared: &Shared,
    scissors: &Scissors,
    said: &Said,
    (path, key): (&'static str, Key),
) -> Option<(Value, Option<Budget>)> {
    let hits = Hits::sort(shared.faults.take(&format!("/v5/trade/{}", said.op)));
    pause(hits.delay_before).await;
    if let Some(refusal) = hits.refusal() {
        return Some((envelope::wrap(refused(refusal), hits.clock()), None));
    }
    if hits.cuts_before() {
        scissors.cut();
        return None;
    }
    let params = auth::on_time(
        &said.header("X-BAPI-TIMESTAMP"),
        &said.header("X-BAPI-RECV-WINDOW"),
        hits.clock(),
    )
    .and_then(|()| {
        let body = said.args.first().map(Value::to_string).unwrap_or_default();
        Params::from_body(body.as_bytes())
    });
    let (answer, budget) = match routes::find("POST", path) {
        Some(route) => server::answer(shared, route, Asked { key, params }, hits.effects.clone()),
        None => (refused(Refusal::new(10404, "op type is not found")), None),
    };
    pause(hits.delay_after).await;
    if hits.cuts_after() {
        scissors.cut();
        return None;
    }
    Some((envelope::wrap(answer, hits.clock()), budget))
}

fn refused(refusal: Refusal) -> Result<Answered, Refusal> {
    Err(refusal)
}

async fn pause(ms: Option<u64>) {
    if let Some(ms) = ms {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
}

/// The reply of an endpoint in the frame of this stream.
fn framed(said: &Said, reply: Value, budget: Option<Budget>, id: &str) -> Value {
    let of = |name: &str| reply.get(name).cloned().unwrap_or_default();
    let mut header =
        json!({"Traceid": uuid::Uuid::new_v4().simple().to_string(), "Timenow": now_ms().to_string()});
    if let (Some(budget), Some(fields)) = (budget, header.as_object_mut()) {
        fields.insert("X-Bapi-Limit".to_owned(), budget.limit.to_string().into());
        fields.insert("X-Bapi-Limit-Status".to_owned(), budget.left.to_string().into());
        fields.insert(
            "X-Bapi-Limit-Reset-Timestamp".to_owned(),
            budget.reset.to_string().into(),
        );
    }
    json!({
        "reqId": said.id, "retCode": of("retCode"), "retMsg": of("retMsg"), "op": said.op, "data": of("result"),
        "retExtInfo": of("retExtInfo"), "header": header, "connId": id,
    })
}
