//! Cancels on spot, where each kind of orders is asked for by itself, and cancels of all.

use super::stub::{Answer, Stub, code, ok, with_status};
use super::writing::{CANCEL, CANCEL_ALL, not_sent, rejection, unknown};
use super::*;
use crate::domain::order::{CancelOrder, CancelScope, OrderKey, Write};
use crate::domain::symbol::{Category, Coin};
use crate::venue::Outcome;

#[tokio::test]
async fn a_spot_order_that_is_not_found_is_looked_for_among_the_other_kinds() {
    let stub = Stub::start(|seen| {
        if seen.body.contains("tpslOrder") {
            ok(r#"{"orderId":"7","orderLinkId":""}"#)
        } else {
            code(170213, "Order does not exist.")
        }
    })
    .await;
    let cancel = Write::Cancel(CancelOrder {
        instrument: id("spot:BTCUSDT"),
        key: OrderKey::Client(client_id()),
    });
    let outcome = venue(&stub).transmit(&cancel, &client_id()).await;
    assert!(matches!(outcome, Outcome::Accepted(_)), "{outcome:?}");
    let bodies: Vec<String> = stub.seen_at(CANCEL).into_iter().map(|seen| seen.body).collect();
    let plain = r#"{"category":"spot","symbol":"BTCUSDT","orderLinkId":"mandated-0001""#;
    assert_eq!(
        bodies,
        [
            format!("{plain}}}"),
            format!(r#"{plain},"orderFilter":"StopOrder"}}"#),
            format!(r#"{plain},"orderFilter":"tpslOrder"}}"#),
        ]
    );
}

#[tokio::test]
async fn a_spot_cancel_stops_at_the_first_answer_that_is_not_absence() {
    let stub = Stub::always(with_status(502, "")).await;
    let cancel = Write::Cancel(CancelOrder {
        instrument: id("spot:BTCUSDT"),
        key: OrderKey::Client(client_id()),
    });
    unknown(venue(&stub).transmit(&cancel, &client_id()).await);
    assert_eq!(stub.seen_at(CANCEL).len(), 1);
}

#[tokio::test]
async fn cancel_all_on_spot_asks_for_every_kind_and_joins_the_rows() {
    let stub = Stub::start(|seen| {
        if seen.body.contains(r#""StopOrder""#) {
            ok(r#"{"list":[{"orderId":"2","orderLinkId":""}],"success":"1"}"#)
        } else if seen.body.contains("OcoOrder") {
            ok(r#"{"success":"1"}"#)
        } else {
            ok(r#"{"list":[{"orderId":"1","orderLinkId":"a"}],"success":"1"}"#)
        }
    })
    .await;
    let all = Write::CancelAll(CancelScope::Everything(Category::Spot));
    let outcome = venue(&stub).transmit(&all, &client_id()).await;
    let Outcome::Accepted(accepted) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(accepted.response["list"].as_array().unwrap().len(), 4);
    let bodies: Vec<String> = stub
        .seen_at(CANCEL_ALL)
        .into_iter()
        .map(|seen| seen.body)
        .collect();
    let expected = [
        "Order",
        "StopOrder",
        "tpslOrder",
        "OcoOrder",
        "BidirectionalTpslOrder",
    ]
    .map(|filter| format!(r#"{{"category":"spot","orderFilter":"{filter}"}}"#));
    assert_eq!(bodies, expected);
}

async fn all_spot_cancelled(answer: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Outcome {
    let stub = Stub::start(move |seen| answer(&seen.body)).await;
    let all = Write::CancelAll(CancelScope::Instrument(id("spot:BTCUSDT")));
    let outcome = venue(&stub).transmit(&all, &client_id()).await;
    assert_eq!(stub.seen_at(CANCEL_ALL).len(), 5);
    outcome
}

#[tokio::test]
async fn a_spot_cancel_all_that_is_answered_in_parts_is_unknown_and_names_each_part() {
    for (worst, words) in [
        (
            code(10006, "Too many visits!"),
            "Order: rejected (code 10006): Too many visits!",
        ),
        (with_status(502, ""), "Order: unknown: http 502"),
    ] {
        let outcome = all_spot_cancelled(move |body| match body {
            body if body.contains(r#""Order""#) => worst.clone(),
            body if body.contains(r#""StopOrder""#) => ok(
                r#"{"list":[{"orderId":"7","orderLinkId":""},{"orderId":"8","orderLinkId":"a"}],"success":"1"}"#,
            ),
            body if body.contains("tpslOrder") => code(10005, "no"),
            _ => ok(r#"{"success":"1"}"#),
        });
        let why = unknown(outcome.await);
        for part in [
            words,
            "StopOrder: accepted, cancelling 7, 8",
            "tpslOrder: rejected (code 10005): no",
            "OcoOrder: accepted, no order named",
        ] {
            assert!(why.contains(part), "{part}: {why}");
        }
    }
}

#[tokio::test]
async fn a_spot_cancel_all_is_rejected_when_every_part_is() {
    let refused = rejection(
        all_spot_cancelled(|body| match body.contains("tpslOrder") {
            true => code(10005, "no"),
            false => code(10006, "Too many visits!"),
        })
        .await,
    );
    assert_eq!((refused.code, refused.target_final), (10006, false));
    for part in [
        "Order: rejected (code 10006)",
        "tpslOrder: rejected (code 10005): no",
    ] {
        assert!(refused.message.contains(part), "{}", refused.message);
    }
}

#[tokio::test]
async fn cancel_all_says_symbol_or_settle_coin_and_success_zero_is_no_success() {
    let stub = Stub::always(ok(r#"{"list":[],"success":"0"}"#)).await;
    let venue = venue(&stub);
    let usdc = Coin::parse("USDC").unwrap();
    let all = Write::CancelAll(CancelScope::SettleCoin(Category::Linear, usdc.clone()));
    unknown(venue.transmit(&all, &client_id()).await);
    assert_eq!(
        stub.only(CANCEL_ALL).body,
        r#"{"category":"linear","settleCoin":"USDC"}"#
    );
    for scope in [
        CancelScope::Everything(Category::Linear),
        CancelScope::SettleCoin(Category::Spot, usdc),
    ] {
        not_sent(venue.transmit(&Write::CancelAll(scope), &client_id()).await);
    }
    assert_eq!(stub.seen_at(CANCEL_ALL).len(), 1);
}
