use mandated::domain::order::ClientOrderId;
use mandated::gate::Approved;
use mandated::state::day::Permit;

fn forged(approved: Approved, client_id: ClientOrderId) -> Permit<'static> {
    Permit {
        approved,
        client_id,
        _day: std::marker::PhantomData,
    }
}

fn main() {}
