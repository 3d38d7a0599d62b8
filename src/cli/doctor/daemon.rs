//! Whether a daemon runs for this broker key: it holds a lock as long as it lives, and listens on a socket.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use fs2::FileExt;

use super::super::app::App;
use super::finding::Finding;
use super::modes::{OTHERS_WRITE, open_to_others};

/// Locked by the daemon; its text is the process id.
const LOCK: &str = "mandated.pid";
const SOCKET: &str = "mandated.sock";

const MAX_PID_BYTES: u64 = 64;

/// The holder of the lock.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Holder {
    Nobody,
    /// With the process id that the file names, where it names one.
    Daemon(Option<u32>),
}

pub(super) fn check(app: &App) -> Vec<Finding> {
    let folder = app.files.broker_folder();
    let holder = holder(&folder.join(LOCK));
    let mut findings = vec![judge_holder(&holder)];
    if matches!(holder, Ok(Holder::Daemon(_))) {
        findings.push(check_socket(&folder.join(SOCKET)));
    }
    findings
}

fn holder(path: &Path) -> io::Result<Holder> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Holder::Nobody),
        Err(error) => return Err(error),
    };
    match FileExt::try_lock_shared(&file) {
        // Let go at once: a daemon that starts in this instant must not take us for one.
        Ok(()) => FileExt::unlock(&file).map(|()| Holder::Nobody),
        Err(error) if error.kind() == fs2::lock_contended_error().kind() => {
            let mut text = String::new();
            file.by_ref().take(MAX_PID_BYTES).read_to_string(&mut text)?;
            Ok(Holder::Daemon(
                text.split_whitespace().next().and_then(|pid| pid.parse().ok()),
            ))
        }
        Err(error) => Err(error),
    }
}

fn judge_holder(holder: &io::Result<Holder>) -> Finding {
    match holder {
        Ok(Holder::Daemon(Some(pid))) => Finding::green("daemon.alive", format!("running, process {pid}")),
        Ok(Holder::Daemon(None)) => Finding::green("daemon.alive", "running"),
        Ok(Holder::Nobody) => Finding::yellow(
            "daemon.not_running",
            "no daemon runs: a halt refuses orders, and nothing cancels those that rest",
            "start `mandated daemon`, if a halt is to cancel and close",
        ),
        Err(error) => Finding::yellow(
            "daemon.not_running",
            format!("whether a daemon runs cannot be told: {error}"),
            format!("look at `{LOCK}` in the broker's folder"),
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
    fn the_lock_tells_a_daemon_from_a_file_that_it_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(LOCK);
        assert_eq!(holder(&path).unwrap(), Holder::Nobody);
        fs::write(&path, "4711\n").unwrap();
        assert_eq!(holder(&path).unwrap(), Holder::Nobody);
        let held = File::open(&path).unwrap();
        FileExt::try_lock_exclusive(&held).unwrap();
        assert_eq!(holder(&path).unwrap(), Holder::Daemon(Some(4711)));
        assert!(judge_holder(&holder(&path)).what.contains("process 4711"));
        drop(held);
        assert_eq!(judge_holder(&holder(&path)).id, "daemon.not_running");
    }

    #[test]
    fn a_socket_that_others_can_reach_is_red() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(SOCKET);
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
