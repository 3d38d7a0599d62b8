//! An MCP client over the pipes of a child process, as small as one can be.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use crate::machine::{field, number};

pub(crate) const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"bench","version":"1"}}}"#;
pub(crate) const INITIALIZED: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
pub(crate) const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}"#;

/// A server under way; killed when dropped.
pub(crate) struct Session {
    pub(crate) child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Session {
    /// Starts `command` and opens the session.
    pub(crate) fn open(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let mut session = Self { child, stdin, stdout };
        session.ask(INITIALIZE, 0);
        session.say(INITIALIZED);
        session
    }

    /// The reply to `tools/list`, as the line it came on.
    pub(crate) fn list(&mut self) -> String {
        self.ask(LIST, 1)
    }

    /// The structured content of a tool's answer, or its text.
    pub(crate) fn call(&mut self, tool: &str, arguments: &Value) -> Value {
        let call = json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call",
                          "params": {"name": tool, "arguments": arguments}});
        let line = self.ask(&call.to_string(), 2);
        let mut reply: Value = serde_json::from_str(&line).unwrap();
        let result = &mut reply["result"];
        match result["structuredContent"].take() {
            Value::Null => result["content"][0]["text"].take(),
            content => content,
        }
    }

    fn say(&mut self, line: &str) {
        self.stdin.write_all(format!("{line}\n").as_bytes()).unwrap();
        self.stdin.flush().unwrap();
    }

    /// Sends a request and waits for the line that answers it.
    fn ask(&mut self, request: &str, id: u64) -> String {
        self.say(request);
        loop {
            let mut line = String::new();
            assert!(
                self.stdout.read_line(&mut line).unwrap() > 0,
                "the server ended instead of answering {request}"
            );
            let reply: Value = serde_json::from_str(&line).unwrap();
            if reply["id"] == id {
                return line;
            }
        }
    }

    /// A line of `/proc/<pid>/status` in bytes: `VmRSS`, `RssAnon`, `RssFile`.
    pub(crate) fn memory(&self, name: &str) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        number(&field(&path, name)) * 1024
    }

    /// Nanoseconds that its living threads have spent on a processor.
    pub(crate) fn on_processor(&self) -> u64 {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        tasks
            .flatten()
            .filter_map(|task| std::fs::read_to_string(task.path().join("schedstat")).ok())
            .map(|text| number(&text))
            .sum()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
