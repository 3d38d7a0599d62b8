//! What was measured beside what was promised: a table to read, JSON to keep.

use std::fs;
use std::path::Path;

use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::json;

use crate::instructions::Instructions;
use crate::machine::Machine;
use crate::series::Spread;

/// Raised when a field of the JSON changes its meaning or goes.
const SCHEMA_VERSION: u32 = 1;

/// The unit of a value. All values are whole numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum Unit {
    #[serde(rename = "ns")]
    Nanoseconds,
    #[serde(rename = "bytes")]
    Bytes,
    #[serde(rename = "bytes/s")]
    BytesPerSecond,
    #[serde(rename = "count")]
    Count,
    #[serde(rename = "permille")]
    Permille,
}

/// What was promised.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Budget {
    AtMost(u64),
    AtLeast(u64),
}

/// One line of the report.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    /// Stable: what a program looks a figure up by.
    pub(crate) id: &'static str,
    pub(crate) what: String,
    /// `mandated`, or the package and version of a peer.
    pub(crate) program: &'static str,
    pub(crate) unit: Unit,
    pub(crate) budget: Option<Budget>,
    pub(crate) measured: Option<Spread>,
    /// Why nothing was measured.
    pub(crate) not_measured: Option<String>,
    pub(crate) verdict: &'static str,
}

pub(crate) const US: &str = "mandated";

/// All lines, in order.
#[derive(Debug)]
pub(crate) struct Report {
    rows: Vec<Row>,
    /// A trial of the harness says nothing about the budgets.
    judging: bool,
}

impl Report {
    pub(crate) fn new(judging: bool) -> Self {
        Self {
            rows: Vec::new(),
            judging,
        }
    }

    /// A figure of ours; with a budget it is judged by its median.
    pub(crate) fn add(
        &mut self,
        id: &'static str,
        what: &str,
        unit: Unit,
        budget: Option<Budget>,
        spread: Spread,
    ) {
        self.row(US, id, what, unit, budget, Ok(spread));
    }

    pub(crate) fn row(
        &mut self,
        program: &'static str,
        id: &'static str,
        what: &str,
        unit: Unit,
        budget: Option<Budget>,
        measured: Result<Spread, String>,
    ) {
        let verdict = match (&measured, budget) {
            (Err(_), _) => "not measured",
            (Ok(_), None) => "-",
            (Ok(_), Some(_)) if !self.judging => "a trial",
            (Ok(spread), Some(Budget::AtMost(most))) if spread.median <= most => "kept",
            (Ok(spread), Some(Budget::AtLeast(least))) if spread.median >= least => "kept",
            (Ok(_), Some(_)) => "MISSED",
        };
        let (measured, not_measured) = match measured {
            Ok(spread) => (Some(spread), None),
            Err(why) => (None, Some(why)),
        };
        let row = Row {
            id,
            what: what.to_owned(),
            program,
            unit,
            budget,
            measured,
            not_measured,
            verdict,
        };
        eprintln!("{}", row.as_line());
        self.rows.push(row);
    }

    pub(crate) fn missed(&self) -> usize {
        self.rows.iter().filter(|row| row.verdict == "MISSED").count()
    }

    /// The table for a person, in Markdown.
    pub(crate) fn table(&self) -> String {
        let mut text = String::from("| what | program | budget | median | p10 to p90 | runs | verdict |\n");
        text.push_str("|---|---|---|---|---|---|---|\n");
        for row in &self.rows {
            text.push_str(&row.as_line());
            text.push('\n');
        }
        text
    }

    /// The same for a program; `benches/README.md` says what the fields are.
    pub(crate) fn write(&self, path: &Path, machine: &Machine, instructions: Option<&Instructions>) {
        let report = json!({
            "schema_version": SCHEMA_VERSION,
            "mandated": env!("CARGO_PKG_VERSION"),
            "machine": machine,
            "rows": self.rows,
            "instructions": instructions,
        });
        fs::write(path, serde_json::to_string_pretty(&report).unwrap()).unwrap();
    }
}

impl Row {
    fn as_line(&self) -> String {
        let budget = match self.budget {
            None => "-".to_owned(),
            Some(Budget::AtMost(most)) => format!("≤ {}", in_words(self.unit, most)),
            Some(Budget::AtLeast(least)) => format!("≥ {}", in_words(self.unit, least)),
        };
        let (median, spread, runs) = match (&self.measured, &self.not_measured) {
            (Some(found), _) => (
                in_words(self.unit, found.median),
                format!(
                    "{} to {}",
                    in_words(self.unit, found.p10),
                    in_words(self.unit, found.p90)
                ),
                found.runs.to_string(),
            ),
            (None, why) => (why.clone().unwrap_or_default(), "-".to_owned(), "0".to_owned()),
        };
        format!(
            "| {} | {} | {budget} | {median} | {spread} | {runs} | {} |",
            self.what, self.program, self.verdict
        )
    }
}

/// A value in the unit that a person would choose.
pub(crate) fn in_words(unit: Unit, value: u64) -> String {
    let scaled = |by: u64, digits: u32, name: &str| {
        let value = (Decimal::from(value) / Decimal::from(by)).round_dp(digits);
        format!("{value} {name}")
    };
    match unit {
        Unit::Nanoseconds if value < 1_000 => format!("{value} ns"),
        Unit::Nanoseconds if value < 1_000_000 => scaled(1_000, 2, "µs"),
        Unit::Nanoseconds if value < 1_000_000_000 => scaled(1_000_000, 2, "ms"),
        Unit::Nanoseconds => scaled(1_000_000_000, 2, "s"),
        Unit::Bytes if value < 1 << 17 => format!("{value} B"),
        Unit::Bytes => scaled(1 << 20, 2, "MiB"),
        Unit::BytesPerSecond => scaled(1_000_000, 1, "MB/s"),
        Unit::Count => value.to_string(),
        Unit::Permille => scaled(1_000, 2, "×"),
    }
}
