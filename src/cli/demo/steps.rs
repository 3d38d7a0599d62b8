//! The steps of the walk. Each says what the agent asks, what the gate says, and what reached the exchange; each
//! fails the demonstration when it does not go as it says.

use std::fs;

use chrono::Duration;
use futures::future::join_all;
use serde_json::{Value, json};

use super::super::out::{Style, say};
use super::world::World;
use crate::state::halt::{HaltScope, clear};
use crate::state::verify::verify;

fn text<'v>(reply: &'v Value, name: &str) -> &'v str {
    reply.get(name).and_then(Value::as_str).unwrap_or("-")
}

fn heading(style: Style, number: u8, what: &str) {
    say(&style.bold(&format!("{number}. {what}")));
}

fn show(style: Style, asked: &str, reply: &Value) {
    let status = match text(reply, "status") {
        good @ ("accepted" | "filled") => style.good(good),
        bad => style.bad(bad),
    };
    say(&format!("   agent  {asked}"));
    say(&format!(
        "   gate   {status}  {}",
        reply
            .get("reason")
            .and_then(Value::as_str)
            .unwrap_or("within the mandate")
    ));
}

fn expect(reply: &Value, status: &str) -> Result<(), String> {
    if text(reply, "status") == status {
        return Ok(());
    }
    Err(format!(
        "the demonstration went wrong: expected {status}, got {reply}"
    ))
}

fn limit_buy(symbol: &str, qty: &str, price: &str) -> Value {
    json!({"category": "linear", "symbol": symbol, "side": "Buy", "order_type": "Limit", "qty": qty, "price": price})
}

pub(super) async fn a_buy_within_the_mandate(world: &World, style: Style) -> Result<(), String> {
    heading(style, 1, "A buy within the mandate");
    let args = json!({"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "order_type": "Market", "qty": "0.001"});
    let reply = world.place(args).await;
    show(style, "buy 0.001 BTCUSDT at market", &reply);
    expect(&reply, "filled")?;
    let order = reply.get("order").cloned().unwrap_or_default();
    say(&format!(
        "   filled {} at {}, recorded as {}",
        text(&order, "cumExecQty"),
        text(&order, "avgPrice"),
        audit_id(&reply)
    ));
    say("");
    Ok(())
}

fn audit_id(reply: &Value) -> &str {
    reply
        .get("live_action")
        .map_or("-", |record| text(record, "audit_id"))
}

pub(super) async fn an_excluded_symbol(world: &World, style: Style) -> Result<(), String> {
    heading(style, 2, "A symbol on the exclude list");
    let reply = world.place(limit_buy("doge/usdt", "100", "0.19")).await;
    show(style, "buy 100 doge/usdt at 0.19", &reply);
    say("");
    expect(&reply, "blocked")
}

pub(super) async fn an_order_above_the_cap(world: &World, style: Style) -> Result<(), String> {
    heading(style, 3, "An order above the cap, and the size that would pass");
    let reply = world.place(limit_buy("ETHUSDT", "0.5", "3200")).await;
    show(style, "buy 0.5 ETHUSDT at 3200", &reply);
    expect(&reply, "blocked")?;
    let breach = reply.get("breach").cloned().unwrap_or_default();
    let largest = text(&breach, "largest_qty").to_owned();
    let smaller = world.place(limit_buy("ETHUSDT", &largest, "3200")).await;
    show(
        style,
        &format!("buy {largest} ETHUSDT at 3200, as suggested"),
        &smaller,
    );
    if text(&smaller, "status") == "blocked" {
        return Err(format!("the suggested size was refused: {smaller}"));
    }
    let report = world.broker.flatten().await.map_err(|error| error.to_string())?;
    say(&format!(
        "   (all closed again for the next step: {} exits sent)",
        report.sent.len()
    ));
    say("");
    Ok(())
}

pub(super) async fn ten_orders_at_once(world: &World, style: Style) -> Result<(), String> {
    heading(style, 4, "Ten orders of $900 at once, under a cap of $1,000");
    let before = world.creates_on_the_wire();
    let replies = join_all((0..10).map(|_| world.place(limit_buy("BTCUSDT", "0.014", "64285.7")))).await;
    let passed = replies
        .iter()
        .filter(|reply| text(reply, "status") == "accepted")
        .count();
    let reached = world.creates_on_the_wire() - before;
    let refused = replies
        .iter()
        .find(|reply| text(reply, "status") == "blocked")
        .cloned()
        .unwrap_or_default();
    say("   agent  ten times at once: buy 0.014 BTCUSDT, limit 64285.7");
    say(&format!(
        "   gate   {} passed, {} refused: {}",
        style.good(&passed.to_string()),
        style.bad(&(10 - passed).to_string()),
        text(&refused, "reason")
    ));
    say(&format!(
        "   wire   {reached} order reached the exchange, the nine others were never sent"
    ));
    say("");
    if passed == 1 && reached == 1 {
        Ok(())
    } else {
        Err(format!("{passed} passed and {reached} reached the exchange"))
    }
}

pub(super) async fn an_expired_mandate(world: &World, style: Style) -> Result<(), String> {
    heading(style, 5, "A mandate that has ended");
    world.commit(Duration::minutes(-1))?;
    let reply = world.place(limit_buy("BTCUSDT", "0.001", "60000")).await;
    show(style, "buy 0.001 BTCUSDT at 60000", &reply);
    say("");
    expect(&reply, "blocked")?;
    world.commit(Duration::days(30))
}

pub(super) async fn halt(world: &World, style: Style) -> Result<(), String> {
    heading(style, 6, "The kill switch: touch HALT");
    let path = world.files.halt_global();
    fs::write(&path, "").map_err(|error| format!("`{}` cannot be touched: {error}", path.display()))?;
    say("   person touch HALT");
    let args = json!({"category": "linear", "symbol": "BTCUSDT", "side": "Sell", "order_type": "Market", "qty": "0.001", "reduce_only": true});
    let reply = world.place(args).await;
    show(
        style,
        "sell 0.001 BTCUSDT, even reduce-only: the switch means stop",
        &reply,
    );
    say("");
    expect(&reply, "blocked")
}

pub(super) async fn a_persons_exit(world: &World, style: Style) -> Result<(), String> {
    heading(style, 7, "A person's exit works while everything is halted");
    let report = world
        .broker
        .cancel_everything()
        .await
        .map_err(|error| error.to_string())?;
    for sent in &report.sent {
        say(&format!("   person {sent}"));
    }
    if !report.orders_left.is_empty() {
        return Err(format!("{} orders still rest", report.orders_left.len()));
    }
    say(&format!(
        "   {}",
        style.good("the exchange shows no resting order")
    ));
    say("");
    clear(&world.files, HaltScope::Global)
        .map(drop)
        .map_err(|error| error.to_string())
}

pub(super) fn the_ledger(world: &World, style: Style) -> Result<(), String> {
    heading(style, 8, "The ledger, verified");
    let report = verify(&world.files);
    match &report.first_break {
        None => {
            say(&format!(
                "   {} records of what was asked, decided, sent and answered; each hash recomputed: {}",
                report.records,
                style.good("whole")
            ));
            Ok(())
        }
        Some(broken) => Err(format!("the ledger is broken: {broken}")),
    }
}
