//! What an agent speaks to: the 17 tools over MCP, on stdio and on HTTP.
//!
//! A read goes to the venue and comes back shaped; a write goes to [`Broker`](crate::broker::Broker) as the
//! exact text that the caller sent, and what the broker says is the reply. This floor decides nothing.
//!
//! ```text
//! stdio, http    the ways in; lines, guard, token and connections belong to them
//! server         the protocol: what we are, what there is, what a call answers
//! exact          keeps numbers and repeated keys as the caller wrote them
//! tools          the table, as data in table_read and table_write; schema makes JSON Schema of it
//! args           a reading tool's arguments by the table; values one at a time, rules all together
//! reads          one read, from arguments to reply; endpoint says which GET, reply how large
//! ```

pub mod args;
mod connections;
mod endpoint;
pub mod exact;
mod guard;
pub mod http;
mod lines;
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
mod values;
