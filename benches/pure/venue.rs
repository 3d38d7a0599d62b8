//! The wire: answers of the exchange read as the client reads them, requests signed.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput};
use mandated::domain::secret::Secret;
use mandated::domain::symbol::Category;
use mandated::venue::bybit::{Credentials, offline};
use serde_json::Value;

use crate::answers;
use crate::samples::account;

pub(crate) fn reading(bench: &mut Criterion) {
    let mut group = bench.benchmark_group("read an answer");
    let positions = answers::positions();
    let read = |body| offline::positions(body, Category::Linear);
    assert_eq!(read(positions.clone()).unwrap().len(), 20);
    group.throughput(Throughput::Bytes(positions.len() as u64));
    group.bench_function("20 positions", |bencher| {
        bencher.iter_batched(|| positions.clone(), read, BatchSize::SmallInput);
    });
    let orders = answers::orders();
    let read = |body| offline::open_orders(body, Category::Linear);
    assert_eq!(read(orders.clone()).unwrap().len(), 50);
    group.throughput(Throughput::Bytes(orders.len() as u64));
    group.bench_function("50 orders", |bencher| {
        bencher.iter_batched(|| orders.clone(), read, BatchSize::SmallInput);
    });
    let (instrument, id) = (answers::instrument(), account::instrument_id(7));
    let read = |body| offline::instrument(body, &id);
    assert!(read(instrument.clone()).unwrap().is_some());
    group.throughput(Throughput::Bytes(instrument.len() as u64));
    group.bench_function("an instrument", |bencher| {
        bencher.iter_batched(|| instrument.clone(), read, BatchSize::SmallInput);
    });
    group.finish();
}

pub(crate) fn signing(bench: &mut Criterion) {
    let vectors: Value =
        serde_json::from_str(include_str!("../../tests/bybit_signing_vectors.json")).unwrap();
    let pem = private_pem(&vectors).expect("the vectors hold an RSA key");
    let hmac = Credentials::new("bench-api-key", Secret::new("bench-api-secret".to_owned())).unwrap();
    let rsa = Credentials::rsa("bench-api-key", &Secret::new(pem.to_owned())).unwrap();
    let body = r#"{"category":"linear","symbol":"C07USDT","side":"Buy","orderType":"Limit","qty":"0.5","price":"99.5"}"#;
    for (name, credentials) in [("sign/HMAC-SHA256", hmac), ("sign/RSA-2048", rsa)] {
        bench.bench_function(name, |bencher| {
            bencher.iter(|| credentials.sign_request(1_781_524_800_000, 5_000, black_box(body)));
        });
    }
}

fn private_pem(vectors: &Value) -> Option<&str> {
    match vectors {
        Value::Object(members) => match members.get("private_pem") {
            Some(pem) => pem.as_str(),
            None => members.values().find_map(private_pem),
        },
        Value::Array(items) => items.iter().find_map(private_pem),
        _ => None,
    }
}
