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

impl BybitVenue {
    /// Realtime by id finds almost every order. Where it does not, the other places are asked side by side and
    /// the first in the order of facts §5.9 that knows the order is believed.
    pub(super) async fn find_order(
        &self,
        id: &InstrumentId,
        key: &OrderKey,
    ) -> Result<Option<OrderView>, VenueError> {
        if let Some(view) = self.find_in(REALTIME, id, key, None).await? {
            return Ok(Some(view));
        }
        let spot_tpsl = async {
            match id.category {
                Category::Spot => self.find_in(REALTIME, id, key, Some("tpslOrder")).await,
                Category::Linear | Category::Inverse | Category::Option => Ok(None),
            }
        };
        let (conditional, tpsl, history, executed) = futures::try_join!(
            self.find_in(REALTIME, id, key, Some("StopOrder")),
            spot_tpsl,
            self.find_in(HISTORY, id, key, None),
            self.find_executed(id, key),
        )?;
        Ok(conditional.or(tpsl).or(history).or(executed))
    }

    async fn find_in(
        &self,
        path: &'static str,
        id: &InstrumentId,
        key: &OrderKey,
        filter: Option<&str>,
    ) -> Result<Option<OrderView>, VenueError> {
        let mut pairs = named(id, key);
        pairs.extend(filter.map(|filter| ("orderFilter", filter.to_owned())));
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
    ) -> Result<Option<OrderView>, VenueError> {
        let mut pairs = named(id, key);
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
