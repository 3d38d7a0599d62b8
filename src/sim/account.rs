//! What the account is worth and what of it is free: one reading of wallet, positions and open orders.

use std::collections::BTreeMap;
use std::sync::Arc;

use rust_decimal::Decimal;

use super::call::{Desk, Refusal};
use super::instruments::{self, Category, INSTRUMENTS, Instrument, num};
use super::market::{self, Path};
use super::order::{Order, Side};
use super::order_store;
use super::position::Position;
use super::store::{self, Coin, Wallet};

/// Maintenance margin as a share of a position's value.
const MAINTENANCE: Decimal = num(5, 3);

impl Desk<'_> {
    /// The path of one instrument.
    pub(crate) fn path(&self, one: &'static Instrument) -> Result<Path<'_>, Refusal> {
        self.market.check(one, self.now)?;
        let pins = store::pins(self.books, one)?;
        Ok(self.market.path(one, (*pins).clone()))
    }

    /// The last price, which is the mark and the index price too.
    pub(crate) fn last(&self, one: &'static Instrument) -> Result<Decimal, Refusal> {
        Ok(self.path(one)?.at(self.now))
    }

    /// Last prices of everything that is listed.
    pub(crate) fn prices(&self) -> Result<Prices, Refusal> {
        let mut last = BTreeMap::new();
        // Options are read one at a time: to price all of them would cost more than all the rest.
        for one in INSTRUMENTS.iter().filter(|one| one.category != Category::Option) {
            if self.market.check(one, self.now).is_ok() {
                last.insert((one.category, one.symbol), self.last(one)?);
            }
        }
        let mut prices = Prices {
            last,
            usd: BTreeMap::new(),
        };
        prices.usd = market::usd_prices(|one| prices.of(one));
        Ok(prices)
    }
}

/// Prices at one moment.
pub(crate) struct Prices {
    last: BTreeMap<(Category, &'static str), Decimal>,
    usd: BTreeMap<&'static str, Decimal>,
}

impl Prices {
    pub(crate) fn of(&self, one: &Instrument) -> Decimal {
        self.last
            .get(&(one.category, one.symbol))
            .copied()
            .unwrap_or(one.base_price)
    }

    /// A coin in US dollars; an unknown coin is worth nothing.
    pub(crate) fn usd(&self, coin: &str) -> Decimal {
        self.usd.get(coin).copied().unwrap_or_default()
    }
}

/// One coin's share of the account; amounts in the coin.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Holding {
    pub(crate) coin: Coin,
    /// Held back for open spot orders.
    pub(crate) locked: Decimal,
    pub(crate) order_margin: Decimal,
    pub(crate) position_margin: Decimal,
    pub(crate) maintenance: Decimal,
    pub(crate) unrealised: Decimal,
}

impl Holding {
    pub(crate) fn equity(&self) -> Decimal {
        self.coin.wallet + self.unrealised
    }

    /// What a spot order can still spend.
    pub(crate) fn free(&self) -> Decimal {
        (self.coin.wallet - self.locked).max(Decimal::ZERO)
    }
}

/// The account at one moment.
pub(crate) struct Account {
    pub(crate) holdings: BTreeMap<String, Holding>,
    pub(crate) prices: Prices,
    positions: Vec<Arc<Position>>,
}

impl Account {
    /// Reads the account, leaving the order `without` out: an amended order is checked as a new one.
    pub(crate) fn read(desk: &Desk<'_>, without: Option<&str>) -> Result<Self, Refusal> {
        let mut account = Self {
            holdings: BTreeMap::new(),
            prices: desk.prices()?,
            positions: store::positions(desk.books)?,
        };
        for (coin, held) in store::coins(desk.books, Wallet::Unified)? {
            account.holdings.entry(coin).or_default().coin = held;
        }
        for at in 0..account.positions.len() {
            account.count_position(desk, at)?;
        }
        for order in order_store::open_orders(desk.books)? {
            if Some(order.id.as_str()) != without {
                account.count_order(desk, &order)?;
            }
        }
        Ok(account)
    }

    fn holding(&mut self, coin: &str) -> &mut Holding {
        self.holdings.entry(coin.to_owned()).or_default()
    }

