//! When what is cancelled: wide and again with growing pauses, options less often, at last one by one.

use super::stage::{NEVER, Stage, instrument, no, order, wait, yes};
use crate::broker::exit::cancels::Cancels;
use crate::broker::exit::look::{Reach, Seen, resting};
use crate::domain::account::RestingOrder;
use crate::domain::symbol::{Category, Symbol};

const USDT: &str = "cancel all linear orders settled in USDT";
const USDC: &str = "cancel all linear orders settled in USDC";
const SPOT: &str = "cancel all spot orders";
const OPTIONS: &str = "cancel all option orders";

const OPTION: &str = "option:ETH-28FEB25-2800-C";
const OTHER_OPTION: &str = "option:BTC-28FEB25-90000-P";
const THIRD_OPTION: &str = "option:SOL-28FEB25-200-P";

const EVERYTHING: Reach = Reach {
    category: None,
    symbol: None,
};

fn of(category: Category) -> Reach {
    Reach {
        category: Some(category),
        symbol: None,
    }
}

fn of_symbol(symbol: &str) -> Reach {
    Reach {
        category: None,
        symbol: Some(Symbol::parse(symbol).unwrap()),
    }
}

fn stage() -> Stage {
    let stage = Stage::set();
    stage.list(instrument("linear:BTCUSDT", "BTC", "USDT"));
    stage.list(instrument("linear:ETHUSDT", "ETH", "USDT"));
    stage.list(instrument("linear:ETHPERP", "ETH", "USDC"));
    stage.list(instrument("inverse:BTCUSD", "BTC", "USD"));
    stage
}

/// Looks at what rests, and cancels what is due.
async fn round(cancels: &mut Cancels, stage: &Stage, reach: &Reach) -> Vec<String> {
    let orders: Seen<RestingOrder> = resting(&*stage.venue, reach).await.0;
    cancels.round(&stage.desk, &orders, reach, &yes).await;
    stage.sent()
}

fn none() -> Vec<String> {
    Vec::new()
}

#[tokio::test(start_paused = true)]
async fn everything_but_inverse_is_cancelled_without_being_seen() {
    let (stage, mut cancels) = (stage(), Cancels::default());
    cancels.blindly(&stage.desk, &EVERYTHING, &yes).await;
    assert_eq!(stage.sent(), [USDT, USDC, SPOT, OPTIONS]);
    assert_eq!(stage.asked(), ["clock"; 4], "nothing is read before");
}

