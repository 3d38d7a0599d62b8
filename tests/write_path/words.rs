//! What the ledger and the caller are told of a write, beside its outcome.

use mandated::domain::order::WriteTool;
use mandated::sim::FaultKind;
use serde_json::{Value, json};

use crate::leftovers::leave;
use crate::world::{CREATE, World, put, six_sol, six_sol_as};

fn words(reply: &Value) -> &str {
    reply["live_action"]["intent_normalized"].as_str().unwrap()
}

#[tokio::test]
async fn each_write_is_put_in_words() {
    let world = World::new().await;
    let placed = world.place(six_sol_as("mine-1")).await;
    assert_eq!(words(&placed), "buy $900.06 SOLUSDT @ 140 (crypto)");
    let market = json!({"category": "linear", "symbol": "SOLUSDT", "side": "Sell", "order_type": "Market", "qty": "2"});
    assert_eq!(words(&world.place(market).await), "sell $300 SOLUSDT (crypto)");
    let key = json!({"category": "linear", "symbol": "SOLUSDT", "order_link_id": "mine-1"});
    let mut change = key.clone();
    change["qty"] = "5".into();
    change["price"] = "139".into();
    change["stop_loss"] = "120".into();
    let amended = world.write(WriteTool::AmendOrder, change).await;
    assert_eq!(
        words(&amended),
        "amend SOLUSDT order_link_id mine-1 qty 5 price 139 stop loss 120"
    );
    let cancelled = world.write(WriteTool::CancelOrder, key).await;
    assert_eq!(words(&cancelled), "cancel SOLUSDT order_link_id mine-1");
    let all = json!({"category": "linear", "settle_coin": "USDT"});
    let all = world.write(WriteTool::CancelAllOrders, all).await;
    assert_eq!(words(&all), "cancel all linear orders settled in USDT");
    let leverage = json!({"category": "linear", "symbol": "SOLUSDT", "leverage": 2});
    let leverage = world.write(WriteTool::SetLeverage, leverage).await;
    assert_eq!(words(&leverage), "set leverage of SOLUSDT to 2x");
    for record in world.ledger() {
        assert_eq!(
            (&record["mandate_snapshot_ref"], &record["consent_record_ref"]),
            (&json!("ab"), &json!("a-1"))
        );
    }
}

/// What an order in money has filled is money.
#[tokio::test]
async fn an_order_in_money_shows_what_it_spent() {
    let world = World::new().await;
    let order = json!({"category": "spot", "symbol": "SOLUSDT", "side": "Buy", "order_type": "Market", "qty": "90", "market_unit": "quoteCoin"});
    let reply = world.place(order).await;
    assert!(reply["order"]["cumExecValue"].is_string(), "{reply}");
    assert!(reply["order"].get("cumExecQty").is_none(), "{reply}");
    let reply = world.place(six_sol()).await;
    assert!(reply["order"]["cumExecQty"].is_string(), "{reply}");
    assert!(reply["order"].get("cumExecValue").is_none(), "{reply}");
}

/// It was taken, so it goes on counting until somebody shows it.
#[tokio::test]
async fn an_acknowledged_order_that_nobody_shows_stays_in_flight() {
    let world = World::new().await;
    world.fault(CREATE, FaultKind::InvisibleMs(600_000), Some(1));
    let reply = world.place(six_sol_as("hidden-1")).await;
    assert_eq!(
        (reply["status"].as_str(), &reply["ok"]),
        (Some("accepted"), &json!(true))
    );
    assert!(
        reply["note"]
            .as_str()
            .unwrap()
            .contains("does not show the order yet"),
        "{reply}"
    );
    assert_eq!(world.inflight(), ["hidden-1 acknowledged"]);
    assert_eq!(world.count(), 1);
    // At once, and after 40 and 80 ms: the budget of the lookups is for other orders too.
    let requests = world.paper.requests().into_iter();
    let lookups = requests
        .filter(|request| request.path == "/v5/order/history" && request.payload.contains("hidden-1"));
    let lookups = lookups.count();
    assert!((1..=4).contains(&lookups), "{lookups}");
    let facts = world.broker.account().await;
    assert_eq!(facts.inflight.unwrap().len(), 1);
}

/// A change of an order says nothing of its being shown.
#[tokio::test]
async fn only_a_new_order_is_said_not_to_be_shown_yet() {
    let world = World::new().await;
    world.place(six_sol_as("mine-1")).await;
    let key = json!({"category": "linear", "symbol": "SOLUSDT", "order_link_id": "mine-1"});
    let reply = world.write(WriteTool::CancelOrder, key).await;
    assert_eq!(reply["status"], "accepted", "{reply}");
    assert!(
        reply.get("note").is_none() && reply.get("order_link_id").is_none(),
        "{reply}"
    );
}

