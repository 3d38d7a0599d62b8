//! In-flight files: written whole, named after their order, and told apart from what is none.

use std::os::unix::fs::symlink;

use serde_json::json;

use super::*;
use crate::state::paths::{BrokerKey, RuntimeRoot};

fn world() -> (tempfile::TempDir, LiveFiles) {
    let folder = tempfile::tempdir().unwrap();
    let files = LiveFiles::new(
        &RuntimeRoot::at(folder.path().to_owned()),
        BrokerKey::parse("bybit").unwrap(),
    );
    (folder, files)
}

fn record(client_id: &str) -> InflightRecord {
    InflightRecord {
        client_id: client_id.into(),
        fingerprint: "f".into(),
        remote_tool: "bybit_place_order".into(),
        category: "linear".into(),
        symbol: "BTCUSDT".into(),
        side: "Buy".into(),
        body: json!({"category": "linear", "qty": "0.001"}),
        notional_usd: "65".into(),
        order: json!({"leavesQty": "0.001"}),
        before: None,
        created_at: "2026-06-02T09:15:49.482+00:00".into(),
        state: InflightState::Sent,
        venue_order_id: None,
        counted: true,
        process_id: 7,
        venue: "paper".into(),
    }
}

#[test]
fn a_record_is_written_once_changed_listed_and_removed() {
    let (_root, files) = world();
    assert_eq!(list(&files).unwrap(), []);
    write_new(&files, &record("b")).unwrap();
    let before = durable::fsyncs();
    write_new(&files, &record("a")).unwrap();
    assert_eq!(durable::fsyncs() - before, 2);
    assert!(matches!(write_new(&files, &record("a")), Err(InflightError::Exists(id)) if id == "a"));
    let changed = InflightRecord {
        state: InflightState::Unknown,
        venue_order_id: Some("9".into()),
        ..record("a")
    };
    update(&files, &changed).unwrap();
    assert_eq!(list(&files).unwrap(), [changed, record("b")]);
    let before = durable::fsyncs();
    assert!(remove(&files, "a").unwrap());
    assert_eq!(durable::fsyncs(), before);
    assert!(!remove(&files, "a").unwrap());
    assert_eq!(list(&files).unwrap(), [record("b")]);
}

