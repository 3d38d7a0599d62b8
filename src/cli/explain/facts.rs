//! Reads the facts of one case. A fact that is absent or cannot be read is missing, and the reason is kept for
//! the check that will ask for it.

use std::collections::BTreeMap;

use crate::domain::account::{Instrument, Quote};
use crate::domain::json::Json;
use crate::domain::money::{Price, Qty, Usd};
use crate::domain::order::Side;
use crate::domain::rows::{amount, balance, position, price, qty, resting};
use crate::domain::symbol::{Category, Coin, InstrumentId};
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

/// The instruments that the facts describe, then the well-known forms of all others that they speak of. One that is
/// described and cannot be read is missing, as it would be live: its well-known form may trade where it does not.
fn instruments(given: &Json<'_>, facts: &mut Facts) {
    let rows = given.member("instruments").and_then(Json::as_object);
    let rows = rows.unwrap_or_default();
    for (name, row) in rows {
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
        .filter(|id| !rows.iter().any(|(name, _)| name.parse().as_ref() == Ok(*id)))
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
        is_pre_listing: match row.member("isPreListing") {
            None | Some(Json::Null) => false,
            Some(flag) => flag
                .as_bool()
                .ok_or_else(|| format!("`isPreListing` is {}, not a boolean", flag.kind()))?,
        },
        tick_size: price(row, "tickSize")?,
        qty_step: bound(row, "qtyStep")?,
        quote_step: bound(row, "quotePrecision")?,
        min_qty: bound(row, "minOrderQty")?,
        max_limit_qty: either(row, "maxLimitOrderQty", "maxOrderQty")?,
        max_market_qty: either(row, "maxMarketOrderQty", "maxMktOrderQty")?,
        min_notional: either(row, "minOrderAmt", "minNotionalValue")?,
        ..bare(id, base_coin, quote_coin)
    })
}

/// A quantity by the name that a spot record has for it, else by the other records' name: spot still sends some of
/// those, and does not mean them (facts §4.2).
fn either(row: &Json<'_>, spot: &str, elsewhere: &str) -> Result<Option<Qty>, String> {
    match row.member(spot) {
        None | Some(Json::Null) => bound(row, elsewhere),
        Some(_) => bound(row, spot),
    }
}

/// A quantity of a record; zero is how Bybit writes none.
fn bound(row: &Json<'_>, name: &str) -> Result<Option<Qty>, String> {
    match amount(row, name)? {
        Some(value) if value.is_zero() => Ok(None),
        _ => qty(row, name),
    }
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

/// What a symbol's form says, and that it trades, for `explain` alone: live, all of it comes from the exchange's
/// record.
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
    Some(Instrument {
        status: Some("Trading".to_owned()),
        ..bare(id.clone(), Coin::parse(base).ok()?, Coin::parse(quote).ok()?)
    })
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
    // In the order of their names: of several pairs of a coin the first decides, the same in each run.
    let named: BTreeMap<&InstrumentId, &Quote> = facts.quotes.iter().collect();
    let pairs: Vec<(Coin, Price)> = named
        .into_iter()
        .filter(|(id, _)| id.category == Category::Spot)
        .filter_map(|(id, quote)| Some((facts.instruments.get(id)?, quote)))
        .filter(|(instrument, _)| instrument.quote_coin.is_dollar())
        .map(|(instrument, quote)| (instrument.base_coin.clone(), quote.live(Side::Buy)))
        .collect();
    for (coin, usd) in pairs {
        facts.coin_usd.entry(coin).or_insert(usd);
    }
}
