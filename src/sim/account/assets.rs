//! `asset/*` that reads balances: the coins of each wallet, and all wallets in one value.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::wallets;
use super::worth::{Account, Holding};
use crate::sim::call::{Answer, Call, Desk, Params, Refusal, text};
use crate::sim::store::{self, Wallet};

/// The most coins of one request about the unified wallet.
const COINS_MOST: usize = 10;

/// The coins of one wallet; of the unified one they must be named.
pub(crate) fn coins_balance(call: &Call<'_>) -> Answer {
    let params = &call.params;
    let wallet = wallets::wallet(params.require("accountType")?)?;
    let named: Vec<&str> = params
        .get("coin")
        .map(|list| list.split(',').map(str::trim).collect())
        .unwrap_or_default();
    if wallet == Wallet::Unified && (named.is_empty() || named.len() > COINS_MOST) {
        return Err(Refusal::params(format!("coin must name 1 to {COINS_MOST} coins")));
    }
    let account = Account::read(&call.desk, None)?;
    let mut rows = Vec::new();
    for coin in named {
        rows.push(balance(call, &account, wallet, wallets::known(coin)?)?);
    }
    if rows.is_empty() {
        for coin in wallets::COINS.iter() {
            rows.push(balance(call, &account, wallet, coin)?);
        }
    }
    Ok(json!({"memberId": "1", "accountType": wallet.word(), "balance": rows}))
}

/// One coin of one wallet.
pub(crate) fn coin_balance(call: &Call<'_>) -> Answer {
    let params = &call.params;
    let wallet = wallets::wallet(params.require("accountType")?)?;
    if let Some(to) = params.get("toAccountType") {
        wallets::wallet(to)?;
    }
    let coin = wallets::known(params.require("coin")?)?;
    let account = Account::read(&call.desk, None)?;
    let mut row = balance(call, &account, wallet, coin)?;
    if let Value::Object(fields) = &mut row {
        let most = fields.get("transferBalance").cloned().unwrap_or_default();
        for (asked, name) in [
            ("withTransferSafeAmount", "transferSafeAmount"),
            ("withLtvTransferSafeAmount", "ltvTransferSafeAmount"),
        ] {
            let shown = if wanted(params, asked)? {
                most.clone()
            } else {
                "".into()
            };
            fields.insert(name.to_owned(), shown);
        }
    }
    Ok(json!({
        "accountType": wallet.word(), "bizType": 1, "accountId": "1", "memberId": "1", "balance": row,
    }))
}

fn wanted(params: &Params, name: &str) -> Result<bool, Refusal> {
    match params.integer(name)? {
        None | Some(0) => Ok(false),
        Some(1) => Ok(true),
        Some(_) => Err(Refusal::params(format!("{name} must be 0 or 1"))),
    }
}

fn balance(call: &Call<'_>, account: &Account, wallet: Wallet, coin: &str) -> Answer {
    let held = store::coin(call.desk.books, wallet, coin)?.wallet;
    let free = wallets::transferable(&call.desk, account, wallet, coin)?;
    let bonus = if wanted(&call.params, "withBonus")? {
        "0"
    } else {
        ""
    };
    Ok(json!({
        "coin": coin, "walletBalance": text(held), "transferBalance": text(free), "bonus": bonus,
    }))
}

/// Only classic accounts may ask, and this is none.
pub(crate) fn asset_info(_: &Call<'_>) -> Answer {
    Err(Refusal::new(
        100_028,
        "The API cannot be accessed by unified account users.",
    ))
}

/// Every wallet with its coins, and what all of it is worth in one currency.
pub(crate) fn overview(call: &Call<'_>) -> Answer {
    let (desk, params) = (&call.desk, &call.params);
    let currency = params.get("valuationCurrency").unwrap_or("USD");
    let unit = match currency {
        "USD" => Decimal::ONE,
        coin => desk.usd(wallets::known(coin)?)?,
    };
    let wanted = match params.get("accountType") {
        None => None,
        Some("FundingAccount") => Some(Wallet::Fund),
        Some("UnifiedTradingAccount") => Some(Wallet::Unified),
        Some(word) => Some(wallets::wallet(word)?),
    };
    let account = Account::read(desk, None)?;
    let unified = account
        .holdings
        .iter()
        .map(|(coin, held)| (coin.clone(), Holding::equity(held)));
    let fund = store::coins(desk.books, Wallet::Fund)?
        .into_iter()
        .map(|(coin, held)| (coin, held.wallet));
    let mut list = Vec::new();
    let mut total = Decimal::ZERO;
    for (name, wallet, coins) in [
        ("FundingAccount", Wallet::Fund, fund.collect::<BTreeMap<_, _>>()),
        ("UnifiedTradingAccount", Wallet::Unified, unified.collect()),
    ] {
        if wanted.is_some_and(|wanted| wanted != wallet) {
            continue;
        }
        let worth = worth(desk, &coins)?.checked_div(unit).unwrap_or_default();
        total += worth;
        let detail: Vec<Value> = coins
            .iter()
            .filter(|(_, equity)| !equity.is_zero())
            .map(|(coin, equity)| json!({"coin": coin, "equity": text(equity.round_dp(8))}))
            .collect();
        list.push(json!({
            "accountType": name, "totalEquity": text(worth.round_dp(8)), "valuationCurrency": currency,
            "snapshotTime": desk.now.to_string(), "coinDetail": detail, "categories": [],
        }));
    }
    Ok(json!({"totalEquity": text(total.round_dp(8)), "list": list}))
}

/// What coins are worth in US dollars.
fn worth(desk: &Desk<'_>, coins: &BTreeMap<String, Decimal>) -> Result<Decimal, Refusal> {
    let mut sum = Decimal::ZERO;
    for (coin, equity) in coins {
        if !equity.is_zero() {
            sum += *equity * desk.usd(coin)?;
        }
    }
    Ok(sum)
}
