//! What the desk keeps of each exit and puts on the ledger, and what it does not wait for.

use std::fs::File;
use std::time::Duration;

use serde_json::{Value, json};

use super::stage::{NEVER, Stage, accepted, long, no_route, order, rejected, rejection, wait, yes};
use crate::broker::exit::step::cancelled_rows;
use crate::broker::exit::{Answer, Step};
use crate::domain::exit::Exit;
use crate::domain::order::{CancelScope, ClientOrderId};
use crate::domain::symbol::{Category, Coin};
use crate::state::audit_record::AuditKind;
use crate::state::ledger_read::tail;
use crate::venue::Outcome;

const NO_ANSWER: &str = "no answer in 5 s";

pub(super) fn cancel() -> Exit {
    Exit::cancel_all(CancelScope::Everything(Category::Spot))
}

fn settled_in(coin: &str) -> Exit {
    let coin = Coin::parse(coin).unwrap();
    Exit::cancel_all(CancelScope::SettleCoin(Category::Linear, coin))
}

pub(super) fn close() -> Exit {
    Exit::close(&long("linear:BTCUSDT", "1"), None).unwrap()
}

pub(super) fn mine() -> ClientOrderId {
    ClientOrderId::parse("mine-1").unwrap()
}

/// The records on the ledger, oldest first.
fn records(stage: &Stage) -> Vec<Value> {
    let lines = tail(&stage.files, 100).unwrap();
    lines.into_iter().map(|line| line.record.unwrap()).collect()
}

/// Kind, outcome and error of each.
pub(super) fn verdicts(stage: &Stage) -> Vec<String> {
    let word = |record: &Value, name: &str| record[name].as_str().unwrap_or("-").to_owned();
    records(stage)
        .iter()
        .map(|record| {
            ["kind", "outcome", "error"]
                .map(|name| word(record, name))
                .join(" ")
        })
        .collect()
}

fn one_step(stage: &Stage) -> Step {
    let mut steps = stage.desk.take_steps();
    assert_eq!(steps.len(), 1);
    steps.remove(0)
}

