//! Rows of orders and executions: what can still fill, in which unit, and what cannot open a position (facts §4.6, §5).

use rust_decimal::Decimal;

use super::parse::Row;
use crate::domain::account::{OrderView, RestingOrder, SizeUnit};
use crate::domain::order::{ClientOrderId, PositionIdx, Side};
use crate::domain::symbol::Category;
use crate::venue::VenueError;

/// `stopOrderType`s that hang on a position and end with it (facts §5.5).
const POSITION_CHILDREN: [&str; 5] = [
    "TakeProfit",
    "StopLoss",
    "TrailingStop",
    "PartialTakeProfit",
    "PartialStopLoss",
];

/// One order row of realtime or history (facts §4.6).
pub(super) fn order(row: &Row<'_>, category: Category) -> Result<OrderView, VenueError> {
    let status = row.text("orderStatus")?.to_owned();
    let order = resting(row, category)?;
    let mut view = OrderView {
        order,
        status,
        reject_reason: row
            .optional_text("rejectReason")?
            .filter(|reason| *reason != "EC_NoError")
            .map(str::to_owned),
        average_price: row.optional_price("avgPrice")?,
    };
    if view.is_open() {
        return Ok(view);
    }
    // A count is given back for an order that is done without a fill: then the fill must be said, not assumed.
    row.decimal(filled_field(view.order.unit))?;
    view.order.leaves = Decimal::ZERO;
    Ok(view)
}

/// The same row where only an order that may still fill is wanted.
pub(super) fn open(row: &Row<'_>, category: Category) -> Result<Option<RestingOrder>, VenueError> {
    let view = order(row, category)?;
    Ok(view.is_open().then_some(view.order))
}

fn resting(row: &Row<'_>, category: Category) -> Result<RestingOrder, VenueError> {
    let side = row.side()?;
    let market = match row.text("orderType")? {
        "Market" => true,
        "Limit" => false,
        _ => return Err(row.wrong("orderType", "is neither Market nor Limit")),
    };
    let unit = unit(row, category, side, market)?;
    let filled = row.optional_amount(filled_field(unit))?.unwrap_or_default();
    let qty = row.optional_qty("qty")?;
    Ok(RestingOrder {
        instrument: row.instrument(category)?,
        side,
        leaves: leaves(row, unit, qty.map(|qty| qty.value() - filled))?,
        qty,
        filled,
        unit,
        // The price of a market order is the exchange's own bound, not a limit (facts §5.6).
        price: if market {
            None
        } else {
            row.optional_price("price")?
        },
        trigger_price: row.optional_price("triggerPrice")?,
        reduce_only: category.is_derivative() && only_reduces(row)?,
        cannot_borrow: category == Category::Spot && row.optional_text("isLeverage")? == Some("0"),
        position_idx: row.position_idx(category)?,
        // An id that we could not have made is somebody else's; it can name none of our orders.
        client_id: row
            .optional_text("orderLinkId")?
            .and_then(|text| ClientOrderId::parse(text).ok()),
        venue_id: row.optional_text("orderId")?.map(str::to_owned),
    })
}

/// A spot market buy is in quote money unless it says otherwise (facts §5.1).
fn unit(row: &Row<'_>, category: Category, side: Side, market: bool) -> Result<SizeUnit, VenueError> {
    match (category, market) {
        (Category::Linear | Category::Option, _) | (Category::Spot, false) => Ok(SizeUnit::Base),
        (Category::Inverse, _) => Ok(SizeUnit::UsdContracts),
        (Category::Spot, true) => match (row.optional_text("marketUnit")?, side) {
            (Some("baseCoin"), _) | (None, Side::Sell) => Ok(SizeUnit::Base),
            (Some("quoteCoin"), _) | (None, Side::Buy) => Ok(SizeUnit::Quote),
            (Some(_), _) => Err(row.wrong("marketUnit", "is neither baseCoin nor quoteCoin")),
        },
    }
}

fn filled_field(unit: SizeUnit) -> &'static str {
    match unit {
        SizeUnit::Quote => "cumExecValue",
        SizeUnit::Base | SizeUnit::UsdContracts => "cumExecQty",
    }
}

/// What can still fill: the larger of what the exchange says and what is left of the quantity.
fn leaves(row: &Row<'_>, unit: SizeUnit, computed: Option<Decimal>) -> Result<Decimal, VenueError> {
    let field = match unit {
        SizeUnit::Quote => "leavesValue",
        SizeUnit::Base | SizeUnit::UsdContracts => "leavesQty",
    };
    let said = row.optional_amount(field)?;
    said.into_iter()
        .chain(computed)
        .max()
        .map(|leaves| leaves.max(Decimal::ZERO))
        .ok_or_else(|| row.wrong(field, "is missing, and so is `qty`"))
}

fn only_reduces(row: &Row<'_>) -> Result<bool, VenueError> {
    let kind = row.optional_text("stopOrderType")?.unwrap_or_default();
    Ok(row.flag("reduceOnly")? || row.flag("closeOnTrigger")? || POSITION_CHILDREN.contains(&kind))
}

/// An order known by its executions alone (facts §5.9, step 3). Newest first; they all carry one order id.
///
/// Its end cannot be told from them unless nothing was left, so it counts as open otherwise.
pub(super) fn from_executions(rows: &[Row<'_>], category: Category) -> Result<Option<OrderView>, VenueError> {
    let Some(newest) = rows.first() else {
        return Ok(None);
    };
    let mut filled = Decimal::ZERO;
    let mut said: Option<Decimal> = None;
    for row in rows {
        let more = row.optional_amount("execQty")?.unwrap_or_default();
        filled = filled
            .checked_add(more)
            .ok_or_else(|| row.wrong("execQty", "is too large"))?;
        said = said.into_iter().chain(row.optional_amount("leavesQty")?).min();
    }
    let qty = newest.optional_qty("orderQty")?;
    let computed = qty.map(|qty| (qty.value() - filled).max(Decimal::ZERO));
    let leaves = said.or(computed).unwrap_or_default();
    let done = leaves.is_zero();
    Ok(Some(OrderView {
        order: RestingOrder {
            instrument: newest.instrument(category)?,
            side: newest.side()?,
            leaves,
            qty,
            filled,
            unit: if category == Category::Inverse {
                SizeUnit::UsdContracts
            } else {
                SizeUnit::Base
            },
            price: newest.optional_price("orderPrice")?,
            trigger_price: None,
            reduce_only: false,
            cannot_borrow: false,
            position_idx: PositionIdx::OneWay,
            client_id: newest
                .optional_text("orderLinkId")?
                .and_then(|text| ClientOrderId::parse(text).ok()),
            venue_id: newest.optional_text("orderId")?.map(str::to_owned),
        },
        status: if done { "Filled" } else { "PartiallyFilled" }.to_owned(),
        reject_reason: None,
        average_price: None,
    }))
}
