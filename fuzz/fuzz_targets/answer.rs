//! Fuzzes the reader of the exchange's answers: `answer`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mandated::venue::bybit::wild::answer(data).unwrap());
