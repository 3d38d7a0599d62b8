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
    let count = (text.len() / SMALLEST_PART).min(cores).min(MOST_PARTS);
    if count < 2 {
        return None;
    }
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
    use super::*;

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
}
