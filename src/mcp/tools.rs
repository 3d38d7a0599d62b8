//! The table of tools: what each is called, what it takes, what it promises.
//!
//! The same table makes `tools/list`, the files under `schemas/tools/`, and the reading of arguments.

use std::sync::LazyLock;

use rmcp::model;
use serde_json::{Map, Value};

use super::{schema, table_read, table_write};
use crate::domain::order::WriteTool;

/// One tool.
#[derive(Debug)]
pub struct Tool {
    pub name: &'static str,
    pub title: &'static str,
    /// Units, and what is refused.
    pub description: &'static str,
    pub act: Act,
    /// Repeating the call with the same arguments changes nothing more.
    pub idempotent: bool,
    pub args: &'static [Arg],
}

/// What calling a tool does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    Read(ReadTool),
    Write(WriteTool),
}

/// The eleven reading tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadTool {
    Tickers,
    Kline,
    Orderbook,
    FundingHistory,
    OpenInterest,
    Instruments,
    RecentTrades,
    Wallet,
    Positions,
    OpenOrders,
    OrderHistory,
}

/// One argument of a tool.
#[derive(Debug, Clone, Copy)]
pub struct Arg {
    pub name: &'static str,
    pub kind: Kind,
    pub required: bool,
    /// For the schema; empty where the name says enough.
    pub note: &'static str,
}

/// What an argument may be.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// One of these words.
    Choice {
        of: &'static [&'static str],
        default: Option<&'static str>,
    },
    /// An instrument's name, in any usual spelling.
    Symbol,
    /// A coin's name.
    Coin,
    /// Coin names with commas between them.
    Coins,
    /// Any short text.
    Text,
    /// A page mark that an earlier reply gave.
    Cursor,
    /// A decimal, kept as written.
    Amount,
    /// A whole number between two bounds, both allowed.
    Whole {
        min: u64,
        max: u64,
        default: Option<u64>,
    },
    /// Milliseconds since 1970.
    Millis,
    Flag,
}

impl Arg {
    pub(super) const fn new(name: &'static str, kind: Kind) -> Self {
        Self {
            name,
            kind,
            required: false,
            note: "",
        }
    }

    pub(super) const fn needed(mut self) -> Self {
        self.required = true;
        self
    }

    pub(super) const fn note(mut self, note: &'static str) -> Self {
        self.note = note;
        self
    }
}

impl Tool {
    /// All tools, in the order of `tools/list`.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        table_read::TOOLS.iter().chain(table_write::TOOLS)
    }

    /// The tool that is called `name`.
    #[must_use]
    pub fn by_name(name: &str) -> Option<&'static Self> {
        Self::all().find(|tool| tool.name == name)
    }

    /// The JSON Schema of its arguments.
    #[must_use]
    pub fn input_schema(&self) -> Map<String, Value> {
        schema::input(self)
    }

    /// The JSON Schema of its replies.
    #[must_use]
    pub fn output_schema(&self) -> Map<String, Value> {
        schema::output(self)
    }

    fn to_model(&self) -> model::Tool {
        let reads = matches!(self.act, Act::Read(_));
        let hints = model::ToolAnnotations::new()
            .read_only(reads)
            .destructive(!reads)
            .idempotent(self.idempotent)
            .open_world(true);
        model::Tool::new(self.name, self.description, self.input_schema())
            .with_title(self.title)
            .with_raw_output_schema(self.output_schema().into())
            .with_annotations(hints)
    }
}

/// `tools/list`, built once: the same bytes for every caller.
pub(super) fn list() -> Vec<model::Tool> {
    static LIST: LazyLock<Vec<model::Tool>> = LazyLock::new(|| Tool::all().map(Tool::to_model).collect());
    LIST.clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_write_tool_is_in_the_table_under_its_own_name() {
        for write in WriteTool::ALL {
            let tool = Tool::by_name(write.name()).unwrap();
            assert_eq!(tool.act, Act::Write(write));
        }
        assert_eq!(Tool::all().count(), 17);
    }

    #[test]
    fn a_write_has_no_default_for_what_it_trades() {
        for tool in Tool::all().filter(|tool| matches!(tool.act, Act::Write(_))) {
            for arg in tool.args {
                let default = match arg.kind {
                    Kind::Choice { default, .. } => default.map(str::to_owned),
                    Kind::Whole { default, .. } => default.map(|number| number.to_string()),
                    _ => None,
                };
                let allowed = tool.name == "bybit_set_trading_stop" && arg.name == "position_idx";
                assert!(default.is_none() || allowed, "{} {}", tool.name, arg.name);
            }
        }
    }
}
