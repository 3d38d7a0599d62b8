//! What is read out of a file of the shared folder: the chain, the counter, an order in flight, the http token.

use std::fs;
use std::path::Path;

use chrono::NaiveDate;
use mandated::mcp::token::token_from;
use mandated::state::audit_record::{AuditKind, AuditOutcome, AuditRecord};
use mandated::state::chain::BreakKind;
use mandated::state::counter::Counter;
use mandated::state::inflight::InflightRecord;
use mandated::state::ledger::{Ledger, LedgerError};
use mandated::state::paths::{BrokerKey, LiveFiles, RuntimeRoot};
use mandated::state::redact::Redactor;
use mandated::state::verify::verify;
use mandated::state::{clock, inflight, ledger_read};
use serde_json::Value;
use tempfile::TempDir;

/// In memory where the system has such a place: every input makes files.
pub(super) fn folder() -> Result<TempDir, String> {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() {
        TempDir::new_in(memory)
    } else {
        TempDir::new()
    };
    folder.map_err(|error| error.to_string())
}

pub(super) fn world() -> Result<(TempDir, LiveFiles), String> {
    let folder = folder()?;
    let root = RuntimeRoot::at(folder.path().to_owned());
    let files = LiveFiles::new(
        &root,
        BrokerKey::parse("bybit").map_err(|error| error.to_string())?,
    );
    fs::create_dir_all(files.inflight_folder()).map_err(|error| error.to_string())?;
    Ok((folder, files))
}

pub(super) fn put(path: &Path, data: &[u8]) -> Result<(), String> {
    fs::write(path, data).map_err(|error| error.to_string())
}

/// A chain is whole or torn and goes on, or it is broken and takes no record; both ledgers' readers agree.
pub(super) fn chain(data: &[u8]) -> Result<(), String> {
    let (_folder, files) = world()?;
    put(&files.audit_chain(), data)?;
    put(&files.audit(), data)?;
    let lines = ledger_read::tail(&files, 1_000).map_err(|error| error.to_string())?;
    if lines.iter().any(|line| line.text.contains('\n')) {
        return Err(format!("two lines in one: {lines:?}"));
    }
    let before = verify(&files);
    let torn = before
        .first_break
        .as_ref()
        .is_some_and(|found| found.kind == BreakKind::TornTail);
    let record = AuditRecord::new(
        clock::now(),
        "bybit",
        "s",
        AuditKind::Breach,
        AuditOutcome::Blocked,
    )
    .map_err(|error| error.to_string())?;
    let appended = Ledger::open(&files, Redactor::new(Vec::new())).append(&record);
    let after = verify(&files);
    match appended {
        Ok(_) if before.is_whole() || torn => match after.is_whole() && after.records == before.records + 1 {
            true => Ok(()),
            false => Err(format!("{before:?} became {after:?}")),
        },
        // An append reads the end alone; what is broken further up stays what it was.
        Ok(_) if after.first_break == before.first_break => Ok(()),
        Ok(_) => Err(format!("a broken chain was changed: {before:?} became {after:?}")),
        Err(LedgerError::Broken(_)) if !before.is_whole() && !torn => match fs::read(files.audit_chain()) {
            Ok(left) if left == data => Ok(()),
            other => Err(format!("a refused chain was changed: {other:?}")),
        },
        Err(error) => Err(format!("{error}, and before it {before:?}")),
    }
}

/// A count that holds its ids, and counts one more for one more.
pub(super) fn counter(data: &[u8]) -> Result<(), String> {
    let (_folder, files) = world()?;
    put(&files.counter(), data)?;
    let today = NaiveDate::from_ymd_opt(2026, 6, 15).ok_or("no such day")?;
    let Ok(found) = Counter::read(&files, today) else {
        return Ok(());
    };
    let ids = u64::try_from(found.action_ids().len()).unwrap_or(u64::MAX);
    if found.date() != today || ids > found.count() {
        return Err(format!("{found:?}"));
    }
    let more = found.increment("fuzz-\u{1}").map_err(|error| error.to_string())?;
    let known = found.action_ids().iter().any(|id| id == "fuzz-\u{1}");
    if more.count() != found.count().saturating_add(u64::from(!known)) {
        return Err(format!("{found:?} became {more:?}"));
    }
    match !known && found.count() < u64::MAX && more.give_back("fuzz-\u{1}") != found {
        true => Err(format!("{found:?} was not given back")),
        false => Ok(()),
    }
}

/// A record in flight is understood whole and written back as it was, or it is named.
pub(super) fn inflight(data: &[u8]) -> Result<(), String> {
    let (_folder, files) = world()?;
    let path = files.inflight_folder().join("a-1.json");
    put(&path, data)?;
    let records = match inflight::list(&files) {
        Ok(records) => records,
        Err(error) if error.path() == Some(&path) => return Ok(()),
        Err(error) => return Err(format!("the file is not named: {error}")),
    };
    let [record] = records.as_slice() else {
        return Err(format!("one file and {} orders", records.len()));
    };
    inflight::update(&files, record).map_err(|error| error.to_string())?;
    let again = inflight::list(&files).map_err(|error| error.to_string())?;
    // A float, which only another program writes, may be another one in its last digit once it was written again.
    let is_same = |one: &InflightRecord, other: &InflightRecord| {
        one == other || has_float(&one.body) || has_float(&one.order)
    };
    match again.as_slice() {
        [again] if record.client_id == "a-1" && is_same(record, again) => Ok(()),
        _ => Err(format!("{records:?} became {again:?}")),
    }
}

fn has_float(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64(),
        Value::Array(items) => items.iter().any(has_float),
        Value::Object(members) => members.values().any(has_float),
        Value::Null | Value::Bool(_) | Value::String(_) => false,
    }
}

/// A token is printable and without spaces, from the variable and from the file; an error does not show it.
pub(super) fn token(data: &[u8]) -> Result<(), String> {
    let (_folder, files) = world()?;
    let path = files.live_folder().join("http_token");
    let text = String::from_utf8_lossy(data);
    put(&path, data)?;
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600))
        .map_err(|error| error.to_string())?;
    for read in [token_from(Some(&text), &path), token_from(None, &path)] {
        match read {
            Ok(token)
                if token.reveal().is_empty()
                    || !token.reveal().bytes().all(|byte| byte.is_ascii_graphic()) =>
            {
                return Err(format!("{:?} was taken", token.reveal()));
            }
            Ok(_) => {}
            Err(error) if text.trim().len() > 12 && error.to_string().contains(text.trim()) => {
                return Err(format!("{error} shows it"));
            }
            Err(_) => {}
        }
    }
    Ok(())
}
