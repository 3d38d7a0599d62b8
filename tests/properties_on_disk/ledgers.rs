//! A chain that was cut, changed or shuffled: cut short it is continued, changed it is refused, and `verify` names
//! the first record that is not what was written.

use std::fs;
use std::sync::OnceLock;

use chrono::{TimeZone, Utc};
use mandated::state::audit_record::{AuditKind, AuditOutcome, AuditRecord};
use mandated::state::chain::BreakKind;
use mandated::state::ledger::{Ledger, LedgerError};
use mandated::state::paths::{BrokerKey, LiveFiles, RuntimeRoot};
use mandated::state::redact::Redactor;
use mandated::state::verify::{VerifyReport, verify};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

use crate::cases::cases;

const RECORDS: usize = 6;

pub(crate) struct World {
    _folder: tempfile::TempDir,
    pub(crate) files: LiveFiles,
}

impl World {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files = LiveFiles::new(
            &RuntimeRoot::at(folder.path().to_owned()),
            BrokerKey::parse("bybit").unwrap(),
        );
        fs::create_dir_all(files.live_folder()).unwrap();
        Self {
            _folder: folder,
            files,
        }
    }

    fn with(chain: &[u8]) -> Self {
        let world = Self::new();
        fs::write(world.files.audit_chain(), chain).unwrap();
        world
    }

    fn append(&self) -> Result<AuditRecord, LedgerError> {
        Ledger::open(&self.files, Redactor::new(Vec::new())).append(&record(99))
    }

    fn verify(&self) -> VerifyReport {
        verify(&self.files)
    }
}

pub(crate) fn record(number: u32) -> AuditRecord {
    let now = Utc.timestamp_opt(1_781_000_000 + i64::from(number), 0).unwrap();
    let mut record = AuditRecord::new(
        now,
        "bybit",
        "s-1",
        AuditKind::OrderPlaced,
        AuditOutcome::Accepted,
    )
    .unwrap();
    record.intent_normalized = Some(format!("buy {number} BTCUSDT – \"é😀\"\n"));
    record.broker_request = json!({"qty": number, "price": "100.5", "list": [null, true, {"b": 1, "a": -2}]});
    record
}

/// A whole chain, made once.
fn chain() -> &'static [u8] {
    static CHAIN: OnceLock<Vec<u8>> = OnceLock::new();
    CHAIN.get_or_init(|| {
        let world = World::new();
        let ledger = Ledger::open(&world.files, Redactor::new(Vec::new()));
        (0..6).for_each(|number| drop(ledger.append(&record(number)).unwrap()));
        fs::read(world.files.audit_chain()).unwrap()
    })
}

fn lines(chain: &[u8]) -> Vec<Vec<u8>> {
    chain
        .split_inclusive(|byte| *byte == b'\n')
        .map(<[u8]>::to_vec)
        .collect()
}

#[track_caller]
fn assert_breaks_at(world: &World, line: usize) -> Result<(), TestCaseError> {
    let found = world.verify();
    let first = found.first_break.as_ref().and_then(|first| first.line);
    prop_assert_eq!(first, Some(line as u64), "{:?}", found);
    prop_assert_eq!(found.records, line as u64 - 1);
    Ok(())
}

proptest! {
    #![proptest_config(cases(120))]

    #[test]
    fn a_chain_that_was_cut_short_goes_on_after_its_last_whole_record(at in any::<Index>()) {
        let cut = &chain()[..at.index(chain().len() + 1)];
        let world = World::with(cut);
        // A record that lacks its newline alone is whole.
        let whole = lines(chain()).iter().scan(0, |end, line| {
            *end += line.len();
            Some(*end)
        }).filter(|end| cut.len() + 1 >= *end).count();
        let before = world.verify();
        prop_assert_eq!(before.records, whole as u64);
        prop_assert!(before.first_break.is_none_or(|first| first.kind == BreakKind::TornTail));
        world.append().unwrap();
        let after = world.verify();
        prop_assert!(after.is_whole() && after.records == whole as u64 + 1, "{:?}", after);
        let kept: Vec<u8> = lines(chain())[..whole].concat();
        prop_assert!(fs::read(world.files.audit_chain()).unwrap().starts_with(&kept));
    }

    #[test]
    fn a_changed_byte_is_found_in_its_record(at in any::<Index>(), byte in prop_oneof![any::<u8>(), Just(b'\n'), Just(b' '), Just(b'0')]) {
        let at = at.index(chain().len());
        let mut changed = chain().to_vec();
        changed[at] = byte;
        let line = changed[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
        let world = World::with(&changed);
        if changed.get(..) != Some(chain()) {
            let found = world.verify();
            if found.is_whole() {
                // White space says nothing: every record still is what was written.
                let values = |bytes: &[u8]| -> Vec<Value> {
                    serde_json::Deserializer::from_slice(bytes).into_iter().map(Result::unwrap).collect()
                };
                prop_assert_eq!(values(&changed), values(chain()));
            } else {
                assert_breaks_at(&world, line)?;
                let torn = found.first_break.is_some_and(|first| first.kind == BreakKind::TornTail);
                // An append looks at the last two records, and takes back nothing but a torn one.
                if torn || line + 1 >= RECORDS {
                    prop_assert_eq!(world.append().is_ok(), torn);
                }
            }
        }
    }

    #[test]
    fn a_record_that_is_gone_doubled_or_moved_is_named(one in 0..RECORDS, other in 0..RECORDS) {
        let whole = lines(chain());
        let mut gone = whole.clone();
        gone.remove(one);
        if one + 1 < RECORDS {
            assert_breaks_at(&World::with(&gone.concat()), one + 1)?;
        }
        let mut doubled = whole.clone();
        doubled.insert(one, whole[one].clone());
        assert_breaks_at(&World::with(&doubled.concat()), one + 2)?;
        let mut moved = whole;
        moved.swap(one, other);
        if one != other {
            assert_breaks_at(&World::with(&moved.concat()), one.min(other) + 1)?;
        }
    }
}

/// Nothing in the chain follows its last record, so its absence shows in nothing but the count.
#[test]
fn a_last_record_that_is_gone_shows_in_the_count_alone() {
    let whole = lines(chain());
    let found = World::with(&whole[..RECORDS - 1].concat()).verify();
    assert!(found.is_whole() && found.records == RECORDS as u64 - 1);
}