/// A file of a version that did not write down what an order was before a change.
#[test]
fn what_an_order_was_before_may_be_missing() {
    let (_root, files) = world();
    let changed = InflightRecord {
        before: Some(json!({"leavesQty": "0.002"})),
        ..record("a")
    };
    write_new(&files, &changed).unwrap();
    let path = files.inflight_folder().join("a.json");
    assert_eq!(list(&files).unwrap(), [changed]);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace(r#""before":{"leavesQty":"0.002"},"#, "")).unwrap();
    assert_eq!(list(&files).unwrap(), [record("a")]);
}

#[test]
fn what_is_not_understood_is_an_error_that_names_the_file() {
    let whole = serde_json::to_string(&record("a")).unwrap();
    for (name, text) in [
        ("a.json", ""),
        ("a.json", "{"),
        ("a.json", &whole.replace("\"sent\"", "\"lost\"")),
        ("a.json", &whole.replace("\"side\"", "\"sight\"")),
        ("a.json", &whole.replacen('{', "{\"more\":1,", 1)),
        ("b.json", &whole),
        ("a.txt", &whole),
        ("a", &whole),
    ] {
        let (_root, files) = world();
        write_new(&files, &record("z")).unwrap();
        fs::write(files.inflight_folder().join(name), text).unwrap();
        let error = list(&files).unwrap_err().to_string();
        assert!(error.contains(&format!("inflight/{name}`")), "{error}");
    }
}

#[test]
fn what_cannot_be_read_is_an_error() {
    let (_root, files) = world();
    durable::create_folder(files.broker_folder()).unwrap();
    symlink("nowhere", files.inflight_folder()).unwrap();
    assert!(matches!(list(&files), Err(InflightError::Unreadable { .. })));
    fs::remove_file(files.inflight_folder()).unwrap();
    symlink(files.inflight_folder(), files.inflight_folder()).unwrap();
    let looping = fs::metadata(files.inflight_folder()).unwrap_err();
    let Err(InflightError::Unreadable { source, .. }) = list(&files) else {
        panic!("a link to itself is no empty folder");
    };
    assert_eq!(source.raw_os_error(), looping.raw_os_error());
    fs::remove_file(files.inflight_folder()).unwrap();
    fs::write(files.inflight_folder(), "").unwrap();
    assert!(matches!(list(&files), Err(InflightError::Unreadable { .. })));
    fs::remove_file(files.inflight_folder()).unwrap();
    fs::create_dir_all(files.inflight_folder().join("a.json")).unwrap();
    assert!(matches!(list(&files), Err(InflightError::Unreadable { .. })));
    fs::remove_dir(files.inflight_folder().join("a.json")).unwrap();
    symlink("nowhere", files.inflight_folder().join("a.json")).unwrap();
    assert!(matches!(list(&files), Err(InflightError::Unreadable { .. })));
}

#[test]
fn what_cannot_be_written_or_removed_is_an_error() {
    let (_root, files) = world();
    fs::create_dir_all(files.inflight_folder().join("a.json")).unwrap();
    let error = remove(&files, "a").unwrap_err();
    assert!(matches!(error, InflightError::NotWritten { .. }), "{error}");
    fs::remove_dir_all(files.inflight_folder()).unwrap();
    fs::write(files.inflight_folder(), "").unwrap();
    let error = write_new(&files, &record("a")).unwrap_err();
    assert!(matches!(error, InflightError::NotWritten { .. }), "{error}");
}

#[test]
fn temporary_files_of_a_crash_are_passed_over() {
    let (_root, files) = world();
    write_new(&files, &record("a")).unwrap();
    fs::write(files.inflight_folder().join(".b.json.1.2.tmp"), "{").unwrap();
    assert_eq!(list(&files).unwrap(), [record("a")]);
}

#[test]
fn an_id_that_is_no_file_name_is_refused() {
    let (_root, files) = world();
    for id in ["", "..", "a/b", "a.b", "a b", "é", &"a".repeat(37)] {
        assert!(
            matches!(write_new(&files, &record(id)), Err(InflightError::BadClientId(_))),
            "{id:?}"
        );
        assert!(
            matches!(remove(&files, id), Err(InflightError::BadClientId(_))),
            "{id:?}"
        );
    }
    assert!(write_new(&files, &record(&"a".repeat(36))).is_ok());
}

#[test]
fn an_error_about_a_file_says_which_one_and_others_name_none() {
    let (_root, files) = world();
    let folder = files.inflight_folder();
    durable::create_folder(&folder).unwrap();
    for (name, text) in [("a.json", "{"), ("a.txt", "")] {
        fs::write(folder.join(name), text).unwrap();
        assert_eq!(list(&files).unwrap_err().path(), Some(&*folder.join(name)));
        fs::remove_file(folder.join(name)).unwrap();
    }
    assert_eq!(remove(&files, "..").unwrap_err().path(), None);
}

#[test]
fn anything_in_the_folder_and_every_doubt_is_something_to_look_at() {
    let (_root, files) = world();
    assert!(!any(&files));
    let half = files.inflight_folder().join(".b.json.1.2.tmp");
    write_new(&files, &record("a")).unwrap();
    assert!(any(&files));
    fs::write(&half, "{").unwrap();
    remove_half_written(&files);
    assert!(!half.exists());
    assert_eq!(list(&files).unwrap(), [record("a")]);
    remove(&files, "a").unwrap();
    assert!(!any(&files));
    fs::remove_dir(files.inflight_folder()).unwrap();
    fs::write(files.inflight_folder(), "").unwrap();
    assert!(any(&files));
}

/// A file of a version that did not write down whether its order took one of the day's trades: each one did.
#[test]
fn an_order_of_which_it_is_not_said_was_counted() {
    let (_root, files) = world();
    write_new(&files, &record("a")).unwrap();
    let path = files.inflight_folder().join("a.json");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(r#""counted":true,"#), "{text}");
    fs::write(&path, text.replace(r#""counted":true,"#, "")).unwrap();
    assert!(list(&files).unwrap()[0].counted);
}

#[test]
fn a_record_that_cannot_be_opened_for_want_of_a_descriptor_is_not_to_be_removed() {
    let said = |code| {
        let error = InflightError::Unreadable {
            path: "a.json".into(),
            source: io::Error::from_raw_os_error(code),
        };
        error.to_string()
    };
    for code in TOO_MANY_OPEN {
        let said = said(code);
        assert!(
            said.contains("ulimit -n") && !said.contains("remove"),
            "{code}: {said}"
        );
    }
    assert!(said(13).contains("then remove the file"), "{}", said(13));
}
