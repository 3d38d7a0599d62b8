//! `position/list`, `position/switch-mode` and `position/symbol-info`.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::liquidation;
use super::margin::{Isolated, Mode};
use super::position::Position;
use super::tiers;
use crate::sim::account::{Account, Leg};
use crate::sim::call::{Answer, Call, Desk, Params, Refusal, page, text};
use crate::sim::instruments::{self, Category, INSTRUMENTS, Instrument};
use crate::sim::orders;
use crate::sim::store;

/// Positions. With a symbol flat legs are shown too, otherwise only what is held.
pub(crate) fn list(call: &Call<'_>) -> Answer {
    let params = &call.params;
    let category = params.category()?;
    let limit = params.limit(20, 200)?;
    let settle = params.get("settleCoin");
    let mut rows = Vec::new();
    let account = Account::read(&call.desk, None)?;
    match params.get("symbol") {
        Some(_) => {
            let one = params.instrument()?;
            for idx in legs(&call.desk, one)? {
                let held = store::position(call.desk.books, one, *idx)?;
                rows.push(row(&call.desk, &account, one, &held)?);
            }
        }
        None if category == Category::Linear && settle.is_none() => {
            return Err(Refusal::params("symbol or settleCoin is required"));
        }
        None => {
            for position in store::positions(call.desk.books)?
                .iter()
                .filter(|position| position.is_open())
            {
                let found = Category::parse(&position.category)
                    .filter(|found| *found == category)
                    .and_then(|_| instruments::find(category, &position.symbol));
                if let Some(one) = found.filter(|one| settle.is_none_or(|coin| coin == one.settle)) {
                    rows.push(row(&call.desk, &account, one, position)?);
                }
            }
        }
    }
    Ok(cut(category, rows, limit, params.cursor()?))
}

/// One page of rows that are all at hand; the cursor counts the rows still to come.
fn cut(category: Category, rows: Vec<Value>, limit: i64, cursor: i64) -> Value {
    let total = i64::try_from(rows.len()).unwrap_or_default();
    let left = cursor.clamp(0, total);
    let (skip, take) = (total - left, left.min(limit));
    let next = (left > limit).then_some(left - limit);
    let count = |number: i64| usize::try_from(number).unwrap_or_default();
    let rows = rows.into_iter().skip(count(skip)).take(count(take)).collect();
    page(category, rows, next)
}

pub(crate) fn legs(desk: &Desk<'_>, one: &Instrument) -> Result<&'static [i64], Refusal> {
    Ok(match (one.category, store::is_hedged(desk.books, one)?) {
        (Category::Option | Category::Spot, _) => &[],
        (_, true) => &[1, 2],
        (_, false) => &[0],
    })
}

/// What is shown of a position's margin.
struct Margins {
    initial: String,
    maintenance: String,
    balance: String,
    liq: String,
    bust: String,
}

/// The margins of an open position; a flat one has none.
fn margins(account: &Account, leg: Option<&Leg>) -> Margins {
    let zero = || "0".to_owned();
    let Some(leg) = leg else {
        return Margins {
            initial: zero(),
            maintenance: zero(),
            balance: zero(),
            liq: zero(),
            bust: String::new(),
        };
    };
    let (liq, bust) = match account.mode {
        Mode::Isolated => {
            let own = Isolated::of(leg.one, &leg.held, leg.leverage);
            (own.liq, own.bust)
        }
        Mode::Cross => (account.liq_price(leg), None),
    };
    let price = |price: Option<Decimal>| price.map(text).unwrap_or_default();
    Margins {
        initial: text(leg.initial),
        maintenance: text(leg.maintenance),
        balance: match account.mode {
            Mode::Cross => zero(),
            Mode::Isolated => text(leg.initial),
        },
        liq: price(liq),
        bust: price(bust),
    }
}

/// A position as lists show it.
pub(crate) fn row(desk: &Desk<'_>, account: &Account, one: &'static Instrument, held: &Position) -> Answer {
    let leg = account.leg(one, held.idx);
    let mark = match leg {
        Some(leg) => leg.mark,
        None => desk.mark(one)?,
    };
    let leverage = store::leverage_of(desk.books, one, held.side)?;
    let margins = margins(account, leg);
    let side = if held.is_open() { held.side.word() } else { "" };
    let or_zero = |stop: &str| if stop.is_empty() { "0" } else { stop }.to_owned();
    let auto = liquidation::is_auto(desk, one, held.idx)?;
    Ok(json!({
        "positionIdx": held.idx, "riskId": tiers::id(one, held.entry), "riskLimitValue": text(tiers::most_at(one, leverage)),
        "symbol": held.symbol, "side": side, "size": text(held.size), "avgPrice": text(held.average(one)),
        "positionValue": text(one.shown(held.entry)), "tradeMode": i32::from(account.mode == Mode::Isolated),
        "positionStatus": "Normal", "autoAddMargin": i32::from(auto),
        "adlRankIndicator": if held.is_open() { 2 } else { 0 }, "leverage": text(leverage),
        "positionBalance": margins.balance, "markPrice": text(mark), "liqPrice": margins.liq,
        "bustPrice": margins.bust, "positionMM": margins.maintenance, "positionMMByMp": margins.maintenance,
        "positionIM": margins.initial, "positionIMByMp": margins.initial,
        "tpslMode": held.tpsl_mode, "takeProfit": or_zero(&held.take_profit),
        "stopLoss": or_zero(&held.stop_loss), "trailingStop": or_zero(&held.trailing_stop),
        "unrealisedPnl": text(held.unrealised(one, mark).round_dp(8)), "curRealisedPnl": text(held.realised),
        "cumRealisedPnl": text(held.realised_ever), "seq": if held.created == 0 { -1 } else { held.updated },
        "isReduceOnly": false, "mmrSysUpdatedTime": "", "leverageSysUpdatedTime": "", "breakEvenPrice": "",
        "sessionAvgPrice": "", "openTime": if held.is_open() { held.opened } else { 0 }, "delta": "", "gamma": "",
        "vega": "", "theta": "", "createdTime": held.created.to_string(), "updatedTime": held.updated.to_string(),
    }))
}

pub(crate) fn contract(params: &Params) -> Result<&'static Instrument, Refusal> {
    let one = params.instrument()?;
    if matches!(one.category, Category::Linear | Category::Inverse) {
        return Ok(one);
    }
    Err(Refusal::params("category must be linear or inverse"))
}

