//! Ids of orders and trades: the same stream of orders on the same market gets the same ids.
//!
//! They are drawn from the account's seed and birth and a counter of the store, so two accounts differ and
//! two processes on one account never collide.

use super::tables;
use crate::sim::call::{Desk, Refusal};
use crate::sim::instruments::{Category, Instrument};
use crate::sim::market::prices::mix;

const COUNTER: &str = "ids";
/// When the account was made.
pub(crate) const BORN: &str = "born";
const SPOT_FIRST: u64 = 1_000_000_000_000_000_000;

/// The id of the next order or trade of an instrument: spot ids are numbers in text.
pub(crate) fn next(desk: &Desk<'_>, one: &Instrument) -> Result<String, Refusal> {
    let count = tables::meta(desk.books, COUNTER)?.unwrap_or_default() + 1;
    tables::set_meta(desk.books, COUNTER, &count.to_string())?;
    let born = tables::meta(desk.books, BORN)?.unwrap_or_default();
    let high = mix(desk.market.seed ^ mix(born.cast_unsigned() ^ mix(count.cast_unsigned())));
    Ok(match one.category {
        // The counter keeps them apart; the rest makes them look the part.
        Category::Spot => {
            let drawn = mix(high) % 900_000_000 * 1_000_000_000;
            (SPOT_FIRST + drawn + count.cast_unsigned() % 1_000_000_000).to_string()
        }
        _ => {
            let bits = (u128::from(high) << 64) | u128::from(mix(high ^ count.cast_unsigned()));
            uuid::Builder::from_random_bytes(bits.to_be_bytes())
                .into_uuid()
                .hyphenated()
                .to_string()
        }
    })
}
