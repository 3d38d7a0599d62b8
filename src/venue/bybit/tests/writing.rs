//! Writes: what is sent, that it is sent once, and what its answer means.

use std::time::{Duration, Instant};

use serde_json::json;

use super::stub::{Answer, Stub, code, ok, with_status};
use super::*;
use crate::domain::exit::Exit;
use crate::domain::order::{
    AmendOrder, CancelOrder, CancelScope, Level, OrderKey, SetLeverage, SetTradingStop, Trigger, Write,
};
use crate::domain::secret::Secret;
use crate::domain::symbol::Category;
use crate::venue::bybit::Credentials;
use crate::venue::{Outcome, Rejection, Venue};

const CREATE: &str = "/v5/order/create";
pub(super) const CANCEL: &str = "/v5/order/cancel";
pub(super) const CANCEL_ALL: &str = "/v5/order/cancel-all";

async fn placed(venue: &BybitVenue) -> Outcome {
    let order = Write::Place(limit_buy());
    venue.transmit_unless(&|| None, &order, &client_id()).await
}

pub(super) fn rejection(outcome: Outcome) -> Rejection {
    match outcome {
        Outcome::Rejected(rejection) => rejection,
        other => panic!("not rejected: {other:?}"),
    }
}

pub(super) fn unknown(outcome: Outcome) -> String {
    match outcome {
        Outcome::Unknown(why) => why,
        other => panic!("not unknown: {other:?}"),
    }
}

pub(super) fn not_sent(outcome: Outcome) -> String {
    match outcome {
        Outcome::NotSent(why) => why,
        other => panic!("sent: {other:?}"),
    }
}

