//! The binary in an environment of its own: none of the developer's variables reach it.

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

/// A home folder and a runtime root.
pub(crate) struct Home {
    folder: TempDir,
}

impl Home {
    pub(crate) fn new() -> Self {
        let home = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        for folder in [home.root(), home.live(), home.live().join("bybit")] {
            fs::create_dir_all(&folder).unwrap();
            fs::set_permissions(&folder, Permissions::from_mode(0o700)).unwrap();
        }
        home
    }

    pub(crate) fn with_mandate(caps: &[(&str, Value)]) -> Self {
        let home = Self::new();
        home.put("bybit/mandate.json", &mandate(caps).to_string());
        home
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    pub(crate) fn live(&self) -> PathBuf {
        self.root().join("live")
    }

    /// A file under `live`, for its owner alone.
    pub(crate) fn put(&self, name: &str, text: &str) -> PathBuf {
        let path = self.live().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        path
    }

    /// The binary with nothing of this process's environment but `PATH`.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mandated"));
        command
            .args(args)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path())
            .env("VIBE_RUNTIME_ROOT", self.root())
            .env("MANDATED_PAPER_ROOT", self.root())
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    pub(crate) fn serve(&self) -> Session {
        Session::start(&mut self.command(&["serve", "--venue", "paper"]))
    }

    pub(crate) fn ledger(&self) -> Vec<Value> {
        lines(&self.live().join("audit.jsonl"))
    }
}

pub(crate) fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Coins that the paper account begins with leave room for $10,000 more.
pub(crate) fn mandate(caps: &[(&str, Value)]) -> Value {
    let mut mandate = json!({"schema_version": 1,
        "hard_caps": {"account_funding_usd": 50000.0, "max_order_notional_usd": 1000.0, "max_total_exposure_usd": 20000.0,
                      "max_leverage": 3.0, "allowed_instruments": ["crypto"], "max_trades_per_day": 20},
        "universe": {"asset_classes": ["crypto"], "min_market_cap_usd": null, "min_avg_daily_volume_usd": null,
                     "exclude_symbols": []},
        "consent": {"created_at": "2026-06-01T00:00:00+00:00", "consent_token_sha256": "ab", "broker": "bybit",
                    "account_ref": "a-1", "expires_at": "2099-01-01T00:00:00+00:00"}});
    for (cap, value) in caps {
        mandate["hard_caps"][cap] = value.clone();
    }
    mandate
}

/// A market order of about $150.
pub(crate) fn one_sol() -> Value {
    json!({"category": "linear", "symbol": "SOLUSDT", "side": "Buy", "order_type": "Market", "qty": "1"})
}

#[track_caller]
pub(crate) fn assert_exit(output: &Output, code: i32) {
    assert_eq!(output.status.code(), Some(code), "{output:?}");
}

pub(crate) fn stdout(output: &Output) -> &str {
    str::from_utf8(&output.stdout).unwrap()
}

pub(crate) fn stderr(output: &Output) -> &str {
    str::from_utf8(&output.stderr).unwrap()
}

/// An MCP session over the standard streams of a process.
pub(crate) struct Session {
    pub(crate) process: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    next_id: u64,
}

impl Session {
    pub(crate) fn start(command: &mut Command) -> Self {
        let streams = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut process = streams.spawn().unwrap();
        let input = process.stdin.take();
        let output = BufReader::new(process.stdout.take().unwrap());
        let mut session = Self {
            process,
            input,
            output,
            next_id: 1,
        };
        let client = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "0"}});
        let opened = session.ask("initialize", &client);
        assert_eq!(opened["serverInfo"]["name"], "mandated");
        session.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        session
    }

    pub(crate) fn send(&mut self, message: &Value) {
        let input = self.input.as_mut().unwrap();
        writeln!(input, "{message}").unwrap();
    }

    /// Sends a call and does not wait for its answer.
    pub(crate) fn begin(&mut self, method: &str, params: &Value) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        id
    }

    /// The next line, which has to be JSON-RPC.
    pub(crate) fn receive(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        let message: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("not JSON: {line:?}"));
        assert_eq!(message["jsonrpc"], "2.0", "{message}");
        message
    }

    pub(crate) fn ask(&mut self, method: &str, params: &Value) -> Value {
        let id = self.begin(method, params);
        let mut reply = self.receive();
        assert_eq!(reply["id"], id, "{reply}");
        reply["result"].take()
    }

    pub(crate) fn begin_call(&mut self, tool: &str, args: &Value) -> u64 {
        self.begin("tools/call", &json!({"name": tool, "arguments": args}))
    }

    pub(crate) fn call(&mut self, tool: &str, args: &Value) -> Value {
        self.ask("tools/call", &json!({"name": tool, "arguments": args}))["structuredContent"].take()
    }

    /// Ends the input; gives what was still written and how the process ended.
    pub(crate) fn end(mut self) -> (String, Option<i32>) {
        drop(self.input.take());
        let mut rest = String::new();
        while self.output.read_line(&mut rest).unwrap() > 0 {}
        (rest, self.process.wait().unwrap().code())
    }
}
