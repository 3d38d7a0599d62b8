//! Messages to a service manager that listens on `NOTIFY_SOCKET`; without one, nothing.

use std::env;
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

/// Where the messages go.
#[derive(Debug, Clone, Default)]
pub struct Notifier {
    socket: Option<OsString>,
    watchdog: Option<Duration>,
}

impl Notifier {
    /// As the environment of this process says.
    #[must_use]
    pub fn from_env() -> Self {
        let number = |name: &str| env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
        let is_for_us = env::var_os("WATCHDOG_PID").is_none()
            || number("WATCHDOG_PID") == Some(u64::from(std::process::id()));
        Self::new(
            env::var_os("NOTIFY_SOCKET"),
            number("WATCHDOG_USEC").filter(|_| is_for_us),
        )
    }

    /// `watchdog_usec` is how long the manager waits for a sign of life before it restarts the service.
    #[must_use]
    pub fn new(socket: Option<OsString>, watchdog_usec: Option<u64>) -> Self {
        let socket = socket.filter(|socket| !socket.is_empty());
        Self {
            watchdog: watchdog_usec
                .filter(|usec| *usec > 0 && socket.is_some())
                .map(Duration::from_micros),
            socket,
        }
    }

    /// Within this the manager wants to hear that all is well.
    #[must_use]
    pub fn watchdog(&self) -> Option<Duration> {
        self.watchdog
    }

    /// Listening, and HALT is watched.
    pub fn ready(&self) {
        self.tell("READY=1");
    }

    pub fn stopping(&self) {
        self.tell("STOPPING=1");
    }

    pub fn alive(&self) {
        self.tell("WATCHDOG=1");
    }

    /// One line for `systemctl status`.
    pub fn status(&self, words: &str) {
        self.tell(&format!("STATUS={}", words.replace('\n', " ")));
    }

    fn tell(&self, message: &str) {
        let Some(socket) = &self.socket else { return };
        if let Err(error) = send(socket, message.as_bytes()) {
            tracing::warn!(%error, message, "the service manager could not be told");
        }
    }
}

fn send(socket: &OsString, message: &[u8]) -> io::Result<()> {
    let datagram = UnixDatagram::unbound()?;
    // A manager that does not read must not hold the daemon up.
    datagram.set_nonblocking(true)?;
    match socket.as_bytes().strip_prefix(b"@") {
        Some(name) => send_abstract(&datagram, name, message),
        None => datagram.send_to(message, socket).map(drop),
    }
}

#[cfg(target_os = "linux")]
fn send_abstract(datagram: &UnixDatagram, name: &[u8], message: &[u8]) -> io::Result<()> {
    use std::os::linux::net::SocketAddrExt;
    let address = std::os::unix::net::SocketAddr::from_abstract_name(name)?;
    datagram.send_to_addr(message, &address).map(drop)
}

#[cfg(not(target_os = "linux"))]
fn send_abstract(_: &UnixDatagram, _: &[u8], _: &[u8]) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(listener: &UnixDatagram) -> String {
        let mut buffer = [0; 256];
        let count = listener.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..count]).into_owned()
    }

    #[test]
    fn messages_arrive_at_a_path() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let listener = UnixDatagram::bind(&path).unwrap();
        let notifier = Notifier::new(Some(path.into()), Some(30_000_000));
        assert_eq!(notifier.watchdog(), Some(Duration::from_secs(30)));
        notifier.ready();
        notifier.alive();
        notifier.status("a\nb");
        notifier.stopping();
        let all: Vec<String> = (0..4).map(|_| heard(&listener)).collect();
        assert_eq!(all, ["READY=1", "WATCHDOG=1", "STATUS=a b", "STOPPING=1"]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn messages_arrive_at_an_abstract_name() {
        use std::os::linux::net::SocketAddrExt;
        let name = format!("mandated-test-{}", std::process::id());
        let address = std::os::unix::net::SocketAddr::from_abstract_name(&name).unwrap();
        let listener = UnixDatagram::bind_addr(&address).unwrap();
        Notifier::new(Some(format!("@{name}").into()), None).ready();
        assert_eq!(heard(&listener), "READY=1");
    }

    #[test]
    fn without_a_listener_nothing_happens() {
        let none = Notifier::new(None, Some(1_000_000));
        assert_eq!(none.watchdog(), None);
        none.ready();
        Notifier::new(Some("/nonexistent/notify".into()), None).ready();
    }
}
