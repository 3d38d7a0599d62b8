//! Finding one order, open or done: the three places of facts §5.9, in their order of freshness. It is asked for
//! writes that were sent, so it may use all of the budgets.

use super::limits::Rank;
use super::parse::{Document, Row, Rows};
use super::{BybitVenue, market, orders, query};
use crate::domain::account::OrderView;
use crate::domain::order::OrderKey;
use crate::domain::symbol::{Category, InstrumentId};
use crate::venue::VenueError;

/// <https://bybit-exchange.github.io/docs/v5/order/open-order>
const REALTIME: &str = "/v5/order/realtime";
/// <https://bybit-exchange.github.io/docs/v5/order/order-list>
const HISTORY: &str = "/v5/order/history";
/// <https://bybit-exchange.github.io/docs/v5/order/execution>
const EXECUTIONS: &str = "/v5/execution/list";

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// The longest span between `startTime` and `endTime`, and how far back Bybit looks without them (facts §4.6).
const SPAN_MS: i64 = 7 * DAY_MS;

/// How much earlier than by our clock an order may have come to be.
const LEEWAY_MS: i64 = 60 * 60 * 1_000;

/// No more spans than this are asked for: about three months from when the order was sent.
const MOST_SPANS: usize = 13;

/// `startTime` and `endTime`.
type Span = [(&'static str, String); 2];

impl BybitVenue {
    /// Realtime by id finds almost every order. Where it does not, the other places are asked side by side and
    /// the first in the order of facts §5.9 that knows the order is believed.
    pub(super) async fn find_order(
        &self,
        id: &InstrumentId,
        key: &OrderKey,
    ) -> Result<Option<OrderView>, VenueError> {
        self.find_within(id, key, &[None]).await
    }

    /// The same for an order that may be older than Bybit looks back by itself.
    pub(super) async fn find_order_sent_at(
        &self,
        id: &InstrumentId,
        key: &OrderKey,
        sent_ms: i64,
    ) -> Result<Option<OrderView>, VenueError> {
        let spans: Vec<_> = spans(sent_ms, self.exchange_ms().await?).map(Some).collect();
        self.find_within(id, key, &spans).await
    }

    async fn find_within(
        &self,
        id: &InstrumentId,
        key: &OrderKey,
        spans: &[Option<Span>],
    ) -> Result<Option<OrderView>, VenueError> {
        if let Some(view) = self.find_in(REALTIME, id, key, &[]).await? {
            return Ok(Some(view));
        }
        let spot_tpsl = async {
            match id.category {
                Category::Spot => self.find_in(REALTIME, id, key, &filter("tpslOrder")).await,
                Category::Linear | Category::Inverse | Category::Option => Ok(None),
            }
        };
        let stop = filter("StopOrder");
        let (conditional, tpsl, past) = futures::try_join!(
            self.find_in(REALTIME, id, key, &stop),
            spot_tpsl,
            self.find_past(id, key, spans),
        )?;
        Ok(conditional.or(tpsl).or(past))
    }

    /// Span by span from the first, the one in which the order came to be.
    async fn find_past(
        &self,
        id: &InstrumentId,
        key: &OrderKey,
        spans: &[Option<Span>],
    ) -> Result<Option<OrderView>, VenueError> {
        for span in spans {
            let span = span.as_ref().map_or(&[][..], |span| &span[..]);
            let (history, executed) = futures::try_join!(
                self.find_in(HISTORY, id, key, span),
                self.find_executed(id, key, span),
            )?;
            if let Some(view) = history.or(executed) {
                return Ok(Some(view));
            }
        }
        Ok(None)
    }

    async fn find_in(
        &self,
        path: &'static str,
        id: &InstrumentId,
        key: &OrderKey,
        more: &[(&'static str, String)],
    ) -> Result<Option<OrderView>, VenueError> {
        let mut pairs = named(id, key);
        pairs.extend_from_slice(more);
        let query = query::encode(&pairs)?;
        let envelope = self.http.get_as(Rank::Exit, path, &query, true).await?;
        Document::of(&envelope, path)?.read(|result| {
            market::check_category(result, path, id.category)?;
            let mut found = Vec::new();
            for row in result.rows(path, "list")? {
                check_is(&row, id, key)?;
                found.push(orders::order(&row, id.category)?);
            }
            // A large reduce-only order becomes several under one id (facts §7, 21): an open one tells more.
            let open = found.iter().position(OrderView::is_open).unwrap_or_default();
            Ok(found.into_iter().nth(open))
        })
    }

    async fn find_executed(
        &self,
        id: &InstrumentId,
        key: &OrderKey,
        span: &[(&'static str, String)],
    ) -> Result<Option<OrderView>, VenueError> {
        let mut pairs = named(id, key);
        pairs.extend_from_slice(span);
        pairs.push(("limit", "100".to_owned()));
        let query = query::encode(&pairs)?;
        let envelope = self.http.get_as(Rank::Exit, EXECUTIONS, &query, true).await?;
        Document::of(&envelope, EXECUTIONS)?.read(|result| {
            market::check_category(result, EXECUTIONS, id.category)?;
            let rows = result.rows(EXECUTIONS, "list")?;
            rows.iter().try_for_each(|row| check_is(row, id, key))?;
            orders::from_executions(&rows, id.category)
        })
    }
}

/// Everything from when the order was sent until now, cut into what Bybit answers at once.
fn spans(sent_ms: i64, now_ms: i64) -> impl Iterator<Item = Span> {
    let from = sent_ms.min(now_ms).saturating_sub(LEEWAY_MS);
    let starts = std::iter::successors(Some(from), |start| start.checked_add(SPAN_MS));
    let starts = starts.take_while(move |start| *start < now_ms).take(MOST_SPANS);
    starts.map(move |start| {
        let end = start.saturating_add(SPAN_MS).min(now_ms);
        [("startTime", start.to_string()), ("endTime", end.to_string())]
    })
}

fn filter(kind: &str) -> [(&'static str, String); 1] {
    [("orderFilter", kind.to_owned())]
}

fn named(id: &InstrumentId, key: &OrderKey) -> Vec<(&'static str, String)> {
    let key = match key {
        OrderKey::Venue(venue_id) => ("orderId", venue_id.clone()),
        OrderKey::Client(client_id) => ("orderLinkId", client_id.as_str().to_owned()),
    };
    vec![
        ("category", id.category.as_str().to_owned()),
        ("symbol", id.symbol.as_str().to_owned()),
        key,
    ]
}

/// A row of another order means that the filter was not heard; then nothing in the answer can be trusted.
fn check_is(row: &Row<'_>, id: &InstrumentId, key: &OrderKey) -> Result<(), VenueError> {
    let (field, asked) = match key {
        OrderKey::Venue(venue_id) => ("orderId", venue_id.as_str()),
        OrderKey::Client(client_id) => ("orderLinkId", client_id.as_str()),
    };
    if row.optional_text(field)? != Some(asked) || row.instrument(id.category)? != *id {
        return Err(row.wrong(field, "is of another order than the one asked for"));
    }
    Ok(())
}
