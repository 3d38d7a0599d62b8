//! `mandated demo`.

use super::{Done, Failure};

pub(super) async fn run() -> Result<Done, Failure> {
    Ok(Done::Well)
}
