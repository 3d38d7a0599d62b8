//! A process that was started for one session hands it to the daemon: bytes both ways, none of them changed.

use std::io;
use std::os::unix::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use thiserror::Error;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;

use super::door::{own_user, socket_path};
use super::hello::{Identity, MAX_BYTES};
use super::unanswered::Unanswered;
use crate::mcp::stdio::standard_streams;
use crate::state::paths::LiveFiles;

/// A daemon that does not say who it is within this is not waited for.
const HELLO_WAIT: Duration = Duration::from_secs(1);

/// Why a daemon that seems to run is not used.
#[derive(Debug, Error)]
pub enum HandoverError {
    #[error("its socket cannot be used: {0}")]
    Socket(#[from] io::Error),
    #[error("it did not answer within {} ms; it may be stopped or overloaded", HELLO_WAIT.as_millis())]
    Silent,
    #[error("it ended the connection at once: it has as many sessions as it takes, or is stopping")]
    TurnedAway,
    #[error("its socket belongs to another user")]
    OtherUser,
    #[error("its answer is not understood: it may be of another version; restart it")]
    NotUnderstood,
    #[error("{0}")]
    Different(String),
}

/// Why a session that was handed over ended too early.
#[derive(Debug, Error)]
pub enum RelayError {
    #[error(
        "the daemon ended the session; a write without an answer may have been sent: look it up with bybit_get_open_orders before sending anything again"
    )]
    Gone,
    #[error("standard output cannot be written: {0}")]
    Output(io::Error),
}

/// A connection to a daemon that does what this process was asked to do.
#[derive(Debug)]
pub struct Handover {
    from: BufReader<OwnedReadHalf>,
    to: OwnedWriteHalf,
}

impl Handover {
    /// Connects and compares. `None` when no daemon is running; an error says why one is not used.
    pub async fn find(files: &LiveFiles, us: &Identity) -> Result<Option<Self>, HandoverError> {
        let found = timeout(HELLO_WAIT, Self::ask(files, us)).await;
        found.map_err(|_| HandoverError::Silent)?
    }

    async fn ask(files: &LiveFiles, us: &Identity) -> Result<Option<Self>, HandoverError> {
        let path = socket_path(files);
        if SocketAddr::from_pathname(&path).is_err() {
            // Too long for a socket, so no daemon listens there.
            return Ok(None);
        }
        let stream = match UnixStream::connect(path).await {
            Ok(stream) => stream,
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
                ) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        if stream.peer_cred()?.uid() != own_user()? {
            return Err(HandoverError::OtherUser);
        }
        let (from, mut to) = stream.into_split();
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        let most = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX);
        let asking = async {
            to.write_all(&us.line()).await?;
            (&mut from).take(most).read_until(b'\n', &mut line).await
        };
        match asking.await {
            Ok(0) => return Err(HandoverError::TurnedAway),
            Ok(_) => {}
            Err(error) if is_hung_up(&error) => return Err(HandoverError::TurnedAway),
            Err(error) => return Err(error.into()),
        }
        let them = Identity::parse(&line).ok_or(HandoverError::NotUnderstood)?;
        match us.differs_from(&them) {
            None => Ok(Some(Self { from, to })),
            Some(why) => Err(HandoverError::Different(why)),
        }
    }

    /// Joins the session to standard input and output.
    pub async fn relay_stdio(self) -> Result<(), RelayError> {
        let (input, output) = standard_streams();
        self.relay(input, output).await
    }

    /// Copies both ways until the daemon has answered everything. The end of the input is handed on, and the
    /// daemon ends its side only after the last answer: one that ends it before is gone.
    pub async fn relay<R, W>(self, mut input: R, mut output: W) -> Result<(), RelayError>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        let Self { mut from, mut to } = self;
        let unanswered = Mutex::default();
        let sending = async {
            let sent = send(&mut input, &mut to, &unanswered).await;
            // A daemon that is gone is noticed by the other half.
            let _ = to.shutdown().await;
            sent.is_ok()
        };
        let receiving = receive(&mut from, &mut output, &unanswered);
        tokio::pin!(sending, receiving);
        tokio::select! {
            input_ended = &mut sending => {
                receiving.await?;
                match input_ended && !locked(&unanswered).is_owed() {
                    true => Ok(()),
                    false => Err(RelayError::Gone),
                }
            }
            received = &mut receiving => received.and(Err(RelayError::Gone)),
        }
    }
}

/// Whether the other side closed without having read everything.
fn is_hung_up(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset
    )
}

/// No line is half noted: nothing panics while it is locked.
fn locked(unanswered: &Mutex<Unanswered>) -> MutexGuard<'_, Unanswered> {
    unanswered.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Everything that the client says, until it ends its side.
async fn send(
    input: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    unanswered: &Mutex<Unanswered>,
) -> io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = input.read(&mut buffer).await?;
        let got = buffer.get(..count).unwrap_or_default();
        if got.is_empty() {
            locked(unanswered).sent_all();
            return Ok(());
        }
        // Before it is sent: the answer may be there at once.
        locked(unanswered).sent(got);
        to.write_all(got).await?;
    }
}

/// Everything that the daemon says, until it ends its side.
async fn receive(
    from: &mut (impl AsyncRead + Unpin),
    output: &mut (impl AsyncWrite + Unpin),
    unanswered: &Mutex<Unanswered>,
) -> Result<(), RelayError> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = match from.read(&mut buffer).await {
            // Whichever way it went away, there is no more to come.
            Ok(0) | Err(_) => return Ok(()),
            Ok(count) => count,
        };
        let got = buffer.get(..count).unwrap_or_default();
        output.write_all(got).await.map_err(RelayError::Output)?;
        output.flush().await.map_err(RelayError::Output)?;
        locked(unanswered).received(got);
    }
}
