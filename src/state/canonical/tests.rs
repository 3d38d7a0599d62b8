//! Fixed texts, made by Python 3.11's `json` module.

use super::*;

const FLOATS: &str = include_str!("../../../tests/contract/python_floats.tsv");

fn canonical(text: &str) -> String {
    let mut out = String::new();
    canonical_json(&mut out, &Json::parse(text).unwrap());
    out
}

#[test]
fn numbers_are_printed_as_python_prints_them_after_parsing() {
    let mut rows = 0;
    for row in FLOATS.lines() {
        let (written, printed) = row.split_once('\t').unwrap();
        assert_eq!(canonical(written), printed, "{written}");
        rows += 1;
    }
    assert!(rows > 3_000, "only {rows} rows");
}

#[test]
fn whole_numbers_keep_their_digits() {
    assert_eq!(
        canonical("[12345678901234567890123,-5,0,-0]"),
        "[12345678901234567890123,-5,0,0]"
    );
}

#[test]
fn what_is_too_large_for_a_float_is_printed_as_pythons_infinity() {
    assert_eq!(canonical("[1e999,-1e999]"), "[Infinity,-Infinity]");
}

#[test]
fn pythons_own_words_survive_outside_strings_only() {
    let text = r#"{"NaN":[NaN,-Infinity,Infinity,"Infinity \" NaN"]}"#;
    assert!(Json::parse(text).is_err());
    assert_eq!(
        canonical(&admit_python_words(text)),
        r#"{"NaN":[NaN,-Infinity,Infinity,"Infinity \" NaN"]}"#
    );
}

#[test]
fn keys_are_sorted_by_code_point() {
    assert_eq!(
        canonical("{\"\u{1f600}\":1,\"\u{ffff}\":2,\"é\":3,\"Z\":4,\"a\":{\"y\":1,\"x\":2}}"),
        r#"{"Z":4,"a":{"x":2,"y":1},"\u00e9":3,"\uffff":2,"\ud83d\ude00":1}"#
    );
}

#[test]
fn composed_and_read_values_print_alike() {
    let text = r#"{"b":[1.5,1e-07,-0.0,100.0,null,true,{"k":"é\u007f\u2028"}],"a":-5}"#;
    let value: Value = serde_json::from_str(text).unwrap();
    let mut composed = String::new();
    canonical_value(&mut composed, &value);
    assert_eq!(composed, canonical(text));
    assert_eq!(
        composed,
        r#"{"a":-5,"b":[1.5,1e-07,-0.0,100.0,null,true,{"k":"\u00e9\u007f\u2028"}]}"#
    );
}

#[test]
fn a_ledger_line_has_pythons_separators_and_leaves_letters_alone() {
    let value: Value =
        serde_json::from_str(r#"{"b":[1e16,2],"a":"é \u0000\u007f/\n\"日😀","e":{},"f":[]}"#).unwrap();
    let mut line = String::new();
    line_value(&mut line, &value);
    assert_eq!(
        line,
        "{\"b\": [1e+16, 2], \"a\": \"é \\u0000\u{7f}/\\n\\\"日😀\", \"e\": {}, \"f\": []}"
    );
}

#[test]
fn what_vibe_trading_takes_for_the_end_of_a_line_is_escaped() {
    let mut line = String::new();
    line_value(&mut line, &Value::from("a\u{85}b\u{2028}c\u{2029}d\u{a0}â"));
    assert_eq!(line, "\"a\\u0085b\\u2028c\\u2029d\u{a0}â\"");
}

#[test]
fn every_letter_that_has_an_escape_of_its_own_gets_that_one() {
    let text = "\\\"\n\r\t\u{8}\u{c}\u{b}~ \u{7f}";
    let mut line = String::new();
    line_value(&mut line, &Value::from(text));
    assert_eq!(line, "\"\\\\\\\"\\n\\r\\t\\b\\f\\u000b~ \u{7f}\"");
    let mut hashed = String::new();
    canonical_value(&mut hashed, &Value::from(text));
    assert_eq!(hashed, r#""\\\"\n\r\t\b\f\u000b~ \u007f""#);
}
