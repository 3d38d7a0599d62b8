//! Writes at the same moment: what one of them takes, the others see.

use mandated::domain::order::WriteTool;
use serde_json::Value;

use crate::world::{World, six_sol};

fn with_status<'r>(replies: &'r [Value], status: &str) -> Vec<&'r Value> {
    replies.iter().filter(|reply| reply["status"] == status).collect()
}

/// $6,500 are held and $7,500 allowed, so one order of $900 fits.
async fn ten_orders(world: &World, brokers: usize) -> Vec<Value> {
    world.cap("max_total_exposure_usd", 7_500.0);
    let mut brokers: Vec<_> = (1..brokers).map(|_| world.another_broker()).collect();
    brokers.push(world.broker.clone());
    let writing = (0..10).map(|number| {
        let broker = brokers[number % brokers.len()].clone();
        tokio::spawn(async move { broker.write(WriteTool::PlaceOrder, &six_sol().to_string()).await })
    });
    let mut replies = Vec::new();
    for task in writing.collect::<Vec<_>>() {
        replies.push(task.await.unwrap());
    }
    replies
}

#[tokio::test]
async fn of_ten_orders_at_once_exactly_one_fits_under_the_exposure_cap() {
    for brokers in [1, 2] {
        let world = World::new().await;
        let replies = ten_orders(&world, brokers).await;
        assert_eq!(with_status(&replies, "accepted").len(), 1, "{replies:?}");
        let blocked = with_status(&replies, "blocked");
        assert_eq!(blocked.len(), 9);
        assert!(
            blocked
                .iter()
                .all(|reply| reply["breach"]["attempted_value"] == "8300.12"),
            "{blocked:?}"
        );
        assert_eq!((world.creates(), world.count()), (1, 1));
        assert_eq!(world.orders("linear").await.len(), 1);
        let mut story = world.story();
        story.sort();
        assert_eq!(story[..9], ["breach blocked"; 9]);
        assert_eq!(story[9..], ["order_placed accepted", "order_submitted pending"]);
        world.assert_chain_whole();
    }
}

#[tokio::test]
async fn the_last_trade_of_the_day_goes_to_one_of_ten() {
    let world = World::new().await;
    world.cap("max_trades_per_day", 1);
    let other = world.another_broker();
    let writing = (0..10).map(|number| {
        let broker = if number % 2 == 0 {
            other.clone()
        } else {
            world.broker.clone()
        };
        tokio::spawn(async move { broker.write(WriteTool::PlaceOrder, &six_sol().to_string()).await })
    });
    let mut replies = Vec::new();
    for task in writing.collect::<Vec<_>>() {
        replies.push(task.await.unwrap());
    }
    assert_eq!(with_status(&replies, "accepted").len(), 1, "{replies:?}");
    for reply in with_status(&replies, "blocked") {
        assert_eq!(reply["limit"], "max_trades_per_day");
    }
    assert_eq!((world.creates(), world.count()), (1, 1));
    world.assert_chain_whole();
}

/// Nothing of a full day is left over for the exits of the others.
#[tokio::test]
async fn exits_and_orders_at_once_leave_one_whole_chain() {
    let world = World::new().await;
    let (cancel, place) = (WriteTool::CancelAllOrders, WriteTool::PlaceOrder);
    let scope = r#"{"category":"linear","settle_coin":"USDT"}"#;
    let order = six_sol().to_string();
    let other = world.another_broker();
    let replies = tokio::join!(
        world.broker.write(place, &order),
        other.write(cancel, scope),
        world.broker.write(cancel, scope),
        other.write(place, &order),
    );
    for reply in [&replies.0, &replies.1, &replies.2, &replies.3] {
        assert_eq!(reply["status"], "accepted", "{reply}");
    }
    assert_eq!((world.ledger().len(), world.count()), (8, 2));
    assert_eq!(world.inflight(), [] as [&str; 0]);
    world.assert_chain_whole();
}
