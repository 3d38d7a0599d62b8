//! What an earlier process left in flight is settled before the next decision.

use std::fs;
use std::time::Duration;

use mandated::broker::Mode;
use mandated::domain::order::WriteTool;
use mandated::sim::FaultKind;
use mandated::state::clock;
use serde_json::{Value, json};

use crate::world::{World, assert_blocked, put, six_sol, six_sol_as};

/// The file of a killed process: six SOL at 140, under `left-1`, sent so many seconds ago.
pub(crate) fn leave(world: &World, seconds: i64, state: &str) {
    let order = json!({"category": "linear", "symbol": "SOLUSDT", "side": "Buy", "leavesQty": "6", "qty": "6", "price": "140",
                       "reduceOnly": false, "positionIdx": 0, "orderLinkId": "left-1"});
    let body = json!({"category": "linear", "symbol": "SOLUSDT", "side": "Buy", "orderType": "Limit", "qty": "6", "price": "140",
                      "timeInForce": "GTC", "reduceOnly": false, "positionIdx": 0, "orderLinkId": "left-1"});
    let sent = clock::now() - chrono::Duration::seconds(seconds);
    let record = json!({"client_id": "left-1", "fingerprint": "f", "remote_tool": "bybit_place_order", "category": "linear",
                        "symbol": "SOLUSDT", "side": "Buy", "body": body, "notional_usd": "900", "order": order,
                        "created_at": clock::ledger_text(sent), "state": state, "venue_order_id": null,
                        "process_id": 1, "venue": "paper"});
    fs::create_dir_all(world.files.inflight_folder()).unwrap();
    put(
        &world.files.inflight_folder().join("left-1.json"),
        &record.to_string(),
    );
    let today = clock::now().date_naive().to_string();
    put(
        &world.files.counter(),
        &json!({"date": today, "count": 2, "action_ids": ["vibe-1", "left-1"], "theirs": 7}).to_string(),
    );
}

fn counter(world: &World) -> Value {
    serde_json::from_str(&fs::read_to_string(world.files.counter()).unwrap()).unwrap()
}

/// A write that is refused by its size, after the leftovers were looked at.
async fn look(world: &World) {
    world.cap("max_order_notional_usd", 1.0);
    assert_blocked(
        &world.place(six_sol()).await,
        "pause_for_reauth",
        "max_order_notional_usd",
    );
}

#[tokio::test]
async fn an_old_order_that_never_arrived_is_closed_and_its_count_given_back() {
    for state in ["sent", "unknown"] {
        let world = World::new().await;
        leave(&world, 61, state);
        look(&world).await;
        assert_eq!(world.story(), ["order_rejected error", "breach blocked"]);
        assert_eq!(world.ledger()[0]["broker_request"]["orderLinkId"], "left-1");
        assert_eq!(world.inflight(), [] as [&str; 0]);
        let counter = counter(&world);
        assert_eq!(counter["count"], 1);
        assert_eq!(counter["action_ids"], json!(["vibe-1"]));
        assert_eq!(counter["theirs"], 7);
        world.assert_chain_whole();
    }
}

/// Its file says no more after the send than before it, so what the ledger lacks is proof only where none of it can
/// have been moved away since.
#[tokio::test]
async fn an_order_is_called_never_sent_only_where_the_ledger_is_older_than_it() {
    for (age, words) in [
        (None, "it was never sent or never arrived: "),
        (Some(30), "it was never sent or never arrived: "),
        (Some(90), "it was never sent: "),
    ] {
        let world = World::new().await;
        leave(&world, 61, "sent");
        if let Some(age) = age {
            let then = clock::now() - chrono::Duration::seconds(age);
            let line = json!({"ts": clock::ledger_text(then), "kind": "intent"});
            put(&world.files.audit(), &format!("{line}\n"));
        }
        assert_eq!(world.broker.recover().await.never_arrived, 1);
        let why = world.ledger().pop().unwrap()["error"].clone();
        assert!(why.as_str().unwrap().starts_with(words), "{age:?} {why}");
    }
}

/// The daemon says of a start how many orders nobody can tell about.
#[tokio::test]
async fn an_order_that_is_too_old_to_be_shown_is_counted_among_those_that_cannot_be_told() {
    let world = World::new().await;
    leave(&world, 8 * 86_400, "sent");
    let recovery = world.broker.recover().await;
    assert_eq!((recovery.looked_at, recovery.cannot_tell), (1, 1));
}

