//! The rounds of a way out: what waits for what, what may still change, and when it is over.

use std::fs;
use std::time::Duration;

use super::stage::{
    NEVER, Stage, coin, down, in_flight, instrument, long, no, order, rejected, sale, wait, yes,
};
use crate::broker::exit::{Course, Look, Reach, SpotRule, Wish};
use crate::domain::mandate::Mandate;
use crate::domain::policy::Policy;
use crate::domain::symbol::Category;
use crate::state::inflight;
use crate::venue::Outcome;

const LINEAR: &str = "linear:BTCUSDT";
const INVERSE: &str = "inverse:BTCUSD";
const OPTION: &str = "option:ETH-28FEB25-2800-C";
const CLOSE_LINEAR: &str = "sell 1 BTCUSDT reduce-only (crypto)";
const SELL_COIN: &str = "sell 2 SOLUSDT (crypto)";

/// SHA-256 of `halt-1|linear:BTCUSDT|OneWay|0`.
const FIRST: &str = "mx-4e131970bb31d53ca02bb3c91aedb71a";

fn course() -> Course {
    Course::new(Reach::default(), "halt-1")
}

fn orders_only() -> Wish {
    Wish::default()
}

fn flat() -> Wish {
    Wish {
        close: true,
        sell: None,
    }
}

fn flat_and_sold() -> Wish {
    let mandate = Mandate::parse(include_str!("../../../../examples/mandate.json")).unwrap();
    Wish {
        close: true,
        sell: Some(SpotRule::new(mandate, Ok(Policy::default()))),
    }
}

/// Coins that are sold alone.
fn sold() -> Wish {
    Wish {
        close: false,
        ..flat_and_sold()
    }
}

/// Two SOL in the wallet, and a pair to sell them.
fn two_sol(stage: &Stage) {
    stage.list(instrument("spot:SOLUSDT", "SOL", "USDT"));
    stage.script().wallet = Ok(vec![coin("SOL", "2")]);
}

async fn round(course: &mut Course, stage: &Stage, wish: &Wish) -> Look {
    course.round(&stage.desk, wish, &yes).await
}

/// What is sent, beside cancels, in one round.
async fn orders_sent(course: &mut Course, stage: &Stage, wish: &Wish) -> Vec<String> {
    round(course, stage, wish).await;
    let mut sent = stage.sent();
    sent.retain(|words| !words.starts_with("cancel"));
    sent.sort();
    sent
}

/// Goes on for 50 s, far longer than two looks take; whether it ever was over.
async fn ends(course: &mut Course, stage: &Stage, wish: &Wish) -> bool {
    for _ in 0..50 {
        if round(course, stage, wish).await.done.is_some() {
            return true;
        }
        wait(1_000).await;
    }
    false
}

fn none() -> Vec<String> {
    Vec::new()
}

#[tokio::test(start_paused = true)]
async fn it_is_over_when_two_complete_looks_200_ms_apart_showed_nothing() {
    for wish in [orders_only(), flat(), sold(), flat_and_sold()] {
        let (stage, mut course) = (Stage::set(), course());
        assert_eq!(round(&mut course, &stage, &wish).await.done, None);
        wait(199).await;
        assert_eq!(round(&mut course, &stage, &wish).await.done, None);
        wait(1).await;
        let look = round(&mut course, &stage, &wish).await;
        // It says when, by the exchange's clock.
        let (first, last) = look.done.unwrap();
        assert_eq!(first.as_deref(), Some("2026-06-02T09:00:00.000+00:00"));
        assert_eq!(last.as_deref(), Some("2026-06-02T09:00:00.200+00:00"));
        assert_eq!((look.notes, stage.sent()), (none(), none()));
    }
}

#[tokio::test(start_paused = true)]
async fn between_the_looks_counts_from_the_end_of_one_to_the_beginning_of_the_other() {
    let (stage, mut course) = (Stage::set(), course());
    stage.slow("orders", Duration::from_millis(300));
    assert_eq!(round(&mut course, &stage, &orders_only()).await.done, None);
    wait(199).await;
    assert_eq!(round(&mut course, &stage, &orders_only()).await.done, None);
    assert!(round(&mut course, &stage, &orders_only()).await.done.is_some());
}

