//! `market/instruments-info`: the filters of what is listed, in each category's shape, and pages of instruments.

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::instrument::{Category, INSTRUMENTS, Instrument, Phase};
use crate::sim::call::{Answer, Call, Params, Refusal, text};

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 1440 * MINUTE_MS;

/// One page of instruments; spot comes in one piece.
pub(crate) fn instruments_info(call: &Call<'_>) -> Answer {
    let params = &call.params;
    let category = params.category()?;
    if params.get("symbol").is_some() {
        params.instrument()?;
    }
    let phases = phases(params, category)?;
    let now = call.desk.now;
    let all = INSTRUMENTS
        .iter()
        .filter(|one| asked_for(params, category, one) && phases.contains(&one.phase(now)));
    if category == Category::Spot {
        let list: Vec<Value> = all.map(spot).collect();
        return Ok(json!({"category": category.word(), "list": list}));
    }
    let limit = usize::try_from(params.limit(500, 1000)?).unwrap_or(1);
    let (page, next) = page(all.collect(), after(params)?, limit)?;
    let list: Vec<Value> = page
        .into_iter()
        .map(|one| match one.category {
            Category::Option => option(one, now),
            _ => contract(one, now),
        })
        .collect();
    Ok(json!({"category": category.word(), "list": list, "nextPageCursor": next}))
}

/// The phases that are shown: what trades, unless a status or a single symbol is asked for.
fn phases(params: &Params, category: Category) -> Result<Vec<Phase>, Refusal> {
    let all = [Phase::PreLaunch, Phase::Trading, Phase::Delivering, Phase::Closed];
    match (params.get("status"), category) {
        (Some(word), _) => {
            let found = all.into_iter().find(|phase| phase.word() == word);
            found
                .map(|phase| vec![phase])
                .ok_or_else(|| Refusal::params("status invalid"))
        }
        (None, _) if params.get("symbol").is_some() => Ok(all.to_vec()),
        (None, Category::Option) => Ok(all.into_iter().filter(|phase| *phase != Phase::Closed).collect()),
        (None, _) => Ok(all.into_iter().filter(|phase| phase.tradable()).collect()),
    }
}

/// With a base coin, linear and inverse contracts come together, whichever was asked for.
fn asked_for(params: &Params, category: Category, one: &Instrument) -> bool {
    let contracts = [Category::Linear, Category::Inverse];
    let base = match category {
        Category::Option => Some(params.get("baseCoin").unwrap_or("BTC")),
        _ => params.get("baseCoin"),
    };
    let both = base.is_some() && contracts.contains(&category) && contracts.contains(&one.category);
    (one.category == category || both)
        && params.get("symbol").is_none_or(|symbol| symbol == one.symbol)
        && (base.is_none_or(|base| base == one.base) || params.get("symbol").is_some())
        && params.get("symbolType").is_none_or(|kind| kind == one.kind)
}

/// The symbol that the page before ended with. Clients send a cursor verbatim or encode it once more.
pub(crate) fn after(params: &Params) -> Result<Option<String>, Refusal> {
    let Some(text) = params.get("cursor") else {
        return Ok(None);
    };
    let plain = percent_decode_str(text).decode_utf8_lossy().into_owned();
    let last = plain.split('&').find_map(|part| part.strip_prefix("last="));
    last.map(|last| Some(last.to_owned()))
        .ok_or_else(|| Refusal::params("cursor invalid"))
}

/// The instruments after that symbol, at most `limit`, and the cursor to what follows them.
pub(crate) fn page(
    all: Vec<&'static Instrument>,
    after: Option<String>,
    limit: usize,
) -> Result<(Vec<&'static Instrument>, String), Refusal> {
    let start = match after {
        None => 0,
        Some(last) => {
            let found = all.iter().position(|one| one.symbol == last);
            found.ok_or_else(|| Refusal::params("cursor invalid"))? + 1
        }
    };
    let total = all.len();
    let page: Vec<&'static Instrument> = all.into_iter().skip(start).take(limit).collect();
    let next = match (page.first(), page.last()) {
        (Some(first), Some(last)) if start + page.len() < total => {
            let plain = format!("first={}&last={}", first.symbol, last.symbol);
            utf8_percent_encode(&plain, NON_ALPHANUMERIC).to_string()
        }
        _ => String::new(),
    };
    Ok((page, next))
}

/// A number with two decimals.
pub(crate) fn hundredths(value: Decimal) -> String {
    let mut value = value;
    value.rescale(2);
    value.to_string()
}

fn contract_type(one: &Instrument) -> &'static str {
    match (one.category, one.expires()) {
        (Category::Inverse, true) => "InverseFutures",
        (Category::Inverse, false) => "InversePerpetual",
        (_, true) => "LinearFutures",
        (_, false) => "LinearPerpetual",
    }
}

