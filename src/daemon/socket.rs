//! One connection of the socket is one MCP session, behind a hello where the client sends one.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};
use tokio::net::UnixStream;
use tokio::sync::watch;

use super::hello::{BEGINNING, Identity, MAX_BYTES};
use crate::mcp::server::Server;
use crate::mcp::stdio::serve_stream;
use crate::venue::Venue;

/// Serves one client until it ends its input, or until `stop` turns true and its calls are answered.
pub(super) async fn session<V: Venue>(
    server: Server<V>,
    stream: UnixStream,
    us: Identity,
    stop: watch::Receiver<bool>,
) {
    let (mut input, mut output) = stream.into_split();
    let mut closing = stop.clone();
    let opened = tokio::select! {
        opened = opening(&mut input) => opened,
        _ = closing.wait_for(|stop| *stop) => return,
    };
    let greeted = match opened {
        Ok(Opening::Hello { rest }) => output.write_all(&us.line()).await.map(|()| rest),
        Ok(Opening::Mcp { read }) => Ok(read),
        Err(error) => Err(error),
    };
    let begun = match greeted {
        Ok(begun) => begun,
        Err(error) => {
            tracing::debug!(%error, "a connection ended before its session began");
            return;
        }
    };
    let input = Until::new(io::Cursor::new(begun).chain(input), stop);
    if let Err(error) = serve_stream(server, input, output).await {
        tracing::warn!(%error, "a session over the socket ended early");
    }
}

/// How a connection begins.
enum Opening {
    /// With a hello; what came after it.
    Hello { rest: Vec<u8> },
    /// With MCP; what was read of it.
    Mcp { read: Vec<u8> },
}

/// Reads until it is clear whether the first line is a hello.
async fn opening(input: &mut (impl AsyncRead + Unpin)) -> io::Result<Opening> {
    let mut read = Vec::new();
    loop {
        let known = read.len().min(BEGINNING.len());
        let begins_so = read.get(..known) == BEGINNING.get(..known);
        if !begins_so || read.len() > MAX_BYTES {
            return Ok(Opening::Mcp { read });
        }
        if let Some(end) = read.iter().position(|byte| *byte == b'\n') {
            let rest = read.split_off(end + 1);
            // What it says is for the client to compare with what it is told: it asks, so it decides.
            return Ok(Opening::Hello { rest });
        }
        if input.read_buf(&mut read).await? == 0 {
            return Ok(Opening::Mcp { read });
        }
    }
}

/// A reader that ends when its source does, or when it is told to stop.
struct Until<R> {
    inner: R,
    stop: Pin<Box<dyn Future<Output = ()> + Send>>,
    stopped: bool,
}

impl<R> Until<R> {
    fn new(inner: R, mut stop: watch::Receiver<bool>) -> Self {
        let stop = async move {
            // A daemon that is gone without a word has stopped as well.
            let _ = stop.wait_for(|stop| *stop).await;
        };
        Self {
            inner,
            stop: Box::pin(stop),
            stopped: false,
        }
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Until<R> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.stopped && this.stop.as_mut().poll(context).is_ready() {
            this.stopped = true;
        }
        if this.stopped {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut this.inner).poll_read(context, to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn kind(bytes: &[u8]) -> (bool, Vec<u8>) {
        match opening(&mut &*bytes).await.unwrap() {
            Opening::Hello { rest } => (true, rest),
            Opening::Mcp { read } => (false, read),
        }
    }

    #[tokio::test]
    async fn a_hello_is_taken_off_and_anything_else_is_mcp() {
        let us = Identity {
            version: "1".into(),
            broker: "b".into(),
            venue: "v".into(),
            place: "p".into(),
            mode: "read".into(),
            account: None,
        };
        let mut both = us.line();
        both.extend_from_slice(b"{\"jsonrpc\"");
        assert_eq!(kind(&both).await, (true, b"{\"jsonrpc\"".to_vec()));
        let mcp = b"{\"jsonrpc\":\"2.0\"}\n";
        assert_eq!(kind(mcp).await, (false, mcp.to_vec()));
        assert_eq!(kind(b"").await, (false, Vec::new()));
        assert_eq!(
            kind(b"{\"mandated_hello\":{}}\nmore").await,
            (true, b"more".to_vec())
        );
    }

    #[tokio::test]
    async fn a_stopped_reader_ends() {
        let (stop, stopped) = watch::channel(false);
        let (_held_open, theirs) = tokio::io::duplex(64);
        let mut reader = Until::new(theirs, stopped);
        let mut buffer = Vec::new();
        let reading = reader.read_to_end(&mut buffer);
        let stopping = async { stop.send(true).unwrap() };
        let (read, ()) = tokio::join!(reading, stopping);
        assert_eq!(read.unwrap(), 0);
    }
}
