//! A chain of many records, written as the ledger writes it but without waiting for the disk.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use mandated::state::canonical;
use mandated::state::chain::{GENESIS, record_hash};
use mandated::state::durable;
use mandated::state::paths::{BrokerKey, LiveFiles, RuntimeRoot};

/// Both ledgers of a runtime root at `root`, each with `count` records.
pub(crate) fn generate(root: &Path, count: u64) -> LiveFiles {
    let files = files(root);
    durable::create_folder(files.broker_folder()).unwrap();
    if count == 0 {
        return files;
    }
    let open = |path| BufWriter::with_capacity(1 << 20, File::create(path).unwrap());
    let (mut plain, mut chain) = (open(files.audit()), open(files.audit_chain()));
    let (mut prev, mut line) = (GENESIS.to_owned(), String::new());
    for seq in 1..=count {
        let mut record = super::record(seq);
        canonical::line_value(&mut line, &record);
        line.push('\n');
        plain.write_all(line.as_bytes()).unwrap();
        line.clear();
        let hash = record_hash(seq, &prev, &record);
        record["seq"] = seq.into();
        record["prev_record_hash"] = prev.into();
        record["record_hash"] = hash.clone().into();
        canonical::line_value(&mut line, &record);
        line.push('\n');
        chain.write_all(line.as_bytes()).unwrap();
        line.clear();
        prev = hash;
    }
    plain.flush().unwrap();
    chain.flush().unwrap();
    files
}

pub(crate) fn files(root: &Path) -> LiveFiles {
    fs::create_dir_all(root).unwrap();
    LiveFiles::new(
        &RuntimeRoot::at(root.to_owned()),
        BrokerKey::parse("bybit").unwrap(),
    )
}