#[tokio::test(start_paused = true)]
async fn what_shows_between_the_looks_begins_them_anew() {
    let (stage, mut course) = (Stage::set(), course());
    round(&mut course, &stage, &orders_only()).await;
    wait(1_000).await;
    stage.rest(&[order(LINEAR, "1")]);
    assert_eq!(round(&mut course, &stage, &orders_only()).await.done, None);
    wait(1_000).await;
    stage.rest(&[]);
    assert_eq!(round(&mut course, &stage, &orders_only()).await.done, None);
    wait(200).await;
    assert!(round(&mut course, &stage, &orders_only()).await.done.is_some());
}

#[tokio::test(start_paused = true)]
async fn it_is_not_over_while_orders_rest_or_cannot_be_seen() {
    for wish in [orders_only(), flat(), flat_and_sold()] {
        let stage = Stage::set();
        stage.rest(&[order(OPTION, "1")]);
        assert!(!ends(&mut course(), &stage, &wish).await);
        stage.rest(&[]);
        stage.hide_orders(&[Category::Option]);
        assert!(!ends(&mut course(), &stage, &wish).await);
    }
}

#[tokio::test(start_paused = true)]
async fn it_is_not_over_while_positions_are_held_or_cannot_be_seen() {
    for wish in [flat(), flat_and_sold()] {
        let stage = Stage::set();
        stage.hold(&[long(OPTION, "1")]);
        assert!(!ends(&mut course(), &stage, &wish).await);
        stage.hold(&[]);
        stage.hide_positions(&[Category::Option]);
        assert!(!ends(&mut course(), &stage, &wish).await);
    }
    // Who wants orders cancelled alone is not kept by them.
    let stage = Stage::set();
    stage.hold(&[long(OPTION, "1")]);
    assert!(ends(&mut course(), &stage, &orders_only()).await);
}

#[tokio::test(start_paused = true)]
async fn it_is_not_over_while_coins_are_to_be_sold_or_cannot_be_seen() {
    for wish in [sold(), flat_and_sold()] {
        let stage = Stage::set();
        two_sol(&stage);
        stage.answer(|_| Some(Outcome::NotSent("no route".into())));
        let (mut course, mut looks) = (course(), Vec::new());
        for _ in 0..3 {
            looks.push(round(&mut course, &stage, &wish).await);
            wait(250).await;
        }
        assert!(looks.iter().all(|look| look.done.is_none() && look.to_sell == 1));
        stage.script().wallet = Err(down());
        let look = round(&mut course, &stage, &wish).await;
        assert_eq!(
            look.notes,
            ["the wallet: no answer from the exchange: it is down"]
        );
        assert!(!ends(&mut course, &stage, &wish).await);
        // Nor while it cannot be told of one coin.
        stage.script().wallet = Ok(vec![coin("SOL", "2")]);
        let pair = "spot:SOLUSDT".parse().unwrap();
        stage.script().instruments.insert(pair, Err(down()));
        let look = round(&mut course, &stage, &wish).await;
        assert_eq!(
            look.notes,
            ["spot:SOLUSDT: no answer from the exchange: it is down"]
        );
        assert!(!ends(&mut course, &stage, &wish).await);
    }
}

#[tokio::test(start_paused = true)]
async fn coins_that_are_not_sold_keep_it_from_nothing_and_are_named() {
    let (stage, mut course) = (Stage::set(), course());
    stage.script().wallet = Ok(vec![coin("SOL", "2.50")]);
    round(&mut course, &stage, &sold()).await;
    wait(200).await;
    let look = round(&mut course, &stage, &sold()).await;
    assert!(look.done.is_some());
    assert_eq!(look.left[0].coin, "SOL");
    assert_eq!(look.left[0].amount, "2.5");
    assert_eq!(look.left[0].why, "there is no pair to sell it for dollars");
}

