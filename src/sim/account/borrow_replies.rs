//! `account/collateral-info`, `account/set-collateral-switch`, `account/borrow-history` and
//! `order/spot-borrow-check`.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::borrow::{self, TERMS, Terms};
use super::worth::{self, Account, Holding};
use crate::sim::call::{Answer, Call, Refusal, cursor_text, text};
use crate::sim::instruments::{Category, Instrument};
use crate::sim::orders::Side;
use crate::sim::orders::records::Query;
use crate::sim::positions::margin::Mode;

/// The terms of each coin, and what of it is borrowed.
pub(crate) fn collateral_info(call: &Call<'_>) -> Answer {
    let wanted = call.params.get("currency");
    let account = Account::read(&call.desk, None)?;
    let mut list = Vec::new();
    for terms in TERMS
        .iter()
        .filter(|terms| wanted.is_none_or(|coin| coin == terms.coin))
    {
        list.push(terms_row(call, &account, terms)?);
    }
    if list.is_empty() {
        return Err(Refusal::params("currency invalid"));
    }
    Ok(json!({"list": list}))
}

fn terms_row(call: &Call<'_>, account: &Account, terms: &Terms) -> Answer {
    let owed = account
        .holdings
        .get(terms.coin)
        .map(Holding::owed)
        .unwrap_or_default();
    let room = lendable(call, account, terms)?;
    let used = owed.checked_div(terms.most).unwrap_or_default().round_dp(4);
    Ok(json!({
        "availableToBorrow": text(room), "freeBorrowingAmount": "", "freeBorrowAmount": "0",
        "maxBorrowingAmount": text(terms.most), "hourlyBorrowRate": text(terms.hourly), "borrowUsageRate": text(used),
        "collateralSwitch": borrow::is_collateral(call.desk.books, terms.coin)?, "borrowAmount": text(owed),
        "borrowable": true, "currency": terms.coin, "otherBorrowAmount": "0", "marginCollateral": true,
        "freeBorrowingLimit": "0", "collateralRatio": text(terms.ratio),
    }))
}

/// How much more of a coin the account could borrow.
fn lendable(call: &Call<'_>, account: &Account, terms: &Terms) -> Result<Decimal, Refusal> {
    if account.mode == Mode::Isolated {
        return Ok(Decimal::ZERO);
    }
    let owed = account
        .holdings
        .get(terms.coin)
        .map(Holding::owed)
        .unwrap_or_default();
    let by_margin = account
        .available_usd()
        .checked_div(call.desk.usd(terms.coin)? * borrow::INITIAL)
        .unwrap_or_default();
    Ok(by_margin.min(terms.most - owed).max(Decimal::ZERO).round_dp(8))
}

/// Switches a coin's use as collateral; the dollar coins always are.
pub(crate) fn set_collateral_switch(call: &Call<'_>) -> Answer {
    let coin = call.params.require("coin")?;
    let on = match call.params.require("collateralSwitch")? {
        "ON" => true,
        "OFF" => false,
        _ => return Err(Refusal::params("collateralSwitch must be ON or OFF")),
    };
    if borrow::terms_of(coin).is_none() {
        return Err(Refusal::params("coin invalid"));
    }
    if !on && matches!(coin, "USDT" | "USDC") {
        return Err(Refusal::params(format!("{coin} is always collateral")));
    }
    borrow::set_collateral(call.desk.books, coin, on)?;
    let after = Account::read(&call.desk, None)?;
    if !on && after.available_usd() < Decimal::ZERO {
        return Err(Refusal::new(110_044, "Available margin is insufficient"));
    }
    Ok(json!({}))
}

/// The interest that was charged, newest first.
pub(crate) fn history(call: &Call<'_>) -> Answer {
    let params = &call.params;
    let (start, end) = params.time_span(call.desk.now)?;
    let query = Query::over("journal")
        .and("kind = ?", "INTEREST".to_owned())
        .and("time >= ?", start)
        .and("time <= ?", end)
        .and_some("coin = ?", params.get("currency"));
    let (rows, next) = query.page(call.desk.books, params.limit(20, 50)?, params.cursor()?)?;
    let mut list = Vec::new();
    for data in rows {
        let row: Value = serde_json::from_str(&data)?;
        let cost = row
            .get("change")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .trim_start_matches('-');
        list.push(json!({
            "currency": row.get("currency"), "createdTime": row.get("transactionTime")
                .and_then(Value::as_str).and_then(|time| time.parse::<i64>().ok()),
            "borrowCost": cost, "hourlyBorrowRate": row.get("feeRate"),
            "InterestBearingBorrowSize": row.get("qty"), "costExemption": "0", "borrowAmount": row.get("qty"),
            "unrealisedLoss": "0", "freeBorrowedAmount": "0",
        }));
    }
    Ok(json!({"nextPageCursor": next.map(cursor_text).unwrap_or_default(), "list": list}))
}

/// How much a spot order could buy or sell, with own coins and with borrowed ones.
pub(crate) fn spot_borrow_check(call: &Call<'_>) -> Answer {
    let one = call.params.instrument()?;
    if one.category != Category::Spot {
        return Err(Refusal::params("category must be spot"));
    }
    let side = match call.params.require("side")? {
        "Buy" => Side::Buy,
        "Sell" => Side::Sell,
        _ => return Err(Refusal::params("Side invalid")),
    };
    let account = Account::read(&call.desk, None)?;
    let paid = worth::paid_coin(one, side);
    let own = account.spot_free(paid);
    let most = own + most_borrowed(call, &account, one, side, own)?;
    let book = call.desk.path(one)?.book(call.desk.now);
    let best = match side {
        Side::Buy => book.asks(Decimal::ZERO).next(),
        Side::Sell => book.bids(Decimal::ZERO).next(),
    };
    let price = best.map_or(call.desk.last(one)?, |(price, _)| price);
    let both = |amount: Decimal| match side {
        Side::Buy => (
            one.floor_qty(amount.checked_div(price).unwrap_or_default()),
            amount.round_dp(8),
        ),
        Side::Sell => (one.floor_qty(amount), (amount * price).round_dp(8)),
    };
    let ((qty, amount), (own_qty, own_amount)) = (both(most), both(own));
    Ok(json!({
        "symbol": one.symbol, "side": side.word(), "maxTradeQty": text(qty), "maxTradeAmount": text(amount),
        "spotMaxTradeQty": text(own_qty), "spotMaxTradeAmount": text(own_amount), "borrowCoin": paid,
    }))
}

/// What can be borrowed for one order after `own` is spent; rounded down.
fn most_borrowed(
    call: &Call<'_>,
    account: &Account,
    one: &Instrument,
    side: Side,
    own: Decimal,
) -> Result<Decimal, Refusal> {
    let paid = worth::paid_coin(one, side);
    let Some(terms) = borrow::terms_of(paid).filter(|_| account.mode == Mode::Cross) else {
        return Ok(Decimal::ZERO);
    };
    let zero = Decimal::ZERO;
    let spent = account.exchange_loss(&call.desk, one, side, own, zero)?;
    let each = account.exchange_loss(&call.desk, one, side, zero, Decimal::ONE)?;
    let room = (account.available_usd() - spent)
        .checked_div(each)
        .unwrap_or_default();
    let owed = account.holdings.get(paid).map(Holding::owed).unwrap_or_default();
    Ok(room.min(terms.most - owed).max(zero).trunc_with_scale(8))
}
