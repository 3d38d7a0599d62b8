//! MCP sessions with the daemon: over its socket, and through `mandated serve`.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};

use serde_json::Value;

use crate::world::{PATIENCE, World, until};

fn call_line(id: u64, tool: &str, arguments: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"{tool}","arguments":{arguments}}}}}"#
    ) + "\n"
}

const OPEN: &str = concat!(
    r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"0"}}}"#,
    "\n",
    r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
    "\n"
);

/// One session over any pair of streams.
pub(crate) struct Session<R, W> {
    pub(crate) from: BufReader<R>,
    pub(crate) to: Option<W>,
    next: u64,
}

impl<R: Read, W: Write> Session<R, W> {
    fn open(from: R, mut to: W) -> Self {
        to.write_all(OPEN.as_bytes()).unwrap();
        let mut session = Self {
            from: BufReader::new(from),
            to: Some(to),
            next: 1,
        };
        assert_eq!(session.receive()["result"]["serverInfo"]["name"], "mandated");
        session
    }

    pub(crate) fn send(&mut self, tool: &str, arguments: &str) {
        let line = call_line(self.next, tool, arguments);
        self.next += 1;
        self.to.as_mut().unwrap().write_all(line.as_bytes()).unwrap();
    }

    pub(crate) fn receive(&mut self) -> Value {
        let mut line = String::new();
        self.from.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("not JSON: {line:?}"))
    }

    /// What the tool answered.
    pub(crate) fn call(&mut self, tool: &str, arguments: &str) -> Value {
        self.send(tool, arguments);
        self.receive()["result"]["structuredContent"].clone()
    }
}

pub(crate) fn over_socket(world: &World) -> Session<UnixStream, UnixStream> {
    let stream = UnixStream::connect(world.socket()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    Session::open(stream.try_clone().unwrap(), stream)
}

/// `mandated serve` with a session in it; killed when dropped.
pub(crate) struct Serve {
    child: Child,
    pub(crate) session: Session<ChildStdout, ChildStdin>,
}

impl Serve {
    pub(crate) fn start(mut command: Command) -> Self {
        let piped = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = piped.spawn().unwrap();
        let session = Session::open(child.stdout.take().unwrap(), child.stdin.take().unwrap());
        Self { child, session }
    }

    /// Ends the input and returns what else came to stdout, then how the process ended.
    pub(crate) fn close(mut self) -> (String, Output) {
        self.session.to = None;
        let mut rest = String::new();
        self.session.from.read_to_string(&mut rest).unwrap();
        (rest, self.end())
    }

    /// How it ended by itself.
    pub(crate) fn end(mut self) -> Output {
        let status = until("the end of serve", || self.child.try_wait().unwrap());
        let mut stderr = Vec::new();
        self.child
            .stderr
            .take()
            .unwrap()
            .read_to_end(&mut stderr)
            .unwrap();
        Output {
            status,
            stdout: Vec::new(),
            stderr,
        }
    }
}
