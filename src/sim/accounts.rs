//! `account/*` and `user/query-api`: the wallet, the account's mode, its fees and its key.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::account::{Account, Holding};
use super::call::{Answer, Call, Refusal, text};
use super::instruments::{Category, INSTRUMENTS};

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
    let shown = |(coin, held): &(&String, &Holding)| match &wanted {
        Some(list) => list.contains(&coin.as_str()),
        None => !held.coin.wallet.is_zero() || !held.equity().is_zero() || !held.position_margin.is_zero(),
    };
    let mut coins: Vec<Value> = account
        .holdings
        .iter()
        .filter(shown)
        .map(|(coin, held)| coin_row(coin, held, account.prices.usd(coin)))
        .collect();
    for coin in wanted
        .iter()
        .flatten()
        .filter(|coin| !account.holdings.contains_key(**coin))
    {
        coins.push(coin_row(coin, &Holding::default(), account.prices.usd(coin)));
    }
    let mut totals = totals(&account);
    if let Value::Object(fields) = &mut totals {
        fields.insert("coin".to_owned(), coins.into());
    }
    Ok(json!({"list": [totals]}))
}

fn totals(account: &Account) -> Value {
    let usd = |value: Decimal| text(value.round_dp(8));
    let equity = account.in_usd(Holding::equity);
    let initial = account.in_usd(|held| held.order_margin + held.position_margin);
    let maintenance = account.in_usd(|held| held.maintenance);
    let rate = |margin: Decimal| text(margin.checked_div(equity).unwrap_or_default().round_dp(4));
    json!({
        "accountType": "UNIFIED", "totalEquity": usd(equity),
        "totalWalletBalance": usd(account.in_usd(|held| held.coin.wallet)), "totalMarginBalance": usd(equity),
        "totalAvailableBalance": usd(account.available_usd().max(Decimal::ZERO)),
        "totalPerpUPL": usd(account.in_usd(|held| held.unrealised)), "totalInitialMargin": usd(initial),
        "totalMaintenanceMargin": usd(maintenance), "totalInitialMarginByMp": usd(initial),
        "totalMaintenanceMarginByMp": usd(maintenance), "accountIMRate": rate(initial),
        "accountMMRate": rate(maintenance), "accountIMRateByMp": rate(initial),
        "accountMMRateByMp": rate(maintenance), "accountLTV": "0",
    })
}

fn coin_row(coin: &str, held: &Holding, price: Decimal) -> Value {
    let owed = (-held.coin.wallet).max(Decimal::ZERO);
    json!({
        "coin": coin, "equity": text(held.equity().round_dp(12)), "usdValue": text((held.equity() * price).round_dp(8)),
        "walletBalance": text(held.coin.wallet), "locked": text(held.locked), "free": "",
        "borrowAmount": text(owed), "spotBorrow": "0", "accruedInterest": "0",
        "totalOrderIM": text(held.order_margin), "totalPositionIM": text(held.position_margin),
        "totalPositionMM": text(held.maintenance), "unrealisedPnl": text(held.unrealised.round_dp(8)),
        "cumRealisedPnl": text(held.coin.realised), "bonus": "0", "spotHedgingQty": "0",
        "marginCollateral": true, "collateralSwitch": true, "colRes": "0", "availableToWithdraw": "",
        "availableToBorrow": "",
    })
}

/// Unified account 2.0, cross margin.
pub(crate) fn info(_: &Call<'_>) -> Answer {
    Ok(json!({
        "unifiedMarginStatus": 5, "marginMode": "REGULAR_MARGIN", "isMasterTrader": false,
        "spotHedgingStatus": "OFF", "updatedTime": "1735689600000", "dcpStatus": "OFF", "timeWindow": 10,
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
