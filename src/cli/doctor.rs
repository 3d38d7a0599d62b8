//! `mandated doctor`: looks at everything that trading stands on and says what to do about what is wrong.
//!
//! Each file below looks at one thing; what it saw is judged by pure functions. Nothing is repaired, and nothing
//! is written but a probe that is removed again, the ledger's own files where they are missing, and on paper the
//! account.

mod account;
mod clients;
mod daemon;
mod exchange;
mod files;
mod finding;
mod key;
mod mandate;
mod modes;
mod permissions;
mod registration;
mod secrets;
mod standing;
mod times;

use serde_json::json;

use super::app::App;
use super::args::{DoctorArgs, Settings};
use super::out::{Style, say, say_json};
use super::{Done, Failure};
use crate::domain::policy::{Policy, PolicyError};
use exchange::Depth;
pub(in crate::cli) use finding::{Finding, Severity};
pub(in crate::cli) use mandate::refuses_more;

pub(super) async fn run(settings: Settings, args: &DoctorArgs) -> Result<Done, Failure> {
    let findings = match App::new(settings) {
        Ok(app) if args.start => red_findings(&app).await,
        Ok(app) => all_findings(&app).await,
        Err(error) => vec![Finding::red(
            "files.root",
            format!("the folder of the mandate and the kill switch cannot be told: {error}"),
            "until then nothing starts",
        )],
    };
    if args.json {
        say_json(&as_json(&findings));
    } else {
        print(&findings, Style::of_stdout());
    }
    Ok(if findings.iter().any(Finding::is_red) {
        Done::NotInOrder
    } else {
        Done::Well
    })
}

/// What keeps a daemon from trading: reds that the gate does not refuse on by itself and that no person accepted.
///
/// It asks the exchange three questions, waits at most 5 s for each, and walks the whole chain (150 MB a second) on
/// a thread beside. An exchange that does not answer leaves
/// `key.unchecked`: ask again later, and do not trade before.
pub(in crate::cli) async fn red_findings(app: &App) -> Vec<Finding> {
    let here = app.clone();
    let on_disk = tokio::task::spawn_blocking(move || {
        let mut findings = files::folders(&here);
        findings.extend(secrets::check(&here));
        findings.push(standing::chain(&here));
        findings
    });
    let mut findings = match on_disk.await {
        Ok(findings) => findings,
        // As if it had been here: whoever asked does not get an answer that looks like a good one.
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => std::future::pending().await,
        },
    };
    findings.extend(exchange::check(app, Depth::Start).await);
    let judged = judged(findings, &standing::policy(app));
    judged.into_iter().filter(Finding::is_unguarded).collect()
}

async fn all_findings(app: &App) -> Vec<Finding> {
    let policy = standing::policy(app);
    let mut findings = files::check(app);
    findings.extend(secrets::check(app));
    findings.extend(mandate::check(app));
    findings.extend(standing::check(app, &policy));
    findings.extend(exchange::check(app, Depth::Full).await);
    findings.extend(daemon::check(app));
    findings.extend(clients::check(app));
    judged(findings, &policy)
}

/// A policy that is not understood accepts nothing.
fn judged(findings: Vec<Finding>, policy: &Option<Result<Policy, PolicyError>>) -> Vec<Finding> {
    match policy {
        Some(Ok(policy)) => findings
            .into_iter()
            .map(|finding| finding.judged_by(policy))
            .collect(),
        Some(Err(_)) | None => findings,
    }
}

fn print(findings: &[Finding], style: Style) {
    findings.iter().for_each(|finding| say(&finding.line(style)));
    let count = |severity| {
        findings
            .iter()
            .filter(|finding| finding.severity == severity)
            .count()
    };
    let (red, yellow) = (count(Severity::Red), count(Severity::Yellow));
    say(&style.bold(&format!("{red} red, {yellow} yellow")));
    let acceptable: Vec<String> = acceptable(findings)
        .iter()
        .map(|id| format!("\"{id}\""))
        .collect();
    if !acceptable.is_empty() {
        say(&format!(
            "to accept what is red deliberately, write into policy.toml of the broker's folder: accepted_findings = [{}]. \
             the daemon trades when `mandated doctor --start` finds nothing red",
            acceptable.join(", ")
        ));
    }
}

fn as_json(findings: &[Finding]) -> String {
    let worst = findings.iter().map(|finding| finding.severity).max();
    let listed: Vec<_> = findings.iter().map(Finding::to_json).collect();
    json!({
        "in_order": !findings.iter().any(Finding::is_red),
        "worst": worst.unwrap_or(Severity::Green).as_str(),
        "acceptable": acceptable(findings),
        "findings": listed,
    })
    .to_string()
}

/// The ids that `accepted_findings` may name now.
fn acceptable(findings: &[Finding]) -> Vec<&'static str> {
    let mut ids: Vec<&str> = findings
        .iter()
        .filter(|finding| finding.is_acceptable())
        .map(|finding| finding.id)
        .collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}
