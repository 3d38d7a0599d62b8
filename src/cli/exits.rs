//! `mandated cancel-all` and `mandated flatten`: a person's own way out. It asks no mandate, no counter and no
//! HALT. It shows what it will do, asks once, and follows the exchange until that shows it.
//!
//! The order lock is taken where it is free within two seconds, so that no agent's order slips in between. A
//! lock that is held elsewhere, or cannot be used, holds no exit up. With `--yes` neither do lists that hang: the
//! first cancels leave beside them.

mod announce;
mod report;

use std::io::{BufRead, IsTerminal};
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep, timeout};

use super::app::App;
use super::args::{CancelAllArgs, FlattenArgs};
use super::out::complain;
use super::{Done, Failure};
use crate::broker::exit::{BETWEEN_ROUNDS, Course, ExitDesk, Look, Reach, Wish};
use crate::domain::symbol::Symbol;
use crate::state::lock::OrderLock;
use crate::state::paths::LiveFiles;
use crate::venue::Venue;
use announce::announce;
use report::{End, Report};

const LOCK_WAIT: Duration = Duration::from_secs(2);

/// How long the first and the last look are waited for.
const LOOK_WITHIN: Duration = Duration::from_secs(10);

/// What nobody is asked about is cancelled unseen where the lists are not there by then.
const LISTS_ALONE: Duration = Duration::from_millis(500);

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
    let mut course = Course::new(order.reach.clone(), &uuid::Uuid::new_v4().to_string());
    let prepared = tokio::select! {
        lock = prepare(&app.files, &desk, &order, &mut course) => Some(lock?),
        _ = interrupts.recv() => None,
    };
    let report = match prepared {
        Some(_lock) => follow(&desk, &order, course, &mut interrupts).await,
        None if desk.steps().is_empty() => {
            complain("interrupted: nothing was sent");
            return Ok(Done::Interrupted);
        }
        None => {
            let mut report = Report::default();
            report.saw(last_look(&desk, &order, &mut interrupts).await);
            report.end = End::Interrupted;
            report
        }
    };
    // What was cut off is written down beside.
    desk.records_written().await;
    report.tell(&desk, order.args.json)
}

/// Everything before the first round.
async fn prepare<V: Venue>(
    files: &LiveFiles,
    desk: &ExitDesk<V>,
    order: &Order,
    course: &mut Course,
) -> Result<Option<OrderLock>, Failure> {
    if order.args.yes {
        let (lock, ()) = tokio::try_join!(
            async { Ok(lock(files).await) },
            announce_beside(desk, order, course)
        )?;
        return Ok(lock);
    }
    announce(desk, order).await?;
    if !confirmed().await {
        return Err(Failure::Failed(
            "nothing was sent: it was not confirmed".to_owned(),
        ));
    }
    Ok(lock(files).await)
}

async fn lock(files: &LiveFiles) -> Option<OrderLock> {
    let lock = OrderLock::acquire(files, LOCK_WAIT).await;
    if let Err(error) = &lock {
        complain(&format!(
            "going ahead without the order lock, so an agent's order may still slip in (`mandated halt` stops \
             that): {error}"
        ));
    }
    lock.ok()
}

/// Lists that hang hold no cancel up: where nobody is asked, what they say changes nothing.
async fn announce_beside<V: Venue>(
    desk: &ExitDesk<V>,
    order: &Order,
    course: &mut Course,
) -> Result<(), Failure> {
    let announced = Notify::new();
    let announcing = async {
        let told = announce(desk, order).await;
        announced.notify_one();
        told
    };
    let cancelling = async {
        if timeout(LISTS_ALONE, announced.notified()).await.is_err() {
            course.cancel_blindly(desk, &|| true).await;
        }
        Ok(())
    };
    tokio::try_join!(announcing, cancelling).map(|_| ())
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
async fn follow<V: Venue>(
    desk: &ExitDesk<V>,
    order: &Order,
    mut course: Course,
    interrupts: &mut Signal,
) -> Report {
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

#[cfg(test)]
mod tests;
