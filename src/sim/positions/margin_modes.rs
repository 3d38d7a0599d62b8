//! Margin mode, leverage and the margin of isolated positions.

use rust_decimal::Decimal;
use serde_json::json;

use super::margin::{Isolated, Mode};
use super::replies;
use super::tiers;
use crate::sim::account::Account;
use crate::sim::account::borrow;
use crate::sim::call::{Answer, Call, Refusal};
use crate::sim::instruments::Instrument;
use crate::sim::orders::Side;
use crate::sim::orders::waiting;
use crate::sim::store;

/// The account's margin mode. A refusal says why in `reasons`.
pub(crate) fn set_margin_mode(call: &Call<'_>) -> Answer {
    let books = call.desk.books;
    let mode = match call.params.require("setMarginMode")? {
        "PORTFOLIO_MARGIN" => {
            let why = "Portfolio margin is not simulated";
            return Err(refused("3400000", why));
        }
        word => Mode::parse(word).ok_or_else(|| Refusal::params("setMarginMode invalid"))?,
    };
    if mode == Mode::of(books)? {
        return Err(Refusal::new(
            110_026,
            "Cross/isolated margin mode is not modified",
        ));
    }
    if mode == Mode::Isolated && !borrow::debts(books)?.is_empty() {
        return Err(refused("3400001", "The account has borrowed coins"));
    }
    mode.keep(books)?;
    let after = Account::read(&call.desk, None)?;
    let short = match mode {
        Mode::Cross => after.available_usd() < Decimal::ZERO,
        Mode::Isolated => after
            .holdings
            .values()
            .any(|held| held.own_free() < Decimal::ZERO),
    };
    if short {
        return Err(refused(
            "3400002",
            "The available margin is insufficient for the new mode",
        ));
    }
    if mode == Mode::Cross {
        // One leverage for both sides, and no margin of a position's own.
        level(call)?;
    }
    waiting::mark(&call.desk)?;
    Ok(json!({"reasons": []}))
}

fn refused(code: &str, why: &str) -> Refusal {
    let reasons = json!({"reasons": [{"reasonCode": code, "reasonMsg": why}]});
    Refusal {
        result: Some(Box::new(reasons)),
        ..Refusal::new(3_400_045, "Set margin mode failed")
    }
}

fn level(call: &Call<'_>) -> Result<(), Refusal> {
    let books = call.desk.books;
    for held in store::positions(books)? {
        let mut held = (*held).clone();
        if !held.added.is_zero() {
            held.added = Decimal::ZERO;
            store::save_position(books, &held)?;
        }
    }
    for one in crate::sim::instruments::INSTRUMENTS.iter() {
        let buy = store::leverage_of(books, one, Side::Buy)?;
        if buy != store::leverage_of(books, one, Side::Sell)? {
            store::set_leverage(books, one, Side::Sell, buy)?;
        }
    }
    Ok(())
}

/// Sets the leverage of both sides; they may differ in hedge mode with isolated margin.
pub(crate) fn set_leverage(call: &Call<'_>) -> Answer {
    let one = replies::contract(&call.params)?;
    let books = call.desk.books;
    call.params.require("buyLeverage")?;
    call.params.require("sellLeverage")?;
    let buy = call.params.decimal("buyLeverage")?.unwrap_or_default();
    let sell = call.params.decimal("sellLeverage")?.unwrap_or_default();
    let may_differ = Mode::of(books)? == Mode::Isolated && store::is_hedged(books, one)?;
    if buy != sell && !may_differ {
        return Err(Refusal::params(
            "buy leverage must equal sell leverage unless in hedge mode with isolated margin",
        ));
    }
    let mut changed = false;
    for (side, leverage) in [(Side::Buy, buy), (Side::Sell, sell)] {
        check_leverage(call, one, side, leverage)?;
        if store::leverage_of(books, one, side)? != leverage {
            store::set_leverage(books, one, side, leverage)?;
            changed = true;
        }
    }
    if !changed {
        return Err(Refusal::new(110_043, "leverage not modified"));
    }
    let free = Account::read(&call.desk, None)?.margin_free(one.settle);
    if free < Decimal::ZERO {
        return Err(Refusal::new(110_044, "Available margin is insufficient"));
    }
    for idx in replies::legs(&call.desk, one)? {
        books.touch_position(one.category, one.symbol, *idx, call.desk.now);
    }
    waiting::mark(&call.desk)?;
    Ok(json!({}))
}

