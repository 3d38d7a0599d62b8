//! Answers of the exchange in Bybit's own form: full pages of positions and orders, one instrument, one error.

use serde_json::{Value, json};

use crate::samples::rows::{order, position};

fn envelope(result: &Value) -> String {
    json!({"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}, "time": 1_781_524_800_000_u64})
        .to_string()
}

fn page(rows: &[Value]) -> String {
    envelope(&json!({"nextPageCursor": "", "category": "linear", "list": rows}))
}

/// A page of 20 positions.
pub(crate) fn positions() -> String {
    page(&(0..20).map(position).collect::<Vec<_>>())
}

/// A page of 50 orders: as many as Bybit puts on one.
pub(crate) fn orders() -> String {
    page(&(0..50).map(order).collect::<Vec<_>>())
}

pub(crate) fn instrument() -> String {
    let row = json!({
        "symbol": "C07USDT", "contractType": "LinearPerpetual", "status": "Trading", "baseCoin": "C07", "quoteCoin": "USDT",
        "launchTime": "1585526400000", "deliveryTime": "0", "deliveryFeeRate": "", "priceScale": "2",
        "leverageFilter": {"minLeverage": "1", "maxLeverage": "50.00", "leverageStep": "0.01"},
        "priceFilter": {"minPrice": "0.01", "maxPrice": "199999.98", "tickSize": "0.01"},
        "lotSizeFilter": {"maxOrderQty": "100000", "minOrderQty": "0.001", "qtyStep": "0.001", "postOnlyMaxOrderQty": "100000",
                          "maxMktOrderQty": "10000", "minNotionalValue": "5"},
        "unifiedMarginTrade": true, "fundingInterval": 480, "settleCoin": "USDT", "copyTrading": "both",
        "upperFundingRate": "0.005", "lowerFundingRate": "-0.005", "isPreListing": false, "preListingInfo": null,
    });
    page(&[row])
}

/// What the exchange says when it refuses a signature: the text it signed, key and all, comes back.
pub(crate) fn echoing_error() -> Value {
    json!({
        "retCode": 10004,
        "retMsg": "error sign! please check your signature generation algorithm. origin_string[1781524800000bench-api-key-0123456789505000category=linear&symbol=C07USDT]",
        "result": {"list": (0..5).map(order).collect::<Vec<_>>(), "apiKey": "bench-api-key-0123456789",
                   "headers": {"X-BAPI-SIGN": "0123456789abcdef0123456789abcdef", "Authorization": "Bearer abcdefghijklmnop"}},
        "retExtInfo": {}, "time": 1_781_524_800_000_u64
    })
}
