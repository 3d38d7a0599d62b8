//! MCP over standard input and output. Nothing else is ever written to standard output.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use rmcp::ServiceExt;
// Which id a request has is for the server to say, to the daemon too.
pub use rmcp::model::RequestId;
use rmcp::model::{ClientNotification, ClientRequest, JsonRpcMessage};
use rmcp::service::{RoleServer, RxJsonRpcMessage, ServerInitializeError, TxJsonRpcMessage};
use rmcp::transport::Transport;
use rmcp::transport::async_rw::AsyncRwTransport;
use rmcp::transport::io::stdio_pipes;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

use super::exact::MAX_WRAPPED_BYTES;
use super::lines::ExactLines;
use super::running::Running;
use super::server::Server;
use crate::venue::Venue;

/// How long calls may run on after the input ended. A write settles within less (design §6).
const LAST_CALLS: Duration = Duration::from_secs(60);

/// With so many replies unread, nothing more is asked for: a client that never reads must not fill the memory.
const MAX_UNREAD: usize = 64;

/// Why serving ended before its input did.
#[derive(Debug, Error)]
pub enum ServeError {
    #[error("the client did not open the session as MCP asks: {0}")]
    Opening(String),
    #[error("serving stopped because of a fault: {0}")]
    Fault(String),
}

/// Serves one client on standard input and output until its input ends and its calls are answered.
pub async fn serve_stdio<V: Venue>(server: Server<V>) -> Result<(), ServeError> {
    let (input, output) = standard_streams();
    serve_stream(server, input, output).await
}

/// Standard input and output, without a thread for each where they are pipes.
#[must_use]
pub fn standard_streams() -> (
    impl AsyncRead + Send + Unpin + 'static,
    impl AsyncWrite + Send + Unpin + 'static,
) {
    stdio_pipes()
}

/// The same over any pair of streams.
pub async fn serve_stream<V, R, W>(server: Server<V>, input: R, output: W) -> Result<(), ServeError>
where
    V: Venue,
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    let lines = AsyncRwTransport::new_server(ExactLines::new(input), output);
    let transport = AnswersAll::new(lines.with_max_line_length(MAX_WRAPPED_BYTES));
    match server.clone().serve(transport).await {
        Ok(session) => {
            let ended = session.waiting().await;
            ended.map_err(|fault| ServeError::Fault(fault.to_string()))?;
        }
        Err(ServerInitializeError::ConnectionClosed(_)) => {}
        Err(error) => return Err(ServeError::Opening(error.to_string())),
    }
    if tokio::time::timeout(LAST_CALLS, server.idle()).await.is_err() {
        tracing::warn!("calls were still running a minute after the input ended");
    }
    Ok(())
}

/// A transport that holds back the end of its input until every tool call is answered, and reads on only while the
/// client does.
///
/// The library gives running calls five seconds after the input ends; a write that has to find out what
/// became of its order takes longer.
struct AnswersAll<T> {
    inner: T,
    input_ended: bool,
    unanswered: Arc<watch::Sender<HashSet<RequestId>>>,
    /// Replies on their way out.
    unread: Running,
}

impl<T> AnswersAll<T> {
    fn new(inner: T) -> Self {
        Self {
            inner,
            input_ended: false,
            unanswered: Arc::new(watch::Sender::new(HashSet::new())),
            unread: Running::new(),
        }
    }

    fn note_incoming(&self, message: &RxJsonRpcMessage<RoleServer>) {
        match message {
            JsonRpcMessage::Request(call) if matches!(call.request, ClientRequest::CallToolRequest(_)) => {
                self.unanswered.send_modify(|calls| {
                    calls.insert(call.id.clone());
                });
            }
            JsonRpcMessage::Notification(note) => {
                // A cancelled call is never answered.
                if let ClientNotification::CancelledNotification(cancelled) = &note.notification
                    && let Some(id) = &cancelled.params.request_id
                {
                    answered(&self.unanswered, id);
                }
            }
            _ => {}
        }
    }
}

fn answered(unanswered: &watch::Sender<HashSet<RequestId>>, id: &RequestId) {
    unanswered.send_if_modified(|calls| calls.remove(id));
}

impl<T: Transport<RoleServer>> Transport<RoleServer> for AnswersAll<T> {
    type Error = T::Error;

    fn send(
        &mut self,
        message: TxJsonRpcMessage<RoleServer>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        let id = match &message {
            JsonRpcMessage::Response(response) => Some(response.id.clone()),
            JsonRpcMessage::Error(error) => error.id.clone(),
            _ => None,
        };
        let unanswered = Arc::clone(&self.unanswered);
        let sending = self.inner.send(message);
        let unread = self.unread.start();
        async move {
            let sent = sending.await;
            drop(unread);
            if let Some(id) = id {
                answered(&unanswered, &id);
            }
            sent
        }
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleServer>> {
        if !self.input_ended {
            // A client that is gone may have left its end open: the end of the input is still found, if late.
            let _ = tokio::time::timeout(LAST_CALLS, self.unread.below(MAX_UNREAD)).await;
            if let Some(message) = self.inner.receive().await {
                self.note_incoming(&message);
                return Some(message);
            }
            self.input_ended = true;
        }
        let mut unanswered = self.unanswered.subscribe();
        let all_answered = unanswered.wait_for(HashSet::is_empty);
        let _ = tokio::time::timeout(LAST_CALLS, all_answered).await;
        None
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        self.inner.close().await
    }
}
