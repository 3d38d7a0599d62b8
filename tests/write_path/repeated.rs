//! A caller that gives its own order id may ask again: the order is sent once.

use std::fs;
use std::time::Duration;

use mandated::broker::{Hold, Mode, Why};
use mandated::domain::order::WriteTool;
use mandated::sim::FaultKind;
use serde_json::{Value, json};

use crate::unknown::age;
use crate::world::{CREATE, World, assert_blocked, assert_reason, put, six_sol, six_sol_as};

#[tokio::test]
async fn the_same_order_under_the_same_id_is_answered_with_the_first_outcome() {
    let world = World::new().await;
    let first = world.place(six_sol_as("mine-1")).await;
    let again = world.place(six_sol_as("mine-1")).await;
    assert_eq!(again["repeated"], true, "{again}");
    for name in ["live_action", "status", "ok", "order_id", "order_link_id"] {
        assert_eq!(again[name], first[name], "{name}");
    }
    assert!(first.get("repeated").is_none());
    assert_eq!(world.creates(), 1);
    world.assert_settled(&["order_submitted pending", "order_placed accepted"], 1);
}

/// Spelled otherwise it is the same order still.
#[tokio::test]
async fn numbers_and_symbols_may_be_written_otherwise_the_second_time() {
    let world = World::new().await;
    world.place(six_sol_as("mine-1")).await;
    let again = json!({"symbol": "sol/usdt", "category": "linear", "side": "Buy", "order_type": "Limit", "qty": 6.0, "price": "140.00",
                       "time_in_force": null, "order_link_id": "mine-1"});
    let reply = world.place(again).await;
    assert_eq!(reply["repeated"], true, "{reply}");
    assert_eq!(world.creates(), 1);
}

#[tokio::test]
async fn another_order_under_the_same_id_is_refused() {
    let world = World::new().await;
    world.place(six_sol_as("mine-1")).await;
    for (name, value) in [
        ("qty", "5"),
        ("price", "139"),
        ("side", "Sell"),
        ("symbol", "ETHUSDT"),
        ("stop_loss", "100"),
        ("time_in_force", "IOC"),
    ] {
        let mut other = six_sol_as("mine-1");
        other[name] = value.into();
        let reply = world.place(other).await;
        assert_blocked(&reply, "deny", "intent");
        assert_reason(&reply, "mine-1 was used for another order");
    }
    assert_eq!((world.creates(), world.count()), (1, 1));
}

#[tokio::test]
async fn a_rejection_is_repeated_too() {
    let world = World::new().await;
    let no = FaultKind::RetCode {
        code: 110_007,
        message: "not enough".to_owned(),
    };
    world.fault(CREATE, no, Some(1));
    assert_eq!(world.place(six_sol_as("mine-1")).await["status"], "rejected");
    let again = world.place(six_sol_as("mine-1")).await;
    assert_eq!(
        (again["status"].as_str(), &again["repeated"]),
        (Some("rejected"), &json!(true))
    );
    assert_eq!(world.ledger()[1]["broker_response"].get("passing"), None);
    assert_eq!((world.creates(), world.count()), (1, 0));
}

/// That it is the first outcome does not take the place of how the order ended.
#[tokio::test]
async fn a_repeat_of_an_order_that_was_over_at_once_still_says_so() {
    let world = World::new().await;
    let mut crossing = six_sol_as("mine-1");
    crossing["price"] = "151".into();
    crossing["time_in_force"] = "PostOnly".into();
    world.place(crossing.clone()).await;
    let again = world.place(crossing).await;
    assert_eq!(again["repeated"], true, "{again}");
    let note = again["note"].as_str().unwrap();
    for part in ["nothing was sent now", "the order is over already: Cancelled"] {
        assert!(note.contains(part), "{part}: {note}");
    }
}

/// A no of the moment says "later": it is no answer that stays, and keeps nobody from asking again under the id.
#[tokio::test]
async fn a_no_of_the_moment_leaves_the_id_free() {
    let stale = FaultKind::RetCode {
        code: 10_002,
        message: "outside the window".to_owned(),
    };
    for passing in [FaultKind::RateLimited, stale] {
        let world = World::new().await;
        world.fault(CREATE, passing, Some(1));
        let first = world.place(six_sol_as("mine-1")).await;
        assert_eq!(first["status"], "rejected", "{first}");
        let again = world.place(six_sol_as("mine-1")).await;
        assert_eq!(
            (again["status"].as_str(), again.get("repeated")),
            (Some("accepted"), None),
            "{again}"
        );
        assert_eq!((world.creates(), world.count()), (2, 1));
        assert_eq!(world.ledger()[1]["broker_response"]["passing"], true);
    }
}

