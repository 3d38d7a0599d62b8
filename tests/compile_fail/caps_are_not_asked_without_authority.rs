use mandated::domain::order::Write;
use mandated::gate::{Approved, Facts, Refused, judge};

fn without_authority(write: Write, facts: &Facts) -> Result<Approved, Refused> {
    judge(write, facts)
}

fn main() {}
