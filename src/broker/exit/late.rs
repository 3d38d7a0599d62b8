//! Orders of ours that were sent and that the exchange does not show yet: an empty list is no proof while one
//! of them may still appear.

use chrono::Duration;

use super::super::facts::{key_of, resting_of};
use super::super::likeness::is_of_its_kind;
use super::desk::ExitDesk;
use crate::domain::mandate::parse_instant;
use crate::state::clock;
use crate::state::inflight;
use crate::venue::Venue;

/// After this an order that the exchange does not show can no longer appear (facts §5.9).
const CAN_APPEAR_FOR: Duration = Duration::seconds(60);

/// How many there are. A folder that cannot be read is `Err`: it may hold any number. A file that cannot be read
/// counts for as long as its order could still appear, by the file's own time; after that it holds nobody back.
pub(super) async fn may_appear<V: Venue>(desk: &ExitDesk<V>) -> Result<usize, String> {
    let (records, unreadable) = inflight::each(desk.files());
    let mut count = 0;
    for error in unreadable {
        match error.path().map(std::fs::metadata) {
            Some(Ok(found)) if is_old(&found) => {}
            _ => return Err(error.to_string()),
        }
    }
    for record in records {
        let young =
            parse_instant(&record.created_at).is_none_or(|sent| clock::now() - sent <= CAN_APPEAR_FOR);
        if !young || record.venue != desk.venue().label() {
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
        // One that is shown is in the lists or over; only one that is nowhere is still to come. Another order under
        // the same id says nothing of ours.
        if !matches!(&seen, Ok(Some(view)) if is_of_its_kind(&order, view)) {
            count += 1;
        }
    }
    Ok(count)
}

fn is_old(file: &std::fs::Metadata) -> bool {
    let age = file.modified().ok().and_then(|at| at.elapsed().ok());
    age.and_then(|age| Duration::from_std(age).ok())
        .is_some_and(|age| age > CAN_APPEAR_FOR)
}
