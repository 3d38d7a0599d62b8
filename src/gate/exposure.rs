//! Gross exposure after an order: positions at mark, the order filled, and every resting order either filled
//! or not, whichever is worse (design §5). With nothing resting this is Vibe-Trading's figure.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::facts::Facts;
use super::net::{Holding, Leg, Moved, Net};
use super::sizing::{held_usd, resting_usd, resting_usd_beside};
use super::unknown::Unknown;
use crate::domain::account::{Position, RestingOrder, SizeUnit};
use crate::domain::money::{Overflow, Usd};
use crate::domain::order::{ClientOrderId, PositionIdx, Side};
use crate::domain::symbol::{Category, Coin, InstrumentId};

/// What helps where coins are held that have no price.
const GIVE_UP_COINS: &str = "convert it at the exchange or move it out of the unified account, or set \
                             count_spot_holdings = false in policy.toml";

/// What helps where coins are owed that have no price.
const REPAY_COINS: &str = "repay it at the exchange";

/// What nets with what: a derivative with itself, coins with the same coin whatever pair they trade in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Book<'f> {
    Instrument(&'f InstrumentId),
    Coin(&'f Coin),
}

/// An order as the exposure sees it: filled.
#[derive(Debug, Clone)]
pub(super) struct Fill<'f> {
    pub(super) book: Book<'f>,
    pub(super) position_idx: PositionIdx,
    pub(super) side: Side,
    /// The quote coin of a spot pair, when that is no dollar.
    pub(super) quoted: Option<(&'f Coin, Quoted)>,
    /// Whether it ends where the coins do: see [`sells_off`].
    pub(super) sells_off: bool,
}

/// What an order does to the coin that it is quoted in, when that is no dollar.
#[derive(Debug, Clone, Copy)]
pub(super) enum Quoted {
    /// A sell brings it in.
    In,
    /// A buy pays with it, out of what is there.
    Out,
    /// A buy pays with it and may borrow it: then it is short.
    Borrowed,
}

impl Quoted {
    /// Of an order of `side` in something quoted in `coin`.
    pub(super) fn of(facts: &Facts, coin: &Coin, side: Side, cannot_borrow: bool) -> Self {
        match side {
            Side::Sell => Self::In,
            Side::Buy if sells_off(facts, Book::Coin(coin), Side::Sell, cannot_borrow) => Self::Out,
            Side::Buy => Self::Borrowed,
        }
    }

    /// Puts an order of this value beside what is held of the coin. It may fill or not, and what is paid lowers
    /// nothing that counts.
    fn add(self, net: &mut Net, value: Decimal) -> Result<(), Overflow> {
        let slot = match self {
            Self::In => &mut net.buys,
            Self::Out => &mut net.reduce_sells,
            Self::Borrowed => &mut net.sells,
        };
        *slot = slot.checked_add(value).ok_or(Overflow)?;
        Ok(())
    }
}

/// The account without the order in question, ready to be asked about any size of it.
#[derive(Debug, Clone)]
pub(super) struct Exposure<'f> {
    holdings: BTreeMap<Book<'f>, Holding>,
}

impl<'f> Exposure<'f> {
    /// Adds up the account. The error says which fact is missing.
    pub(super) fn of(
        facts: &'f Facts,
        count_spot_holdings: bool,
        skip: Option<&RestingOrder>,
    ) -> Result<Self, Unknown> {
        if let Some(apart) = &facts.apart {
            return Err(Unknown {
                why: "not all of the account can be read".to_owned(),
                remedy: Some(apart.clone()),
            });
        }
        let missing = |what: &str| format!("{what} could not be read in full{}", facts.why_missing());
        let positions = facts
            .positions
            .as_ref()
            .ok_or_else(|| missing("current positions"))?;
        let open_orders = facts.open_orders.as_ref().ok_or_else(|| missing("open orders"))?;
        let inflight = facts.inflight.as_ref().ok_or_else(|| Unknown {
            why: missing("in-flight orders"),
            remedy: Some("a person has to look at what it names".to_owned()),
        })?;
        let mut exposure = Self {
            holdings: BTreeMap::new(),
        };
        for position in positions {
            exposure.add_position(facts, position)?;
        }
        exposure.add_wallet(facts, count_spot_holdings)?;
        for order in inflight {
            may_cost_more_than_it_says(facts, order)?;
        }
        for order in open_orders.iter().chain(inflight) {
            if !skip.is_some_and(|skipped| is_same_order(skipped, order)) {
                exposure.add_resting(facts, order)?;
            }
        }
        Ok(exposure)
    }