/// An answer that was kept and cannot be read may be any answer.
#[tokio::test]
async fn an_outcome_that_cannot_be_read_refuses_its_id() {
    let world = World::new().await;
    world.place(six_sol_as("mine-1")).await;
    put(&world.files.settled_folder().join("mine-1.json"), "{");
    let reply = world.place(six_sol_as("mine-1")).await;
    assert_blocked(&reply, "deny", "intent");
    assert_reason(&reply, "mine-1.json");
    assert_eq!((world.creates(), world.count()), (1, 1));
}

/// Practised on paper, then meant: the answer from paper is no answer of the exchange.
#[tokio::test]
async fn an_outcome_at_one_venue_is_not_given_out_at_another() {
    let world = World::new().await;
    world.place(six_sol_as("mine-1")).await;
    let args = six_sol_as("mine-1").to_string();
    let reply = world.at_another_venue().write(WriteTool::PlaceOrder, &args).await;
    assert_blocked(&reply, "deny", "intent");
    assert_eq!(reply["venue"], "bybit testnet");
}

/// A refusal sent nothing, so its id is free.
#[tokio::test]
async fn an_order_that_was_refused_may_be_asked_for_again() {
    let world = World::new().await;
    world.cap("max_order_notional_usd", 1.0);
    assert_eq!(world.place(six_sol_as("mine-1")).await["status"], "blocked");
    world.cap("max_order_notional_usd", 1000.0);
    assert_eq!(world.place(six_sol_as("mine-1")).await["status"], "accepted");
}

/// Stopped in the last instant, it was never sent: that is no outcome to repeat.
#[tokio::test]
async fn an_order_that_was_halted_before_it_was_sent_may_be_asked_for_again() {
    let world = World::new().await;
    world.fault("/v5/account/wallet-balance", FaultKind::DelayMs(300), Some(1));
    let halting = async {
        world.reached("/v5/account/wallet-balance").await;
        put(&world.files.halt_global(), "");
    };
    let (reply, ()) = tokio::join!(world.place(six_sol_as("mine-1")), halting);
    assert_eq!(reply["status"], "blocked", "{reply}");
    assert_eq!(world.inflight(), [] as [&str; 0]);
    fs::remove_file(world.files.halt_global()).unwrap();
    let again = world.place(six_sol_as("mine-1")).await;
    assert_eq!(
        (again["status"].as_str(), again.get("repeated")),
        (Some("accepted"), None)
    );
    assert_eq!((world.creates(), world.count()), (1, 1));
}

/// The counter goes by ids: an order under the id of another would be counted as that one, and given back as it.
#[tokio::test]
async fn an_id_that_this_program_gave_is_no_callers_own() {
    let world = World::new().await;
    let first = world.place(six_sol()).await;
    let ours = first["order_link_id"].as_str().unwrap();
    for id in [ours, "md-1", "MD-1", "mx-1"] {
        let reply = world.place(six_sol_as(id)).await;
        assert_blocked(&reply, "deny", "intent");
        assert_reason(&reply, "begins as the ids do that this program gives itself");
    }
    assert_eq!((world.creates(), world.count()), (1, 1));
}

/// Redaction would keep the ledger from naming it.
#[tokio::test]
async fn an_id_that_looks_like_a_secret_is_refused() {
    let world = World::new().await;
    let reply = world.place(six_sol_as("sk-breakout-btcusdt-20260615-0001")).await;
    assert_blocked(&reply, "deny", "intent");
    assert_reason(&reply, "order_link_id looks like a secret");
    assert_eq!((world.creates(), world.count()), (0, 0));
}

/// The exchange takes an id once in each category; here it was counted with the first.
#[tokio::test]
async fn a_second_order_under_a_forgotten_id_that_never_arrives_leaves_the_trade_of_the_first() {
    let world = World::new().await;
    world.place(six_sol_as("mine-1")).await;
    fs::remove_dir_all(world.files.settled_folder()).unwrap();
    world.fault(CREATE, FaultKind::DropBefore, Some(1));
    let mut spot = six_sol_as("mine-1");
    spot["category"] = "spot".into();
    let lost = world.place(spot).await;
    assert_eq!(lost["status"], "unknown", "{lost}");
    age(&world, 61);
    world.broker.recover().await;
    assert_eq!(
        world.story().last().map(String::as_str),
        Some("order_rejected error")
    );
    assert_eq!((world.inflight().len(), world.count()), (0, 1));
}

/// Nobody asks again under an id that the caller did not choose.
#[tokio::test]
async fn only_the_outcome_under_a_callers_own_id_is_kept() {
    let world = World::new().await;
    let kept = || fs::read_dir(world.files.settled_folder()).map_or(0, Iterator::count);
    world.place(six_sol()).await;
    assert_eq!(kept(), 0);
    world.place(six_sol_as("mine-1")).await;
    assert_eq!(kept(), 1);
}

