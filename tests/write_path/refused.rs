//! Writes that the gate refuses: nothing is on the wire, one record, the count unchanged.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use mandated::broker::Mode;
use mandated::domain::order::WriteTool;
use mandated::sim::FaultKind;
use mandated::state::clock;
use serde_json::{Value, json};

use crate::world::{World, assert_blocked, assert_reason, mandate, put, six_sol};

#[tokio::test]
async fn without_a_mandate_each_tool_is_refused() {
    for (tool, args) in [
        (WriteTool::PlaceOrder, six_sol()),
        (
            WriteTool::AmendOrder,
            json!({"category": "linear", "symbol": "SOLUSDT", "order_id": "x", "price": "1"}),
        ),
        (
            WriteTool::CancelOrder,
            json!({"category": "linear", "symbol": "SOLUSDT", "order_id": "x"}),
        ),
        (
            WriteTool::CancelAllOrders,
            json!({"category": "linear", "settle_coin": "USDT"}),
        ),
        (
            WriteTool::SetLeverage,
            json!({"category": "linear", "symbol": "SOLUSDT", "leverage": "2"}),
        ),
        (
            WriteTool::SetTradingStop,
            json!({"category": "linear", "symbol": "SOLUSDT", "stop_loss": "100"}),
        ),
    ] {
        let world = World::new().await;
        fs::remove_file(world.files.mandate()).unwrap();
        let reply = world.write(tool, args).await;
        world.assert_refused(&reply, "deny", "mandate");
        assert_reason(&reply, "no valid mandate on file");
        assert_eq!(reply["remote_tool"], tool.name());
        assert_eq!(
            world.paper.requests().len(),
            0,
            "the exchange was asked for nothing"
        );
        world.assert_settled(&["order_rejected blocked"], 0);
    }
}

#[tokio::test]
async fn an_expired_mandate_asks_for_a_new_one() {
    let world = World::new().await;
    let mut expired = mandate();
    expired["consent"]["expires_at"] = clock::ledger_text(clock::now() - chrono::Duration::seconds(1)).into();
    world.commit(&expired);
    let reply = world.place(six_sol()).await;
    world.assert_refused(&reply, "pause_for_reauth", "expiry");
}

#[tokio::test]
async fn a_mandate_that_is_not_to_be_trusted_is_none() {
    let open = |world: &World| {
        fs::set_permissions(world.files.mandate(), Permissions::from_mode(0o660)).unwrap();
    };
    let open_folder = |world: &World| {
        fs::set_permissions(world.files.broker_folder(), Permissions::from_mode(0o770)).unwrap();
    };
    let torn = |world: &World| put(&world.files.mandate(), "{\"schema_version\": 1");
    let twice = |world: &World| {
        let text = mandate().to_string();
        put(
            &world.files.mandate(),
            &text.replacen('{', "{\"schema_version\": 1, ", 1),
        );
    };
    let others = |world: &World| {
        let mut others = mandate();
        others["consent"]["broker"] = "kraken".into();
        world.commit(&others);
    };
    let later = |world: &World| {
        let mut later = mandate();
        later["schema_version"] = 2.into();
        world.commit(&later);
    };
    let spoil: [&dyn Fn(&World); 6] = [&open, &open_folder, &torn, &twice, &others, &later];
    for spoil in spoil {
        let world = World::new().await;
        spoil(&world);
        let reply = world.place(six_sol()).await;
        world.assert_refused(&reply, "deny", "mandate");
    }
}

#[tokio::test]
async fn an_argument_that_is_not_known_refuses_and_is_named() {
    let world = World::new().await;
    let mut args = six_sol();
    args["leverage"] = 2.into();
    let reply = world.place(args).await;
    world.assert_refused(&reply, "deny", "intent");
    assert_reason(&reply, "leverage");
    assert_eq!(reply["live_action"]["broker_request"]["leverage"], 2);
}

