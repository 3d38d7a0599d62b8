//! What an agent speaks to: the 17 tools over MCP, on stdio and on HTTP.
//!
//! A read goes to the venue and comes back shaped; a write goes to [`Broker`](crate::broker::Broker) as the
//! exact text that the caller sent, and what the broker says is the reply. This floor decides nothing.
//!
//! ```text
//! exact    keeps numbers and repeated keys as the caller wrote them, before anything parses them
//! table    the tools, as data        schema   table -> JSON Schema     tools    table -> tools/list
//! args     reading tools' arguments  rules    what must fit together  reply    marks, size limit, errors
//! reads    tool -> GET -> reply      endpoint tool -> path and names
//! server   the protocol              stdio, http, token   the ways in
//! ```

pub mod args;
mod endpoint;
pub mod exact;
mod guard;
pub mod http;
mod reads;
mod reply;
mod rules;
mod running;
mod schema;
pub mod server;
pub mod stdio;
mod table_read;
mod table_write;
pub mod token;
pub mod tools;
