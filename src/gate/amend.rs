//! An amend: the order is read back, its new total is checked as a new order, the old one taken out.

use rust_decimal::Decimal;

use super::case::Case;
use super::refusal::{Limit, Refusal, Refused};
use super::sizing;
use super::structure;
use crate::domain::account::{RestingOrder, SizeUnit};
use crate::domain::money::Qty;
use crate::domain::order::{AmendOrder, OrderKind, PlaceOrder, Size, Trigger};

impl Case<'_> {
    /// The order is read back, its new total is checked as a new order, the old one taken out.
    pub(super) fn amend(&mut self, change: &AmendOrder) -> Result<(bool, RestingOrder), Refused> {
        let found = self
            .facts
            .order
            .clone()
            .filter(|order| order.instrument == change.instrument);
        let resting = found.ok_or_else(|| {
            let why = self.facts.why_missing();
            Refusal::deny(Limit::Intent, format!("the order to amend ({}) is not shown by the exchange as open{why}; look at bybit_get_open_orders", change.key))
        });
        let resting = self.authority.checked.still(self.figures, resting)?;
        if resting.reduce_only {
            self.structural(
                Limit::OptionsUnsupported,
                structure::not_an_option(&change.instrument),
            )?;
            return Ok((false, resting));
        }
        let order = amended_order(change, &resting).map_err(|why| Refusal::deny(Limit::Intent, why));
        let order = self.authority.checked.still(self.figures, order)?;
        let adds = self.adds(&order, &resting);
        let amended = Amended { adds, resting };
        self.new_order(&order, Some(&amended))?;
        Ok((amended.adds, amended.resting))
    }

    /// Whether the open part of an order grows in money by an amend. What cannot be compared adds.
    fn adds(&self, order: &PlaceOrder, resting: &RestingOrder) -> bool {
        let before = sizing::resting_usd(self.facts, resting);
        let leaves = open_part(order, resting);
        let after = RestingOrder {
            leaves,
            price: match order.kind {
                OrderKind::Limit(price) => Some(price),
                OrderKind::Market => None,
            },
            trigger_price: order.trigger.map(|trigger| trigger.price),
            ..resting.clone()
        };
        let after = sizing::resting_usd(self.facts, &after);
        match (before, after) {
            (Some(before), Some(after)) => after > before || leaves > resting.leaves,
            _ => true,
        }
    }
}

/// An amend under way.
pub(super) struct Amended {
    pub(super) adds: bool,
    pub(super) resting: RestingOrder,
}

impl Amended {
    /// What has filled is in the position already; only the open part is exposure on top of it.
    pub(super) fn open_qty(&self, order: &PlaceOrder) -> Option<Qty> {
        Qty::new(open_part(order, &self.resting))
    }
}

/// The order as it would rest after the amend.
fn amended_order(change: &AmendOrder, resting: &RestingOrder) -> Result<PlaceOrder, String> {
    let qty = change
        .new_qty
        .or(resting.qty)
        .ok_or("the order's quantity is not known")?;
    if qty.value() <= resting.filled {
        return Err(format!(
            "the new total {qty} is not above the {} that has filled; cancel the order instead",
            resting.filled.normalize()
        ));
    }
    let size = match resting.unit {
        SizeUnit::Base => Size::Base(qty),
        SizeUnit::Quote => Size::Quote(qty),
        SizeUnit::UsdContracts => Size::UsdContracts(qty),
    };
    Ok(PlaceOrder {
        instrument: resting.instrument.clone(),
        side: resting.side,
        kind: change
            .price
            .or(resting.price)
            .map_or(OrderKind::Market, OrderKind::Limit),
        size,
        time_in_force: None,
        reduce_only: false,
        client_id: resting.client_id.clone(),
        trigger: change
            .trigger_price
            .or(resting.trigger_price)
            .map(|price| Trigger {
                price,
                direction: None,
            }),
        take_profit: None,
        stop_loss: None,
        tpsl_mode: None,
        position_idx: resting.position_idx,
        stated_notional: None,
    })
}

fn open_part(order: &PlaceOrder, resting: &RestingOrder) -> Decimal {
    order.size.qty().value().saturating_sub(resting.filled)
}
