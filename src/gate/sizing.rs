//! What an order is worth: the worst price it can fill at, and its notional in USD (design §5).

use rust_decimal::Decimal;

use super::facts::Facts;
use super::refusal::{Limit, Refusal};
use crate::domain::account::{CoinBalance, Instrument, Quote, RestingOrder, SizeUnit};
use crate::domain::money::{Overflow, Price, Qty, Usd};
use crate::domain::order::{OrderKind, PlaceOrder, Side, Size};
use crate::domain::symbol::{Category, InstrumentId};

/// An order with the prices it was valued by. Another quantity of it can be valued without new facts.
#[derive(Debug, Clone)]
pub(super) struct Priced {
    pub(super) side: Side,
    pub(super) size: Size,
    /// USD for one unit of the size when the order can only reduce: at the live price.
    reducing_unit_usd: Decimal,
    /// As what the order may close is valued in the exposure: at the least, and at the most.
    held: [Valued; 2],
    /// USD for one unit of the size when it can open or add: at the worst price.
    opening_unit_usd: Decimal,
    stated: Option<Usd>,
    /// Units of the size that a sell may take from what is held before it opens a short; zero for a buy.
    reducible: Decimal,
    /// Units of an amended order's total that have filled, and are in the position already.
    filled: Decimal,
}

impl Priced {
    /// The notional that counts for a total of `qty`: the larger of computed and stated (H3).
    pub(super) fn notional(&self, qty: Qty) -> Result<Usd, Overflow> {
        self.counted(qty.value(), self.open(qty))
    }

    /// What counts for the part of a total that is still open.
    fn open_notional(&self, open: Qty) -> Result<Usd, Overflow> {
        self.counted(open.value(), open.value())
    }

    /// What of a total of `qty` can still fill.
    pub(super) fn open(&self, qty: Qty) -> Decimal {
        qty.value().saturating_sub(self.filled)
    }

    fn counted(&self, qty: Decimal, open: Decimal) -> Result<Usd, Overflow> {
        let opens = self.side == Side::Buy || open > self.reducible;
        let unit = if opens {
            self.opening_unit_usd
        } else {
            self.reducing_unit_usd
        };
        let implied = Usd::of(qty, unit)?;
        Ok(self.stated.map_or(implied, |stated| stated.max(implied)))
    }

    /// The caller said what it is worth, which counts for every quantity that is worth less.
    pub(super) fn is_stated(&self) -> bool {
        self.stated.is_some()
    }

    /// The least and the most that `open` is worth: what counts for it, or as it is valued where it is held. What closes
    /// something takes no more than the least out of the exposure, whatever the market pays for it, its limit is, or
    /// the caller states; what opens something may bring the most into it.
    pub(super) fn worths(&self, open: Qty) -> Result<[Usd; 2], Overflow> {
        let counts = self.open_notional(open)?;
        let [least, most] = self.held;
        let as_held = |value: Valued| value.worth(open.value()).map(Usd::new).ok_or(Overflow);
        Ok([counts.min(as_held(least)?), counts.max(as_held(most)?)])
    }
}

/// What so many units are valued at, in USD; kept as two figures, so that all of them are worth all of it exactly.
#[derive(Debug, Clone, Copy)]
struct Valued {
    usd: Decimal,
    units: Decimal,
}

impl Valued {
    fn worth(self, units: Decimal) -> Option<Decimal> {
        let product = units.checked_mul(self.usd)?;
        if product.scale() < units.scale() + self.usd.scale() {
            // It has more digits than a decimal, so it was rounded; the price of a unit most often has few.
            return units.checked_mul(self.usd.checked_div(self.units)?);
        }
        product.checked_div(self.units)
    }
}

/// The instrument record and the complete quote that step 5 asks for: the side of the book that the order
/// takes, the last trade and, but for spot, the mark.
pub(super) fn quoted<'f>(
    facts: &'f Facts,
    id: &InstrumentId,
    side: Side,
) -> Result<(&'f Instrument, &'f Quote), Refusal> {
    let no_price = |what: &str| {
        let why = facts.why_missing();
        let reason = format!(
            "{what} for {id}, so the order cannot be priced{why}; try again when the exchange answers"
        );
        Refusal::deny(Limit::Quote, reason)
    };
    if facts.unlisted.contains(id) {
        let reason = format!(
            "the exchange lists no {id}, so there is nothing to trade; correct symbol and category, or look for it \
             with bybit_get_instruments_info"
        );
        return Err(Refusal::deny(Limit::Quote, reason));
    }
    let instrument = facts
        .instruments
        .get(id)
        .ok_or_else(|| no_price("no instrument record"))?;
    let quote = facts.quotes.get(id).ok_or_else(|| no_price("no fresh price"))?;
    let (book, name) = match side {
        Side::Buy => (quote.ask, "no ask"),
        Side::Sell => (quote.bid, "no bid"),
    };
    book.ok_or_else(|| no_price(name))?;
    if id.category.is_derivative() && quote.mark.is_none() {
        return Err(no_price("no mark price"));
    }
    Ok((instrument, quote))
}

