//! What the gate should find, worked out another way: every order of fills is played, nothing is summed up.

use std::collections::BTreeSet;

use mandated::domain::order::{PositionIdx, Side};

use crate::world::{Case, Market, Resting};

/// The dearer end of what an order of `side` could trade at now.
fn live(case: &Case, market: Market, side: Side) -> i64 {
    let prices = &case.prices[&market];
    let book = if side == Side::Buy { prices.ask } else { prices.bid };
    let mark = if market == Market::Spot {
        prices.last
    } else {
        prices.mark
    };
    book.max(prices.last).max(mark)
}

fn money(market: Market, qty: i64, price: i64) -> i64 {
    if market == Market::Inverse {
        qty
    } else {
        qty * price
    }
}

fn resting_value(case: &Case, order: &Resting) -> i64 {
    let live = live(case, order.market, order.side);
    let held = if order.market == Market::Spot && case.coins != 0 {
        case.prices[&Market::Spot].mark
    } else {
        0
    };
    let price = live.max(order.price.unwrap_or(0)).max(order.trigger.unwrap_or(0));
    money(order.market, order.qty, price.max(held))
}

/// What the account values one of a market at: what it holds of it, and so what an order takes out of that. A price
/// that the market pays beside it, dearer or cheaper, takes neither less nor more away.
fn valued(case: &Case, market: Market) -> i64 {
    let prices = &case.prices[&market];
    if market == Market::Spot && case.coins == 0 {
        prices.last
    } else {
        prices.mark
    }
}

/// The order as what is held is valued, and as it counts: at the live price, at the worst where it can open something,
/// and never below what the caller says that it is worth.
pub(crate) fn order_values(case: &Case) -> (i64, i64) {
    let order = &case.order;
    let live = live(case, order.market, order.side);
    let worst = live.max(order.limit.unwrap_or(0)).max(order.trigger.unwrap_or(0));
    let price = if opens(case) { worst } else { live };
    let counted = money(order.market, order.qty, price).max(order.stated.unwrap_or(0));
    (
        money(order.market, order.qty, valued(case, order.market)),
        counted,
    )
}

/// Whether the order can open or add: what a sell takes from a long that no other sell may take first cannot.
fn opens(case: &Case) -> bool {
    let order = &case.order;
    if order.side == Side::Buy {
        return true;
    }
    if order.market == Market::Spot {
        // What is owed, or may be, can be sold as well: then it is short.
        return !case.owes_nothing();
    }
    match counts_in(case) {
        PositionIdx::HedgeLong => return false,
        PositionIdx::HedgeShort => return true,
        PositionIdx::OneWay => {}
    }
    let long = case
        .held
        .iter()
        .filter(|held| held.market == order.market && held.side == Side::Buy);
    let promised = case
        .resting
        .iter()
        .filter(|resting| resting.market == order.market && resting.side == Side::Sell);
    let free = long.map(|held| held.qty).sum::<i64>() - promised.map(|resting| resting.qty).sum::<i64>();
    order.qty > free.max(0)
}

/// What closes a leg where none is held may open something: nothing says that there are legs.
fn counts_in(case: &Case) -> PositionIdx {
    let order = &case.order;
    let mut legs = case
        .held
        .iter()
        .filter(|held| held.market == order.market && held.idx != PositionIdx::OneWay);
    if order.idx.is_reduced_by(order.side) && legs.next().is_none() {
        PositionIdx::OneWay
    } else {
        order.idx
    }
}

/// One order as money that moves a position. `must`: it has filled by the time that anyone looks, as far as it can.
#[derive(Clone, Copy)]
struct Move {
    money: i64,
    reduces_only: bool,
    borrows: bool,
    must: bool,
}

/// What a position does when more is sold than is held.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Below {
    /// A contract turns over.
    Short,
    /// A leg of hedge mode ends.
    Ends,
    /// Coins have to be there, or be lent; what is lent stays owed.
    Lent,
}

