//! `mandated halt` and `mandated resume`: the kill switch from the command line.

use std::thread;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::app::App;
use super::args::{HaltArgs, ResumeArgs};
use super::out::{complain, say};
use super::{Done, Failure};
use crate::daemon::board::{Doubt, Seen};
use crate::state::audit_record::{AuditKind, AuditOutcome, AuditRecord};
use crate::state::halt::{self, HaltScope, Trip, read_halt};
use crate::state::{clock, durable, ledger_read};

/// A daemon that looks has the halt on the ledger within this; after that the record is made here.
const DAEMON_RECORDS_WITHIN: Duration = Duration::from_secs(3);
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// Its record is among so many last ones: a sweep makes one for each cancel.
const LAST_RECORDS: usize = 200;

fn scope(broker_alone: bool) -> HaltScope {
    if broker_alone {
        HaltScope::Broker
    } else {
        HaltScope::Global
    }
}

/// Whom a sentinel of that scope stops, and where: a shell that lacks a setting of the agent's means another folder.
fn whom(app: &App, scope: HaltScope) -> String {
    let (who, folder) = match scope {
        HaltScope::Global => ("every broker".to_owned(), app.files.live_folder()),
        HaltScope::Broker => (
            format!("broker `{}`", app.files.broker().as_str()),
            app.files.broker_folder(),
        ),
    };
    format!("{who} under `{}` ({})", folder.display(), app.venue_in_words())
}

/// Says that nothing trades from this folder, where that is beyond doubt.
fn complain_of_no_mandate(app: &App) {
    let path = app.files.mandate();
    if durable::absent(&path).is_ok() {
        complain(&format!(
            "nothing trades from here: there is no `{}`. is VIBE_RUNTIME_ROOT / MANDATED_VENUE that of the agent?",
            path.display()
        ));
    }
}

pub(super) fn trip(app: &App, args: &HaltArgs) -> Result<Done, Failure> {
    let scope = scope(args.broker);
    // HALT, both ledgers and the receipt repeat it.
    let reason = app.redactor().redact_text(&args.reason);
    let now = clock::now();
    let tripped = halt::trip(&app.files, scope, "cli", &reason, now).map_err(Failure::failed)?;
    let whom = whom(app, scope);
    match tripped {
        Trip::Written => say(&format!(
            "halted: {whom}. every write there is refused from the next look on."
        )),
        Trip::WasTripped => say(&format!("{whom} was halted before; the older sentinel stands.")),
    }
    complain_of_no_mandate(app);
    let us = app.identity().ok();
    let mut daemon_records = false;
    match Seen::read(&app.files) {
        Ok(Some(daemon)) => {
            let doubt = daemon.doubt(clock::now(), us.as_ref());
            daemon_records = tripped == Trip::Written && doubt.is_none();
            say(&promise(&daemon, doubt));
        }
        Ok(None) | Err(_) => say(
            "no daemon runs for this broker key: orders that rest at the exchange stay; `mandated cancel-all` cancels them.",
        ),
    }
    if !(daemon_records && is_recorded_since(app, now)) {
        record(app, AuditKind::HaltTripped, &reason);
    }
    Ok(Done::Well)
}

/// Whether the daemon has the halt on the ledger, with the same reason; it is given the time for that.
fn is_recorded_since(app: &App, tripped: DateTime<Utc>) -> bool {
    let (since, begun) = (clock::ledger_text(tripped), Instant::now());
    let is_it = |record: &Value| {
        let text = |name: &str| record.get(name).and_then(Value::as_str).unwrap_or_default();
        text("kind") == "halt_tripped"
            && text("server") == app.files.broker().as_str()
            && text("session_id").starts_with("sweep:")
            && text("ts") >= since.as_str()
    };
    loop {
        let last = ledger_read::tail(&app.files, LAST_RECORDS).unwrap_or_default();
        if last.iter().filter_map(|line| line.record.as_ref()).any(is_it) {
            return true;
        }
        if begun.elapsed() >= DAEMON_RECORDS_WITHIN {
            return false;
        }
        thread::sleep(BETWEEN_LOOKS);
    }
}

/// What a person may expect of the daemon now.
fn promise(daemon: &Seen, doubt: Option<Doubt>) -> String {
    let holder = &daemon.holder;
    match doubt {
        None => format!(
            "the daemon ({holder}) cancels what rests at the exchange: follow it with `mandated status`."
        ),
        Some(doubt) => format!(
            "a daemon runs ({holder}), BUT {doubt}: do not count on it. orders that rest at the exchange may stay; \
             `mandated cancel-all` cancels them."
        ),
    }
}

pub(super) fn resume(app: &App, args: &ResumeArgs) -> Result<Done, Failure> {
    let scope = scope(args.broker);
    let was_there = halt::clear(&app.files, scope).map_err(Failure::failed)?;
    let whom = whom(app, scope);
    say(&if was_there {
        format!("cleared the halt of {whom}.")
    } else {
        format!("there was no halt of {whom}.")
    });
    complain_of_no_mandate(app);
    if was_there {
        record(app, AuditKind::HaltCleared, "cleared by a person");
    }
    match read_halt(&app.files).tripped() {
        None => Ok(Done::Well),
        Some(what) => {
            say(&format!("still halted: {what}."));
            Ok(Done::NotInOrder)
        }
    }
}

/// The switch counts, not its record: a ledger that cannot be written must not keep a person from halting.
fn record(app: &App, kind: AuditKind, reason: &str) {
    let session = format!("cli:{}", std::process::id());
    let made = AuditRecord::new(
        clock::now(),
        app.files.broker().as_str(),
        &session,
        kind,
        AuditOutcome::Accepted,
    );
    let written = made.map_err(|error| error.to_string()).and_then(|mut record| {
        record.intent_normalized = Some(reason.to_owned());
        app.ledger().append(&record).map_err(|error| error.to_string())
    });
    if let Err(error) = written {
        complain(&format!("done, but it is not on the ledger: {error}"));
    }
}
