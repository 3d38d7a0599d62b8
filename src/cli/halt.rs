//! `mandated halt` and `mandated resume`: the kill switch from the command line.

mod others;

use std::thread;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::app::App;
use super::args::{HaltArgs, ResumeArgs};
use super::out::{complain, say};
use super::{Done, Failure};
use crate::daemon::board::Seen;
use crate::state::audit_record::{AuditKind, AuditOutcome, AuditRecord};
use crate::state::halt::{self, HaltScope, Trip, read_halt};
use crate::state::{clock, ledger_read};

/// A daemon that looks has the halt on the ledger within this; after that the record is made here.
const DAEMON_ACTS_WITHIN: Duration = Duration::from_secs(3);
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
    others::complain_of_no_mandate(app, scope);
    let is_recorded = match Seen::read(&app.files) {
        Ok(Some(daemon)) => watched(app, &daemon, tripped, now),
        Ok(None) => {
            let key = app.files.broker();
            say(&format!("no daemon runs for broker key `{key}`: {STAYS}"));
            false
        }
        Err(error) => {
            say(&format!(
                "whether a daemon runs cannot be told: {error}. {MAY_STAY}"
            ));
            false
        }
    };
    others::daemons(app, scope).iter().for_each(|line| say(line));
    if !is_recorded {
        record(app, AuditKind::HaltTripped, &reason);
    }
    Ok(Done::Well)
}

const STAYS: &str = "orders that rest at the exchange stay; `mandated cancel-all` cancels them.";
const MAY_STAY: &str = "orders that rest at the exchange may stay; `mandated cancel-all` cancels them.";

/// Says what a person may expect of the daemon, once it has shown that it acts or had the time to; whether it has the
/// halt on the ledger.
fn watched(app: &App, daemon: &Seen, tripped: Trip, at: DateTime<Utc>) -> bool {
    let doubt = daemon.doubt(clock::now(), app.identity().ok().as_ref());
    if let Some(doubt) = doubt {
        say(&doubted(daemon, &doubt.to_string()));
        return false;
    }
    let sign = sign_of_it(app, tripped, at);
    say(&match sign {
        Some(_) => format!(
            "the daemon ({}) cancels what rests at the exchange: follow it with `mandated status`.",
            daemon.holder
        ),
        None => doubted(
            daemon,
            &format!("it did not act within {} s", DAEMON_ACTS_WITHIN.as_secs()),
        ),
    });
    sign == Some(Sign::Recorded)
}

fn doubted(daemon: &Seen, why: &str) -> String {
    format!(
        "a daemon runs ({}), BUT {why}: do not count on it. {MAY_STAY}",
        daemon.holder
    )
}

/// By what a daemon shows that it acts on a halt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    /// It is on the ledger, with the same reason.
    Recorded,
    /// It says that it sees it: its record may not be written yet, or cannot be, or was written long ago.
    Seen,
}

/// A daemon that is only frozen keeps its place and the file that says how it stands: it is given the time to act.
fn sign_of_it(app: &App, tripped: Trip, at: DateTime<Utc>) -> Option<Sign> {
    let begun = Instant::now();
    let has_seen = || {
        let halt = read_halt(&app.files).tripped().unwrap_or_default();
        matches!(Seen::read(&app.files), Ok(Some(daemon)) if daemon.has_seen(&halt, at))
    };
    loop {
        match tripped {
            Trip::Written if is_recorded_since(app, at) => return Some(Sign::Recorded),
            // It may be on record or not: its record is as old as the sentinel.
            Trip::WasTripped if has_seen() => return Some(Sign::Seen),
            Trip::Written | Trip::WasTripped => {}
        }
        if begun.elapsed() >= DAEMON_ACTS_WITHIN {
            return has_seen().then_some(Sign::Seen);
        }
        thread::sleep(BETWEEN_LOOKS);
    }
}

/// Whether the daemon has the halt on the ledger, with the same reason.
fn is_recorded_since(app: &App, tripped: DateTime<Utc>) -> bool {
    let since = clock::ledger_text(tripped);
    let is_it = |record: &Value| {
        let text = |name: &str| record.get(name).and_then(Value::as_str).unwrap_or_default();
        text("kind") == "halt_tripped"
            && text("server") == app.files.broker().as_str()
            && text("session_id").starts_with("sweep:")
            && text("ts") >= since.as_str()
    };
    let last = ledger_read::tail(&app.files, LAST_RECORDS).unwrap_or_default();
    last.iter().filter_map(|line| line.record.as_ref()).any(is_it)
}

pub(super) fn resume(app: &App, args: &ResumeArgs) -> Result<Done, Failure> {
    let scope = scope(args.broker);
    let sweep = under_way(app);
    let was_there = halt::clear(&app.files, scope).map_err(Failure::failed)?;
    let whom = whom(app, scope);
    say(&if was_there {
        format!("cleared the halt of {whom}.")
    } else {
        format!("there was no halt of {whom}.")
    });
    others::complain_of_no_mandate(app, scope);
    if was_there {
        record(app, AuditKind::HaltCleared, "cleared by a person");
    }
    match read_halt(&app.files).tripped() {
        None => {
            if let Some(sweep) = sweep.filter(|_| was_there) {
                complain(&format!(
                    "the sweep of this halt was under way and ends here ({sweep}): what was not closed stays open, and \
                     a close that was sent may still fill. look with `mandated status`"
                ));
            }
            Ok(Done::Well)
        }
        Some(what) => {
            say(&format!("still halted: {what}."));
            Ok(Done::NotInOrder)
        }
    }
}

/// How far the daemon's sweep is, in words, while it goes on.
fn under_way(app: &App) -> Option<String> {
    let daemon = Seen::read(&app.files).ok().flatten()?;
    let is_well = daemon.doubt(clock::now(), None).is_none();
    let board = daemon.board.filter(|board| is_well && board.is_sweeping())?;
    Some(board.in_words())
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
