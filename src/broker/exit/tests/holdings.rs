//! Which coins of the wallet are sold, which are left and why, and of which nothing can be told.

use std::time::Duration;

use super::stage::{NEVER, Stage, coin, down, id, instrument, no_route, passing, qty, rejected, wait, yes};
use crate::broker::exit::closes::Closes;
use crate::broker::exit::holdings::Holdings;
use crate::broker::exit::leg::Leg;
use crate::broker::exit::{Left, SpotRule};
use crate::domain::account::{Instrument, Quote};
use crate::domain::exit::Exit;
use crate::domain::mandate::Mandate;
use crate::domain::money::Price;
use crate::domain::order::{PositionIdx, Write};
use crate::domain::policy::Policy;
use crate::venue::Outcome;

fn mandate() -> Mandate {
    Mandate::parse(include_str!("../../../../examples/mandate.json")).unwrap()
}

fn rule() -> SpotRule {
    SpotRule::new(mandate(), Ok(Policy::default()))
}

/// A pair of SOL whose orders are worth 5 at least and cost 100 a coin, and two SOL.
fn stage() -> Stage {
    let stage = Stage::set();
    stage.list(Instrument {
        min_notional: Some(qty("5")),
        ..instrument("spot:SOLUSDT", "SOL", "USDT")
    });
    let quote = Quote {
        last: Price::parse("100").unwrap(),
        bid: None,
        ask: None,
        mark: None,
    };
    stage.script().quotes.insert(id("spot:SOLUSDT"), quote);
    stage.script().wallet = Ok(vec![coin("SOL", "2")]);
    stage
}

async fn read(stage: &Stage, rule: &SpotRule) -> Holdings {
    Holdings::read(&stage.desk, rule, &Closes::default())
        .await
        .unwrap()
}

/// What is to be sold, as `quantity pair`.
fn sales(holdings: &Holdings) -> Vec<String> {
    let words = |(leg, exit): &(Leg, Exit)| match exit.write() {
        Write::Place(order) => format!("{} {}", order.size.qty(), leg.instrument),
        other => panic!("{other:?}"),
    };
    holdings.to_sell.iter().map(words).collect()
}

/// Why each coin is left.
fn reasons(holdings: &Holdings) -> Vec<&str> {
    holdings.left.iter().map(|left| left.why.as_str()).collect()
}

async fn why_not(rule: &SpotRule) -> Option<String> {
    let holdings = read(&stage(), rule).await;
    let is_sold = !holdings.to_sell.is_empty();
    assert_eq!(is_sold, holdings.left.is_empty());
    holdings.left.first().map(|left| left.why.clone())
}

#[tokio::test(start_paused = true)]
async fn every_coin_but_dollars_is_sold_where_something_of_it_is_held() {
    let stage = stage();
    stage.list(instrument("spot:BTCUSDT", "BTC", "USDT"));
    stage.script().wallet = Ok(vec![
        coin("USDT", "100"),
        coin("USDC", "100"),
        coin("SOL", "2.00079"),
        coin("ETH", "0"),
        coin("XRP", "-3"),
        coin("BTC", "0.5"),
    ]);
    let holdings = read(&stage, &rule()).await;
    assert_eq!(sales(&holdings), ["2 spot:SOLUSDT", "0.5 spot:BTCUSDT"]);
    assert_eq!((holdings.left, holdings.unread), (Vec::new(), Vec::new()));
    assert_eq!(holdings.to_sell[0].0.idx, PositionIdx::OneWay);
}

#[tokio::test(start_paused = true)]
async fn what_is_left_is_named_with_its_amount() {
    let stage = Stage::set();
    stage.script().wallet = Ok(vec![coin("SOL", "2.50")]);
    let left = Left {
        coin: "SOL".to_owned(),
        amount: "2.5".to_owned(),
        why: "there is no pair to sell it for dollars".to_owned(),
        refused: false,
    };
    assert_eq!(read(&stage, &rule()).await.left, [left]);
}

#[tokio::test(start_paused = true)]
async fn a_coin_without_a_pair_in_usdt_is_sold_for_usdc() {
    let stage = Stage::set();
    stage.list(instrument("spot:SOLUSDC", "SOL", "USDC"));
    stage.script().wallet = Ok(vec![coin("SOL", "2")]);
    assert_eq!(sales(&read(&stage, &rule()).await), ["2 spot:SOLUSDC"]);
    assert_eq!(
        stage.asked(),
        ["wallet", "instrument spot:SOLUSDT", "instrument spot:SOLUSDC"]
    );
    stage.list(instrument("spot:SOLUSDT", "SOL", "USDT"));
    assert_eq!(sales(&read(&stage, &rule()).await), ["2 spot:SOLUSDT"]);
}

