use mandated::gate::Approved;
use mandated::state::day::{Day, Submission};
use mandated::venue::{Outcome, Venue};

async fn unlocked(venue: &impl Venue, mut day: Day, approved: Approved, order: Submission) -> Option<Outcome> {
    let (permit, _committed) = day.commit(approved, order).ok()?;
    drop(day);
    Some(venue.send(permit).await)
}

fn main() {}
