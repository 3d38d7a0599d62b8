//! `mandated doctor` as a person runs it: on paper, and against an exchange that answers about a key.

#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail by panicking"
)]

use std::fs::{self, OpenOptions, Permissions};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use assert_cmd::Command;
use mandated::state::audit_record::{AuditKind, AuditOutcome, AuditRecord};
use mandated::state::clock;
use mandated::state::ledger::Ledger;
use mandated::state::paths::{BrokerKey, LiveFiles, RuntimeRoot};
use mandated::state::redact::Redactor;
use serde_json::{Value, json};

/// A home folder with a runtime root, a mandate in force and three records on the ledger.
struct World {
    home: tempfile::TempDir,
    files: LiveFiles,
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn write_private(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    set_mode(path, 0o600);
}

impl World {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let root = RuntimeRoot::at(home.path().join(".vibe-trading"));
        let files = LiveFiles::new(&root, BrokerKey::parse("bybit").unwrap());
        fs::create_dir_all(files.inflight_folder()).unwrap();
        for folder in [root.as_path(), files.live_folder(), files.broker_folder()] {
            set_mode(folder, 0o700);
        }
        let world = Self { home, files };
        world.commit("2999-01-01T00:00:00Z");
        let ledger = Ledger::open(&world.files, Redactor::new(Vec::new()));
        for _ in 0..3 {
            let (kind, outcome) = (AuditKind::HaltCleared, AuditOutcome::Accepted);
            let record = AuditRecord::new(clock::now(), "bybit", "s", kind, outcome).unwrap();
            ledger.append(&record).unwrap();
        }
        world
    }

    fn root(&self) -> PathBuf {
        self.home.path().join(".vibe-trading")
    }

    fn commit(&self, expires_at: &str) {
        let mandate = json!({
            "schema_version": 1,
            "hard_caps": {"account_funding_usd": 900, "max_order_notional_usd": 90, "max_total_exposure_usd": 450,
                          "max_leverage": 2, "allowed_instruments": ["crypto"], "max_trades_per_day": 7},
            "universe": {"asset_classes": ["crypto"], "min_market_cap_usd": null,
                         "min_avg_daily_volume_usd": null, "exclude_symbols": []},
            "consent": {"created_at": "2026-01-01T00:00:00Z", "consent_token_sha256": "ab", "broker": "bybit",
                        "account_ref": "a", "expires_at": expires_at},
        });
        write_private(&self.files.mandate(), &mandate.to_string());
    }

    /// Nothing of the environment of whoever runs the tests.
    fn doctor(&self, args: &[&str]) -> Command {
        let mut command = Command::cargo_bin("mandated").unwrap();
        command
            .env_clear()
            .env("HOME", self.home.path())
            .env("PATH", "/usr/bin:/bin")
            .env("MANDATED_VENUE", "paper")
            .env("MANDATED_PAPER_ROOT", self.root())
            .current_dir(self.home.path())
            .arg("doctor")
            .args(args);
        command
    }
}

fn report(command: &mut Command) -> (i32, Value) {
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let report = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    (output.status.code().unwrap(), report)
}

fn of_severity(report: &Value, severity: &str) -> Vec<String> {
    let findings = report["findings"].as_array().unwrap();
    findings
        .iter()
        .filter(|finding| finding["severity"] == severity)
        .map(|finding| finding["id"].as_str().unwrap().to_owned())
        .collect()
}

/// Exit 3 and exactly these reds.
fn assert_red(world: &World, ids: &[&str]) -> Value {
    let (code, report) = report(&mut world.doctor(&["--json"]));
    assert_eq!(
        (code, of_severity(&report, "red")),
        (3, ids.iter().map(ToString::to_string).collect()),
        "{report}"
    );
    assert_eq!(report["in_order"], false);
    report
}

/// What doctor says of the clients, by the entry that the README gives, put where the README puts it.
fn of_clients(world: &World, place: &str, example: &str, venue: &str) -> Vec<(String, String)> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(example)).unwrap();
    write_private(&world.home.path().join(place), &text);
    let programs = Path::new(env!("CARGO_BIN_EXE_mandated")).parent().unwrap();
    let mut command = world.doctor(&["--json", "--venue", venue]);
    command
        .env_remove("MANDATED_VENUE")
        .env_remove("MANDATED_PAPER_ROOT")
        .env("BYBIT_BASE_URL", "http://127.0.0.1:1")
        .env("PATH", format!("{}:/usr/bin:/bin", programs.display()));
    let (_, report) = report(&mut command);
    let findings = report["findings"].as_array().unwrap().clone();
    let text = |finding: &Value, name: &str| finding[name].as_str().unwrap().to_owned();
    findings
        .iter()
        .map(|finding| (text(finding, "id"), text(finding, "severity")))
        .filter(|(id, _)| id.starts_with("client."))
        .collect()
}

