//! The daemon as a process: one for each broker key, what it serves, how it ends, and what it survives.

use std::io::Write;
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use std::{fs, thread};

use crate::session::{Serve, over_socket};
use crate::signals::{assert_ends_at_once, daemon_at_work, server_at_work, signal, slow};
use crate::world::{Daemon, PLACE, World, until};
use mandated::sim::{Fault, FaultKind};
use serde_json::Value;

#[test]
fn it_answers_over_http_and_a_private_socket_and_a_second_one_is_told_who() {
    let world = World::new();
    let daemon = world.daemon();
    assert!(daemon.health().starts_with("HTTP/1.1 200"), "{}", daemon.health());
    let found = fs::symlink_metadata(world.socket()).unwrap();
    assert_eq!(found.mode() & 0o777, 0o600);
    let mut session = over_socket(&world);
    let wallet = session.call("bybit_get_wallet_balance", "{}");
    assert!(wallet.to_string().contains("USDT"), "{wallet}");

    let second = world.command(&["daemon", "--no-http"]).output().unwrap();
    assert_eq!(second.status.code(), Some(1));
    let said = String::from_utf8(second.stderr).unwrap();
    assert!(
        said.contains(&format!("pid {}, since 20", daemon.child.id())),
        "{said}"
    );
    // It changed nothing.
    assert_eq!(session.call("bybit_get_wallet_balance", "{}"), wallet);

    let status = world.command(&["status"]).output().unwrap();
    let said = String::from_utf8(status.stdout).unwrap();
    assert!(
        said.contains(&format!("alive (pid {}", daemon.child.id())),
        "{said}"
    );
    drop(daemon);
    let status = world.command(&["status"]).output().unwrap();
    let said = String::from_utf8(status.stdout).unwrap();
    assert!(said.contains("not running"), "{said}");
}

#[test]
fn sigterm_settles_the_order_under_way_and_sends_no_other() {
    let world = World::new();
    let mut daemon = world.daemon();
    let mut slow = over_socket(&world);
    let mut other = over_socket(&world);
    world.exchange.faults().add(Fault {
        path: "/v5/order/create".into(),
        kind: FaultKind::DelayMs(1500),
        times: Some(1),
    });
    slow.send("bybit_place_order", PLACE);
    until("an order in flight", || (world.inflight() == 1).then_some(()));
    // It waits for the lock, and must not be sent once the daemon was told to stop.
    other.send("bybit_place_order", PLACE);
    thread::sleep(Duration::from_millis(300));
    daemon.signal("TERM");
    let reply = slow.receive();
    assert_eq!(
        reply["result"]["structuredContent"]["status"], "accepted",
        "{reply}"
    );
    let refused = other.receive();
    let refused = &refused["result"]["structuredContent"];
    assert_eq!(refused["status"], "blocked", "{refused}");
    assert!(
        refused["reason"].as_str().unwrap().contains("stopping"),
        "{refused}"
    );
    assert_eq!(daemon.wait(), Some(0));
    assert_eq!(world.inflight(), 0);
    let creates = world.exchange.requests();
    let creates = creates
        .iter()
        .filter(|request| request.path == "/v5/order/create");
    assert_eq!(creates.count(), 1);
    assert!(!world.socket().exists());
    assert!(world.state().is_none());
}

#[test]
fn a_second_signal_ends_it_at_once_and_the_order_stays_on_record() {
    let world = slow();
    let mut daemon = daemon_at_work(&world);
    daemon.signal("TERM");
    until("the socket's end", || (!world.socket().exists()).then_some(()));
    daemon.signal("TERM");
    assert_ends_at_once(&mut daemon.child, &world);
}

/// A server that is no daemon is no less impatient.
#[test]
fn a_second_signal_ends_serving_over_http_at_once() {
    let world = slow();
    let mut server = server_at_work(&world);
    signal(&server.process.0, &["INT"]);
    until("the listener's end", || {
        TcpStream::connect(&server.address).is_err().then_some(())
    });
    signal(&server.process.0, &["INT"]);
    assert_ends_at_once(&mut server.process.0, &world);
}

#[test]
fn a_second_signal_right_after_the_first_is_heard() {
    for names in [["TERM", "INT"], ["INT", "TERM"]] {
        let world = slow();
        let mut daemon = daemon_at_work(&world);
        signal(&daemon.child, &names);
        assert_ends_at_once(&mut daemon.child, &world);
    }
}

