//! A client that speaks MCP line by line to a server over the stub venue.

use std::time::Duration;

use mandated::mcp::server::Server;
use mandated::mcp::stdio::{ServeError, serve_stream};
use mandated::venue::ReadRequest;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, ReadHalf, WriteHalf};
use tokio::task::JoinHandle;

use crate::mcp_stub::{StubVenue, server};

/// The value of a query parameter.
pub(crate) fn param<'a>(request: &'a ReadRequest, name: &str) -> Option<&'a str> {
    let pair = request.query.iter().find(|(key, _)| *key == name)?;
    Some(&pair.1)
}

/// A client on the other end of the line.
pub(crate) struct Client {
    lines: BufReader<ReadHalf<DuplexStream>>,
    pub(crate) to_server: WriteHalf<DuplexStream>,
    serving: JoinHandle<Result<(), ServeError>>,
    next_id: u64,
}

impl Client {
    pub(crate) fn connect(venue: StubVenue) -> Self {
        Self::connect_to(server(venue).0)
    }

    pub(crate) fn connect_to(server: Server<StubVenue>) -> Self {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let (input, output) = tokio::io::split(theirs);
        let serving = tokio::spawn(serve_stream(server, input, output));
        let (from_server, to_server) = tokio::io::split(ours);
        Self {
            lines: BufReader::new(from_server),
            to_server,
            serving,
            next_id: 1,
        }
    }

    /// Connects and opens a session as the usual client does.
    pub(crate) async fn open(venue: StubVenue) -> Self {
        let mut client = Self::connect(venue);
        client.initialize("2025-11-25").await;
        client
    }

    pub(crate) async fn initialize(&mut self, version: &str) -> Value {
        let params = json!({"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "t", "version": "0"}});
        let reply = self.ask("initialize", params).await;
        self.send(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#)
            .await;
        reply
    }

    pub(crate) async fn send(&mut self, line: &str) {
        self.to_server.write_all(line.as_bytes()).await.unwrap();
        self.to_server.write_all(b"\n").await.unwrap();
    }

    /// The next line, which must be JSON.
    pub(crate) async fn receive(&mut self) -> Value {
        let line = self.receive_line().await;
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("not JSON: {line:?}"))
    }

    pub(crate) async fn receive_line(&mut self) -> String {
        let mut line = String::new();
        let read = self.lines.read_line(&mut line);
        tokio::time::timeout(Duration::from_secs(10), read)
            .await
            .expect("an answer in time")
            .unwrap();
        line
    }

    pub(crate) async fn ask(&mut self, method: &str, params: Value) -> Value {
        self.ask_raw(method, &params.to_string()).await
    }

    /// Sends `params` as they are written.
    pub(crate) async fn ask_raw(&mut self, method: &str, params: &str) -> Value {
        let id = self.next_id;
        self.next_id += 1;
        self.send(&format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{params}}}"#
        ))
        .await;
        let reply = self.receive().await;
        assert_eq!(reply["id"], id, "{reply}");
        reply
    }

    /// Calls a tool with arguments as they are written, and returns the result.
    pub(crate) async fn call(&mut self, tool: &str, arguments: &str) -> Value {
        let params = format!(r#"{{"name":"{tool}","arguments":{arguments}}}"#);
        let reply = self.ask_raw("tools/call", &params).await;
        assert!(reply.get("error").is_none(), "{reply}");
        let result = reply["result"].clone();
        let text = result["content"][0]["text"].as_str().unwrap();
        assert_eq!(
            text,
            result["structuredContent"].to_string(),
            "text is not the structured content"
        );
        result
    }

    /// Ends the input and waits for the server to end.
    pub(crate) async fn close(mut self) -> Result<(), ServeError> {
        self.to_server.shutdown().await.unwrap();
        tokio::time::timeout(Duration::from_secs(20), self.serving)
            .await
            .expect("the server ends in time")
            .unwrap()
    }
}
