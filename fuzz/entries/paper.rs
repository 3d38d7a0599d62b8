//! What a person hands to the paper exchange: faults as JSON, recorded prices as CSV.

use mandated::sim::{FaultSwitch, Replay, ReplayError, ReplayFile};
use serde_json::Value;

use super::files::{folder, put};

const KINDS: [(&str, &[&str]); 19] = [
    ("delay", &["ms"]),
    ("delay_before", &["ms"]),
    ("invisible", &["ms"]),
    ("clock_skew", &["ms"]),
    ("status", &["status"]),
    ("status_after", &["status"]),
    ("ret_code", &["code"]),
    ("batch_rows", &["rows", "code"]),
    ("drop_before", &[]),
    ("drop_after", &[]),
    ("reset_before", &[]),
    ("reset_after", &[]),
    ("empty_body", &[]),
    ("truncated_body", &[]),
    ("rate_limited", &[]),
    ("reject_later", &[]),
    ("stream_double", &[]),
    ("stream_swap", &[]),
    ("stream_lose", &[]),
];

/// Faults that are taken are known whole; a text that is not understood changes nothing.
pub(super) fn faults(data: &[u8]) -> Result<(), String> {
    let text = String::from_utf8_lossy(data);
    let switch = FaultSwitch::default();
    switch
        .replace(r#"[{"path":"/before","kind":"drop_before"}]"#)
        .map_err(|error| error.to_string())?;
    let before = format!("{switch:?}");
    if let Err(error) = switch.replace(&text) {
        let after = format!("{switch:?}");
        return match after == before && !error.to_string().is_empty() {
            true => Ok(()),
            false => Err(format!("{error}, and {before} became {after}")),
        };
    }
    let given: Value = serde_json::from_str(&text).map_err(|error| format!("{error} was taken"))?;
    let list = given.get("faults").unwrap_or(&given);
    let list = list.as_array().ok_or("no list was taken")?;
    let after = format!("{switch:?}");
    if after.matches("Fault {").count() != list.len() {
        return Err(format!("{} faults became {after}", list.len()));
    }
    match list.iter().find(|one| !is_fault(one)) {
        Some(odd) => Err(format!("{odd} was taken")),
        None => Ok(()),
    }
}

/// A fault as an object; `serde` reads a list as the members in their order, of which nothing is said here.
fn is_fault(one: &Value) -> bool {
    let has = |name: &str| one.get(name).is_some_and(|value| !value.is_null());
    let kind = one.get("kind").and_then(Value::as_str);
    let known = KINDS.iter().find(|(name, _)| Some(*name) == kind);
    one.is_array()
        || has("path")
            && known.is_some_and(|(_, needs)| needs.iter().all(|name| has(name)))
            && one.get("times") != Some(&Value::from(0))
}

/// The first byte says whether the caller names the instrument; the rest is the file. It is read whole, or a line of
/// it is named.
pub(super) fn replay(data: &[u8]) -> Result<(), String> {
    let [named, text @ ..] = data else {
        return Ok(());
    };
    let folder = folder()?;
    let file = ReplayFile {
        instrument: (named % 2 == 0).then(|| ("linear".to_owned(), "BTCUSDT".to_owned())),
        path: folder.path().join("prices.csv"),
    };
    let read = |text: &[u8]| {
        put(&file.path, text)?;
        Ok::<_, String>(Replay::read(std::slice::from_ref(&file)))
    };
    let lines = text.split(|byte| *byte == b'\n').count();
    let found = match read(text)? {
        Ok(found) => found,
        Err(ReplayError::Line { line, .. }) if usize::try_from(line).is_ok_and(|line| line <= lines) => {
            return Ok(());
        }
        Err(ReplayError::File { why, .. }) if !why.is_empty() => return Ok(()),
        Err(error) => return Err(format!("the file is not named: {error}")),
    };
    let prices = found.prices();
    // A candle is four.
    if prices == 0 || prices > 4 * lines || found.span_ms().is_none_or(|(first, last)| first > last) {
        return Err(format!("{lines} lines became {found:?}"));
    }
    let more = [text, b"\n\n# a word\n"].concat();
    match read(&more)? {
        Ok(again) if again == found => Ok(()),
        other => Err(format!("with a comment, {found:?} became {other:?}")),
    }
}
