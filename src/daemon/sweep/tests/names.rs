//! One halt stays one halt when only its readability changes, in a process that goes on and in one that is started anew.

use std::fs::{self, File};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use tokio::time::sleep;

use super::{LINEAR, Stage, Sweeper, TRIP, closes, halt, halted, look_for, sweeper};
use crate::broker::exit::tests::stage::{Scripted, long};
use crate::daemon::receipt::{Receipt, is_unfinished};
use crate::daemon::sweep::SweepState;
use crate::domain::symbol::Category;
use crate::state::halt::read_halt;

/// Puts the sentinel's text there without changing the file's time, where it has one already.
fn put(stage: &Stage, text: &str) {
    let path = stage.files.halt_global();
    let time = fs::metadata(&path).unwrap().modified().unwrap();
    fs::write(&path, text).unwrap();
    touch(stage, time);
}

fn touch(stage: &Stage, time: SystemTime) {
    let file = File::options()
        .write(true)
        .open(stage.files.halt_global())
        .unwrap();
    file.set_modified(time).unwrap();
}

/// As a file of another user: reading fails, for root as well, as it is too large to be a sentinel.
fn close(stage: &Stage) {
    put(
        stage,
        &format!("{{\"tripped_at\": \"{TRIP}\"{}}}", " ".repeat(1 << 17)),
    );
    assert!(name(stage).starts_with("mtime:"));
}

/// As after `chown`.
fn open(stage: &Stage) {
    put(stage, &format!("{{\"tripped_at\": \"{TRIP}\", \"by\": \"cli\"}}"));
    assert_eq!(name(stage), TRIP);
}

fn name(stage: &Stage) -> String {
    read_halt(&stage.files).newest().unwrap().episode.clone()
}

/// Files beside the mandate whose names begin so.
fn named(stage: &Stage, prefix: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(stage.files.broker_folder()).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let is_named = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with(prefix);
    paths.filter(is_named).collect()
}

fn only_receipt(stage: &Stage) -> Receipt {
    let paths = named(stage, "halt_receipt-");
    assert_eq!(paths.len(), 1, "{paths:?}");
    Receipt::read(&paths[0]).unwrap()
}

/// What was begun before goes on, in this process or in another one.
fn next(stage: &Stage, sweeper: Sweeper<Scripted>, anew: bool) -> Sweeper<Scripted> {
    if anew { self::sweeper(stage) } else { sweeper }
}

/// The sweep is over for more than a minute: what appears now is somebody's own.
async fn swept(stage: &Stage) -> Sweeper<Scripted> {
    stage.hold(&[long(LINEAR, "1")]);
    let sweeper = sweeper(stage);
    look_for(&sweeper, 0).await;
    assert_eq!(closes(stage), 1);
    assert_eq!(look_for(&sweeper, 63).await, SweepState::Swept);
    age_receipt(stage);
    sweeper
}

/// As if the sweep had begun a minute ago.
fn age_receipt(stage: &Stage) {
    let mut kept = only_receipt(stage);
    let long_ago = crate::state::clock::now() - chrono::Duration::seconds(63);
    kept.noticed_at = crate::state::clock::ledger_text(long_ago);
    let path = named(stage, "halt_receipt-").remove(0);
    fs::write(path, serde_json::to_vec(&kept).unwrap()).unwrap();
}

