//! One GET: signed as sent, repeated while it is worth it, and complete over its pages.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use super::stub::{Answer, Seen, Stub, code, ok, with_status};
use super::*;
use crate::domain::secret::Secret;
use crate::domain::symbol::Category;
use crate::venue::bybit::Credentials;
use crate::venue::bybit::limits::{Bucket, Rank};
use crate::venue::{ReadRequest, Venue, VenueError};

const POSITIONS: &str = "/v5/position/list";
const WALLET: &str = "/v5/account/wallet-balance";

/// Gives the answers one after the other, the last one for ever.
async fn in_turn(answers: Vec<Answer>) -> Stub {
    let next = AtomicUsize::new(0);
    Stub::start(move |_| {
        let at = next.fetch_add(1, Ordering::SeqCst).min(answers.len() - 1);
        answers[at].clone()
    })
    .await
}

fn read(path: &'static str, private: bool, query: &[(&'static str, &str)]) -> ReadRequest {
    ReadRequest {
        path,
        private,
        query: query
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect(),
    }
}

fn signature_of(seen: &Seen) -> String {
    let timestamp = seen.header("x-bapi-timestamp").unwrap().parse().unwrap();
    let credentials = Credentials::new(KEY, Secret::new(SECRET.to_owned())).unwrap();
    credentials.sign_request(timestamp, 5_000, seen.query()).unwrap()
}

