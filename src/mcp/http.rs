//! MCP over streamable HTTP: `/mcp` behind Host, Origin and token, and `/health` behind Host and Origin.
//!
//! Each POST stands alone and is answered in JSON; the server keeps no session, so there is none to hijack.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};

use super::connections::Connections;
use super::exact::{self, MAX_MESSAGE_BYTES, MAX_WRAPPED_BYTES};
use super::guard::Guard;
use super::server::Server;
use crate::domain::secret::Secret;
use crate::venue::Venue;

/// A body has to be there within this.
const BODY_WITHIN: Duration = Duration::from_secs(30);

/// How long requests may go on after the end was asked for: longer than a write takes to find out what became of it.
const LAST_REQUESTS: Duration = Duration::from_secs(75);

/// With no call under way, a client that does not fetch its answer by then is not waited for.
const LAST_ANSWERS: Duration = Duration::from_secs(3);

/// The listener or the server over it failed.
#[derive(Debug, Error)]
#[error("http cannot be served: {0}")]
pub struct HttpError(#[from] io::Error);

/// Whom to serve.
#[derive(Debug)]
pub struct HttpAccess {
    /// What a client must send as `Authorization: Bearer …`.
    pub token: Secret,
    /// Names, without port, that requests may call this server by, besides the loopback names and the bound
    /// address.
    pub hosts: Vec<String>,
}

/// Serves on `listener` until `shutdown` completes and running calls are answered, or cannot be.
pub async fn serve_http<V: Venue>(
    server: Server<V>,
    listener: TcpListener,
    access: HttpAccess,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), HttpError> {
    let bound = listener.local_addr()?;
    let guard = Arc::new(Guard::new(bound, &access.hosts, &access.token));
    tracing::info!("serving MCP at http://{bound}/mcp");
    let mut connections = Connections::new(router(server.clone(), guard));
    connections.accept(listener, shutdown).await;
    let called = async {
        server.idle().await;
        sleep(LAST_ANSWERS).await;
    };
    tokio::select! {
        () = connections.ended() => {}
        _ = timeout(LAST_REQUESTS, called) => {}
    }
    connections.cut().await;
    if timeout(LAST_REQUESTS, server.idle()).await.is_err() {
        tracing::warn!("calls were still running when serving HTTP ended");
    }
    Ok(())
}

fn router<V: Venue>(server: Server<V>, guard: Arc<Guard>) -> Router {
    let mcp = StreamableHttpService::new(
        move || Ok(server.clone()),
        Arc::new(NeverSessionManager::default()),
        config(&guard),
    );
    // The layer that is added last sees a request first.
    Router::new()
        .route_service("/mcp", mcp)
        .layer(middleware::from_fn(keep_exact))
        .layer(middleware::from_fn_with_state(Arc::clone(&guard), require_token))
        .route("/health", get(health))
        .layer(middleware::from_fn_with_state(guard, require_host))
}

/// The library checks Host and Origin once more; it alone would let a Host without port pass.
fn config(guard: &Guard) -> StreamableHttpServerConfig {
    let origins = guard
        .authorities()
        .iter()
        .map(|authority| format!("http://{authority}"));
    StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .with_max_request_body_bytes(MAX_WRAPPED_BYTES)
        .with_allowed_hosts(guard.authorities().iter().cloned())
        .with_allowed_origins(origins)
        .enforce_origin_validation()
}

async fn require_host(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    if guard.knows_host_and_origin(request.uri(), request.headers()) {
        return next.run(request).await;
    }
    let reason =
        "refused: this Host or Origin is not ours; call the address that the server was started with";
    (StatusCode::FORBIDDEN, reason).into_response()
}

async fn require_token(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    if guard.knows_token(request.headers()) {
        return next.run(request).await;
    }
    let reason = "refused: send the header `Authorization: Bearer` with the token of this server; it is MANDATED_HTTP_TOKEN of the server's environment, else it stands in the file `mandated_http_token` of its runtime root";
    let mut response = (StatusCode::UNAUTHORIZED, reason).into_response();
    let challenge = HeaderValue::from_static("Bearer realm=\"mandated\"");
    response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    response
}

/// Wraps the arguments of a call before the library parses the body.
async fn keep_exact(request: Request, next: Next) -> Response {
    let (mut head, body) = request.into_parts();
    let body = match timeout(BODY_WITHIN, to_bytes(body, MAX_MESSAGE_BYTES)).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => {
            let reason = "refused: the body is over 4 MiB or broke off";
            return (StatusCode::PAYLOAD_TOO_LARGE, reason).into_response();
        }
        Err(_) => {
            let reason = "refused: the body was not there within 30 seconds";
            return (StatusCode::REQUEST_TIMEOUT, reason).into_response();
        }
    };
    let body = Bytes::from(exact::wrap(&body).into_owned());
    head.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    next.run(Request::from_parts(head, Body::from(body))).await
}

async fn health() -> Response {
    let body = concat!(
        r#"{"status":"ok","version":""#,
        env!("CARGO_PKG_VERSION"),
        r#""}"#
    );
    ([(CONTENT_TYPE, "application/json")], body).into_response()
}