#[tokio::test(start_paused = true)]
async fn one_category_or_symbol_is_cancelled_blindly_alone() {
    for (reach, expected) in [
        (of(Category::Linear), vec![USDT, USDC]),
        (of(Category::Spot), vec![SPOT]),
        (of(Category::Option), vec![OPTIONS]),
        (of(Category::Inverse), vec![]),
        (
            of_symbol("BTCUSDT"),
            vec![
                "cancel all orders in linear:BTCUSDT",
                "cancel all orders in inverse:BTCUSDT",
                "cancel all orders in spot:BTCUSDT",
            ],
        ),
        (
            of_symbol("BTCUSDT-24MAR23"),
            vec![
                "cancel all orders in linear:BTCUSDT-24MAR23",
                "cancel all orders in inverse:BTCUSDT-24MAR23",
                "cancel all orders in spot:BTCUSDT-24MAR23",
            ],
        ),
        (
            of_symbol("ETH-28FEB25-2800-C"),
            vec!["cancel all orders in option:ETH-28FEB25-2800-C"],
        ),
    ] {
        let (stage, mut cancels) = (stage(), Cancels::default());
        cancels.blindly(&stage.desk, &reach, &yes).await;
        assert_eq!(stage.sent(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_blind_cancel_is_not_repeated_before_250_ms_by_itself_or_by_what_is_seen() {
    let (stage, mut cancels) = (stage(), Cancels::default());
    stage.rest(&[order("linear:BTCUSDT", "1"), order("inverse:BTCUSD", "2")]);
    cancels.blindly(&stage.desk, &EVERYTHING, &yes).await;
    stage.sent();
    cancels.blindly(&stage.desk, &EVERYTHING, &yes).await;
    assert_eq!(stage.sent(), none());
    // What the blind cancels could not reach is cancelled as soon as it is seen.
    let inverse = "cancel all inverse orders settled in BTC";
    assert_eq!(round(&mut cancels, &stage, &EVERYTHING).await, [inverse]);
    wait(249).await;
    cancels.blindly(&stage.desk, &EVERYTHING, &yes).await;
    assert_eq!(stage.sent(), none());
    assert_eq!(round(&mut cancels, &stage, &EVERYTHING).await, none());
    wait(1).await;
    assert_eq!(round(&mut cancels, &stage, &EVERYTHING).await, [USDT, inverse]);
}

#[tokio::test(start_paused = true)]
async fn a_wide_cancel_in_vain_is_repeated_after_250_ms_and_then_ever_later_up_to_5_s() {
    let (stage, mut cancels) = (stage(), Cancels::default());
    stage.rest(&[order("linear:BTCUSDT", "1")]);
    let mut times = Vec::new();
    for _ in 0..2_400 {
        let orders = resting(&*stage.venue, &EVERYTHING).await.0;
        cancels.round(&stage.desk, &orders, &EVERYTHING, &yes).await;
        let wide = stage.sent_in_full().into_iter().filter(|sent| sent.what == USDT);
        times.extend(wide.map(|sent| sent.at));
        wait(10).await;
    }
    assert_eq!(times, [0, 250, 750, 1_750, 3_750, 7_750, 12_750, 17_750, 22_750]);
}

#[tokio::test(start_paused = true)]
async fn a_wide_cancel_is_repeated_exactly_when_its_pause_is_over() {
    let (stage, mut cancels) = (stage(), Cancels::default());
    stage.rest(&[order("linear:BTCUSDT", "1")]);
    assert_eq!(round(&mut cancels, &stage, &EVERYTHING).await, [USDT]);
    for pause in [250, 500] {
        wait(pause - 1).await;
        assert_eq!(round(&mut cancels, &stage, &EVERYTHING).await, none());
        wait(1).await;
        assert_eq!(round(&mut cancels, &stage, &EVERYTHING).await[0], USDT);
    }
}

#[tokio::test(start_paused = true)]
async fn progress_makes_the_pauses_short_and_the_cancels_wide_again() {
    let (stage, mut cancels) = (stage(), Cancels::default());
    let rest = ["1", "2", "3"].map(|name| order("linear:BTCUSDT", name));
    stage.rest(&rest);
    for pause in [250, 500, 1_000] {
        round(&mut cancels, &stage, &EVERYTHING).await;
        wait(pause).await;
    }
    stage.rest(&rest[..2]);
    for _ in 0..2 {
        assert_eq!(round(&mut cancels, &stage, &EVERYTHING).await, [USDT]);
        wait(250).await;
        // One more order, as it comes of a bracket, is no progress and brings nothing forward.
        stage.rest(&rest);
        assert_eq!(round(&mut cancels, &stage, &EVERYTHING).await, [USDT]);
        wait(250).await;
        assert_eq!(round(&mut cancels, &stage, &EVERYTHING).await, none());
        wait(250).await;
        stage.rest(&rest[..1]);
    }
}

#[tokio::test(start_paused = true)]
async fn after_two_wide_cancels_in_vain_up_to_ten_orders_are_cancelled_one_by_one_as_well() {
    let (stage, mut cancels) = (stage(), Cancels::default());
    let names: Vec<String> = (1..=12).map(|number| number.to_string()).collect();
    let rest: Vec<RestingOrder> = names.iter().map(|name| order("linear:BTCUSDT", name)).collect();
    stage.rest(&rest);
    assert_eq!(round(&mut cancels, &stage, &EVERYTHING).await, [USDT]);
    wait(250).await;
    assert_eq!(round(&mut cancels, &stage, &EVERYTHING).await, [USDT]);
    wait(500).await;
    let third = round(&mut cancels, &stage, &EVERYTHING).await;
    assert_eq!(third.len(), 11, "{third:?}");
    assert_eq!(third[0], USDT);
    assert_eq!(third[1], "cancel BTCUSDT order_id 1");
    assert_eq!(third[10], "cancel BTCUSDT order_id 10");
}

#[tokio::test(start_paused = true)]
async fn an_order_that_outlives_eight_wide_cancels_is_cancelled_by_itself_though_others_come_and_go() {
    let (stage, mut cancels) = (stage(), Cancels::default());
    let stubborn = order("linear:BTCUSDT", "1");
    for number in 0..16 {
        let other = order("linear:BTCUSDT", &format!("other-{number}"));
        stage.rest(&[other, stubborn.clone()]);
        let sent = round(&mut cancels, &stage, &EVERYTHING).await;
        match number {
            0..8 => assert_eq!(sent, [USDT], "{number}"),
            _ => assert_eq!(sent, [USDT, "cancel BTCUSDT order_id 1"], "{number}"),
        }
        // Fewer are shown: the others were cancelled.
        stage.rest(std::slice::from_ref(&stubborn));
        assert_eq!(round(&mut cancels, &stage, &EVERYTHING).await, none());
        wait(250).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_order_that_appears_between_two_cancels_is_cancelled_at_once_and_once() {
    let (stage, mut cancels) = (stage(), Cancels::default());
    let (first, second) = (order("linear:BTCUSDT", "1"), order("linear:ETHPERP", "2"));
    stage.rest(std::slice::from_ref(&first));
    assert_eq!(round(&mut cancels, &stage, &EVERYTHING).await, [USDT]);
    wait(100).await;
    stage.rest(&[first, second]);
    assert_eq!(round(&mut cancels, &stage, &EVERYTHING).await, [USDC]);
    wait(149).await;
    assert_eq!(round(&mut cancels, &stage, &EVERYTHING).await, none());
    wait(1).await;
    // It did not put the next of all off.
    assert_eq!(round(&mut cancels, &stage, &EVERYTHING).await, [USDT, USDC]);
}

#[tokio::test(start_paused = true)]
async fn options_are_cancelled_once_in_1100_ms_and_hold_nothing_else_up() {
    let (stage, mut cancels) = (stage(), Cancels::default());
    stage.rest(&[order("linear:BTCUSDT", "1"), order(OPTION, "2")]);
    assert_eq!(round(&mut cancels, &stage, &EVERYTHING).await, [USDT, OPTIONS]);
    wait(250).await;
    assert_eq!(round(&mut cancels, &stage, &EVERYTHING).await, [USDT]);
    wait(849).await;
    stage.rest(&[order(OPTION, "2")]);
    assert_eq!(round(&mut cancels, &stage, &EVERYTHING).await, none());
    wait(1).await;
    stage.rest(&[order(OPTION, "2"), order(OTHER_OPTION, "3")]);
    assert_eq!(round(&mut cancels, &stage, &EVERYTHING).await, [OPTIONS]);
    wait(1_099).await;
    stage.rest(&[order(THIRD_OPTION, "4")]);
    assert_eq!(round(&mut cancels, &stage, &EVERYTHING).await, none());
}

#[tokio::test(start_paused = true)]
async fn a_blind_cancel_of_options_counts_as_one_too() {
    let (stage, mut cancels) = (stage(), Cancels::default());
    stage.rest(&[order(OPTION, "1")]);
    cancels.blindly(&stage.desk, &EVERYTHING, &yes).await;
    stage.sent();
    wait(1_099).await;
    assert_eq!(round(&mut cancels, &stage, &EVERYTHING).await, none());
    wait(1).await;
    stage.rest(&[order(OTHER_OPTION, "2")]);
    assert_eq!(round(&mut cancels, &stage, &EVERYTHING).await, [OPTIONS]);
}

#[tokio::test(start_paused = true)]
async fn options_that_cannot_be_seen_are_cancelled_once_in_1100_ms_too() {
    let (stage, mut cancels) = (stage(), Cancels::default());
    stage.hide_orders(&[Category::Linear, Category::Option]);
    assert_eq!(
        round(&mut cancels, &stage, &EVERYTHING).await,
        [USDT, USDC, OPTIONS]
    );
    wait(250).await;
    assert_eq!(round(&mut cancels, &stage, &EVERYTHING).await, [USDT, USDC]);
    wait(850).await;
    assert_eq!(
        round(&mut cancels, &stage, &EVERYTHING).await,
        [USDT, USDC, OPTIONS]
    );
}

#[tokio::test(start_paused = true)]
async fn other_orders_do_not_put_options_off() {
    let (stage, mut cancels) = (stage(), Cancels::default());
    stage.rest(&[order("linear:BTCUSDT", "1")]);
    assert_eq!(round(&mut cancels, &stage, &EVERYTHING).await, [USDT]);
    stage.rest(&[order("linear:BTCUSDT", "1"), order(OPTION, "2")]);
    assert_eq!(round(&mut cancels, &stage, &EVERYTHING).await, [OPTIONS]);
}

#[tokio::test(start_paused = true)]
async fn what_is_cancelled_blindly_is_not_cancelled_a_second_time_because_some_of_it_is_seen() {
    let (stage, mut cancels) = (stage(), Cancels::default());
    stage.rest(&[order("linear:BTCUSDT", "1"), order("inverse:BTCUSD", "2")]);
    stage.hide_orders(&[Category::Linear]);
    let mut sent = round(&mut cancels, &stage, &EVERYTHING).await;
    sent.sort();
    assert_eq!(sent, ["cancel all inverse orders settled in BTC", USDC, USDT]);
}

#[tokio::test(start_paused = true)]
async fn orders_are_cancelled_by_settle_coin_and_spot_and_options_as_a_whole() {
    let (stage, mut cancels) = (stage(), Cancels::default());
    stage.rest(&[
        order("linear:BTCUSDT", "1"),
        order("linear:ETHUSDT", "2"),
        order("inverse:BTCUSD", "3"),
        order("spot:BTCUSDT", "4"),
        order("spot:ETHUSDT", "5"),
        order(OPTION, "6"),
    ]);
    assert_eq!(
        round(&mut cancels, &stage, &EVERYTHING).await,
        [USDT, "cancel all inverse orders settled in BTC", SPOT, OPTIONS]
    );
}

#[tokio::test(start_paused = true)]
async fn the_way_out_of_one_symbol_cancels_no_other() {
    let (stage, mut cancels) = (stage(), Cancels::default());
    stage.rest(&[
        order("linear:BTCUSDT", "1"),
        order("linear:ETHUSDT", "2"),
        order("spot:BTCUSDT", "3"),
    ]);
    assert_eq!(
        round(&mut cancels, &stage, &of_symbol("BTCUSDT")).await,
        [
            "cancel all orders in linear:BTCUSDT",
            "cancel all orders in spot:BTCUSDT"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn without_its_settle_coin_an_instrument_is_cancelled_by_itself_after_a_second() {
    let (stage, mut cancels) = (stage(), Cancels::default());
    stage.slow("instrument", NEVER);
    stage.rest(&[order("linear:BTCUSDT", "1"), order("inverse:BTCUSD", "2")]);
    let reach = EVERYTHING;
    assert_eq!(
        round(&mut cancels, &stage, &reach).await,
        [
            "cancel all orders in linear:BTCUSDT",
            "cancel all orders in inverse:BTCUSD"
        ]
    );
    assert_eq!(stage.now(), 1_000);
}

#[tokio::test(start_paused = true)]
async fn spot_orders_and_options_wait_for_no_settle_coin() {
    let (stage, mut cancels) = (stage(), Cancels::default());
    stage.slow("instrument", NEVER);
    stage.rest(&[order("spot:BTCUSDT", "1"), order(OPTION, "2")]);
    assert_eq!(round(&mut cancels, &stage, &EVERYTHING).await, [SPOT, OPTIONS]);
    assert_eq!(stage.now(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_seen_is_cancelled_without_waiting_for_what_can() {
    let (stage, mut cancels) = (stage(), Cancels::default());
    stage.slow("instrument", NEVER);
    stage.rest(&[order("inverse:BTCUSD", "1")]);
    stage.hide_orders(&[Category::Spot]);
    let orders = resting(&*stage.venue, &EVERYTHING).await.0;
    cancels.round(&stage.desk, &orders, &EVERYTHING, &yes).await;
    let sent: Vec<(u128, String)> = stage
        .sent_in_full()
        .into_iter()
        .map(|sent| (sent.at, sent.what))
        .collect();
    let inverse = "cancel all orders in inverse:BTCUSD".to_owned();
    assert_eq!(sent, [(0, SPOT.to_owned()), (1_000, inverse)]);
}

#[tokio::test(start_paused = true)]
async fn a_cancel_without_an_answer_holds_no_other_up() {
    let (stage, mut cancels) = (stage(), Cancels::default());
    stage.answer(|_| None);
    stage.rest(&[order("linear:BTCUSDT", "1"), order("spot:BTCUSDT", "2")]);
    let orders = resting(&*stage.venue, &EVERYTHING).await.0;
    cancels.round(&stage.desk, &orders, &EVERYTHING, &yes).await;
    let times: Vec<u128> = stage.sent_in_full().iter().map(|sent| sent.at).collect();
    assert_eq!(times, [0, 0]);
    assert_eq!(stage.now(), 5_000);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_cancelled_once_it_no_longer_stands() {
    let (stage, mut cancels) = (stage(), Cancels::default());
    stage.rest(&[order("linear:BTCUSDT", "1")]);
    stage.hide_orders(&[Category::Spot]);
    let orders = resting(&*stage.venue, &EVERYTHING).await.0;
    cancels.round(&stage.desk, &orders, &EVERYTHING, &no).await;
    assert_eq!(stage.sent(), none());
}

#[tokio::test(start_paused = true)]
async fn an_order_without_any_id_is_left_to_the_wide_cancels() {
    let (stage, mut cancels) = (stage(), Cancels::default());
    let nameless = RestingOrder {
        venue_id: None,
        ..order("linear:BTCUSDT", "1")
    };
    stage.rest(&[nameless]);
    for pause in [250, 500, 1_000] {
        assert_eq!(round(&mut cancels, &stage, &EVERYTHING).await, [USDT]);
        wait(pause).await;
    }
}