    fn count_position(&mut self, desk: &Desk<'_>, at: usize) -> Result<(), Refusal> {
        let Some(position) = self.positions.get(at).filter(|position| position.is_open()) else {
            return Ok(());
        };
        let Some(one) = Category::parse(&position.category)
            .and_then(|category| instruments::find(category, &position.symbol))
        else {
            return Ok(());
        };
        let mark = self.prices.of(one);
        let value = one.value(position.size, mark);
        let unrealised = position.unrealised(one, mark);
        let margin = margin(value, store::leverage(desk.books, one)?);
        let holding = self.holding(one.settle);
        holding.unrealised += unrealised;
        holding.position_margin += margin;
        holding.maintenance += (value * MAINTENANCE).round_dp(8);
        Ok(())
    }

    fn count_order(&mut self, desk: &Desk<'_>, order: &Order) -> Result<(), Refusal> {
        let one = order.instrument()?;
        if one.category == Category::Spot {
            if order.holds_coins() {
                // A conditional market order has no limit; its trigger is the best guess of its price.
                let price = if order.price.is_zero() {
                    order.trigger
                } else {
                    order.price
                };
                let (coin, amount) = spot_need(one, order, price);
                self.holding(coin).locked += amount;
            }
        } else if order.is_active() && !order.reduce_only {
            // Conditional orders reserve nothing before their trigger.
            let value = one.value(order.leaves(), order.price);
            self.holding(one.settle).order_margin += margin(value, store::leverage(desk.books, one)?);
        }
        Ok(())
    }

    /// US dollars that no position and no order needs; below zero when the account is short.
    pub(crate) fn available_usd(&self) -> Decimal {
        self.in_usd(|held| held.equity() - held.locked - held.order_margin - held.position_margin)
    }

    /// The sum of one figure over all coins, in US dollars.
    pub(crate) fn in_usd(&self, figure: impl Fn(&Holding) -> Decimal) -> Decimal {
        self.holdings
            .iter()
            .map(|(coin, held)| figure(held) * self.prices.usd(coin))
            .sum()
    }

    /// Refuses an order that the account cannot pay for; `price` is what it would cost at most.
    pub(crate) fn afford(&self, desk: &Desk<'_>, order: &Order, price: Decimal) -> Result<(), Refusal> {
        let one = order.instrument()?;
        if one.category == Category::Spot {
            let (coin, amount) = spot_need(one, order, price);
            let free = self.holdings.get(coin).map(Holding::free).unwrap_or_default();
            if amount > free {
                return Err(Refusal::new(170_131, "Insufficient balance."));
            }
            return Ok(());
        }
        let closing = self.closing(one, order);
        let opening = (order.rest() - closing).max(Decimal::ZERO);
        if order.reduce_only || opening.is_zero() {
            return Ok(());
        }
        let value = one.value(opening, price);
        let need = margin(value, store::leverage(desk.books, one)?) + value * one.taker_rate();
        if need * self.prices.usd(one.settle) > self.available_usd() {
            return Err(Refusal::new(110_007, "ab not enough for new order"));
        }
        Ok(())
    }

    /// How much of an order would close what is held.
    fn closing(&self, one: &Instrument, order: &Order) -> Decimal {
        self.positions
            .iter()
            .find(|held| {
                held.category == one.category.word()
                    && held.symbol == one.symbol
                    && held.idx == order.position_idx
            })
            .map(|held| held.closable(order.side))
            .unwrap_or_default()
    }
}

/// The initial margin of a value.
pub(crate) fn margin(value: Decimal, leverage: Decimal) -> Decimal {
    value.checked_div(leverage).unwrap_or(value).round_dp(8)
}

/// The coin that a spot order spends and how much of it, at `price`.
fn spot_need(one: &Instrument, order: &Order, price: Decimal) -> (&'static str, Decimal) {
    let rest = order.rest();
    match (order.side, order.in_quote) {
        (Side::Buy, true) => (one.quote, rest),
        (Side::Buy, false) => (one.quote, rest * price),
        (Side::Sell, true) => (one.base, rest.checked_div(price).unwrap_or_default()),
        (Side::Sell, false) => (one.base, rest),
    }
}
