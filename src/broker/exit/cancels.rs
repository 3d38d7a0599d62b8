//! Cancelling until the exchange shows nothing: wide cancels first and again, then order by order what stays.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::future::join_all;
use tokio::time::Instant;

use super::desk::ExitDesk;
use crate::domain::account::RestingOrder;
use crate::domain::exit::Exit;
use crate::domain::order::CancelScope;
use crate::domain::symbol::{Category, Coin};
use crate::venue::Venue;

/// A cancel is asynchronous: one that was accepted is given a moment before it is asked for again.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// So many wide cancels without progress, and the orders are cancelled one by one as well.
const WIDE_ROUNDS: u32 = 2;

/// One second's budget (facts §3).
const ONE_BY_ONE: usize = 10;

/// When to cancel again.
#[derive(Debug)]
pub(super) struct Cancels {
    due: Option<Instant>,
    pause: Duration,
    left: usize,
    /// Wide cancels since fewer orders were shown.
    in_vain: u32,
}

impl Default for Cancels {
    fn default() -> Self {
        Self {
            due: None,
            pause: FIRST_PAUSE,
            left: usize::MAX,
            in_vain: 0,
        }
    }
}

impl Cancels {
    /// Cancels what can be cancelled without knowing what rests: nothing is read before. Inverse orders need
    /// their settle coin, which only a look tells.
    pub(super) async fn blindly<V: Venue>(&mut self, desk: &ExitDesk<V>) {
        if !self.is_due() {
            return;
        }
        let dollars = ["USDT", "USDC"].into_iter().filter_map(|coin| {
            let coin = Coin::parse(coin).ok()?;
            Some(CancelScope::SettleCoin(Category::Linear, coin))
        });
        let spot = CancelScope::Everything(Category::Spot);
        send(desk, dollars.chain([spot]).map(Exit::cancel_all).collect()).await;
        self.wait_longer();
    }

    /// Cancels what is shown, when it is time for it.
    pub(super) async fn round<V: Venue>(
        &mut self,
        desk: &ExitDesk<V>,
        shown: &[RestingOrder],
        one_symbol: bool,
    ) {
        if shown.len() < self.left {
            self.pause = FIRST_PAUSE;
            self.in_vain = 0;
        }
        self.left = shown.len();
        if shown.is_empty() || !self.is_due() {
            return;
        }
        let wide = scopes(desk, shown, one_symbol).await;
        let mut exits: Vec<Exit> = wide.into_iter().map(Exit::cancel_all).collect();
        if self.in_vain >= WIDE_ROUNDS {
            exits.extend(shown.iter().filter_map(Exit::cancel).take(ONE_BY_ONE));
        }
        send(desk, exits).await;
        self.in_vain = self.in_vain.saturating_add(1);
        self.wait_longer();
    }

    fn is_due(&self) -> bool {
        self.due.is_none_or(|due| due <= Instant::now())
    }

    fn wait_longer(&mut self) {
        self.due = Some(Instant::now() + self.pause);
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
    }
}

/// Side by side: one that gets no answer holds none of the others up.
async fn send<V: Venue>(desk: &ExitDesk<V>, exits: Vec<Exit>) {
    join_all(exits.iter().map(|exit| desk.cancel(exit))).await;
}

/// One cancel-all for each category and settle coin that has orders (facts §5.12), or for each instrument.
async fn scopes<V: Venue>(desk: &ExitDesk<V>, orders: &[RestingOrder], one_symbol: bool) -> Vec<CancelScope> {
    let mut instruments = BTreeSet::new();
    let mut wide = BTreeSet::new();
    for id in orders.iter().map(|order| &order.instrument) {
        let settled = matches!(id.category, Category::Linear | Category::Inverse);
        let coin = match settled && !one_symbol {
            true => settle_coin(desk, id).await,
            false => None,
        };
        if one_symbol || (settled && coin.is_none()) {
            instruments.insert(id.clone());
        } else {
            wide.insert((id.category, coin));
        }
    }
    let wide = wide.into_iter().map(|(category, coin)| match coin {
        Some(coin) => CancelScope::SettleCoin(category, coin),
        None => CancelScope::Everything(category),
    });
    wide.chain(instruments.into_iter().map(CancelScope::Instrument))
        .collect()
}

async fn settle_coin<V: Venue>(desk: &ExitDesk<V>, id: &crate::domain::symbol::InstrumentId) -> Option<Coin> {
    let asked = tokio::time::timeout(Duration::from_secs(2), desk.venue().instrument(id)).await;
    asked.ok()?.ok()?.settle_coin
}