#[test]
fn a_second_signal_right_after_the_first_is_heard_over_http() {
    for names in [["TERM", "INT"], ["INT", "TERM"]] {
        let world = slow();
        let mut server = server_at_work(&world);
        signal(&server.process.0, &names);
        assert_ends_at_once(&mut server.process.0, &world);
    }
}

#[test]
fn a_file_that_is_no_order_keeps_no_other_from_being_settled() {
    let world = World::new();
    let mut daemon = world.daemon();
    world.exchange.faults().add(Fault {
        path: "/v5/order/create".into(),
        kind: FaultKind::DelayMs(8000),
        times: Some(1),
    });
    over_socket(&world).send("bybit_place_order", PLACE);
    until("an order in flight", || (world.inflight() == 1).then_some(()));
    until("the order at the exchange", || {
        let requests = world.exchange.requests();
        requests
            .iter()
            .any(|request| request.path == "/v5/order/create")
            .then_some(())
    });
    daemon.signal("KILL");
    daemon.wait();
    fs::write(world.files.inflight_folder().join("junk.json"), "{").unwrap();
    let _next = world.daemon();
    until("the order is settled", || (world.inflight() == 1).then_some(()));
    assert!(world.files.inflight_folder().join("junk.json").exists());
}

#[test]
fn a_killed_one_leaves_nothing_that_holds_the_next_one_up() {
    let world = World::new();
    let mut daemon = world.daemon();
    daemon.signal("KILL");
    daemon.wait();
    assert!(world.socket().exists());
    // Its socket is stale, and a process of its own does not wait for it.
    let mut serve = Serve::start(world.command(&["serve"]));
    assert!(
        serve
            .session
            .call("bybit_get_wallet_balance", "{}")
            .to_string()
            .contains("USDT")
    );
    let (_, ended) = serve.close();
    assert!(ended.status.success());
    let next = world.daemon();
    assert_ne!(next.child.id(), daemon.child.id());
    let mut session = over_socket(&world);
    assert_eq!(session.call("bybit_place_order", PLACE)["status"], "accepted");
}

#[test]
fn a_stopped_one_works_again_when_it_goes_on() {
    let world = World::new();
    let daemon = world.daemon();
    let mut session = over_socket(&world);
    assert_eq!(session.call("bybit_place_order", PLACE)["status"], "accepted");
    daemon.signal("STOP");
    // One that does not answer is not waited for.
    let mut serve = Serve::start(world.command(&["serve"]));
    assert_eq!(
        serve.session.call("bybit_place_order", PLACE)["status"],
        "accepted"
    );
    let (_, ended) = serve.close();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(said.contains("did not answer"), "{said}");
    thread::sleep(Duration::from_secs(2));
    daemon.signal("CONT");
    assert_eq!(session.call("bybit_place_order", PLACE)["status"], "accepted");
    assert!(daemon.health().starts_with("HTTP/1.1 200"));
}

#[test]
fn halt_and_a_replaced_folder_are_noticed() {
    let world = World::new();
    let daemon = world.daemon();
    let halted = || world.state().is_some_and(|state| !state["halted"].is_null());
    until("a first look", || {
        world.state().filter(|state| !state["last_look"].is_null())
    });
    assert!(!halted());
    fs::write(world.files.halt_global(), "").unwrap();
    until("the halt", || halted().then_some(()));
    fs::remove_file(world.files.halt_global()).unwrap();
    until("the end of the halt", || (!halted()).then_some(()));

    // The folder goes away and another one takes its place: lock, socket and state move with it.
    fs::rename(world.files.broker_folder(), world.root.path().join("aside")).unwrap();
    thread::sleep(Duration::from_millis(1200));
    assert!(
        !world.files.broker_folder().exists(),
        "the daemon made a folder of its own"
    );
    world.commit();
    until("the socket in the new folder", || {
        world.socket().exists().then_some(())
    });
    assert_eq!(
        over_socket(&world).call("bybit_place_order", PLACE)["status"],
        "accepted"
    );
    fs::write(world.files.halt_broker(), "").unwrap();
    until("the halt in the new folder", || halted().then_some(()));
    assert_eq!(
        over_socket(&world).call("bybit_place_order", PLACE)["status"],
        "blocked"
    );
    let second = world.command(&["daemon", "--no-http"]).output().unwrap();
    let said = String::from_utf8(second.stderr).unwrap();
    assert!(said.contains(&format!("pid {}", daemon.child.id())), "{said}");
}

