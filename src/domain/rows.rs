//! Rows in Bybit's own names, as `explain` is given them and as an order in flight is kept on disk.
//!
//! Numbers are text or JSON numbers; empty and null are absent, as Bybit means them.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::account::{CoinBalance, Position, RestingOrder, SizeUnit};
use super::json::Json;
use super::money::{Price, Qty, parse_decimal};
use super::order::{ClientOrderId, PositionIdx, Side};
use super::symbol::{Category, Coin, InstrumentId, Symbol};

fn instrument_of(row: &Json<'_>) -> Result<InstrumentId, String> {
    let text = |name: &str| {
        row.member(name)
            .and_then(Json::as_str)
            .ok_or(format!("`{name}` is missing"))
    };
    let category: Category = text("category")?.parse().map_err(|error| format!("{error}"))?;
    Ok(InstrumentId::new(
        category,
        Symbol::parse(text("symbol")?).map_err(|error| error.to_string())?,
    ))
}

/// A position, or nothing for a flat row.
pub fn position(row: &Json<'_>) -> Result<Option<Position>, String> {
    let size = amount(row, "size")?.ok_or("`size` is missing")?;
    if size.is_zero() {
        return Ok(None);
    }
    Ok(Some(Position {
        instrument: instrument_of(row)?,
        side: side(row)?,
        size: Qty::new(size).ok_or("`size` is negative")?,
        mark_price: price(row, "markPrice")?,
        position_idx: position_idx(row)?,
    }))
}

/// An order that may still fill.
pub fn resting(row: &Json<'_>) -> Result<RestingOrder, String> {
    let instrument = instrument_of(row)?;
    let side = side(row)?;
    let limit = price(row, "price")?;
    let total = qty(row, "qty")?;
    let filled = amount(row, "cumExecQty")?.unwrap_or(Decimal::ZERO);
    let leaves = match (amount(row, "leavesQty")?, total) {
        (Some(leaves), _) => leaves,
        (None, Some(total)) => total.value().saturating_sub(filled),
        (None, None) => return Err("`leavesQty` is missing".to_owned()),
    };
    if leaves < Decimal::ZERO || filled < Decimal::ZERO {
        return Err("a negative quantity".to_owned());
    }
    let market_unit = row
        .member("marketUnit")
        .and_then(Json::as_str)
        .unwrap_or_default();
    let client_id = row
        .member("orderLinkId")
        .and_then(Json::as_str)
        .filter(|id| !id.is_empty());
    Ok(RestingOrder {
        unit: unit(instrument.category, side, limit.is_none(), market_unit),
        reduce_only: row.member("reduceOnly").and_then(Json::as_bool).unwrap_or(false)
            && instrument.category != Category::Spot,
        cannot_borrow: instrument.category == Category::Spot
            && row.member("isLeverage").and_then(Json::as_text) == Some("0"),
        instrument,
        side,
        leaves,
        qty: total.or_else(|| Qty::new(leaves.saturating_add(filled))),
        filled,
        price: limit,
        trigger_price: price(row, "triggerPrice")?,
        position_idx: position_idx(row)?,
        client_id: client_id
            .map(|id| ClientOrderId::parse(id).map_err(|error| error.to_string()))
            .transpose()?,
        venue_id: row
            .member("orderId")
            .and_then(Json::as_str)
            .filter(|id| !id.is_empty())
            .map(str::to_owned),
    })
}

fn unit(category: Category, side: Side, market: bool, market_unit: &str) -> SizeUnit {
    match (category, market, market_unit) {
        (Category::Inverse, _, _) => SizeUnit::UsdContracts,
        (Category::Spot, true, "quoteCoin") => SizeUnit::Quote,
        (Category::Spot, true, "") if side == Side::Buy => SizeUnit::Quote,
        _ => SizeUnit::Base,
    }
}

/// A coin of the wallet.
pub fn balance(row: &Json<'_>) -> Result<CoinBalance, String> {
    let coin = row
        .member("coin")
        .and_then(Json::as_str)
        .ok_or("`coin` is missing")?;
    Ok(CoinBalance {
        coin: Coin::parse(coin).map_err(|error| error.to_string())?,
        equity: amount(row, "equity")?.ok_or("`equity` is missing")?,
        wallet: amount(row, "walletBalance")?,
        usd_value: amount(row, "usdValue")?,
    }
    .less_owed(amount(row, "spotBorrow")?))
}

fn side(row: &Json<'_>) -> Result<Side, String> {
    match row.member("side").and_then(Json::as_str) {
        Some("Buy") => Ok(Side::Buy),
        Some("Sell") => Ok(Side::Sell),
        _ => Err("`side` is neither Buy nor Sell".to_owned()),
    }
}