/// Prices an order. `gives_up`: it can only sell coins that are held. `reducible` is what a sell may take from what is
/// held, and `filled` what has filled of an amended one, in units of the size.
pub(super) fn price_order(
    facts: &Facts,
    order: &PlaceOrder,
    gives_up: bool,
    reducible: Decimal,
    filled: Decimal,
) -> Result<Priced, Refusal> {
    let (instrument, quote) = quoted(facts, &order.instrument, order.side)?;
    let live = quote.live(order.side);
    let limit = match order.kind {
        OrderKind::Market => None,
        OrderKind::Limit(price) => Some(price),
    };
    let worst = [limit, order.trigger.map(|trigger| trigger.price)]
        .into_iter()
        .flatten()
        .fold(live, Price::max);
    // What gives up coins that are held opens nothing, whatever its limit.
    let opening = if gives_up { live } else { worst };
    Ok(Priced {
        side: order.side,
        size: order.size,
        reducing_unit_usd: unit_usd(facts, instrument, order.size, live)?,
        held: held_at(facts, instrument, quote, order)?,
        opening_unit_usd: unit_usd(facts, instrument, order.size, opening)?,
        stated: order.stated_notional,
        reducible: if order.side == Side::Sell {
            reducible
        } else {
            Decimal::ZERO
        },
        filled,
    })
}

/// What the size of an order is valued at where the exposure holds it, at the least and at the most: contracts at a mark
/// of their positions, coins as in the wallet. The market of now may pay more, but takes no more of it away.
fn held_at(
    facts: &Facts,
    instrument: &Instrument,
    quote: &Quote,
    order: &PlaceOrder,
) -> Result<[Valued; 2], Refusal> {
    let quoted = quote.mark.unwrap_or(quote.last);
    let unit = |price| {
        unit_usd(facts, instrument, order.size, price).map(|usd| Valued {
            usd,
            units: Decimal::ONE,
        })
    };
    if order.instrument.category != Category::Spot {
        let marks = || marks(facts, &order.instrument).map(|mark| mark.unwrap_or(quoted));
        return Ok([
            unit(marks().min().unwrap_or(quoted))?,
            unit(marks().max().unwrap_or(quoted))?,
        ]);
    }
    let coins = coins_held(facts, instrument).next();
    match (coins, order.size) {
        (Some(coins), Size::Base(_)) => Ok([coins, coins]),
        (None, Size::Base(_)) | (_, Size::UsdContracts(_)) => Ok([unit(quoted)?, unit(quoted)?]),
        (_, Size::Quote(_)) => for_money(facts, instrument, quote, order.side).ok_or_else(too_large),
    }
}

/// What one unit of money is valued at as the coins that it is exchanged for, at the least and at the most: the fewest
/// where they are dearest, and the most where the book gives them away below the last trade. What is bought counts at
/// no less than the live price, as it does when it is sized in coins.
fn for_money(facts: &Facts, instrument: &Instrument, quote: &Quote, side: Side) -> Option<[Valued; 2]> {
    let live = quote.live(side);
    let book = match side {
        Side::Buy => quote.ask,
        Side::Sell => quote.bid,
    };
    let usd = facts.usd_per(&instrument.quote_coin)?;
    let live_coin = Valued {
        usd: live.value().checked_mul(usd)?,
        units: Decimal::ONE,
    };
    let coins = coins_held(facts, instrument).next();
    let is_cheap = |coins: &Valued| coins.worth(Decimal::ONE) < Some(live_coin.usd);
    let most = coins.filter(|coins| side == Side::Sell || !is_cheap(coins));
    let at = |price: Price, coins: Valued| {
        let units = coins.units.checked_mul(price.value())?;
        Some(Valued { units, ..coins })
    };
    Some([
        at(live, coins.unwrap_or(live_coin))?,
        at(book.unwrap_or(live), most.unwrap_or(live_coin))?,
    ])
}

fn too_large() -> Refusal {
    Refusal::deny(Limit::Quote, "the order is too large to be priced exactly")
}

