//! The trailing stop: its trigger stays a distance behind the best price since it became active.

use rust_decimal::Decimal;

use super::order::{Order, Side, StopKind};

/// Whether a price would activate a trailing stop or move its trigger.
pub(crate) fn moves(order: &Order, price: Decimal) -> bool {
    order.stop.kind == StopKind::TrailingStop && order.is_waiting() && next_best(order, price).is_some()
}

/// Lets a price act on the trigger; says whether it moved.
pub(crate) fn follow(order: &mut Order, price: Decimal) -> bool {
    if order.stop.kind != StopKind::TrailingStop || !order.is_waiting() {
        return false;
    }
    let Some(best) = next_best(order, price) else {
        return false;
    };
    order.stop.best = best;
    order.trigger = match order.side {
        Side::Sell => (best - order.stop.trail).max(Decimal::ZERO),
        Side::Buy => best + order.stop.trail,
    };
    true
}

/// The best price after `price`, when that is another one. A stop that sells follows the highest.
fn next_best(order: &Order, price: Decimal) -> Option<Decimal> {
    let stop = &order.stop;
    let better = |than: Decimal| match order.side {
        Side::Sell => price > than,
        Side::Buy => price < than,
    };
    let moved = match (stop.best.is_zero(), stop.active.is_zero()) {
        (true, true) => true,
        (true, false) => better(stop.active) || price == stop.active,
        (false, _) => better(stop.best),
    };
    moved.then_some(price)
}
