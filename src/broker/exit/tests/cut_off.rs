//! Exits that are cut off half way, and records that take long: what is on the wire is on the ledger.

use std::fs::File;
use std::time::Duration;

use serde_json::json;

use super::desk::{cancel, cancel_meanwhile, close, mine, verdicts};
use super::stage::{NEVER, Stage, accepted, wait, yes};
use crate::broker::exit::Answer;
use crate::domain::exit::Exit;

const CUT_OFF: &str = "it was interrupted before the answer was there";

/// Sends, and is cut off after so many milliseconds.
async fn cut_off_after(stage: &Stage, exit: &Exit, milliseconds: u64) {
    let mine = mine();
    let sending = stage.desk.leave(exit, &mine, &yes);
    let cut_off = tokio::time::timeout(Duration::from_millis(milliseconds), sending).await;
    assert!(cut_off.is_err());
    stage.desk.records_written().await;
}

#[tokio::test(start_paused = true)]
async fn an_exit_that_is_cut_off_on_the_wire_is_on_the_ledger_as_unknown() {
    let unknown = format!("order_submitted unknown {CUT_OFF}");
    for (exit, records) in [
        (cancel(), vec![unknown.clone()]),
        (close(), vec!["order_submitted pending -".to_owned(), unknown]),
    ] {
        let stage = Stage::with_ledger("authority");
        stage.answer(|_| None);
        cut_off_after(&stage, &exit, 1_000).await;
        assert_eq!(stage.sent().len(), 1);
        assert_eq!(verdicts(&stage), records);
        let steps = stage.desk.take_steps();
        assert_eq!((steps.len(), steps[0].answer), (1, Answer::Unknown));
        assert_eq!(steps[0].why.as_deref(), Some(CUT_OFF));
        assert_eq!(steps[0].why_not_on_record(), None);
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_is_cut_off_with_its_answer_is_on_the_ledger_with_it() {
    let stage = Stage::with_ledger("person");
    stage.answer(|_| Some(accepted(json!({"list": [{"orderId": "1"}]}))));
    stage.slow("clock", NEVER);
    cut_off_after(&stage, &cancel(), 100).await;
    assert_eq!(verdicts(&stage), ["order_cancelled accepted -"]);
    let steps = stage.desk.take_steps();
    assert_eq!(steps[0].answer, Answer::Accepted);
    assert_eq!(steps[0].cancelled, [json!({"orderId": "1"})]);
}

#[tokio::test(start_paused = true)]
async fn one_that_is_cut_off_and_cannot_be_written_is_told() {
    let stage = Stage::set();
    stage.answer(|_| None);
    cut_off_after(&stage, &cancel(), 1_000).await;
    let why = stage.desk.take_steps()[0].why_not_on_record().unwrap();
    assert!(why.starts_with("the ledger `/dev/null/none/live/audit"), "{why}");
}

#[tokio::test(start_paused = true)]
async fn one_that_still_waits_is_not_on_record() {
    let stage = Stage::with_ledger("person");
    stage.answer(|_| None);
    let cancel = cancel();
    let looking = async {
        wait(1_000).await;
        stage.desk.steps()[0].why_not_on_record()
    };
    let (_, why) = tokio::join!(stage.desk.cancel(&cancel), looking);
    assert_eq!(why.as_deref(), Some("it got no answer"));
    assert_eq!(stage.desk.steps()[0].why_not_on_record(), None);
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_answers_again_is_waited_for_again() {
    let stage = Stage::with_ledger("sweep");
    stage.desk.cancel(&cancel()).await;
    let chain = File::open(stage.files.audit_chain()).unwrap();
    chain.lock().unwrap();
    for _ in 0..2 {
        cancel_meanwhile(&stage).await;
    }
    let told = |stage: &Stage| -> Vec<Option<String>> {
        let steps = stage.desk.steps();
        steps.iter().map(|step| step.why_not_on_record()).collect()
    };
    let stuck = Some("the disk does not answer".to_owned());
    assert_eq!(told(&stage), [None, stuck.clone(), stuck]);
    chain.unlock().unwrap();
    stage.desk.records_written().await;
    assert_eq!(told(&stage), [None, None, None]);
    assert_eq!(verdicts(&stage).len(), 3);
    // Another while, shorter than 2 s: waited for.
    chain.lock().unwrap();
    let (exit, freeing) = (cancel(), async {
        wait(1_000).await;
        chain.unlock().unwrap();
    });
    tokio::join!(stage.desk.cancel(&exit), freeing);
    assert_eq!(told(&stage)[3], None);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_waited_for_where_no_record_is_being_written() {
    let stage = Stage::with_ledger("person");
    stage.desk.cancel(&cancel()).await;
    let before = stage.now();
    stage.desk.records_written().await;
    assert_eq!(stage.now(), before);
}

/// A close has two records, and it is on the ledger once both are.
#[tokio::test(start_paused = true)]
async fn a_slow_disk_is_forgiven_once_every_record_is_there_and_a_failure_never() {
    let stage = Stage::with_ledger("sweep");
    stage.desk.cancel(&cancel()).await;
    let mut step = stage.desk.take_steps().remove(0);
    step.unwritten = 2;
    step.is_overdue();
    step.written(None);
    assert_eq!(step.not_on_ledger.as_deref(), Some("the disk does not answer"));
    step.written(None);
    assert_eq!(step.not_on_ledger, None);
    step.unwritten = 2;
    step.written(Some("the disk is full".to_owned()));
    step.written(None);
    assert_eq!(step.not_on_ledger.as_deref(), Some("the disk is full"));
}