#[test]
fn another_daemon_in_the_new_folder_ends_the_old_one() {
    let world = World::new();
    let mut old = world.daemon();
    let aside = world.root.path().join("aside");
    // Not in the middle of writing how it stands: that write would end in the new folder.
    until("a first look", || {
        world.state().filter(|state| !state["last_look"].is_null())
    });
    old.signal("STOP");
    fs::rename(world.files.broker_folder(), &aside).unwrap();
    world.commit();
    let new = world.daemon();
    old.signal("CONT");
    assert_eq!(old.wait(), Some(1));
    assert!(world.state().is_none_or(|state| state["pid"] == new.child.id()));
    assert_eq!(
        over_socket(&world).call("bybit_place_order", PLACE)["status"],
        "accepted"
    );
}

#[test]
fn the_service_manager_is_told() {
    let world = World::new();
    let path = world.root.path().join("notify");
    let manager = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut command = world.command(&["daemon", "--port", "0"]);
    command
        .env("NOTIFY_SOCKET", &path)
        .env("WATCHDOG_USEC", "2500000");
    let mut daemon = Daemon::start(&world, command);
    let mut heard = Vec::new();
    let mut listen = |wanted: &str, times: usize| {
        let mut buffer = [0; 512];
        while heard
            .iter()
            .filter(|message: &&String| message.starts_with(wanted))
            .count()
            < times
        {
            let count = manager.recv(&mut buffer).unwrap();
            heard.push(String::from_utf8_lossy(&buffer[..count]).into_owned());
        }
        heard.clone()
    };
    listen("READY=1", 1);
    listen("WATCHDOG=1", 2);
    daemon.signal("TERM");
    let heard = listen("STOPPING=1", 1);
    assert!(
        heard.iter().any(|message| message == "STATUS=no halt"),
        "{heard:?}"
    );
    assert_eq!(daemon.wait(), Some(0));
}

/// A client that asks for more than a socket holds and never reads: its replies keep its session from ending.
fn mute(world: &World) -> UnixStream {
    let mut session = over_socket(world);
    let mut to = session.to.take().unwrap();
    for id in 2..60 {
        writeln!(to, r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/list"}}"#).unwrap();
    }
    to
}

#[test]
fn a_client_that_never_reads_keeps_no_daemon_and_halt_is_swept_until_the_end() {
    let world = World::new();
    let mut daemon = world.daemon();
    assert_eq!(
        over_socket(&world).call("bybit_place_order", PLACE)["status"],
        "accepted"
    );
    let _mute = mute(&world);
    thread::sleep(Duration::from_millis(500));
    daemon.signal("TERM");
    until("the socket's end", || (!world.socket().exists()).then_some(()));
    fs::write(world.files.halt_global(), "").unwrap();
    until("a cancel on the wire", || {
        let requests = world.exchange.requests();
        let mut cancels = requests
            .iter()
            .filter(|request| request.path == "/v5/order/cancel-all");
        cancels.next().is_some().then_some(())
    });
    assert!(
        daemon.child.try_wait().unwrap().is_none(),
        "it ended before the mute client was given up"
    );
    assert_eq!(daemon.wait(), Some(0));
    assert!(world.state().is_none());
}

/// No file can be written, as on a full disk, the log included. `.md` stands where the socket is made.
#[test]
fn a_full_disk_keeps_no_daemon_from_starting_and_from_sweeping() {
    let world = World::new();
    {
        let _before = world.daemon();
        let mut session = over_socket(&world);
        assert_eq!(session.call("bybit_place_order", PLACE)["status"], "accepted");
    }
    let in_the_way = world.files.broker_folder().join(".md");
    fs::write(&in_the_way, "").unwrap();
    let settings = world.command(&[]);
    let mut shell = Command::new("sh");
    shell
        .env_clear()
        .envs(
            settings
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$0\" daemon --no-http"])
        .arg(settings.get_program());
    let log = || fs::File::create(world.root.path().join("log")).unwrap();
    let shell = shell.stdin(Stdio::null()).stdout(log()).stderr(log());
    let mut daemon = Unserved(shell.spawn().unwrap());
    let of_daemon = || {
        let said = world.command(&["status", "--json"]).output().unwrap();
        let status: Value = serde_json::from_slice(&said.stdout).unwrap();
        status["daemon"].clone()
    };
    // It can write nothing, not even its pid, and is seen to look all the same.
    let seen = until("a look", || {
        Some(of_daemon()).filter(|seen| seen["mute"].is_string())
    });
    assert!(
        seen["pid"].is_null() && seen["state"].is_null() && seen["doubt"].is_null(),
        "{seen}"
    );
    assert!(
        seen["says"]
            .as_str()
            .unwrap()
            .contains("cannot write down how it stands"),
        "{seen}"
    );
    let signal = |name: &str| {
        let pid = daemon.0.id().to_string();
        assert!(
            Command::new("kill")
                .args([name, &pid])
                .status()
                .unwrap()
                .success()
        );
    };
    signal("-STOP");
    let state = world.files.broker_folder().join("mandated.state.json");
    let long_ago = std::time::SystemTime::now() - Duration::from_secs(60);
    fs::File::options()
        .write(true)
        .open(&state)
        .unwrap()
        .set_modified(long_ago)
        .unwrap();
    let seen = of_daemon();
    assert!(
        seen["doubt"].as_str().unwrap().contains("its last look is"),
        "{seen}"
    );
    signal("-CONT");
    until("another look", || of_daemon()["doubt"].is_null().then_some(()));
    fs::write(world.files.halt_global(), "").unwrap();
    until("a cancel on the wire", || {
        let requests = world.exchange.requests();
        let mut cancels = requests
            .iter()
            .filter(|request| request.path == "/v5/order/cancel-all");
        cancels.next().is_some().then_some(())
    });
    assert!(UnixStream::connect(world.socket()).is_err());
    // There is room again: it is reached within seconds, and nothing was started anew.
    fs::remove_file(&in_the_way).unwrap();
    until("the socket", || UnixStream::connect(world.socket()).ok());
    assert!(daemon.0.try_wait().unwrap().is_none());
}

