//! Programs that do part of the same work, from their registry, run on the same machine in the same run.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::bench_folder;
use crate::report::{Report, Unit};
use crate::series::Spread;

/// The Python original: an MCP server with a gate of its own.
pub(crate) const ORIGINAL: &str = "bybit-go-mcp 0.1.0";
pub(crate) const VIBE: &str = "vibe-trading-ai 0.1.18";

/// Every package with its version, none of them resolved anew.
const REQUIREMENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers/requirements.txt");
const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers");

/// What takes longer is reported as that: nothing is worked out from smaller cases.
const PATIENCE: Duration = Duration::from_secs(120);

/// An environment of Python with the peers in it.
pub(crate) struct Venv(PathBuf);

impl Venv {
    /// Makes the environment when it is missing or has other versions; the reason where that cannot be done.
    pub(crate) fn ready() -> Result<Self, String> {
        let wanted = fs::read_to_string(REQUIREMENTS).unwrap();
        let folder = bench_folder().join("venv");
        let installed = folder.join("requirements.installed");
        if fs::read_to_string(&installed).is_ok_and(|found| found == wanted) {
            return Ok(Self(folder));
        }
        eprintln!("installing the peers into {}", folder.display());
        run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
        let pip = ["-m", "pip", "install", "--quiet", "--no-deps", "-r", REQUIREMENTS];
        run(Command::new(folder.join("bin/python")).args(pip))?;
        fs::write(installed, wanted).unwrap();
        Ok(Self(folder))
    }

    /// The Python original as an MCP server over standard input and output.
    pub(crate) fn server(&self, root: &Path) -> Command {
        let mut command = Command::new(self.0.join("bin/bybit-mcp"));
        command
            .env_clear()
            .env("VIBE_RUNTIME_ROOT", root)
            .env("HOME", root)
            .env("BYBIT_API_KEY", "paper")
            .env("BYBIT_API_SECRET", "paper");
        command
    }

    /// Nanoseconds of each append of Vibe-Trading to the chain under `root`.
    pub(crate) fn appends(&self, root: &Path, runs: usize) -> Result<Vec<u64>, String> {
        self.script("append.py", root, runs)
    }

    fn script(&self, name: &str, root: &Path, runs: usize) -> Result<Vec<u64>, String> {
        let mut command = Command::new(self.0.join("bin/python"));
        command
            .env_clear()
            .env("VIBE_TRADING_HOME", root)
            .env("HOME", root)
            .arg(Path::new(SCRIPTS).join(name))
            .arg(runs.to_string())
            .stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|error| error.to_string())?;
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (tell, told) = channel();
        std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| tell.send(line)));
        let until = Instant::now() + PATIENCE;
        let mut values = Vec::new();
        let ended = loop {
            match told.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) => values.extend(line.parse::<u64>().ok()),
                Err(ended) => break ended,
            }
        };
        let _ = child.kill();
        let _ = child.wait();
        match ended {
            RecvTimeoutError::Timeout => Err(format!(
                "{} of {runs} done within {} s",
                values.len(),
                PATIENCE.as_secs()
            )),
            RecvTimeoutError::Disconnected if values.len() < runs => Err(format!("{name} failed")),
            RecvTimeoutError::Disconnected => Ok(values),
        }
    }

    pub(crate) fn decision(&self, report: &mut Report, what: &str) {
        let found = self.script("decide.py", &bench_folder(), 55);
        let found = found.map(|values| Spread::of(values[5..].to_vec()));
        let what = format!("{what} (20 positions; it knows no resting orders)");
        report.row(VIBE, "decision", &what, Unit::Nanoseconds, None, found);
    }

    /// The same order as ours, under the names of its arguments.
    pub(crate) fn order(&self) -> Value {
        crate::world::order()
    }
}

fn run(command: &mut Command) -> Result<(), String> {
    let ended = command.output().map_err(|error| error.to_string())?;
    if ended.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    Err(said.lines().last().unwrap_or("it failed").to_owned())
}
