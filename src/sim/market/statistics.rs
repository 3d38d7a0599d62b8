//! Public figures that clients ask for beside prices: risk limits, volatility, insurance, deliveries, notices.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::prices;
use crate::sim::call::{Answer, Call, Refusal, text};
use crate::sim::instruments::listing;
use crate::sim::instruments::{Category, INSTRUMENTS, Instrument, Phase, num};

const HOUR_MS: i64 = 3_600_000;
/// Linear contracts are shown so many at a time.
const RISK_PAGE: usize = 15;
const VOLATILITY_DAYS: [i64; 8] = [7, 14, 21, 30, 60, 90, 180, 270];

/// The margin tiers of contracts; rates are fractions.
pub(crate) fn risk_limit(call: &Call<'_>) -> Answer {
    let params = &call.params;
    let category = params.category()?;
    if !matches!(category, Category::Linear | Category::Inverse) {
        return Err(Refusal::params("category must be linear or inverse"));
    }
    if params.get("symbol").is_some() {
        params.instrument()?;
    }
    let now = call.desk.now;
    let all = INSTRUMENTS.iter().filter(|one| {
        let listed = one.category == category && one.phase(now) != Phase::Closed;
        listed && params.get("symbol").is_none_or(|symbol| symbol == one.symbol)
    });
    let size = match category {
        Category::Linear => RISK_PAGE,
        _ => usize::MAX,
    };
    let (page, next) = listing::page(all.collect(), listing::after(params)?, size)?;
    let list: Vec<Value> = page.into_iter().flat_map(risk_rows).collect();
    Ok(json!({"category": category.word(), "list": list, "nextPageCursor": next}))
}

fn risk_rows(one: &Instrument) -> Vec<Value> {
    (1_u32..)
        .zip(&one.tiers)
        .map(|(nth, tier)| {
            let deduction = if nth == 1 {
                String::new()
            } else {
                text(tier.deduction)
            };
            json!({
                "id": nth, "symbol": one.symbol, "riskLimitValue": text(tier.limit),
                "maintenanceMargin": text(tier.maintenance), "initialMargin": text(tier.initial),
                "isLowestRisk": u8::from(nth == 1), "maxLeverage": listing::hundredths(tier.max_leverage),
                "mmDeduction": deduction,
            })
        })
        .collect()
}

/// Yearly volatility of an option's coin, hour by hour, newest first.
pub(crate) fn historical_volatility(call: &Call<'_>) -> Answer {
    let params = &call.params;
    if params.category()? != Category::Option {
        return Err(Refusal::params("category must be option"));
    }
    let base = params.get("baseCoin").unwrap_or("BTC");
    let now = call.desk.now;
    let asked = params.integer("period")?;
    let periods: Vec<i64> = match asked {
        None => vec![7],
        Some(days) if VOLATILITY_DAYS.contains(&days) => vec![days],
        Some(_) => return Err(Refusal::params("period invalid")),
    };
    let end = params.integer("endTime")?.unwrap_or(now).clamp(0, now) / HOUR_MS;
    let start = params
        .integer("startTime")?
        .map_or(end, |start| start.clamp(0, now) / HOUR_MS);
    if start > end || end - start > 30 * 24 {
        return Err(Refusal::params(
            "the span from startTime to endTime must be 0 to 30 days",
        ));
    }
    let hours = (start..=end).rev();
    let rows = hours.flat_map(|hour| periods.iter().map(move |days| (hour, *days)));
    let list: Vec<Value> = rows
        .map(|(hour, days)| {
            let drawn = prices::draw(
                call.desk.market.seed,
                &format!("volatility/{base}/{days}"),
                hour,
                2_000_000,
            );
            let value = Decimal::new(45_000_000 + drawn, 8);
            json!({"period": days, "value": value.to_string(), "time": (hour * HOUR_MS).to_string()})
        })
        .collect();
    Ok(Value::Array(list))
}

/// The insurance pools; nobody is liquidated against them here, so they do not change.
pub(crate) fn insurance(call: &Call<'_>) -> Answer {
    let prices = call.desk.prices()?;
    let pools = [
        ("BTC", "BTCUSD", num(35_000, 0)),
        ("ETH", "ETHUSD", num(120_000, 0)),
        (
            "USDT",
            "BTCUSDT,ETHUSDT,SOLUSDT,XRPUSDT,DOGEUSDT",
            num(450_000_000, 0),
        ),
        ("USDC", "BTCPERP,ETHPERP", num(9_000_000, 0)),
    ];
    let asked = call.params.get("coin");
    let list: Vec<Value> = pools
        .into_iter()
        .filter(|(coin, ..)| asked.is_none_or(|asked| asked == *coin))
        .map(|(coin, symbols, balance)| {
            let value = text((balance * prices.usd(coin)).round_dp(8));
            json!({"coin": coin, "symbols": symbols, "balance": text(balance), "value": value})
        })
        .collect();
    let day = call.desk.now.div_euclid(24 * HOUR_MS) * 24 * HOUR_MS;
    Ok(json!({"updatedTime": day.to_string(), "list": list}))
}

/// What futures and options were delivered at.
pub(crate) fn delivery_price(call: &Call<'_>) -> Answer {
    let params = &call.params;
    let category = params.category()?;
    if category == Category::Spot {
        return Err(Refusal::params("category must be linear, inverse or option"));
    }
    if params.get("symbol").is_some() {
        params.instrument()?;
    }
    let limit = usize::try_from(params.limit(50, 200)?).unwrap_or(1);
    let now = call.desk.now;
    let fits = |name: &str, value: &str| params.get(name).is_none_or(|asked| asked == value);
    let delivered = INSTRUMENTS.iter().filter(|one| {
        one.category == category
            && one.phase(now) == Phase::Closed
            && fits("symbol", one.symbol)
            && fits("baseCoin", one.base)
            && fits("settleCoin", one.settle)
    });
    let (page, next) = listing::page(delivered.collect(), listing::after(params)?, limit)?;
    let mut list = Vec::new();
    for one in page {
        let price = call.desk.path(one)?.at(one.delivery);
        list.push(json!({
            "symbol": one.symbol, "deliveryPrice": one.price_text(price), "deliveryTime": one.delivery.to_string(),
        }));
    }
    Ok(json!({"category": category.word(), "list": list, "nextPageCursor": next}))
}

/// Maintenance that was announced: none here.
pub(crate) fn system_status(_: &Call<'_>) -> Answer {
    Ok(json!({"list": []}))
}

/// Announcements: none here.
pub(crate) fn announcements(_: &Call<'_>) -> Answer {
    Ok(json!({"total": 0, "list": []}))
}
