//! Authority that ends: when the mandate expires, disappears or becomes invalid, the orders that it allowed are
//! no longer allowed. Those of ours that add risk are cancelled, once for each such end; protective ones stay.
//!
//! Ours is an order whose client id we made (`md-…`) or keep among the day's counted ids, the settled or the
//! in-flight ones. A person's own orders are never touched.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::time::{Instant, sleep, timeout};

use crate::broker::exit::{BETWEEN_ROUNDS, ExitDesk};
use crate::domain::account::RestingOrder;
use crate::domain::exit::Exit;
use crate::domain::order::Side;
use crate::domain::symbol::Category;
use crate::gate::{self, Halt, Limit};
use crate::state::counter::Counter;
use crate::state::ledger::Ledger;
use crate::state::mandate_file::read_mandate_text;
use crate::state::paths::LiveFiles;
use crate::state::standing::read_standing;
use crate::state::{clock, durable, settled};
use crate::venue::{Outcome, Venue};

/// A mandate that is replaced by hand is missing or half written for a moment; expiry needs no such patience.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// How long one call goes on.
const ONE_CALL: Duration = Duration::from_secs(1);

/// After a call that did not come to the end.
const AGAIN_AFTER: Duration = Duration::from_secs(2);

/// One second's budget of single cancels (facts §3).
const AT_ONCE: usize = 10;

/// Before an order is asked for again that is still there; doubled each time. Without it, one that cannot be
/// cancelled would fill the ledger.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

const READ_WITHIN: Duration = Duration::from_secs(20);
const MAX_BYTES: u64 = 1 << 16;

/// An end of authority: which one, since when it is known, and why.
#[derive(Debug, Clone)]
struct Ended {
    key: String,
    why: String,
    since: Instant,
    is_expiry: bool,
}

/// When an order was last to be cancelled, and how long it is left alone after that.
#[derive(Debug, Clone, Copy)]
struct Tried {
    at: Instant,
    pause: Duration,
}

/// Watches the mandate.
#[derive(Debug)]
pub(super) struct Authority<V> {
    desk: ExitDesk<V>,
    ended: Option<Ended>,
    /// The end that was dealt with.
    done: Option<String>,
    not_before: Option<Instant>,
    /// By the order's id.
    tried: BTreeMap<String, Tried>,
}

impl<V: Venue> Authority<V> {
    pub(super) fn new(venue: Arc<V>, files: LiveFiles, ledger: Ledger) -> Self {
        Self {
            desk: ExitDesk::new(venue, files, ledger, "authority"),
            ended: None,
            done: None,
            not_before: None,
            tried: BTreeMap::new(),
        }
    }

    /// Reads the mandate, and cancels what it no longer allows.
    pub(super) async fn look(&mut self) {
        let now = self.now().await;
        let Some((key, why, is_expiry)) = ended(self.desk.files(), now) else {
            return self.stands();
        };
        let known = self.ended.take().filter(|known| known.key == key);
        let ended = known.unwrap_or_else(|| Ended {
            key,
            why,
            since: Instant::now(),
            is_expiry,
        });
        self.ended = Some(ended.clone());
        let is_done = self.done.as_deref() == Some(&ended.key) || self.was_done_before(&ended.key);
        let waits = !ended.is_expiry && ended.since.elapsed() < PATIENCE;
        if is_done || waits || self.not_before.is_some_and(|at| at > Instant::now()) {
            return;
        }
        self.not_before = Some(Instant::now() + AGAIN_AFTER);
        if self.withdraw(&ended).await {
            self.remember(&ended).await;
        }
    }

    /// The later of both clocks, as the gate has it; without the exchange's ours decides.
    async fn now(&self) -> DateTime<Utc> {
        let asked = timeout(Duration::from_millis(500), self.desk.venue().exchange_time()).await;
        let ours = clock::now();
        asked.ok().and_then(Result::ok).map_or(ours, |its| its.max(ours))
    }

    fn stands(&mut self) {
        self.tried.clear();
        let was_ended = self.ended.take().is_some() || self.done.take().is_some();
        let path = self.desk.files().authority_ended();
        if was_ended || path.exists() {
            // The next end is another one, even where it looks the same.
            if let Err(error) = std::fs::remove_file(&path)
                && error.kind() != std::io::ErrorKind::NotFound
            {
                tracing::warn!(%error, path = %path.display(), "could not be removed");
            }
        }
    }

    fn was_done_before(&mut self, key: &str) -> bool {
        let path = self.desk.files().authority_ended();
        let kept: Option<Value> = durable::read_if_present(&path, MAX_BYTES)
            .ok()
            .flatten()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let same = kept.is_some_and(|kept| kept.get("state").and_then(Value::as_str) == Some(key));
        if same {
            self.done = Some(key.to_owned());
        }
        same
    }

    /// Cancels until none can still appear and a complete look after that shows none; whether it came to that
    /// end. A look before it says nothing of an order that appeared in between.
    async fn withdraw(&mut self, ended: &Ended) -> bool {
        let until = Instant::now() + ONE_CALL;
        let mut all_appeared = false;
        loop {
            let Some((unauthorised, is_all)) = self.unauthorised().await else {
                return false;
            };
            if unauthorised.is_empty() {
                if !is_all || all_appeared {
                    return is_all;
                }
                all_appeared = matches!(self.desk.may_appear().await, Ok(0));
                match all_appeared {
                    true => continue,
                    false => return false,
                }
            }
            all_appeared = false;
            if is_all {
                let still = |id: &String| unauthorised.iter().any(|order| id_of(order) == id);
                self.tried.retain(|id, _| still(id));
            }
            self.cancel(ended, &unauthorised).await;
            if Instant::now() >= until {
                return false;
            }
            sleep(BETWEEN_ROUNDS).await;
        }
    }