#[tokio::test]
async fn a_query_is_encoded_once_and_signed_as_it_is_sent() {
    let stub = Stub::always(ok(r#"{"b":1,"a":{"d":"x","c":[]}}"#)).await;
    let request = read(
        WALLET,
        true,
        &[
            ("coin", "BTC,USDT"),
            ("note", "a b+é"),
            ("empty", ""),
            ("cursor", "132766%3A2%2C132766%3A2"),
        ],
    );
    let value = venue(&stub).read(request).await.unwrap();
    assert_eq!(value.to_string(), r#"{"b":1,"a":{"d":"x","c":[]}}"#);

    let seen = stub.only(WALLET);
    assert_eq!(seen.method, "GET");
    assert_eq!(
        seen.query(),
        "coin=BTC%2CUSDT&note=a%20b%2B%C3%A9&cursor=132766%3A2%2C132766%3A2"
    );
    assert_eq!(seen.header("x-bapi-sign"), Some(signature_of(&seen).as_str()));
    assert_eq!(seen.body, "");
    assert_eq!(seen.header("content-type"), None);
    assert_eq!(seen.header("content-length"), None);
}

#[tokio::test]
async fn a_public_read_carries_no_key_and_needs_none() {
    let stub = Stub::always(ok("[]")).await;
    let venue = venue_with(&stub, |config| config.credentials = None);
    venue.read(read("/v5/market/tickers", false, &[])).await.unwrap();
    let seen = stub.only("/v5/market/tickers");
    assert_eq!(seen.target, "/v5/market/tickers");
    assert_eq!(seen.header("x-bapi-api-key"), None);
    let refused = venue.read(read(WALLET, true, &[])).await.unwrap_err();
    assert_eq!(refused, VenueError::NoCredentials);
    assert_eq!(stub.seen().len(), 1);
}

#[tokio::test]
async fn a_read_is_tried_again_after_passing_trouble() {
    for trouble in [
        with_status(502, "<html>502</html>"),
        with_status(429, ""),
        with_status(200, "<html>maintenance</html>"),
        code(10000, "Server Timeout"),
        code(10016, "System error"),
        Answer::Reset,
        Answer::CutShort(r#"{"retCode":0,"#.to_owned()),
    ] {
        let stub = in_turn(vec![trouble.clone(), ok(r#"{"fine":true}"#)]).await;
        let value = venue(&stub).read(read(WALLET, true, &[])).await;
        assert_eq!(value, Ok(json!({"fine": true})), "{trouble:?}");
        assert_eq!(stub.seen_at(WALLET).len(), 2, "{trouble:?}");
    }
}

#[tokio::test]
async fn a_silent_server_is_asked_again_and_then_given_up_in_time() {
    let stub = Stub::always(Answer::Silence).await;
    let venue = venue_with(&stub, |config| config.timeout = Duration::from_millis(800));
    let start = Instant::now();
    let error = venue.read(read(WALLET, true, &[])).await.unwrap_err();
    assert_eq!(error, VenueError::Unreachable("no answer in time".to_owned()));
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    assert_eq!(stub.seen_at(WALLET).len(), 2);
}

#[tokio::test]
async fn a_definite_no_is_not_asked_for_twice() {
    for (answer, expected) in [
        (code(10003, "API key is invalid."), 10003),
        (with_status(404, "not found"), 404),
        (with_status(403, "<html>blocked</html>"), 403),
        (code(424_242, "?"), 424_242),
    ] {
        let stub = Stub::always(answer).await;
        let error = venue(&stub).read(read(WALLET, true, &[])).await.unwrap_err();
        assert!(
            matches!(&error, VenueError::Rejected { code, .. } if *code == expected),
            "{error:?}"
        );
        assert_eq!(stub.seen_at(WALLET).len(), 1);
    }
}

#[tokio::test]
async fn a_read_waits_for_the_named_reset_of_its_budget() {
    let reset = super::super::clock::Moment::now().system_ms + 700;
    let limited = code(10006, "Too many visits!")
        .with_header("X-Bapi-Limit-Status", 0)
        .with_header("X-Bapi-Limit-Reset-Timestamp", reset);
    let stub = in_turn(vec![limited, ok("{}")]).await;
    let start = Instant::now();
    venue(&stub).read(read(WALLET, true, &[])).await.unwrap();
    assert!(
        start.elapsed() > Duration::from_millis(400),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(stub.seen_at(WALLET).len(), 2);

    let far = super::super::clock::Moment::now().system_ms + 30_000;
    let limited = code(10006, "Too many visits!").with_header("X-Bapi-Limit-Reset-Timestamp", far);
    let stub = Stub::always(limited).await;
    let error = venue(&stub).read(read(WALLET, true, &[])).await.unwrap_err();
    assert!(matches!(error, VenueError::RateLimited(_)), "{error:?}");
    assert_eq!(stub.seen_at(WALLET).len(), 1);
}

#[tokio::test]
async fn a_refused_timestamp_of_a_read_is_put_right_once() {
    let stub = in_turn(vec![code(10002, "window"), ok("{}")]).await;
    venue(&stub).read(read(WALLET, true, &[])).await.unwrap();
    assert_eq!(stub.seen_at("/v5/market/time").len(), 2);

    let stub = Stub::always(code(10002, "window")).await;
    let error = venue(&stub).read(read(WALLET, true, &[])).await.unwrap_err();
    assert!(matches!(error, VenueError::Clock(_)), "{error:?}");
    assert_eq!(stub.seen_at(WALLET).len(), 2);
}

#[tokio::test]
async fn callers_side_by_side_share_one_look_at_the_clock() {
    let stub = Stub::always(ok("{}")).await;
    let venue = venue(&stub);
    let reads = (0..8).map(|_| venue.read(read(WALLET, true, &[])));
    for value in futures::future::join_all(reads).await {
        value.unwrap();
    }
    assert_eq!(stub.seen_at("/v5/market/time").len(), 1);
}

#[tokio::test]
async fn an_answer_without_end_is_not_read_to_the_end() {
    let stub = Stub::always(with_status(200, &"x".repeat(9 * 1024 * 1024))).await;
    // Long enough for a busy machine to hand over eight of them.
    let venue = venue_with(&stub, |config| config.timeout = Duration::from_secs(20));
    let error = venue.read(read(WALLET, true, &[])).await.unwrap_err();
    assert_eq!(
        error,
        VenueError::Unreachable("the answer is larger than 8 MiB".to_owned())
    );
}

#[tokio::test]
async fn the_key_that_a_reply_names_is_not_passed_on() {
    let stub = Stub::always(ok(&format!(r#"{{"apiKey":"{KEY}","note":"-{SECRET}-"}}"#))).await;
    let value = venue(&stub)
        .read(read("/v5/user/query-api", true, &[]))
        .await
        .unwrap();
    assert_eq!(value, json!({"apiKey": "[redacted]", "note": "-[redacted]-"}));

    let row = format!(r#"{{"list":[{{"coin":[{{"coin":"BTC","equity":"{KEY}"}}]}}]}}"#);
    let stub = Stub::always(ok(&row)).await;
    let error = venue(&stub).fetch_wallet().await.unwrap_err().to_string();
    assert!(error.contains("`equity` cannot be used"), "{error}");
    assert!(!error.contains(KEY), "{error}");
}

/// One page of linear USDT positions, with the cursor of the next.
fn page(symbol: &str, cursor: &str) -> Answer {
    ok(&format!(
        r#"{{"category":"linear","nextPageCursor":{cursor},"list":[{{"symbol":"{symbol}","side":"Buy","size":"1","positionIdx":0,"markPrice":"2"}}]}}"#
    ))
}

fn empty(seen: &Seen) -> Answer {
    let category = seen
        .query()
        .split('&')
        .find_map(|pair| pair.strip_prefix("category="));
    ok(&format!(
        r#"{{"category":"{}","list":[]}}"#,
        category.unwrap_or_default()
    ))
}

#[tokio::test]
async fn pages_are_joined_and_the_cursor_goes_back_as_it_came() {
    let stub = Stub::start(|seen| {
        if !seen.has("settleCoin=USDT") {
            empty(seen)
        } else if seen.has("cursor=BTCUSDT%2C1%3A2") {
            page("ETHUSDT", r#""ETHUSDT%2C2""#)
        } else if seen.has("cursor=ETHUSDT%2C2") {
            page("XRPUSDT", "null")
        } else {
            page("BTCUSDT", r#""BTCUSDT%2C1%3A2""#)
        }
    })
    .await;
    let positions = venue(&stub).fetch_positions().await.unwrap();
    let symbols: Vec<&str> = positions
        .iter()
        .map(|position| position.instrument.symbol.as_str())
        .collect();
    assert_eq!(symbols, ["BTCUSDT", "ETHUSDT", "XRPUSDT"]);
    for seen in stub.seen_at(POSITIONS) {
        assert_eq!(seen.header("x-bapi-sign"), Some(signature_of(&seen).as_str()));
    }
    assert_eq!(stub.seen_at(POSITIONS).len(), 6);
}

#[tokio::test]
async fn a_cursor_that_repeats_is_an_error_and_not_a_short_list() {
    let stub = Stub::start(|seen| match seen.has("settleCoin=USDT") {
        true => page("BTCUSDT", r#""again""#),
        false => empty(seen),
    })
    .await;
    let error = venue(&stub).fetch_positions().await.unwrap_err();
    assert!(matches!(error, VenueError::Unreadable(_)), "{error:?}");
    assert!(error.to_string().contains("the same page came twice"), "{error}");
}

#[tokio::test]
async fn pages_without_end_are_an_error() {
    let number = AtomicUsize::new(0);
    let stub = Stub::start(move |seen| match seen.has("settleCoin=USDT") {
        true => page(
            "BTCUSDT",
            &format!("\"c{}\"", number.fetch_add(1, Ordering::SeqCst)),
        ),
        false => empty(seen),
    })
    .await;
    let venue = venue_with(&stub, |config| config.timeout = Duration::from_secs(20));
    let error = venue.fetch_positions().await.unwrap_err();
    assert!(error.to_string().contains("more than 200 pages"), "{error}");
}

#[tokio::test]
async fn one_part_that_cannot_be_read_fails_the_whole_list() {
    let stub = Stub::start(|seen| match seen.has("category=option") {
        true => code(10005, "Permission denied"),
        false => empty(seen),
    })
    .await;
    let venue = venue(&stub);
    for error in [
        venue.fetch_positions().await.unwrap_err(),
        venue.fetch_open_orders().await.unwrap_err(),
    ] {
        assert!(
            matches!(error, VenueError::Rejected { code: 10005, .. }),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn reads_in_a_loop_hold_no_exit_up() {
    let stub = Stub::always(ok("[]")).await;
    let venue = std::sync::Arc::new(venue(&stub));
    let sweep = venue.apart();
    let agent = std::sync::Arc::clone(&venue);
    let reading = tokio::spawn(async move {
        let reads = (0..500).map(|_| agent.read(read("/v5/market/orderbook", false, &[])));
        futures::future::join_all(reads).await
    });
    // The budget of reads is used up once the stub has seen all of it.
    let begun = Instant::now();
    while stub.seen_at("/v5/market/orderbook").len() < 413 {
        assert!(
            begun.elapsed() < Duration::from_secs(4),
            "the reads take too long to be told"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let until = Instant::now() + Duration::from_millis(200);
    let cancel = Bucket {
        path: "/v5/order/cancel-all",
        category: Some(Category::Linear),
    };
    sweep.http.admit(cancel, Rank::Exit, until).await.unwrap();
    let look = Bucket {
        path: "/v5/order/realtime",
        category: None,
    };
    sweep.http.admit(look, sweep.http.rank, until).await.unwrap();
    let refused = venue.http.admit(look, venue.http.rank, until).await;
    assert!(matches!(refused, Err(VenueError::RateLimited(_))), "{refused:?}");
    reading.abort();
}

#[tokio::test]
async fn an_exit_gets_every_row_that_can_be_read_and_is_told_what_cannot() {
    let row = |symbol: &str| {
        format!(r#"{{"symbol":"{symbol}","side":"Buy","size":"1","markPrice":"5","positionIdx":0}}"#)
    };
    let rows = [row("BTCUSD"), row("B?D"), row("B!D"), row("ETHUSD")].join(",");
    let stub = Stub::start(
        move |seen| match (seen.has("category=option"), seen.has("category=inverse")) {
            (true, _) => code(10005, "Permission denied"),
            (_, true) => ok(&format!(
                r#"{{"category":"inverse","list":[{rows}],"nextPageCursor":""}}"#
            )),
            _ => empty(seen),
        },
    )
    .await;
    let venue = venue(&stub);
    let positions = venue.fetch_positions_in_parts().await;
    let symbols: Vec<&str> = positions
        .rows
        .iter()
        .map(|held| held.instrument.symbol.as_str())
        .collect();
    assert_eq!(symbols, ["BTCUSD", "ETHUSD"]);
    let unread: Vec<(Option<Category>, String)> = positions
        .unread
        .into_iter()
        .map(|unread| (unread.category, unread.why.to_string()))
        .collect();
    assert_eq!(unread.len(), 2, "{unread:?}");
    assert_eq!(
        (unread[0].0, unread[1].0),
        (Some(Category::Inverse), Some(Category::Option))
    );
    assert!(
        unread[0].1.contains("B?D") && unread[0].1.contains("and 1 rows more"),
        "{unread:?}"
    );
    assert!(unread[1].1.contains("10005"), "{unread:?}");
    // The gate still gets all of it or an error.
    assert!(venue.fetch_positions().await.is_err());
}

#[tokio::test]
async fn an_exit_keeps_the_pages_before_one_that_fails() {
    let row = r#"{"symbol":"BTCUSD","side":"Buy","size":"1","markPrice":"5","positionIdx":0}"#;
    let first = format!(r#"{{"category":"inverse","list":[{row}],"nextPageCursor":"c1"}}"#);
    let stub = Stub::start(
        move |seen| match (seen.has("category=inverse"), seen.has("cursor=c1")) {
            (true, true) => code(10005, "Permission denied"),
            (true, false) => ok(&first),
            _ => empty(seen),
        },
    )
    .await;
    let positions = venue(&stub).fetch_positions_in_parts().await;
    assert_eq!((positions.rows.len(), positions.unread.len()), (1, 1));
}