async fn leaves_what_is_opened(stage: &Stage, sweeper: &Sweeper<Scripted>) {
    stage.hold(&[long(LINEAR, "1")]);
    let state = look_for(sweeper, 5).await;
    assert!(matches!(state, SweepState::Halting { .. }), "{state:?}");
    assert_eq!(closes(stage), 0);
    let kept = only_receipt(stage);
    assert_eq!((kept.closed.len(), kept.flattened), (1, true));
    assert_eq!(named(stage, "FLATTEN_FIRED-").len(), 1);
    let ledger = fs::read_to_string(stage.files.audit()).unwrap();
    assert_eq!(ledger.matches("\"kind\": \"halt_tripped\"").count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_swept_halt_is_not_swept_again_once_its_text_can_be_read() {
    for anew in [false, true] {
        let stage = halted();
        close(&stage);
        let first = swept(&stage).await;
        open(&stage);
        let second = next(&stage, first, anew);
        leaves_what_is_opened(&stage, &second).await;
        let kept = only_receipt(&stage).sentinels.remove(0);
        assert_eq!(
            (kept.also.as_deref(), kept.by.as_deref()),
            (Some(TRIP), Some("cli"))
        );
        // Nor when it is touched or hidden afterwards.
        touch(&stage, SystemTime::now());
        let third = next(&stage, second, anew);
        leaves_what_is_opened(&stage, &third).await;
        if !anew {
            close(&stage);
            leaves_what_is_opened(&stage, &third).await;
        }
    }
}

/// The same text is put into a new file, which cannot be read at first; what was opened since the sweep stays.
#[tokio::test(start_paused = true)]
async fn a_swept_halt_is_not_swept_again_when_it_is_written_anew_and_hidden_for_a_moment() {
    for (was_hidden, anew) in [(false, false), (false, true), (true, false), (true, true)] {
        let stage = halted();
        if was_hidden {
            close(&stage);
        }
        let first = swept(&stage).await;
        if was_hidden {
            open(&stage);
            look_for(&first, 3).await;
            age_receipt(&stage);
        }
        touch(&stage, SystemTime::now());
        close(&stage);
        // The sweep that this begins does not come to its end.
        stage.hide_orders(&[Category::Option]);
        look_for(&first, 0).await;
        assert_eq!(named(&stage, "halt_sweep-").len(), 1);
        open(&stage);
        stage.hide_orders(&[]);
        stage.hold(&[long(LINEAR, "1")]);
        let second = next(&stage, first, anew);
        let state = look_for(&second, 5).await;
        assert!(matches!(state, SweepState::Halting { .. }), "{state:?}");
        assert_eq!(closes(&stage), 0, "{was_hidden} {anew}");
        let kept = only_receipt(&stage);
        assert_eq!((kept.closed.len(), kept.flattened), (1, true));
        // What was begun for the file alone is gone: nobody is told of a sweep that was left off.
        assert_eq!(named(&stage, "halt_sweep-"), [] as [PathBuf; 0]);
        assert!(!is_unfinished(&stage.files));
        assert_eq!(named(&stage, "FLATTEN_FIRED-").len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_round_under_way_closes_nothing_for_a_halt_that_turns_out_to_be_swept() {
    let stage = halted();
    let sweeper = swept(&stage).await;
    touch(&stage, SystemTime::now());
    close(&stage);
    stage.hold(&[long(LINEAR, "1")]);
    stage.slow("positions", Duration::from_millis(100));
    let begun = async {
        while named(&stage, "halt_sweep-").is_empty() {
            sleep(Duration::from_millis(1)).await;
        }
        open(&stage);
    };
    tokio::join!(sweeper.look(), begun);
    assert_eq!(closes(&stage), 0);
    look_for(&sweeper, 5).await;
    assert_eq!(closes(&stage), 0);
    let kept = only_receipt(&stage);
    assert_eq!((kept.closed.len(), kept.flattened), (1, true));
}

/// Nor does a sweep that is almost over end for it: what is opened within the minute after its end is closed.
#[tokio::test(start_paused = true)]
async fn the_last_round_ends_no_sweep_of_a_halt_that_turns_out_to_be_swept() {
    let stage = halted();
    let sweeper = swept(&stage).await;
    touch(&stage, SystemTime::now());
    close(&stage);
    stage.slow("orders", Duration::from_millis(300));
    let begun = async {
        while named(&stage, "halt_sweep-").is_empty() {
            sleep(Duration::from_millis(1)).await;
        }
        // In the third look, the last one.
        sleep(Duration::from_millis(1_050)).await;
        open(&stage);
    };
    tokio::join!(sweeper.look(), begun);
    stage.hold(&[long(LINEAR, "1")]);
    look_for(&sweeper, 5).await;
    assert_eq!(closes(&stage), 0);
    assert_eq!(only_receipt(&stage).closed.len(), 1);
}

/// A halt that nobody swept is swept, however much it looks like one that was.
#[tokio::test(start_paused = true)]
async fn another_halt_that_is_hidden_for_a_moment_is_swept() {
    for anew in [false, true] {
        let stage = halted();
        let first = swept(&stage).await;
        touch(&stage, SystemTime::now());
        close(&stage);
        stage.hide_orders(&[Category::Option]);
        look_for(&first, 0).await;
        put(&stage, "{\"tripped_at\": \"2026-05-29T14:03:13.482000+00:00\"}");
        stage.hide_orders(&[]);
        stage.hold(&[long(LINEAR, "1")]);
        let second = next(&stage, first, anew);
        look_for(&second, 0).await;
        assert_eq!(closes(&stage), 1);
        assert_eq!(look_for(&second, 5).await, SweepState::Swept);
        assert_eq!(named(&stage, "halt_receipt-").len(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_swept_halt_is_not_swept_again_while_its_text_cannot_be_read() {
    for anew in [false, true] {
        let stage = halted();
        let first = swept(&stage).await;
        close(&stage);
        let second = next(&stage, first, anew);
        leaves_what_is_opened(&stage, &second).await;
    }
}

/// The exchange hides a list, so that the sweep goes on for as long as that.
#[tokio::test(start_paused = true)]
async fn a_sweep_goes_on_as_the_one_it_is_when_its_halt_can_be_read() {
    for anew in [false, true] {
        let stage = halted();
        close(&stage);
        stage.hide_orders(&[Category::Option]);
        let first = sweeper(&stage);
        look_for(&first, 3).await;
        open(&stage);
        assert!(is_unfinished(&stage.files));
        let second = next(&stage, first, anew);
        stage.hold(&[long(LINEAR, "1")]);
        look_for(&second, 3).await;
        assert_eq!(closes(&stage), 1);
        stage.hide_orders(&[]);
        assert_eq!(look_for(&second, 65).await, SweepState::Swept);
        assert!(!is_unfinished(&stage.files));
        leaves_what_is_opened(&stage, &second).await;
        // Who reads the text finds it claimed.
        assert!(stage.files.flatten_claim(TRIP).exists());
    }
}

#[tokio::test(start_paused = true)]
async fn the_claim_of_another_program_holds_under_either_name() {
    for anew in [false, true] {
        let stage = halted();
        close(&stage);
        fs::write(stage.files.flatten_claim(TRIP), "{}").unwrap();
        stage.hide_orders(&[Category::Option]);
        let first = sweeper(&stage);
        look_for(&first, 3).await;
        open(&stage);
        let second = next(&stage, first, anew);
        look_for(&second, 1).await;
        stage.hold(&[long(LINEAR, "1")]);
        look_for(&second, 5).await;
        stage.hide_orders(&[]);
        assert_eq!(look_for(&second, 5).await, SweepState::ClaimedElsewhere);
        assert_eq!(closes(&stage), 0);
        let kept = only_receipt(&stage);
        let theirs = stage.files.flatten_claim(TRIP);
        assert!(kept.not_done[0].contains(theirs.to_str().unwrap()), "{kept:?}");
    }
    let stage = halted();
    let file = read_halt(&stage.files).newest().unwrap().also.clone().unwrap();
    fs::write(stage.files.flatten_claim(&file), "{}").unwrap();
    stage.hold(&[long(LINEAR, "1")]);
    assert_eq!(look_for(&sweeper(&stage), 5).await, SweepState::ClaimedElsewhere);
    assert_eq!(closes(&stage), 0);
}

#[tokio::test(start_paused = true)]
async fn another_text_is_another_halt_whatever_the_files_time_says() {
    for anew in [false, true] {
        let stage = halted();
        let first = swept(&stage).await;
        let time = fs::metadata(stage.files.halt_global())
            .unwrap()
            .modified()
            .unwrap();
        halt(&stage, "2026-05-29T14:03:13.482000+00:00");
        touch(&stage, time);
        let second = next(&stage, first, anew);
        stage.hold(&[long(LINEAR, "1")]);
        look_for(&second, 0).await;
        assert_eq!(closes(&stage), 1);
        assert_eq!(look_for(&second, 5).await, SweepState::Swept);
        assert_eq!(named(&stage, "halt_receipt-").len(), 2);
    }
}
