//! What reading arguments must satisfy together: bounds that depend on the category, and times that fit.

use super::args::{Args, ArgsError};
use super::tools::ReadTool;

/// Bybit answers order history for at most seven days at once.
const MAX_HISTORY_MS: u64 = 7 * 24 * 60 * 60 * 1000;

/// Checks `args` as a whole, and lowers a default that the category does not allow.
pub(super) fn check(tool: ReadTool, args: &mut Args) -> Result<(), ArgsError> {
    limit(tool, args)?;
    times(tool, args)?;
    let is_option = args.get("category") == Some("option");
    if tool == ReadTool::Tickers && is_option && !args.has("symbol") {
        return together("`symbol` is missing: with category option the exchange needs one");
    }
    if joins_settle_coins(tool, args) && args.has("cursor") {
        return together(
            "`cursor` belongs to one list: give the settle_coin or symbol of the reply that it came from",
        );
    }
    Ok(())
}

/// Linear lists are kept apart by settle coin; without a choice both are asked for.
pub(super) fn joins_settle_coins(tool: ReadTool, args: &Args) -> bool {
    matches!(tool, ReadTool::Positions | ReadTool::OpenOrders)
        && args.get("category") == Some("linear")
        && !args.has("symbol")
        && !args.has("settle_coin")
}

fn limit(tool: ReadTool, args: &mut Args) -> Result<(), ArgsError> {
    let (max, when) = match (tool, args.get("category")) {
        (ReadTool::Orderbook, Some("option")) => (25, " with category option"),
        (ReadTool::RecentTrades, Some("spot")) => (60, " with category spot"),
        _ => return Ok(()),
    };
    match args.number("limit") {
        Some(got) if got > max && args.is_given("limit") => Err(ArgsError::Range {
            name: "limit",
            got,
            min: 1,
            max,
            when,
        }),
        Some(got) if got > max => {
            args.set("limit", max.to_string());
            Ok(())
        }
        _ => Ok(()),
    }
}

fn times(tool: ReadTool, args: &Args) -> Result<(), ArgsError> {
    match (args.number("start_ms"), args.number("end_ms")) {
        (Some(start), Some(end)) if start > end => {
            together(&format!("`start_ms` {start} is after `end_ms` {end}: swap them"))
        }
        (Some(start), Some(end)) if tool == ReadTool::OrderHistory && end - start > MAX_HISTORY_MS => {
            together("`start_ms` and `end_ms` are more than 7 days apart: ask for 7 days at a time")
        }
        (Some(_), None) if tool == ReadTool::FundingHistory => {
            together("`end_ms` is missing: the exchange does not take start_ms alone")
        }
        _ => Ok(()),
    }
}

fn together(reason: &str) -> Result<(), ArgsError> {
    Err(ArgsError::Together(reason.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mcp::tools::{Act, Tool};

    fn check_text(name: &str, text: &str) -> Result<Args, String> {
        let tool = Tool::by_name(name).unwrap();
        let Act::Read(read) = tool.act else {
            panic!("{name} writes")
        };
        let mut args = Args::parse(tool, text).map_err(|error| error.to_string())?;
        check(read, &mut args).map_err(|error| error.to_string())?;
        Ok(args)
    }

    #[test]
    fn a_limit_above_the_categorys_own_is_refused_but_a_default_is_lowered() {
        let book = |rest: &str| check_text("bybit_get_orderbook", &format!(r#"{{"symbol":"X"{rest}}}"#));
        assert_eq!(book("").unwrap().number("limit"), Some(50));
        assert_eq!(book(r#","category":"option""#).unwrap().number("limit"), Some(25));
        assert_eq!(
            book(r#","category":"option","limit":50"#),
            Err("`limit` is 50: use 1 to 25 with category option".into())
        );
        assert_eq!(
            check_text(
                "bybit_get_recent_trades",
                r#"{"symbol":"X","category":"spot","limit":61}"#
            ),
            Err("`limit` is 61: use 1 to 60 with category spot".into())
        );
    }

    #[test]
    fn times_must_fit_together() {
        for (tool, times) in [
            ("bybit_get_kline", r#""start_ms":2,"end_ms":1"#),
            ("bybit_get_funding_history", r#""start_ms":1"#),
            ("bybit_get_order_history", r#""start_ms":1,"end_ms":604800002"#),
        ] {
            let text = format!(r#"{{"symbol":"BTCUSDT",{times}}}"#);
            assert!(check_text(tool, &text).is_err(), "{tool} {times}");
        }
        assert!(check_text("bybit_get_order_history", r#"{"start_ms":1,"end_ms":604800001}"#).is_ok());
    }

    #[test]
    fn an_option_ticker_and_a_cursor_need_to_be_told_which() {
        assert!(check_text("bybit_get_tickers", r#"{"category":"option"}"#).is_err());
        assert!(check_text("bybit_get_positions", r#"{"cursor":"x"}"#).is_err());
        assert!(check_text("bybit_get_positions", r#"{"cursor":"x","settle_coin":"usdc"}"#).is_ok());
        assert!(check_text("bybit_get_open_orders", r#"{"cursor":"x","category":"spot"}"#).is_ok());
    }
}
