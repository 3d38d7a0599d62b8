//! More clients than the daemon has room for: none of them may cost the sweep its descriptors.

use std::fs;
use std::os::unix::net::UnixStream;
use std::process::Command;

use serde_json::Value;

use crate::session::{Serve, over_socket};
use crate::world::{Daemon, PLACE, World, until};

/// In a process that may open fewer files than there are clients.
#[test]
fn idle_sessions_beyond_the_most_are_turned_away_and_halt_is_swept() {
    let world = World::new();
    let daemon = world.command(&["daemon", "--port", "0"]);
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", "ulimit -n 128 && exec \"$0\" \"$@\""])
        .arg(daemon.get_program())
        .args(daemon.get_args())
        .env_clear()
        .envs(daemon.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let log = fs::File::create(world.root.path().join("log")).unwrap();
    command.stderr(log);
    let _daemon = Daemon::start(&world, command);
    assert_eq!(
        over_socket(&world).call("bybit_place_order", PLACE)["status"],
        "accepted"
    );
    let mut idle: Vec<_> = (0..200)
        .filter_map(|_| UnixStream::connect(world.socket()).ok())
        .collect();
    assert_eq!(idle.len(), 200, "a connection was left waiting");

    // The next one is not served by it, and not kept waiting.
    let alone = Serve::start(world.command(&["serve"]));
    let (_, ended) = alone.close();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(ended.status.success(), "{said}");
    assert!(
        said.contains(
            "this process works alone: it ended the connection at once: it has as many sessions as it takes"
        ),
        "{said}"
    );

    fs::write(world.files.halt_global(), "").unwrap();
    let swept = until("a sweep that is done", || {
        world.state().filter(|state| state["sweep"] == "halted")
    });
    assert_ne!(swept["halted"], Value::Null);
    let log = fs::read_to_string(world.root.path().join("log")).unwrap();
    assert_eq!(log.matches("further ones are turned away").count(), 1, "{log}");
    assert!(!log.contains("os error 24"), "{log}");

    // With room again the next one is let in.
    idle.clear();
    until("a session", || {
        let serve = Serve::start(world.command(&["serve"]));
        let (_, ended) = serve.close();
        ended.stderr.is_empty().then_some(())
    });
}
