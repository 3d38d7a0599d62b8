//! What a person types, and what a script can tell from the exit code.

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

use crate::home::{Home, assert_exit, mandate, one_sol, stderr, stdout};
use serde_json::{Value, json};

const STATUS: [&str; 4] = ["status", "--json", "--venue", "paper"];

fn status(home: &Home) -> (Value, Option<i32>) {
    let output = home.run(&STATUS);
    let view = serde_json::from_str(stdout(&output)).unwrap_or_else(|_| panic!("{output:?}"));
    (view, output.status.code())
}

#[test]
fn halt_and_resume_are_seen_by_status_by_writes_and_on_the_ledger() {
    let home = Home::with_mandate(&[]);
    let (view, code) = status(&home);
    assert_eq!(
        (code, &view["in_order"], &view["halt"]),
        (Some(0), &json!(true), &Value::Null),
        "{view}"
    );

    assert_exit(&home.run(&["halt", "--reason", "going to bed"]), 0);
    let sentinel: Value =
        serde_json::from_str(&fs::read_to_string(home.live().join("HALT")).unwrap()).unwrap();
    assert_eq!(
        (&sentinel["by"], &sentinel["reason"]),
        (&json!("cli"), &json!("going to bed"))
    );
    let (view, code) = status(&home);
    assert_eq!((code, &view["in_order"]), (Some(3), &json!(false)));
    assert!(view["halt"].as_str().unwrap().contains("going to bed"), "{view}");
    let mut session = home.serve();
    assert_eq!(
        session.call("bybit_place_order", &one_sol())["limit"],
        "halt_flag"
    );
    session.end();

    // A second trip keeps the first.
    let again = home.run(&["halt", "--reason", "again"]);
    assert_exit(&again, 0);
    assert!(stdout(&again).contains("was halted before"), "{again:?}");
    assert_exit(&home.run(&["resume"]), 0);
    assert!(!home.live().join("HALT").exists());
    assert_eq!(status(&home).1, Some(0));
    let kinds: Vec<Value> = home
        .ledger()
        .iter()
        .map(|record| record["kind"].clone())
        .collect();
    assert_eq!(kinds.first(), Some(&json!("halt_tripped")));
    assert_eq!(kinds.last(), Some(&json!("halt_cleared")));
}

/// At night the shell has another setting than the agent: a halt of a folder where nothing trades must not look like one.
#[test]
fn a_halt_says_which_folder_it_stops_and_warns_where_nothing_trades() {
    let home = Home::with_mandate(&[]);
    let live = home.live().display().to_string();
    let paper = format!("every broker under `{live}` (paper: play money).");
    let halted = home.run(&["--venue", "paper", "halt", "--reason", "a"]);
    assert!(
        stdout(&halted).starts_with(&format!("halted: {paper}")),
        "{halted:?}"
    );
    assert!(!stderr(&halted).contains("nothing trades"), "{halted:?}");
    let resumed = home.run(&["--venue", "paper", "resume"]);
    assert_eq!(stdout(&resumed), format!("cleared the halt of {paper}\n"));
    let own = home.run(&["halt", "--broker", "--reason", "a"]);
    let real = format!("halted: broker `bybit` under `{live}/bybit` (bybit mainnet: real money).");
    assert!(stdout(&own).starts_with(&real), "{own:?}");

    let elsewhere = home.root().join("fresh");
    for verb in [&["halt", "--reason", "a"][..], &["resume"]] {
        let mut command = home.command(verb);
        let said = command.env("VIBE_RUNTIME_ROOT", &elsewhere).output().unwrap();
        assert_exit(&said, 0);
        let mandate = elsewhere.join("live/bybit/mandate.json");
        let warns = format!(
            "nothing trades from here: there is no `{}`. is VIBE_RUNTIME_ROOT / MANDATED_VENUE that of the agent?",
            mandate.display()
        );
        assert!(stderr(&said).contains(&warns), "{said:?}");
    }
}

