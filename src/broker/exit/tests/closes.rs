//! One close at a time for each position, under an id that tells tries apart and not the processes that make them.

use std::time::Duration;

use super::desk::verdicts;
use super::stage::{
    NEVER, Sent, Stage, down, id, instrument, long, no, qty, rejected, rejection, sale, wait, yes,
};
use crate::broker::exit::Stands;
use crate::broker::exit::closes::Closes;
use crate::broker::exit::leg::{Closed, Leg};
use crate::domain::account::{Instrument, OrderView, Position};
use crate::domain::order::{PositionIdx, Side};
use crate::venue::Outcome;

const LINEAR: &str = "linear:BTCUSDT";
const WORDS: &str = "sell 1 BTCUSDT reduce-only (crypto)";

/// SHA-256 of `halt-1|linear:BTCUSDT|OneWay|0`, and of the tries after it.
const FIRST: &str = "mx-4e131970bb31d53ca02bb3c91aedb71a";
const SECOND: &str = "mx-a5d4156140d2844fe92cd1984ebbb029";
const THIRD: &str = "mx-f9c2ea822ea298be9ed3a336f4eb07d2";

fn leg(instrument: &str) -> Leg {
    Leg {
        instrument: id(instrument),
        idx: PositionIdx::OneWay,
    }
}

fn begin() -> (Stage, Closes) {
    (Stage::set(), Closes::new("halt-1"))
}

/// Closes what is held and says under which ids.
async fn close(closes: &mut Closes, stage: &Stage) -> Vec<String> {
    close_these(closes, stage, &[long(LINEAR, "1")])
        .await
        .into_iter()
        .map(|sent| sent.id)
        .collect()
}

async fn close_these(closes: &mut Closes, stage: &Stage, held: &[Position]) -> Vec<Sent> {
    closes.close(&stage.desk, held, Vec::new(), &yes).await;
    stage.sent_in_full()
}

async fn resolve_while(closes: &mut Closes, stage: &Stage, stands: Stands<'_>) {
    let again = closes.look_up(&stage.desk).await;
    closes.close(&stage.desk, &[], again, stands).await;
}

/// Asks for what waits and says which ids were sent again.
async fn resolve(closes: &mut Closes, stage: &Stage) -> Vec<String> {
    resolve_while(closes, stage, &yes).await;
    stage.sent_in_full().into_iter().map(|sent| sent.id).collect()
}

fn refusals(closes: &Closes, instrument: &str) -> Option<String> {
    closes.refused.in_words(&leg(instrument))
}

fn unknown(stage: &Stage) {
    stage.answer(|_| Some(Outcome::Unknown("reset".into())));
}

fn none() -> Vec<String> {
    Vec::new()
}

#[tokio::test(start_paused = true)]
async fn the_same_try_of_the_same_way_out_has_the_same_id_whoever_makes_it() {
    let hedge = Position {
        position_idx: PositionIdx::HedgeLong,
        ..long(LINEAR, "1")
    };
    for _ in 0..2 {
        let (stage, mut closes) = begin();
        let held = [long(LINEAR, "1"), long("inverse:BTCUSD", "7"), hedge.clone()];
        let sent = close_these(&mut closes, &stage, &held).await;
        let mut ids: Vec<&str> = sent.iter().map(|sent| sent.id.as_str()).collect();
        ids.sort_unstable();
        assert_eq!(
            ids,
            [
                FIRST,
                "mx-e639e2024e801f0b3e8d8351f1806aa9",
                "mx-e6c82faaa639ab183b646806a9280763"
            ]
        );
    }
    let (stage, mut other) = (Stage::set(), Closes::new("halt-2"));
    assert_ne!(close(&mut other, &stage).await, [FIRST]);
}

#[tokio::test(start_paused = true)]
async fn closes_go_out_side_by_side() {
    let (stage, mut closes) = begin();
    stage.answer(|_| None);
    let held = [long(LINEAR, "1"), long("inverse:BTCUSD", "7")];
    let times: Vec<u128> = close_these(&mut closes, &stage, &held)
        .await
        .iter()
        .map(|sent| sent.at)
        .collect();
    assert_eq!(times, [0, 0]);
    assert_eq!((stage.now(), closes.pending()), (5_000, 2));
}