#[tokio::test]
async fn what_is_no_order_is_refused() {
    for args in [
        "",
        "[]",
        "{",
        "null",
        r#"{"category":"linear"}"#,
        "{\"category\":\"linear\",\"category\":\"spot\"}",
    ] {
        let world = World::new().await;
        let reply = world.broker.write(WriteTool::PlaceOrder, args).await;
        world.assert_refused(&reply, "deny", "intent");
    }
}

#[tokio::test]
async fn an_excluded_symbol_is_refused() {
    let world = World::new().await;
    let args = json!({"category": "linear", "symbol": "DOGEUSDT", "side": "Buy", "order_type": "Market", "qty": "100"});
    let reply = world.place(args).await;
    world.assert_refused(&reply, "deny", "exclude_symbols");
    assert_eq!(reply["breach"]["kind"], "universe");
    world.assert_settled(&["breach blocked"], 0);
}

#[tokio::test]
async fn each_cap_refuses_with_both_sides_of_its_inequality() {
    for (cap, allowed, limit_value, attempted) in [
        ("max_order_notional_usd", 899.0, "899", "900.06"),
        ("max_total_exposure_usd", 7399.0, "7399", "7400.06"),
        ("max_leverage", 0.1, "0.1", "0.1480012"),
        ("max_trades_per_day", 0.0, "0", "1"),
        ("account_funding_usd", 7399.0, "7399", "7400.06"),
    ] {
        let world = World::new().await;
        if cap == "max_trades_per_day" {
            world.cap(cap, 0);
        } else {
            world.cap(cap, allowed);
        }
        let reply = world.place(six_sol()).await;
        world.assert_refused(&reply, "pause_for_reauth", cap);
        let breach = &reply["breach"];
        assert_eq!(breach["limit_value"], limit_value);
        assert_eq!(breach["attempted_value"], attempted);
        assert_eq!(breach["kind"], "quantitative");
        world.assert_settled(&["breach blocked"], 0);
    }
}

#[tokio::test]
async fn an_order_at_the_cap_passes_and_the_largest_that_passes_is_named() {
    let world = World::new().await;
    world.cap("max_order_notional_usd", 899.0);
    let reply = world.place(six_sol()).await;
    assert_eq!(reply["breach"]["largest_qty"], "5.9");
    world.cap("max_order_notional_usd", 900.06);
    assert_eq!(world.place(six_sol()).await["status"], "accepted");
}

#[tokio::test]
async fn a_policy_that_is_not_understood_refuses() {
    let world = World::new().await;
    put(&world.files.policy(), "max_order = 5\n");
    let reply = world.place(six_sol()).await;
    world.assert_refused(&reply, "deny", "policy");
}

#[tokio::test]
async fn a_server_that_may_only_read_refuses_each_write() {
    let world = World::with(|_| {}, Mode::Read).await;
    let reply = world.place(six_sol()).await;
    world.assert_refused(&reply, "deny", "mode");
    assert_reason(&reply, "BYBIT_MODE");
}

/// A counter that cannot be trusted is never zero.
#[tokio::test]
async fn a_count_that_cannot_be_trusted_refuses() {
    let tomorrow = (clock::now().date_naive() + chrono::Days::new(1)).to_string();
    let today = clock::now().date_naive().to_string();
    for text in [
        "",
        "{",
        "[]",
        r#"{"date":"today","count":0,"action_ids":[]}"#,
        &json!({"date": tomorrow, "count": 0, "action_ids": []}).to_string(),
        &json!({"date": today, "count": -1, "action_ids": []}).to_string(),
        &json!({"date": today, "count": 0, "action_ids": ["a"]}).to_string(),
    ] {
        let world = World::new().await;
        put(&world.files.counter(), text);
        let reply = world.place(six_sol()).await;
        world.assert_refused(&reply, "deny", "max_trades_per_day");
        assert_eq!(fs::read_to_string(world.files.counter()).unwrap(), text);
    }
}