/// The sentinel stops every broker key, so it is not only the one asked with that trades or does not.
#[test]
fn a_halt_with_another_broker_key_does_not_say_that_nothing_trades() {
    let home = Home::with_mandate(&[]);
    let mandate = home.live().join("kraken/mandate.json");
    for verb in [
        &["halt", "--reason", "a", "--broker-key", "kraken"][..],
        &["resume", "--broker-key", "kraken"],
    ] {
        let said = home.run(verb);
        assert_exit(&said, 0);
        let warns = format!(
            "there is no `{}`: what trades from here has another broker key than `kraken`: `bybit`. is BYBIT_BROKER_KEY \
             that of the agent?",
            mandate.display()
        );
        assert!(
            stderr(&said).contains(&warns) && !stderr(&said).contains("nothing trades"),
            "{said:?}"
        );
    }
    // Of the key's own halt the others are no part.
    let own = home.run(&["halt", "--broker", "--reason", "a", "--broker-key", "kraken"]);
    assert!(stderr(&own).contains("nothing trades from here"), "{own:?}");
    // Without any mandate nothing trades, whatever folders there are.
    fs::remove_file(home.live().join("bybit/mandate.json")).unwrap();
    let none = home.run(&["halt", "--reason", "a", "--broker-key", "kraken"]);
    assert!(stderr(&none).contains("nothing trades from here"), "{none:?}");
}

#[test]
fn a_brokers_own_halt_is_lifted_on_its_own() {
    let home = Home::with_mandate(&[]);
    assert_exit(&home.run(&["halt", "--broker", "--reason", "a"]), 0);
    assert!(home.live().join("bybit/HALT").exists() && !home.live().join("HALT").exists());
    assert_exit(&home.run(&["halt", "--reason", "b"]), 0);
    let resumed = home.run(&["resume"]);
    assert_exit(&resumed, 3);
    assert!(stdout(&resumed).contains("still halted"), "{resumed:?}");
    assert_exit(&home.run(&["resume", "--broker"]), 0);
}

#[test]
fn a_place_that_cannot_be_looked_at_is_not_said_to_be_empty() {
    let home = Home::with_mandate(&[]);
    let path = home.live().join("bybit/mandated.pid");
    std::os::unix::fs::symlink(&path, &path).unwrap();
    let halted = home.run(&["halt", "--reason", "a"]);
    assert_exit(&halted, 0);
    let said = stdout(&halted);
    assert!(
        said.contains("whether a daemon runs cannot be told: ") && said.contains("symbolic links"),
        "{said}"
    );
    assert!(
        !said.contains("no daemon runs") && said.contains("cancel-all"),
        "{said}"
    );
}

#[test]
fn halting_needs_a_reason_and_works_without_a_ledger() {
    let home = Home::new();
    assert_exit(&home.run(&["halt"]), 2);
    fs::create_dir(home.live().join("audit.jsonl")).unwrap();
    let halted = home.run(&["halt", "--reason", "disk trouble"]);
    assert_exit(&halted, 0);
    assert!(home.live().join("HALT").exists());
    assert!(stderr(&halted).contains("not on the ledger"), "{halted:?}");
}

