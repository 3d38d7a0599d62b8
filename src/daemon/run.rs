//! The daemon from its start to its end.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use thiserror::Error;
use tokio::net::{TcpListener, UnixStream};
use tokio::sync::{Notify, oneshot, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::board::{self, Board, SweepWord};
use super::ground::Ground;
use super::hello::Identity;
use super::look::Around;
use super::place::{Place, PlaceError};
use super::systemd::Notifier;
use super::thread::Sweep;
use super::{descriptors, socket, upkeep};
use crate::broker::Broker;
use crate::mcp::http::{HttpAccess, HttpError, serve_http};
use crate::mcp::server::Server;
use crate::state::halt::read_halt;
use crate::state::ledger::Ledger;
use crate::state::paths::LiveFiles;
use crate::venue::Venue;

/// Place, socket and watch are looked after this often even when no event says so.
const POLL: Duration = Duration::from_secs(1);

/// So many sessions are let in over the socket, and as many connections over HTTP. Each takes file descriptors, and the
/// sweep needs some: who comes later is turned away at once, and trades through a process of its own.
const MOST_SESSIONS: usize = 64;

/// After a failed accept, such as for want of file descriptors.
const AFTER_REFUSAL: Duration = Duration::from_millis(100);

/// How long sessions may go on after the end was asked for: longer than a write takes to find out what became of it.
const LAST_SESSIONS: Duration = Duration::from_secs(75);

/// With no write under way they have this long: a read comes back within it, and a client that does not fetch its
/// replies by then is not waited for.
const LAST_REPLIES: Duration = Duration::from_secs(10);

/// How long a look that is under way may go on after that, and idle HTTP connections.
const LAST_LOOK: Duration = Duration::from_secs(30);
const LAST_HTTP: Duration = Duration::from_secs(3);

/// Why the daemon ended without being asked to.
#[derive(Debug, Error)]
pub enum DaemonError {
    #[error(transparent)]
    Place(#[from] PlaceError),
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error("the thread of the sweep cannot be started: {0}")]
    Thread(io::Error),
    #[error("a task of the daemon ended by itself, which is a fault in this program: {0}")]
    Fault(String),
    #[error("stopped before everything was settled: what is in flight is settled at the next start")]
    Impatient,
}

/// What the daemon is made of.
#[derive(Debug)]
pub struct Parts<V> {
    pub place: Place,
    pub files: LiveFiles,
    /// The broker's.
    pub venue: Arc<V>,
    /// The same exchange for the sweep: no connection and no lock of it is shared with `venue`.
    pub apart: Arc<V>,
    pub ledger: Ledger,
    pub broker: Arc<Broker<V>>,
    pub identity: Identity,
    /// Where HTTP is served, if it is.
    pub http: Option<(TcpListener, HttpAccess)>,
    pub notifier: Notifier,
}

/// Runs until `stop` completes, then settles what is in flight. When it completes once more before that is done,
/// the daemon ends at once. Whoever stops it keeps what comes between the two calls.
pub async fn run<V: Venue>(parts: Parts<V>, mut stop: impl AsyncFnMut()) -> Result<(), DaemonError> {
    let mut daemon = Daemon::start(parts)?;
    daemon.notifier.ready();
    let ended = tokio::select! {
        ended = daemon.keep() => ended,
        () = stop() => Ok(()),
    };
    daemon.notifier.stopping();
    tokio::select! {
        // A second one that came with the first leaves nothing to begin.
        biased;
        () = stop() => ended.and(Err(DaemonError::Impatient)),
        () = daemon.finish() => ended,
    }
}

/// The daemon while it runs.
struct Daemon<V> {
    ground: Ground,
    files: LiveFiles,
    broker: Arc<Broker<V>>,
    identity: Identity,
    notifier: Notifier,
    /// Ends sessions and HTTP.
    stop: watch::Sender<bool>,
    /// Ends the looks, after everything else: what rests meanwhile is still swept under HALT.
    stop_looking: watch::Sender<bool>,
    sessions: JoinSet<()>,
    /// That no more are let in is said once, until there is room again.
    is_said_full: bool,
    looking: oneshot::Receiver<()>,
    board: watch::Receiver<Board>,
    http: Option<JoinHandle<Result<(), HttpError>>>,
    /// What may be dropped at any instant.
    beside: JoinSet<()>,
}

impl<V: Venue> Daemon<V> {
    fn start(parts: Parts<V>) -> Result<Self, DaemonError> {
        descriptors::raise();
        let files = parts.files;
        let poke = Arc::new(Notify::new());
        let listener = parts.http.as_ref().map(|(listener, _)| listener);
        let address = listener.and_then(|listener| listener.local_addr().ok());
        let identity = Some(parts.identity.clone());
        let board = Board::new(
            parts.place.holder(),
            parts.broker.venue_label(),
            address,
            identity,
        );
        let ground = Ground::new(parts.place, &files, Arc::clone(&poke));
        let (stop, stop_looking) = (watch::Sender::new(false), watch::Sender::new(false));
        let around = Around {
            files: files.clone(),
            poke,
            board: watch::Sender::new(board),
            beat: watch::Sender::new(Instant::now()),
        };
        let mut beside = JoinSet::new();
        beside.spawn(upkeep::keep_hold(Arc::clone(&parts.broker), around.board.clone()));
        let board = around.board.subscribe();
        let looking = Sweep {
            venue: parts.apart,
            ledger: parts.ledger,
            around,
            notifier: parts.notifier.clone(),
            stop: stop_looking.subscribe(),
        };
        let looking = looking.start().map_err(DaemonError::Thread)?;
        beside.spawn(upkeep::keep_warm(parts.venue));
        beside.spawn(upkeep::keep_recovering(Arc::clone(&parts.broker), files.clone()));
        let http = parts
            .http
            .map(|(listener, access)| spawn_http(&parts.broker, listener, access, stop.subscribe()));
        Ok(Self {
            ground,
            files,
            broker: parts.broker,
            identity: parts.identity,
            notifier: parts.notifier,
            stop,
            stop_looking,
            sessions: JoinSet::new(),
            is_said_full: false,
            looking,
            board,
            http,
            beside,
        })
    }

    /// Lets sessions in and looks after place, socket and watch. Ends only when something is wrong.
    async fn keep(&mut self) -> Result<(), DaemonError> {
        let mut ticks = interval(POLL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let stale = self.ground.stale();
        loop {
            tokio::select! {
                stream = self.ground.next() => match stream {
                    Ok(stream) => self.let_in(stream),
                    Err(error) => {
                        tracing::warn!(%error, "a connection could not be accepted");
                        sleep(AFTER_REFUSAL).await;
                    }
                },
                _ = ticks.tick() => self.ground.tend().await?,
                () = stale.notified() => self.ground.tend().await?,
                Some(_) = self.sessions.join_next() => {}
                Some(ended) = self.beside.join_next() => return Err(DaemonError::Fault(in_words(ended))),
                _ = &mut self.looking => return Err(DaemonError::Fault("HALT is not looked at".to_owned())),
                served = until_served(&mut self.http) => return served,
            }
        }
    }

    /// Begins a session, unless there are too many: then the connection is closed without a word.
    fn let_in(&mut self, stream: UnixStream) {
        while self.sessions.try_join_next().is_some() {}
        if self.sessions.len() < MOST_SESSIONS {
            self.is_said_full = false;
            let server = Server::new(Arc::clone(&self.broker));
            let us = self.identity.clone();
            self.sessions
                .spawn(socket::session(server, stream, us, self.stop.subscribe()));
        } else if !self.is_said_full {
            self.is_said_full = true;
            tracing::warn!("{MOST_SESSIONS} sessions are open over the socket: further ones are turned away");
        }
    }

    /// No new order; those in flight are settled; every caller that listens has its answer. HALT is looked at until
    /// all of that is over.
    async fn finish(self) {
        let Self {
            mut ground,
            broker,
            stop,
            stop_looking,
            mut sessions,
            mut looking,
            board,
            http,
            files,
            mut beside,
            ..
        } = self;
        broker.close();
        ground.shut();
        stop.send_replace(true);
        let settled = async {
            broker.drain().await;
            sleep(LAST_REPLIES).await;
        };
        let answered = async { while sessions.join_next().await.is_some() {} };
        tokio::select! {
            () = async { answered.await; broker.drain().await } => {}
            _ = timeout(LAST_SESSIONS, settled) => {
                tracing::warn!("a session that did not come to its end is cut off");
            }
        }
        sessions.shutdown().await;
        if let Some(http) = http {
            let _ = timeout(LAST_HTTP, http).await;
        }
        stop_looking.send_replace(true);
        if !looking.is_terminated() && timeout(LAST_LOOK, &mut looking).await.is_err() {
            tracing::warn!("the last look did not come to its end, and is cut off");
        }
        warn_of_a_halt_that_is_not_swept(&files, &board.borrow());
        beside.shutdown().await;
        if ground.is_ours() {
            board::remove(&files);
        }
    }
}

/// The exit code says that the daemon ended well, which the halt did not.
fn warn_of_a_halt_that_is_not_swept(files: &LiveFiles, board: &Board) {
    let is_swept = matches!(board.sweep, SweepWord::Halted | SweepWord::ClaimedElsewhere);
    if read_halt(files).is_tripped() && !is_swept {
        let stands = board.in_words();
        tracing::warn!(
            stands,
            "HALT stands and its sweep is not finished: orders may rest and positions be open. start the daemon again, \
             or `mandated cancel-all` and `mandated flatten`"
        );
    }
}

fn spawn_http<V: Venue>(
    broker: &Arc<Broker<V>>,
    listener: TcpListener,
    access: HttpAccess,
    mut stop: watch::Receiver<bool>,
) -> JoinHandle<Result<(), HttpError>> {
    let server = Server::new(Arc::clone(broker));
    tokio::spawn(serve_http(server, listener, access, async move {
        let _ = stop.wait_for(|stop| *stop).await;
    }))
}

/// How serving HTTP ended; never returns where it is not served.
async fn until_served(http: &mut Option<JoinHandle<Result<(), HttpError>>>) -> Result<(), DaemonError> {
    let Some(serving) = http else {
        return std::future::pending().await;
    };
    let served = serving.await;
    // A handle must not be asked again.
    *http = None;
    match served {
        Ok(served) => served.map_err(DaemonError::from),
        Err(error) => Err(DaemonError::Fault(error.to_string())),
    }
}

fn in_words(ended: Result<(), tokio::task::JoinError>) -> String {
    ended.map_or_else(|error| error.to_string(), |()| "it returned".to_owned())
}
