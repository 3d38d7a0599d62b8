//! `order/amend`, `order/cancel` and `order/cancel-all`.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::attached;
use super::checks;
use super::draft;
use super::matching;
use super::order::{Order, Stale, Status, StopKind};
use super::records;
use super::row::shown_row;
use super::stops;
use super::triggers;
use crate::sim::account::Account;
use crate::sim::call::{Answer, Call, Params, Refusal};
use crate::sim::instruments::{Category, Instrument};

/// One `cancel-all` cancels at most this many.
const CANCEL_MOST: usize = 500;

/// The kinds of orders that one cancel can name. Whether Bybit takes the other words too is not documented, and nobody
/// may count on it here.
/// <https://bybit-exchange.github.io/docs/v5/order/cancel-order>
const CANCEL_KINDS: [&str; 3] = ["Order", "tpslOrder", "StopOrder"];

/// The kinds that `cancel-all` and the lists can name.
/// <https://bybit-exchange.github.io/docs/v5/order/cancel-all>
const KINDS: [&str; 5] = [
    "Order",
    "StopOrder",
    "tpslOrder",
    "OcoOrder",
    "BidirectionalTpslOrder",
];

/// Parameters of an order that are only kept, and that an amend may change.
const AMENDABLE: [&str; 8] = [
    "triggerBy",
    "takeProfit",
    "stopLoss",
    "tpslMode",
    "tpTriggerBy",
    "slTriggerBy",
    "tpLimitPrice",
    "slLimitPrice",
];

fn unknown(one: &Instrument, aim: &str) -> Refusal {
    match one.category {
        Category::Spot => Refusal::new(170_213, "Order does not exist."),
        _ => Refusal::new(110_001, format!("order not exists or too late to {aim}")),
    }
}

/// Whether the order that a change names waits for a trigger.
pub(crate) fn is_conditional(call: &Call<'_>) -> Result<bool, Refusal> {
    let one = call.params.instrument()?;
    Ok(target(call, one, "replace")?.is_waiting())
}

/// The open order that a change names by id or, without one, by client id.
fn target(call: &Call<'_>, one: &Instrument, aim: &str) -> Result<Order, Refusal> {
    let (id, link) = (call.params.get("orderId"), call.params.get("orderLinkId"));
    if id.is_none() && link.is_none() {
        return Err(Refusal::params("orderId or orderLinkId is required"));
    }
    let mine = |order: &Order| {
        order.category == one.category.word() && order.symbol == one.symbol && order.visible <= call.desk.now
    };
    match records::find(call.desk.books, id, link)?.filter(mine) {
        Some(order) if order.is_open() => Ok(order),
        _ => Err(unknown(one, aim)),
    }
}

fn ids(order: &Order) -> Value {
    json!({"orderId": order.id, "orderLinkId": order.link})
}

/// Cancels one order. On spot only orders of the named filter are found; the default is `Order`.
pub(crate) fn cancel(call: &Call<'_>) -> Answer {
    let one = call.params.instrument()?;
    check_kind(&call.params, &CANCEL_KINDS)?;
    let mut order = target(call, one, "cancel")?;
    let filter = call.params.get("orderFilter");
    if one.category == Category::Spot && order.filter != filter.unwrap_or("Order") {
        return Err(unknown(one, "cancel"));
    }
    order.close("CancelByUser", call.desk.now);
    records::update(call.desk.books, &order)?;
    stops::after_cancel(&call.desk, one, &order)?;
    Ok(ids(&order))
}

/// Cancels what the narrowest of symbol, base coin and settle coin covers.
pub(crate) fn cancel_all(call: &Call<'_>) -> Answer {
    let params = &call.params;
    let category = params.category()?;
    let scope = ["symbol", "baseCoin", "settleCoin"]
        .into_iter()
        .find_map(|name| Some((name, params.get(name)?)));
    if scope.is_none() && matches!(category, Category::Linear | Category::Inverse) {
        return Err(Refusal::params("symbol, baseCoin or settleCoin is required"));
    }
    check_filter(params)?;
    let mut list = Vec::new();
    for known in records::open_orders(call.desk.books)? {
        let one = known.instrument()?;
        let inside = match scope {
            None => true,
            Some(("symbol", symbol)) => one.symbol == symbol,
            Some(("baseCoin", coin)) => one.base == coin,
            Some((_, coin)) => one.settle == coin,
        };
        if one.category != category || !inside || !covers(params, category, &known) {
            continue;
        }
        // An order before it may have taken it along; it is listed all the same.
        let Some(mut order) = records::find(call.desk.books, Some(&known.id), None)? else {
            continue;
        };
        if order.is_open() {
            order.close("CancelByUser", call.desk.now);
            records::update(call.desk.books, &order)?;
            stops::after_cancel(&call.desk, one, &order)?;
        }
        list.push(ids(&order));
        if list.len() >= CANCEL_MOST {
            break;
        }
    }
    Ok(json!({"list": list, "success": "1"}))
}

