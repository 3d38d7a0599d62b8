//! What an exit is about to do, as far as it can be read.

use tokio::time::timeout;

use super::super::Failure;
use super::super::out::{complain, say};
use super::{LOOK_WITHIN, Order, report};
use crate::broker::exit::ExitDesk;
use crate::domain::account::{CoinBalance, Position, RestingOrder};
use crate::venue::{Parts, Unread, Venue, VenueError};

/// Shows what will be done. What cannot be read is said and holds nothing up, except a missing key.
pub(super) async fn announce<V: Venue>(desk: &ExitDesk<V>, order: &Order) -> Result<(), Failure> {
    let quiet = order.args.json && order.args.yes;
    let tell = |line: &str| match (quiet, order.args.json) {
        (true, _) => {}
        (false, true) => complain(line),
        (false, false) => say(line),
    };
    let venue = desk.venue();
    tell(&format!("exchange: {}", venue.label()));
    let is_for_positions = order.wish.close;
    let (found, positions, wallet) = tokio::join!(
        in_time(venue.open_orders_in_parts()),
        only(is_for_positions, in_time(venue.positions_in_parts())),
        only(is_for_positions, timeout(LOOK_WITHIN, venue.wallet())),
    );
    if let Some(unread) = found
        .unread
        .iter()
        .find(|unread| unread.why == VenueError::NoCredentials)
    {
        return Err(Failure::failed(&unread.why));
    }
    tell_orders(&found, order, &tell);
    if let Some(positions) = positions {
        tell_positions(&positions, order, &tell);
    }
    if let Some(Ok(Ok(wallet))) = wallet {
        tell_coins(&wallet, &tell);
    }
    Ok(())
}

async fn in_time<T>(read: impl Future<Output = Parts<T>>) -> Parts<T> {
    let late = |_| Parts::none(VenueError::Unreachable("no answer in time".to_owned()));
    timeout(LOOK_WITHIN, read).await.unwrap_or_else(late)
}

/// Nothing is asked that is not meant.
async fn only<T>(is_meant: bool, asked: impl Future<Output = T>) -> Option<T> {
    match is_meant {
        true => Some(asked.await),
        false => None,
    }
}

fn complain_of(what: &str, unread: &[Unread]) {
    for unread in unread {
        let of = unread.category.map(|category| format!(" of {category}"));
        complain(&format!(
            "{what}{} cannot be read now: {}",
            of.unwrap_or_default(),
            unread.why
        ));
    }
}

/// The count of what was seen; never none where not everything was.
fn how_many(lines: &[String], unread: &[Unread]) -> String {
    match (lines.len(), unread.is_empty()) {
        (count, true) => count.to_string(),
        (0, false) => "unknown".to_owned(),
        (count, false) => format!("{count} seen, and there may be more"),
    }
}

fn tell_orders(found: &Parts<RestingOrder>, order: &Order, tell: &impl Fn(&str)) {
    let mut lines: Vec<String> = found
        .rows
        .iter()
        .filter(|found| order.reach.covers(&found.instrument))
        .map(report::order_in_words)
        .collect();
    complain_of("open orders", &found.unread);
    tell(&format!("orders to cancel: {}", how_many(&lines, &found.unread)));
    let more = lines.split_off(lines.len().min(20)).len();
    lines.iter().for_each(|line| tell(&format!("  {line}")));
    if more > 0 {
        tell(&format!("  and {more} more"));
    }
}

fn tell_positions(found: &Parts<Position>, order: &Order, tell: &impl Fn(&str)) {
    let lines: Vec<String> = found
        .rows
        .iter()
        .filter(|found| order.reach.covers(&found.instrument))
        .map(report::position_in_words)
        .collect();
    complain_of("positions", &found.unread);
    let count = how_many(&lines, &found.unread);
    tell(&format!("positions to close at the market: {count}"));
    lines.iter().for_each(|line| tell(&format!("  {line}")));
}

fn tell_coins(wallet: &[CoinBalance], tell: &impl Fn(&str)) {
    let is_held = |held: &&CoinBalance| !held.coin.is_dollar() && !held.equity.is_zero();
    let coins: Vec<String> = wallet
        .iter()
        .filter(is_held)
        .map(|held| format!("{} {}", held.equity.normalize(), held.coin))
        .collect();
    if !coins.is_empty() {
        tell(&format!("coins held, which are not sold: {}", coins.join(", ")));
    }
}
