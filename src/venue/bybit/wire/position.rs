//! The bodies that set a position's leverage and protection.

use serde::Serialize;

use super::{Post, Unsendable, post};
use crate::domain::order::{SetLeverage, SetTradingStop, TpslMode};
use crate::domain::symbol::Category;

/// <https://bybit-exchange.github.io/docs/v5/position/leverage>, facts §4.4.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct LeverageBody<'a> {
    category: &'static str,
    symbol: &'a str,
    buy_leverage: &'a str,
    sell_leverage: &'a str,
}

/// The same for both sides: they may differ in one mode alone.
pub(in crate::venue::bybit) fn set_leverage(set: &SetLeverage) -> Result<Post, Unsendable> {
    let category = set.instrument.category;
    check_future(category, "leverage")?;
    let leverage = set.leverage.normalize().to_string();
    let body = LeverageBody {
        category: category.as_str(),
        symbol: set.instrument.symbol.as_str(),
        buy_leverage: &leverage,
        sell_leverage: &leverage,
    };
    post("/v5/position/set-leverage", category, &body)
}

/// <https://bybit-exchange.github.io/docs/v5/position/trading-stop>, facts §4.4: `"0"` removes a level.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TradingStopBody<'a> {
    category: &'static str,
    symbol: &'a str,
    tpsl_mode: &'static str,
    position_idx: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    take_profit: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_loss: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trailing_stop: Option<String>,
}

pub(in crate::venue::bybit) fn trading_stop(set: &SetTradingStop) -> Result<Post, Unsendable> {
    let category = set.instrument.category;
    check_future(category, "a trading stop")?;
    let body = TradingStopBody {
        category: category.as_str(),
        symbol: set.instrument.symbol.as_str(),
        tpsl_mode: TpslMode::Full.as_str(),
        position_idx: set.position_idx.to_wire(),
        take_profit: set.take_profit.map(|level| level.to_wire()),
        stop_loss: set.stop_loss.map(|level| level.to_wire()),
        trailing_stop: set.trailing_stop.map(|level| level.to_wire()),
    };
    post("/v5/position/trading-stop", category, &body)
}

fn check_future(category: Category, what: &str) -> Result<(), Unsendable> {
    match category {
        Category::Linear | Category::Inverse => Ok(()),
        Category::Spot | Category::Option => Err(format!("{category} has no {what}; use linear or inverse")),
    }
}
