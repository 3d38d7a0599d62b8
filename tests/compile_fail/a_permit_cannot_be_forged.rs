use mandated::domain::order::ClientOrderId;
use mandated::gate::Approved;
use mandated::state::day::{Day, Permit};

fn forged(approved: Approved, client_id: ClientOrderId, day: &Day) -> Permit<'_> {
    Permit {
        approved,
        client_id,
        day,
    }
}

fn main() {}