/// Less of it is shown than was sent; only a change that is not settled may have made it larger.
#[tokio::test]
async fn an_order_in_flight_that_is_shown_counts_as_it_is_shown() {
    let world = World::new().await;
    let (_, neighbour) = world.neighbour();
    let mut five = six_sol_as("left-1");
    five["qty"] = "5".into();
    neighbour.write(WriteTool::PlaceOrder, &five.to_string()).await;
    leave(&world, 0, "sent");
    let path = world.files.inflight_folder().join("left-1.json");
    let text = std::fs::read_to_string(&path).unwrap();
    for (tool, leaves) in [("bybit_place_order", 5), ("bybit_amend_order", 6)] {
        put(&path, &text.replace("bybit_place_order", tool));
        let facts = world.broker.account().await;
        assert_eq!(facts.open_orders.unwrap()[0].leaves, leaves.into(), "{tool}");
        assert_eq!(facts.inflight, Some(vec![]));
    }
    put(
        &path,
        &text.replace("\"venue\":\"paper\"", "\"venue\":\"bybit mainnet\""),
    );
    let facts = world.broker.account().await;
    assert_eq!(facts.inflight, None);
    let why = facts.missing.concat();
    assert!(
        why.contains("left-1 went to `bybit mainnet`") && why.contains("this is `paper`"),
        "{why}"
    );
}

/// What is needed to value it is asked for, and nothing else.
#[tokio::test]
async fn the_account_is_priced_where_it_has_no_price() {
    let world = World::new().await;
    let inverse = json!({"category": "inverse", "symbol": "BTCUSD", "side": "Buy", "order_type": "Market", "qty": "100"});
    assert_eq!(world.place(inverse).await["status"], "filled");
    assert_eq!(world.place(six_sol()).await["status"], "accepted");
    let facts = world.broker.account().await;
    let symbols: Vec<String> = facts.instruments.keys().map(ToString::to_string).collect();
    assert_eq!(symbols.len(), 1, "{symbols:?}");
    assert!(symbols.concat().contains("SOLUSDT"), "{symbols:?}");
    // The limit and the mark are known.
    assert!(facts.quotes.is_empty(), "{:?}", facts.quotes);
    assert!(facts.coin_usd.is_empty(), "{:?}", facts.coin_usd);

    // An order at the market has no price of its own.
    leave(&world, 0, "sent");
    let path = world.files.inflight_folder().join("left-1.json");
    let mut record: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    record["order"]["price"] = Value::Null;
    record["order"]["symbol"] = "ETHUSDT".into();
    put(&path, &record.to_string());
    let facts = world.broker.account().await;
    let quoted: Vec<String> = facts.quotes.keys().map(ToString::to_string).collect();
    assert_eq!(quoted.len(), 1, "{quoted:?}");
    assert!(quoted.concat().contains("ETHUSDT"), "{quoted:?}");
    assert_eq!(facts.instruments.len(), 2);
    assert_eq!(facts.missing, [] as [&str; 0]);
}

/// By how much, and what was asked for: enough to ask a person, or to ask for less.
#[tokio::test]
async fn a_breach_says_by_how_much_and_what_was_proposed() {
    let world = World::new().await;
    world.place(six_sol_as("mine-1")).await;
    world.cap("max_order_notional_usd", 500.0);
    let breach = &world.place(six_sol()).await["breach"];
    assert_eq!(
        (
            &breach["limit_value"],
            &breach["attempted_value"],
            &breach["overage"]
        ),
        (&json!("500"), &json!("900.06"), &json!("400.06"))
    );
    let action = json!({"symbol": "SOLUSDT", "side": "buy", "notional_usd": "900.06", "quantity": "6",
                        "quantity_unit": "base coin", "limit_price": "140", "instrument_type": "crypto"});
    assert_eq!(breach["proposed_action"], action);

    let change = json!({"category": "linear", "symbol": "SOLUSDT", "order_link_id": "mine-1", "qty": "7"});
    let reply = world.write(WriteTool::AmendOrder, change).await;
    assert_eq!(reply["limit"], "max_order_notional_usd", "{reply}");
    let action = json!({"symbol": "SOLUSDT", "instrument_type": "crypto"});
    assert_eq!(reply["breach"]["proposed_action"], action);
}

/// ETHBTC is paid in coins, whose dollars have to be asked for.
#[tokio::test]
async fn an_instrument_that_is_paid_in_coins_needs_their_price() {
    let world = World::new().await;
    let order = json!({"category": "spot", "symbol": "ETHBTC", "side": "Buy", "order_type": "Limit", "qty": "0.01", "price": "0.04"});
    let reply = world.place(order).await;
    assert_eq!(reply["status"], "accepted", "{reply}");
    let facts = world.broker.account().await;
    let coins: Vec<&str> = facts.coin_usd.keys().map(|coin| coin.as_str()).collect();
    assert_eq!(coins, ["BTC"]);
}

#[tokio::test]
async fn a_floor_of_the_daily_volume_is_asked_of_the_exchange() {
    let world = World::new().await;
    for (floor, status) in [(1.0, "accepted"), (1e15, "blocked")] {
        let mut mandate = crate::world::mandate();
        mandate["universe"]["min_avg_daily_volume_usd"] = floor.into();
        world.commit(&mandate);
        let reply = world.place(six_sol()).await;
        assert_eq!(reply["status"], status, "{reply}");
    }
}
