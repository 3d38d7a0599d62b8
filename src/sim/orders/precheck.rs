//! Questions before an order: what it would do to the margins, and how much could be traded.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde_json::{Value, json};

use super::create;
use crate::sim::account::{Account, Holding};
use crate::sim::call::{Answer, Answered, Call, Desk, Refusal};
use crate::sim::instruments::{Category, num};

/// Places an order, reads the margins that come of it, and takes all of it back.
pub(crate) fn pre_check(call: &Call<'_>) -> Answer {
    let conditional = call.params.decimal("triggerPrice")?;
    if conditional.is_some_and(|price| !price.is_zero()) {
        return Err(Refusal::params("conditional orders cannot be checked beforehand"));
    }
    if call.params.category()? == Category::Inverse {
        return Err(Refusal::params(
            "inverse cannot be checked beforehand in cross margin",
        ));
    }
    let before = margins(&call.desk)?;
    let mut seen: Option<(Value, [i64; 2])> = None;
    let tried = call.desk.books.attempt(|| {
        let ids = create::create(call)?;
        seen = Some((ids, margins(&call.desk)?));
        Err::<(), Refusal>(Refusal::params("only a check"))
    });
    match (seen, tried) {
        (Some((ids, after)), _) => Ok(json!({
            "orderId": ids.get("orderId"), "orderLinkId": ids.get("orderLinkId"),
            "preImrE4": before[0], "preMmrE4": before[1], "postImrE4": after[0], "postMmrE4": after[1],
        })),
        (None, Err(refusal)) => Err(refusal),
        (None, Ok(())) => Err(Refusal::new(10016, "System error.")),
    }
}

/// Initial and maintenance margin as shares of the equity, in ten-thousandths.
fn margins(desk: &Desk<'_>) -> Result<[i64; 2], Refusal> {
    let account = Account::read(desk, None)?;
    let equity = account.in_usd(Holding::equity);
    let share = |margin: Decimal| {
        let share = margin.checked_div(equity).unwrap_or_default() * num(10_000, 0);
        share.round().to_i64().unwrap_or_default()
    };
    let initial = account.in_usd(|held| held.order_margin + held.position_margin);
    Ok([share(initial), share(account.in_usd(|held| held.maintenance))])
}

/// Asks for everything to be cancelled when the connection is lost: checked, accepted, and not acted upon.
pub(crate) fn disconnected(call: &Call<'_>) -> Result<Answered, Refusal> {
    let product = call.params.get("product").unwrap_or("OPTIONS");
    if !matches!(product, "OPTIONS" | "DERIVATIVES" | "SPOT") {
        return Err(Refusal::params("product invalid"));
    }
    match call.params.integer("timeWindow")? {
        Some(3..=300) => Ok(Answered::Bare),
        _ => Err(Refusal::params("timeWindow must be 3 to 300")),
    }
}
