//! Fetches what a decision looks at: orders first, then what is held, each side by side. A read that fails leaves its
//! fact missing and says why; the gate then refuses.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use futures::future::join_all;
use rust_decimal::Decimal;

use super::Core;
use super::likeness::{Change, has_its_terms};
use crate::domain::account::{CoinBalance, RestingOrder};
use crate::domain::json::Json;
use crate::domain::money::Usd;
use crate::domain::order::{OrderKey, Side, Write, WriteTool};
use crate::domain::rows;
use crate::domain::symbol::{Category, Coin, InstrumentId};
use crate::gate::{Facts, Intended};
use crate::state::clock;
use crate::state::counter::Counter;
use crate::state::day::Day;
use crate::state::inflight::{self, InflightRecord};
use crate::venue::{Venue, VenueError};

/// How old a price may be when it decides. Reads are answered within tenths of a second; one that is throttled or
/// asked again takes seconds.
const FRESH_FOR: Duration = Duration::from_secs(10);

impl<V: Venue> Core<V> {
    /// Everything that this write's checks need, and nothing for a write that only takes risk away.
    ///
    /// Called under the lock: nobody changes the counter or the in-flight orders meanwhile.
    pub(super) async fn facts(&self, intended: &Intended, day: &Day) -> Facts {
        let mut facts = Facts {
            // Of the day that the commit counts on, also when midnight passes in between.
            daily_count: Some(day.count().map_err(|error| error.to_string())),
            ..Facts::default()
        };
        let Some(id) = intended.write().instrument().filter(|_| intended.needs_account()) else {
            return facts;
        };
        let (asked_at, by_clock) = (Instant::now(), clock::now());
        let has_floor = intended.mandate().universe.min_avg_daily_volume_usd.is_some();
        let (instrument, open_orders, order, turnover) = tokio::join!(
            self.venue.instrument(id),
            self.venue.open_orders(),
            self.amended(intended.write()),
            async {
                if has_floor {
                    Some(self.venue.average_daily_turnover(id).await)
                } else {
                    None
                }
            },
        );
        if let Some(instrument) = keep(&mut facts, "instrument", instrument) {
            facts.instruments.insert(id.clone(), instrument);
        }
        facts.open_orders = keep(&mut facts, "open orders", open_orders);
        facts.order = order.and_then(|order| keep(&mut facts, "order", order)).flatten();
        let (quote, ()) = tokio::join!(self.venue.quote(id), self.add_holdings(&mut facts));
        if let Some(quote) = keep(&mut facts, "price", quote) {
            facts.quotes.insert(id.clone(), quote);
        }
        self.add_inflight(&mut facts);
        self.add_neighbours(&mut facts).await;
        forget_if_old(&mut facts, age(asked_at, clock::now() - by_clock));
        if let Some(turnover) = turnover.and_then(|turnover| keep(&mut facts, "daily volume", turnover)) {
            facts.avg_daily_volume_usd = turnover_usd(&facts, id, turnover);
        }
        facts
    }

    fn daily_count(&self) -> Result<u64, String> {
        Counter::read(&self.files, clock::today())
            .map(|counter| counter.count())
            .map_err(|error| error.to_string())
    }

    /// The account as it stands, for a person to look at: what is used of the caps.
    pub(super) async fn account(&self) -> Facts {
        let mut facts = Facts {
            daily_count: Some(self.daily_count()),
            ..Facts::default()
        };
        let open_orders = self.venue.open_orders().await;
        facts.open_orders = keep(&mut facts, "open orders", open_orders);
        self.add_holdings(&mut facts).await;
        self.add_inflight(&mut facts);
        self.add_neighbours(&mut facts).await;
        facts
    }

    /// What is held, asked for once the orders are known: an order that fills in between is then in both and counts
    /// twice. The other way round it would be in neither.
    async fn add_holdings(&self, facts: &mut Facts) {
        let (positions, wallet, whole) =
            tokio::join!(self.venue.positions(), self.venue.wallet(), self.venue.is_whole());
        facts.positions = keep(facts, "positions", positions);
        facts.wallet = keep(facts, "wallet", wallet);
        if let Err(VenueError::Account(why)) = &whole {
            facts.apart = Some(why.clone());
        }
        if keep(facts, "account", whole).is_none() {
            facts.wallet = None;
        }
    }

