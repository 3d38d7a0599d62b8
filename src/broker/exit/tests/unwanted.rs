//! A close that got lost and is no longer wanted: it is waited for, and never made again.

use super::stage::{NEVER, Stage, coin, instrument, long, sale, wait, yes};
use crate::broker::exit::{Course, Look, Reach, SpotRule, Wish};
use crate::domain::mandate::Mandate;
use crate::domain::policy::Policy;
use crate::venue::Outcome;

const LINEAR: &str = "linear:BTCUSDT";
const CLOSE: &str = "sell 1 BTCUSDT reduce-only (crypto)";
const SELL: &str = "sell 2 SOLUSDT (crypto)";

/// SHA-256 of `halt-1|linear:BTCUSDT|OneWay|0`.
const FIRST: &str = "mx-4e131970bb31d53ca02bb3c91aedb71a";

fn rule(excluded: &[&str]) -> SpotRule {
    let mut mandate = Mandate::parse(include_str!("../../../../examples/mandate.json")).unwrap();
    mandate.universe.exclude_symbols = excluded.iter().map(|&name| name.to_owned()).collect();
    SpotRule::new(mandate, Ok(Policy::default()))
}

fn wish(close: bool, sell: Option<SpotRule>) -> Wish {
    Wish { close, sell }
}

async fn round(course: &mut Course, stage: &Stage, wish: &Wish) -> Look {
    course.round(&stage.desk, wish, &yes).await
}

/// A stage with a position and two SOL, on which what was asked for was sent once and got no answer.
async fn lost(first: &Wish) -> (Stage, Course) {
    let (stage, mut course) = (Stage::set(), Course::new(Reach::default(), "halt-1"));
    stage.hold(&[long(LINEAR, "1")]);
    if first.sell.is_some() {
        stage.hold(&[]);
        stage.list(instrument("spot:SOLUSDT", "SOL", "USDT"));
        stage.script().wallet = Ok(vec![coin("SOL", "2")]);
    }
    stage.answer(|_| Some(Outcome::Unknown("reset".into())));
    round(&mut course, &stage, first).await;
    (stage, course)
}

/// Rounds a second apart until it is over or a minute and a half is: what was sent, and the second of the end.
async fn go_on(course: &mut Course, stage: &Stage, wish: &Wish) -> (Vec<String>, Option<u64>) {
    for second in 1..90 {
        wait(1_000).await;
        if round(course, stage, wish).await.done.is_some() {
            return (stage.sent(), Some(second));
        }
    }
    (stage.sent(), None)
}

/// A request of 5 s can appear for a minute; two looks more, and it is over.
const LOST_AND_OVER: Option<u64> = Some(62);

#[tokio::test(start_paused = true)]
async fn a_lost_close_is_not_made_again_once_positions_are_not_to_be_closed() {
    for later in [Wish::default(), wish(false, Some(rule(&[])))] {
        let (stage, mut course) = lost(&wish(true, None)).await;
        assert_eq!(stage.sent(), [CLOSE]);
        let ended = go_on(&mut course, &stage, &later).await;
        assert_eq!(ended, (Vec::new(), LOST_AND_OVER));
    }
}

#[tokio::test(start_paused = true)]
async fn nor_is_one_of_the_halt_before() {
    let (stage, mut before) = lost(&wish(true, None)).await;
    stage.sent();
    let mut after = Course::new(Reach::default(), "halt-2").after(&mut before);
    let look = round(&mut after, &stage, &Wish::default()).await;
    assert_eq!(look.notes, [format!("sell 1 {LINEAR} ({FIRST}) may still fill")]);
    let ended = go_on(&mut after, &stage, &Wish::default()).await;
    assert_eq!(ended, (Vec::new(), LOST_AND_OVER));
}

#[tokio::test(start_paused = true)]
async fn it_is_over_as_soon_as_the_exchange_shows_the_end_of_the_unwanted_close() {
    let (stage, mut course) = lost(&wish(true, None)).await;
    stage.show(&[sale(LINEAR, FIRST, "Filled", "1")]);
    stage.sent();
    let ended = go_on(&mut course, &stage, &Wish::default()).await;
    assert_eq!(ended, (Vec::new(), Some(2)));
    assert_eq!(course.take_closed().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_lost_close_is_made_again_as_long_as_positions_are_to_be_closed() {
    let (stage, mut course) = lost(&wish(true, None)).await;
    wait(6_000).await;
    round(&mut course, &stage, &wish(true, Some(rule(&[])))).await;
    assert_eq!(stage.sent(), [CLOSE, CLOSE]);
}

#[tokio::test(start_paused = true)]
async fn a_lost_sale_is_not_made_again_once_its_coin_is_not_to_be_sold() {
    for later in [
        Wish::default(),
        wish(true, None),
        wish(false, Some(rule(&["SOL"]))),
        wish(true, Some(rule(&["SOL"]))),
    ] {
        let (stage, mut course) = lost(&wish(false, Some(rule(&[])))).await;
        assert_eq!(stage.sent(), [SELL]);
        let ended = go_on(&mut course, &stage, &later).await;
        assert_eq!(ended, (Vec::new(), LOST_AND_OVER));
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_sale_is_made_again_as_long_as_its_coin_is_to_be_sold() {
    for close in [true, false] {
        let (stage, mut course) = lost(&wish(false, Some(rule(&[])))).await;
        let sent = stage.sent_in_full();
        wait(6_000).await;
        round(&mut course, &stage, &wish(close, Some(rule(&[])))).await;
        let again = stage.sent_in_full();
        assert_eq!((again.len(), &again[0].id), (1, &sent[0].id));
        // Not while the wallet does not say that it is there still.
        stage.slow("wallet", NEVER);
        wait(6_000).await;
        round(&mut course, &stage, &wish(close, Some(rule(&[])))).await;
        assert_eq!(stage.sent(), Vec::<String>::new());
    }
}

/// Each is asked for by its own wish.
#[tokio::test(start_paused = true)]
async fn of_a_lost_close_and_a_lost_sale_only_the_one_is_made_again_that_is_still_wanted() {
    for (later, made) in [(wish(true, None), CLOSE), (wish(false, Some(rule(&[]))), SELL)] {
        let (stage, mut course) = lost(&wish(false, Some(rule(&[])))).await;
        stage.hold(&[long(LINEAR, "1")]);
        round(&mut course, &stage, &wish(true, None)).await;
        assert_eq!(stage.sent(), [SELL, CLOSE]);
        // So long that the sale no longer waits for the position.
        wait(31_000).await;
        round(&mut course, &stage, &later).await;
        assert_eq!(stage.sent(), [made]);
    }
}
