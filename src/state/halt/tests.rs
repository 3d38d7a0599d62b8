//! What stops trading and what does not.

use std::fs::{FileTimes, OpenOptions};
use std::os::unix::fs::symlink;
use std::time::{Duration, SystemTime};

use super::*;
use crate::state::paths::{BrokerKey, RuntimeRoot};

fn world() -> (tempfile::TempDir, LiveFiles) {
    let folder = tempfile::tempdir().unwrap();
    let root = RuntimeRoot::at(folder.path().join("root"));
    (folder, LiveFiles::new(&root, BrokerKey::parse("bybit").unwrap()))
}

fn at(text: &str) -> DateTime<Utc> {
    iso_instant::parse(text).unwrap()
}

fn only(state: HaltState) -> Sentinel {
    match state {
        HaltState::Tripped(mut tripped) if tripped.len() == 1 => tripped.remove(0),
        other => panic!("{other:?}"),
    }
}

#[test]
fn nothing_on_the_disk_is_clear() {
    let (_folder, files) = world();
    assert_eq!(read_halt(&files), HaltState::Clear);
    durable::create_folder(files.broker_folder()).unwrap();
    assert_eq!(read_halt(&files), HaltState::Clear);
    assert!(!clear(&files, HaltScope::Global).unwrap());
}

#[test]
fn a_trip_is_written_as_vibe_trading_writes_it() {
    let (_folder, files) = world();
    let before = durable::fsyncs();
    durable::create_folder(files.live_folder()).unwrap();
    let folders = durable::fsyncs() - before;
    let tripped = trip(
        &files,
        HaltScope::Global,
        "cli",
        "naïve \"stop\"",
        at("2026-05-29T14:03:11.482+00:00"),
    );
    assert_eq!(tripped.unwrap(), Trip::Written);
    assert_eq!(durable::fsyncs() - before - folders, 2);
    assert_eq!(
        fs::read_to_string(files.halt_global()).unwrap(),
        "{\"tripped_at\": \"2026-05-29T14:03:11.482000+00:00\", \"by\": \"cli\", \"reason\": \"naïve \\\"stop\\\"\"}"
    );
    // A daemon of another user has to read it; its folder is for its owner alone.
    let meta = fs::metadata(files.halt_global()).unwrap();
    assert_eq!(meta.mode() & 0o777, 0o644);
    let found = only(read_halt(&files));
    assert_eq!(found.episode, "2026-05-29T14:03:11.482000+00:00");
    let ns = i128::from(meta.mtime()) * 1_000_000_000 + i128::from(meta.mtime_nsec());
    assert_eq!(found.also, Some(format!("mtime:{ns}")));
    assert_eq!(
        (found.by.as_deref(), found.reason.as_deref()),
        (Some("cli"), Some("naïve \"stop\""))
    );
    assert_eq!((found.scope, found.doubt), (HaltScope::Global, None));
    assert!(clear(&files, HaltScope::Global).unwrap());
    assert_eq!(read_halt(&files), HaltState::Clear);
}

#[test]
fn a_halt_that_stands_or_is_gone_is_told_so_whatever_the_folders_sync_says() {
    let (_folder, files) = world();
    durable::create_folder(files.live_folder()).unwrap();
    let trip = || {
        trip(
            &files,
            HaltScope::Global,
            "cli",
            "stop",
            at("2026-05-29T14:03:11Z"),
        )
    };
    durable::faults::fail_folder_sync(0);
    assert_eq!(trip().unwrap(), Trip::Written);
    assert_eq!(only(read_halt(&files)).reason.as_deref(), Some("stop"));
    durable::faults::fail_folder_sync(0);
    assert!(clear(&files, HaltScope::Global).unwrap());
    assert_eq!(read_halt(&files), HaltState::Clear);
    assert!(!clear(&files, HaltScope::Global).unwrap());
}

