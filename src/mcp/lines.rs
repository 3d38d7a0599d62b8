//! Messages that arrive as lines: each passes through [`wrap`], and none may fill the memory.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{self, AsyncBufRead, AsyncRead, BufReader, ReadBuf};

use super::exact::{MAX_MESSAGE_BYTES, wrap};

/// A buffer that grew beyond this for one large message is given back.
const KEEP_BYTES: usize = 64 * 1024;

/// Stands for a line that was too long: well-formed, no message, so it is answered as an invalid request.
const TOO_LONG: &[u8] = b"[]\n";

/// A reader that hands on lines with their arguments wrapped, and holds no line longer than
/// [`MAX_MESSAGE_BYTES`].
#[derive(Debug)]
pub(super) struct ExactLines<R> {
    inner: BufReader<R>,
    /// The line that is being read.
    line: Vec<u8>,
    /// What is ready to be handed on, from `sent`.
    ready: Vec<u8>,
    sent: usize,
    /// The rest of a line that was too long is being skipped.
    skipping: bool,
    ended: bool,
}

impl<R: AsyncRead + Unpin> ExactLines<R> {
    pub(super) fn new(inner: R) -> Self {
        Self {
            inner: BufReader::new(inner),
            line: Vec::new(),
            ready: Vec::new(),
            sent: 0,
            skipping: false,
            ended: false,
        }
    }

    /// Takes in what has arrived, up to the next line end.
    fn poll_take(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let chunk = ready!(Pin::new(&mut self.inner).poll_fill_buf(context))?;
        let line_end = chunk.iter().position(|byte| *byte == b'\n');
        let taken = line_end.map_or(chunk.len(), |at| at + 1);
        self.ended = chunk.is_empty();
        if !self.skipping {
            if self.line.len() + taken > MAX_MESSAGE_BYTES {
                self.skipping = true;
                self.line = Vec::new();
                self.ready.extend_from_slice(TOO_LONG);
                tracing::warn!(limit = MAX_MESSAGE_BYTES, "a line over the limit was dropped");
            } else {
                self.line
                    .extend_from_slice(chunk.get(..taken).unwrap_or_default());
            }
        }
        Pin::new(&mut self.inner).consume(taken);
        if line_end.is_some() || self.ended {
            self.finish_line();
        }
        Poll::Ready(Ok(()))
    }

    /// Makes a whole line ready. A last line without its end counts as whole.
    fn finish_line(&mut self) {
        let skipped = std::mem::take(&mut self.skipping);
        let line = self.line.trim_ascii_end();
        if !skipped {
            let wrapped = wrap(line);
            if !wrapped.is_empty() {
                self.ready.extend_from_slice(&wrapped);
                self.ready.push(b'\n');
            }
        }
        self.line.clear();
        self.line.shrink_to(KEEP_BYTES);
    }

    fn hand_on(&mut self, to: &mut ReadBuf<'_>) {
        let waiting = self.ready.get(self.sent..).unwrap_or_default();
        let count = waiting.len().min(to.remaining());
        to.put_slice(waiting.get(..count).unwrap_or_default());
        self.sent += count;
        if self.sent == self.ready.len() {
            self.ready.clear();
            self.ready.shrink_to(KEEP_BYTES);
            self.sent = 0;
        }
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for ExactLines<R> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if !this.ready.is_empty() {
                this.hand_on(to);
                return Poll::Ready(Ok(()));
            }
            if this.ended {
                return Poll::Ready(Ok(()));
            }
            ready!(this.poll_take(context))?;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    async fn read_all(input: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        ExactLines::new(input).read_to_end(&mut out).await.unwrap();
        out
    }

    #[tokio::test]
    async fn lines_keep_their_order_and_a_last_line_needs_no_end() {
        let read = read_all(b"{\"a\":1}\r\n\n \nnonsense\n{\"b\":2}").await;
        assert_eq!(read, b"{\"a\":1}\nnonsense\n{\"b\":2}\n");
        assert_eq!(read_all(b"").await, b"");
    }

    #[tokio::test]
    async fn a_line_over_the_limit_is_replaced_and_the_next_one_is_read() {
        let mut input = vec![b'x'; 10 * 1024 * 1024];
        input.extend_from_slice(b"\n{\"b\":2}\n");
        assert_eq!(read_all(&input).await, b"[]\n{\"b\":2}\n");
        let endless = vec![b'x'; MAX_MESSAGE_BYTES + 1];
        assert_eq!(read_all(&endless).await, b"[]\n");
    }
}
