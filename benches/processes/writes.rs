//! Writes through the whole process: one that is refused, one that the paper exchange accepts.

use std::fs;
use std::process::Command;
use std::thread::sleep;
use std::time::Instant;

use serde_json::{Value, json};

use crate::client::Session;
use crate::report::{Budget, Report, Unit};
use crate::series::{Spread, nanos};
use crate::world::{Bare, PACE, World, mandated, order};
use crate::{Plan, machine, peers};

const TWENTY_MS: u64 = 20_000_000;
const HALF_A_MS: u64 = 500_000;
const PLACE: &str = "bybit_place_order";

/// As Vibe-Trading calls: start, open, call, read, kill, reap.
fn one_call(command: &mut Command, arguments: &Value) -> (u64, Value) {
    let begun = Instant::now();
    let mut session = Session::open(command);
    let reply = session.call(PLACE, arguments);
    drop(session);
    (nanos(begun.elapsed()), reply)
}

fn refusals(plan: Plan, mut once: impl FnMut() -> (u64, Value)) -> Spread {
    let mut values = Vec::new();
    for run in 0..plan.refusals + 2 {
        let (took, reply) = once();
        let text = reply.to_string();
        assert!(
            text.contains("blocked") || text.contains("halted"),
            "not a refusal: {text}"
        );
        if run > 1 {
            values.push(took);
        }
        sleep(PACE);
    }
    Spread::of(values)
}

pub(crate) fn refused(report: &mut Report, plan: Plan, peers: Option<&peers::Venv>) {
    let budget = Some(Budget::AtMost(TWENTY_MS));
    let what = "one refused write, a process per call";
    let capped = World::new(10);
    let spread = refusals(plan, || one_call(&mut capped.command(&["serve"]), &order()));
    let by_cap = format!("{what}: by a cap, after reading the account");
    report.add("refused_by_cap", &by_cap, Unit::Nanoseconds, budget, spread);

    let halted = World::new(1_000);
    fs::write(halted.files.halt_global(), "{}").unwrap();
    let spread = refusals(plan, || one_call(&mut halted.command(&["serve"]), &order()));
    let by_halt = format!("{what}: by HALT");
    report.add("refused_by_halt", &by_halt, Unit::Nanoseconds, budget, spread);
    if let Some(venv) = peers {
        let few = Plan {
            refusals: plan.peer_starts,
            ..plan
        };
        let spread = refusals(few, || {
            one_call(&mut venv.server(halted.root.path()), &venv.order())
        });
        report.row(
            peers::ORIGINAL,
            "refused_by_halt",
            &by_halt,
            Unit::Nanoseconds,
            None,
            Ok(spread),
        );
    }
}

/// What one accepted order costs beside the same signed call with nothing around it.
pub(crate) fn accepted(report: &mut Report, plan: Plan) {
    let world = World::new(1_000);
    let mut bare = Bare::connect(&world.exchange);
    let mut session = Session::open(&mut world.command(&["serve"]));
    let body = json!({"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit",
                      "qty": "0.001", "price": "60000", "timeInForce": "GTC"})
    .to_string();
    let (mut alone, mut asked) = (Vec::new(), 0);
    let whole = worked(plan, &mut session, |session| {
        let begun = Instant::now();
        assert_eq!(bare.post("/v5/order/create", &body)["retCode"], 0);
        alone.push(nanos(begun.elapsed()));
        cancel_all(&mut bare);
        sleep(PACE);
        let before = (world.exchange.requests().len(), session.on_processor());
        let begun = Instant::now();
        let reply = session.call(PLACE, &order());
        let took = nanos(begun.elapsed());
        assert_eq!(reply["status"], "accepted", "{reply}");
        asked = world.exchange.requests().len() - before.0;
        sleep(PACE);
        let busy = session.on_processor() - before.1;
        cancel_all(&mut bare);
        (took, busy)
    });
    let what = "one accepted write in an open session, paper exchange";
    report.add("accepted", what, Unit::Nanoseconds, None, whole.took);
    let what = "the same order as a bare signed call";
    report.add("bare_call", what, Unit::Nanoseconds, None, Spread::of(alone));
    let what =
        "processor time of the process for the accepted write, its requests and waits for the disk included";
    let budget = Some(Budget::AtMost(HALF_A_MS));
    report.add("accepted_busy", what, Unit::Nanoseconds, budget, whole.busy);
    let what = "requests to the exchange for it";
    report.add(
        "accepted_requests",
        what,
        Unit::Count,
        None,
        Spread::exact(asked as u64),
    );
    compared(report, plan);
}

