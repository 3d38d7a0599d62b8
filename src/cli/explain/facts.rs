//! Reads the facts of one case. A fact that is absent or cannot be read is missing, and the reason is kept for
//! the check that will ask for it.

use rust_decimal::Decimal;

use crate::domain::account::{CoinBalance, Instrument, Position, Quote, RestingOrder, SizeUnit};
use crate::domain::json::Json;
use crate::domain::money::{Price, Qty, Usd, parse_decimal};
use crate::domain::order::{ClientOrderId, PositionIdx, Side};
use crate::domain::symbol::{Category, Coin, InstrumentId, Symbol};
use crate::gate::Facts;

/// Coins in which spot pairs are quoted, longest first where one ends another (facts §5.2).
const SPOT_QUOTES: [&str; 8] = ["USDT", "USDC", "USDE", "EUR", "BRL", "TRY", "BTC", "ETH"];

pub(super) fn facts(given: &Json<'_>) -> Facts {
    let daily_count = given.member("daily_count").map(|count| {
        let text = count.as_text().unwrap_or_default();
        text.parse::<u64>()
            .map_err(|_| "`facts.daily_count` is not a count".to_owned())
    });
    let mut facts = Facts {
        daily_count,
        ..Facts::default()
    };
    quotes(given, &mut facts);
    facts.positions =
        list(given, "positions", &mut facts, position).map(|rows| rows.into_iter().flatten().collect());
    facts.open_orders = list(given, "open_orders", &mut facts, resting);
    facts.inflight = match given.member("inflight") {
        None | Some(Json::Null) => Some(Vec::new()),
        Some(_) => list(given, "inflight", &mut facts, resting),
    };
    facts.wallet = list(given, "wallet", &mut facts, balance);
    if let Some(order) = given.member("order").filter(|order| **order != Json::Null) {
        match resting(order) {
            Ok(order) => facts.order = Some(order),
            Err(why) => facts.missing.push(format!("facts.order: {why}")),
        }
    }
    facts.avg_daily_volume_usd = given
        .member("avg_daily_volume_usd")
        .and_then(Json::as_text)
        .and_then(|text| Usd::parse_not_negative(text).ok());
    instruments(given, &mut facts);
    coin_prices(given, &mut facts);
    facts
}

