//! Cancelling until the exchange shows nothing: wide cancels first and again, then order by order what stays.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::future::join_all;
use tokio::time::{Instant, timeout};

use super::desk::ExitDesk;
use super::look::{Reach, Seen, Stands};
use crate::domain::account::RestingOrder;
use crate::domain::exit::Exit;
use crate::domain::order::CancelScope;
use crate::domain::symbol::{Category, Coin, InstrumentId};
use crate::venue::Venue;

/// A cancel is asynchronous: one that was accepted is given a moment before it is asked for again.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Cancelling all options is taken once a second (facts §3); asking sooner would only keep the others waiting.
const OPTIONS_PAUSE: Duration = Duration::from_millis(1_100);

/// So many wide cancels without progress, and the orders are cancelled one by one as well.
const WIDE_ROUNDS: u32 = 2;

/// So many wide cancels that one order outlived, and it is cancelled by itself though others come and go.
const OUTLIVED: u32 = 8;

/// One second's budget (facts §3).
const ONE_BY_ONE: usize = 10;

/// When to cancel again.
#[derive(Debug)]
pub(super) struct Cancels {
    due: Option<Instant>,
    pause: Duration,
    left: usize,
    options_not_before: Option<Instant>,
    /// Cancelled since the last time that all were.
    tried: BTreeSet<InstrumentId>,
    tried_blindly: BTreeSet<Category>,
    /// Wide cancels since fewer orders were shown.
    in_vain: u32,
    /// How many wide cancels each order outlived.
    outlived: BTreeMap<Name, u32>,
}

/// An order, by the exchange's id.
type Name = (InstrumentId, String);

fn name(order: &RestingOrder) -> Option<Name> {
    Some((order.instrument.clone(), order.venue_id.clone()?))
}

impl Default for Cancels {
    fn default() -> Self {
        Self {
            due: None,
            pause: FIRST_PAUSE,
            left: usize::MAX,
            options_not_before: None,
            tried: BTreeSet::new(),
            tried_blindly: BTreeSet::new(),
            in_vain: 0,
            outlived: BTreeMap::new(),
        }
    }
}

impl Cancels {
    /// Cancels what can be cancelled without knowing what rests: nothing is read before.
    pub(super) async fn blindly<V: Venue>(&mut self, desk: &ExitDesk<V>, reach: &Reach, stands: Stands<'_>) {
        let scopes = unseen(&BTreeSet::from(Category::ALL), reach);
        if scopes.is_empty() || !self.is_due() {
            return;
        }
        self.tried_blindly = scopes.iter().map(CancelScope::category).collect();
        self.options_not_before = Some(Instant::now() + OPTIONS_PAUSE);
        let exits = scopes.into_iter().map(Exit::cancel_all);
        send(desk, exits.collect(), stands).await;
        self.wait_longer();
    }

    /// Cancels what is shown, and what cannot be seen, when it is time for it; before that only what was not
    /// tried since the last time.
    pub(super) async fn round<V: Venue>(
        &mut self,
        desk: &ExitDesk<V>,
        orders: &Seen<RestingOrder>,
        reach: &Reach,
        stands: Stands<'_>,
    ) {
        if orders.rows.len() < self.left {
            self.pause = FIRST_PAUSE;
            self.in_vain = 0;
        }
        self.left = orders.rows.len();
        let batch = self.batch(orders, reach);
        if batch.shown.is_empty() && batch.blind.is_empty() {
            return;
        }
        let seen = async {
            let mut wide = scopes(desk, &batch.shown, reach.symbol.is_some()).await;
            wide.retain(|scope| !batch.blind.contains(scope) && !batch.holds_back(scope));
            let wide = wide.into_iter().map(Exit::cancel_all);
            let single = batch.single.iter().copied().filter_map(Exit::cancel);
            if stands() {
                send(desk, wide.chain(single).collect(), stands).await;
            }
        };
        let unseen = async {
            if stands() {
                let blind = batch.blind.iter().cloned().map(Exit::cancel_all);
                send(desk, blind.collect(), stands).await;
            }
        };
        tokio::join!(seen, unseen);
        if batch.is_due {
            self.in_vain = self.in_vain.saturating_add(1);
            self.count(orders);
            self.wait_longer();
        }
    }

    /// Counts one wide cancel more for what is shown, and forgets what is gone.
    fn count(&mut self, orders: &Seen<RestingOrder>) {
        let shown: BTreeSet<Name> = orders.rows.iter().filter_map(name).collect();
        self.outlived
            .retain(|name, _| shown.contains(name) || orders.unread.contains(&name.0.category));
        for name in shown {
            *self.outlived.entry(name).or_default() += 1;
        }
    }

    fn is_stubborn(&self, order: &RestingOrder) -> bool {
        let times = name(order).and_then(|name| self.outlived.get(&name).copied());
        times.is_some_and(|times| times >= OUTLIVED)
    }