    fn add_position(&mut self, facts: &Facts, position: &'f Position) -> Result<(), Unknown> {
        if position.instrument.category == Category::Option {
            let what = format!("the option position in {}", position.instrument.symbol);
            return Err(Unknown::option(&what, "close it at the exchange"));
        }
        let value = position_usd(facts, position).ok_or_else(|| {
            let what = format!("the open position in {}", position.instrument);
            let is_unlisted = facts.unlisted.contains(&position.instrument);
            Unknown::unvalued(facts, &what, is_unlisted, "close it at the exchange")
        })?;
        let holding = self
            .holdings
            .entry(Book::Instrument(&position.instrument))
            .or_default();
        let slot = match position.position_idx {
            PositionIdx::HedgeLong => &mut holding.long.position,
            PositionIdx::HedgeShort => &mut holding.short.position,
            PositionIdx::OneWay => &mut holding.net.position,
        };
        let signed = match (position.position_idx, position.side) {
            (PositionIdx::OneWay, Side::Sell) => -value,
            _ => value,
        };
        *slot = sum(*slot, signed)?;
        holding.mark = holding.mark.max(position.mark_price);
        Ok(())
    }

    fn add_wallet(&mut self, facts: &'f Facts, count_spot_holdings: bool) -> Result<(), Unknown> {
        let wallet = facts
            .wallet
            .as_ref()
            .ok_or_else(|| format!("the wallet could not be read in full{}", facts.why_missing()))?;
        // What is owed is no holding, whatever the person says of those.
        for balance in wallet.iter().filter(|balance| {
            !balance.coin.is_dollar() && balance.counts() && (count_spot_holdings || balance.is_owed())
        }) {
            let value = held_usd(facts, balance).ok_or_else(|| {
                let (state, remedy) = if balance.is_owed() {
                    ("owed", REPAY_COINS)
                } else {
                    ("held", GIVE_UP_COINS)
                };
                let what = format!("the {} {state}", balance.coin);
                Unknown::unvalued(facts, &what, facts.has_no_pair(&balance.coin), remedy)
            })?;
            let holding = self.holdings.entry(Book::Coin(&balance.coin)).or_default();
            holding.net.position = sum(holding.net.position, value)?;
        }
        Ok(())
    }

    fn add_resting(&mut self, facts: &'f Facts, order: &'f RestingOrder) -> Result<(), Unknown> {
        let id = order.client_id.as_ref().map(ClientOrderId::as_str);
        let name = id.or(order.venue_id.as_deref()).unwrap_or("without a known id");
        if order.instrument.category == Category::Option {
            let what = format!("the option order {name} resting in {}", order.instrument.symbol);
            return Err(Unknown::option(&what, "cancel it"));
        }
        let unvalued = || {
            let what = format!("order {name} resting in {}", order.instrument);
            Unknown::unvalued(
                facts,
                &what,
                facts.unlisted.contains(&order.instrument),
                "cancel it",
            )
        };
        let (book, quote_coin) = book_of(facts, &order.instrument).ok_or_else(unvalued)?;
        let only_reduces = order.reduce_only || sells_off(facts, book, order.side, order.cannot_borrow);
        let is_contract = matches!(book, Book::Instrument(_));
        let holding = self.holdings.entry(book).or_default();
        // Contracts have one book each; looking through all positions for each order would cost more than the rest.
        let value = if is_contract {
            resting_usd_beside(facts, order, holding.mark)
        } else {
            resting_usd(facts, order)
        };
        let value = value.ok_or_else(unvalued)?.value();
        let slot = match (order.position_idx, order.side, only_reduces) {
            (PositionIdx::OneWay, Side::Buy, false) => &mut holding.net.buys,
            (PositionIdx::OneWay, Side::Sell, false) => &mut holding.net.sells,
            (PositionIdx::OneWay, Side::Buy, true) => &mut holding.net.reduce_buys,
            (PositionIdx::OneWay, Side::Sell, true) => &mut holding.net.reduce_sells,
            (PositionIdx::HedgeLong, Side::Buy, false) => &mut holding.long.adds,
            (PositionIdx::HedgeShort, Side::Sell, false) => &mut holding.short.adds,
            // A closing order of a hedge leg can at best make the leg smaller: not filled is the worse case.
            (PositionIdx::HedgeLong | PositionIdx::HedgeShort, _, _) => return Ok(()),
        };
        *slot = sum(*slot, value)?;
        if let Some(coin) = quote_coin {
            let other = self.holdings.entry(Book::Coin(coin)).or_default();
            let quoted = Quoted::of(facts, coin, order.side, order.cannot_borrow);
            quoted.add(&mut other.net, value).map_err(|_| too_large())?;
        }
        Ok(())
    }

