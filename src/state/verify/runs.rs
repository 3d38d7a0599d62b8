//! Checks many records at once, on all cores, and says only whether every one of them is whole.
//!
//! It names no damage: where anything is odd it says nothing, and the caller walks the same lines one by one.

use std::thread;

use crate::state::chain::{Link, checked};

/// Less than this is not worth a thread.
const SMALLEST_PART: usize = 128 << 10;

/// More threads than this wait for the disk.
const MOST_PARTS: usize = 8;

/// Whole lines in a row that were checked among themselves.
pub(super) struct Run {
    pub(super) lines: u64,
    pub(super) records: u64,
    /// `seq` and `prev_record_hash` of the first record, which join the run to what is before it.
    joint: Option<(u64, String)>,
    pub(super) last: Link,
}

/// Checks `text`, whole lines, as what follows `last`; `None` when that is too little to be worth it or anything is
/// not as it should be.
pub(super) fn check(text: &[u8], last: &Link) -> Option<Run> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let count = worth(text.len(), cores);
    if count < 2 {
        return None;
    }
    check_in(count, text, last)
}

/// How many parts a text of that length is worth.
fn worth(length: usize, cores: usize) -> usize {
    (length / SMALLEST_PART).min(cores).min(MOST_PARTS)
}

/// [`check`] in at most `count` parts.
fn check_in(count: usize, text: &[u8], last: &Link) -> Option<Run> {
    let runs: Vec<Option<Run>> = thread::scope(|scope| {
        let start = |part| thread::Builder::new().spawn_scoped(scope, move || run(part)).ok();
        let threads: Vec<_> = parts(text, count).into_iter().map(start).collect();
        threads
            .into_iter()
            .map(|thread| thread?.join().ok().flatten())
            .collect()
    });
    let mut whole = Run {
        lines: 0,
        records: 0,
        joint: None,
        last: last.clone(),
    };
    for run in runs {
        let run = run?;
        whole.lines += run.lines;
        whole.records += run.records;
        if let Some((seq, prev)) = run.joint {
            if Some(seq) != whole.last.next_seq() || prev != whole.last.hash {
                return None;
            }
            whole.last = run.last;
        }
    }
    Some(whole)
}

/// `text` cut into at most `count` parts of about the same size, each ending with a newline.
fn parts(text: &[u8], count: usize) -> Vec<&[u8]> {
    let size = text.len().div_ceil(count.max(1));
    let mut parts = Vec::with_capacity(count);
    let mut rest = text;
    while !rest.is_empty() {
        let newline = rest.iter().skip(size).position(|byte| *byte == b'\n');
        let end = newline.map_or(rest.len(), |at| size + at + 1);
        let (part, after) = rest.split_at_checked(end).unwrap_or((rest, &[]));
        parts.push(part);
        rest = after;
    }
    parts
}