/// What ended without a fill is shown for a day only: after that nobody can say that it never arrived.
#[tokio::test]
async fn an_order_that_is_too_old_to_be_shown_is_settled_as_unknown() {
    const DAY: i64 = 86_400;
    for (seconds, state) in [
        (DAY + 3_600, "sent"),
        (8 * DAY, "sent"),
        (8 * DAY, "unknown"),
        (400 * DAY, "sent"),
    ] {
        let world = World::new().await;
        leave(&world, seconds, state);
        look(&world).await;
        assert_eq!(world.story(), ["order_submitted unknown", "breach blocked"]);
        let record = &world.ledger()[0];
        let why = record["error"].as_str().unwrap();
        assert!(why.contains("can no longer be told"), "{why}");
        assert!(why.contains("look at the positions"), "{why}");
        // It is not open, so it counts in no exposure; that it was no trade is not known.
        assert_eq!(world.inflight(), [] as [&str; 0]);
        assert_eq!(world.count(), 2);
        let kept = fs::read_to_string(world.files.settled_folder().join("left-1.json")).unwrap();
        let outcome = serde_json::from_str::<Value>(&kept).unwrap()["outcome"].take();
        assert_eq!(
            (&outcome["status"], &outcome["ok"], &outcome["reason"]),
            (&json!("unknown"), &json!(false), &record["error"])
        );
        let asked =
            world.paper.requests().into_iter().filter(|request| {
                request.path == "/v5/order/history" || request.path == "/v5/execution/list"
            });
        for request in asked {
            assert!(request.payload.contains("startTime="), "{}", request.payload);
        }
        world.assert_chain_whole();
    }
}

#[tokio::test]
async fn a_young_order_that_is_not_shown_stays_and_counts() {
    let world = World::new().await;
    leave(&world, 30, "sent");
    world.cap("max_total_exposure_usd", 8_000.0);
    let reply = world.place(six_sol()).await;
    assert_blocked(&reply, "pause_for_reauth", "max_total_exposure_usd");
    assert_eq!(reply["breach"]["attempted_value"], "8300.12");
    assert_eq!(world.inflight(), ["left-1 sent"]);
    assert_eq!(world.story(), ["breach blocked"]);
    assert_eq!(world.count(), 2);
}

/// A sale in flight counts at no less than the market, so its price is asked for also when another symbol is traded.
#[tokio::test]
async fn a_sale_in_flight_is_valued_while_something_else_is_traded() {
    let world = World::new().await;
    leave(&world, 30, "sent");
    let path = world.files.inflight_folder().join("left-1.json");
    let mut record: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    for place in ["/side", "/order/side", "/body/side"] {
        *record.pointer_mut(place).unwrap() = "Sell".into();
    }
    put(&path, &record.to_string());
    let reply = world
        .place(json!({"category": "linear", "symbol": "ETHUSDT", "side": "Buy", "order_type": "Market", "qty": "0.1"}))
        .await;
    assert_eq!(reply["ok"], true, "{reply}");
    assert_eq!(world.inflight(), ["left-1 sent"]);
}

#[tokio::test]
async fn an_order_that_did_arrive_is_recorded_as_placed_and_stays_counted() {
    for seconds in [0, 61, 8 * 86_400] {
        let world = World::new().await;
        let (_, neighbour) = world.neighbour();
        let tool = WriteTool::PlaceOrder;
        let placed = neighbour.write(tool, &six_sol_as("left-1").to_string()).await;
        assert_eq!(placed["status"], "accepted");
        leave(&world, seconds, "sent");
        look(&world).await;
        assert_eq!(world.story(), ["order_placed accepted", "breach blocked"]);
        let shown = &world.ledger()[0]["broker_response"]["order"];
        assert_eq!(shown["orderId"], placed["order_id"]);
        assert_eq!(world.inflight(), [] as [&str; 0]);
        assert_eq!(world.count(), 2);
    }
}

#[tokio::test]
async fn an_order_that_was_filled_meanwhile_is_recorded_as_filled() {
    let world = World::new().await;
    let (_, neighbour) = world.neighbour();
    let tool = WriteTool::PlaceOrder;
    neighbour.write(tool, &six_sol_as("left-1").to_string()).await;
    leave(&world, 5, "sent");
    world.paper.set_price("linear", "SOLUSDT", 139.into()).unwrap();
    look(&world).await;
    assert_eq!(world.story(), ["order_placed filled", "breach blocked"]);
    assert_eq!(world.inflight(), [] as [&str; 0]);
}

#[tokio::test]
async fn an_order_that_the_exchange_rejected_meanwhile_gives_its_count_back() {
    let world = World::new().await;
    let (_, neighbour) = world.neighbour();
    world.fault("/v5/order/create", FaultKind::RejectLater, Some(1));
    neighbour
        .write(WriteTool::PlaceOrder, &six_sol_as("left-1").to_string())
        .await;
    leave(&world, 5, "sent");
    look(&world).await;
    assert_eq!(world.story(), ["order_rejected rejected", "breach blocked"]);
    assert_eq!(world.count(), 1);
}

