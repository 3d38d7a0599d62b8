//! What is said of a daemon, by what it wrote and by when it looked.

use super::*;
use crate::state::paths::{BrokerKey, RuntimeRoot};

#[test]
fn a_daemon_that_does_not_look_is_not_said_to_be_well() {
    let now = DateTime::from_timestamp(1_780_391_749, 0).unwrap();
    let looked = |seconds| Some(crate::state::clock::ledger_text(now - Duration::seconds(seconds)));
    let holder = Holder {
        pid: Some(7),
        since: Some("then".into()),
    };
    let mut board = Board::new(&holder, ("paper", true), None, None);
    board.halted = Some("HALT stands".into());
    board.note(&SweepState::Halting {
        orders_left: Some(3),
        positions_left: Some(1),
        note: None,
    });
    board.last_look = looked(1);
    let mut seen = Seen {
        holder,
        board: Some(board),
        shown: None,
        mute: None,
        unseen: None,
    };
    let well = "alive (pid 7, since then), on paper, HALTING: 3 orders, 1 position left";
    assert_eq!(seen.in_words(now, None), well);
    for age in [31, 90, -90] {
        seen.board.as_mut().unwrap().last_look = looked(age);
        let end = format!("BUT its last look is {age} s old");
        assert!(seen.in_words(now, None).ends_with(&end), "{age}");
        assert!(
            matches!(seen.doubt(now, None), Some(Doubt::NotLooking(_))),
            "{age}"
        );
    }
    seen.board.as_mut().unwrap().last_look = looked(29);
    assert_eq!(seen.doubt(now, None), None);
    // A file of an earlier version says nothing of a hold.
    let mut older = serde_json::to_value(seen.board.as_ref().unwrap()).unwrap();
    older.as_object_mut().unwrap().remove("holds").unwrap();
    assert_eq!(serde_json::from_value::<Board>(older).unwrap().holds, None);
    for (orders, positions, words) in [
        (Some(1), None, "1 order left, positions unknown"),
        (None, Some(2), "orders unknown, 2 positions left"),
        (None, None, "orders and positions unknown"),
    ] {
        assert_eq!(left_in_words(orders, positions), words);
    }
    seen.board.as_mut().unwrap().sweep = SweepWord::Idle;
    assert!(seen.in_words(now, None).contains("HALTING: the first look"));
}

#[test]
fn one_that_never_looked_is_doubted_unless_it_began_just_now() {
    let now = DateTime::from_timestamp(1_780_391_749, 0).unwrap();
    let began = |seconds| Some(crate::state::clock::ledger_text(now - Duration::seconds(seconds)));
    let seen = |since| Seen {
        holder: Holder { pid: Some(7), since },
        board: None,
        shown: None,
        mute: None,
        unseen: None,
    };
    assert_eq!(seen(began(5)).doubt(now, None), None);
    assert!(seen(began(5)).in_words(now, None).contains("has not said"));
    for since in [began(31), None] {
        assert!(matches!(seen(since).doubt(now, None), Some(Doubt::NotLooking(_))));
    }
}

#[test]
fn one_with_other_money_is_doubted() {
    let now = DateTime::from_timestamp(1_780_391_749, 0).unwrap();
    let us = Identity {
        version: "1".into(),
        broker: "bybit".into(),
        venue: "bybit demo".into(),
        place: "https://api-demo.bybit.com/".into(),
        mode: "trade".into(),
        account: Some("aa".into()),
    };
    let holder = Holder {
        pid: Some(7),
        since: None,
    };
    let mut board = Board::new(&holder, ("bybit demo", true), None, Some(us.clone()));
    board.last_look = Some(crate::state::clock::ledger_text(now));
    let seen = Seen {
        holder,
        board: Some(board),
        shown: None,
        mute: None,
        unseen: None,
    };
    assert_eq!(seen.doubt(now, Some(&us)), None);
    let mut other = us.clone();
    other.account = Some("bb".into());
    let doubt = seen.doubt(now, Some(&other)).unwrap();
    assert_eq!(
        doubt,
        Doubt::OtherMoney("its api key is another one than here".into())
    );
    assert!(
        seen.in_words(now, Some(&other))
            .ends_with("BUT its api key is another one than here")
    );
    other.account = None;
    assert_eq!(seen.doubt(now, Some(&other)), None);
}

