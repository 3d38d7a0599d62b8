//! Bybit's envelope around every reply, and the HTTP reply that carries it.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::{Value, json};

use crate::sim::call::{Answered, Refusal};

/// Wraps an answer; `clock` is the server's time in milliseconds.
pub(crate) fn wrap(answer: Result<impl Into<Answered>, Refusal>, clock: i64) -> Value {
    let (code, message, result, outcome) = match answer.map(Into::into) {
        Ok(Answered::Bare) => return json!({"retCode": 0, "retMsg": "success"}),
        Ok(Answered::Result(result)) => (0, "OK".to_owned(), result, json!({})),
        Ok(Answered::Rows { result, outcome }) => (0, "OK".to_owned(), result, outcome),
        Err(refusal) => {
            let result = refusal.result.map_or_else(|| json!({}), |result| *result);
            (refusal.code, refusal.message, result, json!({}))
        }
    };
    json!({"retCode": code, "retMsg": message, "result": result, "retExtInfo": outcome, "time": clock})
}

/// A JSON reply with status 200.
pub(crate) fn reply(envelope: &Value) -> Response {
    plain(StatusCode::OK, "application/json", envelope.to_string())
}

/// The page that a proxy in front of the exchange shows: HTML, never an envelope.
pub(crate) fn html(status: u16) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    let title = status.canonical_reason().unwrap_or("Error");
    let code = status.as_u16();
    plain(
        status,
        "text/html",
        format!("<html><body><h1>{code} {title}</h1></body></html>\n"),
    )
}

/// A reply of one piece.
pub(crate) fn plain(status: StatusCode, kind: &'static str, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// Adds a number as a header.
pub(crate) fn number_header(response: &mut Response, name: &'static str, value: i64) {
    response.headers_mut().insert(name, HeaderValue::from(value));
}