#[tokio::test]
async fn the_bytes_that_are_signed_are_the_bytes_that_are_sent() {
    let stub = Stub::always(ok(r#"{"orderId":"9d0b","orderLinkId":"mandated-0001"}"#)).await;
    let outcome = placed(&venue(&stub)).await;
    let Outcome::Accepted(accepted) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(accepted.venue_id.as_deref(), Some("9d0b"));
    assert!(!accepted.unchanged);
    assert_eq!(
        accepted.response,
        json!({"orderId": "9d0b", "orderLinkId": "mandated-0001"})
    );

    let seen = stub.only(CREATE);
    assert_eq!(seen.method, "POST");
    assert_eq!(
        seen.body,
        r#"{"category":"linear","symbol":"BTCUSDT","side":"Buy","orderType":"Limit","qty":"0.01","price":"65000.5","timeInForce":"GTC","positionIdx":0,"orderLinkId":"mandated-0001"}"#
    );
    assert_eq!(seen.header("content-type"), Some("application/json"));
    assert_eq!(seen.header("x-bapi-api-key"), Some(KEY));
    assert_eq!(seen.header("x-bapi-recv-window"), Some("5000"));
    assert_eq!(seen.header("referer"), None);
    assert_eq!(
        seen.header("user-agent"),
        Some(concat!("mandated/", env!("CARGO_PKG_VERSION")))
    );
    let timestamp = seen.header("x-bapi-timestamp").unwrap().parse().unwrap();
    let credentials = Credentials::new(KEY, Secret::new(SECRET.to_owned())).unwrap();
    let expected = credentials.sign_request(timestamp, 5_000, &seen.body).unwrap();
    assert_eq!(seen.header("x-bapi-sign"), Some(expected.as_str()));
}

#[tokio::test]
async fn a_key_that_is_part_of_our_id_does_not_hide_it() {
    let stub = Stub::always(ok(r#"{"orderId":"9d0b","orderLinkId":"mandated-0001"}"#)).await;
    let key = Credentials::new("mandated", Secret::new(SECRET.to_owned())).unwrap();
    let venue = venue_with(&stub, |config| config.credentials = Some(key));
    assert!(matches!(placed(&venue).await, Outcome::Accepted(_)));
}

/// Every way in which an answer can fail, and that none of them makes a second create.
#[tokio::test]
async fn a_create_is_sent_once_whatever_comes_back() {
    let cases: Vec<(Answer, &str)> = vec![
        (Answer::Silence, "Unknown"),
        (Answer::Reset, "Unknown"),
        (Answer::CutShort(r#"{"retCode":0,"resu"#.to_owned()), "Unknown"),
        (with_status(502, "<html>502 Bad Gateway</html>"), "Unknown"),
        (with_status(503, r#"{"retCode":110007,"retMsg":"x"}"#), "Unknown"),
        (with_status(429, ""), "Unknown"),
        (with_status(200, "<html>"), "Unknown"),
        (
            with_status(200, r#"{"retCode":0,"retMsg":"OK","result":{"orderId":"1""#),
            "Unknown",
        ),
        (with_status(200, ""), "Unknown"),
        (
            with_status(404, r#"{"retCode":0,"retMsg":"OK","result":{}}"#),
            "Unknown",
        ),
        (
            with_status(307, "").with_header("Location", "/v5/order/create-again"),
            "Unknown",
        ),
        (code(10000, "Server Timeout"), "Unknown"),
        (code(10016, "System error"), "Unknown"),
        (code(170007, "Timeout"), "Unknown"),
        (code(123_456, "never heard of"), "Unknown"),
        (code(110001, "order not exists"), "Unknown"),
        (ok(r#"{"orderId":"1","orderLinkId":"somebody-elses"}"#), "Unknown"),
        (ok("{}"), "Unknown"),
        (ok("null"), "Unknown"),
        (ok(r#"{"orderId":"","orderLinkId":"mandated-0001"}"#), "Unknown"),
        (code(10002, "timestamp"), "Rejected"),
        (code(10004, "error sign! origin_string[1]"), "Rejected"),
        (code(10006, "Too many visits!"), "Rejected"),
        (code(110007, "ab not enough for new order"), "Rejected"),
        (code(110043, "leverage not modified"), "Rejected"),
        (code(110072, "OrderLinkedID is duplicate"), "Duplicate"),
        (code(170141, "Duplicate clientOrderId."), "Duplicate"),
        (with_status(400, ""), "Rejected"),
        (with_status(401, ""), "Rejected"),
        (with_status(403, "<html>not in your country</html>"), "Rejected"),
        (with_status(404, "404 page not found"), "Rejected"),
        (with_status(403, "403, access too frequent"), "Rejected"),
        (with_status(403, r#"{"retCode":10016,"retMsg":"x"}"#), "Unknown"),
    ];
    for (answer, expected) in cases {
        let stub = Stub::always(answer.clone()).await;
        let venue = venue_with(&stub, |config| config.timeout = Duration::from_millis(600));
        let outcome = placed(&venue).await;
        assert!(
            format!("{outcome:?}").starts_with(expected),
            "{answer:?} gave {outcome:?}, not {expected}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(stub.seen_at(CREATE).len(), 1, "{answer:?}");
        assert!(stub.seen_at("/v5/order/create-again").is_empty());
    }
}

#[tokio::test]
async fn an_idle_connection_that_the_server_closed_makes_no_second_create() {
    let stub = Stub::start(|seen| match seen.path() {
        CREATE => ok("{}"),
        _ => Answer::ThenClose(
            r#"{"retCode":0,"retMsg":"","result":{"category":"linear","list":[]}}"#.to_owned(),
        ),
    })
    .await;
    let venue = venue(&stub);
    for _ in 0..8 {
        let _ = venue.fetch_quote(&id("linear:BTCUSDT")).await;
        let before = stub.seen_at(CREATE).len();
        let outcome = placed(&venue).await;
        let sent = stub.seen_at(CREATE).len() - before;
        match outcome {
            Outcome::Accepted(_) => assert_eq!(sent, 1),
            Outcome::Unknown(_) => assert!(sent <= 1, "{sent}"),
            other => panic!("{other:?}"),
        }
        tokio::time::sleep(Duration::from_millis(110)).await;
    }
}

#[tokio::test]
async fn a_refused_connection_leaves_the_order_unsent() {
    let mut stub = Stub::always(ok("{}")).await;
    let venue = venue(&stub);
    venue.exchange_ms().await.unwrap();
    stub.stop().await;
    let why = not_sent(placed(&venue).await);
    assert!(why.to_lowercase().contains("refused"), "{why}");
    assert!(stub.seen_at(CREATE).is_empty());
}

#[tokio::test]
async fn without_a_key_nothing_is_sent() {
    let stub = Stub::always(ok("{}")).await;
    let venue = venue_with(&stub, |config| config.credentials = None);
    let why = not_sent(placed(&venue).await);
    assert!(why.contains("BYBIT_API_KEY"), "{why}");
    assert!(stub.seen().is_empty());
}

#[tokio::test]
async fn a_clock_that_is_ten_seconds_off_sends_nothing_and_says_what_to_do() {
    let stub = Stub::always(ok("{}")).await;
    stub.set_clock_ahead_ms(10_000);
    let why = not_sent(placed(&venue(&stub)).await);
    assert!(why.contains("behind the exchange's"), "{why}");
    assert!(why.contains("set this machine's clock right"), "{why}");
    assert!(stub.seen_at(CREATE).is_empty());
}

#[tokio::test]
async fn a_clock_within_the_window_is_corrected_for() {
    let stub = Stub::always(ok(r#"{"orderId":"1"}"#)).await;
    stub.set_clock_ahead_ms(-3_000);
    let venue = venue(&stub);
    assert!(matches!(placed(&venue).await, Outcome::Accepted(_)));
    let sent: i64 = stub
        .only(CREATE)
        .header("x-bapi-timestamp")
        .unwrap()
        .parse()
        .unwrap();
    let exchange = venue.exchange_ms().await.unwrap();
    let local = super::super::clock::Moment::now().system_ms;
    assert!(
        (2_500..3_500).contains(&(local - exchange)),
        "{}",
        local - exchange
    );
    assert!(sent <= exchange && exchange - sent < 1_000, "{sent} {exchange}");
}

#[tokio::test]
async fn a_clock_that_cannot_be_measured_sends_nothing() {
    let mut stub = Stub::always(ok("{}")).await;
    let venue = venue_with(&stub, |config| config.timeout = Duration::from_millis(500));
    stub.stop().await;
    not_sent(placed(&venue).await);
    assert!(stub.seen().is_empty());
}

#[tokio::test]
async fn a_refused_timestamp_measures_the_clock_again_and_names_the_offset() {
    let stub = Stub::always(code(10002, "invalid request, please check your server timestamp")).await;
    let venue = venue(&stub);
    venue.exchange_ms().await.unwrap();
    stub.set_clock_ahead_ms(2_000);
    let rejection = rejection(placed(&venue).await);
    assert_eq!(rejection.code, 10002);
    let words = rejection.message;
    assert!(words.contains("ms behind the exchange's"), "{words}");
    assert!(words.contains("nothing was done"), "{words}");
    assert_eq!(stub.seen_at(CREATE).len(), 1);
    assert_eq!(stub.seen_at("/v5/market/time").len(), 2);
    // The next write is signed with what was learned.
    let exchange = venue.exchange_ms().await.unwrap();
    let local = super::super::clock::Moment::now().system_ms;
    assert!((1_500..2_500).contains(&(exchange - local)));
}

#[tokio::test]
async fn an_echoed_signing_string_shows_neither_key_nor_secret_nor_signature() {
    let stub = Stub::start(|seen| {
        let header = |name| seen.header(name).unwrap_or_default().to_owned();
        let (key, sign) = (header("x-bapi-api-key"), header("x-bapi-sign"));
        code(
            10004,
            &format!("error sign! sign[{sign}] key[{key}] {SECRET} origin_string[170{key}5000x]"),
        )
    })
    .await;
    let rejection = rejection(placed(&venue(&stub)).await);
    let sign = stub.only(CREATE).header("x-bapi-sign").unwrap().to_owned();
    for secret in [KEY, SECRET, sign.as_str()] {
        assert!(!rejection.message.contains(secret), "{}", rejection.message);
    }
    assert!(
        rejection
            .message
            .starts_with("error sign! sign[[redacted]] key[[redacted]] [redacted] origin_string[redacted]"),
        "{}",
        rejection.message
    );
}

#[tokio::test]
async fn a_final_target_is_rejected_as_final_and_no_change_is_accepted_as_unchanged() {
    let stub = Stub::always(code(110001, "order not exists or too late to cancel")).await;
    let cancel = Write::Cancel(CancelOrder {
        instrument: id("linear:BTCUSDT"),
        key: OrderKey::Venue("abc".to_owned()),
    });
    let rejection = rejection(venue(&stub).transmit(&cancel, &client_id()).await);
    assert!(rejection.target_final);
    assert_eq!(
        stub.only(CANCEL).body,
        r#"{"category":"linear","symbol":"BTCUSDT","orderId":"abc"}"#
    );

    let stub = Stub::always(code(110043, "leverage not modified")).await;
    let set = Write::SetLeverage(SetLeverage {
        instrument: id("linear:BTCUSDT"),
        leverage: "2.50".parse().unwrap(),
    });
    let outcome = venue(&stub).transmit(&set, &client_id()).await;
    assert!(matches!(outcome, Outcome::Accepted(accepted) if accepted.unchanged));
    assert_eq!(
        stub.only("/v5/position/set-leverage").body,
        r#"{"category":"linear","symbol":"BTCUSDT","buyLeverage":"2.5","sellLeverage":"2.5"}"#
    );
}

#[tokio::test]
async fn amends_and_trading_stops_say_only_what_changes() {
    let stub = Stub::always(ok(r#"{"orderId":"1","orderLinkId":""}"#)).await;
    let venue = venue(&stub);
    let amend = Write::Amend(AmendOrder {
        instrument: id("inverse:BTCUSD"),
        key: OrderKey::Client(client_id()),
        new_qty: Some(qty("300")),
        price: None,
        trigger_price: None,
        take_profit: Some(Level::Remove),
        stop_loss: Some(Level::At(price("61000.10"))),
    });
    assert!(matches!(
        venue.transmit(&amend, &client_id()).await,
        Outcome::Accepted(_)
    ));
    assert_eq!(
        stub.only("/v5/order/amend").body,
        r#"{"category":"inverse","symbol":"BTCUSD","orderLinkId":"mandated-0001","qty":"300","takeProfit":"0","stopLoss":"61000.1"}"#
    );
    let stop = Write::SetTradingStop(SetTradingStop {
        instrument: id("linear:BTCUSDT"),
        position_idx: PositionIdx::HedgeShort,
        take_profit: None,
        stop_loss: None,
        trailing_stop: Some(Level::At(price("120"))),
    });
    assert!(matches!(
        venue.transmit(&stop, &client_id()).await,
        Outcome::Accepted(_)
    ));
    assert_eq!(
        stub.only("/v5/position/trading-stop").body,
        r#"{"category":"linear","symbol":"BTCUSDT","tpslMode":"Full","positionIdx":2,"trailingStop":"120"}"#
    );
}

#[tokio::test]
async fn an_order_that_would_change_its_meaning_on_the_wire_is_not_sent() {
    let stub = Stub::always(ok("{}")).await;
    let venue = venue(&stub);
    let spot = |change: fn(&mut PlaceOrder)| {
        let mut order = limit_buy();
        order.instrument = id("spot:BTCUSDT");
        change(&mut order);
        order
    };
    let mut option = limit_buy();
    option.instrument = id("option:BTC-27MAR26-70000-P-USDT");
    let mut inverse_in_coin = limit_buy();
    inverse_in_coin.instrument = id("inverse:BTCUSD");
    let mut no_direction = limit_buy();
    no_direction.trigger = Some(Trigger {
        price: price("66000"),
        direction: None,
    });
    let orders = [
        option,
        inverse_in_coin,
        no_direction,
        spot(|order| order.reduce_only = true),
        spot(|order| order.size = Size::Quote(qty("200"))),
        spot(|order| order.size = Size::UsdContracts(qty("200"))),
    ];
    for order in orders {
        not_sent(venue.transmit(&Write::Place(order), &client_id()).await);
    }
    assert!(stub.seen().is_empty());
}

#[tokio::test]
async fn after_a_ban_nothing_at_all_leaves() {
    let stub = Stub::always(with_status(403, "403, access too frequent")).await;
    let venue = venue(&stub);
    rejection(placed(&venue).await);
    let before = stub.seen().len();
    let why = not_sent(placed(&venue).await);
    assert!(why.contains("held back for 59"), "{why}");
    let error = venue
        .fetch_quote(&id("linear:BTCUSDT"))
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("held back"), "{error}");
    assert_eq!(stub.seen().len(), before);
}

#[tokio::test]
async fn a_budget_that_is_used_up_for_long_leaves_a_write_unsent_and_a_short_wait_is_waited() {
    let stub = Stub::start(|_| {
        ok(r#"{"orderId":"1"}"#)
            .with_header("X-Bapi-Limit", 1)
            .with_header("X-Bapi-Limit-Status", 1)
    })
    .await;
    let venue = venue(&stub);
    assert!(matches!(placed(&venue).await, Outcome::Accepted(_)));
    let start = Instant::now();
    assert!(matches!(placed(&venue).await, Outcome::Accepted(_)));
    assert!(
        start.elapsed() > Duration::from_millis(800),
        "{:?}",
        start.elapsed()
    );

    let reset = super::super::clock::Moment::now().system_ms + 30_000;
    let stub = Stub::always(
        code(10006, "Too many visits!")
            .with_header("X-Bapi-Limit-Status", 0)
            .with_header("X-Bapi-Limit-Reset-Timestamp", reset),
    )
    .await;
    let venue = super::venue(&stub);
    assert_eq!(rejection(placed(&venue).await).code, 10006);
    let why = not_sent(placed(&venue).await);
    assert!(why.contains("used up"), "{why}");
    assert_eq!(stub.seen_at(CREATE).len(), 1);
}

#[tokio::test]
async fn a_reset_that_is_no_time_does_not_lose_the_answer() {
    for reset in [i64::MIN, -1, 0, i64::MAX] {
        let stub = Stub::always(
            ok(r#"{"orderId":"1"}"#)
                .with_header("X-Bapi-Limit-Status", 0)
                .with_header("X-Bapi-Limit-Reset-Timestamp", reset),
        )
        .await;
        let outcome = placed(&venue(&stub)).await;
        assert!(
            matches!(outcome, Outcome::Accepted(_)),
            "{reset} gave {outcome:?}"
        );
    }
}

#[tokio::test]
async fn an_exit_that_nobody_wants_any_more_is_not_sent() {
    let stub = Stub::always(ok("{}")).await;
    let venue = venue(&stub);
    for scope in [Category::Spot, Category::Option].map(CancelScope::Everything) {
        let exit = Exit::cancel_all(scope);
        let outcome = venue
            .exit(&exit, &client_id(), &|| Some("lifted".to_owned()))
            .await;
        assert!(not_sent(outcome).contains("lifted"));
    }
    assert_eq!(stub.seen_at(CANCEL_ALL).len(), 0);
}
