//! Which GET each reading tool is, and under which key its rows are replied.

use super::args::Args;
use super::tools::ReadTool;
use crate::broker::ReadRequest;

/// An argument of ours and its name on the wire.
type Names = &'static [(&'static str, &'static str)];

const CATEGORY: (&str, &str) = ("category", "category");
const SYMBOL: (&str, &str) = ("symbol", "symbol");
const LIMIT: (&str, &str) = ("limit", "limit");
const CURSOR: (&str, &str) = ("cursor", "cursor");
const START_TIME: (&str, &str) = ("start_ms", "startTime");
const END_TIME: (&str, &str) = ("end_ms", "endTime");

impl ReadTool {
    /// The key of the reply that holds its rows.
    pub(super) fn rows_key(self) -> &'static str {
        match self {
            Self::Tickers => "tickers",
            Self::Kline => "klines",
            Self::Orderbook => "b",
            Self::FundingHistory => "funding",
            Self::OpenInterest => "oi",
            Self::Instruments => "instruments",
            Self::RecentTrades => "trades",
            Self::Wallet => "balances",
            Self::Positions => "positions",
            Self::OpenOrders | Self::OrderHistory => "orders",
        }
    }

    /// Whether Bybit gives its rows in pages with a cursor.
    pub(super) fn is_paged(self) -> bool {
        self.names().contains(&CURSOR)
    }

    /// The GET that answers `args`.
    pub(super) fn request(self, args: &Args) -> ReadRequest {
        let mut query = Vec::new();
        for (name, wire) in self.names() {
            if let Some(value) = args.get(name) {
                query.push((*wire, value.to_owned()));
            }
        }
        if self == Self::OpenOrders {
            query.push(("openOnly", "0".to_owned()));
        }
        // The exchange lets a symbol win over a settle coin; so that this stays true, only one is sent.
        if args.has("symbol") {
            query.retain(|(wire, _)| *wire != "settleCoin");
        }
        ReadRequest {
            path: self.path(),
            private: self.is_private(),
            query,
        }
    }

    fn path(self) -> &'static str {
        match self {
            Self::Tickers => "/v5/market/tickers",
            Self::Kline => "/v5/market/kline",
            Self::Orderbook => "/v5/market/orderbook",
            Self::FundingHistory => "/v5/market/funding/history",
            Self::OpenInterest => "/v5/market/open-interest",
            Self::Instruments => "/v5/market/instruments-info",
            Self::RecentTrades => "/v5/market/recent-trade",
            Self::Wallet => "/v5/account/wallet-balance",
            Self::Positions => "/v5/position/list",
            Self::OpenOrders => "/v5/order/realtime",
            Self::OrderHistory => "/v5/order/history",
        }
    }

    fn is_private(self) -> bool {
        matches!(
            self,
            Self::Wallet | Self::Positions | Self::OpenOrders | Self::OrderHistory
        )
    }

    /// What is sent of the arguments. The tickers' limit is not: that endpoint has none, we cut ourselves.
    fn names(self) -> Names {
        match self {
            Self::Tickers => &[CATEGORY, SYMBOL],
            Self::Kline => &[
                CATEGORY,
                SYMBOL,
                ("interval", "interval"),
                LIMIT,
                ("start_ms", "start"),
                ("end_ms", "end"),
            ],
            Self::Orderbook | Self::RecentTrades => &[CATEGORY, SYMBOL, LIMIT],
            Self::FundingHistory => &[CATEGORY, SYMBOL, START_TIME, END_TIME, LIMIT],
            Self::OpenInterest => &[CATEGORY, SYMBOL, ("interval_time", "intervalTime"), LIMIT, CURSOR],
            Self::Instruments => &[CATEGORY, SYMBOL, LIMIT, CURSOR],
            Self::Wallet => &[("account_type", "accountType"), ("coins", "coin")],
            Self::Positions | Self::OpenOrders => {
                &[CATEGORY, SYMBOL, ("settle_coin", "settleCoin"), LIMIT, CURSOR]
            }
            Self::OrderHistory => &[CATEGORY, SYMBOL, START_TIME, END_TIME, LIMIT, CURSOR],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mcp::tools::{Act, Tool};

    fn query(name: &str, text: &str) -> String {
        let tool = Tool::by_name(name).unwrap();
        let Act::Read(read) = tool.act else {
            panic!("{name} writes")
        };
        let request = read.request(&Args::parse(tool, text).unwrap());
        let pairs: Vec<String> = request
            .query
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        format!("{}?{}", request.path, pairs.join("&"))
    }

    #[test]
    fn arguments_become_bybits_names() {
        assert_eq!(
            query(
                "bybit_get_kline",
                r#"{"symbol":"btc/usdt","start_ms":1,"end_ms":2}"#
            ),
            "/v5/market/kline?category=linear&symbol=BTCUSDT&interval=5&limit=200&start=1&end=2"
        );
        assert_eq!(
            query(
                "bybit_get_order_history",
                r#"{"category":"spot","start_ms":"7","cursor":"a%3D1"}"#
            ),
            "/v5/order/history?category=spot&startTime=7&limit=50&cursor=a%3D1"
        );
        assert_eq!(
            query("bybit_get_wallet_balance", "{}"),
            "/v5/account/wallet-balance?accountType=UNIFIED"
        );
        assert_eq!(
            query("bybit_get_tickers", r#"{"limit":3}"#),
            "/v5/market/tickers?category=linear"
        );
    }

    #[test]
    fn a_symbol_leaves_the_settle_coin_out() {
        assert_eq!(
            query(
                "bybit_get_open_orders",
                r#"{"symbol":"BTCUSDT","settle_coin":"USDC"}"#
            ),
            "/v5/order/realtime?category=linear&symbol=BTCUSDT&limit=50&openOnly=0"
        );
    }
}
