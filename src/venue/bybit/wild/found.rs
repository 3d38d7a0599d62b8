//! What was read out of a list, held against the rows that were put in: none invented, none dropped, every fact that
//! the gate rests on as it is written.

use std::fmt::Debug;

use rust_decimal::Decimal;
use serde_json::value::RawValue;

use super::text::{Members, Said, in_words, inner, is_true, list, members, said};
use crate::domain::account::{CoinBalance, Instrument, OrderView, Position, Quote, RestingOrder, SizeUnit};
use crate::domain::money::Price;
use crate::domain::order::{ClientOrderId, PositionIdx, Side};
use crate::domain::symbol::{Category, InstrumentId};

/// The words after which an order fills no more (facts §5.7).
const FINAL: [&str; 5] = [
    "Filled",
    "Cancelled",
    "PartiallyFilledCanceled",
    "Rejected",
    "Deactivated",
];

/// A reading of one list.
#[derive(Debug)]
pub(super) enum Found {
    Orders(Vec<OrderView>),
    Open(Vec<RestingOrder>),
    Executions(Option<OrderView>),
    Turnover(Decimal),
    Wallet(Vec<CoinBalance>),
    Instrument(Option<Instrument>),
    Positions(Vec<Position>),
    /// The ticker, and what it says that a coin is worth.
    Quote(Option<(Quote, Price)>),
}

type Verdict = Result<(), String>;

fn same<T: PartialEq + Debug>(what: &str, found: T, put: T) -> Verdict {
    match found == put {
        true => Ok(()),
        false => Err(format!("{what} is {put:?} and was read as {found:?}")),
    }
}

/// A figure: none where nothing is written.
fn figure(row: &Members<'_>, name: &str, found: Option<Decimal>) -> Verdict {
    match said(row, name) {
        Said::Nothing => same(name, found, None),
        put => same(
            name,
            found,
            Some(put.number().ok_or(format!("`{name}` is no number"))?),
        ),
    }
}

/// A figure of which zero stands for none; never below zero.
fn above_zero(row: &Members<'_>, name: &str, found: Option<Decimal>) -> Verdict {
    if found.is_some_and(|found| found <= Decimal::ZERO) {
        return Err(format!("`{name}` was read as {found:?}"));
    }
    match said(row, name).number() {
        Some(put) if put.is_zero() => same(name, found, None),
        _ => figure(row, name, found),
    }
}

fn words(row: &Members<'_>, name: &str, found: Option<&str>) -> Verdict {
    same(name, found, said(row, name).text())
}

/// Rows and readings in pairs, as many of the one as of the other.
fn pairs<'t, T>(found: &[T], rows: Vec<Members<'t>>, check: impl Fn(&T, &Members<'t>) -> Verdict) -> Verdict {
    same("the number of rows", found.len(), rows.len())?;
    found
        .iter()
        .zip(&rows)
        .try_for_each(|(found, row)| check(found, row).map_err(|why| format!("{why} in {row:?}")))
}

/// Holds `found` against the `result` that it was read from.
pub(super) fn check(found: &Found, result: &Members<'_>, id: &InstrumentId, before_ms: i64) -> Verdict {
    let raw = list(result, "list").ok_or("a list was read that is none")?;
    if let Found::Turnover(mean) = found {
        return turnover(*mean, &raw, id.category, before_ms);
    }
    let rows: Option<Vec<Members<'_>>> = raw.iter().map(|row| members(row.get())).collect();
    let mut rows = rows.ok_or("a row was read that is none")?;
    let category = id.category;
    let its_own = rows
        .iter()
        .find(|row| said(row, "symbol").text() == Some(id.symbol.as_str()));
    match found {
        Found::Turnover(_) => Ok(()),
        Found::Orders(found) => pairs(found, rows, |view, row| order(view, row, category)),
        Found::Open(found) => {
            rows.retain(|row| !is_final(row));
            pairs(found, rows, |found, row| resting(found, row, category, false))
        }
        Found::Executions(found) => match (found, rows.first()) {
            (None, None) => Ok(()),
            (Some(view), Some(newest)) => executions(view, newest, &rows, category),
            _ => Err(format!("{} executions were read as {found:?}", rows.len())),
        },
        Found::Wallet(found) => pairs(found, rows, balance),
        Found::Positions(found) => {
            rows.retain(|row| said(row, "size").number().is_none_or(|size| !size.is_zero()));
            pairs(found, rows, |found, row| position(found, row, category))
        }
        Found::Instrument(found) => match (found, its_own) {
            (None, None) => Ok(()),
            (Some(found), Some(row)) => instrument(found, row, id),
            _ => Err(format!("{id} was read as {found:?}")),
        },
        Found::Quote(found) => match (found, its_own) {
            (None, None) => Ok(()),
            (Some((found, coin_usd)), Some(row)) => quote(found, *coin_usd, row),
            _ => Err(format!("{id} was read as {found:?}")),
        },
    }
}

