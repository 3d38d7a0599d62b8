//! The rows of Vibe-Trading's own counter, and what ours refuses beyond them.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;

use super::*;
use crate::state::paths::{BrokerKey, RuntimeRoot};

fn world() -> (tempfile::TempDir, LiveFiles) {
    let folder = tempfile::tempdir().unwrap();
    let files = LiveFiles::new(
        &RuntimeRoot::at(folder.path().to_owned()),
        BrokerKey::parse("bybit").unwrap(),
    );
    durable::create_folder(files.broker_folder()).unwrap();
    (folder, files)
}

fn today() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 6, 15).unwrap()
}

async fn lock(files: &LiveFiles) -> OrderLock {
    OrderLock::acquire(files, Duration::from_secs(5)).await.unwrap()
}

fn on_disk(files: &LiveFiles) -> Value {
    serde_json::from_str(&fs::read_to_string(files.counter()).unwrap()).unwrap()
}

#[tokio::test]
async fn the_file_is_read_and_written_as_vibe_trading_does_and_refused_where_it_cannot_be_trusted() {
    let vectors: Value =
        serde_json::from_str(include_str!("../../../tests/contract/daily_counter.json")).unwrap();
    let rows = vectors["rows"].as_array().unwrap();
    let mut refused = 0;
    for row in rows {
        let (_folder, files) = world();
        if let Some(text) = row["file"].as_str() {
            fs::write(files.counter(), text.replace("{today}", "2026-06-15")).unwrap();
        }
        let read = Counter::read(&files, today());
        if row["upstream_after_increment"].is_string() {
            refused += 1;
            let error = read.unwrap_err().to_string();
            assert!(
                error.starts_with("today's order count is unknown"),
                "{row}: {error}"
            );
            continue;
        }
        let counter = read.unwrap();
        assert_eq!(counter.count(), row["upstream_read"].as_u64().unwrap(), "{row}");
        assert_eq!(counter.date(), today(), "{row}");
        let next = counter.increment("act_new").unwrap();
        assert_eq!(
            next.count(),
            row["upstream_after_increment"].as_u64().unwrap(),
            "{row}"
        );
        next.write(&files, &lock(&files).await).unwrap();
        let expected = row["file_after"].to_string().replace("{today}", "2026-06-15");
        assert_eq!(
            on_disk(&files),
            serde_json::from_str::<Value>(&expected).unwrap(),
            "{row}"
        );
        assert_eq!(Counter::read(&files, today()).unwrap(), next);
    }
    assert_eq!((rows.len(), refused), (14, 10));
}

#[tokio::test]
async fn unknown_keys_survive_a_rewrite_and_a_new_day() {
    let (_folder, files) = world();
    fs::write(
        files.counter(),
        r#"{"v": {"n": 1.10, "big": 12345678901234567890123}, "date": "2026-06-14", "count": 2, "action_ids": ["a"], "é": [null]}"#,
    )
    .unwrap();
    let counter = Counter::read(&files, today()).unwrap();
    assert_eq!((counter.count(), counter.action_ids().len()), (0, 0));
    counter
        .increment("b")
        .unwrap()
        .write(&files, &lock(&files).await)
        .unwrap();
    assert_eq!(
        fs::read_to_string(files.counter()).unwrap(),
        "{\"date\": \"2026-06-15\", \"count\": 1, \"action_ids\": [\"b\"], \"v\": {\"n\": 1.10, \"big\": 12345678901234567890123}, \"é\": [null]}\n"
    );
}