#[tokio::test(start_paused = true)]
async fn a_cancel_is_kept_and_recorded_with_what_it_took_off() {
    let stage = Stage::with_ledger("sweep");
    let rows = json!({"list": [{"orderId": "1"}, {"orderId": "2"}], "success": "1"});
    let response = rows.clone();
    stage.answer(move |_| Some(accepted(rows.clone())));
    wait(1_500).await;
    assert_eq!(stage.desk.cancel(&cancel()).await, accepted(response.clone()));
    let id = stage.sent_in_full()[0].id.clone();
    assert!(id.starts_with("mx-") && id.len() == 35, "{id}");
    let step = one_step(&stage);
    assert_eq!(step.what, "cancel all spot orders");
    assert_eq!(
        (step.answer, step.client_id, step.why),
        (Answer::Accepted, None, None)
    );
    assert_eq!(step.cancelled, [json!({"orderId": "1"}), json!({"orderId": "2"})]);
    assert_eq!(
        step.exchange_time.as_deref(),
        Some("2026-06-02T09:00:01.500+00:00")
    );
    assert_eq!(step.not_on_ledger, None);
    let records = records(&stage);
    assert_eq!(records.len(), 1);
    for (name, expected) in [
        ("kind", json!("order_cancelled")),
        ("outcome", json!("accepted")),
        ("error", Value::Null),
        ("server", json!("bybit")),
        ("session_id", json!(format!("sweep:{}", std::process::id()))),
        (
            "intent_normalized",
            json!("sweep of a halt: cancel all spot orders"),
        ),
        ("remote_tool", json!("bybit_cancel_all_orders")),
        (
            "broker_request",
            json!({"of": "cancel all spot orders", "orderLinkId": id}),
        ),
        ("broker_response", response),
    ] {
        assert_eq!(records[0][name], expected, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_close_is_on_the_ledger_before_it_is_sent() {
    let stage = Stage::with_ledger("person");
    let files = stage.files.clone();
    stage.answer(move |_| {
        let before = tail(&files, 9).unwrap();
        let before = before[0].record.clone().unwrap();
        assert_eq!(before["kind"], "order_submitted");
        assert_eq!(before["outcome"], "pending");
        Some(accepted(json!({"orderId": "v-1"})))
    });
    stage.desk.leave(&close(), &mine(), &yes).await;
    assert_eq!(
        verdicts(&stage),
        ["order_submitted pending -", "order_placed accepted -"]
    );
    let step = one_step(&stage);
    assert_eq!(step.client_id.as_deref(), Some("mine-1"));
    assert_eq!(
        step.cancelled,
        Vec::<Value>::new(),
        "its own id is no cancelled order"
    );
}

#[tokio::test(start_paused = true)]
async fn the_ledger_says_for_what_an_exit_was_sent() {
    for (who, purpose) in [
        ("sweep", "sweep of a halt"),
        ("authority", "end of authority"),
        ("person", "a person's exit"),
    ] {
        let stage = Stage::with_ledger(who);
        stage.desk.cancel(&cancel()).await;
        assert_eq!(
            records(&stage)[0]["intent_normalized"],
            format!("{purpose}: cancel all spot orders")
        );
    }
}

#[tokio::test(start_paused = true)]
async fn each_answer_has_its_word_in_the_step_and_on_the_ledger() {
    for (outcome, answer, why, of_cancel, of_close) in [
        (
            accepted(Value::Null),
            Answer::Accepted,
            None,
            "order_cancelled accepted -",
            "order_placed accepted -",
        ),
        (
            rejected("no"),
            Answer::Rejected,
            Some("no"),
            "order_rejected rejected no",
            "order_rejected rejected no",
        ),
        (
            Outcome::Duplicate(rejection("twice")),
            Answer::Rejected,
            Some("twice"),
            "order_rejected rejected twice",
            "order_rejected rejected twice",
        ),
        (
            no_route(),
            Answer::NotSent,
            Some("no route"),
            "order_rejected error no route",
            "order_rejected error no route",
        ),
        (
            Outcome::Unknown("reset".to_owned()),
            Answer::Unknown,
            Some("reset"),
            "order_submitted unknown reset",
            "order_submitted unknown reset",
        ),
    ] {
        let stage = Stage::with_ledger("person");
        stage.answer(move |_| Some(outcome.clone()));
        stage.desk.cancel(&cancel()).await;
        stage.desk.leave(&close(), &mine(), &yes).await;
        assert_eq!(
            verdicts(&stage),
            [of_cancel, "order_submitted pending -", of_close]
        );
        for step in stage.desk.take_steps() {
            assert_eq!((step.answer, step.why.as_deref()), (answer, why));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_answer_is_kept_with_what_it_answers() {
    let stage = Stage::set();
    let exits = ["USDT", "USDC", "BTC"].map(settled_in);
    let mut answers = vec![rejected("third"), rejected("second"), rejected("first")];
    stage.answer(move |_| answers.pop());
    for exit in &exits {
        stage.desk.cancel(exit).await;
    }
    let words: Vec<String> = stage.desk.steps().iter().map(Step::in_words).collect();
    assert_eq!(
        words,
        [
            "cancel all linear orders settled in USDT: rejected: first",
            "cancel all linear orders settled in USDC: rejected: second",
            "cancel all linear orders settled in BTC: rejected: third",
        ]
    );
    // Looking forgets nothing, taking does.
    assert_eq!(stage.desk.take_steps().len(), 3);
    assert_eq!(stage.desk.steps(), []);
}

#[tokio::test(start_paused = true)]
async fn an_exit_without_an_answer_is_unknown_after_5_s_and_waits_until_then() {
    let stage = Stage::set();
    stage.answer(|_| None);
    let close = close();
    let mine = mine();
    let looking = async {
        tokio::time::sleep(Duration::from_millis(4_999)).await;
        stage.desk.steps()
    };
    let (outcome, before) = tokio::join!(stage.desk.leave(&close, &mine, &yes), looking);
    assert_eq!(
        before[0].in_words(),
        "sell 1 BTCUSDT reduce-only (crypto): sent, no answer yet"
    );
    assert_eq!(outcome, Outcome::Unknown(NO_ANSWER.to_owned()));
    assert_eq!(stage.now(), 5_000);
    let step = one_step(&stage);
    assert_eq!(
        (step.answer, step.why.as_deref()),
        (Answer::Unknown, Some(NO_ANSWER))
    );
}

#[tokio::test(start_paused = true)]
async fn the_exchanges_clock_is_asked_for_half_a_second_at_most() {
    let stage = Stage::set();
    wait(482).await;
    assert_eq!(
        stage.desk.exchange_time().await.as_deref(),
        Some("2026-06-02T09:00:00.482+00:00")
    );
    stage.slow("clock", NEVER);
    assert_eq!(stage.desk.exchange_time().await, None);
    assert_eq!(stage.now(), 982);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_sent_is_on_the_ledger_once_until_it_can() {
    let stage = Stage::with_ledger("sweep");
    let by_coin = settled_in("USDT");
    stage.answer(|_| Some(no_route()));
    let no_way = "order_rejected error no route";
    for _ in 0..3 {
        stage.desk.cancel(&cancel()).await;
        assert_eq!(verdicts(&stage), [no_way]);
    }
    stage.desk.cancel(&by_coin).await;
    assert_eq!(verdicts(&stage), [no_way, no_way]);
    // Every one of them is kept as a step.
    assert_eq!(stage.desk.steps().len(), 4);
    stage.answer(|_| Some(accepted(Value::Null)));
    stage.desk.cancel(&cancel()).await;
    stage.desk.cancel(&cancel()).await;
    stage.answer(|_| Some(no_route()));
    stage.desk.cancel(&cancel()).await;
    stage.desk.cancel(&by_coin).await;
    let taken = "order_cancelled accepted -";
    assert_eq!(verdicts(&stage)[2..], [taken, taken, no_way]);
}

#[tokio::test(start_paused = true)]
async fn a_cancel_that_gets_no_answer_is_on_the_ledger_once_and_a_close_each_time() {
    let stage = Stage::with_ledger("sweep");
    stage.answer(|_| None);
    let cut_off = "order_submitted unknown no answer in 5 s";
    for _ in 0..2 {
        stage.desk.cancel(&cancel()).await;
        assert_eq!(verdicts(&stage), [cut_off]);
    }
    for _ in 0..2 {
        stage.desk.leave(&close(), &mine(), &yes).await;
    }
    let pending = "order_submitted pending -";
    assert_eq!(
        verdicts(&stage)[1..],
        [pending, cut_off, pending, cut_off],
        "it may have become an order"
    );
}

#[tokio::test(start_paused = true)]
async fn a_cancel_whose_connection_broke_is_on_the_ledger_each_time() {
    let stage = Stage::with_ledger("sweep");
    stage.answer(|_| Some(Outcome::Unknown("reset".to_owned())));
    for _ in 0..2 {
        stage.desk.cancel(&cancel()).await;
    }
    assert_eq!(verdicts(&stage), ["order_submitted unknown reset"; 2]);
}

#[tokio::test(start_paused = true)]
async fn four_thousand_steps_are_kept_and_no_more() {
    let stage = Stage::set();
    stage.answer(|_| Some(no_route()));
    for _ in 0..4_001 {
        stage.desk.cancel(&cancel()).await;
    }
    assert_eq!(stage.desk.steps().len(), 4_000);
    // The one that is not kept changes none that is.
    stage.answer(|_| Some(rejected("no")));
    stage.desk.cancel(&cancel()).await;
    let steps = stage.desk.steps();
    assert!(steps.iter().all(|step| step.answer == Answer::NotSent));
}

#[tokio::test(start_paused = true)]
async fn the_ledger_is_told_how_a_close_ended() {
    let stage = Stage::with_ledger("person");
    let never = Some("it never arrived".to_owned());
    for (filled, why) in [(true, None), (false, None), (false, never)] {
        let shown = json!({"orderStatus": "Done"});
        stage.desk.ended(&close(), &mine(), filled, shown, why).await;
    }
    assert_eq!(
        verdicts(&stage),
        [
            "order_placed filled -",
            "order_rejected rejected -",
            "order_rejected error it never arrived",
        ]
    );
    assert_eq!(
        records(&stage)[0]["broker_response"],
        json!({"order": {"orderStatus": "Done"}})
    );
    assert_eq!(stage.desk.steps(), [], "it was no step");
}

#[tokio::test(start_paused = true)]
async fn other_things_can_be_noted_on_the_ledger() {
    let stage = Stage::with_ledger("sweep");
    let details = json!({"episode": "e-1"});
    let why = stage
        .desk
        .note(AuditKind::HaltTripped, "halt tripped", details.clone());
    assert_eq!(why.await, None);
    let records = records(&stage);
    assert_eq!(verdicts(&stage), ["halt_tripped accepted -"]);
    assert_eq!(records[0]["intent_normalized"], "halt tripped");
    assert_eq!(records[0]["gate_decision"], details);
    assert_eq!(records[0]["session_id"], format!("sweep:{}", std::process::id()));
}

#[tokio::test(start_paused = true)]
async fn a_ledger_that_cannot_be_written_holds_nothing_back_and_is_told() {
    let stage = Stage::set();
    let why = stage
        .desk
        .note(AuditKind::HaltTripped, "halt tripped", Value::Null)
        .await
        .unwrap();
    assert!(why.starts_with("the ledger `/dev/null/none/live/audit"), "{why}");
    stage.desk.cancel(&cancel()).await;
    stage.desk.leave(&close(), &mine(), &yes).await;
    for step in stage.desk.take_steps() {
        assert_eq!(step.answer, Answer::Accepted);
        let why = step.not_on_ledger.unwrap();
        assert!(why.starts_with("the ledger `/dev/null/none/live/audit"), "{why}");
    }
}

/// Cancels, while time passes in steps of 100 ms though a thread is at work; how long it took.
pub(super) async fn cancel_meanwhile(stage: &Stage) -> u128 {
    let before = stage.now();
    let passing = async {
        loop {
            wait(100).await;
        }
    };
    let exit = cancel();
    tokio::select! {
        _ = stage.desk.cancel(&exit) => stage.now() - before,
        () = passing => unreachable!("it never ends"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_does_not_answer_holds_one_exit_up_for_2_s_and_the_next_hardly() {
    let stage = Stage::with_ledger("sweep");
    stage.desk.cancel(&cancel()).await;
    // Another writer that keeps the ledger locked.
    let chain = File::open(stage.files.audit_chain()).unwrap();
    chain.lock().unwrap();
    let waited = cancel_meanwhile(&stage).await;
    assert!((2_000..=2_500).contains(&waited), "{waited}");
    let waited = cancel_meanwhile(&stage).await;
    assert!(waited <= 500, "{waited}");
    let told: Vec<Option<String>> = stage
        .desk
        .take_steps()
        .into_iter()
        .map(|step| step.not_on_ledger)
        .collect();
    chain.unlock().unwrap();
    let stuck = Some("the disk does not answer".to_owned());
    assert_eq!(told, [None, stuck.clone(), stuck]);
}

/// What is kept and written of an exit that was no longer wanted when it could have been sent.
fn assert_lifted(stage: &Stage, outcome: &Outcome, records: &[&str]) {
    let why = "the halt that it was sent for no longer stands";
    assert_eq!(*outcome, Outcome::NotSent(why.to_owned()));
    assert_eq!(stage.sent(), Vec::<String>::new());
    let step = one_step(stage);
    assert_eq!((step.answer, step.why.as_deref()), (Answer::NotSent, Some(why)));
    let not_sent = format!("order_rejected error {why}");
    let expected: Vec<String> = records
        .iter()
        .map(|words| (*words).to_owned())
        .chain([not_sent])
        .collect();
    assert_eq!(verdicts(stage), expected);
}

#[tokio::test(start_paused = true)]
async fn an_exit_whose_halt_is_lifted_while_it_waits_to_be_sent_is_not_sent() {
    let pending = ["order_submitted pending -"];
    let stage = Stage::with_ledger("sweep");
    stage.slow("send", Duration::from_secs(1));
    let stands = || stage.now() < 500;
    let outcome = stage.desk.leave(&close(), &mine(), &stands).await;
    assert_lifted(&stage, &outcome, &pending);

    let stage = Stage::with_ledger("sweep");
    stage.slow("send", Duration::from_secs(1));
    let stands = || stage.now() < 500;
    let outcome = stage.desk.cancel_while(&cancel(), &stands).await;
    assert_lifted(&stage, &outcome, &[]);
}

#[tokio::test(start_paused = true)]
async fn a_close_whose_halt_is_lifted_while_the_ledger_is_held_is_not_sent() {
    let stage = Stage::with_ledger("sweep");
    stage
        .desk
        .note(AuditKind::HaltTripped, "halt tripped", Value::Null)
        .await;
    let chain = File::open(stage.files.audit_chain()).unwrap();
    chain.lock().unwrap();
    let (close, mine) = (close(), mine());
    let stands = || stage.now() < 500;
    let lifting = async {
        wait(1_000).await;
        chain.unlock().unwrap();
    };
    let (outcome, ()) = tokio::join!(stage.desk.leave(&close, &mine, &stands), lifting);
    assert_lifted(
        &stage,
        &outcome,
        &["halt_tripped accepted -", "order_submitted pending -"],
    );
}

#[test]
fn a_step_says_what_was_sent_and_what_was_answered() {
    for (answer, why, expected) in [
        (Answer::Waiting, None, "cancel all: sent, no answer yet"),
        (Answer::Accepted, None, "cancel all: accepted"),
        (Answer::Rejected, Some("no"), "cancel all: rejected: no"),
        (
            Answer::NotSent,
            Some("no route"),
            "cancel all: not sent: no route",
        ),
        (Answer::Unknown, Some("reset"), "cancel all: unknown: reset"),
    ] {
        let step = Step {
            sent_at: String::new(),
            exchange_time: None,
            what: "cancel all".to_owned(),
            client_id: None,
            answer,
            why: why.map(str::to_owned),
            cancelled: Vec::new(),
            not_on_ledger: None,
            number: 0,
            unwritten: 0,
        };
        assert_eq!(step.in_words(), expected);
    }
}

#[test]
fn the_orders_that_a_cancel_took_off_are_read_from_its_answer() {
    let one = json!({"orderId": "1", "orderLinkId": ""});
    assert_eq!(cancelled_rows(&one), std::slice::from_ref(&one));
    let list = json!({"list": [one.clone(), one.clone()], "success": "1"});
    assert_eq!(cancelled_rows(&list), [one.clone(), one]);
    for none in [json!({"success": "1"}), json!({"list": []}), Value::Null] {
        assert_eq!(cancelled_rows(&none), Vec::<Value>::new(), "{none}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_cancel_of_one_order_names_it() {
    let stage = Stage::set();
    let resting = order("linear:BTCUSDT", "v-7");
    stage.desk.cancel(&Exit::cancel(&resting).unwrap()).await;
    assert_eq!(stage.sent(), ["cancel BTCUSDT order_id v-7"]);
}
