//! The budgets of the whole program, measured on the release binary from outside. See `benches/README.md`.
//!
//! `cargo bench --bench processes -- [--no-peers] [--check | --record | --instructions]`
//!
//! `cargo test --all-targets` builds and runs benchmarks too: without the `--bench` that `cargo bench` adds,
//! everything is done once, on a small scale, to see that it still can be measured.

#![cfg(test)]

mod client;
mod decision;
mod halt;
mod instructions;
mod ledger;
mod machine;
mod peers;
mod report;
#[path = "../samples/mod.rs"]
mod samples;
mod series;
mod starts;
mod world;
mod writes;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use machine::Machine;
use report::Report;

/// How often each thing is done.
#[derive(Debug, Clone, Copy)]
struct Plan {
    warm_up: usize,
    starts: usize,
    memory: usize,
    refusals: usize,
    accepted: usize,
    appends: usize,
    big_chain: u64,
    verifies: usize,
    halts: usize,
    peer_starts: usize,
    peer_appends: usize,
}

const MEASURE: Plan = Plan {
    warm_up: 20,
    starts: 200,
    memory: 15,
    refusals: 40,
    accepted: 40,
    appends: 400,
    big_chain: 1_000_000,
    verifies: 5,
    halts: 20,
    peer_starts: 10,
    peer_appends: 10,
};

/// Only to see that it works.
const TRY: Plan = Plan {
    warm_up: 0,
    starts: 1,
    memory: 1,
    refusals: 1,
    accepted: 1,
    appends: 1,
    big_chain: 11_000,
    verifies: 1,
    halts: 1,
    peer_starts: 1,
    peer_appends: 1,
};

/// Where everything is kept that a run needs or leaves: on the disk that is measured, under cargo's target.
fn bench_folder() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let folder = target.join("bench");
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// A runtime root with nothing in it.
fn clean_root() -> tempfile::TempDir {
    tempfile::tempdir_in(bench_folder()).unwrap()
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let has = |name: &str| args.iter().any(|arg| arg == name);
    if let Some(at) = args.iter().position(|arg| arg == "--decide") {
        decision::repeatedly(args[at + 1].parse().unwrap());
        return ExitCode::SUCCESS;
    }
    if has("--check") || has("--record") || has("--instructions") {
        return counted(&has);
    }
    let measuring = has("--bench");
    let without_peers = has("--no-peers") || std::env::var("BENCH_PEERS").is_ok_and(|set| set == "0");
    let report = measure(
        if measuring { MEASURE } else { TRY },
        measuring && !without_peers,
        measuring,
    );
    if measuring {
        eprintln!("{} budgets missed", report.missed());
    }
    ExitCode::SUCCESS
}

fn counted(has: &dyn Fn(&str) -> bool) -> ExitCode {
    let found = match instructions::count() {
        Ok(found) => found,
        Err(why) => {
            eprintln!("instructions cannot be counted: {why}");
            return ExitCode::FAILURE;
        }
    };
    if has("--record") {
        found.keep();
    }
    if found.compare() || !has("--check") {
        return ExitCode::SUCCESS;
    }
    eprintln!("more instructions than kept: find the cause, or record anew with --record and say why");
    ExitCode::FAILURE
}

fn measure(plan: Plan, with_peers: bool, measuring: bool) -> Report {
    let mut machine = Machine::look();
    let venv = with_peers.then(peers::Venv::ready).and_then(|made| {
        made.inspect_err(|why| eprintln!("the peers are left out: {why}"))
            .ok()
    });
    let venv = venv.as_ref();
    let mut report = Report::new(measuring);
    starts::measure(&mut report, plan, venv);
    decision::measure(&mut report, venv);
    writes::refused(&mut report, plan, venv);
    writes::accepted(&mut report, plan);
    writes::fsyncs(&mut report);
    halt::measure(&mut report, plan);
    ledger::measure(&mut report, plan, venv);
    machine.end();
    let mut counted = None;
    if measuring {
        match instructions::count() {
            Ok(found) => {
                found.compare();
                counted = Some(found);
            }
            Err(why) => eprintln!("instructions are not counted: {why}"),
        }
    }
    let name = if measuring { "report" } else { "trial" };
    let folder = bench_folder();
    let head = format!("{}\n\n", machine.in_words());
    let text = head + &report.table();
    eprintln!("\n{text}");
    fs::write(folder.join(format!("{name}.md")), text).unwrap();
    report.write(&folder.join(format!("{name}.json")), &machine, counted.as_ref());
    report
}
