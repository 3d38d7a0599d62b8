//! Registrations of clients, as their files have them.

use serde_json::json;

use super::super::finding::Severity::{self, Green, Red, Yellow};
use super::*;

fn source(expands: bool) -> Source {
    Source {
        client: "a client",
        path: PathBuf::from("/c.json"),
        expands,
        inherits: true,
    }
}

fn judged_by(source: &Source, entry: &Value) -> Vec<(&'static str, Severity)> {
    judged_at(VenueChoice::Bybit, "/home/a/.vibe-trading", source, entry)
}

fn judged_at(
    venue: VenueChoice,
    root: &str,
    source: &Source,
    entry: &Value,
) -> Vec<(&'static str, Severity)> {
    let env = |name: &str| (name == "PATH").then(|| "/usr/bin:/bin".to_owned());
    let ours = Ours {
        root: Path::new(root),
        broker: "bybit",
        venue,
        home: Some(PathBuf::from("/home/a")),
        env: &env,
    };
    let registration = Registration {
        source,
        name: "n",
        entry,
    };
    let findings = registration.judge(&ours);
    findings
        .iter()
        .map(|finding| (finding.id, finding.severity))
        .collect()
}

fn judged(entry: Value) -> Vec<(&'static str, Severity)> {
    judged_by(&source(false), &entry)
}

#[test]
fn an_entry_is_ours_by_command_argument_or_name() {
    let source = source(false);
    let is_ours = |name, entry: Value| {
        Registration {
            source: &source,
            name,
            entry: &entry,
        }
        .is_ours()
    };
    assert!(is_ours("x", json!({"command": "/opt/bin/mandated"})));
    assert!(is_ours(
        "x",
        json!({"command": "env", "args": ["A=1", "/opt/mandated", "serve"]})
    ));
    assert!(is_ours(
        "mandated-http",
        json!({"url": "http://127.0.0.1:8001/mcp"})
    ));
    assert!(!is_ours("x", json!({"command": "/opt/bin/mandatedx"})));
    assert!(!is_ours("x", json!({"command": "node", "args": ["server.js"]})));
}

#[test]
fn a_command_must_be_startable() {
    assert_eq!(
        judged(json!({"command": "/bin/sh"})),
        [("client.registered", Green)]
    );
    assert_eq!(judged(json!({"command": "sh"})), [("client.registered", Green)]);
    for bad in [
        "/etc/passwd",
        "/no/such/mandated",
        "no-such-mandated",
        "~/bin/mandated",
        "${HOME}/mandated",
        "",
    ] {
        assert_eq!(
            judged(json!({"command": bad})),
            [("client.command", Red)],
            "{bad}"
        );
    }
}

#[test]
fn env_values_are_text_that_needs_no_expanding() {
    let env = |value: Value| json!({"command": "/bin/sh", "env": {"BYBIT_API_SECRET_FILE": value}});
    assert_eq!(judged(env("/k".into())), [("client.registered", Green)]);
    for bad in [json!("~/k"), json!("${K}"), json!(1)] {
        assert_eq!(judged(env(bad)), [("client.env", Red)]);
    }
    assert_eq!(
        judged_by(&source(true), &env("${K}".into())),
        [("client.registered", Green)]
    );
}

#[test]
fn another_root_is_red_and_another_broker_yellow() {
    let env = |name: &str, value: &str| judged(json!({"command": "/bin/sh", "env": {name: value}}));
    assert_eq!(env("VIBE_RUNTIME_ROOT", "/other"), [("client.other_root", Red)]);
    assert_eq!(env("VIBE_RUNTIME_ROOT", "relative"), [("client.other_root", Red)]);
    assert_eq!(
        env("VIBE_TRADING_HOME", "~/.vibe-trading"),
        [("client.registered", Green)]
    );
    assert_eq!(
        env("BYBIT_BROKER_KEY", "second"),
        [("client.other_broker", Yellow)]
    );
    assert_eq!(env("BYBIT_BROKER_KEY", " Bybit "), [("client.registered", Green)]);
    let args = json!({"command": "/bin/sh", "args": ["serve", "--broker-key=second"]});
    assert_eq!(judged(args), [("client.other_broker", Yellow)]);
    let args = json!({"command": "/bin/sh", "args": ["--broker-key", "second"]});
    assert_eq!(judged(args), [("client.other_broker", Yellow)]);
}