#[test]
fn a_halt_that_cannot_be_written_is_one_only_where_a_file_stands() {
    let (_folder, files) = world();
    durable::create_folder(files.broker_folder()).unwrap();
    let path = files.halt_global();
    assert_eq!(stands(&path, "mine"), None);
    symlink("nowhere", &path).unwrap();
    assert_eq!(stands(&path, "mine"), None, "Vibe-Trading sees no halt there");
    fs::remove_file(&path).unwrap();
    for (found, trip) in [("mine", Trip::Written), ("", Trip::WasTripped)] {
        fs::write(&path, found).unwrap();
        assert_eq!(stands(&path, "mine"), Some(trip), "{found:?}");
    }
    fs::remove_file(&path).unwrap();
    fs::remove_dir_all(files.live_folder()).unwrap();
    fs::write(files.live_folder(), "").unwrap();
    let failed = super::trip(&files, HaltScope::Global, "cli", "", at("2026-05-29T14:03:11Z"));
    assert!(
        failed
            .unwrap_err()
            .to_string()
            .contains("its existence is enough")
    );
}

#[test]
fn each_scope_is_tripped_and_cleared_alone() {
    let (_folder, files) = world();
    let now = at("2026-05-29T14:03:11Z");
    trip(&files, HaltScope::Broker, "cli", "", now).unwrap();
    trip(&files, HaltScope::Global, "cli", "", now).unwrap();
    assert_eq!(read_halt(&files).newest().unwrap().scope, HaltScope::Broker);
    clear(&files, HaltScope::Global).unwrap();
    trip(&files, HaltScope::Global, "cli", "", at("2026-05-29T14:03:12Z")).unwrap();
    assert_eq!(read_halt(&files).sentinels().len(), 2);
    assert_eq!(read_halt(&files).newest().unwrap().scope, HaltScope::Global);
    assert!(clear(&files, HaltScope::Global).unwrap());
    assert_eq!(only(read_halt(&files)).scope, HaltScope::Broker);
}

#[test]
fn a_second_trip_keeps_the_episode_of_the_first() {
    let (_folder, files) = world();
    trip(
        &files,
        HaltScope::Broker,
        "cli",
        "first",
        at("2026-05-29T14:03:11Z"),
    )
    .unwrap();
    let again = trip(
        &files,
        HaltScope::Broker,
        "cli",
        "second",
        at("2026-05-29T15:00:00Z"),
    )
    .unwrap();
    assert_eq!(again, Trip::WasTripped);
    assert_eq!(only(read_halt(&files)).reason.as_deref(), Some("first"));
}

#[test]
fn a_touched_file_halts_and_is_named_by_its_time() {
    let (_folder, files) = world();
    durable::create_folder(files.live_folder()).unwrap();
    for content in [
        "",
        "stop",
        "{",
        "[]",
        "{\"tripped_at\": null}",
        "{\"tripped_at\": \"yesterday\"}",
        "\u{0}",
    ] {
        fs::write(files.halt_global(), content).unwrap();
        let touched = SystemTime::UNIX_EPOCH + Duration::from_nanos(1_780_063_391_482_000_000);
        let file = OpenOptions::new().write(true).open(files.halt_global()).unwrap();
        file.set_times(FileTimes::new().set_modified(touched)).unwrap();
        assert_eq!(
            only(read_halt(&files)).episode,
            "mtime:1780063391482000000",
            "{content:?}"
        );
    }
    fs::write(files.halt_global(), "").unwrap();
    assert_eq!(
        trip(&files, HaltScope::Global, "cli", "", at("2026-05-29T14:03:11Z")).unwrap(),
        Trip::Written
    );
}

