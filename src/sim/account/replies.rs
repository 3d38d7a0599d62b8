//! `account/*` and `user/query-api`: the wallet, the account's mode, its fees and its key.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::borrow;
use super::settings;
use super::worth::{self, Account, Holding};
use crate::sim::call::{Answer, Call, Desk, Refusal, text};
use crate::sim::instruments::{Category, INSTRUMENTS, num};
use crate::sim::positions::margin::Mode;

/// No margin rate is shown above this.
const MOST_RATE: Decimal = num(9_999, 0);

/// The unified wallet; without `coin` every coin that is held or owed.
pub(crate) fn wallet_balance(call: &Call<'_>) -> Answer {
    if call.params.require("accountType")? != "UNIFIED" {
        return Err(Refusal::params("accountType must be UNIFIED"));
    }
    let account = Account::read(&call.desk, None)?;
    let wanted = call
        .params
        .get("coin")
        .map(|list| list.split(',').collect::<Vec<_>>());
    Ok(json!({"list": [wallet_row(&call.desk, &account, wanted.as_deref())?]}))
}

/// The account and its coins: those named, or all that are held or owed.
pub(crate) fn wallet_row(desk: &Desk<'_>, account: &Account, wanted: Option<&[&str]>) -> Answer {
    let shown = |(coin, held): &(&String, &Holding)| match wanted {
        Some(list) => list.contains(&coin.as_str()),
        None => !held.coin.wallet.is_zero() || !held.equity().is_zero() || !held.position_margin.is_zero(),
    };
    let mut coins: Vec<Value> = Vec::new();
    for (coin, held) in account.holdings.iter().filter(shown) {
        coins.push(coin_row(desk, coin, held)?);
    }
    for coin in wanted.unwrap_or_default() {
        if !account.holdings.contains_key(*coin) {
            coins.push(coin_row(desk, coin, &worth::fresh(desk, coin)?)?);
        }
    }
    let mut totals = totals(account);
    if let Value::Object(fields) = &mut totals {
        fields.insert("coin".to_owned(), coins.into());
    }
    Ok(totals)
}

/// In isolated mode the account as a whole has no margin: those fields are empty, as Bybit's are.
fn totals(account: &Account) -> Value {
    let usd = |value: Decimal| text(value.round_dp(8));
    let cross = |value: String| match account.mode {
        Mode::Cross => value,
        Mode::Isolated => String::new(),
    };
    let cover = account.cover();
    let rate = |margin: Decimal| cross(text(rate(margin, cover)));
    let (initial, maintenance) = (account.initial(), account.maintenance());
    let margins = [initial, maintenance].map(|margin| cross(usd(margin)));
    let [initial_text, maintenance_text] = &margins;
    json!({
        "accountType": "UNIFIED", "totalEquity": usd(account.in_usd(Holding::equity)),
        "totalWalletBalance": usd(account.in_usd(|held| held.coin.wallet - held.lent)),
        "totalMarginBalance": cross(usd(cover)),
        "totalAvailableBalance": cross(usd(account.available_usd().max(Decimal::ZERO))),
        "totalPerpUPL": usd(account.in_usd(|held| held.unrealised)), "totalInitialMargin": initial_text,
        "totalMaintenanceMargin": maintenance_text, "totalInitialMarginByMp": initial_text,
        "totalMaintenanceMarginByMp": maintenance_text, "accountIMRate": rate(initial),
        "accountMMRate": rate(maintenance), "accountIMRateByMp": rate(initial),
        "accountMMRateByMp": rate(maintenance), "accountLTV": "0",
    })
}

/// Margin by margin balance; where there is no balance, as much as is ever shown.
fn rate(margin: Decimal, cover: Decimal) -> Decimal {
    if margin.is_zero() {
        return Decimal::ZERO;
    }
    if cover <= Decimal::ZERO {
        return MOST_RATE;
    }
    let rate = margin.checked_div(cover).unwrap_or(MOST_RATE);
    rate.round_dp(4).min(MOST_RATE)
}

fn coin_row(desk: &Desk<'_>, coin: &str, held: &Holding) -> Answer {
    Ok(json!({
        "coin": coin, "equity": text(held.equity().round_dp(12)),
        "usdValue": text((held.equity() * held.usd).round_dp(8)),
        "walletBalance": text(held.coin.wallet), "locked": text(held.locked), "free": "",
        "borrowAmount": text(held.owed()), "spotBorrow": text(held.lent),
        "accruedInterest": text(borrow::accrued(coin, held.owed(), desk.now)),
        "totalOrderIM": text(held.order_margin), "totalPositionIM": text(held.position_margin),
        "totalPositionMM": text(held.maintenance), "unrealisedPnl": text(held.unrealised.round_dp(8)),
        "cumRealisedPnl": text(held.coin.realised), "bonus": "0", "spotHedgingQty": "0",
        "marginCollateral": borrow::terms_of(coin).is_some(),
        "collateralSwitch": borrow::is_collateral(desk.books, coin)?, "colRes": "0", "availableToWithdraw": "",
        "availableToBorrow": "",
    }))
}

/// Unified account 2.0.
pub(crate) fn info(call: &Call<'_>) -> Answer {
    Ok(json!({
        "unifiedMarginStatus": 5, "marginMode": Mode::of(call.desk.books)?.word(), "isMasterTrader": false,
        "spotHedgingStatus": settings::hedging(call.desk.books)?, "updatedTime": "1735689600000", "dcpStatus": "OFF", "timeWindow": 10,
        "smpGroup": 0,
    }))
}

/// The rates that fills are charged with.
pub(crate) fn fee_rate(call: &Call<'_>) -> Answer {
    let category = call.params.category()?;
    let symbol = call.params.get("symbol");
    if symbol.is_some() {
        call.params.instrument()?;
    }
    let option = category == Category::Option;
    let list: Vec<Value> = INSTRUMENTS
        .iter()
        .filter(|one| one.category == category && symbol.is_none_or(|symbol| symbol == one.symbol))
        .map(|one| {
            let (taker, maker) = (text(one.taker_rate()), text(one.maker_rate()));
            match option {
                true => {
                    json!({"symbol": "", "baseCoin": one.base, "takerFeeRate": taker, "makerFeeRate": maker})
                }
                false => json!({"symbol": one.symbol, "takerFeeRate": taker, "makerFeeRate": maker}),
            }
        })
        .collect();
    Ok(match category {
        Category::Spot | Category::Option => json!({"category": category.word(), "list": list}),
        _ => json!({"list": list}),
    })
}
