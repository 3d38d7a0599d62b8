//! Texts that are nearly right: a sample with bytes changed, cut out, doubled or put in; and any JSON at all.

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::Value;

/// One change to a text, by bytes.
#[derive(Debug, Clone)]
pub(crate) enum Edit {
    Put(Index, Vec<u8>),
    Cut(Index, usize),
    Double(Index, usize),
    Swap(Index, u8),
    End(Index),
}

fn edit() -> impl Strategy<Value = Edit> {
    let piece = prop_oneof![
        "[\\[\\]{}\",:0-9.eE+\\-nultrufals \\\\]{1,6}".prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 1..4),
        Just("\"a\":null,".as_bytes().to_vec()),
        Just("1e999999999999".as_bytes().to_vec()),
        Just("99999999999999999999999999999999".as_bytes().to_vec()),
        Just("\\ud83d".as_bytes().to_vec()),
        Just("NaN".as_bytes().to_vec()),
    ];
    let at = any::<Index>;
    prop_oneof![
        (at(), piece).prop_map(|(at, piece)| Edit::Put(at, piece)),
        (at(), 1..12_usize).prop_map(|(at, length)| Edit::Cut(at, length)),
        (at(), 1..40_usize).prop_map(|(at, length)| Edit::Double(at, length)),
        (at(), any::<u8>()).prop_map(|(at, byte)| Edit::Swap(at, byte)),
        at().prop_map(Edit::End),
    ]
}

pub(crate) fn edited(bytes: &mut Vec<u8>, edit: &Edit) {
    let end = |at: usize, length: usize, all: usize| at.saturating_add(length).min(all);
    match edit {
        Edit::Put(at, piece) => {
            let at = at.index(bytes.len() + 1);
            bytes.splice(at..at, piece.iter().copied());
        }
        Edit::End(at) => bytes.truncate(at.index(bytes.len() + 1)),
        _ if bytes.is_empty() => {}
        Edit::Cut(at, length) => {
            let at = at.index(bytes.len());
            bytes.drain(at..end(at, *length, bytes.len()));
        }
        Edit::Double(at, length) => {
            let at = at.index(bytes.len());
            let part = bytes[at..end(at, *length, bytes.len())].to_vec();
            bytes.splice(at..at, part);
        }
        Edit::Swap(at, byte) => {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
    }
}

/// Bytes near `sample`, or any at all.
pub(crate) fn bytes_like(sample: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let near = prop::collection::vec(edit(), 0..4).prop_map(move |edits| {
        let mut bytes = sample.clone();
        edits.iter().for_each(|edit| edited(&mut bytes, edit));
        bytes
    });
    prop_oneof![9 => near, 1 => prop::collection::vec(any::<u8>(), 0..200)]
}

/// As [`bytes_like`], with what is no UTF-8 replaced.
pub(crate) fn texts_like(sample: String) -> impl Strategy<Value = String> {
    bytes_like(sample.into_bytes()).prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

pub(crate) fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-5..100_i64).prop_map(Value::from),
        "[0-9]{0,3}(\\.[0-9]{1,4})?(e-?[0-9]{1,3})?".prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
        prop::sample::select(vec![
            "linear", "spot", "crypto", "Buy", "Limit", "BTCUSDT", "0", "-1", "1e28"
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z_]{1,8}", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}
