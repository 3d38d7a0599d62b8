//! Log lines of the daemon go to stderr by a thread of their own: a terminal that was stopped, or a pipe that nobody
//! reads, must not hold up whoever has something to say, a sweep least of all. What finds no room is dropped.
//!
//! Whoever writes it, an event is one line: what it names may be a text of a model or of another program.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use tracing::level_filters::LevelFilter;

use super::app::env;
use super::out::{complain, plain};

/// So many lines wait at most.
const WAITING: usize = 1024;

/// At the end the last lines have this long.
const LAST_LINES: Duration = Duration::from_millis(500);

const LEVEL_VARIABLE: &str = "BYBIT_MCP_LOG_LEVEL";

/// How much is logged.
pub(super) fn level(text: &str) -> Result<LevelFilter, String> {
    match text.trim().to_ascii_lowercase().as_str() {
        "off" => Ok(LevelFilter::OFF),
        "error" | "critical" => Ok(LevelFilter::ERROR),
        "warn" | "warning" => Ok(LevelFilter::WARN),
        "info" => Ok(LevelFilter::INFO),
        "debug" => Ok(LevelFilter::DEBUG),
        "trace" => Ok(LevelFilter::TRACE),
        _ => Err("use off, error, warn, info, debug or trace".to_owned()),
    }
}

/// Logs go to stderr: stdout belongs to MCP and to results. With `apart` they go there by a thread of their own.
///
/// A level in the environment that is none is said and passed over: it must not keep a person from halting.
pub(super) fn to_stderr(typed: Option<LevelFilter>, apart: Option<Lines>) {
    let named = env(LEVEL_VARIABLE).filter(|text| typed.is_none() && !text.trim().is_empty());
    let found = named.as_deref().map(level).transpose().unwrap_or_else(|why| {
        let named = named.as_deref().unwrap_or_default();
        complain(&format!(
            "{LEVEL_VARIABLE} is `{named}`, so warnings are logged: {why}"
        ));
        None
    });
    let log = tracing_subscriber::fmt()
        .with_max_level(typed.or(found).unwrap_or(LevelFilter::WARN))
        .with_writer(move || match &apart {
            Some(lines) => OneLine(Box::new(lines.clone()) as Box<dyn Write>),
            None => OneLine(Box::new(io::stderr()) as Box<dyn Write>),
        })
        // A log that takes no more, as on a full disk, would be complained of on that very log: a panic.
        .log_internal_errors(false)
        .with_target(false);
    // A second subscriber in one process is a test's affair; the first one stays.
    let _ = log.with_ansi(false).try_init();
}

/// Takes an event at a time, as the subscriber writes them, and passes it on as one line.
struct OneLine<W>(W);

impl<W: Write> Write for OneLine<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let line = format!("{}\n", plain(text.trim_end_matches('\n')));
        self.0.write_all(line.as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

enum Item {
    Line(Vec<u8>),
    /// Everything before it is written: the sender is dropped.
    End(SyncSender<()>),
}

/// The end of the log that is written to.
#[derive(Debug, Clone)]
pub(super) struct Lines(SyncSender<Item>);

impl Lines {
    /// Starts the thread; `None` where there can be none.
    pub(super) fn start() -> Option<Self> {
        let (lines, waiting) = sync_channel(WAITING);
        let writing = thread::Builder::new().name("log".to_owned());
        writing.spawn(move || write(&waiting)).ok()?;
        Some(Self(lines))
    }

    /// Waits for what was said so far, for a while.
    pub(super) fn finish(&self) {
        let (ended, end) = sync_channel(1);
        if self.0.try_send(Item::End(ended)).is_ok() {
            let _ = end.recv_timeout(LAST_LINES);
        }
    }
}

fn write(waiting: &Receiver<Item>) {
    for item in waiting {
        match item {
            Item::Line(line) => {
                let _ = io::stderr().write_all(&line);
            }
            Item::End(ended) => {
                let _ = ended.send(());
            }
        }
    }
}

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // No room: nobody reads, so nobody misses it.
        let _ = self.0.try_send(Item::Line(line.to_vec()));
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line() {
        let mut out = Vec::new();
        OneLine(&mut out).write_all(b"a\nb \x1b[2J\xc2\x9b2J\n").unwrap();
        assert_eq!(out, b"a b  [2J 2J\n");
    }
}
