//! The six writing tools, as data. Each is gated; none has a default for what it trades.

use super::tools::{Act, Arg, Kind, Tool};
use crate::domain::order::WriteTool;

const ALL: &[&str] = &["linear", "inverse", "spot", "option"];
const TRADABLE: &[&str] = &["linear", "inverse", "spot"];
const FUTURES: &[&str] = &["linear", "inverse"];

const SYMBOL: Arg = Arg::new("symbol", Kind::Symbol).needed();
const ORDER_ID: Arg = Arg::new("order_id", Kind::Text);
const ORDER_LINK_ID: Arg = Arg::new("order_link_id", Kind::Text);
const PRICE: Arg = amount("price");
const TRIGGER_PRICE: Arg = amount("trigger_price");
const TAKE_PROFIT: Arg = amount("take_profit");
const STOP_LOSS: Arg = amount("stop_loss");
const TPSL_MODE: Arg = choice("tpsl_mode", &["Full", "Partial"]);

const fn category(of: &'static [&'static str]) -> Arg {
    choice("category", of).needed()
}

const fn choice(name: &'static str, of: &'static [&'static str]) -> Arg {
    Arg::new(name, Kind::Choice { of, default: None })
}

const fn amount(name: &'static str) -> Arg {
    Arg::new(name, Kind::Amount)
}

const fn position_idx(default: Option<u64>) -> Arg {
    let kind = Kind::Whole {
        min: 0,
        max: 2,
        default,
    };
    Arg::new("position_idx", kind).note("0 one-way, 1 hedge long, 2 hedge short")
}

const TRIGGER_DIRECTION: Arg = Arg::new(
    "trigger_direction",
    Kind::Whole {
        min: 1,
        max: 2,
        default: None,
    },
)
.note("1 rises to, 2 falls to; linear and inverse need it");

pub(super) const TOOLS: &[Tool] = &[
    Tool {
        name: "bybit_place_order",
        title: "Place an order",
        description: "Place one order, if the person's mandate allows it. qty: linear and spot limit in base coin; inverse in USD; spot market in the coin that market_unit names. Prices in quote coin. Options, excluded symbols, a halt and anything over a cap are refused: status `blocked`, with what would pass. Accepted is not filled. On status `unknown` never send it again: look it up.",
        act: Act::Write(WriteTool::PlaceOrder),
        idempotent: false,
        args: &[
            category(TRADABLE),
            SYMBOL,
            choice("side", &["Buy", "Sell"]).needed(),
            choice("order_type", &["Market", "Limit"]).needed(),
            amount("qty").needed(),
            PRICE.note("for Limit"),
            choice("market_unit", &["baseCoin", "quoteCoin"]).note("spot market only"),
            choice("time_in_force", &["GTC", "IOC", "FOK", "PostOnly"]),
            Arg::new("reduce_only", Kind::Flag).note("linear, inverse: may only shrink a position"),
            ORDER_LINK_ID.note("your id, at most 36 of A-Z a-z 0-9 - _; makes a retry safe"),
            TRIGGER_PRICE.note("makes the order conditional"),
            TRIGGER_DIRECTION,
            TAKE_PROFIT,
            STOP_LOSS,
            TPSL_MODE,
            position_idx(None),
            amount("notional_usd").note("what you think it is worth; the larger figure counts"),
        ],
    },
    Tool {
        name: "bybit_amend_order",
        title: "Change an order",
        description: "Change a resting order, named by order_id or order_link_id. new_qty is the new total, filled part included; leave out what stays. Gated like a new order of the new total. take_profit or stop_loss 0 removes it.",
        act: Act::Write(WriteTool::AmendOrder),
        idempotent: true,
        args: &[
            category(TRADABLE),
            SYMBOL,
            ORDER_ID,
            ORDER_LINK_ID,
            amount("new_qty"),
            amount("qty").note("old name of new_qty"),
            PRICE,
            TRIGGER_PRICE,
            TAKE_PROFIT,
            STOP_LOSS,
        ],
    },
    Tool {
        name: "bybit_cancel_order",
        title: "Cancel an order",
        description: "Cancel one order, named by order_id or order_link_id. No cap or count holds it back; a halt or a missing mandate does.",
        act: Act::Write(WriteTool::CancelOrder),
        idempotent: true,
        args: &[category(ALL), SYMBOL, ORDER_ID, ORDER_LINK_ID],
    },
    Tool {
        name: "bybit_cancel_all_orders",
        title: "Cancel all orders",
        description: "Cancel every open order of a symbol or settle coin (linear and inverse need one of the two), or of all spot or option. No cap or count holds it back; a halt or a missing mandate does.",
        act: Act::Write(WriteTool::CancelAllOrders),
        idempotent: true,
        args: &[
            category(ALL),
            Arg::new("symbol", Kind::Symbol),
            Arg::new("settle_coin", Kind::Coin),
        ],
    },
    Tool {
        name: "bybit_set_leverage",
        title: "Set leverage",
        description: "Set the leverage of a symbol, both sides, as a plain multiple (10 is 10x). Refused below 1 and above the mandate's max_leverage.",
        act: Act::Write(WriteTool::SetLeverage),
        idempotent: true,
        args: &[category(FUTURES), SYMBOL, amount("leverage").needed()],
    },
    Tool {
        name: "bybit_set_trading_stop",
        title: "Protect a position",
        description: "Set take-profit, stop-loss and trailing stop of an open position: prices in quote coin, trailing_stop a distance; 0 removes. At least one of the three.",
        act: Act::Write(WriteTool::SetTradingStop),
        idempotent: false,
        args: &[
            category(FUTURES),
            SYMBOL,
            position_idx(Some(0)),
            TAKE_PROFIT,
            STOP_LOSS,
            amount("trailing_stop"),
            choice("tpsl_mode", &["Full"]).note("protects the whole position; Partial would need a size"),
        ],
    },
];