#[test]
fn the_entries_of_the_readme_are_judged_by_their_own_venue() {
    for (place, example) in [
        (".vibe-trading/agent.json", "examples/agent.json"),
        (".mcp.json", "examples/claude.mcp.json"),
    ] {
        let judged = |venue| of_clients(&World::new(), place, example, venue);
        let expected = |id: &str, severity: &str| vec![(id.to_owned(), severity.to_owned())];
        assert_eq!(judged("paper"), expected("client.registered", "green"), "{place}");
        // It still trades with play money: whoever looks at the real one has to know.
        assert_eq!(judged("bybit"), expected("client.other_root", "red"), "{place}");
    }
}

/// As one that another user made: every order waits for it in vain.
#[test]
fn an_order_lock_that_cannot_be_taken_is_red() {
    let world = World::new();
    fs::create_dir(world.files.order_lock()).unwrap();
    let report = assert_red(&world, &["lock.unusable"]);
    assert!(report.to_string().contains(".order_submit.lock"), "{report}");
}

#[test]
fn a_healthy_world_has_nothing_red() {
    let world = World::new();
    let (code, report) = report(&mut world.doctor(&["--json"]));
    assert_eq!(code, 0, "{report}");
    assert_eq!(
        (&report["in_order"], &report["worst"]),
        (&json!(true), &json!("yellow"))
    );
    assert_eq!(of_severity(&report, "red"), Vec::<String>::new());
    assert_eq!(
        of_severity(&report, "yellow"),
        ["account.price_moved", "daemon.not_running", "client.none"]
    );
    assert_eq!(of_severity(&report, "grey"), Vec::<String>::new());
    let green = of_severity(&report, "green");
    for id in [
        "files.root",
        "mandate.valid",
        "halt.clear",
        "chain.whole",
        "clock.right",
        "key.permissions",
        "account.unified",
        "account.one_way",
        "account.no_debt",
    ] {
        assert!(green.iter().any(|found| found == id), "{id}: {report}");
    }
    // A look leaves nothing behind.
    let names = fs::read_dir(world.files.broker_folder()).unwrap();
    let mut names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["inflight", "mandate.json"]);
}

