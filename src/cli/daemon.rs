//! `mandated daemon`: the process that stays.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::app::App;
use super::args::DaemonArgs;
use super::doctor::{Finding, red_findings};
use super::out::say;
use super::serve::{listen, token_place};
use super::signals::Signals;
use super::{Done, Failure};
use crate::broker::{Broker, Hold, Why};
use crate::daemon::place::{Place, now_text};
use crate::daemon::run::{self, Parts};
use crate::daemon::systemd::Notifier;
use crate::venue::bybit::BybitVenue;

/// How often a red finding is looked at again.
const BETWEEN_CHECKS: Duration = Duration::from_secs(30);

pub(super) async fn run(app: App, args: DaemonArgs) -> Result<Done, Failure> {
    let identity = app.identity()?;
    // Before anything else: a second daemon must change nothing.
    let place = Place::take(&app.files, &now_text())
        .await
        .map_err(Failure::failed)?;
    let trading = app.trading().await?;
    let http = if args.no_http {
        None
    } else {
        Some(listen(&app, &args.address).await?)
    };
    let mut signals = Signals::new()?;
    say(&format!(
        "daemon for `{}` on {}, {}",
        identity.broker,
        identity.venue,
        place.holder()
    ));
    let address = http.as_ref().and_then(|(listener, _)| listener.local_addr().ok());
    if let Some(address) = address {
        say(&format!("http   http://{address}/mcp"));
        say(&format!("token  {}", token_place(&app)));
    }
    say(&format!("files  {}", app.files.broker_folder().display()));
    trading.broker.hold(Hold::Checking);
    let guard = tokio::spawn(hold_while_red(app.clone(), trading.broker.clone()));
    let parts = Parts {
        place,
        files: app.files.clone(),
        venue: trading.venue.clone(),
        apart: Arc::new(trading.venue.apart()),
        ledger: trading.ledger.clone(),
        broker: trading.broker.clone(),
        identity,
        http,
        notifier: Notifier::from_env(),
    };
    let ended = run::run(parts, async || signals.recv().await).await;
    guard.abort();
    ended.map_err(Failure::failed)?;
    Ok(Done::Well)
}

/// No order passes while `doctor` finds something red that no person accepted. HALT is watched all the same.
async fn hold_while_red(app: App, broker: Arc<Broker<BybitVenue>>) {
    loop {
        let findings = red_findings(&app).await;
        if findings.is_empty() {
            broker.hold(Hold::Nothing);
            return;
        }
        for finding in &findings {
            tracing::error!(id = finding.id, "the daemon does not trade: {}", finding.what);
        }
        broker.hold(Hold::Because(held_by(&findings)));
        sleep(BETWEEN_CHECKS).await;
    }
}

/// The person hears what was found and not its id alone: what is red by this process's folder and environment is not
/// so elsewhere. The agent hears the ids: what was found names the places of secrets that others can read.
fn held_by(findings: &[Finding]) -> Why {
    let ids: BTreeSet<&str> = findings.iter().map(|finding| finding.id).collect();
    let ids: Vec<&str> = ids.into_iter().collect();
    let found: Vec<String> = findings
        .iter()
        .map(|finding| format!("{} ({})", finding.id, finding.what))
        .collect();
    let red = "the daemon does not trade while these findings are red";
    let advice = "a person runs `mandated doctor --start`";
    Why {
        for_the_agent: format!(
            "{red}: {}; {advice}, or `mandated status`, which says what was found",
            ids.join(", ")
        ),
        for_the_person: format!("{red}: {}; {advice}", found.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_hears_each_id_once_and_no_more_than_that() {
        let exposed = |path: &str| {
            let what = format!("others can read `{path}`, a .env file with our secrets");
            Finding::red("files.secret_exposed", what, "close it")
        };
        let folder = Finding::red(
            "files.folder_writable",
            "others can write in `/home/a/live`",
            "close it",
        );
        let why = held_by(&[exposed("/home/a/.env"), folder, exposed("/srv/.env")]);
        assert_eq!(
            why.for_the_agent,
            "the daemon does not trade while these findings are red: files.folder_writable, files.secret_exposed; a \
             person runs `mandated doctor --start`, or `mandated status`, which says what was found"
        );
        for path in ["/home/a/.env", "/home/a/live", "/srv/.env"] {
            assert!(why.for_the_person.contains(path), "{why:?}");
        }
    }
}
