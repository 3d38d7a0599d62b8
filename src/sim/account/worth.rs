//! What the account is worth and what of it is free: one reading of wallet, positions and open orders.

use std::collections::BTreeMap;
use std::sync::Arc;

use rust_decimal::Decimal;

use super::borrow;
use crate::sim::call::{Desk, Refusal};
use crate::sim::instruments::{self, Category, Instrument};
use crate::sim::orders;
use crate::sim::orders::resting::LegKey;
use crate::sim::orders::{Order, Side};
use crate::sim::positions::Position;
use crate::sim::positions::margin::{self, Exposure, Mode};
use crate::sim::store::{self, Coin, Wallet};

/// One coin's share of the account; amounts in the coin.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Holding {
    pub(crate) coin: Coin,
    /// Lent for spot orders.
    pub(crate) lent: Decimal,
    /// What one costs in US dollars.
    pub(crate) usd: Decimal,
    /// The share of its worth that counts as collateral.
    pub(crate) ratio: Decimal,
    /// Held back for open spot orders.
    pub(crate) locked: Decimal,
    pub(crate) order_margin: Decimal,
    pub(crate) position_margin: Decimal,
    pub(crate) maintenance: Decimal,
    pub(crate) unrealised: Decimal,
}

impl Holding {
    pub(crate) fn equity(&self) -> Decimal {
        self.coin.wallet - self.lent + self.unrealised
    }

    /// Everything owed: what was lent, and a wallet below zero.
    pub(crate) fn owed(&self) -> Decimal {
        self.lent + (-self.coin.wallet).max(Decimal::ZERO)
    }

    /// What no order and no position of its own margin needs.
    pub(crate) fn own_free(&self) -> Decimal {
        self.coin.wallet - self.lent - self.locked - self.order_margin - self.position_margin
    }

    /// Its part of the margin balance: debts count in full.
    fn cover(&self) -> Decimal {
        let equity = self.equity();
        match equity.is_sign_negative() {
            true => equity,
            false => equity * self.ratio,
        }
    }
}

/// An open position with what it ties up.
pub(crate) struct Leg {
    pub(crate) one: &'static Instrument,
    pub(crate) held: Arc<Position>,
    pub(crate) mark: Decimal,
    pub(crate) leverage: Decimal,
    pub(crate) initial: Decimal,
    pub(crate) maintenance: Decimal,
    pub(crate) unrealised: Decimal,
}

/// The account at one moment.
pub(crate) struct Account {
    pub(crate) mode: Mode,
    pub(crate) holdings: BTreeMap<String, Holding>,
    pub(crate) legs: Vec<Leg>,
    orders: BTreeMap<LegKey, Arc<Exposure>>,
}

impl Account {
    /// Reads the account, leaving the order `without` out: an amended order is checked as a new one.
    pub(crate) fn read(desk: &Desk<'_>, without: Option<&str>) -> Result<Self, Refusal> {
        let mut account = Self {
            mode: Mode::of(desk.books)?,
            holdings: BTreeMap::new(),
            legs: Vec::new(),
            orders: BTreeMap::new(),
        };
        for (coin, held) in store::coins(desk.books, Wallet::Unified)? {
            account.holding(desk, &coin)?.coin = held;
        }
        for held in store::positions(desk.books)? {
            if held.is_open() {
                account.count_position(desk, held)?;
            }
        }
        for order in orders::records::open_spot(desk.books)? {
            if Some(order.id.as_str()) != without {
                account.count_spot(desk, &order)?;
            }
        }
        for (key, orders) in orders::records::open_legs(desk.books, without)? {
            let cost = orders.cost(desk.books, account.held(key))?;
            account.holding(desk, orders.one.settle)?.order_margin += cost;
            account.orders.insert(key, orders);
        }
        Ok(account)
    }

    fn holding(&mut self, desk: &Desk<'_>, coin: &str) -> Result<&mut Holding, Refusal> {
        if !self.holdings.contains_key(coin) {
            let fresh = fresh(desk, coin)?;
            self.holdings.insert(coin.to_owned(), fresh);
        }
        Ok(self.holdings.entry(coin.to_owned()).or_default())
    }

    fn count_position(&mut self, desk: &Desk<'_>, held: Arc<Position>) -> Result<(), Refusal> {
        let Some(one) =
            Category::parse(&held.category).and_then(|found| instruments::find(found, &held.symbol))
        else {
            return Ok(());
        };
        let mark = desk.mark(one)?;
        let leverage = store::leverage_of(desk.books, one, held.side)?;
        // Cross margin follows the mark, isolated margin was fixed at entry.
        let (value, added) = match self.mode {
            Mode::Cross => (one.value(held.size, mark), Decimal::ZERO),
            Mode::Isolated => (held.entry, held.added),
        };
        let leg = Leg {
            one,
            mark,
            leverage,
            initial: margin::position_initial(one, held.side, value, leverage) + added,
            maintenance: margin::position_maintenance(one, held.side, value, leverage),
            unrealised: held.unrealised(one, mark),
            held,
        };
        let holding = self.holding(desk, one.settle)?;
        holding.unrealised += leg.unrealised;
        holding.position_margin += leg.initial;
        holding.maintenance += leg.maintenance;
        self.legs.push(leg);
        Ok(())
    }

