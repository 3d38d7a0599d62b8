//! Rows of market data: tickers, instruments, daily candles (facts §4.1, §4.2).

use rust_decimal::Decimal;

use super::parse::{Row, Rows};
use crate::domain::account::{Instrument, Quote};
use crate::domain::json::Json;
use crate::domain::money::{Price, parse_decimal};
use crate::domain::order::Side;
use crate::domain::symbol::{Category, InstrumentId};
use crate::venue::VenueError;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// The row of exactly this instrument; nothing when the exchange lists none.
pub(super) fn row_of<'r>(
    result: &'r Json<'r>,
    what: &'static str,
    id: &InstrumentId,
) -> Result<Option<Row<'r>>, VenueError> {
    check_category(result, what, id.category)?;
    for row in result.rows(what, "list")? {
        if row.instrument(id.category)? == *id {
            return Ok(Some(row));
        }
    }
    Ok(None)
}

/// An answer for another category is an answer to another question: `BTCUSDT` is spot and linear.
pub(super) fn check_category(
    result: &Json<'_>,
    what: &'static str,
    asked: Category,
) -> Result<(), VenueError> {
    match result.member("category").and_then(Json::as_str) {
        None | Some("") => Ok(()),
        Some(given) if given == asked.as_str() => Ok(()),
        Some(given) => {
            let given: String = given.chars().take(40).collect();
            Err(VenueError::Unreadable(format!(
                "{what}: the answer is for `{given}`, not for {asked}"
            )))
        }
    }
}

/// A ticker. A side of the book without quotes is `""` or `"0"`; spot has no mark.
pub(super) fn quote(row: &Row<'_>) -> Result<Quote, VenueError> {
    Ok(Quote {
        last: row.price("lastPrice")?,
        bid: row.optional_price("bid1Price")?,
        ask: row.optional_price("ask1Price")?,
        mark: row.optional_price("markPrice")?,
    })
}

/// USD for one coin, from the spot ticker of the coin in USDT or USDC (facts §5.2): the index where the pair
/// carries one, else the dearest of the pair's own prices, because what is held counts against a cap.
pub(super) fn coin_usd(row: &Row<'_>) -> Result<Price, VenueError> {
    if let Some(index) = row.optional_price("usdIndexPrice")? {
        return Ok(index);
    }
    Ok(quote(row)?.live(Side::Buy))
}

/// Facts §4.2, both tables of fields.
pub(super) fn instrument(row: &Row<'_>, id: &InstrumentId) -> Result<Instrument, VenueError> {
    let spot = id.category == Category::Spot;
    let prices = row.inner("priceFilter", "priceFilter")?;
    let lots = row.inner("lotSizeFilter", "lotSizeFilter")?;
    let leverage = match id.category {
        Category::Linear | Category::Inverse => row
            .inner("leverageFilter", "leverageFilter")?
            .optional_amount("maxLeverage")?,
        Category::Spot | Category::Option => None,
    };
    let by_kind = |on_spot, elsewhere| if spot { on_spot } else { elsewhere };
    Ok(Instrument {
        id: id.clone(),
        base_coin: row.coin("baseCoin")?,
        quote_coin: row.coin("quoteCoin")?,
        settle_coin: match row.optional_text("settleCoin")? {
            Some(_) => Some(row.coin("settleCoin")?),
            None => None,
        },
        status: row.optional_text("status")?.map(str::to_owned),
        is_pre_listing: row.flag("isPreListing")?,
        tick_size: prices.optional_price("tickSize")?,
        qty_step: lots.optional_qty(by_kind("basePrecision", "qtyStep"))?,
        quote_step: lots.optional_qty("quotePrecision")?,
        // Spot still sends a minimum quantity, but checks the amount alone (facts §5.4).
        min_qty: if spot {
            None
        } else {
            lots.optional_qty("minOrderQty")?
        },
        max_limit_qty: lots.optional_qty(by_kind("maxLimitOrderQty", "maxOrderQty"))?,
        max_market_qty: lots.optional_qty(by_kind("maxMarketOrderQty", "maxMktOrderQty"))?,
        min_notional: lots.optional_qty(by_kind("minOrderAmt", "minNotionalValue"))?,
        max_leverage: leverage,
    })
}

/// Mean turnover of so many days, by the closed daily candles: quote coin, inverse USD (facts §4.1, kline). A day before
/// the listing had none: the first days of trading say little about the days that a floor is set for.
pub(super) fn average_turnover(
    result: &Json<'_>,
    id: &InstrumentId,
    exchange_ms: i64,
    days: usize,
) -> Result<Decimal, VenueError> {
    let what = "market/kline";
    check_category(result, what, id.category)?;
    let unreadable = |problem: &str| VenueError::Unreadable(format!("{what} of {id}: {problem}"));
    let list = result
        .member("list")
        .and_then(Json::as_array)
        .ok_or_else(|| unreadable("there is no `list`"))?;
    let mut turnovers = Vec::new();
    for row in list {
        let (start, turnover) =
            candle(row, id.category).ok_or_else(|| unreadable("a candle lacks its start or turnover"))?;
        if start <= exchange_ms - DAY_MS {
            turnovers.push(turnover);
        }
    }
    turnovers.truncate(days);
    let total = turnovers
        .into_iter()
        .map(Some)
        .reduce(|sum, turnover| sum?.checked_add(turnover?))
        .ok_or_else(|| unreadable("there is no full day of trading yet, so no daily volume can be said"))?;
    total
        .and_then(|total| total.checked_div(Decimal::from(days)))
        .ok_or_else(|| unreadable("the turnovers are too large to add up"))
}

/// Start and turnover of `[start, open, high, low, close, volume, turnover]`. Inverse volume is in USD and its
/// turnover in coin.
fn candle(row: &Json<'_>, category: Category) -> Option<(i64, Decimal)> {
    let column = if category == Category::Inverse { 5 } else { 6 };
    let cells = row.as_array()?;
    let cell = |at: usize| cells.get(at).and_then(Json::as_text);
    let turnover = parse_decimal(cell(column)?).ok()?;
    let start = cell(0)?.parse().ok()?;
    (turnover >= Decimal::ZERO).then_some((start, turnover))
}
