//! Whether what the exchange shows is what was asked for. A price alone may differ: the exchange moves a futures
//! limit beyond its collar to the nearest allowed one (facts §5.6).

use rust_decimal::Decimal;

use crate::domain::account::{OrderView, RestingOrder, SizeUnit};
use crate::domain::json::Json;
use crate::domain::money::{Price, Qty};
use crate::domain::order::{AmendOrder, Side};
use crate::domain::rows;
use crate::state::inflight::InflightRecord;

/// What an amend asks for beside what the order was before, as far as an order shows it.
#[derive(Debug, Clone)]
pub(super) struct Change {
    asked: Figures,
    /// `None` when nobody wrote it down: then nothing that is shown proves anything.
    before: Option<RestingOrder>,
}

/// What an order, as it is shown, says of a change whose answer was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    Arrived,
    NotArrived,
    /// It shows neither, or shows nothing that the change would have made different.
    CannotTell,
}

impl Change {
    pub(super) fn of(change: &AmendOrder, before: Option<&RestingOrder>) -> Self {
        Self {
            asked: Figures::new(change.new_qty, change.price, change.trigger_price),
            before: before.cloned(),
        }
    }

    /// The change of an in-flight file, whose order is the one that it makes.
    pub(super) fn of_record(record: &InflightRecord, order: &RestingOrder) -> Self {
        let is_asked = |name: &str| record.body.get(name).is_some();
        Self {
            asked: Figures::new(
                order.qty.filter(|_| is_asked("qty")),
                order.price.filter(|_| is_asked("price")),
                order.trigger_price.filter(|_| is_asked("triggerPrice")),
            ),
            before: record.before.as_ref().and_then(|row| {
                let text = row.to_string();
                rows::resting(&Json::parse(&text).ok()?).ok()
            }),
        }
    }

    /// Whether it makes the order another one to look at; take-profit and stop-loss do not.
    pub(super) fn can_be_seen(&self) -> bool {
        match &self.before {
            Some(before) => self.beside(before, before).any(|figure| !figure.is_new()),
            None => self.asked != Figures::default(),
        }
    }

    /// An amend is done as a whole or not at all, so one figure that it alone can have made proves it, as long as
    /// no other speaks against it.
    pub(super) fn seen(&self, view: &OrderView) -> Seen {
        let Some(before) = &self.before else {
            return Seen::CannotTell;
        };
        let shown = &view.order;
        if shown.venue_id != before.venue_id || !self.can_be_seen() {
            return Seen::CannotTell;
        }
        let proof = |figure: Beside| figure.is_new() && figure.has_changed();
        if self.beside(before, shown).any(proof)
            && self
                .beside(before, shown)
                .all(|figure| figure.is_new() || figure.is_moved)
        {
            return Seen::Arrived;
        }
        // Executions tell of the order as it was when they happened.
        if is_row(view) && Figures::of(shown) == Figures::of(before) {
            return Seen::NotArrived;
        }
        Seen::CannotTell
    }

    /// Whether the order shows an amend that was acknowledged: everything that was asked for, or a price on its
    /// way there that is no longer the old one.
    pub(super) fn is_shown(&self, view: &OrderView) -> bool {
        let before = self.before.as_ref().unwrap_or(&view.order);
        let has_moved = |figure: &Beside| figure.is_moved && figure.has_changed();
        self.seen(view) == Seen::Arrived
            || self
                .beside(before, &view.order)
                .all(|figure| figure.is_new() || has_moved(&figure))
    }

    fn beside(&self, before: &RestingOrder, shown: &RestingOrder) -> impl Iterator<Item = Beside> {
        let (before, shown, side) = (Figures::of(before), Figures::of(shown), shown.side);
        let beside = |asked: Option<Decimal>, before, shown, can_move: bool| {
            asked.map(|asked| Beside {
                asked,
                before,
                shown,
                is_moved: can_move && shown.is_some_and(|shown| is_moved(side, asked, shown)),
            })
        };
        [
            beside(self.asked.qty, before.qty, shown.qty, false),
            beside(self.asked.price, before.price, shown.price, true),
            beside(self.asked.trigger, before.trigger, shown.trigger, false),
        ]
        .into_iter()
        .flatten()
    }
}