    fn count_spot(&mut self, desk: &Desk<'_>, order: &Order) -> Result<(), Refusal> {
        let one = order.instrument()?;
        if !order.holds_coins() {
            return Ok(());
        }
        // A conditional market order has no limit; its trigger is the best guess of its price.
        let price = if order.price.is_zero() {
            order.trigger
        } else {
            order.price
        };
        let got = borrow::ratio(desk.books, got_coin(one, order.side))?;
        let (coin, amount) = spot_need(one, order, price);
        let lent = is_leveraged(order) && self.mode == Mode::Cross;
        let holding = self.holding(desk, coin)?;
        let own = match lent {
            true => amount.min((holding.coin.wallet - holding.locked).max(Decimal::ZERO)),
            false => amount,
        };
        holding.locked += own;
        let weight = borrow::INITIAL + Decimal::ONE - got;
        holding.order_margin += ((amount - own) * weight).round_dp(8);
        Ok(())
    }

    pub(crate) fn held(&self, (category, symbol, idx): LegKey) -> Option<&Position> {
        self.legs
            .iter()
            .find(|leg| leg.one.category == category && leg.one.symbol == symbol && leg.held.idx == idx)
            .map(|leg| &*leg.held)
    }

    pub(crate) fn leg(&self, one: &Instrument, idx: i64) -> Option<&Leg> {
        self.legs
            .iter()
            .find(|leg| std::ptr::eq(leg.one, one) && leg.held.idx == idx)
    }

    /// Where a cross position would be liquidated if nothing else moved.
    pub(crate) fn liq_price(&self, leg: &Leg) -> Option<Decimal> {
        let usd = self.holdings.get(leg.one.settle)?.usd;
        let room = (self.cover() - self.maintenance()).checked_div(usd)?;
        let rate = leg.one.maintenance_rate(leg.one.value(leg.held.size, leg.mark));
        margin::cross_price(leg.one, &leg.held, leg.mark, room, rate)
    }

    /// The margin balance: what all coins are worth as collateral, debts in full, in US dollars.
    pub(crate) fn cover(&self) -> Decimal {
        self.in_usd(Holding::cover)
    }

    pub(crate) fn initial(&self) -> Decimal {
        self.in_usd(|held| held.order_margin + held.position_margin + held.owed() * borrow::INITIAL)
    }

    pub(crate) fn maintenance(&self) -> Decimal {
        self.in_usd(|held| held.maintenance + held.owed() * borrow::MAINTENANCE)
    }

    /// US dollars that no position and no order needs; below zero when the account is short.
    pub(crate) fn available_usd(&self) -> Decimal {
        self.cover() - self.initial() - self.in_usd(|held| held.locked * held.ratio)
    }

    /// Whether a cross account holds less than it must.
    pub(crate) fn is_short(&self) -> bool {
        let needed = match self.mode {
            Mode::Cross => self.maintenance(),
            Mode::Isolated => self.in_usd(|held| held.owed() * borrow::MAINTENANCE),
        };
        needed > Decimal::ZERO && self.cover() <= needed
    }

    /// The sum of one figure over all coins, in US dollars.
    pub(crate) fn in_usd(&self, figure: impl Fn(&Holding) -> Decimal) -> Decimal {
        self.holdings.values().map(|held| figure(held) * held.usd).sum()
    }

    /// What is free in `coin` for margin: of the whole account in cross mode, of the coin alone in isolated.
    pub(crate) fn margin_free(&self, coin: &str) -> Decimal {
        let held = self.holdings.get(coin);
        match self.mode {
            Mode::Isolated => held.map(Holding::own_free).unwrap_or_default(),
            Mode::Cross => held
                .and_then(|held| self.available_usd().checked_div(held.usd))
                .unwrap_or_default(),
        }
    }

    /// What a spot order can spend of a coin without borrowing.
    pub(crate) fn spot_free(&self, coin: &str) -> Decimal {
        let Some(held) = self.holdings.get(coin) else {
            return Decimal::ZERO;
        };
        let free = match self.mode {
            Mode::Cross => held.coin.wallet - held.locked,
            Mode::Isolated => held.own_free(),
        };
        free.max(Decimal::ZERO)
    }