/// USD for one unit of a size at `price`.
fn unit_usd(facts: &Facts, instrument: &Instrument, size: Size, price: Price) -> Result<Decimal, Refusal> {
    if matches!(size, Size::UsdContracts(_)) {
        return Ok(Decimal::ONE);
    }
    let quote_usd = facts.usd_per(&instrument.quote_coin).ok_or_else(|| {
        let coin = &instrument.quote_coin;
        let why = facts.why_missing();
        Refusal::deny(Limit::Quote, format!("no route from {coin} to USD, so the order cannot be priced{why}; trade a pair quoted in USDT or USDC"))
    })?;
    match size {
        Size::Quote(_) => Ok(quote_usd),
        Size::Base(_) | Size::UsdContracts(_) => price.value().checked_mul(quote_usd).ok_or_else(too_large),
    }
}

/// The most that the open part of a resting order can be worth, in USD; `None` when it cannot be valued.
///
/// It nets in dollars against what is held of the same, which counts at its mark. Below that mark the order would
/// stand for fewer coins than it moves, so it counts at no less, whichever quotes the facts have.
pub(super) fn resting_usd(facts: &Facts, order: &RestingOrder) -> Option<Usd> {
    resting_usd_beside(facts, order, marks(facts, &order.instrument).flatten().max())
}

/// The same, where the highest `mark` of the positions in its instrument is known.
pub(super) fn resting_usd_beside(facts: &Facts, order: &RestingOrder, mark: Option<Price>) -> Option<Usd> {
    // As of an option position: the premium says nothing about the risk.
    if order.instrument.category == Category::Option {
        return None;
    }
    if order.unit == SizeUnit::UsdContracts {
        return Some(Usd::new(order.leaves));
    }
    let instrument = facts.instruments.get(&order.instrument)?;
    let quote_usd = facts.usd_per(&instrument.quote_coin)?;
    let quote = facts.quotes.get(&order.instrument);
    if order.unit == SizeUnit::Quote {
        let money = Usd::of(order.leaves, quote_usd).ok()?;
        // One that waits for its trigger fills at prices that nobody knows yet.
        return match quote.filter(|_| order.trigger_price.is_none()) {
            None => Some(money),
            Some(quote) => {
                let [_, most] = for_money(facts, instrument, quote, order.side)?;
                Some(money.max(Usd::new(most.worth(order.leaves)?)))
            }
        };
    }
    let live = quote.map(|quote| quote.live(order.side));
    let price = [order.price, order.trigger_price, live, mark]
        .into_iter()
        .flatten()
        .max()?;
    let worth = Usd::of(order.leaves.checked_mul(price.value())?, quote_usd).ok()?;
    as_held(facts, order, worth)
}

/// What the positions in an instrument are valued at.
fn marks(facts: &Facts, id: &InstrumentId) -> impl Iterator<Item = Option<Price>> {
    let positions = facts.positions.iter().flatten();
    positions
        .filter(move |position| position.instrument == *id)
        .map(|position| position.mark_price)
}

/// The larger of `worth` and what the coins of a spot order are worth at the price that the wallet values them at.
fn as_held(facts: &Facts, order: &RestingOrder, worth: Usd) -> Option<Usd> {
    if order.instrument.category != Category::Spot {
        return Some(worth);
    }
    coins_held(facts, facts.instruments.get(&order.instrument)?).try_fold(worth, |worth, held| {
        Some(worth.max(Usd::new(held.worth(order.leaves)?)))
    })
}

/// What the wallet values the coins of a pair at. Where that is not known, the exposure is not known either, unless
/// holdings do not count.
fn coins_held(facts: &Facts, instrument: &Instrument) -> impl Iterator<Item = Valued> {
    let coin = &instrument.base_coin;
    let held = facts.wallet.iter().flatten();
    held.filter(move |balance| balance.coin == *coin && !coin.is_dollar() && !balance.equity.is_zero())
        .filter_map(|balance| {
            Some(Valued {
                usd: held_usd(facts, balance)?,
                units: balance.equity,
            })
        })
}

/// What a coin of the wallet is worth: as the exchange says, where it does (facts §5.2).
pub(super) fn held_usd(facts: &Facts, balance: &CoinBalance) -> Option<Decimal> {
    match balance.usd_value {
        Some(value) if !value.is_zero() => Some(value),
        _ => facts
            .usd_per(&balance.coin)
            .and_then(|price| balance.equity.checked_mul(price)),
    }
}

/// The size unit in which Bybit counts a category's quantities.
pub(super) fn base_size(category: Category, qty: Qty) -> Size {
    match category {
        Category::Inverse => Size::UsdContracts(qty),
        Category::Linear | Category::Spot | Category::Option => Size::Base(qty),
    }
}
