//! The ledger as it grows: an append at no, ten thousand and a million records, and the walk over all of them.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use mandated::state::audit_record::AuditRecord;
use mandated::state::ledger::Ledger;
use mandated::state::paths::LiveFiles;
use mandated::state::redact::Redactor;
use serde_json::Value;

use crate::report::{Budget, Report, Unit};
use crate::samples::{self, chain};
use crate::series::{Spread, nanos};
use crate::world::mandated;
use crate::{Plan, bench_folder, machine, peers};

const RATIO_PERMILLE: u64 = 1_200;
const VERIFY_BYTES_PER_SECOND: u64 = 150_000_000;

/// A chain that is generated once and, whatever was appended, cut back to what it was.
struct Kept {
    files: LiveFiles,
    count: u64,
    lengths: [(PathBuf, u64); 2],
}

impl Kept {
    fn chain(count: u64) -> Self {
        let root = bench_folder().join(format!("chain-v1-{count}"));
        let done = root.join("generated");
        if !done.exists() {
            eprintln!("generating {count} records under {}", root.display());
            chain::generate(&root, count);
            std::fs::write(&done, "").unwrap();
        }
        let files = chain::files(&root);
        let lengths = [files.audit(), files.audit_chain()].map(|path| {
            let length = std::fs::metadata(&path).map_or(0, |found| found.len());
            (path, length)
        });
        Self {
            files,
            count,
            lengths,
        }
    }

    fn root(&self) -> &Path {
        self.files.live_folder().parent().unwrap()
    }

    fn bytes(&self) -> u64 {
        self.lengths[1].1
    }

    fn cut_back(&self) {
        for (path, length) in &self.lengths {
            if let Ok(file) = OpenOptions::new().write(true).open(path) {
                file.set_len(*length).unwrap();
            }
        }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.cut_back();
    }
}

pub(crate) fn measure(report: &mut Report, plan: Plan, peers: Option<&peers::Venv>) {
    let chains = [0, 10_000, plan.big_chain].map(Kept::chain);
    appends(report, plan, &chains);
    if let Some(venv) = peers {
        for (kept, id) in chains.iter().zip(["append_0", "append_10k", "append_1m"]) {
            kept.cut_back();
            let runs = if kept.count > 10_000 { 1 } else { plan.peer_appends };
            let what = format!("ledger append at {} records", kept.count);
            let found = venv.appends(kept.root(), runs).map(Spread::of);
            report.row(peers::VIBE, id, &what, Unit::Nanoseconds, None, found);
        }
    }
    drop(chains);
    verify(report, plan, &Kept::chain(plan.big_chain));
}

/// In turn, so that what disturbs one disturbs all.
fn appends(report: &mut Report, plan: Plan, chains: &[Kept; 3]) {
    let record: AuditRecord = serde_json::from_value(samples::record(1)).unwrap();
    let ledgers = chains
        .each_ref()
        .map(|kept| Ledger::open(&kept.files, Redactor::new(Vec::new())));
    let mut took = [const { Vec::new() }; 3];
    for run in 0..plan.appends + 5 {
        for (ledger, took) in ledgers.iter().zip(&mut took) {
            let begun = Instant::now();
            ledger.append(&record).unwrap();
            if run >= 5 {
                took.push(nanos(begun.elapsed()));
            }
        }
    }
    let spreads = took.map(Spread::of);
    for ((kept, spread), id) in chains
        .iter()
        .zip(&spreads)
        .zip(["append_0", "append_10k", "append_1m"])
    {
        let what = format!("ledger append at {} records", kept.count);
        report.add(id, &what, Unit::Nanoseconds, None, *spread);
    }
    let permille = spreads[2].median * 1_000 / spreads[0].median;
    report.add(
        "append_ratio",
        &format!("append at {} over append at 0", chains[2].count),
        Unit::Permille,
        Some(Budget::AtMost(RATIO_PERMILLE)),
        Spread::exact(permille),
    );
}

fn verify(report: &mut Report, plan: Plan, kept: &Kept) {
    let (mut speeds, mut records, mut busy) = (Vec::new(), Vec::new(), Vec::new());
    for run in 0..plan.verifies + 1 {
        let before = machine::children_on_processor();
        let begun = Instant::now();
        let said = Command::new(mandated())
            .env_clear()
            .env("VIBE_RUNTIME_ROOT", kept.root())
            .args(["audit", "verify", "--json"])
            .output()
            .unwrap();
        let took = nanos(begun.elapsed());
        let found: Value = serde_json::from_slice(&said.stdout).unwrap();
        // Exit 0: the chain is whole, and `audit.jsonl` beside it holds the same records.
        assert!(said.status.success(), "{found}");
        assert_eq!(found["whole"], true, "{found}");
        assert_eq!(found["records"], kept.count);
        // The first run brings the file into memory.
        if run > 0 {
            speeds.push(per_second(kept.bytes(), took));
            records.push(per_second(kept.count, took));
            // A trial is over within one tick.
            let spent = machine::children_on_processor() - before;
            busy.push(per_second(kept.bytes(), spent.max(machine::TICK)));
        }
    }
    let what = format!("audit verify of {} records, start included", kept.count);
    let budget = Some(Budget::AtLeast(VERIFY_BYTES_PER_SECOND));
    report.add(
        "verify_bytes",
        &what,
        Unit::BytesPerSecond,
        budget,
        Spread::of(speeds),
    );
    report.add(
        "verify_bytes_busy",
        "the same per second of processor time, one core's worth",
        Unit::BytesPerSecond,
        None,
        Spread::of(busy),
    );
    report.add(
        "verify_records",
        "the same in records a second",
        Unit::Count,
        None,
        Spread::of(records),
    );
}

fn per_second(amount: u64, took: u64) -> u64 {
    u64::try_from(u128::from(amount) * 1_000_000_000 / u128::from(took)).unwrap()
}
