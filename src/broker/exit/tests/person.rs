//! A person's own way out: how long it follows the exchange, and what it says at the end.

use std::fs;
use std::time::Duration;

use serde_json::json;

use super::stage::{Scripted, Stage, accepted, long, order};
use crate::broker::exit::BETWEEN_ROUNDS;
use crate::broker::{Broker, Mode};
use crate::domain::symbol::Category;
use crate::state::ledger::Ledger;
use crate::state::redact::Redactor;

const OPTION: &str = "option:ETH-28FEB25-2800-C";

/// What it comes to, where it comes to anything.
async fn in_time<T>(way_out: impl Future<Output = T>) -> T {
    let ended = tokio::time::timeout(Duration::from_secs(60), way_out);
    ended.await.expect("it goes on and on")
}

/// The broker over an account, for a person's own way out.
fn broker(stage: &Stage) -> Broker<Scripted> {
    let ledger = Ledger::open(&stage.files, Redactor::new(Vec::new()));
    Broker::new(stage.venue.clone(), stage.files.clone(), ledger, Mode::Trade)
}

#[tokio::test(start_paused = true)]
async fn a_persons_exit_ends_as_soon_as_nothing_is_shown_and_says_what_was_sent() {
    let stage = Stage::set();
    stage.rest(&[order("spot:BTCUSDT", "1")]);
    stage.hold(&[long("linear:BTCUSDT", "1")]);
    let venue = stage.venue.clone();
    stage.answer(move |_| {
        let venue = venue.clone();
        tokio::spawn(async move { venue.clear() });
        Some(accepted(json!({})))
    });
    let report = in_time(broker(&stage).cancel_everything()).await.unwrap();
    assert_eq!(report.sent, ["cancel all spot orders: accepted"]);
    assert_eq!((report.orders_left.len(), report.positions_left.len()), (0, 0));
    assert!(report.not_on_record.is_empty());
    // The order was gone at the second look; a third, two rounds on, made sure of it.
    assert_eq!(stage.now(), 3 * BETWEEN_ROUNDS.as_millis());
}

#[tokio::test(start_paused = true)]
async fn a_persons_flatten_closes_as_well() {
    let stage = Stage::set();
    stage.hold(&[long(OPTION, "1"), long("linear:BTCUSDT", "1")]);
    let report = in_time(broker(&stage).flatten()).await.unwrap();
    assert_eq!(report.sent, ["sell 1 BTCUSDT reduce-only (crypto): accepted"]);
    assert_eq!((report.orders_left.len(), report.positions_left.len()), (0, 2));
}

#[tokio::test(start_paused = true)]
async fn a_persons_exit_follows_the_exchange_for_15_s_and_says_what_is_left() {
    let stage = Stage::set();
    stage.rest(&[order("spot:BTCUSDT", "1")]);
    let report = in_time(broker(&stage).cancel_everything()).await.unwrap();
    assert_eq!(report.orders_left.len(), 1);
    assert_eq!(stage.now(), 15_000);
}

#[tokio::test(start_paused = true)]
async fn a_persons_exit_that_never_saw_everything_says_so_instead_of_what_is_left() {
    let stage = Stage::set();
    stage.hide_orders(&[Category::Option]);
    let why = in_time(broker(&stage).cancel_everything()).await.unwrap_err();
    assert_eq!(
        why,
        "open orders of option: no answer from the exchange: it is down"
    );
    stage.hide_orders(&[]);
    stage.hide_positions(&[Category::Linear]);
    let why = in_time(broker(&stage).flatten()).await.unwrap_err();
    assert_eq!(
        why,
        "positions of linear: no answer from the exchange: it is down"
    );
}

#[tokio::test(start_paused = true)]
async fn a_ledger_that_cannot_be_written_holds_a_persons_exit_not_up_and_is_told() {
    let stage = Stage::set();
    stage.rest(&[order("spot:BTCUSDT", "1")]);
    fs::write(stage.files.live_folder(), "no folder").unwrap();
    let report = in_time(broker(&stage).cancel_everything()).await.unwrap();
    assert_eq!(report.sent[0], "cancel all spot orders: accepted");
    assert_eq!(report.not_on_record.len(), report.sent.len());
    assert!(report.not_on_record[0].contains("audit"), "{report:?}");
}
