//! `mandated audit`: the ledger, read and verified.

use serde_json::{Value, json};

use super::app::App;
use super::out::{Style, one_line, say, say_json};
use super::{Done, Failure};
use crate::state::ledger_read;
use crate::state::verify::{Apart, Lacking, apart, verify as verify_chain};

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
    // A chain that is broken is mended or begun anew first; what follows the break is in no order.
    let apart = match &broken {
        None => apart(&app.files),
        Some(_) => Apart::default(),
    };
    let is_whole = broken.is_none() && apart.is_none();
    let unlike = (!apart.is_none()).then(|| apart.to_string());
    if as_json {
        let files: Vec<String> = report
            .files
            .iter()
            .map(|file| file.display().to_string())
            .collect();
        let missing = |found: &Option<Lacking>| found.as_ref().map_or(0, |found| found.count);
        say(&json!({"whole": is_whole, "records": report.records, "bytes": report.bytes, "last_seq": report.last.seq,
                    "last_hash": report.last.hash, "files": files, "first_break": broken,
                    "ledgers_apart": unlike, "not_in_chain": missing(&apart.unchained),
                    "not_in_audit": missing(&apart.unlisted), "older_than_chain": apart.before_chain,
                    "older_than_audit": apart.before_audit})
        .to_string());
    } else {
        let style = Style::of_stdout();
        let records = report.records;
        match (&broken, unlike) {
            (None, None) => {
                say(&format!(
                    "{}: {records} records, every hash recomputed, the same in both ledgers.",
                    style.good("whole")
                ));
                tell_older(&apart);
            }
            (None, Some(unlike)) => say(&format!(
                "{}: {records} records, every hash recomputed, but the ledgers differ: {unlike}",
                style.bad("apart")
            )),
            (Some(what), _) => say(&format!("{}: {what}", style.bad("broken"))),
        }
    }
    Ok(if is_whole { Done::Well } else { Done::NotInOrder })
}

/// What only one ledger has because the other began after it.
fn tell_older(apart: &Apart) {
    if apart.before_chain > 0 {
        say(&format!(
            "but for {} of audit.jsonl: they are older than this chain, and no hash covers them here.",
            apart.before_chain
        ));
    }
    if apart.before_audit > 0 {
        say(&format!(
            "but for the first {} of the chain: they are older than this audit.jsonl.",
            apart.before_audit
        ));
    }
}
