//! The pure decision, in this process: 20 positions, 50 resting orders, allowed, so that every check runs.

use std::hint::black_box;
use std::time::Instant;

use mandated::domain::order::WriteTool;
use mandated::gate::{self, Facts, Standing};

use crate::peers::Venv;
use crate::report::{Budget, Report, Unit};
use crate::samples::{self, account};
use crate::series::{nanos, repeat};

const TWENTY_US: u64 = 20_000;
const AT_A_TIME: u64 = 500;

fn decide(standing: &Standing, facts: &Facts) -> bool {
    let decided = gate::authority(standing.clone())
        .and_then(|authority| gate::intent(authority, WriteTool::PlaceOrder, black_box(samples::PLACE)))
        .and_then(|intended| gate::judge(intended, facts));
    decided.is_ok()
}

/// For callgrind.
pub(crate) fn repeatedly(times: u64) {
    let (standing, facts) = (samples::standing(), account::busy());
    for _ in 0..times {
        assert!(decide(black_box(&standing), black_box(&facts)));
    }
}

pub(crate) fn measure(report: &mut Report, peers: Option<&Venv>) {
    let (standing, facts) = (samples::standing(), account::busy());
    let spread = repeat(5, 100, || {
        let begun = Instant::now();
        for _ in 0..AT_A_TIME {
            assert!(decide(black_box(&standing), black_box(&facts)));
        }
        nanos(begun.elapsed()) / AT_A_TIME
    });
    let what = "the pure decision, 20 positions and 50 resting orders";
    let budget = Some(Budget::AtMost(TWENTY_US));
    report.add("decision", what, Unit::Nanoseconds, budget, spread);
    if let Some(venv) = peers {
        venv.decision(report, "the pure decision");
    }
}