/// The same reads and the same decision without a send; and one read alone.
fn compared(report: &mut Report, plan: Plan) {
    let world = World::new(10);
    let mut session = Session::open(&mut world.command(&["serve"]));
    for (id, what, tool, arguments) in [
        (
            "refused_busy",
            "a refusal by a cap in an open session",
            PLACE,
            order(),
        ),
        (
            "read_busy",
            "one signed read in an open session",
            "bybit_get_wallet_balance",
            json!({}),
        ),
    ] {
        let found = worked(plan, &mut session, |session| {
            let before = session.on_processor();
            let begun = Instant::now();
            let reply = session.call(tool, &arguments);
            let took = nanos(begun.elapsed());
            assert!(!reply.is_null(), "{tool} was not answered");
            sleep(PACE);
            (took, session.on_processor() - before)
        });
        let what = format!(
            "processor time of {what} ({} in all)",
            crate::report::in_words(Unit::Nanoseconds, found.took.median)
        );
        report.add(id, &what, Unit::Nanoseconds, None, found.busy);
    }
}

struct Worked {
    took: Spread,
    busy: Spread,
}

/// Elapsed and processor time of `once`, after two for nothing.
fn worked(plan: Plan, session: &mut Session, mut once: impl FnMut(&mut Session) -> (u64, u64)) -> Worked {
    let (took, busy) = (0..plan.accepted + 2).map(|_| once(session)).skip(2).unzip();
    Worked {
        took: Spread::of(took),
        busy: Spread::of(busy),
    }
}

fn cancel_all(bare: &mut Bare) {
    let body = r#"{"category":"linear","symbol":"BTCUSDT"}"#;
    let reply = bare.post("/v5/order/cancel-all", body);
    assert_eq!(reply["retCode"], 0, "{reply}");
}

/// Counted by the kernel's own account of the system calls, the second call of a process: no file is made anew.
pub(crate) fn fsyncs(report: &mut Report) {
    let refusal = traced(&World::new(10), "blocked");
    let acceptance = traced(&World::new(1_000), "accepted");
    for (id, what, most, counted) in [
        ("fsyncs_refused", "fsyncs of a refusal by a cap", 4, refusal),
        ("fsyncs_accepted", "fsyncs of an accepted order", 8, acceptance),
    ] {
        report.row(
            crate::report::US,
            id,
            what,
            Unit::Count,
            Some(Budget::AtMost(most)),
            counted,
        );
    }
}

fn traced(world: &World, status: &str) -> Result<Spread, String> {
    if machine::said_by("strace", &["--version"]).is_empty() {
        return Err("strace is not installed".to_owned());
    }
    let log = world.root.path().join("strace.log");
    let mut command = Command::new("strace");
    world.dress(&mut command);
    command
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .args([
            "-f",
            "-qq",
            "-e",
            "trace=fsync,fdatasync,sync,syncfs,sync_file_range,msync",
            "-o",
        ])
        .arg(&log)
        .arg(mandated())
        .arg("serve");
    let mut session = Session::open(&mut command);
    let mut counts = Vec::new();
    let mut before = 0;
    for call in 0..6 {
        let reply = session.call(PLACE, &order());
        assert_eq!(reply["status"], status, "{reply}");
        sleep(PACE);
        let seen = sync_calls(&fs::read_to_string(&log).unwrap());
        if call > 0 {
            counts.push(seen - before);
        }
        before = seen;
    }
    Ok(Spread::of(counts))
}

/// A call that another thread interrupts is on two lines, the second of which says `resumed`.
fn sync_calls(log: &str) -> u64 {
    log.lines().filter(|line| line.contains("sync(")).count() as u64
}