#[tokio::test(start_paused = true)]
async fn it_is_not_over_while_a_close_or_a_sale_may_still_fill_though_nothing_is_held() {
    let (stage, mut closing) = (Stage::set(), course());
    stage.hold(&[long(LINEAR, "1")]);
    round(&mut closing, &stage, &flat()).await;
    stage.hold(&[]);
    stage.show(&[sale(LINEAR, FIRST, "New", "0.5")]);
    let look = round(&mut closing, &stage, &flat()).await;
    let waits = format!("sell 1 linear:BTCUSDT ({FIRST})");
    assert_eq!(closing.waiting_for(), [waits.as_str()]);
    assert_eq!(look.notes, [format!("{waits} may still fill")]);
    assert!(!ends(&mut closing, &stage, &flat()).await);
    stage.show(&[sale(LINEAR, FIRST, "Filled", "1")]);
    assert!(ends(&mut closing, &stage, &flat()).await);
    assert_eq!(closing.waiting_for(), none());

    let (stage, mut selling) = (Stage::set(), course());
    two_sol(&stage);
    assert_eq!(orders_sent(&mut selling, &stage, &sold()).await, [SELL_COIN]);
    stage.script().wallet = Ok(Vec::new());
    // 50 s: one that nobody shows is waited for.
    assert!(!ends(&mut selling, &stage, &sold()).await);
}

#[tokio::test(start_paused = true)]
async fn closes_that_are_over_are_given_once() {
    let (stage, mut course) = (Stage::set(), course());
    stage.hold(&[long(LINEAR, "1")]);
    round(&mut course, &stage, &flat()).await;
    assert_eq!(course.take_closed(), []);
    stage.show(&[sale(LINEAR, FIRST, "Filled", "1")]);
    stage.hold(&[]);
    round(&mut course, &stage, &flat()).await;
    let closed = course.take_closed();
    assert_eq!(closed.len(), 1);
    assert_eq!(closed[0].client_id, FIRST);
    assert_eq!(course.take_closed(), []);
}

#[tokio::test(start_paused = true)]
async fn the_way_after_another_closes_nothing_that_may_still_fill() {
    let (stage, mut before) = (Stage::set(), course());
    stage.hold(&[long(LINEAR, "1")]);
    assert_eq!(orders_sent(&mut before, &stage, &flat()).await, [CLOSE_LINEAR]);
    let mut after = Course::new(Reach::default(), "halt-2").after(&mut before);
    assert_eq!(orders_sent(&mut after, &stage, &flat()).await, none());
    assert_eq!(after.waiting_for(), [format!("sell 1 linear:BTCUSDT ({FIRST})")]);
}

#[tokio::test(start_paused = true)]
async fn the_first_cancels_are_sent_before_anything_is_read() {
    let stage = Stage::set();
    let reach = Reach {
        category: Some(Category::Spot),
        symbol: None,
    };
    let mut course = Course::new(reach, "halt-1");
    course.cancel_blindly(&stage.desk, &yes).await;
    assert_eq!(stage.sent(), ["cancel all spot orders"]);
    assert_eq!(stage.asked(), ["clock"]);
}

#[tokio::test(start_paused = true)]
async fn cancels_do_not_wait_for_the_positions() {
    let (stage, mut course) = (Stage::set(), course());
    stage.rest(&[order("spot:BTCUSDT", "1")]);
    stage.slow("positions", Duration::from_secs(7));
    round(&mut course, &stage, &flat()).await;
    let sent = stage.sent_in_full();
    assert_eq!((sent[0].at, sent[0].what.as_str()), (0, "cancel all spot orders"));
}

