//! Lines of a file from its end backwards, read in bounded blocks: what an append to a large ledger needs.
//!
//! It never reads more of the file than the lines that are asked for need, and never writes.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

const FIRST_BLOCK: u64 = 8 << 10;
const LARGEST_BLOCK: u64 = 256 << 10;

/// No line of a ledger is near this long; a longer one is damage.
const MAX_LINE: usize = 16 << 20;

/// One line, without its newline.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// Where it starts in the file, in bytes.
    pub(crate) start: u64,
    pub(crate) bytes: Vec<u8>,
    /// Whether a newline ends it; only the last line of a file may lack one.
    pub(crate) ended: bool,
}

/// Goes through the lines of `file` that end at or before a given offset, the last one first.
#[derive(Debug)]
pub(crate) struct ReverseLines<'f> {
    file: &'f File,
    /// Offset of the first byte of `held`.
    from: u64,
    /// What was read and not yet handed out.
    held: Vec<u8>,
    block: u64,
}

impl<'f> ReverseLines<'f> {
    pub(crate) fn new(file: &'f File, end: u64) -> Self {
        Self {
            file,
            from: end,
            held: Vec::new(),
            block: FIRST_BLOCK,
        }
    }

    /// The offset down to which the file was read.
    pub(crate) fn read_down_to(&self) -> u64 {
        self.from
    }

    /// The next line towards the start of the file; `None` when there is none left.
    pub(crate) fn next_line(&mut self) -> io::Result<Option<Line>> {
        if self.held.is_empty() && !self.read_block()? {
            return Ok(None);
        }
        let ended = self.held.last() == Some(&b'\n');
        // Below this length no newline can belong to the line itself.
        let mut searched = self.held.len() - usize::from(ended);
        let end = searched;
        let mut grown = 0;
        loop {
            let unsearched = self.held.get(..searched).unwrap_or_default();
            if let Some(newline) = unsearched.iter().rposition(|byte| *byte == b'\n') {
                return Ok(Some(self.take(newline + 1, end + grown, ended)));
            }
            let before = self.held.len();
            if before > MAX_LINE {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a line beyond 16 MiB"));
            }
            if !self.read_block()? {
                return Ok(Some(self.take(0, end + grown, ended)));
            }
            searched = self.held.len() - before;
            grown += searched;
        }
    }

    /// Hands out `held[start..end]` and forgets it and its newline.
    fn take(&mut self, start: usize, end: usize, ended: bool) -> Line {
        let mut bytes = self.held.split_off(start.min(self.held.len()));
        bytes.truncate(end - start);
        Line {
            start: self.from + start as u64,
            bytes,
            ended,
        }
    }

    /// Puts the block before `from` in front of what is held; false at the start of the file.
    fn read_block(&mut self) -> io::Result<bool> {
        let length = self.block.min(self.from);
        if length == 0 {
            return Ok(false);
        }
        self.block = (self.block * 2).min(LARGEST_BLOCK);
        let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
        self.file.read_exact_at(&mut bytes, self.from - length)?;
        self.from -= length;
        bytes.append(&mut self.held);
        self.held = bytes;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;

    fn backwards(bytes: &[u8]) -> Vec<Line> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        let mut lines = ReverseLines::new(&file, bytes.len() as u64);
        let mut found = Vec::new();
        while let Some(line) = lines.next_line().unwrap() {
            found.push(line);
        }
        found
    }

    #[test]
    fn lines_come_last_first_with_their_offsets() {
        let line = |start, text: &str, ended| Line {
            start,
            bytes: text.into(),
            ended,
        };
        assert_eq!(backwards(b""), []);
        assert_eq!(backwards(b"\n"), [line(0, "", true)]);
        assert_eq!(
            backwards(b"ab\n\nc"),
            [line(4, "c", false), line(3, "", true), line(0, "ab", true)]
        );
    }

    #[test]
    fn only_the_end_of_a_large_file_is_read() {
        let mut file = tempfile::tempfile().unwrap();
        let text = "x".repeat(999) + "\n";
        for _ in 0..1_000 {
            file.write_all(text.as_bytes()).unwrap();
        }
        let mut lines = ReverseLines::new(&file, 1_000_000);
        assert_eq!(lines.next_line().unwrap().unwrap().start, 999_000);
        assert_eq!(lines.read_down_to(), 1_000_000 - FIRST_BLOCK);
    }

    #[test]
    fn blocks_grow_to_twice_the_size_each_time() {
        let mut file = tempfile::tempfile().unwrap();
        let line = "x".repeat(100 << 10) + "\n";
        file.write_all(line.repeat(3).as_bytes()).unwrap();
        let length = 3 * line.len() as u64;
        let mut lines = ReverseLines::new(&file, length);
        assert_eq!(
            lines.next_line().unwrap().unwrap().start,
            length - line.len() as u64
        );
        assert_eq!(length - lines.read_down_to(), (8 + 16 + 32 + 64) << 10);
    }

    #[test]
    fn a_line_beyond_the_longest_is_an_error() {
        let file = tempfile::tempfile().unwrap();
        let longest = MAX_LINE as u64;
        file.set_len(longest).unwrap();
        let line = ReverseLines::new(&file, longest).next_line().unwrap().unwrap();
        assert_eq!(line.bytes.len(), MAX_LINE);
        file.set_len(longest + 1).unwrap();
        let error = ReverseLines::new(&file, longest + 1).next_line().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn they_are_the_lines_of_the_file_whatever_the_block_borders(
            lines in prop::collection::vec("a{0,40}|b{0,9000}", 0..12), ended: bool,
        ) {
            let mut text = lines.join("\n");
            if ended && !lines.is_empty() {
                text.push('\n');
            }
            let mut forwards: Vec<Line> = Vec::new();
            let mut start = 0;
            for piece in text.split_inclusive('\n') {
                forwards.push(Line {
                    start,
                    bytes: piece.trim_end_matches('\n').into(),
                    ended: piece.ends_with('\n'),
                });
                start += piece.len() as u64;
            }
            forwards.reverse();
            prop_assert_eq!(backwards(text.as_bytes()), forwards);
        }
    }
}
