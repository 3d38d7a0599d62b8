//! One record of the hash chain: how it is hashed, and what can be wrong with it.
//!
//! Pure functions over text; files are the business of `chain_file` and `verify`.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::canonical;
use crate::domain::json::Json;

/// What the first record of a chain has in place of a predecessor's hash.
pub const GENESIS: &str = "sha256:genesis";

const HASH_PREFIX: &str = "sha256:";

/// The last record that a chain holds so far: what the next one joins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// 1-based position in the chain; 0 stands for an empty one.
    pub seq: u64,
    pub hash: String,
}

impl Link {
    /// The end of an empty chain.
    #[must_use]
    pub fn genesis() -> Self {
        Self {
            seq: 0,
            hash: GENESIS.to_owned(),
        }
    }

    /// The position of the next record; `None` after the last number that there is, which no real chain reaches.
    #[must_use]
    pub fn next_seq(&self) -> Option<u64> {
        self.seq.checked_add(1)
    }
}

/// What is wrong with a record, in the words of Vibe-Trading's `verify_chain`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakKind {
    MalformedJson,
    MissingChainFields,
    SeqGap,
    PrevHashMismatch,
    RecordHashMismatch,
    /// The file ends inside a record: a write was cut short. Vibe-Trading says `malformed_json`.
    TornTail,
    /// The file could not be read.
    Unreadable,
}

impl BreakKind {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MalformedJson => "malformed_json",
            Self::MissingChainFields => "missing_chain_fields",
            Self::SeqGap => "seq_gap",
            Self::PrevHashMismatch => "prev_hash_mismatch",
            Self::RecordHashMismatch => "record_hash_mismatch",
            Self::TornTail => "torn_tail",
            Self::Unreadable => "unreadable",
        }
    }
}

/// Where a chain stops being whole, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainBreak {
    pub file: PathBuf,
    /// 1-based; not known where the file was read from its end.
    pub line: Option<u64>,
    /// Where the record starts in the file, in bytes.
    pub offset: u64,
    /// The `seq` that the record claims.
    pub seq: Option<u64>,
    pub kind: BreakKind,
    /// What was expected and what was found.
    pub detail: String,
}

impl fmt::Display for ChainBreak {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} in `{}`", self.kind.as_str(), self.file.display())?;
        if let Some(line) = self.line {
            write!(out, " line {line}")?;
        }
        write!(out, " (byte {}", self.offset)?;
        if let Some(seq) = self.seq {
            write!(out, ", seq {seq}")?;
        }
        write!(out, "): {}", self.detail)
    }
}

/// What is wrong with one record, before it is known where the record stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Flaw {
    pub(crate) seq: Option<u64>,
    pub(crate) kind: BreakKind,
    pub(crate) detail: String,
}

/// `sha256:<hex>` over the canonical JSON of `{seq, prev_record_hash, payload}`.
#[must_use]
pub fn record_hash(seq: u64, prev_record_hash: &str, payload: &Value) -> String {
    let mut text = String::from("{\"payload\":");
    canonical::canonical_value(&mut text, payload);
    close_body(&mut text, prev_record_hash, seq);
    hash_of(&text)
}

/// One chained line, taken apart.
#[derive(Debug)]
pub(crate) struct Chained<'a> {
    pub(crate) seq: u64,
    pub(crate) prev: Cow<'a, str>,
    pub(crate) hash: Cow<'a, str>,
    payload: Vec<(Cow<'a, str>, Json<'a>)>,
}

