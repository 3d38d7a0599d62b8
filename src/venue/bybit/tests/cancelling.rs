//! Cancels on spot, where each kind of orders is asked for by itself, and cancels of all.

use super::stub::{Answer, Stub, code, ok, with_status};
use super::writing::{CANCEL, CANCEL_ALL, not_sent, rejection, unknown};
use super::*;
use crate::domain::order::{CancelOrder, CancelScope, OrderKey, Write};
use crate::domain::symbol::{Category, Coin};
use crate::venue::Outcome;

/// What a cancel of a spot order comes to, and the kinds that were asked for, the default one without a word.
async fn spot_cancelled(answer: impl Fn(&str) -> Answer + Send + Sync + 'static) -> (Outcome, Vec<String>) {
    let stub = Stub::start(move |seen| answer(&seen.body)).await;
    let cancel = Write::Cancel(CancelOrder {
        instrument: id("spot:BTCUSDT"),
        key: OrderKey::Client(client_id()),
    });
    let outcome = venue(&stub).transmit(&cancel, &client_id()).await;
    let plain = r#"{"category":"spot","symbol":"BTCUSDT","orderLinkId":"mandated-0001""#;
    let kind = |body: &str| match body.strip_prefix(plain).unwrap() {
        "}" => String::new(),
        rest => {
            let word = rest.strip_prefix(r#","orderFilter":""#).unwrap();
            word.strip_suffix(r#""}"#).unwrap().to_owned()
        }
    };
    let asked = stub.seen_at(CANCEL);
    (outcome, asked.iter().map(|seen| kind(&seen.body)).collect())
}

fn no_such_order() -> Answer {
    code(170213, "Order does not exist.")
}

const KINDS: [&str; 5] = ["", "StopOrder", "tpslOrder", "BidirectionalTpslOrder", "OcoOrder"];

#[tokio::test]
async fn a_spot_order_that_is_not_found_is_looked_for_among_the_other_kinds() {
    for (at, kind) in KINDS.into_iter().enumerate().skip(1) {
        let (outcome, asked) = spot_cancelled(move |body| match body.contains(&format!(r#""{kind}""#)) {
            true => ok(r#"{"orderId":"7","orderLinkId":""}"#),
            false => no_such_order(),
        })
        .await;
        assert!(matches!(outcome, Outcome::Accepted(_)), "{kind}: {outcome:?}");
        assert_eq!(asked, KINDS[..=at]);
    }
    let (outcome, asked) = spot_cancelled(|_| no_such_order()).await;
    let refused = rejection(outcome);
    assert_eq!((refused.code, refused.target_final), (170213, true));
    assert_eq!(asked, KINDS);
}

/// The page of `order/cancel` knows no word for two of the kinds: that it is refused says nothing of the order.
#[tokio::test]
async fn a_kind_that_spot_cancel_does_not_know_leaves_the_answer_of_the_others() {
    let wrong = || code(10001, "params error: orderFilter invalid");
    let (outcome, asked) = spot_cancelled(move |body| match body {
        body if body.contains("Bidirectional") || body.contains("Oco") => wrong(),
        _ => no_such_order(),
    })
    .await;
    let refused = rejection(outcome);
    assert_eq!((refused.code, refused.target_final), (170213, true));
    assert_eq!(asked, KINDS);

    let (outcome, asked) = spot_cancelled(move |body| match body {
        body if body.contains("Bidirectional") => wrong(),
        body if body.contains("Oco") => ok(r#"{"orderId":"7","orderLinkId":""}"#),
        _ => no_such_order(),
    })
    .await;
    assert!(matches!(outcome, Outcome::Accepted(_)), "{outcome:?}");
    assert_eq!(asked, KINDS);

    // Of a kind that it knows, it is an answer like any other.
    let (outcome, asked) = spot_cancelled(move |body| match body.contains("tpslOrder") {
        true => wrong(),
        false => no_such_order(),
    })
    .await;
    assert_eq!(rejection(outcome).code, 10001);
    assert_eq!(asked, KINDS[..3]);
}

/// Any other answer to a word that it may not know is one about the order.
#[tokio::test]
async fn a_doubt_about_a_pair_is_no_absence() {
    let (outcome, asked) = spot_cancelled(|body| match body.contains("Bidirectional") {
        true => with_status(502, ""),
        false => no_such_order(),
    })
    .await;
    unknown(outcome);
    assert_eq!(asked, KINDS[..4]);
}

#[tokio::test]
async fn a_spot_cancel_stops_at_the_first_answer_that_is_not_absence() {
    let (outcome, asked) = spot_cancelled(|_| with_status(502, "")).await;
    unknown(outcome);
    assert_eq!(asked, [""]);
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