    /// The account without any further order.
    pub(super) fn gross(&self) -> Result<Usd, Overflow> {
        self.holdings
            .values()
            .try_fold(Usd::ZERO, |sum, holding| sum.plus(holding.worst(None)?))
    }

    /// Everything but the books that a fill touches; the constant part when sizes are tried out.
    pub(super) fn around(&self, fill: &Fill<'_>) -> Result<Around, Overflow> {
        let quote_book = fill.quoted.map(|(coin, _)| Book::Coin(coin));
        let mut rest = Usd::ZERO;
        for (book, holding) in &self.holdings {
            if *book != fill.book && Some(book) != quote_book.as_ref() {
                rest = rest.plus(holding.worst(None)?)?;
            }
        }
        let holding = |book: &Book<'_>| self.holdings.get(book).cloned().unwrap_or_default();
        Ok(Around {
            rest,
            book: holding(&fill.book),
            quoted: fill
                .quoted
                .map(|(coin, quoted)| (quoted, holding(&Book::Coin(coin)))),
            position_idx: fill.position_idx,
            side: fill.side,
            sells_off: fill.sells_off,
        })
    }
}

/// An account seen from one order: ask it for any notional.
#[derive(Debug, Clone)]
pub(super) struct Around {
    rest: Usd,
    book: Holding,
    quoted: Option<(Quoted, Holding)>,
    position_idx: PositionIdx,
    side: Side,
    sells_off: bool,
}

impl Around {
    /// Whether hedge legs of the instrument are held or added to.
    pub(super) fn has_legs(&self) -> bool {
        self.book.long != Leg::default() || self.book.short != Leg::default()
    }

    /// Whether a one-way position is held in the instrument, or an order rests that works on one.
    pub(super) fn is_one_way(&self) -> bool {
        self.book.net != Net::default()
    }

    /// Gross exposure once an order has filled that is worth something from `least` to `most`: opening, the most
    /// is the worse; closing, the least is.
    pub(super) fn between(&self, least: Usd, most: Usd) -> Result<Usd, Overflow> {
        Ok(self.with(least)?.max(self.with(most)?))
    }

    /// Gross exposure once an order of this notional has filled.
    fn with(&self, notional: Usd) -> Result<Usd, Overflow> {
        let value = notional.value();
        let book = if self.sells_off {
            self.book.net.worst(Moved::Off(value))?
        } else {
            self.book.worst(Some((self.position_idx, self.side, value)))?
        };
        let mut gross = self.rest.plus(book)?;
        match &self.quoted {
            None => {}
            Some((Quoted::In, holding)) => {
                let credited = Some((PositionIdx::OneWay, Side::Buy, value));
                gross = gross.plus(holding.worst(credited)?)?;
            }
            Some((quoted, holding)) => gross = gross.plus(paid(*quoted, holding, value)?.worst(None)?)?,
        }
        Ok(gross)
    }

    /// Whether a little more than this notional would bring the gross exposure down.
    pub(super) fn falls_beyond(&self, notional: Usd) -> Result<bool, Overflow> {
        let value = notional.value();
        let moved = match self.side {
            Side::Buy => Moved::By(value),
            Side::Sell if self.sells_off => Moved::Off(value),
            Side::Sell => Moved::By(-value),
        };
        let book = match (self.position_idx, self.side) {
            (PositionIdx::OneWay, side) => self.book.net.slope(moved, side)?,
            (PositionIdx::HedgeLong, Side::Sell) | (PositionIdx::HedgeShort, Side::Buy) => -1,
            (PositionIdx::HedgeLong, Side::Buy) | (PositionIdx::HedgeShort, Side::Sell) => 1,
        };
        let quoted = match &self.quoted {
            None => 0,
            Some((Quoted::In, holding)) => holding.net.slope(Moved::By(value), Side::Buy)?,
            // What is paid may not be, so more of it never lowers the worst case. Nor does it raise it once nothing is
            // left to pay with.
            Some((quoted, holding)) => {
                let net = paid(*quoted, holding, value)?.net;
                match matches!(quoted, Quoted::Out) && net.reduce_sells >= net.position {
                    true => 0,
                    false => net.slope(Moved::By(Decimal::ZERO), Side::Sell)?.max(0),
                }
            }
        };
        Ok(book + quoted < 0)
    }
}