    /// The order that an amend changes, while it is open.
    async fn amended(&self, write: &Write) -> Option<Result<Option<RestingOrder>, VenueError>> {
        let Write::Amend(change) = write else { return None };
        let found = self.venue.order(&change.instrument, &change.key).await;
        Some(found.map(|view| view.filter(|view| view.is_open()).map(|view| view.order)))
    }

    /// Orders of ours that are not settled count in full, unless the exchange shows them already. An amend that
    /// is not settled may have made its order larger: the larger of the two counts.
    fn add_inflight(&self, facts: &mut Facts) {
        let records = match inflight::list(&self.files) {
            Ok(records) => records,
            Err(error) => {
                facts.missing.push(error.to_string());
                return;
            }
        };
        let mut unseen = Vec::new();
        for record in records {
            if record.venue != self.venue.label() {
                facts.missing.push(self.is_elsewhere(&record));
                return;
            }
            match resting_of(&record) {
                Ok(order) => {
                    hold_further_changes(facts, &record, &order);
                    let shown = facts
                        .open_orders
                        .iter_mut()
                        .flatten()
                        .find(|shown| is_same(shown, &order));
                    match shown {
                        Some(shown) if record.remote_tool == WriteTool::AmendOrder.name() => {
                            widen(shown, &order)
                        }
                        Some(shown) if has_its_terms(&order, shown, true) => {}
                        // Another order under our id: ours may still appear.
                        Some(_) | None => unseen.push(order),
                    }
                }
                Err(why) => {
                    facts.missing.push(format!(
                        "the in-flight order {} is not understood: {why}",
                        record.client_id
                    ));
                    return;
                }
            }
        }
        facts.inflight = Some(unseen);
    }

    /// Money of two kinds is not mixed: on paper nobody trades past an order that may stand on the exchange, nor
    /// the reverse.
    fn is_elsewhere(&self, record: &InflightRecord) -> String {
        format!(
            "the order {id} went to `{there}` and is not settled, and this is `{here}`: run this for `{there}` until \
             it is settled, or look it up there and then remove `inflight/{id}.json`",
            id = record.client_id,
            there = record.venue,
            here = self.venue.label()
        )
    }

    /// Records and prices of whatever else is held or rests, as far as valuing it needs them.
    async fn add_neighbours(&self, facts: &mut Facts) {
        let orders = || {
            facts
                .open_orders
                .iter()
                .flatten()
                .chain(facts.inflight.iter().flatten())
        };
        let held = facts
            .positions
            .iter()
            .flatten()
            .map(|position| &position.instrument);
        let ids: BTreeSet<InstrumentId> = held
            .chain(orders().map(|order| &order.instrument))
            .filter(|id| id.category != Category::Inverse && !facts.instruments.contains_key(*id))
            .cloned()
            .collect();
        // A sale in flight may fill above its limit; one that rests has its limit above the market.
        let sales = facts.inflight.iter().flatten();
        let sales = sales.filter(|order| order.side == Side::Sell);
        let unpriced: BTreeSet<InstrumentId> = orders()
            .filter(|order| order.price.is_none() && order.trigger_price.is_none())
            .chain(sales)
            .map(|order| &order.instrument)
            .chain(
                facts
                    .positions
                    .iter()
                    .flatten()
                    .filter(|held| held.mark_price.is_none())
                    .map(|held| &held.instrument),
            )
            .filter(|id| !facts.quotes.contains_key(*id))
            .cloned()
            .collect();
        let (records, quotes) = tokio::join!(
            join_all(ids.iter().map(|id| self.venue.instrument(id))),
            join_all(unpriced.iter().map(|id| self.venue.quote(id))),
        );
        for record in records {
            if let Some(instrument) = keep(facts, "instrument", record) {
                facts.instruments.insert(instrument.id.clone(), instrument);
            }
        }
        for (id, quote) in unpriced.into_iter().zip(quotes) {
            if let Some(quote) = keep(facts, "price", quote) {
                facts.quotes.insert(id, quote);
            }
        }
        self.add_coin_prices(facts).await;
    }

