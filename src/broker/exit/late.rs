//! Orders of ours that were sent and that the exchange does not show yet: an empty list is no proof while one
//! of them may still appear.

use chrono::Duration;

use super::super::facts::{key_of, resting_of};
use super::desk::ExitDesk;
use crate::domain::mandate::parse_instant;
use crate::state::clock;
use crate::state::inflight;
use crate::venue::Venue;

/// After this an order that the exchange does not show can no longer appear (facts §5.9).
const CAN_APPEAR_FOR: Duration = Duration::seconds(60);

/// How many there are. A folder that cannot be read is `Err`: it may hold any number.
pub(super) async fn may_appear<V: Venue>(desk: &ExitDesk<V>) -> Result<usize, String> {
    let records = inflight::list(desk.files()).map_err(|error| error.to_string())?;
    let mut count = 0;
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
        // One that is shown is in the lists or over; only one that is nowhere is still to come.
        if !matches!(seen, Ok(Some(_))) {
            count += 1;
        }
    }
    Ok(count)
}
