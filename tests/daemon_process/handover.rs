//! `mandated serve` and a running daemon: when the session is handed over, when not, and that no answer is lost.

use std::io::Write;

use crate::session::Serve;
use crate::world::{PLACE, World, until};
use mandated::sim::{Fault, FaultKind};
use serde_json::Value;

fn stderr_of(ended: &std::process::Output) -> String {
    String::from_utf8_lossy(&ended.stderr).into_owned()
}

#[test]
fn a_process_without_a_key_has_the_daemons_and_standalone_has_none() {
    let world = World::new();
    let _daemon = world.daemon();
    let mut handed = Serve::start(world.keyless(&["serve"]));
    let wallet = handed.session.call("bybit_get_wallet_balance", "{}");
    assert!(wallet.to_string().contains("USDT"), "{wallet}");
    let (rest, ended) = handed.close();
    assert_eq!((rest.as_str(), ended.status.code()), ("", Some(0)));
    assert_eq!(stderr_of(&ended), "");

    let mut alone = Serve::start(world.keyless(&["serve", "--standalone"]));
    let refused = alone.session.call("bybit_get_wallet_balance", "{}");
    assert!(refused.to_string().contains("no api key"), "{refused}");
    // Without a command it is `serve` too.
    let mut bare = Serve::start(world.keyless(&[]));
    assert_eq!(bare.session.call("bybit_get_wallet_balance", "{}"), wallet);
}

#[test]
fn the_last_answer_arrives_although_the_input_ended_before_it() {
    let world = World::new();
    let _daemon = world.daemon();
    world.exchange.faults().add(Fault {
        path: "/v5/order/create".into(),
        kind: FaultKind::DelayMs(700),
        times: Some(1),
    });
    let mut serve = Serve::start(world.command(&["serve"]));
    serve.session.send("bybit_place_order", PLACE);
    let (rest, ended) = serve.close();
    assert!(rest.contains(r#""status":"accepted""#), "{rest}");
    assert_eq!(ended.status.code(), Some(0));
}

#[test]
fn a_daemon_with_other_money_is_not_used() {
    let world = World::new();
    let _daemon = world.daemon();
    let other = World::new();
    let cases: [(&str, &str, &str); 4] = [
        ("BYBIT_BASE_URL", &other.exchange.base_url(), "its venue is"),
        ("MANDATED_VENUE", "paper", "its venue is"),
        ("BYBIT_API_KEY", "another", "its api key is another"),
        ("BYBIT_MODE", "read", "its BYBIT_MODE is"),
    ];
    for (variable, value, why) in cases {
        let mut command = world.command(&["serve"]);
        command.env(variable, value);
        let mut serve = Serve::start(command);
        serve
            .session
            .call("bybit_get_tickers", r#"{"category":"linear"}"#);
        let (_, ended) = serve.close();
        let said = stderr_of(&ended);
        assert!(
            said.contains("works alone") && said.contains(why),
            "{variable}: {said}"
        );
    }
}

#[test]
fn without_a_daemon_it_works_alone_and_says_nothing() {
    let world = World::new();
    let mut serve = Serve::start(world.command(&["serve"]));
    assert_eq!(
        serve.session.call("bybit_place_order", PLACE)["status"],
        "accepted"
    );
    let (rest, ended) = serve.close();
    assert_eq!((rest.as_str(), stderr_of(&ended).as_str()), ("", ""));
}

#[test]
fn a_daemon_that_goes_away_ends_the_session_and_says_what_that_may_mean() {
    let world = World::new();
    let mut daemon = world.daemon();
    let mut serve = Serve::start(world.command(&["serve"]));
    serve.session.call("bybit_get_wallet_balance", "{}");
    daemon.signal("KILL");
    daemon.wait();
    // The input is still open: a client that waits must not wait for ever.
    let _ = serve.session.to.as_mut().unwrap().write_all(b"\n");
    let ended = serve.end();
    assert_eq!(ended.status.code(), Some(1));
    assert!(
        stderr_of(&ended).contains("may have been sent"),
        "{}",
        stderr_of(&ended)
    );
}

#[test]
fn a_daemon_that_goes_away_with_a_write_is_told_although_the_input_ended_before() {
    let world = World::new();
    let mut daemon = world.daemon();
    world.exchange.faults().add(Fault {
        path: "/v5/order/create".into(),
        kind: FaultKind::DelayMs(8000),
        times: Some(1),
    });
    let mut serve = Serve::start(world.command(&["serve"]));
    serve.session.send("bybit_place_order", PLACE);
    serve.session.to = None;
    until("an order in flight", || (world.inflight() == 1).then_some(()));
    daemon.signal("KILL");
    daemon.wait();
    let ended = serve.end();
    assert_eq!(ended.status.code(), Some(1));
    assert!(
        stderr_of(&ended).contains("may have been sent"),
        "{}",
        stderr_of(&ended)
    );
}

/// None of these is a write that was lost.
#[test]
fn a_line_that_cannot_be_understood_ends_both_kinds_of_session_alike() {
    let world = World::new();
    let _daemon = world.daemon();
    let line = |id: &str, method: &str, params: &str| {
        format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{params}}}"#)
    };
    for (line, code) in [
        (line(r#""q""#, "tools/call", "[]"), -32602),
        (line("77", "tools/call", "7"), -32602),
        (
            line(
                "7",
                "tools/call",
                r#"{"name":"bybit_get_tickers","arguments":{},"_meta":[]}"#,
            ),
            -32602,
        ),
        (line("7", "tools/call", r#"{},"x":"\ud800""#), -32602),
        (line("7", "tools/call", r#"{},"result":null"#), -32600),
        (line("1.5", "tools/list", "{}"), -32600),
        (line("true", "tools/list", "{}"), -32600),
        (line("9223372036854775808", "tools/call", "{}"), -32600),
    ] {
        for args in [&["serve"][..], &["serve", "--standalone"]] {
            let mut serve = Serve::start(world.command(args));
            writeln!(serve.session.to.as_mut().unwrap(), "{line}").unwrap();
            let (rest, ended) = serve.close();
            let reply: Value = serde_json::from_str(&rest).unwrap();
            assert_eq!(reply["error"]["code"], code, "{args:?} {line} {rest}");
            assert_eq!(
                ended.status.code(),
                Some(0),
                "{args:?} {line} {}",
                stderr_of(&ended)
            );
        }
    }
}
