//! From the touch of HALT to the first cancel at the exchange, with the daemon running.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixStream;
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::Plan;
use crate::report::{Budget, Report, Unit};
use crate::series::{Spread, nanos};
use crate::world::{Bare, World};

const FIFTY_MS: u64 = 50_000_000;
/// How often the exchange is asked what has arrived.
const LOOK: Duration = Duration::from_micros(200);
const PATIENCE: Duration = Duration::from_secs(20);

struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) fn measure(report: &mut Report, plan: Plan) {
    let world = World::new(1_000);
    let _daemon = daemon(&world);
    let mut bare = Bare::connect(&world.exchange);
    let mut delays = Vec::new();
    for run in 0..=plan.halts {
        let order = r#"{"category":"linear","symbol":"BTCUSDT","side":"Buy","orderType":"Limit","qty":"0.001","price":"60000"}"#;
        assert_eq!(bare.post("/v5/order/create", order)["retCode"], 0);
        let before = cancels(&world);
        let begun = Instant::now();
        fs::write(world.files.halt_global(), "").unwrap();
        until("a cancel on the wire", || cancels(&world) > before);
        if run > 0 {
            delays.push(nanos(begun.elapsed()));
        }
        until("the receipt", || !receipts(&world).is_empty());
        fs::remove_file(world.files.halt_global()).unwrap();
        for receipt in receipts(&world) {
            fs::remove_file(receipt).unwrap();
        }
        until("the end of the halt", || state(&world)["halted"].is_null());
    }
    report.add(
        "halt_to_cancel",
        "HALT touched → first cancel on the wire, daemon running",
        Unit::Nanoseconds,
        Some(Budget::AtMost(FIFTY_MS)),
        Spread::of(delays),
    );
}

fn daemon(world: &World) -> Daemon {
    let mut command = world.command(&["daemon", "--port", "0"]);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let daemon = Daemon(child);
    assert!(
        lines.any(|line| line.is_ok_and(|line| line.starts_with("http "))),
        "the daemon ended"
    );
    // Its pipe stays open as long as it runs.
    std::thread::spawn(move || lines.for_each(drop));
    let socket = world.files.broker_folder().join("mandated.sock");
    until("the daemon's socket", || UnixStream::connect(&socket).is_ok());
    daemon
}

fn cancels(world: &World) -> usize {
    let requests = world.exchange.requests();
    requests
        .iter()
        .filter(|request| request.path == "/v5/order/cancel-all")
        .count()
}

fn receipts(world: &World) -> Vec<std::path::PathBuf> {
    let files = fs::read_dir(world.files.broker_folder()).unwrap().flatten();
    let named = files.filter(|file| file.file_name().to_string_lossy().starts_with("halt_receipt-"));
    named.map(|file| file.path()).collect()
}

fn state(world: &World) -> Value {
    let text = fs::read(world.files.broker_folder().join("mandated.state.json")).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or(Value::Bool(true))
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < PATIENCE, "waited in vain: {what}");
        sleep(LOOK);
    }
}
