//! What a swept halt still does, against a scripted exchange on a clock that stands until everybody waits for it.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::{SweepState, Sweeper};
use crate::broker::exit::tests::stage::{Scripted, Stage, accepted, long, sale, wait};
use crate::daemon::receipt::Receipt;
use crate::domain::order::Write;
use crate::domain::symbol::Category;
use crate::state::clock;
use crate::state::durable::{create_folder, faults};
use crate::state::ledger::Ledger;
use crate::state::redact::Redactor;
use crate::venue::Outcome;

const LINEAR: &str = "linear:BTCUSDT";
const TRIP: &str = "2026-05-29T14:03:11.482000+00:00";

fn sweeper(stage: &Stage) -> Sweeper<Scripted> {
    let ledger = Ledger::open(&stage.files, Redactor::new(Vec::new()));
    Sweeper::new(Arc::clone(&stage.venue), stage.files.clone(), ledger)
}

fn mandate(stage: &Stage, flattens: bool) {
    let mut mandate: Value = serde_json::from_str(include_str!("../../../examples/mandate.json")).unwrap();
    mandate["flatten_on_halt"] = flattens.into();
    fs::write(stage.files.mandate(), mandate.to_string()).unwrap();
}

fn halt(stage: &Stage, trip: &str) {
    fs::write(
        stage.files.halt_global(),
        format!("{{\"tripped_at\": \"{trip}\"}}"),
    )
    .unwrap();
}

/// A halt under a mandate that says to flatten; a close leaves nothing in the account.
fn halted() -> Stage {
    let stage = Stage::set();
    create_folder(stage.files.broker_folder()).unwrap();
    mandate(&stage, true);
    halt(&stage, TRIP);
    let venue = Arc::clone(&stage.venue);
    stage.answer(move |write| {
        if let Write::Place(_) = write {
            let venue: Arc<Scripted> = venue.clone();
            tokio::spawn(async move { venue.clear() });
        }
        Some(accepted(Value::Null))
    });
    stage
}

/// Looks a second apart, for so long; what it says at the end.
async fn look_for(sweeper: &Sweeper<Scripted>, seconds: u64) -> SweepState {
    let until = Instant::now() + Duration::from_secs(seconds);
    loop {
        let state = sweeper.look().await;
        if Instant::now() >= until {
            return state;
        }
        wait(1_000).await;
    }
}

/// Closes that were sent since the last time that this was asked; each is shown as filled from now on.
fn closes(stage: &Stage) -> usize {
    let sent = stage.sent_in_full();
    let closes = sent.iter().filter(|sent| sent.what.starts_with("sell"));
    let views: Vec<_> = closes.map(|sent| sale(LINEAR, &sent.id, "Filled", "1")).collect();
    stage.show(&views);
    views.len()
}

fn receipt(stage: &Stage) -> Option<Receipt> {
    Receipt::read(&stage.files.halt_receipt(TRIP))
}

/// As if the sweep had begun so long before.
fn age(stage: &Stage, seconds: i64) {
    let mut kept = receipt(stage).unwrap();
    kept.noticed_at = clock::ledger_text(clock::now() - chrono::Duration::seconds(seconds));
    let text = serde_json::to_vec(&kept).unwrap();
    fs::write(stage.files.halt_receipt(TRIP), text).unwrap();
}

/// A process is started so long after the beginning of a sweep that came to its end, and a position appears: whether
/// it is closed.
async fn closes_what_appears(seconds: i64) -> bool {
    let stage = halted();
    assert_eq!(look_for(&sweeper(&stage), 2).await, SweepState::Swept);
    age(&stage, seconds);
    stage.hold(&[long(LINEAR, "1")]);
    let anew = sweeper(&stage);
    let state = look_for(&anew, 3).await;
    if closes(&stage) == 0 {
        let SweepState::Halting { note: Some(note), .. } = state else {
            panic!("{state:?}");
        };
        assert!(note.contains("opened after the sweep"), "{note}");
        assert!(receipt(&stage).is_some());
        return false;
    }
    assert_eq!(receipt(&stage), None, "it is taken back meanwhile");
    assert_eq!(look_for(&anew, 3).await, SweepState::Swept);
    let kept = receipt(&stage).unwrap();
    assert_eq!((kept.closed.len(), kept.flattened), (1, true));
    true
}

#[tokio::test(start_paused = true)]
async fn a_late_fill_is_closed_by_a_process_that_is_started_within_the_minute_after_the_trip() {
    assert!(closes_what_appears(0).await);
    assert!(closes_what_appears(50).await);
    assert!(!closes_what_appears(61).await);
    // A clock that was set back does not say when it was.
    assert!(!closes_what_appears(-60).await);
}

/// It looked once more at 50 s, and not at what came after the minute.
#[tokio::test(start_paused = true)]
async fn the_minute_goes_on_from_the_trip_and_not_from_the_restart() {
    let stage = halted();
    look_for(&sweeper(&stage), 2).await;
    age(&stage, 50);
    let anew = sweeper(&stage);
    assert_eq!(look_for(&anew, 12).await, SweepState::Swept);
    stage.hold(&[long(LINEAR, "1")]);
    assert!(matches!(look_for(&anew, 3).await, SweepState::Halting { .. }));
    assert_eq!(closes(&stage), 0);
}

