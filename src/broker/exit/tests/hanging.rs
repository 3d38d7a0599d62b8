//! Closes that get no answer hold no cancel up, nor each other.

use std::sync::Arc;
use std::time::Duration;

use super::stage::{Scripted, Sent, Stage, accepted, long, order, yes};
use crate::broker::exit::{BETWEEN_ROUNDS, Course, Reach, Wish};
use crate::domain::account::Position;
use crate::domain::order::Write;

const SPOT: &str = "spot:ETHUSDT";
const CANCEL: &str = "cancel all spot orders";

fn ten_positions() -> Vec<Position> {
    let coins = ["A", "B", "C", "D", "E", "F", "G", "H", "I", "J"];
    coins.map(|coin| long(&format!("linear:{coin}USDT"), "1")).into()
}

/// An account with ten positions whose closes never get an answer; a cancel takes every order off.
fn hanging() -> Stage {
    let stage = Stage::set();
    stage.hold(&ten_positions());
    let venue = Arc::clone(&stage.venue);
    stage.answer(move |write| {
        if let Write::Place(_) = write {
            return None;
        }
        let venue: Arc<Scripted> = venue.clone();
        tokio::spawn(async move { venue.no_orders() });
        Some(accepted(serde_json::Value::Null))
    });
    stage
}

/// Rounds for so long, while an order appears at each of these seconds; what was sent.
async fn rounds(stage: &Stage, seconds: u64, orders_at: &[u64]) -> Vec<Sent> {
    let wish = Wish {
        close: true,
        sell: None,
    };
    let mut course = Course::new(Reach::default(), "halt-1");
    let going = async {
        loop {
            course.round(&stage.desk, &wish, &yes).await;
            tokio::time::sleep(BETWEEN_ROUNDS).await;
        }
    };
    let appearing = async {
        for second in orders_at {
            let until = Duration::from_secs(*second).saturating_sub(stage.age());
            tokio::time::sleep(until).await;
            stage.rest(&[order(SPOT, "1")]);
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = going => {}
        () = appearing => {}
        () = tokio::time::sleep(Duration::from_secs(seconds)) => {}
    }
    stage.sent_in_full()
}

#[tokio::test(start_paused = true)]
async fn an_order_that_appears_while_closes_hang_is_cancelled_within_3_s() {
    let stage = hanging();
    let appears = [1, 8, 13, 20, 30];
    let sent = rounds(&stage, 40, &appears).await;
    let cancels: Vec<u128> = sent
        .iter()
        .filter(|sent| sent.what == CANCEL)
        .map(|sent| sent.at)
        .collect();
    for second in appears {
        let at = u128::from(second) * 1_000;
        let soon = cancels.iter().any(|cancel| (at..at + 3_000).contains(cancel));
        assert!(soon, "the order of second {second}: {cancels:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn closes_that_got_no_answer_are_made_again_side_by_side() {
    let stage = hanging();
    let sent = rounds(&stage, 20, &[]).await;
    let mut times: Vec<u128> = sent.iter().map(|sent| sent.at).collect();
    assert_eq!(times.len(), 20);
    times.dedup();
    // The second of them 6 s after the first was given up, in the round that is then due.
    assert_eq!(times.len(), 2, "{times:?}");
    assert!(times[0] == 0 && (11_000..11_200).contains(&times[1]), "{times:?}");
}

/// A round that began and ended with nothing at rest is no empty one: what was seen in between may fill still.
#[tokio::test(start_paused = true)]
async fn a_round_tells_of_an_order_that_only_one_of_its_looks_showed() {
    let wish = Wish {
        close: true,
        sell: None,
    };
    for second in [0, 1] {
        let stage = hanging();
        let mut course = Course::new(Reach::default(), "halt-1");
        let appearing = async {
            tokio::time::sleep(Duration::from_secs(second)).await;
            stage.rest(&[order(SPOT, "1")]);
        };
        let (look, ()) = tokio::join!(
            async {
                tokio::task::yield_now().await;
                course.round(&stage.desk, &wish, &yes).await
            },
            appearing
        );
        assert_eq!(look.orders.rows.len(), 1, "second {second}");
        assert!(look.done.is_none());
    }
}
