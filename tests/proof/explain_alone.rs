//! The command line cut down to `explain`, so that the gate is built and tested without the floors above it.

pub mod explain;
mod out;

#[derive(Debug)]
pub(crate) enum Failure {
    Failed(String),
}

impl Failure {
    fn failed(error: impl ToString) -> Self {
        Self::Failed(error.to_string())
    }
}

#[derive(Debug)]
enum Done {
    Well,
}