/// Settled already; only the file was still there, as after a crash between the two.
#[tokio::test]
async fn an_acknowledged_order_that_is_shown_is_only_forgotten() {
    let world = World::new().await;
    let (_, neighbour) = world.neighbour();
    neighbour
        .write(WriteTool::PlaceOrder, &six_sol_as("left-1").to_string())
        .await;
    leave(&world, 5, "acknowledged");
    look(&world).await;
    assert_eq!(world.story(), ["breach blocked"]);
    assert_eq!(world.inflight(), [] as [&str; 0]);
    assert_eq!(world.count(), 2);
}

/// The ledger has said `accepted` of it: what came later is said as well.
#[tokio::test]
async fn an_acknowledged_order_that_was_rejected_later_is_recorded_and_given_back() {
    let world = World::new().await;
    let (_, neighbour) = world.neighbour();
    world.fault("/v5/order/create", FaultKind::RejectLater, Some(1));
    neighbour
        .write(WriteTool::PlaceOrder, &six_sol_as("left-1").to_string())
        .await;
    leave(&world, 5, "acknowledged");
    look(&world).await;
    assert_eq!(world.story(), ["order_rejected rejected", "breach blocked"]);
    assert_eq!(world.count(), 1);
    assert_eq!(world.inflight(), [] as [&str; 0]);
}

/// A lookup that fails says nothing about the order.
#[tokio::test]
async fn an_old_order_stays_while_the_exchange_cannot_be_asked() {
    let world = World::new().await;
    leave(&world, 61, "sent");
    let no = FaultKind::RetCode {
        code: 10005,
        message: "no permission".to_owned(),
    };
    world.fault("/v5/order/history", no, None);
    look(&world).await;
    assert_eq!(world.inflight(), ["left-1 sent"]);
    assert_eq!(world.story(), ["breach blocked"]);
    assert_eq!(world.count(), 2);
}

/// An exit still passes, and the order of another venue is left alone.
#[tokio::test]
async fn an_order_of_another_venue_is_not_settled_here() {
    let world = World::new().await;
    leave(&world, 61, "sent");
    let path = world.files.inflight_folder().join("left-1.json");
    let text = fs::read_to_string(&path).unwrap();
    put(
        &path,
        &text.replace("\"venue\":\"paper\"", "\"venue\":\"bybit mainnet\""),
    );
    look(&world).await;
    assert_eq!(world.inflight(), ["left-1 sent"]);
    let reply = world
        .write(
            WriteTool::CancelAllOrders,
            json!({"category": "linear", "settle_coin": "USDT"}),
        )
        .await;
    assert_eq!(reply["status"], "accepted");
}

/// What cannot be recorded is not recorded in one ledger of the two, again at each look.
#[tokio::test]
async fn a_leftover_waits_for_a_ledger_that_takes_its_record() {
    let world = World::new().await;
    leave(&world, 61, "sent");
    put(&world.files.audit_chain(), "no record\n");
    for _ in 0..2 {
        assert_blocked(&world.place(six_sol()).await, "deny", "ledger");
    }
    assert_eq!(world.story(), ["order_rejected blocked"; 2]);
    assert_eq!(world.inflight(), ["left-1 sent"]);
    fs::remove_file(world.files.audit_chain()).unwrap();
    look(&world).await;
    assert_eq!(world.story()[2..], ["order_rejected error", "breach blocked"]);
    assert_eq!(world.inflight(), [] as [&str; 0]);
}

/// The lock is held meanwhile.
#[tokio::test]
async fn an_exchange_that_does_not_answer_is_not_asked_for_each_leftover() {
    let world = World::with(|config| config.timeout = Duration::from_secs(1), Mode::Trade).await;
    leave(&world, 61, "sent");
    let one = world.files.inflight_folder().join("left-1.json");
    let text = fs::read_to_string(&one).unwrap();
    put(
        &world.files.inflight_folder().join("left-2.json"),
        &text.replace("left-1", "left-2"),
    );
    world.fault("/v5/order/realtime", FaultKind::DropBefore, None);
    assert_blocked(
        &world.place(six_sol()).await,
        "pause_for_reauth",
        "max_total_exposure_usd",
    );
    let asked = |id: &str| {
        world
            .paper
            .requests()
            .iter()
            .any(|request| request.payload.contains(id))
    };
    assert_eq!((asked("left-1"), asked("left-2")), (true, false));
    assert_eq!(world.inflight(), ["left-1 sent", "left-2 sent"]);
}
