//! Instructions instead of time: the same on a busy machine, so a small change of cost is seen.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

use crate::client::{INITIALIZE, INITIALIZED, LIST, Session};
use crate::machine::said_by;
use crate::series::Spread;
use crate::world::mandated;
use crate::{clean_root, machine};

const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/instructions.json");

/// Two runs of so many decisions: the difference is the decisions alone, without start and set-up.
const DECISIONS: [u64; 2] = [200, 2_200];
const STARTS: usize = 3;

/// Counts by what was counted.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Instructions {
    /// How much more than the kept figure is still the same.
    tolerance_percent: u64,
    /// The compiler of the kept figures: another one makes other code.
    rustc: String,
    counts: BTreeMap<String, u64>,
}

/// Counts all; the reason where that cannot be done.
pub(crate) fn count() -> Result<Instructions, String> {
    if said_by("valgrind", &["--version"]).is_empty() {
        return Err("valgrind is not installed".to_owned());
    }
    let own = std::env::current_exe().unwrap();
    let decide = |times: u64| {
        let mut command = callgrind(&own);
        command.args(["--decide", &times.to_string()]);
        collected(command, "")
    };
    let [few, many] = [decide(DECISIONS[0])?, decide(DECISIONS[1])?];
    let mut counts = BTreeMap::new();
    counts.insert(
        "decision".to_owned(),
        (many - few) / (DECISIONS[1] - DECISIONS[0]),
    );
    counts.insert("start_bybit".to_owned(), start("bybit")?);
    counts.insert("start_paper".to_owned(), start("paper")?);
    Ok(Instructions {
        tolerance_percent: 5,
        rustc: said_by("rustc", &["--version"]),
        counts,
    })
}

/// From the start to the end of a session in which `tools/list` was asked.
fn start(venue: &str) -> Result<u64, String> {
    let root = clean_root();
    let served = |mut command: Command| {
        command
            .env("VIBE_RUNTIME_ROOT", root.path())
            .args(["serve", "--venue", venue]);
        command
    };
    // The first start makes the account of the paper exchange, which no later one does.
    let mut plain = Command::new(mandated());
    plain.env_clear();
    drop(Session::open(&mut served(plain)));
    let once = || {
        let command = served(callgrind(&mandated()));
        collected(command, &format!("{INITIALIZE}\n{INITIALIZED}\n{LIST}\n"))
    };
    let counts: Result<Vec<u64>, String> = (0..STARTS).map(|_| once()).collect();
    Ok(Spread::of(counts?).median)
}

fn callgrind(program: &Path) -> Command {
    let mut command = Command::new("valgrind");
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn collected(mut command: Command, input: &str) -> Result<u64, String> {
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let ended = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    if !input.is_empty() && !String::from_utf8_lossy(&ended.stdout).contains("inputSchema") {
        return Err(format!("tools/list was not answered under valgrind: {said}"));
    }
    said.lines()
        .find_map(|line| line.split_once("Collected : "))
        .map(|(_, count)| machine::number(count))
        .filter(|count| *count > 0)
        .ok_or_else(|| format!("callgrind counted nothing: {said}"))
}

impl Instructions {
    pub(crate) fn keep(&self) {
        let text = serde_json::to_string_pretty(self).unwrap();
        fs::write(KEPT, text + "\n").unwrap();
    }

    /// Prints each count beside the kept one; false when one is beyond the tolerance.
    pub(crate) fn compare(&self) -> bool {
        let kept: Self = serde_json::from_str(&fs::read_to_string(KEPT).unwrap()).unwrap();
        if kept.rustc != self.rustc {
            eprintln!(
                "note: the kept counts are of {}, these of {}",
                kept.rustc, self.rustc
            );
        }
        eprintln!("| instructions | kept | now | now in % of kept |\n|---|---|---|---|");
        let mut within = true;
        for (what, now) in &self.counts {
            let was = *kept.counts.get(what).unwrap_or(&0);
            let exceeds = now * 100 > was * (100 + kept.tolerance_percent);
            within &= !exceeds;
            let percent = (now * 1_000).checked_div(was).unwrap_or_default();
            let remark = if exceeds { " EXCEEDED" } else { "" };
            eprintln!(
                "| {what} | {was} | {now} | {}.{}{remark} |",
                percent / 10,
                percent % 10
            );
        }
        within
    }
}
