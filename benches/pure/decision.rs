//! The gate: a whole decision, and its parts.

use std::hint::black_box;

use criterion::{BatchSize, Criterion};
use mandated::domain::mandate::Mandate;
use mandated::domain::order::WriteTool;
use mandated::domain::policy::Policy;
use mandated::gate::{self, Facts, Refused};

use crate::samples::{self, account};

fn decide(standing: gate::Standing, facts: &Facts) -> Result<gate::Approved, Refused> {
    let authority = gate::authority(standing)?;
    let intended = gate::intent(authority, WriteTool::PlaceOrder, samples::PLACE)?;
    gate::judge(intended, facts)
}

pub(crate) fn decision(bench: &mut Criterion) {
    let (busy, empty) = (account::busy(), account::empty());
    let mut dear = samples::standing();
    dear.mandate = Ok(Mandate::parse(&samples::mandate(10).to_string()).unwrap());
    assert!(decide(samples::standing(), &busy).is_ok());
    assert!(decide(samples::standing(), &empty).is_ok());
    assert!(decide(dear.clone(), &busy).is_err());

    let mut group = bench.benchmark_group("decision");
    let cases = [
        ("allowed, 20 positions and 50 orders", samples::standing(), &busy),
        ("refused by a cap, 20 positions and 50 orders", dear, &busy),
        ("allowed, empty account", samples::standing(), &empty),
    ];
    for (name, standing, facts) in cases {
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                || standing.clone(),
                |standing| decide(standing, black_box(facts)),
                BatchSize::SmallInput,
            );
        });
    }
    group.bench_function("exposure alone, 20 positions and 50 orders", |bencher| {
        let policy = Policy::default();
        bencher.iter(|| gate::standing_exposure(black_box(&busy), &policy));
    });
    group.finish();
}

pub(crate) fn parsing(bench: &mut Criterion) {
    let text = samples::mandate(1_000).to_string();
    bench.bench_function("parse/mandate", |bencher| {
        bencher.iter(|| Mandate::parse(black_box(&text)));
    });
    bench.bench_function("parse/intent", |bencher| {
        bencher.iter_batched(
            || gate::authority(samples::standing()).unwrap(),
            |authority| gate::intent(authority, WriteTool::PlaceOrder, black_box(samples::PLACE)),
            BatchSize::SmallInput,
        );
    });
}
