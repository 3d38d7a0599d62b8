//! The ledger's text: canonical JSON, the chain's hash, redaction, and the walk over a whole chain.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use mandated::domain::secret::Secret;
use mandated::state::canonical;
use mandated::state::chain::{GENESIS, record_hash};
use mandated::state::redact::Redactor;
use mandated::state::verify;

use crate::answers;
use crate::samples::{self, chain};

const RECORDS: u64 = 20_000;

pub(crate) fn records(bench: &mut Criterion) {
    let record = samples::record(1);
    let mut text = String::new();
    canonical::canonical_value(&mut text, &record);
    let mut group = bench.benchmark_group("record");
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("canonical JSON", |bencher| {
        bencher.iter(|| {
            text.clear();
            canonical::canonical_value(&mut text, black_box(&record));
            text.len()
        });
    });
    group.bench_function("canonical JSON and chain hash", |bencher| {
        bencher.iter(|| record_hash(1, GENESIS, black_box(&record)));
    });
    group.finish();

    let reply = answers::echoing_error();
    let secrets = ["bench-api-key-0123456789", "bench-api-secret-0123456789abcdef"];
    let redactor = Redactor::new(secrets.map(|text| Secret::new(text.to_owned())).into());
    assert!(!redactor.redact(&reply).to_string().contains("bench-api-key"));
    let mut group = bench.benchmark_group("redact");
    group.throughput(Throughput::Bytes(reply.to_string().len() as u64));
    group.bench_function("a reply of five orders", |bencher| {
        bencher.iter(|| redactor.redact(black_box(&reply)));
    });
    group.finish();
}

pub(crate) fn verify(bench: &mut Criterion) {
    let root = tempfile::tempdir().unwrap();
    let files = chain::generate(root.path(), RECORDS);
    let report = verify::verify(&files);
    assert!(report.is_whole() && report.records == RECORDS);
    for (unit, throughput) in [
        ("bytes", Throughput::Bytes(report.bytes)),
        ("records", Throughput::Elements(RECORDS)),
    ] {
        let mut group = bench.benchmark_group("audit verify");
        group.throughput(throughput).sample_size(20);
        group.bench_function(format!("{RECORDS} records, in {unit}"), |bencher| {
            bencher.iter(|| verify::verify(black_box(&files)));
        });
        group.finish();
    }
}
