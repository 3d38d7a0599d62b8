//! Play money and real money: two roots, two counters, two ledgers.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::home::{Home, Session, assert_exit, lines, one_sol, stderr, stdout};

#[test]
fn paper_has_a_root_of_its_own_unless_one_is_named() {
    let home = Home::with_mandate(&[]);
    let own = home.root().join("paper");
    let live = own.join("live");
    std::fs::create_dir_all(live.join("bybit")).unwrap();
    for folder in [&own, &live, &live.join("bybit")] {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700)).unwrap();
    }
    let paper = |home: &Home| {
        let mut command = home.command(&["serve", "--venue", "paper"]);
        command.env_remove("MANDATED_PAPER_ROOT");
        Session::start(&mut command)
    };
    // The live mandate is not the paper venue's.
    let mut session = paper(&home);
    let refused = session.call("bybit_place_order", &one_sol());
    assert_eq!(refused["status"], "blocked", "{refused}");
    assert!(
        refused["reason"].as_str().unwrap().contains("no valid mandate"),
        "{refused}"
    );
    session.end();
    std::fs::rename(
        home.live().join("bybit/mandate.json"),
        live.join("bybit/mandate.json"),
    )
    .unwrap();
    let mut session = paper(&home);
    let filled = session.call("bybit_place_order", &one_sol());
    assert_eq!(filled["status"], "filled", "{filled}");
    session.end();
    assert_eq!(lines(&live.join("audit.jsonl")).len(), 3);
    assert!(live.join("bybit/trade_counter.json").exists());
    assert!(home.ledger().is_empty(), "the live ledger was written");
    assert!(!home.live().join("bybit/trade_counter.json").exists());
}

#[test]
fn real_money_does_not_trade_on_the_files_of_paper() {
    let home = Home::with_mandate(&[]);
    let mut session = home.serve();
    session.call("bybit_place_order", &one_sol());
    session.end();
    let live = home.command(&["serve"]).output().unwrap();
    assert_exit(&live, 2);
    assert!(stderr(&live).contains("paper account"), "{}", stderr(&live));
}

/// An account whose market stands still at noon.
const AT_NOON: [&str; 7] = [
    "paper",
    "reset",
    "--yes",
    "--start",
    "2026-06-15T12:00:00Z",
    "--speed",
    "0",
];

fn shown(home: &Home) -> Value {
    let output = home.run(&["paper", "show", "--json"]);
    assert_exit(&output, 0);
    serde_json::from_str(stdout(&output)).unwrap()
}