fn list<T>(
    given: &Json<'_>,
    name: &str,
    facts: &mut Facts,
    read: fn(&Json<'_>) -> Result<T, String>,
) -> Option<Vec<T>> {
    let rows = given.member(name)?.as_array();
    let read = rows
        .ok_or_else(|| "not a list".to_owned())
        .and_then(|rows| rows.iter().map(read).collect::<Result<Vec<T>, String>>());
    match read {
        Ok(rows) => Some(rows),
        Err(why) => {
            facts.missing.push(format!("facts.{name}: {why}"));
            None
        }
    }
}

fn quotes(given: &Json<'_>, facts: &mut Facts) {
    for (name, row) in given
        .member("quotes")
        .and_then(Json::as_object)
        .unwrap_or_default()
    {
        let read = || -> Result<(InstrumentId, Quote), String> {
            let id: InstrumentId = name.parse().map_err(|error| format!("{error}"))?;
            let last = price(row, "last")?.ok_or("`last` is missing")?;
            let quote = Quote {
                last,
                bid: price(row, "bid")?,
                ask: price(row, "ask")?,
                mark: price(row, "mark")?,
            };
            Ok((id, quote))
        };
        match read() {
            Ok((id, quote)) => {
                facts.quotes.insert(id, quote);
            }
            Err(why) => facts.missing.push(format!("facts.quotes.{name}: {why}")),
        }
    }
}

/// The instruments that the facts describe, then the well-known forms of all others that they speak of.
fn instruments(given: &Json<'_>, facts: &mut Facts) {
    for (name, row) in given
        .member("instruments")
        .and_then(Json::as_object)
        .unwrap_or_default()
    {
        match described(name, row) {
            Ok(instrument) => {
                facts.instruments.insert(instrument.id.clone(), instrument);
            }
            Err(why) => facts.missing.push(format!("facts.instruments.{name}: {why}")),
        }
    }
    let ids: Vec<InstrumentId> = facts
        .quotes
        .keys()
        .chain(
            facts
                .positions
                .iter()
                .flatten()
                .map(|position| &position.instrument),
        )
        .chain(facts.open_orders.iter().flatten().map(|order| &order.instrument))
        .chain(facts.inflight.iter().flatten().map(|order| &order.instrument))
        .cloned()
        .collect();
    for id in ids {
        if let Some(instrument) = well_known(&id) {
            facts.instruments.entry(id).or_insert(instrument);
        }
    }
}

fn described(name: &str, row: &Json<'_>) -> Result<Instrument, String> {
    let id: InstrumentId = name.parse().map_err(|error| format!("{error}"))?;
    let coin = |field: &str| -> Result<Option<Coin>, String> {
        let text = row
            .member(field)
            .and_then(Json::as_str)
            .filter(|text| !text.is_empty());
        text.map(|text| Coin::parse(text).map_err(|error| error.to_string()))
            .transpose()
    };
    let base_coin = coin("baseCoin")?.ok_or("`baseCoin` is missing")?;
    let quote_coin = coin("quoteCoin")?.ok_or("`quoteCoin` is missing")?;
    Ok(Instrument {
        settle_coin: coin("settleCoin")?,
        status: row.member("status").and_then(Json::as_str).map(str::to_owned),
        is_pre_listing: row
            .member("isPreListing")
            .and_then(Json::as_bool)
            .unwrap_or(false),
        tick_size: price(row, "tickSize")?,
        qty_step: qty(row, "qtyStep")?,
        quote_step: qty(row, "quotePrecision")?,
        min_qty: qty(row, "minOrderQty")?,
        min_notional: qty(row, "minNotionalValue")?,
        ..bare(id, base_coin, quote_coin)
    })
}

fn bare(id: InstrumentId, base_coin: Coin, quote_coin: Coin) -> Instrument {
    Instrument {
        id,
        base_coin,
        quote_coin,
        settle_coin: None,
        status: None,
        is_pre_listing: false,
        tick_size: None,
        qty_step: None,
        quote_step: None,
        min_qty: None,
        max_limit_qty: None,
        max_market_qty: None,
        min_notional: None,
        max_leverage: None,
    }
}

/// What a symbol's form says, for `explain` alone: live, the coins come from the exchange's record.
fn well_known(id: &InstrumentId) -> Option<Instrument> {
    let symbol = id.symbol.as_str();
    let undated = symbol.split_once('-').map_or(symbol, |(front, _)| front);
    let (base, quote) = match id.category {
        Category::Linear => match (undated.strip_suffix("USDT"), undated.strip_suffix("PERP")) {
            (Some(base), _) => (base, "USDT"),
            (None, Some(base)) => (base, "USDC"),
            (None, None) if undated != symbol => (undated, "USDC"),
            (None, None) => return None,
        },
        Category::Inverse => (undated.split_once("USD")?.0, "USD"),
        Category::Spot => {
            let quote = SPOT_QUOTES.into_iter().find(|quote| symbol.ends_with(quote))?;
            (symbol.strip_suffix(quote)?, quote)
        }
        Category::Option => (undated, "USDT"),
    };
    Some(bare(
        id.clone(),
        Coin::parse(base).ok()?,
        Coin::parse(quote).ok()?,
    ))
}

/// What each coin is worth: as a quote says by `quote_coin_usd`, else by the coin's own dollar pair.
fn coin_prices(given: &Json<'_>, facts: &mut Facts) {
    for (name, row) in given
        .member("quotes")
        .and_then(Json::as_object)
        .unwrap_or_default()
    {
        let instrument = name
            .parse()
            .ok()
            .and_then(|id: InstrumentId| facts.instruments.get(&id));
        if let (Some(instrument), Ok(Some(usd))) = (instrument, price(row, "quote_coin_usd")) {
            let coin = instrument.quote_coin.clone();
            let known = facts.coin_usd.entry(coin).or_insert(usd);
            *known = (*known).max(usd);
        }
    }
    let pairs: Vec<(Coin, Price)> = facts
        .quotes
        .iter()
        .filter(|(id, _)| id.category == Category::Spot)
        .filter_map(|(id, quote)| Some((facts.instruments.get(id)?, quote)))
        .filter(|(instrument, _)| instrument.quote_coin.is_dollar())
        .map(|(instrument, quote)| (instrument.base_coin.clone(), quote.live(Side::Buy)))
        .collect();
    for (coin, usd) in pairs {
        facts.coin_usd.entry(coin).or_insert(usd);
    }
}

fn instrument_of(row: &Json<'_>) -> Result<InstrumentId, String> {
    let text = |name: &str| {
        row.member(name)
            .and_then(Json::as_str)
            .ok_or(format!("`{name}` is missing"))
    };
    let category: Category = text("category")?.parse().map_err(|error| format!("{error}"))?;
    Ok(InstrumentId::new(
        category,
        Symbol::parse(text("symbol")?).map_err(|error| error.to_string())?,
    ))
}

/// A position, or nothing for a flat row.
fn position(row: &Json<'_>) -> Result<Option<Position>, String> {
    let size = amount(row, "size")?.ok_or("`size` is missing")?;
    if size.is_zero() {
        return Ok(None);
    }
    Ok(Some(Position {
        instrument: instrument_of(row)?,
        side: side(row)?,
        size: Qty::new(size).ok_or("`size` is negative")?,
        mark_price: price(row, "markPrice")?,
        position_idx: position_idx(row)?,
    }))
}

fn resting(row: &Json<'_>) -> Result<RestingOrder, String> {
    let instrument = instrument_of(row)?;
    let side = side(row)?;
    let limit = price(row, "price")?;
    let total = qty(row, "qty")?;
    let filled = amount(row, "cumExecQty")?.unwrap_or(Decimal::ZERO);
    let leaves = match (amount(row, "leavesQty")?, total) {
        (Some(leaves), _) => leaves,
        (None, Some(total)) => total.value().saturating_sub(filled),
        (None, None) => return Err("`leavesQty` is missing".to_owned()),
    };
    if leaves < Decimal::ZERO || filled < Decimal::ZERO {
        return Err("a negative quantity".to_owned());
    }
    let market_unit = row
        .member("marketUnit")
        .and_then(Json::as_str)
        .unwrap_or_default();
    let client_id = row
        .member("orderLinkId")
        .and_then(Json::as_str)
        .filter(|id| !id.is_empty());
    Ok(RestingOrder {
        unit: unit(instrument.category, side, limit.is_none(), market_unit),
        reduce_only: row.member("reduceOnly").and_then(Json::as_bool).unwrap_or(false)
            && instrument.category != Category::Spot,
        instrument,
        side,
        leaves,
        qty: total.or_else(|| Qty::new(leaves.saturating_add(filled))),
        filled,
        price: limit,
        trigger_price: price(row, "triggerPrice")?,
        position_idx: position_idx(row)?,
        client_id: client_id
            .map(|id| ClientOrderId::parse(id).map_err(|error| error.to_string()))
            .transpose()?,
        venue_id: row.member("orderId").and_then(Json::as_str).map(str::to_owned),
    })
}

fn unit(category: Category, side: Side, market: bool, market_unit: &str) -> SizeUnit {
    match (category, market, market_unit) {
        (Category::Inverse, _, _) => SizeUnit::UsdContracts,
        (Category::Spot, true, "quoteCoin") => SizeUnit::Quote,
        (Category::Spot, true, "") if side == Side::Buy => SizeUnit::Quote,
        _ => SizeUnit::Base,
    }
}

fn balance(row: &Json<'_>) -> Result<CoinBalance, String> {
    let coin = row
        .member("coin")
        .and_then(Json::as_str)
        .ok_or("`coin` is missing")?;
    Ok(CoinBalance {
        coin: Coin::parse(coin).map_err(|error| error.to_string())?,
        equity: amount(row, "equity")?.ok_or("`equity` is missing")?,
        usd_value: amount(row, "usdValue")?,
    })
}

fn side(row: &Json<'_>) -> Result<Side, String> {
    match row.member("side").and_then(Json::as_str) {
        Some("Buy") => Ok(Side::Buy),
        Some("Sell") => Ok(Side::Sell),
        _ => Err("`side` is neither Buy nor Sell".to_owned()),
    }
}

fn position_idx(row: &Json<'_>) -> Result<PositionIdx, String> {
    match row.member("positionIdx") {
        None | Some(Json::Null) => Ok(PositionIdx::OneWay),
        Some(value) => value
            .as_text()
            .and_then(|text| text.parse().ok())
            .and_then(PositionIdx::from_wire)
            .ok_or_else(|| "`positionIdx` is not 0, 1 or 2".to_owned()),
    }
}

/// A number or the text of one; empty and null are absent, as Bybit means them.
fn amount(row: &Json<'_>, name: &str) -> Result<Option<Decimal>, String> {
    match row.member(name) {
        None | Some(Json::Null) => Ok(None),
        Some(value) => match value.as_text() {
            Some("") => Ok(None),
            Some(text) => parse_decimal(text)
                .map(Some)
                .map_err(|error| format!("`{name}`: {error}")),
            None => Err(format!("`{name}` is {}", value.kind())),
        },
    }
}

/// A price; zero is how Bybit writes none.
fn price(row: &Json<'_>, name: &str) -> Result<Option<Price>, String> {
    match amount(row, name)? {
        None => Ok(None),
        Some(value) if value.is_zero() => Ok(None),
        Some(value) => Price::new(value)
            .map(Some)
            .ok_or_else(|| format!("`{name}` is negative")),
    }
}

fn qty(row: &Json<'_>, name: &str) -> Result<Option<Qty>, String> {
    match amount(row, name)? {
        None => Ok(None),
        Some(value) => Qty::new(value)
            .map(Some)
            .ok_or_else(|| format!("`{name}` is not above zero")),
    }
}
