//! Processes with an order under way, and the signals that end them.

use std::io::{BufRead, BufReader, Lines, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

use crate::life::Unserved;
use crate::session::over_socket;
use crate::world::{Daemon, PLACE, World, until};
use mandated::sim::{Fault, FaultKind};

/// Less than the exchange takes to answer.
const AT_ONCE: Duration = Duration::from_secs(3);

/// A world whose exchange answers no order for a while.
pub(crate) fn slow() -> World {
    let world = World::new();
    world.exchange.faults().add(Fault {
        path: "/v5/order/create".into(),
        kind: FaultKind::DelayMs(8000),
        times: Some(1),
    });
    world
}

/// A daemon with an order under way.
pub(crate) fn daemon_at_work(world: &World) -> Daemon {
    let daemon = world.daemon();
    over_socket(world).send("bybit_place_order", PLACE);
    until("an order in flight", || (world.inflight() == 1).then_some(()));
    daemon
}

/// A server over HTTP that is no daemon, with an order under way.
pub(crate) struct Server {
    pub(crate) process: Unserved,
    pub(crate) address: String,
    /// Stays open, as in a terminal, and so does the client that waits for its answer.
    _said: Lines<BufReader<ChildStderr>>,
    _waits: TcpStream,
}

pub(crate) fn server_at_work(world: &World) -> Server {
    let mut command = world.command(&["serve", "--transport", "http", "--port", "0"]);
    command.env("MANDATED_HTTP_TOKEN", "a-token-of-thirty-two-characters");
    let child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut process = Unserved(child);
    let mut said = BufReader::new(process.0.stderr.take().unwrap()).lines();
    let address = said.next().unwrap().unwrap();
    let address = address.split_once("http://").unwrap().1;
    let address = address.split_once("/mcp").unwrap().0.to_owned();
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"bybit_place_order","arguments":{PLACE}}}}}"#
    );
    let head = format!(
        "POST /mcp HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer a-token-of-thirty-two-characters\r\n\
         Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n\
         MCP-Protocol-Version: 2025-06-18\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = TcpStream::connect(&address).unwrap();
    stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
    until("an order in flight", || (world.inflight() == 1).then_some(()));
    Server {
        process,
        address,
        _said: said,
        _waits: stream,
    }
}

/// Sends them one after another, without a pause.
pub(crate) fn signal(child: &Child, names: &[&str]) {
    let kills: Vec<String> = names
        .iter()
        .map(|name| format!("kill -{name} {}", child.id()))
        .collect();
    let sent = Command::new("sh")
        .args(["-c", &kills.join("; ")])
        .status()
        .unwrap();
    assert!(sent.success());
}

#[track_caller]
pub(crate) fn assert_ends_at_once(child: &mut Child, world: &World) {
    let begun = Instant::now();
    let ended = until("the process's end", || child.try_wait().unwrap());
    assert_eq!(ended.code(), Some(1));
    assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
    assert_eq!(world.inflight(), 1);
}