#[tokio::test]
async fn counting_and_giving_back_happen_once_for_each_id() {
    let (_folder, files) = world();
    let one = Counter::read(&files, today()).unwrap().increment("a").unwrap();
    assert_eq!((one.count(), one.action_ids()), (1, ["a".to_owned()].as_slice()));
    assert_eq!(one.increment("a").unwrap(), one);
    assert_eq!(one.give_back("b"), one);
    let none = one.give_back("a");
    assert_eq!((none.count(), none.action_ids().len()), (0, 0));
    assert_eq!(none.give_back("a"), none);
    assert!(matches!(one.increment(""), Err(CounterError::BadActionId(0))));
    assert!(one.increment(&"é".repeat(128)).is_ok());
    assert!(matches!(
        one.increment(&"é".repeat(129)),
        Err(CounterError::BadActionId(129))
    ));
}

#[test]
fn other_files_that_cannot_be_trusted_are_refused() {
    for text in [
        "{\"date\": \"2026-6-15\", \"count\": 1}",
        "{\"date\": \"2026-06-31\", \"count\": 1}",
        "{\"date\": 20260615, \"count\": 1}",
        "{\"count\": 1}",
        "{\"date\": \"2026-06-15\"}",
        "{\"date\": \"2026-06-15\", \"count\": 1e0}",
        "{\"date\": \"2026-06-15\", \"count\": 99999999999999999999}",
        "{\"date\": \"2026-06-15\", \"count\": 1, \"count\": 0}",
        "{\"date\": \"2026-06-15\", \"count\": 1, \"action_ids\": null}",
        "{\"date\": \"2026-06-15\", \"count\": 1, \"action_ids\": [\"\"]}",
        "{\"date\": \"2026-06-15\", \"count\": 1, \"action_ids\": [1]}",
        "{\"date\": \"2020-01-01\", \"count\": -1}",
        "\u{feff}{\"date\": \"2026-06-15\", \"count\": 1}",
    ] {
        let (_folder, files) = world();
        fs::write(files.counter(), text).unwrap();
        assert!(Counter::read(&files, today()).is_err(), "{text}");
    }
    let (_folder, files) = world();
    fs::create_dir(files.counter()).unwrap();
    assert!(matches!(
        Counter::read(&files, today()),
        Err(CounterError::Unreadable { .. })
    ));
    fs::remove_dir(files.counter()).unwrap();
    std::os::unix::fs::symlink("nowhere", files.counter()).unwrap();
    assert!(matches!(
        Counter::read(&files, today()),
        Err(CounterError::Unreadable { .. })
    ));
    fs::remove_file(files.counter()).unwrap();
    fs::write(files.counter(), b"\xff").unwrap();
    assert!(matches!(
        Counter::read(&files, today()),
        Err(CounterError::Malformed { .. })
    ));
}

#[tokio::test]
async fn only_its_own_lock_lets_a_count_be_written() {
    let (folder, files) = world();
    let other = LiveFiles::new(
        &RuntimeRoot::at(folder.path().to_owned()),
        BrokerKey::parse("other").unwrap(),
    );
    let counter = Counter::read(&files, today()).unwrap();
    let error = counter.write(&files, &lock(&other).await).unwrap_err();
    assert!(matches!(error, CounterError::WrongLock(_)));
}

#[tokio::test]
async fn a_write_costs_two_fsyncs_and_readers_never_see_half_a_file() {
    let (_folder, files) = world();
    let held = lock(&files).await;
    let mut counter = Counter::read(&files, today()).unwrap();
    counter.write(&files, &held).unwrap();
    let before = durable::fsyncs();
    counter.write(&files, &held).unwrap();
    assert_eq!(durable::fsyncs() - before, 2);
    let written = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut last = 0;
            while !written.load(Ordering::Relaxed) {
                let count = Counter::read(&files, today()).expect("a whole file").count();
                assert!(count >= last, "{count} after {last}");
                last = count;
            }
        });
        for id in 0..200 {
            counter = counter.increment(&format!("id-{id}")).unwrap();
            counter.write(&files, &held).unwrap();
        }
        written.store(true, Ordering::Relaxed);
    });
    assert_eq!(Counter::read(&files, today()).unwrap().count(), 200);
    assert_eq!(fs::read_dir(files.broker_folder()).unwrap().count(), 2);
}
