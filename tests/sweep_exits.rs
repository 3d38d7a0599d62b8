//! The person's exits as they are typed: in every state, with yes or with a question, and with an end that tells.
#![cfg(test)]

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::{Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::process::Command;

mod sweep_world;
use sweep_world::World;

fn command(world: &World, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mandated"));
    let root = world.files.live_folder().parent().unwrap();
    command
        .args(args)
        .env_clear()
        .env("VIBE_RUNTIME_ROOT", root)
        .env("BYBIT_BASE_URL", world.paper.server.base_url())
        .env("BYBIT_API_KEY", "paper")
        .env("BYBIT_API_SECRET", "paper")
        // A value that no order would get past.
        .env("BYBIT_MODE", "nonsense")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

async fn run(world: &World, args: &[&str]) -> (Output, String, String) {
    let output = command(world, args).output().await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    (output, out, err)
}

async fn busy() -> World {
    let world = World::new().await;
    world.linear("Buy", "0.01", "60000").await;
    world.market("BTCUSDT", "Buy", "0.02", 0).await;
    let spot = json!({"category": "spot", "symbol": "ETHUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.01", "price": "3180"});
    world.paper.place(spot).await;
    world
}

#[tokio::test]
async fn without_a_terminal_and_without_yes_nothing_is_sent() {
    let world = busy().await;
    for what in ["cancel-all", "flatten"] {
        let (output, _, err) = run(&world, &[what]).await;
        assert_eq!(output.status.code(), Some(2), "{err}");
        assert!(err.contains("nothing was sent") && err.contains("--yes"), "{err}");
    }
    assert_eq!(world.open_orders().await, 2);
}

#[tokio::test]
async fn cancel_all_works_under_halt_without_a_mandate_and_with_a_corrupt_counter() {
    let world = busy().await;
    world.touch();
    fs::write(world.files.counter(), "not a counter").unwrap();
    let (output, out, err) = run(&world, &["cancel-all", "--yes"]).await;
    assert_eq!(output.status.code(), Some(0), "{out}{err}");
    assert!(
        out.contains("orders to cancel: 2") && out.contains("done: the exchange shows nothing"),
        "{out}"
    );
    assert_eq!((world.open_orders().await, world.positions().await), (0, 1));
    assert!(world.count_on_ledger("order_cancelled") >= 2);
}

#[tokio::test]
async fn a_reach_is_kept_to() {
    let world = busy().await;
    let (output, out, err) = run(&world, &["cancel-all", "--yes", "--category", "spot"]).await;
    assert_eq!(output.status.code(), Some(0), "{out}{err}");
    assert_eq!(world.open_orders().await, 1);
    world.market("SOLUSDT", "Buy", "1", 0).await;
    let (output, out, err) = run(&world, &["flatten", "--yes", "--symbol", "btc-usdt"]).await;
    assert_eq!(output.status.code(), Some(0), "{out}{err}");
    assert_eq!((world.open_orders().await, world.positions().await), (0, 1));
    let (output, _, err) = run(&world, &["cancel-all", "--yes", "--category", "futures"]).await;
    assert_eq!(output.status.code(), Some(2), "{err}");
}

#[tokio::test]
async fn flatten_says_loudly_what_is_not_on_record_and_json_is_one_object() {
    let world = busy().await;
    fs::create_dir(world.files.audit()).unwrap();
    let (output, out, err) = run(&world, &["flatten", "--yes", "--json"]).await;
    assert_eq!(output.status.code(), Some(0), "{out}{err}");
    assert!(err.contains("NOT ON RECORD"), "{err}");
    let report: Value = serde_json::from_str(out.trim()).unwrap();
    assert_eq!(report["done"], true);
    assert_eq!(report["on_record"], false);
    assert_eq!(report["closed"].as_array().unwrap().len(), 1);
    assert_eq!((world.open_orders().await, world.positions().await), (0, 0));
    // Coins are a person's own decision.
    assert_eq!(world.paper.coin("BTC").await["walletBalance"], "0.1");
}

#[tokio::test]
async fn flatten_does_without_the_exchanges_time() {
    let world = busy().await;
    world.fault(r#"[{"path":"/v5/market/time","kind":"ret_code","code":10016,"message":"server error"}]"#);
    let (output, out, err) = run(&world, &["flatten", "--yes", "--timeout", "15"]).await;
    assert_eq!(output.status.code(), Some(0), "{out}{err}");
    assert_eq!((world.open_orders().await, world.positions().await), (0, 0));
    let asked = world.requests("/v5/market/time");
    assert!((1..=40).contains(&asked), "{asked}");
}

#[tokio::test]
async fn what_is_not_done_in_time_is_a_failure_that_says_what_is_left() {
    let world = busy().await;
    world.fault(r#"[{"path":"/v5/order/cancel*","kind":"status","status":500}]"#);
    let (output, out, err) = run(&world, &["cancel-all", "--yes", "--timeout", "2"]).await;
    assert_eq!(output.status.code(), Some(1), "{out}{err}");
    assert!(
        err.contains("not done") && out.contains("still rests"),
        "{out}{err}"
    );
}

#[tokio::test]
async fn a_list_that_cannot_be_read_holds_up_no_exit_but_its_own() {
    let world = busy().await;
    world
        .paper
        .place(
            json!({"category": "inverse", "symbol": "BTCUSD", "side": "Buy", "orderType": "Limit",
                      "qty": "100", "price": "60000"}),
        )
        .await;
    world.fault(
        r#"[{"path":"/v5/position/list?category=option","kind":"ret_code","code":10016,"message":"server error"},
            {"path":"/v5/order/realtime?category=option","kind":"ret_code","code":10016,"message":"server error"}]"#,
    );
    // Options are not meant, so they are not needed for its end.
    let (output, out, err) = run(&world, &["cancel-all", "--yes", "--category", "inverse"]).await;
    assert_eq!(output.status.code(), Some(0), "{out}{err}");
    assert_eq!(world.open_orders().await, 2);
    let (output, out, err) = run(&world, &["flatten", "--yes", "--timeout", "5"]).await;
    assert_eq!(output.status.code(), Some(1), "{out}{err}");
    assert_eq!((world.open_orders().await, world.positions().await), (0, 0));
    assert!(
        out.contains("orders to cancel: 2 seen, and there may be more"),
        "{out}"
    );
    assert!(
        err.contains(
            "not done: the exchange shows: orders unknown, positions unknown; open orders of option"
        ),
        "{err}"
    );
}

#[tokio::test]
async fn an_order_lock_that_is_held_does_not_hold_it_up() {
    let world = busy().await;
    let held = mandated::state::lock::OrderLock::acquire(&world.files, Duration::ZERO)
        .await
        .unwrap();
    let (output, out, err) = run(&world, &["cancel-all", "--yes"]).await;
    drop(held);
    assert_eq!(output.status.code(), Some(0), "{out}{err}");
    assert!(err.contains("without the order lock"), "{err}");
}

#[tokio::test]
async fn an_interrupt_tells_what_was_sent_and_what_is_left() {
    let world = busy().await;
    world.fault(r#"[{"path":"/v5/order/cancel*","kind":"status","status":500}]"#);
    let child = command(&world, &["cancel-all", "--yes"]).spawn().unwrap();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let id = child.id().unwrap().to_string();
    std::process::Command::new("kill")
        .args(["-INT", &id])
        .status()
        .unwrap();
    let output = child.wait_with_output().await.unwrap();
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(
        (output.status.code(), output.status.signal()),
        (Some(130), None),
        "{out}"
    );
    assert!(
        out.contains("interrupted. what was sent:") && out.contains("unknown"),
        "{out}"
    );
    assert!(
        out.contains("still rests: buy 0.01 linear:BTCUSDT @ 60000"),
        "{out}"
    );
}

/// The lists hang, and what was cancelled beside them is told all the same.
#[tokio::test]
async fn an_interrupt_before_the_lists_are_there_tells_what_was_sent_unseen() {
    let world = busy().await;
    world.fault(r#"[{"path":"/v5/order/realtime","kind":"delay_before","ms":20000}]"#);
    let child = command(&world, &["cancel-all", "--yes"]).spawn().unwrap();
    let id = child.id().unwrap().to_string();
    let until = std::time::Instant::now() + Duration::from_secs(8);
    while world.requests("/v5/order/cancel-all") < 4 {
        assert!(std::time::Instant::now() < until, "nothing was cancelled");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // The second leaves the last look as well.
    for _ in 0..2 {
        tokio::time::sleep(Duration::from_millis(700)).await;
        let kill = std::process::Command::new("kill").args(["-INT", &id]).status();
        assert!(kill.unwrap().success());
    }
    let output = child.wait_with_output().await.unwrap();
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(130), "{out}");
    assert!(
        out.contains("interrupted. what was sent:") && out.contains("cancel all spot orders"),
        "{out}"
    );
    world.fault("[]");
    assert_eq!(world.open_orders().await, 0);
}
