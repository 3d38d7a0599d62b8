//! "Nothing was modified" (34040): what the position shows decides, and an order's amend is not settled by it.

use super::stub::{Answer, Stub, code, ok};
use super::*;
use crate::domain::order::{AmendOrder, Level, OrderKey, SetLeverage, SetTradingStop, Write};
use crate::venue::Outcome;

const LIST: &str = "/v5/position/list";

/// Both legs of a hedged position, and only the short one with a stop.
const LEGS: &str = r#"{"category":"linear","nextPageCursor":"","list":[
    {"symbol":"BTCUSDT","positionIdx":1,"side":"Buy","size":"1","takeProfit":"","stopLoss":"0.00","trailingStop":"0"},
    {"symbol":"BTCUSDT","positionIdx":2,"side":"Sell","size":"1","takeProfit":"","stopLoss":"70000.50","trailingStop":"0"}]}"#;

async fn unchanged(list: Answer) -> Stub {
    Stub::start(move |seen| match seen.path() {
        LIST => list.clone(),
        _ => code(34040, "not modified"),
    })
    .await
}

fn stop(position_idx: PositionIdx, stop_loss: Level) -> Write {
    Write::SetTradingStop(SetTradingStop {
        instrument: id("linear:BTCUSDT"),
        position_idx,
        take_profit: None,
        stop_loss: Some(stop_loss),
        trailing_stop: None,
    })
}

#[tokio::test]
async fn the_leg_that_was_asked_for_is_read_back() {
    let stub = unchanged(ok(LEGS)).await;
    let venue = venue(&stub);
    let at = Level::At(price("70000.5"));
    for (idx, level, problem) in [
        (PositionIdx::HedgeShort, at, None),
        (PositionIdx::HedgeLong, Level::Remove, None),
        (PositionIdx::HedgeLong, at, Some("stop_loss is none, not 70000.5")),
        (
            PositionIdx::HedgeShort,
            Level::Remove,
            Some("stop_loss is 70000.5, not none"),
        ),
    ] {
        match (venue.transmit(&stop(idx, level), &client_id()).await, problem) {
            (Outcome::Accepted(accepted), None) => assert!(accepted.unchanged),
            (Outcome::Rejected(no), Some(problem)) => {
                assert_eq!(no.code, 34040);
                assert!(no.message.contains(problem), "{}", no.message);
            }
            other => panic!("{idx:?} {level:?}: {other:?}"),
        }
    }
    for seen in stub.seen_at(LIST) {
        assert_eq!(seen.query(), "category=linear&symbol=BTCUSDT");
    }
    assert_eq!(stub.seen_at("/v5/position/trading-stop").len(), 4);
}

#[tokio::test]
async fn a_position_that_cannot_be_read_back_leaves_it_unknown() {
    for (list, why) in [
        (code(10005, "Permission denied"), "permission"),
        (
            ok(r#"{"category":"linear","list":[]}"#),
            "no row of linear:BTCUSDT",
        ),
        // One-way was asked for, and the account is hedged.
        (ok(LEGS), "with the position_idx 0"),
        (
            ok(r#"{"category":"inverse","list":[]}"#),
            "the answer is for `inverse`",
        ),
        (
            ok(r#"{"list":[{"symbol":"BTCUSDT","positionIdx":0,"stopLoss":"-1"}]}"#),
            "is negative",
        ),
    ] {
        let stub = unchanged(list).await;
        let write = stop(PositionIdx::OneWay, Level::At(price("60000")));
        match venue(&stub).transmit(&write, &client_id()).await {
            Outcome::Unknown(said) => assert!(said.contains(why), "{said}"),
            other => panic!("{why}: {other:?}"),
        }
    }
}

/// It says nothing of an order or of the leverage, and no other "already so" says anything of a stop.
#[tokio::test]
async fn an_already_so_about_something_else_is_unknown() {
    let amend = Write::Amend(AmendOrder {
        instrument: id("linear:BTCUSDT"),
        key: OrderKey::Venue("abc".to_owned()),
        new_qty: None,
        price: None,
        trigger_price: None,
        take_profit: None,
        stop_loss: Some(Level::At(price("60000"))),
    });
    let leverage = Write::SetLeverage(SetLeverage {
        instrument: id("linear:BTCUSDT"),
        leverage: 2.into(),
    });
    let protection = stop(PositionIdx::OneWay, Level::Remove);
    for (said, write) in [(34040, amend), (34040, leverage), (110043, protection)] {
        let stub = Stub::always(code(said, "not modified")).await;
        let outcome = venue(&stub).transmit(&write, &client_id()).await;
        assert!(matches!(outcome, Outcome::Unknown(_)), "{write:?}: {outcome:?}");
        assert!(stub.seen_at(LIST).is_empty());
    }
}