#[test]
fn a_path_that_cannot_be_checked_is_a_halt() {
    let (folder, files) = world();
    let halted = |how: &str| {
        let found = only(read_halt(&files));
        assert!(found.doubt.is_some(), "{how}: {found:?}");
    };
    durable::create_folder(files.broker_folder()).unwrap();
    fs::create_dir(files.halt_global()).unwrap();
    halted("a folder");
    assert!(matches!(
        clear(&files, HaltScope::Global),
        Err(HaltError::Clear { .. })
    ));
    fs::remove_dir(files.halt_global()).unwrap();
    symlink("nowhere", files.halt_broker()).unwrap();
    halted("a dangling link");
    fs::remove_file(files.halt_broker()).unwrap();
    symlink("HALT", files.halt_broker()).unwrap();
    halted("a link to itself");
    let looping = fs::metadata(files.halt_broker()).unwrap_err().to_string();
    assert_eq!(only(read_halt(&files)).doubt, Some(looping));
    fs::remove_file(files.halt_broker()).unwrap();
    fs::remove_dir(files.broker_folder()).unwrap();
    fs::write(files.broker_folder(), "").unwrap();
    halted("a file in place of the broker's folder");
    let root = folder.path().join("root");
    fs::remove_file(files.broker_folder()).unwrap();
    fs::remove_dir(files.live_folder()).unwrap();
    symlink("nowhere", files.live_folder()).unwrap();
    assert!(
        read_halt(&files).is_tripped(),
        "a dangling link in place of the live folder"
    );
    fs::remove_file(files.live_folder()).unwrap();
    fs::remove_dir(&root).unwrap();
    symlink("nowhere", &root).unwrap();
    assert!(
        read_halt(&files).is_tripped(),
        "a dangling link in place of the runtime root"
    );
}

#[test]
fn a_dangling_link_is_replaced_by_a_file_that_everybody_sees() {
    let (_folder, files) = world();
    durable::create_folder(files.live_folder()).unwrap();
    symlink("nowhere", files.halt_global()).unwrap();
    trip(&files, HaltScope::Global, "cli", "", at("2026-05-29T14:03:11Z")).unwrap();
    assert!(files.halt_global().is_file());
    assert_eq!(only(read_halt(&files)).doubt, None);
}

#[test]
fn the_sweep_files_of_an_episode_are_vibe_tradings() {
    let (_folder, files) = world();
    let rows: Vec<Value> =
        serde_json::from_str(include_str!("../../../tests/contract/sweep_latch.json")).unwrap();
    assert_eq!(rows.len(), 2);
    for row in rows {
        let episode = row["episode"].as_str().unwrap();
        assert!(
            files
                .flatten_fired(episode)
                .ends_with(row["latch_file"].as_str().unwrap())
        );
        assert!(
            files
                .flatten_claim(episode)
                .ends_with(row["claim_file"].as_str().unwrap())
        );
    }
}

#[test]
fn what_stands_is_told_in_words() {
    let (_folder, files) = world();
    assert!(!read_halt(&files).is_tripped());
    assert_eq!(read_halt(&files).tripped(), None);
    durable::create_folder(files.broker_folder()).unwrap();
    fs::write(files.halt_global(), r#"{"by": "", "reason": 7}"#).unwrap();
    trip(
        &files,
        HaltScope::Broker,
        "cli",
        "stop",
        at("2026-05-29T14:03:11Z"),
    )
    .unwrap();
    assert!(read_halt(&files).is_tripped());
    assert_eq!(
        read_halt(&files).tripped().unwrap(),
        format!(
            "`{}` stands, reason 7; `{}` stands, by cli, reason stop, since 2026-05-29T14:03:11.000000+00:00",
            files.halt_global().display(),
            files.halt_broker().display()
        )
    );
}

#[test]
fn an_episode_is_named_by_its_file_where_no_text_names_it() {
    for (episode, is_of_its_file) in [
        ("mtime:1780000000000000000", true),
        ("unreadable", true),
        ("2026-05-29T14:03:11.482000+00:00", false),
        ("", false),
    ] {
        assert_eq!(is_of_a_file(episode), is_of_its_file, "{episode}");
    }
}
