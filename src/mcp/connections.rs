//! HTTP connections: how many there may be, and how long one may ask for nothing.
//!
//! Whoever reaches the port can open them, token or not, and each takes a file descriptor: what the mandate, the
//! ledger and the exchange are reached with. So they are few, and when all are taken the oldest that asks for nothing
//! makes room. One that asks is never cut off, however long its answer takes.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet, yield_now};
use tokio::time::sleep;

use super::running::{Call, Running};

/// Beyond these a new connection takes the place of one that asks for nothing, or waits until there is one.
const MOST: usize = 64;

/// The head of a request has to be there within this, the first one and each later one: it is also how long a
/// connection may be kept without a request.
const HEAD_WITHIN: Duration = Duration::from_secs(5);

/// While all connections are busy it is looked this often whether one is not, and after a failed accept.
const PAUSE: Duration = Duration::from_millis(50);

/// At the end a connection without a request has this long to be rid of its last bytes.
const LAST_BYTES: Duration = Duration::from_secs(1);

/// The connections of one server.
#[derive(Debug)]
pub(super) struct Connections {
    router: Router,
    tasks: JoinSet<()>,
    /// Oldest first.
    open: Vec<Connection>,
    stop: watch::Sender<bool>,
}

#[derive(Debug)]
struct Connection {
    task: AbortHandle,
    requests: Running,
}

impl Connections {
    pub(super) fn new(router: Router) -> Self {
        Self {
            router,
            tasks: JoinSet::new(),
            open: Vec::new(),
            stop: watch::Sender::new(false),
        }
    }

    /// Lets connections in until `shutdown` completes.
    pub(super) async fn accept(&mut self, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        tokio::pin!(shutdown);
        loop {
            let has_room = self.has_room();
            tokio::select! {
                () = &mut shutdown => break,
                accepted = listener.accept(), if has_room => match accepted {
                    Ok((stream, _)) => {
                        self.let_in(stream);
                        // One that was cut off gives its descriptor back before the next is let in.
                        yield_now().await;
                    }
                    Err(error) => {
                        tracing::warn!(%error, "a connection could not be accepted");
                        sleep(PAUSE).await;
                    }
                },
                Some(_) = self.tasks.join_next() => {}
                () = sleep(PAUSE), if !has_room => {}
            }
        }
        self.stop.send_replace(true);
    }

    /// Returns when every connection has come to its end.
    pub(super) async fn ended(&mut self) {
        while self.tasks.join_next().await.is_some() {}
    }

    /// Cuts off what is left.
    pub(super) async fn cut(mut self) {
        self.tasks.shutdown().await;
    }

    fn has_room(&mut self) -> bool {
        self.open.retain(|connection| !connection.task.is_finished());
        self.open.len() < MOST || self.idle().is_some()
    }

    fn idle(&self) -> Option<usize> {
        self.open
            .iter()
            .position(|connection| connection.requests.is_idle())
    }

    fn let_in(&mut self, stream: TcpStream) {
        if self.open.len() >= MOST
            && let Some(oldest) = self.idle()
        {
            self.open.remove(oldest).task.abort();
        }
        let requests = Running::new();
        let serving = serve(
            stream,
            self.router.clone(),
            requests.clone(),
            self.stop.subscribe(),
        );
        let task = self.tasks.spawn(serving);
        self.open.push(Connection { task, requests });
    }
}

/// Serves one connection until its client has enough, it asks for nothing for too long, or `stop` turns true and its
/// request is answered.
async fn serve(stream: TcpStream, router: Router, requests: Running, mut stop: watch::Receiver<bool>) {
    let router = TowerToHyperService::new(router);
    let service = service_fn(|request: Request<Incoming>| {
        let call = requests.start();
        let answering = router.call(request);
        async move {
            let answer: Response<Body> = answering.await?;
            Ok::<_, Infallible>(answer.map(|body| Answer { body, _call: call }))
        }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN);
    let serving = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(serving);
    let served = tokio::select! {
        served = serving.as_mut() => served,
        () = async { drop(stop.wait_for(|stop| *stop).await) } => {
            serving.as_mut().graceful_shutdown();
            tokio::select! {
                served = serving => served,
                () = async { requests.idle().await; sleep(LAST_BYTES).await } => return,
            }
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// The body of an answer; its request is under way until the last of it is handed over.
struct Answer {
    body: Body,
    _call: Call,
}

impl hyper::body::Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