#[test]
fn the_text_has_one_line_for_each_finding() {
    let world = World::new();
    let output = world.doctor(&[]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (_, report) = report(&mut world.doctor(&["--json"]));
    assert_eq!(
        text.lines().count(),
        report["findings"].as_array().unwrap().len() + 1,
        "{text}"
    );
    assert!(text.ends_with("0 red, 3 yellow\n"), "{text}");
    let daemon = text
        .lines()
        .find(|line| line.contains("daemon.not_running"))
        .unwrap();
    assert!(
        daemon.starts_with("yellow ") && daemon.contains(" -> start `mandated daemon`"),
        "{daemon}"
    );
}

#[test]
fn a_mandate_that_others_may_write_is_red() {
    let world = World::new();
    set_mode(&world.files.mandate(), 0o666);
    assert_red(&world, &["mandate.writable"]);
}

#[test]
fn a_folder_that_others_may_write_is_red_and_can_be_accepted() {
    let world = World::new();
    set_mode(world.files.live_folder(), 0o777);
    let report_before = assert_red(&world, &["files.folder_writable"]);
    assert_eq!(report_before["acceptable"], json!(["files.folder_writable"]));
    write_private(
        &world.files.policy(),
        "accepted_findings = [\"files.folder_writable\"]\n",
    );
    let (code, report) = report(&mut world.doctor(&["--json"]));
    assert_eq!(code, 0, "{report}");
    let findings = report["findings"].as_array().unwrap();
    let accepted = findings
        .iter()
        .find(|finding| finding["accepted"] == true)
        .unwrap();
    assert_eq!(
        (&accepted["id"], &accepted["severity"]),
        (&json!("files.folder_writable"), &json!("yellow"))
    );
}

#[test]
fn a_missing_and_an_ended_mandate_are_red() {
    let world = World::new();
    world.commit("2020-01-01T00:00:00Z");
    assert_red(&world, &["mandate.expired"]);
    fs::remove_file(world.files.mandate()).unwrap();
    assert_red(&world, &["mandate.missing"]);
}

#[test]
fn an_exclude_entry_that_can_match_nothing_is_red_and_named() {
    let world = World::new();
    let text = fs::read_to_string(world.files.mandate()).unwrap();
    let list = r#""exclude_symbols":["DOGE, SHIB"]"#;
    let changed = text.replace(r#""exclude_symbols":[]"#, list);
    assert_ne!(changed, text);
    write_private(&world.files.mandate(), &changed);
    let report = assert_red(&world, &["mandate.invalid"]);
    assert!(report.to_string().contains("`DOGE, SHIB`"), "{report}");
}

#[test]
fn a_mandate_that_ends_soon_is_yellow() {
    let world = World::new();
    let soon = clock::now() + Duration::from_secs(24 * 60 * 60);
    world.commit(&soon.format("%Y-%m-%dT%H:%M:%SZ").to_string());
    let (code, report) = report(&mut world.doctor(&["--json"]));
    assert_eq!(code, 0);
    assert!(
        of_severity(&report, "yellow").contains(&"mandate.ends_soon".to_owned()),
        "{report}"
    );
}

#[test]
fn a_changed_record_is_red_and_named() {
    let world = World::new();
    let chain = world.files.audit_chain();
    let text = fs::read_to_string(&chain).unwrap();
    // In the first record: an append looks at the last one and its joint alone.
    fs::write(&chain, text.replacen("bybit", "bybat", 1)).unwrap();
    let report = assert_red(&world, &["chain.broken"]);
    assert_eq!(report["acceptable"], json!(["chain.broken"]));
    assert!(report.to_string().contains("line 1"), "{report}");
}

#[test]
fn a_halt_is_red_and_says_who_tripped_it() {
    let world = World::new();
    write_private(
        &world.files.halt_global(),
        "{\"by\": \"frontend\", \"reason\": \"drill\\u001b[2J\"}",
    );
    let report = assert_red(&world, &["halt.tripped"]);
    assert_eq!(report["acceptable"], json!([]));
    assert!(
        report.to_string().contains("by frontend, reason drill"),
        "{report}"
    );
    let output = world.doctor(&[]).output().unwrap();
    assert!(
        !output.stdout.contains(&0x1b),
        "a sentinel's text reached the terminal as it is"
    );
    assert!(
        String::from_utf8(output.stdout)
            .unwrap()
            .contains("mandated resume")
    );
}

#[test]
fn an_unreadable_order_in_flight_is_red() {
    let world = World::new();
    write_private(
        &world.files.inflight_folder().join("md-1.json"),
        "{\"client_id\":",
    );
    assert_red(&world, &["inflight.unreadable"]);
}

#[test]
fn a_counter_and_a_policy_that_are_not_understood_are_red() {
    let world = World::new();
    write_private(&world.files.counter(), "[]");
    write_private(&world.files.policy(), "accepted_findings = [\"halt.tripped\"]\n");
    let report = assert_red(&world, &["counter.unreadable", "policy.invalid"]);
    assert!(
        report.to_string().contains("`halt.tripped` cannot be accepted"),
        "{report}"
    );
}

#[test]
fn the_root_of_paper_is_told_with_what_named_it() {
    let world = World::new();
    let source = |command: &mut Command| {
        let (_, report) = report(command);
        let findings = report["findings"].as_array().unwrap().iter();
        let mut roots = findings.filter(|finding| finding["id"] == "files.root");
        let what = roots.next().unwrap()["what"].as_str().unwrap().to_owned();
        what.split_once("`, from ").unwrap().1.to_owned()
    };
    assert_eq!(source(&mut world.doctor(&["--json"])), "MANDATED_PAPER_ROOT");
    let other = world.root().join("other");
    let flag = ["--json", "--paper-root", other.to_str().unwrap()];
    let said = source(&mut world.doctor(&flag));
    assert_eq!(said, "--paper-root; it does not exist yet");
    let mut unnamed = world.doctor(&["--json"]);
    let unnamed = unnamed
        .env_remove("MANDATED_PAPER_ROOT")
        .env("VIBE_TRADING_HOME", world.root());
    let said = source(unnamed);
    let below = "VIBE_TRADING_HOME, with `paper` below it, as MANDATED_PAPER_ROOT is not set";
    assert!(said.starts_with(below), "{said}");
}

#[test]
fn two_roots_are_one_red_line_and_no_usage_error() {
    let world = World::new();
    let mut command = world.doctor(&["--json"]);
    let command = command
        .env_remove("MANDATED_PAPER_ROOT")
        .env("VIBE_RUNTIME_ROOT", world.root())
        .env("VIBE_TRADING_HOME", "/elsewhere");
    let (code, report) = report(command);
    assert_eq!(
        (code, of_severity(&report, "red")),
        (3, vec!["files.root".to_owned()])
    );
}

#[test]
fn a_clock_that_is_off_is_red_and_a_refused_key_too() {
    let world = World::new();
    let with = |faults: Value| {
        let mut command = world.doctor(&["--json"]);
        let (code, report) = report(command.env("MANDATED_PAPER_FAULTS", faults.to_string()));
        (code, of_severity(&report, "red"))
    };
    let skew = json!([{"path": "/v5/*", "kind": "clock_skew", "ms": 60_000}]);
    let (code, reds) = with(skew);
    assert_eq!((code, reds[0].as_str()), (3, "clock.off"));
    let refused =
        json!([{"path": "/v5/user/query-api", "kind": "ret_code", "code": 10004, "message": "sign"}]);
    assert_eq!(with(refused), (3, vec!["key.refused".to_owned()]));
    let silent = json!([{"path": "/v5/user/query-api", "kind": "status", "status": 403}]);
    assert_eq!(with(silent), (3, vec!["key.unchecked".to_owned()]));
}

#[test]
fn a_registration_is_found_and_checked() {
    let world = World::new();
    let agent = world.root().join("agent.json");
    let program = assert_cmd::cargo::cargo_bin("mandated");
    let entry = |env: Value| json!({"mcpServers": {"trade": {"command": program, "env": env}}}).to_string();
    write_private(&agent, &entry(json!({})));
    let (code, listed) = report(&mut world.doctor(&["--json"]));
    assert_eq!(code, 0, "{listed}");
    assert!(
        of_severity(&listed, "green").contains(&"client.registered".to_owned()),
        "{listed}"
    );
    write_private(
        &agent,
        &entry(json!({"BYBIT_API_SECRET": "${SECRET}", "MANDATED_PAPER_ROOT": "/elsewhere"})),
    );
    assert_red(&world, &["client.env", "client.other_root"]);
}

const KEY: &str = "AKEYTHATISNOTSHOWN";
const SECRET: &str = "ASECRETTHATISNEVERSHOWNANYWHERE";

/// Answers every connection once, as an exchange on which the key may withdraw.
fn exchange(wallet: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            answer(stream.unwrap(), wallet);
        }
    });
    format!("http://{address}")
}

