//! `market/instruments-info`: the filters of what is listed, in each category's shape.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::call::{Answer, Call, cursor_text, text};
use super::instruments::{Category, INSTRUMENTS, Instrument, num};

/// One page of instruments; spot comes in one piece.
pub(crate) fn instruments_info(call: &Call<'_>) -> Answer {
    let params = &call.params;
    let category = params.category()?;
    let (symbol, base) = (params.get("symbol"), params.get("baseCoin"));
    if symbol.is_some() {
        params.instrument()?;
    }
    let open = matches!(params.get("status"), None | Some("Trading"));
    let all: Vec<&Instrument> = INSTRUMENTS
        .iter()
        .filter(|one| {
            open && one.category == category
                && symbol.is_none_or(|symbol| symbol == one.symbol)
                && base.is_none_or(|base| base == one.base)
        })
        .collect();
    if category == Category::Spot {
        let list: Vec<Value> = all.into_iter().map(spot).collect();
        return Ok(json!({"category": category.word(), "list": list}));
    }
    let limit = usize::try_from(params.limit(500, 1000)?).unwrap_or(1);
    // The cursor names the last instrument of the page before.
    let after = match params.cursor()? {
        i64::MAX => 0,
        last => last,
    };
    let mut rest = all.into_iter().filter(|one| i64::from(one.id) > after).peekable();
    let page: Vec<&Instrument> = rest.by_ref().take(limit).collect();
    let next = match (rest.peek(), page.last()) {
        (Some(_), Some(last)) => cursor_text(i64::from(last.id)),
        _ => String::new(),
    };
    let row = if category == Category::Option {
        option
    } else {
        contract
    };
    let list: Vec<Value> = page.into_iter().map(row).collect();
    Ok(json!({"category": category.word(), "list": list, "nextPageCursor": next}))
}

fn highest(one: &Instrument) -> String {
    text(one.base_price * Decimal::ONE_HUNDRED)
}

fn contract(one: &Instrument) -> Value {
    let kind = match one.category {
        Category::Inverse => "InversePerpetual",
        _ => "LinearPerpetual",
    };
    json!({
        "symbol": one.symbol, "symbolId": one.id, "contractType": kind, "status": "Trading", "baseCoin": one.base,
        "quoteCoin": one.quote, "settleCoin": one.settle, "launchTime": "1577836800000", "deliveryTime": "0",
        "deliveryFeeRate": "", "priceScale": one.tick.scale().to_string(),
        "leverageFilter": {"minLeverage": "1", "maxLeverage": text(one.max_leverage), "leverageStep": "0.01"},
        "priceFilter": {"minPrice": text(one.tick), "maxPrice": highest(one), "tickSize": text(one.tick)},
        "lotSizeFilter": {
            "maxOrderQty": text(one.max_qty), "minOrderQty": text(one.step), "qtyStep": text(one.step),
            "postOnlyMaxOrderQty": text(one.max_qty), "maxMktOrderQty": text(one.max_market_qty),
            "minNotionalValue": text(one.min_notional),
        },
        "unifiedMarginTrade": true, "fundingInterval": 480, "copyTrading": "none", "upperFundingRate": "0.00375",
        "lowerFundingRate": "-0.00375", "isPreListing": false, "preListingInfo": null,
        "riskParameters": risk(one), "forbidUplWithdrawal": false, "displayName": "", "symbolType": "",
    })
}

fn risk(one: &Instrument) -> Value {
    let ratio = text(one.collar());
    json!({"priceLimitRatioX": ratio, "priceLimitRatioY": text(one.collar() * num(2, 0))})
}

fn spot(one: &Instrument) -> Value {
    json!({
        "symbol": one.symbol, "symbolId": one.id, "baseCoin": one.base, "quoteCoin": one.quote, "innovation": "0",
        "status": "Trading", "marginTrading": "utaOnly", "stTag": "0", "xstockMultiplier": "",
        "lotSizeFilter": {
            "basePrecision": text(one.step), "quotePrecision": "0.00000001", "minOrderQty": text(one.step),
            "maxOrderQty": text(one.max_qty), "minOrderAmt": text(one.min_notional), "maxOrderAmt": "8000000",
            "maxLimitOrderQty": text(one.max_qty), "maxMarketOrderQty": text(one.max_market_qty),
            "postOnlyMaxLimitOrderSize": text(one.max_qty),
        },
        "priceFilter": {"tickSize": text(one.tick)}, "riskParameters": risk(one), "symbolType": "",
    })
}

fn option(one: &Instrument) -> Value {
    json!({
        "symbol": one.symbol, "status": "Trading", "baseCoin": one.base, "quoteCoin": one.quote,
        "settleCoin": one.settle, "optionsType": "Call", "launchTime": "1735689600000",
        "deliveryTime": "1798185600000", "deliveryFeeRate": "0.00015",
        "priceFilter": {"minPrice": text(one.tick), "maxPrice": highest(one), "tickSize": text(one.tick)},
        "lotSizeFilter": {
            "maxOrderQty": text(one.max_qty), "minOrderQty": text(one.step), "qtyStep": text(one.step),
        },
        "displayName": "BTCUSDT-25DEC26-70000-C",
    })
}
