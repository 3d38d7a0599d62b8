//! Orders of ours that were sent and that the exchange does not show yet: an empty list is no proof while one
//! of them may still appear.

use std::time::Duration;

use tokio::time::timeout;

use super::super::facts::{key_of, resting_of};
use super::super::likeness::{is_in_full, is_of_its_kind};
use super::super::recover::{can_appear_by_its_file, is_past};
use super::desk::ExitDesk;
use crate::state::inflight;
use crate::venue::Venue;

/// How long the exchange's clock is waited for.
const CLOCK_WITHIN: Duration = Duration::from_secs(2);

/// How many there are. A folder that cannot be read is `Err`: it may hold any number. A file that cannot be read
/// counts for as long as its order could still appear, by the file's own time; after that it holds nobody back.
pub(super) async fn may_appear<V: Venue>(desk: &ExitDesk<V>) -> Result<usize, String> {
    let (records, unreadable) = inflight::each(desk.files());
    let mut count = 0;
    for error in unreadable {
        match error.path().map(std::fs::metadata) {
            Some(Ok(found)) if is_older(&found, can_appear_by_its_file(desk.venue())) => {}
            _ => return Err(error.to_string()),
        }
    }
    for record in records {
        if record.venue != desk.venue().label() {
            continue;
        }
        // Without the exchange's clock none is taken for old.
        if timeout(CLOCK_WITHIN, is_past(desk.venue(), &record)).await == Ok(true) {
            continue;
        }
        let Ok(order) = resting_of(&record) else {
            count += 1;
            continue;
        };
        let seen = match key_of(&order) {
            Some(key) => desk.venue().order(&order.instrument, &key).await,
            None => Ok(None),
        };
        // One that is shown in full is in the lists or over; one that is nowhere, or known by its executions alone, is
        // still to come there. Another order under the same id says nothing of ours.
        if !matches!(&seen, Ok(Some(view)) if is_of_its_kind(&order, view) && is_in_full(view)) {
            count += 1;
        }
    }
    Ok(count)
}

fn is_older(file: &std::fs::Metadata, than: Duration) -> bool {
    let age = file.modified().ok().and_then(|at| at.elapsed().ok());
    age.is_some_and(|age| age > than)
}
