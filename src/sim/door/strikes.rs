//! How the faults that hit one request change its course.

use axum::body::Body;
use axum::response::Response;

use super::envelope;
use super::faults::FaultKind;
use super::limits::{self, Budget};
use super::wire::Scissors;
use crate::sim::call::{Answer, Effects, Refusal};
use crate::sim::market::clock::now_ms;

/// The faults that hit one request, sorted by when they strike.
#[derive(Debug, Default)]
pub(crate) struct Hits {
    pub(crate) delay_before: Option<u64>,
    pub(crate) delay_after: Option<u64>,
    instead: Option<FaultKind>,
    after: Option<FaultKind>,
    pub(crate) effects: Effects,
    skew: i64,
}

impl Hits {
    pub(crate) fn sort(kinds: Vec<FaultKind>) -> Self {
        let mut hits = Self::default();
        for kind in kinds {
            match kind {
                FaultKind::DelayMs(ms) => hits.delay_after = Some(ms),
                FaultKind::DelayBeforeMs(ms) => hits.delay_before = Some(ms),
                FaultKind::InvisibleMs(ms) => {
                    hits.effects.invisible_ms = i64::try_from(ms).unwrap_or(i64::MAX / 2)
                }
                FaultKind::BatchRows { rows, code, message } => {
                    let refusal = Refusal::new(code, message);
                    hits.effects
                        .failing
                        .extend(rows.into_iter().map(|row| (row, refusal.clone())));
                }
                FaultKind::RejectLater => hits.effects.reject_later = true,
                FaultKind::ClockSkewMs(ms) => hits.skew = ms,
                FaultKind::StatusAfter(_)
                | FaultKind::DropAfter
                | FaultKind::ResetAfter
                | FaultKind::EmptyBody
                | FaultKind::TruncatedBody => hits.after = Some(kind),
                // The first strike frames, not requests; chance has been drawn already.
                FaultKind::StreamDouble
                | FaultKind::StreamSwap
                | FaultKind::StreamLose
                | FaultKind::Sometimes(..) => {}
                FaultKind::Status(_)
                | FaultKind::DropBefore
                | FaultKind::ResetBefore
                | FaultKind::RetCode { .. }
                | FaultKind::RateLimited => {
                    hits.instead = Some(kind);
                }
            }
        }
        hits
    }

    pub(crate) fn clock(&self) -> i64 {
        now_ms().saturating_add(self.skew)
    }

    /// The refusal that takes the place of an order over a stream, where there are no HTTP statuses.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        match self.instead.as_ref()? {
            FaultKind::RetCode { code, message } => Some(Refusal::new(*code, message.as_str())),
            FaultKind::RateLimited => Some(Refusal::new(20003, "Too many requests")),
            FaultKind::Status(status) => Some(Refusal::new(i64::from(*status), "System protection")),
            _ => None,
        }
    }

    /// Whether a stream is cut before the order is processed.
    pub(crate) fn cuts_before(&self) -> bool {
        matches!(self.instead, Some(FaultKind::DropBefore | FaultKind::ResetBefore))
    }

    /// Whether a stream is cut once the order has been processed, before its reply.
    pub(crate) fn cuts_after(&self) -> bool {
        self.after.is_some()
    }

    /// The reply of a fault that keeps the request from being processed.
    pub(crate) fn instead(&self, scissors: &Scissors) -> Option<Response> {
        let refuse = |code, message: &str| {
            let refused: Answer = Err(Refusal::new(code, message));
            envelope::reply(&envelope::wrap(refused, self.clock()))
        };
        Some(match self.instead.as_ref()? {
            FaultKind::Status(status) => envelope::html(*status),
            FaultKind::RetCode { code, message } => refuse(*code, message),
            FaultKind::RateLimited => {
                let mut response = refuse(10006, "Too many visits!");
                let budget = Budget {
                    limit: 10,
                    left: 0,
                    reset: self.clock().saturating_add(1000),
                    granted: 0,
                };
                limits::budget_headers(&mut response, budget);
                response
            }
            FaultKind::ResetBefore => {
                scissors.reset();
                Response::default()
            }
            _ => {
                scissors.cut();
                Response::default()
            }
        })
    }

    /// What a fault makes of the reply to a request that was processed.
    pub(crate) async fn afterwards(&self, response: Response, scissors: &Scissors) -> Response {
        match &self.after {
            Some(FaultKind::StatusAfter(status)) => envelope::html(*status),
            Some(FaultKind::TruncatedBody) => {
                let (parts, body) = response.into_parts();
                let whole = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
                Response::from_parts(parts, Body::from(whole.slice(..whole.len() / 2)))
            }
            Some(FaultKind::EmptyBody) => Response::default(),
            Some(FaultKind::ResetAfter) => {
                scissors.reset();
                response
            }
            Some(_) => {
                scissors.cut();
                response
            }
            None => response,
        }
    }
}
