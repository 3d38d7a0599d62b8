//! The protocol: what we are, which tools there are, and what a call answers.

use std::sync::Arc;

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, CustomRequest, CustomResult, ErrorCode,
    Implementation, ListToolsResult, PaginatedRequestParams, ServerCapabilities, ServerConfig,
};
use rmcp::service::{RequestContext, RoleServer};
use rmcp::{ErrorData, ServerHandler};
use serde_json::Value;

use super::running::Running;
use super::tools::{Act, ReadTool, Tool};
use super::{exact, reads, reply, tools};
use crate::broker::Broker;
use crate::domain::order::WriteTool;
use crate::venue::Venue;

const INSTRUCTIONS: &str = "Trades on Bybit within a mandate that a person committed. Reading is free. Each \
write (place, amend, cancel, cancel all, leverage, trading stop) passes a gate: mandate, expiry, HALT, \
exclude list, caps on notional, exposure, leverage, count and funding. A refusal is a normal reply with \
status \"blocked\" and a reason that says what would pass; it is not an error, and repeating it changes \
nothing. Accepted is not filled: look with bybit_get_open_orders. On status \"unknown\" nobody can say yet \
whether the order exists: never send it again, look it up. Amounts are decimal strings. A reply with \
\"paper\": true is about play money.";

/// Longest arguments of one call, in bytes; ours take a few hundred. A refused write is put on the ledger with what
/// was asked, so whatever is let in here is kept there.
const MAX_ARGUMENT_BYTES: usize = 64 * 1024;

/// The MCP server over one broker. Clones share it.
#[derive(Debug)]
pub struct Server<V> {
    broker: Arc<Broker<V>>,
    running: Running,
}

impl<V> Clone for Server<V> {
    fn clone(&self) -> Self {
        Self {
            broker: Arc::clone(&self.broker),
            running: self.running.clone(),
        }
    }
}

impl<V: Venue> Server<V> {
    pub fn new(broker: Arc<Broker<V>>) -> Self {
        Self {
            broker,
            running: Running::new(),
        }
    }

    /// Returns when no call is running. A write whose caller went away is still a running call.
    pub async fn idle(&self) {
        self.running.idle().await;
    }

    async fn read(&self, tool: &Tool, read: ReadTool, args: &str) -> CallToolResult {
        let _running = self.running.start();
        match reads::run(&self.broker, tool, read, args).await {
            Ok(reply) => CallToolResult::structured(reply),
            Err(error) => {
                CallToolResult::structured_error(error.to_reply(tool.name, self.broker.venue_label()))
            }
        }
    }

    /// Hands the write to the broker in a task of its own: a caller that goes away does not take it along.
    async fn write(&self, tool: WriteTool, args: String) -> Result<CallToolResult, ErrorData> {
        let broker = Arc::clone(&self.broker);
        let running = self.running.start();
        let write = tokio::spawn(async move {
            let _running = running;
            let mut reply = broker.write(tool, &args).await;
            if let Some(reply) = reply.as_object_mut() {
                reply::mark(reply, broker.venue_label());
            }
            reply
        });
        let reply: Value = write.await.map_err(|_| outcome_lost())?;
        Ok(CallToolResult::structured(reply))
    }
}

impl<V: Venue> ServerHandler for Server<V> {
    fn get_info(&self) -> ServerConfig {
        let name = Implementation::new("mandated", env!("CARGO_PKG_VERSION")).with_title("mandated");
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(name)
            .with_instructions(INSTRUCTIONS)
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(tools::list()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let tool = Tool::by_name(&request.name).ok_or_else(|| unknown_tool(&request.name))?;
        let args = exact::unwrap(request.arguments)
            .map_err(|error| ErrorData::invalid_params(error.to_string(), None))?;
        if args.len() > MAX_ARGUMENT_BYTES {
            return Err(too_long(args.len()));
        }
        let result = match tool.act {
            // A read that nobody waits for any more is dropped; a write goes on, for it may have been sent.
            Act::Read(read) => {
                let reading = self.read(tool, read, &args);
                context
                    .ct
                    .run_until_cancelled(reading)
                    .await
                    .ok_or_else(cancelled)?
            }
            Act::Write(write) => self.write(write, args).await?,
        };
        Ok(result.into())
    }

    /// Takes what the library knows no request for: an unknown method, or a known one with params that it cannot read.
    async fn on_custom_request(
        &self,
        request: CustomRequest,
        _context: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        Err(not_understood(&request.method))
    }
}

fn not_understood(method: &str) -> ErrorData {
    if ["initialize", "tools/list", "tools/call"].contains(&method) {
        let reason = format!("the params of `{method}` cannot be read: send those that MCP has for it");
        return ErrorData::invalid_params(reason, None);
    }
    let method: String = method.chars().take(60).collect();
    ErrorData::new(
        ErrorCode::METHOD_NOT_FOUND,
        format!("unknown method `{method}`"),
        None,
    )
}

/// Nobody reads this: a call that its caller cancelled is not answered.
fn cancelled() -> ErrorData {
    ErrorData::internal_error("the call was cancelled", None)
}

fn too_long(bytes: usize) -> ErrorData {
    let reason = format!(
        "the call was not run: its arguments are {bytes} bytes long; send at most {MAX_ARGUMENT_BYTES}"
    );
    ErrorData::invalid_params(reason, None)
}

fn unknown_tool(name: &str) -> ErrorData {
    let name: String = name.chars().take(60).collect();
    ErrorData::invalid_params(
        format!("unknown tool `{name}`: tools/list names those that exist"),
        None,
    )
}

/// The task that writes ended without a reply, which only a fault in this program can do.
fn outcome_lost() -> ErrorData {
    let reason = "the write ended without a reply, so its outcome is unknown: do not send it again, look it up with bybit_get_open_orders and bybit_get_order_history";
    ErrorData::internal_error(reason, None)
}