#[test]
fn show_tells_what_an_account_holds_and_did() {
    let home = Home::with_mandate(&[]);
    let none = home.run(&["paper", "show"]);
    assert_exit(&none, 1);
    assert!(stderr(&none).contains("there is no paper account"), "{none:?}");
    assert!(!home.root().join("paper.sqlite3").exists());

    assert_exit(&home.run(&AT_NOON), 0);
    let mut session = home.serve();
    let filled = session.call("bybit_place_order", &one_sol());
    assert_eq!(filled["status"], "filled", "{filled}");
    // While the session stays on the account: looking disturbs no one.
    let report = shown(&home);
    session.end();
    assert_eq!(report["venue"], "paper");
    assert_eq!(
        (&report["now_ms"], &report["speed"]),
        (&json!(1_781_524_800_000_i64), &json!("0"))
    );
    // The spread, and how far the mark lies from the last price.
    let fill = &report["fills"][0];
    assert_eq!(
        (&fill["symbol"], &fill["side"], &fill["qty"]),
        (&json!("SOLUSDT"), &json!("Buy"), &json!("1"))
    );
    let lost = &report["profit"][0];
    assert_eq!(
        (&lost["unrealised"], &lost["fees"]),
        (&json!("-0.054"), &fill["fee"])
    );
    assert_eq!(report["positions"][0]["size"], "1");
    let curve = report["curve"].as_array().unwrap();
    assert_eq!(curve.last().unwrap()["usd"], report["equity_usd"]);

    let picture = home.root().join("equity.png");
    let said = home.run(&["paper", "show", "--png", picture.to_str().unwrap()]);
    assert_exit(&said, 0);
    let text = stdout(&said);
    assert!(text.starts_with("PAPER: ") && text.is_ascii(), "{text}");
    for expected in [
        "clock    2026-06-15 12:00:00 UTC, standing still",
        "open positions: 1",
        "open orders: 0",
        "fills: 1",
        "linear SOLUSDT  Buy     1",
        "profit and loss",
        "************",
        "2026-06-15 12:00 UTC",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
    let bytes = fs::read(picture).unwrap();
    assert!(bytes.starts_with(b"\x89PNG\r\n\x1a\n"));
    // Width and height of the first chunk.
    assert_eq!(bytes[16..24], [0, 0, 3, 132, 0, 0, 1, 104]);
    let nowhere = home.run(&["paper", "show", "--png", "/nowhere/equity.png"]);
    assert_exit(&nowhere, 1);
    assert!(
        stderr(&nowhere).contains("cannot write the picture"),
        "{nowhere:?}"
    );
}

#[test]
fn a_deposit_is_booked_and_what_is_not_there_cannot_be_taken() {
    let home = Home::with_mandate(&[]);
    assert_exit(&home.run(&["paper", "deposit", "USDT", "1"]), 1);
    assert_exit(&home.run(&AT_NOON), 0);
    let put = home.run(&["paper", "deposit", "usdt", "250.5"]);
    assert_exit(&put, 0);
    assert_eq!(
        stdout(&put),
        "PAPER: 250.5 USDT in; the wallet holds 10250.5 USDT\n"
    );
    let taken = home.run(&["paper", "deposit", "USDC", "-400", "--json"]);
    assert_exit(&taken, 0);
    let taken: Value = serde_json::from_str(stdout(&taken)).unwrap();
    assert_eq!(
        (&taken["amount"], &taken["wallet"]),
        (&json!("-400"), &json!("600"))
    );
    assert_eq!(shown(&home)["equity_usd"], "10850.5");
    for (coin, amount, code) in [
        ("USDC", "-601", 1),
        ("XYZ", "5", 1),
        ("USDC", "0", 2),
        ("USDC", "much", 2),
    ] {
        assert_exit(&home.run(&["paper", "deposit", coin, amount]), code);
    }
    assert_eq!(shown(&home)["equity_usd"], "10850.5");
}

#[test]
fn a_reset_asks_keeps_the_old_account_and_names_what_is_in_flight() {
    let home = Home::with_mandate(&[]);
    let mut session = home.serve();
    session.call("bybit_place_order", &one_sol());
    let in_use = home.run(&["paper", "reset", "--yes"]);
    assert_exit(&in_use, 1);
    assert!(
        stderr(&in_use).contains("is in use by another process"),
        "{in_use:?}"
    );
    session.end();
    assert_eq!(shown(&home)["fills"].as_array().unwrap().len(), 1);
    let unasked = home.run(&["paper", "reset"]);
    assert_exit(&unasked, 2);
    assert!(stderr(&unasked).contains("nothing was reset"), "{unasked:?}");

    let ledger = home.ledger();
    fs::create_dir_all(home.live().join("bybit/inflight")).unwrap();
    let flying = json!({"client_id": "lost-1", "fingerprint": "ab", "remote_tool": "place_order",
        "category": "linear", "symbol": "SOLUSDT", "side": "Buy", "body": {}, "notional_usd": "150", "order": {},
        "created_at": "2026-06-02T09:15:49.482+00:00", "state": "unknown", "venue_order_id": null,
        "process_id": 1, "venue": "paper"});
    home.put("bybit/inflight/lost-1.json", &flying.to_string());
    let reset = home.run(&[
        "paper",
        "reset",
        "--yes",
        "--seed",
        "7",
        "--deposit",
        "USDC=5",
        "--deposit",
        "USDT=2",
    ]);
    assert_exit(&reset, 0);
    assert!(
        stderr(&reset).contains("bybit/inflight/lost-1.json: Buy linear SOLUSDT"),
        "{reset:?}"
    );
    let kept = stdout(&reset).lines().next().unwrap();
    let kept = kept.strip_prefix("the old account is kept: ").unwrap();
    let old = home.run(&["paper", "show", "--json", "--store", kept]);
    let old: Value = serde_json::from_str(stdout(&old)).unwrap();
    assert_eq!(old["fills"].as_array().unwrap().len(), 1);
    let new = shown(&home);
    assert_eq!(
        (&new["seed"], &new["speed"], &new["equity_usd"]),
        (&json!(7), &Value::Null, &json!("7"))
    );
    assert_eq!(new["fills"], json!([]));
    // Neither ledger is the folder of a broker.
    assert!(!stderr(&reset).contains("audit"), "{reset:?}");
    // The ledger is the root's, not the account's.
    assert_eq!(home.ledger(), ledger);
    let refused = home.run(&["paper", "reset", "--yes", "--deposit", "XYZ=5"]);
    assert_exit(&refused, 1);
    assert_eq!(shown(&home)["seed"], 7);
}

#[test]
fn sim_says_what_it_runs_on_and_refuses_a_clock_that_would_not_be_used() {
    let home = Home::new();
    let at_noon = [
        "sim",
        "--port",
        "0",
        "--start",
        "1781524800000",
        "--speed",
        "60",
        "--seed",
        "3",
    ];
    let mut server = home.command(&at_noon).stdout(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    let mut output = BufReader::new(server.stdout.take().unwrap());
    while !said.contains("use it") && output.read_line(&mut said).unwrap() > 0 {}
    server.kill().unwrap();
    server.wait().unwrap();
    for expected in [
        "address  http://127.0.0.1:",
        "streams  ws://127.0.0.1:",
        "/v5/private",
        "paper-read-only: reads alone",
        "paper-rsa: signs with RSA; needs --rsa-public-key",
        "seed     3",
        "clock    2026-06-15 12:0",
        "60 times as fast as the machine's",
    ] {
        assert!(said.contains(expected), "{expected}\n{said}");
    }
    let again = home.run(&at_noon);
    assert_exit(&again, 2);
    assert!(stderr(&again).contains("has a clock already"), "{again:?}");
    let faults = home.root().join("faults.json");
    fs::write(&faults, r#"[{"path":"/v5/*","kind":"no such kind"}]"#).unwrap();
    for flag in ["--faults", "--rsa-public-key"] {
        let missing = home.run(&["sim", "--port", "0", flag, "/nowhere/file"]);
        assert_exit(&missing, 2);
        assert!(
            stderr(&missing).contains("cannot read /nowhere/file"),
            "{missing:?}"
        );
    }
    let unknown = home.run(&["sim", "--port", "0", "--faults", faults.to_str().unwrap()]);
    assert_exit(&unknown, 2);
    assert!(stderr(&unknown).contains("paper faults"), "{unknown:?}");
}

/// `mandated sim` in a home of its own; says its address.
struct Sim(std::process::Child, String);

impl Sim {
    fn start(home: &Home, args: &[&str]) -> Self {
        use std::io::{BufRead, BufReader};
        let mut command = home.command(&[&["sim", "--port", "0"], args].concat());
        let mut child = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = lines
            .map(Result::unwrap)
            .find_map(|line| line.strip_prefix("address").map(|rest| rest.trim().to_owned()))
            .unwrap();
        Self(child, address)
    }

    /// The reply to a request without a key.
    fn ask(&self, request: &str) -> String {
        use std::io::{Read, Write};
        let host = self.1.trim_start_matches("http://");
        let mut stream = std::net::TcpStream::connect(host).unwrap();
        write!(stream, "{request}\r\n").unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).unwrap();
        reply
    }

    fn price(&self) -> String {
        let path = "/v5/market/tickers?category=linear&symbol=BTCUSDT";
        let reply = self.ask(&format!(
            "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        ));
        let after = reply.split("\"lastPrice\":\"").nth(1);
        after
            .and_then(|rest| rest.split('"').next())
            .unwrap_or(&reply)
            .to_owned()
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn live_prices_are_followed_and_none_is_made_up_when_they_end() {
    let (there, here) = (Home::new(), Home::new());
    let market = Sim::start(&there, &[]);
    let body = r#"{"category":"linear","symbol":"BTCUSDT","price":"64321"}"#;
    let length = body.len();
    let set = format!(
        "POST /paper/price HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    assert!(market.ask(&set).contains("\"ok\":true"));
    let paper = Sim::start(&here, &["--live", &market.1]);
    let until = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while paper.price() != "64321.00" && std::time::Instant::now() < until {
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    assert_eq!(paper.price(), "64321.00");
    // An address that answers nothing: there is no price, and none is invented.
    let dark = Sim::start(&Home::new(), &["--live", "http://127.0.0.1:1"]);
    assert!(dark.price().contains("10016"), "{}", dark.price());
}
