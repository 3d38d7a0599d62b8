use mandated::state::day::Permit;
use mandated::venue::{Outcome, Venue};

async fn twice(venue: &impl Venue, permit: Permit<'_>) -> (Outcome, Outcome) {
    (venue.send(permit).await, venue.send(permit).await)
}

fn main() {}
