//! The eleven reading tools, as data.
//!
//! Bounds and defaults are those of Bybit's endpoints: <https://bybit-exchange.github.io/docs/v5/intro>

use super::tools::{Act, Arg, Kind, ReadTool, Tool};

const ALL: &[&str] = &["linear", "inverse", "spot", "option"];
const CANDLES: &[&str] = &["linear", "inverse", "spot"];
const CONTRACTS: &[&str] = &["linear", "inverse", "option"];
const FUTURES: &[&str] = &["linear", "inverse"];
const INTERVALS: &[&str] = &[
    "1", "3", "5", "15", "30", "60", "120", "240", "360", "720", "D", "W", "M",
];
const OI_INTERVALS: &[&str] = &["5min", "15min", "30min", "1h", "4h", "1d"];
const ACCOUNTS: &[&str] = &["UNIFIED", "CONTRACT", "SPOT"];

const SYMBOL: Arg = Arg::new("symbol", Kind::Symbol);
const SETTLE: Arg = Arg::new("settle_coin", Kind::Coin).note("e.g. USDT; symbol wins");
const START: Arg = Arg::new("start_ms", Kind::Millis);
const END: Arg = Arg::new("end_ms", Kind::Millis);
const CURSOR: Arg = Arg::new("cursor", Kind::Cursor).note("next_cursor of the last reply");

const fn category(of: &'static [&'static str]) -> Arg {
    choice("category", of, "linear")
}

const fn choice(name: &'static str, of: &'static [&'static str], default: &'static str) -> Arg {
    Arg::new(
        name,
        Kind::Choice {
            of,
            default: Some(default),
        },
    )
}

const fn limit(max: u64, default: Option<u64>) -> Arg {
    Arg::new("limit", Kind::Whole { min: 1, max, default })
}

pub(super) const TOOLS: &[Tool] = &[
    Tool {
        name: "bybit_get_tickers",
        title: "Prices now",
        description: "Latest prices of one symbol, or of a whole category (option needs a symbol). Amounts are decimal strings; volume24h is in base coin (inverse: USD), turnover24h in quote coin (inverse: base coin); price24hPcnt and fundingRate are fractions.",
        act: Act::Read(ReadTool::Tickers),
        idempotent: true,
        args: &[
            category(ALL),
            SYMBOL,
            limit(1000, None).note("at most so many rows"),
        ],
    },
    Tool {
        name: "bybit_get_kline",
        title: "Candles",
        description: "Candles, newest first; the first may still be open. Rows are [start_ms, open, high, low, close, volume, turnover] as strings; volume in base coin (inverse: USD). Interval in minutes, or D, W, M. For older rows set end_ms.",
        act: Act::Read(ReadTool::Kline),
        idempotent: true,
        args: &[
            category(CANDLES),
            SYMBOL.needed(),
            choice("interval", INTERVALS, "5"),
            limit(1000, Some(200)),
            START,
            END,
        ],
    },
    Tool {
        name: "bybit_get_orderbook",
        title: "Order book",
        description: "Bids `b` and asks `a` as [price, size], best first, with `u` and `ts`. Size in base coin (inverse: USD). Option: at most 25 levels.",
        act: Act::Read(ReadTool::Orderbook),
        idempotent: true,
        args: &[category(ALL), SYMBOL.needed(), limit(1000, Some(50))],
    },
    Tool {
        name: "bybit_get_funding_history",
        title: "Funding rates",
        description: "Past funding rates, newest first, as fractions (0.0001 is 0.01 %; positive: longs pay). start_ms needs end_ms.",
        act: Act::Read(ReadTool::FundingHistory),
        idempotent: true,
        args: &[
            category(FUTURES),
            SYMBOL.needed(),
            START,
            END,
            limit(200, Some(200)),
        ],
    },
    Tool {
        name: "bybit_get_open_interest",
        title: "Open interest",
        description: "Open interest over time, newest first: linear in base coin, inverse in USD.",
        act: Act::Read(ReadTool::OpenInterest),
        idempotent: true,
        args: &[
            category(FUTURES),
            SYMBOL.needed(),
            choice("interval_time", OI_INTERVALS, "5min"),
            limit(200, Some(50)),
            CURSOR,
        ],
    },
    Tool {
        name: "bybit_get_instruments_info",
        title: "Instruments",
        description: "Contract terms: price and quantity steps, smallest and largest order, leverage, status. Paged except spot.",
        act: Act::Read(ReadTool::Instruments),
        idempotent: true,
        args: &[category(ALL), SYMBOL, limit(1000, Some(200)), CURSOR],
    },
    Tool {
        name: "bybit_get_recent_trades",
        title: "Recent trades",
        description: "The last public trades; side is the taker's, size in base coin (inverse: USD). Spot: at most 60.",
        act: Act::Read(ReadTool::RecentTrades),
        idempotent: true,
        args: &[category(ALL), SYMBOL.needed(), limit(1000, Some(60))],
    },
    Tool {
        name: "bybit_get_wallet_balance",
        title: "Wallet",
        description: "Balances: totals in USD, then each coin in its own unit with usdValue. Needs an API key.",
        act: Act::Read(ReadTool::Wallet),
        idempotent: true,
        args: &[
            choice("account_type", ACCOUNTS, "UNIFIED"),
            Arg::new("coins", Kind::Coins).note("e.g. BTC,USDT; none: all that are held or owed"),
        ],
    },
    Tool {
        name: "bybit_get_positions",
        title: "Positions",
        description: "Open positions; a symbol also shows a flat one. size in base coin (inverse: USD), always positive; side says which way. linear without symbol and settle_coin joins USDT and USDC. Needs an API key.",
        act: Act::Read(ReadTool::Positions),
        idempotent: true,
        args: &[
            category(CONTRACTS),
            SYMBOL,
            SETTLE,
            limit(200, Some(200)).note("rows a page"),
            CURSOR,
        ],
    },
    Tool {
        name: "bybit_get_open_orders",
        title: "Open orders",
        description: "Resting orders, conditional ones included. linear without symbol and settle_coin joins USDT and USDC. Needs an API key.",
        act: Act::Read(ReadTool::OpenOrders),
        idempotent: true,
        args: &[
            category(ALL),
            SYMBOL,
            SETTLE,
            limit(50, Some(50)).note("rows a page"),
            CURSOR,
        ],
    },
    Tool {
        name: "bybit_get_order_history",
        title: "Order history",
        description: "Past orders, newest first: the last 7 days unless start_ms and end_ms (at most 7 days apart) say otherwise. Needs an API key.",
        act: Act::Read(ReadTool::OrderHistory),
        idempotent: true,
        args: &[category(ALL), SYMBOL, START, END, limit(50, Some(50)), CURSOR],
    },
];