fn position_idx(row: &Json<'_>) -> Result<PositionIdx, String> {
    match row.member("positionIdx") {
        None | Some(Json::Null) => Ok(PositionIdx::OneWay),
        Some(value) => value
            .as_text()
            .and_then(|text| text.parse().ok())
            .and_then(PositionIdx::from_wire)
            .ok_or_else(|| "`positionIdx` is not 0, 1 or 2".to_owned()),
    }
}

/// A number or the text of one; empty and null are absent, as Bybit means them.
pub fn amount(row: &Json<'_>, name: &str) -> Result<Option<Decimal>, String> {
    match row.member(name) {
        None | Some(Json::Null) => Ok(None),
        Some(value) => match value.as_text() {
            Some("") => Ok(None),
            Some(text) => parse_decimal(text)
                .map(Some)
                .map_err(|error| format!("`{name}`: {error}")),
            None => Err(format!("`{name}` is {}", value.kind())),
        },
    }
}

/// A price; zero is how Bybit writes none.
pub fn price(row: &Json<'_>, name: &str) -> Result<Option<Price>, String> {
    match amount(row, name)? {
        None => Ok(None),
        Some(value) if value.is_zero() => Ok(None),
        Some(value) => Price::new(value)
            .map(Some)
            .ok_or_else(|| format!("`{name}` is negative")),
    }
}

/// A quantity above zero.
pub fn qty(row: &Json<'_>, name: &str) -> Result<Option<Qty>, String> {
    match amount(row, name)? {
        None => Ok(None),
        Some(value) => Qty::new(value)
            .map(Some)
            .ok_or_else(|| format!("`{name}` is not above zero")),
    }
}

/// The row that [`resting`] reads back as the same order.
#[must_use]
pub fn resting_row(order: &RestingOrder) -> Value {
    let text = |value: Option<String>| value.unwrap_or_default();
    json!({
        "category": order.instrument.category.as_str(),
        "symbol": order.instrument.symbol.as_str(),
        "side": order.side.as_str(),
        "qty": text(order.qty.map(|qty| qty.to_string())),
        "leavesQty": order.leaves.normalize().to_string(),
        "cumExecQty": order.filled.normalize().to_string(),
        "price": text(order.price.map(|price| price.to_string())),
        "triggerPrice": text(order.trigger_price.map(|price| price.to_string())),
        "marketUnit": if order.unit == SizeUnit::Quote { "quoteCoin" } else { "baseCoin" },
        "reduceOnly": order.reduce_only,
        "isLeverage": if order.cannot_borrow { "0" } else { "" },
        "positionIdx": order.position_idx.to_wire(),
        "orderLinkId": text(order.client_id.as_ref().map(ToString::to_string)),
        "orderId": text(order.venue_id.clone()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_read_back_as_the_order_it_was_made_from() {
        let text = r#"{"category":"spot","symbol":"BTCUSDT","side":"Buy","qty":"200","leavesQty":"150.5","cumExecQty":"49.5",
            "marketUnit":"quoteCoin","reduceOnly":false,"isLeverage":"0","positionIdx":0,"orderLinkId":"a-1"}"#;
        let order = resting(&Json::parse(text).unwrap()).unwrap();
        assert_eq!(
            (order.unit, order.leaves.to_string(), order.cannot_borrow),
            (SizeUnit::Quote, "150.5".to_owned(), true)
        );
        let row = resting_row(&order).to_string();
        assert_eq!(resting(&Json::parse(&row).unwrap()), Ok(order));
    }

    #[test]
    fn only_a_spot_order_that_says_so_cannot_borrow() {
        let said = |category: &str, lever: &str| {
            let row = format!(
                r#"{{"category":"{category}","symbol":"BTCUSDT","side":"Sell","leavesQty":"1"{lever}}}"#
            );
            let order = resting(&Json::parse(&row).unwrap()).unwrap();
            let kept = resting_row(&order).to_string();
            assert_eq!(resting(&Json::parse(&kept).unwrap()), Ok(order.clone()));
            order.cannot_borrow
        };
        assert!(said("spot", r#","isLeverage":"0""#) && said("spot", r#","isLeverage":0"#));
        for unsaid in [
            "",
            r#","isLeverage":"""#,
            r#","isLeverage":null"#,
            r#","isLeverage":"1""#,
        ] {
            assert!(!said("spot", unsaid), "{unsaid}");
        }
        assert!(!said("linear", r#","isLeverage":"0""#));
    }

    #[test]
    fn a_row_that_is_not_understood_is_an_error() {
        for text in [
            r#"{"symbol":"BTCUSDT","side":"Buy","leavesQty":"1"}"#,
            r#"{"category":"linear","symbol":"BTCUSDT","side":"","leavesQty":"1"}"#,
            r#"{"category":"linear","symbol":"BTCUSDT","side":"Buy","leavesQty":"-1"}"#,
            r#"{"category":"linear","symbol":"BTCUSDT","side":"Buy","leavesQty":"1","positionIdx":3}"#,
        ] {
            assert!(resting(&Json::parse(text).unwrap()).is_err(), "{text}");
        }
    }
}
