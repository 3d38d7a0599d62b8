//! Rows in Bybit's own form: a position and a resting order of the busy account.

use serde_json::{Value, json};

/// A row of `/v5/position/list`; long and short in turn. `category` is not Bybit's: `explain` wants it there.
pub(crate) fn position(number: u32) -> Value {
    json!({
        "category": "linear", "positionIdx": 0, "riskId": 1, "riskLimitValue": "200000", "symbol": format!("C{number:02}USDT"),
        "side": if number.is_multiple_of(2) { "Buy" } else { "Sell" }, "size": "12.5", "avgPrice": "98.75123",
        "positionValue": "1234.39", "autoAddMargin": 0, "positionStatus": "Normal", "leverage": "3", "markPrice": "100.02",
        "liqPrice": "", "bustPrice": "", "positionIM": "411.46", "positionMM": "6.17", "takeProfit": "", "stopLoss": "",
        "trailingStop": "0", "unrealisedPnl": "15.86", "curRealisedPnl": "-0.68", "cumRealisedPnl": "-120.05", "adlRankIndicator": 2,
        "isReduceOnly": false, "createdTime": "1780272000000", "updatedTime": "1781524800000", "seq": 9_172_839_172_u64,
    })
}

/// A row of `/v5/order/realtime`; buys and sells, every fifth of them reduce-only.
pub(crate) fn order(number: u32) -> Value {
    json!({
        "category": "linear", "orderId": format!("{number:08x}-0000-4000-8000-000000000000"), "orderLinkId": format!("bench-{number}"),
        "symbol": format!("C{:02}USDT", number % super::account::POSITIONS), "price": "97.5", "qty": "1.5",
        "side": if number.is_multiple_of(3) { "Sell" } else { "Buy" }, "isLeverage": "", "positionIdx": 0, "orderStatus": "New",
        "cancelType": "UNKNOWN", "rejectReason": "EC_NoError", "avgPrice": "", "leavesQty": "1.5", "leavesValue": "146.25",
        "cumExecQty": "0", "cumExecValue": "0", "cumExecFee": "0", "timeInForce": "GTC", "orderType": "Limit", "stopOrderType": "",
        "triggerPrice": "", "takeProfit": "", "stopLoss": "", "triggerDirection": 0, "triggerBy": "", "lastPriceOnCreated": "100.1",
        "reduceOnly": number.is_multiple_of(5), "closeOnTrigger": false, "smpType": "None", "createdTime": "1781521200000",
        "updatedTime": "1781521200000",
    })
}