fn contract(one: &Instrument, now: i64) -> Value {
    json!({
        "symbol": one.symbol, "symbolId": one.id, "contractType": contract_type(one), "status": one.phase(now).word(),
        "baseCoin": one.base, "quoteCoin": one.quote, "settleCoin": one.settle, "launchTime": one.launch.to_string(),
        "deliveryTime": one.delivery.to_string(), "deliveryFeeRate": if one.expires() { "0" } else { "" },
        "priceScale": one.price_scale().to_string(),
        "leverageFilter": {
            "minLeverage": "1", "maxLeverage": hundredths(one.max_leverage), "leverageStep": "0.01",
        },
        "priceFilter": {
            "minPrice": one.price_text(one.min_price()), "maxPrice": one.price_text(one.max_price()),
            "tickSize": one.price_text(one.tick),
        },
        "lotSizeFilter": {
            "maxOrderQty": one.qty_text(one.max_qty), "minOrderQty": one.qty_text(one.step),
            "qtyStep": one.qty_text(one.step), "postOnlyMaxOrderQty": one.qty_text(one.max_qty),
            "maxMktOrderQty": one.qty_text(one.max_market_qty), "minNotionalValue": text(one.min_notional),
        },
        "unifiedMarginTrade": true, "fundingInterval": one.funding_minutes, "copyTrading": "none",
        "upperFundingRate": text(one.funding_cap), "lowerFundingRate": text(-one.funding_cap),
        "isPreListing": one.phase(now) == Phase::PreLaunch, "preListingInfo": pre_listing(one, now),
        "riskParameters": risk(one), "forbidUplWithdrawal": false, "displayName": "", "symbolType": one.kind,
    })
}

/// The auction of a contract that does not trade yet: it is open, and ends in a month.
fn pre_listing(one: &Instrument, now: i64) -> Value {
    if one.phase(now) != Phase::PreLaunch {
        return Value::Null;
    }
    let ends = one.launch + 30 * DAY_MS;
    let steps = [
        ("CallAuction", one.launch, Some(ends)),
        ("CallAuctionNoCancel", ends, Some(ends + 5 * MINUTE_MS)),
        ("CrossMatching", ends + 5 * MINUTE_MS, Some(ends + 10 * MINUTE_MS)),
        ("ContinuousTrading", ends + 10 * MINUTE_MS, None),
    ];
    let phases = steps.map(|(phase, start, end)| {
        let end = end.map(|end| end.to_string()).unwrap_or_default();
        json!({"phase": phase, "startTime": start.to_string(), "endTime": end})
    });
    json!({
        "curAuctionPhase": "CallAuction", "phases": phases, "skipCallAuction": false,
        "auctionFeeInfo": {"auctionFeeRate": "0", "takerFeeRate": "0.001", "makerFeeRate": "0.0004"},
    })
}

fn risk(one: &Instrument) -> Value {
    let [near, far] = one.limit_ratios.map(text);
    json!({"priceLimitRatioX": near, "priceLimitRatioY": far})
}

fn spot(one: &'static Instrument) -> Value {
    json!({
        "symbol": one.symbol, "symbolId": one.id, "baseCoin": one.base, "quoteCoin": one.quote, "innovation": "0",
        "status": "Trading", "marginTrading": if one.spot_margin { "utaOnly" } else { "none" }, "stTag": "0",
        "xstockMultiplier": "",
        "lotSizeFilter": {
            "basePrecision": text(one.step), "quotePrecision": "0.00000001", "minOrderQty": text(one.step),
            "maxOrderQty": text(one.max_qty), "minOrderAmt": text(one.min_notional), "maxOrderAmt": "8000000",
            "maxLimitOrderQty": text(one.max_qty), "maxMarketOrderQty": text(one.max_market_qty),
            "postOnlyMaxLimitOrderSize": text(one.max_qty),
        },
        "priceFilter": {"tickSize": text(one.tick)}, "riskParameters": risk(one), "symbolType": one.kind,
    })
}

fn option(one: &Instrument, now: i64) -> Value {
    let call = one.right.is_none_or(|right| right.call);
    let rest = one.symbol.strip_prefix(one.base).unwrap_or(one.symbol);
    let rest = rest.strip_suffix("-USDT").unwrap_or(rest);
    json!({
        "symbol": one.symbol, "status": one.phase(now).word(), "baseCoin": one.base, "quoteCoin": one.quote,
        "settleCoin": one.settle, "optionsType": if call { "Call" } else { "Put" },
        "launchTime": one.launch.to_string(), "deliveryTime": one.delivery.to_string(),
        "deliveryFeeRate": "0.00015",
        "priceFilter": {"minPrice": text(one.min_price()), "maxPrice": "1110000", "tickSize": text(one.tick)},
        "lotSizeFilter": {
            "maxOrderQty": text(one.max_qty), "minOrderQty": text(one.step), "qtyStep": text(one.step),
        },
        "displayName": format!("{}{}{rest}", one.base, one.quote),
    })
}
