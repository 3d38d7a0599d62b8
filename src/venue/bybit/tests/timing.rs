//! What goes out while the exchange does not say what time it is.

use std::time::{Duration, Instant};

use super::stub::{Answer, Seen, Stub, code, ok};
use super::*;
use crate::domain::order::{CancelScope, Write};
use crate::domain::symbol::Category;
use crate::venue::{Outcome, Venue};

const TIME: &str = "/v5/market/time";
const CANCEL_ALL: &str = "/v5/order/cancel-all";

/// Longer than a measurement is used.
const OLD: Duration = Duration::from_secs(6 * 60);

/// Takes the timestamps that are so far ahead of this machine's clock, and refuses the others as Bybit does.
fn refusing(seen: &Seen, accepted_ahead_ms: std::ops::Range<i64>) -> Answer {
    let now = crate::venue::bybit::clock::Moment::now().system_ms;
    let timestamp: i64 = seen.header("x-bapi-timestamp").unwrap().parse().unwrap();
    match accepted_ahead_ms.contains(&(timestamp - now)) {
        true => ok(&format!(
            r#"{{"category":"{}","list":[],"nextPageCursor":"","success":"1"}}"#,
            seen.query()
                .split('&')
                .find_map(|pair| pair.strip_prefix("category="))
                .unwrap_or("linear")
        )),
        false => code(10002, "invalid request, please check your server timestamp"),
    }
}

async fn exit(venue: &BybitVenue) -> Outcome {
    let all = Write::CancelAll(CancelScope::Instrument(id("linear:BTCUSDT")));
    venue.transmit(&all, &client_id()).await
}

#[track_caller]
fn assert_accepted(outcome: &Outcome) {
    assert!(matches!(outcome, Outcome::Accepted(_)), "{outcome:?}");
}

async fn agents_write(venue: &BybitVenue) -> String {
    let order = Write::Place(limit_buy());
    match venue.transmit_unless(&|| None, &order, &client_id()).await {
        Outcome::NotSent(why) => why,
        other => panic!("sent: {other:?}"),
    }
}

#[tokio::test]
async fn an_exit_goes_out_by_an_old_reading_and_a_write_of_the_agent_does_not() {
    // The exchange is 3 s ahead: what is signed by this machine's clock would be refused.
    let stub = Stub::start(|seen| refusing(seen, 2_000..3_500)).await;
    stub.set_clock_ahead_ms(3_000);
    let venue = venue(&stub);
    venue.exchange_ms().await.unwrap();
    stub.set_clock_out(true);
    venue.http.clock.kept().age_by(OLD);

    let begun = Instant::now();
    assert_accepted(&exit(&venue).await);
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    assert_eq!(stub.seen_at(CANCEL_ALL).len(), 1);
    assert!(agents_write(&venue).await.contains("10016"));
    assert!(venue.exchange_time().await.is_err());
    assert!(stub.seen_at("/v5/order/create").is_empty());
    assert_eq!(venue.open_orders_in_parts().await.unread, []);
    assert_eq!(venue.positions_in_parts().await.unread, []);
}

#[tokio::test]
async fn an_exit_goes_out_without_any_reading_and_a_write_of_the_agent_does_not() {
    let stub = Stub::start(|seen| refusing(seen, -2_500..500)).await;
    stub.set_clock_out(true);
    let venue = venue(&stub);
    assert_accepted(&exit(&venue).await);
    assert!(agents_write(&venue).await.contains("10016"));
    assert!(stub.seen_at("/v5/order/create").is_empty());
    for client in [&venue, &venue.apart()] {
        assert_eq!(client.open_orders_in_parts().await.unread, []);
        assert_eq!(client.positions_in_parts().await.unread, []);
    }
}

#[tokio::test]
async fn an_old_reading_is_not_carried_over_a_step_of_this_machines_clock() {
    let stub = Stub::start(|seen| refusing(seen, -2_500..500)).await;
    stub.set_clock_ahead_ms(-4_000);
    let venue = venue(&stub);
    venue.exchange_ms().await.unwrap();
    stub.set_clock_out(true);
    venue.http.clock.kept().step_by(Duration::from_secs(4));
    assert_accepted(&exit(&venue).await);
    assert!(agents_write(&venue).await.contains("10016"));
}

/// A used-up budget is back within a second, whatever the reading from before the sleep makes of its reset.
#[tokio::test]
async fn a_budget_that_is_used_up_after_a_sleep_is_back_with_the_next_second() {
    let stub = Stub::start(|seen| {
        let now = crate::venue::bybit::clock::Moment::now().system_ms;
        refusing(seen, -5_500..500)
            .with_header("X-Bapi-Limit-Status", 0)
            .with_header("X-Bapi-Limit-Reset-Timestamp", now)
    })
    .await;
    let venue = venue(&stub);
    venue.exchange_ms().await.unwrap();
    stub.set_clock_out(true);
    venue.http.clock.kept().sleep_for(Duration::from_secs(60 * 60));
    assert_accepted(&exit(&venue).await);
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let begun = Instant::now();
    assert_accepted(&exit(&venue).await);
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    assert_eq!(stub.seen_at(CANCEL_ALL).len(), 2);
}

#[tokio::test]
async fn a_refused_old_reading_gives_way_to_this_machines_clock() {
    let stub = Stub::start(|seen| refusing(seen, -2_500..500)).await;
    stub.set_clock_ahead_ms(-4_000);
    let venue = venue(&stub);
    venue.exchange_ms().await.unwrap();
    stub.set_clock_out(true);
    venue.http.clock.kept().age_by(OLD);
    let outcome = exit(&venue).await;
    assert!(
        matches!(&outcome, Outcome::Rejected(no) if no.code == 10002),
        "{outcome:?}"
    );
    assert_accepted(&exit(&venue).await);
    assert_eq!(stub.seen_at(CANCEL_ALL).len(), 2);
}

#[tokio::test]
async fn a_clock_that_is_out_is_asked_seldom_and_found_again() {
    let stub = Stub::start(|seen| refusing(seen, -2_500..500)).await;
    stub.set_clock_out(true);
    let sweep = venue(&stub).apart();
    let begun = Instant::now();
    let mut exits = 0;
    while begun.elapsed() < Duration::from_secs(4) {
        assert_accepted(&exit(&sweep).await);
        let _ = sweep.exchange_time().await;
        exits += 1;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let asked = stub.seen_at(TIME).len();
    assert!(exits > 15, "{exits}");
    assert!(asked <= 20, "{asked} for {exits} exits");

    stub.set_clock_out(false);
    let until = Instant::now() + Duration::from_secs(6);
    while sweep.exchange_time().await.is_err() {
        assert!(Instant::now() < until, "the clock is never asked again");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn those_who_wait_for_one_failing_measurement_share_it() {
    let stub = Stub::start(|seen| refusing(seen, -2_500..500)).await;
    stub.set_clock_out(true);
    let venue = venue(&stub);
    let all = Write::CancelAll(CancelScope::Everything(Category::Spot));
    assert_accepted(&venue.transmit(&all, &client_id()).await);
    assert_eq!(stub.seen_at(CANCEL_ALL).len(), 5);
    let asked = stub.seen_at(TIME).len();
    assert!((1..=5).contains(&asked), "{asked}");
}
