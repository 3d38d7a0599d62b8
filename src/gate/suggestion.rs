//! The largest quantity that would pass, for the reason of a refusal.

use rust_decimal::Decimal;

use super::caps::{funding, leverage, order_notional, total_exposure};
use super::exposure::Around;
use super::refusal::{Limit, Refusal};
use super::sizing::Priced;
use crate::domain::mandate::HardCaps;
use crate::domain::money::{Overflow, Qty};

/// Adds the largest quantity that would pass to a quantitative refusal, where lot steps say what can be asked.
pub(super) struct Suggestion<'a> {
    pub(super) caps: &'a HardCaps,
    pub(super) priced: &'a Priced,
    pub(super) around: &'a Around,
    pub(super) step: Option<Qty>,
    pub(super) min_qty: Option<Qty>,
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
        let least = self.min_qty.map_or(Some(Decimal::ONE), |min| {
            Some(min.value().checked_div(step)?.ceil().max(Decimal::ONE))
        })?;
        let (mut low, mut high) = (least.saturating_sub(Decimal::ONE), asked);
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