/// A daemon that does not say where it listens; killed when dropped.
pub(crate) struct Unserved(pub(crate) Child);

impl Drop for Unserved {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What `status`, `doctor` and `halt` say of the daemon; the exit codes of the first two.
fn judged(world: &World) -> (Option<i32>, Option<i32>, String) {
    let status = world.command(&["status"]).output().unwrap();
    let doctor = world.command(&["doctor"]).output().unwrap();
    let halt = world.command(&["halt", "--reason", "test"]).output().unwrap();
    fs::remove_file(world.files.halt_global()).unwrap();
    let texts = [status.stdout, doctor.stdout, halt.stdout].concat();
    (
        status.status.code(),
        doctor.status.code(),
        String::from_utf8(texts).unwrap(),
    )
}

#[test]
fn a_daemon_that_does_not_look_is_in_order_for_nobody() {
    let world = World::new();
    let daemon = world.daemon();
    until("a first look", || {
        world.state().filter(|state| !state["last_look"].is_null())
    });
    let (status, _, said) = judged(&world);
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("daemon.alive") && !said.contains("BUT"), "{said}");
    assert!(said.contains("cancels what rests at the exchange"), "{said}");

    // Frozen, and its last look is made old instead of waiting.
    daemon.signal("STOP");
    let path = world.files.broker_folder().join("mandated.state.json");
    let mut state = world.state().unwrap();
    state["last_look"] = "2026-01-01T00:00:00.000+00:00".into();
    fs::write(&path, state.to_string()).unwrap();
    let file = fs::File::options().write(true).open(&path).unwrap();
    let long_ago = std::time::SystemTime::now() - Duration::from_secs(60);
    file.set_modified(long_ago).unwrap();
    let (status, doctor, said) = judged(&world);
    assert_eq!((status, doctor), (Some(3), Some(3)), "{said}");
    assert!(said.contains("daemon.not_looking"), "{said}");
    assert_eq!(said.matches("its last look is").count(), 3, "{said}");
    assert!(said.contains("do not count on it"), "{said}");
    daemon.signal("CONT");
    until("another look", || {
        world.state().filter(|now| now["last_look"] != state["last_look"])
    });

    // With another key here it looks after other money.
    let mut other = world.command(&["status"]);
    let ended = other.env("BYBIT_API_KEY", "another").output().unwrap();
    let said = String::from_utf8(ended.stdout).unwrap();
    assert_eq!(ended.status.code(), Some(3));
    assert!(
        said.contains("BUT its api key is another one than here"),
        "{said}"
    );
}

#[test]
fn status_says_that_the_ledger_cannot_be_read_and_goes_on() {
    let world = World::new();
    fs::create_dir(world.files.audit()).unwrap();
    let ended = world.command(&["status"]).output().unwrap();
    let said = String::from_utf8(ended.stdout).unwrap();
    assert_eq!(ended.status.code(), Some(3), "{said}");
    let records = said.lines().find(|line| line.starts_with("records"));
    assert!(
        records.is_some_and(|line| line.contains("cannot be read")),
        "{said}"
    );
    assert!(said.contains("not running"), "{said}");
}
