//! What would pass instead, for the reason of a refusal: the largest quantity, above a cap the smallest, by the caps and by
//! what the exchange takes in one order; or what no cap refuses.

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

const CANCEL: &str = "to cancel it is always allowed";
const REDUCE_ONLY: &str = "with reduce_only true, and without take_profit and stop_loss, no cap refuses it";

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
    /// What no cap refuses, whatever the quantity.
    instead: Option<&'static str>,
}

/// The quantities that can be asked for, in lots.
struct Lots {
    step: Decimal,
    asked: Decimal,
    least: Decimal,
    /// The first that the exchange does not take in one order, where it says so.
    beyond: Option<Decimal>,
}

impl<'a> Suggestion<'a> {
    pub(super) fn new(
        facts: &Facts,
        order: &PlaceOrder,
        is_amend: bool,
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
            instead: match is_amend {
                true => Some(CANCEL),
                false if closes(facts, order) => Some(REDUCE_ONLY),
                false => None,
            },
        }
    }
}

/// Whether a position in a contract is there for the order to make smaller.
fn closes(facts: &Facts, order: &PlaceOrder) -> bool {
    let mut held = facts.positions.iter().flatten();
    held.any(|held| {
        held.instrument == order.instrument
            && held.position_idx == order.position_idx
            && held.side != order.side
    })
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
        let advice = match refusal.largest_qty {
            Some(qty) => format!("the largest quantity that passes is {qty}"),
            None => self.without_a_smaller_one(),
        };
        refusal.reason = format!("{}; {advice}", refusal.reason);
        refusal
    }

    /// What is left to ask for where nothing smaller passes, or nobody knows what can be asked for.
    fn without_a_smaller_one(&self) -> String {
        let advice = match (self.fits(self.priced.size.qty()), self.step) {
            (Ok(Fit::TooLittle), _) => self.larger(),
            (_, Some(_)) if self.priced.is_stated() => {
                "no smaller quantity passes either, by the notional_usd that was given: correct it, or leave it out"
                    .to_owned()
            }
            (_, Some(_)) => "no smaller quantity passes either".to_owned(),
            (_, None) => "ask for less".to_owned(),
        };
        match self.instead {
            Some(instead) => format!("{advice}; {instead}"),
            None => advice,
        }
    }

    /// The market has carried the account above a cap, and this brings it down too little.
    fn larger(&self) -> String {
        let advice = match (self.smallest(), self.step) {
            (Some(qty), _) => format!("the smallest quantity that passes is {qty}"),
            (None, Some(_)) => {
                "no larger quantity passes in one order, so a person has to lower it or to commit a wider mandate".to_owned()
            }
            (None, None) => "a larger quantity may pass".to_owned(),
        };
        format!("this lowers the exposure too little; {advice}")
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
        for worth in self.priced.worths(open)? {
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
        let lots = self.lots()?;
        // The quantity asked for does not pass; the most that the exchange takes may.
        let asked = lots.asked.ceil();
        let high = lots.beyond.map_or(asked, |beyond| asked.min(beyond));
        let low = lots.least.saturating_sub(Decimal::ONE);
        let (low, _) = self.turn(&lots, low, high, |fit| {
            matches!(fit, Some(Fit::Right | Fit::TooLittle))
        });
        let is_right = low >= lots.least && self.fit(&lots, low) == Some(Fit::Right);
        lots.qty(low).filter(|_| is_right)
    }

    /// Of what closes too little, the first above it that does not.
    fn smallest(&self) -> Option<Qty> {
        let lots = self.lots()?;
        let low = lots.asked.floor().max(lots.least.saturating_sub(Decimal::ONE));
        let beyond = lots.beyond.unwrap_or(Decimal::MAX);
        let (_, high) = self.turn(&lots, low, beyond, |fit| fit == Some(Fit::TooLittle));
        let is_right = high < beyond && self.fit(&lots, high) == Some(Fit::Right);
        lots.qty(high).filter(|_| is_right)
    }

    fn lots(&self) -> Option<Lots> {
        let step = self.step?.value();
        let beyond = |most: Decimal| most.checked_div(step)?.floor().checked_add(Decimal::ONE);
        Some(Lots {
            step,
            asked: self.priced.size.qty().value().checked_div(step)?,
            least: self
                .least
                .unwrap_or(step)
                .checked_div(step)?
                .ceil()
                .max(Decimal::ONE),
            beyond: match self.most {
                Some(most) => Some(beyond(most)?),
                None => None,
            },
        })
    }

    fn fit(&self, lots: &Lots, count: Decimal) -> Option<Fit> {
        lots.qty(count).and_then(|qty| self.fits(qty).ok())
    }

    /// Where the sizes between two turn: the last that is still `low` and the next.
    fn turn(
        &self,
        lots: &Lots,
        mut low: Decimal,
        mut high: Decimal,
        is_low: impl Fn(Option<Fit>) -> bool,
    ) -> (Decimal, Decimal) {
        while high.saturating_sub(low) > Decimal::ONE {
            let middle = low.saturating_add((high.saturating_sub(low) / Decimal::TWO).floor());
            if is_low(self.fit(lots, middle)) {
                low = middle;
            } else {
                high = middle;
            }
        }
        (low, high)
    }
}

impl Lots {
    fn qty(&self, count: Decimal) -> Option<Qty> {
        Qty::new(count.checked_mul(self.step)?)
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
