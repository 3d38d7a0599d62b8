//! The global sentinel stops every broker key under the root: what is said of it is said of all of them.

use std::fs;

use super::super::app::App;
use super::super::out::complain;
use crate::daemon::board::Seen;
use crate::state::halt::HaltScope;
use crate::state::paths::{BrokerKey, LiveFiles};
use crate::state::{clock, durable};

/// Says that nothing trades from this folder, where that is beyond doubt, or that another broker key does.
pub(super) fn complain_of_no_mandate(app: &App, scope: HaltScope) {
    let path = app.files.mandate();
    if durable::absent(&path).is_err() {
        return;
    }
    let (path, ours) = (path.display(), app.files.broker());
    match of_scope(app, scope) {
        Some(others) => {
            let trading: Vec<String> = others
                .iter()
                .filter(|files| durable::absent(&files.mandate()).is_err())
                .map(|files| format!("`{}`", files.broker()))
                .collect();
            complain(&match trading.as_slice() {
                [] => format!(
                    "nothing trades from here: there is no `{path}`. is VIBE_RUNTIME_ROOT / MANDATED_VENUE that of the \
                     agent?"
                ),
                names => format!(
                    "there is no `{path}`: what trades from here has another broker key than `{ours}`: {}. is \
                     BYBIT_BROKER_KEY that of the agent?",
                    names.join(", ")
                ),
            });
        }
        None => complain(&format!(
            "there is no `{path}`, and whether another broker key trades from here cannot be told. is \
             BYBIT_BROKER_KEY that of the agent?"
        )),
    }
}

/// The daemons of other broker keys that this sentinel is for, one line each.
pub(super) fn daemons(app: &App, scope: HaltScope) -> Vec<String> {
    let others = of_scope(app, scope).unwrap_or_default();
    let lines = others.iter().filter_map(|files| {
        let key = files.broker();
        let daemon = match Seen::read(files) {
            Ok(daemon) => daemon?,
            Err(error) => {
                return Some(format!("whether a daemon of broker `{key}` runs cannot be told: {error}."));
            }
        };
        let doubt = daemon.doubt(clock::now(), None).map_or_else(
            || "and has the same halt to act on".to_owned(),
            |doubt| format!("BUT {doubt}: do not count on it"),
        );
        Some(format!(
            "the daemon of broker `{key}` runs ({}), {doubt}: follow it with `mandated status --broker-key {key}`.",
            daemon.holder
        ))
    });
    lines.collect()
}

/// The other broker keys that a sentinel of that scope stops; `None` when that cannot be told.
fn of_scope(app: &App, scope: HaltScope) -> Option<Vec<LiveFiles>> {
    if scope == HaltScope::Broker {
        return Some(Vec::new());
    }
    let folder = app.files.live_folder();
    if durable::absent(folder).is_ok() {
        return Some(Vec::new());
    }
    let mut others = Vec::new();
    for entry in fs::read_dir(folder).ok()? {
        let entry = entry.ok()?;
        // Ledgers and HALT lie beside the folders, and most names may be a key.
        let name = entry.file_name().into_string().unwrap_or_default();
        match BrokerKey::parse(&name) {
            Ok(key) if key.as_str() == name && key != *app.files.broker() && entry.path().is_dir() => {
                others.push(LiveFiles::new(&app.root, key));
            }
            Ok(_) | Err(_) => {}
        }
    }
    others.sort_by(|one, other| one.broker().as_str().cmp(other.broker().as_str()));
    Some(others)
}