/// Refuses kinds of orders that Bybit does not know.
pub(crate) fn check_filter(params: &Params) -> Result<(), Refusal> {
    check_kind(params, &KINDS)
}

fn check_kind(params: &Params, known: &[&str]) -> Result<(), Refusal> {
    match params.get("orderFilter") {
        Some(filter) if !known.contains(&filter) => Err(Refusal::params("orderFilter invalid")),
        _ => Ok(()),
    }
}

/// Spot leaves stop orders alone unless they are named; futures cancel every kind by default. `Stop` leaves
/// out what protects a position.
fn covers(params: &Params, category: Category, order: &Order) -> bool {
    match (category, params.get("orderFilter")) {
        (Category::Spot, filter) => order.filter == filter.unwrap_or("Order"),
        (_, filter) => {
            let stop_alone = params.get("stopOrderType") == Some("Stop");
            let own = order.filter == "StopOrder" && order.stop.kind == StopKind::None;
            filter.is_none_or(|filter| order.filter == filter) && (!stop_alone || own)
        }
    }
}

/// Changes price, total quantity or trigger of an open order.
pub(crate) fn amend(call: &Call<'_>) -> Answer {
    let one = call.params.instrument()?;
    let desk = &call.desk;
    let old = target(call, one, "replace")?;
    let mut order = changed(&call.params, one, &old)?;
    order.updated = desk.now;
    if call.effects.invisible_ms > 0 {
        order.stale = Some(Stale {
            until: desk.now.saturating_add(call.effects.invisible_ms),
            row: shown_row(&old, one, desk.now),
        });
    }
    let last = desk.last(one)?;
    checks::check_amounts(one, &order, last)?;
    if order.trigger != old.trigger {
        let heard = triggers::watched(desk, one, &order)?;
        checks::direct(one, &mut order, heard)?;
    }
    checks::tradable(one, &order, desk.now)?;
    checks::keep_in_collar(desk, one, &mut order)?;
    if !old.stop.pair.is_empty() && order.qty != old.qty {
        stops::unbind(desk, one, &old.stop.pair)?;
        order.stop.pair.clear();
    }
    if order.stop.kind == StopKind::None {
        attached::check(desk, one, &order)?;
    }
    if order.is_active() {
        Account::read(desk, Some(&order.id))?.afford(desk, &order, order.price)?;
        if order.price != old.price {
            matching::arrive(desk, one, &mut order)?;
        } else if order.rest().is_zero() {
            order.status = Status::Filled;
        }
    } else {
        order.since = desk.now;
    }
    records::update(desk.books, &order)?;
    stops::after(desk, one, &mut order)?;
    Ok(ids(&order))
}

/// The new total must leave room for what is filled already.
fn above_filled(one: &Instrument, old: &Order, qty: Decimal) -> Result<(), Refusal> {
    let text = "The modified contract quantity cannot be less than or equal to the filled quantity.";
    match one.category {
        Category::Spot if qty < old.filled => Err(Refusal::new(
            170_313,
            "The quantity is below the filled quantity.",
        )),
        Category::Spot => Ok(()),
        _ if qty <= old.filled => Err(Refusal::new(110_064, text)),
        _ => Ok(()),
    }
}

/// The order as the parameters want it.
fn changed(params: &Params, one: &Instrument, old: &Order) -> Result<Order, Refusal> {
    draft::check_words(params)?;
    let mut order = old.clone();
    if let Some(price) = params.decimal("price")?.filter(|_| !old.market) {
        order.price = price;
    }
    if let Some(qty) = params.decimal("qty")? {
        above_filled(one, old, qty)?;
        if old.stop.kind.is_full() && qty != old.qty {
            return Err(Refusal::params(
                "the quantity of a full TP/SL order follows the position",
            ));
        }
        order.qty = qty;
    }
    if let Some(trigger) = params.decimal("triggerPrice")? {
        if !old.is_waiting() || old.stop.kind == StopKind::TrailingStop {
            return Err(Refusal::params("the order has no trigger price to change"));
        }
        order.trigger = trigger;
    }
    for name in AMENDABLE {
        if let Some(value) = params.get(name) {
            order.extras.insert(name.to_owned(), value.to_owned());
        }
    }
    let same = order.price == old.price
        && order.qty == old.qty
        && order.trigger == old.trigger
        && order.extras == old.extras;
    if same {
        let text = "The order remains unchanged as the parameters entered match the existing ones.";
        return Err(Refusal::new(10001, text));
    }
    Ok(order)
}
