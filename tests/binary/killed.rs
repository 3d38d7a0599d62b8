//! Processes killed at any moment of a write: what was sent is counted, on the ledger, and never sent again.

use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;

use crate::home::{Home, Session, assert_exit, lines, one_sol};

/// Both before and after the exchange has the order there is time to be killed in.
const SLOW: &str = r#"[{"path":"/v5/order/create","kind":"delay_before","ms":15},{"path":"/v5/order/create","kind":"delay","ms":25}]"#;

fn order(id: &str) -> Value {
    let mut order = one_sol();
    order["order_link_id"] = id.into();
    order
}

/// How many orders the exchange has under each id.
fn at_the_exchange(session: &mut Session) -> BTreeMap<String, usize> {
    let history = session.call(
        "bybit_get_order_history",
        &serde_json::json!({"category": "linear"}),
    );
    let mut orders = BTreeMap::new();
    for row in history["orders"].as_array().unwrap() {
        *orders
            .entry(row["orderLinkId"].as_str().unwrap().to_owned())
            .or_default() += 1;
    }
    orders
}

fn counted(home: &Home) -> (u64, Vec<String>) {
    let counter = lines(&home.live().join("bybit/trade_counter.json"));
    let Some(counter) = counter.first() else {
        return (0, Vec::new());
    };
    let ids = counter["action_ids"].as_array().unwrap().iter();
    let ids = ids.map(|id| id.as_str().unwrap().to_owned()).collect();
    (counter["count"].as_u64().unwrap(), ids)
}

#[test]
fn killed_at_any_moment_nothing_is_uncounted_unrecorded_or_sent_twice() {
    let home = Home::with_mandate(&[]);
    let ids: Vec<String> = (0..12).map(|number| format!("k-{number}")).collect();
    for (id, ms) in ids.iter().zip((0..).step_by(12)) {
        let mut command = home.command(&["serve", "--venue", "paper"]);
        let mut session = Session::start(command.env("MANDATED_PAPER_FAULTS", SLOW));
        session.begin_call("bybit_place_order", &order(id));
        sleep(Duration::from_millis(ms));
        session.process.kill().unwrap();
        session.process.wait().unwrap();
    }

    let mut session = home.serve();
    let orders = at_the_exchange(&mut session);
    let (count, action_ids) = counted(&home);
    assert!(
        count >= u64::try_from(orders.len()).unwrap(),
        "{count} for {orders:?}"
    );
    let submitted: Vec<Value> = home
        .ledger()
        .iter()
        .map(|record| record["broker_request"]["orderLinkId"].clone())
        .collect();
    for (id, number) in &orders {
        assert_eq!(*number, 1, "{id}");
        assert!(action_ids.contains(id), "{id} was sent and not counted");
        assert!(
            submitted.contains(&id.as_str().into()),
            "{id} was sent and is not on the ledger"
        );
    }

    // Each caller asks again. What stands is answered, what is in doubt is told as that, the rest is placed.
    for id in &ids {
        let reply = session.call("bybit_place_order", &order(id));
        match reply["status"].as_str() {
            // On a busy machine the fill may not be shown in time, which the reply says.
            Some("filled" | "accepted") => assert_eq!(reply["order_link_id"], id.as_str(), "{reply}"),
            _ => {
                let words = reply["note"].as_str().or(reply["reason"].as_str());
                let words = words.unwrap_or_else(|| panic!("{reply}"));
                assert!(words.contains("on its way"), "{reply}");
                assert!(!orders.contains_key(id), "{id} stands and was not found: {reply}");
            }
        }
    }
    let after = at_the_exchange(&mut session);
    assert!(after.values().all(|number| *number == 1), "{after:?}");
    assert!(orders.keys().all(|id| after.contains_key(id)));
    assert!(counted(&home).0 >= u64::try_from(after.len()).unwrap());
    session.end();
    assert_exit(&home.run(&["audit", "verify"]), 0);
}
