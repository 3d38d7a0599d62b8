//! Replays every input of `fuzz/corpus` through the functions that the fuzz targets call. `make fuzz` looks for more.

#![expect(
    clippy::indexing_slicing,
    reason = "a test may fail by panicking, and `serde_json` gives null for what is not there"
)]

#[path = "../fuzz/entries/mod.rs"]
mod entries;

use std::fs;
use std::path::Path;

#[test]
fn every_input_of_the_corpus_is_read_as_it_should_be() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let mut wrong = Vec::new();
    for (name, entry) in entries::ENTRIES {
        let files: Vec<_> = fs::read_dir(corpus.join(name))
            .unwrap()
            .map(|file| file.unwrap().path())
            .collect();
        assert!(files.len() >= 3, "{name} has {} inputs", files.len());
        for path in files {
            if let Err(why) = entry(&fs::read(&path).unwrap()) {
                wrong.push(format!("{}: {why}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