/// A folder whose place is held by us, and the state file of a daemon that looked so many seconds ago.
async fn held(age: i64) -> (tempfile::TempDir, LiveFiles, place::Place, Board) {
    let root = tempfile::tempdir().unwrap();
    let key = BrokerKey::parse("bybit").unwrap();
    let files = LiveFiles::new(&RuntimeRoot::at(root.path().to_owned()), key);
    let place = place::Place::take(&files, &place::now_text()).await.unwrap();
    let mut board = Board::new(place.holder(), ("paper", true), None, None);
    board.last_look = Some(ago(age));
    assert!(write(&files, &board).unwrap());
    (root, files, place, board)
}

fn ago(seconds: i64) -> String {
    let now = crate::state::clock::now();
    crate::state::clock::ledger_text(now - Duration::seconds(seconds))
}

fn seen(files: &LiveFiles) -> Seen {
    Seen::read(files).unwrap().unwrap()
}

#[tokio::test]
async fn one_that_can_write_nothing_shows_that_it_looks_and_a_frozen_one_does_not() {
    let (_root, files, _place, mut board) = held(90).await;
    let now = crate::state::clock::now();
    // It was written then and nothing since: whoever wrote it is frozen.
    assert!(matches!(
        seen(&files).doubt(now, None),
        Some(Doubt::NotLooking(_))
    ));
    assert_eq!(seen(&files).mute(now), None);
    // What a write that fails comes down to.
    board.last_look = Some(ago(1));
    let at = iso_instant::parse(&ago(1)).unwrap();
    durable::set_time(&path(&files), at.into()).unwrap();
    let found = seen(&files);
    assert_eq!(found.doubt(now, None), None);
    let said = found.in_words(now, None);
    assert!(
        said.contains("it looks, and cannot write down how it stands: `") && !said.contains("no halt"),
        "{said}"
    );
    assert!(found.to_json(now, None)["mute"].is_string());
    // Frozen from then on.
    let later = now + Duration::seconds(40);
    assert!(matches!(found.doubt(later, None), Some(Doubt::NotLooking(_))));
    assert_eq!(found.mute(later), None);
    // There is room again.
    assert!(write(&files, &board).unwrap());
    assert_eq!(seen(&files).mute(now), None);
    assert!(seen(&files).in_words(now, None).ends_with("on paper, no halt"));
}

#[tokio::test]
async fn one_that_could_never_write_is_believed_by_the_time_of_an_empty_file() {
    let (_root, files, _place, board) = held(1).await;
    fs::write(place::pid_path(&files), "").unwrap();
    fs::remove_file(path(&files)).unwrap();
    assert!(!write(&files, &board).unwrap());
    assert_eq!(fs::metadata(path(&files)).unwrap().len(), 0);
    let (found, now) = (seen(&files), crate::state::clock::now());
    assert_eq!((found.doubt(now, None), found.mute(now).is_some()), (None, true));
    let later = now + Duration::seconds(40);
    assert!(matches!(found.doubt(later, None), Some(Doubt::NotLooking(_))));
    // The place of another one is left alone.
    fs::write(place::pid_path(&files), "1 then").unwrap();
    fs::remove_file(path(&files)).unwrap();
    assert!(!write(&files, &board).unwrap());
    assert!(!path(&files).exists());
}

#[tokio::test]
async fn one_that_says_no_halt_beside_a_sentinel_is_doubted_once_it_had_the_time_to_look() {
    let (_root, files, _place, mut board) = held(6).await;
    let now = crate::state::clock::now();
    let touch = |seconds| {
        // By the same moment as what is asked below, however long this takes.
        let at = now - Duration::seconds(seconds);
        fs::write(files.halt_global(), "").unwrap();
        durable::set_time(&files.halt_global(), at.into()).unwrap();
        at
    };
    assert_eq!(seen(&files).doubt(now, None), None, "no sentinel");
    touch(1);
    assert_eq!(seen(&files).doubt(now, None), None, "it has the time yet");
    let at = touch(5);
    let said = seen(&files).in_words(now, None);
    let end = "on paper, no halt; BUT it has not noticed the halt that stands since 5 s";
    assert!(said.ends_with(end), "{said}");
    let words = read_halt(&files).tripped().unwrap();
    assert!(!seen(&files).has_seen(&words, at));
    // It looks and can write nothing: the time of its file says so.
    durable::set_time(&path(&files), (now - Duration::seconds(1)).into()).unwrap();
    assert_eq!(seen(&files).doubt(now, None), None);
    assert!(seen(&files).has_seen(&words, at));
    // It says so while its first look goes on.
    board.halted = Some(words.clone());
    assert!(write(&files, &board).unwrap());
    let found = seen(&files);
    assert!(found.doubt(now, None).is_none() && found.has_seen(&words, at));
    assert!(!found.has_seen("another", now));
}