/// Our memory of the answer may be lost; the exchange's code for a duplicate then tells.
#[tokio::test]
async fn without_our_memory_the_exchange_says_that_it_is_the_same_order() {
    let spot = json!({"category": "spot", "symbol": "SOLUSDT", "side": "Buy", "order_type": "Limit", "qty": "6", "price": "140", "order_link_id": "mine-1"});
    for order in [six_sol_as("mine-1"), spot] {
        let world = World::new().await;
        let first = world.place(order.clone()).await;
        fs::remove_dir_all(world.files.settled_folder()).unwrap();
        let again = world.place(order.clone()).await;
        assert_eq!(again["status"], "accepted", "{again}");
        assert_eq!(again["order_id"], first["order_id"]);
        assert_eq!((world.creates(), world.count()), (2, 1));
        assert_eq!(world.orders(order["category"].as_str().unwrap()).await.len(), 1);
    }
}

#[tokio::test]
async fn without_our_memory_another_order_under_the_id_is_rejected_and_the_first_stays_counted() {
    let mut market = six_sol_as("mine-1");
    market["order_type"] = "Market".into();
    market["price"] = serde_json::Value::Null;
    let other = |name: &str, value: &str| {
        let mut other = six_sol_as("mine-1");
        other[name] = value.into();
        other
    };
    for order in [
        other("qty", "5"),
        other("price", "139"),
        other("side", "Sell"),
        market,
    ] {
        let world = World::new().await;
        world.place(six_sol_as("mine-1")).await;
        fs::remove_dir_all(world.files.settled_folder()).unwrap();
        let reply = world.place(order.clone()).await;
        assert_eq!(reply["status"], "rejected", "{order} {reply}");
        assert_reason(&reply, "belongs to another order");
        assert_eq!((world.count(), world.orders("linear").await.len()), (1, 1));
        assert_eq!(world.inflight(), [] as [&str; 0]);
    }
}

/// Both ask before either has an answer.
#[tokio::test]
async fn one_order_asked_for_twice_at_once_is_sent_once() {
    let world = World::new().await;
    // One order fits, a second one would not.
    world.cap("max_total_exposure_usd", 8_000.0);
    let other = world.another_broker();
    let args = six_sol_as("mine-1").to_string();
    let tool = WriteTool::PlaceOrder;
    let (one, two) = tokio::join!(world.broker.write(tool, &args), other.write(tool, &args));
    assert_eq!(
        (one["status"].as_str(), two["status"].as_str()),
        (Some("accepted"), Some("accepted")),
        "{one}\n{two}"
    );
    assert_eq!(one["order_id"], two["order_id"]);
    assert_eq!((world.creates(), world.count()), (1, 1));
}

#[track_caller]
fn assert_repeats(reply: &Value, status: &str) {
    assert_eq!(
        (reply["status"].as_str(), &reply["repeated"]),
        (Some(status), &json!(true)),
        "{reply}"
    );
}

/// The first call holds the lock until it is answered. "Nothing was sent" would be a lie about that order.
#[tokio::test]
async fn an_order_that_is_on_its_way_is_told_to_whoever_does_not_get_the_lock() {
    let world = World::with(|config| config.timeout = Duration::from_secs(20), Mode::Trade).await;
    world.fault(CREATE, FaultKind::DelayMs(8_000), Some(1));
    let asking = async {
        world.reached(CREATE).await;
        let other = world.another_broker();
        let ask = |args: Value| {
            let other = other.clone();
            async move { other.write(WriteTool::PlaceOrder, &args.to_string()).await }
        };
        let mut another = six_sol_as("mine-1");
        another["qty"] = "5".into();
        let (again, another, new) =
            tokio::join!(ask(six_sol_as("mine-1")), ask(another), ask(six_sol_as("mine-2")));
        assert_repeats(&again, "unknown");
        let note = again["note"].as_str().unwrap();
        assert!(note.contains("is on its way since"), "{note}");
        for refused in [another, new] {
            assert_blocked(&refused, "deny", "daily_order_lock");
            assert_reason(&refused, "nothing was sent: another order is being placed");
        }
    };
    let (first, ()) = tokio::join!(world.place(six_sol_as("mine-1")), asking);
    assert_eq!(first["status"], "accepted", "{first}");
    assert_eq!((world.creates(), world.count()), (1, 1));
}

