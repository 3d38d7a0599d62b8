//! What leaves before the first round, against a scripted exchange on a clock that stands until everybody waits for it.

use std::time::Duration;

use super::{Order, prepare};
use crate::broker::exit::tests::stage::{NEVER, Stage};
use crate::broker::exit::{Course, Reach, Wish};
use crate::cli::args::FlattenArgs;

const LISTS: [&str; 3] = ["orders", "positions", "wallet"];
const CANCELS: [&str; 4] = [
    "cancel all linear orders settled in USDT",
    "cancel all linear orders settled in USDC",
    "cancel all spot orders",
    "cancel all option orders",
];

/// `flatten` or `cancel-all`, with `--yes`.
fn order(close: bool) -> Order {
    Order {
        reach: Reach::default(),
        wish: Wish { close, sell: None },
        args: FlattenArgs {
            symbol: None,
            yes: true,
            timeout: 60,
            json: true,
        },
    }
}

/// What was sent before the first round, and when: each wait is over within so many milliseconds.
async fn sent_before(stage: &Stage, order: &Order, within: u128) -> Vec<(String, u128)> {
    let mut course = Course::new(Reach::default(), "person-1");
    let began = stage.now();
    let lock = prepare(&stage.files, &stage.desk, order, &mut course).await;
    assert!(lock.is_ok());
    let took = stage.now() - began;
    assert!(took <= within, "{took} ms");
    let sent = stage.sent_in_full().into_iter();
    sent.map(|sent| (sent.what, sent.at - began)).collect()
}

#[tokio::test(start_paused = true)]
async fn with_yes_lists_that_hang_hold_no_cancel_up() {
    for close in [true, false] {
        let stage = Stage::set();
        LISTS.iter().for_each(|list| stage.slow(list, NEVER));
        let sent = sent_before(&stage, &order(close), 10_100).await;
        assert_eq!(sent, CANCELS.map(|what| (what.to_owned(), 500)));
    }
}

#[tokio::test(start_paused = true)]
async fn nor_does_one_list_alone() {
    for list in LISTS {
        let stage = Stage::with_ledger("person");
        stage.slow(list, NEVER);
        let sent = sent_before(&stage, &order(true), 10_100).await;
        assert_eq!(sent, CANCELS.map(|what| (what.to_owned(), 500)), "{list}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_lists_show_in_time_is_not_cancelled_unseen() {
    let stage = Stage::set();
    LISTS
        .iter()
        .for_each(|list| stage.slow(list, Duration::from_millis(400)));
    assert_eq!(sent_before(&stage, &order(true), 500).await, []);
}