#[tokio::test(start_paused = true)]
async fn a_position_is_not_closed_for_20_s_while_orders_of_its_category_rest_and_then_is() {
    let hide = |stage: &Stage| stage.hide_orders(&[Category::Linear]);
    let rest = |stage: &Stage| stage.rest(&[order(LINEAR, "1")]);
    for keep in [&hide as &dyn Fn(&Stage), &rest] {
        let (stage, mut course) = (Stage::set(), course());
        keep(&stage);
        stage.hold(&[long(LINEAR, "1"), long(INVERSE, "1")]);
        // Only orders of its own category can open a position again.
        let inverse = "sell 1 BTCUSD reduce-only (crypto)";
        let look = round(&mut course, &stage, &flat()).await;
        assert_eq!(look.held().count(), 2);
        let began = stage.now();
        let mut sent = stage.sent();
        sent.retain(|words| !words.starts_with("cancel"));
        assert_eq!(sent, [inverse]);
        wait(u64::try_from(20_000 - began).unwrap()).await;
        assert_eq!(orders_sent(&mut course, &stage, &flat()).await, none());
        wait(1).await;
        assert_eq!(orders_sent(&mut course, &stage, &flat()).await, [CLOSE_LINEAR]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_position_is_closed_as_soon_as_its_orders_are_gone() {
    let (stage, mut course) = (Stage::set(), course());
    stage.rest(&[order(LINEAR, "1")]);
    stage.hold(&[long(LINEAR, "1")]);
    assert_eq!(orders_sent(&mut course, &stage, &flat()).await, none());
    stage.rest(&[]);
    assert_eq!(orders_sent(&mut course, &stage, &flat()).await, [CLOSE_LINEAR]);
}

#[tokio::test(start_paused = true)]
async fn coins_are_not_sold_for_30_s_while_positions_are_held_and_then_are() {
    let hide = |stage: &Stage| stage.hide_positions(&[Category::Linear]);
    let hold = |stage: &Stage| stage.hold(&[long(OPTION, "1")]);
    for keep in [&hide as &dyn Fn(&Stage), &hold] {
        let (stage, mut course) = (Stage::set(), course());
        two_sol(&stage);
        keep(&stage);
        let wish = flat_and_sold();
        assert_eq!(orders_sent(&mut course, &stage, &wish).await, none());
        wait(30_000).await;
        assert_eq!(orders_sent(&mut course, &stage, &wish).await, none());
        wait(1).await;
        assert_eq!(orders_sent(&mut course, &stage, &wish).await, [SELL_COIN]);
    }
}

#[tokio::test(start_paused = true)]
async fn coins_are_not_sold_for_20_s_while_orders_of_any_category_rest_and_then_are() {
    for resting in ["spot:BTCUSDT", OPTION] {
        let (stage, mut course) = (Stage::set(), course());
        two_sol(&stage);
        stage.rest(&[order(resting, "1")]);
        let wish = flat_and_sold();
        assert_eq!(orders_sent(&mut course, &stage, &wish).await, none());
        wait(20_000).await;
        assert_eq!(orders_sent(&mut course, &stage, &wish).await, none());
        wait(1).await;
        assert_eq!(orders_sent(&mut course, &stage, &wish).await, [SELL_COIN]);
    }
}

#[tokio::test(start_paused = true)]
async fn coins_are_sold_at_once_when_nothing_stands_in_the_way() {
    for wish in [sold(), flat_and_sold()] {
        let (stage, mut course) = (Stage::set(), course());
        two_sol(&stage);
        assert_eq!(orders_sent(&mut course, &stage, &wish).await, [SELL_COIN]);
        // And once.
        assert_eq!(orders_sent(&mut course, &stage, &wish).await, none());
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_once_it_no_longer_stands() {
    let (stage, mut course) = (Stage::set(), course());
    two_sol(&stage);
    stage.hold(&[long(LINEAR, "1")]);
    stage.rest(&[order(INVERSE, "1")]);
    let look = course.round(&stage.desk, &flat_and_sold(), &no).await;
    assert_eq!(stage.sent(), none());
    // It still says what there is.
    assert_eq!(look.orders.rows.len(), 1);
    assert_eq!((look.held().count(), look.to_sell), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn refusals_of_what_is_still_held_are_told_and_forgotten_when_it_is_over() {
    let (stage, mut course) = (Stage::set(), course());
    stage.answer(|_| Some(rejected("reduce-only rule not satisfied")));
    stage.hold(&[long(LINEAR, "1"), long(INVERSE, "1")]);
    let look = round(&mut course, &stage, &flat()).await;
    assert_eq!(
        look.notes,
        [
            "closing linear:BTCUSDT was refused once: reduce-only rule not satisfied",
            "closing inverse:BTCUSD was refused once: reduce-only rule not satisfied",
        ]
    );
    stage.hold(&[]);
    assert!(ends(&mut course, &stage, &flat()).await);
    // A position that is there again is closed at once, and nothing of old is told of it.
    stage.answer(|_| None);
    stage.hold(&[long(LINEAR, "1")]);
    let look = round(&mut course, &stage, &flat()).await;
    assert_eq!(stage.sent().len(), 3);
    let told = look.notes.iter().any(|note| note.contains("refused"));
    assert!(!told, "{:?}", look.notes);
}

#[tokio::test(start_paused = true)]
async fn it_is_not_over_while_an_order_in_flight_may_still_appear() {
    let (stage, mut course) = (Stage::set(), course());
    round(&mut course, &stage, &orders_only()).await;
    inflight::write_new(&stage.files, &in_flight("mine-1")).unwrap();
    wait(1_000).await;
    let look = round(&mut course, &stage, &orders_only()).await;
    assert_eq!(look.done, None);
    assert_eq!(look.notes, ["1 order of ours was sent and may still appear"]);
    // The look before it counts no more either.
    inflight::remove(&stage.files, "mine-1").unwrap();
    wait(1_000).await;
    assert_eq!(round(&mut course, &stage, &orders_only()).await.done, None);
    wait(200).await;
    assert!(round(&mut course, &stage, &orders_only()).await.done.is_some());
}

#[tokio::test(start_paused = true)]
async fn orders_in_flight_are_not_asked_for_while_anything_is_shown() {
    let (stage, mut course) = (Stage::set(), course());
    inflight::write_new(&stage.files, &in_flight("mine-1")).unwrap();
    stage.rest(&[order(LINEAR, "1")]);
    let look = round(&mut course, &stage, &orders_only()).await;
    assert_eq!(look.notes, none());
    assert!(stage.asked().iter().all(|asked| !asked.starts_with("order ")));
}

#[tokio::test(start_paused = true)]
async fn a_folder_of_orders_in_flight_that_cannot_be_read_holds_it_up_for_60_s() {
    let (stage, mut course) = (Stage::set(), course());
    fs::create_dir_all(stage.files.broker_folder()).unwrap();
    fs::write(stage.files.inflight_folder(), "no folder").unwrap();
    for _ in 0..2 {
        let look = round(&mut course, &stage, &orders_only()).await;
        assert_eq!((look.done, look.notes.len()), (None, 1));
        assert!(look.notes[0].contains("inflight"), "{:?}", look.notes);
        wait(30_000).await;
    }
    let look = round(&mut course, &stage, &orders_only()).await;
    assert_eq!((look.done, look.notes.len()), (None, 1));
    wait(1).await;
    let look = round(&mut course, &stage, &orders_only()).await;
    assert_eq!((look.done, look.notes), (None, none()));
    wait(200).await;
    assert!(round(&mut course, &stage, &orders_only()).await.done.is_some());
}

#[tokio::test(start_paused = true)]
async fn orders_in_flight_that_cannot_be_looked_up_hold_it_up_as_long() {
    let (stage, mut course) = (Stage::set(), course());
    inflight::write_new(&stage.files, &in_flight("mine-1")).unwrap();
    stage.slow("order", NEVER);
    // Each takes 20 s to give up.
    for _ in 0..2 {
        let look = round(&mut course, &stage, &orders_only()).await;
        assert_eq!(look.notes, ["orders in flight could not be looked up in time"]);
    }
    assert_eq!(stage.now(), 40_000);
    wait(1).await;
    let look = round(&mut course, &stage, &orders_only()).await;
    assert_eq!((look.done, look.notes), (None, none()));
    wait(200).await;
    assert!(round(&mut course, &stage, &orders_only()).await.done.is_some());
}
