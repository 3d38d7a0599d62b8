//! A cancel or a change that the exchange answers with "it does not exist, or it is too late": what became of the order
//! is told.

use mandated::domain::order::WriteTool;
use mandated::sim::FaultKind;
use serde_json::{Value, json};

use crate::world::{CREATE, World, assert_reason, in_short, six_sol_as};

const OPEN: &str = "/v5/order/realtime";
const AMEND: &str = "/v5/order/amend";

async fn cancel(world: &World) -> Value {
    cancel_answered(world, 110_001, "order not exists or too late to cancel").await
}

/// The cancel does nothing and is answered so once.
async fn cancel_answered(world: &World, code: i64, message: &str) -> Value {
    let no = FaultKind::RetCode {
        code,
        message: message.to_owned(),
    };
    world.fault("/v5/order/cancel", no, Some(1));
    let args = json!({"category": "linear", "symbol": "SOLUSDT", "order_link_id": "mine-1"});
    world.write(WriteTool::CancelOrder, args).await
}

/// How often the exchange was asked for open orders.
fn looks(world: &World) -> usize {
    let requests = world.paper.requests();
    requests.iter().filter(|request| request.path == OPEN).count()
}

#[track_caller]
fn assert_rejected(reply: &Value) {
    assert_eq!(
        (reply["status"].as_str(), &reply["ok"]),
        (Some("rejected"), &json!(false)),
        "{reply}"
    );
    assert_eq!(in_short(&reply["live_action"]), "order_rejected rejected");
}

/// The race of every day: what the agent takes for gone is a position now.
#[tokio::test]
async fn an_order_that_had_filled_is_shown() {
    let world = World::new().await;
    world.place(six_sol_as("mine-1")).await;
    world.paper.set_price("linear", "SOLUSDT", 139.into()).unwrap();
    let before = looks(&world);
    let reply = cancel(&world).await;
    assert_rejected(&reply);
    assert_reason(&reply, "it had filled before; nothing was cancelled");
    assert_eq!(reply["order"]["orderStatus"], "Filled");
    assert_eq!(reply["order"]["cumExecQty"], "6");
    // Seen to be over, it is not looked for again.
    assert_eq!(looks(&world), before + 1);
    assert_eq!((world.count(), world.inflight().len()), (1, 0));
    world.assert_chain_whole();
}

#[tokio::test]
async fn an_order_that_was_cancelled_before_is_cancelled() {
    let world = World::new().await;
    world.place(six_sol_as("mine-1")).await;
    world.broker.cancel_everything().await.unwrap();
    let reply = cancel(&world).await;
    assert_eq!(
        (reply["status"].as_str(), &reply["ok"]),
        (Some("accepted"), &json!(true)),
        "{reply}"
    );
    assert_eq!(reply["order"]["orderStatus"], "Cancelled");
}

#[tokio::test]
async fn an_order_that_rests_still_is_to_be_cancelled_again() {
    let world = World::new().await;
    world.place(six_sol_as("mine-1")).await;
    let reply = cancel(&world).await;
    assert_rejected(&reply);
    assert_reason(&reply, "it rests still: cancel it again");
    assert_reason(&reply, "too late to cancel");
    assert_eq!(reply["live_action"]["broker_response"]["retCode"], 110_001);
    assert!(reply.get("order").is_none(), "{reply}");
}

/// Just placed, an order can be too new to be shown and to be cancelled: it is not gone.
#[tokio::test]
async fn an_order_that_is_not_shown_may_be_there_all_the_same() {
    let world = World::new().await;
    world.fault(CREATE, FaultKind::InvisibleMs(10_000), Some(1));
    world.place(six_sol_as("mine-1")).await;
    let reply = cancel(&world).await;
    assert_rejected(&reply);
    assert_reason(&reply, "it may not be visible yet");
    assert_reason(&reply, "before you place another");
}

/// Any other no says nothing of the order.
#[tokio::test]
async fn for_another_no_the_order_is_not_looked_for() {
    let world = World::new().await;
    world.place(six_sol_as("mine-1")).await;
    let before = looks(&world);
    let reply = cancel_answered(&world, 10_006, "Too many visits!").await;
    assert_rejected(&reply);
    assert_eq!(looks(&world), before);
}

/// The change does nothing and is answered so once.
async fn amend(world: &World) -> Value {
    let gone = FaultKind::RetCode {
        code: 110_001,
        message: "order not exists or too late to replace".to_owned(),
    };
    world.fault(AMEND, gone, Some(1));
    world.write(WriteTool::AmendOrder, to_141()).await
}

fn to_141() -> Value {
    json!({"category": "linear", "symbol": "SOLUSDT", "order_link_id": "mine-1", "price": "141"})
}

#[tokio::test]
async fn a_change_of_an_order_that_rests_still_is_to_be_made_again() {
    let world = World::new().await;
    world.place(six_sol_as("mine-1")).await;
    let reply = amend(&world).await;
    assert_rejected(&reply);
    assert_reason(&reply, "nothing was placed or changed");
    assert_reason(
        &reply,
        "it rests still, as it was: look at it, and change it again",
    );
    assert!(reply.get("order").is_none(), "{reply}");
}

/// It fills between the look that the gate decides by and the change.
#[tokio::test]
async fn a_change_of_an_order_that_had_filled_shows_it() {
    let world = World::new().await;
    world.place(six_sol_as("mine-1")).await;
    world.fault(AMEND, FaultKind::DelayBeforeMs(300), Some(1));
    let filling = async {
        world.reached(AMEND).await;
        world.paper.set_price("linear", "SOLUSDT", 139.into()).unwrap();
    };
    let (reply, ()) = tokio::join!(world.write(WriteTool::AmendOrder, to_141()), filling);
    assert_rejected(&reply);
    assert_reason(&reply, "it had filled before; nothing was changed");
    assert_reason(&reply, "a change does not undo it");
    assert_eq!(reply["order"]["orderStatus"], "Filled");
    assert_eq!((world.count(), world.inflight().len()), (1, 0));
    world.assert_chain_whole();
}

/// Cancelled by somebody else, it is not what the change asked for either.
#[tokio::test]
async fn a_change_of_an_order_that_was_cancelled_is_no_success() {
    let world = World::new().await;
    world.place(six_sol_as("mine-1")).await;
    world.fault(AMEND, FaultKind::DelayBeforeMs(300), Some(1));
    let cancelling = async {
        world.reached(AMEND).await;
        world.broker.cancel_everything().await.unwrap();
    };
    let (reply, ()) = tokio::join!(world.write(WriteTool::AmendOrder, to_141()), cancelling);
    assert_rejected(&reply);
    assert_reason(&reply, "it had ended before (Cancelled); nothing was changed");
    assert_eq!(reply["order"]["orderStatus"], "Cancelled");
}