    async fn add_coin_prices(&self, facts: &mut Facts) {
        let quoted = facts
            .instruments
            .values()
            .map(|instrument| &instrument.quote_coin);
        let held = facts
            .wallet
            .iter()
            .flatten()
            .filter(|balance| needs_price(balance))
            .map(|balance| &balance.coin);
        let coins: BTreeSet<Coin> = quoted
            .chain(held)
            .filter(|coin| !coin.is_dollar())
            .cloned()
            .collect();
        let prices = join_all(coins.iter().map(|coin| self.venue.coin_usd(coin))).await;
        for (coin, price) in coins.into_iter().zip(prices) {
            if let Some(price) = keep(facts, "price of a coin", price) {
                facts.coin_usd.insert(coin, price);
            }
        }
    }
}

/// By the later of both clocks: the steady one stands still while a machine sleeps, and the other may be set back.
fn age(asked_at: Instant, by_clock: TimeDelta) -> Duration {
    asked_at.elapsed().max(by_clock.to_std().unwrap_or_default())
}

/// A decision on old prices, or on what rested a while ago, is a guess.
fn forget_if_old(facts: &mut Facts, age: Duration) {
    if age > FRESH_FOR {
        facts.quotes.clear();
        facts.missing.push(format!(
            "prices and orders: they are {} s old, because the account took so long to read; ask again",
            age.as_secs()
        ));
    }
}

fn keep<T>(facts: &mut Facts, what: &str, read: Result<T, VenueError>) -> Option<T> {
    match read {
        Ok(value) => Some(value),
        Err(error) => {
            facts.missing.push(format!("{what}: {error}"));
            if let VenueError::UnknownInstrument(none) = error {
                facts.unlisted.insert(none);
            }
            None
        }
    }
}

/// The exchange values a coin that is no collateral at zero (facts §5.2).
fn needs_price(balance: &CoinBalance) -> bool {
    balance.counts() && balance.usd_value.is_none_or(|value| value.is_zero())
}

fn turnover_usd(facts: &Facts, id: &InstrumentId, turnover: Decimal) -> Option<Usd> {
    if id.category == Category::Inverse {
        return Some(Usd::new(turnover));
    }
    let quote_coin = &facts.instruments.get(id)?.quote_coin;
    Usd::of(turnover, facts.usd_per(quote_coin)?).ok()
}

/// The order of an in-flight file as the exposure counts it.
pub(super) fn resting_of(record: &InflightRecord) -> Result<RestingOrder, String> {
    let text = record.order.to_string();
    rows::resting(&Json::parse(&text).map_err(|error| error.to_string())?)
}

/// How the exchange is asked for the order of an in-flight file.
pub(super) fn key_of(order: &RestingOrder) -> Option<OrderKey> {
    match (&order.venue_id, &order.client_id) {
        (Some(id), _) => Some(OrderKey::Venue(id.clone())),
        (None, Some(id)) => Some(OrderKey::Client(id.clone())),
        (None, None) => None,
    }
}

fn is_same(shown: &RestingOrder, ours: &RestingOrder) -> bool {
    let same_venue_id = ours.venue_id.is_some() && shown.venue_id == ours.venue_id;
    let same_client_id = ours.client_id.is_some() && shown.client_id == ours.client_id;
    shown.instrument == ours.instrument && (same_venue_id || same_client_id)
}

/// An order with a change that is not settled may be larger than it is shown, or as it is: no further change can be
/// judged by it.
fn hold_further_changes(facts: &mut Facts, record: &InflightRecord, changed: &RestingOrder) {
    let is_change = record.remote_tool == WriteTool::AmendOrder.name();
    let is_meant = facts.order.as_ref().is_some_and(|order| is_same(order, changed));
    if is_change && is_meant && Change::of_record(record, changed).can_be_seen() {
        facts.order = None;
        facts.missing.push(format!(
            "an earlier change to it, {}, is not settled: wait until it is, or cancel the order",
            record.client_id
        ));
    }
}

fn widen(shown: &mut RestingOrder, amended: &RestingOrder) {
    shown.leaves = shown.leaves.max(amended.leaves);
    shown.price = shown.price.max(amended.price);
    shown.trigger_price = shown.trigger_price.max(amended.trigger_price);
}

#[cfg(test)]
mod tests;
