//! The arithmetic of margin: modes, what a position and an order tie up, and where a position is liquidated.

use rust_decimal::Decimal;

use super::position::Position;
use super::tiers;
use crate::sim::call::Refusal;
use crate::sim::instruments::{Category, Instrument};
use crate::sim::orders::Side;
use crate::sim::store;
use crate::sim::store::books::Books;

const MODE: &str = "margin_mode";

/// How margin is shared; it holds for the whole account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// All coins and positions stand in for each other.
    Cross,
    /// Each position has margin of its own.
    Isolated,
}

impl Mode {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "REGULAR_MARGIN" => Some(Self::Cross),
            "ISOLATED_MARGIN" => Some(Self::Isolated),
            _ => None,
        }
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Cross => "REGULAR_MARGIN",
            Self::Isolated => "ISOLATED_MARGIN",
        }
    }

    pub(crate) fn of(books: &Books) -> Result<Self, Refusal> {
        let kept = store::meta_text(books, MODE)?;
        Ok(kept.and_then(|text| Self::parse(&text)).unwrap_or(Self::Cross))
    }

    pub(crate) fn keep(self, books: &Books) -> Result<(), Refusal> {
        store::set_meta(books, MODE, self.word())
    }
}

/// Value by leverage.
fn initial(value: Decimal, leverage: Decimal) -> Decimal {
    value.checked_div(leverage).unwrap_or(value).round_dp(8)
}

/// The fee of closing at the price where the initial margin is used up.
fn fee_to_close(one: &Instrument, side: Side, value: Decimal, leverage: Decimal) -> Decimal {
    let part = Decimal::ONE.checked_div(leverage).unwrap_or(Decimal::ONE);
    let worth = if loses_value(one, side) {
        Decimal::ONE - part
    } else {
        Decimal::ONE + part
    };
    (value * worth * one.taker_rate()).round_dp(8)
}

/// Whether a loss makes the position worth less: inverse coins fall in value as their price rises.
fn loses_value(one: &Instrument, side: Side) -> bool {
    (side == Side::Buy) != (one.category == Category::Inverse)
}

/// What an order that opens `value` ties up: initial margin, and the fees of opening and closing.
pub(crate) fn order_cost(one: &Instrument, side: Side, value: Decimal, leverage: Decimal) -> Decimal {
    if value.is_zero() {
        return Decimal::ZERO;
    }
    initial(value, leverage)
        + (value * one.taker_rate()).round_dp(8)
        + fee_to_close(one, side, value, leverage)
}

/// What a position that is worth `value` ties up.
pub(crate) fn position_initial(one: &Instrument, side: Side, value: Decimal, leverage: Decimal) -> Decimal {
    initial(value, leverage) + fee_to_close(one, side, value, leverage)
}

/// What it must not fall below.
pub(crate) fn position_maintenance(
    one: &Instrument,
    side: Side,
    value: Decimal,
    leverage: Decimal,
) -> Decimal {
    tiers::maintenance(one, value) + fee_to_close(one, side, value, leverage)
}

/// Refuses a position value that the leverage of a side may not be used with.
pub(crate) fn within_tier(
    books: &Books,
    one: &Instrument,
    side: Side,
    value: Decimal,
) -> Result<(), Refusal> {
    let leverage = store::leverage_of(books, one, side)?;
    let most = tiers::most_at(one, leverage);
    if value <= most {
        return Ok(());
    }
    Err(Refusal::new(
        110_090,
        format!("the position may exceed the risk limit {most} of leverage {leverage}; lower the leverage"),
    ))
}

/// An isolated position's own money and the prices at which it is in danger and used up.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Isolated {
    /// What it may lose before it is liquidated.
    pub(crate) safe: Decimal,
    pub(crate) liq: Option<Decimal>,
    pub(crate) bust: Option<Decimal>,
}

impl Isolated {
    pub(crate) fn of(one: &Instrument, held: &Position, leverage: Decimal) -> Self {
        let room = initial(held.entry, leverage) + held.added;
        let safe = room - tiers::maintenance(one, held.entry);
        Self {
            safe,
            liq: held.price_at_loss(one, safe),
            bust: held.price_at_loss(one, room),
        }
    }
}

/// The price at which a cross position uses up `room` (in its settle coin) while all else stands still; `rate`
/// is what each unit of value asks for besides.
pub(crate) fn cross_price(
    one: &Instrument,
    held: &Position,
    mark: Decimal,
    room: Decimal,
    rate: Decimal,
) -> Option<Decimal> {
    let long = held.side == Side::Buy;
    let share = if loses_value(one, held.side) {
        Decimal::ONE - rate
    } else {
        Decimal::ONE + rate
    };
    let moved = room.checked_div(held.size)?.checked_div(share)?;
    let price = match one.category {
        Category::Inverse => {
            let now = Decimal::ONE.checked_div(mark)?;
            let then = if long { now + moved } else { now - moved };
            Decimal::ONE.checked_div(Some(then).filter(|then| *then > Decimal::ZERO)?)?
        }
        _ if long => mark - moved,
        _ => mark + moved,
    };
    Some(price.round_dp(8)).filter(|price| *price > Decimal::ZERO && *price < mark * Decimal::TEN)
}

/// An open order of a leg.
#[derive(Debug, Clone, Copy)]
struct Rest {
    age: i64,
    price: Decimal,
    qty: Decimal,
    value: Decimal,
}

