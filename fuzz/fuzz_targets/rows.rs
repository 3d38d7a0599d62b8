//! Fuzzes the reader of the exchange's answers: `rows`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mandated::venue::bybit::wild::rows(data).unwrap());
