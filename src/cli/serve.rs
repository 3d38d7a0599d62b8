//! `mandated serve`: MCP over stdio or streamable HTTP.

use std::net::SocketAddr;

use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::app::{App, env, http_token_file};
use super::args::{AddressArgs, ServeArgs, Transport};
use super::out::complain;
use super::signals::Signals;
use super::{Done, Failure};
use crate::daemon::handover::Handover;
use crate::daemon::run::DaemonError;
use crate::mcp::http::{HttpAccess, serve_http};
use crate::mcp::server::Server;
use crate::mcp::stdio::serve_stdio;
use crate::mcp::token::{TOKEN_VARIABLE, token_from};

pub(super) async fn run(app: App, args: ServeArgs) -> Result<Done, Failure> {
    match args.transport {
        Transport::Sse => Err(Failure::Usage(
            "the sse transport is retired in MCP: use --transport http, which serves streamable HTTP at /mcp"
                .to_owned(),
        )),
        Transport::Stdio => {
            if !args.standalone
                && let Some(session) = daemon_session(&app).await?
            {
                session.relay_stdio().await.map_err(Failure::failed)?;
                return Ok(Done::Well);
            }
            let trading = app.trading().await?;
            trading.broker.recover_in_background();
            let served = serve_stdio(Server::new(trading.broker.clone())).await;
            trading.broker.drain().await;
            served.map_err(Failure::failed)?;
            Ok(Done::Well)
        }
        Transport::Http => http(app, args).await,
    }
}

async fn http(app: App, args: ServeArgs) -> Result<Done, Failure> {
    let trading = app.trading().await?;
    let (listener, access) = listen(&app, &args.address).await?;
    let mut signals = Signals::new()?;
    if let Ok(address) = listener.local_addr() {
        complain(&format!(
            "serving at http://{address}/mcp; the token is {}",
            token_place(&app)
        ));
    }
    trading.broker.recover_in_background();
    let (ask_to_stop, asked_to_stop) = oneshot::channel::<()>();
    let stop = async move {
        let _ = asked_to_stop.await;
    };
    let serving = async {
        let served = serve_http(Server::new(trading.broker.clone()), listener, access, stop).await;
        trading.broker.drain().await;
        served
    };
    let impatient = async {
        signals.recv().await;
        let _ = ask_to_stop.send(());
        signals.recv().await;
    };
    tokio::select! {
        served = serving => served.map_err(Failure::failed)?,
        () = impatient => return Err(Failure::failed(DaemonError::Impatient)),
    }
    Ok(Done::Well)
}

/// A session of the running daemon, when there is one that does what this process was asked to do.
async fn daemon_session(app: &App) -> Result<Option<Handover>, Failure> {
    let us = app.identity()?;
    match Handover::find(&app.files, &us).await {
        Ok(found) => Ok(found),
        Err(why) => {
            tracing::warn!("the running daemon is not used, this process works alone: {why}");
            Ok(None)
        }
    }
}

/// Where a person finds the token that clients must send.
pub(super) fn token_place(app: &App) -> String {
    match env(TOKEN_VARIABLE).filter(|token| !token.trim().is_empty()) {
        Some(_) => format!("that of {TOKEN_VARIABLE}"),
        None => format!("in {}", http_token_file(&app.root).display()),
    }
}

/// Listens for HTTP, and says whom to serve there.
pub(super) async fn listen(app: &App, address: &AddressArgs) -> Result<(TcpListener, HttpAccess), Failure> {
    let (host, port) = (address.host(), address.port()?);
    let token =
        token_from(env(TOKEN_VARIABLE).as_deref(), &http_token_file(&app.root)).map_err(Failure::usage)?;
    let wanted = format!("{host}:{port}");
    let addresses: Vec<SocketAddr> = tokio::net::lookup_host(&wanted)
        .await
        .map_err(|error| Failure::Usage(format!("`{wanted}` is no address to listen on: {error}")))?
        .collect();
    let listener = TcpListener::bind(addresses.as_slice()).await.map_err(|error| {
        Failure::Failed(format!(
            "cannot listen on {wanted}: {error}; choose another --port"
        ))
    })?;
    if addresses.iter().any(|address| !address.ip().is_loopback()) {
        tracing::warn!("listening beyond loopback at {wanted}: the token is all that keeps others out");
    }
    let access = HttpAccess {
        token,
        hosts: vec![host.to_owned()],
    };
    Ok((listener, access))
}