#[tokio::test(start_paused = true)]
async fn a_coin_is_not_sold_that_the_mandate_excludes() {
    let mut mandate = mandate();
    assert_eq!(why_not(&rule()).await, None);
    mandate.universe.exclude_symbols = vec!["SOL".to_owned()];
    let why = why_not(&SpotRule::new(mandate, Ok(Policy::default()))).await;
    assert_eq!(why.as_deref(), Some("SOLUSDT is on the mandate's exclude list"));
}

#[tokio::test(start_paused = true)]
async fn no_coin_is_sold_where_the_mandate_names_no_crypto_in_both_of_its_lists() {
    let stocks = || vec!["us_equity".to_owned()];
    let both = || vec!["us_equity".to_owned(), "crypto".to_owned()];
    for (classes, instruments, sold) in [
        (both(), both(), true),
        (stocks(), both(), false),
        (both(), stocks(), false),
        (stocks(), stocks(), false),
        (Vec::new(), both(), false),
    ] {
        let mut mandate = mandate();
        mandate.universe.asset_classes = classes;
        mandate.hard_caps.allowed_instruments = instruments;
        let why = why_not(&SpotRule::new(mandate, Ok(Policy::default()))).await;
        let expected = (!sold).then_some("crypto is not in the mandate's universe");
        assert_eq!(why.as_deref(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn no_coin_is_sold_that_the_policy_does_not_count_or_list_or_when_it_cannot_be_read() {
    let unlisted = "policy.toml does not list it";
    let read = |text: &str| Policy::parse(text).map_err(|error| error.to_string());
    for (policy, expected) in [
        (read("allowed_symbols = [\"SOLUSDT\"]"), None),
        (read("allowed_categories = [\"spot\"]"), None),
        (read("allowed_symbols = [\"BTCUSDT\"]"), Some(unlisted)),
        (read("allowed_categories = [\"linear\"]"), Some(unlisted)),
        (
            read("count_spot_holdings = false"),
            Some("policy.toml says that coins held are no exposure"),
        ),
        (
            Err("policy.toml is not understood".to_owned()),
            Some("policy.toml is not understood"),
        ),
    ] {
        let why = why_not(&SpotRule::new(mandate(), policy)).await;
        assert_eq!(why.as_deref(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_worth_less_than_the_smallest_order_is_left() {
    let dust = "it is worth less than the smallest order";
    for (amount, expected) in [("0.049", Some(dust)), ("0.05", None), ("0.051", None)] {
        let stage = stage();
        stage.script().wallet = Ok(vec![coin("SOL", amount)]);
        let holdings = read(&stage, &rule()).await;
        assert_eq!(reasons(&holdings).first().copied(), expected, "{amount}");
        assert_eq!(holdings.to_sell.is_empty(), expected.is_some());
    }
    // Less than one step.
    let stage = stage();
    stage.script().wallet = Ok(vec![coin("SOL", "0.0009")]);
    assert_eq!(
        reasons(&read(&stage, &rule()).await),
        ["it is less than the smallest order"]
    );
}

#[tokio::test(start_paused = true)]
async fn without_a_price_or_a_smallest_order_the_sale_is_tried() {
    let stage = stage();
    stage.script().wallet = Ok(vec![coin("SOL", "0.049")]);
    stage.slow("quote", NEVER);
    assert_eq!(sales(&read(&stage, &rule()).await), ["0.049 spot:SOLUSDT"]);
    assert_eq!(stage.now(), 5_000);
    stage.slow("quote", Duration::ZERO);
    stage.script().quotes.clear();
    assert_eq!(sales(&read(&stage, &rule()).await), ["0.049 spot:SOLUSDT"]);
    stage.list(instrument("spot:SOLUSDT", "SOL", "USDT"));
    stage.asked();
    assert_eq!(sales(&read(&stage, &rule()).await), ["0.049 spot:SOLUSDT"]);
    assert_eq!(stage.asked(), ["wallet", "instrument spot:SOLUSDT"]);
}

/// Tries to sell for so long, a try every 5 s; the wallet as it is seen at the end.
async fn try_for(stage: &Stage, closes: &mut Closes, seconds: u64) -> Holdings {
    for _ in 0..seconds / 5 {
        let holdings = Holdings::read(&stage.desk, &rule(), closes).await.unwrap();
        closes.send(&stage.desk, holdings.to_sell, Vec::new(), &yes).await;
        wait(5_000).await;
    }
    Holdings::read(&stage.desk, &rule(), closes).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_coin_whose_sale_is_refused_for_a_minute_is_left_as_refused() {
    let stage = stage();
    let mut closes = Closes::new("halt-1");
    stage.answer(|_| Some(rejected("insufficient balance")));
    let holdings = try_for(&stage, &mut closes, 55).await;
    assert_eq!(sales(&holdings), ["2 spot:SOLUSDT"]);
    assert_eq!(stage.sent().len(), 11);
    let holdings = try_for(&stage, &mut closes, 5).await;
    let left = Left {
        coin: "SOL".to_owned(),
        amount: "2".to_owned(),
        why: "the exchange refused it 12 times: insufficient balance".to_owned(),
        refused: true,
    };
    assert_eq!((sales(&holdings), holdings.left), (Vec::new(), vec![left]));
    assert_eq!(stage.sent().len(), 1);
}

/// A refusal at the first second, then no answer that lasts for as long.
async fn refused_once(answer: impl FnMut(&Write) -> Option<Outcome> + Send + 'static) -> (Stage, Closes) {
    let (stage, mut closes) = (stage(), Closes::new("halt-1"));
    stage.answer(|_| Some(rejected("insufficient balance")));
    try_for(&stage, &mut closes, 5).await;
    stage.answer(answer);
    (stage, closes)
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_another_kind_begins_the_minute_of_refusals_anew() {
    let lost = Outcome::Unknown("reset".to_owned());
    for (answer, times) in [(no_route(), 13), (passing("too many requests"), 14), (lost, 13)] {
        let mut answers = vec![answer];
        let next = move |_: &Write| answers.pop().or_else(|| Some(rejected("insufficient balance")));
        let (stage, mut closes) = refused_once(next).await;
        try_for(&stage, &mut closes, 5).await;
        // The one of which nobody knows is waited for.
        for _ in 0..30 {
            if closes.pending() == 0 {
                break;
            }
            wait(5_000).await;
            closes.look_up(&stage.desk).await;
        }
        assert_eq!(closes.pending(), 0);
        let holdings = try_for(&stage, &mut closes, 55).await;
        assert_eq!(sales(&holdings), ["2 spot:SOLUSDT"]);
        let holdings = try_for(&stage, &mut closes, 5).await;
        assert_eq!(
            reasons(&holdings),
            [format!(
                "the exchange refused it {times} times: insufficient balance"
            )]
        );
    }
}

#[tokio::test(start_paused = true)]
async fn refusals_before_an_answer_of_another_kind_do_not_count_among_the_five() {
    let (stage, mut closes) = (stage(), Closes::new("halt-1"));
    stage.answer(|_| Some(rejected("insufficient balance")));
    try_for(&stage, &mut closes, 20).await;
    stage.answer(|_| Some(no_route()));
    let holdings = try_for(&stage, &mut closes, 300).await;
    assert_eq!(sales(&holdings), ["2 spot:SOLUSDT"]);
    stage.answer(|_| Some(rejected("insufficient balance")));
    // A minute and four refusals after it.
    for seconds in [5, 5, 5, 50] {
        let holdings = try_for(&stage, &mut closes, 5).await;
        assert_eq!(sales(&holdings), ["2 spot:SOLUSDT"]);
        wait((seconds - 5) * 1_000).await;
    }
    assert_eq!(sales(&try_for(&stage, &mut closes, 0).await), ["2 spot:SOLUSDT"]);
    let holdings = try_for(&stage, &mut closes, 5).await;
    assert_eq!(
        reasons(&holdings),
        ["the exchange refused it 9 times: insufficient balance"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_sale_that_does_not_leave_or_that_is_refused_for_now_is_tried_for_ever() {
    for answer in [no_route(), passing("too many requests")] {
        let stage = stage();
        let mut closes = Closes::new("halt-1");
        stage.answer(move |_| Some(answer.clone()));
        let holdings = try_for(&stage, &mut closes, 1_000).await;
        assert_eq!(stage.sent().len(), 200);
        assert_eq!(
            (sales(&holdings), holdings.left),
            (vec!["2 spot:SOLUSDT".into()], Vec::new())
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_wallet_that_cannot_be_read_is_not_taken_for_empty() {
    let stage = stage();
    let closes = Closes::default();
    stage.script().wallet = Err(down());
    let why = Holdings::read(&stage.desk, &rule(), &closes).await.unwrap_err();
    assert_eq!(why, "the wallet: no answer from the exchange: it is down");
    stage.slow("wallet", NEVER);
    let why = Holdings::read(&stage.desk, &rule(), &closes).await.unwrap_err();
    assert_eq!(why, "the wallet: no answer in time");
    assert_eq!(stage.now(), 5_000);
}

#[tokio::test(start_paused = true)]
async fn one_coin_of_which_nothing_can_be_told_keeps_no_other_from_being_sold() {
    let stage = stage();
    stage.script().wallet = Ok(vec![coin("BTC", "1"), coin("SOL", "2")]);
    let bitcoin = id("spot:BTCUSDT");
    stage.script().instruments.insert(bitcoin, Err(down()));
    let holdings = read(&stage, &rule()).await;
    assert_eq!(sales(&holdings), ["2 spot:SOLUSDT"]);
    assert_eq!(
        holdings.unread,
        ["spot:BTCUSDT: no answer from the exchange: it is down"]
    );
    assert_eq!(holdings.left, []);
    stage.slow("instrument", NEVER);
    let holdings = read(&stage, &rule()).await;
    assert_eq!(
        holdings.unread,
        [
            "spot:BTCUSDT: no answer in time",
            "spot:SOLUSDT: no answer in time"
        ]
    );
    assert_eq!(stage.now(), 5_000);
}
