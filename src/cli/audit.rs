//! `mandated audit`: the ledger, read and verified.

use serde_json::{Value, json};

use super::app::App;
use super::out::{Style, one_line, say, say_json};
use super::{Done, Failure};
use crate::state::ledger_read;
use crate::state::verify::verify as verify_chain;

pub(super) fn tail(app: &App, count: usize, as_json: bool) -> Result<Done, Failure> {
    let lines = ledger_read::tail(&app.files, count).map_err(Failure::failed)?;
    if lines.is_empty() && !as_json && count > 0 {
        say("the ledger is empty.");
    }
    let style = Style::of_stdout();
    for line in lines {
        match (&line.record, as_json) {
            (_, true) => say_json(&line.text),
            (Some(record), false) => say(&in_words(record, style)),
            (None, false) => say(&format!(
                "{} {}",
                style.bad("not a record:"),
                one_line(&line.text)
            )),
        }
    }
    Ok(Done::Well)
}

/// One record on one line: when, what, how it went, and why not.
pub(super) fn in_words(record: &Value, style: Style) -> String {
    let text = |name: &str| {
        record
            .get(name)
            .and_then(Value::as_str)
            .map_or("-".to_owned(), one_line)
    };
    let outcome = text("outcome");
    let outcome = match outcome.as_str() {
        good @ ("accepted" | "filled" | "pending") => style.good(good),
        bad => style.bad(bad),
    };
    let why = record
        .get("error")
        .and_then(Value::as_str)
        .map(|why| format!("  {}", style.faint(&one_line(why))));
    format!(
        "{}  {:<16} {:<9} {}{}",
        text("ts").get(..19).unwrap_or("-"),
        text("kind"),
        outcome,
        text("intent_normalized"),
        why.unwrap_or_default()
    )
}

pub(super) fn verify(app: &App, as_json: bool) -> Result<Done, Failure> {
    let report = verify_chain(&app.files);
    let broken = report.first_break.as_ref().map(ToString::to_string);
    if as_json {
        let files: Vec<String> = report
            .files
            .iter()
            .map(|file| file.display().to_string())
            .collect();
        say(&json!({"whole": report.is_whole(), "records": report.records, "bytes": report.bytes, "last_seq": report.last.seq,
                    "last_hash": report.last.hash, "files": files, "first_break": broken})
        .to_string());
    } else {
        let style = Style::of_stdout();
        match &broken {
            None => say(&format!(
                "{}: {} records, every hash recomputed, none missing.",
                style.good("whole"),
                report.records
            )),
            Some(what) => say(&format!("{}: {what}", style.bad("broken"))),
        }
    }
    Ok(if broken.is_none() {
        Done::Well
    } else {
        Done::NotInOrder
    })
}
