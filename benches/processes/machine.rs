//! The machine that the figures are of.

use std::fs::{self, File};
use std::io::Write;
use std::process::Command;
use std::time::Instant;

use serde::Serialize;

use crate::bench_folder;
use crate::series::{Spread, nanos, repeat};

#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    pub(crate) cpu: String,
    pub(crate) cores: usize,
    pub(crate) kernel: String,
    pub(crate) memory_kib: u64,
    pub(crate) rustc: String,
    /// UTC.
    pub(crate) date: String,
    /// One, five and fifteen minutes, when the run began and when it ended.
    pub(crate) load_before: String,
    pub(crate) load_after: String,
    pub(crate) nice: i64,
    /// `fdatasync` after 400 bytes appended to a file beside the ledgers of this run.
    pub(crate) fsync_ns: Spread,
}

impl Machine {
    pub(crate) fn look() -> Self {
        Self {
            cpu: field("/proc/cpuinfo", "model name"),
            cores: std::thread::available_parallelism().unwrap().get(),
            kernel: read("/proc/sys/kernel/osrelease"),
            memory_kib: number(&field("/proc/meminfo", "MemTotal")),
            rustc: said_by("rustc", &["--version"]),
            date: chrono::Utc::now().format("%Y-%m-%d %H:%M").to_string(),
            load_before: load(),
            load_after: String::new(),
            nice: own_stat(19),
            fsync_ns: fsync(),
        }
    }

    pub(crate) fn end(&mut self) {
        self.load_after = load();
    }

    pub(crate) fn in_words(&self) -> String {
        format!(
            "{}, {} cores, {} MiB, Linux {}, {}; {} UTC; nice {}; load {} before and {} after; one fsync {} µs (p10 {}, p90 {})",
            self.cpu,
            self.cores,
            self.memory_kib / 1024,
            self.kernel,
            self.rustc,
            self.date,
            self.nice,
            self.load_before,
            self.load_after,
            self.fsync_ns.median / 1000,
            self.fsync_ns.p10 / 1000,
            self.fsync_ns.p90 / 1000
        )
    }
}

fn fsync() -> Spread {
    let path = bench_folder().join("fsync");
    let mut file = File::create(&path).unwrap();
    let spread = repeat(20, 300, || {
        file.write_all(&[b'x'; 400]).unwrap();
        let begun = Instant::now();
        file.sync_data().unwrap();
        nanos(begun.elapsed())
    });
    fs::remove_file(path).unwrap();
    spread
}

/// The kernel counts processor time in `/proc` in hundredths of a second, here in nanoseconds.
pub(crate) const TICK: u64 = 10_000_000;

/// Nanoseconds that the children which have ended spent on a processor.
pub(crate) fn children_on_processor() -> u64 {
    u64::try_from(own_stat(16) + own_stat(17)).unwrap_or_default() * TICK
}

/// A field of `/proc/self/stat`, by its number in proc(5).
fn own_stat(field: usize) -> i64 {
    let stat = read("/proc/self/stat");
    // The second field is the name, in parentheses, and may hold spaces.
    let after_name = stat.rsplit(") ").next().unwrap_or_default();
    let value = after_name.split(' ').nth(field - 3);
    value.and_then(|text| text.parse().ok()).unwrap_or_default()
}

fn load() -> String {
    read("/proc/loadavg")
        .split(' ')
        .take(3)
        .collect::<Vec<_>>()
        .join(" ")
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

/// What stands after `name` and a colon on its line in a file of `/proc`.
pub(crate) fn field(path: &str, name: &str) -> String {
    let text = read(path);
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.split_once(':'))
        .map(|(_, value)| value.trim().to_owned())
        .unwrap_or_default()
}

pub(crate) fn number(text: &str) -> u64 {
    let digits = text.split(' ').next().unwrap_or_default();
    digits.parse().unwrap_or_default()
}

pub(crate) fn said_by(program: &str, args: &[&str]) -> String {
    let said = Command::new(program).args(args).output();
    said.map(|said| String::from_utf8_lossy(&said.stdout).trim().to_owned())
        .unwrap_or_default()
}