/// The file of HALT is in its place, and the ledger has no room: the signal of that ended the process before it spoke.
#[test]
fn halting_survives_the_limit_of_a_files_size() {
    let home = Home::new();
    // Blocks of 512 or 1024 bytes, as the shell counts them.
    home.put(
        "audit.jsonl",
        &format!("{{\"filler\": \"{}\"}}\n", "x".repeat(4_000)),
    );
    let binary = home.command(&["halt", "--reason", "no room"]);
    let mut limited = std::process::Command::new("sh");
    limited
        .args(["-c", "ulimit -f 2 && exec \"$@\"", "sh"])
        .arg(binary.get_program());
    limited.args(binary.get_args()).env_clear();
    limited.envs(binary.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let halted = limited.stdin(Stdio::null()).output().unwrap();
    assert_exit(&halted, 0);
    assert!(home.live().join("HALT").exists());
    assert!(stdout(&halted).contains("halted: every broker"), "{halted:?}");
    assert!(
        stderr(&halted).contains("done, but it is not on the ledger"),
        "{halted:?}"
    );
}

#[test]
fn status_without_a_mandate_says_so_in_words_and_in_its_exit_code() {
    let home = Home::new();
    let (view, code) = status(&home);
    assert_eq!(
        (code, &view["mandate"], &view["in_order"]),
        (Some(3), &Value::Null, &json!(false))
    );
    let words = home.run(&["status", "--venue", "paper"]);
    assert_exit(&words, 3);
    assert!(stdout(&words).contains("no mandate is on file"), "{words:?}");
    assert!(!stdout(&words).contains('\u{1b}'), "no colours in a pipe");
}

#[test]
fn status_shows_what_is_used_of_each_cap() {
    let home = Home::with_mandate(&[]);
    let mut session = home.serve();
    assert_eq!(session.call("bybit_place_order", &one_sol())["status"], "filled");
    session.end();
    let (view, code) = status(&home);
    assert_eq!(code, Some(0), "{view}");
    assert_eq!(
        (&view["orders_today"], &view["ledger_records"], &view["paper"]),
        (&json!(1), &json!(2), &json!(true))
    );
    assert_eq!(view["inflight"], json!([]));
    assert!(view["exposure_usd"].is_string(), "{view}");
}

fn check(home: &Home, text: &str) -> (Option<i32>, Value) {
    let file = home.put("mandate-to-check.json", text);
    let output = home.run(&["mandate", "check", file.to_str().unwrap(), "--json"]);
    (
        output.status.code(),
        serde_json::from_str(stdout(&output)).unwrap(),
    )
}

#[test]
fn a_mandate_is_checked_before_it_is_committed() {
    let home = Home::new();
    let (code, view) = check(&home, &mandate(&[]).to_string());
    assert_eq!((code, &view["valid"]), (Some(0), &json!(true)), "{view}");
    let mut expired = mandate(&[]);
    expired["consent"]["expires_at"] = "2020-01-01T00:00:00Z".into();
    let mut later = mandate(&[]);
    later["schema_version"] = 2.into();
    let mut blank = mandate(&[]);
    blank["universe"]["exclude_symbols"] = json!(["DOGE", ""]);
    for (text, says) in [
        (expired.to_string(), "ended"),
        (later.to_string(), "schema_version"),
        (blank.to_string(), "universe.exclude_symbols"),
        ("{".to_owned(), "JSON"),
        (
            mandate(&[("max_order_notional_usd", "1000".into())]).to_string(),
            "max_order_notional_usd",
        ),
        (
            mandate(&[("max_order_notional_usd", (-1).into())]).to_string(),
            "max_order_notional_usd",
        ),
        (mandate(&[]).to_string().replace("1000.0", "NaN"), "JSON"),
    ] {
        let (code, view) = check(&home, &text);
        assert_eq!((code, &view["valid"]), (Some(3), &json!(false)), "{view}");
        let why = view["reason"].as_str().unwrap();
        assert!(why.contains(says), "{why}");
    }
    assert_exit(&home.run(&["mandate", "check", "/nowhere.json"]), 1);
    assert_exit(&home.run(&["mandate", "check"]), 2);
}

/// The gate refuses it, whatever it says.
#[test]
fn a_mandate_that_others_may_write_is_not_valid() {
    let home = Home::new();
    let file = home.put("mandate-to-check.json", &mandate(&[]).to_string());
    let set_mode = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    set_mode(&file, 0o666);
    let output = home.run(&["mandate", "check", file.to_str().unwrap(), "--json"]);
    assert_exit(&output, 3);
    let view: Value = serde_json::from_str(stdout(&output)).unwrap();
    assert!(view["reason"].as_str().unwrap().contains("chmod go-w"), "{view}");
    assert_eq!((&view["valid"], &view["mandate"]), (&json!(false), &Value::Null));
    set_mode(&file, 0o644);
    // Where it is not read from, others may make files beside it.
    set_mode(&home.live(), 0o777);
    assert_exit(&home.run(&["mandate", "check", file.to_str().unwrap()]), 0);
    let committed = home.put("bybit/mandate.json", &mandate(&[]).to_string());
    set_mode(committed.parent().unwrap(), 0o777);
    assert_exit(&home.run(&["mandate", "check", committed.to_str().unwrap()]), 3);
}

/// What the gate refuses is not called valid, and what refuses everything is said.
#[test]
fn a_mandate_of_another_broker_is_not_valid_and_one_that_refuses_all_is_said_to() {
    let home = Home::new();
    let mut other = mandate(&[]);
    other["consent"]["broker"] = "kraken".into();
    let (code, view) = check(&home, &other.to_string());
    assert_eq!((code, &view["valid"]), (Some(3), &json!(false)), "{view}");
    assert!(
        view["reason"]
            .as_str()
            .unwrap()
            .contains("for broker `kraken`, not for `bybit`")
    );
    let file = home.put("kraken.json", &other.to_string());
    let own = [
        "--broker-key",
        "Kraken",
        "mandate",
        "check",
        file.to_str().unwrap(),
    ];
    assert_exit(&home.run(&own), 0);

    let mut stocks = mandate(&[]);
    stocks["universe"]["asset_classes"] = json!(["us_equity"]);
    let nothing = mandate(&[("max_total_exposure_usd", json!(0))]);
    for (given, says) in [
        (stocks, "`crypto` is missing"),
        (nothing, "max_total_exposure_usd"),
    ] {
        let (code, view) = check(&home, &given.to_string());
        assert_eq!((code, &view["valid"]), (Some(0), &json!(true)), "{view}");
        assert!(view["warnings"][0].as_str().unwrap().contains(says), "{view}");
        let file = home.put("mandate-to-check.json", &given.to_string());
        let words = home.run(&["mandate", "check", file.to_str().unwrap()]);
        assert!(
            stdout(&words).contains("warning: ") && stdout(&words).contains(says),
            "{words:?}"
        );
    }
    assert_eq!(check(&home, &mandate(&[]).to_string()).1["warnings"], json!([]));
}

/// Each of these refuses orders, so none of them is in order.
#[test]
fn what_refuses_every_order_is_not_in_order() {
    let expect = |break_it: &dyn Fn(&Home), reason: &str, says: &str| {
        let home = Home::with_mandate(&[]);
        break_it(&home);
        let (view, code) = status(&home);
        assert_eq!((code, &view["in_order"]), (Some(3), &json!(false)), "{view}");
        assert!(view[reason].as_str().unwrap_or_default().contains(says), "{view}");
        let words = home.run(&["status", "--venue", "paper"]);
        assert!(stdout(&words).contains(says), "{words:?}");
    };
    expect(
        &|home| drop(home.put("bybit/policy.toml", "no_such_limit = 1")),
        "policy_error",
        "no_such_limit",
    );
    expect(
        &|home| {
            let mut ended = mandate(&[]);
            ended["consent"]["expires_at"] = "2020-01-01T00:00:00Z".into();
            home.put("bybit/mandate.json", &ended.to_string());
        },
        "mandate_error",
        "it ended at 2020-01-01",
    );
    expect(
        &|home| fs::create_dir(home.live().join("bybit/.order_submit.lock")).unwrap(),
        "lock_error",
        ".order_submit.lock",
    );
    expect(
        &|home| {
            home.put("audit_chain.jsonl", "");
            fs::create_dir(home.live().join("audit.jsonl")).unwrap();
        },
        "ledger_error",
        "audit.jsonl",
    );
}

#[test]
fn the_mandate_on_file_is_shown_in_words() {
    let home = Home::with_mandate(&[]);
    let output = home.run(&["mandate", "show"]);
    assert_exit(&output, 0);
    assert!(
        stdout(&output).contains("one order at most        $1000"),
        "{output:?}"
    );
    assert_exit(&Home::new().run(&["mandate", "show"]), 3);
}

fn explained(lines: &str) -> Vec<Value> {
    explained_for("bybit", lines)
}

fn explained_for(broker: &str, lines: &str) -> Vec<Value> {
    let home = Home::new();
    let mut command = home.command(&["explain", "--jsonl", "--broker-key", broker]);
    let mut process = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    process.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let output = process.wait_with_output().unwrap();
    assert_exit(&output, 0);
    assert!(
        !home.live().join("audit.jsonl").exists(),
        "explaining writes nothing"
    );
    stdout(&output)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The case that the help shows is allowed as it stands there.
#[test]
fn the_help_of_explain_shows_a_case_that_is_allowed() {
    let help = Home::new().run(&["explain", "--help"]);
    let text = stdout(&help);
    let (from, to) = (text.find('{').unwrap(), text.rfind('}').unwrap());
    let shown: Value = serde_json::from_str(text.get(from..=to).unwrap()).unwrap();
    let verdict = &explained(&format!("{shown}\n"))[0];
    assert_eq!(
        (&verdict["decision"], &verdict["notional_usd"]),
        (&json!("allow"), &json!("650")),
        "{verdict}"
    );
    // The same mandate in the folder of another broker refuses everything, and one of that broker does not.
    let other = &explained_for("kraken", &format!("{shown}\n"))[0];
    assert_eq!(other["decision"], "deny", "{other}");
    let mut its_own = shown;
    its_own["facts"]["mandate"]["consent"]["broker"] = "kraken".into();
    let verdict = &explained_for(" Kraken", &format!("{its_own}\n"))[0];
    assert_eq!(verdict["decision"], "allow", "{verdict}");
}

/// One verdict a line, in order, whatever the line says.
#[test]
fn two_cases_in_are_two_verdicts_out() {
    let mut case = json!({"tool": "bybit_place_order",
        "args": {"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "order_type": "Limit", "qty": "0.01", "price": "65000"},
        "facts": {"now": "2026-06-15T12:00:00Z", "mandate": mandate(&[]), "halted": false, "daily_count": 0,
                  "quotes": {"linear:BTCUSDT": {"bid": "65000", "ask": "65000", "last": "65000", "mark": "65000"}},
                  "positions": [], "open_orders": [], "wallet": []}});
    let first = case.to_string();
    case["facts"]["halted"] = true.into();
    let verdicts = explained(&format!("{first}\n{case}\n"));
    let decisions: Vec<&Value> = verdicts.iter().map(|verdict| &verdict["decision"]).collect();
    assert_eq!(decisions, ["allow", "deny"]);
    assert_eq!(verdicts[0]["notional_usd"], "650");
    assert_eq!(
        verdicts[1]["checked_limits"].as_array().unwrap().last(),
        Some(&json!("halt_flag"))
    );
    // A line that is no case is refused and does not shift the others; the last one needs no newline.
    let verdicts = explained(&format!("nonsense\n{first}"));
    assert_eq!(verdicts.len(), 2, "{verdicts:?}");
    assert_eq!(
        (&verdicts[0]["decision"], &verdicts[1]["decision"]),
        (&json!("deny"), &json!("allow"))
    );
}

#[test]
fn the_ledger_is_shown_and_verified_and_a_break_is_named() {
    let home = Home::with_mandate(&[]);
    let empty = home.run(&["audit", "tail"]);
    assert_exit(&empty, 0);
    assert!(stdout(&empty).contains("empty"), "{empty:?}");
    assert_exit(&home.run(&["audit", "verify"]), 0);

    let mut session = home.serve();
    session.call("bybit_place_order", &one_sol());
    session.end();
    let tail = home.run(&["audit", "tail", "-n", "1", "--json"]);
    assert_exit(&tail, 0);
    let record: Value = serde_json::from_str(stdout(&tail)).unwrap();
    assert_eq!(
        (&record["kind"], &record["outcome"]),
        (&json!("order_placed"), &json!("filled"))
    );
    let words = home.run(&["audit", "tail"]);
    assert_eq!(stdout(&words).lines().count(), 2);
    assert!(stdout(&words).contains("SOLUSDT"), "{words:?}");

    let none = home.run(&["audit", "tail", "-n", "0"]);
    assert_eq!((none.status.code(), stdout(&none)), (Some(0), ""));

    let whole = home.run(&["audit", "verify", "--json"]);
    assert_exit(&whole, 0);
    let report: Value = serde_json::from_str(stdout(&whole)).unwrap();
    assert_eq!((&report["whole"], &report["records"]), (&json!(true), &json!(2)));

    let chain = home.live().join("audit_chain.jsonl");
    let text = fs::read_to_string(&chain).unwrap();
    // The last line of the chain is gone: its hashes are right, and `audit.jsonl` has one record more.
    let (first, _) = text.split_at(text.find('\n').unwrap() + 1);
    fs::write(&chain, first).unwrap();
    let short = home.run(&["audit", "verify", "--json"]);
    assert_exit(&short, 3);
    let report: Value = serde_json::from_str(stdout(&short)).unwrap();
    assert_eq!(
        (
            &report["whole"],
            &report["records"],
            &report["first_break"],
            &report["not_in_chain"]
        ),
        (&json!(false), &json!(1), &Value::Null, &json!(1))
    );
    let short = home.run(&["audit", "verify"]);
    assert_exit(&short, 3);
    let id = record["audit_id"].as_str().unwrap();
    assert!(
        stdout(&short).contains("line 2 on") && stdout(&short).contains(id),
        "{short:?}"
    );
    let (view, code) = status(&home);
    assert_eq!(
        (code, view["ledger_records"].is_null()),
        (Some(3), true),
        "{view}"
    );
    fs::write(&chain, &text).unwrap();
    fs::write(&chain, text.replacen("\"pending\"", "\"unknown\"", 1)).unwrap();
    let broken = home.run(&["audit", "verify", "--json"]);
    assert_exit(&broken, 3);
    let report: Value = serde_json::from_str(stdout(&broken)).unwrap();
    assert_eq!((&report["whole"], &report["records"]), (&json!(false), &json!(0)));
    assert!(
        report["first_break"]
            .as_str()
            .unwrap()
            .contains("audit_chain.jsonl"),
        "{report}"
    );
    assert_exit(&home.run(&["audit", "verify"]), 3);
    // A break deep in the chain stops status from saying that all is well.
    assert_eq!(status(&home).1, Some(3));
}
