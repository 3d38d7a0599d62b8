//! `mandated halt` and `mandated resume`: the kill switch from the command line.

use super::app::App;
use super::args::{HaltArgs, ResumeArgs};
use super::out::{complain, say};
use super::{Done, Failure};
use crate::daemon::board::{Doubt, Seen};
use crate::state::audit_record::{AuditKind, AuditOutcome, AuditRecord};
use crate::state::clock;
use crate::state::halt::{self, HaltScope, Trip, read_halt};

fn scope(broker_alone: bool) -> HaltScope {
    if broker_alone {
        HaltScope::Broker
    } else {
        HaltScope::Global
    }
}

fn whom(app: &App, scope: HaltScope) -> String {
    match scope {
        HaltScope::Global => "every broker".to_owned(),
        HaltScope::Broker => format!("broker `{}`", app.files.broker().as_str()),
    }
}

pub(super) fn trip(app: &App, args: &HaltArgs) -> Result<Done, Failure> {
    let scope = scope(args.broker);
    let tripped =
        halt::trip(&app.files, scope, "cli", &args.reason, clock::now()).map_err(Failure::failed)?;
    let whom = whom(app, scope);
    match tripped {
        Trip::Written => say(&format!(
            "halted: {whom}. every write is refused from the next look on."
        )),
        Trip::WasTripped => say(&format!("{whom} was halted before; the older sentinel stands.")),
    }
    let us = app.identity().ok();
    match Seen::read(&app.files) {
        Ok(Some(daemon)) => say(&promise(&daemon, daemon.doubt(clock::now(), us.as_ref()))),
        Ok(None) | Err(_) => say(
            "no daemon runs for this broker key: orders that rest at the exchange stay; `mandated cancel-all` cancels them.",
        ),
    }
    record(app, AuditKind::HaltTripped, &args.reason);
    Ok(Done::Well)
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