/// A position under a halt that Vibe-Trading's runner claimed.
fn claimed() -> Stage {
    let stage = halted();
    stage.hold(&[long(LINEAR, "1")]);
    let theirs = format!("{{\"episode\": \"{TRIP}\", \"pid\": 1}}");
    fs::write(stage.files.flatten_claim(TRIP), theirs).unwrap();
    stage
}

#[tokio::test(start_paused = true)]
async fn a_claim_that_is_given_up_after_our_receipt_becomes_ours_a_minute_later() {
    let stage = claimed();
    let sweeper = sweeper(&stage);
    assert_eq!(look_for(&sweeper, 100).await, SweepState::ClaimedElsewhere);
    assert_eq!(receipt(&stage).unwrap().claim, "another program's");
    fs::remove_file(stage.files.flatten_claim(TRIP)).unwrap();
    // It may only be between two tries of its runner.
    assert_eq!(look_for(&sweeper, 50).await, SweepState::ClaimedElsewhere);
    fs::write(stage.files.flatten_claim(TRIP), "{}").unwrap();
    assert_eq!(look_for(&sweeper, 50).await, SweepState::ClaimedElsewhere);
    fs::remove_file(stage.files.flatten_claim(TRIP)).unwrap();
    assert_eq!(look_for(&sweeper, 60).await, SweepState::ClaimedElsewhere);
    assert_eq!(closes(&stage), 0);
    let state = look_for(&sweeper, 6).await;
    assert!(matches!(state, SweepState::Halting { .. }), "{state:?}");
    assert_eq!((closes(&stage), receipt(&stage)), (1, None));
    assert_eq!(look_for(&sweeper, 3).await, SweepState::Swept);
    let kept = receipt(&stage).unwrap();
    assert_eq!((kept.claim.as_str(), kept.flattened), ("ours", true));
    assert_eq!((kept.not_done, kept.positions_left), (Vec::new(), Vec::new()));
    assert!(stage.files.flatten_fired(TRIP).exists());
}

#[tokio::test(start_paused = true)]
async fn a_halt_that_another_program_swept_stays_its_own_without_its_claim() {
    // While we still sweep, and after it.
    for hidden in [true, false] {
        let stage = claimed();
        if hidden {
            stage.hide_orders(&[Category::Option]);
        }
        let sweeper = sweeper(&stage);
        look_for(&sweeper, 3).await;
        assert_eq!(receipt(&stage).is_none(), hidden);
        fs::write(stage.files.flatten_fired(TRIP), "{}").unwrap();
        fs::remove_file(stage.files.flatten_claim(TRIP)).unwrap();
        stage.hide_orders(&[]);
        assert_eq!(look_for(&sweeper, 100).await, SweepState::ClaimedElsewhere);
        assert_eq!(closes(&stage), 0);
    }
}

/// A disk that hangs at the trip is waited for no longer than two seconds, and heard when it answers.
#[tokio::test]
async fn a_claim_that_turns_out_to_be_anothers_later_ends_the_closing() {
    let stage = claimed();
    stage.hold(&[]);
    stage.hide_orders(&[Category::Option]);
    let hanging = faults::hold(&stage.files.flatten_claim(TRIP));
    let sweeper = sweeper(&stage);
    let begun = std::time::Instant::now();
    let state = sweeper.look().await;
    assert!(matches!(state, SweepState::Halting { .. }), "{state:?}");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    drop(hanging);
    tokio::time::sleep(Duration::from_millis(300)).await;
    stage.hold(&[long(LINEAR, "1")]);
    stage.hide_orders(&[]);
    let mut state = sweeper.look().await;
    while state != SweepState::ClaimedElsewhere && begun.elapsed() < Duration::from_secs(30) {
        state = sweeper.look().await;
    }
    assert_eq!(state, SweepState::ClaimedElsewhere);
    assert_eq!(closes(&stage), 0);
    assert_eq!(receipt(&stage).unwrap().claim, "another program's");
}

/// How many closes were sent since the last time that this was asked.
fn sent(stage: &Stage) -> usize {
    let is_close = |words: &&String| words.starts_with("sell");
    stage.sent().iter().filter(is_close).count()
}

/// Whether to close positions changes while the only close has no answer: it is waited for, and not made again.
#[tokio::test(start_paused = true)]
async fn a_lost_close_is_not_made_again_once_the_mandate_does_not_say_so() {
    for is_another_halt in [true, false] {
        let stage = halted();
        stage.hold(&[long(LINEAR, "1")]);
        stage.answer(|_| Some(Outcome::Unknown("reset".to_owned())));
        let sweeper = sweeper(&stage);
        sweeper.look().await;
        assert_eq!(sent(&stage), 1);
        let mut trip = TRIP;
        if is_another_halt {
            fs::remove_file(stage.files.halt_global()).unwrap();
            trip = "2026-05-29T14:03:13.482000+00:00";
        }
        mandate(&stage, false);
        halt(&stage, trip);
        let state = look_for(&sweeper, 50).await;
        let SweepState::Halting { note: Some(note), .. } = state else {
            panic!("{state:?}");
        };
        assert!(note.contains("may still fill"), "{note}");
        assert_eq!(look_for(&sweeper, 20).await, SweepState::Swept);
        assert_eq!(sent(&stage), 0);
        let kept = Receipt::read(&stage.files.halt_receipt(trip)).unwrap();
        assert_eq!((kept.positions_left.len(), kept.flatten_on_halt), (1, false));
    }
}

mod names;