/// The largest position, either way, over every set of fills in every order.
fn largest(start: i64, moves: &[Move], below: Below) -> i64 {
    let mut seen = BTreeSet::new();
    let mut open = vec![(0_u32, start, 0)];
    let mut largest = 0;
    while let Some((done, net, owed)) = open.pop() {
        if !seen.insert((done, net, owed)) {
            continue;
        }
        if moves
            .iter()
            .enumerate()
            .all(|(at, one)| !one.must || done & (1 << at) != 0)
        {
            largest = largest.max(net.abs());
        }
        for (at, one) in moves.iter().enumerate().filter(|(at, _)| done & (1 << at) == 0) {
            let (net, owed) = filled((net, owed), one, below);
            open.push((done | (1 << at), net, owed));
        }
    }
    largest
}

fn filled((net, owed): (i64, i64), one: &Move, below: Below) -> (i64, i64) {
    let free = net + one.money;
    if below == Below::Ends {
        return (free.max(0), owed);
    }
    // What is owed lies in the wallet beside what counts, until it is sold.
    let wallet = net + owed;
    match (one.reduces_only, one.money > 0) {
        (false, false) if below == Below::Lent && !one.borrows => (free.max(-owed).min(net), owed),
        (false, false) if below == Below::Lent => (free, owed + (-one.money - wallet).max(0)),
        (false, _) => (free, owed),
        (true, true) if net < 0 => (free.min(0), owed),
        (true, false) if net > 0 => (free.max(0), owed),
        (true, _) => (net, owed),
    }
}

/// Gross exposure when the order in question has filled for `order` dimes; without it for `None`.
pub(crate) fn gross(case: &Case, order: Option<i64>) -> i64 {
    let legs = [
        PositionIdx::OneWay,
        PositionIdx::HedgeLong,
        PositionIdx::HedgeShort,
    ];
    let books = Market::ALL
        .into_iter()
        .flat_map(|market| legs.map(|idx| (market, idx)));
    books.map(|(market, idx)| book(case, market, idx, order)).sum()
}

fn book(case: &Case, market: Market, idx: PositionIdx, order: Option<i64>) -> i64 {
    // A leg is counted by its own side, so that what adds to it is positive.
    let flip = if idx == PositionIdx::HedgeShort { -1 } else { 1 };
    let signed = |side, money: i64| flip * if side == Side::Buy { money } else { -money };
    let mut start = 0;
    for held in case
        .held
        .iter()
        .filter(|held| held.market == market && held.idx == idx)
    {
        start += signed(held.side, money(market, held.qty, case.prices[&market].mark));
    }
    if market == Market::Spot {
        let coins = case.coins * case.prices[&market].mark;
        start += if idx == PositionIdx::OneWay { coins } else { 0 };
    }
    let mine = case
        .resting
        .iter()
        .filter(|order| order.market == market && order.idx == idx);
    let mut moves: Vec<Move> = mine
        .map(|resting| Move {
            money: signed(resting.side, resting_value(case, resting)),
            reduces_only: resting.reduce_only && market != Market::Spot,
            borrows: resting.borrows,
            must: false,
        })
        .collect();
    if let (Some(money), true) = (order, case.order.market == market && counts_in(case) == idx) {
        moves.push(Move {
            money: signed(case.order.side, money),
            reduces_only: false,
            borrows: false,
            must: true,
        });
    }
    let below = match (idx, market) {
        (PositionIdx::OneWay, Market::Spot) if case.owes_nothing() => Below::Lent,
        (PositionIdx::OneWay, _) => Below::Short,
        (PositionIdx::HedgeLong | PositionIdx::HedgeShort, _) => Below::Ends,
    };
    largest(start, &moves, below).max(beyond(start, &moves, below))
}

/// Our own sale of coins counts in full where nothing is there to be sold, as Vibe-Trading counts it; what may borrow
/// comes on top.
fn beyond(start: i64, moves: &[Move], below: Below) -> i64 {
    let sells = |one: &&Move| below == Below::Lent && one.money < 0;
    let ours: i64 = moves
        .iter()
        .filter(sells)
        .filter(|one| one.must)
        .map(|one| one.money)
        .sum();
    let lent: i64 = moves
        .iter()
        .filter(sells)
        .filter(|one| one.borrows)
        .map(|one| one.money)
        .sum();
    match ours {
        0 => 0,
        ours => -(start + ours + lent).min(0),
    }
}