fn is_final(row: &Members<'_>) -> bool {
    said(row, "orderStatus")
        .text()
        .is_some_and(|status| FINAL.contains(&status))
}

/// What a position and an order share.
fn placed(row: &Members<'_>, id: &InstrumentId, side: Side, idx: PositionIdx, category: Category) -> Verdict {
    words(row, "symbol", Some(id.symbol.as_str()))?;
    same("the category", id.category, category)?;
    words(row, "side", Some(side.as_str()))?;
    let put = said(row, "positionIdx");
    let put = put.text().map_or(Some(0), |text| text.parse::<u8>().ok());
    same("`positionIdx`", Some(idx.to_wire()), put)
}

fn position(found: &Position, row: &Members<'_>, category: Category) -> Verdict {
    placed(row, &found.instrument, found.side, found.position_idx, category)?;
    above_zero(row, "size", Some(found.size.value()))?;
    above_zero(row, "markPrice", found.mark_price.map(Price::value))
}

fn balance(found: &CoinBalance, row: &Members<'_>) -> Verdict {
    let coin = said(row, "coin")
        .text()
        .map(|coin| coin.trim().to_ascii_uppercase());
    same("`coin`", Some(found.coin.as_str()), coin.as_deref())?;
    figure(row, "equity", Some(found.equity))?;
    figure(row, "usdValue", found.usd_value)
}

fn quote(found: &Quote, coin_usd: Price, row: &Members<'_>) -> Verdict {
    above_zero(row, "lastPrice", Some(found.last.value()))?;
    for (name, price) in [
        ("bid1Price", found.bid),
        ("ask1Price", found.ask),
        ("markPrice", found.mark),
    ] {
        above_zero(row, name, price.map(Price::value))?;
    }
    let put = |name| said(row, name).number();
    let dearest = |book| ["lastPrice", "markPrice", book].into_iter().filter_map(put).max();
    same(
        "the price of a buy",
        Some(found.live(Side::Buy).value()),
        dearest("ask1Price"),
    )?;
    same(
        "the price of a sell",
        Some(found.live(Side::Sell).value()),
        dearest("bid1Price"),
    )?;
    let index = put("usdIndexPrice").filter(|index| !index.is_zero());
    same(
        "the coin's worth",
        Some(coin_usd.value()),
        index.or(dearest("ask1Price")),
    )
}

fn instrument(found: &Instrument, row: &Members<'_>, id: &InstrumentId) -> Verdict {
    same("the instrument", &found.id, id)?;
    let coin = |name| {
        said(row, name)
            .text()
            .map(|coin| coin.trim().to_ascii_uppercase())
    };
    same("`baseCoin`", Some(found.base_coin.to_string()), coin("baseCoin"))?;
    same(
        "`quoteCoin`",
        Some(found.quote_coin.to_string()),
        coin("quoteCoin"),
    )?;
    same(
        "`settleCoin`",
        found.settle_coin.as_ref().map(ToString::to_string),
        coin("settleCoin"),
    )?;
    words(row, "status", found.status.as_deref())?;
    same(
        "`isPreListing`",
        found.is_pre_listing,
        is_true(row, "isPreListing"),
    )?;
    let inside = |name| inner(row, name).ok_or(format!("`{name}` was read and is none"));
    let (prices, lots) = (inside("priceFilter")?, inside("lotSizeFilter")?);
    above_zero(&prices, "tickSize", found.tick_size.map(Price::value))?;
    let [step, limit, market, amount] = match id.category {
        Category::Spot => [
            "basePrecision",
            "maxLimitOrderQty",
            "maxMarketOrderQty",
            "minOrderAmt",
        ],
        _ => ["qtyStep", "maxOrderQty", "maxMktOrderQty", "minNotionalValue"],
    };
    let sizes = [
        (step, found.qty_step),
        ("quotePrecision", found.quote_step),
        (limit, found.max_limit_qty),
        (market, found.max_market_qty),
        (amount, found.min_notional),
    ];
    for (name, size) in sizes {
        above_zero(&lots, name, size.map(|size| size.value()))?;
    }
    if id.category == Category::Spot {
        same("`minOrderQty` on spot", found.min_qty, None)?;
    } else {
        above_zero(&lots, "minOrderQty", found.min_qty.map(|size| size.value()))?;
    }
    match id.category {
        Category::Linear | Category::Inverse => {
            figure(&inside("leverageFilter")?, "maxLeverage", found.max_leverage)
        }
        Category::Spot | Category::Option => same("the leverage", found.max_leverage, None),
    }
}

fn order(view: &OrderView, row: &Members<'_>, category: Category) -> Verdict {
    words(row, "orderStatus", Some(view.status.as_str()))?;
    same("whether it is open", view.is_open(), !is_final(row))?;
    above_zero(row, "avgPrice", view.average_price.map(Price::value))?;
    resting(&view.order, row, category, is_final(row))
}