    /// As many as one second takes: first those that were not tried yet, then those whose last try is longest ago.
    async fn cancel(&mut self, ended: &Ended, unauthorised: &[RestingOrder]) {
        let now = Instant::now();
        let last = |order: &RestingOrder| self.tried.get(id_of(order)).copied();
        let mut due: Vec<(Option<Tried>, &RestingOrder, Exit)> = unauthorised
            .iter()
            .filter_map(|order| Some((last(order), order, Exit::cancel(order)?)))
            .filter(|(last, _, _)| last.is_none_or(|last| last.at + last.pause <= now))
            .collect();
        due.sort_by_key(|(last, _, _)| last.map(|last| last.at));
        due.truncate(AT_ONCE);
        if due.is_empty() {
            return;
        }
        tracing::warn!(
            why = ended.why,
            orders = unauthorised.len(),
            "cancelling orders without authority"
        );
        let sending = due.iter().map(|(_, _, exit)| self.desk.cancel(exit));
        let outcomes = futures::future::join_all(sending).await;
        for ((last, order, _), outcome) in due.into_iter().zip(outcomes) {
            let pause = match (last, outcome) {
                (None, _) => FIRST_PAUSE,
                // It did not leave this machine, which says nothing of the order.
                (Some(last), Outcome::NotSent(_)) => last.pause,
                (Some(last), _) => (last.pause * 2).min(LONGEST_PAUSE),
            };
            let at = Instant::now();
            self.tried.insert(id_of(order).to_owned(), Tried { at, pause });
        }
    }

    /// The open orders of ours that add risk, and whether those are all.
    async fn unauthorised(&self) -> Option<(Vec<RestingOrder>, bool)> {
        let asked = timeout(READ_WITHIN, self.desk.venue().open_orders_in_parts());
        let orders = asked.await.ok()?;
        for unread in &orders.unread {
            tracing::warn!(error = %unread.why, "authority ended, and not all open orders can be read");
        }
        let mut found = Vec::new();
        for order in orders.rows {
            if is_ours(self.desk.files(), &order) && self.adds_risk(&order).await {
                found.push(order);
            }
        }
        Some((found, orders.unread.is_empty()))
    }

    /// Whether filling it can make the account hold more. The exchange keeps reduce-only orders, stops of a
    /// position and orders that close a hedge leg from that; a spot sale for dollars sells what is held.
    async fn adds_risk(&self, order: &RestingOrder) -> bool {
        if order.reduce_only || order.position_idx.is_reduced_by(order.side) {
            return false;
        }
        if order.instrument.category != Category::Spot || order.side == Side::Buy {
            return true;
        }
        let asked = timeout(
            Duration::from_secs(5),
            self.desk.venue().instrument(&order.instrument),
        );
        match asked.await {
            Ok(Ok(pair)) => !pair.quote_coin.is_dollar(),
            Ok(Err(_)) | Err(_) => true,
        }
    }

    async fn remember(&mut self, ended: &Ended) {
        self.done = Some(ended.key.clone());
        let at = clock::ledger_text(clock::now());
        let count = self.desk.take_steps().len();
        let content = json!({"state": ended.key, "why": ended.why, "done_at": at, "cancels_sent": count});
        let path: PathBuf = self.desk.files().authority_ended();
        let writing = tokio::task::spawn_blocking(move || {
            durable::replace(&path, format!("{content}\n").as_bytes()).map_err(|error| error.to_string())
        });
        if let Ok(Ok(Err(why))) = timeout(Duration::from_secs(2), writing).await {
            tracing::warn!(
                why,
                "that authority ended is not on disk: a restart looks at the orders again"
            );
        }
    }
}

/// Which end of authority stands, why, and whether it is the hour that ended it; `None` while there is authority.
fn ended(files: &LiveFiles, now: DateTime<Utc>) -> Option<(String, String, bool)> {
    let mut standing = read_standing(files, Ok(now));
    // A halt cancels everything by itself.
    standing.halt = Halt::Clear;
    let refused = gate::authority(standing).err()?;
    let text = match read_mandate_text(files) {
        Ok(text) => text,
        Err(error) => error.to_string(),
    };
    let digest = hex::encode(Sha256::digest(text.as_bytes()));
    let word = refused.refusal.limit.word();
    let key = format!("{word}:{}", digest.chars().take(16).collect::<String>());
    let is_expiry = refused.refusal.limit == Limit::Expiry;
    Some((key, refused.refusal.reason, is_expiry))
}

fn id_of(order: &RestingOrder) -> &str {
    let ours = || order.client_id.as_ref().map_or("", |id| id.as_str());
    order.venue_id.as_deref().unwrap_or_else(ours)
}

/// Whether an order came from here. What cannot be read makes no order ours.
fn is_ours(files: &LiveFiles, order: &RestingOrder) -> bool {
    let Some(id) = &order.client_id else {
        return false;
    };
    let id = id.as_str();
    id.starts_with("md-")
        || files.inflight_folder().join(format!("{id}.json")).exists()
        || matches!(settled::recall(files, id), Ok(Some(_)))
        || Counter::read(files, clock::now().date_naive())
            .is_ok_and(|counter| counter.action_ids().iter().any(|counted| counted == id))
}
