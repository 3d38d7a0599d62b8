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
    let mut idle = Vec::new();
    let words =
        "this process works alone: it ended the connection at once: it has as many sessions as it takes";
    // The next one is not served by it, and not kept waiting. A session that was ending still may have left a place.
    until("a session that is turned away", || {
        let more = if idle.is_empty() { 200 } else { 10 };
        idle.extend((0..more).map(|_| UnixStream::connect(world.socket()).unwrap()));
        serve(&world).contains(words).then_some(())
    });

    fs::write(world.files.halt_global(), "").unwrap();
    let swept = until("a sweep that is done", || {
        world.state().filter(|state| state["sweep"] == "halted")
    });
    assert_ne!(swept["halted"], Value::Null);
    let log = fs::read_to_string(world.root.path().join("log")).unwrap();
    assert!(
        log.contains("further ones are turned away") && !log.contains("os error 24"),
        "{log}"
    );

    // With room again the next one is let in.
    idle.clear();
    until("a session", || serve(&world).is_empty().then_some(()));
}

/// What a process says whose session works.
fn serve(world: &World) -> String {
    let (_, ended) = Serve::start(world.command(&["serve"])).close();
    assert!(ended.status.success(), "{ended:?}");
    String::from_utf8(ended.stderr).unwrap()
}
