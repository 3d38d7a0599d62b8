//! Counts what is under way, tool calls or replies that nobody has read yet, so that others can wait for it.

use std::sync::Arc;

use tokio::sync::watch;

/// A shared count of what is under way.
#[derive(Debug, Clone)]
pub(super) struct Running(Arc<watch::Sender<usize>>);

/// One thing under way; dropping it ends it.
#[derive(Debug)]
pub(super) struct Call(Running);

impl Running {
    pub(super) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }

    pub(super) fn start(&self) -> Call {
        self.0.send_modify(|count| *count += 1);
        Call(self.clone())
    }

    /// Returns when nothing is under way.
    pub(super) async fn idle(&self) {
        self.below(1).await;
    }

    /// Whether nothing is under way.
    pub(super) fn is_idle(&self) -> bool {
        *self.0.borrow() == 0
    }

    /// Returns when fewer than `limit` are under way.
    pub(super) async fn below(&self, limit: usize) {
        // The sender lives in `self`, so waiting cannot fail.
        let _ = self.0.subscribe().wait_for(|count| *count < limit).await;
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.0.0.send_modify(|count| *count -= 1);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn idle_waits_for_the_last_call() {
        let running = Running::new();
        running.idle().await;
        let (first, second) = (running.start(), running.clone().start());
        drop(first);
        let early = tokio::time::timeout(Duration::from_millis(20), running.idle()).await;
        assert!(early.is_err());
        drop(second);
        running.idle().await;
    }
}
