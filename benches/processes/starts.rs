//! From the start of a process to the answer of `tools/list`, and what it holds in memory then.

use std::process::Command;
use std::time::Instant;

use serde_json::Value;

use crate::client::Session;
use crate::report::{Budget, Report, Unit};
use crate::series::{Spread, nanos, repeat};
use crate::{Plan, clean_root, peers};

const SIX_MS: u64 = 6_000_000;
const TEN_MIB: u64 = 10 << 20;

/// Nanoseconds from the start to the answer.
pub(crate) fn listed(command: &mut Command) -> u64 {
    let begun = Instant::now();
    let mut session = Session::open(command);
    session.list();
    nanos(begun.elapsed())
}

pub(crate) fn measure(report: &mut Report, plan: Plan, peers: Option<&peers::Venv>) {
    let root = clean_root();
    let serve = |venue: &str| {
        let mut command = Command::new(crate::world::mandated());
        command.env_clear().env("VIBE_RUNTIME_ROOT", root.path());
        command.args(["serve", "--venue", venue]);
        command
    };
    let paper = || serve("paper");
    // Bybit itself, so with the roots of its certificates; nothing is connected before the first request.
    let bybit = || {
        let mut command = serve("bybit");
        command
            .env("BYBIT_API_KEY", "bench-key")
            .env("BYBIT_API_SECRET", "bench-secret");
        command
    };
    for (id, what, command) in [
        (
            "start_bybit",
            "start → tools/list",
            &bybit as &dyn Fn() -> Command,
        ),
        ("start_paper", "start → tools/list, --venue paper", &paper),
    ] {
        let spread = repeat(plan.warm_up, plan.starts, || listed(&mut command()));
        report.add(id, what, Unit::Nanoseconds, Some(Budget::AtMost(SIX_MS)), spread);
    }
    if let Some(venv) = peers {
        let spread = repeat(1, plan.peer_starts, || listed(&mut venv.server(root.path())));
        report.row(
            peers::ORIGINAL,
            "start_bybit",
            "start → tools/list",
            Unit::Nanoseconds,
            None,
            Ok(spread),
        );
    }
    memory(report, plan, "memory_bybit", "resident then", &bybit);
    memory(
        report,
        plan,
        "memory_paper",
        "resident then, --venue paper",
        &paper,
    );
    if let Some(venv) = peers {
        let spread = repeat(0, 3, || resident(&mut venv.server(root.path()), "VmRSS"));
        report.row(
            peers::ORIGINAL,
            "memory_bybit",
            "resident then",
            Unit::Bytes,
            None,
            Ok(spread),
        );
    }
    list_bytes(report, &mut bybit());
}

fn resident(command: &mut Command, name: &str) -> u64 {
    let mut session = Session::open(command);
    session.list();
    session.memory(name)
}

fn memory(report: &mut Report, plan: Plan, id: &'static str, what: &str, command: &dyn Fn() -> Command) {
    let spread = repeat(1, plan.memory, || resident(&mut command(), "VmRSS"));
    report.add(id, what, Unit::Bytes, Some(Budget::AtMost(TEN_MIB)), spread);
    let own = repeat(0, plan.memory, || resident(&mut command(), "RssAnon"));
    let id = if id == "memory_bybit" {
        "memory_bybit_own"
    } else {
        "memory_paper_own"
    };
    let what = format!("of it its own, not pages of the program file ({what})");
    report.add(id, &what, Unit::Bytes, None, own);
}

fn list_bytes(report: &mut Report, command: &mut Command) {
    let line = Session::open(command).list();
    let reply: Value = serde_json::from_str(&line).unwrap();
    let tools = reply["result"]["tools"].as_array().unwrap();
    let whole = serde_json::to_string(tools).unwrap().len();
    let asked: usize = tools
        .iter()
        .map(|tool| {
            let text = |name: &str| tool[name].as_str().unwrap().len();
            text("name") + text("description") + tool["inputSchema"].to_string().len()
        })
        .sum();
    let add = |report: &mut Report, id, what: String, most, bytes: usize| {
        let bytes = Spread::exact(bytes as u64);
        report.add(id, &what, Unit::Bytes, Some(Budget::AtMost(most)), bytes);
    };
    let what = format!("tools/list of {} tools, whole", tools.len());
    add(report, "list_bytes", what, 24_000, whole);
    let what = "of it names, descriptions and inputs".to_owned();
    add(report, "list_bytes_inputs", what, 13_000, asked);
}
