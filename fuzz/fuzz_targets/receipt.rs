//! Fuzzes what `entries` calls `receipt`.

#![no_main]

#[path = "../entries/mod.rs"]
mod entries;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    for (_, entry) in entries::ENTRIES.iter().filter(|(name, _)| *name == "receipt") {
        entry(data).unwrap();
    }
});