impl<'a> Chained<'a> {
    /// Reads a line and its three chain fields; checks nothing else.
    pub(crate) fn parse(line: &'a str) -> Result<Self, Flaw> {
        let malformed = |detail: String| Flaw {
            seq: None,
            kind: BreakKind::MalformedJson,
            detail,
        };
        // Vibe-Trading ends a line there too.
        if line.trim_end().as_bytes().contains(&b'\r') {
            return Err(malformed("a bare carriage return inside a record".to_owned()));
        }
        let json = Json::parse(line).map_err(|error| malformed(error.to_string()))?;
        let Json::Object(members) = json else {
            return Err(malformed(format!(
                "a record is an object, and this is {}",
                json.kind()
            )));
        };
        let (mut seq, mut prev, mut hash) = (None, None, None);
        let mut payload = Vec::with_capacity(members.len());
        for (key, value) in members {
            match &*key {
                "seq" => seq = Some(value),
                "prev_record_hash" => prev = Some(value),
                "record_hash" => hash = Some(value),
                _ => payload.push((key, value)),
            }
        }
        let position = seq.as_ref().and_then(position);
        let (Some(seq), Some(prev), Some(hash)) = (seq, prev, hash) else {
            let detail = "one of seq, prev_record_hash and record_hash is missing".to_owned();
            return Err(Flaw {
                seq: position,
                kind: BreakKind::MissingChainFields,
                detail,
            });
        };
        let Some(seq) = position else {
            let detail = format!(
                "seq is {} and no position in a chain",
                seq.as_text().unwrap_or(seq.kind())
            );
            return Err(Flaw {
                seq: None,
                kind: BreakKind::SeqGap,
                detail,
            });
        };
        match (prev, hash) {
            (Json::String(prev), Json::String(hash)) => Ok(Self {
                seq,
                prev,
                hash,
                payload,
            }),
            (Json::String(_), _) => Err(not_a_hash(seq, BreakKind::RecordHashMismatch, "record_hash")),
            (_, _) => Err(not_a_hash(seq, BreakKind::PrevHashMismatch, "prev_record_hash")),
        }
    }

    /// Checks that this record follows `last` and that its hash is its own; `scratch` is room to work in.
    pub(crate) fn follows(&self, last: &Link, scratch: &mut String) -> Result<(), Flaw> {
        let flaw = |kind, detail| {
            Err(Flaw {
                seq: Some(self.seq),
                kind,
                detail,
            })
        };
        if Some(self.seq) != last.next_seq() {
            let expected = last
                .next_seq()
                .map_or_else(|| "no further seq".to_owned(), |seq| format!("seq {seq}"));
            return flaw(
                BreakKind::SeqGap,
                format!("expected {expected}, found {}", self.seq),
            );
        }
        if self.prev != last.hash {
            let detail = format!(
                "expected prev_record_hash {}, found {}",
                last.hash,
                shorten(&self.prev)
            );
            return flaw(BreakKind::PrevHashMismatch, detail);
        }
        self.is_its_own(scratch)
    }

    /// Checks the record's hash alone, against the predecessor that it names itself.
    pub(crate) fn is_its_own(&self, scratch: &mut String) -> Result<(), Flaw> {
        scratch.clear();
        scratch.push_str("{\"payload\":");
        canonical::canonical_members(scratch, self.payload.iter());
        close_body(scratch, &self.prev, self.seq);
        let recomputed = hash_of(scratch);
        if recomputed == self.hash {
            return Ok(());
        }
        let detail = format!("stored {}, recomputed {recomputed}", shorten(&self.hash));
        Err(Flaw {
            seq: Some(self.seq),
            kind: BreakKind::RecordHashMismatch,
            detail,
        })
    }
}