fn check_leverage(call: &Call<'_>, one: &Instrument, side: Side, leverage: Decimal) -> Result<(), Refusal> {
    let two_decimals = leverage.round_dp(2) == leverage;
    if leverage < Decimal::ONE || leverage > one.max_leverage || !two_decimals {
        let most = one.max_leverage;
        return Err(Refusal::new(
            110_013,
            format!("cannot set leverage, it must be 1 to {most}"),
        ));
    }
    for idx in replies::legs(&call.desk, one)? {
        let held = store::position(call.desk.books, one, *idx)?;
        if held.is_open() && held.side == side && held.entry > tiers::most_at(one, leverage) {
            return Err(Refusal::new(
                110_013,
                "cannot set leverage: the position's value is beyond the risk limit of that leverage",
            ));
        }
    }
    Ok(())
}

/// The isolated position that a request is about.
fn target(call: &Call<'_>) -> Result<(&'static Instrument, i64), Refusal> {
    let one = replies::contract(&call.params)?;
    if Mode::of(call.desk.books)? == Mode::Cross {
        return Err(Refusal::new(110_076, "Only isolated mode is supported"));
    }
    let idx = call.params.integer("positionIdx")?.unwrap_or_default();
    if !replies::legs(&call.desk, one)?.contains(&idx) {
        return Err(Refusal::new(10001, "position idx not match position mode"));
    }
    Ok((one, idx))
}

/// Adds margin to an isolated position, or with an amount below zero takes back what was added.
pub(crate) fn add_margin(call: &Call<'_>) -> Answer {
    let (one, idx) = target(call)?;
    let amount = call.params.decimal("margin")?.unwrap_or_default();
    if amount.is_zero() || amount.round_dp(4) != amount {
        return Err(Refusal::params("margin invalid, it has up to four decimals"));
    }
    let books = call.desk.books;
    let mut held = store::position(books, one, idx)?;
    if !held.is_open() {
        return Err(Refusal::new(
            110_033,
            "There is no position to change the margin of",
        ));
    }
    let account = Account::read(&call.desk, None)?;
    if amount > account.margin_free(one.settle) || held.added + amount < Decimal::ZERO {
        return Err(Refusal::new(
            110_014,
            "Insufficient available balance to add or take margin",
        ));
    }
    held.added += amount;
    held.updated = call.desk.now;
    let leverage = store::leverage_of(books, one, held.side)?;
    if -held.unrealised(one, call.desk.mark(one)?) >= Isolated::of(one, &held, leverage).safe {
        return Err(Refusal::new(
            110_040,
            "The order will trigger a forced liquidation",
        ));
    }
    store::save_position(books, &held)?;
    books.touch_position(one.category, one.symbol, idx, call.desk.now);
    waiting::mark(&call.desk)?;
    let account = Account::read(&call.desk, None)?;
    let mut row = replies::row(&call.desk, &account, one, &held)?;
    if let Some(fields) = row.as_object_mut() {
        fields.insert("category".to_owned(), json!(one.category.word()));
    }
    Ok(row)
}

/// Whether an isolated position takes margin by itself before it would be liquidated.
pub(crate) fn set_auto_add_margin(call: &Call<'_>) -> Answer {
    let (one, idx) = target(call)?;
    let on = match call.params.integer("autoAddMargin")? {
        Some(0) => "0",
        Some(1) => "1",
        _ => return Err(Refusal::params("autoAddMargin must be 0 or 1")),
    };
    store::set(call.desk.books, one, &format!("auto_margin/{idx}"), on)?;
    call.desk
        .books
        .touch_position(one.category, one.symbol, idx, call.desk.now);
    waiting::mark(&call.desk)?;
    Ok(json!({}))
}