/// The figures of an order that an amend can change and that the exchange shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Figures {
    qty: Option<Decimal>,
    price: Option<Decimal>,
    trigger: Option<Decimal>,
}

impl Figures {
    fn new(qty: Option<Qty>, price: Option<Price>, trigger: Option<Price>) -> Self {
        Self {
            qty: qty.map(Qty::value),
            price: price.map(Price::value),
            trigger: trigger.map(Price::value),
        }
    }

    fn of(order: &RestingOrder) -> Self {
        Self::new(order.qty, order.price, order.trigger_price)
    }
}

/// One figure that was asked for, beside what it was and what it is shown as.
struct Beside {
    asked: Decimal,
    before: Option<Decimal>,
    shown: Option<Decimal>,
    /// Shown as the exchange would move it.
    is_moved: bool,
}

impl Beside {
    fn is_new(&self) -> bool {
        self.shown == Some(self.asked)
    }

    fn has_changed(&self) -> bool {
        self.shown != self.before
    }
}

/// The collar makes a buy cheaper and a sell dearer, never the reverse.
fn is_moved(side: Side, asked: Decimal, shown: Decimal) -> bool {
    match side {
        Side::Buy => shown < asked,
        Side::Sell => shown > asked,
    }
}

/// Whether an order under our id can be ours, later amends included: by what neither an amend nor a moved price
/// changes.
pub(super) fn is_of_its_kind(asked: &RestingOrder, view: &OrderView) -> bool {
    // What never rests cannot be amended.
    let can_be_amended = asked.price.is_some() || asked.trigger_price.is_some();
    let is_row = is_row(view);
    has_its_terms(asked, &view.order, is_row) && (can_be_amended || has_its_qty(asked, &view.order, is_row))
}

/// Whether it is ours as it was sent: nobody has amended it.
pub(super) fn is_as_sent(asked: &RestingOrder, view: &OrderView) -> bool {
    let (shown, is_row) = (&view.order, is_row(view));
    let has_its_price = match (asked.price, shown.price) {
        (Some(asked), Some(now)) => now == asked || is_moved(shown.side, asked.value(), now.value()),
        (asked, now) => asked == now,
    };
    has_its_terms(asked, shown, is_row)
        && has_its_qty(asked, shown, is_row)
        && (!is_row || (has_its_price && shown.trigger_price == asked.trigger_price))
}

/// What no amend changes. Executions alone say what and on which side, and not in which unit.
pub(super) fn has_its_terms(asked: &RestingOrder, shown: &RestingOrder, is_row: bool) -> bool {
    // A hedge leg is shown as reduce-only when the side can only close it, whatever was asked for.
    let closes_a_leg = asked.position_idx.is_reduced_by(asked.side);
    let has_the_rest = || {
        shown.price.is_some() == asked.price.is_some()
            && shown.unit == asked.unit
            && shown.position_idx == asked.position_idx
            && (shown.reduce_only == asked.reduce_only || closes_a_leg)
    };
    shown.instrument == asked.instrument && shown.side == asked.side && (!is_row || has_the_rest())
}

/// A close that is larger than one order may be becomes several, of which one has the id (facts §7, 21).
fn has_its_qty(asked: &RestingOrder, shown: &RestingOrder, is_row: bool) -> bool {
    let is_money = asked.unit == SizeUnit::Quote && !is_row;
    let is_part = asked.reduce_only && shown.qty < asked.qty;
    is_money || shown.qty.is_none() || shown.qty == asked.qty || is_part
}

/// Executions say less of an order than its row does; fills without an average come from them alone.
pub(super) fn is_row(shown: &OrderView) -> bool {
    shown.average_price.is_some() || shown.order.filled.is_zero()
}

/// Whether the exchange shows an order so that nothing of it is left out of what is read of the account: over, or by a
/// row. One that is known by its executions alone is in no list of open orders, and what is left of it may fill.
pub(super) fn is_in_full(shown: &OrderView) -> bool {
    is_row(shown) || !shown.is_open()
}

#[cfg(test)]
mod tests;