/// [`Chained::parse`] followed by `check`, once more with Python's own words for numbers when JSON's do not do: a
/// line without such words is what it was, and has the same flaw again.
pub(crate) fn checked<T>(line: &str, check: impl FnOnce(&Chained<'_>) -> Result<T, Flaw>) -> Result<T, Flaw> {
    match Chained::parse(line) {
        Ok(record) => check(&record),
        Err(_) => check(&Chained::parse(&canonical::admit_python_words(line))?),
    }
}

fn close_body(text: &mut String, prev_record_hash: &str, seq: u64) {
    text.push_str(",\"prev_record_hash\":");
    canonical::canonical_json(text, &Json::String(Cow::Borrowed(prev_record_hash)));
    text.push_str(",\"seq\":");
    text.push_str(&seq.to_string());
    text.push('}');
}

fn hash_of(text: &str) -> String {
    let mut hash = String::with_capacity(HASH_PREFIX.len() + 64);
    hash.push_str(HASH_PREFIX);
    hash.push_str(&hex::encode(Sha256::digest(text.as_bytes())));
    hash
}

fn position(json: &Json<'_>) -> Option<u64> {
    match json {
        Json::Number(text) => text.parse().ok(),
        _ => None,
    }
}

fn not_a_hash(seq: u64, kind: BreakKind, field: &'static str) -> Flaw {
    Flaw {
        seq: Some(seq),
        kind,
        detail: format!("{field} is no text"),
    }
}

/// Keeps a hostile value from filling an error message.
fn shorten(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_vibe_trading() {
        let text = include_str!("../../tests/contract/hash_chain.json");
        let vectors = Json::parse(text).unwrap();
        assert_eq!(vectors.member("genesis").and_then(Json::as_str), Some(GENESIS));
        let mut last = Link::genesis();
        for row in vectors.member("records").unwrap().as_array().unwrap() {
            let field = |key: &str| row.member(key).unwrap().as_text().unwrap();
            let seq: u64 = field("seq").parse().unwrap();
            assert_eq!(
                (seq, field("prev_record_hash")),
                (last.seq + 1, last.hash.as_str())
            );
            let payload = row.member("payload").unwrap();
            let mut body = String::from("{\"payload\":");
            canonical::canonical_json(&mut body, payload);
            close_body(&mut body, &last.hash, seq);
            assert_eq!(body, field("canonical_json"));
            assert_eq!(hash_of(&body), field("record_hash"));
            last = Link {
                seq,
                hash: field("record_hash").to_owned(),
            };
        }
        assert_eq!(last.seq, 7);
    }

    #[test]
    fn the_chained_line_of_the_contract_is_whole() {
        let vectors: Value =
            serde_json::from_str(include_str!("../../tests/contract/audit_record.json")).unwrap();
        let line = vectors["chain_line"].as_str().unwrap();
        let follow = |line: &str| {
            checked(line, |record| {
                record.follows(&Link::genesis(), &mut String::new())
            })
        };
        assert_eq!(follow(line), Ok(()));
        assert_eq!(
            follow(&line.replace("0.001", "0.002")).unwrap_err().kind,
            BreakKind::RecordHashMismatch
        );
        assert_eq!(
            follow(&line.replace("\"seq\": 1", "\"seq\": 2"))
                .unwrap_err()
                .kind,
            BreakKind::SeqGap
        );
        assert_eq!(
            follow(&line.replace("\"seq\": 1", "\"seq\": 1.0"))
                .unwrap_err()
                .kind,
            BreakKind::SeqGap
        );
        assert_eq!(
            follow(&line.replace("genesis", "g")).unwrap_err().kind,
            BreakKind::PrevHashMismatch
        );
        assert_eq!(
            follow(&line.replace("\"seq\"", "\"seg\"")).unwrap_err().kind,
            BreakKind::MissingChainFields
        );
        assert_eq!(follow("[]").unwrap_err().kind, BreakKind::MalformedJson);
        assert_eq!(
            follow(&line.replace(", ", ",\r")).unwrap_err().kind,
            BreakKind::MalformedJson
        );
    }

    #[test]
    fn a_record_with_pythons_nan_is_whole() {
        let line = r#"{"a": NaN, "b": -Infinity, "seq": 1, "prev_record_hash": "sha256:genesis", "record_hash": "sha256:2b5d"}"#;
        let flaw = checked(line, |record| {
            record.follows(&Link::genesis(), &mut String::new())
        })
        .unwrap_err();
        let stored = flaw.detail.split("recomputed ").nth(1).unwrap();
        assert_eq!(
            stored,
            "sha256:7c91715a59ee4dbcdd5b2be738f656811252a3dbc96b408476fc5afe45af5304"
        );
    }

    #[test]
    fn a_hash_of_any_length_is_told_in_at_most_80_letters() {
        let line = format!(
            r#"{{"seq": 1, "prev_record_hash": "{}", "record_hash": "{}"}}"#,
            "p".repeat(81),
            "h".repeat(81)
        );
        let strange = checked(&line, |record| {
            record.follows(&Link::genesis(), &mut String::new())
        });
        let found = format!(
            "expected prev_record_hash sha256:genesis, found {}",
            "p".repeat(80)
        );
        assert_eq!(strange.unwrap_err().detail, found);
        let own = checked(&line, |record| record.is_its_own(&mut String::new()));
        let stored = format!("stored {}, recomputed sha256:", "h".repeat(80));
        assert!(own.unwrap_err().detail.starts_with(&stored));
    }
}
