//! `mandated serve`: MCP over stdio or streamable HTTP.

use std::net::SocketAddr;

use tokio::net::TcpListener;

use super::app::{App, env, http_token_file};
use super::args::{ServeArgs, Transport};
use super::{Done, Failure};
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
    let token =
        token_from(env(TOKEN_VARIABLE).as_deref(), &http_token_file(&app.root)).map_err(Failure::usage)?;
    let wanted = format!("{}:{}", args.host, args.port);
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
        hosts: vec![args.host],
    };
    trading.broker.recover_in_background();
    let served = serve_http(
        Server::new(trading.broker.clone()),
        listener,
        access,
        stop_signal(),
    )
    .await;
    trading.broker.drain().await;
    served.map_err(Failure::failed)?;
    Ok(Done::Well)
}

/// Ctrl-C, or SIGTERM where there is one.
pub(super) async fn stop_signal() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = interrupt => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = interrupt.await;
}
