//! Whether a daemon runs for this broker key, looks, and looks after the same money: it holds a lock as long as it
//! lives, says when it looked, and listens on a socket.

use std::fs;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::SocketAddr;
use std::path::Path;

use chrono::{DateTime, Utc};

use super::super::app::App;
use super::finding::Finding;
use super::modes::{OTHERS_WRITE, open_to_others};
use crate::daemon::board::{Doubt, Seen};
use crate::daemon::door::socket_path;
use crate::daemon::hello::Identity;
use crate::daemon::receipt::is_unfinished;
use crate::state::clock;

pub(super) fn check(app: &App) -> Vec<Finding> {
    let seen = Seen::read(&app.files);
    let mut findings = vec![judge(&seen, clock::now(), app.identity().ok().as_ref())];
    if matches!(seen, Ok(None)) && is_unfinished(&app.files) {
        findings.push(Finding::yellow(
            "daemon.sweep_unfinished",
            "HALT stands and its sweep was not finished: orders may rest and positions be open",
            "start the daemon or `mandated flatten`",
        ));
    }
    if let Ok(Some(daemon)) = &seen {
        findings.extend(judge_hold(daemon));
        findings.push(check_socket(&socket_path(&app.files)));
    }
    findings
}

fn judge(seen: &io::Result<Option<Seen>>, now: DateTime<Utc>, us: Option<&Identity>) -> Finding {
    let seen = match seen {
        Ok(Some(seen)) => seen,
        Ok(None) => {
            return Finding::yellow(
                "daemon.not_running",
                "no daemon runs: a halt refuses orders, and nothing cancels those that rest",
                "start `mandated daemon`, if a halt is to cancel and close",
            );
        }
        Err(error) => {
            return Finding::yellow(
                "daemon.not_running",
                format!("whether a daemon runs cannot be told: {error}"),
                "look at `mandated.pid` in the broker's folder",
            );
        }
    };
    let holder = &seen.holder;
    match seen.doubt(now, us) {
        None => match seen.mute(now) {
            None => Finding::green("daemon.alive", format!("running, {holder}")),
            Some(why) => Finding::yellow(
                "daemon.mute",
                format!("running, {holder}; it looks, and cannot write down how it stands: {why}"),
                "leave it running: it watches HALT. make room, and it says how it stands within seconds",
            ),
        },
        Some(Doubt::NotLooking(why)) => Finding::red(
            "daemon.not_looking",
            format!("a daemon runs ({holder}), and a halt may cancel nothing: {why}"),
            "end that process, with SIGKILL if need be, and start `mandated daemon` again; until then `mandated \
             cancel-all` and `mandated flatten` are the way out",
        ),
        Some(Doubt::OtherMoney(why)) => Finding::red(
            "daemon.other_money",
            format!("a daemon runs ({holder}), and a halt cancels nothing of this account: {why}"),
            "start it with the settings that are used here, or use its settings here",
        ),
    }
}

/// What it found red by its own folder and environment need not be red here.
fn judge_hold(seen: &Seen) -> Option<Finding> {
    let (why, holder) = (seen.holds()?, &seen.holder);
    Some(Finding::red(
        "daemon.holds",
        format!("a daemon runs ({holder}), watches HALT, and refuses every write: {why}"),
        "mend what it names, or accept it in its policy.toml; it looks again within 30 s, by its own working folder and \
         environment, and its log has each finding",
    ))
}

fn check_socket(path: &Path) -> Finding {
    let name = path.display();
    match fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => match open_to_others(path, OTHERS_WRITE) {
            Ok(false) => Finding::green(
                "daemon.socket",
                format!("listens on `{name}`, for this user alone"),
            ),
            Ok(true) => Finding::red(
                "daemon.socket_exposed",
                format!("others can connect to `{name}` and trade under the mandate"),
                format!("chmod 600 '{name}', and chmod 700 its folder"),
            ),
            Err(error) => Finding::yellow(
                "daemon.socket",
                format!("who can connect to `{name}` cannot be told: {error}"),
                "look at its mode and at the folders above it",
            ),
        },
        Ok(_) | Err(_) => Finding::yellow(
            "daemon.socket",
            format!(
                "the daemon runs, and there is no socket at `{name}`: each client trades through a process of its own"
            ),
            match SocketAddr::from_pathname(path) {
                Ok(_) => "its log says why; it tries again each second",
                Err(_) => "choose a shorter runtime root: no socket has a path as long as this one",
            },
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::net::UnixListener;

    use super::*;
    use crate::daemon::place::Holder;

    #[test]
    fn a_daemon_is_told_from_none() {
        let now = DateTime::from_timestamp(1_780_391_749, 0).unwrap();
        let since = |seconds| Some(clock::ledger_text(now - chrono::Duration::seconds(seconds)));
        let seen = |since| Seen {
            holder: Holder {
                pid: Some(4711),
                since,
            },
            board: None,
            shown: None,
            mute: None,
            unseen: None,
        };
        let alive = judge(&Ok(Some(seen(since(1)))), now, None);
        assert_eq!(alive.id, "daemon.alive");
        assert!(alive.what.contains("pid 4711"), "{}", alive.what);
        let silent = judge(&Ok(Some(seen(since(60)))), now, None);
        assert!(silent.is_red() && silent.id == "daemon.not_looking");
        let mut mute = seen(since(60));
        (mute.shown, mute.mute) = (Some(now), Some("the disk is full".into()));
        let mute = judge(&Ok(Some(mute)), now, None);
        assert!(!mute.is_red() && mute.id == "daemon.mute" && !mute.advice.unwrap().contains("KILL"));
        assert_eq!(judge(&Ok(None), now, None).id, "daemon.not_running");
        assert_eq!(judge_hold(&seen(since(1))), None);
        let error = io::Error::other("no");
        assert_eq!(judge(&Err(error), now, None).id, "daemon.not_running");
    }

    #[test]
    fn a_socket_that_others_can_reach_is_red() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mandated.sock");
        let missing = check_socket(&path);
        assert!(missing.what.contains("no socket") && missing.advice.unwrap().contains("its log"));
        let too_long = check_socket(&folder.path().join("a".repeat(108)).join("mandated.sock"));
        assert!(too_long.advice.unwrap().contains("a shorter runtime root"));
        let _listener = UnixListener::bind(&path).unwrap();
        let set = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        set(folder.path(), 0o700);
        set(&path, 0o666);
        assert!(!check_socket(&path).is_red(), "its folder is closed");
        set(folder.path(), 0o755);
        assert!(check_socket(&path).is_red());
        set(&path, 0o600);
        assert_eq!(check_socket(&path).id, "daemon.socket");
    }
}
