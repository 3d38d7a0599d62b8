//! Files of the shared folder that other programs write as well, or that a later start reads: a HALT, the claim and the
//! latch of a sweep, its receipt, and how an order ended.

use std::fs;

use mandated::daemon::receipt::Receipt;
use mandated::state::halt::{self, HaltScope, HaltState, Trip};
use mandated::state::inflight::InflightError;
use mandated::state::sweep::{self, Holder};
use mandated::state::{clock, settled};
use serde_json::{Value, json};

use super::files::{put, world};

const EPISODE: &str = "2026-06-15T12:00:00+00:00";

fn said<T>(result: Result<T, impl ToString>) -> Result<T, String> {
    result.map_err(|error| error.to_string())
}

/// A HALT is one whatever it holds, names one episode, and is gone when it is lifted.
pub(super) fn halt(data: &[u8]) -> Result<(), String> {
    let (_folder, files) = world()?;
    for (path, scope) in [
        (files.halt_global(), HaltScope::Global),
        (files.halt_broker(), HaltScope::Broker),
    ] {
        put(&path, data)?;
        let found = halt::read_halt(&files);
        let (Some(words), [sentinel]) = (found.tripped(), found.sentinels()) else {
            return Err(format!("one file and {found:?}"));
        };
        if sentinel.scope != scope || sentinel.episode.is_empty() || sentinel.doubt.is_some() {
            return Err(format!("{sentinel:?}"));
        }
        let at = serde_json::from_slice(data).unwrap_or(Value::Null);
        let at = at.get("tripped_at").and_then(Value::as_str).unwrap_or_default();
        if sentinel.episode != at && !sentinel.episode.starts_with("mtime:") {
            return Err(format!("{sentinel:?} is of no such trip"));
        }
        // Three texts of 120 letters and the path.
        if words.chars().count() > 1_000 || found.newest() != Some(sentinel) {
            return Err(format!("{words}: {found:?}"));
        }
        let again = said(halt::trip(&files, scope, "fuzz", "", clock::now()))?;
        let left = said(fs::read(&path))?;
        if (again == Trip::WasTripped) != (left == data && !data.is_empty()) {
            return Err(format!("tripped again: {again:?}"));
        }
        if !said(halt::clear(&files, scope))? || halt::read_halt(&files) != HaltState::Clear {
            return Err("it was lifted and still stands".to_owned());
        }
    }
    Ok(())
}

/// A claim is ours only when it says so of this episode, and the sweep was done only where that is said of it.
pub(super) fn claim(data: &[u8]) -> Result<(), String> {
    let (_folder, files) = world()?;
    let value = serde_json::from_slice(data).unwrap_or(Value::Null);
    let is_said = |name: &str, text: &str| value.get(name).and_then(Value::as_str) == Some(text);

    put(&files.flatten_claim(EPISODE), data)?;
    let ours = is_said("by", "mandated") && is_said("episode", EPISODE);
    let holder = said(sweep::holder(&files, EPISODE))?;
    if holder != if ours { Holder::Us } else { Holder::Another } {
        return Err(format!("it is {holder:?}'s"));
    }
    if said(sweep::claim(&files, EPISODE, clock::now()))? {
        return Err("it was claimed twice".to_owned());
    }

    put(&files.broker_folder().join("FLATTEN_FIRED"), data)?;
    let done = match value.get("episodes").and_then(Value::as_array) {
        Some(episodes) => episodes.iter().any(|one| one.as_str() == Some(EPISODE)),
        None => is_said("episode", EPISODE),
    };
    if said(sweep::was_done(&files, EPISODE))? != done {
        return Err(format!("done is {done}, and it was read otherwise"));
    }
    // The latch of one episode counts by its name, whatever is in it.
    put(&files.flatten_fired(EPISODE), data)?;
    match said(sweep::was_done(&files, EPISODE))? {
        true => Ok(()),
        false => Err("a latch that is there does not count".to_owned()),
    }
}

/// A receipt is read whole and survives being written down.
pub(super) fn receipt(data: &[u8]) -> Result<(), String> {
    let (_folder, files) = world()?;
    let path = files.halt_receipt(EPISODE);
    put(&path, data)?;
    let Some(found) = Receipt::read(&path) else {
        return Ok(());
    };
    let value: Value = said(serde_json::from_slice(data))?;
    let is_said = |name: &str| value.get(name).is_none_or(Value::is_null);
    if value.is_object() && found.found_empty.is_none() != is_said("found_empty") {
        return Err(format!(
            "what was found empty was read as {:?}",
            found.found_empty
        ));
    }
    put(&path, &said(serde_json::to_vec(&found))?)?;
    let again = Receipt::read(&path).ok_or("it was not read back")?;
    let rows = |one: &Receipt| (one.cancelled.len(), one.steps.len());
    if rows(&again) != rows(&found) || plain(&again) != plain(&found) {
        return Err(format!("{found:?} became {again:?}"));
    }
    Ok(())
}

/// Without the exchange's own words: a float in them is not always read as it was written.
fn plain(receipt: &Receipt) -> Receipt {
    let mut plain = receipt.clone();
    plain.cancelled.clear();
    for step in &mut plain.steps {
        step.cancelled.clear();
    }
    plain
}

/// How an order ended is recalled whole under its own id, and the id is not given to another order.
pub(super) fn settled(data: &[u8]) -> Result<(), String> {
    let (_folder, files) = world()?;
    let path = files.settled_folder().join("a-1.json");
    said(fs::create_dir_all(files.settled_folder()))?;
    put(&path, data)?;
    let known = match settled::recall(&files, "a-1") {
        Ok(Some(known)) => known,
        Ok(None) => return Err("the file was not seen".to_owned()),
        Err(error) if error.path() == Some(&path) => return Ok(()),
        Err(error) => return Err(format!("the file is not named: {error}")),
    };
    let value: Value = said(serde_json::from_slice(data))?;
    let field = |name: &str, at: usize| value.get(name).or_else(|| value.get(at)).and_then(Value::as_str);
    if field("client_id", 0) != Some("a-1") || field("fingerprint", 1) != Some(&known.fingerprint) {
        return Err(format!("{known:?}"));
    }
    let other = format!("{}x", known.fingerprint);
    match settled::remember(&files, "a-1", &other, &json!("other")) {
        Err(InflightError::OtherContent(_)) if said(fs::read(&path))? == data => {}
        other => return Err(format!("the id was given to another order: {other:?}")),
    }
    said(settled::remember(
        &files,
        "a-1",
        &known.fingerprint,
        &json!("done"),
    ))?;
    match settled::recall(&files, "a-1") {
        Ok(Some(last)) if last.outcome == "done" && last.fingerprint == known.fingerprint => Ok(()),
        other => Err(format!("{known:?} became {other:?}")),
    }
}