/// Checks the lines of one part; `None` when anything is odd.
fn run(text: &[u8]) -> Option<Run> {
    let mut run = Run {
        lines: 0,
        records: 0,
        joint: None,
        last: Link::genesis(),
    };
    let mut scratch = String::new();
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        run.lines += 1;
        let line = str::from_utf8(line).ok()?;
        if line.trim().is_empty() {
            continue;
        }
        let (link, joint) = checked(line, |record| {
            if run.records == 0 {
                record.is_its_own(&mut scratch)?;
            } else {
                record.follows(&run.last, &mut scratch)?;
            }
            let joint = (run.records == 0).then(|| (record.seq, record.prev.to_string()));
            Ok((
                Link {
                    seq: record.seq,
                    hash: record.hash.to_string(),
                },
                joint,
            ))
        })
        .ok()?;
        run.records += 1;
        run.last = link;
        run.joint = run.joint.or(joint);
    }
    Some(run)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::state::chain::record_hash;

    #[test]
    fn parts_are_whole_lines_and_nothing_is_lost() {
        let text: Vec<u8> = (1..400)
            .flat_map(|length| [vec![b'x'; length], vec![b'\n']].concat())
            .collect();
        for count in [1, 2, 3, 8, 1_000] {
            let parts = parts(&text, count);
            assert!(parts.len() <= count);
            assert!(parts.iter().all(|part| part.ends_with(b"\n")));
            assert_eq!(parts.concat(), text);
        }
        assert_eq!(parts(b"", 3).len(), 0);
    }

    /// `count` records of about `pad` bytes after `last`, a line each.
    fn chain(count: u64, pad: usize, mut last: Link) -> (Vec<String>, Link) {
        let mut lines = Vec::new();
        for _ in 0..count {
            let mut record = json!({"pad": "x".repeat(pad)});
            let seq = last.next_seq().unwrap();
            let hash = record_hash(seq, &last.hash, &record);
            record["seq"] = seq.into();
            record["prev_record_hash"] = last.hash.into();
            record["record_hash"] = hash.clone().into();
            lines.push(format!("{record}\n"));
            last = Link { seq, hash };
        }
        (lines, last)
    }

    #[test]
    fn a_whole_run_is_counted_and_its_end_is_the_last_record() {
        let first = chain(2, 10, Link::genesis()).1;
        let (mut lines, last) = chain(12, 10, first.clone());
        lines.insert(5, "\n".to_owned());
        for count in [1, 3, 20] {
            let run = check_in(count, lines.concat().as_bytes(), &first).unwrap();
            assert_eq!((run.lines, run.records), (13, 12), "{count} parts");
            assert_eq!(run.last, last);
        }
    }

    #[test]
    fn whatever_is_odd_is_left_to_the_caller() {
        let (lines, _) = chain(12, 10, Link::genesis());
        let refused = |lines: &[String]| check_in(3, lines.concat().as_bytes(), &Link::genesis()).is_none();
        assert!(!refused(&lines));
        for at in 0..12 {
            let mut changed = lines.clone();
            changed[at] = changed[at].replace("xxx", "xyx");
            assert!(refused(&changed), "{at} changed");
        }
        for at in 0..11 {
            let mut removed = lines.clone();
            removed.remove(at);
            assert!(refused(&removed), "{at} removed");
        }
        assert!(refused(
            &[&lines[..4], &["\u{e9}".to_owned()], &lines[4..]].concat()
        ));
    }

    #[test]
    fn a_joint_between_parts_needs_both_the_number_and_the_hash() {
        let (lines, last) = chain(4, 10, Link::genesis());
        let (other, _) = chain(4, 11, Link::genesis());
        let joined = [&lines[..2], &other[2..]].concat().concat();
        assert!(check_in(2, joined.as_bytes(), &Link::genesis()).is_none());
        let elsewhere = Link {
            seq: 7,
            ..Link::genesis()
        };
        assert!(check_in(2, lines.concat().as_bytes(), &elsewhere).is_none());
        assert!(check_in(2, lines.concat().as_bytes(), &last).is_none());
    }

    #[test]
    fn a_text_is_shared_out_where_it_is_long_enough() {
        let worths = [
            (SMALLEST_PART - 1, 16, 0),
            (2 * SMALLEST_PART, 16, 2),
            (3 * SMALLEST_PART, 2, 2),
            (99 * SMALLEST_PART, 16, MOST_PARTS),
        ];
        for (length, cores, parts) in worths {
            assert_eq!(worth(length, cores), parts);
        }
        let (short, _) = chain(1, 10, Link::genesis());
        assert!(check(short.concat().as_bytes(), &Link::genesis()).is_none());
        let (long, last) = chain(2, SMALLEST_PART, Link::genesis());
        let run = check(long.concat().as_bytes(), &Link::genesis());
        let cores = thread::available_parallelism().map_or(1, usize::from);
        assert_eq!(run.map(|run| run.last), (cores >= 2).then_some(last));
    }
}
