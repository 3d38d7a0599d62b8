//! `account/*` that is kept or asked for the account as a whole: what may leave it, and how it treats orders.

use serde_json::{Map, Value, json};

use super::wallets;
use super::worth::Account;
use crate::sim::call::{Answer, Call, Refusal};
use crate::sim::instruments::Category;
use crate::sim::store::books::Books;
use crate::sim::store::{self, Wallet};

/// The most coins of one request.
const COINS_MOST: usize = 20;
const HEDGING: &str = "spot_hedging";

/// What of each named coin may leave the unified wallet.
pub(crate) fn withdrawal(call: &Call<'_>) -> Answer {
    let names: Vec<&str> = call
        .params
        .require("coinName")?
        .split(',')
        .map(str::trim)
        .collect();
    if names.len() > COINS_MOST {
        return Err(Refusal::params(format!(
            "coinName must name 1 to {COINS_MOST} coins"
        )));
    }
    let account = Account::read(&call.desk, None)?;
    let (mut first, mut map) = (None, Map::new());
    for name in names {
        let coin = wallets::known(name)?;
        let mut free = wallets::transferable(&call.desk, &account, Wallet::Unified, coin)?;
        // This one endpoint writes amounts with all their digits.
        free.rescale(wallets::DIGITS);
        let free = free.to_string();
        first.get_or_insert_with(|| free.clone());
        map.insert(coin.to_owned(), free.into());
    }
    Ok(json!({"availableWithdrawal": first.unwrap_or_default(), "availableWithdrawalMap": map}))
}

/// Cancelling on disconnection is granted to institutions alone.
pub(crate) fn dcp_info(_: &Call<'_>) -> Answer {
    Ok(json!({"dcpInfos": []}))
}

pub(crate) fn smp_group(_: &Call<'_>) -> Answer {
    Ok(json!({"smpGroup": 0}))
}

/// The two flags say the opposite of each other: spot prices are adjusted, those of contracts refused.
pub(crate) fn user_settings(call: &Call<'_>) -> Answer {
    let books = call.desk.books;
    Ok(json!({
        "lpaSpot": adjusts(books, Category::Spot)?, "lpaPerp": !adjusts(books, Category::Linear)?,
        "deltaEnable": false, "smsef": false, "fmsef": false,
    }))
}

/// Whether a limit price beyond the collar is moved to it; else the order is refused.
pub(crate) fn adjusts(books: &Books, category: Category) -> Result<bool, Refusal> {
    let (name, usual) = collar(category);
    Ok(store::meta_text(books, name)?.map_or(usual, |word| word == "adjust"))
}

/// Where the choice for a category is kept, and what it is before it was made. All contracts share one.
fn collar(category: Category) -> (&'static str, bool) {
    match category {
        Category::Spot => ("collar/spot", false),
        _ => ("collar/futures", true),
    }
}

pub(crate) fn set_limit_price_action(call: &Call<'_>) -> Answer {
    let category = match call.params.category()? {
        Category::Option => return Err(Refusal::params("category must be linear, inverse or spot")),
        category => category,
    };
    call.params.require("modifyEnable")?;
    let word = if call.params.flag("modifyEnable")? {
        "adjust"
    } else {
        "reject"
    };
    store::set_meta(call.desk.books, collar(category).0, word)?;
    Ok(json!({}))
}

/// Kept and shown; it would matter in portfolio margin alone.
pub(crate) fn set_hedging_mode(call: &Call<'_>) -> Answer {
    match call.params.require("setHedgingMode")? {
        word @ ("ON" | "OFF") => store::set_meta(call.desk.books, HEDGING, word)?,
        _ => return Err(Refusal::params("setHedgingMode must be ON or OFF")),
    }
    Ok(json!({}))
}

/// `ON` or `OFF`.
pub(crate) fn hedging(books: &Books) -> Result<Value, Refusal> {
    let word = store::meta_text(books, HEDGING)?;
    Ok(word.unwrap_or_else(|| "OFF".to_owned()).into())
}
