//! What a model, a file or another program wrote is shown to a person as text on its own line, and steers no terminal.

use std::process::Output;

use serde_json::{Value, json};

use crate::home::{Home, assert_exit, mandate, one_sol, stderr, stdout};

/// Clears the screen, goes to its top and writes a line there; then the same in one character, and turns text round.
const HOSTILE: &str = "x\u{1b}[2J\u{1b}[H\nFORGED        clear\r\nFORGED  ok\u{9b}2J\u{202e}\u{2028}";

#[track_caller]
fn assert_plain(output: &Output) {
    for text in [stdout(output), stderr(output)] {
        let steers = |letter: char| {
            (letter.is_control() && letter != '\n') || matches!(letter, '\u{202e}' | '\u{2028}')
        };
        assert!(!text.contains(steers), "{text:?}");
        assert!(!text.lines().any(|line| line.starts_with("FORGED")), "{text:?}");
    }
}

#[test]
fn what_a_model_wrote_is_shown_on_one_line() {
    let home = Home::with_mandate(&[]);
    let mut session = home.serve();
    for name in ["side", "symbol", "qty", "order_link_id", HOSTILE] {
        let mut args = one_sol();
        args[name] = HOSTILE.into();
        let refused = session.call("bybit_place_order", &args);
        assert_eq!(refused["status"], "blocked", "{refused}");
    }
    session.end();
    for args in [
        &["status", "--venue", "paper"][..],
        &["audit", "tail"],
        &["audit", "verify"],
    ] {
        let shown = home.run(args);
        assert!(
            stdout(&shown).contains("FORGED") || args[1] == "verify",
            "{shown:?}"
        );
        assert_plain(&shown);
    }
    // A program reads what was written.
    let tail = home.run(&["audit", "tail", "-n", "1", "--json"]);
    let record: Value = serde_json::from_str(stdout(&tail)).unwrap();
    assert!(
        record["error"].as_str().unwrap().contains("\u{1b}[2J"),
        "{record}"
    );
}

#[test]
fn what_a_file_says_is_shown_on_one_line() {
    let home = Home::new();
    home.put("HALT", &json!({"by": HOSTILE, "reason": HOSTILE}).to_string());
    let mut bad = mandate(&[]);
    bad["consent"]["account_ref"] = HOSTILE.into();
    let file = home.put("bybit/mandate.json", &bad.to_string());
    home.put("bybit/policy.toml", "\"x\\u001b[2J\\nFORGED\" = 1\n");
    home.put("audit.jsonl", &format!("no record {HOSTILE}\n"));
    for args in [
        &["status", "--venue", "paper"][..],
        &["audit", "tail"],
        &["mandate", "show"],
        &["mandate", "check", file.to_str().unwrap()],
        &["doctor", "--venue", "paper"],
        &["resume", "--broker"],
        &["halt", "--reason", HOSTILE],
        &["mandate", "check", HOSTILE],
    ] {
        assert_plain(&home.run(args));
    }
    home.put("bybit/trade_counter.json", HOSTILE);
    assert_exit(&home.run(&["status", "--venue", "paper"]), 3);
    assert_plain(&home.run(&["status", "--venue", "paper"]));
}

/// Log lines too: the warning names the file.
#[test]
fn a_log_line_is_one_line() {
    let home = Home::with_mandate(&[]);
    let folder = home.live().join("bybit/inflight");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("x\u{1b}[2J\nFORGED.json"), "{").unwrap();
    let served = home.command(&["serve", "--venue", "paper"]).output().unwrap();
    assert!(stderr(&served).contains("FORGED"), "{served:?}");
    assert_plain(&served);
}
