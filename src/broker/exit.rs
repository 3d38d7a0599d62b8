//! A person's way out: cancel every resting order, close every position. It asks no mandate, no counter and no
//! HALT, and a ledger that cannot be written does not hold it back; only what the exchange shows counts as done.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;
use tokio::time::sleep;

use super::describe::in_words;
use super::{Broker, Core};
use crate::domain::account::{Position, RestingOrder};
use crate::domain::exit::Exit;
use crate::domain::order::{CancelScope, ClientOrderId};
use crate::domain::symbol::{Category, Coin};
use crate::state::audit_record::{AuditKind, AuditOutcome, AuditRecord};
use crate::state::clock;
use crate::venue::{Outcome, Venue, VenueError};

/// How often the exchange is looked at before the exit is said to be unfinished.
const LOOKS: u32 = 10;

const BETWEEN_LOOKS: Duration = Duration::from_millis(200);

/// How an exit went.
#[derive(Debug, Default)]
pub struct ExitReport {
    /// What was sent and what was answered, in words.
    pub sent: Vec<String>,
    /// Orders that the exchange still shows.
    pub orders_left: Vec<RestingOrder>,
    /// Positions that the exchange still shows.
    pub positions_left: Vec<Position>,
    /// Records that could not be written.
    pub not_on_record: Vec<String>,
}

impl<V: Venue> Broker<V> {
    /// Cancels every resting order of every category, and looks until the exchange shows none.
    pub async fn cancel_everything(&self) -> Result<ExitReport, VenueError> {
        self.core.cancel_everything().await
    }

    /// Cancels every resting order, then closes every position that has a reduce-only way out.
    pub async fn flatten(&self) -> Result<ExitReport, VenueError> {
        let mut report = self.core.cancel_everything().await?;
        self.core.close_positions(&mut report).await?;
        Ok(report)
    }
}

impl<V: Venue> Core<V> {
    async fn cancel_everything(&self) -> Result<ExitReport, VenueError> {
        let mut report = ExitReport::default();
        for look in 0..LOOKS {
            report.orders_left = self.venue.open_orders().await?;
            if report.orders_left.is_empty() {
                break;
            }
            // A cancel is asynchronous: one that was accepted is given a moment before it is asked again.
            if look % 3 == 0 {
                for scope in self.scopes(&report.orders_left).await {
                    self.leave(&Exit::cancel_all(scope), &mut report).await;
                }
            }
            sleep(BETWEEN_LOOKS).await;
        }
        Ok(report)
    }

    /// One cancel-all for each category and settle coin that has orders (facts §5.12).
    async fn scopes(&self, orders: &[RestingOrder]) -> Vec<CancelScope> {
        let mut wide = BTreeSet::new();
        let mut scopes = Vec::new();
        for order in orders {
            let category = order.instrument.category;
            let coin = match category {
                Category::Linear | Category::Inverse => self.settle_coin(order).await,
                Category::Spot | Category::Option => None,
            };
            match (category, coin) {
                (_, Some(coin)) if wide.insert((category, Some(coin.clone()))) => {
                    scopes.push(CancelScope::SettleCoin(category, coin));
                }
                (Category::Spot | Category::Option, None) if wide.insert((category, None)) => {
                    scopes.push(CancelScope::Everything(category));
                }
                (Category::Linear | Category::Inverse, None) => {
                    scopes.push(CancelScope::Instrument(order.instrument.clone()));
                }
                _ => {}
            }
        }
        scopes
    }

    async fn settle_coin(&self, order: &RestingOrder) -> Option<Coin> {
        self.venue
            .instrument(&order.instrument)
            .await
            .ok()
            .and_then(|instrument| instrument.settle_coin)
    }

    async fn close_positions(&self, report: &mut ExitReport) -> Result<(), VenueError> {
        for look in 0..LOOKS {
            report.positions_left = self.venue.positions().await?;
            if report.positions_left.is_empty() {
                break;
            }
            if look == 0 {
                for exit in report
                    .positions_left
                    .iter()
                    .filter_map(Exit::close)
                    .collect::<Vec<_>>()
                {
                    self.leave(&exit, report).await;
                }
            }
            sleep(BETWEEN_LOOKS).await;
        }
        Ok(())
    }

    async fn leave(&self, exit: &Exit, report: &mut ExitReport) {
        let words = in_words(exit.write(), None);
        let outcome = match ClientOrderId::parse(&format!("mx-{}", uuid::Uuid::new_v4().simple())) {
            Ok(id) => self.venue.exit(exit, &id).await,
            Err(error) => Outcome::NotSent(error.to_string()),
        };
        let (kind, word, trouble) = match &outcome {
            Outcome::Accepted(_) => (AuditKind::OrderCancelled, AuditOutcome::Accepted, None),
            Outcome::Rejected(no) | Outcome::Duplicate(no) => (
                AuditKind::OrderRejected,
                AuditOutcome::Rejected,
                Some(no.message.clone()),
            ),
            Outcome::NotSent(why) => (AuditKind::OrderRejected, AuditOutcome::Error, Some(why.clone())),
            Outcome::Unknown(why) => (
                AuditKind::OrderSubmitted,
                AuditOutcome::Unknown,
                Some(why.clone()),
            ),
        };
        let kind = match (kind, exit.write()) {
            (AuditKind::OrderCancelled, crate::domain::order::Write::Place(_)) => AuditKind::OrderPlaced,
            (kind, _) => kind,
        };
        report.sent.push(match &trouble {
            None => format!("{words}: accepted"),
            Some(why) => format!("{words}: {why}"),
        });
        if let Err(why) = self.record_exit(kind, word, &words, exit, &outcome, trouble) {
            report.not_on_record.push(format!("{words}: {why}"));
        }
    }

    fn record_exit(
        &self,
        kind: AuditKind,
        outcome: AuditOutcome,
        words: &str,
        exit: &Exit,
        answer: &Outcome,
        error: Option<String>,
    ) -> Result<(), String> {
        let session = format!("person:{}", std::process::id());
        let mut record = AuditRecord::new(
            clock::now(),
            self.files.broker().as_str(),
            &session,
            kind,
            outcome,
        )
        .map_err(|error| error.to_string())?;
        record.intent_normalized = Some(format!("a person's exit: {words}"));
        record.remote_tool = Some(exit.write().tool().name().to_owned());
        record.broker_response = match answer {
            Outcome::Accepted(accepted) => accepted.response.clone(),
            _ => Value::Null,
        };
        record.error = error;
        self.ledger
            .append(&record)
            .map(drop)
            .map_err(|error| error.to_string())
    }
}
