//! The way out: cancel every resting order, close every position, until the exchange shows nothing. It is the
//! sweep's of a HALT and a person's own. It asks no mandate, no counter and no HALT, and a ledger that cannot be
//! written does not hold it back; only what the exchange shows counts as done.
//!
//! [`ExitDesk`] sends one exit and keeps what came of it. [`Course`] is the whole way, taken in rounds: look,
//! send what is due, look again.

mod cancelling;
mod cancels;
mod closes;
mod closing;
mod course;
mod desk;
mod holdings;
mod late;
mod leg;
mod look;
mod marks;
mod records;
mod refused;
mod sending;
mod step;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{Broker, Core};
use crate::domain::account::{Position, RestingOrder};
use crate::venue::Venue;
pub use course::Course;
pub use desk::ExitDesk;
pub use holdings::{Left, SpotRule};
pub use leg::Closed;
pub use look::{Look, Reach, Seen, Stands, Wish};
pub use step::{Answer, Step};

/// How long a plain exit follows the exchange.
const FOLLOW: Duration = Duration::from_secs(15);

/// Between two rounds, so that the budget of the lists is not used up (facts §3).
pub const BETWEEN_ROUNDS: Duration = Duration::from_millis(150);

/// How an exit went.
#[derive(Debug, Default)]
pub struct ExitReport {
    /// What was sent and what was answered, in words.
    pub sent: Vec<String>,
    /// Orders that the exchange still shows.
    pub orders_left: Vec<RestingOrder>,
    /// Positions that the exchange still shows.
    pub positions_left: Vec<Position>,
    /// Records that could not be written.
    pub not_on_record: Vec<String>,
}

impl<V: Venue> Broker<V> {
    /// Cancels every resting order of every category, and looks until the exchange shows none.
    pub async fn cancel_everything(&self) -> Result<ExitReport, String> {
        self.core.exit(&Wish::default()).await
    }

    /// Cancels every resting order, then closes every position that has a reduce-only way out.
    pub async fn flatten(&self) -> Result<ExitReport, String> {
        let wish = Wish {
            close: true,
            sell: None,
        };
        self.core.exit(&wish).await
    }
}

impl<V: Venue> Core<V> {
    async fn exit(&self, wish: &Wish) -> Result<ExitReport, String> {
        let desk = ExitDesk::new(
            Arc::clone(&self.venue),
            self.files.clone(),
            self.ledger.clone(),
            "person",
        );
        let mut course = Course::new(Reach::default(), &uuid::Uuid::new_v4().to_string());
        let until = Instant::now() + FOLLOW;
        loop {
            let look = course.round(&desk, wish, &|| true).await;
            if look.done.is_some() || Instant::now() >= until {
                return report(&desk, look);
            }
            sleep(BETWEEN_ROUNDS).await;
        }
    }
}

fn report<V: Venue>(desk: &ExitDesk<V>, look: Look) -> Result<ExitReport, String> {
    let is_known = look.orders.is_whole() && look.positions.as_ref().is_none_or(Seen::is_whole);
    if !is_known {
        return Err(look.notes.join("; "));
    }
    let steps = desk.steps();
    Ok(ExitReport {
        sent: steps.iter().map(Step::in_words).collect(),
        orders_left: look.orders.rows,
        positions_left: look.positions.map(|seen| seen.rows).unwrap_or_default(),
        not_on_record: steps.iter().filter_map(Step::why_not_on_record).collect(),
    })
}

#[cfg(test)]
pub(crate) mod tests;
