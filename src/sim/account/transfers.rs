//! Money between the two wallets of the account: moving it, and the list of what was moved.

use rusqlite::params;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use uuid::Uuid;

use super::journal::{self, Cause, Entry, Kind};
use super::wallets;
use super::worth::Account;
use crate::sim::call::{Answer, Call, Desk, Refusal, cursor_text, text};
use crate::sim::orders::records::Query;
use crate::sim::store::Wallet;

/// Its part of the schema.
pub(crate) const TABLES: &str = "
CREATE TABLE transfers (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, coin TEXT NOT NULL,
    time INTEGER NOT NULL, data TEXT NOT NULL);
";
const DONE: &str = "SUCCESS";
const STATUSES: [&str; 4] = ["STATUS_UNKNOWN", DONE, "PENDING", "FAILED"];

/// A transfer that was asked for and can be made if the money is there.
struct Wish {
    id: String,
    coin: &'static str,
    amount: Decimal,
    from: Wallet,
    to: Wallet,
}

/// Moves money at once, for every key that may change something: it does not leave the account.
/// Its id makes it safe to ask again: a second request with it is refused.
pub(crate) fn transfer(call: &Call<'_>) -> Answer {
    let desk = &call.desk;
    let wish = wish(call)?;
    let taken = desk
        .books
        .reading("SELECT 1 FROM transfers WHERE id = ?1")?
        .exists([&wish.id])?;
    if taken {
        return Err(Refusal::new(131_214, "TransferId exist"));
    }
    let account = Account::read(desk, None)?;
    if wish.amount > wallets::transferable(desk, &account, wish.from, wish.coin)? {
        return Err(Refusal::new(131_212, "Insufficient balance"));
    }
    for (wallet, kind, amount) in [
        (wish.from, Kind::TransferOut, -wish.amount),
        (wish.to, Kind::TransferIn, wish.amount),
    ] {
        let cause = Cause {
            qty: amount,
            ..Cause::default()
        };
        let entry = Entry {
            wallet,
            ..Entry::cash(kind, wish.coin, amount, cause)
        };
        journal::book(desk, &entry)?;
    }
    keep(desk, &wish)?;
    Ok(json!({"transferId": wish.id, "status": DONE}))
}

fn wish(call: &Call<'_>) -> Result<Wish, Refusal> {
    let params = &call.params;
    let id = Uuid::parse_str(params.require("transferId")?)
        .map_err(|_| Refusal::params("transferId must be a UUID"))?;
    let coin = wallets::known(params.require("coin")?)?;
    params.require("amount")?;
    let amount = params.decimal("amount")?.unwrap_or_default();
    if amount <= Decimal::ZERO {
        return Err(Refusal::new(131_215, "Amount error"));
    }
    if amount.normalize().scale() > wallets::DIGITS {
        return Err(Refusal::new(131_210, "Amount accuracy error"));
    }
    let [from, to] = ["fromAccountType", "toAccountType"].map(|name| params.require(name));
    let from = Wallet::parse(from?)
        .ok_or_else(|| Refusal::new(131_232, "Transfers out this account are not supported"))?;
    let to = Wallet::parse(to?)
        .ok_or_else(|| Refusal::new(131_231, "Transfers into this account are not supported"))?;
    differ(from, to)?;
    Ok(Wish {
        id: id.hyphenated().to_string(),
        coin,
        amount,
        from,
        to,
    })
}

fn differ(from: Wallet, to: Wallet) -> Result<(), Refusal> {
    if from == to {
        let text = "fromAccountType can't be the same as toAccountType";
        return Err(Refusal::new(131_211, text));
    }
    Ok(())
}

fn keep(desk: &Desk<'_>, wish: &Wish) -> Result<(), Refusal> {
    // Bybit tells the time of transfers in whole seconds.
    let second = whole_second(desk.now);
    let row = json!({
        "transferId": wish.id, "coin": wish.coin, "amount": text(wish.amount),
        "fromAccountType": wish.from.word(), "toAccountType": wish.to.word(),
        "timestamp": second.to_string(), "status": DONE,
    });
    desk.books
        .writing("INSERT INTO transfers (id, coin, time, data) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![wish.id, wish.coin, second, row.to_string()])?;
    Ok(())
}

fn whole_second(time: i64) -> i64 {
    time - time.rem_euclid(1000)
}

/// What was moved, newest first.
pub(crate) fn list(call: &Call<'_>) -> Answer {
    let params = &call.params;
    let status = params.get("status");
    if status.is_some_and(|status| !STATUSES.contains(&status)) {
        return Err(Refusal::params("status invalid"));
    }
    let (start, end) = params.time_span(call.desk.now)?;
    let mut query = Query::over("transfers")
        .and("time >= ?", whole_second(start))
        .and("time <= ?", end)
        .and_some("json_extract(data, '$.status') = ?", status)
        .and_some("coin = ?", params.get("coin"));
    if let Some(id) = params.get("transferId") {
        query = query.and("id = ?", id.to_lowercase());
    }
    let (rows, next) = query.page(call.desk.books, params.limit(20, 50)?, params.cursor()?)?;
    let list = rows
        .iter()
        .map(|data| serde_json::from_str(data))
        .collect::<Result<Vec<Value>, _>>()?;
    Ok(json!({"list": list, "nextPageCursor": next.map(cursor_text).unwrap_or_default()}))
}

/// The coins that can be moved from one wallet to the other: all of them.
pub(crate) fn coins(call: &Call<'_>) -> Answer {
    let [from, to] = ["fromAccountType", "toAccountType"].map(|name| call.params.require(name));
    differ(wallets::wallet(from?)?, wallets::wallet(to?)?)?;
    let coins: Vec<&str> = wallets::COINS.iter().copied().collect();
    Ok(json!({"list": coins}))
}
