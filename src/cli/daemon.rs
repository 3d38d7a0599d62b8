//! `mandated daemon`: the process that stays.

use super::app::App;
use super::args::DaemonArgs;
use super::out::say;
use super::serve::{listen, stop_signal};
use super::{Done, Failure};
use crate::daemon::place::{Place, now_text};
use crate::daemon::run::{self, Parts};
use crate::daemon::systemd::Notifier;

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
        Some(listen(&app, &args.host, args.port).await?)
    };
    say(&format!(
        "daemon for `{}` on {}, {}",
        identity.broker,
        identity.venue,
        place.holder()
    ));
    let address = http.as_ref().and_then(|(listener, _)| listener.local_addr().ok());
    if let Some(address) = address {
        say(&format!("http   http://{address}/mcp"));
    }
    say(&format!("files  {}", app.files.broker_folder().display()));
    let parts = Parts {
        place,
        files: app.files.clone(),
        venue: trading.venue.clone(),
        ledger: trading.ledger.clone(),
        broker: trading.broker.clone(),
        identity,
        http,
        notifier: Notifier::from_env(),
    };
    run::run(parts, stop_signal).await.map_err(Failure::failed)?;
    Ok(Done::Well)
}