#[tokio::test(start_paused = true)]
async fn a_close_holds_no_more_than_one_market_order_may_in_its_lot_step() {
    for (most, step, expected) in [
        (None, None, "2.5"),
        (Some("9"), None, "2.5"),
        (Some("2.0007"), Some("0.001"), "2"),
        (Some("2.0007"), None, "2.0007"),
        // No whole step of it: then as it is, and the exchange decides.
        (Some("0.5"), Some("1"), "0.5"),
    ] {
        let (stage, mut closes) = begin();
        stage.list(Instrument {
            max_market_qty: most.map(qty),
            qty_step: step.map(qty),
            ..instrument(LINEAR, "BTC", "USDT")
        });
        let sent = close_these(&mut closes, &stage, &[long(LINEAR, "2.5")]).await;
        assert_eq!(
            sent[0].what,
            format!("sell {expected} BTCUSDT reduce-only (crypto)")
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_close_waits_two_seconds_at_most_to_learn_how_large_it_may_be() {
    let (stage, mut closes) = begin();
    stage.slow("instrument", NEVER);
    let sent = close_these(&mut closes, &stage, &[long(LINEAR, "1")]).await;
    assert_eq!((sent[0].at, sent[0].what.as_str()), (2_000, WORDS));
}

#[tokio::test(start_paused = true)]
async fn there_is_never_a_second_close_before_the_first_is_over() {
    let (stage, mut closes) = begin();
    assert_eq!((closes.pending(), closes.waiting_for()), (0, none()));
    assert_eq!(close(&mut closes, &stage).await, [FIRST]);
    stage.show(&[sale(LINEAR, FIRST, "New", "0")]);
    for _ in 0..20 {
        wait(1_000).await;
        assert_eq!(resolve(&mut closes, &stage).await, none());
        assert_eq!(close(&mut closes, &stage).await, none());
    }
    assert_eq!(closes.pending(), 1);
    assert_eq!(
        closes.waiting_for(),
        ["sell 1 linear:BTCUSDT (mx-4e131970bb31d53ca02bb3c91aedb71a)"]
    );
    assert!(!closes.is_due(&leg(LINEAR)) && closes.is_due(&leg("linear:ETHUSDT")));
}

#[tokio::test(start_paused = true)]
async fn a_close_that_is_over_is_told_as_the_exchange_shows_it_and_the_next_has_another_id() {
    let (stage, mut closes) = begin();
    close(&mut closes, &stage).await;
    wait(1_250).await;
    stage.show(&[sale(LINEAR, FIRST, "PartiallyFilledCanceled", "0.40")]);
    assert_eq!(resolve(&mut closes, &stage).await, none());
    let expected = Closed {
        client_id: FIRST.to_owned(),
        order_id: Some("v-1".to_owned()),
        instrument: LINEAR.to_owned(),
        side: "Sell".to_owned(),
        filled: "0.4".to_owned(),
        average_price: Some("99.5".to_owned()),
        status: "PartiallyFilledCanceled".to_owned(),
        exchange_time: Some("2026-06-02T09:00:01.250+00:00".to_owned()),
    };
    assert_eq!(closes.closed, [expected]);
    // It filled in part, so the rest is closed at once.
    assert_eq!(closes.pending(), 0);
    assert_eq!(refusals(&closes, LINEAR).as_deref(), None);
    assert_eq!(close(&mut closes, &stage).await, [SECOND]);
    stage.show(&[sale(LINEAR, SECOND, "Filled", "0.6")]);
    resolve(&mut closes, &stage).await;
    assert_eq!(close(&mut closes, &stage).await, [THIRD]);
}

/// Filled in part, or never shown for as long as it could appear: the last word of each is on the ledger.
#[tokio::test(start_paused = true)]
async fn the_end_of_a_close_is_on_the_ledger() {
    let (stage, mut closes) = (Stage::with_ledger("sweep"), Closes::new("halt-1"));
    close(&mut closes, &stage).await;
    stage.show(&[sale(LINEAR, FIRST, "PartiallyFilledCanceled", "0.40")]);
    resolve(&mut closes, &stage).await;
    stage.answer(|_| Some(Outcome::Unknown("no answer".to_owned())));
    close(&mut closes, &stage).await;
    stage.show(&[]);
    wait(75_001).await;
    resolve(&mut closes, &stage).await;
    let told = verdicts(&stage);
    assert_eq!(told[2], "order_placed filled -", "{told:?}");
    let last = told.last().unwrap();
    assert!(
        last.starts_with("order_rejected error it never arrived"),
        "{told:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_close_that_ends_with_nothing_filled_counts_as_refused() {
    let (stage, mut closes) = begin();
    close(&mut closes, &stage).await;
    stage.show(&[OrderView {
        reject_reason: Some("EC_NoEnoughQtyToFill".to_owned()),
        ..sale(LINEAR, FIRST, "Cancelled", "0")
    }]);
    resolve(&mut closes, &stage).await;
    assert_eq!(
        refusals(&closes, LINEAR).as_deref(),
        Some("was refused once: EC_NoEnoughQtyToFill")
    );
    wait(249).await;
    assert_eq!(close(&mut closes, &stage).await, none());
    wait(1).await;
    assert_eq!(close(&mut closes, &stage).await, [SECOND]);
    // Where the exchange gives no reason, its word for the end is one.
    stage.show(&[sale(LINEAR, SECOND, "Deactivated", "0")]);
    resolve(&mut closes, &stage).await;
    assert_eq!(
        refusals(&closes, LINEAR).as_deref(),
        Some("was refused 2 times: Deactivated")
    );
    // Something filled: that begins the count anew.
    wait(500).await;
    assert_eq!(close(&mut closes, &stage).await, [THIRD]);
    stage.show(&[sale(LINEAR, THIRD, "Filled", "1")]);
    resolve(&mut closes, &stage).await;
    assert_eq!(refusals(&closes, LINEAR).as_deref(), None);
}

#[tokio::test(start_paused = true)]
async fn a_refused_close_is_tried_again_ever_later_up_to_5_s() {
    let (stage, mut closes) = begin();
    stage.answer(|_| Some(rejected("no")));
    for pause in [250, 500, 1_000, 2_000, 4_000, 5_000, 5_000, 5_000] {
        assert_eq!(close(&mut closes, &stage).await.len(), 1);
        wait(pause - 1).await;
        assert!(!closes.is_due(&leg(LINEAR)));
        assert_eq!(close(&mut closes, &stage).await, none(), "before {pause}");
        wait(1).await;
        assert!(closes.is_due(&leg(LINEAR)));
    }
    assert_eq!(
        refusals(&closes, LINEAR).as_deref(),
        Some("was refused 8 times: no")
    );
    assert_eq!(refusals(&closes, "linear:ETHUSDT").as_deref(), None);
    assert_eq!(closes.pending(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_definite_no_uses_its_id_up_and_one_that_did_not_leave_does_not() {
    let (stage, mut closes) = begin();
    stage.answer(|_| Some(Outcome::NotSent("no route".into())));
    assert_eq!(close(&mut closes, &stage).await, [FIRST]);
    assert_eq!(
        refusals(&closes, LINEAR).as_deref(),
        Some("could not be sent: no route")
    );
    wait(250).await;
    stage.answer(|_| Some(rejected("reduce-only rule not satisfied")));
    assert_eq!(close(&mut closes, &stage).await, [FIRST]);
    wait(500).await;
    assert_eq!(close(&mut closes, &stage).await, [SECOND]);
    wait(1_000).await;
    assert_eq!(close(&mut closes, &stage).await, [THIRD]);
}

#[tokio::test(start_paused = true)]
async fn refusals_are_forgotten_when_everything_is_closed() {
    let (stage, mut closes) = begin();
    stage.answer(|_| Some(rejected("no")));
    close(&mut closes, &stage).await;
    assert_eq!(refusals(&closes, LINEAR).as_deref(), Some("was refused once: no"));
    closes.forgive();
    assert_eq!(refusals(&closes, LINEAR).as_deref(), None);
    // The id stays used.
    assert_eq!(close(&mut closes, &stage).await, [SECOND]);
}

#[tokio::test(start_paused = true)]
async fn a_position_that_no_order_closes_is_said_to_be_a_persons() {
    let (stage, mut closes) = begin();
    let option = "option:ETH-28FEB25-2800-C";
    let sent = close_these(&mut closes, &stage, &[long(option, "1"), long(LINEAR, "1")]).await;
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].id, FIRST);
    assert_eq!(
        refusals(&closes, option).as_deref(),
        Some("was refused once: this program places no order for it: close it by hand")
    );
}

#[tokio::test(start_paused = true)]
async fn a_close_without_an_answer_is_made_again_after_6_s_under_the_same_id() {
    let (stage, mut closes) = begin();
    unknown(&stage);
    assert_eq!(close(&mut closes, &stage).await, [FIRST]);
    assert_eq!(closes.pending(), 1);
    wait(5_999).await;
    assert_eq!(resolve(&mut closes, &stage).await, none());
    wait(1).await;
    assert_eq!(resolve(&mut closes, &stage).await, [FIRST]);
    // And that one too has its 6 s.
    wait(5_999).await;
    assert_eq!(resolve(&mut closes, &stage).await, none());
    wait(1).await;
    assert_eq!(resolve(&mut closes, &stage).await, [FIRST]);
    assert_eq!(refusals(&closes, LINEAR).as_deref(), None);
}

#[tokio::test(start_paused = true)]
async fn a_close_that_hangs_is_given_up_after_5_s_and_made_again_6_s_later() {
    let (stage, mut closes) = begin();
    stage.answer(|_| None);
    assert_eq!(close(&mut closes, &stage).await, [FIRST]);
    assert_eq!(stage.now(), 5_000);
    wait(5_999).await;
    assert_eq!(resolve(&mut closes, &stage).await, none());
    wait(1).await;
    assert_eq!(resolve(&mut closes, &stage).await, [FIRST]);
}

#[tokio::test(start_paused = true)]
async fn a_close_that_the_exchange_took_is_never_made_again_though_nobody_shows_it() {
    for taken in [
        super::stage::accepted(serde_json::Value::Null),
        Outcome::Duplicate(rejection("duplicate")),
    ] {
        let (stage, mut closes) = begin();
        stage.answer(move |_| Some(taken.clone()));
        assert_eq!(close(&mut closes, &stage).await, [FIRST]);
        for _ in 0..6 {
            wait(10_000).await;
            assert_eq!(resolve(&mut closes, &stage).await, none());
        }
        assert_eq!(closes.pending(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_was_once_shown_is_never_made_again() {
    let (stage, mut closes) = begin();
    unknown(&stage);
    close(&mut closes, &stage).await;
    stage.show(&[sale(LINEAR, FIRST, "New", "0")]);
    resolve(&mut closes, &stage).await;
    stage.show(&[]);
    wait(30_000).await;
    assert_eq!(resolve(&mut closes, &stage).await, none());
    assert_eq!(closes.pending(), 1);
}

#[tokio::test(start_paused = true)]
async fn one_that_is_taken_at_the_second_try_is_not_made_a_third_time() {
    let (stage, mut closes) = begin();
    unknown(&stage);
    close(&mut closes, &stage).await;
    stage.answer(|_| Some(Outcome::Duplicate(rejection("duplicate"))));
    wait(6_000).await;
    assert_eq!(resolve(&mut closes, &stage).await, [FIRST]);
    wait(30_000).await;
    assert_eq!(resolve(&mut closes, &stage).await, none());
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_the_second_try_says_nothing_of_the_first() {
    for refusal in [rejected("no"), Outcome::NotSent("no route".into())] {
        let (stage, mut closes) = begin();
        unknown(&stage);
        close(&mut closes, &stage).await;
        stage.answer(move |_| Some(refusal.clone()));
        wait(6_000).await;
        assert_eq!(resolve(&mut closes, &stage).await, [FIRST]);
        assert_eq!(closes.pending(), 1);
        assert_eq!(refusals(&closes, LINEAR).as_deref(), None);
        wait(6_000).await;
        assert_eq!(resolve(&mut closes, &stage).await, [FIRST]);
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_nobody_shows_for_over_60_s_never_arrived_and_the_next_has_another_id() {
    let (stage, mut closes) = begin();
    close(&mut closes, &stage).await;
    wait(60_000).await;
    resolve(&mut closes, &stage).await;
    assert_eq!(closes.pending(), 1);
    wait(1).await;
    assert_eq!(resolve(&mut closes, &stage).await, none());
    assert_eq!(closes.pending(), 0);
    assert_eq!(closes.closed, []);
    // It is no refusal: the next goes out at once.
    assert_eq!(refusals(&closes, LINEAR).as_deref(), None);
    assert_eq!(close(&mut closes, &stage).await, [SECOND]);
}

#[tokio::test(start_paused = true)]
async fn one_whose_request_lives_for_a_minute_is_waited_for_15_s_longer() {
    let (stage, mut closes) = begin();
    stage.script().request_lives_for = Duration::from_secs(60);
    close(&mut closes, &stage).await;
    wait(75_000).await;
    resolve(&mut closes, &stage).await;
    assert_eq!(closes.pending(), 1);
    wait(1).await;
    resolve(&mut closes, &stage).await;
    assert_eq!(closes.pending(), 0);
}

#[tokio::test(start_paused = true)]
async fn tries_under_one_id_are_counted_from_the_first_of_them() {
    let (stage, mut closes) = begin();
    unknown(&stage);
    close(&mut closes, &stage).await;
    for _ in 0..10 {
        wait(6_000).await;
        assert_eq!(resolve(&mut closes, &stage).await, [FIRST]);
    }
    wait(1).await;
    resolve(&mut closes, &stage).await;
    assert_eq!(closes.pending(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_close_that_cannot_be_asked_for_is_waited_for() {
    let (stage, mut closes) = begin();
    unknown(&stage);
    close(&mut closes, &stage).await;
    stage.script().views = Err(down());
    wait(70_000).await;
    assert_eq!(resolve(&mut closes, &stage).await, none());
    assert_eq!(closes.pending(), 1);
    stage.slow("order", NEVER);
    let before = stage.now();
    assert_eq!(resolve(&mut closes, &stage).await, none());
    assert_eq!((stage.now() - before, closes.pending()), (5_000, 1));
    // It is asked for under its own id, and found.
    stage.slow("order", Duration::ZERO);
    stage.show(&[sale(LINEAR, FIRST, "Filled", "1")]);
    stage.asked();
    resolve(&mut closes, &stage).await;
    assert_eq!(
        stage.asked()[0],
        format!("order linear:BTCUSDT order_link_id {FIRST}")
    );
    assert_eq!(closes.pending(), 0);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_closed_once_it_no_longer_stands() {
    let (stage, mut closes) = begin();
    closes
        .close(&stage.desk, &[long(LINEAR, "1")], Vec::new(), &no)
        .await;
    assert_eq!((stage.sent(), closes.pending()), (none(), 0));
    // Nor made again; but what was sent is still asked for.
    unknown(&stage);
    close(&mut closes, &stage).await;
    wait(6_000).await;
    resolve_while(&mut closes, &stage, &no).await;
    assert_eq!((stage.sent(), closes.pending()), (none(), 1));
    stage.show(&[sale(LINEAR, FIRST, "Filled", "1")]);
    resolve_while(&mut closes, &stage, &no).await;
    assert_eq!(closes.pending(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_close_that_is_lifted_on_its_way_is_not_sent_and_no_refusal() {
    let (stage, mut closes) = begin();
    stage.slow("send", Duration::from_secs(2));
    let stands = || stage.now() < 1_000;
    closes
        .close(&stage.desk, &[long(LINEAR, "1")], Vec::new(), &stands)
        .await;
    assert_eq!((stage.sent(), closes.pending()), (none(), 0));
    let words = refusals(&closes, LINEAR).unwrap();
    assert!(words.starts_with("could not be sent: "), "{words}");
    // Nor is one made again.
    stage.slow("send", Duration::ZERO);
    unknown(&stage);
    wait(250).await;
    assert_eq!(close(&mut closes, &stage).await, [FIRST]);
    stage.slow("send", Duration::from_secs(2));
    wait(6_000).await;
    let until = stage.now() + 1_000;
    resolve_while(&mut closes, &stage, &|| stage.now() < until).await;
    assert_eq!((stage.sent(), closes.pending()), (none(), 1));
}

#[tokio::test(start_paused = true)]
async fn the_way_after_waits_for_what_the_one_before_it_sent() {
    let (stage, mut before) = begin();
    close(&mut before, &stage).await;
    let mut after = Closes::new("halt-2");
    after.wait_for(&mut before);
    assert_eq!((before.pending(), after.pending()), (0, 1));
    assert_eq!(close(&mut after, &stage).await, none());
    stage.show(&[sale(LINEAR, FIRST, "Filled", "1")]);
    resolve(&mut after, &stage).await;
    assert_eq!(after.closed.len(), 1);
    // Its own seed names what comes next.
    let ids = close(&mut after, &stage).await;
    assert_eq!(ids.len(), 1);
    assert!(ids[0] != FIRST && ids[0] != SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_short_position_is_bought_back() {
    let (stage, mut closes) = begin();
    let short = Position {
        side: Side::Sell,
        ..long(LINEAR, "3")
    };
    let sent = close_these(&mut closes, &stage, &[short]).await;
    assert_eq!(sent[0].what, "buy 3 BTCUSDT reduce-only (crypto)");
    assert_eq!(closes.waiting_for(), [format!("buy 3 linear:BTCUSDT ({FIRST})")]);
}
