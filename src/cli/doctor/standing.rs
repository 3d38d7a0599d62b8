//! What stands between two orders: the kill switch, the day's count, the policy, the ledgers, orders in flight.

use chrono::{DateTime, Utc};

use super::super::app::App;
use super::finding::Finding;
use crate::domain::mandate::{Mandate, parse_instant};
use crate::domain::policy::{Policy, PolicyError};
use crate::state::chain::{BreakKind, ChainBreak};
use crate::state::clock;
use crate::state::counter::{Counter, CounterError};
use crate::state::halt::{HaltScope, HaltState, read_halt};
use crate::state::inflight::{self, InflightError, InflightRecord};
use crate::state::ledger::LedgerError;
use crate::state::lock::{LockError, OrderLock};
use crate::state::mandate_file::{policy_text, read_mandate_text};
use crate::state::verify::{Apart, VerifyReport, apart, verify};

pub(super) fn check(app: &App, policy: &Option<Result<Policy, PolicyError>>) -> Vec<Finding> {
    let files = &app.files;
    let now = clock::now();
    let cap = read_mandate_text(files)
        .ok()
        .and_then(|text| Mandate::parse(&text).ok())
        .map(|mandate| mandate.hard_caps.max_trades_per_day);
    let today = now.date_naive();
    let count = Counter::read(files, today).map(|counter| counter.count());
    let mut findings = vec![
        judge_halt(&read_halt(files)),
        judge_count(&count, &today.to_string(), cap),
        judge_policy(policy),
        chain(app),
    ];
    // Making the ledger's files is for the first record, not for a look.
    if files.live_folder().is_dir() {
        findings.push(judge_ledger(&app.ledger().check_writable()));
    }
    findings.push(judge_lock(&OrderLock::check(files)));
    findings.extend(judge_inflight(&inflight::list(files), now));
    findings
}

/// Walks the chained ledger from end to end, and holds it against `audit.jsonl`.
pub(super) fn chain(app: &App) -> Finding {
    let report = verify(&app.files);
    match report.is_whole() {
        true => judge_apart(&apart(&app.files)).unwrap_or_else(|| judge_chain(&report)),
        false => judge_chain(&report),
    }
}

/// `policy.toml` as it stands; `None` when there is none.
pub(super) fn policy(app: &App) -> Option<Result<Policy, PolicyError>> {
    match policy_text(&app.files) {
        Ok(text) => text.map(|text| Policy::parse(&text)),
        Err(error) => Some(Err(PolicyError(error.to_string()))),
    }
}

fn judge_halt(halt: &HaltState) -> Finding {
    let Some(what) = halt.tripped() else {
        return Finding::green("halt.clear", "trading is not halted");
    };
    let remedy = |scope| match scope {
        HaltScope::Global => "mandated resume",
        HaltScope::Broker => "mandated resume --broker",
    };
    let remedies: Vec<&str> = halt
        .sentinels()
        .iter()
        .map(|sentinel| remedy(sentinel.scope))
        .collect();
    Finding::red(
        "halt.tripped",
        format!("every order is refused: {what}"),
        format!(
            "when the reason is gone: {}; if the path is no plain file, remove it by hand",
            remedies.join(" and ")
        ),
    )
}

fn judge_count(count: &Result<u64, CounterError>, today: &str, cap: Option<u64>) -> Finding {
    match (count, cap) {
        (Err(error), _) => Finding::red(
            "counter.unreadable",
            error.to_string(),
            "until then every order is refused",
        ),
        (Ok(count), None) => Finding::green("counter.count", format!("{count} orders on {today} (UTC)")),
        (Ok(count), Some(cap)) if *count >= cap => Finding::yellow(
            "counter.full",
            format!(
                "{count} of {cap} orders on {today} (UTC): orders that add are refused until midnight UTC"
            ),
            "wait, or commit a mandate with a larger max_trades_per_day",
        ),
        (Ok(count), Some(cap)) => Finding::green(
            "counter.count",
            format!("{count} of {cap} orders on {today} (UTC)"),
        ),
    }
}

