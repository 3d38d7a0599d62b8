//! Processes that write at the same time, and one that is killed while it writes: what is left on the disk is whole.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use mandated::state::audit_record::{AuditKind, AuditOutcome, AuditRecord};
use mandated::state::chain::BreakKind;
use mandated::state::counter::Counter;
use mandated::state::inflight::{self, InflightRecord, InflightState};
use mandated::state::ledger::Ledger;
use mandated::state::lock::OrderLock;
use mandated::state::paths::{BrokerKey, LiveFiles, RuntimeRoot};
use mandated::state::redact::Redactor;
use mandated::state::verify::verify;
use mandated::state::{clock, ledger_read};
use serde_json::{Value, json};

const ROOT: &str = "STATE_CRASH_ROOT";
const NAME: &str = "STATE_CRASH_NAME";
const ORDERS: usize = 12;

fn files(root: &Path) -> LiveFiles {
    LiveFiles::new(
        &RuntimeRoot::at(root.to_owned()),
        BrokerKey::parse("bybit").unwrap(),
    )
}

/// One order as far as this floor goes: counted, in flight, on the ledger.
async fn order(files: &LiveFiles, ledger: &Ledger, id: &str) {
    let lock = OrderLock::acquire(files, Duration::from_secs(60)).await.unwrap();
    let counter = Counter::read(files, clock::now().date_naive()).unwrap();
    counter.increment(id).unwrap().write(files, &lock).unwrap();
    let flying = InflightRecord {
        client_id: id.to_owned(),
        fingerprint: "f".into(),
        remote_tool: "bybit_place_order".into(),
        category: "linear".into(),
        symbol: "BTCUSDT".into(),
        side: "Buy".into(),
        body: json!({"orderLinkId": id}),
        notional_usd: "65".into(),
        order: Value::Null,
        before: None,
        created_at: clock::ledger_text(clock::now()),
        state: InflightState::Sent,
        venue_order_id: None,
        counted: true,
        process_id: std::process::id(),
        venue: "paper".into(),
    };
    inflight::write_new(files, &flying).unwrap();
    let mut record = AuditRecord::new(
        clock::now(),
        "bybit",
        "s",
        AuditKind::OrderSubmitted,
        AuditOutcome::Pending,
    )
    .unwrap();
    record.broker_request = json!({"orderLinkId": id, "pad": "x".repeat(9_000)});
    ledger.append(&record).unwrap();
}

#[tokio::test]
#[ignore = "a child process of the other tests here; they run it"]
async fn child_places_orders() {
    let (Ok(root), Ok(name)) = (env::var(ROOT), env::var(NAME)) else {
        panic!("{ROOT} and {NAME} tell a child what to do");
    };
    let files = files(Path::new(&root));
    let ledger = Ledger::open(&files, Redactor::new(Vec::new()));
    for number in 0..ORDERS {
        order(&files, &ledger, &format!("{name}-{number}")).await;
    }
}

fn child(root: &Path, name: &str) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", "child_places_orders", "--ignored", "--quiet"])
        .env(ROOT, root)
        .env(NAME, name)
        .spawn()
        .unwrap()
}

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    (folder, root)
}

#[test]
fn three_processes_at_once_lose_no_order_and_keep_the_chain_whole() {
    let (_folder, root) = folder();
    for mut child in ["a", "b", "c"].map(|name| child(&root, name)) {
        assert!(child.wait().unwrap().success());
    }
    let files = files(&root);
    let counter = Counter::read(&files, clock::now().date_naive()).unwrap();
    assert_eq!(counter.count(), 3 * ORDERS as u64);
    assert_eq!(inflight::list(&files).unwrap().len(), 3 * ORDERS);
    let report = verify(&files);
    assert_eq!((report.records, report.first_break), (3 * ORDERS as u64, None));
    assert!(
        ledger_read::tail(&files, 99)
            .unwrap()
            .iter()
            .all(|line| line.record.is_some())
    );
    for id in ["a-0", "b-11"] {
        assert_eq!(
            ledger_read::find_by_client_id(&files, id, u64::MAX)
                .unwrap()
                .records
                .len(),
            1
        );
    }
}

#[test]
fn a_process_killed_at_any_moment_leaves_everything_readable_and_counted() {
    for pause_ms in [0, 3, 7, 13, 29] {
        let (_folder, root) = folder();
        let files = files(&root);
        let mut victim = child(&root, "v");
        let started = Instant::now();
        while !files.audit_chain().exists() && started.elapsed() < Duration::from_secs(60) {
            thread::sleep(Duration::from_millis(1));
        }
        thread::sleep(Duration::from_millis(pause_ms));
        victim.kill().unwrap();
        victim.wait().unwrap();

        let flying = inflight::list(&files).unwrap();
        let counted = Counter::read(&files, clock::now().date_naive()).unwrap();
        let ids: HashSet<&String> = counted.action_ids().iter().collect();
        assert!(
            flying.iter().all(|record| ids.contains(&record.client_id)),
            "in flight and not counted"
        );
        let report = verify(&files);
        let torn = report.first_break.is_some_and(|found| {
            assert_eq!(found.kind, BreakKind::TornTail, "{found}");
            true
        });
        assert!(
            report.records <= flying.len() as u64,
            "on the ledger and not in flight"
        );

        assert!(child(&root, "w").wait().unwrap().success());
        let report = verify(&files);
        assert_eq!(report.first_break, None, "after a torn tail: {torn}");
        assert!(report.records >= ORDERS as u64);
        assert!(fs::read_dir(files.inflight_folder()).unwrap().count() >= ORDERS);
    }
}
