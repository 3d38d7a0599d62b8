//! The largest quantity that would pass, for the reason of a refusal: by the caps, and by what the exchange takes in
//! one order.

use rust_decimal::Decimal;

use super::caps::{funding, leverage, order_notional, total_exposure};
use super::exposure::Around;
use super::facts::Facts;
use super::refusal::{Limit, Refusal};
use super::sizing::Priced;
use crate::domain::account::Instrument;
use crate::domain::mandate::HardCaps;
use crate::domain::money::{Overflow, Qty};
use crate::domain::order::{OrderKind, PlaceOrder, Size};

/// Adds the largest quantity that would pass to a quantitative refusal, where lot steps say what can be asked.
pub(super) struct Suggestion<'a> {
    caps: &'a HardCaps,
    priced: &'a Priced,
    around: &'a Around,
    /// The step that quantities go in.
    step: Option<Qty>,
    /// What the exchange takes in one order, where it says so.
    least: Option<Decimal>,
    most: Option<Decimal>,
}

impl<'a> Suggestion<'a> {
    pub(super) fn new(
        facts: &Facts,
        order: &PlaceOrder,
        (caps, priced, around): (&'a HardCaps, &'a Priced, &'a Around),
    ) -> Self {
        let instrument = facts.instruments.get(&order.instrument);
        let by_money = matches!(order.size, Size::Quote(_));
        // The bounds of a record are in coins or contracts; an order of money has only its least value.
        let qty = |of: fn(&Instrument) -> Option<Qty>| instrument.filter(|_| !by_money).and_then(of);
        let market = order.kind == OrderKind::Market;
        let most = qty(if market {
            |one| one.max_market_qty
        } else {
            |one| one.max_limit_qty
        });
        let least_value = instrument.and_then(|one| least_of_value(facts, order, one));
        Self {
            caps,
            priced,
            around,
            step: instrument.and_then(|one| if by_money { one.quote_step } else { one.qty_step }),
            least: qty(|one| one.min_qty).map(Qty::value).max(least_value),
            most: most.map(Qty::value),
        }
    }
}

/// How much of an order the exchange's least value is, at the price that it counts by: a limit order's own, else
/// the last, or where it triggers if that is lower.
fn least_of_value(facts: &Facts, order: &PlaceOrder, instrument: &Instrument) -> Option<Decimal> {
    let least = instrument.min_notional?.value();
    if !matches!(order.size, Size::Base(_)) {
        return Some(least);
    }
    let price = match (order.kind, &order.trigger) {
        (OrderKind::Limit(price), _) => price,
        (OrderKind::Market, trigger) => {
            let last = facts.quotes.get(&order.instrument)?.last;
            trigger.as_ref().map_or(last, |trigger| trigger.price.min(last))
        }
    };
    least.checked_div(price.value())
}

impl Suggestion<'_> {
    pub(super) fn add_to(&self, mut refusal: Refusal) -> Refusal {
        let sized = matches!(
            refusal.limit,
            Limit::MaxOrderNotional | Limit::MaxTotalExposure | Limit::MaxLeverage | Limit::AccountFunding
        );
        if !sized {
            return refusal;
        }
        refusal.largest_qty = self.largest();
        refusal.reason = match (refusal.largest_qty, self.step) {
            (Some(qty), _) => format!("{}; the largest quantity that passes is {qty}", refusal.reason),
            (None, Some(_)) if self.priced.is_stated() => format!(
                "{}; no smaller quantity passes either, by the notional_usd that was given: correct it, or leave it out",
                refusal.reason
            ),
            (None, Some(_)) => format!("{}; no smaller quantity passes either", refusal.reason),
            (None, None) => format!("{}; ask for less", refusal.reason),
        };
        refusal
    }

    /// Judges another quantity of the same order by the caps that a size can pass or break.
    fn fits(&self, qty: Qty) -> Result<Fit, Overflow> {
        let notional = self.priced.notional(qty)?;
        if order_notional(self.caps, notional).is_err() {
            return Ok(Fit::TooMuch);
        }
        let Some(open) = Qty::new(self.priced.open(qty)) else {
            return Ok(Fit::TooLittle);
        };
        let mut fit = Fit::Right;
        // What is closed counts for less than what is opened: both ends have to pass.
        for worth in [self.priced.at_live(open)?, self.priced.open_notional(open)?] {
            let exposure = self.around.between(worth, worth)?;
            let passes = total_exposure(self.caps, exposure).is_ok()
                && leverage(self.caps, exposure).is_ok()
                && funding(self.caps, self.priced.side, exposure).is_ok();
            match (passes, self.around.falls_beyond(worth)?) {
                (true, _) => {}
                (false, true) => fit = Fit::TooLittle,
                (false, false) => return Ok(Fit::TooMuch),
            }
        }
        Ok(fit)
    }

    /// The exposure falls until the book is as flat as its resting orders let it be, and rises after that. So
    /// sizes are too little, then right, then too much, and halving finds the last that is not too much.
    fn largest(&self) -> Option<Qty> {
        let step = self.step?.value();
        let lots = |count: Decimal| Qty::new(count.checked_mul(step)?);
        let fit = |count: Decimal| lots(count).and_then(|qty| self.fits(qty).ok());
        let asked = self.priced.size.qty().value().checked_div(step)?.ceil();
        // The quantity asked for does not pass; the most that the exchange takes may.
        let beyond = match self.most {
            Some(most) => most.checked_div(step)?.floor().checked_add(Decimal::ONE)?,
            None => asked,
        };
        let least = self
            .least
            .unwrap_or(step)
            .checked_div(step)?
            .ceil()
            .max(Decimal::ONE);
        let (mut low, mut high) = (least.saturating_sub(Decimal::ONE), asked.min(beyond));
        while high.saturating_sub(low) > Decimal::ONE {
            let middle = low.saturating_add((high.saturating_sub(low) / Decimal::TWO).floor());
            match fit(middle) {
                Some(Fit::Right | Fit::TooLittle) => low = middle,
                Some(Fit::TooMuch) | None => high = middle,
            }
        }
        lots(low).filter(|_| low >= least && fit(low) == Some(Fit::Right))
    }
}

/// How a quantity stands to the caps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fit {
    /// More of it would close more of what is above a cap.
    TooLittle,
    Right,
    TooMuch,
}