fn answer(mut stream: TcpStream, wallet: &str) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let Some(Ok(request)) = lines.next() else {
        return;
    };
    for line in lines {
        if line.unwrap().is_empty() {
            break;
        }
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let result = match request.split([' ', '?']).nth(1).unwrap() {
        "/v5/market/time" => {
            json!({"timeSecond": now.as_secs().to_string(), "timeNano": now.as_nanos().to_string()})
        }
        "/v5/user/query-api" => json!({
            "apiKey": KEY, "readOnly": 0, "ips": ["*"], "deadlineDay": 80, "expiredAt": "2999-01-01T00:00:00Z",
            "permissions": {"ContractTrade": ["Order", "Position"], "Spot": ["SpotTrade"], "Wallet": [wallet]},
        }),
        "/v5/account/info" => json!({"unifiedMarginStatus": 6, "marginMode": "PORTFOLIO_MARGIN"}),
        "/v5/account/user-setting-config" => json!({"lpaSpot": false, "lpaPerp": false}),
        "/v5/account/wallet-balance" => json!({"list": [{"coin": [{"coin": "USDT", "spotBorrow": "5"}]}]}),
        "/v5/position/list" => json!({"list": [{"positionIdx": 1}, {"positionIdx": 2}]}),
        other => panic!("{other}"),
    };
    let time = u64::try_from(now.as_millis()).unwrap();
    let body =
        json!({"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}, "time": time}).to_string();
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close";
    let _ = write!(stream, "{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
}

impl World {
    fn live(&self, args: &[&str], url: &str) -> Command {
        let secret = self.home.path().join("secret");
        write_private(&secret, SECRET);
        let mut command = self.doctor(args);
        command
            .env("MANDATED_VENUE", "bybit")
            .env("BYBIT_BASE_URL", url)
            .env("BYBIT_API_KEY", KEY)
            .env("BYBIT_API_SECRET_FILE", secret);
        command
    }
}

#[test]
fn a_key_that_may_withdraw_is_red_until_a_person_accepts_it() {
    let (world, url) = (World::new(), exchange("Withdraw"));
    let (code, listed) = report(&mut world.live(&["--json"], &url));
    assert_eq!(
        (code, of_severity(&listed, "red")),
        (3, vec!["key.withdraw".to_owned()]),
        "{listed}"
    );
    let yellow = of_severity(&listed, "yellow");
    for id in [
        "key.unbound",
        "account.portfolio",
        "account.price_moved",
        "account.borrowing",
    ] {
        assert!(yellow.iter().any(|found| found == id), "{id}: {listed}");
    }
    assert!(
        of_severity(&listed, "green").contains(&"account.hedge".to_owned()),
        "{listed}"
    );
    let (code, started) = report(&mut world.live(&["--json", "--start"], &url));
    assert_eq!(
        (code, started["findings"].as_array().unwrap().len()),
        (3, 1),
        "{started}"
    );
    write_private(&world.files.policy(), "accepted_findings = [\"key.withdraw\"]\n");
    assert_eq!(report(&mut world.live(&["--json"], &url)).0, 0);
    let (code, started) = report(&mut world.live(&["--json", "--start"], &url));
    assert_eq!((code, &started["findings"]), (0, &json!([])));
}

#[test]
fn accepting_one_red_accepts_no_other() {
    let (world, url) = (World::new(), exchange("AccountTransfer"));
    write_private(&world.files.policy(), "accepted_findings = [\"key.withdraw\"]\n");
    let (code, listed) = report(&mut world.live(&["--json"], &url));
    assert_eq!(
        (code, of_severity(&listed, "red")),
        (3, vec!["key.transfer".to_owned()]),
        "{listed}"
    );
}

#[test]
fn no_secret_is_shown_and_one_that_others_can_read_is_red() {
    let (world, url) = (World::new(), exchange("Withdraw"));
    set_mode(world.home.path(), 0o755);
    let mut command = world.live(&["--log-level", "trace"], &url);
    set_mode(&world.home.path().join("secret"), 0o644);
    let output = command.output().unwrap();
    let shown = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(shown.contains("files.secret_exposed"), "{shown}");
    assert!(!shown.contains(SECRET) && !shown.contains(KEY), "{shown}");
    assert!(
        shown.contains("accepted_findings = [\"files.secret_exposed\", \"key.withdraw\"]"),
        "{shown}"
    );
}

#[test]
fn an_exchange_that_is_not_there_leaves_the_key_unchecked() {
    let world = World::new();
    // A port that nobody listens on.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut command = world.live(&["--json"], &format!("http://{free}"));
    let (code, listed) = report(command.env("BYBIT_HTTP_TIMEOUT", "1"));
    assert_eq!(
        (code, of_severity(&listed, "red")),
        (
            3,
            vec!["exchange.unreachable".to_owned(), "key.unchecked".to_owned()]
        )
    );
}

#[test]
fn half_a_key_pair_is_red_and_names_the_variable() {
    let world = World::new();
    let mut command = world.doctor(&["--json"]);
    let command = command.env("MANDATED_VENUE", "bybit").env("BYBIT_API_KEY", KEY);
    let (code, listed) = report(command);
    assert_eq!(
        (code, of_severity(&listed, "red")),
        (3, vec!["exchange.settings".to_owned()])
    );
    assert!(listed.to_string().contains("BYBIT_API_SECRET") && !listed.to_string().contains(KEY));
}

#[test]
fn a_torn_end_of_the_chain_is_yellow() {
    let world = World::new();
    let mut chain = OpenOptions::new()
        .append(true)
        .open(world.files.audit_chain())
        .unwrap();
    chain.write_all(b"{\"ts\": \"20").unwrap();
    let before = fs::metadata(world.files.audit_chain()).unwrap().len();
    let (code, listed) = report(&mut world.doctor(&["--json"]));
    assert_eq!(code, 0, "{listed}");
    assert!(
        of_severity(&listed, "yellow").contains(&"chain.torn".to_owned()),
        "{listed}"
    );
    assert_eq!(fs::metadata(world.files.audit_chain()).unwrap().len(), before);
}