#[test]
fn an_entry_goes_by_its_own_venue_and_by_the_root_of_that() {
    let (money, paper) = ("/home/a/.vibe-trading", "/home/a/.vibe-trading/paper");
    let at = |venue, root, entry: &Value| judged_at(venue, root, &source(true), entry);
    let same = [("client.registered", Green)];
    let other = [("client.other_root", Red)];
    let by_env = json!({"command": "/bin/sh", "env": {"MANDATED_VENUE": "paper"}});
    let by_flag = json!({"command": "/bin/sh", "args": ["serve", "--venue", "paper"]});
    let by_word =
        json!({"command": "/bin/sh", "args": ["--venue=paper", "serve"], "env": {"MANDATED_VENUE": "bybit"}});
    for entry in [by_env, by_flag, by_word] {
        assert_eq!(at(VenueChoice::Bybit, money, &entry), other, "{entry}");
        assert_eq!(at(VenueChoice::Paper, paper, &entry), same, "{entry}");
        assert_eq!(
            at(VenueChoice::Bybit, paper, &entry),
            [("client.other_venue", Yellow)],
            "{entry}"
        );
    }
    for named in [
        json!({"command": "/bin/sh", "env": {"MANDATED_VENUE": "paper", "MANDATED_PAPER_ROOT": "~/play"}}),
        json!({"command": "/bin/sh", "args": ["--venue", "paper", "--paper-root", "/home/a/play"]}),
    ] {
        assert_eq!(at(VenueChoice::Paper, "/home/a/play", &named), same, "{named}");
        assert_eq!(at(VenueChoice::Paper, paper, &named), other, "{named}");
    }
    let money_alone =
        json!({"command": "/bin/sh", "env": {"MANDATED_VENUE": "", "MANDATED_PAPER_ROOT": "/p"}});
    assert_eq!(at(VenueChoice::Bybit, money, &money_alone), same);
    assert_eq!(at(VenueChoice::Paper, paper, &money_alone), other);
    let none = json!({"command": "/bin/sh", "env": {"MANDATED_VENUE": "papr"}});
    assert_eq!(at(VenueChoice::Paper, paper, &none), [("client.env", Red)]);
    // Typed beside real money it is a wrong use, with which the process ends.
    let typed = json!({"command": "/bin/sh", "args": ["serve", "--paper-root=/p"]});
    assert_eq!(at(VenueChoice::Bybit, money, &typed), [("client.env", Red)]);
}

#[test]
fn a_client_that_passes_no_environment_on_goes_by_its_own_block() {
    let desktop = Source {
        inherits: false,
        ..source(false)
    };
    let entry = json!({"command": "/bin/sh", "env": {"VIBE_RUNTIME_ROOT": "/home/a/.vibe-trading"}});
    assert_eq!(judged_by(&desktop, &entry), [("client.registered", Green)]);
}

#[test]
fn a_secret_in_a_file_that_others_can_read_is_red() {
    let folder = tempfile::tempdir().unwrap();
    let set = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    set(folder.path(), 0o755);
    let path = folder.path().join("agent.json");
    std::fs::write(&path, "{}").unwrap();
    set(&path, 0o644);
    let source = Source {
        path: path.clone(),
        ..source(false)
    };
    let entry = json!({"command": "/bin/sh", "env": {"BYBIT_API_SECRET": "very-secret-indeed"}});
    assert_eq!(judged_by(&source, &entry), [("files.secret_exposed", Red)]);
    set(&path, 0o600);
    assert_eq!(judged_by(&source, &entry), [("client.registered", Green)]);
}
