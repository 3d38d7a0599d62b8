//! `mandated serve` as its clients start it: a process, two streams, an environment.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::home::{Home, Session, assert_exit, lines, one_sol, stderr, stdout};
use serde_json::{Value, json};

const PAPER: [&str; 3] = ["serve", "--venue", "paper"];

#[test]
fn a_session_writes_nothing_but_json_rpc_and_ends_with_its_input() {
    let home = Home::with_mandate(&[]);
    let mut session = home.serve();
    assert_eq!(
        session.ask("tools/list", &json!({}))["tools"]
            .as_array()
            .unwrap()
            .len(),
        17
    );
    let tickers = session.call("bybit_get_tickers", &json!({"symbol": "BTCUSDT"}));
    assert_eq!(tickers["symbol"], "BTCUSDT", "{tickers}");
    let placed = session.call("bybit_place_order", &one_sol());
    assert_eq!(placed["status"], "filled", "{placed}");
    assert_eq!(placed["paper"], true);
    assert_eq!(session.end(), (String::new(), Some(0)));
    assert_eq!(home.ledger().len(), 2);
}

/// What was logged goes to stderr, at its most talkative as well.
#[test]
fn logs_go_to_stderr_alone() {
    let home = Home::new();
    let output = home
        .command(&PAPER)
        .env("BYBIT_MCP_LOG_LEVEL", "trace")
        .output()
        .unwrap();
    assert_exit(&output, 0);
    assert_eq!(stdout(&output), "");
}

/// The Python original was started without a command.
#[test]
fn no_command_means_serve() {
    let home = Home::new();
    let mut command = home.command(&[]);
    let session = Session::start(command.env("MANDATED_VENUE", "paper"));
    assert_eq!(session.end(), (String::new(), Some(0)));
}

/// The input ends while an order is on its way: it is settled and answered before the process goes.
#[test]
fn a_write_under_way_is_settled_before_the_process_ends() {
    let home = Home::with_mandate(&[]);
    let mut command = home.command(&PAPER);
    let late = r#"[{"path":"/v5/order/create","kind":"delay","ms":700}]"#;
    let mut session = Session::start(command.env("MANDATED_PAPER_FAULTS", late));
    session.begin_call("bybit_place_order", &one_sol());
    let (rest, code) = session.end();
    assert_eq!(code, Some(0));
    let reply: Value = serde_json::from_str(&rest).unwrap();
    assert_eq!(reply["result"]["structuredContent"]["status"], "filled");
    let outcomes: Vec<Value> = home
        .ledger()
        .iter()
        .map(|record| record["outcome"].clone())
        .collect();
    assert_eq!(outcomes, ["pending", "filled"]);
}

/// Killed while the exchange holds the answer: the next process finds out what became of the order.
#[test]
fn an_order_whose_process_was_killed_is_settled_by_the_next_one() {
    let home = Home::with_mandate(&[]);
    let mut command = home.command(&PAPER);
    let late = r#"[{"path":"/v5/order/create","kind":"delay","ms":60000}]"#;
    let mut session = Session::start(command.env("MANDATED_PAPER_FAULTS", late));
    session.begin_call("bybit_place_order", &one_sol());
    let until = Instant::now() + Duration::from_secs(10);
    let mut next = home.serve();
    let filled = |next: &mut Session| {
        let history = next.call("bybit_get_order_history", &json!({"category": "linear"}));
        history["orders"]
            .as_array()
            .is_some_and(|orders| !orders.is_empty())
    };
    while !filled(&mut next) {
        assert!(Instant::now() < until, "the order never arrived");
    }
    session.process.kill().unwrap();
    session.process.wait().unwrap();
    assert_eq!(home.ledger().len(), 1, "submitted, and no more is known");

    let mut change = one_sol();
    change["qty"] = "1000".into();
    let reply = next.call("bybit_place_order", &change);
    assert_eq!(reply["limit"], "max_order_notional_usd", "{reply}");
    next.end();
    let ledger = home.ledger();
    assert_eq!(ledger.len(), 3);
    assert_eq!(ledger[1]["outcome"], "filled", "{}", ledger[1]);
    assert_eq!(ledger[1]["broker_request"], ledger[0]["broker_request"]);
    let counter: Value = lines(&home.live().join("bybit/trade_counter.json"))[0].clone();
    assert_eq!(counter["count"], 1);
    assert_exit(&home.run(&["audit", "verify"]), 0);
}

/// Two processes, started together, and one trade left in the day.
#[test]
fn of_two_processes_one_gets_the_last_trade_of_the_day() {
    let home = Home::with_mandate(&[("max_trades_per_day", 1.into())]);
    let (mut one, mut two) = (home.serve(), home.serve());
    one.begin_call("bybit_place_order", &one_sol());
    two.begin_call("bybit_place_order", &one_sol());
    let replies = [&mut one, &mut two].map(|session| session.receive()["result"]["structuredContent"].take());
    let with = |status: &str| replies.iter().filter(|reply| reply["status"] == status).count();
    assert_eq!((with("filled"), with("blocked")), (1, 1), "{replies:?}");
    let blocked = replies.iter().find(|reply| reply["status"] == "blocked").unwrap();
    assert_eq!(blocked["limit"], "max_trades_per_day");

    let history = one.call("bybit_get_order_history", &json!({"category": "linear"}));
    assert_eq!(history["orders"].as_array().unwrap().len(), 1, "{history}");
    let open = one.call("bybit_get_open_orders", &json!({"category": "linear"}));
    assert_eq!(open["orders"].as_array().unwrap().len(), 0, "{open}");
    one.end();
    two.end();
    assert_eq!(home.ledger().len(), 3);
    assert_exit(&home.run(&["audit", "verify"]), 0);
}

