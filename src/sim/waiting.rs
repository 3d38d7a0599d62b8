//! What the price path does to orders that wait.
//!
//! Nothing runs between requests. Each request first looks at the path since the last look and lets it fill
//! limits and fire triggers, so whoever looks, and however rarely, sees the same fills.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::account::Account;
use super::call::{Desk, Refusal};
use super::instruments::{Category, Instrument};
use super::matching;
use super::order::{Order, Side, Status};
use super::order_store;
use super::settle::{self, Trade};
use super::store;

const LAST_LOOK: &str = "last_look";

/// The open orders of one instrument, and the moment up to which its path has been looked at.
struct Watch {
    one: &'static Instrument,
    from: i64,
    orders: Vec<Order>,
}

impl Watch {
    fn fires(&self, price: Decimal, time: i64) -> bool {
        self.orders
            .iter()
            .any(|order| order.since <= time && fires(order, price))
    }
}

/// What waits, by instrument, where the path has gone on since.
fn watches(desk: &Desk<'_>) -> Result<Vec<Watch>, Refusal> {
    let looked = store::meta(desk.db, LAST_LOOK)?.unwrap_or_default();
    let mut watches: BTreeMap<(Category, &str), Watch> = BTreeMap::new();
    for order in order_store::open_orders(desk.db)? {
        let one = order.instrument()?;
        let from = order.since.max(looked);
        let watch = watches
            .entry((one.category, one.symbol))
            .or_insert_with(|| Watch {
                one,
                from,
                orders: Vec::new(),
            });
        watch.from = watch.from.min(from);
        watch.orders.push(order);
    }
    Ok(watches
        .into_values()
        .filter(|watch| watch.from < desk.now)
        .collect())
}

/// Whether a look would change anything; it never writes, and it may err on the side of yes.
pub(crate) fn is_due(desk: &Desk<'_>) -> Result<bool, Refusal> {
    for watch in watches(desk)? {
        let (low, high) = desk.path(watch.one)?.range(watch.from, desk.now);
        if watch.fires(low, desk.now) || watch.fires(high, desk.now) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Lets the path since the last look act on the orders that wait.
pub(crate) fn look(desk: &Desk<'_>) -> Result<(), Refusal> {
    for mut watch in watches(desk)? {
        for (time, price) in desk.path(watch.one)?.points(watch.from, desk.now) {
            if watch.fires(price, time) {
                step(desk, watch.one, price, time)?;
                watch.orders = order_store::open_of(desk.db, watch.one)?;
            }
        }
    }
    if store::meta(desk.db, LAST_LOOK)?.unwrap_or_default() < desk.now {
        store::set_meta(desk.db, LAST_LOOK, desk.now)?;
    }
    Ok(())
}

/// The price of one instrument moved to `price`.
pub(crate) fn step(
    desk: &Desk<'_>,
    one: &'static Instrument,
    price: Decimal,
    time: i64,
) -> Result<(), Refusal> {
    for mut order in order_store::open_of(desk.db, one)? {
        // An earlier fill of this step may have closed it, so it is read again.
        match order_store::find(desk.db, Some(&order.id), None)? {
            Some(fresh) if fresh.is_open() && fresh.since <= time && fires(&fresh, price) => order = fresh,
            _ => continue,
        }
        if order.status == Status::Untriggered {
            trigger(desk, one, &mut order, price, time)?;
        } else {
            fill_at_limit(desk, one, &mut order, time)?;
        }
        order_store::update(desk.db, &order)?;
        matching::cancel_orphans(desk, one, time)?;
    }
    Ok(())
}

/// Whether a price makes a waiting order move.
fn fires(order: &Order, price: Decimal) -> bool {
    if order.status == Status::Untriggered {
        return match order.direction {
            1 => price >= order.trigger,
            _ => price <= order.trigger,
        };
    }
    match order.side {
        Side::Buy => price <= order.price && price < order.seen,
        Side::Sell => price >= order.price && price > order.seen,
    }
}

fn trigger(
    desk: &Desk<'_>,
    one: &'static Instrument,
    order: &mut Order,
    price: Decimal,
    time: i64,
) -> Result<(), Refusal> {
    let account = Account::read(desk, Some(&order.id))?;
    order.status = Status::New;
    order.updated = time;
    if account
        .afford(desk, order, matching::worst_price(one, order, price))
        .is_err()
    {
        order.reject("EC_NotEnoughBalance", time);
        return Ok(());
    }
    matching::arrive(desk, one, order, price, time)
}

fn fill_at_limit(desk: &Desk<'_>, one: &Instrument, order: &mut Order, time: i64) -> Result<(), Refusal> {
    let qty = order.leaves().min(matching::reducible(desk, one, order)?);
    if qty > Decimal::ZERO {
        let trade = Trade {
            price: order.price,
            qty,
            maker: true,
            time,
        };
        settle::fill(desk, order, trade)?;
    }
    if order.is_open() {
        order.close("CancelByReduceOnly", time);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::PriceSource;
    use crate::sim::call::{Call, Effects, Params, text};
    use crate::sim::create;
    use crate::sim::instruments::find;
    use crate::sim::market::Market;

    const THEN: i64 = 1_780_000_000_000;
    const DAY: i64 = 86_400_000;

    #[test]
    fn a_limit_fills_and_a_trigger_fires_while_nobody_looks() {
        let folder = tempfile::tempdir().unwrap();
        let db = store::open(
            &folder.path().join("paper.sqlite"),
            &[("USDT".to_owned(), Decimal::from(10_000))],
        )
        .unwrap();
        let market = Market {
            seed: 1,
            source: PriceSource::Walk,
        };
        let desk = |now| Desk {
            db: &db,
            market: &market,
            now,
        };
        let sol = find(Category::Linear, "SOLUSDT").unwrap();
        let then = desk(THEN);
        let path = then.path(sol).unwrap();
        let (low, high) = path.range(THEN, THEN + DAY);
        let last = path.at(THEN);
        assert!(low < last && last < high, "the day moves both ways");
        let place = |more: String| {
            let body = format!(r#"{{"category":"linear","symbol":"SOLUSDT","side":"Buy","qty":"1",{more}}}"#);
            let call = Call {
                desk: desk(THEN),
                params: Params::from_body(body.as_bytes()).unwrap(),
                effects: Effects::default(),
                api_key: "",
            };
            let ids = create::create(&call).unwrap();
            ids["orderId"].as_str().unwrap().to_owned()
        };
        let limit = place(format!(r#""orderType":"Limit","price":"{}""#, text(low)));
        let more = format!(
            r#""orderType":"Market","triggerPrice":"{}","triggerDirection":1"#,
            text(high)
        );
        let stop = place(more);
        let below = place(format!(
            r#""orderType":"Limit","price":"{}""#,
            text(low - sol.tick)
        ));
        let read = |id: &str| order_store::find(&db, Some(id), None).unwrap().unwrap();

        assert!(is_due(&desk(THEN + DAY)).unwrap());
        look(&desk(THEN + DAY)).unwrap();
        let (limit, stop) = (read(&limit), read(&stop));
        assert_eq!((limit.status, stop.status), (Status::Filled, Status::Filled));
        assert_eq!(limit.filled_value, low);
        assert_eq!(stop.filled_value, high + sol.tick);
        // Both carry the moment at which the path was there, not that of the look.
        assert_eq!(path.at(limit.updated), low);
        assert_eq!(path.at(stop.updated), high);
        assert_eq!(read(&below).status, Status::New);
        assert!(!is_due(&desk(THEN + DAY)).unwrap());
    }
}