/// An exit is counted as well, so it needs a counter that can be kept.
#[tokio::test]
async fn an_exit_is_not_sent_uncounted() {
    let world = World::new().await;
    put(&world.files.counter(), "{");
    let exit = json!({"category": "linear", "symbol": "SOLUSDT", "side": "Sell", "order_type": "Market", "qty": "6", "reduce_only": true});
    let reply = world.place(exit).await;
    world.assert_refused(&reply, "deny", "ledger");
    assert_reason(&reply, "today's order count is unknown");
}

#[tokio::test]
async fn a_file_in_flight_that_cannot_be_read_refuses() {
    for (name, text) in [("a.json", "{"), ("a.json", "{}"), ("notes.txt", "")] {
        let world = World::new().await;
        fs::create_dir_all(world.files.inflight_folder()).unwrap();
        put(&world.files.inflight_folder().join(name), text);
        let reply = world.place(six_sol()).await;
        world.assert_refused(&reply, "pause_for_reauth", "max_total_exposure_usd");
        assert_reason(&reply, name);
        assert_eq!(world.count(), 0);
    }
}

fn folder_in_place_of(path: &std::path::Path) {
    let _ = fs::remove_file(path);
    fs::create_dir_all(path).unwrap();
}

#[tokio::test]
async fn a_ledger_that_takes_no_record_refuses_and_the_reply_says_so() {
    let world = World::new().await;
    folder_in_place_of(&world.files.audit());
    let reply = world.place(six_sol()).await;
    assert_blocked(&reply, "deny", "ledger");
    assert_eq!((world.sent(), world.count()), (vec![], 0));
    assert_eq!(reply["live_action"], Value::Null);
    assert!(reply["ledger_fault"].as_str().unwrap().contains("audit.jsonl"));
    assert_eq!(world.inflight(), [] as [&str; 0]);
}

#[tokio::test]
async fn a_chain_that_takes_no_record_refuses() {
    let world = World::new().await;
    folder_in_place_of(&world.files.audit_chain());
    let reply = world.place(six_sol()).await;
    assert_blocked(&reply, "deny", "ledger");
    assert_eq!((world.sent(), world.count()), (vec![], 0));
    assert!(
        reply["ledger_fault"]
            .as_str()
            .unwrap()
            .contains("audit_chain.jsonl")
    );
    assert_eq!(world.story(), ["order_rejected blocked"]);
}

#[tokio::test]
async fn a_chain_that_was_tampered_with_refuses_and_names_the_record() {
    let world = World::new().await;
    assert_eq!(world.place(six_sol()).await["status"], "accepted");
    let chain = fs::read_to_string(world.files.audit_chain()).unwrap();
    let at = chain.rfind("\"accepted\"").unwrap();
    let (before, after) = chain.split_at(at);
    put(
        &world.files.audit_chain(),
        &format!("{before}{}", after.replacen("accepted", "rejected", 1)),
    );
    let reply = world.place(six_sol()).await;
    assert_blocked(&reply, "deny", "ledger");
    assert_reason(&reply, "the ledger is broken");
    assert_eq!((world.creates(), world.count()), (1, 1));
    assert_eq!(world.inflight(), [] as [&str; 0]);
}

/// What an exit may do without, a write may not: the exchange's time.
#[tokio::test]
async fn without_the_exchanges_time_every_write_is_refused_and_reads_go_on() {
    let world = World::new().await;
    let out = FaultKind::RetCode {
        code: 10016,
        message: "Internal error.".to_owned(),
    };
    world.fault("/v5/market/time", out, None);
    let cancel = json!({"category": "linear", "settle_coin": "USDT"});
    for (tool, args) in [
        (WriteTool::PlaceOrder, six_sol()),
        (WriteTool::CancelAllOrders, cancel),
    ] {
        let reply = world.write(tool, args).await;
        assert_blocked(&reply, "deny", "clock");
    }
    assert_eq!(world.sent(), []);
    assert_eq!(world.orders("linear").await, [] as [Value; 0]);
}
