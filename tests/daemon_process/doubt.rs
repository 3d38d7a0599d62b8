//! What a person is told of a daemon that may not do what the halt asks for.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use mandated::sim::{Fault, FaultKind};
use serde_json::Value;

use crate::session::over_socket;
use crate::world::{Daemon, PLACE, World, until};

/// A world whose exchange cancels nothing, with an order in it.
pub(crate) fn refuse_cancels(world: &World) {
    assert_eq!(
        over_socket(world).call("bybit_place_order", PLACE)["status"],
        "accepted"
    );
    world.exchange.faults().add(Fault {
        path: "/v5/order/cancel*".into(),
        kind: FaultKind::Status(502),
        times: None,
    });
}

/// Stdout, stderr, and the exit code.
pub(crate) fn run(world: &World, args: &[&str]) -> (String, String, Option<i32>) {
    let ended = world.command(args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(ended.stdout), text(ended.stderr), ended.status.code())
}

/// It holds its place, and what it wrote last is seconds old: only that it acts tells it from one that is well.
#[test]
fn nothing_is_promised_of_a_daemon_that_froze_a_moment_ago() {
    let world = World::new();
    let daemon = world.daemon();
    until("a first look", || {
        world.state().filter(|state| !state["last_look"].is_null())
    });
    daemon.signal("STOP");
    let (said, _, code) = run(&world, &["halt", "--reason", "test"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains("follow it with"), "{said}");
    assert!(
        said.contains("BUT it did not act within 3 s: do not count on it") && said.contains("cancel-all"),
        "{said}"
    );
    until("a status that doubts it", || {
        let (said, _, code) = run(&world, &["status"]);
        assert_eq!(code, Some(3), "{said}");
        said.contains("no halt; BUT it has not noticed the halt that stands since")
            .then_some(())
    });
    daemon.signal("CONT");
    until("a daemon that noticed", || {
        world.state().filter(|state| !state["halted"].is_null())
    });
    let (said, _, _) = run(&world, &["halt", "--reason", "again"]);
    assert!(
        said.contains("was halted before") && said.contains("follow it with"),
        "{said}"
    );
    assert!(!run(&world, &["status"]).0.contains("BUT"));
}

#[test]
fn a_halt_that_is_lifted_in_the_middle_of_its_sweep_is_said_to_be() {
    let world = World::new();
    let _daemon = world.daemon();
    refuse_cancels(&world);
    fs::write(world.files.halt_global(), "").unwrap();
    until("a sweep", || {
        world.state().filter(|state| state["sweep"] == "halting")
    });
    let (said, complained, code) = run(&world, &["resume"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        complained.contains("the sweep of this halt was under way and ends here (HALTING: 1 order left")
            && complained.contains("a close that was sent may still fill"),
        "{complained}"
    );
    until("the end of the halt", || {
        (world.state()?["halted"].is_null()).then_some(())
    });
    let (_, complained, _) = run(&world, &["resume"]);
    assert!(!complained.contains("under way"), "{complained}");
}

/// Asked to stop in the middle of a sweep it ends well: that the halt did not is for whoever looks to learn.
#[test]
fn a_sweep_that_was_not_finished_is_said_by_the_log_by_status_and_by_doctor() {
    let world = World::new();
    let path = world.root.path().join("log");
    let mut command = world.command(&["daemon", "--port", "0"]);
    command.stderr(fs::File::create(&path).unwrap());
    let mut daemon = Daemon::start(&world, command);
    refuse_cancels(&world);
    fs::write(world.files.halt_global(), "").unwrap();
    until("a sweep", || {
        world.state().filter(|state| state["sweep"] == "halting")
    });
    let unfinished = "HALT stands and its sweep was not finished";
    assert!(
        !run(&world, &["status"]).0.contains(unfinished),
        "the daemon is at it"
    );
    daemon.signal("TERM");
    assert_eq!(daemon.wait(), Some(0));
    let log = fs::read_to_string(&path).unwrap();
    assert!(
        log.contains("HALT stands and its sweep is not finished") && log.contains("1 order left"),
        "{log}"
    );
    let told = || {
        let status = run(&world, &["status"]).0;
        let doctor = run(&world, &["doctor"]).0;
        (
            status.contains(&format!(
                "not running; {unfinished}: start the daemon or `mandated flatten`"
            )),
            doctor.contains("daemon.sweep_unfinished"),
        )
    };
    assert_eq!(told(), (true, true));

    // The next one finishes it, and nothing of this is said any more.
    world.exchange.faults().clear();
    let mut next = world.daemon();
    until("a sweep that is done", || {
        world.state().filter(|state| state["sweep"] == "halted")
    });
    next.signal("TERM");
    assert_eq!(next.wait(), Some(0));
    assert_eq!(told(), (false, false));
}

/// What is red by the daemon's working folder is not so from any other.
#[test]
fn a_daemon_that_refuses_every_write_is_in_order_for_nobody() {
    let world = World::new();
    let folder = tempfile::tempdir().unwrap();
    let set_mode = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    set_mode(folder.path(), 0o755);
    let secrets = folder.path().join(".env");
    fs::write(&secrets, "BYBIT_API_SECRET=x\n").unwrap();
    set_mode(&secrets, 0o644);
    let mut command = world.command(&["daemon", "--port", "0"]);
    command.current_dir(&folder);
    let _daemon = Daemon::start(&world, command);
    until("the hold in the state file", || {
        world.state().filter(|state| !state["holds"].is_null())
    });

    let (said, _, code) = run(&world, &["status"]);
    assert_eq!(code, Some(3), "{said}");
    let line = said.lines().find(|line| line.starts_with("daemon")).unwrap();
    for word in [
        "EVERY WRITE IS REFUSED",
        "files.secret_exposed",
        secrets.to_str().unwrap(),
    ] {
        assert!(line.contains(word), "{word}: {line}");
    }
    let (said, _, code) = run(&world, &["status", "--json"]);
    let view: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((code, &view["in_order"]), (Some(3), &Value::Bool(false)));
    assert!(
        view["daemon"]["holds"]
            .as_str()
            .unwrap()
            .contains("files.secret_exposed")
    );
    // It still looks after HALT.
    assert!(view["daemon"]["doubt"].is_null(), "{view}");
    let (said, _, code) = run(&world, &["doctor"]);
    assert_eq!(code, Some(3), "{said}");
    let line = said.lines().find(|line| line.contains("daemon.holds")).unwrap();
    assert!(
        line.starts_with("red") && line.contains(secrets.to_str().unwrap()),
        "{line}"
    );
    // Where the secret lies is for the person: an agent that may read files would need no more.
    let refused = over_socket(&world).call("bybit_place_order", PLACE).to_string();
    for word in [
        "files.secret_exposed",
        "a person runs `mandated doctor --start`",
        "`mandated status`",
    ] {
        assert!(refused.contains(word), "{word}: {refused}");
    }
    let place = folder.path().to_str().unwrap();
    assert!(!refused.contains(place) && !refused.contains(".env"), "{refused}");
    let ledger = fs::read_to_string(world.files.audit()).unwrap();
    assert!(
        ledger.contains("files.secret_exposed") && !ledger.contains(place),
        "{ledger}"
    );
}

/// The sentinel of every broker is one for that daemon too.
#[test]
fn a_halt_with_another_broker_key_names_the_daemon_that_runs() {
    let world = World::new();
    let _daemon = world.daemon();
    until("a first look", || {
        world.state().filter(|state| !state["last_look"].is_null())
    });
    let halt = ["halt", "--reason", "a", "--broker-key", "kraken"];
    let (said, _, code) = run(&world, &halt);
    assert_eq!(code, Some(0), "{said}");
    for words in [
        "no daemon runs for broker key `kraken`",
        "the daemon of broker `bybit` runs (pid",
        "`mandated status --broker-key bybit`",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let (said, _, _) = run(&world, &[&halt[..], &["--broker"]].concat());
    assert!(!said.contains("`bybit`"), "{said}");
}