fn judge_policy(policy: &Option<Result<Policy, PolicyError>>) -> Finding {
    match policy {
        None => Finding::green("policy.none", "no policy.toml: the mandate alone decides"),
        Some(Ok(policy)) if policy.accepted_findings.is_empty() => {
            Finding::green("policy.understood", "policy.toml is understood")
        }
        Some(Ok(policy)) => Finding::green(
            "policy.understood",
            format!(
                "policy.toml is understood and accepts {}",
                policy.accepted_findings.join(", ")
            ),
        ),
        Some(Err(error)) => Finding::red(
            "policy.invalid",
            error.to_string(),
            "until then every order that adds is refused",
        ),
    }
}

fn judge_chain(report: &VerifyReport) -> Finding {
    let records = report.records;
    match &report.first_break {
        None => Finding::green(
            "chain.whole",
            format!("the chained ledger is whole: {records} records"),
        ),
        Some(ChainBreak {
            kind: BreakKind::TornTail,
            ..
        }) => Finding::yellow(
            "chain.torn",
            format!("{records} whole records, then half of one that a crash cut short"),
            "nothing: the next record cuts it off; it told of no order that was sent",
        ),
        Some(broken) => Finding::red(
            "chain.broken",
            format!("{records} whole records, then {broken}"),
            "find out who changed it; keep the chain files elsewhere, then move them away to begin a new chain",
        ),
    }
}

/// Yellow: a crash or a full disk between the two files leaves the same, and no order is the less recorded for it.
fn judge_apart(apart: &Apart) -> Option<Finding> {
    (!apart.is_none()).then(|| {
        Finding::yellow(
            "chain.apart",
            format!("the chain's hashes are right, and the ledgers differ: {apart}"),
            "a process that was killed, or a full disk, between the two files leaves a record out of the chain; else \
             find out who removed it: see `The ledger is broken` in the README",
        )
    })
}

fn judge_ledger(writable: &Result<(), LedgerError>) -> Finding {
    match writable {
        Ok(()) => Finding::green("ledger.writable", "both ledgers can be appended to"),
        Err(error @ LedgerError::Busy { .. }) => {
            Finding::yellow("ledger.busy", error.to_string(), "run this again")
        }
        Err(error) => Finding::red(
            "ledger.unusable",
            error.to_string(),
            "until then every order is refused",
        ),
    }
}

fn judge_lock(usable: &Result<(), LockError>) -> Finding {
    match usable {
        Ok(()) => Finding::green("lock.usable", "the order lock can be taken"),
        Err(error) => Finding::red(
            "lock.unusable",
            error.to_string(),
            "until then every order is refused",
        ),
    }
}

fn judge_inflight(listed: &Result<Vec<InflightRecord>, InflightError>, now: DateTime<Utc>) -> Vec<Finding> {
    match listed {
        Err(error) => vec![Finding::red(
            "inflight.unreadable",
            error.to_string(),
            "until then every order that adds is refused",
        )],
        Ok(orders) if orders.is_empty() => {
            vec![Finding::green(
                "inflight.none",
                "no order is without a known outcome",
            )]
        }
        Ok(orders) => orders.iter().map(|order| unsettled(order, now)).collect(),
    }
}

fn unsettled(order: &InflightRecord, now: DateTime<Utc>) -> Finding {
    let age = parse_instant(&order.created_at).map_or_else(
        || "at a time that cannot be read".to_owned(),
        |sent| format!("{} s ago", (now - sent).num_seconds()),
    );
    let InflightRecord {
        client_id,
        side,
        symbol,
        venue,
        ..
    } = order;
    Finding::yellow(
        "inflight.open",
        format!("order {client_id} ({side} {symbol}, {venue}) was sent {age} and is not settled"),
        "the daemon, or the next start of `mandated serve`, looks it up; it counts as exposure until then",
    )
}

#[cfg(test)]
mod tests;