fn paid(quoted: Quoted, holding: &Holding, value: Decimal) -> Result<Holding, Overflow> {
    let mut holding = holding.clone();
    quoted.add(&mut holding.net, value)?;
    Ok(holding)
}

/// Which book an order in `id` works on, and the coin that a spot pair is quoted in when that is no dollar.
/// `None` when the instrument's coins are not known.
pub(super) fn book_of<'f>(facts: &'f Facts, id: &'f InstrumentId) -> Option<(Book<'f>, Option<&'f Coin>)> {
    if id.category != Category::Spot {
        return Some((Book::Instrument(id), None));
    }
    let instrument = facts.instruments.get(id)?;
    let quote = &instrument.quote_coin;
    if !instrument.base_coin.is_dollar() {
        let other = (!quote.is_dollar()).then_some(quote);
        return Some((Book::Coin(&instrument.base_coin), other));
    }
    // A pair of dollars, such as USDCUSDT: whatever fills, dollars are left. It has a book of its own so that
    // an order still counts in full.
    Some((Book::Instrument(id), None))
}

/// Whether an order can only sell coins that are there: the exchange lends it none, and none of what is held is
/// owed, so however such orders compete and whatever is bought in between, the coin is never short by them.
///
/// Where some is owed, more can be sold than the equity that counts; where that is not known it may be. A pair of
/// dollars has no such bound: its book holds no coins.
pub(super) fn sells_off(facts: &Facts, book: Book<'_>, side: Side, cannot_borrow: bool) -> bool {
    let Book::Coin(coin) = book else { return false };
    let mut held = facts.wallet.iter().flatten().filter(|held| held.coin == *coin);
    side == Side::Sell
        && cannot_borrow
        && held.all(|held| held.wallet.is_some_and(|wallet| wallet <= held.equity))
}

/// A sale fills at its limit or above it. One that rests has its limit above the market; of one in flight nobody knows,
/// so its worth is known only beside a live price.
fn may_cost_more_than_it_says(facts: &Facts, order: &RestingOrder) -> Result<(), String> {
    let needs_price = order.side == Side::Sell && order.unit == SizeUnit::Base;
    if needs_price && !facts.quotes.contains_key(&order.instrument) {
        return Err(format!(
            "a sale in flight in {} cannot be valued without its live price{}",
            order.instrument,
            facts.why_missing()
        ));
    }
    Ok(())
}

fn position_usd(facts: &Facts, position: &Position) -> Option<Decimal> {
    match position.instrument.category {
        Category::Inverse => Some(position.size.value()),
        Category::Linear | Category::Spot => {
            let quoted = || facts.quotes.get(&position.instrument);
            let mark = position
                .mark_price
                .or_else(|| quoted().map(|quote| quote.mark.unwrap_or(quote.last)))?;
            let usd = facts.usd_per(&facts.instruments.get(&position.instrument)?.quote_coin)?;
            position.size.value().checked_mul(mark.value())?.checked_mul(usd)
        }
        // The premium says nothing about the risk, and the gate has no rule for options.
        Category::Option => None,
    }
}

pub(super) fn is_same_order(one: &RestingOrder, other: &RestingOrder) -> bool {
    let same_venue_id = one.venue_id.is_some() && one.venue_id == other.venue_id;
    let same_client_id = one.client_id.is_some() && one.client_id == other.client_id;
    one.instrument == other.instrument && (same_venue_id || same_client_id)
}

fn sum(left: Decimal, right: Decimal) -> Result<Decimal, String> {
    left.checked_add(right).ok_or_else(too_large)
}

fn too_large() -> String {
    "the account is too large to add up exactly".to_owned()
}