fn resting(found: &RestingOrder, row: &Members<'_>, category: Category, done: bool) -> Verdict {
    placed(row, &found.instrument, found.side, found.position_idx, category)?;
    let market = match said(row, "orderType").text() {
        Some("Market") => true,
        Some("Limit") => false,
        other => return Err(format!("an order of the type {other:?} was read")),
    };
    let unit = match (category, said(row, "marketUnit").text()) {
        (Category::Inverse, _) => SizeUnit::UsdContracts,
        (Category::Spot, Some("quoteCoin")) if market => SizeUnit::Quote,
        (Category::Spot, None) if market && found.side == Side::Buy => SizeUnit::Quote,
        _ => SizeUnit::Base,
    };
    same("the unit", found.unit, unit)?;
    above_zero(row, "qty", found.qty.map(|qty| qty.value()))?;
    above_zero(row, "triggerPrice", found.trigger_price.map(Price::value))?;
    match market {
        true => same("the limit of a market order", found.price, None)?,
        false => above_zero(row, "price", found.price.map(Price::value))?,
    }
    let [open, filled] = match unit {
        SizeUnit::Quote => ["leavesValue", "cumExecValue"],
        SizeUnit::Base | SizeUnit::UsdContracts => ["leavesQty", "cumExecQty"],
    };
    let put = |name| said(row, name).number();
    same(filled, found.filled, put(filled).unwrap_or_default())?;
    if found.filled < Decimal::ZERO || found.leaves < Decimal::ZERO {
        return Err(format!("below zero: {found:?}"));
    }
    let left = put("qty").map(|qty| qty.saturating_sub(found.filled).max(Decimal::ZERO));
    let left = put(open).max(left.filter(|_| put("qty").is_some_and(|qty| !qty.is_zero())));
    let left = if done { Some(Decimal::ZERO) } else { left };
    same("what can still fill", Some(found.leaves), left)?;
    let told = ["reduceOnly", "closeOnTrigger"]
        .into_iter()
        .any(|name| is_true(row, name));
    let child = said(row, "stopOrderType").text().is_some();
    if category == Category::Spot && found.reduce_only || found.reduce_only && !told && !child {
        return Err("an order that can open something was read as one that only reduces".to_owned());
    }
    if told && !found.reduce_only && category != Category::Spot {
        return Err("an order that only reduces was read as one that can open something".to_owned());
    }
    words(row, "orderId", found.venue_id.as_deref())?;
    // An id that is none of ours is left out.
    let link = said(row, "orderLinkId");
    let link = link.text().and_then(|text| ClientOrderId::parse(text).ok());
    same("`orderLinkId`", &found.client_id, &link)
}

fn executions(view: &OrderView, newest: &Members<'_>, rows: &[Members<'_>], category: Category) -> Verdict {
    let order = &view.order;
    words(newest, "symbol", Some(order.instrument.symbol.as_str()))?;
    same("the category", order.instrument.category, category)?;
    words(newest, "side", Some(order.side.as_str()))?;
    above_zero(newest, "orderQty", order.qty.map(|qty| qty.value()))?;
    above_zero(newest, "orderPrice", order.price.map(Price::value))?;
    words(newest, "orderId", order.venue_id.as_deref())?;
    let all = |name| rows.iter().filter_map(move |row| said(row, name).number());
    if all("execQty")
        .chain(all("leavesQty"))
        .any(|size| size < Decimal::ZERO)
    {
        return Err("a size below zero was read".to_owned());
    }
    same("what has filled", order.filled, all("execQty").sum())?;
    let left = order
        .qty
        .map(|qty| (qty.value() - order.filled).max(Decimal::ZERO));
    let left = all("leavesQty").min().or(left).unwrap_or_default();
    same("what can still fill", order.leaves, left)?;
    same("whether it is open", view.is_open(), !left.is_zero())
}

/// The mean of so many days, by the newest that are closed; where none is, there is no mean.
fn turnover(mean: Decimal, rows: &[&RawValue], category: Category, before_ms: i64) -> Verdict {
    let column = if category == Category::Inverse { 5 } else { 6 };
    let mut days = Vec::new();
    for row in rows {
        let cells: Vec<&RawValue> = serde_json::from_str(row.get()).map_err(|error| error.to_string())?;
        let cell = |at: usize| cells.get(at).map_or(Said::Nothing, |raw| in_words(raw));
        let day = cell(0).number().zip(cell(column).number());
        let (start, turnover) = day.ok_or(format!("a candle was read that is none: {}", row.get()))?;
        if turnover < Decimal::ZERO {
            return Err(format!("a turnover below zero was read: {turnover}"));
        }
        if start <= Decimal::from(before_ms) && days.len() < super::DAYS {
            days.push(turnover);
        }
    }
    let total: Decimal = days.iter().sum();
    let put = days
        .first()
        .and_then(|_| total.checked_div(Decimal::from(super::DAYS)));
    same("the mean turnover", Some(mean), put)
}
