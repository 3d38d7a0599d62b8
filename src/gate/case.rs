//! The checks of a new order, in order: quote, structure, caps. Each leaves its name in the trail.

use rust_decimal::Decimal;

use super::amend::Amended;
use super::caps;
use super::exposure::{Around, Exposure, Fill, Quoted, book_of, is_same_order, sells_off};
use super::facts::Facts;
use super::refusal::{Figures, Limit, Refusal, Refused};
use super::sizing::{self, Priced};
use super::suggestion::Suggestion;
use super::unknown::Unknown;
use super::{Authority, structure};
use crate::domain::account::RestingOrder;
use crate::domain::money::{Overflow, Usd};
use crate::domain::order::{PlaceOrder, PositionIdx, SetLeverage, Side};
use crate::domain::policy::Policy;
use crate::domain::symbol::{Category, InstrumentId};

/// One decision under way.
pub(super) struct Case<'f> {
    pub(super) authority: Authority,
    pub(super) figures: Figures,
    pub(super) facts: &'f Facts,
}

impl Case<'_> {
    pub(super) fn structural<T>(&mut self, limit: Limit, verdict: Result<T, Refusal>) -> Result<T, Refused> {
        self.authority.checked.check(limit, self.figures, verdict)
    }

    /// The structural checks, in upstream's order, then the person's own policy.
    pub(super) fn structure(&mut self, id: &InstrumentId) -> Result<Policy, Refused> {
        let known = self.facts.instruments.get(id);
        let excluded = structure::not_excluded(&self.authority.mandate, id, known);
        self.structural(Limit::ExcludeSymbols, excluded)?;
        let allowed = structure::instrument_allowed(&self.authority.mandate, id);
        self.structural(Limit::AllowedInstruments, allowed)?;
        self.structural(Limit::OptionsUnsupported, structure::not_an_option(id))?;
        let class = structure::asset_class_allowed(&self.authority.mandate);
        self.structural(Limit::AssetClasses, class)?;
        let verdict = match &self.authority.policy {
            None => return Ok(Policy::default()),
            Some(policy) => structure::within_policy(policy, id).cloned(),
        };
        self.structural(Limit::Policy, verdict)
    }

    pub(super) fn set_leverage(&mut self, change: &SetLeverage) -> Result<(), Refused> {
        self.structure(&change.instrument)?;
        let asked = caps::asked_leverage(&self.authority.mandate.hard_caps, change.leverage);
        self.structural(Limit::MaxLeverage, asked)
    }

    /// A new order, or an amended one seen as new. `amended` is the order that it takes the place of, and the
    /// part of the new total that has filled already.
    pub(super) fn new_order(&mut self, order: &PlaceOrder, amended: Option<&Amended>) -> Result<(), Refused> {
        let priced = self.quote_step(order, amended)?;
        let policy = self.structure(&order.instrument)?;
        if let Some(quote) = self.facts.quotes.get(&order.instrument) {
            let near = structure::near_the_market(&policy, order, quote);
            self.authority.checked.still(self.figures, near)?;
        }
        self.quantitative(order, &priced, &policy, amended)
    }

    fn quote_step(&mut self, order: &PlaceOrder, amended: Option<&Amended>) -> Result<Priced, Refused> {
        let resting = amended.map(|amended| &amended.resting);
        let filled = resting.map_or(Decimal::ZERO, |resting| resting.filled);
        let verdict = sizing::quoted(self.facts, &order.instrument, order.side)
            .and_then(|(instrument, _)| structure::is_trading(instrument))
            .and_then(|()| {
                let gives_up = book_of(self.facts, &order.instrument)
                    .is_some_and(|(book, _)| sells_off(self.facts, book, order.side, cannot_borrow(resting)));
                let reducible = reducible(self.facts, order, resting);
                sizing::price_order(self.facts, order, gives_up, reducible, filled)
            })
            .and_then(|priced| {
                let notional = priced
                    .notional(order.size.qty())
                    .map_err(|_| caps::too_large(Limit::Quote))?;
                Ok((priced, notional))
            });
        let (priced, notional) = self.structural(Limit::Quote, verdict)?;
        self.figures.notional = Some(notional);
        Ok(priced)
    }

    fn quantitative(
        &mut self,
        order: &PlaceOrder,
        priced: &Priced,
        policy: &Policy,
        amended: Option<&Amended>,
    ) -> Result<(), Refused> {
        let caps = self.authority.mandate.hard_caps.clone();
        let notional = self.figures.notional.unwrap_or(Usd::ZERO);
        let around = self.around(order, policy, amended);
        let counts = amended.is_none_or(|amended| amended.adds);
        let other = self.refused_at_any_size(counts);
        let advice = |verdict: Result<(), Refusal>| {
            verdict.map_err(|refusal| match (&other, &around) {
                (Some(other), _) => refusal.beside(other),
                (None, Ok(around)) => {
                    Suggestion::new(self.facts, order, amended.is_some(), (&caps, priced, around))
                        .add_to(refusal)
                }
                (None, Err(_)) => refusal,
            })
        };
        let verdict = advice(caps::order_notional(&caps, notional));
        self.structural(Limit::MaxOrderNotional, verdict)?;

        let exposure = match &around {
            Ok(around) => after(around, order, priced, amended)
                .map_err(|error| unknown_exposure(&Unknown::from(error.to_string()))),
            Err(unknown) => Err(unknown_exposure(unknown)),
        };
        let exposure = self.structural(Limit::MaxTotalExposure, exposure)?;
        self.figures.post_trade_exposure = Some(exposure);
        let verdict = advice(caps::total_exposure(&caps, exposure));
        self.authority.checked.still(self.figures, verdict)?;
        let verdict = advice(caps::leverage(&caps, exposure));
        self.structural(Limit::MaxLeverage, verdict)?;
        if counts {
            let verdict = caps::trades_per_day(&caps, self.facts);
            self.structural(Limit::MaxTradesPerDay, verdict)?;
        }
        let verdict = advice(caps::funding(&caps, order.side, exposure));
        self.structural(Limit::AccountFunding, verdict)?;
        let floors = caps::universe_floors(&self.authority.mandate.universe, self.facts);
        self.structural(Limit::UniverseFloors, floors)
    }

    /// What would refuse any other quantity of the order as well: then none is suggested.
    fn refused_at_any_size(&self, counts_as_trade: bool) -> Option<Refusal> {
        let mandate = &self.authority.mandate;
        let count = counts_as_trade.then(|| caps::trades_per_day(&mandate.hard_caps, self.facts));
        count
            .and_then(Result::err)
            .or_else(|| caps::universe_floors(&mandate.universe, self.facts).err())
    }

    fn around(
        &self,
        order: &PlaceOrder,
        policy: &Policy,
        amended: Option<&Amended>,
    ) -> Result<Around, Unknown> {
        let skip = amended.map(|amended| &amended.resting);
        let account = Exposure::of(self.facts, policy.count_spot_holdings, skip)?;
        let (book, quote_coin) = book_of(self.facts, &order.instrument)
            .ok_or_else(|| format!("the coins of {} are not known", order.instrument))?;
        let cannot_borrow = cannot_borrow(skip);
        let fill = Fill {
            sells_off: sells_off(self.facts, book, order.side, cannot_borrow),
            book,
            quoted: quote_coin.map(|coin| (coin, Quoted::of(self.facts, coin, order.side, cannot_borrow))),
            position_idx: counts_in(self.facts, order, skip),
            side: order.side,
        };
        let around = account.around(&fill).map_err(|error| error.to_string())?;
        self.in_its_mode(order, &around)?;
        Ok(around)
    }

    /// The exchange keeps an instrument in one mode at a time. An order of the other one is not what it says: what it
    /// is said to close is not there, and it might open the like instead.
    fn in_its_mode(&self, order: &PlaceOrder, around: &Around) -> Result<(), Unknown> {
        let id = &order.instrument;
        let (why, remedy) = if order.position_idx == PositionIdx::OneWay {
            if !around.has_legs() {
                return Ok(());
            }
            (
                format!("{id} has positions or orders in hedge mode, and this order is a one-way one"),
                "give position_idx 1 for the long leg or 2 for the short one",
            )
        } else {
            let why = if !self
                .facts
                .instruments
                .get(id)
                .is_some_and(structure::has_hedge_mode)
            {
                "has no hedge mode"
            } else if around.is_one_way() {
                "has positions or orders in one-way mode"
            } else {
                return Ok(());
            };
            (
                format!(
                    "{id} {why}, and position_idx {} is a leg of hedge mode",
                    order.position_idx.to_wire()
                ),
                "leave position_idx out",
            )
        };
        Err(Unknown {
            why,
            remedy: Some(remedy.to_owned()),
        })
    }
}