    /// What is to be cancelled now.
    fn batch<'o>(&mut self, orders: &'o Seen<RestingOrder>, reach: &Reach) -> Batch<'o> {
        let mut batch = Batch {
            is_due: self.is_due(),
            holds_options: self.options_not_before.is_some_and(|at| at > Instant::now()),
            ..Batch::default()
        };
        if batch.is_due {
            self.tried.clear();
            self.tried_blindly.clear();
            let mut blind = unseen(&orders.unread, reach);
            blind.retain(|scope| !batch.holds_back(scope));
            batch.blind = blind;
        }
        let is_fresh = |id: &InstrumentId| {
            let is_tried = self.tried.contains(id) || self.tried_blindly.contains(&id.category);
            !is_tried
        };
        let fresh = orders.rows.iter().filter(|order| is_fresh(&order.instrument));
        batch.shown = fresh.collect();
        if batch.is_due {
            let all = self.in_vain >= WIDE_ROUNDS;
            let single = batch.shown.iter().copied();
            let single = single.filter(|order| all || self.is_stubborn(order));
            batch.single = single.take(ONE_BY_ONE).collect();
        }
        let ids = batch.shown.iter().map(|order| order.instrument.clone());
        self.tried.extend(ids);
        if batch.has_options() && !batch.holds_options {
            self.options_not_before = Some(Instant::now() + OPTIONS_PAUSE);
        }
        batch
    }

    fn is_due(&self) -> bool {
        self.due.is_none_or(|due| due <= Instant::now())
    }

    fn wait_longer(&mut self) {
        self.due = Some(Instant::now() + self.pause);
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
    }
}

/// One batch of cancels.
#[derive(Debug, Default)]
struct Batch<'o> {
    is_due: bool,
    shown: Vec<&'o RestingOrder>,
    blind: Vec<CancelScope>,
    single: Vec<&'o RestingOrder>,
    holds_options: bool,
}

impl Batch<'_> {
    fn holds_back(&self, scope: &CancelScope) -> bool {
        self.holds_options && scope.category() == Category::Option
    }

    fn has_options(&self) -> bool {
        let is_option = |category| category == Category::Option;
        self.blind.iter().any(|scope| is_option(scope.category()))
            || self
                .shown
                .iter()
                .any(|order| is_option(order.instrument.category))
    }
}

/// Side by side: one that gets no answer holds none of the others up.
async fn send<V: Venue>(desk: &ExitDesk<V>, exits: Vec<Exit>, stands: Stands<'_>) {
    join_all(exits.iter().map(|exit| desk.cancel_while(exit, stands))).await;
}

/// What cancels orders that nobody sees. Inverse orders of no particular symbol need their settle coin, which
/// only a look tells (facts §5.12).
fn unseen(categories: &BTreeSet<Category>, reach: &Reach) -> Vec<CancelScope> {
    let meant = categories
        .iter()
        .copied()
        .filter(|category| reach.has_category(*category));
    if let Some(symbol) = &reach.symbol {
        // A symbol of an option has four parts at least, and no other has.
        let is_option = symbol.as_str().matches('-').count() >= 3;
        let ids = meant
            .filter(|category| (*category == Category::Option) == is_option)
            .map(|category| InstrumentId::new(category, symbol.clone()));
        return ids.map(CancelScope::Instrument).collect();
    }
    let settled = |coin: &str| {
        let coin = Coin::parse(coin).ok()?;
        Some(CancelScope::SettleCoin(Category::Linear, coin))
    };
    meant
        .flat_map(|category| match category {
            Category::Linear => vec![settled("USDT"), settled("USDC")],
            Category::Spot | Category::Option => vec![Some(CancelScope::Everything(category))],
            Category::Inverse => Vec::new(),
        })
        .flatten()
        .collect()
}

/// One cancel-all for each category and settle coin that has orders (facts §5.12), or for each instrument.
async fn scopes<V: Venue>(
    desk: &ExitDesk<V>,
    orders: &[&RestingOrder],
    one_symbol: bool,
) -> Vec<CancelScope> {
    let ids: BTreeSet<&InstrumentId> = orders.iter().map(|order| &order.instrument).collect();
    let coins = join_all(ids.into_iter().map(|id| async move {
        let settled = matches!(id.category, Category::Linear | Category::Inverse);
        let coin = match settled && !one_symbol {
            true => settle_coin(desk, id).await,
            false => None,
        };
        match coin {
            Some(coin) => CancelScope::SettleCoin(id.category, coin),
            None if one_symbol || settled => CancelScope::Instrument(id.clone()),
            None => CancelScope::Everything(id.category),
        }
    }));
    let mut scopes = Vec::new();
    for scope in coins.await {
        if !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }
    scopes
}

/// Without an answer the instrument is cancelled by itself, so it is not worth a long wait.
async fn settle_coin<V: Venue>(desk: &ExitDesk<V>, id: &InstrumentId) -> Option<Coin> {
    let asked = timeout(Duration::from_secs(1), desk.venue().instrument(id)).await;
    asked.ok()?.ok()?.settle_coin
}