/// What happened is read and nothing is sent, so nothing that forbids orders forbids to tell it.
#[tokio::test]
async fn what_became_of_an_order_is_told_where_no_order_is_allowed() {
    type Forbid = fn(&World);
    let halt: Forbid = |world| put(&world.files.halt_global(), "");
    let cases: [(Forbid, &str); 4] = [
        (halt, "halt_flag"),
        (|world| fs::remove_file(world.files.mandate()).unwrap(), "mandate"),
        (
            |world| {
                let why = "another daemon".to_owned();
                world.broker.hold(Hold::Because(Why {
                    for_the_agent: why.clone(),
                    for_the_person: why,
                }))
            },
            "mode",
        ),
        (|world| world.broker.close(), "mode"),
    ];
    for (forbid, limit) in cases {
        let world = World::new().await;
        let first = world.place(six_sol_as("mine-1")).await;
        forbid(&world);
        let again = world.place(six_sol_as("mine-1")).await;
        assert_repeats(&again, "accepted");
        assert_eq!(again["order_id"], first["order_id"]);
        assert_eq!(world.ledger().len(), 2);
        // Of an id that was not used, or for another order, there is nothing to tell.
        let mut another = six_sol_as("mine-1");
        another["qty"] = "5".into();
        for (args, records) in [(six_sol_as("mine-2"), 3), (another, 4), (six_sol(), 5)] {
            let refused = world.place(args).await;
            assert_eq!(refused["limit"], limit, "{refused}");
            assert!(refused.get("repeated").is_none(), "{refused}");
            assert_eq!(world.ledger().len(), records);
        }
        assert_eq!((world.creates(), world.count()), (1, 1));
    }
}

/// HALT comes while the first is on its way: neither that, nor what became of it, is "nothing was sent".
#[tokio::test]
async fn an_order_that_is_on_its_way_is_told_after_a_halt() {
    let world = World::new().await;
    world.fault(CREATE, FaultKind::DelayMs(2_000), Some(1));
    let asking = async {
        world.reached(CREATE).await;
        // This one passes the mandate, and waits for the lock.
        let waiting = world.place(six_sol_as("mine-1"));
        let halting = async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            put(&world.files.halt_global(), "");
            assert_repeats(&world.place(six_sol_as("mine-1")).await, "unknown");
        };
        let (waited, ()) = tokio::join!(waiting, halting);
        assert_repeats(&waited, "accepted");
    };
    let (first, ()) = tokio::join!(world.place(six_sol_as("mine-1")), asking);
    assert_eq!(first["status"], "accepted", "{first}");
    assert_eq!(world.creates(), 1);
}

/// Without an id of its own each call is an order of its own.
#[tokio::test]
async fn two_calls_without_an_id_are_two_orders() {
    let world = World::new().await;
    let (one, two) = (world.place(six_sol()).await, world.place(six_sol()).await);
    assert_ne!(one["order_link_id"], two["order_link_id"]);
    assert_eq!((world.creates(), world.count()), (2, 2));
    let id = one["order_link_id"].as_str().unwrap();
    assert!(id.len() <= 36, "{id}");
}

/// A full disk, for one: the order is on the ledger, and its answer is not kept. Sent again under the same id it would
/// be up to the exchange to know it.
#[tokio::test]
async fn an_order_whose_answer_cannot_be_kept_is_told_from_its_file_until_it_can() {
    let world = World::new().await;
    let settled = world.files.settled_folder();
    world.fault(CREATE, FaultKind::DelayMs(300), Some(1));
    let breaking = async {
        world.reached(CREATE).await;
        fs::create_dir_all(settled.parent().unwrap()).unwrap();
        fs::write(&settled, "").unwrap();
    };
    let (first, ()) = tokio::join!(world.place(six_sol_as("mine-1")), breaking);
    assert_eq!(first["status"], "accepted", "{first}");
    assert_eq!(world.inflight(), ["mine-1 sent"]);
    // Found out once more, it cannot be kept either, and its file goes on counting.
    let recovery = world.broker.recover().await;
    assert_eq!(
        (recovery.told_already, &recovery.open),
        (1, &vec!["mine-1".to_owned()])
    );
    assert!(!recovery.is_clean());
    assert_eq!(world.inflight(), ["mine-1 sent"]);
    assert_blocked(&world.place(six_sol_as("mine-1")).await, "deny", "intent");

    fs::remove_file(&settled).unwrap();
    put(&world.files.halt_global(), "");
    assert_repeats(&world.place(six_sol_as("mine-1")).await, "accepted");
    fs::remove_file(world.files.halt_global()).unwrap();
    let again = world.place(six_sol_as("mine-1")).await;
    assert_repeats(&again, "accepted");
    assert_eq!(again["order_id"], first["order_id"]);
    assert_eq!((world.creates(), world.count()), (1, 1));
    assert_eq!(world.inflight(), [] as [&str; 0]);
}
