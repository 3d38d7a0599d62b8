//! `mandated cancel-all` and `mandated flatten`: a person's own way out. It asks no mandate, no counter and no
//! HALT. It shows what it will do, asks once, and follows the exchange until that shows it.
//!
//! The order lock is taken where it is free within two seconds, so that no agent's order slips in between. A
//! lock that is held elsewhere, or cannot be used, holds no exit up.

mod report;

use std::io::{BufRead, IsTerminal};
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};

use super::app::App;
use super::args::{CancelAllArgs, FlattenArgs};
use super::out::{complain, say};
use super::{Done, Failure};
use crate::broker::exit::{BETWEEN_ROUNDS, Course, ExitDesk, Look, Reach, Wish};
use crate::domain::account::CoinBalance;
use crate::domain::symbol::Symbol;
use crate::state::lock::OrderLock;
use crate::venue::{Parts, Unread, Venue, VenueError};
use report::{End, Report};

const LOCK_WAIT: Duration = Duration::from_secs(2);

/// How long the first and the last look are waited for.
const LOOK_WITHIN: Duration = Duration::from_secs(10);

/// What was typed.
struct Order {
    reach: Reach,
    wish: Wish,
    args: FlattenArgs,
}

pub(super) async fn cancel_all(app: &App, args: CancelAllArgs) -> Result<Done, Failure> {
    let category = args.category.as_deref().map(str::parse).transpose();
    let order = Order {
        reach: Reach {
            category: category.map_err(Failure::usage)?,
            symbol: symbol(&args.exit)?,
        },
        wish: Wish::default(),
        args: args.exit,
    };
    run(app, order).await
}

pub(super) async fn flatten(app: &App, args: FlattenArgs) -> Result<Done, Failure> {
    let order = Order {
        reach: Reach {
            category: None,
            symbol: symbol(&args)?,
        },
        wish: Wish {
            close: true,
            sell: None,
        },
        args,
    };
    run(app, order).await
}

fn symbol(args: &FlattenArgs) -> Result<Option<Symbol>, Failure> {
    let symbol = args.symbol.as_deref().map(Symbol::parse).transpose();
    symbol.map_err(Failure::usage)
}

async fn run(app: &App, order: Order) -> Result<Done, Failure> {
    if !order.args.yes && !std::io::stdin().is_terminal() {
        return Err(Failure::Usage(
            "nothing was sent: there is no terminal to ask on; add --yes to go ahead without asking"
                .to_owned(),
        ));
    }
    // From here on Ctrl-C is heard by us, and none of them is missed between two waits.
    let mut interrupts = signal(SignalKind::interrupt()).map_err(Failure::failed)?;
    let exchange = app.way_out().await?;
    let desk = ExitDesk::new(exchange.venue, app.files.clone(), exchange.ledger, "person");
    let lock = tokio::select! {
        lock = prepare(app, &desk, &order) => lock?,
        _ = interrupts.recv() => {
            complain("interrupted: nothing was sent");
            return Ok(Done::Interrupted);
        }
    };
    let report = follow(&desk, &order, &mut interrupts).await;
    drop(lock);
    // What was cut off is written down beside.
    desk.records_written().await;
    report.tell(&desk, order.args.json)
}

/// Everything before the first send.
async fn prepare<V: Venue>(
    app: &App,
    desk: &ExitDesk<V>,
    order: &Order,
) -> Result<Option<OrderLock>, Failure> {
    announce(desk, order).await?;
    if !order.args.yes && !confirmed().await {
        return Err(Failure::Failed(
            "nothing was sent: it was not confirmed".to_owned(),
        ));
    }
    let lock = OrderLock::acquire(&app.files, LOCK_WAIT).await;
    if let Err(error) = &lock {
        complain(&format!(
            "going ahead without the order lock, so an agent's order may still slip in (`mandated halt` stops \
             that): {error}"
        ));
    }
    Ok(lock.ok())
}

/// Shows what will be done. What cannot be read is said and holds nothing up, except a missing key.
async fn announce<V: Venue>(desk: &ExitDesk<V>, order: &Order) -> Result<(), Failure> {
    let quiet = order.args.json && order.args.yes;
    let tell = |line: &str| match (quiet, order.args.json) {
        (true, _) => {}
        (false, true) => complain(line),
        (false, false) => say(line),
    };
    let venue = desk.venue();
    tell(&format!("exchange: {}", venue.label()));
    let orders = timeout(LOOK_WITHIN, venue.open_orders_in_parts()).await;
    let found = orders.unwrap_or_else(|_| Parts::none(late()));
    if let Some(unread) = found
        .unread
        .iter()
        .find(|unread| unread.why == VenueError::NoCredentials)
    {
        return Err(Failure::failed(&unread.why));
    }
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
    if order.wish.close {
        announce_positions(desk, order, &tell).await;
    }
    Ok(())
}

fn late() -> VenueError {
    VenueError::Unreachable("no answer in time".to_owned())
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

async fn announce_positions<V: Venue>(desk: &ExitDesk<V>, order: &Order, tell: &impl Fn(&str)) {
    let found = timeout(LOOK_WITHIN, desk.venue().positions_in_parts()).await;
    let found = found.unwrap_or_else(|_| Parts::none(late()));
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
    if let Ok(Ok(wallet)) = timeout(LOOK_WITHIN, desk.venue().wallet()).await {
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
}

/// Whether the person said yes.
pub(super) async fn confirmed() -> bool {
    complain("go ahead? type yes:");
    let (send, answer) = oneshot::channel();
    // A thread of its own: a read of the terminal cannot be given up, and must not hold the end up.
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = std::io::stdin().lock().read_line(&mut line);
        let _ = send.send(read.is_ok() && matches!(line.trim(), "y" | "yes" | "Y" | "YES"));
    });
    answer.await.unwrap_or(false)
}

/// Rounds until the exchange shows it, the time is up, or the person interrupts.
async fn follow<V: Venue>(desk: &ExitDesk<V>, order: &Order, interrupts: &mut Signal) -> Report {
    let mut course = Course::new(order.reach.clone(), &uuid::Uuid::new_v4().to_string());
    let until = Instant::now() + Duration::from_secs(order.args.timeout);
    let mut report = Report::default();
    loop {
        let left = until.saturating_duration_since(Instant::now()).max(LOOK_WITHIN);
        let was_interrupted = tokio::select! {
            look = timeout(left, course.round(desk, &order.wish, &|| true)) => {
                report.saw(look.unwrap_or_default());
                false
            }
            _ = interrupts.recv() => true,
        };
        if was_interrupted {
            report.end = End::Interrupted;
            report.saw(last_look(desk, order, interrupts).await);
        } else if report.is_done() {
            report.end = End::Done;
        }
        report.closed.extend(course.take_closed());
        report.waiting = course.waiting_for();
        if report.end != End::NotYet || Instant::now() >= until {
            return report;
        }
        if !order.args.json {
            report.progress(desk);
        }
        // A Ctrl-C meanwhile is kept for the next round.
        sleep(BETWEEN_ROUNDS).await;
    }
}

/// What the exchange still shows, for a person who stopped it. A second Ctrl-C leaves at once.
async fn last_look<V: Venue>(desk: &ExitDesk<V>, order: &Order, interrupts: &mut Signal) -> Look {
    complain("interrupted: nothing more is sent; looking at what the exchange still shows");
    let look = Look::taken(desk.venue(), &order.reach, &order.wish);
    tokio::select! {
        seen = timeout(LOOK_WITHIN, look) => seen.unwrap_or_default(),
        _ = interrupts.recv() => Look::default(),
    }
}
