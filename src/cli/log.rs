//! Log lines of the daemon go to stderr by a thread of their own: a terminal that was stopped, or a pipe that nobody
//! reads, must not hold up whoever has something to say, a sweep least of all. What finds no room is dropped.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

/// So many lines wait at most.
const WAITING: usize = 1024;

/// At the end the last lines have this long.
const LAST_LINES: Duration = Duration::from_millis(500);

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
