//! What reaches the account from outside and leaves it: the coins' chains, deposits, and no withdrawals.

use serde_json::{Value, json};

use super::journal::Kind;
use super::wallets;
use crate::sim::call::{Answer, Call, Refusal, cursor_text};
use crate::sim::door::keys;
use crate::sim::orders::records::Query;

/// The longest span of a query.
const SPAN_DAYS: i64 = 30;

/// A coin's chains, as Bybit names and describes them. What is not listed is a token on Ethereum.
fn chains(coin: &str) -> &'static [(&'static str, &'static str)] {
    match coin {
        "BTC" => &[("BTC", "BTC")],
        "ETH" => &[("ETH", "Ethereum"), ("ARBI", "Arbitrum One")],
        "USDT" => &[("TRX", "TRC20"), ("ETH", "ERC20")],
        "USDC" => &[("ETH", "ERC20"), ("SOL", "SOL")],
        "SOL" => &[("SOL", "SOL")],
        "XRP" => &[("XRP", "XRP")],
        "DOGE" => &[("DOGE", "Dogecoin")],
        // A currency of a state, which no chain carries.
        "EUR" => &[],
        _ => &[("ETH", "ERC20")],
    }
}

/// What can be deposited how. Play money cannot be withdrawn: no chain takes any, and so none names a fee.
pub(crate) fn coin_info(call: &Call<'_>) -> Answer {
    let rows: Vec<Value> = match call.params.get("coin") {
        Some(coin) => vec![coin_row(wallets::known(&coin.to_uppercase())?)],
        None => wallets::COINS.iter().map(|coin| coin_row(coin)).collect(),
    };
    Ok(json!({"rows": rows}))
}

fn coin_row(coin: &str) -> Value {
    let chains: Vec<Value> = chains(coin)
        .iter()
        .map(|(chain, kind)| {
            json!({
                "chain": chain, "chainType": kind, "confirmation": "1", "withdrawFee": "", "depositMin": "0",
                "withdrawMin": "0", "withdrawMax": "0", "minAccuracy": wallets::DIGITS.to_string(),
                "chainDeposit": "1", "chainWithdraw": "0", "withdrawPercentageFee": "0",
                "contractAddress": "", "safeConfirmNumber": "1",
            })
        })
        .collect();
    json!({"name": coin, "coin": coin, "remainAmount": "0", "chains": chains})
}

/// What was put into the account, newest first.
pub(crate) fn deposits(call: &Call<'_>) -> Answer {
    let params = &call.params;
    let (start, end) = params.time_span_of(SPAN_DAYS, call.desk.now)?;
    let mut query = Query::over("journal")
        .and("kind = ?", Kind::Airdrop.word().to_owned())
        .and("change NOT LIKE ?", "-%".to_owned())
        .and("time >= ?", start)
        .and("time <= ?", end)
        .and_some("coin = ?", params.get("coin"));
    if let Some(row) = params.integer("id")? {
        query = query.and("seq = ?", row);
    }
    if let Some(text) = params.get("txID") {
        query = query.and("seq = ?", i64::from_str_radix(text, 16).unwrap_or(-1));
    }
    let (found, next) = query.page(call.desk.books, params.limit(50, 50)?, params.cursor()?)?;
    let mut rows = Vec::new();
    for data in found {
        rows.push(deposit_row(&serde_json::from_str(&data)?));
    }
    Ok(json!({"rows": rows, "nextPageCursor": next.map(cursor_text).unwrap_or_default()}))
}

/// An entry of the journal as a deposit. Its number there is its id, and padded the id of its transaction.
fn deposit_row(entry: &Value) -> Value {
    let of = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default();
    let (coin, id) = (of("currency"), of("id").rsplit('_').next().unwrap_or_default());
    let chain = chains(coin).first().map_or("", |(chain, _)| *chain);
    json!({
        "coin": coin, "chain": chain, "amount": of("change"),
        "txID": format!("{:064x}", id.parse::<i64>().unwrap_or_default()), "status": 3,
        "toAddress": "paper", "tag": "", "depositFee": "", "successAt": of("transactionTime"),
        "confirmations": "1", "txIndex": "0", "blockHash": "", "batchReleaseLimit": "-1", "depositType": "0",
        "fromAddress": "", "taxDepositRecordsId": "0", "taxStatus": 0, "id": id,
    })
}

/// No withdrawal was ever made. Only a key that might make one may ask.
pub(crate) fn withdrawals(call: &Call<'_>) -> Answer {
    let params = &call.params;
    if call.key.kind != keys::Kind::Withdraw {
        return Err(keys::denied());
    }
    if !matches!(params.integer("withdrawType")?, None | Some(0..=2)) {
        return Err(Refusal::params("withdrawType must be 0, 1 or 2"));
    }
    params.time_span_of(SPAN_DAYS, call.desk.now)?;
    params.limit(50, 50)?;
    Ok(json!({"rows": [], "nextPageCursor": ""}))
}
