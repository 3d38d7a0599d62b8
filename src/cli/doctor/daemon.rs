//! Whether a daemon runs for this broker key: it holds a lock as long as it lives, and listens on a socket.

use std::fs;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use super::super::app::App;
use super::finding::Finding;
use super::modes::{OTHERS_WRITE, open_to_others};
use crate::daemon::door::socket_path;
use crate::daemon::place::{self, Holder};

pub(super) fn check(app: &App) -> Vec<Finding> {
    let holder = place::holder(&app.files);
    let mut findings = vec![judge_holder(&holder)];
    if matches!(holder, Ok(Some(_))) {
        findings.push(check_socket(&socket_path(&app.files)));
    }
    findings
}

fn judge_holder(holder: &io::Result<Option<Holder>>) -> Finding {
    match holder {
        Ok(Some(holder)) => Finding::green("daemon.alive", format!("running, {holder}")),
        Ok(None) => Finding::yellow(
            "daemon.not_running",
            "no daemon runs: a halt refuses orders, and nothing cancels those that rest",
            "start `mandated daemon`, if a halt is to cancel and close",
        ),
        Err(error) => Finding::yellow(
            "daemon.not_running",
            format!("whether a daemon runs cannot be told: {error}"),
            "look at `mandated.pid` in the broker's folder",
        ),
    }
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
            format!("the daemon runs, and there is no socket at `{name}`"),
            "start it again: without the socket each client trades through a process of its own",
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn a_daemon_is_told_from_none() {
        let holder = Holder {
            pid: Some(4711),
            since: Some("2026-06-02T09:15:49.482+00:00".to_owned()),
        };
        let alive = judge_holder(&Ok(Some(holder)));
        assert_eq!(alive.id, "daemon.alive");
        assert!(alive.what.contains("pid 4711"), "{}", alive.what);
        assert_eq!(judge_holder(&Ok(None)).id, "daemon.not_running");
        assert_eq!(
            judge_holder(&Err(io::Error::other("no"))).id,
            "daemon.not_running"
        );
    }

    #[test]
    fn a_socket_that_others_can_reach_is_red() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mandated.sock");
        assert!(check_socket(&path).what.contains("no socket"));
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
