//! A person's exits as the broker takes them: they ask no mandate and no HALT, and what the exchange shows counts.

use std::fs;
use std::sync::Arc;

use mandated::broker::exit::{Course, ExitDesk, Reach, Wish};
use mandated::domain::symbol::{Category, InstrumentId, Symbol};
use mandated::state::ledger::Ledger;
use mandated::state::redact::Redactor;
use mandated::venue::bybit::{BybitConfig, BybitVenue};
use serde_json::{Value, json};
use url::Url;

use crate::world::{World, put};

fn buy(category: &str, symbol: &str, qty: &str, price: Option<&str>) -> Value {
    let kind = if price.is_some() { "Limit" } else { "Market" };
    json!({"category": category, "symbol": symbol, "side": "Buy", "order_type": kind, "qty": qty, "price": price})
}

/// An order in each category, and a position in two of them.
async fn busy() -> World {
    let world = World::new().await;
    for args in [
        buy("linear", "SOLUSDT", "2", Some("140")),
        buy("inverse", "BTCUSD", "100", Some("60000")),
        buy("spot", "SOLUSDT", "2", Some("140")),
        buy("linear", "SOLUSDT", "3", None),
        buy("inverse", "BTCUSD", "200", None),
    ] {
        let reply = world.place(args).await;
        assert_eq!(reply["ok"], true, "{reply}");
    }
    // Nothing of this stands in the way out.
    fs::remove_file(world.files.mandate()).unwrap();
    put(&world.files.halt_global(), "");
    world
}

fn kinds(world: &World, kind: &str, outcome: &str) -> Vec<Value> {
    let is_meant = |record: &Value| record["kind"] == kind && record["outcome"] == outcome;
    world
        .ledger()
        .into_iter()
        .filter(|record| is_meant(record))
        .collect()
}

#[tokio::test]
async fn every_order_is_cancelled_and_the_positions_stay() {
    let world = busy().await;
    let report = world.broker.cancel_everything().await.unwrap();
    assert_eq!((report.orders_left.len(), report.positions_left.len()), (0, 0));
    assert_eq!(report.not_on_record, [] as [&str; 0]);
    let mut sent = report.sent.clone();
    sent.sort();
    assert_eq!(
        sent,
        [
            "cancel all inverse orders settled in BTC: accepted",
            "cancel all linear orders settled in USDT: accepted",
            "cancel all spot orders: accepted"
        ]
    );
    let facts = world.broker.account().await;
    assert_eq!(
        (facts.open_orders.unwrap().len(), facts.positions.unwrap().len()),
        (0, 2)
    );
    let records = kinds(&world, "order_cancelled", "accepted");
    assert_eq!(records.len(), 3);
    let words = "a person's exit: cancel all spot orders";
    assert!(
        records.iter().any(|record| record["intent_normalized"] == words),
        "{records:?}"
    );
    assert_eq!(world.count(), 5);
    world.assert_chain_whole();
}

#[tokio::test]
async fn flatten_closes_every_position_as_well() {
    let world = busy().await;
    let report = world.broker.flatten().await.unwrap();
    assert_eq!((report.orders_left.len(), report.positions_left.len()), (0, 0));
    let closes: Vec<_> = report
        .sent
        .iter()
        .filter(|sent| sent.starts_with("sell"))
        .collect();
    assert_eq!(closes.len(), 2, "{:?}", report.sent);
    assert!(
        closes
            .iter()
            .all(|close| close.ends_with("reduce-only (crypto): accepted")),
        "{closes:?}"
    );
    let facts = world.broker.account().await;
    assert_eq!(
        (facts.open_orders.unwrap().len(), facts.positions.unwrap().len()),
        (0, 0)
    );
    // Of the two that were bought and of the two that were closed.
    assert_eq!(kinds(&world, "order_placed", "filled").len(), 4);
    assert_eq!(kinds(&world, "order_submitted", "pending").len(), 7);
    assert_eq!(world.count(), 5);
    world.assert_chain_whole();
}

#[tokio::test]
async fn a_reach_covers_its_category_and_its_symbol() {
    let id = |category, symbol: &str| InstrumentId::new(category, Symbol::parse(symbol).unwrap());
    let sol = id(Category::Linear, "SOLUSDT");
    let reach = |category, symbol: Option<&str>| Reach {
        category,
        symbol: symbol.map(|symbol| Symbol::parse(symbol).unwrap()),
    };
    for (reach, covers) in [
        (reach(None, None), true),
        (reach(Some(Category::Linear), None), true),
        (reach(Some(Category::Spot), None), false),
        (reach(None, Some("SOLUSDT")), true),
        (reach(None, Some("BTCUSDT")), false),
        (reach(Some(Category::Linear), Some("BTCUSDT")), false),
        (reach(Some(Category::Spot), Some("SOLUSDT")), false),
    ] {
        assert_eq!(reach.covers(&sol), covers, "{reach:?}");
    }
}

/// What is not meant is neither cancelled nor closed, and what was sent is kept for whoever waits.
#[tokio::test]
async fn a_way_out_of_one_category_leaves_the_others() {
    let world = busy().await;
    let url = Url::parse(&world.paper.base_url()).unwrap();
    let config = BybitConfig::paper(url, "paper", "paper").unwrap();
    let ledger = Ledger::open(&world.files, Redactor::new(Vec::new()));
    let venue = Arc::new(BybitVenue::new(config));
    let desk = ExitDesk::new(venue, world.files.clone(), ledger, "sweep");
    let reach = Reach {
        category: Some(Category::Linear),
        symbol: None,
    };
    let wish = Wish {
        close: true,
        sell: None,
    };
    let mut course = Course::new(reach, "one");
    let mut looks = Vec::new();
    while looks
        .last()
        .is_none_or(|look: &mandated::broker::exit::Look| look.done.is_none())
    {
        assert!(looks.len() < 100, "{looks:?}");
        looks.push(course.round(&desk, &wish, &|| true).await);
        tokio::time::sleep(mandated::broker::exit::BETWEEN_ROUNDS).await;
    }
    let facts = world.broker.account().await;
    assert_eq!(
        (facts.open_orders.unwrap().len(), facts.positions.unwrap().len()),
        (2, 1)
    );
    let closed = course.take_closed();
    assert_eq!(closed.len(), 1, "{closed:?}");
    assert_eq!(
        (
            closed[0].side.as_str(),
            closed[0].filled.as_str(),
            closed[0].status.as_str()
        ),
        ("Sell", "3", "Filled")
    );
    assert_eq!((course.take_closed().len(), course.waiting_for().len()), (0, 0));
    let steps = desk.take_steps();
    assert_eq!(steps.len(), 2, "{steps:?}");
    assert_eq!(steps[0].cancelled.len(), 1);
    assert!(
        steps
            .iter()
            .all(|step| step.exchange_time.is_some() && step.not_on_ledger.is_none()),
        "{steps:?}"
    );
    assert_eq!(desk.steps().len(), 0);
    let ours = "sweep of a halt: ";
    let told = world
        .ledger()
        .iter()
        .filter(|record| record["intent_normalized"].as_str().unwrap().starts_with(ours))
        .count();
    // A cancel, and of the close that it was sent, taken and filled.
    assert_eq!(told, 4);
}
