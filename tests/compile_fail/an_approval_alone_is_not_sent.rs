use mandated::gate::Approved;
use mandated::venue::{Outcome, Venue};

async fn uncounted(venue: &impl Venue, approved: Approved) -> Outcome {
    venue.send(approved).await
}

fn main() {}