/// The leverage of contracts, with or without a position.
pub(crate) fn symbol_info(call: &Call<'_>) -> Answer {
    let params = &call.params;
    let category = params.category()?;
    let chosen = match params.get("symbol") {
        Some(_) => vec![contract(params)?],
        None => INSTRUMENTS
            .iter()
            .filter(|one| one.category == category)
            .collect(),
    };
    let mut list = Vec::new();
    for one in chosen {
        for idx in legs(&call.desk, one)? {
            let held = store::position(call.desk.books, one, *idx)?;
            let side = match (idx, held.is_open()) {
                (0, false) => "",
                _ => held.side.word(),
            };
            let leverage = store::leverage_of(call.desk.books, one, held.side)?;
            list.push(
                json!({"symbol": one.symbol, "leverage": text(leverage), "side": side, "positionIdx": idx}),
            );
        }
    }
    Ok(json!({"category": category.word(), "list": list}))
}

/// Switches USDT perpetuals between one-way (0) and hedge mode (3), by symbol or by settle coin.
pub(crate) fn switch_mode(call: &Call<'_>) -> Answer {
    let params = &call.params;
    if params.category()? != Category::Linear {
        return Err(Refusal::params("category must be linear"));
    }
    let hedged = match params.integer("mode")? {
        Some(0) => false,
        Some(3) => true,
        _ => return Err(Refusal::params("position_mode invalid")),
    };
    let named = params.get("symbol").is_some();
    let mut changed = false;
    for one in chosen(params)? {
        if one.settle != "USDT" && hedged {
            return Err(Refusal::new(110_029, "this symbol has no hedge mode"));
        }
        if store::is_hedged(call.desk.books, one)? == hedged {
            continue;
        }
        match busy(&call.desk, one)? {
            Some(refusal) if named => return Err(refusal),
            Some(_) => {}
            None => {
                store::set_hedged(call.desk.books, one, hedged)?;
                changed = true;
            }
        }
    }
    if changed {
        return Ok(json!({}));
    }
    Err(Refusal::new(110_025, "Position mode is not modified"))
}

/// The contracts that a change of mode is about.
fn chosen(params: &Params) -> Result<Vec<&'static Instrument>, Refusal> {
    match (params.get("symbol"), params.get("coin")) {
        (Some(_), _) => Ok(vec![params.instrument()?]),
        (None, Some(coin)) => Ok(INSTRUMENTS
            .iter()
            .filter(|one| one.category == Category::Linear && one.settle == coin)
            .collect()),
        (None, None) => Err(Refusal::params("symbol or coin is required")),
    }
}

/// Why the mode of an instrument cannot change now.
fn busy(desk: &Desk<'_>, one: &Instrument) -> Result<Option<Refusal>, Refusal> {
    for idx in legs(desk, one)? {
        if store::position(desk.books, one, *idx)?.is_open() {
            return Ok(Some(Refusal::new(
                110_024,
                "the position mode cannot change with an open position",
            )));
        }
    }
    if !orders::records::open_of(desk.books, one)?.is_empty() {
        return Ok(Some(Refusal::new(
            110_028,
            "the position mode cannot change with open orders",
        )));
    }
    Ok(None)
}