/// A process for each call, as Vibe-Trading makes them, ten at once.
#[test]
fn ten_processes_at_once_place_one_order() {
    let home = Home::with_mandate(&[("max_trades_per_day", 1.into())]);
    let mut sessions: Vec<_> = (0..10).map(|_| home.serve()).collect();
    for session in &mut sessions {
        session.begin_call("bybit_place_order", &one_sol());
    }
    let mut filled = 0;
    for mut session in sessions {
        let reply = session.receive()["result"]["structuredContent"].take();
        match reply["status"].as_str() {
            Some("filled") => filled += 1,
            _ => assert!(
                ["max_trades_per_day", "daily_order_lock"].contains(&reply["limit"].as_str().unwrap()),
                "{reply}"
            ),
        }
        session.end();
    }
    assert_eq!(filled, 1);
    assert_exit(&home.run(&["audit", "verify"]), 0);
}

#[test]
fn a_retired_transport_names_the_one_to_use() {
    let home = Home::new();
    let output = home.run(&["serve", "--transport", "sse"]);
    assert_exit(&output, 2);
    assert!(
        stderr(&output).contains("--transport http"),
        "{}",
        stderr(&output)
    );
    assert_eq!(stdout(&output), "");
}

#[track_caller]
fn assert_setting_refused(settings: &[(&str, &str)], says: &[&str], keeps: &str) {
    let home = Home::new();
    let mut command = home.command(&["serve"]);
    for (name, value) in settings {
        command.env(name, value);
    }
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert_exit(&output, 2);
    assert_eq!(stdout(&output), "");
    for part in says {
        assert!(stderr(&output).contains(part), "{}", stderr(&output));
    }
    assert!(!stderr(&output).contains(keeps), "{}", stderr(&output));
}

#[test]
fn a_value_that_was_not_expanded_is_an_error_that_says_so() {
    let secret = ("BYBIT_API_SECRET", "s3cr3t-of-mine");
    assert_setting_refused(
        &[("BYBIT_API_KEY", "${BYBIT_API_KEY}"), secret],
        &["BYBIT_API_KEY", "did not expand"],
        "s3cr3t-of-mine",
    );
    assert_setting_refused(
        &[("VIBE_RUNTIME_ROOT", "${HOME}/.vibe-trading")],
        &["VIBE_RUNTIME_ROOT", "did not expand"],
        "s3cr3t",
    );
}

#[test]
fn half_a_key_pair_is_an_error_that_names_the_other_half() {
    assert_setting_refused(
        &[("BYBIT_API_KEY", "k3y-of-mine")],
        &["BYBIT_API_SECRET"],
        "k3y-of-mine",
    );
    assert_setting_refused(
        &[("BYBIT_API_SECRET", "s3cr3t-of-mine")],
        &["BYBIT_API_KEY"],
        "s3cr3t-of-mine",
    );
}

/// The kill switch must not be in a folder that is not watched.
#[test]
fn two_runtime_roots_are_an_error() {
    assert_setting_refused(
        &[("VIBE_TRADING_HOME", "/elsewhere")],
        &["VIBE_RUNTIME_ROOT", "VIBE_TRADING_HOME", "kill switch"],
        "s3cr3t",
    );
}

#[test]
fn a_setting_that_is_not_known_is_an_error() {
    assert_setting_refused(
        &[("BYBIT_MODE", "yolo")],
        &["BYBIT_MODE", "read, trade or full"],
        "s3cr3t",
    );
    assert_setting_refused(&[("BYBIT_BROKER_KEY", "../other")], &["broker key"], "s3cr3t");
    assert_setting_refused(
        &[("BYBIT_BASE_URL", "http://api.bybit.com")],
        &["BYBIT_BASE_URL"],
        "s3cr3t",
    );
}

#[test]
fn a_server_that_may_only_read_refuses_over_stdio_too() {
    let home = Home::with_mandate(&[]);
    let mut command = home.command(&PAPER);
    let mut session = Session::start(command.env("BYBIT_MODE", "read"));
    let reply = session.call("bybit_place_order", &one_sol());
    assert_eq!(
        (&reply["status"], &reply["limit"]),
        (&json!("blocked"), &json!("mode"))
    );
    session.end();
}

/// The folder of the demonstration holds nothing that anybody needs.
#[test]
fn a_demo_that_is_interrupted_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::new();
    let mut command = home.command(&["demo"]);
    let mut demo = command
        .env("TMPDIR", folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(demo.stdout.take().unwrap()).lines();
    while !said.next().unwrap().unwrap().contains("mandate.json") {}
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    let pid = demo.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &pid])
            .status()
            .unwrap()
            .success()
    );
    let ended = demo.wait_with_output().unwrap();
    assert_exit(&ended, 130);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