/// Ours never borrow; an amended one keeps what it was placed with.
fn cannot_borrow(amended: Option<&RestingOrder>) -> bool {
    amended.is_none_or(|amended| amended.cannot_borrow)
}

/// Which position the order counts in. A new one that closes a leg counts as a one-way order where no leg is held: then
/// nothing but its own word says that the instrument is in hedge mode, and in the other mode it would open.
fn counts_in(facts: &Facts, order: &PlaceOrder, amended: Option<&RestingOrder>) -> PositionIdx {
    let closes = order.position_idx.is_reduced_by(order.side);
    if !closes || amended.is_some() {
        return order.position_idx;
    }
    let mut held = facts.positions.iter().flatten();
    let is_hedged =
        held.any(|held| held.instrument == order.instrument && held.position_idx != PositionIdx::OneWay);
    if is_hedged {
        order.position_idx
    } else {
        PositionIdx::OneWay
    }
}

/// What a sell may take from the position that is held, before it opens a short: the long position less what
/// other resting sells may take first; the order that this one takes the place of is none of them. Hedge legs
/// cannot turn over, so closing one takes all it likes.
fn reducible(facts: &Facts, order: &PlaceOrder, amended: Option<&RestingOrder>) -> Decimal {
    let idx = counts_in(facts, order, amended);
    if idx.is_reduced_by(order.side) {
        return Decimal::MAX;
    }
    if idx != PositionIdx::OneWay || order.instrument.category == Category::Spot {
        return Decimal::ZERO;
    }
    let held: Decimal = facts
        .positions
        .iter()
        .flatten()
        .filter(|position| position.instrument == order.instrument && position.side == Side::Buy)
        .fold(Decimal::ZERO, |sum, position| {
            sum.saturating_add(position.size.value())
        });
    let promised: Decimal = [&facts.open_orders, &facts.inflight]
        .into_iter()
        .flatten()
        .flatten()
        .filter(|resting| resting.instrument == order.instrument && resting.side == Side::Sell)
        .filter(|resting| !amended.is_some_and(|amended| is_same_order(amended, resting)))
        .fold(Decimal::ZERO, |sum, resting| sum.saturating_add(resting.leaves));
    held.saturating_sub(promised).max(Decimal::ZERO)
}

/// Exposure once the order, or what is open of an amended one, has filled.
fn after(
    around: &Around,
    order: &PlaceOrder,
    priced: &Priced,
    amended: Option<&Amended>,
) -> Result<Usd, Overflow> {
    let open = match amended {
        None => Some(order.size.qty()),
        Some(amended) => amended.open_qty(order),
    };
    match open {
        Some(open) => {
            let [least, most] = priced.worths(open)?;
            around.between(least, most)
        }
        None => around.between(Usd::ZERO, Usd::ZERO),
    }
}

fn unknown_exposure(unknown: &Unknown) -> Refusal {
    let Unknown { why, remedy } = unknown;
    let remedy = remedy.as_deref().unwrap_or("try again when the exchange answers");
    Refusal::pause(
        Limit::MaxTotalExposure,
        format!("{why} (fail-closed), so the exposure is not known; {remedy}"),
    )
}
