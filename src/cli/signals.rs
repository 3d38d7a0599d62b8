//! Ctrl-C and SIGTERM, for whatever serves until a person or a service manager stops it.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Failure;

/// Both are heard from when this is made until it is dropped: a second one may follow the first at once, and must not
/// fall between two waits.
#[derive(Debug)]
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    pub(super) fn new() -> Result<Self, Failure> {
        let hear = |kind| {
            signal(kind).map_err(|error| Failure::Failed(format!("signals to stop cannot be heard: {error}")))
        };
        Ok(Self {
            interrupt: hear(SignalKind::interrupt())?,
            terminate: hear(SignalKind::terminate())?,
        })
    }

    /// The next of either that was not told yet.
    pub(super) async fn recv(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