    /// Refuses an order that the account cannot pay for; `price` is what it would cost at most.
    pub(crate) fn afford(&self, desk: &Desk<'_>, order: &Order, price: Decimal) -> Result<(), Refusal> {
        let one = order.instrument()?;
        if one.category == Category::Spot {
            return self.afford_spot(desk, one, order, price);
        }
        if order.reduce_only {
            return Ok(());
        }
        let key = (one.category, one.symbol, order.position_idx);
        let mut orders = self
            .orders
            .get(&key)
            .map_or_else(|| Exposure::new(one), |orders| (**orders).clone());
        let held = self.held(key);
        let before = orders.cost(desk.books, held)?;
        orders.add(order.side, price, order.rest());
        let need = orders.cost(desk.books, held)? - before;
        let closable = held.map(|held| held.closable(order.side)).unwrap_or_default();
        let opens = orders.opens(order.side, closable);
        if opens.is_zero() {
            return Ok(());
        }
        let same_side = held.filter(|held| held.side == order.side);
        let value = same_side
            .map(|held| one.value(held.size, price))
            .unwrap_or_default()
            + opens;
        margin::within_tier(desk.books, one, order.side, value)?;
        let mut free = self.margin_free(one.settle);
        if self.mode == Mode::Cross && !self.holdings.contains_key(one.settle) {
            let usd = desk.usd(one.settle)?;
            free = self.available_usd().checked_div(usd).unwrap_or_default();
        }
        if need > Decimal::ZERO && need > free {
            return Err(Refusal::new(110_007, "ab not enough for new order"));
        }
        Ok(())
    }

    fn afford_spot(
        &self,
        desk: &Desk<'_>,
        one: &Instrument,
        order: &Order,
        price: Decimal,
    ) -> Result<(), Refusal> {
        let (coin, amount) = spot_need(one, order, price);
        let own = amount.min(self.spot_free(coin));
        let short = amount - own;
        let refused = || Refusal::new(170_131, "Insufficient balance.");
        if is_leveraged(order) && self.mode == Mode::Isolated {
            return Err(Refusal::new(
                182_021,
                "Cannot enable spot margin while in isolated margin mode.",
            ));
        }
        if short > Decimal::ZERO && !is_leveraged(order) {
            return Err(refused());
        }
        if short > Decimal::ZERO {
            let owed = self.holdings.get(coin).map(Holding::owed).unwrap_or_default();
            borrow::within_limit(coin, owed + short)?;
        }
        if self.mode == Mode::Isolated || (short.is_zero() && self.initial().is_zero()) {
            return Ok(());
        }
        let loss = self.exchange_loss(desk, one, order.side, own, short)?;
        if loss > Decimal::ZERO && loss > self.available_usd() {
            return Err(refused());
        }
        Ok(())
    }

    /// What exchanging coins costs the margin in US dollars, as coins count for less than they are worth:
    /// `own` is spent from the wallet and `short` is borrowed.
    pub(crate) fn exchange_loss(
        &self,
        desk: &Desk<'_>,
        one: &Instrument,
        side: Side,
        own: Decimal,
        short: Decimal,
    ) -> Result<Decimal, Refusal> {
        let paid = paid_coin(one, side);
        let usd = desk.usd(paid)?;
        let got = borrow::ratio(desk.books, got_coin(one, side))? * (Decimal::ONE - one.taker_rate());
        let given = own * borrow::ratio(desk.books, paid)?;
        Ok((given + short * (Decimal::ONE + borrow::INITIAL) - (own + short) * got) * usd)
    }
}

/// A coin of which nothing is counted yet.
pub(crate) fn fresh(desk: &Desk<'_>, coin: &str) -> Result<Holding, Refusal> {
    Ok(Holding {
        lent: borrow::lent(desk.books, coin)?,
        usd: desk.usd(coin)?,
        ratio: borrow::ratio(desk.books, coin)?,
        ..Holding::default()
    })
}

fn is_leveraged(order: &Order) -> bool {
    order.extra("isLeverage") == "1"
}

pub(crate) fn paid_coin(one: &Instrument, side: Side) -> &'static str {
    match side {
        Side::Buy => one.quote,
        Side::Sell => one.base,
    }
}

fn got_coin(one: &Instrument, side: Side) -> &'static str {
    match side {
        Side::Buy => one.base,
        Side::Sell => one.quote,
    }
}

/// The coin that a spot order spends and how much of it, at `price`.
pub(crate) fn spot_need(one: &Instrument, order: &Order, price: Decimal) -> (&'static str, Decimal) {
    let rest = order.rest();
    match (order.side, order.in_quote) {
        (Side::Buy, true) => (one.quote, rest),
        (Side::Buy, false) => (one.quote, rest * price),
        (Side::Sell, true) => (one.base, rest.checked_div(price).unwrap_or_default()),
        (Side::Sell, false) => (one.base, rest),
    }
}