/// Open orders of one leg.
#[derive(Debug, Clone)]
pub(crate) struct Exposure {
    pub(crate) one: &'static Instrument,
    /// Buys then sells, each oldest first.
    sides: [Vec<Rest>; 2],
}

impl Exposure {
    pub(crate) fn new(one: &'static Instrument) -> Self {
        Self {
            one,
            sides: [Vec::new(), Vec::new()],
        }
    }

    /// Puts an order that has no age yet behind all others.
    pub(crate) fn add(&mut self, side: Side, price: Decimal, qty: Decimal) {
        self.put(i64::MAX, side, price, qty);
    }

    /// Puts an order in the place of the one of the same age.
    pub(crate) fn put(&mut self, age: i64, side: Side, price: Decimal, qty: Decimal) {
        let value = self.one.value(qty, price);
        let rest = Rest {
            age,
            price,
            qty,
            value,
        };
        let [buys, sells] = &mut self.sides;
        let orders = match side {
            Side::Buy => buys,
            Side::Sell => sells,
        };
        match orders.binary_search_by_key(&age, |rest| rest.age) {
            Ok(at) => orders.splice(at..=at, [rest]).for_each(drop),
            Err(at) => orders.insert(at, rest),
        }
    }

    pub(crate) fn remove(&mut self, age: i64) {
        for orders in &mut self.sides {
            if let Ok(at) = orders.binary_search_by_key(&age, |rest| rest.age) {
                orders.remove(at);
            }
        }
    }

    pub(crate) fn has(&self, age: i64) -> bool {
        self.sides
            .iter()
            .any(|orders| orders.binary_search_by_key(&age, |rest| rest.age).is_ok())
    }

    pub(crate) fn len(&self) -> usize {
        self.sides.iter().map(Vec::len).sum()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value that the orders of a side would open beyond closing `closable`, best price first.
    pub(crate) fn opens(&self, side: Side, mut closable: Decimal) -> Decimal {
        let [buys, sells] = &self.sides;
        let orders = match side {
            Side::Buy => buys,
            Side::Sell => sells,
        };
        if closable.is_zero() {
            return orders.iter().map(|rest| rest.value).sum();
        }
        let mut orders: Vec<&Rest> = orders.iter().collect();
        orders.sort_by_key(|rest| {
            if side == Side::Buy {
                -rest.price
            } else {
                rest.price
            }
        });
        let mut value = Decimal::ZERO;
        for rest in orders {
            let closes = rest.qty.min(closable);
            closable -= closes;
            value += self.one.value(rest.qty - closes, rest.price);
        }
        value
    }

    /// The margin of the orders: the worse side, as only one of them can be filled without closing the other.
    pub(crate) fn cost(&self, books: &Books, held: Option<&Position>) -> Result<Decimal, Refusal> {
        let mut worst = Decimal::ZERO;
        for side in [Side::Buy, Side::Sell] {
            let closable = held.map(|held| held.closable(side)).unwrap_or_default();
            let leverage = store::leverage_of(books, self.one, side)?;
            let value = self.opens(side, closable);
            worst = worst.max(order_cost(self.one, side, value, leverage));
        }
        Ok(worst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::instruments::{find, num};

    fn long(one: &Instrument, qty: Decimal, price: Decimal) -> Position {
        let mut held = Position::flat(one, 0);
        held.fill(one, Side::Buy, qty, price, Decimal::ZERO, 1);
        held
    }

    #[test]
    fn an_isolated_long_is_liquidated_before_its_margin_is_gone() {
        let btc = find(Category::Linear, "BTCUSDT").unwrap();
        let held = long(btc, num(1, 0), num(60_000, 0));
        let own = Isolated::of(btc, &held, num(10, 0));
        assert_eq!(own.safe, num(5_700, 0));
        assert_eq!((own.liq, own.bust), (Some(num(54_300, 0)), Some(num(54_000, 0))));
    }

    #[test]
    fn a_cross_price_uses_the_room_up() {
        let btc = find(Category::Linear, "BTCUSDT").unwrap();
        let held = long(btc, num(1, 0), num(60_000, 0));
        let price = |room| cross_price(btc, &held, num(60_000, 0), room, Decimal::ZERO);
        assert_eq!(price(num(10_000, 0)), Some(num(50_000, 0)));
        assert_eq!(price(num(60_000, 0)), None);
        let usd = find(Category::Inverse, "BTCUSD").unwrap();
        let held = long(usd, num(50_000, 0), num(50_000, 0));
        // A coin long of one coin has lost a coin when the price has halved.
        let price = cross_price(usd, &held, num(50_000, 0), Decimal::ONE, Decimal::ZERO);
        assert_eq!(price, Some(num(25_000, 0)));
    }

    #[test]
    fn opposite_orders_first_close_and_only_the_worse_side_counts() {
        let btc = find(Category::Linear, "BTCUSDT").unwrap();
        let mut orders = Exposure::new(btc);
        orders.put(1, Side::Sell, num(61_000, 0), num(2, 0));
        orders.put(2, Side::Sell, num(60_000, 0), num(1, 0));
        assert_eq!(orders.opens(Side::Sell, num(2, 0)), num(61_000, 0));
        assert_eq!(orders.opens(Side::Sell, num(3, 0)), Decimal::ZERO);
        assert_eq!(orders.opens(Side::Buy, Decimal::ZERO), Decimal::ZERO);
    }
}
