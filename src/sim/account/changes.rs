//! What the private streams hear at the end of a transaction: each position that changed, then the wallet.

use serde_json::{Value, json};

use super::replies;
use super::worth::Account;
use crate::sim::call::{Desk, Refusal};
use crate::sim::instruments;
use crate::sim::market::Market;
use crate::sim::positions;
use crate::sim::store;
use crate::sim::store::books::{Books, Touched};
use crate::sim::store::outbox::Event;

/// Publishes an event for each position that changed, and one for the wallet with the coins that changed.
pub(crate) fn write(books: &Books, market: &Market, touched: &Touched) -> Result<(), Refusal> {
    if touched.positions.is_empty() && touched.coins.is_empty() {
        return Ok(());
    }
    let desk = Desk {
        books,
        market,
        now: touched.at,
    };
    let account = Account::read(&desk, None)?;
    for (category, symbol, idx) in &touched.positions {
        let Some(one) = instruments::find(*category, symbol) else {
            continue;
        };
        let held = store::position(books, one, *idx)?;
        let mut row = positions::row(&desk, &account, one, &held)?;
        if let Value::Object(fields) = &mut row {
            let entry = fields.get("avgPrice").cloned().unwrap_or_default();
            fields.insert("entryPrice".to_owned(), entry);
            fields.insert("category".to_owned(), json!(category.word()));
        }
        books.publish(Event {
            time: touched.at,
            topic: "position",
            category: category.word(),
            visible: touched.at,
            data: row,
        });
    }
    if !touched.coins.is_empty() {
        let coins: Vec<&str> = touched.coins.iter().map(String::as_str).collect();
        books.publish(Event {
            time: touched.at,
            topic: "wallet",
            category: "",
            visible: touched.at,
            data: replies::wallet_row(&desk, &account, Some(&coins))?,
        });
    }
    Ok(())
}
